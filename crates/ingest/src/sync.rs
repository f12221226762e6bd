//! The sound track on the pictures' clock.
//!
//! Each RTP stream counts from its own random zero, so something must tell how far the two are apart. In this order:
//!
//! 1. **RTCP sender reports** of both streams: the sender's one wall clock for both (RFC 3550 section 6.4.1). Exact, but
//!    many cameras send none, or the first only after seconds.
//! 2. **RTP-Info** of PLAY (RFC 2326 section 12.33): retina puts both streams on it where it is given for both. Where it
//!    is not, each stream starts at 0 with its own first packet, which is no common zero at all.
//! 3. **Arrival**: a sound frame was taken one frame's length before it came, and pictures have a least delay.
//!
//! The first two are believed only if arrival agrees to within a second or two: cameras send zeros and worse there.
//!
//! Then the sound card's quartz and the picture clock part ways, by seconds a day. Nothing jumps: the sound is led back
//! by at most 500 ppm, by what the sender reports say, or else by how the least delays of both tracks move apart.
//!
//! What does not belong here: repairing picture timestamps (`timeline`), samples (`sound`).

use tarsier_types::{Mono, Pts, Ticks};

use crate::latency::LatencyFloor;
use crate::source::Anomaly;
use crate::timeline::{MAX_RAW, Timeline, ticks_between};

/// A sender report may differ from arrival by this: it covers the delay of an encoder.
const BELIEVE_REPORT: i64 = 2 * Ticks::PER_SECOND;
/// RTP-Info may differ from arrival by this.
const BELIEVE_INFO: i64 = Ticks::PER_SECOND;
/// A leap by more than this against arrival is a jump.
const JUMP: i64 = 2 * Ticks::PER_SECOND;
/// The fastest correction: 500 ppm.
const SLEW_DIVISOR: i64 = 2_000;
/// Below this the least delays say nothing (20 ms), nor do the reports (5 ms).
const DEADBAND_FLOOR: i64 = 1_800;
const DEADBAND_REPORT: i64 = 450;

/// The sender's wall clock at a moment of its media clock: one RTCP sender report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SenderClock {
    /// 64-bit NTP time as microseconds; its zero does not matter, only that both tracks share it.
    pub ntp_us: i64,
    /// The camera's time of that track then, in ticks.
    pub raw: Ticks,
}

impl SenderClock {
    fn ntp_of(self, raw: i64) -> i64 {
        self.ntp_us.saturating_add(Ticks(raw.saturating_sub(self.raw.0)).0.saturating_mul(100) / 9)
    }

    fn raw_of(self, ntp_us: i64) -> i64 {
        self.raw.0.saturating_add(ntp_us.saturating_sub(self.ntp_us).saturating_mul(9) / 100)
    }
}

/// The sound track of a run.
#[derive(Clone, Debug, Default)]
pub struct LipSync {
    video_clock: Option<SenderClock>,
    audio_clock: Option<SenderClock>,
    run: Option<Run>,
}

#[derive(Clone, Debug)]
struct Run {
    arrived_zero: Mono,
    offset: i64,
    last_raw: i64,
    last_pts: i64,
    floor: LatencyFloor,
    /// Distance of the least delays when the run was young: what "in sync" looks like without sender reports.
    baseline: Option<i64>,
    judged_windows: u32,
    /// What is still to be corrected.
    error: i64,
    credit: i64,
}

/// Where a sound frame belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlacedSound {
    /// When it is heard; larger than that of every frame before it.
    pub pts: Pts,
    /// What was wrong with its timestamp.
    pub anomaly: Option<Anomaly>,
}

impl LipSync {
    /// Nothing known.
    pub fn new() -> Self {
        Self::default()
    }

    /// A sender report of the picture track.
    pub const fn video_report(&mut self, clock: SenderClock) {
        self.video_clock = Some(clock);
    }

    /// A sender report of the sound track.
    pub const fn audio_report(&mut self, clock: SenderClock) {
        self.audio_clock = Some(clock);
    }

