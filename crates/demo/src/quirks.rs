//! What a camera does wrong, on purpose: the misbehaviour that SPEC section 2 lists, for tests of who records it.
//!
//! What does not belong here: faults of the network (a proxy's), except lost datagrams, which a TCP proxy does not see.

use std::time::Duration;

/// Everything off by default: a good camera.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quirks {
    /// The timestamps of pictures and sound.
    pub timestamps: Timestamps,
    /// Where H.264 and H.265 parameter sets are. AV1 has its sequence header before each keyframe in any case.
    pub parameter_sets: ParameterSetsIn,
    /// So long after PLAY, a main stream shows the film of the sub stream: another resolution, told by new parameter sets
    /// before its first keyframe only.
    pub becomes_sub_after: Option<Duration>,
    /// The sound begins so much later than the pictures.
    pub sound_late_by: Duration,
    /// Which tracks there are.
    pub tracks: Tracks,
    /// How many sessions there may be at a time, of all streams together; one more is refused with 453.
    pub sessions_at_most: Option<usize>,
    /// So many of a hundred datagrams of RTP are not sent.
    pub datagrams_lost_percent: u8,
}

/// Timestamps of RTP and of its sender reports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Timestamps {
    /// They tell the time.
    #[default]
    True,
    /// So long after PLAY the camera's clock is put forward (or back) by so many milliseconds, sound and pictures alike.
    JumpAfter(Duration, i64),
    /// So long after PLAY they go over 2^32 (RFC 3550 section 5.1), sound and pictures alike.
    WrapAfter(Duration),
    /// So long after PLAY those of the pictures stand still for the second time, then are true again. Sender reports go
    /// on: they tell the clock, not the encoder.
    StandStillAfter(Duration, Duration),
}

/// Where parameter sets are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ParameterSetsIn {
    /// In the SDP, and before each keyframe.
    #[default]
    Both,
    /// In the SDP alone.
    Sdp,
    /// Before each keyframe alone.
    Band,
}

/// Which tracks a stream has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tracks {
    /// All that its film has.
    #[default]
    All,
    /// No pictures.
    SoundOnly,
}
