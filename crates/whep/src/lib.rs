//! WHEP: a camera's live pictures and sound over WebRTC (draft-ietf-wish-whep; SPEC section 8).
//!
//! ```text
//! tarsier_live::Watch --units--> session (one task a viewer) --[picture, stamp]--> peer (str0m) --RTP--> gate (one socket)
//! ```
//! Words: [`offer`], [`fragment`]. Brains: [`judge`] says whether the stream can go to this viewer, [`stamp`] what RTP
//! times pictures get, [`sound`] how sound is sent ([`g711`]: what that is as bytes), [`refresh`] when a lost picture is made
//! good, [`follow`] which stream a viewer of `auto` should have ([`line`]: what his line carries), [`table`] whose a datagram is.
//! Hands: [`gate`] has the socket, [`tcp`] the connections of those whom UDP does not reach, [`session`] one viewer, [`peer`] the
//! library. What does not belong here: HTTP, rights, sentences for people, coding anew.

mod batch;
mod follow;
pub mod fragment;
mod g711;
pub mod gate;
pub mod judge;
mod line;
mod obus;
pub mod offer;
mod peer;
mod picture;
mod place;
mod refresh;
mod session;
mod sound;
mod stamp;
pub mod table;
mod tcp;
mod udp;

pub use gate::{Feeds, Opened, Whep};
pub use judge::Refusal;
pub use table::SessionId;
