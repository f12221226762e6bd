//! The only door to libav: reads what the pure-Rust engine cannot, decodes stills, and codes live pictures anew.
//!
//! ```text
//! camera ─> libav ─> reader ─┬─ pictures (nals, obus, stamps) ─┬─> burst ─> timeline, sync ─> SourceEvent
//!           (watch)          └─ sound ─────────────────────────┘   (assembly)
//! fragmented MP4 in memory ─> libav ─> still ─> JPEG, PNG
//! access units ─> libav ─> transcode (cadence, choice of an encoder) ─> H.264
//!                          opus (blocks) ────────────────> Opus
//! ```
//! Only this crate names ffmpeg-next, and only `libav.rs` and `card.rs` hold `unsafe`. No type of libav stands in a public
//! signature; one thread owns one context; every call that can block has an interrupt callback with a deadline
//! (`watch`). libav prints nothing: it would print passwords.
//!
//! What does not belong here: RTSP in pure Rust and the truth of timestamps (`tarsier_ingest`), files, retries.

mod assembly;
mod blocks;
mod burst;
mod cadence;
mod card;
mod choice;
mod encoder;
mod fail;
mod libav;
mod location;
mod nals;
mod obus;
mod opus;
mod pictures;
mod probe;
mod reader;
mod sound;
mod source;
mod stamps;
mod still;
mod transcode;
mod trial;
mod watch;

pub use encoder::Encoders;
pub use opus::{NoOpus, SoundTranscoder};
pub use probe::probe;
pub use source::{LibavSource, Timeouts};
pub use still::{Still, StillError, StillFormat, StillRequest, still};
pub use transcode::{NoEncoder, TranscodeError, TranscodeOptions, Transcoded, Transcoder};
