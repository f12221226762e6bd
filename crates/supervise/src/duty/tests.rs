//! Scripts: two hubs' worth of processes, and what becomes of them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use tarsier_types::StreamKind;
use tarsier_wire::{HANDOVER_SINCE, StreamHealth};

use super::*;
use crate::sample::Sample;

const MAIN: StreamKind = StreamKind::Main;
const START: UtcMs = UtcMs(1_795_205_640_000);

/// A recorder's process, as far as the brain can see it.
#[derive(Clone, Debug, Default)]
struct Process {
    is_connected: bool,
    is_frozen: bool,
    /// Not even a kill ends it.
    is_undying: bool,
    pictures: u64,
    written_ms: u64,
}

struct World {
    duty: Duty,
    processes: BTreeMap<u32, Process>,
    milliseconds: u64,
    next_pid: u32,
    killed: Vec<u32>,
    /// Others are being restarted: no leave is given.
    is_crowded: bool,
    said: String,
}

impl World {
    fn now(&self) -> Now {
        let utc = START.plus_millis(i64::try_from(self.milliseconds).unwrap());
        Now { mono: Mono::from_millis(self.milliseconds), utc }
    }

    fn tell(&mut self, input: Input) {
        let now = self.now();
        self.duty.handle(now, input);
        self.drain();
        if self.duty.asks() && !self.is_crowded {
            self.duty.handle(now, Input::Leave);
            self.drain();
        }
        while let Some(pid) = self.killed.pop() {
            self.exited(pid, None);
        }
    }

    fn drain(&mut self) {
        let now = self.now();
        while let Some(output) = self.duty.poll() {
            let seconds = |at: UtcMs| match at.0 {
                i64::MAX => "never".to_owned(),
                _ => (at.millis_since(START) / 1000).to_string(),
            };
            let word = match output {
                Output::Start { role, engine } => {
                    let pid = self.next_pid;
                    self.next_pid += 1;
                    self.processes.insert(pid, Process::default());
                    self.duty.handle(now, Input::Started { role, pid, engine });
                    match role {
                        Role::OnDuty => format!("start{pid}"),
                        Role::Standby => format!("standby{pid}"),
                    }
                }
                Output::Hear { pid, voice } => format!("hear{pid}:{voice:?}"),
                Output::Kill { pid } => {
                    if !self.processes.get(&pid).is_some_and(|process| process.is_undying) {
                        self.killed.push(pid);
                    }
                    format!("kill{pid}")
                }
                Output::Say { pid, command } => match command {
                    ToRecorder::Stop => format!("stop{pid}"),
                    ToRecorder::EndAt(at) => format!("end{pid}@{}", seconds(at)),
                    ToRecorder::BeginAt(at) => format!("begin{pid}@{}", seconds(at)),
                    other => format!("{other:?}"),
                },
                Output::Report(Report::Started { pid, adopted, .. }) => {
                    if adopted {
                        format!("<adopted {pid}>")
                    } else {
                        continue;
                    }
                }
                Output::Report(Report::Exited { will_restart_at, .. }) => match will_restart_at {
                    Some(at) => format!("<ended, again at {}>", seconds(at)),
                    None => "<ended>".to_owned(),
                },
                Output::Report(Report::TookOver { pid, from, .. }) => {
                    format!("<{pid} took over at {}>", seconds(from))
                }
                Output::Report(Report::RestartedByRule { breach, manner, .. }) => {
                    format!("<{} {manner:?}>", breach.name())
                }
                Output::Report(Report::Unstable { restarts, .. }) => {
                    format!("<unstable {restarts}>")
                }
                Output::Report(Report::Fatal { code, .. }) => format!("<fatal {code:?}>"),
                Output::Report(Report::Message { .. }) => continue,
            };
            let space = if self.said.is_empty() || self.said.ends_with('\n') { "" } else { " " };
            let _ = write!(self.said, "{space}{word}");
        }
    }

