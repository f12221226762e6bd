//! `GET /live/{camera}/{stream}/mse`: a WebSocket for Media Source Extensions.
//!
//! The client's first message is [`MseRequest`] as text. The server answers with [`MseMessage`]s as text and,
//! behind each `Init`, binary messages: first `ftyp moov`, then one `[prft] moof mdat` for each access unit,
//! the last GOP at once. With sound, units of both tracks come in turn, as they arrived. The `prft` box (ISO/IEC 14496-12 section 8.16.5) tells when the unit's last byte
//! reached the recorder. Media time starts at 0 with each `Init` and the unit before it is never needed again:
//! a client puts the new run behind what it has buffered (`timestampOffset`), or begins anew.
//!
//! `auto` in the place of the stream chooses between them, and follows the connection: each change is an `Init`, the run behind
//! it goes on where the one before was left. It must know what reaches the client ([`MseReport`]).
//!
//! The stream ends with the token that it was opened with, unless the client hands over a later one in time
//! ([`MseRenewal`], as often as it likes); one that is not good for this stream ends it at once.

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

use crate::camera::Stream;
use crate::problem::Problem;

/// What the client can play.
#[derive(Clone, Debug, Serialize, Deserialize, TS, ToSchema)]
pub struct MseRequest {
    /// RFC 6381 codecs for which `MediaSource.isTypeSupported` said yes: `avc1.640028`, `hvc1.1.6.L93.B0`. A
    /// family is enough: the server asks only whether the stream's coding (`avc1`, `hvc1`, `av01`) is among them.
    pub codecs: Vec<String>,
    /// Send the sound too, if there is any and its coding (`mp4a`, `flac`) is among `codecs`. The type in
    /// [`MseMessage::Init`] tells whether it comes.
    #[serde(default)]
    pub sound: bool,
    /// The client sends an [`MseReport`] whenever it has received 32 KiB, or anything 100 ms ago. For `auto`.
    #[serde(default)]
    pub reports: bool,
    /// For `auto`: nothing better than this is of use. Who shows a small picture needs no large stream.
    #[serde(default = "best_there_is")]
    pub best: Stream,
    /// For `auto`: the connection has just proved narrow. It begins with less, and goes up when that arrives in time.
    #[serde(default)]
    pub is_narrow: bool,
}

const fn best_there_is() -> Stream {
    Stream::Main
}

/// A later token for the same stream: the client's second message and all that follow.
#[derive(Clone, Debug, Serialize, Deserialize, TS, ToSchema)]
pub struct MseRenewal {
    /// From now on the stream ends with this one.
    pub token: String,
}

/// What has reached the client, as often as it likes.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, TS, ToSchema)]
pub struct MseReport {
    /// So many messages since the beginning, text and binary.
    pub received: u32,
    /// From now on nothing better than this is of use; as before if absent.
    #[serde(default)]
    pub best: Option<Stream>,
}

/// What can be watched live, as in paths: a camera's own streams, and rungs, which are converted to H.264 for who
/// watches them. The largest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub enum LiveStream {
    /// Full quality, as the camera sends it.
    #[serde(rename = "main")]
    Main,
    /// Small, as the camera sends it.
    #[serde(rename = "sub")]
    Sub,
    /// Converted, 720 pixels high at most.
    #[serde(rename = "720p")]
    P720,
    /// Converted, 480 pixels high at most.
    #[serde(rename = "480p")]
    P480,
    /// Converted, 360 pixels high at most.
    #[serde(rename = "360p")]
    P360,
}

/// What the server says between the pictures.
#[derive(Clone, Debug, Serialize, Deserialize, TS, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum MseMessage {
    /// The next binary message is an init segment for this type.
    Init {
        /// `video/mp4; codecs="avc1.640028,mp4a.40.2"`
        mime: String,
        /// Pixels.
        width: u16,
        /// Pixels.
        height: u16,
        /// Which stream is sent (`auto` may move).
        stream: LiveStream,
        /// There is none that would be of more use to this client: it is no less because of the connection.
        is_best: bool,
    },
    /// No pictures now; they follow by themselves.
    Waiting {
        /// Why, and what is being done.
        problem: Problem,
    },
    /// This viewer was too slow: whole GOPs were left out.
    Skipped {
        /// How many access units.
        units: u32,
    },
    /// Nothing, to see whether it arrives in time: a client passes it over (and counts it).
    Probe {
        /// Any text.
        padding: String,
    },
    /// Nothing will follow.
    Ended {
        /// Why.
        problem: Problem,
    },
}
