//! RTSP 1.0 (RFC 2326) as a camera speaks it, without sockets.

mod auth;
mod conversation;
mod message;
mod sdp;
mod target;
mod transport;

pub(crate) use conversation::{Access, Conversation, Opened};
pub(crate) use message::{BadMessage, Incoming, Response, Status, parse};
