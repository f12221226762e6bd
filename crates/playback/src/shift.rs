//! Brain: moves the media time of fragments, so that files which each begin at 0 follow each other on one clock.
//!
//! Our own player places files itself. Players that build on libavformat throw away the first fragment of every file
//! whose time goes back (seen with ffmpeg 5.1: 25 of 500 pictures, in spite of `EXT-X-DISCONTINUITY`), so for them
//! the hub serves the same bytes with a later `tfdt` (ISO/IEC 14496-12 section 8.8.12). No length changes.
//!
//! ```text
//! moof [ traf [ tfhd: version flags track_id | tfdt: version=1 flags time u64 ] ]*  mdat
//! ```
//! What does not belong here: by how much (see [`crate::vod`]), reading.

use std::ops::Range;

use tarsier_types::Ticks;

/// Track 1 is video in 1/90000 s; track 2 is audio, counted in samples.
const VIDEO: u32 = 1;

/// The bytes are no whole boxes, or a fragment is not such as we write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the bytes are no whole fragments of ours")]
pub struct ShiftError;

/// Adds `by` to the time of every fragment in `bytes`, which are whole boxes.
pub fn shift(bytes: &mut [u8], by: Ticks, audio_rate_hz: Option<u32>) -> Result<(), ShiftError> {
    let samples = (i128::from(by.0) * i128::from(audio_rate_hz.unwrap_or(0)))
        .div_euclid(i128::from(Ticks::PER_SECOND));
    let samples = i64::try_from(samples).map_err(|_| ShiftError)?;
    for moof in boxes(bytes, 0..bytes.len(), *b"moof")? {
        for traf in boxes(bytes, moof, *b"traf")? {
            let tfhd = only(boxes(bytes, traf.clone(), *b"tfhd")?)?;
            let tfdt = only(boxes(bytes, traf, *b"tfdt")?)?;
            let is_video = u32_at(bytes, tfhd.start + 4)? == VIDEO;
            let time = bytes
                .get_mut(tfdt.clone())
                .filter(|body| body.len() == 12 && body[0] == 1)
                .ok_or(ShiftError)?;
            let (_, time) = time.split_last_chunk_mut::<8>().ok_or(ShiftError)?;
            let moved =
                u64::from_be_bytes(*time).checked_add_signed(if is_video { by.0 } else { samples });
            *time = moved.ok_or(ShiftError)?.to_be_bytes();
        }
    }
    Ok(())
}

/// The bodies of the boxes of that kind within a range of whole boxes.
fn boxes(
    bytes: &[u8],
    within: Range<usize>,
    wanted: [u8; 4],
) -> Result<Vec<Range<usize>>, ShiftError> {
    let mut found = Vec::new();
    let mut at = within.start;
    while at < within.end {
        let size = usize::try_from(u32_at(bytes, at)?).map_err(|_| ShiftError)?;
        let end =
            at.checked_add(size).filter(|end| size >= 8 && *end <= within.end).ok_or(ShiftError)?;
        if bytes[at + 4..at + 8] == wanted {
            found.push(at + 8..end);
        }
        at = end;
    }
    Ok(found)
}

fn only(mut found: Vec<Range<usize>>) -> Result<Range<usize>, ShiftError> {
    if found.len() == 1 { found.pop().ok_or(ShiftError) } else { Err(ShiftError) }
}

fn u32_at(bytes: &[u8], at: usize) -> Result<u32, ShiftError> {
    let four = bytes.get(at..).and_then(|rest| rest.first_chunk::<4>()).ok_or(ShiftError)?;
    Ok(u32::from_be_bytes(*four))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn a_box(kind: [u8; 4], body: &[u8]) -> Vec<u8> {
        let size = u32::try_from(body.len() + 8).unwrap();
        [&size.to_be_bytes()[..], &kind, body].concat()
    }

    fn traf(track: u8, time: u64) -> Vec<u8> {
        let tfhd = a_box(*b"tfhd", &[0, 2, 0, 0, 0, 0, 0, track]);
        let tfdt = a_box(*b"tfdt", &[&[1, 0, 0, 0][..], &time.to_be_bytes()].concat());
        a_box(*b"traf", &[tfhd, tfdt].concat())
    }

    fn fragment(video: u64, audio: u64) -> Vec<u8> {
        let moof =
            a_box(*b"moof", &[a_box(*b"mfhd", &[0; 8]), traf(1, video), traf(2, audio)].concat());
        [moof, a_box(*b"mdat", b"moof traf tfdt are only words here")].concat()
    }

    #[test]
    fn both_tracks_move_by_the_same_time_each_in_its_own_unit() {
        let mut bytes = [fragment(0, 0), fragment(90_000, 16_000)].concat();
        shift(&mut bytes, Ticks(180_000), Some(16_000)).unwrap();
        assert_eq!(bytes, [fragment(180_000, 32_000), fragment(270_000, 48_000)].concat());
    }

    #[test]
    fn what_is_not_whole_is_refused() {
        let whole = fragment(5, 5);
        for length in 1..whole.len() {
            assert_eq!(
                shift(&mut whole[..length].to_vec(), Ticks(1), Some(1)),
                split_at_mdat(&whole, length)
            );
        }
        assert_eq!(
            shift(&mut fragment(5, 5), Ticks(-6), Some(90_000)),
            Err(ShiftError),
            "no time before 0"
        );
    }

    /// Cut right behind the moof, what is left is whole boxes.
    fn split_at_mdat(whole: &[u8], length: usize) -> Result<(), ShiftError> {
        let moof = usize::try_from(u32_at(whole, 0).unwrap()).unwrap();
        if length == moof { Ok(()) } else { Err(ShiftError) }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(mut bytes: Vec<u8>, by: i64, rate: u32) {
            let _ = shift(&mut bytes, Ticks(by), Some(rate));
        }
    }
}
