//! Brain: which decoded pictures are encoded again, and which of them begin a GOP.
//!
//! Each keyframe of the source is one of the output, so that viewers can begin wherever the source lets them, and a
//! source with long GOPs gets one every [`LONGEST_GOP`]. Who has fallen behind decodes everything, for the next
//! picture needs it, but encodes no more than keyframes until he has caught up: the present matters, not the past.
//!
//! What does not belong here: libav.

use tarsier_types::Ticks;

/// A viewer who joins waits no longer than this for a picture.
const LONGEST_GOP: Ticks = Ticks(2 * Ticks::PER_SECOND);
/// So far may a picture lie behind the newest one that has come in (guess: less is not seen).
const LATE_US: i64 = 500_000;

/// What is done with a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    LeaveOut,
    Keyframe,
    Plain,
}

/// What is known of a picture when it is decoded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Decoded {
    pub(crate) pts: i64,
    pub(crate) was_keyframe: bool,
    pub(crate) arrived_utc_us: i64,
}

/// The brain: one a run.
#[derive(Debug, Default)]
pub(crate) struct Cadence {
    last: Option<i64>,
    last_keyframe: Option<i64>,
}

impl Cadence {
    /// The next picture in the order in which they are shown; `newest_utc_us`: when the newest one that is at hand
    /// arrived.
    pub(crate) fn judge(&mut self, picture: Decoded, newest_utc_us: i64) -> Verdict {
        // A picture that is not later than its predecessor can stand in no file.
        if self.last.is_some_and(|last| picture.pts <= last) {
            return Verdict::LeaveOut;
        }
        let begins = self.last_keyframe.is_none() || picture.was_keyframe;
        let is_late = newest_utc_us - picture.arrived_utc_us > LATE_US;
        if is_late && !begins {
            return Verdict::LeaveOut;
        }
        self.last = Some(picture.pts);
        let is_due = self.last_keyframe.is_some_and(|last| picture.pts - last >= LONGEST_GOP.0);
        if begins || is_due {
            self.last_keyframe = Some(picture.pts);
            return Verdict::Keyframe;
        }
        Verdict::Plain
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `K`/`f` a picture is decoded that comes 200 ms after the one before, `=` one of the same time; `1`..`9` the
    /// reader is so many pictures ahead from now on. Answer: `K`, `f`, or `-` for one that is left out.
    fn run(script: &str) -> String {
        let (mut cadence, mut at, mut ahead) = (Cadence::default(), 0_i64, 0_i64);
        let mut shown = String::new();
        for step in script.chars() {
            if let Some(pictures) = step.to_digit(10) {
                ahead = pictures.into();
                continue;
            }
            at += i64::from(step != '=');
            let picture = Decoded {
                pts: at * 18_000,
                was_keyframe: step == 'K',
                arrived_utc_us: at * 200_000,
            };
            shown.push(match cadence.judge(picture, (at + ahead) * 200_000) {
                Verdict::LeaveOut => '-',
                Verdict::Keyframe => 'K',
                Verdict::Plain => 'f',
            });
        }
        shown
    }

    #[test]
    fn a_keyframe_stays_one_and_another_comes_every_2_s() {
        assert_eq!(run("KffKff"), "KffKff");
        assert_eq!(run("KfffffffffffffK"), "KfffffffffKfffK");
        assert_eq!(run("fff"), "Kff", "nothing is shown of a run that does not begin with one");
    }

    #[test]
    fn who_is_behind_encodes_only_keyframes_until_he_has_caught_up() {
        assert_eq!(run("9Kff5ff2ff"), "K----ff");
        assert_eq!(run("Kf9ffKf2f"), "Kf--K-f");
    }

    #[test]
    fn a_picture_that_is_no_later_is_left_out() {
        assert_eq!(run("Kf=f"), "Kf-f");
    }
}
