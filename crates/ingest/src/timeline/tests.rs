use proptest::prelude::*;

use super::*;

const FRAME: i64 = 3_600;

/// Units at 25 a second; each word is a camera time in frames (`12`, `12.5`), `K` before it marks a keyframe, `@n` after
/// it the arrival in frames (else on time, in order). Answers `pts/dts` in frames, and what was wrong.
fn run(script: &str) -> String {
    let mut timeline = Timeline::new(Some(25_000));
    let mut out = Vec::new();
    for (index, word) in script.split_whitespace().enumerate() {
        let (is_keyframe, word) = word.strip_prefix('K').map_or((false, word), |rest| (true, rest));
        let (raw, arrival) = word.split_once('@').unwrap_or((word, ""));
        let frames: f64 = raw.parse().unwrap();
        let on_time = f64::from(u32::try_from(index).unwrap());
        let arrival: f64 = if arrival.is_empty() { on_time } else { arrival.parse().unwrap() };
        #[expect(clippy::cast_possible_truncation, reason = "small numbers of a test script")]
        let (raw, millis) = ((frames * 3_600.0) as i64, (arrival * 40.0) as i64);
        let arrived = Mono::from_millis(5_000 + millis.unsigned_abs());
        let placed = timeline.place(Ticks(raw + 1_000_000), arrived, is_keyframe);
        let frames = |ticks: i64| {
            let hundredths = (ticks * 100 + FRAME / 2).div_euclid(FRAME);
            let text = format!("{:.2}", f64::from(i32::try_from(hundredths).unwrap()) / 100.0);
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        };
        let wrong = match placed.anomaly {
            None => "",
            Some(Anomaly::TimestampJump) => "!jump",
            Some(_) => "!still",
        };
        let (pts, dts) = (frames(placed.pts.0), frames(placed.dts.0));
        out.push(if pts == dts { format!("{pts}{wrong}") } else { format!("{pts}/{dts}{wrong}") });
    }
    out.join(" ")
}

#[test]
fn an_honest_camera_is_believed() {
    insta::assert_snapshot!(run("K0 1 2 3 K4 5.5 6 7"), @"0 1 2 3 4 5.5 6 7");
}

#[test]
fn late_arrival_changes_nothing() {
    insta::assert_snapshot!(run("K0@0 1@200 2@200 3@200 4@200 5@201"), @"0 1 2 3 4 5");
}

#[test]
fn a_burst_of_old_pictures_at_the_beginning_is_no_jump() {
    let script: Vec<String> =
        (0..200).map(|n| format!("{}{n}@0", if n % 50 == 0 { "K" } else { "" })).collect();
    assert!(!run(&script.join(" ")).contains('!'), "a camera may send its last GOPs at once");
}

#[test]
fn a_pause_of_the_camera_stays_a_pause() {
    insta::assert_snapshot!(run("K0 1 2 300@300 301@301"), @"0 1 2 300 301");
}

#[test]
fn a_clock_that_jumps_forwards_does_not_stretch_the_footage() {
    insta::assert_snapshot!(run("K0 1 2 9003 9004 K9005"), @"0 1 2 3!jump 4 5");
}

#[test]
fn a_clock_that_jumps_backwards_does_not_either() {
    insta::assert_snapshot!(run("K5000 5001 5002 3 4 K5"), @"0 1 2 3!jump 4 5");
}

#[test]
fn a_clock_that_stands_still_goes_on_by_arrival() {
    insta::assert_snapshot!(run("K0 1 1 1 1 5 6"), @"0 1 2!still 3!still 4!still 5 6");
}

#[test]
fn pictures_are_where_they_belong_after_their_clock_stood_still_for_seconds() {
    let still = |pictures: usize| "1 ".repeat(pictures);
    let said = run(&format!("K0 {}51 52", still(50)));
    assert!(!said.contains("jump"), "standing still is no jump: {said}");
    assert!(said.ends_with(" 50!still 51 52"), "true again, not seconds ahead: {said}");
    let goes_on = run(&format!("K0 {}2 3", still(50)));
    assert!(goes_on.ends_with(" 50!still 51!jump 52"), "goes on from where it stood: {goes_on}");
}

