//! Cameras: what is configured, what is measured.

use serde::{Deserialize, Serialize};
use tarsier_types::{Secret, StreamKind, Transport};
use ts_rs::TS;
use utoipa::ToSchema;

use crate::connection::{ConnectionHealth, Reconnect};
use crate::problem::Problem;
pub use crate::recording::{Recording, RecordingMode};

/// The two streams, as in paths.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, TS, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Stream {
    /// Full quality.
    Main,
    /// Small.
    Sub,
}

impl From<StreamKind> for Stream {
    fn from(kind: StreamKind) -> Self {
        match kind {
            StreamKind::Main => Self::Main,
            StreamKind::Sub => Self::Sub,
        }
    }
}

impl From<Stream> for StreamKind {
    fn from(stream: Stream) -> Self {
        match stream {
            Stream::Main => Self::Main,
            Stream::Sub => Self::Sub,
        }
    }
}

/// How RTP travels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RtpTransport {
    /// Inside the RTSP connection.
    #[default]
    Tcp,
    /// Datagrams.
    Udp,
}

impl From<RtpTransport> for Transport {
    fn from(transport: RtpTransport) -> Self {
        match transport {
            RtpTransport::Tcp => Self::Tcp,
            RtpTransport::Udp => Self::Udp,
        }
    }
}

/// What reads the camera.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EngineChoice {
    /// The pure-Rust engine where it can, else libav.
    #[default]
    Auto,
    /// The pure-Rust engine.
    Rust,
    /// libav.
    Libav,
}

/// Where a stream is. The URL may hold credentials when it comes in; it never does when it goes out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StreamAddress {
    /// `rtsp://192.0.2.7:554/stream1`
    pub url: String,
    /// How RTP travels.
    #[serde(default)]
    pub transport: RtpTransport,
}

/// `POST /api/v1/cameras`.
#[derive(Clone, Debug, Deserialize, TS, ToSchema)]
#[serde(deny_unknown_fields)]
#[ts(optional_fields = nullable)]
pub struct NewCamera {
    /// Shown everywhere; no two cameras share one.
    pub name: String,
    /// The stream that is recorded.
    pub main: StreamAddress,
    /// The small one, for grids.
    #[serde(default)]
    pub sub: Option<StreamAddress>,
    /// User name; wins over one in the URL.
    #[serde(default)]
    pub username: Option<String>,
    /// Password; wins over one in the URL.
    #[serde(default)]
    #[ts(type = "string | null")]
    #[schema(value_type = Option<String>)]
    pub password: Option<Secret<String>>,
    /// How it is recorded.
    #[serde(default)]
    pub recording: Recording,
    /// What reads it.
    #[serde(default)]
    pub engine: EngineChoice,
    /// When it is connected again; absent: as is right for its protocol.
    #[serde(default)]
    pub reconnect: Option<Reconnect>,
    /// Where it is turned over ONVIF; absent: looked for at the host of its pictures. A user name and a password in it
    /// are for that alone; without them it is asked by those of the pictures.
    #[serde(default)]
    pub onvif_url: Option<String>,
}

/// `PATCH /api/v1/cameras/{id}`: what is absent stays as it is.
#[derive(Clone, Debug, Default, Deserialize, TS, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[ts(optional_fields = nullable)]
pub struct CameraChange {
    /// A new name.
    pub name: Option<String>,
    /// A new main stream.
    pub main: Option<StreamAddress>,
    /// A new sub stream; `null` removes it.
    #[serde(deserialize_with = "present")]
    #[ts(as = "Option<StreamAddress>")]
    #[schema(value_type = Option<StreamAddress>)]
    pub sub: Changed<StreamAddress>,
    /// A new user name.
    pub username: Option<String>,
    /// A new password.
    #[ts(type = "string | null")]
    #[schema(value_type = Option<String>)]
    pub password: Option<Secret<String>>,
    /// A new way of recording.
    pub recording: Option<Recording>,
    /// Another engine.
    pub engine: Option<EngineChoice>,
    /// Whether it is connected at all.
    pub enabled: Option<bool>,
    /// Another way of being connected again.
    pub reconnect: Option<Reconnect>,
    /// Another place where it is turned; `null`: looked for again.
    #[serde(deserialize_with = "present")]
    #[ts(as = "Option<String>")]
    #[schema(value_type = Option<String>)]
    pub onvif_url: Changed<String>,
}

