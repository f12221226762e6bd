//! The whole life of a recorder process: configuration from standard input, one task a stream, the disk
//! thread, the hub's socket; then everything closed, and an exit code of `wire`.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io::{BufRead as _, Read as _};
use std::process;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use serde::de::DeserializeOwned;
use tarsier_types::{Clock as _, Mono, StreamKind, SystemClock, UtcRange};
use tarsier_wire::{
    Engine, ExitCode, PROTOCOL, ProbeRequest, RecorderConfig, RecordingMode, ToHub, ToRecorder,
};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::counters::Counters;
use crate::disk::{Shared, StreamFiles};
use crate::files::Files;
use crate::gate::Gate;
use crate::handover;
use crate::link::{Commands, HubCommand, HubLink};
use crate::open::OpenSource;
use crate::platform;
use crate::recording::{Recording, Takeover};
use crate::stream::{StreamCommand, StreamEnd, StreamState, StreamTask};
use crate::tier::Tier;
use crate::want::Want;
use crate::writing::Order;

/// Longest configuration line.
const CONFIG_BYTES: u64 = 1 << 20;
/// How long a stop may take for the goodbyes; closing files is not limited.
const GOODBYE: Duration = Duration::from_secs(2);
/// How long after the agreed moment a stream's keyframe is waited for; the hub waits 15 s.
const HANDOVER: Duration = Duration::from_secs(10);

/// Runs a recorder (no argument) or a probe (`probe`) and ends the process.
pub fn main<O: OpenSource>(engine: Engine, opener: O) -> ! {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        // The hub's log, which these lines go to, has the time.
        .without_time()
        // Standard error ends with the hub that read it; a recorder outlives that, and must not panic over a log line.
        .log_internal_errors(false)
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_env("TARSIER_LOG")
                .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info,retina=error")),
        )
        .init();
    let argument = std::env::args().nth(1);
    let exit = match argument.as_deref() {
        None => record(engine, opener),
        Some("probe") => probe(&opener),
        Some(other) => {
            tracing::error!(
                argument = other,
                "the only argument is `probe`; the configuration comes on standard input"
            );
            ExitCode::BadConfig
        }
    };
    process::exit(exit.code())
}

fn read_line<T: DeserializeOwned>() -> anyhow::Result<T> {
    let mut line = String::new();
    let mut input = std::io::stdin().lock().take(CONFIG_BYTES);
    input.read_line(&mut line).context("read standard input")?;
    // serde's message could quote a value, so only the place of the error is told.
    serde_json::from_str(&line)
        .map_err(|e| anyhow::anyhow!("line of JSON not understood at column {}", e.column()))
}

fn runtime(gate: &Gate) -> anyhow::Result<tokio::runtime::Runtime> {
    let gate = gate.clone();
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .on_thread_park(move || gate.pause())
        .build()
        .context("start the runtime")
}

#[expect(clippy::print_stdout, reason = "the answer of a probe is one line on standard output")]
fn probe<O: OpenSource>(opener: &O) -> ExitCode {
    let answer = || -> anyhow::Result<String> {
        let request: ProbeRequest = read_line()?;
        let gate = Gate::default();
        let _in_a_hurry = gate.hold();
        let report = runtime(&gate)?.block_on(opener.probe(&request, SystemClock::start()));
        serde_json::to_string(&report).context("write the report")
    };
    match answer() {
        Ok(line) => {
            println!("{line}");
            ExitCode::Done
        }
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::BadConfig
        }
    }
}

fn record<O: OpenSource>(engine: Engine, opener: O) -> ExitCode {
    let config: RecorderConfig = match read_line() {
        Ok(config) => config,
        Err(error) => {
            tracing::error!("{error:#}");
            return ExitCode::BadConfig;
        }
    };
    let gate = Gate::default();
    match runtime(&gate).and_then(|runtime| runtime.block_on(run(engine, opener, config, gate))) {
        Ok(exit) => exit,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::Failed
        }
    }
}

/// The hub's socket has a thread and a runtime of its own, which the gate does not slow down.
fn spawn_link(link: impl Future<Output = ()> + Send + 'static) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new().name("hub".to_owned()).spawn(move || runtime.block_on(link))?;
    Ok(())
}

struct Stream {
    counters: Arc<Counters>,
    commands: mpsc::Sender<StreamCommand>,
}

/// What the process does for all its streams together.
struct Process {
    streams: BTreeMap<StreamKind, Stream>,
    files: Arc<Files>,
    clock: SystemClock,
    hub: HubLink,
    /// While it is in standby.
    takeover: Option<handover::Takeover>,
    /// When it ends although not every stream has come to the agreed keyframe.
    ends_by: Option<Mono>,
}

