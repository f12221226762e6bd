//! The past of a camera: timeline, segments, playlist, files, stills.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::StreamExt;
use serde::Deserialize;
use tarsier_api::Page;
use tarsier_api::problem::Problem;
use tarsier_api::rights::Right;
use tarsier_api::timeline::{SegmentItem, TierKind, Timeline, TimelineSpan};
use tarsier_index::{Lock, SegmentRow};
use tarsier_playback::OpenSegment;
use tarsier_playback::past::{self, PlaylistError, Present, TimelineRequest};
use tarsier_playback::read::{self, Shifted};
use tarsier_playback::vod::{Timestamps, VodError, VodRequest};
use tarsier_tiers::bucket::Bucket;
use tarsier_types::{CameraId, Part, StreamKind, Ticks, UtcMs, UtcRange};
use tower::ServiceExt;
use tower_http::services::ServeFile;
use utoipa::{IntoParams, ToSchema};

use crate::config::CameraEntry;
use crate::http::answer::{Failure, Params, PathOf, not_found};
use crate::http::events::event;
use crate::http::rights::{Caller, Holder, refused};
use crate::http::status::timeline_gap;
use crate::hub::{Hub, index_failed};
use crate::sessions::{Permit, Wanted};
use crate::stills;
use crate::storage::Media;

const USUAL_SPANS: usize = 2000;
const MOST_SPANS: usize = 20_000;
const MOST_EVENTS: u32 = 1000;
const USUAL_SEGMENTS: u32 = 100;
const MOST_SEGMENTS: u32 = 1000;
/// The end of the year 9999: a time that no timestamp of ours has would only overflow somewhere.
const LAST_UTC_MS: i64 = 253_402_300_799_999;

/// `[from, to)` on the wall clock.
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct TimelineParams {
    /// First millisecond, UTC.
    from_utc_ms: i64,
    /// First millisecond after it, UTC.
    to_utc_ms: i64,
    /// At most so many spans; the smallest breaks are left out. 2000 if absent.
    max_spans: Option<usize>,
}

/// `[from, to)` on the wall clock.
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct SegmentsParams {
    /// First millisecond, UTC; from the oldest footage on if absent.
    from_utc_ms: Option<i64>,
    /// First millisecond after it, UTC; up to now if absent.
    to_utc_ms: Option<i64>,
    /// For a list: start it after this (`next` of the page before).
    after: Option<i64>,
    /// For a list: at most so many, 1 to 1000; 100 if absent.
    limit: Option<u32>,
}

/// Which part of the past a playlist plays.
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct PlaylistParams {
    /// First millisecond, UTC.
    from_utc_ms: i64,
    /// First millisecond after it, UTC.
    to_utc_ms: i64,
    /// `per_file` (if absent): media time begins at 0 in each file. `continuous`: one clock, for VLC and ffplay.
    #[param(inline)]
    timestamps: Option<Clock>,
}

/// What clock the media of a playlist follows.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Clock {
    PerFile,
    Continuous,
}

/// How a file is served.
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct FileParams {
    /// Its pictures so much later, in 1/90000 s: what a playlist of one clock asks for.
    t: Option<i64>,
}

/// Which picture.
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct StillParams {
    /// When it was shown; the newest one if absent.
    at_utc_ms: Option<i64>,
    /// Made smaller to be no wider than this.
    max_width: Option<u32>,
}

fn range(from: i64, to: i64) -> Result<UtcRange, Failure> {
    let is_sane = |at: i64| (0..=LAST_UTC_MS).contains(&at);
    if from < to && is_sane(from) && is_sane(to) {
        return Ok(UtcRange::new(UtcMs(from), UtcMs(to)));
    }
    Err(Failure::bad_request(
        "The range is empty, or not between the years 1970 and 9999.",
        "from_utc_ms must be before to_utc_ms; both are milliseconds since 1970.",
    ))
}

