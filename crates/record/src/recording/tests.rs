//! Scripts: what comes, what is wished for, what the disk does.

use bytes::Bytes;
use tarsier_types::{Codec, Dts, Pts, VideoParameters};

use super::*;

const ON_EVENT: RecordingMode = RecordingMode::OnEvent { pre_roll_ms: 2000, post_roll_ms: 2000 };

fn parameters(width: u16) -> ParameterSets {
    let video = VideoParameters {
        codec: Codec::H264,
        rfc6381: "avc1.64001f".to_owned(),
        width,
        height: 90,
        nominal_millifps: Some(1000),
        sample_entry: Bytes::from_static(b"\0\0\0\x08avc1"),
    };
    ParameterSets { video, audio: None }
}

/// One picture a second, segments of 4 s, the camera's first picture at 10:00:01 (1 s after a multiple).
/// `K` keyframe, `f` other picture; `n` a new run after 5 s of nothing; `p` new parameter sets; `e` the
/// source ended (network); `_` a second of nothing; `+` the wall clock was put an hour ahead, `-` back.
/// `d` the disk failed in the open file; `D` it failed in the one before, of which a second is missing; `s` it is too
/// slow for the next fragment; `w` it works again.
/// `r` it will not begin the next file, `R` it says so.
/// `u` another process has recorded until 10 s from now.
/// `c` continuous, `o` off, `v` on event (2 s before, 2 s after); `!` an event of a second begins now, `?` one began
/// 6 s ago and is still going on for a second.
/// `q` the process ends now; `l` the file is left at the next keyframe.
/// `x` we end in 3 s, another process goes on; `b` we take over 2.5 s ago as agreed, `B` without that.
/// Answers: `[` a file opened at that second (`[+` going on without a break), letters of its fragments,
/// `]` closed; `!n` n units lost; `{a-b reason}` a gap; `<n` a pre-roll that lacks n seconds; `>` handed over.
fn run_as(want: Want, script: &str) -> String {
    let mut recording = Recording::new(want, 4);
    let (mut second, mut run_start, mut width, mut stepped_by) = (1_i64, 1_i64, 160_u16, 0_i64);
    recording.source(SourceEvent::Parameters(parameters(width)));
    recording.source(SourceEvent::NewRun { zero: UtcMs(1000) });
    let mut disk = Disk::default();
    let mut said = String::new();
    for letter in script.chars() {
        let now = UtcMs(second * 1000);
        match letter {
            'n' => {
                second += 5;
                run_start = second;
                recording.source(SourceEvent::NewRun { zero: UtcMs(second * 1000) });
            }
            'p' => {
                width += 160;
                recording.source(SourceEvent::Parameters(parameters(width)));
            }
            'e' => recording.ended(GapReason::Network),
            '_' => second += 1,
            'd' => recording.disk_failed(disk.file, disk.durable),
            'D' => recording.disk_failed(disk.before, disk.before_end.plus_millis(-1000)),
            'r' => disk.is_refusing = true,
            'R' => recording.disk_refused(disk.refused),
            's' => disk.is_slow = true,
            'w' => recording.disk_works(now),
            '+' => stepped_by = 3600,
            '-' => stepped_by = -3600,
            'u' => recording.recorded_until(now.plus_millis(10_000)),
            'c' => recording.mode(RecordingMode::Continuous, now),
            'o' => recording.mode(RecordingMode::Off, now),
            'v' => recording.mode(ON_EVENT, now),
            '!' => recording.event(UtcRange::new(now, now.plus_millis(1000)), now),
            '?' => {
                recording.event(UtcRange::new(now.plus_millis(-6000), now.plus_millis(1000)), now);
            }
            'q' => recording.stop(now),
            'l' => recording.leave_file(),
            'x' => recording.end_at(now.plus_millis(2500 + stepped_by * 1000)),
            'b' => recording.begin_at(now.plus_millis(-2500), Takeover::Agreed, now),
            'B' => recording.begin_at(now.plus_millis(-2500), Takeover::Alone, now),
            letter => {
                let ticks = (second - run_start) * Ticks::PER_SECOND;
                let unit = AccessUnit {
                    track: Track::Video,
                    pts: Pts(ticks),
                    dts: Dts(ticks),
                    duration: Ticks(Ticks::PER_SECOND),
                    is_keyframe: letter == 'K',
                    arrived: UtcMs((second + stepped_by) * 1000),
                    data: Bytes::from_static(b"\0\0\0\x01\x65"),
                };
                second += 1;
                recording.source(SourceEvent::Unit(unit));
            }
        }
        disk.take(&mut recording, &mut said);
    }
    recording.ended(GapReason::Recorder);
    disk.take(&mut recording, &mut said);
    said
}

