//! A simulated house: disks, a bucket, cameras that write, files and rows. No real file, no real clock.

use std::collections::{BTreeMap, BTreeSet};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tarsier_tiers::policy::Policy;
use tarsier_tiers::{
    Deletion, DiskId, End, Holding, Look, Piece, PieceName, Shown, Step, StreamName, TierId,
    TierKind, Volume, VolumeState, Which,
};
use tarsier_types::{CameraId, StreamKind, UtcMs, UtcRange};

pub(crate) const MINUTE_MS: i64 = 60_000;
pub(crate) const DAY_MS: i64 = 86_400_000;
pub(crate) const SEGMENT_MS: i64 = 60 * MINUTE_MS;
const BEGIN: UtcMs = UtcMs(1_800_000_000_000);

pub(crate) struct Disk {
    pub(crate) tier: TierId,
    pub(crate) kind: TierKind,
    pub(crate) total: u64,
    foreign: u64,
    pub(crate) state: VolumeState,
    used: u64,
}

pub(crate) struct World {
    pub(crate) now: UtcMs,
    pub(crate) disks: Vec<Disk>,
    pub(crate) streams: Vec<StreamName>,
    pub(crate) cameras_off: BTreeSet<CameraId>,
    /// The index: what is where, as far as rows say.
    pub(crate) rows: BTreeMap<PieceName, Piece>,
    /// What is on the disks and in the bucket.
    pub(crate) files: BTreeMap<(TierId, PieceName), u64>,
    shelves: BTreeMap<(TierId, StreamName), BTreeSet<PieceName>>,
    tiers: BTreeMap<TierId, BTreeSet<PieceName>>,
    /// Events of a tier of which there is no copy: what a database finds by its index.
    events: BTreeMap<TierId, BTreeSet<PieceName>>,
    holdings: BTreeMap<(StreamName, TierId), (u64, u64, u64)>,
    /// What was written: stream, start, bytes, event.
    pub(crate) written: Vec<(StreamName, UtcMs, u64, bool)>,
    pub(crate) rng: StdRng,
    /// One step of so many fails.
    pub(crate) fails_one_in: Option<u32>,
    pub(crate) event_percent: u32,
    /// Segments that no disk had room for.
    pub(crate) unwritten: u64,
}

pub(crate) fn tier(name: &str) -> TierId {
    TierId::new(name).unwrap()
}

impl World {
    /// `disks`: name, size (none: a bucket); the first is written to.
    pub(crate) fn new(cameras: usize, disks: &[(&str, Option<u64>)], seed: u64) -> Self {
        let disk = |(n, (name, total)): (usize, &(&str, Option<u64>))| Disk {
            tier: tier(name),
            kind: match (total, n) {
                (None, _) => TierKind::ObjectStore,
                (_, 0) => TierKind::Cache,
                _ => TierKind::Archive,
            },
            total: total.unwrap_or(u64::MAX),
            foreign: 0,
            state: VolumeState::Writable,
            used: 0,
        };
        let camera = |n| CameraId::new(format!("cam-{n:02}")).unwrap();
        let both = |camera: CameraId| {
            StreamKind::ALL.map(|stream| StreamName { camera: camera.clone(), stream })
        };
        Self {
            now: BEGIN,
            disks: disks.iter().enumerate().map(disk).collect(),
            streams: (0..cameras).map(camera).flat_map(both).collect(),
            cameras_off: BTreeSet::new(),
            rows: BTreeMap::new(),
            files: BTreeMap::new(),
            shelves: BTreeMap::new(),
            tiers: BTreeMap::new(),
            events: BTreeMap::new(),
            holdings: BTreeMap::new(),
            written: Vec::new(),
            rng: StdRng::seed_from_u64(seed),
            fails_one_in: None,
            event_percent: 10,
            unwritten: 0,
        }
    }

    pub(crate) fn days(&self) -> i64 {
        self.now.millis_since(BEGIN) / DAY_MS
    }

    pub(crate) fn disk(&mut self, name: &str) -> &mut Disk {
        self.disks.iter_mut().find(|disk| disk.tier.as_str() == name).unwrap()
    }

    pub(crate) fn volumes(&self) -> Vec<Volume> {
        self.disks.iter().map(Disk::volume).collect()
    }

    pub(crate) fn holdings(&self) -> Vec<Holding> {
        let one =
            |((of, tier), (bytes, pieces, locked)): (&(StreamName, TierId), &(u64, u64, u64))| {
                let shelf = &self.shelves[&(tier.clone(), of.clone())];
                let oldest = shelf.iter().find(|name| !self.rows[name].is_locked);
                Holding {
                    of: of.clone(),
                    tier: tier.clone(),
                    bytes: *bytes,
                    pieces: *pieces,
                    oldest: oldest.map(|name| name.start),
                    locked_bytes: *locked,
                }
            };
        self.holdings.iter().filter(|(_, sums)| sums.1 > 0).map(one).collect()
    }

