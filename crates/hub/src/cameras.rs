//! Hands: adds, changes and deletes cameras: first the index, then memory, then the recorder.
//!
//! What does not belong here: reading a configuration ([`crate::config`]), HTTP.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use tarsier_api::camera::{CameraChange, NewCamera};
use tarsier_api::event::EventKind;
use tarsier_api::problem::{Problem, ProblemCode};
use tarsier_index::{CameraRow, Index, IndexError, PutCameraError, SecretChange};
use tarsier_live::{LiveInput, LiveStream};
use tarsier_types::{CameraId, Gap, GapReason, StreamKind, UtcMs, UtcRange};

use crate::alerts;
use crate::config::{self, CameraConfig, CameraEntry, Pause};
use crate::hub::{Hub, index_failed};
use crate::journal::{Job, NewEvent};
use crate::modes::off_since_key;
use crate::secrets::{Known, SecretBox};
use crate::state::{CameraBrain, Input};
use crate::{demo, storage, supervision, words};

pub(crate) const PAUSED: &str = "recording_paused";
/// A camera's events are searched for an outage that was told in pages of so many.
const EVENTS_AT_ONCE: u32 = 500;

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
        let known = match index.secret(&row.id)? {
            None => Known::default(),
            Some(stored) => secrets.open(&row.id, &stored).unwrap_or_else(|error| {
                tracing::error!(camera = %row.id, %error, "it is tried without a password");
                Known::default()
            }),
        };
        let CameraRow { id, name, created, enabled, .. } = row;
        let Known { pictures: credentials, onvif: onvif_credentials } = known;
        entries.push(CameraEntry {
            id,
            name,
            created,
            enabled,
            config,
            credentials,
            onvif_credentials,
        });
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
            let secret = self.secrets.seal(&entry.id, &entry.known());
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
        self.camera_event(&entry, EventKind::CameraAdded, title);
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
        // Who types a password once more wants it tried once more.
        let is_asked = change.username.is_some() || change.password.is_some();
        let mut new = old.change(change)?;
        if is_asked || !new.connects_as(&old) {
            new.config.epoch = self.now().0.max(old.config.epoch + 1);
        }
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
        let secret = if old.known() == new.known() {
            SecretChange::Keep
        } else {
            let sealed = self.secrets.seal(&new.id, &new.known());
            sealed.map_or(SecretChange::Remove, SecretChange::Replace)
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
        self.camera_event(&new, EventKind::CameraChanged, title);
        if old.config.sub.is_some() && new.config.sub.is_none() {
            self.end_viewers(&new, &[StreamKind::Sub]).await;
            self.blamed().forget_stream(&new.id, StreamKind::Sub);
            self.connections.forget_stream(&new.id, StreamKind::Sub);
            self.alerts.durable().forget_stream(&new.id, StreamKind::Sub);
        }
        if old.config.sub.is_none() && new.config.sub.is_some() {
            self.nobody_wanted(&new, StreamKind::Sub).await;
        }
        self.connect(&new).await;
        self.keep_cameras().await;
        Ok(new)
    }

    /// Deletes a camera; its footage stays.
    pub(crate) async fn delete_camera(&self, id: &CameraId) -> Result<(), Problem> {
        let _one_at_a_time = self.changing.lock().await;
        let old = self.camera(id).ok_or_else(|| words::no_camera(id.as_str()))?;
        let (gone, now) = (id.clone(), self.now());
        self.ask_index(move |index| {
            index.delete_camera(&gone, now)?;
            index.forget_connections(&gone)
        })
        .await
        .map_err(|error| index_failed(&error))?;
        self.cameras.write().unwrap_or_else(PoisonError::into_inner).remove(id);
        self.keep_cameras().await;
        self.supervisor.remove_camera(id);
        self.ptz.forget(id);
        self.brains().remove(id);
        self.connections.forget(id);
        self.blamed().forget(id);
        self.modes.forget(id);
        self.end_viewers(&old, &StreamKind::ALL).await;
        let title = format!("{} was deleted", old.name);
        self.camera_event(&old, EventKind::CameraDeleted, title);
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
        self.journal.event(NewEvent { at: self.now(), kind, camera: None, title, body });
        for camera in self.all_cameras() {
            self.connect(&camera).await;
        }
        self.keep_cameras().await;
        Ok(())
    }

    /// Lets the camera's recorder run, or end, as configured.
    pub(crate) async fn connect(&self, camera: &CameraEntry) {
        self.explain_silence(camera).await;
        let facts = camera.facts(self.moment(), self.modes.happening(&camera.id));
        let is_new = !self.brains().contains_key(&camera.id);
        if is_new {
            let mut brain = CameraBrain::new(facts, self.tz.clone(), self.now());
            if let Some((since, kind)) = self.told_incident(&camera.id).await {
                brain.resume(self.now(), since, kind);
            }
            self.brains().insert(camera.id.clone(), brain);
            self.tell(&camera.id, Input::Tick).await;
        } else {
            self.tell(&camera.id, Input::Configured(facts)).await;
        }
        if camera.enabled {
            let mut config = self.recorder_config(camera);
            config.recorded_until = self.recorded_until(camera).await;
            self.supervisor.set_camera(config, camera.engine());
        } else {
            self.supervisor.remove_camera(&camera.id);
        }
    }

    /// A stream that is new: until now nobody wanted footage of it.
    async fn nobody_wanted(&self, camera: &CameraEntry, stream: StreamKind) {
        let (of, now) = (camera.id.clone(), self.now());
        let known = self.ask_index(move |index| {
            let gap = index.last_gap(&of, stream)?.map(|gap| gap.range.end);
            Ok(index.last_segment_end(&of, stream)?.max(gap))
        });
        let known = known.await.map_err(|error| index_failed(&error)).ok().flatten();
        let range = UtcRange::new(known.unwrap_or(camera.created), now);
        if range.millis() > 0 {
            let gap = Gap { range, reason: GapReason::Planned };
            self.journal.write(Job::Gap(camera.id.clone(), stream, gap));
        }
    }

    /// Where footage ends, by the index: what its recorders said since, the supervisor knows.
    async fn recorded_until(&self, camera: &CameraEntry) -> Vec<(StreamKind, UtcMs)> {
        let id = camera.id.clone();
        let ends = self.ask_index(move |index| {
            let mut ends = Vec::new();
            for stream in StreamKind::ALL {
                ends.extend(index.last_segment_end(&id, stream)?.map(|end| (stream, end)));
            }
            Ok(ends)
        });
        ends.await.unwrap_or_else(|error| {
            let _ = index_failed(&error);
            Vec::new()
        })
    }

    /// An outage that an earlier hub told of, and whose end nobody has told yet: however much was told since.
    async fn told_incident(&self, camera: &CameraId) -> Option<(UtcMs, EventKind)> {
        let of = camera.clone();
        let found = self.ask_index(move |index| last_told(index, &of)).await;
        found.map_err(|error| index_failed(&error)).ok().flatten()
    }

    async fn end_viewers(&self, camera: &CameraEntry, streams: &[StreamKind]) {
        for stream in streams {
            let why = words::camera_deleted(&camera.name);
            let stream = (camera.id.clone(), LiveStream::from(*stream));
            self.whep.end_stream(&stream);
            self.sessions.end_stream(&stream);
            self.live.handle(stream, LiveInput::Ended(why)).await;
        }
    }

    fn camera_event(&self, camera: &CameraEntry, kind: EventKind, title: String) {
        let (camera, body) = (Some(camera.id.clone()), String::new());
        self.journal.event(NewEvent { at: self.now(), kind, camera, title, body });
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

/// The newest event of a camera that says how its pictures are, if that is that there are none. From the newest events
/// to older ones, page by page.
fn last_told(index: &Index, camera: &CameraId) -> Result<Option<(UtcMs, EventKind)>, IndexError> {
    let kinds = [EventKind::CameraOffline, EventKind::CameraStopped, EventKind::CameraOnline];
    let (mut until, mut at_once) = (UtcMs(i64::MAX), EVENTS_AT_ONCE);
    loop {
        let range = UtcRange::new(UtcMs(i64::MIN), until);
        let events = index.events_in(camera, range, at_once)?;
        let last = events.iter().rev().find_map(|event| {
            let kind = kinds.into_iter().find(|kind| kind.name() == event.kind)?;
            Some((event.at, kind))
        });
        if let Some((at, kind)) = last {
            return Ok((kind != EventKind::CameraOnline).then_some((at, kind)));
        }
        let Some(oldest) = events.first().filter(|_| full(&events, at_once)) else {
            return Ok(None);
        };
        // Those of its millisecond that did not fit are asked for again; if there are only such, more at once.
        let next = oldest.at.plus_millis(1);
        if next >= until {
            at_once = at_once.saturating_mul(2);
        }
        until = next;
    }
}

fn full<T>(page: &[T], most: u32) -> bool {
    u32::try_from(page.len()).is_ok_and(|len| len >= most)
}

/// The names of all settings that there may be.
pub(crate) fn setting_keys<'a>(cameras: impl Iterator<Item = &'a CameraId>) -> Vec<String> {
    let mut keys = [PAUSED, demo::PORT, supervision::RULES, storage::POLICY, storage::TIERS]
        .map(str::to_owned)
        .to_vec();
    keys.extend(alerts::KEYS.map(str::to_owned));
    keys.extend(
        cameras.flat_map(|camera| StreamKind::ALL.map(|stream| off_since_key(camera, stream))),
    );
    keys
}

fn row(entry: &CameraEntry) -> CameraRow {
    CameraRow {
        id: entry.id.clone(),
        name: entry.name.clone(),
        created: entry.created,
        enabled: entry.enabled,
        config_json: serde_json::to_string(&entry.config).expect("a configuration is plain JSON"),
        has_secret: entry.known() != Known::default(),
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