fn run(script: &str) -> String {
    run_as(Want::new(RecordingMode::Continuous), script)
}

/// What the disk was told.
#[derive(Default)]
struct Disk {
    file: UtcMs,
    durable: UtcMs,
    before: UtcMs,
    before_end: UtcMs,
    is_slow: bool,
    is_refusing: bool,
    refused: UtcMs,
}

impl Disk {
    fn take(&mut self, recording: &mut Recording, said: &mut String) {
        use std::fmt::Write as _;
        while let Some(action) = recording.poll() {
            let _ = match action {
                Action::Open { start, continues, .. } => {
                    (self.before, self.before_end) = (self.file, self.durable);
                    (self.file, self.durable) = (start, start);
                    if std::mem::take(&mut self.is_refusing) {
                        self.refused = start;
                    } else {
                        recording.disk_began(start);
                    }
                    let second = (start.0 + 500) / 1000;
                    write!(said, "[{}{second}:", if continues { "+" } else { "" })
                }
                Action::Write { file, fragment } if std::mem::take(&mut self.is_slow) => {
                    recording.disk_is_behind(file, &fragment);
                    Ok(())
                }
                Action::Write { file, fragment } => {
                    assert_eq!(file, self.file, "a fragment goes into the file that is open");
                    self.durable = file + fragment.start + fragment.duration;
                    let first = if fragment.starts_with_keyframe { "K" } else { "f" };
                    let others = usize::try_from(fragment.units).expect("few") - 1;
                    write!(said, "{first}{}", "f".repeat(others))
                }
                Action::Close => write!(said, "]"),
                Action::Lost { units } => write!(said, "!{units}"),
                Action::Gap { range, reason } => {
                    let (start, end) = ((range.start.0 + 500) / 1000, (range.end.0 + 500) / 1000);
                    write!(said, "{{{start}-{end} {}}}", reason.name())
                }
                Action::Shortened { by_ms } => write!(said, "<{}", by_ms / 1000),
                Action::Standby(_) => Ok(()),
                Action::HandedOver => write!(said, ">"),
            };
        }
    }
}

#[test]
fn files_end_at_the_first_keyframe_behind_a_multiple_and_join_without_a_hole() {
    assert_eq!(run("KfKfKf"), "[1:KfKf][+5:Kf]");
}

#[test]
fn a_file_on_a_disk_that_hangs_is_left_at_a_keyframe_without_a_hole() {
    assert_eq!(run("KflfKf"), "[1:Kff][+4:Kf]");
}

#[test]
fn what_comes_before_the_first_keyframe_is_in_no_file() {
    assert_eq!(run("ffKf"), "!1!1[3:Kf]");
}

#[test]
fn an_outage_is_a_gap_with_its_reason() {
    assert_eq!(run("KfenKf"), "[1:Kf]{3-8 network}[8:Kf]");
}

#[test]
fn new_parameter_sets_begin_a_new_file_without_a_gap() {
    assert_eq!(run("KfpKf"), "[1:Kf][+3:Kf]");
    assert_eq!(run("KfpnKf"), "[1:Kf]{3-8 camera}[8:Kf]", "a new run does not go on");
}

