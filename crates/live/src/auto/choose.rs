//! Brain: which of a camera's streams a viewer should have.
//!
//! Down goes who gets less than his stream has, as soon as that is sure. Up goes who was calm for a while: first a *probe*
//! (padding as large as the better stream would be, [`Chooser::probe_bps`]) shows whether there is room, so that a failed try
//! costs no picture; then he goes over. Each failed probe doubles the wait for the next one, up to [`PROBED_EVERY`]; a stream that
//! had to be left soon after all doubles it up to [`LONGEST_WAIT`]. Who needs no large picture gets the small stream.
//! What does not belong here: how lag and capacity are measured ([`super::flight`]), how one goes over ([`super::splice`]).

use std::collections::HashMap;
use std::time::Duration;

use tarsier_types::{Mono, StreamKind};

use super::ladder::Ladder;
use crate::stream::LiveStream;

/// A lag of so much that grows is more than a hiccup (guess; a player keeps 0.1 to 0.6 s in hand).
const SHORT_LAG: Duration = Duration::from_millis(400);
/// A lag that only shrinks slowly is a shortage as well.
const HOPELESS_LAG: Duration = Duration::from_millis(2500);
/// From this lag on the connection is not calm.
const STRAIN: Duration = Duration::from_millis(300);
/// What was sent before he went over is still under way.
const SETTLING: Duration = Duration::from_secs(2);
/// So long calm before the first try to go up.
const FIRST_WAIT: Duration = Duration::from_secs(3);
/// After probes that failed. With the probe and a GOP: within 15 s of the bandwidth's return.
const PROBED_EVERY: Duration = Duration::from_secs(8);
/// After streams that had to be left again.
const LONGEST_WAIT: Duration = Duration::from_secs(120);
/// So long padding is sent.
const PROBE: Duration = Duration::from_millis(1500);
/// Of what the better stream has, so much must have arrived, in percent: it is measured over some messages only.
const PROBE_PERCENT: u64 = 95;
/// A stream that lasts for so long was no failed try.
const TRIAL: Duration = Duration::from_secs(10);
/// What a better stream needs, of what was measured of it, in percent: it is not always the same.
const MARGIN_PERCENT: u64 = 120;
/// How much more a stream has that was never measured (guess).
const UNKNOWN_FACTOR: u64 = 4;

/// What was measured of the stream that is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// How far the viewer is behind.
    pub lag: Duration,
    /// What reached him of late, in bits a second.
    pub capacity_bps: u64,
    /// What the stream has, in bits a second, once that is known.
    pub rate_bps: Option<u64>,
}

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// Some ten times a second.
    Measured(Sample),
    /// From now on pictures of that stream are sent.
    WentOver(LiveStream),
    /// He cannot decode it.
    CannotPlay(LiveStream),
    /// It is gone for good.
    IsGone(LiveStream),
    /// Nothing better than this is of use to him from now on.
    Best(StreamKind),
}

/// What is known of his connection at the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Line {
    /// Nothing: the best is tried.
    #[default]
    Unknown,
    /// It has just proved narrow.
    Narrow,
}

/// The brain.
#[derive(Debug)]
pub struct Chooser {
    ladder: Ladder,
    is_told: bool,
    most: StreamKind,
    /// Somebody looks at a small picture that he has made large.
    is_waited_for: bool,
    on: Option<LiveStream>,
    wanted: Option<LiveStream>,
    went_over: Mono,
    calm_since: Mono,
    wait: Duration,
    probing_since: Option<Mono>,
    /// He went up, and it is not yet sure that he can stay.
    trial_until: Option<Mono>,
    rates: HashMap<LiveStream, u64>,
}

/// What is known of a viewer at the start.
#[derive(Clone, Debug)]
pub struct Start {
    /// What there is to choose from.
    pub ladder: Ladder,
    /// Nothing better than this is of use to him.
    pub most: StreamKind,
    /// His connection.
    pub line: Line,
    /// Whether he tells what reaches him: only then a probe has a result.
    pub is_told: bool,
}

