//! Brain: one recorder takes over from another without a lost picture.
//!
//! ```text
//! veteran   ==K====K====K====|                 ends before the first keyframe at or after cut_at
//! successor    (memory) K====|K====K====K==    begins with that keyframe
//!                          ^ cut_at, in the middle of a GOP
//! ```
//! The successor is told first: if the hub dies between the two words, some footage is there twice rather than not at
//! all. The crash of either leaves the other one working. A hub that dies in the middle leaves two processes, which
//! the next one sorts out (`duty`). What does not belong here: processes, why it is done.

use std::collections::VecDeque;
use std::time::Duration;

use tarsier_types::{Mono, UtcMs};

/// The veteran may take so long behind `cut_at`.
const END_PATIENCE: Duration = Duration::from_secs(15);
/// A cut further away is a camera with GOPs of minutes: waiting for it helps nobody.
const FARTHEST_CUT_MS: i64 = 120_000;

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    /// The successor has seen enough.
    Ready { cut_at: UtcMs },
    /// The camera lets the successor not in.
    Refused,
    /// Its process ended.
    SuccessorGone,
    /// The veteran's process ended; its footage reaches up to there, if that is known.
    VeteranGone { written_to: Option<UtcMs> },
    /// Time has passed.
    Tick,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Output {
    /// Tell the successor to write from then on.
    Begin(UtcMs),
    /// Tell the veteran to write up to then.
    End(UtcMs),
    /// It does not end by itself.
    StopVeteran,
    /// The successor serves the camera now. It is over.
    Promote,
    /// Nothing comes of it. It is over.
    GiveUp(Why),
}

/// Why nothing came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// Two at once is too much for this camera: one has to go before the other comes.
    NoRoom,
    /// The successor is gone; the veteran goes on.
    Crashed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Preparing { until: Mono },
    Ending { cut_at: UtcMs, stop_at: Mono },
    Stopping,
    Over,
}

/// One handover.
#[derive(Clone, Debug)]
pub(crate) struct Handover {
    phase: Phase,
    out: VecDeque<Output>,
}

impl Handover {
    /// The successor has just been started.
    pub(crate) fn new(now: Mono, patience: Duration) -> Self {
        Self { phase: Phase::Preparing { until: now + patience }, out: VecDeque::new() }
    }

