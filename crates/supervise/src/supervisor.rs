//! The handle that the hub holds, and the words that it speaks with.

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use tarsier_reconnect::ConnectionState;
use tarsier_types::{CameraId, StreamKind, SystemClock, UtcMs, UtcRange};
use tarsier_wire::{Engine, ExitCode, RecorderConfig, ToHub};
use tokio::sync::{mpsc, oneshot};

use crate::actor::{Actor, Command};
use crate::ends::Ends;
use crate::judge::{EngineWish, RecorderState};
use crate::rules::{Breach, Rules};
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
    /// What recorders are judged by.
    pub rules: Rules,
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
    /// Another process serves this camera now, and writes where the one before left off. That one has ended; if it
    /// crashed, its last file is torn.
    TookOver {
        /// Whose recorder.
        camera: CameraId,
        /// The successor's process id.
        pid: u32,
        /// What it reads with.
        engine: Engine,
        /// Its first file begins no earlier.
        from: UtcMs,
    },
    /// A living recorder broke a rule, and was replaced.
    RestartedByRule {
        /// Whose recorder.
        camera: CameraId,
        /// Which rule, and the figures.
        breach: Breach,
        /// What it cost.
        manner: Manner,
    },
    /// Its recorder was restarted too often; nothing more is tried for a while.
    Unstable {
        /// Whose recorder.
        camera: CameraId,
        /// Then it is tried again.
        until: UtcMs,
        /// How often it was restarted within [`Rules::restarts_within_seconds`].
        restarts: u32,
        /// A process is there and goes on recording, although it breaks a rule; else nothing is recorded.
        is_alive: bool,
    },
    /// Its recorder ended for a reason that another start alone cannot mend.
    Fatal {
        /// Whose recorder.
        camera: CameraId,
        /// What it said.
        code: ExitCode,
        /// One with the configuration before goes on.
        is_alive: bool,
    },
}

/// How a recorder was replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// Its successor took over at a keyframe: no picture is lost.
    Handover,
    /// It was ended first: the pictures until the successor is connected are lost.
    StopAndStart,
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
        let ends = Ends::default();
        tokio::spawn(socket::serve(listener, events.clone(), reports.clone(), ends.clone()));
        tokio::spawn(Actor::new(options, name, clock, events, reports, ends).run(inbox, happened));
        Ok(Self { commands })
    }

    /// Starts a recorder; tells it what of its configuration changed, or replaces it where that cannot be told: without a
    /// lost picture where it reads the same streams. Fills in the socket, the hash and how long it lives without a hub.
    pub fn set_camera(&self, config: RecorderConfig, engine: EngineWish) {
        let _ = self.commands.send(Command::Set(Box::new(config), engine));
    }

    /// Where the camera's connection is now: what its next process goes on from. Replaces nothing that runs.
    pub fn resume_from(&self, camera: &CameraId, stream: StreamKind, state: ConnectionState) {
        let _ = self.commands.send(Command::Resume(camera.clone(), stream, Box::new(state)));
    }

    /// Stops a camera's recorder.
    pub fn remove_camera(&self, camera: &CameraId) {
        let _ = self.commands.send(Command::Remove(camera.clone()));
    }

    /// Other numbers to judge by, from now on.
    pub fn set_rules(&self, rules: Rules) {
        let _ = self.commands.send(Command::Rules(Box::new(rules)));
    }

    /// A disk is well again: whoever waits for it is tried at once.
    pub fn tier_changed(&self) {
        let _ = self.commands.send(Command::TierChanged);
    }

    /// Live units of that stream are wanted, also from a recorder that is started again.
    pub fn subscribe(&self, camera: &CameraId, stream: StreamKind) {
        let _ = self.commands.send(Command::Watch(camera.clone(), stream, true));
    }

    /// Nobody wants them any more.
    pub fn unsubscribe(&self, camera: &CameraId, stream: StreamKind) {
        let _ = self.commands.send(Command::Watch(camera.clone(), stream, false));
    }

    /// Something happens: recorded by a camera that records on events, also by a recorder that is started again.
    pub fn event(&self, camera: &CameraId, event: UtcRange) {
        let _ = self.commands.send(Command::Event(camera.clone(), event));
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
