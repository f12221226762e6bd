//! Brain: the RTP time of each picture.
//!
//! An RTP clock may begin anywhere (RFC 3550 section 5.1), so ours begins where it is of use: its time is the wall
//! clock's at the moment at which the picture reached the recorder, in ticks of 1/90 000 s, modulo 2^32. A player that
//! knows the wall clock thus knows the age of what it shows. From picture to picture it goes by the media time; what
//! the camera's clock drifts is made up for in steps that nobody sees.
//!
//! Pictures that come late at once (the last GOP, for a newcomer) are pressed together before now: nobody wants to see
//! two seconds of the past at their pace.

use tarsier_types::Pts;

/// Never the same time twice: a tenth of a millisecond.
const LEAST_STEP: i64 = 9;
/// So much shorter is the past.
const PRESSED: i64 = 64;
/// The measured difference counts for so much with each picture: jitter of single pictures is smoothed away.
const SMOOTHING: i64 = 64;
/// At most half a millisecond with each picture.
const MOST_CORRECTED: i64 = 45;
/// Beyond this it is no drift: somebody has set a clock (guess).
const SET: i64 = 10 * 90_000;

/// The wall clock was set: the session's time cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ClockSet;

/// When something reached the recorder, by the media time of its run: learnt from pictures, of which each comes when it is
/// made.
#[derive(Debug, Default)]
pub(crate) struct Offset {
    /// From media time to the wall clock; none until the run's first picture.
    ticks: Option<i64>,
}

impl Offset {
    /// A run begins, and its media time has nothing to do with what was before; or the past comes again.
    pub(crate) const fn forget(&mut self) {
        self.ticks = None;
    }

    /// A picture of that media time came: the wall clock's time of it, in ticks, jitter smoothed away.
    pub(crate) fn follow(&mut self, pts: Pts, arrived_unix_us: i64) -> Result<i64, ClockSet> {
        let arrived = ticks(arrived_unix_us);
        let offset = match self.ticks {
            Some(offset) => {
                let off_by = arrived - pts.0 - offset;
                if off_by.abs() > SET {
                    return Err(ClockSet);
                }
                let step = match off_by / SMOOTHING {
                    0 => off_by.signum(),
                    step => step.clamp(-MOST_CORRECTED, MOST_CORRECTED),
                };
                offset + step
            }
            None => arrived - pts.0,
        };
        self.ticks = Some(offset);
        Ok(pts.0 + offset)
    }

    /// The wall clock's time of a media time, in ticks.
    pub(crate) fn wall(&self, pts: Pts) -> Option<i64> {
        self.ticks.map(|offset| pts.0 + offset)
    }
}

/// A picture's two times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// The RTP time, extended to 64 bits.
    pub(crate) time: u64,
    /// The wall clock's, for reports that tie the tracks together.
    pub(crate) unix_us: i64,
}

/// The brain.
#[derive(Debug, Default)]
pub(crate) struct Stamper {
    /// What is taken off, so that the library's numbers stay small: whole turns of the RTP clock.
    base: Option<i64>,
    offset: Offset,
    last: Option<i64>,
    /// What arrived before this is the past.
    joined: i64,
}

/// Of 1/90 000 s.
const fn ticks(unix_us: i64) -> i64 {
    unix_us / 100 * 9 + unix_us % 100 * 9 / 100
}

/// The other way round.
pub(crate) const fn unix_us(ticks: i64) -> i64 {
    ticks / 9 * 100 + ticks % 9 * 100 / 9
}

impl Stamper {
    /// A run begins: its media time has nothing to do with what was before.
    pub(crate) const fn begin_run(&mut self) {
        self.offset.forget();
    }

    /// The last GOP comes now.
    pub(crate) const fn join(&mut self, now_unix_us: i64) {
        self.joined = ticks(now_unix_us);
        self.offset.forget();
    }