impl Chooser {
    /// The best stream, or the one below it where the best is not to be tried.
    pub fn new(now: Mono, start: Start) -> Self {
        let mut chooser = Self {
            ladder: start.ladder,
            is_told: start.is_told,
            most: start.most,
            is_waited_for: false,
            on: None,
            wanted: None,
            went_over: now,
            calm_since: now,
            wait: FIRST_WAIT,
            probing_since: None,
            trial_until: None,
            rates: HashMap::new(),
        };
        let best = chooser.best();
        let lower = best.and_then(|best| chooser.below(best));
        chooser.wanted = lower.filter(|_| start.line == Line::Narrow).or(best);
        chooser
    }

    /// Which stream he should have; none if there is none that he can play.
    pub const fn wanted(&self) -> Option<LiveStream> {
        self.wanted
    }

    /// Which stream it would be next, if the connection got worse: to be had at once, it must be at hand.
    pub fn next_lower(&self) -> Option<LiveStream> {
        self.below(self.on?)
    }

    fn below(&self, stream: LiveStream) -> Option<LiveStream> {
        let steps = self.ladder.steps();
        let at = steps.iter().position(|step| *step == stream)?;
        steps.get(at + 1).copied()
    }

    /// Whether he should have what is wanted at once, though it is a better one.
    pub const fn is_waited_for(&self) -> bool {
        self.is_waited_for
    }

    /// Whether none would be of more use to him than that one.
    pub fn is_best(&self, stream: LiveStream) -> bool {
        let steps = self.ladder.steps();
        let place = |of| steps.iter().position(|step| Some(*step) == of);
        place(Some(stream)) <= place(self.best())
    }

    /// Whether that stream is a worse one than the one that is shown.
    pub fn is_lower(&self, stream: LiveStream) -> bool {
        let steps = self.ladder.steps();
        let place = |of| steps.iter().position(|step| Some(*step) == of);
        match (place(Some(stream)), place(self.on)) {
            (Some(stream), Some(on)) => stream > on,
            _ => false,
        }
    }

    /// How much padding is to be sent now, in bits a second.
    pub fn probe_bps(&self) -> Option<u64> {
        self.probing_since?;
        let up_bps = self.rate_of(self.upper()?);
        Some((up_bps.saturating_mul(MARGIN_PERCENT) / 100).saturating_sub(self.rate_of(self.on?)))
    }

    /// Takes in what happened.
    pub fn handle(&mut self, now: Mono, input: Input) {
        match input {
            Input::Measured(sample) => self.measured(now, sample),
            Input::WentOver(stream) => {
                let is_up = self.on.is_some() && self.is_better(stream);
                self.trial_until = is_up.then_some(now + TRIAL);
                self.on = Some(stream);
                self.is_waited_for = false;
                self.went_over = now;
                self.calm_since = now;
                self.probing_since = None;
            }
            Input::CannotPlay(stream) => {
                self.ladder.cannot_play(stream);
                self.without(stream);
            }
            Input::IsGone(stream) => {
                self.ladder.is_gone(stream);
                self.without(stream);
            }
            Input::Best(most) => self.needs(now, most),
        }
    }

    fn measured(&mut self, now: Mono, sample: Sample) {
        let Some(on) = self.on else { return };
        if let Some(rate) = sample.rate_bps {
            self.rates.insert(on, rate);
        }
        if sample.lag >= STRAIN {
            self.calm_since = now;
            if self.probing_since.is_some() {
                self.probe_failed(now);
            }
        }
        if self.is_short(now, sample) {
            self.go_down(now, sample.capacity_bps);
            return;
        }
        if self.trial_until.is_some_and(|until| until <= now) {
            self.trial_until = None;
            self.wait = (self.wait / 2).max(FIRST_WAIT);
        }
        if self.wanted == self.on {
            self.try_to_go_up(now, sample.capacity_bps);
        }
    }