/// Absent, `null`, or a value: three things to say.
pub type Changed<T> = Option<Option<T>>;

/// A field that is there, be it `null`, is not one that is absent.
fn present<'de, D: serde::Deserializer<'de>, T: Deserialize<'de>>(
    d: D,
) -> Result<Changed<T>, D::Error> {
    Option::deserialize(d).map(Some)
}

/// A camera as configured. Holds no password, only whether there is one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct Camera {
    /// Its short name in URLs and folders.
    pub id: String,
    /// Its name on the screen.
    pub name: String,
    /// The stream that is recorded.
    pub main: StreamAddress,
    /// The small one.
    pub sub: Option<StreamAddress>,
    /// User name.
    pub username: Option<String>,
    /// A password is stored.
    pub has_password: bool,
    /// How it is recorded.
    pub recording: Recording,
    /// What reads it.
    pub engine: EngineChoice,
    /// Whether it is connected at all.
    pub enabled: bool,
    /// When it was added.
    #[ts(type = "number")]
    pub created_utc_ms: i64,
    /// When it is connected again; absent: as is right for its protocol.
    pub reconnect: Option<Reconnect>,
    /// Where it is turned over ONVIF; absent: looked for at the host of its pictures.
    pub onvif_url: Option<String>,
}

/// `POST /api/v1/cameras/test`.
#[derive(Clone, Debug, Deserialize, TS, ToSchema)]
#[serde(deny_unknown_fields)]
#[ts(optional_fields = nullable)]
pub struct CameraTest {
    /// As for a new camera.
    pub url: String,
    /// As for a new camera.
    #[serde(default)]
    pub username: Option<String>,
    /// As for a new camera.
    #[serde(default)]
    #[ts(type = "string | null")]
    #[schema(value_type = Option<String>)]
    pub password: Option<Secret<String>>,
    /// As for a new camera.
    #[serde(default)]
    pub transport: RtpTransport,
}

/// What a test found: within 10 s, or a [`Problem`].
#[derive(Clone, Debug, Serialize, Deserialize, TS, ToSchema)]
pub struct CameraTestResult {
    /// The pictures.
    pub video: VideoFacts,
    /// The sound, if any.
    pub audio: Option<AudioFacts>,
    /// The first picture, JPEG in base64.
    pub still_jpeg_base64: Option<String>,
    /// Which engine read it: `rust` or `libav`.
    pub engine: String,
}

/// About pictures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS, ToSchema)]
pub struct VideoFacts {
    /// As FFmpeg writes it: `h264`, `hevc`.
    pub codec: String,
    /// As browsers take it: `avc1.640028`.
    pub rfc6381: String,
    /// Pixels.
    pub width: u16,
    /// Pixels.
    pub height: u16,
    /// Pictures in a second.
    pub fps: Option<f64>,
}

/// About sound.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS, ToSchema)]
pub struct AudioFacts {
    /// As FFmpeg writes it: `aac`, `pcm_mulaw`, `flac`.
    pub codec: String,
    /// Samples in a second, where known.
    pub sample_rate_hz: Option<u32>,
    /// Channels, where known.
    pub channels: Option<u16>,
}

/// What a camera is doing, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CameraState {
    /// Pictures come and are written.
    Recording,
    /// Pictures come; nobody wants them written.
    Live,
    /// On the way to the first picture.
    Connecting,
    /// No pictures; tried again by itself.
    Offline,
    /// No pictures, and nothing is tried until somebody changes something.
    Stopped,
    /// Switched off.
    Disabled,
}

