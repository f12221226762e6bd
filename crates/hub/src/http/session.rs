//! `/api/v1/session`: who am I, and a token for longer.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use tarsier_api::problem::Problem;
use tarsier_api::rights::{Claims, Session};

use crate::http::rights::Caller;
use crate::hub::Hub;
use crate::tokens::SESSION;

/// Who am I?
#[utoipa::path(get, path = "/api/v1/session", responses(
    (status = 200, body = Session, description = "Who the token is for"),
    (status = 401, body = Problem, description = "No token, or not a good one")))]
pub(crate) async fn read(caller: Caller) -> Json<Session> {
    Json(session(caller.claims, None))
}

/// The same rights for longer. The old token stays good until it expires.
#[utoipa::path(post, path = "/api/v1/session", responses(
    (status = 200, body = Session, description = "With a new token"),
    (status = 401, body = Problem, description = "No token, or not a good one")))]
pub(crate) async fn renew(State(hub): State<Arc<Hub>>, caller: Caller) -> Json<Session> {
    let Claims { sub, role, cameras, .. } = caller.claims;
    let (token, claims) = hub.tokens.issue(&sub, role, cameras, hub.now(), SESSION);
    Json(session(claims, Some(token)))
}

fn session(claims: Claims, token: Option<String>) -> Session {
    Session {
        subject: claims.sub,
        role: claims.role,
        cameras: claims.cameras,
        expires_utc_ms: claims.exp.saturating_mul(1000),
        token,
    }
}
