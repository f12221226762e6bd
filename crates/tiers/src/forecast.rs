//! Brain: what a policy means before it is saved: days kept, when each tier fills, what goes next and why.
//!
//! It computes the state in which recording and deleting balance, not each step on the way. Footage of one age is
//! deleted at one time across cameras (that is how room is made), so one number decides: the age **horizon** at which
//! the disks are full. It is found by halving, with each stream's own limits on both sides of it.
//!
//! What does not belong here: measuring ([`rate`](crate::rate)), doing ([`retain`](crate::retain)), words for people.

mod kept;

use std::collections::BTreeMap;

use tarsier_types::UtcMs;

use crate::policy::{Copied, Policy, days_after};
use crate::rate::Rate;
use crate::words::{Holding, StreamName, TierId, Volume, VolumeState, Why};
use kept::{Kept, number, solve};

const MS_PER_DAY: f64 = 86_400_000.0;

/// What a forecast stands on.
#[derive(Clone, Copy, Debug)]
pub struct Basis<'a> {
    /// The wall clock.
    pub now: UtcMs,
    /// The policy in question, saved or not.
    pub policy: &'a Policy,
    /// Every tier.
    pub volumes: &'a [Volume],
    /// What is there.
    pub holdings: &'a [Holding],
    /// What each stream writes that is being recorded.
    pub rates: &'a BTreeMap<StreamName, Rate>,
}

/// What will be.
#[derive(Clone, Debug, PartialEq)]
pub struct Forecast {
    /// Every stream that is recorded or has footage, in the order of the names.
    pub streams: Vec<StreamForecast>,
    /// Every tier, disks in the order of the footage's way, then buckets.
    pub tiers: Vec<TierForecast>,
    /// What goes next from each tier, the soonest first.
    pub next: Vec<Next>,
    /// What will not be as the policy says.
    pub warnings: Vec<Warning>,
}

/// How long a stream is kept once recording and deleting balance.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamForecast {
    /// Which.
    pub of: StreamName,
    /// What it writes in a day; `None`: nothing is recorded, or nothing was measured yet.
    pub rate: Option<Rate>,
    /// Days on disks; `None`: nothing deletes it.
    pub days: Option<f64>,
    /// Days on disks of what an event touches; `None`: nothing deletes it.
    pub event_days: Option<f64>,
    /// What ends it on the disks.
    pub limit: Limit,
    /// The longest that a bucket keeps what is copied of it; `None`: nothing is copied, or nothing deletes it.
    pub bucket_days: Option<f64>,
}

/// What ends a stream's time on the disks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Its greatest age.
    Age,
    /// Its size.
    StreamSize,
    /// The last disk is full.
    Space,
    /// Nothing, as far as can be seen: no rate, no limit.
    Nothing,
}

/// What a tier will hold.
#[derive(Clone, Debug, PartialEq)]
pub struct TierForecast {
    /// Which.
    pub tier: TierId,
    /// Footage in it now.
    pub footage_bytes: u64,
    /// What footage may take in it; `None`: a bucket without a limit of its own.
    pub usable_bytes: Option<u64>,
    /// Footage in it once recording and deleting balance.
    pub settles_at_bytes: u64,
    /// What comes in within a day.
    pub bytes_per_day: u64,
    /// Days until it is as full as it may be; 0: it is; `None`: it never will be.
    pub full_in_days: Option<f64>,
}

/// What goes next from a tier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Next {
    /// From where.
    pub tier: TierId,
    /// Of which stream.
    pub of: StreamName,
    /// Footage from this moment on.
    pub start: UtcMs,
    /// When, as well as can be said.
    pub when: UtcMs,
    /// What happens to it.
    pub what: NextStep,
}

/// What happens to footage next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NextStep {
    /// It is deleted.
    Delete(Why),
    /// It moves on.
    Move(TierId),
}

