//! Brain: when a recorder is started, started again, replaced, started with the other engine, or left alone.
//!
//! A death is answered by a new start: after half a second the first time, then after 5 s, and longer each time. A
//! living recorder that breaks a rule (`usage`, `media`, silence) is replaced. More than five restarts within ten minutes
//! make it unstable: it is left alone for half an hour, then tried again; nothing is ever given up for good. All numbers
//! are [`Rules`].
//!
//! Fatal codes: a bad configuration is not tried again until it changes, for nothing else can mend it. A disk that is
//! not writable is tried again each 30 s although nobody said that it is well again: disks come back without a word
//! (a cable, a remount, a deleted file), a try writes nothing, and an untold return must not cost a night. Wrong
//! credentials are the recorder's own affair: it stays, connected to nobody, and waits for a change.
//!
//! What does not belong here: processes, sockets, the clock; how one recorder takes over from another (`duty`).

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use tarsier_types::{Mono, StreamKind};
use tarsier_wire::{Engine, ExitCode, StreamHealth};

use crate::media::{Disk, Media};
use crate::rules::{Breach, Rules, seconds};
use crate::sample::Sample;
use crate::usage::Usage;

/// Which engine the user wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EngineWish {
    /// The pure-Rust engine where it can, else libav.
    #[default]
    Auto,
    /// This one.
    Only(Engine),
}

/// What a recorder is doing, as its supervisor sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecorderState {
    /// Started, not heard yet.
    Starting,
    /// Heard.
    Running,
    /// Ended; started again soon.
    Waiting,
    /// Ended too often: left alone for a while, then tried again.
    Paused,
    /// Ended for a reason that another start cannot mend.
    Stopped,
}

/// A process that lived this long was not failing at its start.
const HEALTHY_AFTER: Duration = Duration::from_secs(60);

/// What the next start waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WaitsFor {
    Time,
    /// The disk was not writable.
    Disk,
    /// It ended too often.
    Pause,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Waiting { until: Mono, what: WaitsFor },
    Alive { started: Mono, last_heard: Option<Mono> },
    Stopped,
}

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// There is no process: start one.
    Start(Engine),
    /// There is one that should give way to another.
    Replace(Breach),
}

/// What people should know of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// Restarted too often; left alone until then.
    Unstable { until: Mono, restarts: u32 },
    /// Another start cannot mend it.
    Fatal(ExitCode),
}

/// What follows from the end of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sentence {
    /// When the next one is started, if it is.
    pub(crate) restart_at: Option<Mono>,
    pub(crate) news: Option<News>,
}

/// The judge of one camera's recorder.
#[derive(Clone, Debug)]
pub(crate) struct Judge {
    rules: Rules,
    wish: EngineWish,
    engine: Engine,
    phase: Phase,
    /// No rule-made restart before.
    patient_until: Mono,
    /// When it was restarted, within the window.
    recent: VecDeque<Mono>,
    restarts: u32,
    /// Starts in a row of which no process came.
    unstarted: usize,
    is_fatal_told: bool,
    usage: Usage,
    media: Media,
}

impl Judge {
    /// A recorder that is to be started at `now`, with the engine that can read its URLs.
    pub(crate) fn new(rules: Rules, wish: EngineWish, readable: Engine, now: Mono) -> Self {
        let engine = match wish {
            EngineWish::Auto => readable,
            EngineWish::Only(engine) => engine,
        };
        Self {
            rules,
            wish,
            engine,
            phase: Phase::Waiting { until: now, what: WaitsFor::Time },
            patient_until: now,
            recent: VecDeque::new(),
            restarts: 0,
            unstarted: 0,
            is_fatal_told: false,
            usage: Usage::default(),
            media: Media::default(),
        }
    }

    pub(crate) fn set_rules(&mut self, rules: Rules) {
        self.rules = rules;
    }

    /// What is due at `now`.
    pub(crate) fn due(&mut self, now: Mono) -> Option<Verdict> {
        match self.phase {
            Phase::Waiting { until, .. } if now >= until => {
                self.alive(now, None);
                Some(Verdict::Start(self.engine))
            }
            Phase::Alive { .. } if self.is_patient(now) => None,
            Phase::Alive { .. } => self.breach(now).map(Verdict::Replace),
            _ => None,
        }
    }

