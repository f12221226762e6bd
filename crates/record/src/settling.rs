//! Brain: when was the first picture of a run taken?
//!
//! Many cameras begin with what they have in their buffer: the last GOP comes at once, and its keyframe is older than its
//! arrival by up to a GOP. So what comes first is held back until pictures come as fast as they are taken: until arrival
//! less media time, which falls all through a burst, has stayed level for [`LEVEL_MS`]. Delay is one-sided: the least
//! of it is when the picture at the run's time 0 was taken.
//!
//! Held are at most [`MAX_BYTES`], and for at most [`LONGEST_MS`]. A process that is killed meanwhile loses them; a source
//! that ends does not. What does not belong here: how the line goes on from there (`ingest`'s anchor).

use tarsier_types::{AccessUnit, Pts, Track, UtcMs};

/// So long pictures come in real time before it is believed.
const LEVEL_MS: i64 = 300;
/// Delays that differ by less are the same (guess: two pictures, and what a keyframe takes longer than others).
const BAND_US: i64 = 80_000;
/// A GOP of 4 s of 8 Mbit/s takes a third of this at 100 Mbit/s. A network on which delays are never level is left
/// then with the least that there was.
const LONGEST_MS: i64 = 3_000;
/// A GOP of 10 s of a 16 Mbit/s camera fits.
const MAX_BYTES: usize = 24 << 20;

/// What a run begins with.
#[derive(Debug)]
pub(crate) struct Settling {
    units: Vec<AccessUnit>,
    bytes: usize,
    began: UtcMs,
    /// When the picture at time 0 was taken, by the picture with the least delay so far, in microseconds.
    least_us: i64,
    /// The same when the delay was last seen to change.
    level_us: i64,
    level_since: UtcMs,
    /// A picture came since then, and the delay was the same.
    is_confirmed: bool,
    /// The latest picture so far.
    newest: Option<Pts>,
}

impl Settling {
    /// The keyframe at time 0 came then.
    pub(crate) fn new(zero: UtcMs) -> Self {
        let zero_us = zero.0.saturating_mul(1_000);
        Self {
            units: Vec::new(),
            bytes: 0,
            began: zero,
            least_us: zero_us,
            level_us: zero_us,
            level_since: zero,
            is_confirmed: false,
            newest: None,
        }
    }

    /// The next unit of the run.
    pub(crate) fn push(&mut self, unit: AccessUnit) {
        if unit.track == Track::Video {
            self.picture(unit.pts, unit.arrived);
        }
        self.bytes = self.bytes.saturating_add(unit.data.len()).saturating_add(size_of_val(&unit));
        self.units.push(unit);
    }

    fn picture(&mut self, pts: Pts, arrived: UtcMs) {
        // A B-frame comes after one that is shown later: it was waited for, and is no witness.
        if self.newest.is_some_and(|newest| pts <= newest) {
            return;
        }
        let is_first = self.newest.replace(pts).is_none();
        let zero_us = arrived.0.saturating_mul(1_000).saturating_sub((pts - Pts(0)).to_micros());
        self.least_us = self.least_us.min(zero_us);
        // A clock that was put back meanwhile must not make the end wait for it.
        self.began = self.began.min(arrived);
        if zero_us.saturating_sub(self.level_us).saturating_abs() > BAND_US {
            // Also when it rises: a burst may stall in its midst, and what follows such a stall is a burst again.
            (self.level_us, self.level_since) = (self.least_us, arrived);
            self.is_confirmed = false;
        } else {
            self.is_confirmed |= !is_first;
        }
    }

    /// Whether enough is known.
    pub(crate) fn is_over(&self, now: UtcMs) -> bool {
        let is_level = self.is_confirmed && now.millis_since(self.level_since) >= LEVEL_MS;
        is_level || now.millis_since(self.began) >= LONGEST_MS || self.bytes >= MAX_BYTES
    }

