//! Brain: which of the things that happen to a stream's connection are told to people, so that nothing is hidden and
//! nobody is flooded.
//!
//! An incident is one: it begins (told if it lasts longer than [`SHORT_MS`]) and it ends. One that is over sooner is told
//! in one sentence. Attempts are counted in metrics and never told. A stream whose connection breaks again and again is
//! told of so often in an hour and then once that it does; going offline is always told.
//!
//! What does not belong here: the sentences (`words`), metrics (`figures`), when to try again (`reconnect`).

use std::collections::{BTreeMap, VecDeque};

use tarsier_reconnect::{Degradation, EventKind, FailureReason, ReconnectionEvent};
use tarsier_types::UtcMs;

/// What is mended within this is told in one sentence, when it is over (guess).
const SHORT_MS: i64 = 5_000;
/// So many sentences an hour and stream (guess: a reboot of a camera takes three or four).
const MOST_AN_HOUR: usize = 12;
const HOUR_MS: i64 = 3_600_000;
/// A rate that was bad for so long is told, and one that was good for so long (guesses).
const BAD_MS: i64 = 30_000;
const GOOD_MS: i64 = 60_000;

/// What is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// It broke, and is not mended yet.
    Started { at: UtcMs, error: Option<String> },
    /// It is mended.
    Succeeded { lasted_ms: u64, attempts: u32 },
    /// The quick attempts are used up, or it was stopped.
    Failed { lasted_ms: u64, attempts: u32, error: Option<String> },
    /// Nobody wants it any more.
    Aborted { lasted_ms: u64 },
    /// It breaks again and again: what is short is not told any more.
    Often { in_an_hour: usize },
    /// A rate has been bad for a while.
    Degraded { reason: FailureReason },
    /// It is good again.
    Recovered { reason: FailureReason },
}

#[derive(Clone, Debug, Default)]
enum Stage {
    #[default]
    Calm,
    Young {
        started: ReconnectionEvent,
    },
    Told,
    /// Under way, and kept quiet.
    Quiet,
}

#[derive(Clone, Copy, Debug)]
struct Bad {
    since: UtcMs,
    good_since: Option<UtcMs>,
    is_told: bool,
}

/// Of one stream.
#[derive(Clone, Debug, Default)]
pub(crate) struct Incidents {
    stage: Stage,
    bad: BTreeMap<FailureReason, Bad>,
    /// When something was told, in the last hour.
    told: VecDeque<UtcMs>,
    /// When that became too much.
    often_told: Option<UtcMs>,
    out: VecDeque<Told>,
}

impl Incidents {
    pub(crate) fn poll(&mut self) -> Option<Told> {
        self.out.pop_front()
    }

    /// Something happened.
    pub(crate) fn happened(&mut self, now: UtcMs, event: ReconnectionEvent) {
        let ReconnectionEvent { kind, attempt: attempts, duration_ms: lasted_ms, .. } = event;
        match kind {
            EventKind::Started => self.stage = Stage::Young { started: event },
            EventKind::Attempt => {}
            EventKind::Succeeded => {
                if !matches!(std::mem::take(&mut self.stage), Stage::Quiet) {
                    self.tell(now, Told::Succeeded { lasted_ms, attempts });
                }
            }
            EventKind::Failed => {
                self.begin(now);
                self.stage = Stage::Told;
                let error = event.error;
                self.out.push_back(Told::Failed { lasted_ms, attempts, error });
            }
            EventKind::Aborted => {
                if matches!(std::mem::take(&mut self.stage), Stage::Told) {
                    self.tell(now, Told::Aborted { lasted_ms });
                }
            }
        }
    }

    /// Time has passed.
    pub(crate) fn passes(&mut self, now: UtcMs) {
        if let Stage::Young { started } = &self.stage
            && now.millis_since(started.at) >= SHORT_MS
        {
            self.begin(now);
        }
    }

    /// An incident that was young is old enough to be told of.
    fn begin(&mut self, now: UtcMs) {
        let Stage::Young { started } = &self.stage else { return };
        let told = Told::Started { at: started.at, error: started.error.clone() };
        let is_told = self.tell(now, told);
        self.stage = if is_told { Stage::Told } else { Stage::Quiet };
    }

    /// What is over its threshold, as the recorder says every few seconds.
    pub(crate) fn degraded(&mut self, now: UtcMs, degraded: &[Degradation]) {
        for Degradation { reason, .. } in degraded {
            let new = Bad { since: now, good_since: None, is_told: false };
            self.bad.entry(*reason).or_insert(new).good_since = None;
        }
        let mut changed = Vec::new();
        for (reason, bad) in &mut self.bad {
            if degraded.iter().any(|known| known.reason == *reason) {
                if !bad.is_told && now.millis_since(bad.since) >= BAD_MS {
                    bad.is_told = true;
                    changed.push(Told::Degraded { reason: *reason });
                }
            } else {
                let since = *bad.good_since.get_or_insert(now);
                if bad.is_told && now.millis_since(since) >= GOOD_MS {
                    changed.push(Told::Recovered { reason: *reason });
                }
            }
        }
        self.bad.retain(|_, bad| match bad.good_since {
            Some(since) => bad.is_told && now.millis_since(since) < GOOD_MS,
            None => true,
        });
        for told in changed {
            self.tell(now, told);
        }
    }

