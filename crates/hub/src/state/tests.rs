//! Whole lives of a camera, as scripts.

use super::*;
use crate::tests::footage::parameters;

const START: UtcMs = UtcMs(1_795_205_640_000); // 2026-11-20T20:14:00Z

fn facts(enabled: bool, is_recorded: bool) -> Facts {
    let place = Place { host: "192.0.2.7".into(), port: 554 };
    Facts {
        name: "Garden".into(),
        enabled,
        is_recorded,
        places: [(StreamKind::Main, place)].into(),
    }
}

/// Words: a number: seconds pass, with a tick each; `p` plays; `h` a heartbeat with a new picture; `c`
/// connecting; `P` a recorder of an earlier hub that plays for an hour; `was_offline`, `was_stopped` that an earlier
/// hub told; `took` another recorder took over; `unstable` left alone for half
/// an hour; `w` waiting, `W` waiting and given up; `s` wrong password; `x` the recorder died; `n` the disk
/// takes nothing; `off`, `on`, `live`: configured so. Answer: states as they change, and events.
fn run(script: &str) -> String {
    let mut now = START;
    let mut brain = CameraBrain::new(facts(true, true), TimeZone::UTC, now);
    let mut shown = vec![format!("{:?}", brain.state())];
    let mut gone = now;
    for word in script.split_whitespace() {
        let main = StreamKind::Main;
        let waiting = |problem, offline| LinkState::Waiting {
            problem,
            retry_at: now.plus_millis(30_000),
            attempts: 1,
            since: gone,
            offline,
        };
        let input = match word {
            "p" => Input::Link(main, LinkState::Playing { parameters: parameters(), since: now }),
            "P" => {
                let since = now.plus_millis(-3_600_000);
                Input::Link(main, LinkState::Playing { parameters: parameters(), since })
            }
            "took" => Input::TookOver,
            "unstable" => {
                let until = now.plus_millis(1_800_000);
                Input::Unstable { until, restarts: 5, is_alive: false }
            }
            "was_offline" | "was_stopped" => {
                let kind = if word == "was_offline" {
                    EventKind::CameraOffline
                } else {
                    EventKind::CameraStopped
                };
                brain.resume(now, now.plus_millis(-3_600_000), kind);
                shown.push(format!("{:?}", brain.state()));
                while let Some(output) = brain.poll() {
                    assert!(!matches!(output, Output::Event { .. }), "it was told: {output:?}");
                }
                continue;
            }
            "h" => {
                gone = now;
                Input::Health(
                    main,
                    StreamHealth { last_picture: Some(now), ..StreamHealth::default() },
                )
            }
            "c" => Input::Link(main, LinkState::Connecting { attempt: 1 }),
            "w" => Input::Link(main, waiting(Cause::Disconnected, false)),
            "W" => Input::Link(main, waiting(Cause::HostUnreachable, true)),
            "s" => Input::Link(
                main,
                LinkState::Stopped { problem: Cause::WrongCredentials, since: now },
            ),
            "x" => Input::Exited { code: None, restart_at: Some(now.plus_millis(500)) },
            "d" => Input::Disk(main, DiskSays::Refused),
            "D" => Input::Disk(main, DiskSays::Fine),
            "n" => Input::Exited {
                code: Some(ExitCode::NotWritable),
                restart_at: Some(now.plus_millis(500)),
            },
            "off" => Input::Configured(facts(false, true)),
            "on" => Input::Configured(facts(true, true)),
            "live" => Input::Configured(facts(true, false)),
            "ahead" | "back" => {
                let by_ms = if word == "ahead" { 3_600_000 } else { -3_600_000 };
                now = now.plus_millis(by_ms);
                brain.clock_changed(by_ms);
                Input::Tick
            }
            "old_h" => {
                let last_picture = Some(now.plus_millis(3_600_000));
                Input::Health(main, StreamHealth { last_picture, ..StreamHealth::default() })
            }
            seconds => {
                for _ in 0..seconds.parse::<u32>().expect("a number of seconds") {
                    now = now.plus_millis(1000);
                    step(&mut brain, now, Input::Tick, &mut shown);
                }
                continue;
            }
        };
        step(&mut brain, now, input, &mut shown);
    }
    shown.join(" ")
}

