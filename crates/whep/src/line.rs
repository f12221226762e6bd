//! Brain: what a viewer's line carries, and how far he is behind, by his reports on each packet
//! (draft-holmer-rmcat-transport-wide-cc-extensions).
//!
//! What follows from it is decided elsewhere ([`tarsier_live::auto::choose`]). What does not belong here: the library.

use std::collections::VecDeque;
use std::time::Duration;

use tarsier_types::Mono;

/// Reports come so often, at the latest (browsers: every 50 to 250 ms).
const REPORTS_EVERY: Duration = Duration::from_millis(250);
/// What was reported last says nothing of now after so long.
const FRESH: Duration = Duration::from_millis(500);
/// A packet of which nothing was heard for so long is lost: without it, nothing would ever be sent again on a line that
/// broke for a moment.
const GIVEN_UP: Duration = Duration::from_millis(600);
/// From this lag on nothing more is sent: it waits where it can still be left out.
const HELD_FROM: Duration = Duration::from_millis(200);
/// So much may be under way on any line, and what it carries in so long: until reports come, and a little more.
const LEAST_WINDOW: u64 = 8 << 10;
const WINDOW: Duration = Duration::from_millis(400);
/// What the line carries is measured over so long.
const MEASURED: Duration = Duration::from_millis(450);
/// The quickest packet of so long is how quick the line is.
const QUICKEST_OF: Duration = Duration::from_secs(30);
/// A line that loses more, in percent, is full, even if it holds nothing back.
const LOST_PERCENT: u64 = 10;

#[derive(Clone, Copy, Debug)]
struct Sent {
    number: u64,
    bytes: u64,
    at: Mono,
}

/// What became of packets, as of one report.
#[derive(Clone, Copy, Debug)]
struct Report {
    at: Mono,
    arrived_bytes: u64,
    lost_bytes: u64,
}

/// The brain.
#[derive(Debug, Default)]
pub(crate) struct Line {
    under_way: VecDeque<Sent>,
    reports: VecDeque<Report>,
    /// When something was reported, and how long the newest packet of it was under way.
    newest: Option<(Mono, Duration)>,
    /// The quickest packet of this while and of the one before.
    quickest: [Option<Duration>; 2],
    quickest_since: Mono,
    losing_since: Option<Mono>,
}

impl Line {
    /// A packet goes out; numbers grow.
    pub(crate) fn sent(&mut self, now: Mono, number: u64, bytes: usize) {
        // A viewer who reports nothing is none to be followed, and costs no memory.
        let is_heard_of = |sent: &Sent| now.since(sent.at) < GIVEN_UP + GIVEN_UP;
        while self.under_way.front().is_some_and(|sent| !is_heard_of(sent)) {
            self.under_way.pop_front();
        }
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.under_way.push_back(Sent { number, bytes, at: now });
    }

    /// The viewer reports which packets have reached him, in order; those between them have not.
    pub(crate) fn reported(&mut self, now: Mono, arrived: impl IntoIterator<Item = u64>) {
        let (mut report, mut took) = (Report { at: now, arrived_bytes: 0, lost_bytes: 0 }, None);
        for number in arrived {
            while let Some(sent) = self.next_up_to(number) {
                if sent.number == number {
                    report.arrived_bytes += sent.bytes;
                    took = Some(now.since(sent.at));
                } else {
                    report.lost_bytes += sent.bytes;
                }
            }
        }
        let Some(took) = took else { return };
        self.newest = Some((now, took));
        self.keep_quickest(now, took);
        self.reports.push_back(report);
        self.look(now);
    }

    /// Time passes.
    pub(crate) fn look(&mut self, now: Mono) {
        let mut given_up = Report { at: now, arrived_bytes: 0, lost_bytes: 0 };
        while let Some(sent) = self.under_way.front()
            && now.since(sent.at) > self.quickest() + GIVEN_UP
        {
            given_up.lost_bytes += sent.bytes;
            self.under_way.pop_front();
        }
        if given_up.lost_bytes > 0 {
            self.reports.push_back(given_up);
        }
        while self.reports.front().is_some_and(|report| now.since(report.at) > MEASURED) {
            self.reports.pop_front();
        }
        let lost: u64 = self.reports.iter().map(|report| report.lost_bytes).sum();
        let arrived: u64 = self.reports.iter().map(|report| report.arrived_bytes).sum();
        let is_losing = lost * 100 > (lost + arrived) * LOST_PERCENT;
        self.losing_since = is_losing.then(|| self.losing_since.unwrap_or(now));
    }

    /// How far he is behind: by what waits on the line, or for how long too much has been lost.
    pub(crate) fn lag(&self, now: Mono) -> Duration {
        let losing = self.losing_since.map_or(Duration::ZERO, |since| now.since(since));
        self.queueing(now).max(losing)
    }

    /// What arrived of late, in bits a second. While there is a lag, that is what the line carries; none before the first
    /// report.
    pub(crate) fn capacity_bps(&self, now: Mono) -> Option<u64> {
        self.newest?;
        let late = self.reports.iter().filter(|report| now.since(report.at) <= MEASURED);
        let bytes: u64 = late.map(|report| report.arrived_bytes).sum();
        let millis = u64::try_from(MEASURED.as_millis()).unwrap_or(1);
        Some(bytes.saturating_mul(8000) / millis)
    }

