//! The one task that owns all that is known of the recorders. For each camera it asks `duty`, and does what that says
//! (`doing`).

mod doing;
mod recorder;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tarsier_reconnect::ConnectionState;
use tarsier_types::{CameraId, Clock as _, Mono, StreamKind, SystemClock, UtcRange};
use tarsier_wire::{ExitCode, PROTOCOL, RecorderConfig, RecordingMode, ToRecorder};
use tokio::sync::{mpsc, oneshot, watch};

use self::recorder::{Connection, Ended, Recorder, readable_by, streams_that};
use crate::duty::{Duty, Hello, Input, Now, Said, Wanted};
use crate::ends::Ends;
use crate::governor::Governor;
use crate::identity::Identity;
use crate::judge::EngineWish;
use crate::process::Process;
use crate::rules::Rules;
use crate::running;
use crate::sample::{Sample, Sampler};
use crate::supervisor::{RecorderSnapshot, Report, SupervisorOptions};
use crate::voice::Voice;

/// How long after its start a hub waits for recorders of an earlier one: they try every 250 ms.
const ADOPTION: Duration = Duration::from_millis(800);
/// How long a recorder of a camera that is not known yet is kept waiting: the hub may still be reading its cameras.
const UNKNOWN: Duration = Duration::from_secs(10);
/// How often deadlines are looked at.
const TICK: Duration = Duration::from_millis(250);
/// Between two looks more than this means that the hub itself stood still.
const STOOD_STILL: Duration = Duration::from_secs(2);
/// What a process said last is read before its end counts, if that does not take longer: the hub then knows which of
/// its files are closed.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// How often processes are measured.
const SAMPLE_EVERY: Duration = Duration::from_secs(2);

/// Said by the hub.
#[derive(Debug)]
pub(crate) enum Command {
    Set(Box<RecorderConfig>, EngineWish),
    Remove(CameraId),
    Watch(CameraId, StreamKind, bool),
    Event(CameraId, UtcRange),
    Rules(Box<Rules>),
    TierChanged,
    Snapshot(oneshot::Sender<Vec<RecorderSnapshot>>),
    StopAll(oneshot::Sender<()>),
    Resume(CameraId, StreamKind, Box<ConnectionState>),
}

/// What happened to processes and connections.
#[derive(Debug)]
pub(crate) enum Event {
    Hello {
        connection: u64,
        camera: CameraId,
        hello: Hello,
        commands: mpsc::Sender<ToRecorder>,
        voice: watch::Sender<Voice>,
    },
    Said {
        camera: CameraId,
        connection: u64,
        said: Said,
    },
    Disconnected {
        camera: CameraId,
        connection: u64,
    },
    Exited {
        camera: CameraId,
        pid: u32,
        code: Option<i32>,
        status: String,
    },
}

pub(crate) struct Actor {
    options: SupervisorOptions,
    socket: String,
    clock: SystemClock,
    events: mpsc::Sender<Event>,
    reports: mpsc::Sender<Report>,
    ends: Ends,
    recorders: BTreeMap<CameraId, Recorder>,
    governor: Governor,
    /// Of cameras that are not known (yet).
    strangers: Vec<Event>,
    started: Mono,
    sampler: Sampler,
    sampled: Mono,
    looked: Mono,
    /// The hub goes down: nobody is adopted any more.
    is_stopping: bool,
    stopped: Option<oneshot::Sender<()>>,
}

impl Actor {
    pub(crate) fn new(
        options: SupervisorOptions,
        socket: String,
        clock: SystemClock,
        events: mpsc::Sender<Event>,
        reports: mpsc::Sender<Report>,
        ends: Ends,
    ) -> Self {
        let now = clock.mono();
        Self {
            options,
            socket,
            clock,
            events,
            reports,
            ends,
            recorders: BTreeMap::new(),
            governor: Governor::default(),
            strangers: Vec::new(),
            started: now,
            sampler: Sampler::new(),
            sampled: now,
            looked: now,
            is_stopping: false,
            stopped: None,
        }
    }