    /// When the picture at time 0 was taken, as far as is known, and what was held.
    pub(crate) fn end(self) -> (UtcMs, Vec<AccessUnit>) {
        (UtcMs(self.least_us.saturating_add(500).div_euclid(1_000)), self.units)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use tarsier_types::{Dts, Ticks};

    use super::*;

    const CONNECTED: i64 = 1_700_000_000_000;

    /// A camera with a picture every `every_ms`, the first of which was taken `age_ms` before it came; each comes when the
    /// function says, by the time at which it was taken, both counted from the connection. Between them time passes
    /// in steps of a second. Answers by how much the labels are ahead of the truth, and how long units were held.
    fn settle(every_ms: i64, age_ms: i64, comes: impl Fn(i64) -> i64) -> (i64, i64) {
        let mut settling = Settling::new(UtcMs(CONNECTED + comes(-age_ms)));
        let mut last = 0;
        for n in 0..10_000 {
            let media_ms = n * every_ms;
            let came = comes(media_ms - age_ms).max(last);
            let mut ticks = (last / 1_000 + 1..=came / 1_000).map(|second| second * 1_000);
            let over = ticks.find(|tick| settling.is_over(UtcMs(CONNECTED + tick)));
            if over.is_none() {
                settling.push(unit(Track::Video, media_ms, came, 1_000));
                settling.push(unit(Track::Audio, media_ms + 700, came, 100));
            }
            last = came;
            let arrived = UtcMs(CONNECTED + came);
            if over.is_some() || settling.is_over(arrived) {
                let (zero, units) = settling.end();
                assert!(units.len() <= 2 * usize::try_from(n + 1).unwrap(), "all that came, once");
                return (zero.0 - (CONNECTED - age_ms), over.unwrap_or(came));
            }
        }
        panic!("it is never over");
    }

    fn unit(track: Track, media_ms: i64, came_ms: i64, bytes: usize) -> AccessUnit {
        let ticks = Ticks::from_millis(media_ms).0;
        AccessUnit {
            track,
            pts: Pts(ticks),
            dts: Dts(ticks),
            duration: Ticks::from_millis(40),
            is_keyframe: media_ms == 0 || track == Track::Audio,
            arrived: UtcMs(CONNECTED + came_ms),
            data: Bytes::from(vec![0; bytes]),
        }
    }

    fn to_usize(number: i64) -> usize {
        usize::try_from(number).unwrap()
    }

    /// At once, or when it is taken.
    fn at_once(taken: i64) -> i64 {
        taken.max(0)
    }

    #[test]
    fn a_camera_that_sends_its_last_gop_at_once_is_labelled_by_its_newest_picture() {
        let (error, held) = settle(40, 1_960, at_once);
        assert_eq!(error, 0, "by the first picture's arrival it would be 1960 ms ahead");
        assert!(held <= 400, "held for {held} ms");
        let (error, _) = settle(66, 9_950, at_once);
        assert!((0..=66).contains(&error), "{error} ms ahead, of a GOP of ten seconds");
    }

    #[test]
    fn a_burst_that_takes_its_time_is_waited_for() {
        // 4 s of 8 Mbit/s at 100 Mbit/s: what was taken later comes later, and the present is met at 350 ms.
        let spread =
            |taken: i64| if taken < 0 { (taken + 4_000) * 350 / 4_000 } else { taken.max(350) };
        let (error, held) = settle(40, 4_000, spread);
        assert!((0..=80).contains(&error), "{error} ms ahead");
        assert!((600..=900).contains(&held), "the burst, and a little more: {held} ms");
    }

    #[test]
    fn a_burst_that_stalls_in_its_midst_is_not_taken_for_the_present() {
        let stalls = |taken: i64| if taken < -1_000 { 0 } else { taken.max(800) };
        let (error, held) = settle(40, 1_960, stalls);
        assert!((0..=80).contains(&error), "{error} ms ahead");
        assert!(held < 1_500, "held for {held} ms");
    }

    #[test]
    fn a_camera_without_a_burst_is_held_no_longer_than_needed() {
        assert_eq!(settle(40, 0, |taken| taken), (0, 320));
        assert_eq!(settle(40, 0, |taken| taken + 50), (50, 370), "late by what the network takes");
    }

    #[test]
    fn jitter_is_late_and_never_early() {
        let jitter = |taken: i64| taken + [0, 30, 70, 10][usize::try_from(taken / 40 % 4).unwrap()];
        let (error, held) = settle(40, 0, jitter);
        assert_eq!(error, 0);
        assert!(held <= 500, "held for {held} ms");
        let (error, held) = settle(40, 0, |taken| taken + taken * 7 % 1_000);
        assert_eq!(error, 0);
        assert!(held <= LONGEST_MS + 1_000, "a network that is never level: {held} ms");
    }

    #[test]
    fn a_keyframe_that_comes_late_because_it_is_large_is_no_witness() {
        let slow = |taken: i64| if taken < 200 { 200 } else { taken };
        let (error, _) = settle(40, 0, slow);
        assert_eq!(error, 0, "the pictures behind it were not late");
    }

    #[test]
    fn one_picture_a_second_is_enough() {
        assert_eq!(settle(1_000, 0, |taken| taken), (0, 1_000));
        let (error, held) = settle(1_000, 3_400, at_once);
        assert_eq!(error, 0, "the first one that comes when it is taken tells");
        assert!(held <= 2_000, "held for {held} ms");
        assert_eq!(settle(60_000, 0, |taken| taken), (0, LONGEST_MS), "nobody waits for a minute");
    }

    #[test]
    fn b_frames_do_not_prolong_it() {
        let mut settling = Settling::new(UtcMs(CONNECTED));
        let shown = |n: i64| {
            if n == 0 {
                0
            } else {
                [3, 1, 2][usize::try_from((n - 1) % 3).unwrap()] + (n - 1) / 3 * 3
            }
        };
        let over = (0..100).map(|n| n * 40).find(|came| {
            settling.push(unit(Track::Video, shown(came / 40) * 40, *came, 100));
            settling.is_over(UtcMs(CONNECTED + came))
        });
        assert!(over.is_some_and(|over| over <= 500), "over after {over:?} ms");
    }

    #[test]
    fn b_frames_that_are_far_behind_what_they_refer_to_do_not_prolong_it() {
        // Four of them between two others: sent when the later one was taken, one behind the other.
        let mut settling = Settling::new(UtcMs(CONNECTED));
        let shown = |n: i64| {
            if n == 0 { 0 } else { [5, 1, 2, 3, 4][to_usize((n - 1) % 5)] + (n - 1) / 5 * 5 }
        };
        let over = (0..100).find_map(|n: i64| {
            let came = if n == 0 { 0 } else { (n + 4) * 40 };
            settling.push(unit(Track::Video, shown(n) * 40, came, 100));
            settling.is_over(UtcMs(CONNECTED + came)).then_some(came)
        });
        assert!(over.is_some_and(|over| over <= 900), "over after {over:?} ms");
    }

    #[test]
    fn a_clock_that_is_put_back_on_a_restless_network_is_not_waited_for() {
        let mut settling = Settling::new(UtcMs(CONNECTED));
        let over = (0..200).map(|n| n * 40).find(|media| {
            let late = media * 7 % 1_000;
            let set_by = if *media < 1_000 { 0 } else { -3_600_000 };
            let came = media + late + set_by;
            settling.push(unit(Track::Video, *media, came, 100));
            settling.is_over(UtcMs(CONNECTED + came))
        });
        assert!(over.is_some_and(|over| over <= 2 * LONGEST_MS), "over after {over:?} ms");
    }

    #[test]
    fn a_clock_that_is_set_meanwhile_ends_it_all_the_same() {
        for set_by in [-3_600_000, 3_600_000] {
            let mut settling = Settling::new(UtcMs(CONNECTED));
            let over = (0..100).map(|n| n * 40).find(|media| {
                let came = if *media < 120 { *media } else { media + set_by };
                settling.push(unit(Track::Video, *media, came, 100));
                settling.is_over(UtcMs(CONNECTED + came))
            });
            assert!(over.is_some_and(|over| over <= 500), "{set_by}: over after {over:?} ms");
        }
    }

    #[test]
    fn what_is_held_is_bounded_in_bytes() {
        let mut settling = Settling::new(UtcMs(CONNECTED));
        let mut held = 0;
        while !settling.is_over(UtcMs(CONNECTED)) {
            settling.push(unit(Track::Video, held * 40, 0, 1 << 20));
            held += 1;
        }
        assert_eq!(held, 24, "MiB");
    }
}