/// What will not be as the policy says, or as one would expect.
#[derive(Clone, Debug, PartialEq)]
pub enum Warning {
    /// The disks are too small for what must be kept: an emergency will delete it sooner.
    MinimumNotKept {
        /// Which stream.
        of: StreamName,
        /// Days that it, or its events, must be kept.
        min_days: u32,
        /// Days that it will be.
        days: f64,
    },
    /// A tier is not there.
    TierAway {
        /// Which.
        tier: TierId,
    },
    /// Most of what is taken on that disk is others' data.
    FilledByOthers {
        /// Which.
        tier: TierId,
        /// How much.
        foreign_bytes: u64,
    },
    /// More is to be copied in a day than window and rate let through.
    UploadTooSlow {
        /// Which bucket.
        tier: TierId,
        /// What is to be copied in a day.
        bytes_per_day: u64,
        /// What can be.
        possible_bytes_per_day: u64,
    },
    /// Footage is deleted from the disks before it is old enough to be copied.
    DeletedBeforeCopied {
        /// Which bucket.
        tier: TierId,
        /// Which stream.
        of: StreamName,
        /// Days after which it would be copied.
        older_than_days: u32,
        /// Days that it is on a disk.
        days: f64,
    },
}

impl Forecast {
    /// What will be.
    pub fn of(basis: &Basis) -> Self {
        let kept = Kept::of(basis);
        let disks = Disks::of(basis, &kept);
        let mut warnings = places(basis);
        let mut streams: Vec<StreamForecast> =
            kept.streams.iter().map(|stream| disks.stream(basis, stream, &mut warnings)).collect();
        let mut tiers = disks.tiers.clone();
        for bucket in basis.volumes.iter().filter(|volume| !volume.kind.is_local()) {
            tiers.push(copies(basis, bucket, &mut streams, &mut warnings));
        }
        let next = next(basis, &tiers);
        Self { streams, tiers, next, warnings }
    }
}

/// What is wrong with the places themselves.
fn places(basis: &Basis) -> Vec<Warning> {
    let mut warnings = Vec::new();
    for volume in basis.volumes {
        let foreign_bytes = volume.foreign_bytes();
        if matches!(volume.state, VolumeState::Absent | VolumeState::Foreign) {
            warnings.push(Warning::TierAway { tier: volume.tier.clone() });
        } else if volume.kind.is_local() && foreign_bytes > volume.total_bytes / 2 {
            warnings.push(Warning::FilledByOthers { tier: volume.tier.clone(), foreign_bytes });
        }
    }
    warnings
}

/// The disks in balance.
struct Disks {
    tiers: Vec<TierForecast>,
    /// The age at which room is made; `None`: never.
    horizon: Option<f64>,
    /// What must be kept does not fit: the minimum gives way.
    is_overfull: bool,
}

impl Disks {
    fn of(basis: &Basis, kept: &Kept) -> Self {
        let order = basis.policy.disks(basis.volumes);
        let mut disks = Self { tiers: Vec::new(), horizon: None, is_overfull: false };
        // Footage younger than this is on the disks in front.
        let mut age = 0.0;
        for (n, disk) in order.iter().enumerate() {
            let usable = basis.policy.usable_bytes(disk);
            let in_front = kept.bytes_until(age);
            let bytes_per_day = kept.arriving_at(age);
            if n + 1 < order.len() {
                let line = number(basis.policy.fill_line_bytes(disk));
                let after =
                    number(basis.policy.tier(&disk.tier).move_after_minutes.into()) / 1440.0;
                let filled = solve(in_front + line, |age| kept.bytes_until(age));
                age = filled.map_or(age + after, |filled| filled.min(age + after));
                let settles = kept.bytes_until(age) - in_front;
                disks.push(disk, usable, settles, bytes_per_day, None);
                continue;
            }
            let locked: u64 = basis.holdings.iter().map(|held| held.locked_bytes).sum();
            let room = in_front + number(usable.saturating_sub(locked));
            disks.horizon = solve(room, |horizon| kept.bytes_kept(horizon));
            if kept.bytes_kept(0.0) > room {
                disks.is_overfull = true;
                disks.horizon = solve(room, |horizon| kept.bytes_until(horizon));
            }
            let is_now_full = disk.ours_bytes >= usable;
            let full_in = if is_now_full { Some(0.0) } else { kept.full_in(room + number(locked)) };
            let settles = match disks.horizon {
                Some(_) => number(usable),
                None => kept.settled() - in_front + number(locked),
            };
            disks.push(disk, usable, settles, bytes_per_day, full_in);
        }
        disks
    }