fn step(brain: &mut CameraBrain, now: UtcMs, input: Input, shown: &mut Vec<String>) {
    let before = brain.state();
    brain.handle(now, input);
    if brain.state() != before {
        shown.push(format!("{:?}", brain.state()));
    }
    while let Some(output) = brain.poll() {
        if let Output::Event { kind, .. } = output {
            shown.push(format!("<{}>", kind.name()));
        }
    }
}

#[test]
fn pictures_make_it_recording_or_live() {
    assert_eq!(run("c 1 p h"), "Connecting Recording");
    assert_eq!(run("c 1 p h live"), "Connecting Recording Live");
}

#[test]
fn what_an_earlier_hub_has_told_is_not_told_again_and_its_end_is() {
    assert_eq!(
        run("was_offline c 3 c W 40 c W 20 p h"),
        "Connecting Offline Recording <camera_online>",
        "a hub that starts anew while a camera is offline"
    );
    assert_eq!(
        run("was_offline c 5 c w 40 c p h"),
        "Connecting Offline Recording <camera_online>",
        "nor what was told before its recorder gave up"
    );
    assert_eq!(
        run("was_stopped 5 s 60"),
        "Connecting Offline Stopped",
        "nor that a password is wrong"
    );
}

#[test]
fn an_incident_is_told_once_and_so_is_its_end() {
    assert_eq!(
        run("p h w 5 c 1 w 10 c 1 W 60 c 1 W 60 c p h"),
        "Connecting Recording Connecting Offline <camera_offline> Recording <camera_online>",
        "attempts in between are no news"
    );
}

#[test]
fn a_short_break_is_no_incident() {
    assert_eq!(run("p h w 3 c p h"), "Connecting Recording Connecting Recording");
}

#[test]
fn a_host_that_is_gone_is_offline_at_once() {
    assert_eq!(run("p h W"), "Connecting Recording Offline <camera_offline>");
}

#[test]
fn a_connection_without_pictures_is_found_within_10_seconds() {
    assert_eq!(run("p h 10"), "Connecting Recording");
    assert_eq!(run("p h 11"), "Connecting Recording Offline <camera_offline>");
    assert_eq!(
        run("p h 11 h"),
        "Connecting Recording Offline <camera_offline> Recording <camera_online>"
    );
}

#[test]
fn a_camera_that_never_answers_is_offline_after_10_seconds() {
    assert_eq!(run("c 11"), "Connecting Offline <camera_offline>");
}

#[test]
fn a_wrong_password_stops_everything_and_says_so_once() {
    assert_eq!(run("p h w s 100"), "Connecting Recording Connecting Stopped <camera_stopped>");
    assert_eq!(
        run("c 11 s"),
        "Connecting Offline <camera_offline> Stopped <camera_stopped>",
        "that nothing is tried any more is news, even in an incident"
    );
}

#[test]
fn a_recorder_that_keeps_dying_is_told_of_once_in_a_while() {
    assert_eq!(run("p h x 1 x 1 x"), "Connecting Recording Connecting <recorder_restarted>");
}

#[test]
fn a_full_disk_is_told_once() {
    assert_eq!(run("p h n 1 n 1 n"), "Connecting Recording Connecting <disk_not_writable>");
}

#[test]
fn pictures_that_are_not_written_are_live_only() {
    assert_eq!(run("p h d d 1 h D"), "Connecting Recording Live <disk_not_writable> Recording");
}

#[test]
fn the_end_of_an_outage_is_told_although_the_camera_was_renamed_meanwhile() {
    assert_eq!(
        run("p h W 5 on 5 live 5 p h"),
        "Connecting Recording Offline <camera_offline> Live <camera_online>"
    );
    assert_eq!(
        run("p h w 1 s 5 on 1 c 1 s"),
        "Connecting Recording Connecting Stopped <camera_stopped> Offline Stopped <camera_stopped>",
        "that a corrected password is wrong as well is news"
    );
}

#[test]
fn switched_off_is_no_incident() {
    assert_eq!(run("p h off 100 on 1"), "Connecting Recording Disabled Recording");
}

