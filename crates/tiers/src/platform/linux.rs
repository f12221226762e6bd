//! Linux: blocks are reserved, caches dropped and priorities lowered by system calls.

use std::fs::File;
use std::io;
use std::num::NonZeroU64;

use rustix::fs::{Advice, FallocateFlags, fadvise, fallocate};

/// Gives the file blocks for `bytes` more than it has, without writing them; its length becomes that too.
pub(crate) fn reserve(file: &File, bytes: u64) -> io::Result<()> {
    fallocate(file, FallocateFlags::empty(), 0, bytes).map_err(io::Error::from)
}

/// What is cached of the file and on disk already is forgotten: the next read comes from the disk, and footage that is
/// copied does not push out what others read.
pub(crate) fn forget_cached(file: &File) {
    // Advice that is not taken costs speed, nothing else.
    let _ = fadvise(file, 0, None, Advice::DontNeed);
}

/// The same for some of it.
pub(crate) fn forget_range(file: &File, offset: u64, bytes: u64) {
    let _ = fadvise(file, offset, NonZeroU64::new(bytes), Advice::DontNeed);
}

/// The calling thread lets others go first, on the processor and, where the disk's scheduler looks at it (BFQ), on the
/// disk: the default disk priority follows from niceness (`ioprio_set(2)`).
pub(crate) fn be_patient() {
    // Whom it means is the calling thread, not the process (`setpriority(2)`, "C library/kernel differences").
    if let Err(error) = rustix::process::setpriority_process(None, 19) {
        tracing::debug!(%error, "moves go on at normal priority");
    }
}