    /// Whether more may be sent. On a line that has just become narrow, nothing: it would be under way for seconds before
    /// anything better. A viewer who reports nothing gets all.
    pub(crate) fn may_send(&self, now: Mono) -> bool {
        let Some(capacity_bps) = self.capacity_bps(now) else { return true };
        let under_way: u64 = self.under_way.iter().map(|sent| sent.bytes).sum();
        let millis = u64::try_from(WINDOW.as_millis()).unwrap_or(0);
        let window = LEAST_WINDOW + (capacity_bps / 8).saturating_mul(millis) / 1000;
        under_way < window && self.queueing(now) < HELD_FROM
    }

    /// How much longer packets are under way than the quickest one was.
    pub(crate) fn queueing(&self, now: Mono) -> Duration {
        let quickest = self.quickest();
        let oldest = self.under_way.front().map_or(Duration::ZERO, |sent| now.since(sent.at));
        let unheard = oldest.saturating_sub(quickest + REPORTS_EVERY);
        let fresh = self.newest.filter(|(at, _)| now.since(*at) < FRESH);
        let heard = fresh.map_or(Duration::ZERO, |(_, took)| took.saturating_sub(quickest));
        heard.max(unheard)
    }

    fn next_up_to(&mut self, number: u64) -> Option<Sent> {
        let is_due = self.under_way.front().is_some_and(|sent| sent.number <= number);
        if is_due { self.under_way.pop_front() } else { None }
    }

    fn quickest(&self) -> Duration {
        self.quickest.into_iter().flatten().min().unwrap_or_default()
    }

    fn keep_quickest(&mut self, now: Mono, took: Duration) {
        if now.since(self.quickest_since) > QUICKEST_OF {
            self.quickest = [None, self.quickest[0]];
            self.quickest_since = now;
        }
        let best = self.quickest[0].map_or(took, |best| best.min(took));
        self.quickest[0] = Some(best);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(millis: u64) -> Mono {
        Mono::from_millis(millis)
    }

    #[test]
    fn what_arrives_of_late_is_what_the_line_carries() {
        let mut line = Line::default();
        assert_eq!(line.capacity_bps(at(0)), None, "nothing was reported");
        // 1000 bytes every 10 ms, 20 ms under way, reported every 100 ms.
        for tenth in 0..10 {
            for number in 0..10 {
                let millis = tenth * 100 + number * 10;
                line.sent(at(millis), tenth * 10 + number, 1000);
            }
            line.reported(at(tenth * 100 + 110), tenth * 10..tenth * 10 + 10);
        }
        let capacity_bps = line.capacity_bps(at(1010)).unwrap();
        assert!((700_000..=900_000).contains(&capacity_bps), "{capacity_bps}");
        assert_eq!(line.lag(at(1010)), Duration::ZERO);
        assert!(line.may_send(at(1010)));
    }

    #[test]
    fn packets_that_take_longer_are_a_lag_and_what_is_heard_of_no_more_is_lost() {
        let mut line = Line::default();
        line.sent(at(0), 1, 1000);
        line.reported(at(30), [1]);
        line.sent(at(100), 2, 1000);
        line.reported(at(430), [2]);
        assert_eq!(line.lag(at(430)), Duration::from_millis(300));
        assert!(!line.may_send(at(430)));
        line.sent(at(500), 3, 1000);
        line.look(at(1000));
        assert_eq!(line.lag(at(1000)), Duration::from_millis(220), "nothing was heard of it");
        assert!(!line.may_send(at(1000)));
        line.look(at(1200));
        assert!(line.may_send(at(1200)), "a line that broke is tried again");
    }

    #[test]
    fn a_line_that_loses_much_is_behind_for_as_long_as_it_does() {
        let mut line = Line::default();
        let mut lags = Vec::new();
        for tenth in 0..20 {
            for number in 0..10 {
                line.sent(at(tenth * 100 + number * 10), tenth * 10 + number, 1000);
            }
            let is_bad = (5..10).contains(&tenth);
            let arrived = (tenth * 10..tenth * 10 + 10).filter(|number| !is_bad || number % 4 == 3);
            line.reported(at(tenth * 100 + 120), arrived);
            lags.push(line.lag(at(tenth * 100 + 120)).as_millis());
        }
        assert_eq!(lags[4], 0);
        assert_eq!(lags[9], 400, "it began with the sixth report");
        assert_eq!(lags[19], 0);
    }

    #[test]
    fn who_reports_nothing_is_sent_all_and_costs_no_memory() {
        let mut line = Line::default();
        for number in 0..10_000 {
            line.sent(at(number), number, 1000);
            line.look(at(number));
            assert!(line.may_send(at(number)));
        }
        assert!(line.under_way.len() <= 2000, "{}", line.under_way.len());
        assert_eq!(line.capacity_bps(at(10_000)), None);
    }
}
