//! macOS and Windows: what their standard library gives. Never run.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};

/// Writes `bytes` of zeros: a hole would not hold the room.
pub(crate) fn reserve(mut file: &File, bytes: u64) -> io::Result<()> {
    const AT_ONCE: u64 = 1 << 20;
    let zeros = vec![0; 1 << 20];
    file.seek(SeekFrom::Start(0))?;
    let mut left = bytes;
    while left > 0 {
        let now = left.min(AT_ONCE);
        file.write_all(&zeros[..usize::try_from(now).unwrap_or(zeros.len())])?;
        left -= now;
    }
    Ok(())
}

/// There is no portable way: a file that is read back may come from memory.
pub(crate) fn forget_cached(_file: &File) {}

/// The same.
pub(crate) fn forget_range(_file: &File, _offset: u64, _bytes: u64) {}

/// Priorities of threads need calls that are allowed in `av` only; pauses have to do.
pub(crate) fn be_patient() {}
