//! Does a connection carry media? A reconnect counts as done only when it does. SPEC section 4.
//!
//! Proven is: parameter sets were announced (the same as before, or others), a keyframe came with them, and a picture
//! came after it that is shown later. The first picture of any kind must come within 10 s
//! ([`crate::Policy::first_unit`]); a keyframe may take longer, for with a smart GOP the next one can be minutes away
//! and a new connection would only start the wait again.
//!
//! What does not belong here: what ceases to flow later (`liveness`).

use std::time::Duration;

use tarsier_types::{Mono, Pts, UtcMs};

/// What is still missing when the time for it is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// Not one picture.
    Picture,
    /// Pictures, but none that decoding can start with.
    Keyframe,
    /// Pictures that are all shown at the same time.
    Advance,
}

impl Missing {
    /// In a log line, and in an event's `error`.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Picture => "connected, but no picture came in time",
            Self::Keyframe => "pictures came, but no keyframe in time",
            Self::Advance => "the timestamps of the pictures stand still",
        }
    }
}

/// How long things may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// From the answer to the first picture; also from the first keyframe to a later time, while pictures come.
    pub first_unit: Duration,
    /// From the answer to the first keyframe.
    pub first_keyframe: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Nothing,
    Pictures,
    Keyframe { at: Mono, pts: Pts, utc: UtcMs, followed: bool },
    Proven { since: UtcMs },
}

/// The proof of one connection.
#[derive(Clone, Debug)]
pub struct Proof {
    patience: Patience,
    opened: Mono,
    has_parameters: bool,
    step: Step,
}

impl Proof {
    /// The other side answered just now.
    pub const fn new(patience: Patience, opened: Mono) -> Self {
        Self { patience, opened, has_parameters: false, step: Step::Nothing }
    }

    /// Parameter sets were announced.
    pub const fn parameters(&mut self) {
        self.has_parameters = true;
    }

    /// A picture came. Answers since when pictures flow, once, when that is proven.
    pub fn picture(
        &mut self,
        now: Mono,
        pts: Pts,
        is_keyframe: bool,
        arrived: UtcMs,
    ) -> Option<UtcMs> {
        match &mut self.step {
            Step::Nothing | Step::Pictures => {
                self.step = if is_keyframe && self.has_parameters {
                    Step::Keyframe { at: now, pts, utc: arrived, followed: false }
                } else {
                    Step::Pictures
                };
                None
            }
            Step::Keyframe { pts: first, utc, .. } if pts > *first => {
                let since = *utc;
                self.step = Step::Proven { since };
                Some(since)
            }
            Step::Keyframe { followed, .. } => {
                *followed = true;
                None
            }
            Step::Proven { .. } => None,
        }
    }

    /// A picture came that nobody can decode, because no keyframe came before it.
    pub const fn early_picture(&mut self) {
        if matches!(self.step, Step::Nothing) {
            self.step = Step::Pictures;
        }
    }

    /// Media flows.
    pub const fn is_proven(&self) -> bool {
        matches!(self.step, Step::Proven { .. })
    }

    /// At least one picture came.
    pub const fn has_pictures(&self) -> bool {
        !matches!(self.step, Step::Nothing)
    }

    /// When it fails, and of what.
    pub fn fails_at(&self) -> Option<(Mono, Missing)> {
        match self.step {
            Step::Nothing => Some((self.opened + self.patience.first_unit, Missing::Picture)),
            Step::Pictures => Some((self.opened + self.patience.first_keyframe, Missing::Keyframe)),
            // A lonely keyframe is a matter of liveness: the next picture of a slow stream may be far away.
            Step::Keyframe { followed: false, .. } | Step::Proven { .. } => None,
            Step::Keyframe { at, .. } => Some((at + self.patience.first_unit, Missing::Advance)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One picture a second: `K` keyframe, `f` another, `e` one before the first keyframe, `=` one shown at the same
    /// time as the first, `P` parameter sets, `.` a second without anything. Answers what came of it, and when.
    fn run(script: &str) -> String {
        let patience = Patience {
            first_unit: Duration::from_secs(10),
            first_keyframe: Duration::from_secs(300),
        };
        let mut proof = Proof::new(patience, Mono::ZERO);
        let mut second = 0_u32;
        for letter in script.chars() {
            let now = Mono::from_millis(u64::from(second) * 1000);
            if let Some((at, missing)) = proof.fails_at()
                && now >= at
            {
                return format!("{missing:?} after {second} s");
            }
            let pts = Pts(if letter == '=' { 0 } else { i64::from(second) * 90_000 });
            let utc = UtcMs(i64::from(second) * 1000);
            let proven = match letter {
                'P' => {
                    proof.parameters();
                    continue;
                }
                'e' => {
                    proof.early_picture();
                    None
                }
                '.' => None,
                letter => proof.picture(now, pts, letter == 'K', utc),
            };
            if let Some(since) = proven {
                return format!("since {} s, proven after {second} s", since.0 / 1000);
            }
            second += 1;
        }
        match proof.fails_at() {
            Some((at, missing)) => format!("{missing:?} at {} s", at.since_zero().as_secs()),
            None => "waits".to_owned(),
        }
    }

    #[test]
    fn a_keyframe_with_parameters_and_a_later_picture_are_the_proof() {
        insta::assert_snapshot!(run("PKf"), @"since 0 s, proven after 1 s");
        insta::assert_snapshot!(run("..PKf"), @"since 2 s, proven after 3 s");
        insta::assert_snapshot!(run("PeeeKf"), @"since 3 s, proven after 4 s");
    }

    #[test]
    fn less_than_that_is_none() {
        insta::assert_snapshot!(run("PK"), @"waits");
        insta::assert_snapshot!(run("Pfff"), @"Keyframe at 300 s");
        insta::assert_snapshot!(run("KfK"), @"Keyframe at 300 s");
    }

    #[test]
    fn a_connection_without_pictures_has_failed_after_ten_seconds() {
        insta::assert_snapshot!(run("P..........."), @"Picture after 10 s");
    }

    #[test]
    fn timestamps_that_stand_still_are_no_success() {
        insta::assert_snapshot!(run("PK==========="), @"Advance after 10 s");
    }

    #[test]
    fn a_smart_gop_of_minutes_is_waited_for() {
        let four_minutes = format!("P{}Kf", "e".repeat(240));
        insta::assert_snapshot!(run(&four_minutes), @"since 240 s, proven after 241 s");
        let never = format!("P{}", "e".repeat(400));
        insta::assert_snapshot!(run(&never), @"Keyframe after 300 s");
    }
}
