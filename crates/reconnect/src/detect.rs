//! What counts as failing, and how bad that is. SPEC section 4.
//!
//! | reason | threshold | severity | reconnects |
//! | --- | --- | --- | --- |
//! | `timeout` | no packet for 30 s; pictures die sooner by `liveness` | high | yes |
//! | `network_error` | the connection broke or could not be made | high | yes |
//! | `packet_loss` | over 5 % | medium | no |
//! | `high_latency` | over 1 s | medium | no |
//! | `high_error_rate` | over 10 % | high | no |
//! | `low_packet_rate` | under a minimum, which is off by default | low | no |
//!
//! **Why so few reconnect.** The original tears a connection down for each of the six. For a recorder that is the
//! wrong trade: a stream with 6 % loss or a second of latency still brings most of its pictures, and a new connection
//! over the same network will lose as many, so all that a reconnect adds is a hole of seconds, again and again. What
//! means *dead* reconnects; the others are told to people and counted. Who knows better (a camera whose session
//! degrades for good and is mended by a new one) may name them in [`Thresholds::also_reconnect_on`]; such a reconnect
//! waits until the reason has held for [`Thresholds::reconnect_after`], so that a burst of loss does not cost a
//! session.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tarsier_types::Mono;

use crate::health::{Degradation, Rates};

/// Below so many packets in the window a share of them says nothing.
const ENOUGH_PACKETS: u64 = 50;
/// A rate needs this long to be one.
const ENOUGH_TIME: Duration = Duration::from_secs(5);
/// So many looks in a row must be good for a reason to be over.
const GOOD_LOOKS: u32 = 2;

/// Why a connection counts as failing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureReason {
    /// Nothing came for too long, or no pictures.
    Timeout,
    /// The network loses too many packets.
    PacketLoss,
    /// What comes is old.
    HighLatency,
    /// Too much of what comes is broken.
    HighErrorRate,
    /// Too little comes.
    LowPacketRate,
    /// The connection broke, or could not be made.
    NetworkError,
}

impl FailureReason {
    /// All six.
    pub const ALL: [Self; 6] = [
        Self::Timeout,
        Self::PacketLoss,
        Self::HighLatency,
        Self::HighErrorRate,
        Self::LowPacketRate,
        Self::NetworkError,
    ];

    /// The name in metrics, events and the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::PacketLoss => "packet_loss",
            Self::HighLatency => "high_latency",
            Self::HighErrorRate => "high_error_rate",
            Self::LowPacketRate => "low_packet_rate",
            Self::NetworkError => "network_error",
        }
    }

    /// How bad it is.
    pub const fn severity(self) -> Severity {
        match self {
            Self::Timeout | Self::HighErrorRate | Self::NetworkError => Severity::High,
            Self::PacketLoss | Self::HighLatency => Severity::Medium,
            Self::LowPacketRate => Severity::Low,
        }
    }
}

/// How bad something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing.
    Low,
    /// Pictures suffer.
    Medium,
    /// Pictures are missing.
    High,
}

impl Severity {
    /// The name in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// What is too much.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// No media for so long.
    pub timeout: Duration,
    /// Packets lost of a million sent.
    pub packet_loss_ppm: u32,
    /// Later than at best by so much.
    pub latency: Duration,
    /// Errors for a million packets.
    pub error_rate_ppm: u32,
    /// Packets in a minute; 0: any rate is good.
    pub min_packets_per_minute: u64,
    /// What is answered with a new connection besides `timeout` and `network_error`.
    pub also_reconnect_on: Vec<FailureReason>,
    /// A rate that is to be answered so must have been bad for so long.
    pub reconnect_after: Duration,
}

impl Default for Thresholds {
    /// SPEC section 4. That a rate must be bad for 30 s is a guess.
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(30),
            packet_loss_ppm: 50_000,
            latency: Duration::from_secs(1),
            error_rate_ppm: 100_000,
            min_packets_per_minute: 0,
            also_reconnect_on: Vec::new(),
            reconnect_after: Duration::from_secs(30),
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Bad {
    reason: FailureReason,
    since: Mono,
    good_looks: u32,
}

/// Looks at a connection's rates now and then.
#[derive(Clone, Debug)]
pub struct FailureDetector {
    thresholds: Thresholds,
    bad: Vec<Bad>,
}

impl FailureDetector {
    /// Nothing is bad yet.
    pub const fn new(thresholds: Thresholds) -> Self {
        Self { thresholds, bad: Vec::new() }
    }

    /// When a connection that last said something then has timed out.
    pub fn times_out_at(&self, last_seen: Mono) -> Mono {
        last_seen + self.thresholds.timeout
    }

    /// Looks. Answers a reason to make the connection anew, if there is one.
    pub fn look(&mut self, now: Mono, rates: &Rates) -> Option<FailureReason> {
        for reason in [
            FailureReason::PacketLoss,
            FailureReason::HighLatency,
            FailureReason::HighErrorRate,
            FailureReason::LowPacketRate,
        ] {
            let is_bad = self.is_bad(reason, rates);
            let known = self.bad.iter_mut().find(|bad| bad.reason == reason);
            match (known, is_bad) {
                (Some(bad), true) => bad.good_looks = 0,
                (Some(bad), false) => bad.good_looks += 1,
                (None, true) => self.bad.push(Bad { reason, since: now, good_looks: 0 }),
                (None, false) => {}
            }
        }
        self.bad.retain(|bad| bad.good_looks < GOOD_LOOKS);
        let Thresholds { also_reconnect_on, reconnect_after, .. } = &self.thresholds;
        self.bad
            .iter()
            .find(|bad| {
                bad.good_looks == 0
                    && now.since(bad.since) >= *reconnect_after
                    && also_reconnect_on.contains(&bad.reason)
            })
            .map(|bad| bad.reason)
    }