/// Where there is footage, where there is none and why, and what happened.
#[utoipa::path(get, path = "/api/v1/cameras/{id}/timeline", params(("id" = String, Path, description = "Of the camera"), TimelineParams), responses(
    (status = 200, body = Timeline, description = "Spans, gaps, events"),
    (status = 400, body = Problem, description = "The range is empty"),
    (status = 401, body = Problem, description = "No token, or not a good one"),
    (status = 403, body = Problem, description = "The token is for other cameras"),
    (status = 404, body = Problem, description = "No such camera")))]
pub(crate) async fn timeline(
    State(hub): State<Arc<Hub>>,
    caller: Caller,
    PathOf(id): PathOf<String>,
    Params(params): Params<TimelineParams>,
) -> Result<Json<Timeline>, Failure> {
    let camera = caller.camera(&hub, &id)?;
    let range = range(params.from_utc_ms, params.to_utc_ms)?;
    let now = hub.now();
    let max_spans = params.max_spans.unwrap_or(USUAL_SPANS).clamp(1, MOST_SPANS);
    let mut present: Vec<Present> =
        StreamKind::ALL.map(|stream| present(&hub, &camera, stream, now)).into();
    let of = camera.id.clone();
    let (drawn, events, locks) = hub
        .ask_index(move |index| {
            for present in &mut present {
                // What is going on began where the newest footage ends; what is stored of it since then stays.
                let last = index.last_segment_end(&camera.id, present.stream)?;
                if let (Some(gap), Some(last)) = (&mut present.gap, last) {
                    gap.range.start = last;
                }
            }
            let request = TimelineRequest { range, now, max_spans };
            let drawn = past::timeline(index, &camera.id, request, &present)?;
            let locks = index.locks()?.into_iter().filter(|lock| lock.camera == of);
            Ok((drawn, index.events_in(&camera.id, range, MOST_EVENTS)?, locks.collect::<Vec<_>>()))
        })
        .await
        .map_err(|error| index_failed(&error))?;
    let spans = drawn.spans.iter().flat_map(|span| {
        cut_at_locks(span.range, &locks).into_iter().map(|(range, locked)| TimelineSpan {
            start_utc_ms: range.start.0,
            end_utc_ms: range.end.0,
            stream: span.stream.into(),
            tier: tier_kind(span.tier),
            locked,
        })
    });
    Ok(Json(Timeline {
        spans: spans.collect(),
        gaps: drawn.gaps.into_iter().map(timeline_gap).collect(),
        events: events.into_iter().filter_map(event).collect(),
    }))
}

/// A span in pieces that are locked or not, in order.
fn cut_at_locks(range: UtcRange, locks: &[Lock]) -> Vec<(UtcRange, bool)> {
    let mut cuts = vec![range.start, range.end];
    for both in locks.iter().filter_map(|lock| lock.range.overlap(range)) {
        cuts.extend([both.start, both.end]);
    }
    cuts.sort_unstable();
    cuts.dedup();
    let piece = |ends: &[UtcMs]| {
        let piece = UtcRange::new(ends[0], ends[1]);
        (piece, locks.iter().any(|lock| lock.range.overlap(piece).is_some()))
    };
    let mut pieces: Vec<(UtcRange, bool)> = Vec::new();
    for (piece, locked) in cuts.windows(2).map(piece) {
        match pieces.last_mut() {
            Some((last, was_locked)) if *was_locked == locked => last.end = piece.end,
            _ => pieces.push((piece, locked)),
        }
    }
    pieces
}

/// What is going on in a stream and not in the index.
fn present(hub: &Hub, camera: &CameraEntry, stream: StreamKind, now: UtcMs) -> Present {
    let open = hub.open().of(&camera.id, stream).next_back().cloned();
    Present { stream, open, gap: hub.missing_now(camera, stream, now) }
}