    /// Half a second of everybody's life.
    fn pass(&mut self) {
        self.milliseconds += 500;
        for pid in self.processes.keys().copied().collect::<Vec<_>>() {
            let now = self.now().utc;
            let process = self.processes.get_mut(&pid).unwrap();
            if !process.is_connected || process.is_frozen {
                continue;
            }
            process.pictures += 12;
            process.written_ms += 500;
            let health = StreamHealth {
                video_units: process.pictures,
                written_ms: process.written_ms,
                ..StreamHealth::default()
            };
            self.tell(Input::Said { pid, said: Said::Alive(vec![(MAIN, health)]) });
            self.tell(Input::Said { pid, said: Said::WrittenTo(now) });
        }
        self.tell(Input::Tick);
    }

    fn hello(&mut self, pid: u32, wanted: &str, role: Role, started: i64, protocol: u16) {
        self.processes.entry(pid).or_default().is_connected = true;
        let identity = Identity::read(wanted).0;
        let started = START.plus_millis(started);
        let hello = Hello { pid, engine: Engine::Rust, protocol, started, identity, role };
        self.tell(Input::Hello(hello));
    }

    fn exited(&mut self, pid: u32, code: Option<ExitCode>) {
        self.processes.remove(&pid);
        self.tell(Input::Exited { pid, code, status: String::new() });
    }
}

fn wanted(identity: &str) -> Input {
    let identity = Identity::read(identity).0.unwrap();
    let (wish, readable, kept) = (EngineWish::Auto, Engine::Rust, BTreeSet::from([MAIN]));
    Input::Wanted(Wanted { wish, readable, identity, recorded: kept.clone(), kept })
}

/// A number: so many seconds pass; those who are connected send heartbeats with pictures. `w:s.a` wanted: streams s,
/// whole a; `w-` nothing. `h1` process 1 says hello (what we started); `o7:s.a` an old recorder 7 of an earlier hub,
/// `y8:s.a` a younger one that it started to stand by, `p9:s.a` one that speaks an older protocol. `m1` measured with
/// too much memory; `z1` freezes. `r2+3` ready, cut in 3 s; `no2` refused. `x1` crashes; `d1` ends as asked; `b1`
/// bad configuration. `U1` not even a kill ends it; `C` no leave is given any more; `t` a look at deadlines without a
/// heartbeat; `?` answers whether it has leave or asks for it. `|` begins a new line of the answer.
fn run(protocol: u16, script: &str) -> String {
    let camera = CameraId::new("garden").unwrap();
    let duty = Duty::new(camera, Rules::default(), protocol, Mono::ZERO);
    let mut world = World {
        duty,
        processes: BTreeMap::new(),
        milliseconds: 0,
        next_pid: 1,
        killed: Vec::new(),
        is_crowded: false,
        said: String::new(),
    };
    let pid = |text: &str| text.parse::<u32>().expect("a process");
    for word in script.split_whitespace() {
        match word.chars().next().unwrap() {
            '|' => world.said.push('\n'),
            'w' => match word.strip_prefix("w:") {
                Some(identity) => world.tell(wanted(identity)),
                None => world.tell(Input::Unwanted),
            },
            'h' => {
                let pid = pid(&word[1..]);
                let (on_duty, standby) = (&world.duty.on_duty, &world.duty.standby);
                let known = on_duty.iter().chain(standby).find(|worker| worker.pid == pid);
                let known = known.and_then(|worker| Some((worker.role, worker.identity.clone()?)));
                let (role, identity) =
                    known.unwrap_or((Role::OnDuty, Identity::read("?.?").0.unwrap()));
                world.hello(pid, &identity.text(Role::OnDuty), role, 0, protocol);
            }
            'o' | 'y' | 'p' => {
                let (number, identity) = word[1..].split_once(':').unwrap();
                let (role, started, protocol) = match &word[..1] {
                    "y" => (Role::Standby, -10_000, protocol),
                    "p" => (Role::OnDuty, -60_000, 1),
                    _ => (Role::OnDuty, -60_000, protocol),
                };
                world.hello(pid(number), identity, role, started, protocol);
            }
            'm' => {
                let sample = Sample { cpu_percent: 1.0, rss_bytes: 2_000_000_000 };
                world.tell(Input::Sampled { pid: pid(&word[1..]), sample });
                world.tell(Input::Tick);
            }
            'U' => world.processes.get_mut(&pid(&word[1..])).unwrap().is_undying = true,
            'C' => world.is_crowded = true,
            't' => world.tell(Input::Tick),
            '?' => {
                let leave = match (world.duty.is_restarting(), world.duty.asks()) {
                    (true, _) => " [has leave]",
                    (false, true) => " [asks]",
                    (false, false) => " [no leave]",
                };
                world.said.push_str(leave);
            }
            'z' => world.processes.get_mut(&pid(&word[1..])).unwrap().is_frozen = true,
            'r' => {
                let (number, ahead) = word[1..].split_once('+').unwrap();
                let cut_at = world.now().utc.plus_millis(ahead.parse::<i64>().unwrap() * 1000);
                world.tell(Input::Said { pid: pid(number), said: Said::Ready { cut_at } });
            }
            'n' => world.tell(Input::Said { pid: pid(&word[2..]), said: Said::Refused }),
            'x' => world.exited(pid(&word[1..]), None),
            'd' => world.exited(pid(&word[1..]), Some(ExitCode::Done)),
            'b' => world.exited(pid(&word[1..]), Some(ExitCode::BadConfig)),
            _ => {
                for _ in 0..word.parse::<u32>().expect("seconds") * 2 {
                    world.pass();
                }
            }
        }
    }
    world.said
}

