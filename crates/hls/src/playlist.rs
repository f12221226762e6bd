//! Brain: what is known, as the text of a playlist (RFC 8216bis; draft-pantos-hls-rfc8216bis-16).
//!
//! One playlist for all: players that know no parts skip their lines and play whole segments.
//! What does not belong here: when it is answered ([`crate::broadcast`]).

use tarsier_m3u8::{Playlist, date_time, query_value, seconds};
use tarsier_types::{StreamKind, Ticks};

use crate::name::{File, FileName};
use crate::pace::Pace;
use crate::window::{Segment, Window};

/// Where another stream of the camera has got to: a player that changes over asks for it at the right place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) stream: StreamKind,
    pub(crate) segment: u64,
    pub(crate) part: usize,
}

/// What a playlist says besides its segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct About {
    pub(crate) life: u64,
    pub(crate) pace: Pace,
    pub(crate) is_ended: bool,
    pub(crate) other: Option<Report>,
}

/// Stands in each URL for the token of whoever asks: no other text of a playlist has such brackets.
const TOKEN: &str = "{token}";

/// The same for all who ask; [`for_viewer`] makes it one's own. URLs are relative to `/live/{camera}/{stream}/`.
pub(crate) fn text(window: &Window, about: About) -> String {
    // 9 is what the newest tag here asks for (section 8).
    let mut text = Playlist::new(9, 8192);
    let part = about.pace.part;
    let token = format!("token={TOKEN}");
    let url = |file| format!("hls/{}?{token}", FileName { life: about.life, file });
    text.line(format_args!("#EXT-X-TARGETDURATION:{}", about.pace.target_seconds));
    text.line(format_args!(
        "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK={}",
        seconds(Ticks(3 * part.0))
    ));
    text.line(format_args!("#EXT-X-PART-INF:PART-TARGET={}", seconds(part)));
    let first = window.listed().next().or(window.open()).map_or(0, |segment| segment.number);
    text.line(format_args!("#EXT-X-MEDIA-SEQUENCE:{first}"));
    text.line(format_args!("#EXT-X-DISCONTINUITY-SEQUENCE:{}", window.discontinuities()));
    let mut init = None;
    let mut head = |text: &mut Playlist, segment: &Segment| {
        if segment.is_discontinuous {
            text.line("#EXT-X-DISCONTINUITY");
        }
        if init.replace(segment.init) != Some(segment.init) {
            text.line(format_args!("#EXT-X-MAP:URI=\"{}\"", url(File::Init(segment.init))));
        }
        text.line(format_args!("#EXT-X-PROGRAM-DATE-TIME:{}", date_time(segment.begins)));
    };
    let parts = |text: &mut Playlist, segment: &Segment| {
        for (number, part) in (segment.first_part..).zip(&segment.parts) {
            let independent = if part.starts_with_keyframe { ",INDEPENDENT=YES" } else { "" };
            let url = url(File::Part(number));
            let duration = seconds(part.duration);
            text.line(format_args!("#EXT-X-PART:DURATION={duration},URI=\"{url}\"{independent}"));
        }
    };
    // Parts are said within three target durations of the end (section 4.4.4.9).
    let mut behind: i64 = window.listed().map(|segment| segment.duration().0).sum();
    behind += window.open().map_or(0, |open| open.duration().0);
    let near = i64::from(about.pace.target_seconds) * 3 * Ticks::PER_SECOND;
    for segment in window.listed() {
        head(&mut text, segment);
        behind -= segment.duration().0;
        if behind <= near {
            parts(&mut text, segment);
        }
        text.line(format_args!("#EXTINF:{},", seconds(segment.duration())));
        text.line(url(File::Segment(segment.number)));
    }
    if let Some(open) = window.open() {
        head(&mut text, open);
        parts(&mut text, open);
    }
    if about.is_ended {
        text.line("#EXT-X-ENDLIST");
        return text.into_text();
    }
    let hint = url(File::Part(window.next_part()));
    text.line(format_args!("#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"{hint}\""));
    if let Some(Report { stream, segment, part }) = about.other {
        let stream = stream.name();
        text.line(format_args!(
            "#EXT-X-RENDITION-REPORT:URI=\"../{stream}/index.m3u8?{token}\",LAST-MSN={segment},LAST-PART={part}"
        ));
    }
    text.into_text()
}

/// Hands his token on in every URL, for players that cannot send headers.
pub(crate) fn for_viewer(text: &str, token: &str) -> String {
    text.replace(TOKEN, &query_value(token))
}

/// A stream, as one may choose it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendition {
    pub(crate) stream: StreamKind,
    pub(crate) rfc6381: String,
    pub(crate) width: u16,
    pub(crate) height: u16,
    pub(crate) picture: Ticks,
    pub(crate) peak_bps: u64,
    pub(crate) average_bps: u64,
}

/// The multivariant playlist. URLs are relative to `/live/{camera}/`.
pub fn multivariant(renditions: &[Rendition], token: &str) -> String {
    let mut text = Playlist::new(9, 1024);
    let token = query_value(token);
    for rendition in renditions {
        let millifps = 1000 * Ticks::PER_SECOND / rendition.picture.0.max(1);
        text.line(format_args!(
            "#EXT-X-STREAM-INF:BANDWIDTH={},AVERAGE-BANDWIDTH={},CODECS=\"{}\",RESOLUTION={}x{},FRAME-RATE={}.{:03}",
            rendition.peak_bps,
            rendition.average_bps,
            rendition.rfc6381,
            rendition.width,
            rendition.height,
            millifps / 1000,
            millifps % 1000
        ));
        let stream = rendition.stream.name();
        text.line(format_args!("{stream}/index.m3u8?token={token}"));
    }
    text.into_text()
}
