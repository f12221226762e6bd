//! Words: the five things that are told of a reconnection. SPEC section 4.
//!
//! ```text
//!  started ── attempt ── attempt ── … ── attempt + succeeded
//!                 └─ failed (offline from here on; patient attempts go on) ── … ── attempt + succeeded
//!                 └─ aborted (nobody wants it any more, or the process ends)
//! ```
//! Whose stream it is stands beside it in the message.

use serde::{Deserialize, Serialize};
use tarsier_types::UtcMs;

use crate::detect::FailureReason;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// Media ceased to flow, or never began.
    Started,
    /// An attempt ended: well if there is no error.
    Attempt,
    /// Media flows again, and that is proven.
    Succeeded,
    /// The quick attempts are used up, or it was stopped. While offline, patient attempts go on.
    Failed,
    /// It ended without success because nobody wants it any more.
    Aborted,
}

impl EventKind {
    /// The name in logs and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Started => "reconnection_started",
            Self::Attempt => "reconnection_attempt",
            Self::Succeeded => "reconnection_succeeded",
            Self::Failed => "reconnection_failed",
            Self::Aborted => "reconnection_aborted",
        }
    }
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReconnectionEvent {
    /// What.
    pub kind: EventKind,
    /// When.
    pub at: UtcMs,
    /// Which attempt, counted from 1 since the last success; 0 before the first.
    pub attempt: u32,
    /// Why it is reconnected.
    pub reason: FailureReason,
    /// What went wrong, for a log; never holds credentials.
    pub error: Option<String>,
    /// Of an attempt: how long it took. Else: how long there has been no media. Milliseconds.
    pub duration_ms: u64,
}
