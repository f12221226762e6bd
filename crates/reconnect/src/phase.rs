//! From a failure to the next action: quick retries, then offline with patient ones, or a stop.
//!
//! ```text
//!            failure                       failure number 6, or a host that is silent
//!  playing ----------> retrying (1..=5) ---------------------------------------------> offline
//!     ^                    |                                                              |
//!     +---- media flows ---+------------------------- media flows ------------------------+
//!                          \-- credentials refused --> stopped, until there is a new configuration
//! ```
//! A success counts once media flowed for a while ([`Policy::proven`]); a camera that shows one picture and hangs up
//! would else be asked every second for ever.

use std::time::Duration;

use tarsier_types::Mono;

use crate::backoff::{Backoff, Strategy};

/// What is configurable about reconnecting.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// How waiting grows.
    pub strategy: Strategy,
    /// Share of each wait that chance moves, 0 to 1.
    pub jitter: f64,
    /// Quick retries before the other side counts as offline.
    pub max_retries: u32,
    /// How long media must have flowed for a failure to be the first again.
    pub proven: Duration,
}

impl Default for Policy {
    /// SPEC section 4: exponential, 10 % jitter, 5 retries. That 10 s prove a connection is a guess.
    fn default() -> Self {
        Self {
            strategy: Strategy::default(),
            jitter: 0.1,
            max_retries: 5,
            proven: Duration::from_secs(10),
        }
    }
}

/// Kinds of failure that are handled differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// Nobody answers at that address: switched off, unplugged, another network.
    HostSilent,
    /// The host is there and refuses: port closed, no such path, no further session.
    Refused,
    /// User name or password refused. Trying again locks accounts.
    Credentials,
    /// Anything else: broken connection, no pictures, an answer that makes no sense.
    Other,
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
}

/// The reconnection of one stream.
#[derive(Clone, Debug)]
pub struct Reconnector {
    policy: Policy,
    backoff: Backoff,
    phase: Phase,
    went_offline: bool,
}

impl Reconnector {
    /// Nothing tried yet.
    pub const fn new(policy: Policy) -> Self {
        let backoff = Backoff::new(policy.strategy, policy.jitter);
        Self { policy, backoff, phase: Phase::Retrying, went_offline: false }
    }

    /// An attempt failed, or a connection that worked broke. `chance` is uniform in `[0, 1)`.
    pub fn failed(&mut self, now: Mono, kind: FailureKind, chance: f64) -> Decision {
        let was_offline = self.phase == Phase::Offline;
        self.went_offline = false;
        if let Phase::Playing { since } = self.phase {
            if now.since(since) >= self.policy.proven {
                self.backoff.reset();
            }
            self.phase = Phase::Retrying;
        }
        if kind == FailureKind::Credentials || self.phase == Phase::Stopped {
            self.phase = Phase::Stopped;
            return Decision::Stop;
        }
        let spent = self.backoff.failures() >= self.policy.max_retries;
        if was_offline || spent || kind == FailureKind::HostSilent {
            self.phase = Phase::Offline;
            self.went_offline = !was_offline;
            return Decision::RetryAt(now + self.backoff.failed_at_cap(chance));
        }
        Decision::RetryAt(now + self.backoff.failed(chance))
    }

    /// Media flows: the first access unit came. (A connection alone is no success.)
    pub const fn playing(&mut self, now: Mono) {
        self.went_offline = false;
        self.phase = Phase::Playing { since: now };
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

    /// The last failure made it offline: true once for each time, so that one alert goes out.
    pub const fn went_offline(&self) -> bool {
        self.went_offline
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{TestCaseError, prop_assert, proptest};

    use super::*;

    /// Letters: `h` host silent, `r` refused, `c` credentials, `o` other failure (each attempt fails as soon as it is
    /// due), `p` media flows, a number passes that many seconds. Answers: `+wait` in seconds, `OFFLINE` once.
    fn run(script: &str) -> String {
        let mut brain = Reconnector::new(Policy::default());
        let mut now = Mono::from_millis(1_000_000);
        let mut log = Vec::new();
        for word in script.split_whitespace() {
            let kind = match word {
                "h" => FailureKind::HostSilent,
                "r" => FailureKind::Refused,
                "c" => FailureKind::Credentials,
                "o" => FailureKind::Other,
                "p" => {
                    brain.playing(now);
                    log.push(format!("playing#{}", brain.attempt()));
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

    proptest! {
        #[test]
        fn every_retry_lies_ahead_and_within_the_cap(
            kinds in proptest::collection::vec(0_u8..4, 1..60),
            chance in 0.0_f64..1.0,
        ) {
            let mut brain = Reconnector::new(Policy::default());
            let mut now = Mono::ZERO;
            for kind in kinds {
                let kind = match kind {
                    0 => FailureKind::HostSilent,
                    1 => FailureKind::Refused,
                    2 => FailureKind::Other,
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
