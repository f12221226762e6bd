//! Hands: one camera's processes and connections: what they are told, and how they are ended.
//!
//! What does not belong here: when that is done (`duty`).

use std::collections::{BTreeMap, BTreeSet};

use tarsier_types::{Mono, Scheme, StreamKind, UtcRange};
use tarsier_wire::{Engine, ExitCode, RecorderConfig, RecordingMode, ToRecorder};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, watch};

use crate::duty::Duty;
use crate::process::Process;
use crate::running;
use crate::sample::Sample;
use crate::voice::Voice;

pub(super) struct Connection {
    pub(super) number: u64,
    pub(super) pid: u32,
    pub(super) commands: mpsc::Sender<ToRecorder>,
    pub(super) voice: watch::Sender<Voice>,
}

/// A process that has ended, and whose last words may still be on their way.
pub(super) struct Ended {
    pub(super) pid: u32,
    pub(super) code: Option<ExitCode>,
    pub(super) status: String,
    /// Nobody waits for them any longer.
    pub(super) by: Mono,
}

/// All that is known of one camera's recorders.
pub(super) struct Recorder {
    pub(super) config: Option<RecorderConfig>,
    pub(super) duty: Duty,
    pub(super) connections: Vec<Connection>,
    /// Those whose end we are told of; others are looked for.
    pub(super) children: BTreeSet<u32>,
    /// Who has which number: nobody else is measured or killed.
    pub(super) processes: BTreeMap<u32, Process>,
    pub(super) ended: Vec<Ended>,
    pub(super) watched: BTreeSet<StreamKind>,
    /// Something that happens: said again to a process that takes over.
    pub(super) happening: Option<UtcRange>,
    pub(super) sample: Sample,
}

impl Recorder {
    /// What a process must hear that has connected or begins to speak for the camera: it may have been started with an
    /// older configuration.
    pub(super) fn greeting(&self, voice: Voice) -> Vec<ToRecorder> {
        let orders = self.config.iter().flat_map(running::orders);
        let event =
            |happening: UtcRange| ToRecorder::Event { from: happening.start, until: happening.end };
        let watched = self.watched.iter().filter(|_| voice == Voice::Whole);
        std::iter::once(ToRecorder::Welcome)
            .chain(orders)
            .chain(self.happening.map(event))
            .chain(watched.copied().map(ToRecorder::Subscribe))
            .collect()
    }

    /// To the one on duty, and to the one that stands by.
    pub(super) fn say_all(&self, command: &ToRecorder) {
        for connection in &self.connections {
            self.order(connection, command.clone());
        }
    }

    pub(super) fn say(&self, pid: u32, command: ToRecorder) {
        if let Some(connection) = self.connections.iter().find(|known| known.pid == pid) {
            self.order(connection, command);
        }
    }

    /// Nobody waits for a recorder that reads nothing: all others would be watched by nobody meanwhile.
    fn order(&self, connection: &Connection, command: ToRecorder) {
        let pid = connection.pid;
        if let Err(TrySendError::Full(command)) = connection.commands.try_send(command) {
            tracing::error!(pid, order = ?command, "the recorder reads none of its orders; it is killed");
            self.kill(pid);
        }
    }

    pub(super) fn kill(&self, pid: u32) {
        if let Some(process) = self.processes.get(&pid) {
            process.kill();
        } else {
            tracing::error!(pid, "the recorder is not known; it is not killed");
        }
    }
}

/// The pure-Rust engine reads RTSP; everything else is libav's.
pub(super) fn readable_by(config: &RecorderConfig) -> Engine {
    let urls = std::iter::once(&config.main).chain(config.sub.as_ref());
    if urls.into_iter().all(|stream| stream.url.scheme() == Scheme::Rtsp) {
        Engine::Rust
    } else {
        Engine::Libav
    }
}

/// The streams with such a mode.
pub(super) fn streams_that(
    config: &RecorderConfig,
    is_such: impl Fn(RecordingMode) -> bool,
) -> BTreeSet<StreamKind> {
    let streams = [(StreamKind::Main, Some(&config.main)), (StreamKind::Sub, config.sub.as_ref())];
    let recorded = streams
        .into_iter()
        .filter_map(|(kind, stream)| stream.filter(|stream| is_such(stream.mode)).map(|_| kind));
    recorded.collect()
}
