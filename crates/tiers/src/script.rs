//! A shelf of pieces written as one line of text, for the tests of the brains.
//!
//! A word is a piece of ten bytes: `hdd:a9ce` is one of camera `a`, nine days old, on tier `hdd` (none named: `disk`).
//! Then come letters: `s` it is of the sub stream, `c` bucket `s3` has a copy, `e` an event touches it, `L` a lock does,
//! `b` it is busy, `x` nothing can be done with its file.

use std::collections::{BTreeMap, BTreeSet};

use tarsier_types::{CameraId, StreamKind, UtcMs, UtcRange};

use crate::words::{
    Deletion, DiskId, End, Holding, Look, Piece, PieceName, Shown, Step, StreamName, TierId,
    TierKind, Volume, VolumeState, Which,
};

pub(crate) const PIECE_BYTES: u64 = 10;
/// When the scripts play: 2027-01-15T08:00:00Z.
pub(crate) const NOW: UtcMs = UtcMs(1_800_000_000_000);
const MS_PER_DAY: i64 = 86_400_000;

pub(crate) struct Shelf {
    pieces: BTreeMap<PieceName, Piece>,
    words: BTreeMap<PieceName, String>,
    disks: Vec<(TierId, TierKind, u64, u64, VolumeState)>,
    /// What is free on the first disk; the rest of it that is not footage is others'.
    pub(crate) free: u64,
    pub(crate) busy: BTreeSet<PieceName>,
    /// Deleting frees nothing.
    pub(crate) is_snapshot_held: bool,
}

pub(crate) fn tier(name: &str) -> TierId {
    TierId::new(name).unwrap()
}

impl Shelf {
    /// One tier, `disk`.
    pub(crate) fn new(total: u64, free: u64, pieces: &str) -> Self {
        let disk = (tier("disk"), TierKind::Cache, total, free, VolumeState::Writable);
        Self::on(vec![disk], pieces)
    }

    /// Tiers as `ssd=1000/400 hdd=8000/90 s3`: total and free bytes; `hdd=8000/90!` is absent.
    pub(crate) fn of_tiers(tiers: &str, pieces: &str) -> Self {
        let one = |word: &str| {
            let state =
                if word.ends_with('!') { VolumeState::Absent } else { VolumeState::Writable };
            let Some((name, sizes)) = word.trim_end_matches('!').split_once('=') else {
                return (tier(word), TierKind::ObjectStore, u64::MAX, u64::MAX, state);
            };
            let (total, free) = sizes.split_once('/').unwrap();
            let kind = if name == "ssd" { TierKind::Cache } else { TierKind::Archive };
            (tier(name), kind, total.parse().unwrap(), free.parse().unwrap(), state)
        };
        Self::on(tiers.split_whitespace().map(one).collect(), pieces)
    }

    fn on(disks: Vec<(TierId, TierKind, u64, u64, VolumeState)>, pieces: &str) -> Self {
        let free = disks[0].3;
        let mut shelf = Self {
            pieces: BTreeMap::new(),
            words: BTreeMap::new(),
            disks,
            free,
            busy: BTreeSet::new(),
            is_snapshot_held: false,
        };
        for word in pieces.split_whitespace() {
            shelf.put(word);
        }
        shelf
    }

    fn put(&mut self, word: &str) {
        let (at, text) = word.split_once(':').unwrap_or(("disk", word));
        let digits = text[1..].find(|c: char| !c.is_ascii_digit()).map_or(text.len(), |n| n + 1);
        let age: i64 = text[1..digits].parse().unwrap();
        let has = |flag| text[digits..].contains(flag);
        let stream = if has('s') { StreamKind::Sub } else { StreamKind::Main };
        let end = NOW.plus_millis(-age * MS_PER_DAY);
        let piece = Piece {
            of: StreamName { camera: CameraId::new(&text[..1]).unwrap(), stream },
            range: UtcRange::new(end.plus_millis(-180_000), end),
            bytes: PIECE_BYTES,
            tier: tier(at),
            copies: if has('c') { vec![tier("s3")] } else { Vec::new() },
            is_event: has('e'),
            is_locked: has('L'),
        };
        if has('b') {
            self.busy.insert(piece.name());
        }
        self.words.insert(piece.name(), text.to_owned());
        self.pieces.insert(piece.name(), piece);
    }

