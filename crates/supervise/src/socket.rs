//! Hands: the local socket on which recorders speak. A connection is read only after the actor has heard of its
//! [`ToHub::Hello`] and said how much of it is heard ([`Voice`]); what it says then goes straight to the hub.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use bytes::{Bytes, BytesMut};
use interprocess::local_socket::tokio::prelude::*;
use interprocess::local_socket::{GenericFilePath, ListenerOptions};
use tarsier_types::{CameraId, StreamKind};
use tarsier_wire::{LinkState, Problem, ToHub, ToRecorder, framing};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::{mpsc, watch};

use crate::actor::Event;
use crate::duty::{Hello, Said};
use crate::ends::Ends;
use crate::identity::Identity;
use crate::media::Disk;
use crate::supervisor::Report;
use crate::voice::{Held, Voice};

/// Longest socket path that every system takes (`sun_path` is 104 bytes on macOS).
const LONGEST_PATH: usize = 100;
/// A recorder says hello at once; a busy machine may need a while.
const HELLO: Duration = Duration::from_secs(10);
/// How long a recorder that cannot be understood may take to close its files.
const GOODBYE: Duration = Duration::from_secs(10);

/// Where recorders of this data folder find their hub; the same after each restart.
pub(crate) fn socket_name(run_dir: &Path) -> String {
    let tag = blake3::hash(run_dir.as_os_str().as_encoded_bytes()).to_hex();
    if cfg!(windows) {
        return format!(r"\\.\pipe\tarsier-{}", &tag[..16]);
    }
    let beside = run_dir.join("hub.sock");
    if beside.as_os_str().len() <= LONGEST_PATH {
        return beside.to_string_lossy().into_owned();
    }
    std::env::temp_dir().join(format!("tarsier-{}.sock", &tag[..16])).to_string_lossy().into_owned()
}

/// Begins to listen. Whoever calls holds the lock of the data folder, so that a socket left behind is nobody's.
pub(crate) fn listen(name: &str) -> anyhow::Result<LocalSocketListener> {
    if cfg!(unix) {
        let _ = std::fs::remove_file(name);
    }
    let socket = name.to_fs_name::<GenericFilePath>().context("name the hub's socket")?;
    ListenerOptions::new().name(socket).create_tokio().with_context(|| format!("listen on {name}"))
}

