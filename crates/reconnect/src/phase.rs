//! From a failure to the next action: quick retries, then offline with patient ones, or a stop.
//!
//! ```text
//!            failure                       failure number 6, or a host that is silent
//!  playing ----------> retrying (1..=5) ---------------------------------------------> offline
//!     ^                    |                                                              |
//!     +---- media flows ---+------------------------- media flows ------------------------+
//!                          |-- credentials refused, or reconnect off --> stopped, until there is a new configuration
//!                          \-- nobody wants it any more ---------------> aborted
//! ```
//! A success counts once media flowed for a while ([`Policy::steady`]); a camera that shows one picture and hangs up
//! would else be asked every second for ever.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tarsier_types::Mono;

use crate::backoff::Backoff;
use crate::policy::{Policy, Quick, Reconnect};

/// Kinds of failure that are handled differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// Nobody answers at that address: switched off, unplugged, another network.
    HostSilent,
    /// The host is there and its port is closed.
    Refused,
    /// The port is open, and whoever is behind it says nothing.
    Mute,
    /// User name or password refused. Trying again locks accounts.
    Credentials,
    /// It was connected, and media ceased to flow.
    Stalled,
    /// Anything else: broken connection, no such path, no further session, an answer that makes no sense.
    Other,
}

impl FailureKind {
    /// A look at the port tells whether another full attempt is worth while.
    pub const fn is_seen_from_outside(self) -> bool {
        matches!(self, Self::HostSilent | Self::Refused | Self::Mute)
    }
}

/// What to do after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Connect again at that time.
    RetryAt(Mono),
    /// Do nothing until there is a new configuration.
    Stop,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Retrying,
    Offline,
    Playing { since: Mono },
    Stopped,
    Aborted,
}

/// The reconnection of one stream.
#[derive(Clone, Debug)]
pub struct Reconnector {
    policy: Policy,
    backoff: Backoff,
    phase: Phase,
    went_offline: bool,
    /// The first failure since the last success.
    failing_since: Option<Mono>,
    /// The host was silent, and answers since then.
    answers_since: Option<Mono>,
}

impl Reconnector {
    /// Nothing tried yet.
    pub const fn new(policy: Policy) -> Self {
        let backoff = Backoff::new(policy.strategy, policy.jitter_percent);
        Self {
            policy,
            backoff,
            phase: Phase::Retrying,
            went_offline: false,
            failing_since: None,
            answers_since: None,
        }
    }

    /// Goes on where an earlier process was: after so many failures.
    pub const fn resume(&mut self, now: Mono, failures: u32) {
        self.backoff.resume(failures);
        self.failing_since = Some(now);
    }

    /// Goes on as offline: nobody is told a second time.
    pub const fn resume_offline(&mut self, now: Mono, failures: u32) {
        self.resume(now, failures);
        self.phase = Phase::Offline;
    }

    /// Goes on as stopped.
    pub const fn resume_stopped(&mut self) {
        self.phase = Phase::Stopped;
    }

    /// An attempt failed, or a connection that worked broke. `chance` is uniform in `[0, 1)`.
    pub fn failed(&mut self, now: Mono, kind: FailureKind, chance: f64) -> Decision {
        let was_offline = self.phase == Phase::Offline;
        self.went_offline = false;
        if let Phase::Playing { since } = self.phase {
            if now.since(since) >= self.policy.steady {
                self.backoff.reset();
                self.failing_since = None;
            }
            self.phase = Phase::Retrying;
        }
        if matches!(self.phase, Phase::Stopped | Phase::Aborted) {
            return Decision::Stop;
        }
        if kind == FailureKind::Credentials || self.policy.reconnect == Reconnect::Off {
            self.phase = Phase::Stopped;
            return Decision::Stop;
        }
        if kind.is_seen_from_outside() {
            self.answers_since = None;
        }
        let since = *self.failing_since.get_or_insert(now);
        let is_spent = match self.policy.quick {
            Quick::Retries(retries) => self.backoff.failures() >= retries,
            Quick::Window(window) => now.since(since) >= window,
        };
        if was_offline || is_spent || kind == FailureKind::HostSilent {
            self.phase = Phase::Offline;
            self.went_offline = !was_offline;
        }
        let wait = match self.warm_up(now) {
            Some(every) => self.backoff.failed_within(every, chance),
            None if self.phase == Phase::Offline => self.backoff.failed_at_cap(chance),
            None => self.backoff.failed(chance),
        };
        let least =
            if kind == FailureKind::Stalled { self.policy.stalled_wait } else { Duration::ZERO };
        Decision::RetryAt(now + wait.max(least))
    }

