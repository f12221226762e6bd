//! Linux: `fallocate(2)` with `FALLOC_FL_KEEP_SIZE`, so that the length tells what was written.

use std::fs::File;
use std::io;

use rustix::fs::{FallocateFlags, fallocate};

/// Reserves `bytes` from `offset` on without changing the file's length. `set_len` releases what is unused.
pub(crate) fn preallocate(file: &File, offset: u64, bytes: u64) -> io::Result<()> {
    fallocate(file, FallocateFlags::KEEP_SIZE, offset, bytes).map_err(io::Error::from)
}
