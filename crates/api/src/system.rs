//! The machine, the disks, the hub itself.

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

/// `GET /api/v1/system`.
#[derive(Clone, Debug, Serialize, Deserialize, TS, ToSchema)]
pub struct System {
    /// Of the hub.
    pub version: String,
    /// When the hub started.
    #[ts(type = "number")]
    pub started_utc_ms: i64,
    /// Its clock now: what the UI counts from.
    #[ts(type = "number")]
    pub now_utc_ms: i64,
    /// IANA time zone of the machine, for local days.
    pub time_zone: String,
    /// CPU of the whole machine.
    pub machine_cpu_percent: f64,
    /// Processors.
    pub cores: u32,
    /// Memory of the machine.
    #[ts(type = "number")]
    pub memory_total_bytes: u64,
    /// Memory in use.
    #[ts(type = "number")]
    pub memory_used_bytes: u64,
    /// CPU of the hub, of one core.
    pub hub_cpu_percent: f64,
    /// Resident memory of the hub.
    #[ts(type = "number")]
    pub hub_rss_bytes: u64,
    /// Cameras that are being recorded now.
    pub recording_cameras: u32,
    /// Cameras that should be connected and are not.
    pub offline_cameras: u32,
    /// All cameras.
    pub cameras: u32,
    /// Recording is paused by somebody.
    pub is_paused: bool,
    /// How many demo cameras the hub serves.
    pub demo_cameras: u32,
    /// What serves live streams to other programs.
    #[serde(default)]
    pub rtsp: RtspServer,
    /// Alerts that go on, warnings and worse, acknowledged or not. 0 from a hub that has none yet.
    #[serde(default)]
    pub open_alerts: u32,
    /// Nobody is told of alerts until then; absent while people are told.
    #[serde(default)]
    #[ts(type = "number | null")]
    pub alerts_muted_until_utc_ms: Option<i64>,
}

/// The RTSP server: of the two, one is there once the hub has started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct RtspServer {
    /// `rtsp://127.0.0.1:8554`; `/{camera}/{stream}` follows.
    pub url: Option<String>,
    /// Why there is none, and what to do about it.
    pub problem: Option<String>,
    /// The same over TLS: `rtsps://127.0.0.1:8322`.
    #[serde(default)]
    pub tls_url: Option<String>,
    /// Why there is none, and what to do about it.
    #[serde(default)]
    pub tls_problem: Option<String>,
    /// What shows over TLS that it is this hub.
    #[serde(default)]
    pub certificate: Option<Certificate>,
}

/// By which a server shows who it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct Certificate {
    /// SHA-256 of it, as programs show it: pairs of hexadecimal digits with colons between them.
    pub fingerprint_sha256: String,
    /// Good until then.
    #[ts(type = "number")]
    pub until_utc_ms: i64,
    /// The hub made it for itself: nobody vouches for it, and it is made anew before it ends.
    pub is_own: bool,
}

/// `GET /api/v1/storage`.
#[derive(Clone, Debug, Serialize, Deserialize, TS, ToSchema)]
pub struct Storage {
    /// The places for segments, the one written to first.
    pub tiers: Vec<Tier>,
    /// What each camera holds.
    pub cameras: Vec<CameraUsage>,
}

/// A place for segments.
#[derive(Clone, Debug, Serialize, Deserialize, TS, ToSchema)]
pub struct Tier {
    /// Its identity, as in `tarsier-tier.json`.
    pub id: String,
    /// `cache`, `archive`, `object_store`.
    pub kind: String,
    /// Where.
    pub root: String,
    /// It can be written to.
    pub is_writable: bool,
    /// Size of the disk.
    #[ts(type = "number")]
    pub disk_total_bytes: u64,
    /// Free for us on that disk.
    #[ts(type = "number")]
    pub disk_available_bytes: u64,
    /// Footage of ours on it.
    #[ts(type = "number")]
    pub footage_bytes: u64,
    /// Segments of ours on it.
    #[ts(type = "number")]
    pub segments: u64,
    /// How fast it fills, measured over the last hour of footage.
    #[ts(type = "number")]
    pub bytes_per_day: u64,
    /// Days until it is full at that speed; absent while nothing is recorded.
    pub days_left: Option<f64>,
    /// Name on the screen; empty if none was given.
    pub name: String,
    /// Can it be used?
    pub state: TierState,
    /// Since when it cannot.
    #[ts(type = "number | null")]
    pub away_since_utc_ms: Option<i64>,
    /// What must stay free; less is an emergency. Absent for buckets.
    #[ts(type = "number | null")]
    pub min_free_bytes: Option<u64>,
    /// New footage is written here now.
    pub is_written_to: bool,
    /// Files that are being moved or copied to it.
    pub incoming: u32,
    /// The last time that old footage was deleted because the disk was nearly full.
    pub last_cleanup: Option<LastCleanup>,
}

/// Can a tier be used?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TierState {
    /// It is there and takes writes.
    Writable,
    /// It is there; writing fails.
    ReadOnly,
    /// It is not there.
    Absent,
    /// Something else is in its place.
    Foreign,
}

/// An emergency cleanup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct LastCleanup {
    /// When it began.
    #[ts(type = "number")]
    pub utc_ms: i64,
    /// How much was deleted.
    #[ts(type = "number")]
    pub deleted_bytes: u64,
    /// What was free after it.
    #[ts(type = "number")]
    pub free_after_bytes: u64,
    /// Enough was free after it.
    pub was_enough: bool,
}

/// What a camera holds.
#[derive(Clone, Debug, Serialize, Deserialize, TS, ToSchema)]
pub struct CameraUsage {
    /// Which.
    pub camera_id: String,
    /// Bytes of both streams.
    #[ts(type = "number")]
    pub footage_bytes: u64,
    /// Segments of both streams.
    #[ts(type = "number")]
    pub segments: u64,
    /// Its oldest footage.
    #[ts(type = "number | null")]
    pub oldest_utc_ms: Option<i64>,
    /// Its newest footage.
    #[ts(type = "number | null")]
    pub newest_utc_ms: Option<i64>,
}

/// `PUT /api/v1/recording`: pause or resume everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordingSwitch {
    /// Nothing is written while true; live goes on.
    pub paused: bool,
}

/// `POST /api/v1/demo`: start so many demo cameras inside the hub and add them; answers with the cameras.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewDemo {
    /// How many, 1 to 16.
    pub cameras: u16,
}
