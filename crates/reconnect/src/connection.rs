//! One connection for the whole life of its stream: all that is decided about it, from the first attempt to the end.
//!
//! The hands own one thing at a time towards the other side: an attempt, or a session. They tell what happens to it
//! ([`Input`]), and do what comes out ([`Output`]); when [`Connection::deadline`] is reached they say [`Input::Time`].
//!
//! ```text
//!            Connect                Connected            proof                 dead, failed
//!  Waiting ---------> Opening ---------------> Open --------------> Open ---------------------+
//!     ^  \__ Look __/    | Failed                | no proof in time  (proven: Playing)         |
//!     +------------------+-----------------------+--------------------------------------------+
//! ```
//! While it waits for a host that was silent, it has the port looked at every second ([`crate::policy::Looking`],
//! ADR 0010) and connects at once when somebody answers there. It looks as well while an attempt is under way that
//! nobody answers: such an attempt sits in TCP's own retries, which double, or talks to a machine that has forgotten
//! it, and is begun anew when a look is answered after one that was not.
//!
//! Media go out as well as in: for a push session "a picture came" is "a picture was taken".
//!
//! What does not belong here: sockets, and what a failure is called for people.

use std::collections::VecDeque;
use std::time::Duration;

use tarsier_types::{Mono, ParameterSets, Track, UtcMs};

use crate::detect::{FailureDetector, FailureReason};
use crate::event::{EventKind, ReconnectionEvent};
use crate::health::{ConnectionHealth, HealthMeter};
use crate::liveness::{Delivery, TrackLife};
use crate::looks::Looks;
use crate::phase::{Decision, FailureKind, Reconnector};
use crate::policy::Policy;
use crate::proof::{Patience, Proof};
use crate::protocol::Protocol;
use crate::state::{ConnectionState, SavedPhase, Statistics};
use crate::words::{Failure, Input, Media, Moment, Output};

/// What it is called when the brain finds it dead.
pub const NO_PICTURES: &str = "no_pictures";
/// Hands have their own patience with an attempt; this is for hands that have none.
const OPENING: Duration = Duration::from_secs(30);
/// An attempt younger than this is not begun anew because the host answers: it will be answered itself.
const YOUNG: Duration = Duration::from_millis(300);
/// While nothing changes, state is kept this often.
const SAVE_EVERY: Duration = Duration::from_secs(60);

#[derive(Clone, Debug)]
struct Session {
    /// When the attempt began.
    since: Mono,
    proof: Proof,
    pictures: TrackLife,
    sound: TrackLife,
    is_silent: bool,
}

#[derive(Clone, Debug)]
enum Stage {
    Waiting { until: Mono },
    Opening { since: Mono, is_second: bool },
    Open(Box<Session>),
    Ended,
}

/// A reconnection that is under way.
#[derive(Clone, Copy, Debug)]
struct Trouble {
    reason: FailureReason,
    since: Mono,
    /// It began in an earlier process, so long before `since`.
    before: Duration,
}

/// The brain of one connection.
#[derive(Clone, Debug)]
pub struct Connection {
    policy: Policy,
    delivery: Delivery,
    protocol: Protocol,
    reconnector: Reconnector,
    detector: FailureDetector,
    meter: HealthMeter,
    stage: Stage,
    trouble: Option<Trouble>,
    looks: Looks,
    next_check: Mono,
    no_media_since: UtcMs,
    playing_since: UtcMs,
    parameters: Option<ParameterSets>,
    cause: Option<String>,
    attempts: u64,
    saved: Option<(SavedPhase, Mono)>,
    out: VecDeque<Output>,
}