/// Accepts connections for ever.
pub(crate) async fn serve(
    listener: LocalSocketListener,
    events: mpsc::Sender<Event>,
    reports: mpsc::Sender<Report>,
    ends: Ends,
) {
    let mut number = 0_u64;
    loop {
        match listener.accept().await {
            Ok(stream) => {
                number += 1;
                let (events, reports, ends) = (events.clone(), reports.clone(), ends.clone());
                tokio::spawn(connection(number, stream, events, reports, ends));
            }
            Err(error) => {
                tracing::warn!(%error, "a recorder's connection was not accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn connection(
    number: u64,
    stream: LocalSocketStream,
    events: mpsc::Sender<Event>,
    reports: mpsc::Sender<Report>,
    ends: Ends,
) {
    let mut camera = None;
    if let Err(error) = converse(number, stream, &events, &reports, &ends, &mut camera).await {
        tracing::debug!(number, ?camera, %error, "a recorder's connection ended");
    }
    if let Some(camera) = camera {
        let _ = events.send(Event::Disconnected { camera, connection: number }).await;
    }
}

async fn converse(
    number: u64,
    stream: LocalSocketStream,
    events: &mpsc::Sender<Event>,
    reports: &mpsc::Sender<Report>,
    ends: &Ends,
    who: &mut Option<CameraId>,
) -> anyhow::Result<()> {
    let (mut reading, mut writing) = (&stream, &stream);
    let mut read = BytesMut::with_capacity(64 << 10);
    let first = tokio::time::timeout(HELLO, next(&mut reading, &mut read)).await;
    let Ok(Ok((ToHub::Hello { protocol, camera, pid, engine, config_hash, started }, _))) = first
    else {
        // A recorder of a version that cannot be read would go on beside its successor for as long as a hub answers.
        tracing::warn!(
            number,
            "whoever connected says no hello that can be understood; it is asked to stop"
        );
        let head = framing::encode(&ToRecorder::Stop, 0).context("encode a command")?;
        writing.write_all(&head).await.context("write to a stranger")?;
        let gone = async {
            while reading.read_buf(&mut read).await.is_ok_and(|n| n > 0) {
                read.clear();
            }
        };
        let _ = tokio::time::timeout(GOODBYE, gone).await;
        return Ok(());
    };
    // Commands are few, and nobody waits: a recorder that reads none of so many is killed.
    let (commands, mut inbox) = mpsc::channel::<ToRecorder>(1024);
    let (voice, mut hears) = watch::channel(Voice::Nobody);
    let (identity, role) = Identity::read(&config_hash);
    let hello = Hello { pid, engine, protocol, started, identity, role };
    let event = Event::Hello { connection: number, camera: camera.clone(), hello, commands, voice };
    events.send(event).await.context("the supervisor is gone")?;
    *who = Some(camera.clone());
    let speak = async {
        while let Some(command) = inbox.recv().await {
            let head = framing::encode(&command, 0).context("encode a command")?;
            writing.write_all(&head).await.context("write to a recorder")?;
        }
        // Only told to go: wait for it to close.
        std::future::pending::<anyhow::Result<()>>().await
    };
    let hear = async {
        let mut held = Held::default();
        // Nothing is read before it is decided who speaks: nothing that was said is lost.
        let _ = hears.changed().await;
        loop {
            let voice = *hears.borrow_and_update();
            if voice == Voice::Whole {
                for message in held.release() {
                    report(reports, &camera, message, Bytes::new()).await?;
                }
            }
            let (message, payload) = tokio::select! {
                biased;
                // With its last sender the actor's interest is gone; what is said still counts.
                Ok(()) = hears.changed() => continue,
                heard = next(&mut reading, &mut read) => heard?,
            };
            if voice == Voice::Nobody {
                continue;
            }
            ends.hear(&camera, &message);
            if let Some(said) = matters(&message) {
                let event = Event::Said { camera: camera.clone(), connection: number, said };
                events.send(event).await.context("the supervisor is gone")?;
            }
            if let Some(message) = held.pass(voice, message) {
                report(reports, &camera, message, payload).await?;
            }
        }
    };
    tokio::select! {
        result = speak => result,
        result = hear => result,
    }
}

async fn report(
    reports: &mpsc::Sender<Report>,
    camera: &CameraId,
    message: ToHub,
    payload: Bytes,
) -> anyhow::Result<()> {
    let report = Report::Message { camera: camera.clone(), message, payload };
    reports.send(report).await.context("the hub is gone")
}

/// What of it the supervisor needs.
fn matters(message: &ToHub) -> Option<Said> {
    Some(match message {
        ToHub::Heartbeat { streams } => Said::Alive(streams.clone()),
        ToHub::Disk { stream, problem: None, .. } => Said::Disk(*stream, Disk::Works),
        ToHub::Disk { stream, problem: Some(_), .. } => Said::Disk(*stream, Disk::Fails),
        ToHub::FragmentWritten { stream: StreamKind::Main, segment, part } => {
            Said::WrittenTo(*segment + (part.start + part.duration))
        }
        ToHub::ReadyToTakeOver { cut_at } => Said::Ready { cut_at: *cut_at },
        ToHub::Link {
            state:
                LinkState::Stopped { .. } | LinkState::Waiting { problem: Problem::TooManySessions, .. },
            ..
        } => Said::Refused,
        _ => return None,
    })
}

async fn next(
    reading: &mut (impl tokio::io::AsyncRead + Unpin),
    read: &mut BytesMut,
) -> anyhow::Result<(ToHub, Bytes)> {
    loop {
        if let Some(message) = framing::decode::<ToHub>(read).context("read from a recorder")? {
            return Ok(message);
        }
        if read.capacity() - read.len() < 16 << 10 {
            read.reserve(64 << 10);
        }
        anyhow::ensure!(
            reading.read_buf(read).await.context("read from a recorder")? > 0,
            "closed"
        );
    }
}