/// The files of a stream, oldest first.
#[utoipa::path(get, path = "/api/v1/cameras/{id}/{stream}/segments", params(
    ("id" = String, Path, description = "Of the camera"), ("stream" = String, Path, description = "`main` or `sub`"), SegmentsParams), responses(
    (status = 200, body = Page<SegmentItem>, description = "A page of files"),
    (status = 400, body = Problem, description = "The range is empty"),
    (status = 401, body = Problem, description = "No token, or not a good one"),
    (status = 403, body = Problem, description = "The token is for other cameras"),
    (status = 404, body = Problem, description = "No such camera or stream")))]
pub(crate) async fn segments(
    State(hub): State<Arc<Hub>>,
    Holder(caller): Holder,
    PathOf((id, stream)): PathOf<(String, String)>,
    Params(params): Params<SegmentsParams>,
) -> Result<Json<Page<SegmentItem>>, Failure> {
    let (camera, stream) = caller.stream(&hub, (&id, &stream), Right::Playback)?;
    let asked = range(params.from_utc_ms.unwrap_or(0), params.to_utc_ms.unwrap_or(LAST_UTC_MS))?;
    let limit = params.limit.unwrap_or(USUAL_SEGMENTS).clamp(1, MOST_SEGMENTS);
    let from = params
        .after
        .map_or(asked.start, |after| UtcMs(after.max(asked.start.0.saturating_sub(1)) + 1));
    let open: Vec<OpenSegment> = hub.open().of(&camera.id, stream).cloned().collect();
    let of = camera.id.clone();
    let rows = hub
        .ask_index(move |index| {
            index.segments_in(&of, stream, UtcRange::new(from, asked.end), limit + 2)
        })
        .await
        .map_err(|error| index_failed(&error))?;
    // The one before may reach into the time behind `after`; it was on the page before.
    let is_new = |start: UtcMs| params.after.is_none_or(|after| start.0 > after);
    let path = |start| tarsier_segment::name::path(&camera.id, stream, start);
    let mut items: Vec<SegmentItem> = rows
        .iter()
        .filter(|row| is_new(row.start))
        .map(|row| stored_item(row, path(row.start)))
        .collect();
    let most = usize::try_from(limit).unwrap_or(usize::MAX);
    if items.len() <= most {
        let open = open.iter().filter(|open| {
            is_new(open.start)
                && open.written().overlap(asked).is_some()
                && rows.last().is_none_or(|last| last.start < open.start)
        });
        items.extend(open.map(|open| open_item(open, path(open.start))));
    }
    let has_more = items.len() > most;
    items.truncate(most);
    let next = items.last().filter(|_| has_more).map(|last| last.start_utc_ms.to_string());
    Ok(Json(Page { items, next }))
}

fn stored_item(row: &SegmentRow, path: String) -> SegmentItem {
    SegmentItem {
        start_utc_ms: row.start.0,
        duration_ms: row.duration_ms,
        size_bytes: row.size_bytes,
        mime: row.parameters.mime(),
        is_open: false,
        hash: row.integrity.map(|known| blake3::Hash::from_bytes(known.hash).to_hex().to_string()),
        path,
    }
}

fn open_item(open: &OpenSegment, path: String) -> SegmentItem {
    let end = open.fragments.last().map(|part| part.offset + u64::from(part.bytes));
    SegmentItem {
        start_utc_ms: open.start.0,
        duration_ms: open.written().millis(),
        size_bytes: end.unwrap_or_else(|| u64::from(open.init_bytes)),
        mime: open.parameters.mime(),
        is_open: true,
        hash: None,
        path,
    }
}

/// A file, or a range of it.
#[utoipa::path(get, path = "/api/v1/cameras/{id}/{stream}/segments/{file}", params(
    ("id" = String, Path, description = "Of the camera"), ("stream" = String, Path, description = "`main` or `sub`"),
    ("file" = String, Path, description = "`{start_utc_ms}.mp4`"), FileParams), responses(
    (status = 200, content_type = "video/mp4", description = "The file"),
    (status = 206, content_type = "video/mp4", description = "The range that was asked for"),
    (status = 401, body = Problem, description = "No token, or not a good one"),
    (status = 403, body = Problem, description = "The token is for other cameras"),
    (status = 404, body = Problem, description = "No such camera, stream or file"),
    (status = 416, description = "The file is shorter than that")))]
