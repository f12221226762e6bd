//! The token of a request, and what it allows.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::header;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tarsier_api::problem::{Problem, ProblemCode};
use tarsier_api::rights::{Claims, Role};
use tarsier_types::{CameraId, StreamKind};

use crate::config::CameraEntry;
use crate::door::Seat;
use crate::http::answer::Failure;
use crate::hub::Hub;
use crate::tokens::TokenError;
use crate::words;

/// Who asks. As an extractor: anybody with a token.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) claims: Claims,
    /// As it came: handed on in the URLs of a playlist.
    pub(crate) token: String,
}

/// Who asks, with every right.
pub(crate) struct Admin;

/// Lets a request through that carries a token of ours.
pub(crate) async fn authorize(
    State(hub): State<Arc<Hub>>,
    mut request: Request,
    next: Next,
) -> Response {
    let token = bearer(&request).or_else(|| in_query(&request)).unwrap_or_default();
    match Caller::of(&hub, &token) {
        Ok(caller) => {
            if let Some(seat) = request.extensions().get::<Arc<Seat>>() {
                seat.know();
            }
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(failure) => failure.into_response(),
    }
}

/// Why a token lets nobody in.
fn no_good(error: TokenError, token: &str) -> Problem {
    let (message, hint) = match (error, token.is_empty()) {
        (_, true) => {
            ("A token is needed.", "Get one by: tarsierd token --data-dir DIR --role admin")
        }
        (TokenError::Expired, _) => ("The token has expired.", "Get a new one by: tarsierd token"),
        (TokenError::Forged, _) => (
            "The token is not of this Tarsier.",
            "Get one by tarsierd token with the same --data-dir.",
        ),
    };
    words::problem(ProblemCode::Unauthorized, message, hint)
}

fn bearer(request: &Request) -> Option<String> {
    let value = request.headers().get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned())
}

/// A JWT has no character that a query would encode.
fn in_query(request: &Request) -> Option<String> {
    let pairs = request.uri().query()?.split('&');
    pairs.filter_map(|pair| pair.strip_prefix("token=")).map(str::to_owned).next()
}

impl Caller {
    /// Whoever has that token, if it is good.
    pub(crate) fn of(hub: &Hub, token: &str) -> Result<Self, Failure> {
        match hub.tokens.check(token, hub.now()) {
            Ok(claims) => Ok(Self { claims, token: token.to_owned() }),
            Err(error) => Err(no_good(error, token).into()),
        }
    }

    /// Whether this caller may know of that camera.
    pub(crate) fn may_see(&self, camera: &str) -> bool {
        self.claims
            .cameras
            .as_ref()
            .is_none_or(|cameras| cameras.iter().any(|allowed| allowed == camera))
    }

    /// The camera of that id, if there is one and the caller may see it.
    pub(crate) fn camera(&self, hub: &Hub, id: &str) -> Result<Arc<CameraEntry>, Failure> {
        // First the right, then whether it exists: what one may not see, one is not told of.
        if !self.may_see(id) {
            return Err(forbidden("The token is for other cameras."));
        }
        let camera = CameraId::new(id).ok().and_then(|id| hub.camera(&id));
        camera.ok_or_else(|| words::no_camera(id).into())
    }

    /// The same with one of its streams.
    pub(crate) fn stream(
        &self,
        hub: &Hub,
        id: &str,
        stream: &str,
    ) -> Result<(Arc<CameraEntry>, StreamKind), Failure> {
        let camera = self.camera(hub, id)?;
        let kind =
            StreamKind::from_name(stream).filter(|kind| camera.has(*kind)).ok_or_else(|| {
                words::problem(
                    ProblemCode::NotFound,
                    format!(
                        "{} has no stream {:?}.",
                        camera.name,
                        stream.chars().take(20).collect::<String>()
                    ),
                    "There are main and, where one is configured, sub.",
                )
            })?;
        Ok((camera, kind))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Failure> {
        // Missing only on a route that was mounted without `authorize`: then nobody gets in.
        parts.extensions.get::<Self>().cloned().ok_or_else(|| {
            words::problem(
                ProblemCode::Unauthorized,
                "A token is needed.",
                "Get one by: tarsierd token",
            )
            .into()
        })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Admin {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let caller = Caller::from_request_parts(parts, state).await?;
        match (caller.claims.role, &caller.claims.cameras) {
            (Role::Admin, None) => Ok(Self),
            _ => Err(forbidden("Only an administrator may do this.")),
        }
    }
}

fn forbidden(message: &str) -> Failure {
    words::problem(ProblemCode::Forbidden, message, "Ask for a token with this right.").into()
}
