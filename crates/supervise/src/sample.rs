//! Hands: measures processes by sysinfo.

use std::collections::BTreeMap;

use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

/// CPU and memory of one process.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Sample {
    /// Of one core, since the sample before.
    pub(crate) cpu_percent: f64,
    pub(crate) rss_bytes: u64,
}

/// Keeps what the CPU share is measured against.
pub(crate) struct Sampler {
    system: Option<System>,
}

impl Sampler {
    pub(crate) fn new() -> Self {
        Self { system: System::new().ok() }
    }

    /// Measures these processes and forgets all others.
    pub(crate) fn sample(&mut self, pids: &[u32]) -> BTreeMap<u32, Sample> {
        let Some(system) = &mut self.system else { return BTreeMap::new() };
        let wanted: Vec<Pid> = pids.iter().copied().map(Pid::from_u32).collect();
        let what = ProcessRefreshKind::nothing().with_cpu().with_memory().without_tasks();
        system.refresh_processes_specifics(ProcessesToUpdate::Some(&wanted), true, what);
        let read = |pid: &Pid| {
            let process = system.process(*pid)?;
            let sample =
                Sample { cpu_percent: f64::from(process.cpu_usage()), rss_bytes: process.memory() };
            Some((pid.as_u32(), sample))
        };
        wanted.iter().filter_map(read).collect()
    }
}
