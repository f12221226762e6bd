//! Hands: folders for footage whose names outlast a power cut.
//!
//! A name is on disk only once the folder in which it stands is synced (`fsync(2)`). Windows has no such call and needs none:
//! NTFS journals names.

use std::fs::{self, File};
use std::io;
use std::path::Path;

/// Makes what is missing of a folder below the root, each one's name on disk.
pub(crate) fn make(root: &Path, folder: &Path) -> io::Result<()> {
    make_with(root, folder, &mut sync)
}

/// The names in a folder are on disk.
pub(crate) fn sync(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

fn make_with(
    root: &Path,
    folder: &Path,
    sync: &mut dyn FnMut(&Path) -> io::Result<()>,
) -> io::Result<()> {
    if folder == root || folder.is_dir() {
        return Ok(());
    }
    let above = folder.parent().unwrap_or(root);
    make_with(root, above, sync)?;
    match fs::create_dir(folder) {
        Ok(()) => sync(above),
        // The other stream's file, or a move, was here first, and may not have synced it yet.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => sync(above),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn synced(root: &Path, folder: &Path) -> Vec<PathBuf> {
        let mut synced = Vec::new();
        make_with(root, folder, &mut |folder| {
            synced.push(folder.to_owned());
            Ok(())
        })
        .unwrap();
        assert!(folder.is_dir());
        synced
    }

    #[test]
    fn a_power_cut_takes_no_new_folder_away_with_all_that_is_in_it() {
        let disk = tempfile::tempdir().unwrap();
        let (root, day) = (disk.path(), disk.path().join("front/main/2026-03-01"));
        let above = [root.to_owned(), root.join("front"), root.join("front/main")];
        assert_eq!(synced(root, &day), above, "each folder in which a new name stands");
        assert!(synced(root, &day).is_empty(), "nothing is new");
        let next = root.join("front/main/2026-03-02");
        assert_eq!(synced(root, &next), [root.join("front/main")]);
    }

    #[test]
    fn a_root_that_is_gone_is_not_made_anew() {
        let disk = tempfile::tempdir().unwrap();
        let root = disk.path().join("share");
        let error = make(&root, &root.join("front")).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        assert!(!root.exists(), "an unmounted share is never written to");
    }
}
