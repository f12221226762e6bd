//! Brain: what is deleted when a disk has less than the minimum free (SPEC section 6).
//!
//! One [`Emergency`] for each disk. It is measured every 10 s, before a segment is opened, and when it asks. Below the
//! minimum it deletes, oldest first across cameras, until twice the minimum is free: first what a bucket has a
//! verified copy of, then what no minimum protects, then the rest. Never what a lock touches, never what is being
//! moved; a file that is being written is no piece and is never shown here.
//!
//! It stops when deleting frees nothing: a snapshot, another program that fills the disk as fast, or files that
//! somebody holds open would otherwise cost all footage and gain no space.
//!
//! What does not belong here: the everyday making of room, which begins above the minimum ([`retain`](crate::retain)).

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use tarsier_types::{Mono, UtcMs, UtcRange};

use crate::policy::Policy;
use crate::words::{
    Deletion, End, Look, Piece, PieceName, Shown, StreamName, TierId, Volume, Which, Why,
};

/// Pieces between two measurements.
const BATCH: usize = 64;
/// Rest after deleting freed nothing (guess).
const FRUITLESS_REST: Duration = Duration::from_secs(600);

/// What happened.
#[derive(Clone, Debug)]
pub enum Input {
    /// The disk was measured just now.
    Measured {
        /// The wall clock.
        utc: UtcMs,
        /// The disk.
        volume: Volume,
        /// Pieces that are being moved, copied or deleted: [`Retain::busy`](crate::retain::Retain::busy).
        busy: BTreeSet<PieceName>,
    },
    /// The answer to the last look.
    Shown(Shown),
    /// A deletion ended.
    Finished(PieceName, End),
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Show pieces.
    Look(Look),
    /// Delete.
    Delete(Deletion),
    /// Measure the disk again.
    Measure,
    /// Cleaning ended: tell the user, in a way that fits [`Cleanup::end`].
    Ended(Cleanup),
    /// After an end that was not [`CleanupEnd::Enough`]: the minimum is free again.
    Recovered,
}

/// Why cleaning ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CleanupEnd {
    /// Enough is free.
    Enough,
    /// Nothing is left that may be deleted. Recording goes on as long as bytes fit: critical.
    NothingLeft,
    /// Files are deleted and the space is not free: critical. Nothing more is deleted for ten minutes.
    Fruitless,
    /// The disk went away or turned read-only meanwhile.
    Interrupted,
}

/// What an emergency cleanup did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cleanup {
    /// On which disk.
    pub tier: TierId,
    /// When it began.
    pub began: UtcMs,
    /// Why it ended.
    pub end: CleanupEnd,
    /// What must stay free.
    pub min_free_bytes: u64,
    /// What was free when it began.
    pub free_before_bytes: u64,
    /// What is free now.
    pub free_after_bytes: u64,
    /// Files deleted, bytes.
    pub deleted_bytes: u64,
    /// What fills the disk and is not footage of this tier.
    pub foreign_bytes: u64,
    /// What each stream lost, in the order of the names.
    pub streams: Vec<CleanedStream>,
}

impl Cleanup {
    /// More of what is taken is others' data than footage: deleting footage does not solve it.
    pub fn is_filled_by_others(&self, footage_bytes: u64) -> bool {
        self.foreign_bytes > footage_bytes
    }
}

/// What was deleted of one stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CleanedStream {
    /// Which.
    pub of: StreamName,
    /// From the start of the oldest deleted piece to the end of the newest.
    pub range: UtcRange,
    /// Number of pieces.
    pub pieces: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Bytes of those of which no copy is left anywhere.
    pub lost_bytes: u64,
}

/// In this order pieces are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Copied,
    Unprotected,
    Anything,
}

#[derive(Clone, Debug)]
struct Cleaning {
    utc: UtcMs,
    busy: BTreeSet<PieceName>,
    first_need: u64,
    need: u64,
    stage: Stage,
    after: Option<PieceName>,
    is_shelf_done: bool,
    awaited: BTreeMap<PieceName, Piece>,
    is_measuring: bool,
    streams: BTreeMap<StreamName, CleanedStream>,
    report: Cleanup,
}

/// The emergency cleanup of one disk.
#[derive(Debug)]
pub struct Emergency {
    tier: TierId,
    cleaning: Option<Cleaning>,
    /// The last cleaning could not help, and the user knows.
    is_told: bool,
    rests_until: Mono,
    outputs: VecDeque<Output>,
}