pub(crate) async fn file(
    State(hub): State<Arc<Hub>>,
    Holder(caller): Holder,
    PathOf((id, stream, file)): PathOf<(String, String, String)>,
    Params(params): Params<FileParams>,
    request: Request,
) -> Result<Response, Failure> {
    let (camera, stream) = caller.stream(&hub, (&id, &stream), Right::Playback)?;
    let wanted = Wanted::Stream((camera.id.clone(), stream.into()), Right::Playback);
    let permit = hub.sessions.admit(&caller.claims, wanted).map_err(refused)?;
    let start = file.strip_suffix(".mp4").and_then(|start| start.parse().ok()).map(UtcMs);
    let start = start.ok_or_else(not_found)?;
    let open = hub.open().of(&camera.id, stream).find(|open| open.start == start).cloned();
    let is_open = open.is_some();
    let below = tarsier_segment::name::path(&camera.id, stream, start);
    let (media, parameters, parts, length) = if let Some(open) = open {
        let root = hub.root_of_open(&camera.id, stream, start);
        (Media::File(root.join(below)), open.parameters, open.fragments, 0)
    } else {
        let mut row = stored(&hub, &camera.id, stream, start).await?;
        let mut media = hub.storage.registry().media(&row.tier, below.clone());
        if let Media::File(path) = &media
            && !tokio::fs::try_exists(path).await.unwrap_or(true)
        {
            // It was moved since: its row says where to.
            row = stored(&hub, &camera.id, stream, start).await?;
            media = hub.storage.registry().media(&row.tier, below);
        }
        (media, row.parameters, row.parts, row.size_bytes)
    };
    let mut answer = match (params.t, media) {
        (Some(by), media) => {
            let audio_rate_hz = parameters.audio.as_ref().map(|audio| audio.sample_rate_hz);
            let length = parts.last().map_or(0, |part| part.offset + u64::from(part.bytes));
            shifted(media, parts, Ticks(by), audio_rate_hz, bytes_asked(&request, length)).await?
        }
        (None, Media::File(path)) => limited(unchanged(&path, request).await?, permit),
        (None, Media::Object(bucket, key)) => {
            let bucket = bucket.ok_or_else(stills::no_footage)?;
            let asked = bytes_asked(&request, length);
            limited(object(&bucket, &key, length, asked).await?, permit)
        }
    };
    let cache = if is_open { "no-store" } else { "private, max-age=86400, immutable" };
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    Ok(answer)
}

async fn stored(
    hub: &Hub,
    camera: &CameraId,
    stream: StreamKind,
    start: UtcMs,
) -> Result<SegmentRow, Failure> {
    let of = camera.clone();
    let row = hub.ask_index(move |index| index.segment_at(&of, stream, start)).await;
    let row = row.map_err(|error| index_failed(&error))?.filter(|row| row.start == start);
    Ok(row.ok_or_else(stills::no_footage)?)
}

/// An object of a bucket, as it comes.
async fn object(
    bucket: &Bucket,
    key: &str,
    length: u64,
    asked: Option<Range<u64>>,
) -> Result<Response, Failure> {
    let bytes = bucket.stream(key, asked.clone()).await.map_err(|error| {
        tracing::warn!(key, error = &error as &dyn std::error::Error, "not served");
        stills::no_footage()
    })?;
    let kind = (header::CONTENT_TYPE, "video/mp4".to_owned());
    let ranges = (header::ACCEPT_RANGES, "bytes".to_owned());
    let body = Body::from_stream(bytes);
    let Some(range) = asked else {
        let sent = (header::CONTENT_LENGTH, length.to_string());
        return Ok(([kind, ranges, sent], body).into_response());
    };
    let sent = (header::CONTENT_LENGTH, (range.end - range.start).to_string());
    let which = format!("bytes {}-{}/{length}", range.start, range.end.saturating_sub(1));
    let which = (header::CONTENT_RANGE, which);
    Ok((StatusCode::PARTIAL_CONTENT, [kind, ranges, sent, which], body).into_response())
}

