//! Hands: a file that holds room on a disk, to be given up when the disk is full.
//!
//! On a full disk a deletion may need a block (folders are rewritten, journals grow) and `SQLite` needs some for certain.
//! The reserve is given up before an emergency cleanup and taken again once there is room.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::platform;

/// Its name in the root of a tier.
const NAME: &str = "tarsier-reserve";

/// Enough for hours of index and hundreds of deletions (guess).
const USUAL_BYTES: u64 = 256 << 20;

/// What of a small disk it may take.
const PERCENT: u64 = 1;

/// The reserve of one disk.
#[derive(Clone, Debug)]
pub struct Reserve {
    path: PathBuf,
    bytes: u64,
}

impl Reserve {
    /// The reserve in that folder, of a disk of that size. Nothing is touched yet.
    pub fn new(root: &Path, disk_total_bytes: u64) -> Self {
        let bytes = USUAL_BYTES.min(disk_total_bytes / 100 * PERCENT);
        Self { path: root.join(NAME), bytes }
    }

    /// How much it holds when it is taken.
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether it is held now, whole.
    pub fn is_held(&self) -> bool {
        fs::metadata(&self.path).is_ok_and(|about| about.len() >= self.bytes)
    }

    /// Takes the room, unless it is taken. Where it does not fit, nothing is taken; nor in the place of a disk that was
    /// pulled out meanwhile, which is asked before and after.
    pub fn take(&self, is_there: impl Fn() -> bool) -> io::Result<()> {
        if self.is_held() || !is_there() {
            return Ok(());
        }
        let taken = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .open(&self.path)
            .and_then(|file| reserve(&file, self.bytes));
        if taken.is_err() || !is_there() {
            let _ = fs::remove_file(&self.path);
        }
        taken
    }

    /// Gives the room up; `false` if there was none.
    pub fn give_up(&self) -> io::Result<bool> {
        match fs::remove_file(&self.path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }
}

fn reserve(file: &File, bytes: u64) -> io::Result<()> {
    platform::reserve(file, bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_disk_gives_one_percent() {
        let folder = tempfile::tempdir().unwrap();
        let reserve = Reserve::new(folder.path(), 200 << 20);
        assert_eq!(reserve.bytes(), (200 << 20) / 100);
        assert_eq!(Reserve::new(folder.path(), 1 << 40).bytes(), 256 << 20);
        assert!(!reserve.is_held());
        reserve.take(|| true).unwrap();
        reserve.take(|| true).unwrap();
        assert!(reserve.is_held());
        assert!(reserve.give_up().unwrap() && !reserve.give_up().unwrap());
    }

    #[cfg(unix)]
    #[test]
    fn it_holds_blocks_and_not_only_a_length() {
        use std::os::unix::fs::MetadataExt;
        let folder = tempfile::tempdir().unwrap();
        let reserve = Reserve::new(folder.path(), 400 << 20);
        reserve.take(|| true).unwrap();
        let held = fs::metadata(folder.path().join(NAME)).unwrap().blocks() * 512;
        assert!(held >= reserve.bytes(), "{held} bytes of blocks");
    }

    #[test]
    fn a_disk_that_is_pulled_out_while_room_is_taken_leaves_nothing_in_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let reserve = Reserve::new(folder.path(), 400 << 20);
        for there in [0, 1] {
            let asked = std::cell::Cell::new(0);
            reserve.take(|| asked.replace(asked.get() + 1) < there).unwrap();
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "there {there} times");
        }
        reserve.take(|| true).unwrap();
        assert!(reserve.is_held());
    }
}
