//! Brain: what is due now: deletions by age and by size, moves to the next disk, copies to buckets (SPEC section 6).
//!
//! Each [`Check`] makes a list of chores from figures alone; each chore then looks at the oldest few pieces of one
//! shelf and names steps. The work of a check is bounded, and so is what it deletes: a thousand deletions at once
//! would slow the recorders down. Pieces that a chore passed over (events, locks) are not looked at again in each
//! check: it goes on where it was, and begins at the oldest again every few hours.
//!
//! One piece has at most one step at a time, a disk takes part in at most one move, a bucket in one upload.
//!
//! What does not belong here: less than the minimum free ([`emergency`](crate::emergency)), how a step is done.

mod chore;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use jiff::tz::TimeZone;
use tarsier_types::{Mono, UtcMs};

use crate::policy::Policy;
use crate::words::{
    Deletion, DiskId, End, Holding, Look, PieceName, Shown, Step, StreamName, TierId, Volume,
};
use chore::{Chore, Clearing};

/// How much one check may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Deletions in one check. 64 every 10 s are twenty times what 32 cameras write.
    pub deletions: usize,
    /// Looks of one chore in one check.
    pub looks: usize,
}

impl Default for Pace {
    fn default() -> Self {
        Self { deletions: 64, looks: 16 }
    }
}

/// A piece whose step failed rests so long.
const REST: Duration = Duration::from_secs(600);
/// So often a chore begins at the oldest piece again.
const LOOK_AGAIN: Duration = Duration::from_secs(6 * 3600);
/// So often an upload does: an event may touch what was passed over.
const LOOK_AGAIN_UPLOADS: Duration = Duration::from_secs(600);
/// A wall clock that jumps further ahead than this is not believed at once.
const LONGEST_JUMP: Duration = Duration::from_secs(24 * 3600);
/// So long nothing is deleted by age after such a jump: time to see it and to set the clock.
const DISBELIEF: Duration = Duration::from_secs(24 * 3600);

/// What is known at the time of a check.
#[derive(Clone, Debug)]
pub struct Check {
    /// The wall clock.
    pub utc: UtcMs,
    /// Where the machine is: upload windows are in local time.
    pub zone: TimeZone,
    /// Every tier, absent ones too, with what was last known of them.
    pub volumes: Vec<Volume>,
    /// What each tier holds of each stream.
    pub holdings: Vec<Holding>,
    /// Pieces that an emergency cleanup has named.
    pub busy: BTreeSet<PieceName>,
}

/// What happened.
#[derive(Clone, Debug)]
pub enum Input {
    /// What the wall clock said when an earlier run believed it last; before the first check.
    LastSaid(UtcMs),
    /// Every 10 s, and whenever a segment was closed.
    Check(Check),
    /// The answer to the last look.
    Shown(Shown),
    /// A step ended.
    Finished(PieceName, End),
    /// The policy, a lock or an event changed: what was passed over is looked at again.
    Changed,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Show pieces; a look that is not answered before the next check is forgotten.
    Look(Look),
    /// Do this, and tell when it has ended. Deletions take an instant; moves and uploads run beside everything else.
    Step(Step),
}

/// Decides what is due.
#[derive(Debug)]
pub struct Retain {
    pace: Pace,
    check: Option<Check>,
    steps: BTreeMap<PieceName, Step>,
    resting: BTreeMap<PieceName, Mono>,
    chores: VecDeque<Chore>,
    current: Option<Current>,
    outputs: VecDeque<Output>,
    deletions_left: usize,
    cursors: BTreeMap<Cursor, PieceName>,
    cursors_since: Mono,
    uploads_since: Mono,
    /// Room that the next move to a disk waits for, bytes.
    wanted: BTreeMap<TierId, u64>,
    /// What a bucket's size limit has deleted: nothing as old is copied there again.
    floors: BTreeMap<TierId, PieceName>,
    next_upload: BTreeMap<TierId, Mono>,
    last: Option<(Mono, UtcMs)>,
    ages_from: Mono,
}

/// The chore that waits for its look.
#[derive(Debug)]
struct Current {
    chore: Chore,
    look: Look,
    looks_left: usize,
}

/// Whose place is remembered from check to check.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Cursor {
    Age(TierId, StreamName),
    Size(TierId, StreamName),
    Tier(TierId),
    Upload { from: TierId, to: TierId },
}

impl Retain {
    /// Nothing is known yet.
    pub fn new(pace: Pace) -> Self {
        Self {
            pace,
            check: None,
            steps: BTreeMap::new(),
            resting: BTreeMap::new(),
            chores: VecDeque::new(),
            current: None,
            outputs: VecDeque::new(),
            deletions_left: 0,
            cursors: BTreeMap::new(),
            cursors_since: Mono::ZERO,
            uploads_since: Mono::ZERO,
            wanted: BTreeMap::new(),
            floors: BTreeMap::new(),
            next_upload: BTreeMap::new(),
            last: None,
            ages_from: Mono::ZERO,
        }
    }

