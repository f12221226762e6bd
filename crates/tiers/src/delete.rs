//! Hands: the only place of the product that deletes footage, and only what the index has condemned or never had.
//!
//! The order: garbage row (by [`Index::condemn`], in the transaction that takes the segment away) -> unlink -> sync of the
//! folder -> no garbage row. Whenever the power goes, [`finish`] at the next start goes on where it was. A disk that is not
//! there keeps its garbage rows: "there is no such file" says nothing if the disk is another one.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs;
use std::io::{self, ErrorKind};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use tarsier_index::{Garbage, Index, IndexError, SegmentRef};
use tarsier_segment::name;
use tarsier_types::UtcMs;

use crate::bucket::{Bucket, BucketError};
use crate::platform;
use crate::volume;
use crate::wait::Stopped;
use crate::words::{TierId, VolumeState};

/// Files of one round: one sync of a folder serves many of them, and no transaction is long.
const AT_ONCE: u32 = 200;

/// Objects of one round: each takes a question to a bucket that may be slow, and whoever asks may not wait for all of them.
const AT_ONCE_IN_BUCKET: u32 = 8;

const DAY_MS: i64 = 86_400_000;

/// Where a crash is tried by tests: right behind each step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BuryStep {
    /// A file is unlinked.
    Unlinked,
    /// The folders are synced.
    Synced,
    /// The index knows nothing of the files any more.
    Buried,
}

/// Why files stay.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeleteError {
    /// The tier is not there, or takes no writes; its garbage stays garbage.
    #[error("the tier {tier} at {} cannot be deleted from now", root.display())]
    NotThere {
        /// Which.
        tier: TierId,
        /// Where it should be.
        root: PathBuf,
        /// What is there.
        state: VolumeState,
    },
    /// A file cannot be deleted.
    #[error("cannot delete {}", path.display())]
    Refused {
        /// Which.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The index failed.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// It was told to stop.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// Deletes everything that is condemned in a tier on this machine. Tells how many files and bytes that were. A file that
/// cannot be deleted holds up no other one; the first of them is the error.
pub fn finish(
    index: &Index,
    tier: &TierId,
    root: &Path,
    now: UtcMs,
    at: &mut dyn FnMut(BuryStep) -> ControlFlow<()>,
) -> Result<(u64, u64), DeleteError> {
    let (mut files, mut bytes) = (0, 0);
    let mut refused = Refused::default();
    loop {
        let garbage = refused.pass_over(|most| index.garbage(tier.as_str(), most), AT_ONCE)?;
        if garbage.is_empty() {
            return refused.why.map_or(Ok((files, bytes)), Err);
        }
        let state = volume::look(root, tier);
        if state != VolumeState::Writable {
            return Err(DeleteError::NotThere { tier: tier.clone(), root: root.to_owned(), state });
        }
        let garbage = bury(index, root, garbage, &mut refused, at)?;
        remove_empty_folders(root, &garbage, now);
        files += u64::try_from(garbage.len()).unwrap_or(u64::MAX);
        bytes += garbage.iter().map(|file| file.size_bytes).sum::<u64>();
    }
}

/// What stays though it is condemned, and why the first of it does.
struct Refused<E> {
    files: HashSet<Garbage>,
    why: Option<E>,
}

impl<E> Default for Refused<E> {
    fn default() -> Self {
        Self { files: HashSet::new(), why: None }
    }
}

impl<E> Refused<E> {
    fn add(&mut self, file: Garbage, why: E) {
        self.files.insert(file);
        self.why.get_or_insert(why);
    }

    /// The next `most` of what is listed that was not refused.
    fn pass_over<L>(
        &self,
        list: impl FnOnce(u32) -> Result<Vec<Garbage>, L>,
        most: u32,
    ) -> Result<Vec<Garbage>, L> {
        let refused = u32::try_from(self.files.len()).unwrap_or(u32::MAX);
        let mut listed = list(most.saturating_add(refused))?;
        listed.retain(|file| !self.files.contains(file));
        Ok(listed)
    }
}

/// Tells which of them are gone.
fn bury(
    index: &Index,
    root: &Path,
    garbage: Vec<Garbage>,
    refused: &mut Refused<DeleteError>,
    at: &mut dyn FnMut(BuryStep) -> ControlFlow<()>,
) -> Result<Vec<Garbage>, DeleteError> {
    let mut by_folder = BTreeMap::<PathBuf, Vec<Garbage>>::new();
    for file in garbage {
        // Somebody else may have buried it since it was listed: then a new file may have its name.
        if !index.is_condemned(&segment_of(&file))? {
            continue;
        }
        let path = root.join(name::path(&file.camera, file.stream, file.start));
        match fs::remove_file(&path) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(source) => {
                refused.add(file, DeleteError::Refused { path, source });
                continue;
            }
        }
        by_folder.entry(path.parent().unwrap_or(root).to_owned()).or_default().push(file);
        stop_if(at(BuryStep::Unlinked))?;
    }
    let mut gone = Vec::new();
    for (folder, files) in by_folder {
        match platform::sync_folder(&folder) {
            Ok(()) => gone.extend(files),
            // Somebody deleted it with all that was in it.
            Err(error) if error.kind() == ErrorKind::NotFound => gone.extend(files),
            Err(source) => {
                refused.files.extend(files);
                refused.why.get_or_insert(DeleteError::Refused { path: folder, source });
            }
        }
    }
    stop_if(at(BuryStep::Synced))?;
    index.buried(&gone)?;
    stop_if(at(BuryStep::Buried))?;
    Ok(gone)
}

