//! What is whole in a file, which may be torn anywhere: a power cut, a full disk, a copy that is still going on.
//!
//! Reads the heads only, by seeking; payload is never read. Nothing in a file makes this panic, and nothing makes
//! it allocate more than is really there, or more than [`MAX_HEAD_BYTES`].
//!
//! What does not belong here: repair (cutting the file at [`Scan::whole_bytes`]), hashes, the index.

use std::io::{Read, Seek, SeekFrom};

use bytes::Bytes;
use tarsier_types::{AudioParameters, ParameterSets, Part, Ticks, Track, VideoParameters};

use crate::boxes::{BoxHeader, HEADER, Reader, child, children, descend};
use crate::fmp4::{Run, extent, parse_moof, rescale, track_id};
use crate::meta::{SegmentMeta, read_uuid};
use crate::sample_entry;

/// The largest `moov`, `moof` or `mfra` that is looked at. A `moof` of [`crate::MAX_FRAGMENT_UNITS`] units has 64 KiB.
const MAX_HEAD_BYTES: u64 = 16 << 20;
/// Read at once: the head of a fragment of ours, and the header of its `mdat`.
const WINDOW: u64 = 4096;

/// What a file holds, up to where it is whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scan {
    /// What the file says about itself.
    pub meta: Option<SegmentMeta>,
    /// What its tracks hold.
    pub parameters: ParameterSets,
    /// Bytes of `ftyp` and `moov`.
    pub init_bytes: u32,
    /// Its whole fragments, in order.
    pub parts: Vec<Part>,
    /// Bytes up to the end of the last whole fragment; the whole file when it is closed.
    pub whole_bytes: u64,
    /// From media time 0 to the end of the last picture.
    pub duration: Ticks,
    /// Access units in the whole fragments, of both tracks.
    pub units: u32,
    /// It ends with `mfra`: whoever wrote it came to the end.
    pub is_closed: bool,
}

/// There is nothing in the file that could be played.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScanError {
    /// `ftyp` and `moov` are not whole.
    #[error("the file is torn before the end of its moov box")]
    NoInit,
    /// `ftyp` and `moov` are there, but not such as we write.
    #[error("the file's {what} cannot be read")]
    Foreign {
        /// Which part of it.
        what: &'static str,
    },
    /// Reading failed.
    #[error("reading the file failed")]
    Read(#[from] std::io::Error),
}

/// Finds out what is whole in a file.
pub fn scan<R: Read + Seek>(reader: &mut R) -> Result<Scan, ScanError> {
    let mut window = Window::new(reader)?;
    let (moov_at, moov) = find_moov(&mut window)?;
    let moov_body = window.get(moov_at, moov.size)?.ok_or(ScanError::NoInit)?;
    let (meta, parameters) = init(&moov_body[moov.header..])?;
    let init_bytes = moov_at + moov.size;
    let mut scan = Scan {
        meta,
        parameters,
        init_bytes: u32::try_from(init_bytes).map_err(|_| ScanError::Foreign { what: "moov" })?,
        parts: Vec::new(),
        whole_bytes: init_bytes,
        duration: Ticks(0),
        units: 0,
        is_closed: false,
    };
    while let Some((part, units)) = fragment(&mut window, &scan)? {
        scan.whole_bytes += u64::from(part.bytes);
        scan.duration = scan.duration.max(part.start + part.duration);
        scan.units = scan.units.saturating_add(units);
        scan.parts.push(part);
    }
    if is_mfra(&mut window, scan.whole_bytes)? {
        scan.is_closed = true;
        scan.whole_bytes = window.length;
    }
    Ok(scan)
}

