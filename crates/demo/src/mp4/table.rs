//! `stbl`: where each sample lies, and when (ISO/IEC 14496-12 section 8.5 to 8.7).

use std::ops::Range;

use super::ReadMovieError;
use super::boxes::{Fields, child};

/// Sizes of samples: one for all, or one each.
enum Sizes {
    Same { size: usize, count: usize },
    Each(Vec<usize>),
}

impl Sizes {
    fn count(&self) -> usize {
        match self {
            Self::Same { count, .. } => *count,
            Self::Each(sizes) => sizes.len(),
        }
    }
}

/// Samples that lie together in the file.
struct Chunk {
    offset: usize,
    first: usize,
    count: usize,
}

/// The place of every sample, in decoding order.
pub(super) fn places(stbl: &[u8], file_len: usize) -> Result<Vec<Range<usize>>, ReadMovieError> {
    let sizes = sizes(stbl, file_len)?;
    let mut places = Vec::with_capacity(sizes.count());
    let mut total = 0_usize;
    for chunk in chunks(stbl, sizes.count())? {
        let mut at = chunk.offset;
        for sample in chunk.first..chunk.first + chunk.count {
            let size = match &sizes {
                Sizes::Same { size, .. } => *size,
                Sizes::Each(each) => each[sample],
            };
            let end = at.checked_add(size).filter(|end| *end <= file_len);
            let end = end.ok_or(ReadMovieError::Damaged { part: "stco" })?;
            // Samples that overlap could claim far more bytes than there are.
            total = total.saturating_add(size);
            if total > file_len {
                return Err(ReadMovieError::Damaged { part: "stsz" });
            }
            places.push(at..end);
            at = end;
        }
    }
    Ok(places)
}

/// The place of every chunk as a whole: for sound whose samples are single bytes.
pub(super) fn chunk_places(
    stbl: &[u8],
    file_len: usize,
) -> Result<Vec<Range<usize>>, ReadMovieError> {
    let sizes = sizes(stbl, file_len)?;
    let place = |chunk: Chunk| {
        let length = match &sizes {
            Sizes::Same { size, .. } => size.checked_mul(chunk.count)?,
            Sizes::Each(each) => each[chunk.first..chunk.first + chunk.count].iter().sum(),
        };
        let end = chunk.offset.checked_add(length)?;
        (end <= file_len).then_some(chunk.offset..end)
    };
    chunks(stbl, sizes.count())?
        .into_iter()
        .map(|chunk| place(chunk).ok_or(ReadMovieError::Damaged { part: "stco" }))
        .collect()
}

/// The length of every sample in ticks; exactly `count` of them.
pub(super) fn durations(stbl: &[u8], count: usize) -> Result<Vec<u32>, ReadMovieError> {
    let parse = || {
        let mut fields = Fields(child(stbl, *b"stts")?);
        fields.version()?;
        let mut durations = Vec::with_capacity(count);
        for mut entry in fields.entries(8)? {
            let run = usize::try_from(entry.u32()?).ok()?.min(count - durations.len());
            let ticks = entry.u32()?;
            durations.extend(std::iter::repeat_n(ticks, run));
        }
        // A table that ends early: the last length goes on, as every player does it.
        durations.resize(count, *durations.last()?);
        Some(durations)
    };
    parse().ok_or(ReadMovieError::Damaged { part: "stts" })
}

/// From decoding to showing, for every sample; all zero where there is no `ctts`.
pub(super) fn composition_offsets(stbl: &[u8], count: usize) -> Result<Vec<i32>, ReadMovieError> {
    let Some(body) = child(stbl, *b"ctts") else { return Ok(vec![0; count]) };
    let parse = || {
        let mut fields = Fields(body);
        fields.version()?;
        let mut offsets = Vec::with_capacity(count);
        for mut entry in fields.entries(8)? {
            let run = usize::try_from(entry.u32()?).ok()?.min(count - offsets.len());
            // Version 0 is unsigned by the book; writers put negative numbers there too, and none needs 2^31.
            let ticks = entry.i32()?;
            offsets.extend(std::iter::repeat_n(ticks, run));
        }
        offsets.resize(count, 0);
        Some(offsets)
    };
    parse().ok_or(ReadMovieError::Damaged { part: "ctts" })
}

/// Whether each sample is a keyframe; all of them where there is no `stss`.
pub(super) fn keyframes(stbl: &[u8], count: usize) -> Result<Vec<bool>, ReadMovieError> {
    let Some(body) = child(stbl, *b"stss") else { return Ok(vec![true; count]) };
    let parse = || {
        let mut fields = Fields(body);
        fields.version()?;
        let mut keyframes = vec![false; count];
        for mut entry in fields.entries(4)? {
            let sample = usize::try_from(entry.u32()?).ok()?.checked_sub(1)?;
            *keyframes.get_mut(sample)? = true;
        }
        Some(keyframes)
    };
    parse().ok_or(ReadMovieError::Damaged { part: "stss" })
}

fn sizes(stbl: &[u8], file_len: usize) -> Result<Sizes, ReadMovieError> {
    let parse = || {
        let mut fields = Fields(child(stbl, *b"stsz")?);
        fields.version()?;
        let size = usize::try_from(fields.u32()?).ok()?;
        if size == 0 {
            let each = fields.entries(4)?;
            return each
                .map(|mut entry| usize::try_from(entry.u32()?).ok())
                .collect::<Option<_>>()
                .map(Sizes::Each);
        }
        let count = usize::try_from(fields.u32()?).ok()?;
        // A count cannot claim more samples than the file has bytes for.
        (size.checked_mul(count)? <= file_len).then_some(Sizes::Same { size, count })
    };
    parse().ok_or(ReadMovieError::Damaged { part: "stsz" })
}

fn chunks(stbl: &[u8], samples: usize) -> Result<Vec<Chunk>, ReadMovieError> {
    let offsets = chunk_offsets(stbl).ok_or(ReadMovieError::Damaged { part: "stco" })?;
    let parse = || {
        let mut fields = Fields(child(stbl, *b"stsc")?);
        fields.version()?;
        let runs = fields.entries(12)?;
        let runs: Vec<(usize, usize)> = runs
            .map(|mut entry| {
                let first_chunk = usize::try_from(entry.u32()?).ok()?.checked_sub(1)?;
                Some((first_chunk, usize::try_from(entry.u32()?).ok()?))
            })
            .collect::<Option<_>>()?;
        let mut chunks = Vec::with_capacity(offsets.len());
        let (mut first, mut run) = (0, 0);
        for (index, offset) in offsets.iter().enumerate() {
            while runs.get(run + 1).is_some_and(|(first_chunk, _)| *first_chunk <= index) {
                run += 1;
            }
            let count = runs.get(run)?.1.min(samples - first);
            chunks.push(Chunk { offset: *offset, first, count });
            first += count;
        }
        (first == samples).then_some(chunks)
    };
    parse().ok_or(ReadMovieError::Damaged { part: "stsc" })
}

fn chunk_offsets(stbl: &[u8]) -> Option<Vec<usize>> {
    let (body, width) = match child(stbl, *b"stco") {
        Some(body) => (body, 4),
        None => (child(stbl, *b"co64")?, 8),
    };
    let mut fields = Fields(body);
    fields.version()?;
    let entries = fields.entries(width)?;
    entries
        .map(|mut entry| {
            let offset = if width == 4 { u64::from(entry.u32()?) } else { entry.u64()? };
            usize::try_from(offset).ok()
        })
        .collect()
}
