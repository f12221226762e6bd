//! The one task that owns all that is known of the recorders. It asks the judge, and does what the judge says.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tarsier_types::{CameraId, Clock as _, Mono, Scheme, StreamKind, SystemClock, UtcMs};
use tarsier_wire::{Engine, ExitCode, PROTOCOL, RecorderConfig, ToHub, ToRecorder};
use tokio::sync::{mpsc, oneshot};

use crate::child;
use crate::judge::{EngineWish, Judge, Verdict};
use crate::sample::{Sample, Sampler};
use crate::supervisor::{RecorderSnapshot, Report, SupervisorOptions};

/// How long after its start a hub waits for recorders of an earlier one: they try every 250 ms.
const ADOPTION: Duration = Duration::from_millis(800);
/// How often deadlines are looked at.
const TICK: Duration = Duration::from_millis(250);
/// How often processes are measured.
const SAMPLE_EVERY: Duration = Duration::from_secs(2);
/// How long a recorder may take to close its files when it is replaced.
const REPLACE_PATIENCE: Duration = Duration::from_secs(5);

/// Said by the hub.
#[derive(Debug)]
pub(crate) enum Command {
    Set(Box<RecorderConfig>, EngineWish),
    Remove(CameraId),
    Watch(CameraId, StreamKind, bool),
    Snapshot(oneshot::Sender<Vec<RecorderSnapshot>>),
    StopAll(oneshot::Sender<()>),
}