    /// What is bad now.
    pub fn degraded(&self) -> Vec<Degradation> {
        let told = |bad: &Bad| Degradation { reason: bad.reason, severity: bad.reason.severity() };
        self.bad.iter().map(told).collect()
    }

    fn is_bad(&self, reason: FailureReason, rates: &Rates) -> bool {
        let thresholds = &self.thresholds;
        let is_enough = |count: u64| rates.packets + count >= ENOUGH_PACKETS;
        match reason {
            FailureReason::PacketLoss => {
                is_enough(rates.lost) && rates.loss_ppm() > thresholds.packet_loss_ppm
            }
            FailureReason::HighLatency => {
                rates.latency.is_some_and(|latency| latency > thresholds.latency)
            }
            FailureReason::HighErrorRate => {
                is_enough(rates.errors) && rates.error_ppm() > thresholds.error_rate_ppm
            }
            FailureReason::LowPacketRate => {
                rates.span >= ENOUGH_TIME
                    && rates.packets_per_minute() < thresholds.min_packets_per_minute
            }
            FailureReason::Timeout | FailureReason::NetworkError => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words, one look every 5 s: `ok`, `lossN` percent, `lateN` ms, `badN` percent of errors, `slowN` packets a
    /// minute. Answers what is degraded after each, `!reason` where it would reconnect.
    fn run(thresholds: Thresholds, script: &str) -> String {
        let mut detector = FailureDetector::new(thresholds);
        let mut said = Vec::new();
        for (look, word) in script.split_whitespace().enumerate() {
            let (name, number) =
                word.split_at(word.find(|c: char| c.is_ascii_digit()).unwrap_or(word.len()));
            let number: u64 = number.parse().unwrap_or_default();
            let mut rates = Rates {
                span: Duration::from_secs(10),
                packets: 1_000,
                latency: Some(Duration::from_millis(20)),
                ..Rates::default()
            };
            match name {
                "loss" => (rates.packets, rates.lost) = (1_000 - number * 10, number * 10),
                "late" => rates.latency = Some(Duration::from_millis(number)),
                "bad" => (rates.packets, rates.errors) = (1_000 - number * 10, number * 10),
                "slow" => rates.packets = number / 6,
                "few" => (rates.packets, rates.lost) = (10, number),
                _ => {}
            }
            let now = Mono::from_millis(5_000 * u64::try_from(look).unwrap());
            let reconnects = detector.look(now, &rates);
            let names: Vec<&str> =
                detector.degraded().iter().map(|told| told.reason.name()).collect();
            let names = if names.is_empty() { "-".to_owned() } else { names.join("+") };
            said.push(match reconnects {
                Some(reason) => format!("{names}!{}", reason.name()),
                None => names,
            });
        }
        said.join(" ")
    }

    #[test]
    fn each_rate_has_its_threshold() {
        let with_minimum = Thresholds { min_packets_per_minute: 600, ..Thresholds::default() };
        insta::assert_snapshot!(run(with_minimum.clone(), "loss5 late1000 bad10 slow600"), @"- - - -");
        insta::assert_snapshot!(run(with_minimum.clone(), "loss6 ok ok"), @"packet_loss packet_loss -");
        insta::assert_snapshot!(run(with_minimum.clone(), "late1001 ok ok"), @"high_latency high_latency -");
        insta::assert_snapshot!(run(with_minimum.clone(), "bad11 ok ok"), @"high_error_rate high_error_rate -");
        insta::assert_snapshot!(run(with_minimum, "slow590 ok ok"), @"low_packet_rate low_packet_rate -");
        insta::assert_snapshot!(run(Thresholds::default(), "slow6"), @"-");
    }

    #[test]
    fn a_handful_of_packets_is_no_rate() {
        insta::assert_snapshot!(run(Thresholds::default(), "few5 few39"), @"- -");
    }

    #[test]
    fn loss_is_told_and_does_not_cost_the_connection() {
        let told = run(Thresholds::default(), &"loss30 ".repeat(20));
        assert!(!told.contains('!'), "30 % loss must not end what still brings pictures: {told}");
    }

    #[test]
    fn who_wants_a_new_connection_for_loss_gets_one_when_the_loss_has_lasted() {
        let eager = Thresholds {
            also_reconnect_on: vec![FailureReason::PacketLoss],
            ..Thresholds::default()
        };
        let told = run(eager.clone(), "loss9 loss9 loss9 loss9 loss9 loss9 loss9");
        assert_eq!(told.matches('!').count(), 1, "only after 30 s: {told}");
        assert!(told.ends_with("packet_loss!packet_loss"), "{told}");
        let told = run(eager, "loss9 ok ok loss9 loss9 ok loss9");
        assert!(!told.contains('!'), "a burst is none: {told}");
    }

    #[test]
    fn every_reason_has_a_severity() {
        let told: Vec<String> = FailureReason::ALL
            .iter()
            .map(|reason| format!("{}={}", reason.name(), reason.severity().name()))
            .collect();
        insta::assert_snapshot!(
            told.join(" "),
            @"timeout=high packet_loss=medium high_latency=medium high_error_rate=high low_packet_rate=low network_error=high"
        );
    }
}
