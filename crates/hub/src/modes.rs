//! Hands: recorders follow the week and the pause, and what happens is recorded.
//!
//! A mode is changed in the running recorder, so that it costs no footage. What does not belong here: what is kept when
//! ([`crate::config`], [`crate::schedule`]).

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tarsier_api::event::{Event, EventKind, NewCameraEvent};
use tarsier_api::problem::{Problem, ProblemCode};
use tarsier_types::{CameraId, GapReason, StreamKind, UtcMs, UtcRange};
use tarsier_wire::{RecorderConfig, RecordingMode};
use tokio::sync::oneshot;

use crate::config::{CameraEntry, Moment};
use crate::hub::{Hub, index_failed};
use crate::journal::{Happened, Job, NewEvent};
use crate::state::Input;
use crate::words;

/// How late a schedule may be; also when the machine's clock is set.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// A recorder's line is led to the clock slowly (`ingest`'s anchor): so far a picture's time may lie beside it. Seen: 93 ms.
const LINE_MS: i64 = 250;
/// The longest event: what goes on longer is told again.
const LONGEST_MS: i64 = 86_400_000;

/// What recorders do now, as far as the hub has told them.
#[derive(Debug, Default)]
pub(crate) struct Modes(Mutex<BTreeMap<CameraId, Told>>);

#[derive(Clone, Copy, Debug, Default)]
struct Told {
    main: Option<RecordingMode>,
    sub: Option<RecordingMode>,
    /// What happens, or happened last.
    happening: Option<UtcRange>,
    is_recorded: Option<bool>,
}

impl Told {
    const fn of(&mut self, stream: StreamKind) -> &mut Option<RecordingMode> {
        match stream {
            StreamKind::Main => &mut self.main,
            StreamKind::Sub => &mut self.sub,
        }
    }
}

impl Modes {
    fn known(&self) -> MutexGuard<'_, BTreeMap<CameraId, Told>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What happens before that camera, or happened last.
    pub(crate) fn happening(&self, camera: &CameraId) -> Option<UtcRange> {
        self.known().get(camera)?.happening
    }

    /// Only what happens is recorded of that stream.
    pub(crate) fn is_on_event(&self, camera: &CameraId, stream: StreamKind) -> bool {
        let mode = self.known().get_mut(camera).and_then(|told| *told.of(stream));
        matches!(mode, Some(RecordingMode::OnEvent { .. }))
    }

    /// One of its streams is to be recorded otherwise than its recorder was told.
    pub(crate) fn is_due(&self, camera: &CameraEntry, moment: Moment<'_>) -> bool {
        let mut told = self.known().get(&camera.id).copied().unwrap_or_default();
        let mut streams = StreamKind::ALL.into_iter().filter(|stream| camera.has(*stream));
        streams.any(|stream| *told.of(stream) != Some(camera.mode(stream, moment)))
    }

    /// The camera is deleted.
    pub(crate) fn forget(&self, camera: &CameraId) {
        self.known().remove(camera);
    }

    /// What happens becomes one with what it touches.
    fn happens(&self, camera: &CameraId, event: UtcRange) {
        let mut known = self.known();
        let told = known.entry(camera.clone()).or_default();
        let touching = told.happening.filter(|known| event.start <= known.end);
        let start = touching.map_or(event.start, |known| known.start.min(event.start));
        let end = touching.map_or(event.end, |known| known.end.max(event.end));
        told.happening = Some(UtcRange::new(start, end));
    }
}

/// Looks at schedules until the hub goes down.
pub(crate) async fn run(hub: Arc<Hub>) {
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut stopping = hub.stopping.subscribe();
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            stopped = stopping.wait_for(|stopping| *stopping) => {
                drop(stopped);
                return;
            }
        }
        hub.follow_modes().await;
    }
}

