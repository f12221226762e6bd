//! RTP and RTCP as bytes: how units are cut into packets, and the sender's reports.
//!
//! What does not belong here: when something is sent (`playout`), and sockets.

pub(crate) mod audio;
pub(crate) mod nal;
pub(crate) mod packets;
pub(crate) mod rtcp;

pub(crate) use packets::{MAX_PAYLOAD, PacketWriter, Packets, Patch};
