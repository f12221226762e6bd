//! What differs between operating systems: one small file each, behind one interface.
//!
//! Only the Linux file was ever run; the others were written from documentation.

#[cfg(not(unix))]
mod other;
#[cfg(unix)]
mod unix;

#[cfg(not(unix))]
pub(crate) use other::be_patient;
#[cfg(unix)]
pub(crate) use unix::be_patient;