impl Connection {
    /// Begins with an attempt at once, going on where `resume` was if that is young enough.
    pub fn new(
        policy: Policy,
        delivery: Delivery,
        protocol: Protocol,
        resume: Option<ConnectionState>,
        now: Moment,
    ) -> Self {
        let mut connection = Self {
            reconnector: Reconnector::new(policy.clone()),
            detector: FailureDetector::new(policy.thresholds.clone()),
            meter: HealthMeter::default(),
            stage: Stage::Waiting { until: now.mono },
            trouble: None,
            looks: Looks::new(&policy),
            next_check: now.mono,
            no_media_since: now.utc,
            playing_since: now.utc,
            parameters: None,
            cause: None,
            attempts: 0,
            saved: None,
            out: VecDeque::new(),
            policy,
            delivery,
            protocol,
        };
        if let Some(resume) = resume
            && resume.is_fresh(now.utc, connection.policy.state_ttl)
        {
            connection.resume(resume, now);
        }
        if let Stage::Waiting { .. } = connection.stage {
            connection.connect(now);
        }
        connection
    }

    fn resume(&mut self, from: ConnectionState, now: Moment) {
        let Statistics { packets, bytes, errors, uptime_ms, attempts, reconnects } =
            from.statistics;
        let uptime = Duration::from_millis(uptime_ms);
        self.meter.resume(packets, bytes, errors, uptime, reconnects);
        self.attempts = attempts;
        self.parameters = from.parameters;
        match from.phase {
            // The process ended in good health; what is missing since then is not the camera's fault.
            SavedPhase::Playing => return,
            SavedPhase::Connecting => self.reconnector.resume(now.mono, from.failures),
            SavedPhase::Offline => self.reconnector.resume_offline(now.mono, from.failures),
            SavedPhase::Stopped => {
                self.reconnector.resume_stopped();
                self.stage = Stage::Ended;
                self.out.push_back(Output::Stopped);
            }
        }
        self.cause = from.cause;
        self.no_media_since = from.since.min(now.utc);
        let before = u64::try_from(now.utc.millis_since(from.since)).unwrap_or_default();
        self.trouble = Some(Trouble {
            reason: FailureReason::NetworkError,
            since: now.mono,
            before: Duration::from_millis(before),
        });
        self.saved = Some((from.phase, now.mono));
    }