    /// After a restart by rule the next one waits, and longer each time.
    pub(crate) fn is_patient(&self, now: Mono) -> bool {
        now < self.patient_until
    }

    fn breach(&self, now: Mono) -> Option<Breach> {
        let Phase::Alive { started, last_heard } = self.phase else { return None };
        let (silent, limit) = match last_heard {
            Some(heard) => (now.since(heard), self.rules.heartbeat_seconds),
            None => (now.since(started), self.rules.start_seconds),
        };
        if silent > seconds(limit) {
            let seconds = u32::try_from(silent.as_secs()).unwrap_or(u32::MAX);
            return Some(Breach::Silence { seconds });
        }
        self.usage.breach(&self.rules).or_else(|| self.media.breach(&self.rules))
    }

    /// A sign of life.
    pub(crate) fn heard(&mut self, now: Mono) {
        if let Phase::Alive { last_heard, .. } = &mut self.phase {
            *last_heard = Some(now);
        }
        self.unstarted = 0;
    }

    /// The hub itself stood still: whoever was silent meanwhile may have spoken.
    pub(crate) fn excused(&mut self, now: Mono) {
        if let Phase::Alive { started, last_heard } = &mut self.phase {
            match last_heard {
                Some(heard) => *heard = now,
                None => *started = now,
            }
        }
    }

    /// A heartbeat, and which streams should be recorded.
    pub(crate) fn heartbeat(
        &mut self,
        now: Mono,
        streams: &[(StreamKind, StreamHealth)],
        recorded: &BTreeSet<StreamKind>,
    ) {
        self.heard(now);
        self.media.heartbeat(now, streams, recorded, &self.rules);
    }

    /// Whether a stream's disk takes what comes.
    pub(crate) fn disk(&mut self, stream: StreamKind, disk: Disk) {
        self.media.disk(stream, disk);
    }

    /// The process was measured.
    pub(crate) fn sampled(&mut self, now: Mono, sample: Sample) {
        self.usage.sampled(now, sample, &self.rules);
    }

    /// A process that reads with that engine serves the camera, and was heard.
    pub(crate) fn serves(&mut self, engine: Engine, now: Mono) {
        self.engine = engine;
        self.alive(now, Some(now));
    }

    /// One of another configuration serves meanwhile; which engine is wanted stays as it is.
    pub(crate) fn stands_in(&mut self, now: Mono) {
        self.alive(now, Some(now));
    }

    fn alive(&mut self, started: Mono, last_heard: Option<Mono>) {
        self.phase = Phase::Alive { started, last_heard };
        (self.usage, self.media) = (Usage::default(), Media::default());
    }

    /// It is about to be restarted because of a rule. News instead: it is unstable, and goes on as it is for a while.
    pub(crate) fn replace(&mut self, now: Mono) -> Option<News> {
        match self.count(now) {
            Ok(wait) => {
                self.patient_until = now + wait;
                None
            }
            Err(news) => Some(news),
        }
    }

    /// The process was asked to end and has ended: the next one begins at once.
    pub(crate) fn dismissed(&mut self, now: Mono) -> Mono {
        self.phase = Phase::Waiting { until: now, what: WaitsFor::Time };
        now
    }

    /// The process ended by itself.
    pub(crate) fn exited(&mut self, code: Option<ExitCode>, now: Mono) -> Sentence {
        if let Phase::Alive { started, .. } = self.phase
            && now.since(started) >= HEALTHY_AFTER
        {
            self.is_fatal_told = false;
        }
        let sentence = self.sentence(code, now);
        self.phase = match (sentence.restart_at, sentence.news) {
            (None, _) => Phase::Stopped,
            (Some(until), Some(News::Unstable { .. })) => {
                Phase::Waiting { until, what: WaitsFor::Pause }
            }
            (Some(until), _) if code == Some(ExitCode::NotWritable) => {
                Phase::Waiting { until, what: WaitsFor::Disk }
            }
            (Some(until), _) => Phase::Waiting { until, what: WaitsFor::Time },
        };
        sentence
    }

