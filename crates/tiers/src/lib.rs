//! Where footage lives and for how long (SPEC section 6): what is moved, copied off the premises and deleted.
//!
//! The brains ask by a [`Look`] and decide by a [`Step`]; hands answer and do. A hub runs one [`Retain`], and one
//! [`Emergency`] for each disk.
//!
//! What does not belong here: SQL (`index`), what is in a file (`segment`), writing footage (`record`).

pub mod words;

pub mod policy;
pub mod refuse;
pub mod window;

pub mod distrust;
pub mod emergency;
pub mod retain;
pub mod spill;

pub mod pace;
pub mod wait;

mod platform;
pub mod volume;

pub mod reserve;
pub mod shown;
pub mod sidecar;

pub mod copy;
pub mod delete;
pub mod mover;

pub mod bucket;
pub mod manifest;

pub mod check;
pub mod watch;

pub mod forecast;
pub mod rate;

#[cfg(test)]
mod script;

pub use emergency::Emergency;
pub use forecast::Forecast;
pub use policy::Policy;
pub use rate::Rate;
pub use retain::Retain;
pub use words::{
    Deletion, DiskId, End, Holding, Look, Piece, PieceName, Shown, Step, StreamName, TierId,
    TierIdError, TierKind, Volume, VolumeState, Which, Why,
};