/// Recorders that can take over from each other.
fn with(script: &str) -> String {
    run(HANDOVER_SINCE, script)
}

/// Recorders that cannot.
fn without(script: &str) -> String {
    run(1, script)
}

#[test]
fn a_recorder_is_started_and_heard() {
    assert_eq!(with("w:s.a 1 h1 100"), "start1 hear1:Whole");
}

#[test]
fn one_that_dies_is_started_again_and_nobody_asks_for_leave() {
    assert_eq!(with("w:s.a 1 h1 5 | x1 1"), "start1 hear1:Whole\n<ended, again at 6> start2");
}

#[test]
fn a_leak_is_mended_without_a_lost_picture() {
    assert_eq!(
        with("w:s.a 1 h1 9 | m1 1 h2 2 | r2+3 3 d1 100"),
        "start1 hear1:Whole\nstandby2 hear2:Footage\nbegin2@16 end1@16 <2 took over at 16> hear2:Whole <memory Handover>"
    );
}

#[test]
fn a_camera_with_one_session_gets_a_short_gap_instead() {
    assert_eq!(
        with("w:s.a 1 h1 9 | m1 1 h2 no2 1 | d2 1 | d1 1"),
        "start1 hear1:Whole\nstandby2 hear2:Footage stop2\nstop1 <memory StopAndStart>\n<ended, again at 13> start3"
    );
}

#[test]
fn one_that_never_gets_ready_is_sent_away_and_the_plain_way_is_taken() {
    assert_eq!(
        with("w:s.a 1 h1 9 | m1 1 h2 36 | d1 1"),
        "start1 hear1:Whole\nstandby2 hear2:Footage stop2 kill2 stop1 <memory StopAndStart>\n<ended, again at 47> start3"
    );
}

#[test]
fn recorders_that_cannot_take_over_are_stopped_and_started() {
    assert_eq!(
        without("w:s.a 1 h1 9 | m1 1 d1 1"),
        "start1 hear1:Whole\nstop1 <memory StopAndStart> <ended, again at 11> start2"
    );
}

#[test]
fn one_that_hangs_is_killed_because_it_does_not_hear() {
    let said = with("w:s.a 1 h1 9 | z1 12");
    assert_eq!(
        said,
        "start1 hear1:Whole\nkill1 <silence StopAndStart> <ended, again at 20> start2"
    );
}

#[test]
fn a_change_of_the_same_streams_loses_nothing_and_a_new_address_begins_at_once() {
    assert_eq!(
        with("w:s.a 1 h1 9 | w:s.b 1 h2 3 r2+2 2 d1 9"),
        "start1 hear1:Whole\nstandby2 hear2:Footage begin2@16 end1@16 <2 took over at 16> hear2:Whole"
    );
    assert_eq!(
        with("w:s.a 1 h1 9 | w:t.b 1 d1 1"),
        "start1 hear1:Whole\nstop1 <ended, again at 11> start2"
    );
}

#[test]
fn whoever_corrects_a_password_need_not_wait_for_a_handover() {
    assert_eq!(
        with("w:s.a 1 h1 z1 4 | w:s.b 1 d1 1"),
        "start1 hear1:Whole\nstop1 <ended, again at 6> start2",
        "no pictures flowed: nothing can be lost"
    );
}