/// What happened to processes and connections.
#[derive(Debug)]
pub(crate) enum Event {
    Hello {
        connection: u64,
        hello: Box<ToHub>,
        commands: mpsc::Sender<ToRecorder>,
        answer: oneshot::Sender<bool>,
    },
    Heartbeat {
        camera: CameraId,
        connection: u64,
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

struct Connection {
    number: u64,
    commands: mpsc::Sender<ToRecorder>,
}

struct Process {
    pid: u32,
    is_child: bool,
    started: UtcMs,
    sample: Sample,
    /// Asked to stop; killed when it has not by then.
    must_end_by: Option<Mono>,
}

struct Recorder {
    /// What it should be doing; `None` once the camera is removed.
    wanted: Option<(RecorderConfig, EngineWish)>,
    judge: Judge,
    process: Option<Process>,
    connection: Option<Connection>,
    watched: BTreeSet<StreamKind>,
}

pub(crate) struct Actor {
    options: SupervisorOptions,
    socket: String,
    clock: SystemClock,
    events: mpsc::Sender<Event>,
    reports: mpsc::Sender<Report>,
    recorders: BTreeMap<CameraId, Recorder>,
    started: Mono,
    sampler: Sampler,
    sampled: Mono,
    stopping: Option<oneshot::Sender<()>>,
}

impl Actor {
    pub(crate) fn new(
        options: SupervisorOptions,
        socket: String,
        clock: SystemClock,
        events: mpsc::Sender<Event>,
        reports: mpsc::Sender<Report>,
    ) -> Self {
        let now = clock.mono();
        Self {
            options,
            socket,
            clock,
            events,
            reports,
            recorders: BTreeMap::new(),
            started: now,
            sampler: Sampler::new(),
            sampled: now,
            stopping: None,
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
                _ = tick.tick() => {}
            }
            self.look().await;
        }
    }

    async fn command(&mut self, command: Command) {
        match command {
            Command::Set(config, wish) => self.set(*config, wish).await,
            Command::Remove(camera) => {
                if let Some(recorder) = self.recorders.get_mut(&camera) {
                    recorder.wanted = None;
                    ask_to_stop(recorder, self.clock.mono()).await;
                }
            }
            Command::Watch(camera, stream, on) => {
                if let Some(recorder) = self.recorders.get_mut(&camera) {
                    if on {
                        recorder.watched.insert(stream)
                    } else {
                        recorder.watched.remove(&stream)
                    };
                    let command = if on {
                        ToRecorder::Subscribe(stream)
                    } else {
                        ToRecorder::Unsubscribe(stream)
                    };
                    say(recorder, command).await;
                }
            }
            Command::Snapshot(answer) => {
                let _ = answer.send(self.snapshot());
            }
            Command::StopAll(answer) => {
                let now = self.clock.mono();
                for recorder in self.recorders.values_mut() {
                    recorder.wanted = None;
                    ask_to_stop(recorder, now).await;
                }
                self.stopping = Some(answer);
            }
        }
    }

    async fn set(&mut self, mut config: RecorderConfig, wish: EngineWish) {
        config.hub_socket.clone_from(&self.socket);
        config.orphan_seconds = self.options.orphan_seconds;
        config.config_hash = hash(&config, wish);
        let now = self.clock.mono();
        let camera = config.camera.clone();
        let judge = Judge::new(wish, readable_by(&config), now);
        let recorder = self.recorders.entry(camera).or_insert_with(|| Recorder {
            wanted: None,
            judge: judge.clone(),
            process: None,
            connection: None,
            watched: BTreeSet::new(),
        });
        if recorder.wanted.as_ref().is_some_and(|(old, _)| old.config_hash == config.config_hash) {
            return;
        }
        recorder.wanted = Some((config, wish));
        recorder.judge = judge;
        if recorder.process.is_some() {
            ask_to_stop(recorder, now).await;
        }
    }

    async fn event(&mut self, event: Event) {
        let now = self.clock.mono();
        match event {
            Event::Hello { connection, hello, commands, answer } => {
                self.hello(connection, *hello, commands, answer).await;
            }
            Event::Heartbeat { camera, connection } => {
                if let Some(recorder) = self.recorders.get_mut(&camera)
                    && recorder.connection.as_ref().is_some_and(|c| c.number == connection)
                {
                    recorder.judge.heard(now);
                }
            }
            Event::Disconnected { camera, connection } => {
                if let Some(recorder) = self.recorders.get_mut(&camera)
                    && recorder.connection.as_ref().is_some_and(|c| c.number == connection)
                {
                    recorder.connection = None;
                }
            }
            Event::Exited { camera, pid, code, status } => {
                self.exited(&camera, pid, code.and_then(ExitCode::from_code), status).await;
            }
        }
    }

    async fn hello(
        &mut self,
        number: u64,
        hello: ToHub,
        commands: mpsc::Sender<ToRecorder>,
        answer: oneshot::Sender<bool>,
    ) {
        let ToHub::Hello { protocol, camera, pid, engine, config_hash, started } = hello else {
            return;
        };
        let now = self.clock.mono();
        let accepted = match self.recorders.get_mut(&camera) {
            Some(recorder) if self.stopping.is_none() => {
                let is_same = protocol == PROTOCOL
                    && recorder
                        .wanted
                        .as_ref()
                        .is_some_and(|(config, _)| config.config_hash == config_hash);
                let is_adopted = recorder.process.is_none() && is_same;
                if recorder.process.is_none() {
                    // One of another configuration must be gone before its successor connects to the camera.
                    recorder.process = Some(Process {
                        pid,
                        is_child: false,
                        started,
                        sample: Sample::default(),
                        must_end_by: (!is_same).then_some(now + REPLACE_PATIENCE),
                    });
                }
                if is_adopted {
                    recorder.judge.adopted(engine, now);
                    let report =
                        Report::Started { camera: camera.clone(), pid, engine, adopted: true };
                    let _ = self.reports.send(report).await;
                }
                let process = recorder.process.as_ref().filter(|process| process.pid == pid);
                if process.is_some() {
                    recorder.judge.heard(now);
                    recorder.connection = Some(Connection { number, commands: commands.clone() });
                }
                // One that was replaced before it had connected is told to stop now.
                process
                    .is_some_and(|process| process.must_end_by.is_none())
                    .then(|| recorder.watched.clone())
            }
            _ => None,
        };
        if let Some(watched) = accepted {
            let _ = answer.send(true);
            let _ = commands.send(ToRecorder::Welcome).await;
            for stream in watched {
                let _ = commands.send(ToRecorder::Subscribe(stream)).await;
            }
        } else {
            tracing::info!(%camera, pid, "a recorder of another configuration is asked to stop");
            let _ = commands.send(ToRecorder::Stop).await;
            let _ = answer.send(false);
        }
    }

    async fn exited(
        &mut self,
        camera: &CameraId,
        pid: u32,
        code: Option<ExitCode>,
        status: String,
    ) {
        let now = self.clock.mono();
        let Some(recorder) = self.recorders.get_mut(camera) else { return };
        let Some(process) = recorder.process.take_if(|process| process.pid == pid) else { return };
        recorder.connection = None;
        let was_asked = process.must_end_by.is_some();
        // However it ended: it was what we wanted, and nobody needs to be told.
        let code = if was_asked { Some(ExitCode::Done) } else { code };
        let restart = if recorder.wanted.is_none() {
            None
        } else if was_asked {
            Some(now)
        } else {
            recorder.judge.exited(code, now)
        };
        let utc = self.clock.utc();
        let will_restart_at = restart.map(|at| {
            utc.plus_millis(i64::try_from(at.since(now).as_millis()).unwrap_or(i64::MAX))
        });
        if recorder.wanted.is_none() {
            self.recorders.remove(camera);
        }
        let report = Report::Exited { camera: camera.clone(), code, status, will_restart_at };
        let _ = self.reports.send(report).await;
    }

    /// Looks at every deadline.
    async fn look(&mut self) {
        let now = self.clock.mono();
        if now.since(self.started) < ADOPTION && self.stopping.is_none() {
            return;
        }
        let cameras: Vec<CameraId> = self.recorders.keys().cloned().collect();
        for camera in cameras {
            self.look_at(&camera, now).await;
        }
        if now.since(self.sampled) >= SAMPLE_EVERY {
            self.sampled = now;
            self.measure();
        }
        self.recorders
            .retain(|_, recorder| recorder.wanted.is_some() || recorder.process.is_some());
        if self.recorders.is_empty()
            && let Some(answer) = self.stopping.take()
        {
            let _ = answer.send(());
        }
    }

    async fn look_at(&mut self, camera: &CameraId, now: Mono) {
        let Some(recorder) = self.recorders.get_mut(camera) else { return };
        if let Some(process) = &recorder.process {
            if process.must_end_by.is_some_and(|by| now >= by) {
                tracing::warn!(%camera, pid = process.pid, "the recorder does not stop; it is killed");
                child::kill(process.pid);
            }
            // An adopted process has no parent that waits for it: its socket tells, and the process table.
            if !process.is_child && recorder.connection.is_none() && !child::is_alive(process.pid) {
                let (pid, status) = (process.pid, "an adopted recorder ended".to_owned());
                self.exited(camera, pid, None, status).await;
                return;
            }
            if process.must_end_by.is_none() && recorder.judge.due(now) == Some(Verdict::Kill) {
                tracing::warn!(%camera, pid = process.pid, "the recorder is silent; it is killed");
                child::kill(process.pid);
            }
            return;
        }
        let Some((config, _)) = recorder.wanted.clone() else { return };
        if let Some(Verdict::Start(engine)) = recorder.judge.due(now) {
            self.start(config, engine).await;
        }
    }

    async fn start(&mut self, config: RecorderConfig, engine: Engine) {
        let camera = config.camera.clone();
        let program = match engine {
            Engine::Rust => &self.options.programs.recorder,
            Engine::Libav => &self.options.programs.recorder_libav,
        };
        let (events, name) = (self.events.clone(), camera.clone());
        let (say_pid, pid_said) = oneshot::channel::<u32>();
        let ended = move |status: std::io::Result<std::process::ExitStatus>| {
            let (code, text) = match status {
                Ok(status) => (status.code(), status.to_string()),
                Err(error) => (None, error.to_string()),
            };
            tokio::spawn(async move {
                if let Ok(pid) = pid_said.await {
                    let _ =
                        events.send(Event::Exited { camera: name, pid, code, status: text }).await;
                }
            });
        };
        let Some(recorder) = self.recorders.get_mut(&camera) else { return };
        match child::spawn(program, &config, ended).await {
            Ok(pid) => {
                let started = self.clock.utc();
                let sample = Sample::default();
                recorder.process =
                    Some(Process { pid, is_child: true, started, sample, must_end_by: None });
                let _ = say_pid.send(pid);
                let report = Report::Started { camera, pid, engine, adopted: false };
                let _ = self.reports.send(report).await;
            }
            Err(error) => {
                let now = self.clock.mono();
                let restart = recorder.judge.exited(None, now);
                let utc = self.clock.utc();
                let will_restart_at = restart.map(|at| {
                    utc.plus_millis(i64::try_from(at.since(now).as_millis()).unwrap_or(i64::MAX))
                });
                let status = format!("{error:#}");
                tracing::error!(%camera, status, "the recorder cannot be started");
                let report = Report::Exited { camera, code: None, status, will_restart_at };
                let _ = self.reports.send(report).await;
            }
        }
    }

    fn measure(&mut self) {
        let pids: Vec<u32> =
            self.recorders.values().filter_map(|r| r.process.as_ref()).map(|p| p.pid).collect();
        let samples = self.sampler.sample(&pids);
        for process in self.recorders.values_mut().filter_map(|recorder| recorder.process.as_mut())
        {
            process.sample = samples.get(&process.pid).copied().unwrap_or_default();
        }
    }

    fn snapshot(&self) -> Vec<RecorderSnapshot> {
        let of = |(camera, recorder): (&CameraId, &Recorder)| {
            let process = recorder.process.as_ref();
            let sample = process.map(|process| process.sample).unwrap_or_default();
            RecorderSnapshot {
                camera: camera.clone(),
                pid: process.map(|process| process.pid),
                engine: recorder.judge.engine(),
                state: recorder.judge.state(),
                cpu_percent: sample.cpu_percent,
                rss_bytes: sample.rss_bytes,
                restarts: recorder.judge.restarts(),
                started: process.map_or_else(|| self.clock.utc(), |process| process.started),
            }
        };
        self.recorders.iter().map(of).collect()
    }
}

async fn say(recorder: &Recorder, command: ToRecorder) {
    if let Some(connection) = &recorder.connection {
        let _ = connection.commands.send(command).await;
    }
}

async fn ask_to_stop(recorder: &mut Recorder, now: Mono) {
    say(recorder, ToRecorder::Stop).await;
    if let Some(process) = &mut recorder.process {
        process.must_end_by.get_or_insert(now + REPLACE_PATIENCE);
    }
}

/// The pure-Rust engine reads RTSP; everything else is libav's.
fn readable_by(config: &RecorderConfig) -> Engine {
    let urls = std::iter::once(&config.main).chain(config.sub.as_ref());
    if urls.into_iter().all(|stream| stream.url.scheme() == Scheme::Rtsp) {
        Engine::Rust
    } else {
        Engine::Libav
    }
}

fn hash(config: &RecorderConfig, wish: EngineWish) -> String {
    let mut config = config.clone();
    config.config_hash.clear();
    let mut hasher = blake3::Hasher::new();
    hasher.update(&serde_json::to_vec(&config).unwrap_or_default());
    hasher.update(format!("{wish:?} {}", env!("CARGO_PKG_VERSION")).as_bytes());
    hasher.finalize().to_hex().to_string()
}
