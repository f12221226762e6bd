//! Runs the brains over a simulated house and holds each step, and the state after each check, to the rules.

use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::TimeZone;
use rand::Rng;
use tarsier_tiers::emergency::{self, Cleanup, CleanupEnd};
use tarsier_tiers::policy::Policy;
use tarsier_tiers::retain::{Check, Input, Output, Pace};
use tarsier_tiers::{
    Deletion, Emergency, Piece, PieceName, Retain, Step, TierId, VolumeState, Why,
};
use tarsier_types::{Mono, UtcMs};

use crate::world::{DAY_MS, MINUTE_MS, World};

/// A check stands for many of those that come every 10 s.
const CHECK_MS: i64 = 30 * MINUTE_MS;
/// Moves and uploads that end between two checks.
const STEPS_PER_CHECK: usize = 60;

pub(crate) struct House {
    pub(crate) world: World,
    pub(crate) policy: Policy,
    retain: Retain,
    emergencies: BTreeMap<TierId, Emergency>,
    mono: Mono,
    running: Vec<Step>,
    locked: BTreeSet<PieceName>,
    pub(crate) cleanups: Vec<Cleanup>,
    pub(crate) deletions: BTreeMap<Why, u64>,
    pub(crate) moves: u64,
    pub(crate) uploads: u64,
}

impl House {
    pub(crate) fn new(world: World, policy: &str) -> Self {
        let policy: Policy = serde_json::from_str(policy).unwrap();
        let disks = world.disks.iter().filter(|disk| disk.kind.is_local());
        let emergencies = disks.map(|d| (d.tier.clone(), Emergency::new(d.tier.clone()))).collect();
        Self {
            world,
            policy,
            retain: Retain::new(Pace::default()),
            emergencies,
            mono: Mono::ZERO,
            running: Vec::new(),
            locked: BTreeSet::new(),
            cleanups: Vec::new(),
            deletions: BTreeMap::new(),
            moves: 0,
            uploads: 0,
        }
    }

    pub(crate) fn run_days(&mut self, days: i64, mut fault: impl FnMut(&mut Self)) {
        let end = self.world.now.plus_millis(days * DAY_MS);
        while self.world.now < end {
            fault(self);
            self.check();
            if self.world.now.0 % DAY_MS < CHECK_MS {
                self.check_locks();
            }
            if self.world.now.0 % (8 * DAY_MS) < CHECK_MS {
                self.world.check_rows_and_files();
            }
        }
        self.check_locks();
        self.world.check_rows_and_files();
    }

    pub(crate) fn lock(&mut self, name: &PieceName) {
        self.world.set_lock(name, true);
        self.locked.insert(name.clone());
    }

    pub(crate) fn unlock_all(&mut self) {
        for name in std::mem::take(&mut self.locked) {
            self.world.set_lock(&name, false);
        }
        self.retain.handle(self.mono, &self.policy, Input::Changed);
    }

    fn check(&mut self) {
        self.world.record(CHECK_MS);
        self.mono = self.mono + std::time::Duration::from_millis(CHECK_MS.unsigned_abs());
        self.clean_up();
        let check = Check {
            utc: self.world.now,
            zone: TimeZone::UTC,
            volumes: self.world.volumes(),
            holdings: self.world.holdings(),
            busy: BTreeSet::new(),
        };
        self.retain.handle(self.mono, &self.policy, Input::Check(check));
        self.drain();
        // Where steps fail they also take their time: some are still running at the next check.
        let steps = match self.world.fails_one_in {
            Some(_) => self.world.rng.random_range(0..STEPS_PER_CHECK),
            None => STEPS_PER_CHECK,
        };
        for _ in 0..steps {
            if self.running.is_empty() {
                break;
            }
            let step = self.running.remove(0);
            let end = self.world.act(&step);
            match step {
                Step::Move { .. } => self.moves += 1,
                Step::Upload { .. } => self.uploads += 1,
                Step::Delete(_) => unreachable!("deletions do not run beside"),
            }
            self.retain.handle(self.mono, &self.policy, Input::Finished(step.piece().name(), end));
            self.drain();
        }
    }

    fn drain(&mut self) {
        while let Some(output) = self.retain.poll() {
            match output {
                Output::Look(look) => {
                    let shown = self.world.show(look);
                    self.retain.handle(self.mono, &self.policy, Input::Shown(shown));
                }
                Output::Step(Step::Delete(deletion)) => {
                    self.judge(&deletion);
                    let name = deletion.piece.name();
                    let end = self.world.act(&Step::Delete(deletion));
                    self.retain.handle(self.mono, &self.policy, Input::Finished(name, end));
                }
                Output::Step(step) => {
                    self.judge_lane(&step);
                    self.running.push(step);
                }
            }
        }
    }

