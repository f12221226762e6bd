//! The machine, the disks, the hub itself.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use tarsier_api::alert::AlertSeverity;
use tarsier_api::camera::CameraState;
use tarsier_api::problem::Problem;
use tarsier_api::system::{
    CameraUsage, LastCleanup, RecordingSwitch, Storage, System, Tier, TierState,
};
use tarsier_index::{Index, IndexError};
use tarsier_tiers::emergency::CleanupEnd;
use tarsier_tiers::{Policy, TierId, Volume, VolumeState};
use tarsier_types::{CameraId, StreamKind, UtcMs, UtcRange};

use crate::alerts::Alert;
use crate::config::{CameraEntry, Pause};
use crate::http::answer::{Body, Failure};
use crate::http::rights::{Admin, Caller};
use crate::hub::{Hub, index_failed};
use crate::machine;
use crate::storage::{self, Registry, Seen};

const HOUR_MS: i64 = 3_600_000;

/// The hub and the machine that it runs on.
#[utoipa::path(get, path = "/api/v1/system", responses(
    (status = 200, body = System, description = "Measured now"),
    (status = 401, body = Problem, description = "No token, or not a good one")))]
pub(crate) async fn system(State(hub): State<Arc<Hub>>, caller: Caller) -> Json<System> {
    let load = hub.machine.load();
    let count = |is: &[CameraState]| {
        let states = hub.brains().values().filter(|brain| is.contains(&brain.state())).count();
        u32::try_from(states).unwrap_or(u32::MAX)
    };
    let open = hub.alerts.open();
    let warns = |alert: &&Alert| {
        alert.kind.severity() >= AlertSeverity::Warning
            && alert.is_about(|camera| caller.may_see(camera))
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
        open_alerts: u32::try_from(open.iter().filter(warns).count()).unwrap_or(u32::MAX),
        rtsp: hub.rtsp(),
        alerts_muted_until_utc_ms: hub.alerts.muted_until(hub.now()).map(|until| until.0),
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
    let (seen, registry) = (hub.storage.seen().clone(), hub.storage.registry());
    let open = open_files(&hub);
    let mut storage = hub
        .ask_index(move |index| measure(index, &own_tier, &Known { seen, registry }, now))
        .await
        .map_err(|error| index_failed(&error))?;
    count_open_files(&mut storage, &open, hub.data.tier_id());
    storage.cameras.retain(|usage| caller.may_see(&usage.camera_id));
    Ok(Json(storage))
}

/// A file that is being written: whose, how long its footage is, how many bytes are on disk.
struct OpenFile {
    camera_id: String,
    written: UtcRange,
    size_bytes: u64,
}

fn open_files(hub: &Hub) -> Vec<OpenFile> {
    let open = hub.open();
    let of = |camera: &CameraEntry| {
        StreamKind::ALL
            .into_iter()
            .flat_map(|stream| open.of(&camera.id, stream))
            .filter_map(|file| {
                let last = file.fragments.last()?;
                Some(OpenFile {
                    camera_id: camera.id.to_string(),
                    written: file.written(),
                    size_bytes: last.offset + u64::from(last.bytes),
                })
            })
            .collect::<Vec<_>>()
    };
    hub.all_cameras().iter().flat_map(|camera| of(camera)).collect()
}

/// The index knows closed files only: what is being written is footage as well, from its first second on.
fn count_open_files(storage: &mut Storage, open: &[OpenFile], own_tier: &str) {
    for file in open {
        if let Some(tier) = storage.tiers.iter_mut().find(|tier| tier.id == own_tier) {
            tier.footage_bytes += file.size_bytes;
            tier.segments += 1;
        }
        let known = storage.cameras.iter().position(|usage| usage.camera_id == file.camera_id);
        let at = known.unwrap_or_else(|| {
            storage.cameras.push(CameraUsage {
                camera_id: file.camera_id.clone(),
                footage_bytes: 0,
                segments: 0,
                oldest_utc_ms: None,
                newest_utc_ms: None,
            });
            storage.cameras.len() - 1
        });
        let usage = &mut storage.cameras[at];
        usage.footage_bytes += file.size_bytes;
        usage.segments += 1;
        let (start, end) = (file.written.start.0, file.written.end.0);
        usage.oldest_utc_ms = Some(usage.oldest_utc_ms.map_or(start, |known| known.min(start)));
        usage.newest_utc_ms = Some(usage.newest_utc_ms.map_or(end, |known| known.max(end)));
    }
}

/// What the keeper of storage saw last: it asks disks that may hang, we do not.
struct Known {
    seen: Seen,
    registry: Arc<Registry>,
}

impl Known {
    /// A tier, as it was seen last, or (right after the start) as it is.
    fn tier(&self, index: &Index, tier: &tarsier_index::Tier) -> Result<Tier, IndexError> {
        let id = TierId::new(tier.id.as_str()).ok();
        let of = |volume: &&Volume| volume.tier.as_str() == tier.id;
        let volume = self.seen.volumes.iter().find(of);
        let is_local = tier.kind != tarsier_index::TierKind::ObjectStore;
        let (state, disk) = match volume {
            Some(volume) if is_local => (
                volume.state,
                machine::Disk {
                    total_bytes: volume.total_bytes,
                    available_bytes: volume.available_bytes,
                },
            ),
            Some(volume) => (volume.state, machine::Disk::default()),
            None if is_local && machine::is_writable(&tier.root) => {
                (VolumeState::Writable, machine::disk(&tier.root))
            }
            None => (VolumeState::Absent, machine::Disk::default()),
        };
        let min_free = match volume {
            Some(volume) if is_local => Some(storage::policy(index)?.min_free_bytes(volume)),
            _ => None,
        };
        let away = id.as_ref().and_then(|id| self.seen.away_since.get(id));
        let incoming = self.seen.steps.iter().filter(|(_, to)| to.as_str() == tier.id).count();
        let cleanup = id.as_ref().and_then(|id| self.seen.cleanups.get(id));
        let written = self.seen.write_to.as_ref().and_then(|to| to.tier());
        Ok(Tier {
            id: tier.id.clone(),
            kind: tier.kind.name().to_owned(),
            root: tier.root.to_string_lossy().into_owned(),
            is_writable: state == VolumeState::Writable,
            disk_total_bytes: disk.total_bytes,
            disk_available_bytes: disk.available_bytes,
            footage_bytes: 0,
            segments: 0,
            bytes_per_day: 0,
            days_left: None,
            name: id.as_ref().map_or_else(String::new, |id| self.registry.name(id)),
            state: match state {
                VolumeState::Writable => TierState::Writable,
                VolumeState::ReadOnly => TierState::ReadOnly,
                VolumeState::Absent => TierState::Absent,
                VolumeState::Foreign => TierState::Foreign,
            },
            away_since_utc_ms: away.map(|since| since.0),
            min_free_bytes: min_free,
            is_written_to: written.is_some_and(|written| written.as_str() == tier.id),
            incoming: u32::try_from(incoming).unwrap_or(u32::MAX),
            last_cleanup: cleanup.map(|cleanup| LastCleanup {
                utc_ms: cleanup.began.0,
                deleted_bytes: cleanup.deleted_bytes,
                free_after_bytes: cleanup.free_after_bytes,
                was_enough: cleanup.end == CleanupEnd::Enough,
            }),
        })
    }
}

/// One tier, as `GET /api/v1/storage` shows it.
pub(crate) async fn one_tier(hub: &Hub, id: &TierId) -> Result<Option<Tier>, Failure> {
    let own_tier = hub.data.tier_id().to_owned();
    let (seen, registry, now) = (hub.storage.seen().clone(), hub.storage.registry(), hub.now());
    let storage = hub
        .ask_index(move |index| measure(index, &own_tier, &Known { seen, registry }, now))
        .await
        .map_err(|error| index_failed(&error))?;
    Ok(storage.tiers.into_iter().find(|tier| tier.id == id.as_str()))
}

fn measure(
    index: &Index,
    own_tier: &str,
    known: &Known,
    now: UtcMs,
) -> Result<Storage, IndexError> {
    let (totals, holdings) = (index.totals()?, index.holdings()?);
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
    let policy = storage::policy(index)?;
    let fill = filling(&policy, &known.seen);
    let mut tiers = Vec::new();
    for tier in index.tiers()? {
        let is_filling = match &fill {
            Some(fill) => fill.iter().any(|id| id.as_str() == tier.id),
            None => tier.id == own_tier,
        };
        let fills = if is_filling { bytes_per_day } else { 0 };
        let mut shown = known.tier(index, &tier)?;
        for of in holdings.iter().filter(|of| of.tier_id == tier.id) {
            shown.footage_bytes += of.size_bytes;
            shown.segments += of.files;
        }
        shown.bytes_per_day = fills;
        shown.days_left = (fills > 0).then(|| days(shown.disk_available_bytes, fills));
        tiers.push(shown);
    }
    tiers.sort_by_key(|tier| tier.id != own_tier);
    Ok(Storage { tiers, cameras })
}

/// Disks that new footage comes to: the one that is written to, and those behind it, as it moves on to them. `None`: the
/// disks were not looked at yet.
fn filling<'s>(policy: &Policy, seen: &'s Seen) -> Option<Vec<&'s TierId>> {
    let written = seen.write_to.as_ref()?.tier();
    let disks = policy.disks(&seen.volumes);
    let way = disks.into_iter().skip_while(|disk| Some(&disk.tier) != written);
    Some(way.filter(|disk| disk.is_writable()).map(|disk| &disk.tier).collect())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_being_written_is_footage_before_its_first_file_is_closed() {
        let mut storage = Storage { tiers: Vec::new(), cameras: Vec::new() };
        let file = |start, end, size_bytes| OpenFile {
            camera_id: "garden".to_owned(),
            written: UtcRange::new(UtcMs(start), UtcMs(end)),
            size_bytes,
        };
        count_open_files(&mut storage, &[file(1000, 5000, 70), file(900, 4000, 7)], "t");
        let [usage] = &storage.cameras[..] else { panic!("one camera: {storage:?}") };
        assert_eq!((usage.footage_bytes, usage.segments), (77, 2));
        assert_eq!((usage.oldest_utc_ms, usage.newest_utc_ms), (Some(900), Some(5000)));
    }
}
