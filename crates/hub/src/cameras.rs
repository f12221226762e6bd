//! Hands: adds, changes and deletes cameras: first the index, then memory, then the recorder.
//!
//! What does not belong here: reading a configuration ([`crate::config`]), HTTP.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use tarsier_api::camera::{CameraChange, NewCamera};
use tarsier_api::event::EventKind;
use tarsier_api::problem::{Problem, ProblemCode};
use tarsier_index::{CameraRow, Index, PutCameraError, SecretChange};
use tarsier_live::LiveInput;
use tarsier_types::{CameraId, GapReason, StreamKind, UtcMs};

use crate::config::{self, CameraConfig, CameraEntry, Pause};
use crate::hub::{Hub, index_failed};
use crate::journal::{Job, NewEvent};
use crate::secrets::SecretBox;
use crate::state::{CameraBrain, Input};
use crate::{demo, words};

pub(crate) const PAUSED: &str = "recording_paused";

/// The cameras in the index. One whose configuration or password cannot be read is left out of recording, not
/// out of the log.
pub(crate) fn load(index: &Index, secrets: &SecretBox) -> anyhow::Result<Vec<CameraEntry>> {
    let mut entries = Vec::new();
    for row in index.cameras()? {
        let config: CameraConfig = match serde_json::from_str(&row.config_json) {
            Ok(config) => config,
            Err(error) => {
                tracing::error!(camera = %row.id, %error, "its configuration cannot be read; it is not recorded");
                continue;
            }
        };
        let credentials = match index.secret(&row.id)? {
            None => None,
            Some(stored) => match secrets.open(&row.id, &stored) {
                Ok(credentials) => Some(credentials),
                Err(error) => {
                    tracing::error!(camera = %row.id, %error, "it is tried without a password");
                    None
                }
            },
        };
        let CameraRow { id, name, created, enabled, .. } = row;
        entries.push(CameraEntry { id, name, created, enabled, config, credentials });
    }
    Ok(entries)
}

impl Hub {
    /// Adds a camera.
    pub(crate) async fn add_camera(
        &self,
        new: NewCamera,
        demo: Option<u16>,
    ) -> Result<Arc<CameraEntry>, Problem> {
        let _one_at_a_time = self.changing.lock().await;
        if *self.stopping.borrow() {
            return Err(words::stopping());
        }
        let former =
            self.ask_index(Index::former_cameras).await.map_err(|error| index_failed(&error))?;
        let is_taken = |id: &CameraId| {
            self.camera(id).is_some() || former.iter().any(|camera| camera.id == *id)
        };
        let mut entry = CameraEntry::create(new, config::id_for("", |_| false), self.now())?;
        entry.config.demo = demo;
        let mut passed_over = Vec::new();
        loop {
            entry.id = config::id_for(&entry.name, |id| is_taken(id) || passed_over.contains(id));
            let row = row(&entry);
            let secret = entry
                .credentials
                .as_ref()
                .map(|credentials| self.secrets.seal(&entry.id, credentials));
            match self.ask_index(move |index| index.add_camera(&row, secret.as_deref())).await {
                Ok(()) => break,
                // A camera that was deleted with all its footage keeps its id as well.
                Err(PutCameraError::IdTaken { id }) => passed_over.push(id),
                Err(error) => return Err(refused(&error)),
            }
        }
        let entry = Arc::new(entry);
        self.cameras
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(entry.id.clone(), entry.clone());
        self.keep_cameras().await;
        let title = format!("{} was added", entry.name);
        self.camera_event(&entry, EventKind::CameraAdded, title).await;
        self.connect(&entry).await;
        Ok(entry)
    }

    /// Changes a camera.
    pub(crate) async fn change_camera(
        &self,
        id: &CameraId,
        change: CameraChange,
    ) -> Result<Arc<CameraEntry>, Problem> {
        let _one_at_a_time = self.changing.lock().await;
        let old = self.camera(id).ok_or_else(|| words::no_camera(id.as_str()))?;
        let new = old.change(change)?;
        if new == *old {
            return Ok(old);
        }
        self.replace(&old, new).await
    }