    /// The pace of a host that is just starting up.
    fn warm_up(&self, now: Mono) -> Option<Duration> {
        let looking = self.policy.looking?;
        let since = self.answers_since?;
        (now.since(since) < looking.returning).then_some(looking.again)
    }

    /// The host that was silent answers: it may need a moment more until it serves.
    pub const fn answers(&mut self, now: Mono) {
        if self.answers_since.is_none() {
            self.answers_since = Some(now);
        }
    }

    /// Media flows. (A connection alone is no success.)
    pub const fn playing(&mut self, now: Mono) {
        self.went_offline = false;
        self.answers_since = None;
        self.phase = Phase::Playing { since: now };
    }

    /// Nobody wants it any more. True: it was being reconnected, and that ends here without success.
    pub fn abort(&mut self) -> bool {
        let was_trying =
            matches!(self.phase, Phase::Retrying | Phase::Offline) && self.failing_since.is_some();
        self.phase = Phase::Aborted;
        was_trying
    }

    /// Number of the attempt that runs or comes next, from 1.
    pub const fn attempt(&self) -> u32 {
        self.failures().saturating_add(1)
    }

    /// Attempts that failed in a row.
    pub const fn failures(&self) -> u32 {
        match self.phase {
            Phase::Playing { .. } => 0,
            _ => self.backoff.failures(),
        }
    }

    /// So many attempts failed that the other side counts as offline.
    pub fn is_offline(&self) -> bool {
        self.phase == Phase::Offline
    }

    /// Nothing is tried any more.
    pub const fn is_stopped(&self) -> bool {
        matches!(self.phase, Phase::Stopped | Phase::Aborted)
    }

