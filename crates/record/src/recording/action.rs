//! Words: what the recording brain wants done.

use std::sync::Arc;

use tarsier_segment::Fragment;
use tarsier_types::{GapReason, ParameterSets, UtcMs, UtcRange};

use crate::handover::Seen;

/// What to do next.
#[derive(Debug)]
pub(crate) enum Action {
    Open {
        start: UtcMs,
        parameters: Arc<ParameterSets>,
        continues: bool,
    },
    /// The next fragment of the file that began at `file`.
    Write {
        file: UtcMs,
        fragment: Fragment,
    },
    Close,
    Gap {
        range: UtcRange,
        reason: GapReason,
    },
    /// So many units could not be kept.
    Lost {
        units: u32,
    },
    /// Memory reached less far back than was asked for.
    Shortened {
        by_ms: i64,
    },
    /// In standby: what came into memory.
    Standby(Seen),
    /// The file ended where another process goes on; nothing is recorded any more.
    HandedOver,
}

/// How a process begins that was in standby.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Takeover {
    /// The other one ends its files at the same moment.
    Agreed,
    /// Nobody knows where the other one ended.
    Alone,
}
