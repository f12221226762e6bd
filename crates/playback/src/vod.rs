//! Brain: an HLS playlist of the past (RFC 8216, version 7: fragmented MP4 with byte ranges).
//!
//! Nothing is muxed for it: every playlist segment is a byte range of a file that is there, some fragments that
//! begin with a keyframe. Each file begins at media time 0, so each is a discontinuity with its own
//! `EXT-X-MAP` and `EXT-X-PROGRAM-DATE-TIME`; where there is no footage the date jumps, which is how players place
//! pictures on the wall clock.
//!
//! A range that is not over yet becomes an EVENT playlist: what it said stays, it grows at its end, and it ends when
//! the range does.
//!
//! `#EXT-X-TARSIER-CODECS:"avc1.640028,mp4a.40.2"` says what the files from here on hold, for our own player;
//! others skip tags that they do not know (section 6.3.1).
//!
//! What does not belong here: rows (see [`crate::past`]), bytes of media, who may play.

use tarsier_index::{SegmentRow, group};
use tarsier_m3u8::{Playlist, date_time, query_value, seconds};
use tarsier_types::{ParameterSets, Part, Ticks, UtcMs, UtcRange};

use crate::open_segment::OpenSegment;

/// The longest range of one playlist: a local day, which may have 25 hours. At parts of 4 s that is 22 500 lines
/// of media, some 3 MB.
pub const LONGEST_MS: i64 = 25 * 3_600_000;

/// Files whose start and the end before differ by less than this follow each other without a break: starts are rounded
/// to milliseconds, and slow drift of the camera's clock is taken out at file borders (500 ppm of 900 s).
const FOLLOWS_MS: i64 = 500;

/// What clock the media follows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Timestamps {
    /// As in the files, each of which begins at 0 and is a discontinuity. Our own player wants it so.
    #[default]
    PerFile,
    /// One clock for the whole playlist: URLs carry `t=` in ticks of 1/90000 s, by which whoever serves them
    /// [shifts](crate::shift) the fragments. A discontinuity only where footage is missing or parameter sets change.
    /// Other players want it so: the reason stands in [`crate::shift`].
    Continuous,
}

/// What is to be played.
#[derive(Clone, Copy, Debug)]
pub struct VodRequest<'a> {
    /// From the picture shown at its start to the last one before its end.
    pub range: UtcRange,
    /// When it is asked for.
    pub now: UtcMs,
    /// Handed on in every URL, for players that cannot send headers.
    pub token: Option<&'a str>,
    /// What clock the media follows.
    pub timestamps: Timestamps,
}

/// Why there is no playlist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VodError {
    /// Nothing was recorded in that time (or nothing of it has reached the disk yet).
    #[error("there is no footage in that time")]
    Empty,
    /// The range is empty or longer than [`LONGEST_MS`].
    #[error("the range must be longer than nothing and not longer than {} hours", LONGEST_MS / 3_600_000)]
    BadRange,
}

/// The playlist of the stored segments that touch the range, in order, and of the open one. URLs are relative to
/// `/api/v1/cameras/{id}/{stream}/`.
pub fn playlist(
    request: &VodRequest<'_>,
    rows: &[SegmentRow],
    open: Option<&OpenSegment>,
) -> Result<String, VodError> {
    if !(1..=LONGEST_MS).contains(&request.range.millis()) {
        return Err(VodError::BadRange);
    }
    let growing = request.now < request.range.end
        || open.is_some_and(|open| {
            open.start < request.range.end && open.written().end < request.range.end
        });
    let grouped = open.map(|open| {
        let mut parts = group(&open.fragments);
        if growing {
            // More fragments may come to it; what a playlist has said must stay.
            parts.pop();
        }
        (open, parts)
    });
    let mut files: Vec<File<'_>> = rows
        .iter()
        // Found torn at the start of the hub, while its recorder was still writing it: the recorder knows more.
        .filter(|row| open.is_none_or(|open| open.start != row.start))
        .map(|row| File::new(row.start, &row.parameters, row.init_bytes, &row.parts))
        .collect();
    if let Some((open, parts)) = &grouped {
        let file = File::new(open.start, &open.parameters, open.init_bytes, parts);
        let place = files.partition_point(|file| file.start < open.start);
        files.insert(place, file);
    }
    if request.timestamps == Timestamps::Continuous {
        put_on_one_clock(&mut files);
    }
    let longest = files
        .iter()
        .flat_map(|file| file.parts)
        .map(|part| part.duration)
        .max()
        .unwrap_or_default();
    let files: Vec<File<'_>> =
        files.into_iter().filter_map(|file| file.cut(request.range)).collect();
    let Some(first) = files.first() else { return Err(VodError::Empty) };

    let capacity = 512 + files.iter().map(|file| 400 + 130 * file.parts.len()).sum::<usize>();
    let mut text = Playlist::new(7, capacity);
    let kind = if growing { "EVENT" } else { "VOD" };
    text.line(format_args!("#EXT-X-PLAYLIST-TYPE:{kind}"));
    text.line(format_args!("#EXT-X-TARGETDURATION:{}", whole_seconds(longest).max(1)));
    text.line("#EXT-X-MEDIA-SEQUENCE:0");
    if !growing && files.iter().flat_map(|file| file.parts).all(|part| part.starts_with_keyframe) {
        text.line("#EXT-X-INDEPENDENT-SEGMENTS");
    }
    let into = request.range.start.millis_since(first.begins());
    if into > 0 {
        let (whole, rest) = (into / 1000, into % 1000);
        text.line(format_args!("#EXT-X-START:TIME-OFFSET={whole}.{rest:03},PRECISE=YES"));
    }
    let token = request.token.map(|token| format!("token={}", query_value(token)));
    let mut before: Option<&File<'_>> = None;
    for file in &files {
        let same = before.is_some_and(|before| before.parameters == file.parameters);
        if before.is_some() && !(same && file.follows) {
            text.line("#EXT-X-DISCONTINUITY");
        }
        if before.is_none_or(|before| codecs(before.parameters) != codecs(file.parameters)) {
            text.line(format_args!("#EXT-X-TARSIER-CODECS:\"{}\"", codecs(file.parameters)));
        }
        if !(same && request.timestamps == Timestamps::Continuous) {
            let (url, length) = (file.url([None, token.as_deref()]), file.init_bytes);
            text.line(format_args!("#EXT-X-MAP:URI=\"{url}\",BYTERANGE=\"{length}@0\""));
        }
        let shift = (file.shift > Ticks(0)).then(|| format!("t={}", file.shift.0));
        let url = file.url([shift.as_deref(), token.as_deref()]);
        text.line(format_args!("#EXT-X-PROGRAM-DATE-TIME:{}", date_time(file.begins())));
        for part in file.parts {
            text.line(format_args!("#EXTINF:{},", seconds(part.duration)));
            text.line(format_args!("#EXT-X-BYTERANGE:{}@{}", part.bytes, part.offset));
            text.line(&url);
        }
        before = Some(file);
    }
    if !growing {
        text.line("#EXT-X-ENDLIST");
    }
    Ok(text.into_text())
}

