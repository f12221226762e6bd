//! Windows: a disk is what a path begins with (`C:`, `\\server\share`). Never run.
//!
//! A volume that is mounted into a folder of another one is taken for the same disk: space is still measured right,
//! only moves between the two are thought to be within one disk.

use std::fs;
use std::io;
use std::path::{Component, Path};

use crate::words::DiskId;

/// On which volume a folder lies.
pub(crate) fn disk_of(folder: &Path) -> io::Result<DiskId> {
    let whole = fs::canonicalize(folder)?;
    let volume = whole.components().find_map(|part| match part {
        Component::Prefix(prefix) => Some(prefix.as_os_str().to_string_lossy().to_lowercase()),
        _ => None,
    });
    Ok(DiskId(volume.unwrap_or_default()))
}

/// NTFS keeps its names in a journal of its own; a folder cannot be synced.
pub(crate) fn sync_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}
