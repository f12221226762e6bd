//! When to try a connection again, and what to call the state it is in until then. SPEC section 4.
//!
//! Brain: time and chance are arguments. Whoever connects (the recorder of a camera, later a push session or a
//! phone's control socket) tells how each attempt went, and is told when the next one is due.
//!
//! What does not belong here: sockets, sleeping, what went wrong in words for people (`wire::Problem`).

pub mod backoff;
pub mod phase;

pub use backoff::{Backoff, Strategy};
pub use phase::{Decision, FailureKind, Policy, Reconnector};
