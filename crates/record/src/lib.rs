//! One camera: from a source to segments on disk, and live access units to the hub while somebody watches.
//!
//! The way of a picture: [`OpenSource`] → `line` (what is under way towards the camera) → `stream` (one task a stream:
//! tells the brain of `reconnect` what happens, and does what it says) → `recording` (brain: what goes into which file;
//! its parts are `taken` and `settling` for when, `want` for whether, `memory`, `pace` and `absence`) → `files` (one
//! thread a tier, in `disk`: writes and syncs) and `link` (one task: everything for the hub, through `outbox`, the brain
//! that decides what waits and what is left out). `entry` is the whole life of the process.
//!
//! What does not belong here: how a camera is read (`ingest`, `av`), the index, deleting anything.

mod absence;
mod busy;
mod counters;
mod disk;
mod entry;
mod files;
mod folders;
mod gate;
mod handover;
mod lateness;
mod line;
mod link;
mod look;
mod memory;
mod open;
mod outbox;
mod pace;
mod platform;
mod recording;
mod settling;
mod stream;
mod taken;
mod tier;
mod want;
mod writing;

pub use entry::main;
pub use open::{OpenSource, SILENCE};
