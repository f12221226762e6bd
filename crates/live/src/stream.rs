//! Words: what of a camera can be watched: its own streams, and rungs that are made of them.

use std::fmt;

use tarsier_types::StreamKind;

/// A size that a camera's pictures are coded anew for, as H.264 that every browser decodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rung {
    /// 720 pixels high at most.
    P720,
    /// 480 pixels high at most.
    P480,
    /// 360 pixels high at most.
    P360,
}

impl Rung {
    /// All of them, the largest first.
    pub const ALL: [Self; 3] = [Self::P720, Self::P480, Self::P360];

    /// The name in URLs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::P720 => "720p",
            Self::P480 => "480p",
            Self::P360 => "360p",
        }
    }

    /// The rung of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rung| rung.name() == name)
    }

    /// Pictures are no higher.
    pub const fn max_height(self) -> u16 {
        match self {
            Self::P720 => 720,
            Self::P480 => 480,
            Self::P360 => 360,
        }
    }

    /// The stream that it is made of: the smallest one that needs no scaling up, else the full one. What is not known
    /// of the sub stream is not believed.
    pub fn source(self, sub_height: Option<u16>) -> StreamKind {
        match sub_height {
            Some(height) if height >= self.max_height() => StreamKind::Sub,
            _ => StreamKind::Main,
        }
    }
}

/// What a viewer watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LiveStream {
    /// As the camera sends it.
    Own(StreamKind),
    /// Coded anew.
    Rung(Rung),
}

impl LiveStream {
    /// The name in URLs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Own(kind) => kind.name(),
            Self::Rung(rung) => rung.name(),
        }
    }
}

impl From<StreamKind> for LiveStream {
    fn from(kind: StreamKind) -> Self {
        Self::Own(kind)
    }
}

impl From<Rung> for LiveStream {
    fn from(rung: Rung) -> Self {
        Self::Rung(rung)
    }
}

impl fmt::Display for LiveStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rung_is_made_of_the_sub_stream_if_that_is_high_enough() {
        assert_eq!(Rung::P360.source(Some(360)), StreamKind::Sub);
        assert_eq!(Rung::P720.source(Some(360)), StreamKind::Main);
        assert_eq!(Rung::P360.source(None), StreamKind::Main, "nobody knows how high it is");
    }
}
