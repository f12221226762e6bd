//! Brain: how a playlist is written (RFC 8216 section 4): its lines, and how values read in them.
//!
//! What does not belong here: which tags a playlist has, and in what order. The past and the present each know that for
//! themselves.

use std::fmt::{Display, Write};

use tarsier_types::{Ticks, UtcMs};

/// The text of a playlist, line by line.
#[derive(Debug)]
pub struct Playlist(String);

impl Playlist {
    /// One that says its version and nothing else yet. `capacity` is how many bytes are expected.
    pub fn new(version: u8, capacity: usize) -> Self {
        let mut playlist = Self(String::with_capacity(capacity));
        playlist.line("#EXTM3U");
        playlist.line(format_args!("#EXT-X-VERSION:{version}"));
        playlist
    }

    /// Adds a tag or a URI.
    pub fn line(&mut self, line: impl Display) {
        writeln!(self.0, "{line}").expect("a String takes all that is written");
    }

    /// The whole.
    pub fn into_text(self) -> String {
        self.0
    }
}

/// A duration: `2.033333`.
pub fn seconds(span: Ticks) -> String {
    let micros = span.to_micros();
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

/// `2026-11-20T20:15:00.000Z`
pub fn date_time(at: UtcMs) -> String {
    jiff::Timestamp::from_millisecond(at.0).map_or_else(|_| String::new(), |at| format!("{at:.3}"))
}

/// A query value in which nothing can end a quoted string, a line or the query (RFC 3986 section 2.3).
pub fn query_value(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            text.push(char::from(byte));
        } else {
            write!(text, "%{byte:02X}").expect("a String takes all that is written");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_playlist_begins_with_its_version_and_each_line_ends() {
        let mut playlist = Playlist::new(7, 64);
        playlist.line(format_args!("#EXTINF:{},", seconds(Ticks(183_000))));
        playlist.line("1.mp4");
        assert_eq!(playlist.into_text(), "#EXTM3U\n#EXT-X-VERSION:7\n#EXTINF:2.033333,\n1.mp4\n");
    }

    #[test]
    fn a_token_ends_neither_the_quoted_string_nor_the_line_nor_the_query() {
        assert_eq!(query_value("a.b-c_d~\"\r\n&e=ü%"), "a.b-c_d~%22%0D%0A%26e%3D%C3%BC%25");
    }

    #[test]
    fn a_date_has_milliseconds_even_where_they_are_none() {
        assert_eq!(date_time(UtcMs(1_795_205_700_000)), "2026-11-20T20:15:00.000Z");
        assert_eq!(date_time(UtcMs(i64::MAX)), "", "a time that no calendar knows is left out");
    }
}