/// `GET /api/v1/cameras/{id}/status`.
#[derive(Clone, Debug, Serialize, Deserialize, TS, ToSchema)]
pub struct CameraStatus {
    /// Whose.
    pub camera_id: String,
    /// In one word.
    pub state: CameraState,
    /// Since when it is so.
    #[ts(type = "number")]
    pub since_utc_ms: i64,
    /// What is wrong, if anything: message and hint say what, since when, what to do.
    pub problem: Option<Problem>,
    /// When the next attempt comes, if one is waited for.
    #[ts(type = "number | null")]
    pub retry_at_utc_ms: Option<i64>,
    /// One entry for each configured stream.
    pub streams: Vec<StreamStatus>,
    /// Its process, while there is one.
    pub recorder: Option<RecorderItem>,
    /// What is kept of the main stream now: by its mode, its schedule, the pause.
    pub keeps: crate::recording::ScheduledMode,
    /// When its schedule changes that next.
    #[ts(type = "number | null")]
    pub keeps_until_utc_ms: Option<i64>,
    /// The newest span without footage.
    pub last_gap: Option<crate::timeline::TimelineGap>,
    /// What is converted for viewers now.
    pub conversions: Vec<Conversion>,
}

/// Pictures of a camera that are converted, as long as somebody watches them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct Conversion {
    /// Which of the sizes.
    pub stream: crate::live::LiveStream,
    /// By which encoder, as FFmpeg names it: `h264_vaapi`, `libx264`.
    pub encoder: String,
    /// What that runs on.
    pub runs_on: RunsOn,
    /// Who watches it live now.
    pub viewers: u32,
}

/// What an encoder runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunsOn {
    /// A graphics card, or what stands for one.
    Hardware,
    /// The processor.
    Software,
}

/// One stream, measured.
#[derive(Clone, Debug, Serialize, Deserialize, TS, ToSchema)]
pub struct StreamStatus {
    /// Which.
    pub stream: Stream,
    /// Pictures flow.
    pub is_playing: bool,
    /// What is wrong with this stream, if anything.
    pub problem: Option<Problem>,
    /// About its pictures, once known.
    pub video: Option<VideoFacts>,
    /// About its sound.
    pub audio: Option<AudioFacts>,
    /// Measured bit rate.
    #[ts(type = "number")]
    pub bitrate_bps: u64,
    /// Measured pictures in a second.
    pub fps: f64,
    /// When the last picture came.
    #[ts(type = "number | null")]
    pub last_picture_utc_ms: Option<i64>,
    /// Access units that came since the recorder started.
    #[ts(type = "number")]
    pub units_in: u64,
    /// Access units that are on disk.
    #[ts(type = "number")]
    pub units_on_disk: u64,
    /// Access units that could not be written.
    #[ts(type = "number")]
    pub units_lost: u64,
    /// RTP packets that the network lost.
    #[ts(type = "number")]
    pub packets_lost: u64,
    /// Sessions that ended.
    pub reconnects: u32,
    /// Who watches it live now.
    pub viewers: u32,
    /// How its connection is, once its recorder has told.
    pub connection: Option<ConnectionHealth>,
}

/// A recorder process: an item of `GET /api/v1/recorders`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS, ToSchema)]
pub struct RecorderItem {
    /// Whose.
    pub camera_id: String,
    /// Process id.
    pub pid: u32,
    /// `rust` or `libav`.
    pub engine: String,
    /// `starting`, `running`, `waiting` (to be started again), `paused` (restarted too often, tried again
    /// later), `stopped`.
    pub state: String,
    /// Of one core.
    pub cpu_percent: f64,
    /// Resident memory.
    #[ts(type = "number")]
    pub rss_bytes: u64,
    /// How often it was started again.
    pub restarts: u32,
    /// When this process started.
    #[ts(type = "number")]
    pub started_utc_ms: i64,
}
