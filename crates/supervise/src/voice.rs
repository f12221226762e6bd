//! Brain: what of a recorder's words the hub hears. While two recorders serve a camera, one speaks for it; of the other
//! only what is about footage counts, and how its connection is when its turn comes.
//!
//! What does not belong here: sockets, who speaks (`duty`).

use std::collections::BTreeMap;

use tarsier_types::StreamKind;
use tarsier_wire::ToHub;

/// How much of a recorder is heard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Voice {
    /// Not decided yet, or a stranger.
    #[default]
    Nobody,
    /// It stands by, or was replaced: facts about files count.
    Footage,
    /// It speaks for the camera.
    Whole,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Link,
    Disk,
}

/// What was said too early.
#[derive(Debug, Default)]
pub(crate) struct Held(BTreeMap<(StreamKind, What), ToHub>);

impl Held {
    /// What of it is for the hub now.
    pub(crate) fn pass(&mut self, voice: Voice, message: ToHub) -> Option<ToHub> {
        match (voice, &message) {
            (Voice::Whole, _)
            | (
                Voice::Footage,
                ToHub::SegmentOpened { .. }
                | ToHub::FragmentWritten { .. }
                | ToHub::SegmentClosed { .. }
                | ToHub::Gap { .. },
            ) => Some(message),
            (Voice::Footage, ToHub::Link { stream, .. }) => {
                self.0.insert((*stream, What::Link), message);
                None
            }
            (Voice::Footage, ToHub::Disk { stream, .. }) => {
                self.0.insert((*stream, What::Disk), message);
                None
            }
            _ => None,
        }
    }

    /// It speaks for the camera from now on: what is still true of what was held back.
    pub(crate) fn release(&mut self) -> impl Iterator<Item = ToHub> {
        std::mem::take(&mut self.0).into_values()
    }
}

#[cfg(test)]
mod tests {
    use tarsier_types::{GapReason, UtcMs, UtcRange};
    use tarsier_wire::LinkState;

    use super::*;

    #[test]
    fn one_that_stands_by_does_not_speak_for_the_camera_until_its_turn_comes() {
        let stream = StreamKind::Main;
        let link = |attempt| ToHub::Link { stream, state: LinkState::Connecting { attempt } };
        let range = UtcRange::new(UtcMs(1), UtcMs(2));
        let gap = ToHub::Gap { stream, range, reason: GapReason::Camera };
        let mut held = Held::default();
        assert_eq!(held.pass(Voice::Footage, link(1)), None);
        assert_eq!(held.pass(Voice::Footage, link(2)), None);
        assert_eq!(held.pass(Voice::Footage, ToHub::Heartbeat { streams: Vec::new() }), None);
        assert_eq!(held.pass(Voice::Footage, gap.clone()), Some(gap.clone()), "footage is footage");
        assert_eq!(held.release().collect::<Vec<_>>(), [link(2)], "the newest state, once");
        assert_eq!(held.release().count(), 0);
        assert_eq!(held.pass(Voice::Nobody, gap), None);
    }
}
