//! A camera's timestamps made true: the picture track.
//!
//! RTP tells when a picture is to be shown, and cameras tell it badly: clocks jump, run backwards, stand still. What
//! comes out starts at 0 with the first keyframe, is shown when the camera says so wherever that is believable, and
//! where it is not, when it arrived; it is decoded at strictly increasing times.
//!
//! **When is a timestamp not believable?** Arrival is the only witness, and it errs to one side: a network delays
//! pictures and never brings them before they were taken. So a timestamp that leaps forward so far that its picture
//! would have arrived before it was taken is false; late arrival proves nothing. Backwards is legitimate only within
//! the reordering of B-frames, which never crosses a keyframe.
//!
//! **Decoding times.** RTP has none. Units come in decoding order; with pictures reordered by at most `depth`, the
//! decoding line is the (depth + 1)-th largest presentation time so far, put forward by `depth` nominal durations, so
//! that keyframes are shown when they are decoded (composition offsets are signed, ISO/IEC 14496-12 section 8.6.1.3).
//! `depth` is 0 until a stream proves otherwise: most cameras have no B-frames, and holding pictures back to find
//! out would cost latency. The first reordered group then has a few decoding times that are one tick apart, once.
//!
//! What does not belong here: the wall clock (`anchor`), sound (`sound`), unwrapping of 32 bits (retina does that).

use std::collections::VecDeque;

use tarsier_types::{Dts, Mono, Pts, Ticks};

use crate::latency::LatencyFloor;
use crate::source::Anomaly;

/// A leap by more than this against arrival is a jump (guess: beyond any jitter that a sender's own clock has).
const JUMP: i64 = 2 * Ticks::PER_SECOND;
/// H.264 section A.3.1 and H.265 section A.4: no decoder holds more pictures than this back.
const MAX_DEPTH: usize = 16;
/// The same, to count ticks with.
const MAX_DEPTH_TICKS: i64 = 16;
/// Enough of the past to find the (depth + 1)-th largest of.
const RECENT: usize = 2 * MAX_DEPTH + 1;
/// Deltas that the nominal duration is the median of.
const MEDIAN_OF: usize = 15;
/// No camera's time is beyond this (400 000 years); it keeps sums of a few of them within 64 bits.
pub(crate) const MAX_RAW: i64 = 1 << 60;
/// Until anything is known: 25 pictures a second.
const DEFAULT_DURATION: i64 = Ticks::PER_SECOND / 25;

/// Where a unit belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    /// When it is shown.
    pub pts: Pts,
    /// When it is decoded; larger than that of every unit before it.
    pub dts: Dts,
    /// What the distance to the next one is expected to be.
    pub duration: Ticks,
    /// What was wrong with its timestamp.
    pub anomaly: Option<Anomaly>,
}

/// The picture track of a run.
#[derive(Clone, Debug)]
pub struct Timeline {
    announced: Option<i64>,
    run: Option<Run>,
}

#[derive(Clone, Debug)]
struct Run {
    arrived_zero: Mono,
    /// Added to the camera's time.
    offset: i64,
    last_raw: i64,
    max_pts: i64,
    /// Units after the last keyframe or repair are shown after this.
    barrier: i64,
    last_dts: i64,
    depth: usize,
    recent: VecDeque<i64>,
    deltas: VecDeque<i64>,
    floor: LatencyFloor,
}

impl Timeline {
    /// A track whose camera announces that many pictures in 1000 seconds, if it does.
    pub fn new(nominal_millifps: Option<u32>) -> Self {
        let announced = nominal_millifps
            .filter(|millifps| (100..=1_000_000).contains(millifps))
            .map(|millifps| Ticks::PER_SECOND * 1_000 / i64::from(millifps));
        Self { announced, run: None }
    }

    /// Places the next unit in decoding order. `raw` is the camera's own time in ticks, unwrapped, from any zero.
    pub fn place(&mut self, raw: Ticks, arrived: Mono, is_keyframe: bool) -> Placed {
        let announced = self.announced;
        let raw = raw.0.clamp(-MAX_RAW, MAX_RAW);
        let Some(run) = &mut self.run else {
            self.run = Some(Run::begin(raw, arrived));
            let duration = Ticks(announced.unwrap_or(DEFAULT_DURATION));
            return Placed { pts: Pts(0), dts: Dts(0), duration, anomaly: None };
        };
        let arrived = run.ticks_of(arrived);
        let nominal = run.nominal(announced);
        let (pts, anomaly) = run.present(raw, arrived, is_keyframe, nominal);
        let dts = run.decode(pts, nominal);
        run.last_raw = raw;
        Placed { pts: Pts(pts), dts: Dts(dts), duration: Ticks(run.nominal(announced)), anomaly }
    }

    /// The run's time of a moment of the camera's picture clock; none before the run begins.
    pub fn pts_of_raw(&self, raw: Ticks) -> Option<Pts> {
        self.run.as_ref().map(|run| Pts(raw.0.saturating_add(run.offset)))
    }

