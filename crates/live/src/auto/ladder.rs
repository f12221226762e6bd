//! Words: the streams that a viewer of `auto` may be shown, the best first.

use tarsier_types::StreamKind;

use crate::stream::{LiveStream, Rung};

/// What there is, and of that what this viewer may see and can play. He goes up and down on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ladder {
    main: Use,
    sub: Use,
    failed: Vec<Rung>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    /// It is not there, or not for this viewer.
    No,
    Playable,
    /// It is there and he may see it, but he cannot decode it: what is made of it is for him.
    Converted,
}

impl Ladder {
    /// Of the camera's own streams that this viewer may see.
    pub fn of(streams: &[StreamKind]) -> Self {
        let has = |kind| if streams.contains(&kind) { Use::Playable } else { Use::No };
        Self { main: has(StreamKind::Main), sub: has(StreamKind::Sub), failed: Vec::new() }
    }

    /// All steps, the best first. The camera's own streams are taken where they can be played: converting costs a core.
    pub fn steps(&self) -> Vec<LiveStream> {
        let mut steps = Vec::new();
        match self.main {
            Use::Playable => steps.push(StreamKind::Main.into()),
            Use::Converted => steps.extend(self.rung(Rung::P720)),
            Use::No => {}
        }
        if self.sub == Use::Playable {
            steps.push(StreamKind::Sub.into());
        } else if self.main != Use::No {
            let rungs = Rung::ALL.into_iter().filter_map(|rung| self.rung(rung));
            let new: Vec<_> = rungs.filter(|rung| !steps.contains(rung)).collect();
            steps.extend(new);
        }
        steps
    }

    /// What is for a small picture: the sub stream, or what is made in its place; none if there is no sub stream.
    pub fn small(&self) -> Option<LiveStream> {
        match self.sub {
            Use::Playable => Some(StreamKind::Sub.into()),
            Use::Converted => self.steps().last().copied(),
            Use::No => None,
        }
    }

    /// The viewer cannot decode it.
    pub fn cannot_play(&mut self, stream: LiveStream) {
        match stream {
            LiveStream::Own(StreamKind::Main) => self.main = Use::Converted,
            LiveStream::Own(StreamKind::Sub) => self.sub = Use::Converted,
            LiveStream::Rung(rung) => self.failed.push(rung),
        }
    }

    /// It is gone for good.
    pub fn is_gone(&mut self, stream: LiveStream) {
        match stream {
            LiveStream::Own(StreamKind::Main) => self.main = Use::No,
            LiveStream::Own(StreamKind::Sub) => self.sub = Use::No,
            LiveStream::Rung(rung) => self.failed.push(rung),
        }
    }

    fn rung(&self, rung: Rung) -> Option<LiveStream> {
        (!self.failed.contains(&rung)).then_some(rung.into())
    }
}

#[cfg(test)]
mod tests {
    use super::StreamKind::{Main, Sub};
    use super::*;

    fn shown(ladder: &Ladder) -> String {
        ladder.steps().iter().map(|step| step.name()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_cameras_own_streams_come_first_and_what_cannot_be_played_is_converted() {
        let both = Ladder::of(&[Main, Sub]);
        assert_eq!(shown(&both), "main sub");
        assert_eq!(shown(&Ladder::of(&[Main])), "main 720p 480p 360p");
        assert_eq!(shown(&Ladder::of(&[Sub])), "sub", "a rung may show what main shows");
        let mut hevc_main = both.clone();
        hevc_main.cannot_play(Main.into());
        assert_eq!(shown(&hevc_main), "720p sub");
        let mut hevc = hevc_main.clone();
        hevc.cannot_play(Sub.into());
        assert_eq!(shown(&hevc), "720p 480p 360p");
        assert_eq!(hevc.small(), Some(Rung::P360.into()));
        hevc.cannot_play(Rung::P720.into());
        assert_eq!(shown(&hevc), "480p 360p");
        let mut without_sub = both.clone();
        without_sub.is_gone(Sub.into());
        assert_eq!(shown(&without_sub), "main 720p 480p 360p");
        assert_eq!((both.small(), without_sub.small()), (Some(Sub.into()), None));
        let mut nothing = Ladder::of(&[Sub]);
        nothing.cannot_play(Sub.into());
        assert_eq!(shown(&nothing), "");
    }
}
