//! The whole life of a recorder process: configuration from standard input, one task a stream, the disk
//! thread, the hub's socket; then everything closed, and an exit code of `wire`.

use std::collections::BTreeMap;
use std::io::{BufRead as _, Read as _};
use std::process;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use serde::de::DeserializeOwned;
use tarsier_types::{Clock as _, Mono, StreamKind, SystemClock};
use tarsier_wire::{
    Engine, ExitCode, PROTOCOL, ProbeRequest, RecorderConfig, RecordingMode, ToHub,
};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::counters::Counters;
use crate::files::{Files, StreamFiles};
use crate::gate::Gate;
use crate::link::{Commands, HubCommand, HubLink};
use crate::open::OpenSource;
use crate::platform;
use crate::recording::Recording;
use crate::stream::{StreamCommand, StreamEnd, StreamState, StreamTask};

/// Longest configuration line.
const CONFIG_BYTES: u64 = 1 << 20;
/// How long a stop may take for the goodbyes; closing files is not limited.
const GOODBYE: Duration = Duration::from_secs(2);

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
    let configs = [(StreamKind::Main, Some(config.main)), (StreamKind::Sub, config.sub)];
    let configs =
        configs.into_iter().filter_map(|(kind, stream)| stream.map(|stream| (kind, stream)));

    let mut streams: BTreeMap<StreamKind, Stream> = BTreeMap::new();
    let mut files_of: BTreeMap<StreamKind, StreamFiles> = BTreeMap::new();
    let mut waiting = Vec::new();
    for (kind, stream) in configs {
        let counters = Arc::new(Counters::default());
        // Commands are rare; a full channel makes the sender wait.
        let (commands, inbox) = mpsc::channel(16);
        let (failed, disk_failed) = mpsc::channel(1);
        files_of.insert(kind, StreamFiles { counters: Arc::clone(&counters), failed });
        streams.insert(kind, Stream { counters: Arc::clone(&counters), commands });
        waiting.push((kind, stream, counters, inbox, disk_failed));
    }
    let identity = tier_identity(&config.tier_root);
    let is_ours = identity.as_deref() == Some(config.tier_id.as_str());
    let root = config.tier_root.clone();
    let files = Arc::new(
        Files::start(root, files_of, hub.clone(), clock).context("start the disk thread")?,
    );

    let opener = Arc::new(opener);
    let mut tasks = JoinSet::new();
    for (kind, stream, counters, commands, disk_failed) in waiting {
        // A folder without our identity is perhaps an unmounted disk: it is never written to.
        let mode = if is_ours { stream.mode } else { RecordingMode::Off };
        if !is_ours && stream.mode != RecordingMode::Off {
            let problem = format!("{} is not the disk that was set up", config.tier_root.display());
            hub.fact(ToHub::Disk { stream: kind, problem: Some(problem) });
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
            disk_failed,
            recording: Recording::new(mode, config.segment_seconds),
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

    let exit = loop {
        tokio::select! {
            _ = beat.tick() => hub.fact(heartbeat(&streams, clock.mono(), clock)),
            command = commands.recv() => match command {
                Some(HubCommand::Watch(kind, on)) => {
                    if let Some(stream) = streams.get(&kind) {
                        let _ = stream.commands.send(StreamCommand::Watch(on)).await;
                    }
                }
                Some(HubCommand::Stop) => break ExitCode::Done,
                None => break ExitCode::Orphaned,
            },
            () = &mut asked_to_end => break ExitCode::Done,
            Some(ended) = tasks.join_next() => match ended {
                Ok(StreamEnd::Stopped) => break ExitCode::Failed,
                Ok(StreamEnd::EngineCannotRead) => break ExitCode::EngineCannotRead,
                Err(panic) => return Err(panic).context("a stream's task broke"),
            },
        }
    };

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

/// The identity of the tier at `root`, if it has one (CONTRACT section 4).
fn tier_identity(root: &std::path::Path) -> Option<String> {
    let text = std::fs::read_to_string(root.join("tarsier-tier.json")).ok()?;
    let identity: serde_json::Value = serde_json::from_str(&text).ok()?;
    identity.get("id")?.as_str().map(str::to_owned)
}