#[test]
fn a_second_change_during_a_handover_replaces_the_successor() {
    let said = with("w:s.a 1 h1 9 | w:s.b 1 h2 1 w:s.c 1 d2 1 h3 1 r3+2 2 d1 9");
    assert!(said.contains("stop2") && said.contains("standby3"), "{said}");
    assert!(said.ends_with("<3 took over at 17> hear3:Whole"), "{said}");
}

#[test]
fn a_successor_that_crashes_leaves_the_other_one_working() {
    let said = with("w:s.a 1 h1 9 | w:s.b 1 x2 1 h3 1 r3+2 2 d1 9");
    assert!(said.ends_with("<3 took over at 15> hear3:Whole"), "the next one does it: {said}");
    let said = with("w:s.a 1 h1 9 | w:s.b 1700");
    assert!(
        said.contains("<unstable 5>") && !said.contains("stop1"),
        "that never come to life: {said}"
    );
    let said = with("w:s.a 1 h1 9 | w:s.b 1 x2 1 x3 5 x4 10 x5 20 x6 40 x7 1700");
    assert!(said.contains("<unstable 5>") && !said.contains("stop1"), "{said}");
}

#[test]
fn a_bad_configuration_does_not_end_a_recorder_that_works() {
    let said = with("w:s.a 1 h1 9 | w:s.b 1 b2 3600");
    assert_eq!(said, "start1 hear1:Whole\nstandby2 <fatal BadConfig>");
}

#[test]
fn a_veteran_that_crashes_leaves_the_successor_working() {
    assert_eq!(
        with("w:s.a 1 h1 9 | m1 1 h2 2 x1 9"),
        "start1 hear1:Whole\nstandby2 hear2:Footage begin2@13 <2 took over at 13> hear2:Whole <memory Handover>"
    );
    assert_eq!(
        with("w:s.a 1 h1 9 | m1 1 x1 1 h2 9"),
        "start1 hear1:Whole\nstandby2 <2 took over at 11> <memory Handover> hear2:Whole begin2@11",
        "it is told as soon as it is connected"
    );
}

#[test]
fn a_new_hub_adopts_what_is_wanted_and_replaces_what_is_not_without_a_lost_picture() {
    assert_eq!(with("w:s.a o7:s.a 100"), "<adopted 7> hear7:Whole");
    assert_eq!(
        with("w:s.b o7:s.a 1 | 1 h1 3 r1+2 2 d7 9"),
        "<adopted 7> hear7:Whole standby1\nhear1:Footage begin1@7 end7@7 <1 took over at 7> hear1:Whole"
    );
    assert_eq!(
        with("w:t.b o7:s.a 1 d7 1"),
        "<adopted 7> hear7:Whole stop7 <ended, again at 1> start1",
        "it reads something else"
    );
    assert_eq!(
        with("w:s.a p7:s.a 1 d7 1"),
        "<adopted 7> hear7:Nobody stop7 <ended, again at 1> start1",
        "it does not know the words"
    );
}

#[test]
fn a_hub_that_dies_before_both_were_told_leaves_a_handover_that_the_next_one_finishes() {
    for order in ["o7:s.a y8:s.b", "y8:s.b o7:s.a"] {
        let said = with(&format!("w:s.b {order} 1 r8+2 2 d7 9"));
        assert!(said.contains("begin8@3 end7@3 <8 took over at 3> hear8:Whole"), "{order}: {said}");
        assert!(!said.contains("stop") && !said.contains("start"), "{order}: {said}");
    }
}

#[test]
fn a_hub_that_dies_between_the_two_words_leaves_footage_twice_for_half_a_minute_and_none_missing() {
    let said = with("w:s.a o7:s.a y8:s.a 31 d8 100");
    assert!(
        said.contains("stop8") && !said.contains("stop7"),
        "the older one is what is wanted: {said}"
    );
    assert!(!said.contains("start"), "{said}");
}

#[test]
fn a_hub_that_dies_after_both_were_told_finds_the_successor_at_work() {
    let said = with("w:s.b o7:s.a y8:s.b 1 d7 100");
    assert!(said.contains("<8 took over at") && !said.contains("start"), "{said}");
    let said = with("w:s.b y8:s.b 100");
    assert_eq!(said, "<adopted 8> hear8:Whole begin8@0", "one that was never told is told now");
}

