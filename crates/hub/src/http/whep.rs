//! `/live/{camera}/{stream}/whep`: plugs HTTP into [`tarsier_whep`] (draft-ietf-wish-whep, RFC 9725).

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use tarsier_api::problem::{Problem, ProblemCode};
use tarsier_api::rights::Right;
use tarsier_live::Start;
use tarsier_live::auto::{Ladder, Line};
use tarsier_live::fanout::StreamId;
use tarsier_types::StreamKind;
use tarsier_whep::gate::{self as whep, OpenError, TrickleError};
use tarsier_whep::offer::MAX_OFFER_BYTES;
use tarsier_whep::{Opened, SessionId, fragment};

use crate::http::answer::{Failure, PathOf, in_time};
use crate::http::live::AUTO;
use crate::http::rights::{self, Caller, Holder};
use crate::hub::Hub;
use crate::rungs::sub_height;
use crate::sessions::{PermitId, Refused, Wanted};
use crate::words;

const SDP: &str = "application/sdp";
const FRAGMENT: &str = "application/trickle-ice-sdpfrag";
const ACCEPT_POST: HeaderName = HeaderName::from_static("accept-post");
const ACCEPT_PATCH: HeaderName = HeaderName::from_static("accept-patch");
/// When a viewer may ask again: pictures or a place may be there by then.
const RETRY_AFTER_SECONDS: &str = "2";

/// Begins a WebRTC session (WHEP): the body is an SDP offer that wants to receive video, and sound if it likes: it gets
/// the camera's G.711 or Opus as they are, and other sound as Opus. Candidates of the hub are all in the answer; the viewer's may follow by PATCH, and need not.
#[utoipa::path(post, path = "/live/{camera}/{stream}/whep", params(
    ("camera" = String, Path, description = "Of the camera"), ("stream" = String, Path, description = "`main`, `sub`, a rung (`720p`, `480p`, `360p`), or `auto`: whichever of them the connection takes")),
    request_body(content = String, content_type = "application/sdp"), responses(
    (status = 201, body = String, content_type = "application/sdp", description = "The answer; `Location` names the session, `ETag` its ICE"),
    (status = 400, body = Problem, description = "The offer cannot be understood"),
    (status = 401, body = Problem, description = "No token, or not a good one"),
    (status = 403, body = Problem, description = "The token is for other cameras"),
    (status = 404, body = Problem, description = "No such camera or stream"),
    (status = 409, body = Problem, description = "There are no pictures now; try again later"),
    (status = 413, body = Problem, description = "The offer is longer than 64 KiB"),
    (status = 415, body = Problem, description = "The body is not announced as SDP"),
    (status = 422, body = Problem, description = "The stream cannot be shown over WebRTC by this viewer; over `mse` it may be"),
    (status = 503, body = Problem, description = "Too many watch over WebRTC; try again later, or watch over `mse`")))]
pub(crate) async fn open(
    State(hub): State<Arc<Hub>>,
    Holder(caller): Holder,
    PathOf((id, stream)): PathOf<(String, String)>,
    request: Request,
) -> Result<Response, Failure> {
    let Asked { stream, auto } = of(&caller, &hub, &id, &stream)?;
    let offer = text(request, SDP).await?;
    let name = if auto.is_some() { AUTO } else { stream.1.name() };
    let sub_height = sub_height(&hub, &stream.0);
    let (wanted, auto) = match auto {
        None => (Wanted::Stream(stream.clone(), Right::Live), None),
        Some(streams) => {
            let start = Start {
                ladder: Ladder::of(&streams),
                most: StreamKind::Main,
                line: Line::Unknown,
                is_told: true,
            };
            (Wanted::Streams(stream.0.clone(), streams, Right::Live), Some(start))
        }
    };
    let permit = hub.sessions.admit(&caller.claims, wanted).map_err(rights::refused)?;
    // The session is named by its permit, so that a later token finds it.
    let chance = [permit.id().0, rand::random()];
    let must_end = Box::pin(async move {
        permit.ended().await;
    });
    let wanted = whep::Request { stream: &stream, auto, sub_height, offer: &offer, must_end };
    let feeds = whep::Feeds { live: &hub.live, opus: &hub.opus };
    let opened = match hub.whep.open(feeds, chance, wanted).await {
        Ok(opened) => opened,
        Err(error) => return Ok(refused(error)),
    };
    if *hub.stopping.borrow() {
        // It came between the end of all sessions and the end of the hub.
        hub.whep.end(&opened.id, &stream);
        return Err(words::stopping().into());
    }
    let Opened { id: session, answer, etag } = opened;
    let location = format!("/live/{}/{name}/whep/{}", stream.0, session.as_str());
    let headers = [
        (header::CONTENT_TYPE, SDP.to_owned()),
        (header::LOCATION, location),
        (header::ETAG, etag),
    ];
    Ok((StatusCode::CREATED, headers, answer).into_response())
}

