//! RTSP and RTP, for every server of ours (the product's own and the demo camera), and for what the client's library does not read.
//!
//! Words: [`message`] and [`transport`] (RFC 2326), [`digest`] (who somebody is), [`packets`] (RFC 3550), [`nal`], [`av1`] and
//! [`audio`] (how units are cut into packets, and put together of them), [`rtcp`] (reports), [`sdp`] (how
//! they are described). Hands: [`ports`], a pair of UDP sockets. What does not belong here: who may look, what is
//! sent when.

pub mod audio;
pub mod av1;
pub mod digest;
pub mod message;
pub mod nal;
pub mod packets;
pub mod ports;
pub mod rtcp;
pub mod sdp;
pub mod transport;

pub use packets::{Packets, Patch, Received};
