//! Is a track alive? Told from when its pictures come, whatever else arrives. SPEC section 4.
//!
//! No picture for max(500 ms, 5 intervals) is a stall; more than 10 stalls in a row, and the track is dead. A stream
//! of 25 pictures a second is so found dead after 5.5 s. For slow streams these counts would be minutes, so there is
//! a second bound: nothing is waited for longer than 10 s ([`Limits::zombie`]) unless 5 of its own intervals are
//! longer than that. A camera that sends a picture every 5 s has 25 s.
//!
//! ```text
//!  pictures a second   stall after   dead after
//!        25              0.5 s          5.5 s
//!         5              1 s           10 s
//!         0.2           25 s           25 s
//! ```
//! The interval is what the camera does (the median of the last arrivals), not what it announces, once that is known.
//! Keyframes do not matter here: any picture is life. Nothing has to wake up for a stall to be counted; they are
//! counted when the next picture comes, and [`TrackLife::dies_at`] is the only time to look at.
//!
//! What does not belong here: what is done about a dead track (`connection`).

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tarsier_types::Mono;

/// Intervals that the median is taken of.
const MEDIAN_OF: usize = 15;

/// When a track counts as dead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// No silence shorter than this is a stall.
    pub stall: Duration,
    /// Nor one of fewer intervals than this.
    pub stall_intervals: u32,
    /// So many stalls in a row are borne.
    pub stalls: u32,
    /// A track that says nothing for so long is dead, unless its own pace is slower.
    pub zombie: Duration,
    /// The same for a stream that comes in pieces.
    pub zombie_in_pieces: Duration,
}

impl Default for Limits {
    /// SPEC section 4. For streams in pieces: its 30 s without a packet.
    fn default() -> Self {
        Self {
            stall: Duration::from_millis(500),
            stall_intervals: 5,
            stalls: 10,
            zombie: Duration::from_secs(10),
            zombie_in_pieces: Duration::from_secs(30),
        }
    }
}

/// How a protocol brings its pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// Each as it is taken: RTSP, RTMP, SRT, RTP, WebRTC.
    Steady,
    /// Many at a time, with silence between: HLS has segments of up to 10 s.
    InPieces,
}

/// The life of one track of one connection.
#[derive(Clone, Debug)]
pub struct TrackLife {
    limits: Limits,
    delivery: Delivery,
    announced: Option<Duration>,
    last: Mono,
    has_begun: bool,
    intervals: VecDeque<Duration>,
    interval: Option<Duration>,
    stalls: u64,
}

impl TrackLife {
    /// A track that may begin from now on.
    pub fn new(limits: Limits, delivery: Delivery, now: Mono) -> Self {
        Self {
            limits,
            delivery,
            announced: None,
            last: now,
            has_begun: false,
            intervals: VecDeque::with_capacity(MEDIAN_OF),
            interval: None,
            stalls: 0,
        }
    }

    /// The camera says that it sends so many pictures in 1000 seconds.
    pub fn announced(&mut self, millifps: Option<u32>) {
        self.announced = millifps
            .filter(|millifps| *millifps > 0)
            .map(|millifps| Duration::from_micros(1_000_000_000 / u64::from(millifps)));
    }

    /// A picture (or a sound) came.
    pub fn came(&mut self, now: Mono) {
        if self.has_begun {
            self.stalls += u64::from(self.stalls_in_a_row(now));
            if self.intervals.len() == MEDIAN_OF {
                self.intervals.pop_front();
            }
            self.intervals.push_back(now.since(self.last));
            self.interval = self.median();
        }
        self.has_begun = true;
        self.last = now;
    }

    /// From one picture to the next, as far as known.
    pub fn interval(&self) -> Option<Duration> {
        self.interval.or(self.announced)
    }

    /// The median, once there are enough that one hesitation does not make it.
    fn median(&self) -> Option<Duration> {
        if self.intervals.len() < 4 && self.announced.is_some() {
            return None;
        }
        let mut sorted: Vec<Duration> = self.intervals.iter().copied().collect();
        sorted.sort_unstable();
        sorted.get(sorted.len() / 2).copied()
    }

    /// Silence of that length is a stall.
    pub fn stalls_after(&self) -> Duration {
        let intervals = self.interval().unwrap_or_default() * self.limits.stall_intervals;
        intervals.max(self.limits.stall)
    }

    /// Stalls since the last picture.
    pub fn stalls_in_a_row(&self, now: Mono) -> u32 {
        let stalls = now.since(self.last).as_micros() / self.stalls_after().as_micros().max(1);
        u32::try_from(stalls).unwrap_or(u32::MAX)
    }

    /// All stalls that ended with a picture, and those that last.
    pub fn stalls(&self, now: Mono) -> u64 {
        self.stalls + u64::from(self.stalls_in_a_row(now))
    }

