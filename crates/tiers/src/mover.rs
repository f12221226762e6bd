//! Hands: one closed segment from one disk to another (SPEC section 6), crash-safe at every step.
//!
//! ```text
//! copy to TARGET/.moving/…part, hash, sync, read back, hash   a crash leaves a part file: swept at the next start
//! rename to its name, sync of the folders                     a crash leaves a whole second file: found and used again
//! the row names the other tier, the source is garbage         one transaction
//! unlink of the source, sync of its folder, no garbage row    a crash leaves garbage: finished at the next start
//! ```
//! One at a time for each disk is the caller's duty: two at once halve a hard disk's speed.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use tarsier_index::{FileRow, Index, IndexError, SegmentRef};
use tarsier_segment::name;
use tarsier_types::UtcMs;

use crate::copy::{self, Copied, CopyError, Hands};
use crate::delete::{self, BuryStep, DeleteError, stop_if};
use crate::platform;
use crate::volume;
use crate::wait::Stopped;
use crate::words::{TierId, VolumeState};

/// Where copies grow, in the root of the target.
const MOVING: &str = ".moving";

/// Where a crash is tried by tests: right behind each step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MoveStep {
    /// The copy is whole, verified and on disk, as a part file.
    Copied,
    /// It has its name.
    Named,
    /// Its name is on disk.
    NameSynced,
    /// The index knows that it lives there.
    Moved,
    /// A step of the source's deletion.
    Burying(BuryStep),
}

/// A place on this machine.
#[derive(Clone, Copy, Debug)]
pub struct Root<'a> {
    /// Which tier.
    pub tier: &'a TierId,
    /// Its folder.
    pub path: &'a Path,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moved {
    /// It lives there now. So many bytes.
    Home(u64),
    /// Meanwhile it was deleted or moved by somebody else; nothing is left of the copy.
    NotWanted,
}

