//! Fakes for journeys: cameras, networks that fail, and the programs as real processes.

pub mod clock;
pub mod disk;
pub mod footage;
pub mod gst;
pub mod gst_viewer;
pub mod hub;
pub mod onvif;
pub mod own_namespace;
pub mod process;
pub mod proxy;
pub mod tool;
pub mod udp_line;
pub mod webrtc;
