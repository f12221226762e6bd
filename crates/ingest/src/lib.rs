//! Cameras become access units, in pure Rust.

pub mod source;

pub use source::{Anomaly, Source, SourceError, SourceEvent};
