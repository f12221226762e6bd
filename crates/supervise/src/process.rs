//! Who a process is: its number and when it was started, for a number goes to somebody else when its process has ended.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(not(target_os = "linux"))]
mod other;

use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

#[cfg(target_os = "linux")]
use self::linux::birth;
#[cfg(not(target_os = "linux"))]
use self::other::birth;

/// A process, also after its number went to another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    /// When it was started, as its system counts; `None`: it was gone when we looked.
    birth: Option<u64>,
}

impl Process {
    /// Whoever has that number now.
    pub(crate) fn of(pid: u32) -> Self {
        Self { pid, birth: birth(pid) }
    }

    /// It exists and is not a zombie.
    pub(crate) fn is_alive(self) -> bool {
        let mut alive = false;
        self.look(|process| alive = process.status() != sysinfo::ProcessStatus::Zombie);
        alive
    }

    /// It has its number still, and nobody else.
    pub(crate) fn is_itself(self) -> bool {
        self.birth.is_some() && birth(self.pid) == self.birth
    }

    /// Ends one that does not answer. Works for children and for adopted processes.
    pub(crate) fn kill(self) {
        self.look(|process| {
            process.kill();
        });
    }

    fn look(self, act: impl FnOnce(&sysinfo::Process)) {
        if self.is_itself() {
            with_process(self.pid, act);
        }
    }
}

fn with_process(pid: u32, act: impl FnOnce(&sysinfo::Process)) {
    let pid = Pid::from_u32(pid);
    let Ok(mut system) = System::new() else { return };
    system.refresh_processes_specifics(
        ProcessesToUpdate::Some(&[pid]),
        true,
        ProcessRefreshKind::nothing(),
    );
    if let Some(process) = system.process(pid) {
        act(process);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_stranger_that_got_the_number_of_a_recorder_is_not_killed_and_not_taken_for_it() {
        let mut child = std::process::Command::new("sleep").arg("600").spawn().unwrap();
        let now = Process::of(child.id());
        assert!(now.is_itself() && now.is_alive());
        let earlier = Process { birth: now.birth.map(|birth| birth - 1), ..now };
        assert!(!earlier.is_itself() && !earlier.is_alive(), "that one is gone");
        earlier.kill();
        Process { birth: None, ..now }.kill();
        assert!(now.is_alive(), "nobody else is killed in its place");
        now.kill();
        child.wait().unwrap();
        assert!(!now.is_itself() && !now.is_alive());
    }
}