    /// Places the next sound frame, `raw` being the camera's time of its beginning. None if it lies before the first
    /// picture, or there is none yet.
    pub fn place(
        &mut self,
        raw: Ticks,
        length: Ticks,
        arrived: Mono,
        video: &Timeline,
    ) -> Option<PlacedSound> {
        let raw = Ticks(raw.0.clamp(-MAX_RAW, MAX_RAW));
        let by_arrival = video.pts_of_arrival(arrived)?.0.saturating_sub(length.0);
        let by_report = self.by_report(raw.0, video);
        let Some(run) = &mut self.run else {
            let pts = first(by_report, video.pts_of_raw(raw), by_arrival);
            if pts < 0 {
                return None;
            }
            self.run = Some(Run::begin(raw.0, pts, arrived));
            return Some(PlacedSound { pts: Pts(pts), anomaly: None });
        };
        let leap = raw.0.saturating_add(run.offset).saturating_sub(run.last_pts);
        let late = by_arrival - run.last_pts;
        let jumps = leap < -JUMP || (leap > JUMP && leap - late > JUMP);
        let anomaly = if jumps {
            let pts = by_report
                .filter(|pts| near(*pts, by_arrival, BELIEVE_REPORT))
                .unwrap_or(by_arrival);
            run.offset = pts.max(run.last_pts + 1).saturating_sub(raw.0);
            (run.error, run.baseline) = (0, None);
            Some(Anomaly::TimestampJump)
        } else {
            run.slew(raw.0);
            (leap <= 0).then_some(Anomaly::TimestampStill)
        };
        let pts = raw.0.saturating_add(run.offset).max(run.last_pts + 1);
        run.last_raw = raw.0;
        run.last_pts = pts;
        let arrival = ticks_between(run.arrived_zero, arrived);
        run.floor.observe(pts, arrival - pts);
        run.judge(by_report.map(|wanted| wanted.saturating_sub(pts)), video);
        Some(PlacedSound { pts: Pts(pts), anomaly })
    }

    /// The time that the sender's own clock gives, if both tracks reported.
    fn by_report(&self, raw: i64, video: &Timeline) -> Option<i64> {
        let ntp_us = self.audio_clock?.ntp_of(raw);
        let on_video = self.video_clock?.raw_of(ntp_us);
        video.pts_of_raw(Ticks(on_video)).map(|pts| pts.0)
    }
}

/// The first place: see the order at the head of this file.
fn first(by_report: Option<i64>, by_info: Option<Pts>, by_arrival: i64) -> i64 {
    by_report
        .filter(|pts| near(*pts, by_arrival, BELIEVE_REPORT))
        .or_else(|| by_info.map(|pts| pts.0).filter(|pts| near(*pts, by_arrival, BELIEVE_INFO)))
        .unwrap_or(by_arrival)
}

fn near(pts: i64, by_arrival: i64, within: i64) -> bool {
    pts.saturating_sub(by_arrival).saturating_abs() < within
}

impl Run {
    fn begin(raw: i64, pts: i64, arrived_zero: Mono) -> Self {
        Self {
            arrived_zero,
            offset: pts.saturating_sub(raw),
            last_raw: raw,
            last_pts: pts,
            floor: LatencyFloor::new(-pts),
            baseline: None,
            judged_windows: 0,
            error: 0,
            credit: 0,
        }
    }

    /// Moves the track towards the pictures by a little less than an ear notices.
    fn slew(&mut self, raw: i64) {
        if self.error == 0 {
            return;
        }
        self.credit += raw.saturating_sub(self.last_raw).clamp(0, JUMP);
        let most = self.credit / SLEW_DIVISOR;
        self.credit %= SLEW_DIVISOR;
        let step = self.error.clamp(-most, most);
        self.offset += step;
        self.error -= step;
    }

    /// Once a window: how far apart are the tracks?
    fn judge(&mut self, report_error: Option<i64>, video: &Timeline) {
        if self.floor.whole_windows() == self.judged_windows {
            return;
        }
        self.judged_windows = self.floor.whole_windows();
        if let Some(error) = report_error.filter(|error| error.saturating_abs() < BELIEVE_REPORT) {
            self.error = if error.abs() > DEADBAND_REPORT { error } else { 0 };
            self.baseline = None;
            return;
        }
        let Some(video_floor) = video.latency_floor() else { return };
        let apart = self.floor.last_window() - video_floor.0;
        let baseline = *self.baseline.get_or_insert(apart);
        let error = apart - baseline;
        self.error = if error.abs() > DEADBAND_FLOOR { error } else { 0 };
    }
}

#[cfg(test)]
mod tests;
