//! Brain: when is footage wanted? By the mode, by events with what comes before and after them, and by the moment at
//! which one process takes over from another (SPEC sections 3 and 5).
//!
//! The unit of beginning is the GOP: one that overlaps a wanted span is wanted from its keyframe on, because nothing
//! else can be decoded. The end is exact. What does not belong here: pictures, files, the schedule (the hub's).

use tarsier_types::{UtcMs, UtcRange};
use tarsier_wire::RecordingMode;

/// What a process in standby keeps: the hub waits 30 s at most for it to be ready.
const STANDBY_MS: i64 = 30_000;
/// An event is told of a little after it happened (guess), and its pre-roll must be there all the same.
const LATE_MS: i64 = 2_000;
/// Two processes agree on a moment that lies less than this ahead.
const AGREED_AHEAD_MS: i64 = 60_000;
/// Events that are remembered at a time; more at once is a program that has gone wrong, and the oldest go.
const EVENTS: usize = 64;

/// The wishes for one stream.
#[derive(Clone, Debug)]
pub(crate) struct Want {
    mode: RecordingMode,
    /// Continuous recording is wanted from then on.
    since: UtcMs,
    /// In order, apart from each other; without pre-roll and post-roll.
    events: Vec<UtcRange>,
    /// Nothing that begins earlier is wanted: another process has it.
    not_before: UtcMs,
}

impl Want {
    /// From the start of a process that is the only one of its camera.
    pub(crate) fn new(mode: RecordingMode) -> Self {
        let ever = UtcMs(i64::MIN);
        Self { mode, since: ever, events: Vec::new(), not_before: ever }
    }

    /// The same, with nothing wanted before [`Self::begin_at`].
    pub(crate) fn standby(mode: RecordingMode) -> Self {
        Self { not_before: UtcMs(i64::MAX), ..Self::new(mode) }
    }

    /// Another process still has it.
    pub(crate) fn is_standby(&self) -> bool {
        self.not_before == UtcMs(i64::MAX)
    }

    /// Another mode from now on.
    pub(crate) fn mode(&mut self, mode: RecordingMode, now: UtcMs) {
        if mode != self.mode {
            self.since = now;
            self.mode = mode;
        }
    }

    /// What was wished for in the past stays so when the clock is put back: nothing waits until it has caught up.
    pub(crate) fn clock(&mut self, now: UtcMs) {
        self.since = self.since.min(now);
        if !self.is_standby() && self.not_before.0.saturating_sub(AGREED_AHEAD_MS) > now.0 {
            self.not_before = now;
        }
    }

    /// Something happens. It becomes one with what it touches.
    pub(crate) fn event(&mut self, event: UtcRange) {
        let touches = |known: &UtcRange| known.start <= event.end && event.start <= known.end;
        let whole = self.events.iter().filter(|known| touches(known)).fold(event, |sum, known| {
            UtcRange::new(sum.start.min(known.start), sum.end.max(known.end))
        });
        self.events.retain(|known| !touches(known));
        let place = self.events.partition_point(|known| known.start < whole.start);
        self.events.insert(place, whole);
        if self.events.len() > EVENTS {
            self.events.remove(0);
        }
    }

    /// What begins before that moment is another process's, what begins later is ours.
    pub(crate) fn begin_at(&mut self, at: UtcMs) {
        self.not_before = at;
    }

    /// What is wanted around that GOP, or that moment, if any of it is.
    pub(crate) fn around(&self, gop: UtcRange) -> Option<UtcRange> {
        if gop.start < self.not_before {
            return None;
        }
        self.goes_on(gop)
    }

    /// The same for a file that is open, whatever it began with.
    pub(crate) fn goes_on(&self, span: UtcRange) -> Option<UtcRange> {
        match self.mode {
            RecordingMode::Off => None,
            RecordingMode::Continuous => {
                (span.end > self.since).then_some(UtcRange::new(self.since, UtcMs(i64::MAX)))
            }
            RecordingMode::OnEvent { pre_roll_ms, post_roll_ms } => {
                let with_rolls = |event: &UtcRange| UtcRange {
                    start: UtcMs(event.start.0.saturating_sub(pre_roll_ms.into())),
                    end: UtcMs(event.end.0.saturating_add(post_roll_ms.into())),
                };
                self.events
                    .iter()
                    .map(with_rolls)
                    .filter(|wanted| wanted.overlap(span).is_some())
                    .reduce(|sum, wanted| {
                        UtcRange::new(sum.start.min(wanted.start), sum.end.max(wanted.end))
                    })
            }
        }
    }

    /// Only what happens is recorded.
    pub(crate) fn is_on_event(&self) -> bool {
        matches!(self.mode, RecordingMode::OnEvent { .. })
    }

