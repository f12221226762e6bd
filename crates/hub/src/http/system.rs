//! The machine, the disks, the hub itself.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use tarsier_api::camera::CameraState;
use tarsier_api::problem::Problem;
use tarsier_api::system::{CameraUsage, RecordingSwitch, Storage, System, Tier};
use tarsier_index::{Index, IndexError};
use tarsier_types::{CameraId, StreamKind, UtcMs, UtcRange};

use crate::config::Pause;
use crate::http::answer::{Body, Failure};
use crate::http::rights::{Admin, Caller};
use crate::hub::{Hub, index_failed};
use crate::machine;

const HOUR_MS: i64 = 3_600_000;

/// The hub and the machine that it runs on.
#[utoipa::path(get, path = "/api/v1/system", responses(
    (status = 200, body = System, description = "Measured now"),
    (status = 401, body = Problem, description = "No token, or not a good one")))]
pub(crate) async fn system(State(hub): State<Arc<Hub>>, _caller: Caller) -> Json<System> {
    let load = hub.machine.load();
    let count = |is: &[CameraState]| {
        let states = hub.brains().values().filter(|brain| is.contains(&brain.state())).count();
        u32::try_from(states).unwrap_or(u32::MAX)
    };
    Json(System {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started_utc_ms: hub.started.0,
        now_utc_ms: hub.now().0,
        time_zone: hub.tz.iana_name().unwrap_or("UTC").to_owned(),
        machine_cpu_percent: load.machine_cpu_percent,
        cores: load.cores,
        memory_total_bytes: load.memory_total_bytes,
        memory_used_bytes: load.memory_used_bytes,
        hub_cpu_percent: load.hub_cpu_percent,
        hub_rss_bytes: load.hub_rss_bytes,
        recording_cameras: count(&[CameraState::Recording]),
        offline_cameras: count(&[CameraState::Offline, CameraState::Stopped]),
        cameras: u32::try_from(hub.all_cameras().len()).unwrap_or(u32::MAX),
        is_paused: hub.pause() == Pause::On,
        demo_cameras: u32::try_from(hub.demo_cameras()).unwrap_or(u32::MAX),
    })
}

/// The places for segments, and what each camera holds.
#[utoipa::path(get, path = "/api/v1/storage", responses(
    (status = 200, body = Storage, description = "Measured now"),
    (status = 401, body = Problem, description = "No token, or not a good one")))]
pub(crate) async fn storage(
    State(hub): State<Arc<Hub>>,
    caller: Caller,
) -> Result<Json<Storage>, Failure> {
    let now = hub.now();
    let own_tier = hub.data.tier_id().to_owned();
    let mut storage = hub
        .ask_index(move |index| measure(index, &own_tier, now))
        .await
        .map_err(|error| index_failed(&error))?;
    storage.cameras.retain(|usage| caller.may_see(&usage.camera_id));
    Ok(Json(storage))
}

fn measure(index: &Index, own_tier: &str, now: UtcMs) -> Result<Storage, IndexError> {
    let totals = index.totals()?;
    let mut cameras: Vec<CameraUsage> = Vec::new();
    for total in &totals {
        let camera_id = total.camera.to_string();
        if cameras.last().is_none_or(|last| last.camera_id != camera_id) {
            let ends = ends(index, &total.camera)?;
            cameras.push(CameraUsage {
                camera_id,
                footage_bytes: 0,
                segments: 0,
                oldest_utc_ms: ends.map(|range| range.start.0),
                newest_utc_ms: ends.map(|range| range.end.0),
            });
        }
        let usage = cameras.last_mut().expect("one was just made sure of");
        usage.footage_bytes += total.size_bytes;
        usage.segments += total.segments;
    }
    let bytes_per_day = speed(index, now)?;
    let tiers = index.tiers()?.into_iter().map(|tier| {
        let of_tier = || totals.iter().filter(|total| total.tier_id == tier.id);
        let disk = machine::disk(&tier.root);
        let fills = if tier.id == own_tier { bytes_per_day } else { 0 };
        Tier {
            is_writable: machine::is_writable(&tier.root),
            disk_total_bytes: disk.total_bytes,
            disk_available_bytes: disk.available_bytes,
            footage_bytes: of_tier().map(|total| total.size_bytes).sum(),
            segments: of_tier().map(|total| total.segments).sum(),
            bytes_per_day: fills,
            days_left: (fills > 0).then(|| days(disk.available_bytes, fills)),
            kind: tier.kind.name().to_owned(),
            root: tier.root.to_string_lossy().into_owned(),
            id: tier.id,
        }
    });
    let mut tiers: Vec<Tier> = tiers.collect();
    tiers.sort_by_key(|tier| tier.id != own_tier);
    Ok(Storage { tiers, cameras })
}

#[expect(clippy::cast_precision_loss, reason = "days to one decimal place")]
fn days(available: u64, per_day: u64) -> f64 {
    (available as f64 / per_day as f64 * 10.0).round() / 10.0
}

fn ends(index: &Index, camera: &CameraId) -> Result<Option<UtcRange>, IndexError> {
    let mut whole: Option<UtcRange> = None;
    for stream in StreamKind::ALL {
        if let Some(range) = index.first_and_last(camera, stream)? {
            let known = whole.get_or_insert(range);
            *known = UtcRange::new(known.start.min(range.start), known.end.max(range.end));
        }
    }
    Ok(whole)
}

/// Bytes of footage a day, as in the last hour.
fn speed(index: &Index, now: UtcMs) -> Result<u64, IndexError> {
    let mut per_day = 0_u64;
    for camera in index.cameras()? {
        for stream in StreamKind::ALL {
            let lately = UtcRange::new(now.plus_millis(-HOUR_MS), now);
            let rows = index.segments_in(&camera.id, stream, lately, 100)?;
            let bytes: u64 = rows.iter().map(|row| row.size_bytes).sum();
            let millis: i64 = rows.iter().map(|row| row.duration_ms).sum();
            if let Some(millis) = u64::try_from(millis).ok().filter(|millis| *millis > 0) {
                per_day += bytes.saturating_mul(86_400_000) / millis;
            }
        }
    }
    Ok(per_day)
}

/// Pauses or resumes the recording of every camera; live pictures go on.
#[utoipa::path(put, path = "/api/v1/recording", request_body = RecordingSwitch, responses(
    (status = 200, body = RecordingSwitch, description = "As it is now"),
    (status = 400, body = Problem, description = "The body cannot be understood"),
    (status = 401, body = Problem, description = "No token, or not a good one"),
    (status = 403, body = Problem, description = "Not an administrator")))]
pub(crate) async fn pause(
    State(hub): State<Arc<Hub>>,
    _admin: Admin,
    Body(switch): Body<RecordingSwitch>,
) -> Result<Json<RecordingSwitch>, Failure> {
    hub.set_pause(if switch.paused { Pause::On } else { Pause::Off }).await?;
    Ok(Json(switch))
}

/// Closes every segment and ends the hub.
#[utoipa::path(post, path = "/api/v1/system/stop", responses(
    (status = 202, description = "It is on the way down"),
    (status = 401, body = Problem, description = "No token, or not a good one"),
    (status = 403, body = Problem, description = "Not an administrator")))]
pub(crate) async fn stop(State(hub): State<Arc<Hub>>, _admin: Admin) -> StatusCode {
    hub.stopping.send_replace(true);
    StatusCode::ACCEPTED
}
