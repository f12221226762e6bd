//! Words: what is kept of a connection over a restart, and for how long it is believed. SPEC section 4.
//!
//! Kept by whoever can keep things (the hub), handed back at the next start: a recorder that was offline goes on as
//! offline, so that nobody is alerted twice; one that was stopped because of a password does not try that password
//! again; counters go on. Holds no secret: a passphrase comes from the configuration each time.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tarsier_types::{ParameterSets, UtcMs};

use crate::protocol::Protocol;

/// Where a connection was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SavedPhase {
    /// On the way to media, by quick attempts.
    Connecting,
    /// Media flowed.
    Playing,
    /// The quick attempts were used up.
    Offline,
    /// Nothing is tried until something changes.
    Stopped,
}

/// Counted over all connections of all processes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statistics {
    /// Packets that came.
    pub packets: u64,
    /// Bytes of media that came.
    pub bytes: u64,
    /// Errors.
    pub errors: u64,
    /// How long media flowed, milliseconds.
    pub uptime_ms: u64,
    /// Attempts that were made.
    pub attempts: u64,
    /// Connections that were made again.
    pub reconnects: u64,
}

/// What is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionState {
    /// When this was true.
    pub saved: UtcMs,
    /// Where it was.
    pub phase: SavedPhase,
    /// Since when that has been so; while there is no media: since when there is none.
    pub since: UtcMs,
    /// Attempts that failed in a row.
    pub failures: u32,
    /// Why there is no media, in the word of whoever connects.
    pub cause: Option<String>,
    /// How the two sides speak.
    pub protocol: Protocol,
    /// What the tracks held when media last flowed.
    pub parameters: Option<ParameterSets>,
    /// Counters.
    pub statistics: Statistics,
}

impl ConnectionState {
    /// It is young enough to be believed. What comes from the future (a clock that was put back) is not.
    pub fn is_fresh(&self, now: UtcMs, ttl: Duration) -> bool {
        let age = now.millis_since(self.saved);
        u64::try_from(age).is_ok_and(|age| u128::from(age) <= ttl.as_millis())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn saved_at(saved: i64) -> ConnectionState {
        ConnectionState {
            saved: UtcMs(saved),
            phase: SavedPhase::Offline,
            since: UtcMs(0),
            failures: 7,
            cause: Some("port_closed".to_owned()),
            protocol: Protocol::Other,
            parameters: None,
            statistics: Statistics::default(),
        }
    }

    #[test]
    fn what_is_older_than_a_day_or_from_the_future_is_not_believed() {
        let day = Duration::from_secs(86_400);
        assert!(saved_at(1_000).is_fresh(UtcMs(1_000), day));
        assert!(saved_at(1_000).is_fresh(UtcMs(86_401_000), day));
        assert!(!saved_at(1_000).is_fresh(UtcMs(86_401_001), day));
        assert!(!saved_at(1_000).is_fresh(UtcMs(999), day), "the clock was put back");
    }

    #[test]
    fn it_survives_being_written_and_read() {
        let state = saved_at(5);
        let json = serde_json::to_string(&state).unwrap();
        assert_eq!(serde_json::from_str::<ConnectionState>(&json).unwrap(), state);
    }
}
