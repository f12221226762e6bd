//! Brain: footage that is in memory and in no file: for pre-rolls, for a disk that comes back, for taking over.
//!
//! Whole GOPs, oldest first, each with what decodes it, bounded in bytes and in time. The bytes are shared with
//! viewers and files; only the bookkeeping is extra. What does not belong here: what is wanted of it (`want`).

use std::collections::VecDeque;
use std::sync::Arc;

use tarsier_types::{AccessUnit, ParameterSets, Track, UtcMs, UtcRange};

/// A keyframe and what depends on it.
#[derive(Clone, Debug)]
pub(crate) struct Gop {
    /// GOPs of one number follow each other without a break and are decoded alike.
    pub(crate) run: u32,
    pub(crate) parameters: Arc<ParameterSets>,
    /// With the time at which each was taken; never empty.
    pub(crate) units: Vec<(AccessUnit, UtcMs)>,
    /// Where it ends, once that is known.
    end: Option<UtcMs>,
    bytes: usize,
}

impl Gop {
    /// From its keyframe to its end; one that still grows ends just after `now`.
    pub(crate) fn range(&self, now: UtcMs) -> UtcRange {
        let start = self.start();
        UtcRange::new(start, self.end.unwrap_or(now.plus_millis(1)).max(start.plus_millis(1)))
    }

    fn start(&self) -> UtcMs {
        self.units.first().map_or(UtcMs(0), |(_, at)| *at)
    }

    pub(crate) fn count(&self) -> u32 {
        u32::try_from(self.units.len()).unwrap_or(u32::MAX)
    }
}

/// What became of a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    Yes,
    /// No keyframe is there that it could follow.
    No,
}

#[derive(Debug)]
pub(crate) struct Memory {
    max_bytes: usize,
    bytes: usize,
    gops: VecDeque<Gop>,
    /// Units that had to go since they were last asked for.
    let_go: u32,
}

impl Memory {
    /// Never holds more than `max_bytes`, bookkeeping included.
    pub(crate) fn new(max_bytes: usize) -> Self {
        Self { max_bytes, bytes: 0, gops: VecDeque::new(), let_go: 0 }
    }

    /// Takes one more unit, taken at `at`.
    pub(crate) fn push(
        &mut self,
        unit: &AccessUnit,
        at: UtcMs,
        run: u32,
        parameters: &Arc<ParameterSets>,
    ) -> Kept {
        let bytes = unit.data.len().saturating_add(size_of::<(AccessUnit, UtcMs)>());
        if unit.track == Track::Video && unit.is_keyframe {
            if let Some(last) = self.gops.back_mut() {
                let _ = last.end.get_or_insert(at);
            }
            let parameters = Arc::clone(parameters);
            self.gops.push_back(Gop { run, parameters, units: Vec::new(), end: None, bytes: 0 });
        }
        // A GOP that has ended takes nothing more: what follows it is another run's, or in a file.
        let Some(gop) = self.gops.back_mut().filter(|gop| gop.end.is_none() && gop.run == run)
        else {
            return Kept::No;
        };
        gop.units.push((unit.clone(), at));
        gop.bytes = gop.bytes.saturating_add(bytes);
        self.bytes = self.bytes.saturating_add(bytes);
        while self.bytes > self.max_bytes {
            self.drop_oldest();
        }
        Kept::Yes
    }

    /// Lets go what is older than that and is not needed to reach back to it.
    pub(crate) fn trim(&mut self, oldest: UtcMs) {
        while self.gops.get(1).is_some_and(|second| second.start() <= oldest) {
            self.drop_oldest();
        }
    }

    /// How many units had to go since this was last asked.
    pub(crate) fn let_go(&mut self) -> u32 {
        std::mem::take(&mut self.let_go)
    }

    /// What came last is at its end (the source ended, the run ended, what follows is in a file).
    pub(crate) fn seal(&mut self, end: UtcMs) {
        if let Some(last) = self.gops.back_mut() {
            let _ = last.end.get_or_insert(end);
        }
    }

    pub(crate) fn gops(&self) -> impl Iterator<Item = &Gop> {
        self.gops.iter()
    }

