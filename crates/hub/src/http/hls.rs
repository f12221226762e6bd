//! `/live/{camera}/index.m3u8` and what it leads to: plugs HTTP into [`tarsier_hls`].

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::Deserialize;
use tarsier_api::problem::Problem;
use tarsier_api::rights::Right;
use tarsier_hls::{Answer, FileName, Refusal, Reload, multivariant};
use tarsier_types::StreamKind;
use utoipa::IntoParams;

use crate::http::answer::{Failure, Params, PathOf, not_found};
use crate::http::rights::{self, Holder, while_allowed};
use crate::hub::Hub;
use crate::sessions::{Wanted, covers_stream};
use crate::words;

const PLAYLIST: &str = "application/vnd.apple.mpegurl";
const RETRY_AFTER_SECONDS: &str = "2";

/// A blocking reload (RFC 8216bis section 6.2.5.2). As text, so that what is no number is answered in our words.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ReloadParams {
    /// Answer when this segment is there.
    #[serde(rename = "_HLS_msn")]
    #[param(rename = "_HLS_msn", value_type = Option<u64>)]
    segment: Option<String>,
    /// Or this part of it; counted from 0.
    #[serde(rename = "_HLS_part")]
    #[param(rename = "_HLS_part", value_type = Option<u64>)]
    part: Option<String>,
}

/// The streams of a camera, to choose from: LL-HLS, playable as plain HLS, too.
#[utoipa::path(get, path = "/live/{camera}/index.m3u8", params(
    ("camera" = String, Path, description = "Of the camera")), responses(
    (status = 200, content_type = "application/vnd.apple.mpegurl", description = "The multivariant playlist"),
    (status = 401, body = Problem, description = "No token, or not a good one"),
    (status = 403, body = Problem, description = "The token is for other cameras"),
    (status = 404, body = Problem, description = "No such camera"),
    (status = 503, body = Problem, description = "There are no pictures now; try again later")))]
pub(crate) async fn streams(
    State(hub): State<Arc<Hub>>,
    Holder(caller): Holder,
    PathOf(id): PathOf<String>,
) -> Result<Response, Failure> {
    let camera = caller.camera_for(&hub, &id, Right::Live)?;
    let wanted = Wanted::Camera(camera.id.clone(), Right::Live);
    let permit = hub.sessions.admit(&caller.claims, wanted).map_err(rights::refused)?;
    refuse_if_stopping(&hub)?;
    let ask = async |kind: StreamKind| {
        let id = (camera.id.clone(), kind);
        let is_there = camera.has(kind) && covers_stream(&caller.claims, kind).is_ok();
        if is_there { Some(hub.hls.rendition(&hub.live, &id).await) } else { None }
    };
    let [main, sub] = StreamKind::ALL;
    let both = async { tokio::join!(ask(main), ask(sub)) };
    let (main, sub) = while_allowed(&permit, &camera, both).await?;
    let (mut renditions, mut target, mut refusal) = (Vec::new(), Duration::ZERO, None);
    for answer in [main, sub].into_iter().flatten() {
        match answer {
            Ok(answer) => {
                target = target.max(answer.target);
                renditions.push(answer.body);
            }
            Err(why) => refusal = refusal.or(Some(why)),
        }
    }
    if let (Some(why), true) = (refusal, renditions.is_empty()) {
        return Ok(refused(why));
    }
    let text = multivariant(&renditions, &caller.token);
    Ok(playlist(text, target / 2))
}

/// The live playlist of a stream, by LL-HLS.
#[utoipa::path(get, path = "/live/{camera}/{stream}/index.m3u8", params(
    ("camera" = String, Path, description = "Of the camera"), ("stream" = String, Path, description = "`main` or `sub`"), ReloadParams), responses(
    (status = 200, content_type = "application/vnd.apple.mpegurl", description = "The playlist, once it holds what is asked for"),
    (status = 400, body = Problem, description = "The segment or part is too far ahead, or no number"),
    (status = 401, body = Problem, description = "No token, or not a good one"),
    (status = 403, body = Problem, description = "The token is for other cameras"),
    (status = 404, body = Problem, description = "No such camera or stream"),
    (status = 503, body = Problem, description = "There are no pictures now, or nothing came for three target durations")))]
