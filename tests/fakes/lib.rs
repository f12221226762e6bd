//! Fakes for journeys: cameras, networks that fail, and the programs as real processes.

pub mod footage;
pub mod gst;
pub mod hub;
pub mod process;
pub mod proxy;
