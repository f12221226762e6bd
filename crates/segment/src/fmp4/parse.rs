//! `moof` read back: only the shape that `moof.rs` writes, so that whatever is taken is understood in full.
//!
//! What does not belong here: payload, and whether the `mdat` behind it is whole.

use super::moof::{FLAGS_SYNC, Sample, track_id};
use crate::boxes::{Reader, child, children};
use tarsier_types::Track;

/// Decoding times beyond this (over three thousand years) are damage, and sums of them must not overflow.
const MAX_DECODE_TIME: u64 = 1 << 53;
const DEFAULT_BASE_IS_MOOF: u32 = 0x02_0000;
const DATA_OFFSET: u32 = 0x01;
const DURATION: u32 = 0x0100;
const SIZE: u32 = 0x0200;
const FLAGS: u32 = 0x0400;
const COMPOSITION_OFFSET: u32 = 0x0800;

/// The samples of one track in a fragment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run<'a> {
    pub(crate) track: Track,
    pub(crate) decode_time: i64,
    /// From the first byte of `moof` to the first byte of the first sample.
    pub(crate) data_offset: u64,
    flags: u32,
    rows: &'a [u8],
}

impl<'a> Run<'a> {
    pub(crate) fn samples(&self) -> impl Iterator<Item = Sample> + use<'a> {
        let (flags, track) = (self.flags, self.track);
        self.rows.chunks_exact(row_bytes(flags).max(1)).filter_map(move |row| {
            let mut row = Reader::new(row);
            let duration = row.u32()?;
            let size = row.u32()?;
            let is_keyframe =
                if flags & FLAGS == 0 { track == Track::Audio } else { row.u32()? == FLAGS_SYNC };
            let composition_offset = if flags & COMPOSITION_OFFSET == 0 { 0 } else { row.i32()? };
            Some(Sample { duration, size, is_keyframe, composition_offset })
        })
    }

    pub(crate) fn units(&self) -> usize {
        self.rows.len() / row_bytes(self.flags).max(1)
    }

    /// Bytes of all samples.
    pub(crate) fn bytes(&self) -> u64 {
        self.samples().map(|sample| u64::from(sample.size)).sum()
    }

    /// From the decoding of the first sample to the end of the last, in the track's timescale.
    pub(crate) fn duration(&self) -> i64 {
        self.samples().map(|sample| i64::from(sample.duration)).sum()
    }
}

/// The runs in the body of a `moof`, video first; none if it is not as ours are.
pub(crate) fn moof(body: &[u8]) -> Option<(Option<Run<'_>>, Option<Run<'_>>)> {
    let (mut video, mut audio) = (None, None);
    for (_, traf) in children(body).filter(|(kind, _)| kind == b"traf") {
        let run = traf_run(traf)?;
        let place = match run.track {
            Track::Video => &mut video,
            Track::Audio => &mut audio,
        };
        if place.replace(run).is_some() {
            return None;
        }
    }
    (video.is_some() || audio.is_some()).then_some((video, audio))
}

fn traf_run(traf: &[u8]) -> Option<Run<'_>> {
    let mut tfhd = Reader::new(child(traf, *b"tfhd")?);
    if tfhd.version_and_flags()?.1 != DEFAULT_BASE_IS_MOOF {
        return None;
    }
    let id = tfhd.u32()?;
    let track = [Track::Video, Track::Audio].into_iter().find(|track| track_id(*track) == id)?;
    let mut tfdt = Reader::new(child(traf, *b"tfdt")?);
    if tfdt.version_and_flags()?.0 != 1 {
        return None;
    }
    let decode_time =
        i64::try_from(Some(tfdt.u64()?).filter(|time| *time < MAX_DECODE_TIME)?).ok()?;
    let mut trun = Reader::new(child(traf, *b"trun")?);
    let (version, flags) = trun.version_and_flags()?;
    let wanted = DATA_OFFSET | DURATION | SIZE;
    if version != 1
        || flags & wanted != wanted
        || flags & !(wanted | FLAGS | COMPOSITION_OFFSET) != 0
    {
        return None;
    }
    let count = usize::try_from(trun.u32()?).ok()?;
    let data_offset = u64::try_from(trun.i32()?).ok()?;
    let rows = trun.take(count.checked_mul(row_bytes(flags))?)?;
    (count > 0 && trun.rest().is_empty()).then_some(Run {
        track,
        decode_time,
        data_offset,
        flags,
        rows,
    })
}

fn row_bytes(flags: u32) -> usize {
    [DURATION, SIZE, FLAGS, COMPOSITION_OFFSET].into_iter().filter(|flag| flags & flag != 0).count()
        * 4
}