/// A file, or what is played of it.
#[derive(Clone, Copy)]
struct File<'a> {
    start: UtcMs,
    parameters: &'a ParameterSets,
    init_bytes: u32,
    parts: &'a [Part],
    /// Added to its media time.
    shift: Ticks,
    /// Its pictures go on where those of the file before end, on the same clock.
    follows: bool,
}

/// Each file begins where the one before ends, or as much later as it was filmed later.
fn put_on_one_clock(files: &mut [File<'_>]) {
    let mut before: Option<(UtcMs, Ticks)> = None;
    for file in files {
        let length = file.parts.last().map_or(Ticks(0), |last| last.start + last.duration);
        if let Some((end, shifted_end)) = before {
            let hole = file.start.millis_since(end);
            file.follows = hole.abs() < FOLLOWS_MS;
            // A clock that was set back must not take the media back with it.
            let pause = if file.follows { 0 } else { hole.max(0) };
            file.shift = shifted_end + Ticks::from_millis(pause);
        }
        before = Some((file.start + length, file.shift + length));
    }
}

impl<'a> File<'a> {
    fn new(
        start: UtcMs,
        parameters: &'a ParameterSets,
        init_bytes: u32,
        parts: &'a [Part],
    ) -> Self {
        Self { start, parameters, init_bytes, parts, shift: Ticks(0), follows: false }
    }

    fn url(&self, query: [Option<&str>; 2]) -> String {
        let query: Vec<&str> = query.into_iter().flatten().collect();
        let mark = if query.is_empty() { "" } else { "?" };
        format!("segments/{}.mp4{mark}{}", self.start.0, query.join("&"))
    }

    /// The parts with pictures in the range, and those before them back to a keyframe; `None` if there are none.
    fn cut(self, range: UtcRange) -> Option<Self> {
        let ends = |part: &Part| self.start + (part.start + part.duration);
        let from = self.parts.partition_point(|part| ends(part) <= range.start);
        let to = self.parts.partition_point(|part| self.start + part.start < range.end);
        if from >= to {
            return None;
        }
        let from =
            self.parts[..=from].iter().rposition(|part| part.starts_with_keyframe).unwrap_or(from);
        Some(Self { parts: &self.parts[from..to], ..self })
    }

    /// When the first picture that is played was taken.
    fn begins(&self) -> UtcMs {
        self.parts.first().map_or(self.start, |part| self.start + part.start)
    }
}

/// Section 4.3.3.1: no `EXTINF`, rounded to the nearest second, is longer than that.
fn whole_seconds(duration: Ticks) -> i64 {
    (duration.0 + Ticks::PER_SECOND / 2).div_euclid(Ticks::PER_SECOND)
}

fn codecs(parameters: &ParameterSets) -> String {
    match &parameters.audio {
        Some(audio) => format!("{},{}", parameters.video.rfc6381, audio.rfc6381),
        None => parameters.video.rfc6381.clone(),
    }
}