impl Process {
    async fn command(&self, kind: StreamKind, command: StreamCommand) {
        if let Some(stream) = self.streams.get(&kind) {
            // A task that is over has no use for it.
            let _ = stream.commands.send(command).await;
        }
    }

    async fn command_all(&self, command: StreamCommand) {
        for kind in self.streams.keys() {
            self.command(*kind, command).await;
        }
    }

    /// Does what the hub says about recording.
    async fn obey(&mut self, order: ToRecorder) {
        let order = match order {
            ToRecorder::Mode(kind, mode) => {
                if let Some(takeover) = &mut self.takeover {
                    takeover.recorded(kind, mode != RecordingMode::Off);
                }
                return self.command(kind, StreamCommand::Record(Order::Mode(mode))).await;
            }
            ToRecorder::RecordedUntil(kind, end) => {
                return self.command(kind, StreamCommand::Record(Order::RecordedUntil(end))).await;
            }
            ToRecorder::SegmentSeconds(seconds) => Order::SegmentSeconds(seconds),
            ToRecorder::Event { from, until } => Order::Event(UtcRange::new(from, until)),
            ToRecorder::EndAt(at) => {
                let ahead = u64::try_from(at.millis_since(self.clock.utc())).unwrap_or_default();
                let until_then = Duration::from_millis(ahead);
                self.ends_by = Some(self.clock.mono() + until_then + HANDOVER);
                Order::EndAt(at)
            }
            ToRecorder::BeginAt(at) => {
                let agreed = self.takeover.take().is_some_and(|takeover| takeover.is_agreed(at));
                Order::BeginAt(at, if agreed { Takeover::Agreed } else { Takeover::Alone })
            }
            ToRecorder::Tier { root, id } => {
                if let Err(error) = self.files.tier(Tier { root: root.into(), id }) {
                    tracing::error!(%error, "no thread for another tier; recording stays where it is");
                }
                Order::OtherTier
            }
            ToRecorder::Welcome
            | ToRecorder::Subscribe(_)
            | ToRecorder::Unsubscribe(_)
            | ToRecorder::Stop => return,
        };
        self.command_all(StreamCommand::Record(order)).await;
    }

    /// Once a second.
    fn beat(&mut self) {
        let now = self.clock.mono();
        self.hub.fact(heartbeat(&self.streams, now, self.clock));
        self.files.look_for_stalls(now);
        for stream in self.streams.values() {
            // Who has sixteen commands to do yet hears of the time from them.
            let _ = stream.commands.try_send(StreamCommand::Record(Order::Tick));
        }
        self.propose_takeover();
    }

    fn propose_takeover(&mut self) {
        let now = self.clock.utc();
        if let Some(cut_at) = self.takeover.as_mut().and_then(|takeover| takeover.propose(now)) {
            self.hub.fact(ToHub::ReadyToTakeOver { cut_at });
        }
    }
}

