//! What recorder and hub say to each other. postcard numbers the variants: append only, never reorder.

use serde::{Deserialize, Serialize};
use tarsier_types::{
    CameraId, Dts, GapReason, ParameterSets, Part, Pts, StreamKind, Ticks, Track, UtcMs, UtcRange,
};

use crate::config::Engine;

/// From the recorder. The payload that travels behind the header is named where there is one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ToHub {
    /// The first message of each connection.
    Hello {
        /// [`crate::PROTOCOL`].
        protocol: u16,
        /// Who speaks.
        camera: CameraId,
        /// The recorder's process id.
        pid: u32,
        /// What it reads with.
        engine: Engine,
        /// [`crate::RecorderConfig::config_hash`].
        config_hash: String,
        /// When the process started.
        started: UtcMs,
    },
    /// Once a second: the process is alive, and so are (or are not) its streams.
    Heartbeat {
        /// One entry for each configured stream.
        streams: Vec<(StreamKind, StreamHealth)>,
    },
    /// The connection to the camera changed its state. Said again after each new hub connection.
    Link {
        /// Which stream.
        stream: StreamKind,
        /// What it is now.
        state: LinkState,
    },
    /// A file was begun. Said again after each new hub connection, for the one that is open.
    SegmentOpened {
        /// Which stream.
        stream: StreamKind,
        /// Its name, and when its first picture was taken.
        start: UtcMs,
        /// What its tracks hold.
        parameters: ParameterSets,
        /// Bytes of `ftyp` and `moov`.
        init_bytes: u32,
    },
    /// A fragment is on disk and synced.
    FragmentWritten {
        /// Which stream.
        stream: StreamKind,
        /// The file's start.
        segment: UtcMs,
        /// What was written.
        part: Part,
    },
    /// A file is whole, synced and will not change.
    SegmentClosed {
        /// Which stream.
        stream: StreamKind,
        /// All about it.
        segment: ClosedSegment,
    },
    /// No footage for a while, and why. Sent when it is over.
    Gap {
        /// Which stream.
        stream: StreamKind,
        /// From the end of the last picture to the first one after it.
        range: UtcRange,
        /// Why.
        reason: GapReason,
    },
    /// Live: what follows is decodable with these. Precedes the last GOP after a subscription, and any change.
    LiveParameters {
        /// Which stream.
        stream: StreamKind,
        /// What its tracks hold.
        parameters: ParameterSets,
    },
    /// Live: one access unit. Payload: its data, as in [`tarsier_types::AccessUnit::data`].
    LiveUnit {
        /// Which stream.
        stream: StreamKind,
        /// Which track.
        track: Track,
        /// Shown at.
        pts: Pts,
        /// Decoded at.
        dts: Dts,
        /// Nominal length.
        duration: Ticks,
        /// Decoding can start here.
        is_keyframe: bool,
        /// When its last byte reached the recorder, microseconds since 1970.
        arrived_utc_us: i64,
    },
    /// Live: units were left out because the hub read too slowly; the next one is a keyframe.
    LiveSkipped {
        /// Which stream.
        stream: StreamKind,
        /// How many.
        units: u32,
    },
    /// The disk cannot be written to, or can be again (`None`). The stream goes on being read meanwhile.
    Disk {
        /// Which stream.
        stream: StreamKind,
        /// What the operating system said, and where.
        problem: Option<String>,
    },
}

/// From the hub.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToRecorder {
    /// Answer to [`ToHub::Hello`]: you are mine.
    Welcome,
    /// Send access units of this stream from now on, the last GOP first.
    Subscribe(StreamKind),
    /// Nobody watches any more.
    Unsubscribe(StreamKind),
    /// Close every segment and exit with [`crate::ExitCode::Done`].
    Stop,
}

