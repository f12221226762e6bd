//! When to try a connection again, and what to call the state it is in until then. SPEC section 4.
//!
//! Brain: time and chance are arguments ([`Moment`]). Whoever connects (the recorder of a camera, a push session, a
//! phone's control socket) tells [`Connection`] what happens, and does what it says: connect, look whether the host
//! answers, drop what is dead. The parts it is made of can be used alone.
//!
//! What does not belong here: sockets, sleeping, what went wrong in words for people (`wire::Problem`).

pub mod policy;

pub mod backoff;
mod looks;
pub mod phase;

pub mod liveness;
pub mod proof;

pub mod detect;
pub mod health;

pub mod event;
pub mod protocol;
pub mod state;

pub mod connection;
pub mod words;

pub use backoff::{Backoff, Strategy};
pub use connection::{Connection, NO_PICTURES};
pub use detect::{FailureReason, Severity, Thresholds};
pub use event::{EventKind, ReconnectionEvent};
pub use health::{ConnectionHealth, Degradation};
pub use liveness::Delivery;
pub use phase::{Decision, FailureKind, Reconnector};
pub use policy::{Policy, Quick, Reconnect};
pub use protocol::{Addressing, Encryption, Protocol};
pub use state::{ConnectionState, SavedPhase, Statistics};
pub use words::{Failure, Input, Media, Moment, Output};
