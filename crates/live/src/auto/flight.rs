//! Brain: what is under way to one viewer, and how much may be.
//!
//! What was given to the system for sending cannot be taken back, and kernel and network keep seconds of it. So no more is
//! given than the connection carries in a moment: the rest waits in the viewer's own queue, where a change of the stream still
//! helps. The viewer says how many messages have reached him; from that follow what his connection carries and how
//! far he is behind. One who does not is taken to have received whatever the socket took.
//! What does not belong here: what follows from it ([`super::choose`]).

use std::collections::VecDeque;
use std::time::Duration;

use tarsier_types::Mono;

/// A message that takes so much longer than the quickest one waits somewhere on the way (guess: Wi-Fi jitters by less).
const QUEUEING: Duration = Duration::from_millis(150);
/// So much may be under way on a connection that is full, in the time that it takes.
const FULL: Duration = Duration::from_millis(100);
/// From this lag on nothing more is given to it.
const HELD_FROM: Duration = Duration::from_millis(200);
/// At the start, and on any connection.
const LEAST_WINDOW: u64 = 32 << 10;
/// However good the connection.
const LARGEST_WINDOW: u64 = 8 << 20;
/// What the connection carries is measured over so long.
const MEASURED: Duration = Duration::from_millis(450);
/// The quickest message of so long is how quick the connection is.
const QUICKEST_OF: Duration = Duration::from_secs(30);

/// Whether a viewer tells what reaches him.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tells {
    /// He does.
    Received,
    /// He does not.
    Nothing,
}

#[derive(Clone, Copy, Debug)]
struct Sent {
    number: u32,
    bytes: u64,
    at: Mono,
}

/// The brain.
#[derive(Debug)]
pub struct Flight {
    tells: Tells,
    under_way: VecDeque<Sent>,
    under_way_bytes: u64,
    sent: u32,
    window: u64,
    /// What has arrived of late, and when that was heard.
    arrived: VecDeque<(Mono, u64)>,
    /// The quickest message of this while and of the one before.
    quickest: [Option<Duration>; 2],
    quickest_since: Mono,
    began: Mono,
}

impl Flight {
    /// Nothing is under way yet.
    pub const fn new(now: Mono, tells: Tells) -> Self {
        Self {
            tells,
            under_way: VecDeque::new(),
            under_way_bytes: 0,
            sent: 0,
            window: LEAST_WINDOW * 2,
            arrived: VecDeque::new(),
            quickest: [None; 2],
            quickest_since: now,
            began: now,
        }
    }

    /// A message was taken by the socket, which it was given at that time.
    pub fn sent(&mut self, given: Mono, now: Mono, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.sent = self.sent.wrapping_add(1);
        match self.tells {
            Tells::Received => {
                self.under_way_bytes += bytes;
                self.under_way.push_back(Sent { number: self.sent, bytes, at: given });
            }
            Tells::Nothing => self.arrived(now, bytes),
        }
    }

    /// The viewer says that so many messages have reached him since the beginning.
    pub fn received(&mut self, now: Mono, count: u32) {
        let (mut bytes, mut newest) = (0, None);
        while let Some(sent) = self.under_way.front().copied() {
            // The counter may turn over; what lies far ahead was never sent.
            if count.wrapping_sub(sent.number) > u32::MAX / 2 {
                break;
            }
            self.under_way.pop_front();
            bytes += sent.bytes;
            newest = Some(sent);
        }
        let Some(newest) = newest else { return };
        self.under_way_bytes -= bytes;
        self.arrived(now, bytes);
        let took = now.since(newest.at);
        self.keep_quickest(now, took);
        // If the connection becomes narrow, all of this is on the way before anything better.
        let full = per(self.capacity_bps(now) / 8, FULL + self.quickest());
        self.window = if took < self.quickest() + QUEUEING {
            self.window.saturating_add(bytes).min(LEAST_WINDOW + full).min(LARGEST_WINDOW)
        } else {
            full.clamp(LEAST_WINDOW, LARGEST_WINDOW)
        };
    }

    /// Whether more may be given to the socket. On a connection that has just become narrow, nothing: a keyframe would be on
    /// the way for seconds before anything better.
    pub fn may_send(&self, now: Mono) -> bool {
        self.under_way_bytes < self.window && self.lag(now) < HELD_FROM
    }

    /// Whether what reaches the viewer is known, and not only what was sent.
    pub fn is_told(&self) -> bool {
        self.tells == Tells::Received
    }