async fn run<O: OpenSource>(
    engine: Engine,
    opener: O,
    config: RecorderConfig,
    gate: Gate,
) -> anyhow::Result<ExitCode> {
    let clock = SystemClock::start();
    let hub = HubLink::default();
    let hello = ToHub::Hello {
        protocol: PROTOCOL,
        camera: config.camera.clone(),
        pid: process::id(),
        engine,
        config_hash: config.config_hash.clone(),
        started: clock.utc(),
    };
    let mut takeover = config.standby.then(handover::Takeover::default);
    let configs = [(StreamKind::Main, Some(config.main)), (StreamKind::Sub, config.sub)];
    let configs =
        configs.into_iter().filter_map(|(kind, stream)| stream.map(|stream| (kind, stream)));

    let mut resume: BTreeMap<StreamKind, _> = config.resume.into_iter().collect();
    let recorded_until: BTreeMap<StreamKind, _> = config.recorded_until.into_iter().collect();

    let mut streams: BTreeMap<StreamKind, Stream> = BTreeMap::new();
    let mut files_of: BTreeMap<StreamKind, StreamFiles> = BTreeMap::new();
    let mut waiting = Vec::new();
    for (kind, stream) in configs {
        let counters = Arc::new(Counters::default());
        // Commands are rare; a full channel makes the sender wait.
        let (commands, inbox) = mpsc::channel(16);
        // See `Disk::tell`.
        let (news, disk_news) = mpsc::channel(16);
        files_of.insert(kind, StreamFiles { counters: Arc::clone(&counters), news });
        streams.insert(kind, Stream { counters: Arc::clone(&counters), commands });
        if let Some(takeover) = &mut takeover {
            takeover.recorded(kind, stream.mode != RecordingMode::Off);
        }
        waiting.push((kind, stream, counters, inbox, disk_news));
    }
    let shared = Shared {
        camera: config.camera.clone(),
        streams: files_of,
        chains: std::sync::Mutex::default(),
        hub: hub.clone(),
        clock,
    };
    let tier = Tier { root: config.tier_root, id: config.tier_id };
    let files = Arc::new(Files::start(tier, Arc::new(shared)).context("start the disk thread")?);

    let opener = Arc::new(opener);
    // See `StreamTask::act` for what happens when it is full.
    let (standby, mut keyframes) = mpsc::channel(16);
    let mut tasks = JoinSet::new();
    for (kind, stream, counters, commands, disk_news) in waiting {
        let want = if config.standby { Want::standby(stream.mode) } else { Want::new(stream.mode) };
        let mut recording = Recording::new(want, config.segment_seconds);
        if let Some(end) = recorded_until.get(&kind) {
            recording.recorded_until(*end);
        }
        let task = StreamTask {
            camera: config.camera.clone(),
            kind,
            config: stream,
            credentials: config.credentials.clone(),
            opener: Arc::clone(&opener),
            clock,
            hub: hub.clone(),
            gate: gate.clone(),
            files: Arc::clone(&files),
            counters,
            commands,
            disk_news,
            standby: standby.clone(),
            recording,
            policy: config.reconnect.clone(),
            epoch: config.epoch,
            resume: resume.remove(&kind),
            state: StreamState::new(clock.utc()),
        };
        tasks.spawn(task.run());
    }

    let (from_hub, mut commands) = mpsc::channel(16);
    let patience = Duration::from_secs(u64::from(config.orphan_seconds));
    let link = hub.clone().run(
        config.hub_socket,
        hello,
        Commands { to: from_hub, gate: gate.clone() },
        patience,
        clock,
    );
    spawn_link(link).context("start the hub's thread")?;
    let mut beat = tokio::time::interval(Duration::from_secs(1));
    beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let asked_to_end = platform::asked_to_end();
    tokio::pin!(asked_to_end);

    let mut process = Process { streams, files, clock, hub, takeover, ends_by: None };

    let exit = loop {
        tokio::select! {
            _ = beat.tick() => {
                process.beat();
                if process.ends_by.is_some_and(|by| clock.mono() >= by) {
                    tracing::warn!("a stream has not come to the agreed keyframe; it ends without");
                    break ExitCode::Done;
                }
            }
            command = commands.recv() => match command {
                Some(HubCommand::Watch(kind, on)) => {
                    process.command(kind, StreamCommand::Watch(on)).await;
                }
                Some(HubCommand::Record(order)) => process.obey(order).await,
                Some(HubCommand::Stop) => break ExitCode::Done,
                None => break ExitCode::Orphaned,
            },
            Some((kind, seen)) = keyframes.recv() => {
                if let Some(takeover) = &mut process.takeover {
                    takeover.seen(kind, seen);
                }
                process.propose_takeover();
            }
            () = &mut asked_to_end => break ExitCode::Done,
            Some(ended) = tasks.join_next() => match ended {
                Ok(StreamEnd::HandedOver) if tasks.is_empty() => break ExitCode::Done,
                Ok(StreamEnd::HandedOver) => {}
                Ok(StreamEnd::Stopped) => break ExitCode::Failed,
                Ok(StreamEnd::EngineCannotRead) => break ExitCode::EngineCannotRead,
                Err(panic) => return Err(panic).context("a stream's task broke"),
            },
        }
    };

    let Process { streams, files, hub, .. } = process;
    let _in_a_hurry = gate.hold();
    for stream in streams.values() {
        let _ = stream.commands.send(StreamCommand::Stop).await;
    }
    let all_ended = async { while tasks.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(GOODBYE, all_ended).await;
    tasks.shutdown().await;
    if let Some(files) = Arc::into_inner(files) {
        tokio::task::spawn_blocking(move || files.finish()).await.context("close the files")?;
    }
    for (kind, stream) in &streams {
        let last = stream.counters.heartbeat(clock.mono(), clock.utc());
        tracing::info!(
            "{kind} ended: {} access units came, {} are on disk, {} lost",
            last.video_units + last.audio_units,
            last.units_on_disk,
            last.units_lost
        );
    }
    hub.fact(heartbeat(&streams, clock.mono(), clock));
    hub.flush(GOODBYE).await;
    Ok(exit)
}

fn heartbeat(streams: &BTreeMap<StreamKind, Stream>, now: Mono, clock: SystemClock) -> ToHub {
    let utc = clock.utc();
    ToHub::Heartbeat {
        streams: streams.iter().map(|(kind, s)| (*kind, s.counters.heartbeat(now, utc))).collect(),
    }
}
