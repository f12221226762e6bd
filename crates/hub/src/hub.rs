//! What the parts of the hub share: one of each box, wired together by [`crate::serve`].
//!
//! What does not belong here: deciding anything. Locks are held for a look or a change in memory, never across
//! an await.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use jiff::tz::TimeZone;
use tarsier_api::problem::Problem;
use tarsier_api::system::RtspServer;
use tarsier_hls::Hls;
use tarsier_index::{Index, IndexError};
use tarsier_live::Live;
use tarsier_supervise::Supervisor;
use tarsier_tiers::TierId;
use tarsier_types::{CameraId, Clock, StreamKind, SystemClock, UtcMs};
use tarsier_whep::Whep;
use tokio::sync::watch;

use crate::alerts::Alerts;
use crate::blame::Blame;
use crate::camera_file::CameraFile;
use crate::clock_watch::ClockWatch;
use crate::config::{CameraEntry, Pause};
use crate::connections::Connections;
use crate::data_dir::DataDir;
use crate::demo::Demo;
use crate::guard::Guard;
use crate::journal::Journal;
use crate::machine::Machine;
use crate::modes::Modes;
use crate::open_segments::OpenSegments;
use crate::programs::ChildPrograms;
use crate::ptz::Turning;
use crate::rungs::Rungs;
use crate::secrets::SecretBox;
use crate::sessions::Sessions;
use crate::state::CameraBrain;
use crate::stills::Stills;
use crate::storage::Storage;
use crate::ui::Ui;
use crate::words;

/// All that a request or a report may need.
pub(crate) struct Hub {
    pub(crate) clock: SystemClock,
    pub(crate) tz: TimeZone,
    pub(crate) started: UtcMs,
    pub(crate) data: DataDir,
    pub(crate) index: Index,
    pub(crate) camera_file: Arc<CameraFile>,
    pub(crate) journal: Journal,
    pub(crate) secrets: SecretBox,
    pub(crate) sessions: Sessions,
    pub(crate) guard: Guard,
    pub(crate) supervisor: Supervisor,
    pub(crate) live: Live<Problem>,
    /// The cameras' own streams, their sound as Opus ([`crate::rungs::opus`]).
    pub(crate) opus: Live<Problem>,
    pub(crate) rungs: Rungs,
    pub(crate) whep: Whep,
    pub(crate) hls: Hls<Problem>,
    /// Known once it was tried to start it.
    pub(crate) rtsp: RwLock<RtspServer>,
    pub(crate) programs: ChildPrograms,
    pub(crate) stills: Stills,
    pub(crate) ptz: Turning,
    pub(crate) storage: Storage,
    pub(crate) machine: Machine,
    pub(crate) demo: tokio::sync::Mutex<Demo>,
    pub(crate) ui: Ui,
    pub(crate) cameras: RwLock<BTreeMap<CameraId, Arc<CameraEntry>>>,
    pub(crate) brains: Mutex<BTreeMap<CameraId, CameraBrain>>,
    pub(crate) open: Arc<Mutex<OpenSegments>>,
    pub(crate) connections: Connections,
    pub(crate) is_paused: AtomicBool,
    pub(crate) modes: Modes,
    /// Held by whoever changes cameras or the pause: one change at a time.
    pub(crate) changing: tokio::sync::Mutex<()>,
    /// Becomes true when the hub goes down.
    pub(crate) stopping: watch::Sender<bool>,
    pub(crate) alerts: Alerts,
    pub(crate) blame: Mutex<Blame>,
    pub(crate) clock_watch: Mutex<ClockWatch>,
}

impl Hub {
    pub(crate) fn now(&self) -> UtcMs {
        self.clock.utc()
    }

    /// Where other programs get pictures.
    pub(crate) fn rtsp(&self) -> RtspServer {
        self.rtsp.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn pause(&self) -> Pause {
        if self.is_paused.load(Ordering::SeqCst) { Pause::On } else { Pause::Off }
    }

    /// The camera of that id.
    pub(crate) fn camera(&self, id: &CameraId) -> Option<Arc<CameraEntry>> {
        self.cameras.read().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    /// All cameras, in the order in which they were added.
    pub(crate) fn all_cameras(&self) -> Vec<Arc<CameraEntry>> {
        let mut cameras: Vec<_> =
            self.cameras.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
        cameras.sort_by(|a, b| (a.created, &a.id).cmp(&(b.created, &b.id)));
        cameras
    }

    pub(crate) fn brains(&self) -> MutexGuard<'_, BTreeMap<CameraId, CameraBrain>> {
        self.brains.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn blamed(&self) -> MutexGuard<'_, Blame> {
        self.blame.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn open(&self) -> MutexGuard<'_, OpenSegments> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The folder of the tier in which that open file lies.
    pub(crate) fn root_of_open(
        &self,
        camera: &CameraId,
        stream: StreamKind,
        start: UtcMs,
    ) -> PathBuf {
        let tier = self.open().tier(camera, stream, start).and_then(|id| TierId::new(id).ok());
        let registry = self.storage.registry();
        let local = tier.and_then(|tier| registry.local(&tier).map(|local| local.root.clone()));
        local.unwrap_or_else(|| self.data.footage())
    }

    /// What the index knows of cameras and settings has changed: the copy follows. Without it nothing is wrong
    /// until the index is lost, so a change is not refused because of it.
    pub(crate) async fn keep_cameras(&self) {
        let file = Arc::clone(&self.camera_file);
        if let Err(error) = self.ask_index(move |index| file.keep(index)).await {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "cameras.json is out of date: if the index were lost now, the last changes would be too"
            );
        }
    }

    /// Asks the index on a thread that may block.
    pub(crate) async fn ask_index<T: Send + 'static, E: Send + 'static>(
        &self,
        job: impl FnOnce(&Index) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E> {
        let index = self.index.clone();
        match tokio::task::spawn_blocking(move || job(&index)).await {
            Ok(answer) => answer,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
}

/// The index failed: logged here, in full; people are told what they can do.
pub(crate) fn index_failed(error: &IndexError) -> Problem {
    tracing::error!(error = error as &dyn std::error::Error, "the index failed");
    match error {
        IndexError::DiskFull { .. } | IndexError::NotWritable { .. } => words::problem(
            tarsier_api::problem::ProblemCode::DiskNotWritable,
            "The disk with Tarsier's data takes no writes.",
            "Make room on it, or check that it is connected and may be written to.",
        ),
        _ => words::internal(),
    }
}
