//! Linux counts from the start of the machine, so that a wall clock that is set makes nobody a stranger.

/// When it was started, in clock ticks since the machine was (proc(5), field 22 of `stat`).
pub(super) fn birth(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // pid (name) state ppid ...: the name may hold anything.
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_ascii_whitespace().nth(19)?.parse().ok()
}