/// `ftyp` at the very beginning, then `moov`.
fn find_moov<R: Read + Seek>(window: &mut Window<'_, R>) -> Result<(u64, BoxHeader), ScanError> {
    let ftyp = window.header(0)?.ok_or(ScanError::NoInit)?;
    if ftyp.kind != *b"ftyp" || ftyp.size > MAX_HEAD_BYTES {
        return Err(ScanError::Foreign { what: "beginning" });
    }
    let moov = window.header(ftyp.size)?.ok_or(ScanError::NoInit)?;
    if moov.kind != *b"moov" || moov.size > MAX_HEAD_BYTES {
        return Err(ScanError::Foreign { what: "moov" });
    }
    Ok((ftyp.size, moov))
}

fn init(moov: &[u8]) -> Result<(Option<SegmentMeta>, ParameterSets), ScanError> {
    let told =
        children(moov).filter(|(kind, _)| kind == b"uuid").find_map(|(_, body)| read_uuid(body));
    let (meta, nominal_millifps) =
        told.map_or((None, None), |(meta, millifps)| (Some(meta), millifps));
    let (mut video, mut audio) = (None, None);
    for (_, trak) in children(moov).filter(|(kind, _)| kind == b"trak") {
        let (id, timescale, entry) = track(trak).ok_or(ScanError::Foreign { what: "track" })?;
        if id == track_id(Track::Video) && i64::from(timescale) == Ticks::PER_SECOND {
            video = sample_entry::video_parameters(entry, nominal_millifps);
        } else if id == track_id(Track::Audio) && timescale > 0 {
            audio = sample_entry::audio_parameters(entry)
                .map(|parameters| AudioParameters { sample_rate_hz: timescale, ..parameters });
            if audio.is_none() {
                return Err(ScanError::Foreign { what: "audio track" });
            }
        }
    }
    let video: VideoParameters = video.ok_or(ScanError::Foreign { what: "video track" })?;
    Ok((meta, ParameterSets { video, audio }))
}

/// Number, timescale and sample entry of a track.
fn track(trak: &[u8]) -> Option<(u32, u32, Bytes)> {
    let mut tkhd = Reader::new(child(trak, *b"tkhd")?);
    let (version, _) = tkhd.version_and_flags()?;
    tkhd.take(if version == 0 { 8 } else { 16 })?;
    let mdia = child(trak, *b"mdia")?;
    let mut mdhd = Reader::new(child(mdia, *b"mdhd")?);
    let (version, _) = mdhd.version_and_flags()?;
    mdhd.take(if version == 0 { 8 } else { 16 })?;
    let entries = descend(mdia, &[*b"minf", *b"stbl", *b"stsd"])?.get(8..)?;
    let entry = BoxHeader::read(entries)?;
    let entry = entries.get(..usize::try_from(entry.size).ok()?)?;
    Some((tkhd.u32()?, mdhd.u32()?, Bytes::copy_from_slice(entry)))
}

/// The next fragment and its number of units, if it is whole.
fn fragment<R: Read + Seek>(
    window: &mut Window<'_, R>,
    scan: &Scan,
) -> Result<Option<(Part, u32)>, std::io::Error> {
    let offset = scan.whole_bytes;
    let Some(moof) =
        window.header(offset)?.filter(|h| h.kind == *b"moof" && h.size <= MAX_HEAD_BYTES)
    else {
        return Ok(None);
    };
    let length = window.length;
    // `moof` first and the header of `mdat` with it: one read for the heads of most fragments.
    let Some(head) = window.get(offset, moof.size + u64_of(HEADER))? else {
        return Ok(None);
    };
    Ok(read_head(head, moof, length, scan))
}

