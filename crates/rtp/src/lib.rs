//! RTSP and RTP as a server speaks them, for every server of ours: the product's own and the demo camera.
//!
//! Words: [`message`] and [`transport`] (RFC 2326), [`digest`] (who somebody is), [`packets`] (RFC 3550), [`nal`] and [`audio`] (how units are cut into
//! packets), [`rtcp`] (reports), [`sdp`] (how
//! they are described). Hands: [`ports`], a pair of UDP sockets. What does not belong here: who may look, what is
//! sent when.

pub mod audio;
pub mod digest;
pub mod message;
pub mod nal;
pub mod packets;
pub mod ports;
pub mod rtcp;
pub mod sdp;
pub mod transport;

pub use packets::{Packets, Patch};