#[test]
fn a_stepped_wall_clock_begins_a_new_file_at_a_keyframe_and_loses_no_picture() {
    let calm = "KfKfKfKfKfKfKfKfKfKfKfKfKfKfKfKfKfKfKfKfKfKfKfKfKfKfKfKfKfKfKfKfKfKf";
    let units = |said: &str| said.matches(['K', 'f']).count();
    let stepped = run(&format!("Kf+{calm}"));
    assert_eq!(units(&stepped), calm.len() + 2, "every picture is in a file: {stepped}");
    assert!(
        stepped.contains("[+3641:"),
        "what follows the step is where the new clock says: {stepped}"
    );
    assert!(stepped.contains("clock}"), "and why there is nothing before it: {stepped}");
}

#[test]
fn what_another_process_recorded_is_not_overlapped_though_the_clock_was_put_back() {
    assert_eq!(run("uKff"), "[11:Kff]", "behind it, and no picture is lost");
    assert_eq!(run("uKffnKf"), "[11:Kff][14:Kf]", "it catches up where there is nothing");
    assert_eq!(run("uKnKf_____nKf"), "[11:K][12:Kf]{14-19 camera}[19:Kf]", "until it is true");
}

#[test]
fn a_disk_that_fails_costs_what_was_on_its_way_and_the_rest_waits_in_memory() {
    // The picture at 2 was gathered, the one at 3 depends on it; from the keyframe at 4 on all is kept.
    assert_eq!(run("KfdfKffwfKf"), "[1:K!1!1{2-4 disk}[4:Kfff][+8:Kf]");
}

#[test]
fn a_file_that_the_disk_does_not_begin_costs_nothing_once_it_works() {
    assert_eq!(run("KfKfrKfRKfwKf"), "[1:KfKf][+5:K[5:KfKf][+9:Kf]");
    assert_eq!(run("rKfRrwfRfwKf"), "[1:K[1:Kf[1:Kfff][+5:Kf]", "and however often it refuses");
    assert_eq!(run("KfKfrKfRKfq"), "[1:KfKf][+5:K!4{5-9 disk}", "it never does");
    assert_eq!(run("KfKfrKfKfKRf"), "[1:KfKf][+5:KfKf][+9:!4{5-9 disk}Kf]", "and told too late");
}

#[test]
fn a_disk_that_failed_and_works_again_at_once_costs_a_gap_of_its_true_length() {
    // Recording goes on at the next keyframe.
    assert_eq!(run("KfffdwKfKf"), "[1:Kff!1{4-5 disk}[5:KfKf]");
    let mid_gop = run("KfffdwffKf");
    assert_eq!(mid_gop, "[1:Kff!1!1!1{4-7 disk}[7:Kf]", "what comes before it does not play");
    assert_eq!(run("KfdwKfdwKf"), "[1:K!1{2-3 disk}[3:K!1{4-5 disk}[5:Kf]", "each time");
}

#[test]
fn what_a_failed_disk_has_not_taken_is_in_the_gap_too() {
    let mut recording = Recording::new(Want::new(RecordingMode::Continuous), 4);
    recording.source(SourceEvent::Parameters(parameters(160)));
    recording.source(SourceEvent::NewRun { zero: UtcMs(1000) });
    let picture = |second: i64, is_keyframe| {
        let ticks = (second - 1) * Ticks::PER_SECOND;
        SourceEvent::Unit(AccessUnit {
            track: Track::Video,
            pts: Pts(ticks),
            dts: Dts(ticks),
            duration: Ticks(Ticks::PER_SECOND),
            is_keyframe,
            arrived: UtcMs(second * 1000),
            data: Bytes::from_static(b"\0\0\0\x01\x65"),
        })
    };
    for second in 1..=4 {
        recording.source(picture(second, second == 1));
    }
    recording.disk_failed(UtcMs(1000), UtcMs(2000));
    recording.disk_works(UtcMs(5000));
    recording.source(picture(5, true));
    let gaps: Vec<_> = std::iter::from_fn(|| recording.poll())
        .filter_map(|action| match action {
            Action::Gap { range, reason } => Some((range.start.0, range.end.0, reason)),
            _ => None,
        })
        .collect();
    assert_eq!(
        gaps,
        [(2000, 5000, GapReason::Disk)],
        "three fragments were handed over, one was written"
    );
}

