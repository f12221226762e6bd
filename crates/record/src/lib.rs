//! One camera: from a source to segments on disk, and live access units to the hub while somebody watches.
//!
//! The way of a picture: [`OpenSource`] → `stream` (one task a stream: connect, read, ask `reconnect` when to
//! try again) → `recording` (brain: what goes into which file) → `files` (one thread: writes and syncs) and
//! `link` (one task: everything for the hub, through `outbox`, the brain that decides what waits and what is
//! left out). `entry` is the whole life of the process.
//!
//! What does not belong here: how a camera is read (`ingest`, `av`), the index, deleting anything.

mod counters;
mod entry;
mod files;
mod gate;
mod link;
mod open;
mod outbox;
mod platform;
mod recording;
mod stream;

pub use entry::main;
pub use open::OpenSource;
