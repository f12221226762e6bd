//! What every way into the product gives: parameter sets, then access units, until it fails.
//!
//! A source makes no second attempt; whoever drives it asks `reconnect` when to build a new one.

use std::future::Future;

use tarsier_types::{AccessUnit, ParameterSets, UtcMs};
use tarsier_wire::Problem;

/// What comes out of a source.
#[derive(Clone, Debug, PartialEq)]
pub enum SourceEvent {
    /// Units after this one are decoded with these. Always first (but for [`Anomaly::BeforeKeyframe`]), and again
    /// whenever they change; the unit after it is a keyframe.
    Parameters(ParameterSets),
    /// One access unit, its times made true by `timeline`.
    Unit(AccessUnit),
    /// The run begins: the next unit is a keyframe, shown at time 0. Comes once, between the first parameters and
    /// the first unit. A camera's clock that jumps begins no other run: `timeline` continues the times, and the jump
    /// is an anomaly. The next run is the next source's.
    NewRun {
        /// When the picture at the run's time zero came. It was taken then, or earlier: it may have waited in the camera.
        zero: UtcMs,
    },
    /// Something that a good camera would not do; counted, never fatal.
    Anomaly(Anomaly),
}

/// Misbehaviour of a camera or a network, counted by kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Anomaly {
    /// RTP packets are missing.
    PacketsLost(u32),
    /// A timestamp jumped forwards or backwards beyond what a pause explains.
    TimestampJump,
    /// A timestamp did not advance.
    TimestampStill,
    /// An access unit could not be read and was left out.
    BrokenUnit,
    /// Parameter sets changed within the session.
    ParametersChanged,
    /// A picture came before the first keyframe or before any parameter sets: nobody can decode it, but the camera
    /// is alive.
    BeforeKeyframe,
}

/// Why a source ended or could not begin.
#[derive(Debug, thiserror::Error)]
#[error("{problem:?}: {detail}")]
pub struct SourceError {
    /// What to tell the person.
    pub problem: Problem,
    /// Another engine may be able to read it.
    pub other_engine: bool,
    /// Details for the log; never holds credentials.
    pub detail: String,
}

/// A connection to one stream.
pub trait Source: Send {
    /// Waits for what comes next. After an error the source is of no more use. Cancel-safe.
    fn next(&mut self) -> impl Future<Output = Result<SourceEvent, SourceError>> + Send;

    /// Ends the session politely (RTSP TEARDOWN), within a second.
    fn close(self) -> impl Future<Output = ()> + Send;
}