fn segment_of(file: &Garbage) -> SegmentRef {
    let Garbage { tier_id, camera, stream, start, .. } = file.clone();
    SegmentRef { tier_id, camera, stream, start }
}

/// As [`finish`], in a bucket. Tells which files are gone; what the bucket refused stays garbage.
pub async fn finish_in_bucket(
    index: &Index,
    tier: &TierId,
    bucket: &Bucket,
) -> Result<Vec<Garbage>, DeleteInBucketError> {
    let mut gone = Vec::new();
    bucket.check(tier).await?;
    loop {
        let (asked, of) = (index.clone(), tier.to_string());
        let garbage = on_a_thread(move || asked.garbage(&of, AT_ONCE_IN_BUCKET)).await?;
        if garbage.is_empty() {
            return Ok(gone);
        }
        for file in &garbage {
            bucket.delete(&name::path(&file.camera, file.stream, file.start)).await?;
        }
        let (told, done) = (index.clone(), garbage.clone());
        on_a_thread(move || told.buried(&done)).await?;
        gone.extend(garbage);
    }
}

/// Takes back what was sent to a bucket just now and is in no row of the index: it is where it came from, or was deleted
/// there meanwhile.
pub async fn take_back(bucket: &Bucket, key: &str) -> Result<(), BucketError> {
    bucket.delete(key).await
}

/// Why objects stay.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeleteInBucketError {
    /// The bucket failed.
    #[error(transparent)]
    Bucket(#[from] BucketError),
    /// The index failed.
    #[error(transparent)]
    Index(#[from] IndexError),
}

async fn on_a_thread<T: Send + 'static>(job: impl FnOnce() -> T + Send + 'static) -> T {
    let done = tokio::task::spawn_blocking(job).await;
    done.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
}

pub(crate) fn stop_if(said: ControlFlow<()>) -> Result<(), Stopped> {
    if said.is_break() { Err(Stopped) } else { Ok(()) }
}

/// Days, months and years in which nothing is left. A recorder makes today's folders just before it begins a file, so
/// only those that are over for long are removed; a folder that is not empty stays by itself.
fn remove_empty_folders(root: &Path, garbage: &[Garbage], now: UtcMs) {
    let paths: BTreeSet<(PathBuf, i64)> = garbage
        .iter()
        .filter_map(|file| {
            let path = root.join(name::path(&file.camera, file.stream, file.start));
            let days = now.millis_since(file.start).div_euclid(DAY_MS);
            path.parent().map(|folder| (folder.to_owned(), days))
        })
        .collect();
    for (day, days) in paths {
        // Day, month, year: each at least a day longer ago than it lasts.
        for (folder, over_after) in day.ancestors().zip([2, 33, 368]) {
            if days < over_after || fs::remove_dir(folder).is_err() {
                break;
            }
        }
    }
}