    /// Takes in what happened.
    pub fn handle(&mut self, now: Mono, policy: &Policy, input: Input) {
        match input {
            Input::LastSaid(utc) => self.last = Some((now, utc)),
            Input::Check(check) => self.check(now, policy, check),
            Input::Shown(shown) => self.shown(now, policy, &shown),
            Input::Finished(name, end) => self.finished(now, policy, &name, end),
            Input::Changed => {
                self.cursors.clear();
                self.floors.clear();
            }
        }
        self.advance(now, policy);
    }

    /// What to do next; drain it after each [`handle`](Self::handle).
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When it wants to be checked at the latest, besides every 10 s: the next upload that a rate limit holds back.
    pub fn deadline(&self) -> Option<Mono> {
        self.next_upload.values().min().copied()
    }

    /// Steps that were named and have not ended.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        self.steps.values()
    }

    /// The pieces of those steps: an emergency cleanup leaves them alone.
    pub fn busy(&self) -> BTreeSet<PieceName> {
        self.steps.keys().cloned().collect()
    }

    /// Until when nothing is deleted by age, because the wall clock jumped ahead by more than a day. Without an earlier
    /// run's word ([`Input::LastSaid`]), a start would forget it.
    pub fn disbelieves_clock_until(&self, now: Mono) -> Option<Mono> {
        Some(self.ages_from).filter(|until| *until > now)
    }

    fn check(&mut self, now: Mono, policy: &Policy, check: Check) {
        if let Some((mono, utc)) = self.last.replace((now, check.utc)) {
            let expected = i64::try_from((now.since(mono) + LONGEST_JUMP).as_millis());
            if check.utc.millis_since(utc) > expected.unwrap_or(i64::MAX) {
                self.ages_from = now + DISBELIEF;
            }
        }
        if now.since(self.cursors_since) >= LOOK_AGAIN {
            self.cursors_since = now;
            self.cursors.clear();
        }
        if now.since(self.uploads_since) >= LOOK_AGAIN_UPLOADS {
            self.uploads_since = now;
            self.cursors.retain(|cursor, _| !matches!(cursor, Cursor::Upload { .. }));
        }
        self.resting.retain(|_, until| *until > now);
        self.deletions_left = self.pace.deletions;
        self.chores = chore::list(policy, &check, now >= self.ages_from, &self.wanted);
        self.check = Some(check);
        self.current = None;
    }

    /// Begins chores until one waits for a look.
    fn advance(&mut self, now: Mono, policy: &Policy) {
        while self.current.is_none() {
            let Some(mut chore) = self.chores.pop_front() else { return };
            let Some(look) = self.first_look(now, policy, &mut chore) else { continue };
            self.outputs.push_back(Output::Look(look.clone()));
            self.current = Some(Current { chore, look, looks_left: self.pace.looks });
        }
    }

    /// What this chore looks at, if it has anything to do.
    fn first_look(&mut self, now: Mono, policy: &Policy, chore: &mut Chore) -> Option<Look> {
        let check = self.check.as_ref()?;
        match chore {
            Chore::Clear(clearing) => {
                let steps = self.steps.values();
                if self.deletions_left == 0
                    || !clearing.is_needed(policy, check, &self.wanted, steps)
                {
                    return None;
                }
                let after = self.cursors.get(&clearing.cursor()).cloned();
                Some(clearing.look(after))
            }
            Chore::Move(way) => {
                let busy = |step: &Step| is_moving_on(step, check, [&way.from_disk, &way.to_disk]);
                (!self.steps.values().any(busy)).then(|| way.look(None))
            }
            Chore::Upload(way) => {
                let busy = |step: &Step| matches!(step, Step::Upload { to, .. } if *to == way.to);
                let waits = self.next_upload.get(&way.to).is_some_and(|next| *next > now);
                if waits || self.steps.values().any(busy) || !way.is_open(policy, check) {
                    return None;
                }
                self.next_upload.remove(&way.to);
                let cursor = Cursor::Upload { from: way.from.clone(), to: way.to.clone() };
                Some(way.look(self.cursors.get(&cursor).cloned()))
            }
        }
    }

    fn shown(&mut self, now: Mono, policy: &Policy, shown: &Shown) {
        let Some(mut current) = self.current.take_if(|current| current.look == shown.look) else {
            return;
        };
        let is_done = match &mut current.chore {
            Chore::Clear(clearing) => self.clear(policy, clearing, shown),
            Chore::Move(way) => self.move_on(policy, way, shown),
            Chore::Upload(way) => self.upload(now, policy, way, shown),
        };
        current.looks_left -= 1;
        let Some(last) = shown.pieces.last().filter(|_| !is_done && !shown.is_all()) else {
            return;
        };
        if current.looks_left > 0 {
            current.look = Look { after: Some(last.name()), most: chore::MORE, ..current.look };
            self.outputs.push_back(Output::Look(current.look.clone()));
            self.current = Some(current);
        }
    }

    /// Names deletions of one shelf. Done when enough is named, or nothing behind can be due.
    fn clear(&mut self, policy: &Policy, clearing: &mut Clearing, shown: &Shown) -> bool {
        let Some(check) = &self.check else { return true };
        let cursor = clearing.cursor();
        for piece in &shown.pieces {
            if self.deletions_left == 0 || clearing.is_enough() {
                return true;
            }
            if clearing.ends_at(policy, check, piece) {
                return true;
            }
            let name = piece.name();
            let is_free = self.is_free(check, &name);
            if is_free && clearing.takes(policy, check, piece) {
                clearing.took(piece);
                if clearing.shrinks_bucket() {
                    self.floors.insert(clearing.tier.clone(), name.clone());
                }
                self.deletions_left -= 1;
                let step = Step::Delete(Deletion {
                    piece: piece.clone(),
                    from: clearing.tier.clone(),
                    why: clearing.why,
                });
                name_step(&mut self.steps, &mut self.outputs, step);
            }
            self.cursors.insert(cursor.clone(), name);
        }
        if shown.is_all() {
            self.cursors.remove(&cursor);
        }
        false
    }

    /// Names the next move. Done at the first piece that could be moved, whether or not it is due.
    fn move_on(&mut self, policy: &Policy, way: &chore::MoveWay, shown: &Shown) -> bool {
        let Some(check) = &self.check else { return true };
        for piece in &shown.pieces {
            let name = piece.name();
            let is_free = self.is_free(check, &name);
            if !is_free || piece.tier != way.from || chore::is_expired(policy, check, piece) {
                continue;
            }
            if way.is_due(policy, check, piece) {
                if way.has_room(policy, check, piece) {
                    self.wanted.remove(&way.to);
                    let step = Step::Move { piece: piece.clone(), to: way.to.clone() };
                    name_step(&mut self.steps, &mut self.outputs, step);
                } else {
                    self.wanted.insert(way.to.clone(), piece.bytes);
                }
            }
            return true;
        }
        false
    }

    /// Names the next upload.
    fn upload(
        &mut self,
        now: Mono,
        policy: &Policy,
        way: &chore::UploadWay,
        shown: &Shown,
    ) -> bool {
        let Some(check) = &self.check else { return true };
        let cursor = Cursor::Upload { from: way.from.clone(), to: way.to.clone() };
        for piece in &shown.pieces {
            if way.ends_at(policy, check, piece) {
                return true;
            }
            let name = piece.name();
            let is_free = self.is_free(check, &name);
            let is_above = self.floors.get(&way.to).is_none_or(|floor| name > *floor);
            self.cursors.insert(cursor.clone(), name);
            if is_free && is_above && way.takes(policy, check, piece) {
                if let Some(pause) = way.pause(policy, piece) {
                    self.next_upload.insert(way.to.clone(), now + pause);
                }
                // One upload a bucket: the other shelves wait.
                self.chores.retain(|chore| !matches!(chore, Chore::Upload(w) if w.to == way.to));
                let step = Step::Upload { piece: piece.clone(), to: way.to.clone() };
                name_step(&mut self.steps, &mut self.outputs, step);
                return true;
            }
        }
        false
    }

    /// No step has it, and none failed with it just now.
    fn is_free(&self, check: &Check, name: &PieceName) -> bool {
        !self.steps.contains_key(name)
            && !self.resting.contains_key(name)
            && !check.busy.contains(name)
    }

    fn finished(&mut self, now: Mono, policy: &Policy, name: &PieceName, end: End) {
        let Some(step) = self.steps.remove(name) else { return };
        if end == End::Failed {
            self.resting.insert(name.clone(), now + REST);
        }
        let Some(check) = &mut self.check else { return };
        if end == End::Done {
            chore::account(check, &step);
        }
        // What was waiting for this lane goes on without waiting for the next check.
        match step {
            Step::Delete(_) => {}
            Step::Move { .. } => self.chores.extend(chore::moves(policy, check)),
            Step::Upload { to, .. } => self.chores.extend(chore::uploads(policy, check, &to)),
        }
    }
}

/// Names a step.
fn name_step(steps: &mut BTreeMap<PieceName, Step>, outputs: &mut VecDeque<Output>, step: Step) {
    steps.insert(step.piece().name(), step.clone());
    outputs.push_back(Output::Step(step));
}

/// That step is a move that one of these disks takes part in.
fn is_moving_on(step: &Step, check: &Check, disks: [&DiskId; 2]) -> bool {
    let Step::Move { piece, to } = step else { return false };
    let mut ends = check.volumes.iter().filter(|v| v.tier == piece.tier || v.tier == *to);
    ends.any(|volume| disks.contains(&&volume.disk))
}

#[cfg(test)]
mod tests;
