//! Unix: a disk is a device number; a folder is synced as a file is.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::words::DiskId;

/// On which file system a folder lies.
pub(crate) fn disk_of(folder: &Path) -> io::Result<DiskId> {
    fs::metadata(folder).map(|about| DiskId(format!("dev-{}", about.dev())))
}

/// Names that were made, changed or removed in a folder are on disk after this.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
