//! Brain: when was a unit taken? By the line of its run, from its beginning (`settling`) over the steps of the wall clock
//! to its end.
//!
//! What does not belong here: the line itself (`ingest`'s anchor), files and their labels (`recording`).

use tarsier_ingest::Anchor;
use tarsier_types::{AccessUnit, Pts, Track, UtcMs};

use crate::lateness::Lateness;
use crate::settling::Settling;

/// The line of a stream's run.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    /// What the run began with, until it is known when that was taken.
    settling: Option<Settling>,
    anchor: Option<Anchor>,
    lateness: Lateness,
    step: Step,
}

/// Whether the wall clock was stepped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Step {
    #[default]
    No,
    /// The line begins anew at the next keyframe.
    Pending,
    /// It has: a hole before the next file may be the step's doing.
    Done,
}

/// What a unit did to the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    None,
    /// It is lost: the next keyframe must begin a file.
    Broken,
    /// It begins anew with this keyframe.
    Anew,
    /// It was put right, and what is in memory was taken that much later.
    Moved {
        by_ms: i64,
    },
}

impl Taken {
    /// A run begins; its first keyframe came at `zero`.
    pub(crate) fn begin(&mut self, zero: UtcMs) {
        self.anchor = None;
        self.settling = Some(Settling::new(zero));
    }

    /// Holds a unit while the run settles; any other is given back.
    pub(crate) fn hold(&mut self, unit: AccessUnit) -> Option<AccessUnit> {
        match &mut self.settling {
            Some(settling) => {
                settling.push(unit);
                None
            }
            None => Some(unit),
        }
    }

    pub(crate) fn is_settling(&self) -> bool {
        self.settling.is_some()
    }

    /// There is something held, and no need to hold it longer.
    pub(crate) fn has_settled(&self, now: UtcMs) -> bool {
        self.settling.as_ref().is_some_and(|settling| settling.is_over(now))
    }

    /// The line is drawn by what is known, and what was held is given back.
    pub(crate) fn settle(&mut self) -> Vec<AccessUnit> {
        let Some((zero, units)) = self.settling.take().map(Settling::end) else {
            return Vec::new();
        };
        let anchor = Anchor::new(zero);
        self.lateness = Lateness::default();
        // How late pictures are, the newest of them tell: the first ones may have waited in the camera.
        for unit in units.iter().filter(|unit| unit.track == Track::Video) {
            self.lateness.observe(anchor.utc_of(unit.pts), unit.arrived);
        }
        self.anchor = Some(anchor);
        units
    }

    /// When the unit was taken; none before a run has begun. Where nothing has been said yet about what came
    /// before (`may_move`), the line is put right at once.
    pub(crate) fn place(&mut self, unit: &AccessUnit, may_move: bool) -> Option<(UtcMs, Change)> {
        let anchor = self.anchor.as_mut()?;
        if unit.track == Track::Audio {
            return Some((anchor.utc_of(unit.pts), Change::None));
        }
        let mut change = Change::None;
        if anchor.observe(unit.pts, unit.arrived).is_step() && self.step != Step::Pending {
            self.step = Step::Pending;
            change = Change::Broken;
        }
        let late_ms = unit.arrived.millis_since(anchor.utc_of(unit.pts));
        if self.step == Step::Pending && unit.is_keyframe {
            self.step = Step::Done;
            change = Change::Anew;
            *anchor = Anchor::new(unit.arrived.plus_millis(-(unit.pts - Pts(0)).to_millis()));
            self.lateness = Lateness::default();
        } else if may_move && late_ms < 0 {
            // The first pictures were late.
            change = Change::Moved { by_ms: late_ms };
            *anchor = Anchor::new(anchor.utc_of(Pts(0)).plus_millis(late_ms));
            self.lateness = Lateness::default();
        }
        let at = anchor.utc_of(unit.pts);
        self.lateness.observe(at, unit.arrived);
        Some((at, change))
    }

    /// How late pictures come, at least, and when one came that was taken at `at`.
    pub(crate) fn lateness(&self) -> &Lateness {
        &self.lateness
    }

    pub(crate) fn step(&self) -> Step {
        self.step
    }

