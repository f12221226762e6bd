//! Access units become fragmented MP4 bytes, and bytes become access units again.
//!
//! A segment is one file: `ftyp moov [moof mdat]* mfra`, media time 0 at its first picture, nothing outside it
//! needed to play it. Every fragment is complete in itself (default-base-is-moof, ISO/IEC 14496-12 section 8.8.7),
//! so a file that was torn anywhere plays up to its last whole fragment, and [`scan`] says where that is.
//!
//! Payload is never copied on the way to a file: [`FragmentBuilder`] keeps handles and makes only the head.
//!
//! What does not belong here: files, clocks, tasks. Bytes and times come in as arguments (DESIGN sections 3 to 5).

pub mod av1;
mod bits;
mod boxes;
mod cut;
mod fmp4;
mod meta;
pub mod nal;
pub mod name;
pub mod obu;
mod ring;
pub mod sample_entry;
mod scan;
pub mod sps;
mod units;

pub use cut::{Cut, Cutter, MAX_FRAGMENT_BYTES, MAX_FRAGMENT_SPAN, MAX_FRAGMENT_UNITS};
pub use fmp4::{
    Fragment, FragmentBuilder, init_segment, mfra, origin_of, unit_fragment, unit_fragment_head,
};
pub use meta::SegmentMeta;
pub use ring::GopRing;
pub use scan::{Scan, ScanError, scan};
pub use sps::{h264_rfc6381, hevc_rfc6381};
pub use units::{ReadUnitsError, read_units};