/// Why it stays where it is.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MoveError {
    /// One of the two disks is not there or takes no writes.
    #[error("the tier {tier} at {} cannot be used now", root.display())]
    NotThere {
        /// Which.
        tier: TierId,
        /// Where it should be.
        root: PathBuf,
        /// What is there.
        state: VolumeState,
    },
    /// The source has another length than the index says.
    #[error("{} is {found} bytes long, the index says {known}", path.display())]
    Length {
        /// The source.
        path: PathBuf,
        /// Its length.
        found: u64,
        /// What the index says.
        known: u64,
    },
    /// Copying failed.
    #[error(transparent)]
    Copy(#[from] CopyError),
    /// The copy cannot be given its name.
    #[error("cannot put {} in its place", path.display())]
    Name {
        /// Its name.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The segment lives there now, but the file where it lived could not be deleted: it stays garbage.
    #[error("it has moved, but the file where it was stays for now")]
    Source(#[source] DeleteError),
    /// The index failed.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// It was told to stop.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// Moves a segment from the tier where its row says it is.
pub fn move_file(
    index: &Index,
    file: &FileRow,
    (from, to): (Root<'_>, Root<'_>),
    now: UtcMs,
    hands: &mut Hands<'_>,
    at: &mut dyn FnMut(MoveStep) -> ControlFlow<()>,
) -> Result<Moved, MoveError> {
    for (root, is_enough) in [
        (from, [VolumeState::Writable, VolumeState::ReadOnly].as_slice()),
        (to, &[VolumeState::Writable]),
    ] {
        let state = volume::look(root.path, root.tier);
        if !is_enough.contains(&state) {
            let (tier, root) = (root.tier.clone(), root.path.to_owned());
            return Err(MoveError::NotThere { tier, root, state });
        }
    }
    let below = name::path(&file.camera, file.stream, file.range.start);
    let target = to.path.join(&below);
    let there = SegmentRef { tier_id: to.tier.to_string(), ..file.segment() };
    if index.is_condemned(&there)? {
        delete::finish(index, to.tier, to.path, now, &mut |step| at(MoveStep::Burying(step)))
            .map_err(MoveError::Source)?;
    }
    let copied = put(file, &from.path.join(&below), &target, to.path, hands, at)?;
    // If it went away meanwhile, the copy lies below its mount point, where nobody finds it once it is back.
    let state = volume::look(to.path, to.tier);
    if state != VolumeState::Writable {
        let (tier, root) = (to.tier.clone(), to.path.to_owned());
        return Err(MoveError::NotThere { tier, root, state });
    }
    if file.hash.is_none() {
        index.put_hash(&file.segment(), &copied.hash)?;
    }
    if index.segment_moved(&file.camera, file.stream, file.range.start, to.tier.as_str())?.is_none()
    {
        let lives_there = index
            .file(&file.camera, file.stream, file.range.start)?
            .is_some_and(|row| row.tier.id == to.tier.as_str());
        if !lives_there {
            let _ = fs::remove_file(&target);
        }
        return Ok(Moved::NotWanted);
    }
    stop_if(at(MoveStep::Moved))?;
    delete::finish(index, from.tier, from.path, now, &mut |step| at(MoveStep::Burying(step)))
        .map_err(|error| match error {
            DeleteError::Stopped(stopped) => MoveError::Stopped(stopped),
            other => MoveError::Source(other),
        })?;
    Ok(Moved::Home(copied.bytes))
}

/// The copy in its place, whole and on disk.
fn put(
    file: &FileRow,
    source: &Path,
    target: &Path,
    root: &Path,
    hands: &mut Hands<'_>,
    at: &mut dyn FnMut(MoveStep) -> ControlFlow<()>,
) -> Result<Copied, MoveError> {
    let named = |source| MoveError::Name { path: target.to_owned(), source };
    let folder = target.parent().unwrap_or(root);
    // An earlier move got so far, or somebody's copy by hand: whether it is on disk, nobody knows.
    if let (Ok(about), Some(recorded)) = (fs::metadata(target), &file.hash)
        && about.len() == file.size_bytes
    {
        OpenOptions::new()
            .write(true)
            .open(target)
            .and_then(|file| file.sync_all())
            .map_err(named)?;
        let found = copy::hash(target, hands)?;
        if found.hash == *recorded {
            for folder in folder.ancestors().take_while(|folder| folder.starts_with(root)) {
                platform::sync_folder(folder).map_err(named)?;
            }
            stop_if(at(MoveStep::NameSynced))?;
            return Ok(found);
        }
    }
    let moving = root.join(MOVING);
    let part = moving.join(format!("{}-{}-{}.part", file.camera, file.stream, file.range.start.0));
    fs::create_dir_all(&moving).map_err(named)?;
    let length = fs::metadata(source)
        .map_err(|error| CopyError::Read { path: source.to_owned(), source: error })?
        .len();
    if length != file.size_bytes {
        let path = source.to_owned();
        return Err(MoveError::Length { path, found: length, known: file.size_bytes });
    }
    let copied = copy::copy(source, &part, file.hash.as_ref(), hands).inspect_err(|_| {
        // What is not whole is worth nothing; a crash leaves it to `sweep`.
        let _ = fs::remove_file(&part);
    })?;
    stop_if(at(MoveStep::Copied))?;
    make_folders(root, folder).map_err(named)?;
    fs::rename(&part, target).map_err(named)?;
    stop_if(at(MoveStep::Named))?;
    platform::sync_folder(folder).map_err(named)?;
    stop_if(at(MoveStep::NameSynced))?;
    Ok(copied)
}

/// Folders below the root, each one's name on disk.
pub(crate) fn make_folders(root: &Path, folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let above = folder.parent().unwrap_or(root);
    if above != root {
        make_folders(root, above)?;
    }
    match fs::create_dir(folder) {
        Ok(()) => platform::sync_folder(above),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// Part files that a crash left behind. At the start, before anything moves.
pub fn sweep(root: Root<'_>) -> io::Result<u64> {
    if volume::look(root.path, root.tier) != VolumeState::Writable {
        return Ok(0);
    }
    let entries = match fs::read_dir(root.path.join(MOVING)) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error),
    };
    let mut swept = 0;
    for entry in entries {
        fs::remove_file(entry?.path())?;
        swept += 1;
    }
    Ok(swept)
}