    /// How long the oldest message is under way that has not arrived, beyond what the quickest one took.
    pub fn lag(&self, now: Mono) -> Duration {
        let oldest = self.under_way.front();
        oldest.map_or(Duration::ZERO, |sent| now.since(sent.at)).saturating_sub(self.quickest())
    }

    /// What arrived of late, in bits a second. While there is a lag, that is what the connection carries.
    pub fn capacity_bps(&self, now: Mono) -> u64 {
        let bytes: u64 = self.late(now).map(|(_, bytes)| bytes).sum();
        let over = now.since(self.began).clamp(MEASURED / 4, MEASURED);
        let millis = u64::try_from(over.as_millis()).unwrap_or(1).max(1);
        bytes.saturating_mul(8000) / millis
    }

    fn late(&self, now: Mono) -> impl Iterator<Item = (Mono, u64)> {
        self.arrived.iter().copied().filter(move |(at, _)| now.since(*at) < MEASURED)
    }

    fn arrived(&mut self, now: Mono, bytes: u64) {
        while self.arrived.front().is_some_and(|(at, _)| now.since(*at) >= MEASURED) {
            self.arrived.pop_front();
        }
        self.arrived.push_back((now, bytes));
    }

    fn quickest(&self) -> Duration {
        self.quickest.iter().flatten().min().copied().unwrap_or_default()
    }

    fn keep_quickest(&mut self, now: Mono, took: Duration) {
        if now.since(self.quickest_since) >= QUICKEST_OF {
            self.quickest = [None, self.quickest[0]];
            self.quickest_since = now;
        }
        self.quickest[0] = Some(self.quickest[0].map_or(took, |quickest| quickest.min(took)));
    }
}

fn per(bytes_a_second: u64, span: Duration) -> u64 {
    let millis = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    bytes_a_second.saturating_mul(millis) / 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Mono {
        Mono::from_millis(millis)
    }

    #[test]
    fn who_tells_nothing_is_taken_to_receive_what_the_socket_takes() {
        let mut flight = Flight::new(at(0), Tells::Nothing);
        for n in 0..100 {
            flight.sent(at(n * 50), at(n * 50), 11_250);
            assert!(flight.may_send(at(n * 50)));
        }
        assert_eq!(flight.lag(at(9000)), Duration::ZERO);
        assert_eq!(flight.capacity_bps(at(4950)), 1_800_000, "20 of 11 kB a second");
    }

    #[test]
    fn no_more_is_under_way_than_a_full_connection_carries_in_a_moment() {
        let mut flight = Flight::new(at(0), Tells::Received);
        flight.sent(at(0), at(0), 1000);
        flight.received(at(20), 1);
        // 1 Mbit/s, and as much to be sent as may be.
        let (mut arrived, mut budget) = (1_u32, 0_usize);
        for now in (20..4000).step_by(40) {
            while flight.may_send(at(now)) {
                flight.sent(at(now), at(now), 5000);
            }
            budget += 5000;
            while budget >= 5000 {
                budget -= 5000;
                arrived += 1;
            }
            flight.received(at(now + 20), arrived);
        }
        assert!(flight.under_way_bytes <= LEAST_WINDOW + 5000, "{}", flight.under_way_bytes);
        let capacity = flight.capacity_bps(at(4000));
        assert!((900_000..1_100_000).contains(&capacity), "{capacity}");
        let lag = flight.lag(at(4000));
        assert!(lag < Duration::from_millis(400), "{lag:?}");
    }

    #[test]
    fn a_good_connection_is_never_held_up() {
        let mut flight = Flight::new(at(0), Tells::Received);
        let mut count = 0;
        for now in 0..200 {
            for _ in 0..10 {
                assert!(
                    flight.may_send(at(now * 10)) || now < 3,
                    "at {now} ms of {} bytes",
                    flight.window
                );
                flight.sent(at(now * 10), at(now * 10), 6000);
                count += 1;
            }
            flight.received(at(now * 10 + 5), count);
            assert_eq!(flight.lag(at(now * 10 + 5)), Duration::ZERO);
        }
    }

    #[test]
    fn a_report_of_what_was_never_sent_changes_nothing() {
        let mut flight = Flight::new(at(0), Tells::Received);
        flight.received(at(1), u32::MAX);
        flight.received(at(2), 7);
        flight.sent(at(3), at(3), 100);
        assert_eq!((flight.under_way_bytes, flight.may_send(at(3))), (100, true));
        flight.received(at(4), 1);
        assert_eq!(flight.under_way_bytes, 0);
    }
}