impl Emergency {
    /// All is well on that disk, as far as is known.
    pub fn new(tier: TierId) -> Self {
        Self {
            tier,
            cleaning: None,
            is_told: false,
            rests_until: Mono::ZERO,
            outputs: VecDeque::new(),
        }
    }

    /// Takes in what happened.
    pub fn handle(&mut self, now: Mono, policy: &Policy, input: Input) {
        match input {
            Input::Measured { utc, volume, busy } if volume.tier == self.tier => {
                self.measured(now, policy, utc, &volume, busy);
            }
            Input::Measured { .. } => {}
            Input::Shown(shown) => self.shown(policy, &shown),
            Input::Finished(piece, end) => self.finished(&piece, end),
        }
    }

    /// What to do next; drain it after each [`handle`](Self::handle).
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// It never wants to be woken: whoever measures every 10 s does.
    pub const fn deadline(&self) -> Option<Mono> {
        None
    }

    /// It is deleting. No new segment needs to wait for that: a minimum is there so that bytes fit meanwhile.
    pub const fn is_cleaning(&self) -> bool {
        self.cleaning.is_some()
    }

    /// Pieces that it has named and whose end it has not heard of.
    pub fn busy(&self) -> impl Iterator<Item = &PieceName> {
        self.cleaning.iter().flat_map(|cleaning| cleaning.awaited.keys())
    }

    fn measured(
        &mut self,
        now: Mono,
        policy: &Policy,
        utc: UtcMs,
        volume: &Volume,
        busy: BTreeSet<PieceName>,
    ) {
        let min = policy.min_free_bytes(volume);
        let target = min.saturating_mul(2);
        let Some(cleaning) = &mut self.cleaning else {
            if volume.available_bytes >= min {
                if std::mem::take(&mut self.is_told) {
                    self.outputs.push_back(Output::Recovered);
                }
            } else if volume.is_writable() && volume.kind.is_local() && now >= self.rests_until {
                self.cleaning = Some(Cleaning::begin(utc, volume, busy, min, target));
                self.look();
            }
            return;
        };
        cleaning.report.free_after_bytes = volume.available_bytes;
        cleaning.report.foreign_bytes = volume.foreign_bytes();
        cleaning.busy = busy;
        cleaning.utc = utc;
        if !volume.is_writable() {
            self.end(now, CleanupEnd::Interrupted);
        } else if std::mem::take(&mut cleaning.is_measuring) || cleaning.awaited.is_empty() {
            // Who neither measures nor deletes has asked what there is, and got no answer: it is asked again.
            cleaning.need = target.saturating_sub(volume.available_bytes);
            if cleaning.need == 0 {
                self.end(now, CleanupEnd::Enough);
            } else if cleaning.report.deleted_bytes > cleaning.first_need.saturating_mul(2) {
                self.end(now, CleanupEnd::Fruitless);
            } else {
                self.look();
            }
        }
    }

    /// Shows the next pieces of this stage, or of the next one.
    fn look(&mut self) {
        let Some(cleaning) = &mut self.cleaning else { return };
        if std::mem::take(&mut cleaning.is_shelf_done) {
            cleaning.after = None;
            cleaning.stage = match cleaning.stage {
                Stage::Copied => Stage::Unprotected,
                Stage::Unprotected => Stage::Anything,
                Stage::Anything => return self.nothing_left(),
            };
        }
        let which = match cleaning.stage {
            Stage::Copied => Which::Copied,
            Stage::Unprotected | Stage::Anything => Which::Unlocked,
        };
        let after = cleaning.after.clone();
        let look = Look { tier: self.tier.clone(), of: None, which, after, most: BATCH };
        self.outputs.push_back(Output::Look(look));
    }

    fn shown(&mut self, policy: &Policy, shown: &Shown) {
        let Some(cleaning) = &mut self.cleaning else { return };
        if shown.look.tier != self.tier || !cleaning.awaited.is_empty() || cleaning.is_measuring {
            return;
        }
        let mut named = 0_u64;
        cleaning.is_shelf_done = shown.is_all();
        for piece in &shown.pieces {
            if named >= cleaning.need {
                cleaning.is_shelf_done = false;
                break;
            }
            let name = piece.name();
            cleaning.after = Some(name.clone());
            if !cleaning.may_delete(policy, piece) || piece.tier != self.tier {
                continue;
            }
            named = named.saturating_add(piece.bytes);
            cleaning.awaited.insert(name, piece.clone());
            self.outputs.push_back(Output::Delete(Deletion {
                piece: piece.clone(),
                from: self.tier.clone(),
                why: Why::Emergency,
            }));
        }
        if cleaning.awaited.is_empty() {
            self.look();
        }
    }