/// More candidates of the viewer (trickle ICE). `If-Match` carries the session's `ETag`.
#[utoipa::path(patch, path = "/live/{camera}/{stream}/whep/{session}", params(
    ("camera" = String, Path, description = "Of the camera"), ("stream" = String, Path, description = "`main`, `sub`, a rung (`720p`, `480p`, `360p`), or `auto`: whichever of them the connection takes"),
    ("session" = String, Path, description = "From `Location`")),
    request_body(content = String, content_type = "application/trickle-ice-sdpfrag"), responses(
    (status = 204, description = "Taken"),
    (status = 400, body = Problem, description = "The fragment cannot be understood"),
    (status = 404, body = Problem, description = "No such session"),
    (status = 412, body = Problem, description = "`If-Match` is not the session's `ETag`"),
    (status = 422, body = Problem, description = "ICE is not restarted; begin a new session"),
    (status = 428, body = Problem, description = "There is no `If-Match`")))]
pub(crate) async fn trickle(
    State(hub): State<Arc<Hub>>,
    Holder(caller): Holder,
    PathOf((id, stream, session)): PathOf<(String, String, String)>,
    request: Request,
) -> Result<StatusCode, Failure> {
    let stream = of(&caller, &hub, &id, &stream)?.stream;
    let etag =
        request.headers().get(header::IF_MATCH).map(|etag| etag.to_str().unwrap_or_default());
    let etag = etag.map(str::to_owned).ok_or_else(|| {
        bad(
            StatusCode::PRECONDITION_REQUIRED,
            "The header If-Match is missing.",
            "Send the ETag of the answer in it.",
        )
    })?;
    let text = text(request, FRAGMENT).await?;
    let Some(fragment) = fragment::parse(&text) else {
        return Err(Failure::bad_request(
            "The body is no fragment of SDP.",
            "Send the candidates as lines that begin with a=candidate:.",
        ));
    };
    match hub.whep.trickle(&SessionId::from_url(&session), &stream, &etag, &fragment) {
        Ok(()) => Ok(StatusCode::NO_CONTENT),
        Err(TrickleError::NoSession) => Err(no_session()),
        Err(TrickleError::OtherTag) => Err(bad(
            StatusCode::PRECONDITION_FAILED,
            "If-Match is not the ETag of this session.",
            "Send the ETag of the answer in it.",
        )),
        Err(TrickleError::Restart) => Err(bad(
            StatusCode::UNPROCESSABLE_ENTITY,
            "ICE cannot be restarted in a session.",
            "Begin a new session.",
        )),
    }
}

/// Goes on under another token: the one that this request carries. A session ends with its token; a player that hands
/// over a later one in time sees no break.
#[utoipa::path(post, path = "/live/{camera}/{stream}/whep/{session}/renew", params(
    ("camera" = String, Path, description = "Of the camera"), ("stream" = String, Path, description = "`main`, `sub`, a rung (`720p`, `480p`, `360p`), or `auto`: whichever of them the connection takes"),
    ("session" = String, Path, description = "From `Location`")), responses(
    (status = 204, description = "The session ends with this token now"),
    (status = 401, body = Problem, description = "No token, or not a good one"),
    (status = 403, body = Problem, description = "The token is for something else"),
    (status = 404, body = Problem, description = "No such session")))]
pub(crate) async fn renew(
    State(hub): State<Arc<Hub>>,
    Holder(caller): Holder,
    PathOf((id, stream, session)): PathOf<(String, String, String)>,
) -> Result<StatusCode, Failure> {
    let stream = of(&caller, &hub, &id, &stream)?.stream;
    let session = SessionId::from_url(&session).chance().map(PermitId);
    let session = session.ok_or_else(no_session)?;
    hub.sessions.prolong(session, &stream, &caller.token).map_err(rights::refused)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ends a session.
#[utoipa::path(delete, path = "/live/{camera}/{stream}/whep/{session}", params(
    ("camera" = String, Path, description = "Of the camera"), ("stream" = String, Path, description = "`main`, `sub`, a rung (`720p`, `480p`, `360p`), or `auto`: whichever of them the connection takes"),
    ("session" = String, Path, description = "From `Location`")), responses(
    (status = 200, description = "Ended"),
    (status = 404, body = Problem, description = "No such session")))]
