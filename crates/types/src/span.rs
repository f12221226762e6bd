//! Spans of wall-clock time, and gaps, each with its reason.

use serde::{Deserialize, Serialize};

use crate::time::UtcMs;

/// `[start, end)` on the wall clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct UtcRange {
    /// The first millisecond in it.
    pub start: UtcMs,
    /// The first millisecond after it.
    pub end: UtcMs,
}

impl UtcRange {
    /// A range, empty if `end` is not after `start`.
    pub const fn new(start: UtcMs, end: UtcMs) -> Self {
        Self { start, end }
    }

    /// Its length in milliseconds, never negative.
    pub const fn millis(self) -> i64 {
        let millis = self.end.0 - self.start.0;
        if millis < 0 { 0 } else { millis }
    }

    /// What both ranges have in common, if anything.
    pub fn overlap(self, other: Self) -> Option<Self> {
        let both = Self::new(self.start.max(other.start), self.end.min(other.end));
        (both.start < both.end).then_some(both)
    }
}

/// Why there is no footage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GapReason {
    /// The camera answered but sent no pictures, or ended the session.
    Camera,
    /// The camera could not be reached.
    Network,
    /// The camera refused the user name or the password.
    Credentials,
    /// The disk was full, missing or too slow.
    Disk,
    /// The recorder was not running: a crash, an update, the machine was off.
    Recorder,
    /// Nobody wanted a recording: recording is off or paused, or the schedule says so.
    Planned,
    /// Footage was there and has been deleted by a rule.
    Deleted,
    /// Nothing is known.
    Unknown,
    /// The wall clock went ahead of the time that passed: it was set, or the machine slept.
    Clock,
}

impl GapReason {
    /// Every reason, in the order of the enum.
    pub const ALL: [Self; 9] = [
        Self::Camera,
        Self::Network,
        Self::Credentials,
        Self::Disk,
        Self::Recorder,
        Self::Planned,
        Self::Deleted,
        Self::Unknown,
        Self::Clock,
    ];

    /// The name in files, the database and the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Camera => "camera",
            Self::Network => "network",
            Self::Credentials => "credentials",
            Self::Disk => "disk",
            Self::Recorder => "recorder",
            Self::Planned => "planned",
            Self::Deleted => "deleted",
            Self::Unknown => "unknown",
            Self::Clock => "clock",
        }
    }

    /// The reason of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.name() == name)
    }
}

/// A span with no footage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// From the end of the last picture to the first one after it.
    pub range: UtcRange,
    /// Why.
    pub reason: GapReason,
}