impl Hub {
    /// What recording depends on now.
    pub(crate) fn moment(&self) -> Moment<'_> {
        Moment { now: self.now(), tz: &self.tz, pause: self.pause() }
    }

    /// What a camera's recorder is told now.
    pub(crate) fn recorder_config(&self, camera: &CameraEntry) -> RecorderConfig {
        let (root, tier) = self.place_for_footage();
        let mut config = camera.recorder_config(self.moment(), &root, &tier);
        config.resume = self.connections.kept(camera);
        config
    }

    /// The tier in which new files are begun: its folder and its identity. Until disks were measured, and where none takes
    /// anything, it is the one that was written to last, or the data folder's own.
    fn place_for_footage(&self) -> (PathBuf, String) {
        let registry = self.storage.registry();
        let tier = self.storage.seen().written_to.clone();
        match tier.and_then(|tier| registry.local(&tier).cloned()) {
            Some(local) => (local.root, local.id.to_string()),
            None => (self.data.footage(), self.data.tier_id().to_owned()),
        }
    }

    /// Recorders begin their next file where footage is written now; who waits for a disk is tried at once.
    pub(crate) async fn follow_tier(&self) {
        let _one_at_a_time = self.changing.lock().await;
        for camera in self.all_cameras().into_iter().filter(|camera| camera.enabled) {
            self.supervisor.set_camera(self.recorder_config(&camera), camera.engine());
        }
        self.supervisor.tier_changed();
    }

    /// Whether footage of that stream should be on its way to the disk now.
    pub(crate) fn is_wanted(&self, camera: &CameraEntry, stream: StreamKind) -> bool {
        match camera.mode(stream, self.moment()) {
            RecordingMode::Off => false,
            RecordingMode::Continuous => true,
            // Between events nothing is wanted.
            RecordingMode::OnEvent { .. } => {
                self.open().of(&camera.id, stream).next_back().is_some()
                    || camera.is_recorded(self.moment(), self.modes.happening(&camera.id))
            }
        }
    }

    /// Changes the modes of those recorders for which it is time.
    pub(crate) async fn follow_modes(&self) {
        for camera in self.all_cameras() {
            if camera.enabled && self.modes.is_due(&camera, self.moment()) {
                let _one_at_a_time = self.changing.lock().await;
                // It may have been changed or deleted meanwhile.
                if let Some(camera) = self.camera(&camera.id).filter(|camera| camera.enabled) {
                    self.explain_silence(&camera).await;
                    self.supervisor.set_camera(self.recorder_config(&camera), camera.engine());
                    self.keep_cameras().await;
                }
            }
            self.tell_whether_recorded(&camera).await;
        }
    }

    /// The camera's state follows from it.
    async fn tell_whether_recorded(&self, camera: &CameraEntry) {
        let happening = self.modes.happening(&camera.id);
        let is_recorded = camera.is_recorded(self.moment(), happening);
        let was = match self.modes.known().get_mut(&camera.id) {
            Some(told) => told.is_recorded.replace(is_recorded),
            None => return,
        };
        if was != Some(is_recorded) {
            self.tell(&camera.id, Input::Recorded(is_recorded)).await;
        }
    }

    /// Where nothing was wanted until now, that is why there is no footage; the recorder knows it better if it has lived
    /// so long. To be called before a recorder is told its modes.
    pub(crate) async fn explain_silence(&self, camera: &CameraEntry) {
        for stream in StreamKind::ALL.into_iter().filter(|stream| camera.has(*stream)) {
            let new = camera.mode(stream, self.moment());
            let old =
                self.modes.known().entry(camera.id.clone()).or_default().of(stream).replace(new);
            let key = off_since_key(&camera.id, stream);
            let asked = key.clone();
            let since = self.ask_index(move |index| index.setting(&asked)).await;
            let since = since.map_err(|error| index_failed(&error)).ok().flatten();
            let since = since.and_then(|text| text.parse().ok()).map(UtcMs);
            let now = self.now();
            let changed = match (new, since) {
                (RecordingMode::Off, None) => {
                    self.ask_index(move |index| index.put_setting(&key, &now.0.to_string())).await
                }
                (RecordingMode::Off, Some(_)) | (_, None) => Ok(()),
                (_, Some(not_before)) => {
                    self.planned(&camera.id, stream, not_before, now);
                    self.ask_index(move |index| index.remove_setting(&key)).await.map(drop)
                }
            };
            let _ = changed.map_err(|error| index_failed(&error));
            let was_on_event = matches!(old, Some(RecordingMode::OnEvent { .. }));
            let is_writing = self.open().of(&camera.id, stream).next().is_some();
            if was_on_event && old != Some(new) && !is_writing {
                // Between events nothing was wanted; a recorder that has seen none yet cannot tell.
                self.planned(&camera.id, stream, UtcMs(i64::MIN), now);
            }
        }
    }

    fn planned(&self, camera: &CameraId, stream: StreamKind, not_before: UtcMs, until: UtcMs) {
        let (camera, reason) = (camera.clone(), GapReason::Planned);
        self.journal.write(Job::Since { camera, stream, not_before, until, reason });
    }

    /// Something happens before a camera: recorded first, then kept as an event.
    pub(crate) async fn happens(
        &self,
        camera: &CameraEntry,
        new: NewCameraEvent,
    ) -> Result<Event, Problem> {
        let span = span_of(&new, self.now())?;
        self.modes.happens(&camera.id, span);
        // What was promised before and after it is counted by the clock.
        let (from, to) = (span.start.plus_millis(-LINE_MS), span.end.plus_millis(LINE_MS));
        self.supervisor.event(&camera.id, UtcRange::new(from, to));
        self.tell_whether_recorded(camera).await;
        let title = format!("{}: {}", camera.name, new.kind.replace(['_', '-'], " "));
        let body = new.note.unwrap_or_default();
        let event = NewEvent {
            at: span.start,
            kind: EventKind::CameraEvent,
            camera: Some(camera.id.clone()),
            title: title.clone(),
            body: body.clone(),
        };
        let happened = Happened { what: new.kind, until_utc_ms: span.end.0 };
        let (answer, answered) = oneshot::channel();
        self.journal.write(Job::Happened(event, happened, answer));
        let id = answered.await.map_err(|_| not_kept())?;
        Ok(Event {
            id,
            utc_ms: span.start.0,
            kind: EventKind::CameraEvent,
            camera_id: Some(camera.id.to_string()),
            title,
            body,
            until_utc_ms: Some(span.end.0),
        })
    }
}