    pub(crate) fn tier(&self) -> TierId {
        self.disks[0].0.clone()
    }

    pub(crate) fn len(&self) -> usize {
        self.pieces.len()
    }

    /// How the script wrote it.
    pub(crate) fn word(&self, piece: &Piece) -> &str {
        &self.words[&piece.name()]
    }

    /// The first disk.
    pub(crate) fn volume(&self) -> Volume {
        self.volumes().swap_remove(0)
    }

    pub(crate) fn volumes(&self) -> Vec<Volume> {
        let one = |n: usize, (tier, kind, total, free, state): &(TierId, TierKind, u64, u64, _)| {
            let inside = self.pieces.values().filter(|piece| piece.is_in(tier));
            Volume {
                tier: tier.clone(),
                kind: *kind,
                state: *state,
                disk: DiskId(tier.to_string()),
                total_bytes: *total,
                available_bytes: if n == 0 { self.free } else { *free },
                ours_bytes: inside.map(|piece| piece.bytes).sum(),
            }
        };
        self.disks.iter().enumerate().map(|(n, disk)| one(n, disk)).collect()
    }

    pub(crate) fn holdings(&self) -> Vec<Holding> {
        let mut holdings: BTreeMap<(StreamName, TierId), Holding> = BTreeMap::new();
        for piece in self.pieces.values() {
            for tier in [&piece.tier].into_iter().chain(&piece.copies) {
                let holding = holdings.entry((piece.of.clone(), tier.clone())).or_insert(Holding {
                    of: piece.of.clone(),
                    tier: tier.clone(),
                    bytes: 0,
                    pieces: 0,
                    oldest: None,
                    locked_bytes: 0,
                });
                holding.bytes += piece.bytes;
                holding.pieces += 1;
                if piece.is_locked {
                    holding.locked_bytes += piece.bytes;
                } else if holding.oldest.is_none() {
                    holding.oldest = Some(piece.range.start);
                }
            }
        }
        holdings.into_values().collect()
    }

    pub(crate) fn show(&self, look: Look) -> Shown {
        let fits = |piece: &&Piece| {
            let which = match &look.which {
                // Locked ones are shown on purpose: no brain may rely on hands there.
                Which::All | Which::Unlocked => true,
                Which::Copied => !piece.copies.is_empty(),
                Which::NotIn(bucket) => !piece.is_in(bucket),
                Which::EventNotIn(bucket) => !piece.is_in(bucket) && piece.is_event,
            };
            which
                && piece.is_in(&look.tier)
                && look.of.as_ref().is_none_or(|of| piece.of == *of)
                && look.after.as_ref().is_none_or(|after| piece.name() > *after)
        };
        let pieces = self.pieces.values().filter(fits).take(look.most).cloned().collect();
        Shown { look, pieces }
    }

    pub(crate) fn delete(&mut self, deletion: &Deletion) -> End {
        let name = deletion.piece.name();
        assert!(!deletion.piece.is_locked, "a locked piece was named: {}", self.words[&name]);
        if self.words[&name].contains('x') {
            return End::Failed;
        }
        if !self.is_snapshot_held && deletion.from == self.disks[0].0 {
            self.free += deletion.piece.bytes;
        }
        let piece = self.pieces.get_mut(&name).expect("what is deleted was there");
        if piece.tier != deletion.from {
            piece.copies.retain(|copy| *copy != deletion.from);
        } else if let Some(copy) = piece.copies.pop() {
            piece.tier = copy;
        } else {
            self.pieces.remove(&name);
        }
        End::Done
    }

    /// Does a step, at once.
    pub(crate) fn act(&mut self, step: &Step) -> End {
        let name = step.piece().name();
        if self.words[&name].contains('x') {
            return End::Failed;
        }
        match step {
            Step::Delete(deletion) => self.delete(deletion),
            Step::Move { to, .. } => {
                self.pieces.get_mut(&name).expect("what is moved was there").tier = to.clone();
                End::Done
            }
            Step::Upload { to, .. } => {
                let piece = self.pieces.get_mut(&name).expect("what is copied was there");
                piece.copies.push(to.clone());
                End::Done
            }
        }
    }
}