    /// A file has begun behind the step.
    pub(crate) fn step_is_told(&mut self) {
        if self.step == Step::Done {
            self.step = Step::No;
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use tarsier_types::{Dts, Ticks};

    use super::*;

    const ZERO: UtcMs = UtcMs(1_700_000_000_000);

    fn unit(track: Track, media_ms: i64, came_ms: i64) -> AccessUnit {
        let ticks = Ticks::from_millis(media_ms).0;
        AccessUnit {
            track,
            pts: Pts(ticks),
            dts: Dts(ticks),
            duration: Ticks::from_millis(40),
            is_keyframe: track == Track::Audio || media_ms % 45_000 == 0,
            arrived: ZERO.plus_millis(came_ms),
            data: Bytes::new(),
        }
    }

    fn picture(media_ms: i64, came_ms: i64) -> AccessUnit {
        unit(Track::Video, media_ms, came_ms)
    }

    /// A run whose pictures come when they are taken, settled by its first half second.
    fn taken() -> Taken {
        let mut taken = Taken::default();
        taken.begin(ZERO);
        for n in 0..12 {
            assert_eq!(taken.hold(picture(n * 40, n * 40)), None);
        }
        assert!(taken.has_settled(ZERO.plus_millis(480)) && taken.settle().len() == 12);
        taken
    }

    /// Pictures each half second from `from` to `to` seconds, on a clock that was set by `set_by_ms`; where the line broke
    /// and where it began anew, in milliseconds of media time.
    fn changes(taken: &mut Taken, from: i64, to: i64, set_by_ms: i64) -> Vec<(i64, Change)> {
        let media = (from * 2..to * 2).map(|half| half * 500);
        let change = |media| {
            let (_, change) = taken.place(&picture(media, media + set_by_ms), false)?;
            (change != Change::None).then_some((media, change))
        };
        media.filter_map(change).collect()
    }

    #[test]
    fn a_line_that_nothing_was_said_by_is_put_right_and_another_is_not() {
        let late = || {
            let mut taken = Taken::default();
            taken.begin(ZERO.plus_millis(500));
            assert_eq!(taken.hold(picture(0, 500)), None);
            taken.settle();
            taken
        };
        let mut said = late();
        let (at, change) = said.place(&picture(40, 40), false).unwrap();
        assert_eq!((at, change), (ZERO.plus_millis(540), Change::None), "files know the old line");
        let mut unsaid = late();
        let (at, change) = unsaid.place(&picture(40, 40), true).unwrap();
        assert_eq!((at, change), (ZERO.plus_millis(40), Change::Moved { by_ms: -500 }));
        assert_eq!(unsaid.lateness().millis(), 0, "what was late by the old line is not by this");
        let (_, change) = unsaid.place(&picture(80, 180), true).unwrap();
        assert_eq!(change, Change::None, "late pictures move nothing");
    }

    #[test]
    fn a_set_clock_breaks_the_line_once_and_the_next_keyframe_begins_it_anew() {
        for set_by in [-3_600_000, 3_600_000] {
            let mut taken = taken();
            assert_eq!(changes(&mut taken, 1, 31, 0), [], "the clock is right");
            let [(broke_at, Change::Broken)] = changes(&mut taken, 31, 90, set_by)[..] else {
                panic!("{set_by}: the line breaks once, however late a keyframe comes")
            };
            assert!(broke_at <= 80_000, "{broke_at}");
            assert_eq!(changes(&mut taken, 90, 91, set_by), [(90_000, Change::Anew)], "a keyframe");
            let late = taken.lateness().millis();
            assert!(late.abs() <= 1, "{late} ms, by the old line");
            let (at, _) = taken.place(&picture(92_000, 92_000 + set_by), false).unwrap();
            assert!(at.millis_since(ZERO.plus_millis(92_000 + set_by)).abs() <= 1, "by the clock");
        }
    }

    #[test]
    fn a_step_explains_one_hole_and_not_the_next() {
        let mut taken = taken();
        taken.step_is_told();
        changes(&mut taken, 1, 100, 3_600_000);
        assert_eq!(taken.step(), Step::Done);
        taken.step_is_told();
        assert_eq!(taken.step(), Step::No, "what is missing later, the camera has not sent");
        changes(&mut taken, 100, 200, 0);
        assert_eq!(taken.step(), Step::Done, "and a second step is one, too");
    }

    #[test]
    fn sound_is_no_witness_of_how_late_pictures_are() {
        let mut taken = Taken::default();
        taken.begin(ZERO);
        for n in 0..12 {
            taken.hold(picture(n * 40, n * 40 + if n == 0 { 0 } else { 30 }));
            taken.hold(unit(Track::Audio, n * 40 + 700, n * 40));
        }
        taken.settle();
        assert_eq!(taken.lateness().millis(), 0, "and not that it came 700 ms too early");
        let (at, change) = taken.place(&unit(Track::Audio, 2_000, 100), true).unwrap();
        assert_eq!((at, change), (ZERO.plus_millis(2_000), Change::None));
    }
}
