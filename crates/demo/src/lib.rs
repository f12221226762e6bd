//! An RTSP camera made of files: endless, with continuous timestamps, shared by any number of viewers.
//!
//! It is the product's demo (SPEC section 2, "a looped file"), the load of the benches, and the camera of tests. A
//! film is read and cut into RTP packets once ([`mp4`], [`film`]); each session only patches three fields of
//! every packet ([`playout`]). The place in the film is a function of the wall clock ([`schedule`]), as with a real
//! camera: who comes later or again sees what the others see.
//!
//! What does not belong here: receiving media (that is `ingest`), and faults of a network (those are a proxy's).

mod mp4;

mod bend;
mod film;
mod playout;
mod samples;
mod schedule;

mod rtsp;

mod catalogue;
mod connection;
mod options;
mod quirks;
mod server;
mod stats;

pub use film::MakeFilmError;
pub use mp4::ReadMovieError;
pub use options::{AuthScheme, DemoOptions, Join, StartDemoError};
pub use quirks::{ParameterSetsIn, Quirks, Timestamps, Tracks};
pub use server::DemoServer;
pub use stats::{DemoStats, SessionStats};

/// How far each camera's film is behind the one before it, so that the keyframes of many cameras do not fall
/// together: camera `n` shows what camera 1 showed `(n - 1) * 137 ms` ago.
pub const PHASE_STEP: std::time::Duration = std::time::Duration::from_millis(137);