/// Who reads slowly does not read beyond the end of his token: the answer breaks off.
fn limited(answer: Response, permit: Permit) -> Response {
    let must_end = async move {
        permit.ended().await;
    };
    answer.map(|body| Body::from_stream(body.into_data_stream().take_until(must_end)))
}

async fn unchanged(path: &Path, request: Request) -> Result<Response, Failure> {
    let answer = ServeFile::new(path).oneshot(request).await;
    let answer = answer.unwrap_or_else(|never| match never {}).map(Body::new);
    match answer.status() {
        StatusCode::NOT_FOUND => Err(stills::no_footage().into()),
        StatusCode::INTERNAL_SERVER_ERROR => Err(crate::words::internal().into()),
        _ => Ok(answer.into_response()),
    }
}

/// What a playlist asks for: always one plain range.
fn bytes_asked(request: &Request, length: u64) -> Option<Range<u64>> {
    let range = request.headers().get(header::RANGE)?.to_str().ok()?.strip_prefix("bytes=")?;
    let (from, to) = range.split_once('-')?;
    let from: u64 = from.parse().ok()?;
    let to =
        if to.is_empty() { length } else { to.parse::<u64>().ok()?.saturating_add(1).min(length) };
    (from < to).then_some(from..to)
}

async fn shifted(
    media: Media,
    parts: Vec<Part>,
    by: Ticks,
    audio_rate_hz: Option<u32>,
    asked: Option<Range<u64>>,
) -> Result<Response, Failure> {
    let length = parts.last().map_or(0, |part| part.offset + u64::from(part.bytes));
    let range = asked.clone().unwrap_or(0..length);
    let mut pieces = read::pieces(&parts, &range).into_iter();
    let source = Arc::new((media, parts));
    let read = move |piece: Range<u64>| {
        let source = source.clone();
        tokio::task::spawn_blocking(move || {
            let (media, parts) = source.as_ref();
            let file = Shifted { parts, by, audio_rate_hz };
            let read =
                media.open().and_then(|mut source| read::shifted_from(&mut *source, file, piece));
            read.inspect_err(|error| {
                tracing::warn!(?media, error = error as &dyn std::error::Error, "not served");
            })
        })
    };
    let first = match pieces.next() {
        Some(piece) => read(piece).await.map_err(|_| crate::words::internal())?,
        None => Ok(Bytes::new()),
    };
    let first = first.map_err(|_| stills::no_footage())?;
    let rest = futures::stream::iter(pieces).then(read).map(|read| match read {
        Ok(Ok(bytes)) => Ok(bytes),
        // The answer has begun: all that can be said is that it does not go on.
        Ok(Err(_)) | Err(_) => Err(std::io::Error::other("a part cannot be read")),
    });
    let body = futures::stream::once(std::future::ready(Ok(first))).chain(rest);
    let body = axum::body::Body::from_stream(body);
    let kind = (header::CONTENT_TYPE, "video/mp4".to_owned());
    let sent = (header::CONTENT_LENGTH, (range.end - range.start).to_string());
    let Some(range) = asked else { return Ok(([kind, sent], body).into_response()) };
    let which = format!("bytes {}-{}/{length}", range.start, range.end.saturating_sub(1));
    let which = (header::CONTENT_RANGE, which);
    Ok((StatusCode::PARTIAL_CONTENT, [kind, sent, which], body).into_response())
}