/// When it was; refused if that cannot be meant.
fn span_of(new: &NewCameraEvent, now: UtcMs) -> Result<UtcRange, Problem> {
    let wrong = |message: &str, hint: &str| {
        Err(words::problem(ProblemCode::BadRequest, message.to_owned(), hint.to_owned()))
    };
    let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
    if !(1..=40).contains(&new.kind.len()) || !new.kind.chars().all(is_word) {
        return wrong(
            "The kind of an event is one word.",
            "Use small letters, digits, _ and -, at most 40: motion, doorbell, person-at-gate.",
        );
    }
    if new.note.as_ref().is_some_and(|note| note.chars().count() > 500) {
        return wrong("The note is too long.", "Use at most 500 characters.");
    }
    let start = new.from_utc_ms.map_or(now, UtcMs);
    let end = new.until_utc_ms.map_or(start, UtcMs);
    if start.0 < 0 || start.0 > now.0.saturating_add(LONGEST_MS) {
        return wrong(
            "The event is in a time that is not now.",
            "from_utc_ms is in milliseconds since 1970, and at most a day ahead.",
        );
    }
    if end < start || end.0 > start.0.saturating_add(LONGEST_MS) {
        return wrong(
            "The event ends before it begins, or lasts longer than a day.",
            "Choose until_utc_ms within a day of from_utc_ms; tell an event that goes on again.",
        );
    }
    Ok(UtcRange::new(start, end))
}

fn not_kept() -> Problem {
    words::problem(
        ProblemCode::DiskNotWritable,
        "The event is recorded, but it could not be kept in the list of events.",
        "Check the disk with Tarsier's data: the log says what is wrong with it.",
    )
}

/// The setting that holds since when nothing of a stream is kept.
pub(crate) fn off_since_key(camera: &CameraId, stream: StreamKind) -> String {
    format!("off_since_utc_ms/{camera}/{stream}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_that_cannot_be_meant_is_refused() {
        let now = UtcMs(1_795_205_640_000);
        let event = |kind: &str, from: Option<i64>, until: Option<i64>| NewCameraEvent {
            kind: kind.to_owned(),
            note: None,
            from_utc_ms: from.map(|from| now.0 + from),
            until_utc_ms: until.map(|until| now.0 + until),
        };
        let span = |event: &NewCameraEvent| {
            let relative =
                |span: UtcRange| (span.start.millis_since(now), span.end.millis_since(now));
            span_of(event, now).map(relative).ok()
        };
        assert_eq!(span(&event("motion", None, None)), Some((0, 0)));
        assert_eq!(span(&event("motion", Some(-5000), None)), Some((-5000, -5000)));
        assert_eq!(span(&event("motion", Some(-5000), Some(5000))), Some((-5000, 5000)));
        assert_eq!(span(&event("motion", None, Some(-1))), None, "ends before it begins");
        assert_eq!(span(&event("motion", None, Some(LONGEST_MS + 1))), None);
        for kind in ["", "Motion", "a b", "mötion", &"m".repeat(41)] {
            assert_eq!(span(&event(kind, None, None)), None, "{kind}");
        }
    }

    #[test]
    fn what_follows_closely_is_one_event() {
        let (modes, garden) = (Modes::default(), CameraId::new("garden").unwrap());
        let range = |from, to| UtcRange::new(UtcMs(from), UtcMs(to));
        modes.happens(&garden, range(0, 10));
        modes.happens(&garden, range(5, 20));
        assert_eq!(modes.happening(&garden), Some(range(0, 20)));
        modes.happens(&garden, range(50, 60));
        assert_eq!(modes.happening(&garden), Some(range(50, 60)), "the last one counts");
    }
}
