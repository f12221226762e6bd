//! `tarsierd serve`: wires the boxes together, and takes them apart in the right order.

use std::io::{IsTerminal, Write};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

use anyhow::{Context, Result};
use jiff::tz::TimeZone;
use tarsier_api::event::EventKind;
use tarsier_hls::Hls;
use tarsier_index::{Index, OpenIndexError, Tier, TierKind};
use tarsier_live::{Live, LiveStream, Wish};
use tarsier_supervise::{Programs, Report, Supervisor, SupervisorOptions};
use tarsier_types::{Clock, SystemClock, UtcMs};
use tarsier_whep::Whep;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};

use crate::alerts::{self, Alerts};
use crate::camera_file::{CameraFile, Found};
use crate::cli::Serve;
use crate::connections::Connections;
use crate::data_dir::DataDir;
use crate::demo::Demo;
use crate::door::{Door, Patience};
use crate::guard::Guard;
use crate::hub::Hub;
use crate::journal::{Job, Journal, NewEvent};
use crate::machine::Machine;
use crate::modes::{self, Modes};
use crate::platform::{self, FileLimit};
use crate::programs::ChildPrograms;
use crate::ptz::Turning;
use crate::rungs::{self, Order, Rungs, opus as sound};
use crate::secrets::SecretBox;
use crate::sessions::{Files, GivenFile, MadeFolder, RevokedFile, Sessions};
use crate::stills::Stills;
use crate::storage::{self, Storage};
use crate::tokens::{Grant, SESSION, Tokens};
use crate::ui::Ui;
use crate::{cameras, door, http, logs, reports, rtsp, supervision};

/// Reports that wait for the hub; behind a full channel the recorders' sockets wait.
const REPORTS: usize = 1024;
/// CONTRACT section 2: gone within 5 s. Recorders get most of it.
const RECORDERS_CLOSE: Duration = Duration::from_millis(3500);
/// What somebody was turning is told to stop.
const CAMERAS_STILL: Duration = Duration::from_secs(2);
const LAST_REPORTS: Duration = Duration::from_millis(700);
const CONNECTIONS_CLOSE: Duration = Duration::from_millis(400);
/// Files that are newer than the index; a torn one is read through.
const FOUND_WITHIN: Duration = Duration::from_secs(2);
/// Events are news, not archive.
const EVENTS_KEPT_MS: i64 = 365 * 86_400_000;

/// Runs until it is told to stop.
pub(crate) async fn run(serve: Serve) -> Result<()> {
    let clock = SystemClock::start();
    let data = DataDir::open(&serve.data_dir, clock.utc().0)?;
    let _logging = logs::start(&data.logs()).context("cannot begin to log")?;
    raise_file_limit();
    let programs = ChildPrograms::find(serve.programs.as_deref(), serve.encoders)?;
    let ui = Ui::find(serve.ui.as_deref());
    let listener = TcpListener::bind(serve.listen).await.with_context(|| {
        format!(
            "cannot listen at {}: is another program there? Try --listen 127.0.0.1:0",
            serve.listen
        )
    })?;
    let address = listener.local_addr().context("cannot tell where we listen")?;

    let (hub, reports, nudges) = build(data, clock, programs, ui, Guard::new(address)).await?;
    let reporting = tokio::spawn(reports::run(hub.clone(), reports));
    tokio::spawn(alerts::run(hub.clone()));
    hub.journal.write(Job::Reconcile);
    // A recorder is told where footage ends, so that it overlaps none; a disk that hangs holds nobody up for long.
    if tokio::time::timeout(FOUND_WITHIN, hub.journal.flush()).await.is_err() {
        tracing::warn!(
            "what is on the disk is still looked through; recorders are started meanwhile"
        );
    }
    for camera in hub.all_cameras() {
        hub.connect(&camera).await;
    }
    tokio::spawn(modes::run(hub.clone()));
    hub.journal.event(started(&hub));
    let keeping = tokio::spawn(storage::run(hub.clone(), nudges));

    let door = Door { listener, router: http::router(hub.clone()), patience: Patience::default() };
    let answering = tokio::spawn(door::open(door, hub.stopping.subscribe()));

    let rtsp = rtsp::start(&hub, &serve.rtsp);
    let url = format!("http://{address}");
    hub.data.announce(&url, env!("CARGO_PKG_VERSION"))?;
    ready(&hub, &url)?;
    prepare_demo(&hub, serve.demo).await;
    forget_old_events(&hub);

    told_to_stop(&hub).await?;
    tracing::info!("stopping: every segment is closed");
    hub.data.withdraw();
    hub.stopping.send_replace(true);
    hub.whep.end_all();
    hub.hls.end_all();
    rtsp.end_all();
    let still = tokio::time::timeout(CAMERAS_STILL, hub.ptz.ended());
    let _ = tokio::join!(hub.supervisor.stop_all(RECORDERS_CLOSE), still);
    let _ = tokio::time::timeout(LAST_REPORTS, last_reports(&hub)).await;
    hub.demo.lock().await.stop().await;
    let _ = tokio::time::timeout(CONNECTIONS_CLOSE, answering).await;
    reporting.abort();
    keeping.abort();
    tracing::info!("stopped");
    Ok(())
}