#[test]
fn a_recorder_of_an_earlier_hub_that_plays_since_long_is_no_camera_that_came_back() {
    assert_eq!(run("P 1 h 5"), "Connecting Recording", "no offline, and no online behind it");
    assert_eq!(run("P 11"), "Connecting Recording Offline <camera_offline>", "unless none comes");
}

#[test]
fn an_outage_that_an_earlier_hub_told_is_not_told_again_and_its_end_is() {
    assert_eq!(
        run("was_offline c 1 W 30 W 30 p h"),
        "Connecting Offline Recording <camera_online>"
    );
    assert_eq!(
        run("was_stopped c 1 s 30"),
        "Connecting Offline Stopped",
        "nor is a wrong password"
    );
    assert_eq!(
        run("was_stopped c 1 s 9 on c p h w 1 s"),
        "Connecting Offline Stopped Offline Recording <camera_online> Connecting Stopped <camera_stopped>",
        "a new one is"
    );
}

#[test]
fn a_clock_put_ahead_calls_nobody_offline() {
    assert_eq!(run("p h 5 ahead 3 h 5 h"), "Connecting Recording");
    assert_eq!(
        run("p h 5 ahead 12"),
        "Connecting Recording Offline <camera_offline>",
        "who falls silent then is missed as soon as ever"
    );
}

#[test]
fn a_clock_put_back_hides_no_outage() {
    let missed = "Connecting Recording Offline <camera_offline>";
    assert_eq!(run("p h 5 back 12"), missed);
    assert_eq!(run("p h 5 back old_h 12"), missed, "said before, heard after it");
    assert_eq!(run("p h 12 back h"), format!("{missed} Recording <camera_online>"));
}

#[test]
fn one_recorder_that_takes_over_from_another_is_no_outage() {
    assert_eq!(run("p h 5 h took h 5 h"), "Connecting Recording");
}

#[test]
fn an_unstable_recorder_is_told_of_and_the_problem_says_when_it_is_tried_again() {
    assert_eq!(
        run("p h x unstable 12"),
        "Connecting Recording Connecting <recorder_restarted> <camera_unstable> Offline <camera_offline>"
    );
    let mut brain = CameraBrain::new(facts(true, true), TimeZone::UTC, START);
    let until = START.plus_millis(1_800_000);
    brain.handle(START, Input::Unstable { until, restarts: 5, is_alive: false });
    let problem = brain.problem(START.plus_millis(60_000)).unwrap();
    assert_eq!(
        problem.message,
        "Garden: no picture since 20:14. Its recorder ended too often and is left alone until 20:44."
    );
    brain.handle(until, Input::Configured(facts(true, true)));
    assert!(brain.problem(until).unwrap().message.contains("left alone"), "a name is no cure");
    brain.handle(until, Input::Started);
    assert_eq!(
        brain.problem(until.plus_millis(1)).map(|p| p.code),
        Some(tarsier_api::problem::ProblemCode::NoPictures)
    );
}

#[test]
fn the_sentence_says_what_since_when_and_what_to_do() {
    let mut brain = CameraBrain::new(facts(true, true), TimeZone::UTC, START);
    let link = LinkState::Waiting {
        problem: Cause::HostUnreachable,
        retry_at: START.plus_millis(90_000),
        attempts: 6,
        since: START,
        offline: true,
    };
    let now = START.plus_millis(60_000);
    brain.handle(now, Input::Link(StreamKind::Main, link));
    let problem = brain.problem(now).unwrap();
    assert_eq!(
        problem.message,
        "Garden: no picture since 20:14. The camera does not answer at 192.0.2.7."
    );
    assert_eq!(problem.hint, "Check its power and network. We try again every 30 s.");
    let event = std::iter::from_fn(|| brain.poll())
        .find_map(|output| match output {
            Output::Event { title, body, .. } => Some((title, body)),
            Output::Notice(..) => None,
        })
        .unwrap();
    assert_eq!(event.0, "Garden: no picture since 20:14");
    assert_eq!(
        event.1,
        "The camera does not answer at 192.0.2.7. Check its power and network. We try again every 30 s."
    );
}
