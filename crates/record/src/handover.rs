//! Brain: when can a process in standby take over, and at which moment? (SPEC section 5: no footage is lost.)
//!
//! Two processes read the same camera, each with its own idea of when a picture was taken, some hundredths of a second
//! apart. They agree on a keyframe all the same if the moment that they are told is far from every keyframe, of the
//! main stream and of the sub stream. Where keyframes are closer than that (every picture is one) a few pictures may be
//! in both files or in none; where GOPs have no regular length it is a guess, and mostly a good one.
//!
//! What does not belong here: who is told (`entry`), who stops and starts processes (the hub).

use std::collections::{BTreeMap, BTreeSet};

use tarsier_types::{StreamKind, UtcMs};

/// So much time has the other process to hear of it.
const AHEAD_MS: i64 = 2_000;
/// A proposal that nobody has answered is of no use so long after its moment.
const STALE_MS: i64 = 5_000;
/// How finely moments are compared.
const STEP_MS: i64 = 20;
/// The longest GOP whose middle is waited for.
const LONGEST_GOP_MS: i64 = 20_000;

/// What came of a stream into the memory of a process in standby.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// A keyframe, taken then.
    Keyframe(UtcMs),
    /// The camera went, or began anew: what comes next does not follow what came before.
    RunEnded,
}

#[derive(Debug, Default)]
pub(crate) struct Takeover {
    /// Streams that are to be recorded.
    recorded: BTreeSet<StreamKind>,
    seen: BTreeMap<StreamKind, Keyframes>,
    proposed: Vec<UtcMs>,
}

#[derive(Clone, Copy, Debug)]
struct Keyframes {
    last: UtcMs,
    interval_ms: Option<i64>,
}

impl Takeover {
    /// That stream is to be recorded, or is not.
    pub(crate) fn recorded(&mut self, stream: StreamKind, is_recorded: bool) {
        if is_recorded {
            self.recorded.insert(stream);
        } else {
            self.recorded.remove(&stream);
        }
    }

    /// Something of that stream came into memory.
    pub(crate) fn seen(&mut self, stream: StreamKind, seen: Seen) {
        match seen {
            Seen::Keyframe(at) => {
                let before = self.seen.get(&stream).map(|seen| at.millis_since(seen.last));
                let interval_ms = before.filter(|millis| *millis > 0);
                self.seen.insert(stream, Keyframes { last: at, interval_ms });
            }
            Seen::RunEnded => drop(self.seen.remove(&stream)),
        }
    }

    /// The moment to propose, when there is one and none is waiting for an answer.
    pub(crate) fn propose(&mut self, now: UtcMs) -> Option<UtcMs> {
        if self.proposed.last().is_some_and(|last| now.millis_since(*last) < STALE_MS) {
            return None;
        }
        let mut clocks = Vec::new();
        for stream in &self.recorded {
            let seen = self.seen.get(stream)?;
            clocks.push((seen.last, seen.interval_ms?));
        }
        let longest = clocks.iter().map(|(_, interval)| *interval).max().unwrap_or(STEP_MS);
        let from = now.plus_millis(AHEAD_MS);
        let steps = longest.clamp(STEP_MS, LONGEST_GOP_MS) / STEP_MS;
        let distance = |at: UtcMs| {
            let of = |(last, interval): &(UtcMs, i64)| {
                let past = at.millis_since(*last).rem_euclid(*interval);
                past.min(interval - past)
            };
            clocks.iter().map(of).min().unwrap_or_default()
        };
        let moments = (0..=steps).map(|step| from.plus_millis(step * STEP_MS));
        // The first of the best: `max_by_key` would take the last.
        let best = moments.rev().max_by_key(|at| distance(*at))?;
        self.proposed.push(best);
        Some(best)
    }

    /// Whether that moment was proposed by us: the other process ends there, then, and nothing is missing.
    pub(crate) fn is_agreed(&self, at: UtcMs) -> bool {
        self.proposed.contains(&at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keyframes of main (`m`) and sub (`s`) at those milliseconds, `r` the main stream's run ended; `?` asks.
    fn run(recorded: &str, script: &str) -> String {
        let mut takeover = Takeover::default();
        takeover.recorded(StreamKind::Main, recorded.contains('m'));
        takeover.recorded(StreamKind::Sub, recorded.contains('s'));
        let mut said = Vec::new();
        for word in script.split_whitespace() {
            let (letter, at) = word.split_at(1);
            let at = UtcMs(at.parse().unwrap());
            match letter {
                "m" => takeover.seen(StreamKind::Main, Seen::Keyframe(at)),
                "s" => takeover.seen(StreamKind::Sub, Seen::Keyframe(at)),
                "r" => takeover.seen(StreamKind::Main, Seen::RunEnded),
                _ => {
                    said.push(takeover.propose(at).map_or("-".to_owned(), |cut| cut.0.to_string()));
                }
            }
        }
        said.join(" ")
    }

    #[test]
    fn it_is_ready_after_two_keyframes_of_every_recorded_stream() {
        assert_eq!(run("m", "m0 ?10 m1000 ?1010"), "- 3490");
        assert_eq!(run("ms", "m0 m1000 ?1010 s1500 ?1510 s2500 ?2510"), "- - 4750");
    }

    #[test]
    fn a_camera_that_went_is_waited_for_again() {
        assert_eq!(run("m", "m0 m1000 r1500 ?2000 m9000 ?9010 m10000 ?10010"), "- - 12490");
    }

    #[test]
    fn the_moment_is_far_from_the_keyframes_of_both_streams() {
        assert_eq!(
            run("m", "m0 m4000 ?4010"),
            "6010",
            "the middle of the GOP is just far enough ahead"
        );
        assert_eq!(run("ms", "m0 s500 m1000 s1500 ?1510"), "3750");
    }

    #[test]
    fn a_proposal_waits_for_its_answer_and_is_made_again_when_none_comes() {
        assert_eq!(run("m", "m0 m1000 ?1010 m2000 ?2010 ?8400 ?8510"), "3490 - - 10510");
    }

    #[test]
    fn only_what_was_proposed_is_agreed() {
        let mut takeover = Takeover::default();
        takeover.recorded(StreamKind::Main, true);
        takeover.seen(StreamKind::Main, Seen::Keyframe(UtcMs(0)));
        takeover.seen(StreamKind::Main, Seen::Keyframe(UtcMs(1000)));
        let cut = takeover.propose(UtcMs(1000)).unwrap();
        assert!(takeover.is_agreed(cut) && !takeover.is_agreed(UtcMs(1000)));
    }
}
