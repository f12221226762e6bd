//! Cameras become access units, in pure Rust.
//!
//! ```text
//! retina ─> rtsp ─┬─ pictures ─> timeline ──────────┬─> SourceEvent ─> record
//!                 └─ sound ────> sound, flac, sync ─┘        anchor (the consumer's wall clock)
//! ```
//! What does not belong here: when to try again (`reconnect`), files (`record`), anything in C (`av`).

pub mod anchor;
pub mod flac;
pub mod g711;
mod latency;
mod look;
mod probe;
pub mod problem;
mod redact;
mod rtsp;
pub mod sound;
pub mod source;
pub mod sync;
pub mod timeline;

pub use anchor::{Anchor, Drift};
pub use look::look;
pub use probe::{can_read, probe};
pub use rtsp::{RtspSource, Timeouts};
pub use source::{Anomaly, Source, SourceError, SourceEvent};