    /// Stores and applies a new configuration. To be called by who holds `changing`.
    async fn replace(
        &self,
        old: &CameraEntry,
        new: CameraEntry,
    ) -> Result<Arc<CameraEntry>, Problem> {
        let secret = match (&new.credentials, old.credentials == new.credentials) {
            (_, true) => SecretChange::Keep,
            (Some(credentials), false) => {
                SecretChange::Replace(self.secrets.seal(&new.id, credentials))
            }
            (None, false) => SecretChange::Remove,
        };
        let row = row(&new);
        self.ask_index(move |index| index.update_camera(&row, &secret))
            .await
            .map_err(|error| refused(&error))?;
        let new = Arc::new(new);
        self.cameras
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(new.id.clone(), new.clone());
        let title = if old.name == new.name {
            format!("{} was changed", new.name)
        } else {
            format!("{} is now called {}", old.name, new.name)
        };
        self.camera_event(&new, EventKind::CameraChanged, title).await;
        self.explain_silence(old, self.pause(), &new, self.pause()).await;
        self.keep_cameras().await;
        if old.config.sub.is_some() && new.config.sub.is_none() {
            self.end_viewers(&new, &[StreamKind::Sub]).await;
        }
        self.connect(&new).await;
        Ok(new)
    }

    /// Deletes a camera; its footage stays.
    pub(crate) async fn delete_camera(&self, id: &CameraId) -> Result<(), Problem> {
        let _one_at_a_time = self.changing.lock().await;
        let old = self.camera(id).ok_or_else(|| words::no_camera(id.as_str()))?;
        let (gone, now) = (id.clone(), self.now());
        self.ask_index(move |index| index.delete_camera(&gone, now))
            .await
            .map_err(|error| index_failed(&error))?;
        self.cameras.write().unwrap_or_else(PoisonError::into_inner).remove(id);
        self.keep_cameras().await;
        self.supervisor.remove_camera(id);
        self.brains().remove(id);
        self.end_viewers(&old, &StreamKind::ALL).await;
        let title = format!("{} was deleted", old.name);
        self.camera_event(&old, EventKind::CameraDeleted, title).await;
        Ok(())
    }

    /// Pauses or resumes everything.
    pub(crate) async fn set_pause(&self, pause: Pause) -> Result<(), Problem> {
        let _one_at_a_time = self.changing.lock().await;
        let before = self.pause();
        if before == pause {
            return Ok(());
        }
        let json = if pause == Pause::On { "true" } else { "false" };
        self.ask_index(move |index| index.put_setting(PAUSED, json))
            .await
            .map_err(|error| index_failed(&error))?;
        self.is_paused.store(pause == Pause::On, Ordering::SeqCst);
        let (kind, title, body) = match pause {
            Pause::On => (
                EventKind::RecordingPaused,
                "Recording is paused",
                "Nothing is kept of any camera until somebody resumes it. Live pictures go on.",
            ),
            Pause::Off => (
                EventKind::RecordingResumed,
                "Recording goes on",
                "Every camera is recorded as configured.",
            ),
        };
        let (title, body) = (title.to_owned(), body.to_owned());
        self.journal.event(NewEvent { at: self.now(), kind, camera: None, title, body }).await;
        for camera in self.all_cameras() {
            self.explain_silence(&camera, before, &camera, pause).await;
            self.connect(&camera).await;
        }
        self.keep_cameras().await;
        Ok(())
    }

    /// Lets the camera's recorder run, or end, as configured.
    pub(crate) async fn connect(&self, camera: &CameraEntry) {
        let facts = camera.facts(self.pause());
        let is_new = !self.brains().contains_key(&camera.id);
        if is_new {
            let brain = CameraBrain::new(facts, self.tz.clone(), self.now());
            self.brains().insert(camera.id.clone(), brain);
            self.tell(&camera.id, Input::Tick).await;
        } else {
            self.tell(&camera.id, Input::Configured(facts)).await;
        }
        if camera.enabled {
            let config =
                camera.recorder_config(self.pause(), &self.data.footage(), self.data.tier_id());
            self.supervisor.set_camera(config, camera.engine());
        } else {
            self.supervisor.remove_camera(&camera.id);
        }
    }