#[test]
fn a_file_that_loses_its_end_while_the_next_one_is_written_is_told() {
    assert_eq!(run("KfKfKfDKf"), "[1:KfKf][+5:K{4-5 disk}fKf]");
}

#[test]
fn a_disk_that_is_too_slow_loses_whole_fragments_and_says_so() {
    assert_eq!(run("KfsfKfwfKf"), "[1:K!2]{2-4 disk}[4:KffKf]");
}

#[test]
fn a_disk_that_is_away_and_a_camera_that_goes_meanwhile() {
    assert_eq!(run("KfdKfenwKf"), "[1:K!1{2-3 disk}[3:Kf]{5-10 network}[10:Kf]");
}

#[test]
fn off_is_off_at_once_and_on_begins_with_the_gop_in_memory() {
    assert_eq!(run("KfKfoffKfcfKf"), "[1:KfKf]{5-7 planned}[7:Kff][+10:Kf]");
    assert_eq!(run("KfoKf_ccKf"), "[1:Kf][3:Kf][+6:Kf]", "off for less than a GOP costs nothing");
}

#[test]
fn what_is_known_of_the_silence_is_told_when_the_process_ends() {
    assert_eq!(run("Kfo_f_Kq"), "[1:Kf]{3-7 planned}");
    assert_eq!(run("Kfe__q"), "[1:Kf]{3-5 network}");
    assert_eq!(run("KfdKffq"), "[1:K!1!3{2-6 disk}", "and what waited for the disk is lost");
    assert_eq!(run("Kfq"), "[1:Kf]", "what comes now is for others to tell");
}

#[test]
fn a_pause_and_a_camera_that_is_away_when_it_ends_are_two_gaps() {
    assert_eq!(run("KfoKfe__cnKf"), "[1:Kf]{3-7 planned}{7-12 network}[12:Kf]");
    assert_eq!(run("Kfe__onKfcKf"), "[1:Kf]{3-5 network}{5-10 planned}[10:Kf][+12:Kf]");
}

#[test]
fn an_event_is_recorded_with_what_came_before_and_after_it() {
    let want = || Want::new(ON_EVENT);
    assert_eq!(run_as(want(), "KfKfKfKf!KfKfKf"), "[7:Kf][+9:KfKf]", "it ends with its GOP");
    assert_eq!(run_as(want(), "KfKfKfKf!KfKfKfKfKf!Kf"), "[7:Kf][+9:KfKf]{13-17 planned}[17:KfKf]");
}

#[test]
fn events_that_follow_each_other_are_one_recording_and_no_picture_is_doubled() {
    let want = || Want::new(ON_EVENT);
    assert_eq!(run_as(want(), "KfKf!Kf!Kf!KfKfKf"), "[3:Kf][+5:KfKf][+9:KfKf]");
    assert_eq!(
        run_as(want(), "KfKfKfKf!KfKfKf!KfKf"),
        "[7:Kf][+9:KfKf][13:KfKf][+17:Kf]",
        "a pre-roll begins where the last recording ended"
    );
}

#[test]
fn a_recording_ends_within_ten_seconds_of_its_time_though_no_keyframe_comes() {
    assert_eq!(run_as(Want::new(ON_EVENT), "K!ffffffffffffffffff"), "<1[1:Kfffffffffffff]");
}

#[test]
fn a_pre_roll_that_memory_cannot_give_is_said_to_be_short() {
    assert_eq!(run_as(Want::new(ON_EVENT), "Kf?KfKf"), "<6[1:KfKf][+5:Kf]");
}

#[test]
fn on_event_after_continuous_ends_the_file_unless_something_happens() {
    assert_eq!(run("KfKfvfKf"), "[1:KfKf]");
    assert_eq!(run("KfK!vfKfKf"), "[1:KfKf][+5:Kf]");
}

#[test]
fn who_is_replaced_just_after_the_clock_was_set_ends_when_it_was_agreed() {
    let agreed = run("KffKxfKfKff");
    assert!(agreed.ends_with('>'), "{agreed}");
    assert_eq!(run("KffK+xfKfKff"), agreed);
    assert_eq!(run("KffK-xfKfKff"), agreed);
}

