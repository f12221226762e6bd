//! Brain: which chores a check has, and what each of them takes. Figures and questions; the order is the parent's.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use tarsier_types::UtcMs;

use super::{Check, Cursor};
use crate::policy::{Copied, Policy, days_after};
use crate::words::{
    Deletion, DiskId, Look, Piece, PieceName, Step, StreamName, TierId, TierKind, Volume,
    VolumeState, Which, Why,
};

/// Pieces of a first look: most chores end with the first piece.
const FEW: usize = 16;
/// Pieces of each further look.
pub(super) const MORE: usize = 256;

#[derive(Clone, Debug)]
pub(super) enum Chore {
    Clear(Clearing),
    Move(MoveWay),
    Upload(UploadWay),
}

/// All chores of a check: first what is deleted, then what is moved and copied.
pub(super) fn list(
    policy: &Policy,
    check: &Check,
    by_age: bool,
    wanted: &BTreeMap<TierId, u64>,
) -> VecDeque<Chore> {
    let mut chores = VecDeque::new();
    if by_age {
        chores.extend(ages(policy, check));
    }
    chores.extend(stream_sizes(policy, check));
    chores.extend(tier_sizes(policy, check, wanted));
    chores.extend(moves(policy, check));
    for bucket in check.volumes.iter().filter(|volume| !volume.kind.is_local()) {
        chores.extend(uploads(policy, check, &bucket.tier));
    }
    chores
}

fn volume<'c>(check: &'c Check, tier: &TierId) -> Option<&'c Volume> {
    check.volumes.iter().find(|volume| volume.tier == *tier)
}

/// Books a finished step, so that the next one of this check is decided on true figures.
pub(super) fn account(check: &mut Check, step: &Step) {
    let mut book = |tier: &TierId, grows: bool, bytes: u64| {
        let of = &step.piece().of;
        let held = check.holdings.iter_mut().find(|held| held.tier == *tier && held.of == *of);
        if let Some(held) = held {
            let sum = held.bytes;
            held.bytes = if grows { sum.saturating_add(bytes) } else { sum.saturating_sub(bytes) };
        }
        let Some(volume) = check.volumes.iter_mut().find(|v| v.tier == *tier) else { return };
        let is_local = volume.kind.is_local();
        if grows {
            volume.ours_bytes = volume.ours_bytes.saturating_add(bytes);
        } else {
            volume.ours_bytes = volume.ours_bytes.saturating_sub(bytes);
        }
        if is_local && grows {
            volume.available_bytes = volume.available_bytes.saturating_sub(bytes);
        } else if is_local {
            volume.available_bytes = volume.available_bytes.saturating_add(bytes);
        }
    };
    match step {
        Step::Delete(Deletion { piece, from, .. }) => book(from, false, piece.bytes),
        Step::Move { piece, to } => {
            book(&piece.tier, false, piece.bytes);
            book(to, true, piece.bytes);
        }
        Step::Upload { piece, to } => book(to, true, piece.bytes),
    }
}

/// Deleting from one shelf by one rule.
#[derive(Clone, Debug)]
pub(super) struct Clearing {
    pub(super) tier: TierId,
    pub(super) why: Why,
    of: Option<StreamName>,
    /// Bytes to delete; `None`: as many as are due.
    over: Option<u64>,
    is_bucket: bool,
}

impl Clearing {
    pub(super) fn cursor(&self) -> Cursor {
        match &self.of {
            Some(of) if self.why == Why::Age => Cursor::Age(self.tier.clone(), of.clone()),
            Some(of) => Cursor::Size(self.tier.clone(), of.clone()),
            None => Cursor::Tier(self.tier.clone()),
        }
    }

    pub(super) fn look(&self, after: Option<PieceName>) -> Look {
        let which = Which::Unlocked;
        Look { tier: self.tier.clone(), of: self.of.clone(), which, after, most: FEW }
    }