/// Each viewer is an open file, and there is one for each recorder, log and database; many systems begin with 1024.
fn raise_file_limit() {
    match platform::raise_file_limit() {
        Ok(FileLimit::Raised { from, to }) => {
            tracing::info!(?from, ?to, "how many files may be open");
        }
        Ok(FileLimit::NotHere) => tracing::info!("this system does not count open files"),
        Err(error) => {
            tracing::warn!(%error, "the limit on open files stays: many viewers at once may be refused");
        }
    }
}

/// All boxes, none of them moving yet.
pub(crate) async fn build(
    data: DataDir,
    clock: SystemClock,
    programs: ChildPrograms,
    ui: Ui,
    guard: Guard,
) -> Result<(Arc<Hub>, mpsc::Receiver<Report>, mpsc::Receiver<storage::Nudge>)> {
    let (index, camera_file, found) = open_index(&data, clock).await?;
    let tier = Tier { id: data.tier_id().to_owned(), root: data.footage(), kind: TierKind::Cache };
    index.put_tier(&tier).context("cannot store the tier")?;
    let secrets = SecretBox::new(data.key());
    let (storage, nudges) = Storage::new(&index, &secrets).context("cannot read the tiers")?;
    let entries = cameras::load(&index, &secrets).context("cannot read the cameras")?;
    let is_paused = index.setting(cameras::PAUSED).context("cannot read the settings")?.as_deref()
        == Some("true");

    let files = Files {
        revoked: RevokedFile::new(data.revoked()),
        given: GivenFile::new(data.given()),
        made: MadeFolder::new(data.made()),
    };
    let sessions = Sessions::open(Tokens::new(data.key()), files, clock)
        .context("cannot read which tokens are revoked, or which were handed on")?;
    let connections =
        Connections::load(&index).context("cannot read what was kept of the connections")?;

    let (sender, reports) = mpsc::channel(REPORTS);
    let options = SupervisorOptions {
        programs: Programs {
            recorder: programs.recorder.clone(),
            recorder_libav: programs.recorder_libav.clone(),
        },
        run_dir: data.run(),
        rules: supervision::load(&index).context("cannot read the settings")?,
    };
    let supervisor = Supervisor::start(options, clock, sender).await?;
    let wishes = supervisor.clone();
    let (ordering, orders) = mpsc::unbounded_channel();
    // Whoever takes the orders lives as long as the hub.
    let order = move |order| drop(ordering.send(order));
    let live = Live::start(Arc::new(clock), move |wish| match wish {
        Wish::Subscribe((camera, LiveStream::Own(stream))) => wishes.subscribe(&camera, stream),
        Wish::Unsubscribe((camera, LiveStream::Own(stream))) => wishes.unsubscribe(&camera, stream),
        Wish::Subscribe((camera, LiveStream::Rung(rung))) => order(Order::Begin((camera, rung))),
        Wish::Unsubscribe((camera, LiveStream::Rung(rung))) => order(Order::End((camera, rung))),
    });
    let (ordering, sound_orders) = mpsc::unbounded_channel();
    let order = move |order| drop(ordering.send(order));
    let opus = Live::start(Arc::new(clock), move |wish| match wish {
        Wish::Subscribe((camera, LiveStream::Own(kind))) => {
            order(sound::Order::Begin((camera, kind)));
        }
        Wish::Unsubscribe((camera, LiveStream::Own(kind))) => {
            order(sound::Order::End((camera, kind)));
        }
        // Sound is that of the stream that a rung is made of.
        Wish::Subscribe(_) | Wish::Unsubscribe(_) => {}
    });
    let whep = Whep::start(guard.listen(), Arc::new(clock))
        .await
        .context("cannot open a UDP socket for viewers by WebRTC")?;
    let open = Arc::<Mutex<_>>::default();
    let journal = Journal::start(index.clone(), Arc::clone(&open))?;
    if let Some(event) = cameras_came_back(found, clock.utc()) {
        journal.event(event);
    }
    let alerts = Alerts::new(&index, &secrets, clock).context("cannot read the alerts")?;
    let stopping = watch::Sender::new(false);
    let hub = Arc::new(Hub {
        clock,
        tz: TimeZone::system(),
        started: clock.utc(),
        sessions,
        stills: Stills::new(programs.transcoder.clone()),
        storage,
        machine: Machine::new(clock),
        demo: tokio::sync::Mutex::new(Demo::default()),
        cameras: RwLock::new(
            entries.into_iter().map(|entry| (entry.id.clone(), Arc::new(entry))).collect(),
        ),
        brains: Mutex::default(),
        connections,
        is_paused: AtomicBool::new(is_paused),
        modes: Modes::default(),
        changing: tokio::sync::Mutex::new(()),
        ptz: Turning::new(clock, stopping.subscribe()),
        stopping,
        data,
        index,
        camera_file,
        journal,
        secrets,
        guard,
        supervisor,
        live,
        opus,
        rungs: Rungs::new(),
        whep,
        hls: Hls::new(Arc::new(clock)),
        rtsp: RwLock::default(),
        programs,
        ui,
        open,
        alerts,
        blame: Mutex::default(),
        clock_watch: Mutex::default(),
    });
    tokio::spawn(rungs::run(hub.clone(), orders));
    tokio::spawn(sound::run(hub.clone(), sound_orders));
    Ok((hub, reports, nudges))
}