    /// Time passes, and every recorder whose segment ends meanwhile closes it.
    pub(crate) fn record(&mut self, span_ms: i64) {
        let from = self.now;
        self.now = from.plus_millis(span_ms);
        let streams = self.streams.clone();
        for (n, of) in (0_i64..).zip(streams) {
            // Not all at once: streams are spread over the length of a segment.
            let phase = n * MINUTE_MS % SEGMENT_MS;
            let ends = |at: UtcMs| (at.0 - phase).div_euclid(SEGMENT_MS);
            if ends(from) == ends(self.now) || self.cameras_off.contains(&of.camera) {
                continue;
            }
            let end = UtcMs(ends(self.now) * SEGMENT_MS + phase);
            let is_night = end.0.rem_euclid(DAY_MS) < DAY_MS / 3;
            let full = if of.stream == StreamKind::Main { 300 } else { 30 };
            let bytes =
                if is_night { full / 2 } else { full } * self.rng.random_range(80..120) / 100;
            let is_event = self.rng.random_range(0..100) < self.event_percent;
            self.written.push((of.clone(), end.plus_millis(-SEGMENT_MS), bytes, is_event));
            self.store(of, end, bytes, is_event);
        }
    }

    /// On the first disk that is there and has room, as a recorder does.
    fn store(&mut self, of: StreamName, end: UtcMs, bytes: u64, is_event: bool) {
        let fits = |disk: &&Disk| {
            disk.kind.is_local()
                && disk.state == VolumeState::Writable
                && disk.volume().available_bytes >= bytes
        };
        let Some(disk) = self.disks.iter().find(fits) else {
            self.unwritten += 1;
            return;
        };
        let piece = Piece {
            of,
            range: UtcRange::new(end.plus_millis(-SEGMENT_MS), end),
            bytes,
            tier: disk.tier.clone(),
            copies: Vec::new(),
            is_event,
            is_locked: false,
        };
        let tier = piece.tier.clone();
        self.rows.insert(piece.name(), piece.clone());
        self.appear(&piece, &tier);
        self.note_event(&piece);
    }

    pub(crate) fn set_lock(&mut self, name: &PieceName, is_locked: bool) {
        let Some(piece) = self.rows.get_mut(name).filter(|piece| piece.is_locked != is_locked)
        else {
            return;
        };
        piece.is_locked = is_locked;
        let piece = piece.clone();
        for tier in [&piece.tier].into_iter().chain(&piece.copies) {
            let sums = self.holdings.get_mut(&(piece.of.clone(), tier.clone())).unwrap();
            sums.2 = if is_locked { sums.2 + piece.bytes } else { sums.2 - piece.bytes };
        }
    }

    /// Answers as an index does; locked pieces are shown on purpose.
    pub(crate) fn show(&self, look: Look) -> Shown {
        let key = look.of.as_ref().map(|of| (look.tier.clone(), of.clone()));
        let shelf = match (&key, &look.which) {
            (Some(key), _) => self.shelves.get(key),
            (None, Which::EventNotIn(_)) => self.events.get(&look.tier),
            (None, _) => self.tiers.get(&look.tier),
        };
        let behind = match &look.after {
            Some(after) => (std::ops::Bound::Excluded(after.clone()), std::ops::Bound::Unbounded),
            None => (std::ops::Bound::Unbounded, std::ops::Bound::Unbounded),
        };
        let names = shelf.into_iter().flat_map(|shelf| shelf.range(behind.clone()));
        let fits = |piece: &&Piece| match &look.which {
            Which::All | Which::Unlocked => true,
            Which::Copied => !piece.copies.is_empty(),
            Which::NotIn(bucket) => !piece.is_in(bucket),
            Which::EventNotIn(bucket) => !piece.is_in(bucket) && piece.is_event,
        };
        let pieces = names.map(|name| &self.rows[name]).filter(fits).take(look.most).cloned();
        Shown { pieces: pieces.collect(), look }
    }

