//! Windows. Never run.

use std::io;
use std::path::Path;

use super::FileLimit;

/// The file system keeps names in a log of its own; a folder cannot be synced.
pub(crate) fn sync_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}

/// Handles of the system are not counted per process; the C library's table of 512 files is not used.
pub(crate) fn raise_file_limit() -> io::Result<FileLimit> {
    Ok(FileLimit::NotHere)
}
