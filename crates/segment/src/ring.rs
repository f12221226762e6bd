//! The last GOP, kept so that a viewer who comes now sees a picture now.
//!
//! Handles only: the bytes are those that are on their way to the disk. What does not belong here: viewers.

use tarsier_types::{AccessUnit, Track};

/// Video and audio units since the last video keyframe, bounded in bytes.
#[derive(Debug)]
pub struct GopRing {
    max_bytes: usize,
    bytes: usize,
    units: Vec<AccessUnit>,
}

impl GopRing {
    /// An empty ring that never holds more than `max_bytes`, bookkeeping included.
    pub fn new(max_bytes: usize) -> Self {
        Self { max_bytes, bytes: 0, units: Vec::new() }
    }

    /// Takes one more unit. A video keyframe starts anew. Where the bound does not hold a whole GOP (some cameras
    /// send one keyframe a minute) the ring empties and waits for the next keyframe: half a GOP shows nothing.
    pub fn push(&mut self, unit: &AccessUnit) {
        if unit.track == Track::Video && unit.is_keyframe {
            self.clear();
        } else if self.units.is_empty() {
            return;
        }
        self.bytes =
            self.bytes.saturating_add(unit.data.len()).saturating_add(size_of::<AccessUnit>());
        if self.bytes > self.max_bytes {
            self.clear();
        } else {
            self.units.push(unit.clone());
        }
    }

    /// What there is, in the order of its coming; the first is a keyframe.
    pub fn units(&self) -> impl Iterator<Item = &AccessUnit> {
        self.units.iter()
    }

    /// Forgets all: the parameters changed, or the run ended.
    pub fn clear(&mut self) {
        self.units.clear();
        self.bytes = 0;
    }
}

#[cfg(test)]
mod tests {
    use tarsier_types::{Dts, Pts, Ticks, UtcMs};

    use super::*;

    /// `K` keyframe, `f` other picture, `a` sound: 100 bytes each.
    fn run(max_units: usize, script: &str) -> String {
        let mut ring = GopRing::new(max_units * (100 + size_of::<AccessUnit>()));
        for (at, letter) in (0_i64..).zip(script.chars()) {
            ring.push(&AccessUnit {
                track: if letter == 'a' { Track::Audio } else { Track::Video },
                pts: Pts(at),
                dts: Dts(at),
                duration: Ticks(1),
                is_keyframe: letter != 'f',
                arrived: UtcMs(0),
                data: vec![0; 100].into(),
            });
        }
        let letters = ring.units().map(|unit| match (unit.track, unit.is_keyframe) {
            (Track::Audio, _) => 'a',
            (_, true) => 'K',
            (_, false) => 'f',
        });
        letters.collect()
    }

    #[test]
    fn it_holds_the_last_gop() {
        insta::assert_snapshot!(run(9, "affaKafaf"), @"Kafaf");
        insta::assert_snapshot!(run(9, "KffaKfa"), @"Kfa");
        insta::assert_snapshot!(run(9, "aff"), @"");
    }

    #[test]
    fn a_gop_over_the_bound_is_let_go_until_the_next_keyframe() {
        insta::assert_snapshot!(run(4, "Kfff"), @"Kfff");
        insta::assert_snapshot!(run(4, "Kfffffaff"), @"");
        insta::assert_snapshot!(run(4, "KfffffaffKf"), @"Kf");
    }
}
