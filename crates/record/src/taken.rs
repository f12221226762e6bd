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