    fn probe_failed(&mut self, now: Mono) {
        self.probing_since = None;
        self.calm_since = now;
        self.wait = self.wait.max((self.wait * 2).min(PROBED_EVERY));
    }

    /// As measured, or guessed from what is shown.
    fn rate_of(&self, stream: LiveStream) -> u64 {
        let shown = self.on.and_then(|on| self.rates.get(&on)).copied().unwrap_or_default();
        let guessed = shown.saturating_mul(UNKNOWN_FACTOR);
        self.rates.get(&stream).copied().unwrap_or(guessed)
    }

    fn is_short(&self, now: Mono, sample: Sample) -> bool {
        let is_settled = now.since(self.went_over) >= SETTLING;
        let gets_less = sample.rate_bps.is_some_and(|rate| sample.capacity_bps < rate);
        (sample.lag >= SHORT_LAG && gets_less) || (sample.lag >= HOPELESS_LAG && is_settled)
    }

    fn go_down(&mut self, now: Mono, capacity_bps: u64) {
        if self.trial_until.take().is_some() {
            self.wait = (self.wait * 2).min(LONGEST_WAIT);
        }
        self.calm_since = now;
        if self.wanted.is_some_and(|wanted| self.is_lower(wanted)) {
            return;
        }
        let steps = self.ladder.steps();
        let at = steps.iter().position(|step| Some(*step) == self.on).unwrap_or_default();
        let lower = steps.get(at + 1..).unwrap_or_default();
        // What is known not to fit is passed by.
        let fits = |step: &&LiveStream| {
            self.rates.get(step).is_none_or(|rate| rate * MARGIN_PERCENT / 100 <= capacity_bps)
        };
        let target = lower.iter().find(fits).or_else(|| lower.last()).copied();
        self.wanted = target.or(self.on);
    }

    fn try_to_go_up(&mut self, now: Mono, capacity_bps: u64) {
        let Some(upper) = self.upper() else {
            self.probing_since = None;
            return;
        };
        match self.probing_since {
            Some(since) if now.since(since) >= PROBE => {
                if capacity_bps >= self.rate_of(upper) * PROBE_PERCENT / 100 {
                    self.probing_since = None;
                    self.wanted = Some(upper);
                } else {
                    self.probe_failed(now);
                }
            }
            Some(_) => {}
            None if now.since(self.calm_since) < self.wait => {}
            None if self.is_told => self.probing_since = Some(now),
            None => self.wanted = Some(upper),
        }
    }

    /// The next better stream that is of use to him.
    fn upper(&self) -> Option<LiveStream> {
        let steps = self.ladder.steps();
        let best = self.best().and_then(|best| steps.iter().position(|step| *step == best))?;
        let at = steps.iter().position(|step| Some(*step) == self.on)?;
        (at > best).then(|| steps.get(at - 1).copied()).flatten()
    }

    /// The best stream that is of use to him, were the connection a good one.
    fn best(&self) -> Option<LiveStream> {
        let small = self.ladder.small().filter(|_| self.most == StreamKind::Sub);
        small.or_else(|| self.ladder.steps().first().copied())
    }

    fn is_better(&self, stream: LiveStream) -> bool {
        Some(stream) != self.on && !self.is_lower(stream)
    }

    fn without(&mut self, stream: LiveStream) {
        if self.on == Some(stream) {
            self.on = None;
        }
        if self.wanted == Some(stream) || self.wanted.is_none() {
            self.wanted = self.on.or_else(|| self.best());
        }
        self.probing_since = None;
    }

    fn needs(&mut self, now: Mono, most: StreamKind) {
        if most == self.most {
            return;
        }
        self.most = most;
        let best = self.best();
        // He waits for no probe, unless a try has just failed.
        let is_calm = self.wait == FIRST_WAIT && now.since(self.calm_since) > STRAIN;
        if most == StreamKind::Sub || is_calm {
            self.wanted = best;
            self.is_waited_for = most == StreamKind::Main;
        }
        self.probing_since = None;
    }
}

#[cfg(test)]
mod tests;
