//! Hands: the local socket on which recorders speak. A connection is heard only after the actor has accepted
//! its [`ToHub::Hello`]; what it says then goes straight to the hub.

use std::path::Path;

use anyhow::Context as _;
use bytes::{Bytes, BytesMut};
use interprocess::local_socket::tokio::prelude::*;
use interprocess::local_socket::{GenericFilePath, ListenerOptions};
use tarsier_types::CameraId;
use tarsier_wire::{ToHub, ToRecorder, framing};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::{mpsc, oneshot};

use crate::actor::Event;
use crate::supervisor::Report;

/// Longest socket path that every system takes (`sun_path` is 104 bytes on macOS).
const LONGEST_PATH: usize = 100;

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
) {
    let mut number = 0_u64;
    loop {
        match listener.accept().await {
            Ok(stream) => {
                number += 1;
                tokio::spawn(connection(number, stream, events.clone(), reports.clone()));
            }
            Err(error) => {
                tracing::warn!(%error, "a recorder's connection was not accepted");
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
        }
    }
}

async fn connection(
    number: u64,
    stream: LocalSocketStream,
    events: mpsc::Sender<Event>,
    reports: mpsc::Sender<Report>,
) {
    let mut camera = None;
    if let Err(error) = converse(number, stream, &events, &reports, &mut camera).await {
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
    who: &mut Option<CameraId>,
) -> anyhow::Result<()> {
    let (mut reading, mut writing) = (&stream, &stream);
    let mut read = BytesMut::with_capacity(64 << 10);
    let (hello, _) = next(&mut reading, &mut read).await?;
    let ToHub::Hello { camera, .. } = &hello else {
        anyhow::bail!("the first message is no hello")
    };
    let camera = camera.clone();
    // Commands are few; a recorder that reads none of 64 is about to be killed for its silence.
    let (commands, mut inbox) = mpsc::channel::<ToRecorder>(64);
    let (answer, verdict) = oneshot::channel();
    let event = Event::Hello { connection: number, hello: Box::new(hello), commands, answer };
    events.send(event).await.context("the supervisor is gone")?;
    let is_ours = verdict.await.unwrap_or(false);
    if is_ours {
        *who = Some(camera.clone());
    }
    let speak = async {
        while let Some(command) = inbox.recv().await {
            let head = framing::encode(&command, 0).context("encode a command")?;
            writing.write_all(&head).await.context("write to a recorder")?;
        }
        // Only told to go: wait for it to close.
        std::future::pending::<anyhow::Result<()>>().await
    };
    let hear = async {
        loop {
            let (message, payload) = next(&mut reading, &mut read).await?;
            if !is_ours {
                continue;
            }
            if matches!(message, ToHub::Heartbeat { .. }) {
                events
                    .send(Event::Heartbeat { camera: camera.clone(), connection: number })
                    .await?;
            }
            let report = Report::Message { camera: camera.clone(), message, payload };
            reports.send(report).await.context("the hub is gone")?;
        }
    };
    tokio::select! {
        result = speak => result,
        result = hear => result,
    }
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