    /// Does one step, or nothing of it.
    pub(crate) fn act(&mut self, step: &Step) -> End {
        let name = step.piece().name();
        let ends = match step {
            Step::Delete(Deletion { from, .. }) => vec![from],
            Step::Move { piece, to } | Step::Upload { piece, to } => vec![&piece.tier, to],
        };
        let is_there =
            |disk: &Disk| !ends.contains(&&disk.tier) || disk.state == VolumeState::Writable;
        let is_unlucky = self.fails_one_in.is_some_and(|n| self.rng.random_range(0..n) == 0);
        if is_unlucky || !self.disks.iter().all(is_there) {
            return End::Failed;
        }
        let mut piece = self.rows[&name].clone();
        match step {
            Step::Delete(Deletion { from, .. }) => {
                assert!(piece.is_in(from), "{name:?} is not in {from}");
                self.vanish(&piece, from);
                if piece.tier == *from {
                    let Some(copy) = piece.copies.pop() else {
                        self.rows.remove(&name);
                        self.events.get_mut(from).map(|events| events.remove(&name));
                        return End::Done;
                    };
                    piece.tier = copy;
                } else {
                    piece.copies.retain(|copy| copy != from);
                }
            }
            Step::Move { to, .. } => {
                let room = self.disks.iter().find(|disk| disk.tier == *to).unwrap().volume();
                if room.available_bytes < piece.bytes {
                    return End::Failed;
                }
                self.appear(&piece, to);
                self.vanish(&piece, &piece.tier);
                piece.tier = to.clone();
            }
            Step::Upload { to, .. } => {
                self.appear(&piece, to);
                piece.copies.push(to.clone());
            }
        }
        self.note_event(&piece);
        self.rows.insert(name, piece);
        End::Done
    }

    /// There is one bucket at most, so a copy is a copy in it.
    fn note_event(&mut self, piece: &Piece) {
        for events in self.events.values_mut() {
            events.remove(&piece.name());
        }
        if piece.is_event && piece.copies.is_empty() {
            self.events.entry(piece.tier.clone()).or_default().insert(piece.name());
        }
    }

    fn appear(&mut self, piece: &Piece, at: &TierId) {
        let name = piece.name();
        let twice = self.files.insert((at.clone(), name.clone()), piece.bytes);
        assert_eq!(twice, None, "{name:?} is in {at} already");
        self.shelves.entry((at.clone(), piece.of.clone())).or_default().insert(name.clone());
        self.tiers.entry(at.clone()).or_default().insert(name);
        let sums = self.holdings.entry((piece.of.clone(), at.clone())).or_default();
        *sums = (sums.0 + piece.bytes, sums.1 + 1, sums.2 + locked_bytes(piece));
        self.disks.iter_mut().find(|disk| disk.tier == *at).unwrap().used += piece.bytes;
    }

    fn vanish(&mut self, piece: &Piece, at: &TierId) {
        let name = piece.name();
        let was = self.files.remove(&(at.clone(), name.clone()));
        assert_eq!(was, Some(piece.bytes), "{name:?} has no file in {at}");
        self.shelves.get_mut(&(at.clone(), piece.of.clone())).unwrap().remove(&name);
        self.tiers.get_mut(at).unwrap().remove(&name);
        let sums = self.holdings.get_mut(&(piece.of.clone(), at.clone())).unwrap();
        *sums = (sums.0 - piece.bytes, sums.1 - 1, sums.2 - locked_bytes(piece));
        self.disks.iter_mut().find(|disk| disk.tier == *at).unwrap().used -= piece.bytes;
    }

    /// Rows and files say the same, one by one and in sum.
    pub(crate) fn check_rows_and_files(&self) {
        let mut by_rows = BTreeMap::new();
        for (name, piece) in &self.rows {
            for tier in [&piece.tier].into_iter().chain(&piece.copies) {
                by_rows.insert((tier.clone(), name.clone()), piece.bytes);
            }
        }
        assert!(by_rows == self.files, "rows and files have drifted apart on day {}", self.days());
        let sum: u64 = self.files.values().sum();
        assert_eq!(sum, self.disks.iter().map(|disk| disk.used).sum::<u64>());
        assert_eq!(sum, self.holdings.values().map(|sums| sums.0).sum::<u64>());
    }

    /// The oldest footage on a disk that no lock touches.
    pub(crate) fn oldest(&self, policy: &Policy) -> Option<&Piece> {
        let disks = self.volumes();
        let local = policy.disks(&disks);
        self.rows.values().find(|p| !p.is_locked && local.iter().any(|disk| disk.tier == p.tier))
    }
}

fn locked_bytes(piece: &Piece) -> u64 {
    if piece.is_locked { piece.bytes } else { 0 }
}

impl Disk {
    /// Others write, or delete, until so much is theirs; no more fits than is free.
    pub(crate) fn grow_foreign(&mut self, bytes: u64) {
        self.foreign = bytes.min(self.total - self.used);
    }

    pub(crate) fn volume(&self) -> Volume {
        let is_local = self.kind.is_local();
        let free = self.total.saturating_sub(self.used).saturating_sub(self.foreign);
        Volume {
            tier: self.tier.clone(),
            kind: self.kind,
            state: self.state,
            disk: DiskId(self.tier.to_string()),
            total_bytes: self.total,
            available_bytes: if is_local { free } else { u64::MAX },
            ours_bytes: self.used,
        }
    }
}