#[test]
fn one_process_ends_where_the_other_begins() {
    assert_eq!(run("KfKfxfKfKf"), "[1:KfKff][+6:Kf]>");
    let standby = || Want::standby(RecordingMode::Continuous);
    assert_eq!(run_as(standby(), "KfKfKfKf"), "", "in standby nothing is written");
    assert_eq!(run_as(standby(), "KfKfKfKfb"), "[+7:Kf]");
    assert_eq!(run_as(standby(), "KfKfKfKfBKf"), "[7:Kf][+9:Kf]");
    assert_eq!(run_as(standby(), "KfKfennKfb"), "[15:Kf]", "another run does not go on");
}

/// A camera with 25 pictures a second and a keyframe each 2 s that sends its last GOP at once: its clock and ours.
struct Burst {
    recording: Recording,
    files: Vec<(i64, i64)>,
    gaps: Vec<(i64, i64)>,
    units: u32,
}

impl Burst {
    fn new(want: Want) -> Self {
        let mut recording = Recording::new(want, 4);
        recording.source(SourceEvent::Parameters(parameters(160)));
        Self { recording, files: Vec::new(), gaps: Vec::new(), units: 0 }
    }

    /// A session of the camera from `connected` until `until`, in milliseconds.
    fn session(&mut self, connected: i64, until: i64) {
        let first = connected / 2_000 * 2_000;
        self.recording.source(SourceEvent::NewRun { zero: UtcMs(connected) });
        for taken in (first..until).step_by(40) {
            let ticks = Ticks::from_millis(taken - first).0;
            self.recording.source(SourceEvent::Unit(AccessUnit {
                track: Track::Video,
                pts: Pts(ticks),
                dts: Dts(ticks),
                duration: Ticks::from_millis(40),
                is_keyframe: taken % 2_000 == 0,
                arrived: UtcMs(taken.max(connected)),
                data: Bytes::from_static(b"\0\0\0\x01\x65"),
            }));
            self.act();
        }
    }

    fn ended(&mut self) {
        self.recording.ended(GapReason::Network);
        self.act();
    }

    fn act(&mut self) {
        while let Some(action) = self.recording.poll() {
            match action {
                Action::Open { start, .. } => self.files.push((start.0, start.0)),
                Action::Write { file, fragment } => {
                    let last = self.files.last_mut().expect("a file is open");
                    last.1 = (file + fragment.start + fragment.duration).0;
                    self.units += fragment.units;
                }
                Action::Gap { range, .. } => self.gaps.push((range.start.0, range.end.0)),
                _ => {}
            }
        }
    }

    fn check_order(&self) {
        let overlaps = |pair: &&[(i64, i64)]| pair[1].0 < pair[0].1;
        let overlap = self.files.windows(2).find(overlaps);
        assert_eq!(overlap, None, "no two files overlap");
    }
}

#[test]
fn a_camera_that_sends_its_last_gop_at_once_is_labelled_true_from_the_first_file_on() {
    let mut it = Burst::new(Want::new(RecordingMode::Continuous));
    it.session(11_900, 20_000);
    it.ended();
    assert_eq!(it.files.first(), Some(&(10_000, 12_000)), "not by the arrival of its keyframe");
    assert_eq!(it.files.last().map(|file| file.1), Some(20_000));
    assert_eq!(it.units, 250, "and nothing is lost");
}

#[test]
fn after_an_outage_the_gap_of_a_camera_with_a_burst_begins_and_ends_when_it_did() {
    let mut it = Burst::new(Want::new(RecordingMode::Continuous));
    it.session(11_900, 20_000);
    it.ended();
    it.session(31_800, 40_000);
    it.ended();
    assert_eq!(it.gaps, [(20_000, 30_000)]);
    assert_eq!(it.files.last().map(|file| file.1), Some(40_000));
}