pub(crate) async fn stream(
    State(hub): State<Arc<Hub>>,
    Holder(caller): Holder,
    PathOf((id, stream)): PathOf<(String, String)>,
    Params(params): Params<ReloadParams>,
) -> Result<Response, Failure> {
    let (camera, stream) = caller.stream(&hub, (&id, &stream), Right::Live)?;
    let reload = reload(&params)?;
    refuse_if_stopping(&hub)?;
    let id = (camera.id.clone(), stream);
    let wanted = Wanted::Stream((id.0.clone(), stream.into()), Right::Live);
    let permit = hub.sessions.admit(&caller.claims, wanted).map_err(rights::refused)?;
    let playlist_then = hub.hls.playlist(&hub.live, &id, reload, &caller.token);
    Ok(match while_allowed(&permit, &camera, playlist_then).await? {
        // What a blocking reload is answered stays true for longer (RFC 8216bis appendix B.1).
        Ok(Answer { body, target }) => playlist(body, reload.map_or(target / 2, |_| target * 6)),
        Err(why) => refused(why),
    })
}

/// A file that a live playlist names: an init segment, a part, a segment.
#[utoipa::path(get, path = "/live/{camera}/{stream}/hls/{file}", params(
    ("camera" = String, Path, description = "Of the camera"), ("stream" = String, Path, description = "`main` or `sub`"),
    ("file" = String, Path, description = "From the playlist")), responses(
    (status = 200, content_type = "video/mp4", description = "Bytes of fragmented MP4; the next part once it is there"),
    (status = 401, body = Problem, description = "No token, or not a good one"),
    (status = 403, body = Problem, description = "The token is for other cameras"),
    (status = 404, body = Problem, description = "No such file, or not any more"),
    (status = 503, body = Problem, description = "Nothing came for three target durations")))]
pub(crate) async fn file(
    State(hub): State<Arc<Hub>>,
    Holder(caller): Holder,
    PathOf((id, stream, file)): PathOf<(String, String, String)>,
) -> Result<Response, Failure> {
    let (camera, stream) = caller.stream(&hub, (&id, &stream), Right::Live)?;
    let name = FileName::parse(&file).ok_or_else(not_found)?;
    refuse_if_stopping(&hub)?;
    let id = (camera.id.clone(), stream);
    let wanted = Wanted::Stream((id.0.clone(), stream.into()), Right::Live);
    let permit = hub.sessions.admit(&caller.claims, wanted).map_err(rights::refused)?;
    Ok(match while_allowed(&permit, &camera, hub.hls.file(&id, name)).await? {
        Ok(Answer { body, target }) => media(body, target * 6),
        Err(why) => refused(why),
    })
}

/// Who comes between the end of all waiting and the end of the hub does not wait.
fn refuse_if_stopping(hub: &Hub) -> Result<(), Failure> {
    if *hub.stopping.borrow() { Err(words::stopping().into()) } else { Ok(()) }
}

fn reload(params: &ReloadParams) -> Result<Option<Reload>, Failure> {
    let number = |text: &Option<String>| {
        text.as_deref().map(str::parse::<u64>).transpose().map_err(|_| {
            Failure::bad_request(
                "_HLS_msn or _HLS_part is no number.",
                "Send the numbers of a segment and of a part in it, as the playlist counts them.",
            )
        })
    };
    match (number(&params.segment)?, number(&params.part)?) {
        (Some(segment), part) => Ok(Some(Reload { segment, part })),
        (None, None) => Ok(None),
        (None, Some(_)) => Err(Failure::bad_request(
            "_HLS_part is there without _HLS_msn.",
            "Say which segment the part belongs to.",
        )),
    }
}

fn playlist(text: String, keep: Duration) -> Response {
    let headers =
        [(header::CONTENT_TYPE, PLAYLIST.to_owned()), (header::CACHE_CONTROL, cache(keep))];
    (headers, text).into_response()
}

fn media(bytes: Bytes, keep: Duration) -> Response {
    let headers =
        [(header::CONTENT_TYPE, "video/mp4".to_owned()), (header::CACHE_CONTROL, cache(keep))];
    (headers, bytes).into_response()
}

/// For the caller alone: the URL carries his token.
fn cache(keep: Duration) -> String {
    format!("private, max-age={}", keep.as_secs())
}

fn refused(why: Refusal<Problem>) -> Response {
    match why {
        Refusal::TooFar => Failure::bad_request(
            "The playlist is far from there yet.",
            "Ask for at most two segments, and three seconds of parts, ahead of its end.",
        )
        .into_response(),
        Refusal::NotFound => not_found().into_response(),
        Refusal::Silent(why) | Refusal::Ended(why) => {
            let problem = why.unwrap_or_else(words::no_pictures_yet);
            let retry = [(header::RETRY_AFTER, RETRY_AFTER_SECONDS)];
            let status = axum::http::StatusCode::SERVICE_UNAVAILABLE;
            (retry, Failure::new(status, problem)).into_response()
        }
    }
}
