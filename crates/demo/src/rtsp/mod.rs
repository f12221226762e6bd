//! RTSP 1.0 (RFC 2326) as a camera speaks it, without sockets.

mod auth;
mod conversation;
mod sdp;
mod target;

pub(crate) use conversation::{Access, Conversation, Opened};