#[test]
fn pictures_of_a_clock_that_stands_still_are_not_bunched_when_they_come_in_bursts() {
    insta::assert_snapshot!(
        run("K0 1 2 3 4 4@8 4@8 4@8 4@8 4@12 4@12 4@12 4@12 13"),
        @"0 1 2 3 4 5!still 6!still 7!still 8!still 9!still 10!still 11!still 12!still 13"
    );
}

#[test]
fn a_repeated_timestamp_is_met_again() {
    insta::assert_snapshot!(run("K0 1 1 2 3 4 5"), @"0 1 2!still 2.5!still 3 4 5");
}

#[test]
fn b_frames_are_shown_as_told_and_decoded_on_a_line() {
    insta::assert_snapshot!(
        run("K0 3 1 2 6 4 5 9 7 8 K12 10 11 15 13 14"),
        @"0 3 1/3 2/3 6/4 4/5 5/6 9/7 7/8 8/9 12/10 10/11 11/12 15/13 13/14 14/15"
    );
}

#[test]
fn an_instantaneous_keyframe_is_shown_when_it_is_decoded() {
    // Closed GOPs, as every camera with B-frames sends them.
    insta::assert_snapshot!(
        run("K0 3 1 2 6 4 5 K7 10 8 9 13 11 12 K14 17 15 16"),
        @"0 3 1/3 2/3 6/4 4/5 5/6 7 10/8 8/9 9/10 13/11 11/12 12/13 14 17/15 15/16 16/17"
    );
}

#[test]
fn the_nominal_duration_follows_what_is_seen() {
    let mut timeline = Timeline::new(Some(50_000));
    let place = |timeline: &mut Timeline, n: i64| {
        let arrived = Mono::from_millis(n.unsigned_abs() * 40);
        timeline.place(Ticks(n * FRAME), arrived, n == 0).duration
    };
    assert_eq!(place(&mut timeline, 0), Ticks(1_800), "first what is announced");
    let later = (1..20).map(|n| place(&mut timeline, n)).last();
    assert_eq!(
        later,
        Some(Ticks(3_600)),
        "then what is measured: cameras announce fields for frames"
    );
}

proptest! {
    #[test]
    fn decoding_times_grow_strictly_whatever_comes(
        units in proptest::collection::vec(
            (prop_oneof![any::<i64>(), -200_000_i64..200_000, Just(0)], 0_u64..5_000, any::<bool>()),
            1..300,
        ),
        announced in proptest::option::of(0_u32..2_000_000),
    ) {
        let mut timeline = Timeline::new(announced);
        let mut arrived = 0;
        let mut last = None;
        for (raw, pause, is_keyframe) in units {
            arrived += pause;
            let placed = timeline.place(Ticks(raw), Mono::from_millis(arrived), is_keyframe);
            prop_assert!(last.is_none_or(|last| placed.dts > last), "{:?} after {last:?}", placed.dts);
            prop_assert!(placed.duration > Ticks(0));
            prop_assert!(placed.pts >= Pts(0), "nothing is shown before the first keyframe");
            last = Some(placed.dts);
        }
    }

    /// A day in the life of a bad camera: jitter, network stalls, and every few seconds a clock that jumps or stops.
    #[test]
    fn the_whole_is_as_long_as_what_really_passed(
        faults in proptest::collection::vec((50_u64..400, -90_000_000_i64..90_000_000, 0_u64..30), 1..20),
        jitter in proptest::collection::vec(0_u64..60, 97),
    ) {
        let mut timeline = Timeline::new(None);
        let (mut camera, mut now, mut frame) = (0_i64, 0_u64, 0_usize);
        let mut last = None;
        for (frames, leap, stills) in faults {
            for index in 0..frames {
                let stands_still = index >= frames.saturating_sub(stills);
                camera += if stands_still { 0 } else { FRAME };
                now += 40;
                frame += 1;
                let arrived = Mono::from_millis(now + jitter[frame % jitter.len()]);
                let placed = timeline.place(Ticks(camera), arrived, frame % 50 == 1);
                last = Some((placed.pts.0, now - 40));
            }
            camera += leap + i64::try_from(stills).unwrap() * FRAME;
        }
        let (pts, real_ms) = last.expect("there is at least one fault");
        let error_ms = pts / 90 - i64::try_from(real_ms).unwrap();
        // A leap of less than two seconds cannot be told from a pause or a burst; anything else must not add up.
        prop_assert!(error_ms.abs() < 4_500, "{error_ms} ms off after {real_ms} ms");
    }
}