    /// Every 10 s, and before each segment: here once a check, after what was written.
    fn clean_up(&mut self) {
        for tier in self.emergencies.keys().cloned().collect::<Vec<_>>() {
            let before = self.volume(&tier);
            let measured = |house: &Self| emergency::Input::Measured {
                utc: house.world.now,
                volume: house.volume(&tier),
                busy: house.retain.busy(),
            };
            let mut input = Some(measured(self));
            let mut ended = None;
            loop {
                let brain = self.emergencies.get_mut(&tier).unwrap();
                if let Some(input) = input.take() {
                    brain.handle(self.mono, &self.policy, input);
                }
                let Some(output) = brain.poll() else { break };
                input = match output {
                    emergency::Output::Look(look) => {
                        Some(emergency::Input::Shown(self.world.show(look)))
                    }
                    emergency::Output::Delete(deletion) => {
                        assert!(
                            before.available_bytes < self.policy.min_free_bytes(&before),
                            "an emergency without one"
                        );
                        self.judge(&deletion);
                        let name = deletion.piece.name();
                        let end = self.world.act(&Step::Delete(deletion));
                        Some(emergency::Input::Finished(name, end))
                    }
                    emergency::Output::Measure => Some(measured(self)),
                    emergency::Output::Ended(cleanup) => {
                        ended = Some(cleanup.end);
                        self.cleanups.push(cleanup);
                        None
                    }
                    emergency::Output::Recovered => None,
                };
            }
            let after = self.volume(&tier);
            let is_well = after.available_bytes >= self.policy.min_free_bytes(&after);
            let is_told = ended.is_some_and(|end| end != CleanupEnd::Enough)
                || self.cleanups.iter().rev().find(|c| c.tier == tier).is_some_and(|c| {
                    matches!(c.end, CleanupEnd::NothingLeft | CleanupEnd::Fruitless)
                });
            assert!(
                is_well || after.state != VolumeState::Writable || is_told,
                "{tier} is below its minimum on day {} and nobody was told: {after:?}",
                self.world.days()
            );
        }
    }

    fn volume(&self, tier: &TierId) -> tarsier_tiers::Volume {
        self.world.disks.iter().find(|disk| disk.tier == *tier).unwrap().volume()
    }

    /// A deletion is allowed by the rule that it names, computed here anew.
    fn judge(&mut self, deletion: &Deletion) {
        let Deletion { piece, from, why } = deletion;
        let row = &self.world.rows[&piece.name()];
        assert!(!row.is_locked, "a locked piece is deleted by {why:?}: {piece:?}");
        assert!(
            !self.running.iter().any(|step| step.piece().name() == piece.name()),
            "a piece is deleted while it is moved: {piece:?}"
        );
        *self.deletions.entry(*why).or_default() += 1;
        let keep = self.policy.keep(&piece.of);
        let age = self.world.now.millis_since(piece.range.end);
        let days = |days: u32| i64::from(days) * DAY_MS;
        let events = if piece.is_event { keep.events_days.unwrap_or(0) } else { 0 };
        let is_last = row.tier == *from && row.copies.is_empty();
        if *why != Why::Emergency && is_last {
            let least = days(keep.min_days.max(events));
            assert!(age >= least, "{why:?} deletes what must be kept longer: {piece:?}");
        }
        let is_bucket = !self.volume(from).kind.is_local();
        match why {
            Why::Age if is_bucket => {
                let own = self.policy.tier(from).bucket().keep_days;
                assert!(age >= days(own.or(keep.max_age_days).unwrap()), "too soon: {piece:?}");
            }
            Why::Age => {
                let limit = keep.max_age_days.unwrap().max(events);
                assert!(age >= days(limit), "too soon: {piece:?}");
            }
            Why::StreamSize => assert!(self.bytes_on_disks(piece) > keep.max_bytes.unwrap()),
            Why::TierSize => {
                assert!(self.volume(from).ours_bytes > self.policy.tier(from).max_bytes.unwrap());
            }
            Why::TierFull => {
                let disk = self.volume(from);
                let line = self.policy.comfortable_bytes(&disk) + 400;
                assert!(disk.available_bytes < line, "room is made where there is some");
            }
            Why::Emergency => {}
        }
    }

    fn bytes_on_disks(&self, piece: &Piece) -> u64 {
        let local = |tier: &TierId| self.volume(tier).kind.is_local();
        let held = self.world.holdings();
        held.iter().filter(|h| h.of == piece.of && local(&h.tier)).map(|h| h.bytes).sum()
    }

    /// One move a disk, one upload a bucket, one step a piece.
    fn judge_lane(&self, step: &Step) {
        for other in &self.running {
            assert_ne!(other.piece().name(), step.piece().name(), "two steps of one piece");
            match (step, other) {
                (Step::Move { .. }, Step::Move { .. }) => panic!("two moves on one disk"),
                (Step::Upload { to, .. }, Step::Upload { to: busy, .. }) => {
                    assert_ne!(to, busy, "two uploads to one bucket");
                }
                _ => {}
            }
        }
    }

    fn check_locks(&self) {
        for name in &self.locked {
            assert!(self.world.rows.contains_key(name), "locked footage is gone: {name:?}");
        }
    }

    /// Nothing is older than its rule says, give or take.
    pub(crate) fn check_ages(&self, give_ms: i64) {
        for piece in self.world.rows.values().filter(|piece| !piece.is_locked) {
            let keep = self.policy.keep(&piece.of);
            let events = if piece.is_event { keep.events_days.unwrap_or(0) } else { 0 };
            let Some(max) = keep.max_age_days else { continue };
            if !self.volume(&piece.tier).kind.is_local() {
                continue;
            }
            let due = piece.range.end.plus_millis(i64::from(max.max(events)) * DAY_MS + give_ms);
            assert!(due >= self.world.now, "footage outlived its rule: {piece:?}");
        }
    }

    /// What has moved on: nothing on that disk is older.
    pub(crate) fn oldest_on(&self, tier: &str) -> Option<UtcMs> {
        let on = self.world.rows.values().find(|piece| piece.tier.as_str() == tier);
        on.map(|piece| piece.range.end)
    }
}