    fn finished(&mut self, name: &PieceName, end: End) {
        let Some(cleaning) = &mut self.cleaning else { return };
        let Some(piece) = cleaning.awaited.remove(name) else { return };
        if end == End::Done {
            cleaning.count(&piece);
        }
        if cleaning.awaited.is_empty() {
            cleaning.is_measuring = true;
            self.outputs.push_back(Output::Measure);
        }
    }

    /// Every stage has been looked through. The minimum may be free all the same.
    fn nothing_left(&mut self) {
        let Some(cleaning) = self.cleaning.take() else { return };
        let is_enough = cleaning.report.free_after_bytes >= cleaning.report.min_free_bytes;
        let end = if is_enough { CleanupEnd::Enough } else { CleanupEnd::NothingLeft };
        self.tell(cleaning, end);
    }

    fn end(&mut self, now: Mono, end: CleanupEnd) {
        let Some(cleaning) = self.cleaning.take() else { return };
        if end == CleanupEnd::Fruitless {
            self.rests_until = now + FRUITLESS_REST;
        }
        self.tell(cleaning, end);
    }

    /// Once for each incident: a disk that stays short is told once, and once more when it is not short any more.
    fn tell(&mut self, cleaning: Cleaning, end: CleanupEnd) {
        let mut report = cleaning.report;
        report.end = end;
        report.streams = cleaning.streams.into_values().collect();
        let is_short = matches!(end, CleanupEnd::NothingLeft | CleanupEnd::Fruitless);
        let is_news = match end {
            CleanupEnd::Enough => true,
            CleanupEnd::Interrupted => report.deleted_bytes > 0,
            CleanupEnd::NothingLeft | CleanupEnd::Fruitless => {
                !self.is_told || report.deleted_bytes > 0
            }
        };
        if is_news {
            self.outputs.push_back(Output::Ended(report));
        }
        if is_short {
            self.is_told = true;
        } else if end == CleanupEnd::Enough && std::mem::take(&mut self.is_told) {
            self.outputs.push_back(Output::Recovered);
        }
    }
}

impl Cleaning {
    fn begin(
        utc: UtcMs,
        volume: &Volume,
        busy: BTreeSet<PieceName>,
        min: u64,
        target: u64,
    ) -> Self {
        let need = target.saturating_sub(volume.available_bytes);
        Self {
            utc,
            busy,
            first_need: need,
            need,
            stage: Stage::Copied,
            after: None,
            is_shelf_done: false,
            awaited: BTreeMap::new(),
            is_measuring: false,
            streams: BTreeMap::new(),
            report: Cleanup {
                tier: volume.tier.clone(),
                began: utc,
                end: CleanupEnd::Enough,
                min_free_bytes: min,
                free_before_bytes: volume.available_bytes,
                free_after_bytes: volume.available_bytes,
                deleted_bytes: 0,
                foreign_bytes: volume.foreign_bytes(),
                streams: Vec::new(),
            },
        }
    }

    /// In this stage. What was shown is not trusted to fit the question: a lock is worth looking at twice.
    fn may_delete(&self, policy: &Policy, piece: &Piece) -> bool {
        let fits = match self.stage {
            Stage::Copied => !piece.copies.is_empty(),
            Stage::Unprotected => policy.protected_until(piece) <= self.utc,
            Stage::Anything => true,
        };
        fits && !piece.is_locked && !self.busy.contains(&piece.name())
    }

    fn count(&mut self, piece: &Piece) {
        self.report.deleted_bytes = self.report.deleted_bytes.saturating_add(piece.bytes);
        let of = &piece.of;
        let cleaned = self.streams.entry(of.clone()).or_insert_with(|| CleanedStream {
            of: of.clone(),
            range: piece.range,
            pieces: 0,
            bytes: 0,
            lost_bytes: 0,
        });
        cleaned.range.start = cleaned.range.start.min(piece.range.start);
        cleaned.range.end = cleaned.range.end.max(piece.range.end);
        cleaned.pieces += 1;
        cleaned.bytes = cleaned.bytes.saturating_add(piece.bytes);
        if piece.copies.is_empty() {
            cleaned.lost_bytes = cleaned.lost_bytes.saturating_add(piece.bytes);
        }
    }
}

#[cfg(test)]
mod tests;
