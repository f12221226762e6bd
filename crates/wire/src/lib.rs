//! Words between the hub and its child processes, each defined once.
//!
//! The hub hands a recorder its [`RecorderConfig`] as one line of JSON on standard input (so that no secret
//! ever stands in an argument or an environment), then listens on a local socket to which the recorder
//! connects, and connects again when the hub was restarted. On that socket both sides speak
//! [`framing`]: a length, a postcard header, the raw payload.
//!
//! What does not belong here: sockets, tasks, policy.

pub mod config;
pub mod exit;
pub mod framing;
pub mod message;
pub mod probe;
pub mod transcode;

pub use config::{Engine, RecorderConfig, RecordingMode, StreamConfig};
pub use exit::ExitCode;
pub use message::{ClosedSegment, LinkState, Problem, StreamHealth, ToHub, ToRecorder};
pub use probe::{ProbeReport, ProbeRequest};
pub use transcode::{CodedPicture, CodedSound, FromTranscoder, ToTranscoder};

/// Version of everything in this crate. Both sides are built together; a recorder of another version that is
/// still running when a new hub starts is asked to stop and is replaced.
pub const PROTOCOL: u16 = 2;

/// The first [`PROTOCOL`] whose recorders understand [`ToRecorder::EndAt`] and [`ToRecorder::BeginAt`]. Older ones are
/// only ever told [`ToRecorder::Stop`], which every version understands.
pub const HANDOVER_SINCE: u16 = 2;
