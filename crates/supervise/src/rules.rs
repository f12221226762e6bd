//! Words: the numbers that a recorder is judged by, and what it is found guilty of (SPEC section 5).
//!
//! What does not belong here: measuring, judging.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tarsier_types::StreamKind;

/// The numbers of supervision. What a stored text does not name has its default.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rules {
    /// A recorder with more resident memory is replaced, in MB (10^6 bytes).
    pub max_rss_mb: u32,
    /// A recorder that uses more of one core, in percent, for `cpu_seconds` is replaced.
    pub max_cpu_percent: u32,
    /// For how long, in seconds.
    pub cpu_seconds: u32,
    /// A recorder that says nothing for so long, in seconds, hangs: it is killed and started again.
    pub heartbeat_seconds: u32,
    /// A recorder that was never heard may take so long for its start, in seconds.
    pub start_seconds: u32,
    /// Media written is compared with media that came over so long, in seconds of flowing pictures.
    pub media_window_seconds: u32,
    /// A recorder that wrote less of it, in percent, is replaced; 0 switches the rule off.
    pub min_media_percent: u32,
    /// After the first end in `restarts_within_seconds` a recorder is started again after so many milliseconds:
    /// footage is being lost, and one death is no pattern.
    pub first_wait_ms: u32,
    /// After the second one, in seconds; it doubles with each further one.
    pub wait_seconds: u32,
    /// Up to this, in seconds.
    pub longest_wait_seconds: u32,
    /// More restarts than this in `restarts_within_seconds` make a recorder unstable: it is left alone for a while.
    pub max_restarts: u32,
    /// In seconds.
    pub restarts_within_seconds: u32,
    /// How long it is left alone, in seconds; then it is tried again.
    pub pause_seconds: u32,
    /// How often a recorder that found its disk not writable is tried again, in seconds.
    pub disk_retry_seconds: u32,
    /// How many recorders may be restarted at once because a rule says so; those that died do not count.
    pub restarts_at_once: u32,
    /// How long a successor may take to be ready to take over without a lost picture, in seconds; 0: recorders are
    /// stopped and started instead.
    pub handover_seconds: u32,
    /// How long recorders go on without any hub, in seconds. For those started from now on.
    pub orphan_seconds: u32,
}

impl Default for Rules {
    /// SPEC section 5 where it names a number; the rest is guessed and harmless.
    fn default() -> Self {
        Self {
            max_rss_mb: 1000,
            max_cpu_percent: 80,
            cpu_seconds: 60,
            heartbeat_seconds: 10,
            start_seconds: 20,
            media_window_seconds: 600,
            min_media_percent: 50,
            first_wait_ms: 500,
            wait_seconds: 5,
            longest_wait_seconds: 60,
            max_restarts: 5,
            restarts_within_seconds: 600,
            pause_seconds: 1800,
            disk_retry_seconds: 30,
            restarts_at_once: 2,
            handover_seconds: 30,
            orphan_seconds: 60,
        }
    }
}

/// A number that would do harm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name} is {value}, and may be {least} to {most}")]
#[non_exhaustive]
pub struct BadRule {
    /// Which, as in JSON.
    pub name: &'static str,
    /// What it is.
    pub value: u32,
    /// The least that it may be.
    pub least: u32,
    /// The most that it may be.
    pub most: u32,
}

impl Rules {
    /// Refuses numbers by which nothing could be recorded.
    pub fn check(&self) -> Result<(), BadRule> {
        const DAY: u32 = 86_400;
        let limits = [
            ("max_rss_mb", self.max_rss_mb, 32, 1_000_000),
            ("max_cpu_percent", self.max_cpu_percent, 5, 100_000),
            ("cpu_seconds", self.cpu_seconds, 4, DAY),
            ("heartbeat_seconds", self.heartbeat_seconds, 3, 600),
            ("start_seconds", self.start_seconds, 5, 600),
            ("media_window_seconds", self.media_window_seconds, 5, DAY),
            ("min_media_percent", self.min_media_percent, 0, 95),
            ("first_wait_ms", self.first_wait_ms, 0, 600_000),
            ("wait_seconds", self.wait_seconds, 1, 600),
            ("longest_wait_seconds", self.longest_wait_seconds, 1, 3600),
            ("max_restarts", self.max_restarts, 1, 10_000),
            ("restarts_within_seconds", self.restarts_within_seconds, 10, DAY),
            ("pause_seconds", self.pause_seconds, 1, DAY),
            ("disk_retry_seconds", self.disk_retry_seconds, 1, 3600),
            ("restarts_at_once", self.restarts_at_once, 1, 64),
            ("handover_seconds", self.handover_seconds, 0, 300),
            ("orphan_seconds", self.orphan_seconds, 2, DAY),
        ];
        for (name, value, least, most) in limits {
            if !(least..=most).contains(&value) {
                return Err(BadRule { name, value, least, most });
            }
        }
        Ok(())
    }