#[test]
fn a_program_of_another_version_is_no_endless_loop() {
    let said = with("w:s.a 1 p1:s.a 1 p2:s.a 5 p3:s.a 10 p4:s.a 20 p5:s.a 40 p6:s.a 100");
    assert_eq!(said.matches("start").count(), 6, "{said}");
    assert!(said.contains("kill1") && said.contains("<unstable 5>"), "{said}");
}

#[test]
fn a_stranger_beside_the_one_on_duty_is_sent_away() {
    let said = with("w:s.a 1 h1 5 | o7:s.a 1 d7 5");
    assert_eq!(said, "start1 hear1:Whole\nhear7:Footage stop7");
}

#[test]
fn a_camera_that_is_removed_ends_everybody_and_then_is_forgotten() {
    let said = with("w:s.a 1 h1 9 m1 1 h2 1 | w- d2 d1");
    assert_eq!(said.lines().last().unwrap(), "stop2 stop1 <ended>");
}

#[test]
fn an_unstable_recorder_that_still_works_goes_on_recording() {
    let script =
        "m1 d1 1 h2 m2 1 d2 1 h3 5 m3 1 d3 1 h4 10 m4 1 d4 1 h5 20 m5 1 d5 1 h6 40 m6 100 m6 1000";
    let said = without(&format!("w:s.a 1 h1 9 {script}"));
    assert_eq!(said.matches("<unstable 5>").count(), 1, "{said}");
    assert!(!said.contains("stop6"), "{said}");
}

#[test]
fn a_change_that_is_taken_back_during_a_handover_holds_up_nobody_for_ever() {
    let said = with("w:s.a 1 h1 9 | w:s.b 1 h2 1 ? | w:s.a d2 30 ?");
    assert_eq!(
        said, "start1 hear1:Whole\nstandby2 hear2:Footage [has leave]\nstop2 [no leave]",
        "the old one is what is wanted again"
    );
    let said = with("w:s.a 1 h1 9 | m1 1 h2 no2 w:s.b ? | w:s.a d2 30 ?");
    assert!(
        !said.contains("stop1") && said.ends_with("[no leave]"),
        "before it was stopped: {said}"
    );
}

#[test]
fn one_that_hangs_again_and_again_holds_up_nobody_while_it_is_left_alone() {
    let said = with("w:s.a 300 ?");
    assert!(said.contains("<unstable 5>") && said.ends_with("[no leave]"), "{said}");
}

#[test]
fn one_that_not_even_a_kill_ends_holds_up_nobody_for_ever() {
    let said = with("w:s.a 1 h1 9 U1 z1 12 ? | 60 ? | 180 ?");
    let lines: Vec<&str> = said.lines().collect();
    assert!(lines[0].ends_with("[has leave]") && lines[1].ends_with("[has leave]"), "{said}");
    assert!(lines[2].ends_with("[no leave]"), "its disk may hang for a day: {said}");
    assert_eq!(lines[1].matches("kill1").count(), 12, "and the log is not flooded: {said}");
}

#[test]
fn recorders_that_cannot_take_over_wait_for_leave_as_others_do() {
    let said = without("C w:s.b o7:s.a 5 ?");
    assert_eq!(said, "<adopted 7> hear7:Whole [asks]", "a new version must not stop all at once");
    let said = with("C w:t.b o7:s.a 5 ?");
    assert_eq!(said, "<adopted 7> hear7:Whole [asks]", "nor one that reads something else");
}

#[test]
fn one_that_has_just_come_back_is_not_stopped_before_it_has_said_whether_pictures_flow() {
    let said = with("w:s.b o7:s.a t t 1");
    assert_eq!(said, "<adopted 7> hear7:Whole standby1", "{said}");
}

#[test]
fn a_pause_outlasts_what_says_nothing_of_its_cause() {
    let said = with("w:s.a 1 x1 1 x2 5 x3 10 x4 20 x5 40 x6 | w:s.a 900 | w:s.b 1");
    let lines: Vec<&str> = said.lines().collect();
    assert!(lines[0].ends_with("<unstable 5> <ended, again at 1877>"), "{said}");
    assert_eq!(lines[1..], ["", "start7"], "a new name is no cure, a new address may be one");
}
