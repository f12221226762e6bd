//! Brain: when a recorder is started, started again, started with the other engine, killed, or left alone.
//!
//! A plain policy: restart after 0.5 s, then 1, 2, 4 … 30 s while it keeps failing; a minute of life resets it;
//! no heartbeat for 10 s kills it. What does not belong here: processes, sockets, the clock.

use std::time::Duration;

use tarsier_types::Mono;
use tarsier_wire::{Engine, ExitCode};

/// Which engine the user wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EngineWish {
    /// The pure-Rust engine where it can, else libav.
    #[default]
    Auto,
    /// This one.
    Only(Engine),
}

/// What a recorder is doing, as its supervisor sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecorderState {
    /// Started, not heard yet.
    Starting,
    /// Heard.
    Running,
    /// Ended; started again soon.
    Waiting,
    /// Ended for a reason that another start cannot mend.
    Stopped,
}

const FIRST_DELAY: Duration = Duration::from_millis(500);
const LONGEST_DELAY: Duration = Duration::from_secs(30);
/// A process that lived this long was not failing at its start.
const HEALTHY_AFTER: Duration = Duration::from_secs(60);
/// SPEC section 5.
const NO_HEARTBEAT: Duration = Duration::from_secs(10);
/// A child that asks for its configuration and loads its libraries on a busy machine.
const START_PATIENCE: Duration = Duration::from_secs(20);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Waiting { until: Mono },
    Alive { started: Mono, last_heard: Option<Mono> },
    Doomed { started: Mono },
    Stopped,
}

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Start(Engine),
    Kill,
}

/// The judge of one recorder.
#[derive(Clone, Debug)]
pub(crate) struct Judge {
    wish: EngineWish,
    engine: Engine,
    phase: Phase,
    failures: u32,
    restarts: u32,
}

impl Judge {
    /// A recorder that is to be started at `now`, with the engine that can read its URLs.
    pub(crate) fn new(wish: EngineWish, readable: Engine, now: Mono) -> Self {
        let engine = match wish {
            EngineWish::Auto => readable,
            EngineWish::Only(engine) => engine,
        };
        Self { wish, engine, phase: Phase::Waiting { until: now }, failures: 0, restarts: 0 }
    }

    /// What is due at `now`.
    pub(crate) fn due(&mut self, now: Mono) -> Option<Verdict> {
        match self.phase {
            Phase::Waiting { until } if now >= until => {
                self.phase = Phase::Alive { started: now, last_heard: None };
                Some(Verdict::Start(self.engine))
            }
            Phase::Alive { started, last_heard } => {
                let silent = match last_heard {
                    Some(heard) => now.since(heard) > NO_HEARTBEAT,
                    None => now.since(started) > START_PATIENCE,
                };
                silent.then(|| {
                    self.phase = Phase::Doomed { started };
                    Verdict::Kill
                })
            }
            _ => None,
        }
    }

    /// A sign of life.
    pub(crate) fn heard(&mut self, now: Mono) {
        if let Phase::Alive { last_heard, .. } = &mut self.phase {
            *last_heard = Some(now);
        }
    }

    /// A recorder of an earlier hub goes on as ours.
    pub(crate) fn adopted(&mut self, engine: Engine, now: Mono) {
        self.engine = engine;
        self.phase = Phase::Alive { started: now, last_heard: Some(now) };
    }

    /// The process ended. Answers when it is started again, if it is.
    pub(crate) fn exited(&mut self, code: Option<ExitCode>, now: Mono) -> Option<Mono> {
        let lived = match self.phase {
            Phase::Alive { started, .. } | Phase::Doomed { started } => now.since(started),
            Phase::Waiting { .. } | Phase::Stopped => Duration::ZERO,
        };
        match code {
            Some(ExitCode::BadConfig) => {
                self.phase = Phase::Stopped;
                return None;
            }
            Some(ExitCode::EngineCannotRead)
                if self.wish == EngineWish::Auto && self.engine == Engine::Rust =>
            {
                self.engine = Engine::Libav;
                self.phase = Phase::Waiting { until: now };
                return Some(now);
            }
            _ => {}
        }
        if lived >= HEALTHY_AFTER {
            self.failures = 0;
        }
        let delay = FIRST_DELAY.saturating_mul(1 << self.failures.min(10)).min(LONGEST_DELAY);
        self.failures += 1;
        self.restarts += 1;
        self.phase = Phase::Waiting { until: now + delay };
        Some(now + delay)
    }

    pub(crate) fn state(&self) -> RecorderState {
        match self.phase {
            Phase::Waiting { .. } => RecorderState::Waiting,
            Phase::Alive { last_heard: None, .. } => RecorderState::Starting,
            Phase::Alive { .. } | Phase::Doomed { .. } => RecorderState::Running,
            Phase::Stopped => RecorderState::Stopped,
        }
    }

    pub(crate) fn engine(&self) -> Engine {
        self.engine
    }

    pub(crate) fn restarts(&self) -> u32 {
        self.restarts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A number: that many seconds pass, asking each half second. `h` heard, `f` it failed, `e` cannot read,
    /// `b` bad configuration. Answers: `R`/`L` started with that engine, `k` killed.
    fn run(wish: EngineWish, script: &str) -> String {
        let mut now = Mono::ZERO;
        let mut judge = Judge::new(wish, Engine::Rust, now);
        let mut said = String::new();
        let ask = |judge: &mut Judge, now: Mono, said: &mut String| match judge.due(now) {
            Some(Verdict::Start(Engine::Rust)) => said.push('R'),
            Some(Verdict::Start(Engine::Libav)) => said.push('L'),
            Some(Verdict::Kill) => said.push('k'),
            None => {}
        };
        ask(&mut judge, now, &mut said);
        for word in script.split_whitespace() {
            match word {
                "h" => judge.heard(now),
                "f" => drop(judge.exited(None, now)),
                "e" => drop(judge.exited(Some(ExitCode::EngineCannotRead), now)),
                "b" => drop(judge.exited(Some(ExitCode::BadConfig), now)),
                seconds => {
                    let halves = Duration::from_secs_f64(seconds.parse().expect("a number"))
                        .as_millis()
                        / 500;
                    said.push('.');
                    for _ in 0..halves {
                        now = now + Duration::from_millis(500);
                        ask(&mut judge, now, &mut said);
                    }
                }
            }
        }
        said
    }

    #[test]
    fn a_recorder_that_dies_is_started_again_and_waits_longer_each_time() {
        assert_eq!(run(EngineWish::Auto, "f 0.5 f 0.5 0.5 f 1.5 0.5"), "R.R..R..R");
        assert_eq!(
            run(EngineWish::Auto, "f 1 f 1 f 2 h 9 h 9 h 9 h 9 h 9 h 9 h 9 f 0.5"),
            "R.R.R.R........R"
        );
    }

    #[test]
    fn silence_is_death() {
        assert_eq!(run(EngineWish::Auto, "h 10 0.5 f 0.5"), "R..k.R", "no heartbeat for 10 s");
        assert_eq!(run(EngineWish::Auto, "20 0.5"), "R..k", "never heard at all");
    }

    #[test]
    fn the_other_engine_takes_over_at_once_unless_one_is_forced() {
        assert_eq!(run(EngineWish::Auto, "e 0.5"), "R.L");
        assert_eq!(run(EngineWish::Only(Engine::Rust), "e 0.5"), "R.R");
    }

    #[test]
    fn a_bad_configuration_is_not_tried_again() {
        assert_eq!(run(EngineWish::Auto, "b 60"), "R.");
    }
}
