//! The segment that is being written, which no index knows yet.

use std::sync::Arc;

use tarsier_types::{ParameterSets, Part, UtcMs, UtcRange};

/// What its recorder has told so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenSegment {
    /// Its name, and when its first picture was taken.
    pub start: UtcMs,
    /// What its tracks hold.
    pub parameters: Arc<ParameterSets>,
    /// Bytes of `ftyp` and `moov`.
    pub init_bytes: u32,
    /// The fragments that are on disk, in order.
    pub fragments: Vec<Part>,
}

impl OpenSegment {
    /// From its first picture to the end of the last one that is on disk.
    pub fn written(&self) -> UtcRange {
        let end = self
            .fragments
            .last()
            .map_or(self.start, |last| self.start + (last.start + last.duration));
        UtcRange::new(self.start, end)
    }
}
