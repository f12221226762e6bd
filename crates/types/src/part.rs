//! Where the pictures are inside a segment file.

use serde::{Deserialize, Serialize};

use crate::time::Ticks;

/// One fragment (or, in playlists, several) of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// First byte of its `moof`.
    pub offset: u64,
    /// Bytes of `moof` and `mdat`.
    pub bytes: u32,
    /// From the file's start to its first picture.
    pub start: Ticks,
    /// Length of its pictures.
    pub duration: Ticks,
    /// Decoding can start at its first picture.
    pub starts_with_keyframe: bool,
}
