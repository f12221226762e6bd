//! The handle that the hub holds, and the words that it speaks with.

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use tarsier_types::{CameraId, StreamKind, SystemClock, UtcMs};
use tarsier_wire::{Engine, ExitCode, RecorderConfig, ToHub};
use tokio::sync::{mpsc, oneshot};

use crate::actor::{Actor, Command};
use crate::judge::{EngineWish, RecorderState};
use crate::socket;

/// Where the programs are.
#[derive(Clone, Debug)]
pub struct Programs {
    /// `tarsier-recorder`
    pub recorder: PathBuf,
    /// `tarsier-recorder-libav`
    pub recorder_libav: PathBuf,
}

/// How to supervise.
#[derive(Clone, Debug)]
pub struct SupervisorOptions {
    /// Where the programs are.
    pub programs: Programs,
    /// A folder that only this user can enter; the socket stands in it.
    pub run_dir: PathBuf,
    /// How long recorders go on without a hub, in seconds.
    pub orphan_seconds: u32,
}

/// Supervision could not begin.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The socket for recorders cannot be made.
    #[error("cannot listen for recorders: {why}")]
    Listen {
        /// What the operating system said.
        why: String,
    },
}

/// What happened to a recorder.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly all are messages, the largest variant")]
pub enum Report {
    /// It said something.
    Message {
        /// Whose recorder.
        camera: CameraId,
        /// What.
        message: ToHub,
        /// What follows the message.
        payload: Bytes,
    },
    /// A process serves this camera now.
    Started {
        /// Whose recorder.
        camera: CameraId,
        /// Its process id.
        pid: u32,
        /// What it reads with.
        engine: Engine,
        /// It was started by an earlier hub.
        adopted: bool,
    },
    /// Its process ended.
    Exited {
        /// Whose recorder.
        camera: CameraId,
        /// What it said, if that is a code of ours.
        code: Option<ExitCode>,
        /// What the operating system said.
        status: String,
        /// When it is started again, if it is.
        will_restart_at: Option<UtcMs>,
    },
}

/// One recorder, as seen now.
#[derive(Clone, Debug, PartialEq)]
pub struct RecorderSnapshot {
    /// Whose.
    pub camera: CameraId,
    /// Its process id, while there is one.
    pub pid: Option<u32>,
    /// What it reads with.
    pub engine: Engine,
    /// What it is doing.
    pub state: RecorderState,
    /// Of one core.
    pub cpu_percent: f64,
    /// Resident memory.
    pub rss_bytes: u64,
    /// How often it was started again.
    pub restarts: u32,
    /// When the process started.
    pub started: UtcMs,
}

/// A handle on the supervising task. Commands are never lost: the channel is unbounded because its senders are
/// people and viewers, not packets.
#[derive(Clone, Debug)]
pub struct Supervisor {
    commands: mpsc::UnboundedSender<Command>,
}

impl Supervisor {
    /// Listens for recorders of an earlier hub, and is ready to start new ones.
    #[expect(clippy::unused_async, reason = "must be called inside a runtime, and says so")]
    pub async fn start(
        options: SupervisorOptions,
        clock: SystemClock,
        reports: mpsc::Sender<Report>,
    ) -> Result<Self, StartError> {
        let name = socket::socket_name(&options.run_dir);
        let listener = socket::listen(&name)
            .map_err(|error| StartError::Listen { why: format!("{error:#}") })?;
        let (commands, inbox) = mpsc::unbounded_channel();
        // Heartbeats of 64 recorders and their comings and goings; a full channel makes connections wait.
        let (events, happened) = mpsc::channel(256);
        tokio::spawn(socket::serve(listener, events.clone(), reports.clone()));
        tokio::spawn(Actor::new(options, name, clock, events, reports).run(inbox, happened));
        Ok(Self { commands })
    }

    /// Starts a recorder, or replaces it if its configuration changed. Fills in the socket and the hash.
    pub fn set_camera(&self, config: RecorderConfig, engine: EngineWish) {
        let _ = self.commands.send(Command::Set(Box::new(config), engine));
    }

    /// Stops a camera's recorder.
    pub fn remove_camera(&self, camera: &CameraId) {
        let _ = self.commands.send(Command::Remove(camera.clone()));
    }

    /// Live units of that stream are wanted, also from a recorder that is started again.
    pub fn subscribe(&self, camera: &CameraId, stream: StreamKind) {
        let _ = self.commands.send(Command::Watch(camera.clone(), stream, true));
    }

    /// Nobody wants them any more.
    pub fn unsubscribe(&self, camera: &CameraId, stream: StreamKind) {
        let _ = self.commands.send(Command::Watch(camera.clone(), stream, false));
    }

    /// All recorders, as seen now.
    pub async fn snapshot(&self) -> Vec<RecorderSnapshot> {
        let (answer, answered) = oneshot::channel();
        let _ = self.commands.send(Command::Snapshot(answer));
        answered.await.unwrap_or_default()
    }

    /// Asks all recorders to close their files, and waits until they are gone or the deadline has passed.
    pub async fn stop_all(&self, deadline: Duration) {
        let (answer, answered) = oneshot::channel();
        let _ = self.commands.send(Command::StopAll(answer));
        let _ = tokio::time::timeout(deadline, answered).await;
    }
}