/// State of one stream's connection to the camera.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum LinkState {
    /// On the way to the first picture.
    Connecting {
        /// Counted from 1 since the last success.
        attempt: u32,
    },
    /// Pictures flow.
    Playing {
        /// What the tracks hold.
        parameters: ParameterSets,
        /// Since when.
        since: UtcMs,
    },
    /// Not connected; another attempt comes at a known time.
    Waiting {
        /// What went wrong.
        problem: Problem,
        /// When the next attempt comes.
        retry_at: UtcMs,
        /// How many attempts failed in a row.
        attempts: u32,
        /// Since when there are no pictures.
        since: UtcMs,
        /// So many attempts failed that the camera counts as offline (SPEC section 4).
        offline: bool,
    },
    /// Not connected, and nothing will be tried until the configuration changes (a wrong password locks accounts).
    Stopped {
        /// What went wrong.
        problem: Problem,
        /// Since when there are no pictures.
        since: UtcMs,
    },
}

/// Why there are no pictures: each one is something else for a person to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Problem {
    /// The name does not resolve.
    HostUnknown,
    /// No route, or nobody answers at that address.
    HostUnreachable,
    /// The host refuses connections on that port.
    PortClosed,
    /// User name or password refused.
    WrongCredentials,
    /// A password is wanted and none was given.
    CredentialsNeeded,
    /// The camera knows no such path.
    NoSuchPath,
    /// There is no video in that stream.
    NoVideo,
    /// There is video, in a coding that no engine here can record.
    CodecNotSupported,
    /// Connected, but no pictures came in time.
    NoPictures,
    /// The camera ended the session or the connection broke.
    Disconnected,
    /// The camera allows no further session.
    TooManySessions,
    /// The answers are no RTSP, or not such as can be understood.
    ProtocolError,
    /// The disk cannot be written to.
    DiskNotWritable,
}

impl Problem {
    /// The gap that this problem leaves in the footage.
    pub const fn gap_reason(self) -> GapReason {
        match self {
            Self::HostUnknown | Self::HostUnreachable => GapReason::Network,
            Self::WrongCredentials | Self::CredentialsNeeded => GapReason::Credentials,
            Self::DiskNotWritable => GapReason::Disk,
            Self::PortClosed
            | Self::NoSuchPath
            | Self::NoVideo
            | Self::CodecNotSupported
            | Self::NoPictures
            | Self::Disconnected
            | Self::TooManySessions
            | Self::ProtocolError => GapReason::Camera,
        }
    }

    /// Trying again unchanged can only do harm (accounts get locked).
    pub const fn is_final(self) -> bool {
        matches!(self, Self::WrongCredentials | Self::CredentialsNeeded)
    }
}

/// Counters of one stream since the process started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamHealth {
    /// Pictures that reached us.
    pub video_units: u64,
    /// Audio frames that reached us.
    pub audio_units: u64,
    /// Bytes of both.
    pub bytes: u64,
    /// Access units that are on disk and synced.
    pub units_on_disk: u64,
    /// Access units that wait for the disk.
    pub units_queued: u64,
    /// Access units that could not be written (a gap tells why).
    pub units_lost: u64,
    /// RTP packets that the network lost, as their sequence numbers tell.
    pub packets_lost: u64,
    /// Sessions that ended, since the start.
    pub reconnects: u32,
    /// Bits per second of the last second.
    pub bitrate_bps: u64,
    /// Pictures in 1000 seconds, measured over the last seconds.
    pub millifps: u32,
    /// When the last picture came.
    pub last_picture: Option<UtcMs>,
    /// Media time written to disk, in milliseconds.
    pub written_ms: u64,
    /// Longest write and sync of a fragment in the last second, in microseconds.
    pub slowest_write_us: u32,
}

/// A file that is whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClosedSegment {
    /// Its name, and when its first picture was taken.
    pub start: UtcMs,
    /// Length of its pictures.
    pub duration: Ticks,
    /// Bytes of the whole file.
    pub bytes: u64,
    /// BLAKE3 of the whole file.
    pub hash: [u8; 32],
    /// BLAKE3 of (the chain value of the segment before in this stream, then `hash`).
    pub chain: [u8; 32],
    /// Bytes of `ftyp` and `moov`.
    pub init_bytes: u32,
    /// What its tracks hold.
    pub parameters: ParameterSets,
    /// Its fragments, in order.
    pub parts: Vec<Part>,
    /// Access units in it.
    pub units: u32,
    /// It goes on where the segment before it ended: no picture is missing between them.
    pub continues: bool,
}
