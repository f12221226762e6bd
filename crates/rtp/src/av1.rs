//! AV1 in packets (RTP Payload Format For AV1, version 1.0): temporal units are cut into packets, and put together of them.
//!
//! ```text
//!  Z Y W W N - - -  ||  (length) OBU element  ||  (length) OBU element  ||  ...
//!  Z: the first element goes on from the packet before    Y: the last one goes on in the next packet
//!  W: how many elements there are, the last without its length; 0: any number, each after its length
//!  N: a coded video sequence begins
//! ```
//! An element is an OBU without its size, or a part of one. The marker bit is on the last packet of a temporal unit. On our
//! side a temporal unit is what a file holds (AV1 in ISOBMFF section 2.4): OBUs with their sizes, and no temporal delimiter.
//!
//! What does not belong here: what is inside OBUs (`tarsier_segment::av1`), and WebRTC's dependency descriptors.

mod assembly;
mod cut;

use tarsier_segment::obu;

pub use assembly::{Assembled, Assembly};
pub use cut::packetise;

const CONTINUES_PREVIOUS: u8 = 0x80;
const CONTINUES_IN_NEXT: u8 = 0x40;
const COUNT_SHIFT: u8 = 4;
const MAX_COUNT: u8 = 3;
const BEGINS_SEQUENCE: u8 = 0x08;

/// How pictures are coded, as a description tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Av1Format {
    record: Vec<u8>,
}

impl Av1Format {
    /// From an `AV1CodecConfigurationRecord` (AV1 in ISOBMFF section 2.3).
    pub fn of_record(record: &[u8]) -> Option<Self> {
        (record.len() >= 4 && record[0] == 0x81).then(|| Self { record: record.to_vec() })
    }

    /// `seq_profile`.
    pub fn profile(&self) -> u8 {
        self.record[1] >> 5
    }

    /// `seq_level_idx` of the first operating point.
    pub fn level_idx(&self) -> u8 {
        self.record[1] & 0x1f
    }

    /// `seq_tier` of it.
    pub fn tier(&self) -> u8 {
        self.record[2] >> 7
    }
}

/// Section 5: temporal delimiters and tile lists are neither sent nor read.
const fn is_carried(kind: u8) -> bool {
    !matches!(kind, obu::TEMPORAL_DELIMITER | obu::TILE_LIST)
}

#[cfg(test)]
mod tests;
