//! Who may do what. Every route asks for a token (RFC 7519, HS256) that names a role and may name cameras, streams and
//! what it is for.

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

use crate::camera::Stream;

/// What a token's holder may do.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, TS, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Look: live, playback, status.
    Viewer,
    /// Everything.
    Admin,
}

/// What a token for pictures is for. A token that names any of these is for nothing else.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, TS, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Right {
    /// Pictures as they come.
    Live,
    /// Footage.
    Playback,
}

/// The claims inside a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Names the grant: what is renewed of a token, or made of it for one stream, keeps the name. Who revokes it ends
    /// all of them. Tokens of the first versions have none inside; the hub gives them one.
    #[serde(default)]
    pub jti: String,
    /// Who: `window`, `cli`, a user's name.
    pub sub: String,
    /// What its holder may do.
    pub role: Role,
    /// Only these cameras; all of them if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cameras: Option<Vec<String>>,
    /// Only these streams of them; both if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub streams: Option<Vec<Stream>>,
    /// Only for this; for all that the role may do if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rights: Option<Vec<Right>>,
    /// Issued at, seconds since 1970.
    pub iat: i64,
    /// Good until, seconds since 1970.
    pub exp: i64,
    /// However it is renewed, not good beyond that; seconds since 1970. It may be renewed for ever if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<i64>,
}

/// `GET /api/v1/session`: who am I; `POST /api/v1/session` and below: the same with a fresh `token`.
#[derive(Clone, Debug, Serialize, Deserialize, TS, ToSchema)]
pub struct Session {
    /// Names the grant; it is revoked by this.
    pub id: String,
    /// Who.
    pub subject: String,
    /// What its holder may do.
    pub role: Role,
    /// Only these cameras.
    pub cameras: Option<Vec<String>>,
    /// Only these streams of them.
    pub streams: Option<Vec<Stream>>,
    /// Only for this.
    pub rights: Option<Vec<Right>>,
    /// Good from.
    #[ts(type = "number")]
    pub issued_utc_ms: i64,
    /// Good until.
    #[ts(type = "number")]
    pub expires_utc_ms: i64,
    /// The token (only when one was asked for by POST).
    pub token: Option<String>,
    /// The same for programs that read RTSP and know user names and passwords alone (only when it was made to be handed on).
    #[serde(default)]
    pub rtsp_login: Option<RtspLogin>,
}

/// A user name and a password that open by RTSP what a token opens that was handed on, for as long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct RtspLogin {
    /// The beginning of the token's `id`.
    pub username: String,
    /// Made of what the token says, by the hub's key.
    pub password: String,
}

/// `POST /api/v1/session/stream`: a token for one camera's pictures and for nothing else.
#[derive(Clone, Debug, Serialize, Deserialize, TS, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewStreamToken {
    /// Of this camera.
    pub camera_id: String,
    /// Which of its streams; if absent, those that the asker may have: `auto` moves between them.
    #[serde(default)]
    pub stream: Option<Stream>,
    /// What for.
    pub right: Right,
}

/// `POST /api/v1/tokens`: a token to hand on.
#[derive(Clone, Debug, Serialize, Deserialize, TS, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// Whom it is for, as shown in lists and in the log.
    pub subject: String,
    /// What its holder may do.
    pub role: Role,
    /// Only these cameras; all of them if absent.
    #[serde(default)]
    pub cameras: Option<Vec<String>>,
    /// Only these streams of them; both if absent.
    #[serde(default)]
    pub streams: Option<Vec<Stream>>,
    /// Only for this; for all that the role may do if absent.
    #[serde(default)]
    pub rights: Option<Vec<Right>>,
    /// How long it is good for, 1 to 315360000 (ten years). What is renewed of it is not good for longer.
    pub ttl_seconds: u32,
}

/// `GET /api/v1/tokens`: a token that was handed on, or used since the hub started, and is good still.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct TokenItem {
    /// Names the grant; it is revoked by this.
    pub id: String,
    /// Who.
    pub subject: String,
    /// What its holder may do.
    pub role: Role,
    /// Only these cameras.
    pub cameras: Option<Vec<String>>,
    /// Only these streams of them.
    pub streams: Option<Vec<Stream>>,
    /// Only for this.
    pub rights: Option<Vec<Right>>,
    /// Good from, by what was seen of it.
    #[ts(type = "number")]
    pub issued_utc_ms: i64,
    /// Good until, by what was seen of it: it may have been renewed since.
    #[ts(type = "number")]
    pub expires_utc_ms: i64,
    /// Its holder may have it renewed, again and again; it ends when he does not.
    pub is_renewable: bool,
    /// When somebody used it last; absent if nobody did since the hub started.
    #[ts(type = "number | null")]
    pub used_utc_ms: Option<i64>,
    /// What goes on under it now: live streams, questions that wait, streams of events.
    pub running: u32,
    /// It has a user name and a password for RTSP, which `POST /api/v1/tokens/{id}/rtsp-login` tells.
    #[serde(default)]
    pub has_rtsp_login: bool,
}