    /// Figures as they are now, not as they were when the check began: what was deleted meanwhile, by whatever rule,
    /// and what is on its way out counts. False if that is enough.
    pub(super) fn is_needed<'s>(
        &mut self,
        policy: &Policy,
        check: &Check,
        wanted: &BTreeMap<TierId, u64>,
        steps: impl Iterator<Item = &'s Step>,
    ) -> bool {
        let Some(over) = &mut self.over else { return true };
        let now = match &self.of {
            Some(of) => stream_over(policy, check, of).min(*over),
            None => volume(check, &self.tier)
                .and_then(|volume| tier_over(policy, check, volume, wanted))
                .map_or(0, |(why, now)| {
                    self.why = why;
                    now
                }),
        };
        *over = now;
        for step in steps {
            if let Step::Delete(Deletion { piece, from, .. }) = step
                && *from == self.tier
                && self.of.as_ref().is_none_or(|of| *of == piece.of)
            {
                *over = over.saturating_sub(piece.bytes);
            }
        }
        *over > 0
    }

    pub(super) fn is_enough(&self) -> bool {
        self.over == Some(0)
    }

    /// The bucket itself is too large: what is deleted there must not be copied there again.
    pub(super) fn shrinks_bucket(&self) -> bool {
        self.is_bucket && self.why == Why::TierSize
    }

    /// Nothing from this piece on can be due.
    pub(super) fn ends_at(&self, policy: &Policy, check: &Check, piece: &Piece) -> bool {
        if self.why != Why::Age {
            return false;
        }
        // Without its event, the piece would be due first of all that follow.
        let plain = Piece { is_event: false, ..piece.clone() };
        self.expires(policy, &plain).is_none_or(|due| due > check.utc)
    }

    pub(super) fn takes(&self, policy: &Policy, check: &Check, piece: &Piece) -> bool {
        let is_due = match self.why {
            Why::Age => self.expires(policy, piece).is_some_and(|due| due <= check.utc),
            _ => true,
        };
        let is_last = piece.tier == self.tier && piece.copies.iter().all(|c| *c == self.tier);
        let is_protected = is_last && policy.protected_until(piece) > check.utc;
        is_due && !is_protected && !piece.is_locked && piece.is_in(&self.tier)
    }

    pub(super) fn took(&mut self, piece: &Piece) {
        if let Some(over) = &mut self.over {
            *over = over.saturating_sub(piece.bytes);
        }
    }

    fn expires(&self, policy: &Policy, piece: &Piece) -> Option<UtcMs> {
        if self.is_bucket {
            policy.expires_in_bucket(piece, &self.tier)
        } else {
            policy.expires(piece)
        }
    }
}

/// Shelves whose oldest piece may be too old.
fn ages<'c>(policy: &'c Policy, check: &'c Check) -> impl Iterator<Item = Chore> + 'c {
    check.holdings.iter().filter_map(|holding| {
        let place = volume(check, &holding.tier).filter(|volume| volume.is_writable())?;
        let is_bucket = !place.kind.is_local();
        let keep = policy.keep(&holding.of).max_age_days;
        let days =
            if is_bucket { policy.tier(&holding.tier).bucket().keep_days.or(keep) } else { keep };
        (days_after(holding.oldest?, days?) <= check.utc).then(|| {
            Chore::Clear(Clearing {
                tier: holding.tier.clone(),
                why: Why::Age,
                of: Some(holding.of.clone()),
                over: None,
                is_bucket,
            })
        })
    })
}

/// How much more than it may a stream takes on all disks together.
fn stream_over(policy: &Policy, check: &Check, of: &StreamName) -> u64 {
    let Some(max) = policy.keep(of).max_bytes else { return 0 };
    let is_local = |tier| volume(check, tier).is_some_and(|volume| volume.kind.is_local());
    let held = check.holdings.iter().filter(|held| held.of == *of && is_local(&held.tier));
    held.map(|held| held.bytes).sum::<u64>().saturating_sub(max)
}

