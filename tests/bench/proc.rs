//! What the kernel says about processes (Linux's `/proc`).

use std::fs;

/// CPU seconds of all threads that live now, by the scheduler's nanoseconds.
pub(crate) fn cpu_seconds(pid: u32) -> f64 {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else { return 0.0 };
    let nanos: u64 = tasks
        .flatten()
        .filter_map(|task| fs::read_to_string(task.path().join("schedstat")).ok())
        .filter_map(|text| text.split(' ').next()?.parse::<u64>().ok())
        .sum();
    std::time::Duration::from_nanos(nanos).as_secs_f64()
}

/// Memory in MB, shared pages counted by their share.
pub(crate) fn pss_mb(pid: u32) -> f64 {
    kilobytes(&format!("/proc/{pid}/smaps_rollup"), "Pss:") / 1000.0
}

/// Resident memory in MB.
pub(crate) fn rss_mb(pid: u32) -> f64 {
    kilobytes(&format!("/proc/{pid}/smaps_rollup"), "Rss:") / 1000.0
}

fn kilobytes(path: &str, key: &str) -> f64 {
    let text = fs::read_to_string(path).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default();
    // smaps counts in units of 1024 bytes.
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap_or_default() * 1.024
}