    /// The one that was to take over ended instead; the other one goes on. When to try again: [`Self::is_patient`].
    pub(crate) fn successor_failed(&mut self, code: Option<ExitCode>, now: Mono) -> Option<News> {
        let sentence = self.sentence(code, now);
        // A configuration that nobody understands: the working recorder is kept until it changes.
        self.patient_until = sentence.restart_at.unwrap_or(Mono::from_nanos(u64::MAX));
        sentence.news
    }

    fn sentence(&mut self, code: Option<ExitCode>, now: Mono) -> Sentence {
        match code {
            Some(code @ ExitCode::BadConfig) => {
                Sentence { restart_at: None, news: Some(News::Fatal(code)) }
            }
            Some(ExitCode::EngineCannotRead)
                if self.wish == EngineWish::Auto && self.engine == Engine::Rust =>
            {
                self.engine = Engine::Libav;
                Sentence { restart_at: Some(now), news: None }
            }
            Some(code @ ExitCode::NotWritable) => {
                let is_told = std::mem::replace(&mut self.is_fatal_told, true);
                let restart_at = Some(now + seconds(self.rules.disk_retry_seconds));
                Sentence { restart_at, news: (!is_told).then_some(News::Fatal(code)) }
            }
            _ => match self.count(now) {
                Ok(wait) => Sentence { restart_at: Some(now + wait), news: None },
                Err(news) => Sentence { restart_at: Some(self.patient_until), news: Some(news) },
            },
        }
    }

    /// No process came of a start (the program is missing, as during an update of it). That says nothing about the
    /// camera: it is tried for ever, less and less often.
    pub(crate) fn not_started(&mut self, now: Mono) -> Mono {
        let until = now + self.rules.wait(self.unstarted);
        self.unstarted += 1;
        self.phase = Phase::Waiting { until, what: WaitsFor::Time };
        until
    }

    /// A disk is well again: whoever waits for one is tried now.
    pub(crate) fn tier_changed(&mut self, now: Mono) {
        if let Phase::Waiting { what: WaitsFor::Disk, .. } = self.phase {
            self.try_now(now);
        }
    }

    /// The settings were saved once more: somebody wants it to be tried.
    pub(crate) fn try_now(&mut self, now: Mono) {
        if let Phase::Waiting { .. } | Phase::Stopped = self.phase {
            self.phase = Phase::Waiting { until: now, what: WaitsFor::Time };
        }
    }

    /// Counts a restart. How long to wait for it, or the news that there were too many.
    fn count(&mut self, now: Mono) -> Result<Duration, News> {
        let window = self.rules.restarts_within();
        self.recent.retain(|at| now.since(*at) < window);
        let restarts = u32::try_from(self.recent.len()).unwrap_or(u32::MAX);
        if restarts >= self.rules.max_restarts {
            self.recent.clear();
            self.patient_until = now + seconds(self.rules.pause_seconds);
            return Err(News::Unstable { until: self.patient_until, restarts });
        }
        let wait = self.rules.wait(self.recent.len());
        self.recent.push_back(now);
        self.restarts += 1;
        Ok(wait)
    }

    pub(crate) fn state(&self) -> RecorderState {
        match self.phase {
            Phase::Waiting { what: WaitsFor::Pause, .. } => RecorderState::Paused,
            Phase::Waiting { .. } => RecorderState::Waiting,
            Phase::Alive { last_heard: None, .. } => RecorderState::Starting,
            Phase::Alive { .. } => RecorderState::Running,
            Phase::Stopped => RecorderState::Stopped,
        }
    }

    pub(crate) const fn engine(&self) -> Engine {
        self.engine
    }

    pub(crate) const fn restarts(&self) -> u32 {
        self.restarts
    }

    /// For those who follow it.
    pub(crate) fn keep_count_of(&mut self, earlier: &Self) {
        self.restarts = earlier.restarts;
    }
}

#[cfg(test)]
mod tests;
