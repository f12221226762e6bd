//! Scripts: what comes, what is wished for, what the disk does.

use bytes::Bytes;
use tarsier_types::{Codec, Dts, VideoParameters};

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
}

impl Disk {
    fn take(&mut self, recording: &mut Recording, said: &mut String) {
        use std::fmt::Write as _;
        while let Some(action) = recording.poll() {
            let _ = match action {
                Action::Open { start, continues, .. } => {
                    (self.before, self.before_end) = (self.file, self.durable);
                    (self.file, self.durable) = (start, start);
                    write!(said, "[{}{}:", if continues { "+" } else { "" }, start.0 / 1000)
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
                    let (start, end) = (range.start.0 / 1000, range.end.0 / 1000);
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
fn a_full_disk_on_which_the_failed_write_made_room_again_costs_a_gap_of_its_true_length() {
    // The failed write gave back what of it fitted, so that the disk works at once: recording goes on at the next keyframe.
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
