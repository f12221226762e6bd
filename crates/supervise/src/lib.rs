//! Child processes: one recorder for each camera, started, watched, started again, or adopted from a hub that
//! is gone.
//!
//! [`Supervisor`] is a handle on one task (`actor`) that owns all that is known of the children. `judge` is the
//! brain: it decides when to start, restart, switch engines or give up. Hands: `child` spawns and kills,
//! `socket` speaks with recorders, `sample` measures them.
//!
//! What does not belong here: what a message of a recorder means (the hub knows), footage, the index.

mod actor;
mod child;
mod judge;
mod sample;
mod socket;
mod supervisor;

pub use judge::{EngineWish, RecorderState};
pub use supervisor::{
    Programs, RecorderSnapshot, Report, StartError, Supervisor, SupervisorOptions,
};