/// `head` is a whole `moof` and the header of its `mdat`, the next in a file of `length` bytes.
fn read_head(head: &[u8], moof: BoxHeader, length: u64, scan: &Scan) -> Option<(Part, u32)> {
    let offset = scan.whole_bytes;
    let (moof_bytes, mdat) = head.split_at_checked(usize::try_from(moof.size).ok()?)?;
    let mdat =
        BoxHeader::read(mdat).filter(|mdat| mdat.kind == *b"mdat" && mdat.header == HEADER)?;
    let bytes = u32::try_from(moof.size + mdat.size).ok()?;
    if offset.checked_add(u64::from(bytes))? > length {
        return None;
    }
    let (video, audio) = parse_moof(&moof_bytes[moof.header..])?;
    let payload_at = moof.size + u64_of(HEADER);
    let lies_within = |run: &Run<'_>| {
        run.data_offset >= payload_at
            && run.data_offset.saturating_add(run.bytes()) <= u64::from(bytes)
    };
    if ![&video, &audio].into_iter().flatten().all(lies_within) {
        return None;
    }
    let units = [&video, &audio].into_iter().flatten().map(Run::units).sum::<usize>();
    let (run, per_second) = match (&video, &audio, &scan.parameters.audio) {
        (Some(run), _, _) => (run, Ticks::PER_SECOND),
        (None, Some(run), Some(audio)) => (run, i64::from(audio.sample_rate_hz)),
        _ => return None,
    };
    let ticks = |value: i64| Ticks(rescale(value, Ticks::PER_SECOND, per_second));
    let (start, end) = (ticks(run.decode_time), ticks(run.decode_time + run.duration()));
    let (start, end) = extent(video.is_some(), start, end, scan.duration);
    let part = Part {
        offset,
        bytes,
        start,
        duration: end - start,
        starts_with_keyframe: run.track == Track::Video && run.samples().next()?.is_keyframe,
    };
    Some((part, u32::try_from(units).ok()?))
}

/// A whole `mfra` from that offset to the end of the file.
fn is_mfra<R: Read + Seek>(
    window: &mut Window<'_, R>,
    offset: u64,
) -> Result<bool, std::io::Error> {
    let Some(mfra) =
        window.header(offset)?.filter(|h| h.kind == *b"mfra" && h.size <= MAX_HEAD_BYTES)
    else {
        return Ok(false);
    };
    let at_the_end = offset.checked_add(mfra.size) == Some(window.length);
    let told =
        window.get(window.length.saturating_sub(4), 4)?.and_then(|bytes| Reader::new(bytes).u32());
    Ok(at_the_end && told.map(u64::from) == Some(mfra.size))
}

/// A few bytes of a file at a time.
struct Window<'a, R> {
    reader: &'a mut R,
    length: u64,
    start: u64,
    bytes: Vec<u8>,
}

impl<'a, R: Read + Seek> Window<'a, R> {
    fn new(reader: &'a mut R) -> Result<Self, std::io::Error> {
        let length = reader.seek(SeekFrom::End(0))?;
        Ok(Self { reader, length, start: 0, bytes: Vec::new() })
    }

    /// `count` bytes at `offset`; none where the file is shorter.
    fn get(&mut self, offset: u64, count: u64) -> Result<Option<&[u8]>, std::io::Error> {
        if offset.checked_add(count).is_none_or(|end| end > self.length) {
            return Ok(None);
        }
        if self.find(offset, count).is_none() {
            self.bytes.clear();
            self.start = offset;
            self.reader.seek(SeekFrom::Start(offset))?;
            self.reader.by_ref().take(count.max(WINDOW)).read_to_end(&mut self.bytes)?;
        }
        Ok(self.find(offset, count).map(|range| &self.bytes[range]))
    }

    fn find(&self, offset: u64, count: u64) -> Option<std::ops::Range<usize>> {
        let from = usize::try_from(offset.checked_sub(self.start)?).ok()?;
        let to = from.checked_add(usize::try_from(count).ok()?)?;
        (to <= self.bytes.len()).then_some(from..to)
    }

    /// The box header at `offset`.
    fn header(&mut self, offset: u64) -> Result<Option<BoxHeader>, std::io::Error> {
        let count = self.length.saturating_sub(offset).min(16);
        Ok(self.get(offset, count)?.and_then(BoxHeader::read))
    }
}

fn u64_of(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