/// Streams that take more than they may. The last disk has the oldest.
fn stream_sizes(policy: &Policy, check: &Check) -> Vec<Chore> {
    let disks = policy.disks(&check.volumes);
    let streams: BTreeSet<&StreamName> = check.holdings.iter().map(|held| &held.of).collect();
    let mut chores = Vec::new();
    for of in streams {
        let mut over = stream_over(policy, check, of);
        for disk in disks.iter().rev().filter(|disk| disk.is_writable()) {
            let held = check.holdings.iter().find(|h| h.of == *of && h.tier == disk.tier);
            let Some(held) = held.filter(|held| over > 0 && held.oldest.is_some()) else {
                continue;
            };
            let here = over.min(held.bytes.saturating_sub(held.locked_bytes));
            over -= here;
            chores.push(Chore::Clear(Clearing {
                tier: disk.tier.clone(),
                why: Why::StreamSize,
                of: Some(of.clone()),
                over: Some(here),
                is_bucket: false,
            }));
        }
    }
    chores
}

/// How much more than it may a tier holds, and by which rule. Disks that have another one behind them pass their
/// footage on instead.
fn tier_over(
    policy: &Policy,
    check: &Check,
    volume: &Volume,
    wanted: &BTreeMap<TierId, u64>,
) -> Option<(Why, u64)> {
    let is_bucket = !volume.kind.is_local();
    let is_last = policy.disks(&check.volumes).last().is_some_and(|last| last.tier == volume.tier);
    if !volume.is_writable() || !(is_bucket || is_last) {
        return None;
    }
    let wanted = wanted.get(&volume.tier).copied().unwrap_or(0);
    let max = policy.tier(&volume.tier).max_bytes.unwrap_or(u64::MAX);
    let too_much = volume.ours_bytes.saturating_add(wanted).saturating_sub(max);
    let line = policy.comfortable_bytes(volume).saturating_add(wanted);
    let too_full = if is_bucket { 0 } else { line.saturating_sub(volume.available_bytes) };
    let (why, over) =
        if too_much > too_full { (Why::TierSize, too_much) } else { (Why::TierFull, too_full) };
    (over > 0).then_some((why, over))
}

/// Tiers that hold too much and have none behind them: the last disk, and every bucket.
fn tier_sizes(policy: &Policy, check: &Check, wanted: &BTreeMap<TierId, u64>) -> Vec<Chore> {
    let one = |volume: &Volume| {
        let (why, over) = tier_over(policy, check, volume, wanted)?;
        let (tier, is_bucket) = (volume.tier.clone(), !volume.kind.is_local());
        Some(Chore::Clear(Clearing { tier, why, of: None, over: Some(over), is_bucket }))
    };
    check.volumes.iter().filter_map(one).collect()
}

/// From one disk to the next.
#[derive(Clone, Debug)]
pub(super) struct MoveWay {
    pub(super) from: TierId,
    pub(super) to: TierId,
    pub(super) from_disk: DiskId,
    pub(super) to_disk: DiskId,
    /// More than its share of the disk is filled: age does not matter.
    is_filled: bool,
}

/// Every way on which footage can move now.
pub(super) fn moves(policy: &Policy, check: &Check) -> Vec<Chore> {
    let disks = policy.disks(&check.volumes);
    let mut chores = Vec::new();
    for (n, from) in disks.iter().enumerate().filter(|(_, disk)| disk.is_writable()) {
        let is_filled = from.ours_bytes > policy.fill_line_bytes(from);
        let mut behind = disks[n + 1..].iter();
        // A filled disk does not wait for the next one while another one is there.
        let to = if is_filled { behind.find(|disk| disk.is_writable()) } else { behind.next() };
        if let Some(to) = to.filter(|disk| disk.is_writable() && disk.disk != from.disk) {
            chores.push(Chore::Move(MoveWay {
                from: from.tier.clone(),
                to: to.tier.clone(),
                from_disk: from.disk.clone(),
                to_disk: to.disk.clone(),
                is_filled,
            }));
        }
    }
    chores
}

impl MoveWay {
    pub(super) fn look(&self, after: Option<PieceName>) -> Look {
        Look { tier: self.from.clone(), of: None, which: Which::All, after, most: FEW }
    }

    pub(super) fn is_due(&self, policy: &Policy, check: &Check, piece: &Piece) -> bool {
        self.is_filled || piece.range.end.plus_millis(policy.move_after_ms(&self.from)) <= check.utc
    }