/// A damaged index is set aside: what it held of footage is found again in the files, its cameras in their list.
async fn open_index(data: &DataDir, clock: SystemClock) -> Result<(Index, Arc<CameraFile>, Found)> {
    let (path, file) = (data.index(), CameraFile::new(data.cameras()));
    let opened = tokio::task::spawn_blocking(move || {
        let index = match Index::open(&path) {
            Err(OpenIndexError::Corrupt { .. }) => {
                tracing::error!(path = %path.display(), "the index is damaged; it is set aside and made anew from the files");
                let aside = tarsier_index::set_aside(&path, clock.utc())?;
                tracing::error!(aside = %aside.display(), "the damaged index is kept there");
                Index::open(&path)?
            }
            opened => opened?,
        };
        let found = file.restore(&index, clock.utc()).context("cannot bring back the cameras")?;
        if let Err(error) = file.keep(&index) {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "cameras.json is out of date"
            );
        }
        Ok((index, Arc::new(file), found))
    });
    opened.await.context("opening the index")?
}

/// What a person should know of an index that was lost.
fn cameras_came_back(found: Found, at: UtcMs) -> Option<NewEvent> {
    let (cameras, rest) = match found {
        Found::Restored { cameras } => (cameras, ""),
        Found::Damaged { cameras } => (
            cameras,
            " Some of the list could not be read: what is missing must be added again; the log says what.",
        ),
        Found::KnownIndex | Found::NoFile => return None,
    };
    let title = match cameras {
        0 if rest.is_empty() => return None,
        1 => "1 camera was restored".to_owned(),
        _ => format!("{cameras} cameras were restored"),
    };
    let body = format!(
        "The index was lost or damaged and is made anew. The cameras are taken from cameras.json; footage is found again in its files.{rest}"
    );
    Some(NewEvent { at, kind: EventKind::CameraAdded, camera: None, title, body })
}

