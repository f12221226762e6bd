//! Brain: how many bytes are kept when everything younger than some age is. Ages in days, sizes as real numbers.

use std::collections::BTreeMap;

use super::Basis;
use crate::rate::Rate;
use crate::words::StreamName;

/// Longer than anything is kept: what does not fill a disk in a hundred years does not fill it.
const FOR_EVER_DAYS: f64 = 36_500.0;
/// Halving the hundred years so often leaves less than a second.
const HALVINGS: u32 = 48;

/// Every stream, with its limits.
pub(super) struct Kept {
    pub(super) streams: Vec<Stream>,
}

/// One stream's flow and limits. "Plain" is what no event touches.
pub(super) struct Stream {
    pub(super) of: StreamName,
    pub(super) rate: Option<Rate>,
    plain_per_day: f64,
    events_per_day: f64,
    /// What there is on all disks now.
    there: f64,
    /// Plain footage is at most this old.
    pub(super) limit: f64,
    /// Footage of events is at most this old.
    pub(super) event_limit: f64,
    pub(super) is_limited_by_size: bool,
    /// Making room leaves plain footage so long.
    protected: f64,
    /// Making room leaves footage of events so long.
    event_protected: f64,
}

impl Stream {
    /// Days that plain footage is kept when room is made at that age.
    pub(super) fn days(&self, horizon: f64) -> f64 {
        horizon.max(self.protected).min(self.limit)
    }

    /// Days that footage of events is kept when room is made at that age.
    pub(super) fn event_days(&self, horizon: f64) -> f64 {
        horizon.max(self.event_protected).min(self.event_limit)
    }

    fn bytes_until(&self, age: f64) -> f64 {
        span(self.plain_per_day, age.min(self.limit))
            + span(self.events_per_day, age.min(self.event_limit))
    }

    fn bytes_kept(&self, horizon: f64) -> f64 {
        span(self.plain_per_day, self.days(horizon))
            + span(self.events_per_day, self.event_days(horizon))
    }
}

/// No bytes for ever are no bytes.
fn span(per_day: f64, days: f64) -> f64 {
    if per_day > 0.0 { per_day * days } else { 0.0 }
}

impl Kept {
    pub(super) fn of(basis: &Basis) -> Self {
        let mut there: BTreeMap<&StreamName, f64> =
            basis.rates.keys().map(|of| (of, 0.0)).collect();
        let disks = basis.policy.disks(basis.volumes);
        for held in basis.holdings {
            let sum = there.entry(&held.of).or_default();
            if disks.iter().any(|disk| disk.tier == held.tier) {
                *sum += number(held.bytes.saturating_sub(held.locked_bytes));
            }
        }
        let streams = there.into_iter().map(|(of, there)| stream(basis, of, there)).collect();
        Self { streams }
    }

    /// Bytes younger than that age that no limit of their stream has deleted.
    pub(super) fn bytes_until(&self, age: f64) -> f64 {
        self.streams.iter().map(|stream| stream.bytes_until(age)).sum()
    }

    /// Bytes in all when room is made at that age.
    pub(super) fn bytes_kept(&self, horizon: f64) -> f64 {
        self.streams.iter().map(|stream| stream.bytes_kept(horizon)).sum()
    }

    /// Bytes in all when no room is ever made: what nobody records any more and nothing deletes stays.
    pub(super) fn settled(&self) -> f64 {
        let one = |stream: &Stream| {
            let stays = stream.rate.is_none() && stream.limit.is_infinite();
            if stays { stream.there } else { stream.bytes_kept(f64::INFINITY) }
        };
        self.streams.iter().map(one).sum()
    }

    /// What reaches that age in a day.
    pub(super) fn arriving_at(&self, age: f64) -> f64 {
        let one = |stream: &Stream| {
            let plain = if age < stream.limit { stream.plain_per_day } else { 0.0 };
            let events = if age < stream.event_limit { stream.events_per_day } else { 0.0 };
            plain + events
        };
        self.streams.iter().map(one).sum()
    }

    /// Days until all disks together hold that much; `None`: the streams' own limits keep them below it.
    pub(super) fn full_in(&self, bytes: f64) -> Option<f64> {
        solve(bytes, |days| {
            let one = |stream: &Stream| {
                let grown = stream.there + (stream.plain_per_day + stream.events_per_day) * days;
                grown.min(stream.bytes_until(f64::INFINITY).max(stream.there))
            };
            self.streams.iter().map(one).sum()
        })
    }
}

fn stream(basis: &Basis, of: &StreamName, there: f64) -> Stream {
    let rate = basis.rates.get(of).copied().filter(|rate| rate.bytes_per_day > 0);
    let keep = basis.policy.keep(of);
    let all = number(rate.map_or(0, |rate| rate.bytes_per_day));
    let events_per_day = number(rate.map_or(0, |rate| rate.event_bytes_per_day)).min(all);
    let plain_per_day = all - events_per_day;
    let event_floor = f64::from(keep.events_days.unwrap_or(0));
    let age = keep.max_age_days.map_or(f64::INFINITY, f64::from);
    let protected = f64::from(keep.min_days);
    let event_protected = protected.max(event_floor);
    let mut stream = Stream {
        of: of.clone(),
        rate,
        plain_per_day,
        events_per_day,
        there,
        limit: age,
        event_limit: age.max(event_floor),
        is_limited_by_size: false,
        protected,
        event_protected,
    };
    // A limit by size makes room within the stream as a full disk does across streams.
    if let Some(max) = keep.max_bytes
        && let Some(horizon) = solve(number(max), |horizon| stream.bytes_kept(horizon))
    {
        let (days, event_days) = (stream.days(horizon), stream.event_days(horizon));
        stream.is_limited_by_size = days < stream.limit;
        (stream.limit, stream.event_limit) = (days, event_days);
    }
    stream
}

/// The least number of days at which a rising function is over `goal`; `None`: it never is.
pub(super) fn solve(goal: f64, of: impl Fn(f64) -> f64) -> Option<f64> {
    if of(FOR_EVER_DAYS) <= goal {
        return None;
    }
    let (mut low, mut high) = (0.0, FOR_EVER_DAYS);
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(low, high);
        if of(middle) <= goal {
            low = middle;
        } else {
            high = middle;
        }
    }
    Some(high)
}

#[expect(clippy::cast_precision_loss, reason = "sizes to 16 digits are more than a forecast knows")]
pub(super) fn number(bytes: u64) -> f64 {
    bytes as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` saturates at both ends"
)]
pub(super) fn bytes(number: f64) -> u64 {
    number as u64
}