    fn push(
        &mut self,
        disk: &Volume,
        usable: u64,
        settles: f64,
        bytes_per_day: f64,
        full_in_days: Option<f64>,
    ) {
        self.tiers.push(TierForecast {
            tier: disk.tier.clone(),
            footage_bytes: disk.ours_bytes,
            usable_bytes: Some(usable),
            settles_at_bytes: kept::bytes(settles),
            bytes_per_day: kept::bytes(bytes_per_day),
            full_in_days,
        });
    }

    fn stream(
        &self,
        basis: &Basis,
        stream: &kept::Stream,
        warnings: &mut Vec<Warning>,
    ) -> StreamForecast {
        let horizon = self.horizon.filter(|_| stream.rate.is_some());
        let (days, event_days) = if self.is_overfull {
            let end = |limit: f64| horizon.unwrap_or(f64::INFINITY).min(limit);
            (end(stream.limit), end(stream.event_limit))
        } else {
            let horizon = horizon.unwrap_or(f64::INFINITY);
            (stream.days(horizon), stream.event_days(horizon))
        };
        let limit = if days < stream.limit {
            Limit::Space
        } else if days.is_infinite() {
            Limit::Nothing
        } else if stream.is_limited_by_size {
            Limit::StreamSize
        } else {
            Limit::Age
        };
        let keep = basis.policy.keep(&stream.of);
        let promises = [(keep.min_days, days), (keep.events_days.unwrap_or(0), event_days)];
        let broken =
            promises.into_iter().find(|(promised, days)| *days + 0.01 < f64::from(*promised));
        if let Some((min_days, days)) = broken {
            warnings.push(Warning::MinimumNotKept { of: stream.of.clone(), min_days, days });
        }
        let finite = |days: f64| Some(days).filter(|days| days.is_finite());
        StreamForecast {
            of: stream.of.clone(),
            rate: stream.rate,
            days: finite(days),
            event_days: finite(event_days),
            limit,
            bucket_days: None,
        }
    }
}

/// What a bucket will hold, and for how long.
fn copies(
    basis: &Basis,
    bucket: &Volume,
    streams: &mut [StreamForecast],
    warnings: &mut Vec<Warning>,
) -> TierForecast {
    let tier = &bucket.tier;
    let rules = basis.policy.tier(tier);
    let copied = rules.bucket();
    let older = f64::from(copied.older_than_days);
    // For each stream: bytes copied in a day, and days that they are kept there.
    let mut flows = Vec::new();
    for stream in streams.iter() {
        let Some(rate) = stream.rate else { continue };
        let on_disk = match copied.copy {
            Copied::All => stream.days,
            Copied::Events => stream.event_days,
        };
        if let Some(days) = on_disk.filter(|days| copied.older_than_days > 0 && *days <= older) {
            warnings.push(Warning::DeletedBeforeCopied {
                tier: tier.clone(),
                of: stream.of.clone(),
                older_than_days: copied.older_than_days,
                days,
            });
            continue;
        }
        let bytes = match copied.copy {
            Copied::All => rate.bytes_per_day,
            Copied::Events => rate.event_bytes_per_day,
        };
        let keep = basis.policy.keep(&stream.of);
        let own = keep.max_age_days.map(|days| days.max(keep.events_days.unwrap_or(0)));
        let days = copied.keep_days.or(own).map_or(f64::INFINITY, f64::from);
        flows.push((stream.of.clone(), number(bytes), days));
    }
    let holds = |horizon: f64| -> f64 {
        let span = |days: f64| (days.min(horizon) - older).max(0.0);
        flows.iter().filter(|flow| flow.1 > 0.0).map(|(_, bytes, days)| bytes * span(*days)).sum()
    };
    let bytes_per_day: f64 = flows.iter().map(|(_, bytes, _)| bytes).sum();
    let horizon = rules.max_bytes.and_then(|max| solve(number(max), holds));
    for (of, bytes, days) in &flows {
        let days = days.min(horizon.unwrap_or(f64::INFINITY));
        if let Some(stream) = streams.iter_mut().find(|s| s.of == *of && *bytes > 0.0) {
            let longest = stream.bucket_days.unwrap_or(0.0).max(days);
            stream.bucket_days = Some(longest).filter(|days| days.is_finite());
        }
    }
    if let Some(possible) = possible_per_day(&copied)
        && bytes_per_day > possible
    {
        warnings.push(Warning::UploadTooSlow {
            tier: tier.clone(),
            bytes_per_day: kept::bytes(bytes_per_day),
            possible_bytes_per_day: kept::bytes(possible),
        });
    }
    let missing = rules.max_bytes.map(|max| number(max.saturating_sub(bucket.ours_bytes)));
    let full_in = match missing {
        Some(missing) if horizon.is_some() => Some(missing / bytes_per_day),
        _ => None,
    };
    TierForecast {
        tier: tier.clone(),
        footage_bytes: bucket.ours_bytes,
        usable_bytes: rules.max_bytes,
        settles_at_bytes: kept::bytes(holds(horizon.unwrap_or(f64::INFINITY))),
        bytes_per_day: kept::bytes(bytes_per_day),
        full_in_days: full_in,
    }
}

