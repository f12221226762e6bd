//! Words: what is configurable about a connection, each number with its default and its source.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::backoff::Strategy;
use crate::detect::Thresholds;
use crate::liveness::Limits;

/// Whether a connection that broke is made again at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reconnect {
    /// For ever.
    #[default]
    On,
    /// The first failure stops it, until there is a new configuration.
    Off,
}

/// When quick retries end and the other side counts as offline. (Patient retries go on after that, for ever.)
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quick {
    /// After so many failures in a row.
    Retries(u32),
    /// So long after the first failure: `reconnect_delay_max` of RTMP pull.
    Window(Duration),
}

/// Looking whether a host answers, between full attempts (ADR 0010).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Looking {
    /// From one look to the next.
    pub every: Duration,
    /// A host that has just begun to answer is starting up: for so long it is asked in full every `again`.
    pub returning: Duration,
    /// See `returning`.
    pub again: Duration,
}

impl Default for Looking {
    /// Every second, so that recording resumes within 3 s of a camera's return: the rest is for connecting and for the
    /// first keyframe. That a camera serves pictures within 30 s of opening its port is a guess.
    fn default() -> Self {
        Self {
            every: Duration::from_secs(1),
            returning: Duration::from_secs(30),
            again: Duration::from_millis(1_500),
        }
    }
}

/// What is configurable about reconnecting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// Whether there is a second attempt at all.
    pub reconnect: Reconnect,
    /// How waiting grows.
    pub strategy: Strategy,
    /// Share of each wait that chance moves, 0 to 100.
    pub jitter_percent: u8,
    /// Quick retries before the other side counts as offline.
    pub quick: Quick,
    /// How long media must have flowed for a failure to be the first again.
    pub steady: Duration,
    /// After media stalled: how long to wait at least before the stream is connected again.
    pub stalled_wait: Duration,
    /// From the answer to the first access unit.
    pub first_unit: Duration,
    /// From the answer to the first keyframe, while other pictures come.
    pub first_keyframe: Duration,
    /// Looking for a silent host between full attempts; none: only full attempts.
    pub looking: Option<Looking>,
    /// When a track counts as dead.
    pub liveness: Limits,
    /// What counts as failing.
    pub thresholds: Thresholds,
    /// How often thresholds are looked at, and health is told.
    pub check_every: Duration,
    /// How long what was kept over a restart is believed.
    pub state_ttl: Duration,
}

impl Default for Policy {
    /// SPEC section 4: exponential, 10 % jitter, 5 retries, 2 s after a stall, the first unit within 10 s. That 10 s
    /// of media prove a connection and that a smart GOP may take 5 minutes are guesses; a check each 5 s and a day of
    /// keeping are the original's.
    fn default() -> Self {
        Self {
            reconnect: Reconnect::On,
            strategy: Strategy::default(),
            jitter_percent: 10,
            quick: Quick::Retries(5),
            steady: Duration::from_secs(10),
            stalled_wait: Duration::from_secs(2),
            first_unit: Duration::from_secs(10),
            first_keyframe: Duration::from_secs(300),
            looking: Some(Looking::default()),
            liveness: Limits::default(),
            thresholds: Thresholds::default(),
            check_every: Duration::from_secs(5),
            state_ttl: Duration::from_secs(86_400),
        }
    }
}

impl Policy {
    /// SPEC section 4, RTMP pull: steps of 1, 2, 4, 8, 10 s within a window of 60 s. Unlike the original, what is
    /// not back by then is offline and goes on being tried.
    pub fn rtmp() -> Self {
        Self {
            strategy: Strategy::rtmp(),
            quick: Quick::Window(Duration::from_secs(60)),
            ..Self::default()
        }
    }
}
