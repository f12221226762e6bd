//! What cameras and their recorders are doing.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use tarsier_api::Page;
use tarsier_api::camera::{CameraStatus, Conversion, RecorderItem, RunsOn};
use tarsier_api::problem::Problem;
use tarsier_api::timeline::TimelineGap;
use tarsier_live::LiveStream;
use tarsier_supervise::{RecorderSnapshot, RecorderState};
use tarsier_types::{CameraId, Gap, StreamKind};

use crate::http::answer::{Failure, Params, PathOf};
use crate::http::cameras::PageParams;
use crate::http::live::name_of;
use crate::http::rights::Caller;
use crate::hub::{Hub, index_failed};
use crate::rungs::is_hardware;
use crate::words;

/// One camera, measured.
#[utoipa::path(get, path = "/api/v1/cameras/{id}/status", params(("id" = String, Path, description = "Of the camera")), responses(
    (status = 200, body = CameraStatus, description = "What it is doing"),
    (status = 401, body = Problem, description = "No token, or not a good one"),
    (status = 403, body = Problem, description = "The token is for other cameras"),
    (status = 404, body = Problem, description = "No such camera")))]
pub(crate) async fn of_camera(
    State(hub): State<Arc<Hub>>,
    caller: Caller,
    PathOf(id): PathOf<String>,
) -> Result<Json<CameraStatus>, Failure> {
    let camera = caller.camera(&hub, &id)?;
    let status = statuses(&hub, vec![camera.id.clone()]).await?.pop();
    status.map(Json).ok_or_else(|| words::no_camera(&id).into())
}

/// All cameras, measured: what a page of tiles asks for each second.
#[utoipa::path(get, path = "/api/v1/status", params(PageParams), responses(
    (status = 200, body = Page<CameraStatus>, description = "A page of them"),
    (status = 401, body = Problem, description = "No token, or not a good one")))]
pub(crate) async fn of_all(
    State(hub): State<Arc<Hub>>,
    caller: Caller,
    Params(page): Params<PageParams>,
) -> Result<Json<Page<CameraStatus>>, Failure> {
    let ids = hub.all_cameras().iter().map(|camera| camera.id.clone()).collect::<Vec<_>>();
    let ids: Vec<_> = ids.into_iter().filter(|id| caller.may_see(id.as_str())).collect();
    let Page { items, next } = page.cut(ids, CameraId::to_string);
    Ok(Json(Page { items: statuses(&hub, items).await?, next }))
}

/// The recorders' processes.
#[utoipa::path(get, path = "/api/v1/recorders", params(PageParams), responses(
    (status = 200, body = Page<RecorderItem>, description = "A page of them"),
    (status = 401, body = Problem, description = "No token, or not a good one")))]
pub(crate) async fn recorders(
    State(hub): State<Arc<Hub>>,
    caller: Caller,
    Params(page): Params<PageParams>,
) -> Json<Page<RecorderItem>> {
    let mut items: Vec<_> = hub.supervisor.snapshot().await.iter().map(recorder).collect();
    items.retain(|item| caller.may_see(&item.camera_id));
    items.sort_by(|a, b| a.camera_id.cmp(&b.camera_id));
    Json(page.cut(items, |item: &RecorderItem| item.camera_id.clone()))
}

async fn statuses(hub: &Arc<Hub>, cameras: Vec<CameraId>) -> Result<Vec<CameraStatus>, Failure> {
    let recorders = hub.supervisor.snapshot().await;
    let asked = cameras.clone();
    let gaps = hub
        .ask_index(move |index| {
            asked
                .iter()
                .map(|camera| index.last_gap(camera, StreamKind::Main))
                .collect::<Result<Vec<_>, _>>()
        })
        .await
        .map_err(|error| index_failed(&error))?;
    let now = hub.now();
    let brains = hub.brains();
    let moment = hub.moment();
    let known = cameras
        .iter()
        .zip(gaps)
        .filter_map(|(id, gap)| Some((id, gap, brains.get(id)?, hub.camera(id)?)));
    let statuses = known.map(|(id, gap, brain, camera)| {
        let mut streams = brain.stream_statuses(now);
        for stream in &mut streams {
            let kind = stream.stream.into();
            stream.viewers = hub.live.viewers(&(id.clone(), kind));
            stream.connection = hub.connections.health(id, kind);
        }
        CameraStatus {
            camera_id: id.to_string(),
            state: brain.state(),
            since_utc_ms: brain.since().0,
            problem: brain.problem(now),
            retry_at_utc_ms: brain.retry_at().map(|at| at.0),
            streams,
            recorder: recorders.iter().find(|of| of.camera == *id).map(recorder),
            keeps: camera.keeps(moment),
            keeps_until_utc_ms: camera.keeps_until(moment).map(|at| at.0),
            last_gap: gap.map(timeline_gap),
            conversions: conversions(hub, id),
        }
    });
    Ok(statuses.collect())
}

/// What transcoders make of a camera's pictures now.
fn conversions(hub: &Hub, camera: &CameraId) -> Vec<Conversion> {
    let working = hub.rungs.working();
    let of = working.iter().filter(|((of, _), _)| of == camera);
    of.map(|((_, rung), encoder)| Conversion {
        stream: name_of(LiveStream::Rung(*rung)),
        encoder: encoder.clone(),
        runs_on: if is_hardware(encoder) { RunsOn::Hardware } else { RunsOn::Software },
        viewers: hub.live.viewers(&(camera.clone(), *rung)),
    })
    .collect()
}

fn recorder(snapshot: &RecorderSnapshot) -> RecorderItem {
    let state = match snapshot.state {
        RecorderState::Starting => "starting",
        RecorderState::Running => "running",
        RecorderState::Waiting => "waiting",
        RecorderState::Paused => "paused",
        RecorderState::Stopped => "stopped",
    };
    RecorderItem {
        camera_id: snapshot.camera.to_string(),
        // 0 is no process: it is waiting to be started.
        pid: snapshot.pid.unwrap_or(0),
        engine: snapshot.engine.name().to_owned(),
        state: state.to_owned(),
        cpu_percent: snapshot.cpu_percent,
        rss_bytes: snapshot.rss_bytes,
        restarts: snapshot.restarts,
        started_utc_ms: snapshot.started.0,
    }
}

/// A gap in the words of the API.
pub(crate) fn timeline_gap(gap: Gap) -> TimelineGap {
    TimelineGap {
        start_utc_ms: gap.range.start.0,
        end_utc_ms: gap.range.end.0,
        reason: gap.reason.into(),
    }
}