/// An HLS playlist of the range, at most 25 hours.
#[utoipa::path(get, path = "/api/v1/cameras/{id}/{stream}/vod.m3u8", params(
    ("id" = String, Path, description = "Of the camera"), ("stream" = String, Path, description = "`main` or `sub`"), PlaylistParams), responses(
    (status = 200, content_type = "application/vnd.apple.mpegurl", description = "The playlist"),
    (status = 400, body = Problem, description = "The range is empty or too long"),
    (status = 401, body = Problem, description = "No token, or not a good one"),
    (status = 403, body = Problem, description = "The token is for other cameras"),
    (status = 404, body = Problem, description = "No such camera or stream, or no footage")))]
pub(crate) async fn playlist(
    State(hub): State<Arc<Hub>>,
    Holder(caller): Holder,
    PathOf((id, stream)): PathOf<(String, String)>,
    Params(params): Params<PlaylistParams>,
) -> Result<Response, Failure> {
    let (camera, stream) = caller.stream(&hub, (&id, &stream), Right::Playback)?;
    let range = range(params.from_utc_ms, params.to_utc_ms)?;
    let open = hub.open().of(&camera.id, stream).next_back().cloned();
    let (token, now) = (caller.token, hub.now());
    let timestamps = match params.timestamps {
        Some(Clock::Continuous) => Timestamps::Continuous,
        Some(Clock::PerFile) | None => Timestamps::PerFile,
    };
    let playlist = hub
        .ask_index(move |index| {
            let request = VodRequest { range, now, token: Some(&token), timestamps };
            past::vod(index, &camera.id, stream, &request, open.as_ref())
        })
        .await
        .map_err(|error| match error {
            PlaylistError::Index(error) => Failure::from(index_failed(&error)),
            PlaylistError::Vod(VodError::Empty) => Failure::from(stills::no_footage()),
            _ => Failure::bad_request(
                "The range is longer than 25 hours.",
                "Ask for a day at a time.",
            ),
        })?;
    let kind = (header::CONTENT_TYPE, "application/vnd.apple.mpegurl");
    Ok(([kind, (header::CACHE_CONTROL, "no-store")], playlist).into_response())
}

/// One picture, as JPEG.
#[utoipa::path(get, path = "/api/v1/cameras/{id}/{stream}/still.jpg", params(
    ("id" = String, Path, description = "Of the camera"), ("stream" = String, Path, description = "`main` or `sub`"), StillParams), responses(
    (status = 200, content_type = "image/jpeg", description = "The picture"),
    (status = 400, body = Problem, description = "The parameters are wrong"),
    (status = 401, body = Problem, description = "No token, or not a good one"),
    (status = 403, body = Problem, description = "The token is for other cameras"),
    (status = 404, body = Problem, description = "No such camera or stream, or no footage")))]
pub(crate) async fn still(
    State(hub): State<Arc<Hub>>,
    Holder(caller): Holder,
    PathOf((id, stream)): PathOf<(String, String)>,
    Params(params): Params<StillParams>,
) -> Result<Response, Failure> {
    let (camera, stream) = caller.stream(&hub, (&id, &stream), Right::Playback)?;
    if params.max_width.is_some_and(|width| !(16..=16_384).contains(&width)) {
        return Err(Failure::bad_request(
            "max_width is not between 16 and 16384.",
            "Leave it out for the full size.",
        ));
    }
    let at = match params.at_utc_ms {
        Some(at) => Some(range(at, at.saturating_add(1))?.start),
        None => None,
    };
    let jpeg = hub.still(&camera.id, stream, at, params.max_width).await?;
    // What was, stays; what is newest, changes.
    let cache = if at.is_some() { "private, max-age=86400" } else { "no-store" };
    Ok(([(header::CONTENT_TYPE, "image/jpeg"), (header::CACHE_CONTROL, cache)], jpeg)
        .into_response())
}

const fn tier_kind(kind: tarsier_index::TierKind) -> TierKind {
    match kind {
        tarsier_index::TierKind::Cache => TierKind::Cache,
        tarsier_index::TierKind::Archive => TierKind::Archive,
        tarsier_index::TierKind::ObjectStore => TierKind::ObjectStore,
    }
}