    pub(crate) async fn run(
        mut self,
        mut commands: mpsc::UnboundedReceiver<Command>,
        mut events: mpsc::Receiver<Event>,
    ) {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                command = commands.recv() => match command {
                    Some(command) => self.command(command).await,
                    None => return,
                },
                Some(event) = events.recv() => self.event(event).await,
                _ = tick.tick() => self.look().await,
            }
            self.forget_idle();
        }
    }

    fn now(&self) -> Now {
        Now { mono: self.clock.mono(), utc: self.clock.utc() }
    }

    async fn command(&mut self, command: Command) {
        match command {
            Command::Set(config, wish) => self.set(*config, wish).await,
            Command::Remove(camera) => self.tell(&camera, Input::Unwanted).await,
            Command::Watch(camera, stream, on) => self.watch(&camera, stream, on),
            Command::Event(camera, event) => {
                if let Some(recorder) = self.recorders.get_mut(&camera) {
                    let touching = recorder.happening.filter(|known| event.start <= known.end);
                    let start = touching.map_or(event.start, |known| known.start.min(event.start));
                    let end = touching.map_or(event.end, |known| known.end.max(event.end));
                    recorder.happening = Some(UtcRange::new(start, end));
                    let (from, until) = (event.start, event.end);
                    recorder.say_all(&ToRecorder::Event { from, until });
                }
            }
            Command::Rules(rules) => {
                self.options.rules = *rules;
                self.tell_all(|| Input::Rules(*rules)).await;
            }
            Command::TierChanged => self.tell_all(|| Input::TierChanged).await,
            Command::Snapshot(answer) => {
                let _ = answer.send(self.snapshot());
            }
            Command::Resume(camera, stream, state) => {
                if let Some(config) =
                    self.recorders.get_mut(&camera).and_then(|recorder| recorder.config.as_mut())
                {
                    config.resume.retain(|(kept, _)| *kept != stream);
                    config.resume.push((stream, *state));
                }
            }
            Command::StopAll(answer) => {
                (self.is_stopping, self.stopped) = (true, Some(answer));
                self.tell_all(|| Input::Unwanted).await;
                self.dismiss_strangers();
            }
        }
    }

    fn watch(&mut self, camera: &CameraId, stream: StreamKind, on: bool) {
        let Some(recorder) = self.recorders.get_mut(camera) else { return };
        let command = if on {
            recorder.watched.insert(stream);
            ToRecorder::Subscribe(stream)
        } else {
            recorder.watched.remove(&stream);
            ToRecorder::Unsubscribe(stream)
        };
        if let (Some(pid), ..) = recorder.duty.serving() {
            recorder.say(pid, command);
        }
    }

    async fn set(&mut self, mut config: RecorderConfig, wish: EngineWish) {
        config.hub_socket.clone_from(&self.socket);
        for (stream, end) in config.recorded_until.drain(..) {
            self.ends.reached(&config.camera, stream, end);
        }
        let wanted = Wanted {
            wish,
            readable: readable_by(&config),
            identity: Identity::of(&config, wish),
            recorded: streams_that(&config, |mode| mode == RecordingMode::Continuous),
            kept: streams_that(&config, |mode| mode != RecordingMode::Off),
        };
        let camera = config.camera.clone();
        let (rules, now) = (self.options.rules, self.clock.mono());
        let recorder = self.recorders.entry(camera.clone()).or_insert_with(|| Recorder {
            config: None,
            duty: Duty::new(camera.clone(), rules, PROTOCOL, now),
            connections: Vec::new(),
            children: BTreeSet::new(),
            processes: BTreeMap::new(),
            ended: Vec::new(),
            watched: BTreeSet::new(),
            happening: None,
            sample: Sample::default(),
        });
        let changes = recorder.config.as_ref().map(|old| running::changes(old, &config));
        recorder.config = Some(config);
        // Those that can be told need not be restarted; those that cannot are soon gone.
        for change in changes.unwrap_or_default() {
            recorder.say_all(&change);
        }
        self.tell(&camera, Input::Wanted(wanted)).await;
        let (known, others) = std::mem::take(&mut self.strangers).into_iter().partition(
            |stranger| matches!(stranger, Event::Hello { camera: of, .. } if *of == camera),
        );
        self.strangers = others;
        for hello in known {
            self.greet(hello).await;
        }
        self.look_at(&camera).await;
    }

    /// A recorder says who it is.
    async fn greet(&mut self, event: Event) {
        let Event::Hello { connection, camera, hello, commands, voice } = event else { return };
        let Some(recorder) = self.recorders.get_mut(&camera) else {
            self.strangers.push(Event::Hello { connection, camera, hello, commands, voice });
            if self.is_stopping || self.clock.mono().since(self.started) > UNKNOWN {
                self.dismiss_strangers();
            }
            return;
        };
        let pid = hello.pid;
        // It is connected: it lives, and the number is its own.
        if !recorder.children.contains(&pid) {
            recorder.processes.insert(pid, Process::of(pid));
        }
        recorder.connections.retain(|known| known.pid != pid);
        recorder.connections.push(Connection { number: connection, pid, commands, voice });
        self.tell(&camera, Input::Hello(hello)).await;
    }

    async fn event(&mut self, event: Event) {
        match event {
            Event::Hello { .. } => self.greet(event).await,
            Event::Said { camera, connection, said } => {
                if let Some(pid) = self.pid_of(&camera, connection) {
                    self.tell(&camera, Input::Said { pid, said }).await;
                }
            }
            Event::Disconnected { camera, connection } => {
                if let Some(pid) = self.pid_of(&camera, connection) {
                    if let Some(recorder) = self.recorders.get_mut(&camera) {
                        recorder.connections.retain(|known| known.pid != pid);
                    }
                    self.tell(&camera, Input::Disconnected { pid }).await;
                    self.bury(&camera, |ended| ended.pid == pid).await;
                }
            }
            Event::Exited { camera, pid, code, status } => {
                let by = self.clock.mono() + LAST_WORDS;
                let Some(recorder) = self.recorders.get_mut(&camera) else { return };
                recorder.children.remove(&pid);
                let code = code.and_then(ExitCode::from_code);
                recorder.ended.push(Ended { pid, code, status, by });
                let is_connected = recorder.connections.iter().any(|known| known.pid == pid);
                self.bury(&camera, |ended| ended.pid == pid && !is_connected).await;
            }
        }
    }

    /// The end of these processes counts now.
    async fn bury(&mut self, camera: &CameraId, is_over: impl Fn(&Ended) -> bool) {
        let Some(recorder) = self.recorders.get_mut(camera) else { return };
        let over: Vec<Ended> = recorder.ended.extract_if(.., |ended| is_over(ended)).collect();
        let is_any = !over.is_empty();
        for Ended { pid, code, status, .. } in over {
            self.tell(camera, Input::Exited { pid, code, status }).await;
        }
        if is_any {
            if let Some(recorder) = self.recorders.get_mut(camera) {
                let pids: BTreeSet<u32> = recorder.duty.pids().collect();
                recorder.processes.retain(|pid, _| pids.contains(pid));
            }
            self.look_at(camera).await;
        }
    }

    fn pid_of(&self, camera: &CameraId, connection: u64) -> Option<u32> {
        let known = self.recorders.get(camera)?.connections.iter();
        known.into_iter().find(|known| known.number == connection).map(|known| known.pid)
    }

    /// Recorders of cameras that nobody knows.
    fn dismiss_strangers(&mut self) {
        for stranger in std::mem::take(&mut self.strangers) {
            if let Event::Hello { camera, hello, commands, .. } = stranger {
                tracing::info!(%camera, pid = hello.pid, "a recorder of no known camera is asked to stop");
                let _ = commands.try_send(ToRecorder::Stop);
            }
        }
    }

    async fn tell_all(&mut self, input: impl Fn() -> Input) {
        for camera in self.recorders.keys().cloned().collect::<Vec<_>>() {
            self.tell(&camera, input()).await;
        }
    }

    /// Looks at every deadline.
    async fn look(&mut self) {
        let now = self.clock.mono();
        if now.since(self.looked) > STOOD_STILL {
            tracing::warn!(span = ?now.since(self.looked), "the supervisor stood still; nobody is blamed for silence meanwhile");
            self.tell_all(|| Input::Excused).await;
        }
        self.looked = self.clock.mono();
        if now.since(self.started) > UNKNOWN && !self.strangers.is_empty() {
            self.dismiss_strangers();
        }
        if now.since(self.sampled) >= SAMPLE_EVERY {
            self.sampled = now;
            self.measure().await;
        }
        for camera in self.recorders.keys().cloned().collect::<Vec<_>>() {
            self.bury(&camera, |ended| now >= ended.by).await;
            self.look_at(&camera).await;
        }
    }

    async fn look_at(&mut self, camera: &CameraId) {
        // Recorders of an earlier hub first get the time to come back.
        if self.clock.mono().since(self.started) < ADOPTION && !self.is_stopping {
            return;
        }
        self.bury_adopted(camera).await;
        self.tell(camera, Input::Tick).await;
        self.govern(camera).await;
    }

    /// An adopted process has no parent that waits for it: its socket tells, and the process table.
    async fn bury_adopted(&mut self, camera: &CameraId) {
        let Some(recorder) = self.recorders.get(camera) else { return };
        let is_watched = |pid: &u32| {
            recorder.children.contains(pid) || recorder.connections.iter().any(|c| c.pid == *pid)
        };
        let is_alive = |pid: &u32| recorder.processes.get(pid).is_some_and(|p| p.is_alive());
        let gone: Vec<u32> =
            recorder.duty.pids().filter(|pid| !is_watched(pid) && !is_alive(pid)).collect();
        for pid in gone {
            let status = "an adopted recorder ended".to_owned();
            self.tell(camera, Input::Exited { pid, code: None, status }).await;
        }
    }

    /// Who wants to be restarted by rule waits until it may.
    async fn govern(&mut self, camera: &CameraId) {
        let Some(recorder) = self.recorders.get(camera) else { return };
        if recorder.duty.asks() {
            if self.governor.ask(camera, self.options.rules.restarts_at_once) {
                self.tell(camera, Input::Leave).await;
            }
        } else if !recorder.duty.is_restarting() {
            self.governor.done(camera);
        }
    }

    async fn measure(&mut self) {
        let serving = |(camera, recorder): (&CameraId, &Recorder)| {
            let pid = recorder.duty.serving().0?;
            recorder.processes.get(&pid)?.is_itself().then(|| (camera.clone(), pid))
        };
        let pids: Vec<(CameraId, u32)> = self.recorders.iter().filter_map(serving).collect();
        let wanted: Vec<u32> = pids.iter().map(|(_, pid)| *pid).collect();
        let samples = self.sampler.sample(&wanted);
        for (camera, pid) in pids {
            let Some(sample) = samples.get(&pid).copied() else { continue };
            if let Some(recorder) = self.recorders.get_mut(&camera) {
                recorder.sample = sample;
            }
            self.tell(&camera, Input::Sampled { pid, sample }).await;
        }
    }

    fn forget_idle(&mut self) {
        let idle: Vec<CameraId> = self
            .recorders
            .iter()
            .filter(|(_, r)| r.duty.is_idle())
            .map(|(c, _)| c.clone())
            .collect();
        for camera in idle {
            self.recorders.remove(&camera);
            self.governor.done(&camera);
        }
        if self.recorders.is_empty()
            && let Some(answer) = self.stopped.take()
        {
            let _ = answer.send(());
        }
    }

    fn snapshot(&self) -> Vec<RecorderSnapshot> {
        let of = |(camera, recorder): (&CameraId, &Recorder)| {
            let (pid, engine, started) = recorder.duty.serving();
            let sample = pid.map(|_| recorder.sample).unwrap_or_default();
            RecorderSnapshot {
                camera: camera.clone(),
                pid,
                engine,
                state: recorder.duty.state(),
                cpu_percent: sample.cpu_percent,
                rss_bytes: sample.rss_bytes,
                restarts: recorder.duty.restarts(),
                started: started.unwrap_or_else(|| self.clock.utc()),
            }
        };
        self.recorders.iter().map(of).collect()
    }
}

#[cfg(test)]
mod tests;