    /// What comes next; to be asked until there is nothing more.
    pub fn poll(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// When [`Input::Time`] is due, if nothing happens before.
    pub fn deadline(&self) -> Option<Mono> {
        let stage = match &self.stage {
            Stage::Waiting { until } => Some(*until),
            Stage::Opening { since, .. } => Some(*since + OPENING),
            Stage::Open(session) => Some(self.next_check.min(session.dies_at(&self.detector))),
            Stage::Ended => None,
        };
        [self.looks.deadline(), stage].into_iter().flatten().min()
    }

    /// Something happened.
    pub fn handle(&mut self, now: Moment, input: Input) {
        match input {
            Input::Media(media) => self.media(now, media),
            Input::EarlyPicture => {
                if let Stage::Open(session) = &mut self.stage {
                    session.proof.early_picture();
                    session.pictures.came(now.mono);
                }
            }
            Input::Connected => self.connected(now),
            Input::Failed(failure) => {
                let reason = reason_of(failure.kind);
                self.fail(now, failure, reason);
            }
            Input::Parameters(parameters) => {
                if let Stage::Open(session) = &mut self.stage {
                    session.proof.parameters();
                    session.pictures.announced(parameters.video.nominal_millifps);
                }
                self.parameters = Some(parameters);
            }
            Input::Lost { packets } => self.meter.lost(now.mono, packets),
            Input::Anomaly => self.meter.error(now.mono),
            Input::Looked { answers } => self.looked(now, answers),
            Input::Time => self.time(now),
            Input::Abort => self.abort(now),
        }
    }

    /// How it is.
    pub fn health(&self, now: Mono) -> ConnectionHealth {
        let lasting = match &self.stage {
            Stage::Open(session) if session.proof.has_pictures() => session.pictures.stalls(now),
            _ => 0,
        };
        let health = self.meter.health(now);
        ConnectionHealth {
            degraded: self.detector.degraded(),
            stalls: health.stalls + lasting,
            ..health
        }
    }

    /// What is to be kept of it.
    pub fn state(&self, now: Moment) -> ConnectionState {
        let phase = self.phase();
        let health = self.meter.health(now.mono);
        let is_playing = phase == SavedPhase::Playing;
        ConnectionState {
            saved: now.utc,
            phase,
            since: if is_playing { self.playing_since } else { self.no_media_since },
            failures: self.reconnector.failures(),
            cause: self.cause.clone(),
            protocol: self.protocol.clone(),
            parameters: self.parameters.clone(),
            statistics: Statistics {
                packets: health.packets,
                bytes: health.bytes,
                errors: health.errors,
                uptime_ms: health.uptime_ms,
                attempts: self.attempts,
                reconnects: health.reconnects,
            },
        }
    }

    fn phase(&self) -> SavedPhase {
        match &self.stage {
            Stage::Open(session) if session.proof.is_proven() => SavedPhase::Playing,
            _ if self.reconnector.is_stopped() => SavedPhase::Stopped,
            _ if self.reconnector.is_offline() => SavedPhase::Offline,
            _ => SavedPhase::Connecting,
        }
    }

    fn connect(&mut self, now: Moment) {
        self.stage = Stage::Opening { since: now.mono, is_second: false };
        self.attempts += 1;
        self.looks.attempt(now);
        self.out.push_back(Output::Connect { attempt: self.reconnector.attempt() });
    }

    fn connected(&mut self, now: Moment) {
        let Stage::Opening { since, .. } = self.stage else { return };
        self.looks.end();
        let patience = Patience {
            first_unit: self.policy.first_unit,
            first_keyframe: self.policy.first_keyframe,
        };
        self.stage = Stage::Open(Box::new(Session {
            since,
            proof: Proof::new(patience, now.mono),
            pictures: TrackLife::new(self.policy.liveness, self.delivery, now.mono),
            sound: TrackLife::new(self.policy.liveness, self.delivery, now.mono),
            is_silent: false,
        }));
        self.next_check = now.mono + self.policy.check_every;
    }

    fn media(&mut self, now: Moment, media: Media) {
        let Stage::Open(session) = &mut self.stage else { return };
        self.meter.media(now.mono, media.arrived, media.bytes, media.packets);
        if media.track == Track::Audio {
            session.sound.came(now.mono);
            if std::mem::take(&mut session.is_silent) {
                self.out.push_back(Output::Sound { is_silent: false });
            }
            return;
        }
        session.pictures.came(now.mono);
        self.meter.latency(now.mono, media.pts);
        self.no_media_since = media.arrived;
        let proven = session.proof.picture(now.mono, media.pts, media.is_keyframe, media.arrived);
        let attempt_began = session.since;
        if let Some(since) = proven {
            self.proven(now, since, attempt_began);
        }
    }

    fn proven(&mut self, now: Moment, since: UtcMs, attempt_began: Mono) {
        let attempt = self.reconnector.attempt();
        self.reconnector.playing(now.mono);
        self.meter.connected(now.mono);
        self.playing_since = since;
        self.cause = None;
        if let Some(trouble) = self.trouble.take() {
            self.meter.reconnected();
            let took = now.mono.since(attempt_began);
            self.event(now, EventKind::Attempt, attempt, &trouble, None, took);
            let lasted = now.mono.since(trouble.since) + trouble.before;
            self.event(now, EventKind::Succeeded, attempt, &trouble, None, lasted);
        }
        self.out.push_back(Output::Playing { since });
        self.tell_health(now);
        self.save(now);
    }

    /// The attempt or the session is over.
    fn fail(&mut self, now: Moment, failure: Failure, reason: FailureReason) {
        let Failure { kind, cause, error } = failure;
        let stage = std::mem::replace(&mut self.stage, Stage::Ended);
        let (attempt_began, media_until) = match &stage {
            Stage::Opening { since, .. } => (Some(*since), *since),
            Stage::Open(session) if session.proof.is_proven() => (None, session.pictures.last()),
            Stage::Open(session) => (Some(session.since), session.since),
            Stage::Waiting { .. } | Stage::Ended => {
                self.stage = stage;
                return;
            }
        };
        if let Stage::Open(session) = &stage {
            self.meter.stalls(session.pictures.stalls(now.mono));
        }
        self.meter.disconnected(now.mono);
        self.meter.error(now.mono);
        self.cause = Some(cause);
        let attempt = self.reconnector.attempt();
        let is_new = self.trouble.is_none();
        let known = Trouble { reason, since: media_until, before: Duration::ZERO };
        let trouble = Trouble { reason, ..self.trouble.unwrap_or(known) };
        if is_new {
            let error = Some(error.clone());
            self.event(now, EventKind::Started, 0, &trouble, error, Duration::ZERO);
        }
        self.trouble = Some(trouble);
        if let Some(began) = attempt_began {
            let (error, took) = (Some(error.clone()), now.mono.since(began));
            self.event(now, EventKind::Attempt, attempt, &trouble, error, took);
        }
        let lasted = now.mono.since(trouble.since) + trouble.before;
        match self.reconnector.failed(now.mono, kind, now.chance) {
            Decision::Stop => {
                self.looks.end();
                self.event(now, EventKind::Failed, attempt, &trouble, Some(error), lasted);
                self.out.push_back(Output::Stopped);
            }
            Decision::RetryAt(until) => {
                self.stage = Stage::Waiting { until };
                self.looks.failed(now, kind);
                if self.reconnector.went_offline() {
                    self.event(now, EventKind::Failed, attempt, &trouble, Some(error), lasted);
                }
                self.out.push_back(Output::Waiting {
                    until,
                    failures: self.reconnector.failures(),
                    is_offline: self.reconnector.is_offline(),
                });
            }
        }
        self.tell_health(now);
        // Each time: whoever starts anew after a crash must know for how long there have been no pictures.
        self.keep(now, self.phase());
    }

    fn looked(&mut self, now: Moment, answers: bool) {
        if !self.looks.found(answers) {
            return;
        }
        match &mut self.stage {
            Stage::Waiting { .. } => {
                self.reconnector.answers(now.mono);
                self.connect(now);
            }
            Stage::Opening { since, is_second }
                if !*is_second && now.mono.since(*since) >= YOUNG =>
            {
                self.reconnector.answers(now.mono);
                (*since, *is_second) = (now.mono, true);
                self.out.push_back(Output::Connect { attempt: self.reconnector.attempt() });
            }
            _ => {}
        }
    }

    fn time(&mut self, now: Moment) {
        if let Stage::Waiting { until } = self.stage
            && now.mono >= until
        {
            self.connect(now);
        }
        if self.looks.begins(now) {
            self.out.push_back(Output::Look);
        }
        match &self.stage {
            Stage::Opening { since, .. } if now.mono >= *since + OPENING => {
                let error = format!("no answer for {} s", OPENING.as_secs());
                self.drop_it(now, FailureKind::Mute, FailureReason::Timeout, error);
            }
            Stage::Open(_) => self.examine(now),
            _ => {}
        }
    }

    /// Is the session alive, and how is it?
    fn examine(&mut self, now: Moment) {
        let Stage::Open(session) = &mut self.stage else { return };
        if let Some((at, missing)) = session.proof.fails_at()
            && now.mono >= at
        {
            let error = missing.text().to_owned();
            return self.drop_it(now, FailureKind::Stalled, FailureReason::Timeout, error);
        }
        if now.mono >= session.dies_at(&self.detector) {
            let silent = now.mono.since(session.pictures.last());
            let stalls = session.pictures.stalls_in_a_row(now.mono);
            let error = format!("no picture for {:.1} s: {stalls} stalls", silent.as_secs_f64());
            return self.drop_it(now, FailureKind::Stalled, FailureReason::Timeout, error);
        }
        if now.mono < self.next_check {
            return;
        }
        self.next_check = now.mono + self.policy.check_every;
        // Sound that never came is no sound that ceased.
        if session.sound.has_begun()
            && !session.is_silent
            && now.mono >= session.sound.last() + self.policy.liveness.zombie
        {
            session.is_silent = true;
            self.out.push_back(Output::Sound { is_silent: true });
        }
        let is_proven = session.proof.is_proven();
        let rates = self.meter.rates(now.mono);
        let wants_another = self.detector.look(now.mono, &rates).filter(|_| is_proven);
        if let Some(reason) = wants_another {
            self.detector = FailureDetector::new(self.policy.thresholds.clone());
            let error = format!("{} has lasted", reason.name());
            return self.drop_it(now, FailureKind::Stalled, reason, error);
        }
        self.tell_health(now);
        self.save_sometimes(now);
    }

    fn drop_it(&mut self, now: Moment, kind: FailureKind, reason: FailureReason, error: String) {
        self.out.push_back(Output::Drop { reason, error: error.clone() });
        self.fail(now, Failure { kind, cause: NO_PICTURES.to_owned(), error }, reason);
    }

    fn abort(&mut self, now: Moment) {
        // Kept as it was before: the next process goes on from there.
        let state = self.state(now);
        let attempt = self.reconnector.attempt();
        let was_trying = self.reconnector.abort();
        if let Some(trouble) = self.trouble.filter(|_| was_trying) {
            let lasted = now.mono.since(trouble.since) + trouble.before;
            self.event(now, EventKind::Aborted, attempt, &trouble, None, lasted);
        }
        self.stage = Stage::Ended;
        self.looks.end();
        self.out.push_back(Output::State(Box::new(state)));
    }

    fn event(
        &mut self,
        now: Moment,
        kind: EventKind,
        attempt: u32,
        trouble: &Trouble,
        error: Option<String>,
        duration: Duration,
    ) {
        self.out.push_back(Output::Event(ReconnectionEvent {
            kind,
            at: now.utc,
            attempt,
            reason: trouble.reason,
            error,
            duration_ms: u64::try_from(duration.as_millis()).unwrap_or(u64::MAX),
        }));
    }

    fn tell_health(&mut self, now: Moment) {
        self.out.push_back(Output::Health(Box::new(self.health(now.mono))));
    }

    fn save(&mut self, now: Moment) {
        let phase = self.phase();
        let is_news = self.saved.is_none_or(|(saved, _)| saved != phase);
        if is_news {
            self.keep(now, phase);
        } else {
            self.save_sometimes(now);
        }
    }

    fn save_sometimes(&mut self, now: Moment) {
        if self.saved.is_none_or(|(_, at)| now.mono.since(at) >= SAVE_EVERY) {
            self.keep(now, self.phase());
        }
    }

    fn keep(&mut self, now: Moment, phase: SavedPhase) {
        self.saved = Some((phase, now.mono));
        self.out.push_back(Output::State(Box::new(self.state(now))));
    }
}

impl Session {
    /// When it is dead if nothing comes.
    fn dies_at(&self, detector: &FailureDetector) -> Mono {
        let unproven = self.proof.fails_at().map(|(at, _)| at);
        let last = self.pictures.last().max(self.sound.last());
        let silent = self
            .proof
            .has_pictures()
            .then(|| self.pictures.dies_at().min(detector.times_out_at(last)));
        // Neither: cannot be, for without pictures there is a time for the first.
        [unproven, silent].into_iter().flatten().min().unwrap_or(self.pictures.last())
    }
}

/// The original's word for a failure.
const fn reason_of(kind: FailureKind) -> FailureReason {
    match kind {
        FailureKind::Mute | FailureKind::Stalled => FailureReason::Timeout,
        FailureKind::HostSilent
        | FailureKind::Refused
        | FailureKind::Credentials
        | FailureKind::Other => FailureReason::NetworkError,
    }
}

#[cfg(test)]
mod tests;
