//! Words: what the files of a playlist are called.
//!
//! A name never comes to mean other bytes: it carries the life of the playlist, which is when it began. Parts are counted
//! through, whatever segment they belong to, so that the next one can be announced before it is known whether a
//! keyframe ends the segment.

use std::fmt;

/// A file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileName {
    pub(crate) life: u64,
    pub(crate) file: File,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum File {
    Init(u64),
    Part(u64),
    Segment(u64),
}

impl FileName {
    /// From a URL.
    pub fn parse(text: &str) -> Option<Self> {
        let (life, rest) = text.split_once('-')?;
        let (kind, rest) = rest.split_once('-')?;
        let (number, extension) = rest.split_once('.')?;
        let number = number.parse().ok()?;
        let file = match (kind, extension) {
            ("init", "mp4") => File::Init(number),
            ("part", "m4s") => File::Part(number),
            ("segment", "m4s") => File::Segment(number),
            _ => return None,
        };
        Some(Self { life: u64::from_str_radix(life, 16).ok()?, file })
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let life = self.life;
        match self.file {
            File::Init(number) => write!(f, "{life:x}-init-{number}.mp4"),
            File::Part(number) => write!(f, "{life:x}-part-{number}.m4s"),
            File::Segment(number) => write!(f, "{life:x}-segment-{number}.m4s"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_as_it_was_written() {
        for file in [File::Init(0), File::Part(7), File::Segment(u64::MAX)] {
            let name = FileName { life: 0x019a_ff00, file };
            assert_eq!(FileName::parse(&name.to_string()), Some(name));
        }
        for wrong in
            ["", "1-part-2.mp4", "x-part-2.m4s", "1-part-.m4s", "1-part--1.m4s", "../1-part-1.m4s"]
        {
            assert_eq!(FileName::parse(wrong), None, "{wrong}");
        }
    }
}
