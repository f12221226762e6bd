//! Access units out of a fragment of ours: for stills, for exports, for counting.
//!
//! What does not belong here: finding the fragment (`scan`), reading the file.

use bytes::Bytes;
use tarsier_types::{AccessUnit, Dts, Pts, Ticks, Track, UtcMs};

use crate::boxes::{BoxHeader, HEADER};
use crate::fmp4::{Run, parse_moof, rescale};
use crate::scan::Scan;

/// The bytes are no whole fragment of ours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReadUnitsError {
    /// There is no `moof`, or it is not such as we write.
    #[error("the fragment has no readable moof box")]
    Moof,
    /// There is no `mdat` behind it, or it is cut short.
    #[error("the fragment's mdat box is not whole")]
    Mdat,
    /// A unit lies outside the `mdat`.
    #[error("access unit {index} of the fragment lies outside its mdat box")]
    Outside {
        /// Counted from 0 within its track.
        index: usize,
    },
    /// There is sound in it, and the file's head knows of none.
    #[error("the fragment has a track that the file's head does not have")]
    UnknownTrack,
}

/// The access units of one `moof` and `mdat`, in order of decoding (a picture before the sound of the same time).
/// Times count from the file's media time 0; `arrived` is that time on the wall clock, if the file tells its start.
/// The bytes are copied once; the units share them.
pub fn read_units(init: &Scan, fragment: &[u8]) -> Result<Vec<AccessUnit>, ReadUnitsError> {
    let moof = BoxHeader::read(fragment)
        .filter(|header| header.kind == *b"moof")
        .ok_or(ReadUnitsError::Moof)?;
    let moof_bytes = usize::try_from(moof.size).map_err(|_| ReadUnitsError::Moof)?;
    let (head, rest) = fragment.split_at_checked(moof_bytes).ok_or(ReadUnitsError::Moof)?;
    let mdat = BoxHeader::read(rest)
        .filter(|mdat| mdat.kind == *b"mdat" && mdat.header == HEADER)
        .ok_or(ReadUnitsError::Mdat)?;
    let mdat_bytes = usize::try_from(mdat.size).map_err(|_| ReadUnitsError::Mdat)?;
    if rest.len() < mdat_bytes {
        return Err(ReadUnitsError::Mdat);
    }
    let (video, audio) = parse_moof(&head[moof.header..]).ok_or(ReadUnitsError::Moof)?;
    let payload = Payload {
        bytes: Bytes::copy_from_slice(&rest[HEADER..mdat_bytes]),
        starts_at: moof_bytes + HEADER,
        file_start: init.meta.as_ref().map_or(UtcMs(0), |meta| meta.start),
    };
    let mut units = Vec::new();
    if let Some(run) = video {
        payload.take(&run, Ticks::PER_SECOND, &mut units)?;
    }
    if let Some(run) = audio {
        let parameters = init.parameters.audio.as_ref().ok_or(ReadUnitsError::UnknownTrack)?;
        payload.take(&run, i64::from(parameters.sample_rate_hz.max(1)), &mut units)?;
    }
    units.sort_by_key(|unit| (unit.dts, unit.track == Track::Audio));
    Ok(units)
}

struct Payload {
    bytes: Bytes,
    starts_at: usize,
    file_start: UtcMs,
}

impl Payload {
    fn take(
        &self,
        run: &Run<'_>,
        per_second: i64,
        units: &mut Vec<AccessUnit>,
    ) -> Result<(), ReadUnitsError> {
        let ticks = |value: i64| rescale(value, Ticks::PER_SECOND, per_second);
        let mut at =
            usize::try_from(run.data_offset).ok().and_then(|at| at.checked_sub(self.starts_at));
        let mut decode_time = run.decode_time;
        for (index, sample) in run.samples().enumerate() {
            let outside = ReadUnitsError::Outside { index };
            let Some(from) = at else { return Err(outside) };
            let Some(to) =
                usize::try_from(sample.size).ok().and_then(|size| from.checked_add(size))
            else {
                return Err(outside);
            };
            if to > self.bytes.len() {
                return Err(outside);
            }
            let dts = Dts(ticks(decode_time));
            let next = decode_time + i64::from(sample.duration);
            units.push(AccessUnit {
                track: run.track,
                pts: Pts(ticks(decode_time + i64::from(sample.composition_offset))),
                dts,
                duration: Dts(ticks(next)) - dts,
                is_keyframe: sample.is_keyframe,
                arrived: UtcMs(self.file_start.0.saturating_add(rescale(
                    decode_time,
                    1000,
                    per_second,
                ))),
                data: self.bytes.slice(from..to),
            });
            decode_time = next;
            at = Some(to);
        }
        Ok(())
    }
}
