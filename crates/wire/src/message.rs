//! What recorder and hub say to each other. postcard numbers the variants: append only, never reorder.

use serde::{Deserialize, Serialize};
use tarsier_reconnect::{ConnectionHealth, ConnectionState, ReconnectionEvent};
use tarsier_types::{
    CameraId, Dts, GapReason, ParameterSets, Part, Pts, StreamKind, Ticks, Track, UtcMs, UtcRange,
};

use crate::config::{Engine, RecordingMode};

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
        /// Identity of the tier in which it lies.
        tier_id: String,
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
        /// Identity of the tier that it is about.
        tier_id: String,
    },
    /// From a recorder in standby: every stream that is to be recorded has shown two keyframes, and all of them since
    /// are in memory. Said again with a later time for as long as nobody answers.
    ReadyToTakeOver {
        /// As far from every keyframe as can be (in the middle of a coming GOP), so that both processes agree which
        /// keyframe is the first at or after it; at least 2 s ahead.
        cut_at: UtcMs,
    },
    /// Something happened to a reconnection.
    Reconnection {
        /// Which stream.
        stream: StreamKind,
        /// What.
        event: ReconnectionEvent,
    },
    /// How the connection to the camera is: every few seconds, and when it changed.
    ConnectionHealth {
        /// Which stream.
        stream: StreamKind,
        /// All its figures.
        health: Box<ConnectionHealth>,
    },
    /// To be kept, and handed back in [`crate::RecorderConfig::resume`]. Said again after each new hub connection.
    ConnectionState {
        /// Which stream.
        stream: StreamKind,
        /// [`crate::RecorderConfig::epoch`].
        epoch: i64,
        /// Replaces what was kept before.
        state: Box<ConnectionState>,
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
    /// From now on that stream is recorded so. Saying the same again changes nothing.
    Mode(StreamKind, RecordingMode),
    /// From the next segment on, segments are that long, in seconds.
    SegmentSeconds(u32),
    /// Something happens, in `[from, until)`: recorded in [`RecordingMode::OnEvent`], with pre-roll and post-roll.
    /// Overlapping events are one; saying the same again changes nothing.
    Event {
        /// Its beginning; may have passed, as far as memory reaches.
        from: UtcMs,
        /// Its end; may lie ahead.
        until: UtcMs,
    },
    /// Another process takes over: close each stream's file before its first keyframe at or after that time, then exit
    /// with [`crate::ExitCode::Done`]. A later one replaces an earlier one: `UtcMs(i64::MAX)` takes it back.
    EndAt(UtcMs),
    /// To a recorder in standby: record from each stream's first keyframe at or after that time on; from memory, if it
    /// has passed already. A recorder that records already ignores it.
    BeginAt(UtcMs),
    /// Record into that tier from now on: the next segment is begun there. Nothing is written unless
    /// `tarsier-tier.json` in it names it.
    Tier {
        /// Its folder, as the operating system writes it.
        root: String,
        /// Its identity.
        id: String,
    },
    /// Other processes have recorded that stream until then: no file of it begins before.
    RecordedUntil(StreamKind, UtcMs),
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
    const NAMES: [(Self, &'static str); 13] = [
        (Self::HostUnknown, "host_unknown"),
        (Self::HostUnreachable, "host_unreachable"),
        (Self::PortClosed, "port_closed"),
        (Self::WrongCredentials, "wrong_credentials"),
        (Self::CredentialsNeeded, "credentials_needed"),
        (Self::NoSuchPath, "no_such_path"),
        (Self::NoVideo, "no_video"),
        (Self::CodecNotSupported, "codec_not_supported"),
        (Self::NoPictures, tarsier_reconnect::NO_PICTURES),
        (Self::Disconnected, "disconnected"),
        (Self::TooManySessions, "too_many_sessions"),
        (Self::ProtocolError, "protocol_error"),
        (Self::DiskNotWritable, "disk_not_writable"),
    ];

    /// The name in kept states and in JSON.
    pub fn name(self) -> &'static str {
        let known = Self::NAMES.iter().find(|(problem, _)| *problem == self);
        known.map_or(tarsier_reconnect::NO_PICTURES, |(_, name)| name)
    }

    /// The problem of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(_, known)| *known == name).map(|(problem, _)| *problem)
    }

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
    /// How far back the footage in memory reaches that is in no file, in milliseconds: what an event could begin with.
    pub memory_ms: u32,
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
    /// Identity of the tier in which it lies.
    pub tier_id: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_is_found_by_its_name_and_json_calls_it_the_same() {
        for (problem, name) in Problem::NAMES {
            assert_eq!(Problem::from_name(problem.name()), Some(problem));
            assert_eq!(serde_json::to_string(&problem).unwrap(), format!("\"{name}\""));
        }
    }
}