    /// That moment is wanted.
    pub(crate) fn is_wanted(&self, at: UtcMs) -> bool {
        self.around(UtcRange::new(at, at.plus_millis(1))).is_some()
    }

    /// How far back memory must reach; a GOP is always kept whole, so that 0 means the last one.
    pub(crate) fn memory_ms(&self) -> i64 {
        match self.mode {
            _ if self.is_standby() => STANDBY_MS,
            RecordingMode::OnEvent { pre_roll_ms, .. } => i64::from(pre_roll_ms) + LATE_MS,
            RecordingMode::Continuous | RecordingMode::Off => 0,
        }
    }

    /// Events that ended before anything that is in memory can never be wanted again.
    pub(crate) fn forget_before(&mut self, oldest: UtcMs) {
        let RecordingMode::OnEvent { post_roll_ms, .. } = self.mode else { return };
        self.events.retain(|event| event.end.0.saturating_add(post_roll_ms.into()) > oldest.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words: `c` continuous, `off`, `e` on event (2 s before, 3 s after), each at the second behind it (`off:5`);
    /// `event:10-12` something happens then; `begin:7` we take over then; `clock:3` it is that second now. Answers with a letter for each GOP of a
    /// second from 0 to 19: `#` wanted, `.` not.
    fn run(first: &str, script: &str) -> String {
        let mode = |name: &str| match name {
            "c" => RecordingMode::Continuous,
            "off" => RecordingMode::Off,
            _ => RecordingMode::OnEvent { pre_roll_ms: 2000, post_roll_ms: 3000 },
        };
        let second = |text: &str| UtcMs(text.parse::<i64>().unwrap() * 1000);
        let mut want = match first.strip_prefix("standby ") {
            Some(name) => Want::standby(mode(name)),
            None => Want::new(mode(first)),
        };
        for word in script.split_whitespace() {
            let (name, at) = word.split_once(':').unwrap();
            match name {
                "event" => {
                    let (from, until) = at.split_once('-').unwrap();
                    want.event(UtcRange::new(second(from), second(until)));
                }
                "begin" => want.begin_at(second(at)),
                "clock" => want.clock(second(at)),
                name => want.mode(mode(name), second(at)),
            }
        }
        let gop = |n: i64| UtcRange::new(UtcMs(n * 1000), UtcMs(n * 1000 + 1000));
        (0..20).map(|n| if want.around(gop(n)).is_some() { '#' } else { '.' }).collect()
    }

    #[test]
    fn a_mode_is_wanted_from_the_gop_in_which_it_began() {
        assert_eq!(run("c", ""), "####################");
        assert_eq!(run("off", "c:5"), ".....###############");
        assert_eq!(run("c", "off:5"), "....................", "off is off at once");
        assert_eq!(run("c", "c:5"), "####################", "the same again changes nothing");
    }

    #[test]
    fn an_event_has_its_time_before_and_after() {
        assert_eq!(run("e", ""), "....................");
        assert_eq!(run("e", "event:8-10"), "......#######.......");
        assert_eq!(run("c", "event:8-10 e:9"), "......#######.......", "known before it mattered");
    }

    #[test]
    fn events_prolong_each_other_and_stay_apart_where_they_do_not_touch() {
        assert_eq!(run("e", "event:4-5 event:5-9"), "..##########........");
        assert_eq!(run("e", "event:4-4 event:14-14"), "..#####.....#####...");
        assert_eq!(run("e", "event:14-14 event:4-4 event:5-13"), "..###############...");
    }

    #[test]
    fn in_standby_nothing_is_wanted_before_it_takes_over() {
        assert_eq!(run("standby c", ""), "....................");
        assert_eq!(run("standby c", "begin:7"), ".......#############");
        assert_eq!(run("standby e", "event:6-9 begin:7"), ".......#####........");
    }

    #[test]
    fn a_clock_that_is_put_back_does_not_postpone_a_recording() {
        assert_eq!(run("off", "c:3600 clock:5"), ".....###############");
        assert_eq!(run("standby c", "begin:3600 clock:5"), ".....###############");
        assert_eq!(run("standby c", "begin:7 clock:5"), ".......#############", "agreed, and soon");
        assert_eq!(run("standby c", "clock:5"), "....................");
    }

    #[test]
    fn a_flood_of_events_is_bounded_and_the_newest_counts() {
        let mut want = Want::new(RecordingMode::OnEvent { pre_roll_ms: 0, post_roll_ms: 0 });
        for n in 0..1000 {
            want.event(UtcRange::new(UtcMs(n * 10), UtcMs(n * 10 + 1)));
        }
        assert_eq!(want.events.len(), EVENTS);
        assert!(want.is_wanted(UtcMs(9990)) && !want.is_wanted(UtcMs(0)));
    }
}