    /// Where nothing was wanted until now, that is why there is no footage.
    async fn explain_silence(
        &self,
        old: &CameraEntry,
        before: Pause,
        new: &CameraEntry,
        after: Pause,
    ) {
        for stream in StreamKind::ALL {
            let camera = new.id.clone();
            let since_key = off_since_key(&camera, stream);
            match (old.is_recorded(stream, before), new.is_recorded(stream, after)) {
                (true, false) => {
                    let now = self.now().0.to_string();
                    let kept =
                        self.ask_index(move |index| index.put_setting(&since_key, &now)).await;
                    let _ = kept.map_err(|error| index_failed(&error));
                }
                (false, true) => {
                    let since = self.ask_index(move |index| index.setting(&since_key)).await;
                    let since = since.map_err(|error| index_failed(&error)).ok().flatten();
                    let Some(not_before) = since.and_then(|text| text.parse().ok()).map(UtcMs)
                    else {
                        continue;
                    };
                    let (until, reason) = (self.now(), GapReason::Planned);
                    self.journal
                        .write(Job::Since { camera, stream, not_before, until, reason })
                        .await;
                }
                _ => {}
            }
        }
    }

    async fn end_viewers(&self, camera: &CameraEntry, streams: &[StreamKind]) {
        for stream in streams {
            let why = words::camera_deleted(&camera.name);
            self.live.handle((camera.id.clone(), *stream), LiveInput::Ended(why)).await;
        }
    }

    async fn camera_event(&self, camera: &CameraEntry, kind: EventKind, title: String) {
        let (camera, body) = (Some(camera.id.clone()), String::new());
        self.journal.event(NewEvent { at: self.now(), kind, camera, title, body }).await;
    }

    /// Demo cameras answer at another port after each start of the hub.
    pub(crate) async fn repoint(
        &self,
        entry: &CameraEntry,
        config: CameraConfig,
    ) -> Result<(), Problem> {
        let _one_at_a_time = self.changing.lock().await;
        let new = CameraEntry { config, ..entry.clone() };
        let row = row(&new);
        self.ask_index(move |index| index.update_camera(&row, &SecretChange::Keep))
            .await
            .map_err(|error| refused(&error))?;
        self.cameras
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(new.id.clone(), Arc::new(new.clone()));
        self.keep_cameras().await;
        self.connect(&new).await;
        Ok(())
    }
}

/// The names of all settings that there may be.
pub(crate) fn setting_keys<'a>(cameras: impl Iterator<Item = &'a CameraId>) -> Vec<String> {
    let mut keys = vec![PAUSED.to_owned(), demo::PORT.to_owned()];
    keys.extend(
        cameras.flat_map(|camera| StreamKind::ALL.map(|stream| off_since_key(camera, stream))),
    );
    keys
}

fn off_since_key(camera: &CameraId, stream: StreamKind) -> String {
    format!("off_since_utc_ms/{camera}/{stream}")
}

fn row(entry: &CameraEntry) -> CameraRow {
    CameraRow {
        id: entry.id.clone(),
        name: entry.name.clone(),
        created: entry.created,
        enabled: entry.enabled,
        config_json: serde_json::to_string(&entry.config).expect("a configuration is plain JSON"),
        has_secret: entry.credentials.is_some(),
    }
}

fn refused(error: &PutCameraError) -> Problem {
    match error {
        PutCameraError::NameTaken { name, .. } => words::problem(
            ProblemCode::NameTaken,
            format!("There is a camera called {name} already."),
            "Choose another name; it is what people tell cameras apart by.",
        ),
        PutCameraError::NotFound { id } => words::no_camera(id.as_str()),
        PutCameraError::BadName => words::problem(
            ProblemCode::BadRequest,
            "A camera's name has 1 to 100 visible characters.",
            "Name it after what it sees: Garden, Front door.",
        ),
        PutCameraError::Index(error) => index_failed(error),
        _ => words::internal(),
    }
}
