//! What went wrong, in words for a person and a code for a program (RFC 9457, `application/problem+json`).

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

/// Why a request was not done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct Problem {
    /// What programs switch on.
    pub code: ProblemCode,
    /// What happened, as a sentence.
    pub message: String,
    /// What to do, as a sentence.
    pub hint: String,
    /// Which field of the request is wrong, as a JSON pointer (RFC 6901). If several are, the first; absent where it is
    /// none in particular.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub field: Option<String>,
}

/// Each code is something else to do; none exists that nobody switches on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProblemCode {
    /// The request cannot be understood.
    BadRequest,
    /// The URL cannot be understood, or its protocol is not spoken.
    BadUrl,
    /// Another camera has this name.
    NameTaken,
    /// No such camera, stream, segment or page.
    NotFound,
    /// There is no token, or it is expired or forged.
    Unauthorized,
    /// The token does not give this right.
    Forbidden,
    /// The request comes from another web site.
    ForeignOrigin,
    /// The name does not resolve.
    HostUnknown,
    /// Nobody answers at that address.
    HostUnreachable,
    /// The host refuses connections on that port.
    PortClosed,
    /// User name or password refused.
    WrongCredentials,
    /// A password is wanted and none was given.
    CredentialsNeeded,
    /// The camera knows no such path.
    NoSuchPath,
    /// There is no video in that stream.
    NoVideo,
    /// There is video in a coding that cannot be recorded.
    CodecNotSupported,
    /// Connected, but no pictures came in time.
    NoPictures,
    /// The camera ended the session.
    Disconnected,
    /// The camera allows no further session.
    TooManySessions,
    /// What answers there is no camera that we understand.
    ProtocolError,
    /// The disk cannot be written to.
    DiskNotWritable,
    /// There is no footage at that time.
    NoFootage,
    /// The camera is not connected, so there is nothing live.
    Offline,
    /// The browser can decode none of the stream's codings.
    NotPlayable,
    /// The hub is stopping.
    Stopping,
    /// A bug of ours; details are in the log.
    Internal,
}
