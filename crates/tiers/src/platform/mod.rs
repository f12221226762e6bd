//! What differs between operating systems: one small file each, behind one interface.
//!
//! Only the Unix files were ever run (on Linux); the others were written from documentation.

#[cfg(not(unix))]
mod disk_other;
#[cfg(unix)]
mod disk_unix;
#[cfg(target_os = "linux")]
mod linux;
#[cfg(not(target_os = "linux"))]
mod other;

#[cfg(not(unix))]
pub(crate) use disk_other::{disk_of, sync_folder};
#[cfg(unix)]
pub(crate) use disk_unix::{disk_of, sync_folder};
#[cfg(target_os = "linux")]
pub(crate) use linux::{be_patient, forget_cached, forget_range, reserve};
#[cfg(not(target_os = "linux"))]
pub(crate) use other::{be_patient, forget_cached, forget_range, reserve};