#[test]
fn a_burst_that_was_recorded_before_overlaps_nothing_and_labels_are_true_again_in_an_hour() {
    let mut it = Burst::new(Want::new(RecordingMode::Continuous));
    it.recording.recorded_until(UtcMs(11_500));
    it.session(11_900, 4_000_000);
    it.ended();
    assert_eq!(it.files.first().map(|file| file.0), Some(11_500), "behind what is there");
    assert_eq!(it.units, (4_000_000 - 10_000) / 40, "nothing is thrown away");
    it.check_order();
    let end = it.files.last().expect("a file").1;
    assert!((4_000_000..=4_000_030).contains(&end), "1.5 s ahead are led back: {end}");
    assert!(it.gaps.is_empty(), "and nothing of it is a gap: {:?}", it.gaps);
}

#[test]
fn a_reconnection_within_a_gop_overlaps_nothing_and_meets_the_clock_in_the_next_outage() {
    let mut it = Burst::new(Want::new(RecordingMode::Continuous));
    it.session(11_900, 21_000);
    it.ended();
    it.session(21_500, 31_000);
    it.ended();
    it.session(41_500, 50_000);
    it.ended();
    it.check_order();
    assert!(
        it.files.iter().any(|file| file.0 == 21_000),
        "the GOP from 20 on comes again: {:?}",
        it.files
    );
    assert_eq!(it.gaps.last().map(|gap| gap.1), Some(40_000));
    assert_eq!(it.files.last().map(|file| file.1), Some(50_000), "true again");
}

#[test]
fn what_is_held_while_a_run_settles_is_written_when_the_source_ends_or_the_process_does() {
    let ends: [fn(&mut Burst); 6] = [
        |it| it.recording.ended(GapReason::Network),
        |it| it.recording.stop(UtcMs(12_000)),
        |it| it.recording.mode(RecordingMode::Off, UtcMs(12_000)),
        |it| it.recording.source(SourceEvent::NewRun { zero: UtcMs(13_000) }),
        |it| it.recording.source(SourceEvent::Parameters(parameters(320))),
        |it| it.recording.tick(UtcMs(15_000)),
    ];
    for ends in ends {
        let mut it = Burst::new(Want::new(RecordingMode::Continuous));
        it.session(11_900, 12_000);
        assert!(it.files.is_empty(), "nobody knows yet when that was: {:?}", it.files);
        ends(&mut it);
        it.act();
        it.ended();
        assert_eq!((it.files.first().map(|file| file.0), it.units), (Some(10_000), 50));
    }
}

#[test]
fn who_hands_over_while_a_run_settles_loses_nothing_and_takes_no_gop_of_the_other() {
    let mut it = Burst::new(Want::new(RecordingMode::Continuous));
    it.recording.end_at(UtcMs(11_000));
    it.session(11_900, 16_000);
    assert_eq!(
        it.files,
        [(10_000, 12_000)],
        "its keyframe came later than that, and was taken before"
    );
    assert_eq!(it.units, 50, "up to the first keyframe behind the agreed moment");
}

#[test]
fn a_quartz_that_is_off_leaves_neither_holes_nor_labels_that_run_away() {
    for ppm in [-100, 100] {
        let mut it = Burst::new(Want::new(RecordingMode::Continuous));
        it.recording.source(SourceEvent::NewRun { zero: UtcMs(0) });
        let minutes = 120;
        for n in 0..minutes * 60 * 25_i64 {
            let ticks = n * 3_600 + n * 3_600 * ppm / 1_000_000;
            it.recording.source(SourceEvent::Unit(AccessUnit {
                track: Track::Video,
                pts: Pts(ticks),
                dts: Dts(ticks),
                duration: Ticks(3_600),
                is_keyframe: n % 50 == 0,
                arrived: UtcMs(n * 40),
                data: Bytes::new(),
            }));
            it.act();
        }
        it.ended();
        it.check_order();
        assert!(it.gaps.is_empty(), "no pause was made at {ppm} ppm: {:?}", it.gaps);
        let end = it.files.last().expect("a file").1 - minutes * 60_000;
        assert!(end.abs() <= 30, "{end} ms off at {ppm} ppm");
    }
}
