//! Hands: the bytes that lead to a picture, out of a segment, wherever that is.

use std::fs::File;
use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::Path;

use bytes::Bytes;
use tarsier_segment::{ScanError, scan};
use tarsier_types::{Part, Ticks};

use crate::seek::Place;
use crate::shift::shift;

/// More than any camera sends between two keyframes: 12 s at 100 Mbit/s is 150 MB.
const MOST_BYTES: u64 = 256 << 20;

/// A piece of a file is at least that long, and as long as the part it ends with.
const PIECE_BYTES: u64 = 1 << 20;

/// What a decoder needs for one picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gop {
    /// `ftyp` and `moov`.
    pub init: Bytes,
    /// Whole fragments, the first of which begins with a keyframe; the last shows the instant.
    pub fragments: Bytes,
    /// The instant, counted from media time 0 of the file (which the fragments' own times count from).
    pub at: Ticks,
}

/// Why there are no bytes.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadGopError {
    /// The file is gone: deleted by a rule or by hand, or its disk is not there.
    #[error("the segment is no longer there")]
    Gone(#[source] io::Error),
    /// The file is shorter than it was, or its bytes are others.
    #[error("the segment is not what the index says")]
    Changed(#[source] Option<ScanError>),
    /// Reading failed.
    #[error("reading the segment failed")]
    Read(#[source] io::Error),
}

/// Where the bytes of a segment come from: a disk, or a bucket.
pub trait Source {
    /// Appends exactly those bytes.
    fn read(&mut self, range: &Range<u64>, into: &mut Vec<u8>) -> Result<(), ReadGopError>;
}

/// A file.
#[derive(Debug)]
pub struct OnDisk(File);

impl OnDisk {
    /// Opens it.
    pub fn open(path: &Path) -> Result<Self, ReadGopError> {
        open(path).map(Self)
    }
}

impl Source for OnDisk {
    fn read(&mut self, range: &Range<u64>, into: &mut Vec<u8>) -> Result<(), ReadGopError> {
        self::range(&mut self.0, range, into)
    }
}

/// Reads what leads to the picture at `place` and nothing before its keyframe.
pub fn gop(path: &Path, place: &Place) -> Result<Gop, ReadGopError> {
    gop_from(&mut OnDisk::open(path)?, place)
}

/// As [`gop`], from anywhere.
pub fn gop_from(source: &mut dyn Source, place: &Place) -> Result<Gop, ReadGopError> {
    let mut bytes = Vec::new();
    bounded(source, &place.init, &mut bytes)?;
    let init_bytes = bytes.len();
    bounded(source, &place.media, &mut bytes)?;
    let within = narrow(&bytes, place.at)?;
    let bytes = Bytes::from(bytes);
    Ok(Gop { init: bytes.slice(..init_bytes), fragments: bytes.slice(within), at: place.at })
}

/// A file as a range of it is served on another clock.
#[derive(Clone, Copy, Debug)]
pub struct Shifted<'a> {
    /// Its parts or fragments, in order.
    pub parts: &'a [Part],
    /// By how much later its pictures are.
    pub by: Ticks,
    /// Samples in a second, if there is sound.
    pub audio_rate_hz: Option<u32>,
}

/// `asked` in pieces that end where parts end, so that no part is read twice: who asks for a whole file does not have it
/// in memory as a whole.
pub fn pieces(parts: &[Part], asked: &Range<u64>) -> Vec<Range<u64>> {
    let (mut pieces, mut from) = (Vec::new(), asked.start);
    for part in parts {
        let end = (part.offset + u64::from(part.bytes)).min(asked.end);
        if end >= from.saturating_add(PIECE_BYTES) {
            pieces.push(from..end);
            from = end;
        }
    }
    if from < asked.end {
        pieces.push(from..asked.end);
    }
    pieces
}

/// The bytes `asked` of the file as they are after a [shift](crate::shift) of every fragment in them. Playlists ask for
/// whole parts; for any other range the parts around it are read as well.
pub fn shifted(path: &Path, file: Shifted<'_>, asked: Range<u64>) -> Result<Bytes, ReadGopError> {
    shifted_from(&mut OnDisk::open(path)?, file, asked)
}

/// As [`shifted`], from anywhere.
pub fn shifted_from(
    source: &mut dyn Source,
    file: Shifted<'_>,
    asked: Range<u64>,
) -> Result<Bytes, ReadGopError> {
    let end_of = |part: &Part| part.offset + u64::from(part.bytes);
    let first = file.parts.partition_point(|part| end_of(part) <= asked.start);
    let last = file.parts.partition_point(|part| part.offset < asked.end);
    let touched = file.parts.get(first..last).unwrap_or_default();
    let moved = match (touched.first(), touched.last()) {
        (Some(first), Some(last)) => first.offset..end_of(last),
        _ => asked.start..asked.start,
    };
    let whole = asked.start.min(moved.start)..asked.end.max(moved.end);
    let mut bytes = Vec::new();
    bounded(source, &whole, &mut bytes)?;
    let within = |range: &Range<u64>| -> Result<Range<usize>, ReadGopError> {
        let place =
            |at: u64| usize::try_from(at - whole.start).map_err(|_| ReadGopError::Changed(None));
        Ok(place(range.start)?..place(range.end)?)
    };
    let fragments = bytes.get_mut(within(&moved)?).ok_or(ReadGopError::Changed(None))?;
    shift(fragments, file.by, file.audio_rate_hz).map_err(|_| ReadGopError::Changed(None))?;
    Ok(Bytes::from(bytes).slice(within(&asked)?))
}

fn open(path: &Path) -> Result<File, ReadGopError> {
    File::open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => ReadGopError::Gone(error),
        _ => ReadGopError::Read(error),
    })
}

