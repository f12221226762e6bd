//! Linux and macOS: niceness.

/// Everybody else goes first. To be called before the first thread is started: on Linux it means the calling thread,
/// and those that it starts inherit it (`setpriority(2)`, "C library/kernel differences").
pub(crate) fn be_patient() {
    // Lowering is always allowed; where it is not, the limit on threads has to do.
    let _ = rustix::process::setpriority_process(None, 19);
}
