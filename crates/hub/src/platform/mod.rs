//! What differs between operating systems: one small file each, behind one interface.
//!
//! Only the Unix file was ever run (on Linux); the other was written from documentation.

#[cfg(not(unix))]
mod other;
#[cfg(unix)]
mod unix;

#[cfg(not(unix))]
pub(crate) use other::{raise_file_limit, sync_folder};
#[cfg(unix)]
pub(crate) use unix::{raise_file_limit, sync_folder};

/// How many files, sockets among them, this process may have open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileLimit {
    /// So many were allowed, and so many are now; `None` is without end.
    Raised { from: Option<u64>, to: Option<u64> },
    /// There is none that a process could raise.
    #[cfg_attr(unix, expect(dead_code, reason = "Unix always has one"))]
    NotHere,
}