/// Where in `init` and fragments those lie that are needed: a part of the index holds several GOPs.
fn narrow(bytes: &[u8], at: Ticks) -> Result<Range<usize>, ReadGopError> {
    let found =
        scan(&mut Cursor::new(bytes)).map_err(|error| ReadGopError::Changed(Some(error)))?;
    let shows = found.parts.partition_point(|part| part.start <= at).saturating_sub(1);
    let upto = found.parts.get(..=shows).ok_or(ReadGopError::Changed(None))?;
    let keyframe = upto
        .iter()
        .rev()
        .find(|part| part.starts_with_keyframe)
        .ok_or(ReadGopError::Changed(None))?;
    let end = upto.last().map_or(0, |part| part.offset + u64::from(part.bytes));
    let place = |at: u64| usize::try_from(at).map_err(|_| ReadGopError::Changed(None));
    Ok(place(keyframe.offset)?..place(end)?)
}

fn bounded(
    source: &mut dyn Source,
    range: &Range<u64>,
    bytes: &mut Vec<u8>,
) -> Result<(), ReadGopError> {
    if range.end.saturating_sub(range.start) > MOST_BYTES {
        return Err(ReadGopError::Changed(None));
    }
    source.read(range, bytes)
}

fn range(file: &mut File, range: &Range<u64>, bytes: &mut Vec<u8>) -> Result<(), ReadGopError> {
    let length = range.end.saturating_sub(range.start);
    file.seek(SeekFrom::Start(range.start)).map_err(ReadGopError::Read)?;
    let read = file.take(length).read_to_end(bytes).map_err(ReadGopError::Read)?;
    if u64::try_from(read).ok() == Some(length) { Ok(()) } else { Err(ReadGopError::Changed(None)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_file_is_never_in_memory_at_once() {
        const PART: u32 = 700_000;
        let part = |at: u64| Part {
            offset: 1000 + at * u64::from(PART),
            bytes: PART,
            start: Ticks(0),
            duration: Ticks(90_000),
            starts_with_keyframe: true,
        };
        let parts: Vec<Part> = (0..100).map(part).collect();
        for asked in [0..70_001_000, 500..69_000_500, 1000..701_000, 5..6, 7..7] {
            let pieces = pieces(&parts, &asked);
            let mut at = asked.start;
            for piece in &pieces {
                assert_eq!(piece.start, at, "they follow one another");
                assert!(piece.end - piece.start < PIECE_BYTES + u64::from(PART), "{piece:?}");
                assert!(
                    piece.end == asked.end || parts.iter().any(|part| part.offset == piece.end),
                    "{piece:?} cuts a part in two"
                );
                at = piece.end;
            }
            assert_eq!(at, asked.end, "all of it: {pieces:?}");
        }
    }
}
