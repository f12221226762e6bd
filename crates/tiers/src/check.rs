//! Hands: are the files what the index says? Presence, size and hash, a few at a time, from where the last look ended.
//!
//! A look costs a read of every byte once in a while, so it is for a thread with low priority, and paced as moves are.
//! What does not belong here: what is done about it; comparing names of whole tiers ([`Index::reconcile`]).

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use tarsier_index::{
    FileLook, FileName, FileRow, Garbage, Index, IndexError, SegmentRef, WhichFiles,
};
use tarsier_segment::name;

use crate::copy::{self, CopyError, Hands};
use crate::volume;
use crate::wait::Stopped;
use crate::words::{TierId, VolumeState};

/// What is wrong with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// There is no such file.
    Missing,
    /// It has another length.
    Size {
        /// Its length.
        found: u64,
    },
    /// Its bytes are others than those that were recorded.
    Hash,
    /// The disk cannot read it.
    Unreadable,
}

/// What a look found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Files looked at.
    pub files: u64,
    /// Bytes read.
    pub bytes: u64,
    /// What is wrong.
    pub wrong: Vec<(SegmentRef, Wrong)>,
    /// Where to go on; `None`: the tier is through.
    pub next: Option<FileName>,
}

/// Why there was no look.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckError {
    /// The tier is not there; that its files are missing says nothing.
    #[error("the tier {tier} is not there")]
    NotThere {
        /// Which.
        tier: TierId,
    },
    /// The index failed.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// It was told to stop.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// Looks at the next `most` files of a tier on this machine. A file without a hash is given one.
pub fn check(
    index: &Index,
    (tier, root): (&TierId, &Path),
    after: Option<FileName>,
    most: usize,
    hands: &mut Hands<'_>,
) -> Result<Checked, CheckError> {
    let there = || match volume::look(root, tier) {
        VolumeState::Writable | VolumeState::ReadOnly => Ok(()),
        _ => Err(CheckError::NotThere { tier: tier.clone() }),
    };
    there()?;
    let which = WhichFiles::All;
    let look = FileLook { tier_id: tier.as_str(), of: None, which, after, most };
    let files = index.files(&look, &|_| false)?;
    let mut checked = Checked::default();
    for file in &files {
        let path = root.join(name::path(&file.camera, file.stream, file.range.start));
        let wrong = look_at(index, file, &path, hands, &mut checked.bytes)?;
        checked.files += 1;
        if let Some(wrong) = wrong {
            // It may have been moved, deleted or rewritten since it was listed, or the disk has gone.
            there()?;
            if index.file(&file.camera, file.stream, file.range.start)?.as_ref() == Some(file) {
                checked.wrong.push((file.segment(), wrong));
            }
        }
    }
    checked.next = files.last().filter(|_| files.len() == most).map(FileRow::name);
    Ok(checked)
}

fn look_at(
    index: &Index,
    file: &FileRow,
    path: &Path,
    hands: &mut Hands<'_>,
    bytes: &mut u64,
) -> Result<Option<Wrong>, CheckError> {
    match fs::metadata(path) {
        Ok(about) if about.len() == file.size_bytes => {}
        Ok(about) => return Ok(Some(Wrong::Size { found: about.len() })),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Some(Wrong::Missing)),
        Err(_) => return Ok(Some(Wrong::Unreadable)),
    }
    let found = match copy::hash(path, hands) {
        Ok(found) => found,
        Err(CopyError::Stopped(stopped)) => return Err(stopped.into()),
        Err(_) => return Ok(Some(Wrong::Unreadable)),
    };
    *bytes += found.bytes;
    match file.hash {
        Some(recorded) if recorded != found.hash => Ok(Some(Wrong::Hash)),
        Some(_) => Ok(None),
        None => {
            index.put_hash(&file.segment(), &found.hash)?;
            Ok(None)
        }
    }
}

/// A second file of a segment (a move that never ended, a disk that came back) is condemned if the one that counts is
/// there, whole and the same. Otherwise both stay.
pub fn settle_double(
    index: &Index,
    double: &SegmentRef,
    root: &Path,
    home: &dyn Fn(&str) -> Option<std::path::PathBuf>,
    hands: &mut Hands<'_>,
) -> Result<Option<Garbage>, CheckError> {
    let Some(row) = index.file(&double.camera, double.stream, double.start)? else {
        return Ok(None);
    };
    let below = name::path(&double.camera, double.stream, double.start);
    let Some(home) = home(&row.tier.id) else { return Ok(None) };
    let mut hash = |path: &Path| match copy::hash(path, hands) {
        Ok(found) => Ok(Some(found)),
        Err(CopyError::Stopped(stopped)) => Err(CheckError::Stopped(stopped)),
        Err(_) => Ok(None),
    };
    let (counts, second) = (hash(&home.join(&below))?, hash(&root.join(&below))?);
    match (counts, second) {
        (Some(counts), Some(second))
            if counts == second && row.hash.is_none_or(|recorded| recorded == counts.hash) =>
        {
            Ok(index.condemn_double(double, second.bytes)?)
        }
        _ => Ok(None),
    }
}
