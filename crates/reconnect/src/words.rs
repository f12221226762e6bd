//! Words: what [`crate::Connection`] is told, and what it answers.

use tarsier_types::{Mono, ParameterSets, Pts, Track, UtcMs};

use crate::detect::FailureReason;
use crate::event::ReconnectionEvent;
use crate::health::ConnectionHealth;
use crate::phase::FailureKind;
use crate::state::ConnectionState;

/// Time and chance, as the hands see them.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// On the monotonic clock.
    pub mono: Mono,
    /// On the wall clock.
    pub utc: UtcMs,
    /// Uniform in `[0, 1)`.
    pub chance: f64,
}

/// An access unit came (or went).
#[derive(Clone, Copy, Debug)]
pub struct Media {
    /// Of which track.
    pub track: Track,
    /// Shown at.
    pub pts: Pts,
    /// Decoding can start here.
    pub is_keyframe: bool,
    /// When it arrived.
    pub arrived: UtcMs,
    /// Its length.
    pub bytes: u64,
    /// How many packets it came in: [`crate::health::packets_of`] where nobody counts.
    pub packets: u32,
}

/// Why an attempt or a session ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What is to be done about it.
    pub kind: FailureKind,
    /// What the hands call it; kept, and handed back after a restart.
    pub cause: String,
    /// For a log; holds no credentials.
    pub error: String,
}

/// What happens.
#[derive(Clone, Debug)]
pub enum Input {
    /// The other side answered: a session stands, media may come.
    Connected,
    /// The attempt failed, or the session ended.
    Failed(Failure),
    /// What the tracks hold from here on.
    Parameters(ParameterSets),
    /// An access unit.
    Media(Media),
    /// A picture that nobody can decode, because no keyframe came before it.
    EarlyPicture,
    /// Packets are missing.
    Lost {
        /// How many.
        packets: u32,
    },
    /// Something that a good sender would not do.
    Anomaly,
    /// The answer to [`Output::Look`].
    Looked {
        /// Somebody is there.
        answers: bool,
    },
    /// The deadline was reached.
    Time,
    /// Nobody wants it any more, or the process ends. The last input.
    Abort,
}

/// What to do, and what to tell.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Connect. Whatever attempt is under way is given up.
    Connect {
        /// Counted from 1 since the last success.
        attempt: u32,
    },
    /// Look whether somebody answers, without credentials and within a second and a half.
    Look,
    /// End the session or the attempt: it is dead. What follows tells how it goes on.
    Drop {
        /// Why.
        reason: FailureReason,
        /// For a log.
        error: String,
    },
    /// Tell: nothing is under way until then.
    Waiting {
        /// When the next full attempt comes, at the latest.
        until: Mono,
        /// Attempts that failed in a row.
        failures: u32,
        /// The quick ones are used up.
        is_offline: bool,
    },
    /// Tell: nothing will be tried until the configuration changes.
    Stopped,
    /// Tell: media flows, and that is proven.
    Playing {
        /// Since the first keyframe.
        since: UtcMs,
    },
    /// Tell: pictures come, and the sound that came with them does not any more, or does again.
    Sound {
        /// No sound.
        is_silent: bool,
    },
    /// Tell.
    Event(ReconnectionEvent),
    /// Tell.
    Health(Box<ConnectionHealth>),
    /// Keep.
    State(Box<ConnectionState>),
}
