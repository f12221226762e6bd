//! Words: pieces of footage, the places they live in, what may be done with them.
//!
//! A **piece** is one segment file as the rules see it. A file that is still being written is no piece. Sizes are
//! bytes, times are UTC, ranges are `[start, end)`.

use std::fmt;

use serde::{Deserialize, Serialize};
use tarsier_types::{CameraId, StreamKind, UtcMs, UtcRange};

/// Identity of a tier: the id in its `tarsier-tier.json`, never the path where it happens to be mounted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TierId(String);

/// The text is no tier id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("tier id {text:?} is not 1 to 64 visible ASCII characters")]
pub struct TierIdError {
    /// What was given.
    pub text: String,
}

impl TierId {
    /// The id of that text.
    pub fn new(text: impl Into<String>) -> Result<Self, TierIdError> {
        let text = text.into();
        let fits = (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        if fits { Ok(Self(text)) } else { Err(TierIdError { text }) }
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TierId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for TierId {
    type Error = TierIdError;
    fn try_from(text: String) -> Result<Self, TierIdError> {
        Self::new(text)
    }
}

impl From<TierId> for String {
    fn from(id: TierId) -> Self {
        id.0
    }
}

/// What a tier is for. The order is the way of the footage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TierKind {
    /// Written live: a fast disk. With one disk only, it is the archive too.
    Cache,
    /// Long term: a large disk or a share.
    Archive,
    /// A bucket off the premises. Footage is copied to it, not moved.
    ObjectStore,
}

impl TierKind {
    /// A disk that this machine writes files to.
    pub const fn is_local(self) -> bool {
        !matches!(self, Self::ObjectStore)
    }
}

/// Which file system a tier lies on, as the system numbers it (device number, volume serial number). Two tiers on one
/// disk share it; a bucket has its tier's id. It holds for one start of the machine: compare it, never store it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DiskId(pub String);

/// Can a tier be used now?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum VolumeState {
    /// Its identity file is there and it can be written to.
    Writable,
    /// Its identity file is there; writing fails.
    ReadOnly,
    /// It is not there: unplugged, not mounted, not reachable.
    Absent,
    /// Something else is mounted in its place. Never touched.
    Foreign,
}

/// A tier as it was measured just now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Volume {
    /// Whose measurement.
    pub tier: TierId,
    /// What it is for.
    pub kind: TierKind,
    /// Can it be used?
    pub state: VolumeState,
    /// On which disk it lies.
    pub disk: DiskId,
    /// Size of that disk. A bucket has no size: [`u64::MAX`].
    pub total_bytes: u64,
    /// What we may still write on it. A bucket: [`u64::MAX`].
    pub available_bytes: u64,
    /// Footage of ours in this tier.
    pub ours_bytes: u64,
}

impl Volume {
    /// Files on it can be written and deleted.
    pub const fn is_writable(&self) -> bool {
        matches!(self.state, VolumeState::Writable)
    }

    /// What fills the disk and is not footage in this tier.
    pub const fn foreign_bytes(&self) -> u64 {
        self.total_bytes.saturating_sub(self.available_bytes).saturating_sub(self.ours_bytes)
    }
}

/// One stream of one camera.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StreamName {
    /// Which camera. It may have been deleted: footage outlives configuration.
    pub camera: CameraId,
    /// Which of its streams.
    pub stream: StreamKind,
}

impl fmt::Display for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.camera, self.stream)
    }
}

/// Names one piece. The order is the order in which pieces are shown: by start across cameras, then by stream.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PieceName {
    /// When its first picture was taken.
    pub start: UtcMs,
    /// Which stream.
    pub of: StreamName,
}

/// A segment file as the rules see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Which stream of which camera.
    pub of: StreamName,
    /// What was filmed when.
    pub range: UtcRange,
    /// Size of the file.
    pub bytes: u64,
    /// Where it is played from: a disk, or a bucket once no disk has it any more.
    pub tier: TierId,
    /// Buckets that hold a verified copy besides `tier`.
    pub copies: Vec<TierId>,
    /// An event touches it.
    pub is_event: bool,
    /// A lock touches it: no rule deletes it anywhere.
    pub is_locked: bool,
}

impl Piece {
    /// Its name.
    pub fn name(&self) -> PieceName {
        PieceName { start: self.range.start, of: self.of.clone() }
    }

