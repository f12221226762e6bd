//! What a file says about itself: a file that has lost its name and its index still tells whose it is.
//!
//! ```text
//! uuid  9c0f3f3e-5d0c-4b8f-9a53-7461727369c5 | version u8 = 1
//!       start, UTC milliseconds i64 | nominal pictures in 1000 s u32, 0 = unknown
//!       stream u8, 0 main, 1 sub | camera: length u8, text | software: length u8, text
//! udta meta ilst  the same for people: ffprobe, QuickTime and VLC show it
//!       ©nam "garden main"  ©day "2026-11-20T20:15:00.000Z"  ©too software
//! ```
//! ISO/IEC 14496-12 sections 4.2 (`uuid`), 8.10.1 (`udta`); `ilst` as the QuickTime file format has it.
//! Readers take a later version of the `uuid` box too: fields are only ever added behind these.

use tarsier_types::{CameraId, StreamKind, UtcMs};

use crate::boxes::{Reader, Writer};
use crate::name;

const UUID: [u8; 16] = [
    0x9c, 0x0f, 0x3f, 0x3e, 0x5d, 0x0c, 0x4b, 0x8f, 0x9a, 0x53, 0x74, 0x61, 0x72, 0x73, 0x69, 0xc5,
];
const VERSION: u8 = 1;

/// Whose pictures are in a file, since when, and what wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentMeta {
    /// The camera.
    pub camera: CameraId,
    /// Which of its streams.
    pub stream: StreamKind,
    /// When the first picture was taken: media time 0.
    pub start: UtcMs,
    /// Name and version of the program; at most 255 bytes are kept.
    pub software: String,
}

/// The `uuid` box.
pub(crate) fn write_uuid(w: &mut Writer, meta: &SegmentMeta, nominal_millifps: Option<u32>) {
    w.boxed(*b"uuid", |w| {
        w.bytes(&UUID);
        w.u8(VERSION);
        w.i64(meta.start.0);
        w.u32(nominal_millifps.unwrap_or(0));
        w.u8(match meta.stream {
            StreamKind::Main => 0,
            StreamKind::Sub => 1,
        });
        text(w, meta.camera.as_str());
        text(w, &meta.software);
    });
}

fn text(w: &mut Writer, text: &str) {
    let text = &text[..text.floor_char_boundary(255)];
    w.u8(u8::try_from(text.len()).unwrap_or(u8::MAX));
    w.bytes(text.as_bytes());
}

/// What the body of a `uuid` box tells, if it is ours, and the nominal pictures in 1000 s.
pub(crate) fn read_uuid(body: &[u8]) -> Option<(SegmentMeta, Option<u32>)> {
    let mut reader = Reader::new(body);
    if reader.array()? != UUID || reader.u8()? < VERSION {
        return None;
    }
    let start = UtcMs(reader.i64()?);
    let nominal_millifps = Some(reader.u32()?).filter(|millifps| *millifps > 0);
    let stream = match reader.u8()? {
        0 => StreamKind::Main,
        1 => StreamKind::Sub,
        _ => return None,
    };
    let mut text = || {
        let length = usize::from(reader.u8()?);
        std::str::from_utf8(reader.take(length)?).ok()
    };
    let camera = CameraId::new(text()?).ok()?;
    let software = text()?.to_owned();
    Some((SegmentMeta { camera, stream, start, software }, nominal_millifps))
}

/// The `udta` box.
pub(crate) fn write_udta(w: &mut Writer, meta: &SegmentMeta) {
    w.boxed(*b"udta", |w| {
        w.full(*b"meta", 0, 0, |w| {
            w.full(*b"hdlr", 0, 0, |w| {
                w.u32(0);
                w.bytes(b"mdirappl");
                w.zeros(9);
            });
            w.boxed(*b"ilst", |w| {
                item(w, *b"\xa9nam", &format!("{} {}", meta.camera, meta.stream));
                item(w, *b"\xa9day", &name::rfc3339(meta.start));
                item(w, *b"\xa9too", &meta.software);
            });
        });
    });
}

/// An item of `ilst`: type 1 is UTF-8, locale 0.
fn item(w: &mut Writer, kind: [u8; 4], text: &str) {
    w.boxed(kind, |w| {
        w.boxed(*b"data", |w| {
            w.u32(1);
            w.u32(0);
            w.bytes(&text.as_bytes()[..text.floor_char_boundary(255)]);
        });
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::boxes::child;

    fn meta(software: &str) -> SegmentMeta {
        SegmentMeta {
            camera: CameraId::new("garden-2").unwrap(),
            stream: StreamKind::Sub,
            start: UtcMs(-5),
            software: software.to_owned(),
        }
    }

    fn round_trip(software: &str, millifps: Option<u32>) -> Option<(SegmentMeta, Option<u32>)> {
        let mut w = Writer::default();
        write_uuid(&mut w, &meta(software), millifps);
        let bytes = w.into_bytes();
        for length in 0..bytes.len() - 8 {
            assert_eq!(
                read_uuid(&bytes[8..8 + length]),
                None,
                "a box cut after {length} bytes tells nothing"
            );
        }
        read_uuid(child(&bytes, *b"uuid")?)
    }

    #[test]
    fn what_a_file_says_about_itself_is_read_back() {
        assert_eq!(
            round_trip("Tarsier 0.1.0", Some(25_000)),
            Some((meta("Tarsier 0.1.0"), Some(25_000)))
        );
        let long = "é".repeat(200);
        assert_eq!(
            round_trip(&long, None),
            Some((meta(&"é".repeat(127)), None)),
            "cut between characters"
        );
    }
}
