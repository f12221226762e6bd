//! RTSP server: every live stream for other programs, as the camera coded it (RFC 2326; SPEC section 8).
//!
//! ```text
//! listener --TCP--> connection (one task a client) <--units-- tarsier_live::Watch
//!                     conversation: what a request is answered    sender: units to RTP, times, reports
//! ```
//! Words: [`door`], [`target`], [`description`], [`sdp`]. Brains: [`conversation`] is a session's state machine, [`challenge`] asks
//! who somebody is, [`sender`] gives packets their times, [`patience`] says when a client is given up. Hands: [`server`] listens, [`pipe`] is
//! TLS or none, [`connection`] one client. What does not belong here: whose token or password is good (that is behind the [`Door`]), packets (`tarsier_rtp`).

mod challenge;
mod connection;
mod conversation;
mod description;
mod door;
mod flac;
mod patience;
mod pipe;
mod sdp;
mod sender;
mod server;
mod target;

pub use door::{Admitted, Answer, Door, Ended, Refused, Shown, Verdict, Why};
pub use server::{Listen, MAX_CONNECTIONS, Rtsp};
