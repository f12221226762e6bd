//! Brain: when did what came in one burst really become available?
//!
//! What libav hands out first was not received just now: it read ahead to find out what the stream is, many servers
//! send the last GOP at once, and HLS hands over whole segments. Taken at its word, the first picture would seem to
//! be taken seconds after it was, and sound and pictures of the burst at one moment. So the beginning is gathered
//! until libav has to wait for the network, and dated backwards: the delay of a live stream is one-sided, so the
//! picture with the least delay in the burst was taken when it came.
//!
//! What does not belong here: media times (`tarsier_ingest::timeline`).

use std::time::Duration;

use tarsier_types::{Mono, Ticks, UtcMs};

/// Bounds of what is gathered; beyond them it is no live stream (a file), and dated by what there is.
const MAX_PACKETS: usize = 1500;
const MAX_BYTES: usize = 24 << 20;

/// When a packet came out of libav.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Arrival {
    pub(crate) mono: Mono,
    pub(crate) utc: UtcMs,
    /// How long libav was asked for it.
    pub(crate) waited: Duration,
}

/// Added to monotonic times, so that a burst can be dated to before the process began.
const HEADROOM: Duration = Duration::from_secs(3600);

/// When a packet became available: when it came out of libav, or earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Came {
    /// Comparable only with others of its kind.
    pub(crate) mono: Mono,
    pub(crate) utc: UtcMs,
}

impl Came {
    pub(crate) fn at(arrival: Arrival) -> Self {
        Self { mono: arrival.mono + HEADROOM, utc: arrival.utc }
    }

    /// So much earlier.
    pub(crate) fn earlier(self, by: Duration) -> Self {
        let millis = i64::try_from((by + Duration::from_micros(500)).as_millis()).unwrap_or(0);
        let mono = Mono::ZERO + self.mono.since_zero().saturating_sub(by);
        Self { mono, utc: self.utc.plus_millis(-millis) }
    }
}

/// How a source delivers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Delivery {
    /// Gathered at least this long.
    pub(crate) at_least: Duration,
    /// A wait this long says that the burst is over.
    pub(crate) wait: Duration,
}

impl Delivery {
    /// Packet by packet.
    pub(crate) const LIVE: Self =
        Self { at_least: Duration::from_millis(100), wait: Duration::from_millis(8) };
    /// Segment by segment: a download may stutter, the next segment comes after seconds.
    pub(crate) const SEGMENTS: Self =
        Self { at_least: Duration::from_millis(500), wait: Duration::from_millis(700) };
}

/// Watches the burst at the beginning.
#[derive(Debug)]
pub(crate) struct Burst {
    delivery: Delivery,
    packets: usize,
    bytes: usize,
    began: Option<Mono>,
    /// First picture time, and the least of (arrival - picture time) in nanoseconds.
    first_pts: Option<i64>,
    least: Option<i128>,
}

/// How packets of the burst are to be dated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Dating {
    first_pts: i64,
    /// Where on the monotonic clock the first picture belongs, in nanoseconds; may be before its beginning.
    zero: i128,
}

impl Burst {
    pub(crate) fn new(delivery: Delivery) -> Self {
        Self { delivery, packets: 0, bytes: 0, began: None, first_pts: None, least: None }
    }

    /// Takes note of a packet. True: the burst was over before it came.
    pub(crate) fn is_over(&mut self, bytes: usize, arrival: Arrival) -> bool {
        let began = *self.began.get_or_insert(arrival.mono);
        self.packets += 1;
        self.bytes += bytes;
        let is_long = self.packets >= MAX_PACKETS || self.bytes >= MAX_BYTES;
        let has_paused = self.packets > 1 && arrival.waited >= self.delivery.wait;
        is_long || (has_paused && arrival.mono.since(began) >= self.delivery.at_least)
    }

    /// Takes note of a picture.
    pub(crate) fn picture(&mut self, pts: i64, came: Came) {
        let first = *self.first_pts.get_or_insert(pts);
        let zero = nanos(came.mono) - span(first, pts);
        self.least = Some(self.least.map_or(zero, |least| least.min(zero)));
    }

    /// None: there was no picture.
    pub(crate) fn dating(&self) -> Option<Dating> {
        Some(Dating { first_pts: self.first_pts?, zero: self.least? })
    }
}

impl Dating {
    /// By how much a picture of the burst came too late out of libav.
    pub(crate) fn lateness(&self, pts: i64, came: Came) -> Duration {
        let due = self.zero + span(self.first_pts, pts);
        let late = u64::try_from((nanos(came.mono) - due).max(0)).unwrap_or(u64::MAX);
        Duration::from_nanos(late)
    }
}

fn nanos(mono: Mono) -> i128 {
    i128::try_from(mono.since_zero().as_nanos()).unwrap_or(i128::MAX)
}

fn span(from: i64, to: i64) -> i128 {
    (i128::from(to) - i128::from(from)) * 1_000_000_000 / i128::from(Ticks::PER_SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64, waited: u64) -> Arrival {
        Arrival {
            mono: Mono::from_millis(millis),
            utc: UtcMs(i64::try_from(millis).unwrap()),
            waited: Duration::from_millis(waited),
        }
    }

    fn came(millis: u64) -> Came {
        Came::at(at(millis, 0))
    }

    #[test]
    fn a_gop_that_came_at_once_is_dated_backwards() {
        let mut burst = Burst::new(Delivery::LIVE);
        for n in 0..50 {
            burst.picture(n * 3600, came(1000));
        }
        let dating = burst.dating().unwrap();
        assert_eq!(dating.lateness(49 * 3600, came(1000)), Duration::ZERO, "the last one is live");
        assert_eq!(
            dating.lateness(0, came(1000)),
            Duration::from_millis(49 * 40),
            "the first one is a GOP old"
        );
    }

    #[test]
    fn a_stream_that_is_live_from_the_first_picture_stays_as_it_is() {
        let mut burst = Burst::new(Delivery::LIVE);
        burst.picture(0, came(1000));
        burst.picture(3600, came(1045));
        let dating = burst.dating().unwrap();
        assert_eq!(dating.lateness(0, came(1000)), Duration::ZERO);
        assert_eq!(dating.lateness(3600, came(1045)), Duration::from_millis(5), "jitter");
    }

    #[test]
    fn a_burst_longer_than_the_process_is_old_is_dated_before_its_beginning() {
        let mut burst = Burst::new(Delivery::SEGMENTS);
        burst.picture(0, came(100));
        burst.picture(540_000, came(100));
        assert_eq!(burst.dating().unwrap().lateness(0, came(100)), Duration::from_secs(6));
        assert_eq!(came(100).earlier(Duration::from_secs(6)).utc, UtcMs(-5900));
        assert!(
            came(100).earlier(Duration::from_secs(6)).mono
                > came(0).earlier(Duration::from_secs(7)).mono
        );
    }

    #[test]
    fn a_burst_ends_when_libav_has_to_wait() {
        let mut burst = Burst::new(Delivery::LIVE);
        assert!(!burst.is_over(100, at(0, 500)), "the first packet ends nothing");
        assert!(!burst.is_over(100, at(20, 15)), "too early");
        assert!(!burst.is_over(100, at(110, 1)), "no wait");
        assert!(burst.is_over(100, at(150, 39)), "now it is live");
    }

    #[test]
    fn what_never_waits_is_not_gathered_for_ever() {
        let mut burst = Burst::new(Delivery::LIVE);
        let packets = (1..10_000).find(|_| burst.is_over(10_000, at(0, 0))).unwrap();
        assert_eq!(packets, MAX_PACKETS);
    }
}