    fn tell(&mut self, now: UtcMs, told: Told) -> bool {
        // A wall clock that was put back must not keep anybody quiet.
        self.told.retain(|at| (0..HOUR_MS).contains(&now.millis_since(*at)));
        if self.told.len() < MOST_AN_HOUR {
            self.told.push_back(now);
            self.out.push_back(told);
            return true;
        }
        let is_known =
            self.often_told.is_some_and(|at| (0..HOUR_MS).contains(&now.millis_since(at)));
        if !is_known {
            self.often_told = Some(now);
            self.out.push_back(Told::Often { in_an_hour: self.told.len() });
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use tarsier_reconnect::Severity;

    use super::*;

    /// `+` it broke, `a` an attempt failed, `-` it is mended, `!` it failed, `x` aborted, `l` the network loses packets and
    /// `g` it does not (each takes 5 s), a number: seconds pass, with a tick each. Answers what is told.
    fn run(script: &str) -> String {
        let mut brain = Incidents::default();
        let mut now = UtcMs(1_700_000_000_000);
        let mut broke = now;
        let mut attempt = 0;
        let mut said = Vec::new();
        for word in script.split_whitespace() {
            let kind = match word {
                "+" => {
                    (broke, attempt) = (now, 0);
                    EventKind::Started
                }
                "a" => {
                    attempt += 1;
                    EventKind::Attempt
                }
                "-" => {
                    attempt += 1;
                    EventKind::Succeeded
                }
                "!" => EventKind::Failed,
                "x" => EventKind::Aborted,
                "l" | "g" => {
                    let loss = Degradation {
                        reason: FailureReason::PacketLoss,
                        severity: Severity::Medium,
                    };
                    now = now.plus_millis(5_000);
                    brain.degraded(now, &[loss][..usize::from(word == "l")]);
                    tell(&mut brain, &mut said);
                    continue;
                }
                seconds => {
                    for _ in 0..seconds.parse::<u32>().unwrap() {
                        now = now.plus_millis(1_000);
                        brain.passes(now);
                        tell(&mut brain, &mut said);
                    }
                    continue;
                }
            };
            let event = ReconnectionEvent {
                kind,
                at: now,
                attempt,
                reason: FailureReason::NetworkError,
                error: None,
                duration_ms: u64::try_from(now.millis_since(broke)).unwrap(),
            };
            brain.happened(now, event);
            tell(&mut brain, &mut said);
        }
        said.join(" ")
    }

    fn tell(brain: &mut Incidents, said: &mut Vec<String>) {
        while let Some(told) = brain.poll() {
            said.push(match told {
                Told::Started { .. } => "broke".to_owned(),
                Told::Succeeded { lasted_ms, attempts } => {
                    format!("mended({}s,{attempts})", lasted_ms / 1_000)
                }
                Told::Failed { attempts, .. } => format!("failed({attempts})"),
                Told::Aborted { .. } => "aborted".to_owned(),
                Told::Often { in_an_hour } => format!("often({in_an_hour})"),
                Told::Degraded { reason } => format!("bad:{}", reason.name()),
                Told::Recovered { reason } => format!("good:{}", reason.name()),
            });
        }
    }

    #[test]
    fn an_incident_is_its_beginning_and_its_end_and_no_attempt() {
        assert_eq!(run("+ 1 a 2 a 4 a 8 -"), "broke mended(15s,4)");
    }

    #[test]
    fn what_is_mended_at_once_is_one_sentence() {
        assert_eq!(run("+ 1 - 60"), "mended(1s,1)");
    }

    #[test]
    fn going_offline_is_told_once_and_after_its_beginning() {
        assert_eq!(run("+ a ! 30 a 30 a 30 -"), "broke failed(1) mended(90s,4)");
    }

    #[test]
    fn an_abort_is_told_only_of_what_was_told() {
        assert_eq!(run("+ 10 x"), "broke aborted");
        assert_eq!(run("+ 1 x"), "");
    }

    #[test]
    fn a_camera_that_breaks_all_the_time_does_not_flood_anybody() {
        let all_day = run(&"+ 2 - 8 ".repeat(8_640));
        let sentences = all_day.split(' ').count();
        assert!(sentences <= 24 * 14, "{sentences} sentences in a day");
        assert!(all_day.contains("often(12)"), "and it is told why there are no more");
        let mut offline = "+ 2 - 8 ".repeat(100);
        offline.push_str("+ 10 !");
        assert!(run(&offline).ends_with("failed(0)"), "going offline is told whatever was before");
    }

    #[test]
    fn a_bad_network_is_told_when_it_lasts_and_when_it_is_over() {
        assert_eq!(run("l l l g l l g"), "", "bursts are not");
        let bad = "l ".repeat(10);
        let good = "g ".repeat(14);
        assert_eq!(run(&format!("{bad}{good}")), "bad:packet_loss good:packet_loss");
        assert_eq!(run(&format!("{bad}g g l g g l {good}")), "bad:packet_loss good:packet_loss");
    }
}