pub(crate) async fn end(
    State(hub): State<Arc<Hub>>,
    Holder(caller): Holder,
    PathOf((id, stream, session)): PathOf<(String, String, String)>,
) -> Result<StatusCode, Failure> {
    let stream = of(&caller, &hub, &id, &stream)?.stream;
    let was_there = hub.whep.end(&SessionId::from_url(&session), &stream);
    if was_there { Ok(StatusCode::OK) } else { Err(no_session()) }
}

/// What is taken here. Pages of other origins are refused before they come here, so there is nothing to allow them.
pub(crate) async fn options() -> impl IntoResponse {
    let headers = [(header::ALLOW, "OPTIONS, POST"), (ACCEPT_POST, SDP)];
    (StatusCode::NO_CONTENT, headers)
}

/// The same for a session.
pub(crate) async fn session_options() -> impl IntoResponse {
    let headers = [(header::ALLOW, "OPTIONS, PATCH, DELETE"), (ACCEPT_PATCH, FRAGMENT)];
    (StatusCode::NO_CONTENT, headers)
}

/// What an address names.
struct Asked {
    /// The stream; of `auto`, the best that the caller may have.
    stream: StreamId,
    /// Of `auto`: all that he may have.
    auto: Option<Vec<StreamKind>>,
}

fn of(caller: &Caller, hub: &Hub, id: &str, stream: &str) -> Result<Asked, Failure> {
    if stream == AUTO {
        let (camera, streams) = caller.live_streams(hub, id)?;
        let best = streams.first().copied().unwrap_or(StreamKind::Main);
        return Ok(Asked { stream: (camera.id.clone(), best.into()), auto: Some(streams) });
    }
    let (camera, stream) = caller.live_stream(hub, (id, stream))?;
    Ok(Asked { stream: (camera.id.clone(), stream), auto: None })
}

async fn text(request: Request, kind: &str) -> Result<String, Failure> {
    if !is_of_kind(request.headers(), kind) {
        return Err(bad(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            format!("The body is not announced as {kind}."),
            format!("Send it with content-type: {kind}."),
        ));
    }
    let body = in_time(axum::body::to_bytes(request.into_body(), MAX_OFFER_BYTES)).await?;
    let body: Bytes = body.map_err(|_| {
        bad(
            StatusCode::PAYLOAD_TOO_LARGE,
            "The body is longer than 64 KiB, or did not come whole.",
            "Offer one video section, and send it whole.",
        )
    })?;
    String::from_utf8(body.into())
        .map_err(|_| Failure::bad_request("The body is no text.", format!("Send {kind}.")))
}

fn is_of_kind(headers: &HeaderMap, kind: &str) -> bool {
    let announced = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    announced.and_then(|value| value.split(';').next()).is_some_and(|it| it.trim() == kind)
}

fn refused(error: OpenError<Problem>) -> Response {
    let later = |status, problem| {
        ([(header::RETRY_AFTER, RETRY_AFTER_SECONDS)], Failure::new(status, problem))
            .into_response()
    };
    match error {
        OpenError::Offer(error) => Failure::bad_request(
            format!("The offer cannot be used: {error}."),
            "Send an SDP offer with a video section that receives.",
        )
        .into_response(),
        OpenError::Unanswerable(error) => {
            tracing::debug!(
                error = &error as &dyn std::error::Error,
                "an offer was not understood"
            );
            Failure::bad_request(
                "The offer cannot be understood.",
                "Send an SDP offer as a browser makes it: with ICE, a DTLS fingerprint and one bundle.",
            )
            .into_response()
        }
        OpenError::Refused(refusal) => {
            Failure::new(StatusCode::UNPROCESSABLE_ENTITY, words::no_webrtc(&refusal))
                .into_response()
        }
        OpenError::Full => later(StatusCode::SERVICE_UNAVAILABLE, words::too_many_viewers()),
        OpenError::Waiting(why) => {
            later(StatusCode::CONFLICT, why.unwrap_or_else(words::no_pictures_yet))
        }
        OpenError::Ended(why) => Failure::from(why).into_response(),
    }
}

fn no_session() -> Failure {
    rights::refused(Refused::NoSession)
}

fn bad(status: StatusCode, message: impl Into<String>, hint: impl Into<String>) -> Failure {
    Failure::new(status, words::problem(ProblemCode::BadRequest, message, hint))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn that_too_many_watch_is_told_with_when_to_ask_again() {
        let answer = refused(OpenError::Full);
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer.headers()[header::RETRY_AFTER], RETRY_AFTER_SECONDS);
    }
}
