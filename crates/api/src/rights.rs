//! Who may do what. Every route asks for a token (RFC 7519, HS256) that names a role and, for viewers, cameras.

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

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

/// The claims inside a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Who: `window`, `cli`, a user's name.
    pub sub: String,
    /// What its holder may do.
    pub role: Role,
    /// Only these cameras; all of them if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cameras: Option<Vec<String>>,
    /// Issued at, seconds since 1970.
    pub iat: i64,
    /// Good until, seconds since 1970.
    pub exp: i64,
}

/// `GET /api/v1/session`: who am I; `POST /api/v1/session`: the same with a fresh `token`.
#[derive(Clone, Debug, Serialize, Deserialize, TS, ToSchema)]
pub struct Session {
    /// Who.
    pub subject: String,
    /// What its holder may do.
    pub role: Role,
    /// Only these cameras.
    pub cameras: Option<Vec<String>>,
    /// Good until.
    #[ts(type = "number")]
    pub expires_utc_ms: i64,
    /// A token with the same rights and a new lifetime (only when asked for by POST).
    pub token: Option<String>,
}
