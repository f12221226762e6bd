//! `/api/v1/tokens`: tokens to hand on, those that are in use, and taking one back.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use tarsier_api::Page;
use tarsier_api::problem::{Problem, ProblemCode};
use tarsier_api::rights::{NewToken, RtspLogin, Session, TokenItem};
use tarsier_types::CameraId;

use crate::http::answer::{Body, Failure, PathOf};
use crate::http::rights::Admin;
use crate::http::session::session;
use crate::hub::Hub;
use crate::tokens::{Grant, LONGEST, is_id};
use crate::words;

const MOST_SUBJECT_CHARS: usize = 60;

/// Tokens that are good still and were handed on here, or used since the hub started: unused ones first, then by their last
/// use; at most 2000. What was made by `tarsierd token` and not used since then is not known here.
#[utoipa::path(get, path = "/api/v1/tokens", responses(
    (status = 200, body = Page<TokenItem>, description = "Always one page"),
    (status = 401, body = Problem, description = "No token, or not a good one"),
    (status = 403, body = Problem, description = "Not an administrator")))]
pub(crate) async fn list(State(hub): State<Arc<Hub>>, _admin: Admin) -> Json<Page<TokenItem>> {
    Json(Page { items: hub.sessions.known(), next: None })
}

/// Makes a token to hand on: as narrow and as short-lived as its use allows. It is listed until it ends.
#[utoipa::path(post, path = "/api/v1/tokens", request_body = NewToken, responses(
    (status = 201, body = Session, description = "With the token, which is told this once"),
    (status = 400, body = Problem, description = "The body cannot be meant"),
    (status = 401, body = Problem, description = "No token, or not a good one"),
    (status = 403, body = Problem, description = "Not an administrator"),
    (status = 404, body = Problem, description = "No such camera"),
    (status = 507, body = Problem, description = "The disk takes no writes: it could not be listed, and there is no token")))]
pub(crate) async fn create(
    State(hub): State<Arc<Hub>>,
    _admin: Admin,
    Body(new): Body<NewToken>,
) -> Result<(StatusCode, Json<Session>), Failure> {
    let NewToken { subject, role, cameras, streams, rights, ttl_seconds } = new;
    let lifetime = Duration::from_secs(ttl_seconds.into());
    if lifetime.is_zero() || lifetime > LONGEST {
        return Err(Failure::bad_request(
            "ttl_seconds is not between 1 and 315360000.",
            "Five minutes are 300; ten years are the most.",
        ));
    }
    if subject.trim().is_empty() || subject.chars().count() > MOST_SUBJECT_CHARS {
        return Err(Failure::bad_request(
            "subject is empty or longer than 60 characters.",
            "Say whom the token is for.",
        ));
    }
    for camera in cameras.iter().flatten() {
        let known = CameraId::new(camera.as_str()).ok().and_then(|id| hub.camera(&id));
        known.ok_or_else(|| words::no_camera(camera))?;
    }
    let grant = Grant { subject: subject.trim(), role, cameras, streams, rights };
    let given = hub.sessions.give(grant, lifetime).await.map_err(|error| {
        tracing::error!(%error, "a token to hand on cannot be listed");
        words::problem(
            ProblemCode::DiskNotWritable,
            "There is no token: the disk takes no writes, and it could not be listed.",
            "Make room, and try again.",
        )
    });
    let (token, claims) = given?;
    let rtsp_login = hub.sessions.login(&claims.jti).map(|(login, _)| login);
    Ok((StatusCode::CREATED, Json(Session { rtsp_login, ..session(claims, Some(token)) })))
}

/// Tells the user name and the password for RTSP of a token that was handed on: the same as when it was made.
#[utoipa::path(post, path = "/api/v1/tokens/{id}/rtsp-login", params(
    ("id" = String, Path, description = "The `id` of the token")), responses(
    (status = 200, body = RtspLogin, description = "Good for as long as the token"),
    (status = 401, body = Problem, description = "No token, or not a good one"),
    (status = 403, body = Problem, description = "Not an administrator"),
    (status = 404, body = Problem, description = "None of that name was handed on and is good for live pictures still")))]
pub(crate) async fn rtsp_login(
    State(hub): State<Arc<Hub>>,
    _admin: Admin,
    PathOf(id): PathOf<String>,
) -> Result<Json<RtspLogin>, Failure> {
    let (login, claims) = hub.sessions.login(&id).ok_or_else(|| {
        words::problem(
            ProblemCode::NotFound,
            "There is no user name and no password for RTSP under that name.",
            "What was given may have been taken back or have ended; or it is for footage alone.",
        )
    })?;
    tracing::info!(id, subject = claims.sub, "a password for RTSP was shown again");
    Ok(Json(login))
}

/// Takes a token back, with all that was renewed or made of it: what goes on under it ends now, on every transport, and it
/// is never taken again. Taking it back twice is no mistake.
#[utoipa::path(delete, path = "/api/v1/tokens/{id}", params(
    ("id" = String, Path, description = "The `id` of the token, which is its claim `jti`")), responses(
    (status = 204, description = "Revoked"),
    (status = 401, body = Problem, description = "No token, or not a good one"),
    (status = 403, body = Problem, description = "Not an administrator"),
    (status = 404, body = Problem, description = "That is no name of a token"),
    (status = 507, body = Problem, description = "It is revoked, but the disk takes no writes: only until the hub is started anew")))]
pub(crate) async fn revoke(
    State(hub): State<Arc<Hub>>,
    _admin: Admin,
    PathOf(id): PathOf<String>,
) -> Result<StatusCode, Failure> {
    if !is_id(&id) {
        return Err(words::problem(
            ProblemCode::NotFound,
            "That is no name of a token.",
            "It is 32 hexadecimal digits: the claim jti inside the token, or the id in the list of tokens.",
        )
        .into());
    }
    hub.sessions.revoke(&id).await.map_err(|error| {
        tracing::error!(%error, "a revoked token is not on the disk");
        words::problem(
            ProblemCode::DiskNotWritable,
            "The token is revoked, but that is not kept: the disk takes no writes.",
            "Make room, and revoke it once more: it would be good again when Tarsier is started anew.",
        )
    })?;
    Ok(StatusCode::NO_CONTENT)
}