    /// It has, or is, a copy in that tier.
    pub fn is_in(&self, tier: &TierId) -> bool {
        self.tier == *tier || self.copies.contains(tier)
    }
}

/// What one tier holds of one stream, copies included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holding {
    /// Whose.
    pub of: StreamName,
    /// Where.
    pub tier: TierId,
    /// Sizes of its pieces together.
    pub bytes: u64,
    /// Number of pieces.
    pub pieces: u64,
    /// Start of the oldest of them that no lock touches; `None`: all are locked.
    pub oldest: Option<UtcMs>,
    /// Sizes of those that a lock touches.
    pub locked_bytes: u64,
}

/// Something to be done with one piece. Hands do it crash-safely or not at all, and report the end of each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Remove the file from one place. If that was `piece.tier` and a copy is left, the piece lives on there.
    Delete(Deletion),
    /// Copy to the next disk, verify, and only then remove it from where it was.
    Move {
        /// What.
        piece: Piece,
        /// To which disk.
        to: TierId,
    },
    /// Copy to a bucket and verify; it stays where it is.
    Upload {
        /// What.
        piece: Piece,
        /// To which bucket.
        to: TierId,
    },
}

impl Step {
    /// What it is about.
    pub const fn piece(&self) -> &Piece {
        match self {
            Self::Delete(Deletion { piece, .. })
            | Self::Move { piece, .. }
            | Self::Upload { piece, .. } => piece,
        }
    }
}

/// The removal of a piece from one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deletion {
    /// What.
    pub piece: Piece,
    /// From where.
    pub from: TierId,
    /// By which rule.
    pub why: Why,
}

/// How a [`Step`] ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum End {
    /// It is done, or the piece was gone already.
    Done,
    /// It is not done, and nothing has changed.
    Failed,
}

/// Which rule deletes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// Older than its stream is kept (or than its bucket keeps).
    Age,
    /// Its stream takes more bytes than it may.
    StreamSize,
    /// Its tier takes more bytes than it may.
    TierSize,
    /// Its disk is nearly full and there is no next one to move to: the oldest makes room for the newest.
    TierFull,
    /// The disk had less than the minimum free.
    Emergency,
}

/// What a brain wants to see before it decides. Hands answer with [`Shown`].
///
/// Pieces come in ascending order of [`PieceName`], none twice. Answering with fewer than `most` says that there are no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// Pieces whose [`Piece::tier`] or [`Piece::copies`] name this tier.
    pub tier: TierId,
    /// Of one stream only; `None`: across all cameras.
    pub of: Option<StreamName>,
    /// Which of them.
    pub which: Which,
    /// Only those after this one.
    pub after: Option<PieceName>,
    /// At most so many.
    pub most: usize,
}

/// Which pieces of a tier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// Locked or not.
    All,
    /// All that no lock touches. (Locked ones may be shown nevertheless; brains pass over them.)
    Unlocked,
    /// As `Unlocked`, and some bucket has a verified copy too.
    Copied,
    /// Locked or not, as long as this bucket has no copy.
    NotIn(TierId),
    /// As `NotIn`, and an event touches them.
    EventNotIn(TierId),
}

/// The answer to a [`Look`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The question.
    pub look: Look,
    /// The pieces, in ascending order of [`PieceName`].
    pub pieces: Vec<Piece>,
}

impl Shown {
    /// Nothing comes behind these.
    pub fn is_all(&self) -> bool {
        self.pieces.len() < self.look.most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tier_id_is_one_visible_word() {
        for bad in ["", "a b", "a\n", "é", &"x".repeat(65)] {
            assert!(TierId::new(bad).is_err(), "{bad:?} must not become a tier id");
        }
        assert_eq!(TierId::new("0c5d-archive").unwrap().as_str(), "0c5d-archive");
    }

    #[test]
    fn pieces_are_ordered_by_time_across_cameras() {
        let name = |start, camera: &str, stream| PieceName {
            start: UtcMs(start),
            of: StreamName { camera: CameraId::new(camera).unwrap(), stream },
        };
        let mut names = [
            name(2, "a", StreamKind::Main),
            name(1, "b", StreamKind::Main),
            name(1, "a", StreamKind::Sub),
            name(1, "a", StreamKind::Main),
        ];
        names.sort();
        let shown: Vec<String> = names.iter().map(|n| format!("{}:{}", n.start.0, n.of)).collect();
        assert_eq!(shown.join(" "), "1:a/main 1:a/sub 1:b/main 2:a/main");
    }
}
