//! The writing half: `ftyp moov`, then `moof mdat` for each fragment, `mfra` at the end.
//!
//! What does not belong here: where a fragment ends (`cut`), reading (`scan`, `units`).

mod fragment;
mod init;
mod live;
mod mfra;
mod moof;
mod parse;

pub use fragment::{Fragment, FragmentBuilder};
pub use init::init_segment;
pub use live::{unit_fragment, unit_fragment_head};
pub use mfra::mfra;

pub(crate) use fragment::{extent, rescale};
pub(crate) use moof::track_id;
pub(crate) use parse::{Run, moof as parse_moof};

use tarsier_types::{AccessUnit, Dts};

/// Media time 0 of a file that begins with this video unit: the earlier of decoding and showing, so that
/// neither is negative in the file. Players drop pictures shown before 0, and a decoding time has no sign.
pub fn origin_of(first: &AccessUnit) -> Dts {
    Dts(first.dts.0.min(first.pts.0))
}