/// What window and rate let through in a day; `None`: nobody has said how fast the line is.
fn possible_per_day(rules: &crate::policy::BucketRules) -> Option<f64> {
    const MINUTES_PER_WEEK: f64 = 7.0 * 24.0 * 60.0;
    let minutes = rules.window.as_ref().map_or(MINUTES_PER_WEEK, |w| w.minutes_per_week().into());
    let bits_per_second = number(rules.max_bits_per_second?);
    Some(bits_per_second / 8.0 * 86_400.0 * minutes / MINUTES_PER_WEEK)
}

/// What goes next, for each tier: the soonest deletion and the soonest move.
fn next(basis: &Basis, tiers: &[TierForecast]) -> Vec<Next> {
    let disks = basis.policy.disks(basis.volumes);
    let mut next = Vec::new();
    for tier in tiers {
        let held = || basis.holdings.iter().filter(|held| held.tier == tier.tier);
        let place = disks.iter().position(|disk| disk.tier == tier.tier);
        let rules = basis.policy.tier(&tier.tier);
        let aged = held().filter_map(|held| {
            let own = basis.policy.keep(&held.of).max_age_days;
            let days = if place.is_some() { own } else { rules.bucket().keep_days.or(own) };
            let when = days_after(held.oldest?, days?);
            Some((when, held.oldest?, &held.of, NextStep::Delete(Why::Age)))
        });
        let full = tier.full_in_days.and_then(|days| {
            let (oldest, of) = oldest(held())?;
            let why =
                if rules.max_bytes == tier.usable_bytes { Why::TierSize } else { Why::TierFull };
            Some((later(basis.now, days), oldest, of, NextStep::Delete(why)))
        });
        next.extend(aged.chain(full).min_by_key(|(when, oldest, _, _)| (*when, *oldest)).map(
            |(when, start, of, what)| Next {
                tier: tier.tier.clone(),
                of: of.clone(),
                start,
                when: when.max(basis.now),
                what,
            },
        ));
        if let Some(behind) = place.and_then(|place| disks.get(place + 1))
            && let Some((start, of)) = oldest(held())
        {
            let due = start.plus_millis(basis.policy.move_after_ms(&tier.tier));
            let is_filled =
                place.is_some_and(|n| disks[n].ours_bytes > basis.policy.fill_line_bytes(disks[n]));
            let when = if is_filled { basis.now } else { due.max(basis.now) };
            let what = NextStep::Move(behind.tier.clone());
            next.push(Next { tier: tier.tier.clone(), of: of.clone(), start, when, what });
        }
    }
    next.sort_by(|a, b| (a.when, &a.tier, a.start).cmp(&(b.when, &b.tier, b.start)));
    next
}

fn oldest<'h>(held: impl Iterator<Item = &'h Holding>) -> Option<(UtcMs, &'h StreamName)> {
    held.filter_map(|held| Some((held.oldest?, &held.of))).min()
}

#[expect(clippy::cast_possible_truncation, reason = "`as` saturates; a forecast of 10^11 years")]
fn later(now: UtcMs, days: f64) -> UtcMs {
    UtcMs(now.0.saturating_add((days * MS_PER_DAY) as i64))
}

#[cfg(test)]
mod tests;