    pub(crate) fn max_rss_bytes(&self) -> u64 {
        u64::from(self.max_rss_mb) * 1_000_000
    }

    pub(crate) fn restarts_within(&self) -> Duration {
        seconds(self.restarts_within_seconds)
    }

    /// How long to wait after a restart before which there were `earlier` ones.
    pub(crate) fn wait(&self, earlier: usize) -> Duration {
        let longest = seconds(self.longest_wait_seconds);
        match earlier.checked_sub(1) {
            None => Duration::from_millis(u64::from(self.first_wait_ms)).min(longest),
            Some(doublings) => {
                let doublings = u32::try_from(doublings).unwrap_or(u32::MAX).min(16);
                seconds(self.wait_seconds).saturating_mul(1 << doublings).min(longest)
            }
        }
    }
}

pub(crate) fn seconds(seconds: u32) -> Duration {
    Duration::from_secs(u64::from(seconds))
}

/// A rule that a living recorder broke, and the figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Breach {
    /// Too much memory.
    Memory {
        /// Resident, in bytes.
        rss_bytes: u64,
        /// Allowed, in bytes.
        limit_bytes: u64,
    },
    /// Too busy for too long.
    Cpu {
        /// Of one core, when it was found, in percent.
        percent: u32,
        /// Allowed, in percent.
        limit_percent: u32,
        /// Over it for so long, in seconds.
        seconds: u32,
    },
    /// It says nothing: it hangs.
    Silence {
        /// For so long, in seconds.
        seconds: u32,
    },
    /// Pictures came and too few of them were written.
    Media {
        /// Of which stream.
        stream: StreamKind,
        /// Media written, in milliseconds.
        written_ms: u64,
        /// Media that came, in milliseconds.
        expected_ms: u64,
    },
}

impl Breach {
    /// The rule's name, for logs and counters.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Memory { .. } => "memory",
            Self::Cpu { .. } => "cpu",
            Self::Silence { .. } => "silence",
            Self::Media { .. } => "media",
        }
    }
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory { rss_bytes, limit_bytes } => {
                write!(
                    f,
                    "{} MB of memory, {} allowed",
                    rss_bytes / 1_000_000,
                    limit_bytes / 1_000_000
                )
            }
            Self::Cpu { percent, limit_percent, seconds } => {
                write!(f, "{percent} % of a core, over {limit_percent} % for {seconds} s")
            }
            Self::Silence { seconds } => write!(f, "no sign of life for {seconds} s"),
            Self::Media { stream, written_ms, expected_ms } => {
                write!(f, "{} s of {} s of {stream} written", written_ms / 1000, expected_ms / 1000)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_named_has_its_default_and_what_is_unknown_is_refused() {
        let read = |text| serde_json::from_str::<Rules>(text);
        assert_eq!(read("{}").unwrap(), Rules::default());
        assert_eq!(read(r#"{"max_rss_mb":64}"#).unwrap().max_rss_mb, 64);
        assert!(read(r#"{"max_rss":64}"#).is_err(), "a misspelt rule must not be silently ignored");
        assert_eq!(Rules::default().check(), Ok(()));
    }

    #[test]
    fn a_number_that_would_stop_recording_is_refused_by_name() {
        let refused = Rules { max_rss_mb: 1, ..Rules::default() }.check().unwrap_err();
        assert_eq!(refused.to_string(), "max_rss_mb is 1, and may be 32 to 1000000");
        assert!(Rules { handover_seconds: 0, ..Rules::default() }.check().is_ok(), "0 is a choice");
    }

    #[test]
    fn the_wait_is_short_once_then_5_seconds_and_grows() {
        let rules = Rules::default();
        let waits: Vec<_> = (0..6).map(|earlier| rules.wait(earlier).as_millis()).collect();
        assert_eq!(waits, [500, 5000, 10_000, 20_000, 40_000, 60_000]);
    }
}
