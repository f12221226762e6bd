//! Words: what happens to a camera's processes, and what is to be done about it.

use std::collections::BTreeSet;

use tarsier_types::{Mono, StreamKind, UtcMs};
use tarsier_wire::{Engine, ExitCode, StreamHealth, ToRecorder};

use crate::identity::{Identity, Role};
use crate::judge::EngineWish;
use crate::media::Disk;
use crate::rules::Rules;
use crate::sample::Sample;
use crate::supervisor::Report;
use crate::voice::Voice;

/// Both clocks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Now {
    pub(crate) mono: Mono,
    pub(crate) utc: UtcMs,
}

impl Now {
    /// When that is on the wall clock.
    pub(crate) fn utc_of(self, at: Mono) -> UtcMs {
        let ahead = at.since(self.mono).as_millis();
        self.utc.plus_millis(i64::try_from(ahead).unwrap_or(i64::MAX / 2))
    }
}

/// What a camera's recorder should be.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) wish: EngineWish,
    /// The engine that can read its URLs.
    pub(crate) readable: Engine,
    pub(crate) identity: Identity,
    /// Streams whose media should be on disk all the time.
    pub(crate) recorded: BTreeSet<StreamKind>,
    /// Streams of which something may be kept: also those that are recorded on events.
    pub(crate) kept: BTreeSet<StreamKind>,
}

/// What a recorder says of itself.
#[derive(Clone, Debug)]
pub(crate) struct Hello {
    pub(crate) pid: u32,
    pub(crate) engine: Engine,
    pub(crate) protocol: u16,
    pub(crate) started: UtcMs,
    pub(crate) identity: Option<Identity>,
    pub(crate) role: Role,
}

/// What of a recorder's words matters here.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Said {
    Alive(Vec<(StreamKind, StreamHealth)>),
    Disk(StreamKind, Disk),
    /// Main is on disk up to there.
    WrittenTo(UtcMs),
    Ready {
        cut_at: UtcMs,
    },
    /// The camera does not let it in, and waiting does not help.
    Refused,
}

/// What happens.
#[derive(Debug)]
pub(crate) enum Input {
    Wanted(Wanted),
    Unwanted,
    Rules(Rules),
    /// A disk is well again.
    TierChanged,
    Hello(Hello),
    Disconnected {
        pid: u32,
    },
    Said {
        pid: u32,
        said: Said,
    },
    /// Answers to [`Output::Start`].
    Started {
        role: Role,
        pid: u32,
        engine: Engine,
    },
    NotStarted {
        role: Role,
        status: String,
    },
    Exited {
        pid: u32,
        code: Option<ExitCode>,
        status: String,
    },
    Sampled {
        pid: u32,
        sample: Sample,
    },
    /// The hub itself stood still for a while.
    Excused,
    /// The restart that is asked for may begin.
    Leave,
    Tick,
}

/// What to do.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "few, and moved once")]
pub(crate) enum Output {
    Start { role: Role, engine: Engine },
    Hear { pid: u32, voice: Voice },
    Say { pid: u32, command: ToRecorder },
    Kill { pid: u32 },
    Report(Report),
}