fn started(hub: &Hub) -> NewEvent {
    NewEvent {
        at: hub.started,
        kind: EventKind::HubStarted,
        camera: None,
        title: "Tarsier started".to_owned(),
        body: format!("Version {}.", env!("CARGO_PKG_VERSION")),
    }
}

/// The one line on standard output (CONTRACT section 2); people at a terminal get a link that lets them in.
fn ready(hub: &Hub, url: &str) -> Result<()> {
    let rtsp = hub.rtsp();
    let version = env!("CARGO_PKG_VERSION");
    let line = serde_json::json!({
        "event": "ready", "url": url, "rtsp_url": rtsp.url, "rtsps_url": rtsp.tls_url, "version": version,
    });
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).context("cannot say that we are ready")?;
    let mut terminal = std::io::stderr();
    if terminal.is_terminal() {
        let (token, _) = hub.sessions.issue(Grant::everything("terminal"), SESSION);
        // Straight to the terminal, not through the log: the log is kept.
        let _ = writeln!(terminal, "\n  Open {url}/#token={token}\n");
    }
    Ok(())
}

async fn prepare_demo(hub: &Arc<Hub>, wanted: Option<u16>) {
    let resumed = hub.resume_demo().await;
    let added = match wanted {
        Some(count) => hub.add_demo(count).await.map(drop),
        None => Ok(()),
    };
    for problem in [resumed.err(), added.err()].into_iter().flatten() {
        tracing::error!(message = problem.message, "demo cameras");
    }
}

fn forget_old_events(hub: &Arc<Hub>) {
    let (index, before) = (hub.index.clone(), hub.now().plus_millis(-EVENTS_KEPT_MS));
    tokio::task::spawn_blocking(move || {
        if let Err(error) = index.forget_events_before(before) {
            tracing::warn!(error = &error as &dyn std::error::Error, "old events stay");
        }
        if let Err(error) = index.forget_connections_before(before) {
            tracing::warn!(error = &error as &dyn std::error::Error, "old connections stay");
        }
        if let Err(error) = index.forget_alerts_before(before) {
            tracing::warn!(error = &error as &dyn std::error::Error, "old alerts stay");
        }
    });
}

/// What recorders said on their way out is written; their files are no longer open.
async fn last_reports(hub: &Arc<Hub>) {
    let mut look = tokio::time::interval(Duration::from_millis(20));
    loop {
        hub.journal.flush().await;
        if hub.open().is_empty() {
            return;
        }
        look.tick().await;
    }
}

#[cfg(unix)]
async fn told_to_stop(hub: &Arc<Hub>) -> Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for Ctrl-C")?;
    let mut stopping = hub.stopping.subscribe();
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        _ = stopping.wait_for(|stopping| *stopping) => {}
    }
    Ok(())
}

#[cfg(not(unix))]
async fn told_to_stop(hub: &Arc<Hub>) -> Result<()> {
    let mut stopping = hub.stopping.subscribe();
    tokio::select! {
        pressed = tokio::signal::ctrl_c() => pressed.context("cannot listen for Ctrl-C")?,
        _ = stopping.wait_for(|stopping| *stopping) => {}
    }
    Ok(())
}