    /// The last failure made it offline: true once for each time, so that one alert goes out.
    pub const fn went_offline(&self) -> bool {
        self.went_offline
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{TestCaseError, prop_assert, proptest};

    use super::*;

    fn run(script: &str) -> String {
        run_with(Policy::default(), script)
    }

    /// Letters: `h` host silent, `r` refused, `m` mute, `c` credentials, `s` stalled, `o` other failure (each attempt
    /// fails as soon as it is due), `p` media flows, `a` the host answers a look, `x` abort, a number passes that many
    /// seconds. Answers: `+wait` in seconds, `OFFLINE` once.
    fn run_with(policy: Policy, script: &str) -> String {
        let mut brain = Reconnector::new(policy);
        let mut now = Mono::from_millis(1_000_000);
        let mut log = Vec::new();
        for word in script.split_whitespace() {
            let kind = match word {
                "h" => FailureKind::HostSilent,
                "r" => FailureKind::Refused,
                "m" => FailureKind::Mute,
                "c" => FailureKind::Credentials,
                "s" => FailureKind::Stalled,
                "o" => FailureKind::Other,
                "p" => {
                    brain.playing(now);
                    log.push(format!("playing#{}", brain.attempt()));
                    continue;
                }
                "a" => {
                    brain.answers(now);
                    continue;
                }
                "x" => {
                    log.push(if brain.abort() { "aborted".to_owned() } else { "ended".to_owned() });
                    continue;
                }
                seconds => {
                    now = now + Duration::from_secs(seconds.parse().unwrap());
                    continue;
                }
            };
            log.push(match brain.failed(now, kind, 0.5) {
                Decision::Stop => "stop".to_owned(),
                Decision::RetryAt(at) => {
                    let said = if brain.went_offline() { "OFFLINE" } else { "" };
                    let wait = at.since(now).as_secs_f64();
                    now = at;
                    format!("{said}+{wait}")
                }
            });
        }
        log.join(" ")
    }

    #[test]
    fn five_quick_retries_then_offline_once_and_for_ever_at_the_cap() {
        insta::assert_snapshot!(run("o r o o o o o o o"), @"+1 +2 +4 +8 +16 OFFLINE+30 +30 +30 +30");
    }

    #[test]
    fn a_silent_host_is_offline_at_once() {
        insta::assert_snapshot!(run("h h o h"), @"OFFLINE+30 +30 +30 +30");
    }

    #[test]
    fn a_camera_that_was_offline_and_came_back_may_go_offline_again() {
        insta::assert_snapshot!(run("h p 60 h p 60 o"), @"OFFLINE+30 playing#1 OFFLINE+30 playing#1 +1");
    }

    #[test]
    fn wrong_credentials_stop_everything() {
        insta::assert_snapshot!(run("o c o h"), @"+1 stop stop stop");
    }

    #[test]
    fn with_reconnect_off_the_first_failure_is_the_last() {
        let off = Policy { reconnect: Reconnect::Off, ..Policy::default() };
        insta::assert_snapshot!(run_with(off, "p 60 o o"), @"playing#1 stop stop");
    }

    #[test]
    fn media_that_flowed_for_a_while_starts_over() {
        insta::assert_snapshot!(run("o o o p 10 o o"), @"+1 +2 +4 playing#1 +1 +2");
    }

    #[test]
    fn a_camera_that_hangs_up_after_one_picture_is_not_asked_every_second_for_ever() {
        insta::assert_snapshot!(
            run("o p 1 o p 1 o p 1 o p 1 o p 1 o p 1 o"),
            @"+1 playing#1 +2 playing#1 +4 playing#1 +8 playing#1 +16 playing#1 OFFLINE+30 playing#1 OFFLINE+30"
        );
    }

    #[test]
    fn a_stalled_stream_rests_two_seconds() {
        insta::assert_snapshot!(run("p 60 s s s s"), @"playing#1 +2 +2 +4 +8");
    }

    #[test]
    fn a_host_that_came_back_is_asked_often_while_it_starts_up() {
        insta::assert_snapshot!(
            run("h a o o o o o o o o o o o o o o o o o o o o o"),
            @"OFFLINE+30 +1.5 +1.5 +1.5 +1.5 +1.5 +1.5 +1.5 +1.5 +1.5 +1.5 +1.5 +1.5 +1.5 +1.5 +1.5 +1.5 +1.5 +1.5 +1.5 +1.5 +30"
        );
        insta::assert_snapshot!(run("h a o h o"), @"OFFLINE+30 +1.5 +30 +30");
    }

    #[test]
    fn rtmp_tries_for_a_minute_in_its_steps_and_is_offline_after_that() {
        insta::assert_snapshot!(
            run_with(Policy::rtmp(), "o o o o o o o o o o"),
            @"+1 +2 +4 +8 +10 +10 +10 +10 +10 OFFLINE+10"
        );
    }

    #[test]
    fn an_abort_tells_whether_anything_was_under_way() {
        insta::assert_snapshot!(run("o x o"), @"+1 aborted stop");
        insta::assert_snapshot!(run("p x"), @"playing#1 ended");
        insta::assert_snapshot!(run("x"), @"ended");
    }

    proptest! {
        #[test]
        fn every_retry_lies_ahead_and_within_the_cap(
            kinds in proptest::collection::vec(0_u8..7, 1..60),
            chance in 0.0_f64..1.0,
        ) {
            let mut brain = Reconnector::new(Policy::default());
            let mut now = Mono::ZERO;
            for kind in kinds {
                let kind = match kind {
                    0 => FailureKind::HostSilent,
                    1 => FailureKind::Refused,
                    2 => FailureKind::Other,
                    3 => FailureKind::Stalled,
                    4 => FailureKind::Mute,
                    5 => {
                        brain.answers(now);
                        continue;
                    }
                    _ => {
                        brain.playing(now);
                        now = now + Duration::from_secs(5);
                        continue;
                    }
                };
                let Decision::RetryAt(at) = brain.failed(now, kind, chance) else {
                    return Err(TestCaseError::fail("only credentials stop the retries"));
                };
                prop_assert!(at > now && at.since(now) <= Duration::from_secs(30));
                now = at;
            }
        }
    }
}
