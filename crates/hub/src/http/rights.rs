//! The token of a request, and what it allows. Decided in [`crate::sessions`].

use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::header;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tarsier_api::problem::ProblemCode;
use tarsier_api::rights::{Claims, Right, Role};
use tarsier_live::{LiveStream, Rung};
use tarsier_types::{CameraId, StreamKind};

use crate::config::CameraEntry;
use crate::door::Seat;
use crate::http::answer::Failure;
use crate::hub::Hub;
use crate::sessions::{Permit, Refused, covers_all_else, covers_camera, covers_stream, may_see};
use crate::tokens::TokenError;
use crate::words;

/// Who asks. As an extractor: anybody with a token that is not for pictures alone.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) claims: Claims,
    /// As it came: handed on in the URLs of a playlist.
    pub(crate) token: String,
}

/// Who asks, be it with a token for pictures alone. For routes that then ask for the right that they give.
pub(crate) struct Holder(pub(crate) Caller);

/// Who asks, with every right.
pub(crate) struct Admin;

/// Lets a request through that carries a token of ours.
pub(crate) async fn authorize(
    State(hub): State<Arc<Hub>>,
    mut request: Request,
    next: Next,
) -> Response {
    match Caller::of(&hub, &token_of(&request)) {
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

/// As the request carries it; empty if it carries none.
fn token_of(request: &Request) -> String {
    bearer(request).or_else(|| in_query(request)).unwrap_or_default()
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
        let claims = hub.sessions.check(token).map_err(refused)?;
        Ok(Self { claims, token: token.to_owned() })
    }

    /// Whoever has shown that he holds that.
    pub(crate) fn holding(claims: Claims) -> Self {
        Self { claims, token: String::new() }
    }

    /// Whether this caller may know of that camera.
    pub(crate) fn may_see(&self, camera: &str) -> bool {
        may_see(&self.claims, camera)
    }

    /// The camera of that id, if there is one and the caller may see it.
    pub(crate) fn camera(&self, hub: &Hub, id: &str) -> Result<Arc<CameraEntry>, Failure> {
        // First the right, then whether it exists: what one may not see, one is not told of.
        if !self.may_see(id) {
            return Err(refused(crate::sessions::OutOfScope::Camera));
        }
        let camera = CameraId::new(id).ok().and_then(|id| hub.camera(&id));
        camera.ok_or_else(|| words::no_camera(id).into())
    }

    /// The same for its pictures.
    pub(crate) fn camera_for(
        &self,
        hub: &Hub,
        id: &str,
        right: Right,
    ) -> Result<Arc<CameraEntry>, Failure> {
        covers_camera(&self.claims, id, right).map_err(refused)?;
        self.camera(hub, id)
    }

    /// The same with one of its streams.
    pub(crate) fn stream(
        &self,
        hub: &Hub,
        (id, stream): (&str, &str),
        right: Right,
    ) -> Result<(Arc<CameraEntry>, StreamKind), Failure> {
        let camera = self.camera_for(hub, id, right)?;
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
        covers_stream(&self.claims, kind).map_err(refused)?;
        Ok((camera, kind))
    }

    /// The same with all of its streams that the caller may have, the best first.
    pub(crate) fn live_streams(
        &self,
        hub: &Hub,
        id: &str,
    ) -> Result<(Arc<CameraEntry>, Vec<StreamKind>), Failure> {
        let camera = self.camera_for(hub, id, Right::Live)?;
        let has = StreamKind::ALL.into_iter().filter(|kind| camera.has(*kind));
        let (covered, refusals): (Vec<_>, Vec<_>) = has
            .map(|kind| covers_stream(&self.claims, kind).map(|()| kind))
            .partition(Result::is_ok);
        let streams: Vec<_> = covered.into_iter().flatten().collect();
        match refusals.into_iter().find_map(Result::err) {
            Some(why) if streams.is_empty() => Err(refused(why)),
            _ => Ok((camera, streams)),
        }
    }

    /// The same with what can be watched of it now: one of its streams, or a rung, which every camera has.
    pub(crate) fn live_stream(
        &self,
        hub: &Hub,
        (id, stream): (&str, &str),
    ) -> Result<(Arc<CameraEntry>, LiveStream), Failure> {
        if let Some(rung) = Rung::from_name(stream) {
            let camera = self.camera_for(hub, id, Right::Live)?;
            covers_stream(&self.claims, rung).map_err(refused)?;
            return Ok((camera, rung.into()));
        }
        let (camera, kind) = self.stream(hub, (id, stream), Right::Live)?;
        Ok((camera, kind.into()))
    }
}

/// An answer that is waited for, as long as the caller may have it.
pub(crate) async fn while_allowed<T>(
    permit: &Permit,
    camera: &CameraEntry,
    answer: impl Future<Output = T>,
) -> Result<T, Failure> {
    tokio::select! {
        answer = answer => Ok(answer),
        ending = permit.ended() => Err(words::must_end(ending, &camera.name).into()),
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Holder {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Failure> {
        // Missing only on a route that was mounted without `authorize`: then nobody gets in.
        let caller = parts.extensions.get::<Caller>().cloned();
        caller.map(Self).ok_or_else(|| refused(TokenError::Missing))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let Holder(caller) = Holder::from_request_parts(parts, state).await?;
        covers_all_else(&caller.claims).map_err(refused)?;
        Ok(caller)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Admin {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let Caller { claims, .. } = Caller::from_request_parts(parts, state).await?;
        match (claims.role, claims.cameras, claims.streams) {
            (Role::Admin, None, None) => Ok(Self),
            _ => Err(words::problem(
                ProblemCode::Forbidden,
                "Only an administrator may do this.",
                "Ask for a token with this right.",
            )
            .into()),
        }
    }
}

/// In words.
pub(crate) fn refused(why: impl Into<Refused>) -> Failure {
    words::refused(why.into()).into()
}