    /// When a unit that arrives now with the least delay seen lately was taken; none before the run begins.
    pub fn pts_of_arrival(&self, arrived: Mono) -> Option<Pts> {
        self.run.as_ref().map(|run| Pts(run.ticks_of(arrived) - run.floor.ticks()))
    }

    /// The least time from showing to arrival seen lately, relative to the run's beginning.
    pub fn latency_floor(&self) -> Option<Ticks> {
        self.run.as_ref().map(|run| Ticks(run.floor.ticks()))
    }
}

impl Run {
    fn begin(raw: i64, arrived: Mono) -> Self {
        Self {
            arrived_zero: arrived,
            offset: -raw,
            last_raw: raw,
            max_pts: 0,
            barrier: 0,
            last_dts: 0,
            depth: 0,
            recent: VecDeque::from([0]),
            deltas: VecDeque::with_capacity(MEDIAN_OF),
            floor: LatencyFloor::new(0),
        }
    }

    fn ticks_of(&self, arrived: Mono) -> i64 {
        ticks_between(self.arrived_zero, arrived)
    }

    /// When it is shown, by the camera's word or else by arrival.
    fn present(
        &mut self,
        raw: i64,
        arrived: i64,
        is_keyframe: bool,
        nominal: i64,
    ) -> (i64, Option<Anomaly>) {
        let wanted = raw + self.offset;
        let reorder = (nominal * MAX_DEPTH_TICKS).min(JUMP);
        let (pts, anomaly) = if wanted > self.max_pts {
            let leaps =
                wanted - self.max_pts > JUMP && arrived - wanted < self.floor.ticks() - JUMP;
            if leaps {
                (self.rebase(raw, arrived), Some(Anomaly::TimestampJump))
            } else {
                (wanted, None)
            }
        } else if self.max_pts - wanted > reorder && raw != self.last_raw {
            // A clock that stands still falls behind as well, but has not gone anywhere: it may be true again at any time.
            (self.rebase(raw, arrived), Some(Anomaly::TimestampJump))
        } else if is_keyframe || wanted <= self.barrier || self.recent.contains(&wanted) {
            // Slower than nominal, so that a clock that only stumbled is met again, by as much as really passed.
            let most = if raw > self.last_raw { nominal / 2 } else { nominal };
            // Measured from the last picture shown, not from the last one that arrived: they come in bursts.
            let step = (arrived - self.floor.ticks() - self.max_pts).clamp(1, most.max(1));
            (self.max_pts + step, Some(Anomaly::TimestampStill))
        } else {
            (wanted, None)
        };
        if anomaly.is_some() {
            self.barrier = pts;
        } else if is_keyframe {
            // Leading pictures of an open GOP follow their keyframe and are shown before it, yet after all before.
            self.barrier = self.max_pts;
        }
        self.max_pts = self.max_pts.max(pts);
        self.floor.observe(pts, arrived - pts);
        (pts, anomaly)
    }

    /// The camera's clock is somewhere else now: go on where arrival says that we are.
    fn rebase(&mut self, raw: i64, arrived: i64) -> i64 {
        let pts = (arrived - self.floor.ticks()).max(self.max_pts + 1);
        self.offset = pts - raw;
        self.recent.clear();
        pts
    }

    fn decode(&mut self, pts: i64, nominal: i64) -> i64 {
        let shown_later = self.recent.iter().filter(|earlier| **earlier > pts).count();
        self.depth = self.depth.max(shown_later.min(MAX_DEPTH));
        self.recent.push_back(pts);
        if self.recent.len() > RECENT {
            self.recent.pop_front();
        }
        let line = if self.depth == 0 {
            pts
        } else {
            let mut sorted: Vec<i64> = self.recent.iter().copied().collect();
            sorted.sort_unstable_by(|a, b| b.cmp(a));
            match sorted.get(self.depth) {
                Some(shown) => {
                    shown
                        + nominal
                            .saturating_mul(i64::try_from(self.depth).unwrap_or(MAX_DEPTH_TICKS))
                }
                None => self.last_dts + nominal,
            }
        };
        let dts = line.max(self.last_dts + 1);
        if self.deltas.len() == MEDIAN_OF {
            self.deltas.pop_front();
        }
        self.deltas.push_back(dts - self.last_dts);
        self.last_dts = dts;
        dts
    }

    /// The median of the last distances once there are enough, else what was announced, else what there is.
    fn nominal(&self, announced: Option<i64>) -> i64 {
        let enough = self.deltas.len() > MEDIAN_OF / 2;
        match announced {
            Some(announced) if !enough => announced,
            _ if self.deltas.is_empty() => DEFAULT_DURATION,
            _ => {
                let mut sorted: Vec<i64> = self.deltas.iter().copied().collect();
                sorted.sort_unstable();
                sorted[sorted.len() / 2].max(1)
            }
        }
    }
}

/// Monotonic time as ticks; exact to a tick for a thousand years.
pub(crate) fn ticks_between(earlier: Mono, later: Mono) -> i64 {
    let nanos = later.since(earlier).as_nanos();
    i64::try_from(nanos * 9 / 100_000).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