    /// Without a picture until then, the track is dead.
    pub fn dies_at(&self) -> Mono {
        let stall = self.stalls_after();
        let counted = stall.saturating_mul(self.limits.stalls.saturating_add(1));
        let patience = match self.delivery {
            // Before its second picture nothing is known of a track's pace.
            Delivery::Steady if self.interval().is_none() => self.limits.zombie,
            Delivery::Steady => counted.min(self.limits.zombie.max(stall)),
            Delivery::InPieces => self.limits.zombie_in_pieces.max(stall),
        };
        self.last + patience
    }

    /// When it last showed life, or was opened.
    pub const fn last(&self) -> Mono {
        self.last
    }

    /// It has ever shown life.
    pub const fn has_begun(&self) -> bool {
        self.has_begun
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert, proptest};

    use super::*;

    /// A camera that announces `millifps` sends `pictures` with that many milliseconds between them, then nothing:
    /// after how many milliseconds it is dead, and how many stalls these were.
    fn dead_after(millifps: Option<u32>, every_ms: u64, pictures: u64) -> (u128, u32) {
        let mut life = TrackLife::new(Limits::default(), Delivery::Steady, Mono::ZERO);
        life.announced(millifps);
        let mut now = Mono::ZERO;
        for n in 0..pictures {
            now = Mono::from_millis(n * every_ms);
            assert!(now < life.dies_at(), "picture {n} comes to a dead track");
            life.came(now);
        }
        (life.dies_at().since(now).as_millis(), life.stalls_in_a_row(life.dies_at()))
    }

    #[test]
    fn more_than_ten_stalls_are_death_and_no_zombie_lives_longer_than_ten_seconds() {
        assert_eq!(dead_after(Some(25_000), 40, 100), (5_500, 11), "25 pictures a second");
        assert_eq!(dead_after(None, 66, 100), (5_500, 11), "15 a second, unannounced");
        assert_eq!(dead_after(Some(5_000), 200, 100), (10_000, 10), "5 a second");
        assert_eq!(dead_after(None, 1_000, 100), (10_000, 2), "1 a second");
        assert_eq!(dead_after(Some(25_000), 40, 0), (5_500, 11), "not even the first");
    }

    #[test]
    fn a_camera_with_a_picture_every_five_seconds_is_not_restarted() {
        assert_eq!(dead_after(Some(200), 5_000, 100), (25_000, 1));
        assert_eq!(dead_after(None, 5_000, 100), (25_000, 1), "nor if it does not announce that");
        assert_eq!(dead_after(Some(25_000), 5_000, 100), (25_000, 1), "nor if it announces 25");
    }

    #[test]
    fn one_hesitation_does_not_make_a_fast_camera_slow() {
        let mut life = TrackLife::new(Limits::default(), Delivery::Steady, Mono::ZERO);
        let mut now = Mono::ZERO;
        for n in 0..40 {
            now = now + Duration::from_millis(if n % 10 == 9 { 3_000 } else { 40 });
            life.came(now);
        }
        assert_eq!(life.dies_at().since(now), Duration::from_millis(5_500));
        assert_eq!(life.stalls(now), 4 * 6, "four freezes of 3 s are six stalls each");
    }

    #[test]
    fn a_stream_in_pieces_may_be_silent_between_them() {
        let mut life = TrackLife::new(Limits::default(), Delivery::InPieces, Mono::ZERO);
        for n in 0..250 {
            life.came(Mono::from_millis(n / 10));
        }
        let piece = Mono::from_millis(24) + Duration::from_secs(10);
        assert!(life.dies_at() > piece, "the next segment of an HLS stream is 10 s away");
    }

    proptest! {
        #[test]
        fn a_regular_camera_is_never_taken_for_dead_and_a_dead_one_always_is(
            every_ms in 1_u64..60_000,
            announced in proptest::option::of(100_u32..120_000),
            jitter in proptest::collection::vec(0.5_f64..1.5, 60),
        ) {
            let mut life = TrackLife::new(Limits::default(), Delivery::Steady, Mono::ZERO);
            life.announced(announced);
            let every = Duration::from_millis(every_ms);
            let mut now = Mono::ZERO;
            for (known, share) in jitter.into_iter().enumerate() {
                let next = now + every.mul_f64(share);
                // Before its first pictures nobody can know how slow a camera is.
                if known > 8 {
                    prop_assert!(next < life.dies_at(), "{every:?} apart, {next:?} is after {:?}", life.dies_at());
                }
                life.came(next);
                now = next;
            }
            let patience = life.dies_at().since(now);
            prop_assert!(patience <= Duration::from_secs(10).max(every.mul_f64(1.5) * 5), "{patience:?}");
        }
    }
}
