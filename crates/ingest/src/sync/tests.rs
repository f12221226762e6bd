use proptest::prelude::*;

use super::*;

const FRAME: i64 = 3_600;
const SOUND: i64 = 5_760;

/// A camera whose pictures come at 25 a second and whose sound comes in frames of 64 ms, `video_zero` and `audio_zero` being the
/// media clocks at the same real moment, the sound's running `ppm` too fast. Gives the error of the last sound frame in
/// milliseconds and the largest step between two that was not its length.
struct Camera {
    video_zero: i64,
    audio_zero: i64,
    ppm: i64,
    reports_from_s: Option<i64>,
    seconds: i64,
}

impl Camera {
    fn run(&self) -> (i64, i64) {
        let mut video = Timeline::new(Some(25_000));
        let mut sync = LipSync::new();
        let (mut picture, mut sound) = (0, 0);
        let (mut error, mut worst_step, mut last) = (0_i64, 0_i64, None::<i64>);
        while sound < self.seconds * Ticks::PER_SECOND {
            if picture <= sound + SOUND {
                // A picture takes 30 ms to code and arrive, a sound frame its own length and 5 ms.
                video.place(
                    Ticks(self.video_zero + picture),
                    mono(picture + 2_700),
                    picture % 180_000 == 0,
                );
                picture += FRAME;
                continue;
            }
            let raw = |real: i64| self.audio_zero + real + real * self.ppm / 1_000_000;
            if self.reports_from_s.is_some_and(|from| sound >= from * Ticks::PER_SECOND) {
                let ntp_us = 1_000_000_000 + sound * 100 / 9;
                sync.audio_report(SenderClock { ntp_us, raw: Ticks(raw(sound)) });
                sync.video_report(SenderClock { ntp_us, raw: Ticks(self.video_zero + sound) });
            }
            let arrived = mono(sound + SOUND + 450);
            if let Some(placed) = sync.place(Ticks(raw(sound)), Ticks(SOUND), arrived, &video) {
                error = placed.pts.0 - sound;
                worst_step =
                    last.map_or(0, |last| worst_step.max((placed.pts.0 - last - SOUND).abs()));
                last = Some(placed.pts.0);
            }
            sound += SOUND;
        }
        (error / 90, worst_step)
    }
}

fn mono(ticks: i64) -> Mono {
    Mono::from_nanos((ticks * 100_000 / 9).unsigned_abs())
}

#[test]
fn a_common_zero_is_believed() {
    let camera =
        Camera { video_zero: 777, audio_zero: 777, ppm: 0, reports_from_s: None, seconds: 60 };
    assert_eq!(camera.run(), (0, 0), "RTP-Info puts both tracks on one clock");
}

#[test]
fn without_any_common_zero_arrival_decides() {
    let camera = Camera {
        video_zero: 0,
        audio_zero: 900_000_000,
        ppm: 0,
        reports_from_s: None,
        seconds: 60,
    };
    let (error, step) = camera.run();
    assert!(error.abs() <= 50 && step == 0, "{error} ms by arrival alone, step {step}");
}

#[test]
fn sender_reports_are_exact() {
    let camera = Camera {
        video_zero: 5,
        audio_zero: 900_000_000,
        ppm: 0,
        reports_from_s: Some(0),
        seconds: 60,
    };
    assert_eq!(camera.run(), (0, 0));
}

#[test]
fn a_late_first_report_makes_nothing_jump() {
    let camera = Camera {
        video_zero: 5,
        audio_zero: 900_000_000,
        ppm: 0,
        reports_from_s: Some(30),
        seconds: 600,
    };
    let (error, step) = camera.run();
    assert!(error.abs() <= 5, "{error} ms after the reports had time to work");
    assert!(step <= 4, "{step} ticks at once is more than 500 ppm");
}

#[test]
fn a_sound_card_that_runs_fast_stays_with_the_pictures_for_hours() {
    for reports_from_s in [None, Some(0)] {
        for ppm in [-120, 120] {
            let camera =
                Camera { video_zero: 0, audio_zero: 0, ppm, reports_from_s, seconds: 4 * 3_600 };
            let (error, _) = camera.run();
            assert!(
                error.abs() <= 30,
                "{error} ms after four hours at {ppm} ppm, reports {reports_from_s:?}"
            );
        }
    }
}

#[test]
fn sound_before_the_first_picture_is_not_of_this_run() {
    let mut sync = LipSync::new();
    let mut video = Timeline::new(None);
    assert_eq!(
        sync.place(Ticks(0), Ticks(SOUND), Mono::ZERO, &video),
        None,
        "there is no picture yet"
    );
    video.place(Ticks(10_000), mono(10_000), true);
    assert_eq!(
        sync.place(Ticks(9_000), Ticks(SOUND), mono(10_001), &video),
        None,
        "it began before the picture"
    );
    let placed = sync.place(Ticks(10_090), Ticks(SOUND), mono(16_000), &video);
    assert_eq!(placed.map(|p| p.pts), Some(Pts(90)));
}

proptest! {
    #[test]
    fn sound_goes_on_strictly_whatever_comes(
        frames in proptest::collection::vec(
            (prop_oneof![any::<i64>(), 0_i64..500_000], 0_i64..500_000, any::<i64>(), any::<bool>()),
            1..200,
        ),
    ) {
        let mut video = Timeline::new(None);
        let mut sync = LipSync::new();
        let (mut now, mut last) = (0, None);
        video.place(Ticks(0), mono(0), true);
        for (raw, pause, ntp_us, reports) in frames {
            now += pause;
            if reports {
                sync.audio_report(SenderClock { ntp_us, raw: Ticks(raw) });
                sync.video_report(SenderClock { ntp_us: raw, raw: Ticks(ntp_us) });
            }
            if let Some(placed) = sync.place(Ticks(raw), Ticks(SOUND), mono(now), &video) {
                prop_assert!(last.is_none_or(|last| placed.pts > last));
                last = Some(placed.pts);
            }
        }
    }
}
