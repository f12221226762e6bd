//! Child processes: one recorder for each camera, started, watched, started again, replaced without a lost picture, or
//! adopted from a hub that is gone.
//!
//! [`Supervisor`] is a handle on one task (`actor`) that owns all that is known of the children. Words: [`Rules`],
//! `identity`. Brains, from small to large: `usage` and `media` (what of a living process is out of bounds), `judge`
//! (what follows from that, and from exit codes), `handover` (one recorder takes over from another), `duty` (which
//! process serves a camera), `governor` (how many cameras at once), `voice` (what of two recorders the hub hears).
//! Hands: `child` spawns, `process` knows and kills, `socket` speaks with recorders, `sample` measures them.
//!
//! A recorder never outlives a hub that is gone for good: it ends by itself after [`Rules::orphan_seconds`] without one.
//! That needs nothing of the operating system (no job object, no signal of a parent's death), so that it holds on Linux,
//! macOS and Windows alike, and so that a hub that comes back sooner finds its recorders at work. Run on Linux only so far.
//!
//! What does not belong here: what a message of a recorder means (the hub knows), footage, the index.

mod actor;
mod child;
mod duty;
mod ends;
mod governor;
mod handover;
mod identity;
mod judge;
mod media;
mod process;
mod rules;
mod running;
mod sample;
mod socket;
mod supervisor;
mod usage;
mod voice;

pub use judge::{EngineWish, RecorderState};
pub use rules::{BadRule, Breach, Rules};
pub use supervisor::{
    Manner, Programs, RecorderSnapshot, Report, StartError, Supervisor, SupervisorOptions,
};
