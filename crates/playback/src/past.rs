//! Hands: fetches from the index what the brains of this crate need. Every question is bounded.

use jiff::tz::TimeZone;
use tarsier_index::{Index, IndexError, SegmentRow};
use tarsier_types::{CameraId, Gap, StreamKind, UtcMs, UtcRange};

use crate::days::{LocalDay, local_days};
use crate::open_segment::OpenSegment;
use crate::seek::{self, Place};
use crate::timeline::{StreamPast, Timeline, draw, share};
use crate::vod::{LONGEST_MS, VodError, VodRequest, playlist};

/// More reasons than that are not read for one timeline (guess: a camera that fails every minute for a week).
const MOST_GAPS: u32 = 10_000;

/// A minute is the shortest segment; a day of 25 hours has so many, and clocks that step make a few more.
const MOST_SEGMENTS: u32 = 2_000;

/// The beginning of the year 9999: times are asked for by anybody, and their differences must be numbers.
const END_OF_TIME: UtcMs = UtcMs(253_370_764_800_000);

fn bounded(at: UtcMs) -> UtcMs {
    at.clamp(UtcMs(0), END_OF_TIME)
}

fn bounded_range(range: UtcRange) -> UtcRange {
    UtcRange::new(bounded(range.start), bounded(range.end))
}

/// What the hub knows of a stream at this moment and the index does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Present {
    /// Which stream.
    pub stream: StreamKind,
    /// The segment that is being written.
    pub open: Option<OpenSegment>,
    /// Why there are no pictures just now, since when, until now.
    pub gap: Option<Gap>,
}

/// A timeline is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimelineRequest {
    /// Which time.
    pub range: UtcRange,
    /// When it is asked for.
    pub now: UtcMs,
    /// How many spans can be drawn.
    pub max_spans: usize,
}

/// The timeline of a camera.
pub fn timeline(
    index: &Index,
    camera: &CameraId,
    request: TimelineRequest,
    present: &[Present],
) -> Result<Timeline, IndexError> {
    let request = TimelineRequest { range: bounded_range(request.range), ..request };
    let now = |stream| present.iter().find(|present| present.stream == stream);
    let mut streams = Vec::new();
    for stream in StreamKind::ALL {
        let stored = index.first_and_last(camera, stream)?;
        let open = now(stream).and_then(|now| now.open.as_ref()).map(OpenSegment::written);
        if stored.is_some() || open.is_some() {
            streams.push((stream, stored, open));
        }
    }
    let most = share(request.max_spans, streams.len());
    let mut pasts = Vec::with_capacity(streams.len());
    for (stream, stored, open) in streams {
        let mut gaps = index.gaps_in(camera, stream, request.range, MOST_GAPS)?;
        // What is stored already of an outage that goes on was said when it was known.
        if let Some(gap) = now(stream).and_then(|now| now.gap) {
            tarsier_index::fill(&mut gaps, gap);
        }
        let spans = index.spans_in(camera, stream, request.range, most)?;
        pasts.push(StreamPast { stream, spans, gaps, stored, open });
    }
    Ok(draw(request.range, request.now, &pasts))
}

/// Why there is no playlist.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlaylistError {
    /// Nothing to play.
    #[error(transparent)]
    Vod(#[from] VodError),
    /// The index failed.
    #[error(transparent)]
    Index(#[from] IndexError),
}

/// The HLS playlist of a stream.
pub fn vod(
    index: &Index,
    camera: &CameraId,
    stream: StreamKind,
    request: &VodRequest<'_>,
    open: Option<&OpenSegment>,
) -> Result<String, PlaylistError> {
    let request = &VodRequest { range: bounded_range(request.range), ..*request };
    if request.range.millis() > LONGEST_MS {
        return Err(VodError::BadRange.into());
    }
    let rows = index.segments_in(camera, stream, request.range, MOST_SEGMENTS)?;
    Ok(playlist(request, &rows, open)?)
}

/// Where an instant is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// In a stored segment.
    Stored(Box<SegmentRow>, Place),
    /// In the segment that is being written.
    Open(Place),
    /// Nowhere: there is no picture of that instant, but perhaps before and after it.
    Nothing {
        /// The end of the last footage before.
        before: Option<UtcMs>,
        /// The beginning of the next footage.
        after: Option<UtcMs>,
    },
}

/// The place of the picture that was shown at an instant.
pub fn find(
    index: &Index,
    camera: &CameraId,
    stream: StreamKind,
    at: UtcMs,
    open: Option<&OpenSegment>,
) -> Result<Found, IndexError> {
    let at = bounded(at);
    if let Some(place) = open.and_then(|open| seek::in_open(open, at)) {
        return Ok(Found::Open(place));
    }
    let row = index.segment_at(camera, stream, at)?;
    let before = row.as_ref().map(|row| row.range().end);
    if let Some(row) = row
        && let Some(place) = seek::in_segment(&row, at)
    {
        return Ok(Found::Stored(Box::new(row), place));
    }
    let written = open.map(OpenSegment::written);
    let before = [before, written.map(|written| written.end).filter(|end| *end <= at)]
        .into_iter()
        .flatten()
        .max();
    let after = index.segment_after(camera, stream, at)?.map(|row| row.start);
    let after = [after, written.map(|written| written.start).filter(|start| *start > at)]
        .into_iter()
        .flatten()
        .min();
    Ok(Found::Nothing { before, after })
}

/// The local days in that time on which there is any footage: one look for each day.
pub fn days_with_footage(
    index: &Index,
    camera: &CameraId,
    stream: StreamKind,
    range: UtcRange,
    zone: &TimeZone,
) -> Result<Vec<LocalDay>, IndexError> {
    let Some(stored) = index.first_and_last(camera, stream)? else { return Ok(Vec::new()) };
    let Some(range) = range.overlap(stored) else { return Ok(Vec::new()) };
    let mut days = Vec::new();
    for day in local_days(range, zone) {
        if index.has_footage(camera, stream, day.range)? {
            days.push(day);
        }
    }
    Ok(days)
}
