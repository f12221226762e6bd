//! Starting a program that outlives this one: a dead window stops nothing (DESIGN section 4).
//!
//! One file for each kind of system. What does not belong here: which program, and why.

#[cfg(unix)]
#[path = "detach/unix.rs"]
mod system;
#[cfg(windows)]
#[path = "detach/windows.rs"]
mod system;

pub(crate) use system::{detach, hide_console};
