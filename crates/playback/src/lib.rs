//! The past: what a camera's timeline shows, what a player is told to play, where in which file an instant lies
//! (SPEC section 7).
//!
//! [`timeline`], [`vod`], [`seek`], [`shift`] and [`days`] are brains: rows in, answers out. [`past`] fetches the rows for
//! them, [`read`] reads the bytes that they name. All of it blocks for milliseconds at most and is called on a
//! thread that may.
//!
//! What does not belong here: live pictures (`live`; playback never uses it), decoding, HTTP, rights.

pub mod days;
mod open_segment;
pub mod past;
pub mod read;
pub mod seek;
pub mod shift;
pub mod timeline;
pub mod vod;

pub use open_segment::OpenSegment;
