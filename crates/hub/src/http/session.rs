//! `/api/v1/session`: who am I, a token for longer, a token for less.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use tarsier_api::problem::Problem;
use tarsier_api::rights::{Claims, NewStreamToken, Role, Session};
use tarsier_types::StreamKind;

use crate::http::answer::{Body, Failure};
use crate::http::rights::{Caller, Holder};
use crate::hub::Hub;
use crate::tokens::{FOR_A_STREAM, SESSION, expires};

/// Who am I?
#[utoipa::path(get, path = "/api/v1/session", responses(
    (status = 200, body = Session, description = "Who the token is for"),
    (status = 401, body = Problem, description = "No token, or not a good one")))]
pub(crate) async fn read(Holder(caller): Holder) -> Json<Session> {
    Json(session(caller.claims, None))
}

/// The same rights for longer. The old token stays good until it expires; both are revoked by one `id`.
#[utoipa::path(post, path = "/api/v1/session", responses(
    (status = 200, body = Session, description = "With a new token"),
    (status = 401, body = Problem, description = "No token, or not a good one"),
    (status = 403, body = Problem, description = "The token is for pictures alone")))]
pub(crate) async fn renew(State(hub): State<Arc<Hub>>, caller: Caller) -> Json<Session> {
    let (token, claims) = hub.sessions.renew(caller.claims, SESSION);
    Json(session(claims, Some(token)))
}

/// A token for one camera's pictures and for nothing else, be it one stream or all that the asker may have, to be put into an address. It is good for five minutes and never longer
/// than the one that it is made of; whoever revokes that one ends this one, too.
#[utoipa::path(post, path = "/api/v1/session/stream", request_body = NewStreamToken, responses(
    (status = 200, body = Session, description = "With a new token"),
    (status = 400, body = Problem, description = "The body cannot be understood"),
    (status = 401, body = Problem, description = "No token, or not a good one"),
    (status = 403, body = Problem, description = "The token does not give that right"),
    (status = 404, body = Problem, description = "No such camera or stream")))]
pub(crate) async fn for_a_stream(
    State(hub): State<Arc<Hub>>,
    caller: Caller,
    Body(NewStreamToken { camera_id, stream, right }): Body<NewStreamToken>,
) -> Result<Json<Session>, Failure> {
    let streams = if let Some(stream) = stream {
        caller.stream(&hub, (&camera_id, StreamKind::from(stream).name()), right)?;
        Some(vec![stream])
    } else {
        caller.camera_for(&hub, &camera_id, right)?;
        caller.claims.streams.clone()
    };
    let left_ms = expires(&caller.claims).millis_since(hub.now());
    let left = Duration::from_millis(left_ms.try_into().unwrap_or_default());
    let narrow = Claims {
        role: Role::Viewer,
        cameras: Some(vec![camera_id]),
        streams,
        rights: Some(vec![right]),
        ..caller.claims
    };
    let (token, claims) = hub.sessions.renew(narrow, FOR_A_STREAM.min(left));
    Ok(Json(session(claims, Some(token))))
}

/// What a token says, in the words of the API.
pub(crate) fn session(claims: Claims, token: Option<String>) -> Session {
    let expires_utc_ms = expires(&claims).0;
    let Claims { jti, sub, role, cameras, streams, rights, iat, .. } = claims;
    Session {
        id: jti,
        subject: sub,
        role,
        cameras,
        streams,
        rights,
        issued_utc_ms: iat.saturating_mul(1000),
        expires_utc_ms,
        token,
        rtsp_login: None,
    }
}