    /// It fits without touching the minimum there.
    pub(super) fn has_room(&self, policy: &Policy, check: &Check, piece: &Piece) -> bool {
        let Some(to) = volume(check, &self.to) else { return false };
        let max = policy.tier(&self.to).max_bytes.unwrap_or(u64::MAX);
        to.available_bytes >= policy.min_free_bytes(to).saturating_add(piece.bytes)
            && to.ours_bytes.saturating_add(piece.bytes) <= max
    }
}

/// Age deletes it where it is: not worth the way.
pub(super) fn is_expired(policy: &Policy, check: &Check, piece: &Piece) -> bool {
    !piece.is_locked && policy.expires(piece).is_some_and(|due| due <= check.utc)
}

/// From one disk to one bucket.
#[derive(Clone, Debug)]
pub(super) struct UploadWay {
    pub(super) from: TierId,
    pub(super) to: TierId,
    which: Which,
    /// The bucket is full: only what is newer than this is worth the way.
    newer_than: Option<UtcMs>,
}

/// Every disk from which a bucket can take copies now, the one with the oldest footage first.
pub(super) fn uploads(policy: &Policy, check: &Check, to: &TierId) -> Vec<Chore> {
    let bucket = volume(check, to).filter(|v| v.is_writable() && v.kind == TierKind::ObjectStore);
    let Some(bucket) = bucket else { return Vec::new() };
    let rules = policy.tier(to);
    let is_full = rules.max_bytes.is_some_and(|max| bucket.ours_bytes >= max);
    let held = check.holdings.iter().filter(|held| held.tier == *to);
    let newer_than = held.filter_map(|held| held.oldest).min().filter(|_| is_full);
    let which = match rules.bucket().copy {
        Copied::All => Which::NotIn(to.clone()),
        Copied::Events => Which::EventNotIn(to.clone()),
    };
    let can_be_read =
        |disk: &&&Volume| matches!(disk.state, VolumeState::Writable | VolumeState::ReadOnly);
    let way = |disk: &&Volume| {
        let (from, to, which) = (disk.tier.clone(), to.clone(), which.clone());
        Chore::Upload(UploadWay { from, to, which, newer_than })
    };
    policy.disks(&check.volumes).iter().rev().filter(can_be_read).map(way).collect()
}

impl UploadWay {
    pub(super) fn look(&self, after: Option<PieceName>) -> Look {
        Look { tier: self.from.clone(), of: None, which: self.which.clone(), after, most: FEW }
    }

    pub(super) fn is_open(&self, policy: &Policy, check: &Check) -> bool {
        let window = policy.tier(&self.to).bucket().window;
        window.is_none_or(|window| window.is_open(check.utc, &check.zone))
    }

    /// It is too young, and so are all that follow.
    pub(super) fn ends_at(&self, policy: &Policy, check: &Check, piece: &Piece) -> bool {
        days_after(piece.range.end, policy.tier(&self.to).bucket().older_than_days) > check.utc
    }

    pub(super) fn takes(&self, policy: &Policy, check: &Check, piece: &Piece) -> bool {
        let rules = policy.tier(&self.to).bucket();
        let is_wanted = rules.copy == Copied::All || piece.is_event;
        let is_expired = !piece.is_locked
            && policy.expires_in_bucket(piece, &self.to).is_some_and(|due| due <= check.utc);
        let is_worth_it = self.newer_than.is_none_or(|oldest| piece.range.start > oldest);
        is_wanted && is_worth_it && !is_expired && !piece.is_in(&self.to) && piece.tier == self.from
    }

    /// How long the next upload waits so that the rate holds.
    pub(super) fn pause(&self, policy: &Policy, piece: &Piece) -> Option<Duration> {
        let bits_per_second = policy.tier(&self.to).bucket().max_bits_per_second?.max(1);
        let bits = u128::from(piece.bytes) * 8;
        let millis = bits * 1_000 / u128::from(bits_per_second);
        Some(Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX)))
    }
}