    /// Everything, oldest first; memory is empty then.
    pub(crate) fn take(&mut self) -> VecDeque<Gop> {
        self.bytes = 0;
        std::mem::take(&mut self.gops)
    }

    /// Puts one back behind the others.
    pub(crate) fn put_back(&mut self, gop: Gop) {
        self.bytes = self.bytes.saturating_add(gop.bytes);
        self.gops.push_back(gop);
    }

    /// When the oldest of it was taken.
    pub(crate) fn oldest(&self) -> Option<UtcMs> {
        self.gops.front().map(Gop::start)
    }

    /// All of that run was taken that much later (or earlier) than was believed.
    pub(crate) fn shift(&mut self, run: u32, millis: i64) {
        for gop in self.gops.iter_mut().filter(|gop| gop.run == run) {
            gop.end = gop.end.map(|end| end.plus_millis(millis));
            for (_, at) in &mut gop.units {
                *at = at.plus_millis(millis);
            }
        }
    }

    fn drop_oldest(&mut self) {
        if let Some(gop) = self.gops.pop_front() {
            self.bytes = self.bytes.saturating_sub(gop.bytes);
            self.let_go = self.let_go.saturating_add(gop.count());
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use tarsier_types::{Codec, Dts, Pts, Ticks, VideoParameters};

    use super::*;

    fn parameters() -> Arc<ParameterSets> {
        let video = VideoParameters {
            codec: Codec::H264,
            rfc6381: "avc1.64001f".to_owned(),
            width: 160,
            height: 90,
            nominal_millifps: None,
            sample_entry: Bytes::new(),
        };
        Arc::new(ParameterSets { video, audio: None })
    }

    /// One unit a second of 100 bytes: `K` keyframe, `f` other picture, `a` sound; `|` the source ended; `r` another
    /// run; `t` what is older than 3 s is let go. Answers with the GOPs, and `-n` for what had to go.
    fn run(max_units: usize, script: &str) -> String {
        let mut memory = Memory::new(max_units * (100 + size_of::<(AccessUnit, UtcMs)>()));
        let (mut second, mut run) = (0_i64, 0);
        for letter in script.chars() {
            match letter {
                '|' => memory.seal(UtcMs(second * 1000)),
                'r' => run += 1,
                't' => memory.trim(UtcMs((second - 3) * 1000)),
                letter => {
                    let unit = AccessUnit {
                        track: if letter == 'a' { Track::Audio } else { Track::Video },
                        pts: Pts(0),
                        dts: Dts(0),
                        duration: Ticks(1),
                        is_keyframe: letter != 'f',
                        arrived: UtcMs(0),
                        data: vec![0; 100].into(),
                    };
                    let _ = memory.push(&unit, UtcMs(second * 1000), run, &parameters());
                    second += 1;
                }
            }
        }
        let letter = |unit: &AccessUnit| match (unit.track, unit.is_keyframe) {
            (Track::Audio, _) => 'a',
            (_, true) => 'K',
            (_, false) => 'f',
        };
        let gops: Vec<String> = memory
            .gops()
            .map(|gop| gop.units.iter().map(|(unit, _)| letter(unit)).collect())
            .collect();
        let gone = memory.let_go();
        format!("{}{}", gops.join(" "), if gone > 0 { format!(" -{gone}") } else { String::new() })
    }

    #[test]
    fn it_holds_whole_gops_up_to_its_bound() {
        assert_eq!(run(9, "ffKafKf"), "Kaf Kf");
        assert_eq!(run(5, "KafKfKf"), "Kf Kf -3", "the oldest goes whole");
        assert_eq!(run(4, "Kffffff"), " -5", "half a GOP is worth nothing");
        assert_eq!(run(4, "KffffffKf"), "Kf -5");
    }

    #[test]
    fn it_reaches_back_as_far_as_it_was_told_and_no_further() {
        assert_eq!(run(99, "KfKfKfKft"), "Kf Kf -4");
        assert_eq!(run(99, "Kffffffft"), "Kfffffff", "a long GOP stays, it is the only one");
    }

    #[test]
    fn what_follows_an_end_needs_a_keyframe_of_its_own() {
        assert_eq!(run(99, "Kf|ffKf"), "Kf Kf");
        assert_eq!(run(99, "KfrfKf"), "Kf Kf");
    }
}
