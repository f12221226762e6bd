//! Hands: measures the machine, this process, and the disk of a folder.

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};
use tarsier_types::{Clock, Mono, SystemClock};

/// CPU shares need two looks; nearer ones than this say nothing.
const FRESH: Duration = Duration::from_millis(900);

/// What was measured.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Load {
    pub(crate) machine_cpu_percent: f64,
    pub(crate) cores: u32,
    pub(crate) memory_total_bytes: u64,
    pub(crate) memory_used_bytes: u64,
    pub(crate) hub_cpu_percent: f64,
    pub(crate) hub_rss_bytes: u64,
}

/// A disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Disk {
    pub(crate) total_bytes: u64,
    /// For this user: less than what is free.
    pub(crate) available_bytes: u64,
}

/// Measures when it is asked, not before.
pub(crate) struct Machine {
    clock: SystemClock,
    measured: Mutex<Option<(System, Mono, Load)>>,
}

impl Machine {
    pub(crate) fn new(clock: SystemClock) -> Self {
        let measured = System::new().ok().map(|system| (system, Mono::ZERO, Load::default()));
        Self { clock, measured: Mutex::new(measured) }
    }

    /// Takes about a millisecond, once a second at most.
    pub(crate) fn load(&self) -> Load {
        let mut measured = self.measured.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((system, at, load)) = measured.as_mut() else { return Load::default() };
        let now = self.clock.mono();
        if *at != Mono::ZERO && now.since(*at) < FRESH {
            return *load;
        }
        *at = now;
        let own = Pid::from_u32(std::process::id());
        system.refresh_cpu_usage();
        system.refresh_memory();
        let what = ProcessRefreshKind::nothing().with_cpu().with_memory().without_tasks();
        system.refresh_processes_specifics(ProcessesToUpdate::Some(&[own]), true, what);
        let process = system.process(own);
        *load = Load {
            machine_cpu_percent: f64::from(system.global_cpu_usage()),
            cores: u32::try_from(system.cpus().len()).unwrap_or(1),
            memory_total_bytes: system.total_memory(),
            memory_used_bytes: system.used_memory(),
            hub_cpu_percent: process.map_or(0.0, |process| f64::from(process.cpu_usage())),
            hub_rss_bytes: process.map_or(0, sysinfo::Process::memory),
        };
        *load
    }
}

/// The disk that holds a folder.
#[cfg(unix)]
pub(crate) fn disk(folder: &Path) -> Disk {
    rustix::fs::statvfs(folder).map_or_else(
        |_| Disk::default(),
        |stat| Disk {
            total_bytes: stat.f_blocks.saturating_mul(stat.f_frsize),
            available_bytes: stat.f_bavail.saturating_mul(stat.f_frsize),
        },
    )
}

/// The disk that holds a folder.
#[cfg(not(unix))]
pub(crate) fn disk(folder: &Path) -> Disk {
    let Ok(disks) = sysinfo::Disks::new_with_refreshed_list() else { return Disk::default() };
    disks
        .iter()
        .filter(|disk| folder.starts_with(disk.mount_point()))
        .max_by_key(|disk| disk.mount_point().as_os_str().len())
        .map_or_else(Disk::default, |disk| Disk {
            total_bytes: disk.total_space(),
            available_bytes: disk.available_space(),
        })
}

/// Whether a file can be made in a folder.
pub(crate) fn is_writable(folder: &Path) -> bool {
    tempfile::tempfile_in(folder).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_on_some_disk() {
        let dir = tempfile::tempdir().unwrap();
        let disk = disk(dir.path());
        assert!(disk.total_bytes > 0 && disk.available_bytes <= disk.total_bytes, "{disk:?}");
        assert!(is_writable(dir.path()));
        assert!(!is_writable(&dir.path().join("missing")));
    }
}