    pub(crate) fn poll(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// Both were told: nobody may interfere.
    pub(crate) const fn is_settled(&self) -> bool {
        !matches!(self.phase, Phase::Preparing { .. })
    }

    pub(crate) fn handle(&mut self, now: Mono, utc: UtcMs, input: Input) {
        match (self.phase, input) {
            (Phase::Preparing { .. }, Input::Ready { cut_at }) => self.ready(now, utc, cut_at),
            (Phase::Preparing { .. }, Input::Refused) => self.give_up(Why::NoRoom),
            (Phase::Preparing { until }, Input::Tick) if now >= until => self.give_up(Why::NoRoom),
            (Phase::Preparing { .. }, Input::VeteranGone { written_to }) => {
                self.out.push_back(Output::Begin(written_to.unwrap_or(utc)));
                self.over(Output::Promote);
            }
            (Phase::Ending { cut_at, .. }, Input::VeteranGone { written_to }) => {
                // It died before its time: the successor has the rest in memory.
                if let Some(end) = written_to.filter(|end| utc < cut_at && *end < cut_at) {
                    self.out.push_back(Output::Begin(end));
                }
                self.over(Output::Promote);
            }
            (Phase::Stopping, Input::VeteranGone { .. }) => self.over(Output::Promote),
            (Phase::Ending { stop_at, .. }, Input::Tick) if now >= stop_at => {
                self.phase = Phase::Stopping;
                self.out.push_back(Output::StopVeteran);
            }
            (Phase::Preparing { .. } | Phase::Stopping, Input::SuccessorGone) => {
                self.give_up(Why::Crashed);
            }
            (Phase::Ending { .. }, Input::SuccessorGone) => {
                self.out.push_back(Output::End(UtcMs(i64::MAX)));
                self.give_up(Why::Crashed);
            }
            _ => {}
        }
    }

    fn ready(&mut self, now: Mono, utc: UtcMs, cut_at: UtcMs) {
        let ahead = cut_at.millis_since(utc);
        if ahead > FARTHEST_CUT_MS {
            return self.give_up(Why::NoRoom);
        }
        let ahead = Duration::from_millis(u64::try_from(ahead).unwrap_or_default());
        self.phase = Phase::Ending { cut_at, stop_at: now + ahead + END_PATIENCE };
        self.out.extend([Output::Begin(cut_at), Output::End(cut_at)]);
    }

    fn give_up(&mut self, why: Why) {
        self.over(Output::GiveUp(why));
    }

    fn over(&mut self, last: Output) {
        self.phase = Phase::Over;
        self.out.push_back(last);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: UtcMs = UtcMs(1_795_205_640_000);

    /// A number: so many seconds pass, with a tick each. `r3` ready, with a cut in 3 s; `no` refused; `s` the successor
    /// ends; `v` the veteran ends, its footage up to now; `v?` with nothing known. Answers what is done, times in
    /// seconds since the start.
    fn run(script: &str) -> String {
        let mut handover = Handover::new(Mono::ZERO, Duration::from_secs(30));
        let (mut second, mut said) = (0_i64, Vec::new());
        for word in script.split_whitespace() {
            let at = |seconds: i64| START.plus_millis(seconds * 1000);
            let (inputs, passes) = match word {
                "no" => (Input::Refused, 0),
                "s" => (Input::SuccessorGone, 0),
                "v" => (Input::VeteranGone { written_to: Some(at(second)) }, 0),
                "v?" => (Input::VeteranGone { written_to: None }, 0),
                word => match word.strip_prefix('r') {
                    Some(ahead) => {
                        (Input::Ready { cut_at: at(second + ahead.parse::<i64>().unwrap()) }, 0)
                    }
                    None => (Input::Tick, word.parse::<i64>().unwrap()),
                },
            };
            for _ in 0..passes.max(1) {
                second += i64::from(passes > 0);
                let now = Mono::from_millis(u64::try_from(second).unwrap() * 1000);
                handover.handle(now, at(second), inputs);
                while let Some(output) = handover.poll() {
                    let since = |at: UtcMs| match at.0 {
                        i64::MAX => "never".to_owned(),
                        _ => (at.millis_since(START) / 1000).to_string(),
                    };
                    said.push(match output {
                        Output::Begin(at) => format!("begin:{}", since(at)),
                        Output::End(at) => format!("end:{}", since(at)),
                        Output::StopVeteran => format!("stop@{second}"),
                        Output::Promote => "promote".to_owned(),
                        Output::GiveUp(why) => format!("{why:?}@{second}"),
                    });
                }
            }
        }
        said.join(" ")
    }

    #[test]
    fn both_are_told_the_same_cut_the_successor_first() {
        assert_eq!(run("4 r3 3 v 100"), "begin:7 end:7 promote");
    }

    #[test]
    fn a_camera_that_allows_one_session_is_not_asked_for_two_any_longer() {
        assert_eq!(run("1 no 100"), "NoRoom@1");
        assert_eq!(run("100"), "NoRoom@30", "not ready within 30 s");
        assert_eq!(run("1 r600"), "NoRoom@1", "a GOP of minutes");
    }

    #[test]
    fn a_successor_that_crashes_leaves_the_veteran_working() {
        assert_eq!(run("4 s 100"), "Crashed@4", "it was told nothing yet");
        assert_eq!(
            run("4 r3 1 s 100"),
            "begin:7 end:7 end:never Crashed@5",
            "its end is taken back"
        );
    }

    #[test]
    fn a_veteran_that_crashes_leaves_the_successor_working() {
        assert_eq!(run("4 v 100"), "begin:4 promote", "from memory, where the other left off");
        assert_eq!(run("4 v?"), "begin:4 promote", "from now on, if that is not known");
        assert_eq!(run("4 r3 1 v"), "begin:7 end:7 begin:5 promote", "earlier than agreed");
        assert_eq!(run("4 r3 5 v"), "begin:7 end:7 promote", "it writes already");
    }

    #[test]
    fn a_veteran_that_does_not_end_is_stopped_15_s_after_the_cut() {
        assert_eq!(run("4 r3 30 v"), "begin:7 end:7 stop@22 promote");
    }
}