    /// The times of the next picture.
    pub(crate) fn stamp(&mut self, pts: Pts, arrived_unix_us: i64) -> Result<Stamp, ClockSet> {
        let mut at = self.offset.follow(pts, arrived_unix_us)?;
        if at < self.joined {
            at = self.joined - (self.joined - at) / PRESSED;
        }
        if let Some(last) = self.last {
            if last - at > SET {
                return Err(ClockSet);
            }
            at = at.max(last + LEAST_STEP);
        }
        self.last = Some(at);
        let base = *self.base.get_or_insert(at & !0xffff_ffff);
        let time = u64::try_from(at - base).map_err(|_| ClockSet)?;
        Ok(Stamp { time, unix_us: unix_us(at) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_US: i64 = 1_795_205_700_000_000;

    fn wall(stamp: u64) -> i64 {
        // What a player does: the low 32 bits against the wall clock.
        let behind = (ticks(NOW_US) - i64::try_from(stamp).unwrap()) & 0xffff_ffff;
        if behind >= 1 << 31 { behind - (1 << 32) } else { behind }
    }

    #[test]
    fn the_time_tells_when_the_picture_arrived() {
        let mut stamper = Stamper::default();
        stamper.join(NOW_US - 10_000_000);
        for picture in 0..100 {
            let arrived = NOW_US + picture * 40_000;
            let stamp = stamper.stamp(Pts(500 + picture * 3600), arrived).unwrap();
            assert_eq!(wall(stamp.time), -picture * 3600);
            assert_eq!(stamp.unix_us, arrived, "and so do reports");
        }
    }

    #[test]
    fn jitter_is_smoothed_and_drift_is_followed() {
        let mut stamper = Stamper::default();
        stamper.join(0);
        // The camera's clock is slow by 100 ppm; every tenth picture is a keyframe that takes 20 ms longer.
        let mut last = None;
        for picture in 0..90_000_i64 {
            let late_us = if picture % 10 == 0 { 20_000 } else { 0 };
            let arrived = NOW_US + picture * 40_004 + late_us;
            let stamp =
                i64::try_from(stamper.stamp(Pts(picture * 3600), arrived).unwrap().time).unwrap();
            if let Some(last) = last {
                let step: i64 = stamp - last;
                assert!((3550..=3650).contains(&step), "{picture}: {step}");
            }
            last = Some(stamp);
        }
        let base = ticks(NOW_US) & !0xffff_ffff;
        let end = last.unwrap() + base - ticks(NOW_US + 89_999 * 40_004);
        assert!(end.abs() < 20 * 90, "an hour later it is right to {end} ticks");
    }

    #[test]
    fn the_last_gop_is_pressed_together_before_now() {
        let mut stamper = Stamper::default();
        stamper.join(NOW_US);
        let stamps: Vec<i64> = (0..50)
            .map(|picture| {
                let arrived = NOW_US - (50 - picture) * 40_000;
                wall(stamper.stamp(Pts(picture * 3600), arrived).unwrap().time)
            })
            .collect();
        assert!(stamps[0] < 50 * 90, "two seconds become {} ticks", stamps[0]);
        assert!(stamps.windows(2).all(|two| two[0] > two[1]), "in order: {stamps:?}");
        let live = wall(stamper.stamp(Pts(50 * 3600), NOW_US + 10).unwrap().time);
        assert!((-2..=0).contains(&live), "what comes then has its own time: {live}");
    }

    #[test]
    fn the_gop_sent_anew_does_not_go_back_in_time() {
        let mut stamper = Stamper::default();
        stamper.join(NOW_US);
        let mut last = 0;
        for _ in 0..3 {
            for picture in 0..50 {
                let arrived = NOW_US - (50 - picture) * 40_000;
                let stamp = stamper.stamp(Pts(picture * 3600), arrived).unwrap().time;
                assert!(stamp > last, "a player throws away what is older than what it has shown");
                last = stamp;
            }
            stamper.join(NOW_US);
        }
    }

    #[test]
    fn a_clock_that_is_set_ends_it() {
        let mut stamper = Stamper::default();
        stamper.join(0);
        stamper.stamp(Pts(0), NOW_US).unwrap();
        let hour = 3_600_000_000;
        assert_eq!(stamper.stamp(Pts(3600), NOW_US - hour), Err(ClockSet));
        stamper.begin_run();
        assert_eq!(stamper.stamp(Pts(0), NOW_US - hour), Err(ClockSet), "not by a new run either");
    }
}
