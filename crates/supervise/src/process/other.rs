//! Windows and macOS, as sysinfo tells it. Never run.

/// When it was started, in seconds of Unix time.
pub(super) fn birth(pid: u32) -> Option<u64> {
    let mut born = None;
    super::with_process(pid, |process| born = Some(process.start_time()));
    born
}
