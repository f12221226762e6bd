//! Hands: the task that owns the brain of alerts: shows it the cameras every second and each event, keeps and tells
//! what it says.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tarsier_api::alert::WebhookResult;
use tarsier_api::event::EventKind;
use tarsier_index::{Index, IndexError};
use tarsier_tiers::spill::WriteTo;
use tarsier_tiers::{TierId, Volume};
use tarsier_types::{CameraId, Clock, StreamKind, SystemClock, UtcMs};
use tarsier_wire::Problem as Cause;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::MissedTickBehavior;

use super::alert::{Alert, Member};
use super::durable::Durable;
use super::incident::{
    CameraLook, Heard, Incidents, Input, Moment, News, Output, Place, PlaceLook,
};
use super::look::{self, Facts};
use super::rules;
use super::say;
use super::settings::{self, Settings};
use super::webhook::{Poster, WAITS};
use crate::config::CameraEntry;
use crate::hub::{Hub, index_failed};
use crate::journal::{EventBody, NewEvent};
use crate::secrets::SecretBox;
use crate::storage::{self, Registry};
use crate::words;

const LOOK: Duration = Duration::from_secs(1);
const EVENTS_AT_ONCE: u32 = 100;
/// People's clicks; behind a full channel they wait.
const COMMANDS: usize = 16;

/// What people want.
enum Command {
    Acknowledge { id: i64, by: String, answer: oneshot::Sender<bool> },
    Change(Settings),
}

/// What woke the task.
enum Woken {
    Command(Command),
    Events,
    Tick,
    End,
}

/// The handle.
pub(crate) struct Alerts {
    commands: mpsc::Sender<Command>,
    open: watch::Receiver<Arc<Vec<Alert>>>,
    settings: watch::Sender<Settings>,
    poster: Poster,
    durable: Mutex<Durable>,
    inbox: Mutex<Option<Inbox>>,
}

/// What the task needs; taken once.
pub(crate) struct Inbox {
    commands: mpsc::Receiver<Command>,
    open: watch::Sender<Arc<Vec<Alert>>>,
    brain: Incidents,
    /// The newest event that was there before.
    last_event: i64,
}

/// Why an alert was not acknowledged.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AcknowledgeError {
    #[error("there is no such alert")]
    NotFound,
    #[error(transparent)]
    Index(#[from] IndexError),
}

impl Alerts {
    /// Goes on with what an earlier hub left open. [`run`] makes it move.
    pub(crate) fn new(
        index: &Index,
        secrets: &SecretBox,
        clock: SystemClock,
    ) -> Result<Self, IndexError> {
        let settings = settings::load(index, secrets)?;
        let left_open = index.open_alerts()?.into_iter().filter_map(Alert::from_row).collect();
        let now = Moment { mono: clock.mono(), utc: clock.utc() };
        let mut brain = Incidents::new(now, left_open, index.last_alert_id()?);
        for input in inputs_of(&settings) {
            brain.handle(now, input);
        }
        let (commands, waiting) = mpsc::channel(COMMANDS);
        let (open, opened) = watch::channel(Arc::new(brain.open().cloned().collect()));
        let inbox = Inbox { commands: waiting, open, brain, last_event: index.last_event_id()? };
        Ok(Self {
            commands,
            open: opened,
            settings: watch::Sender::new(settings),
            poster: Poster::start(clock, WAITS),
            durable: Mutex::default(),
            inbox: Mutex::new(Some(inbox)),
        })
    }

    /// All that goes on, newest first. Known without the index, whose disk may be what is wrong.
    pub(crate) fn open(&self) -> Arc<Vec<Alert>> {
        self.open.borrow().clone()
    }

    pub(crate) fn settings(&self) -> Settings {
        self.settings.borrow().clone()
    }

    /// Until when nobody is told, if it is so now.
    pub(crate) fn muted_until(&self, now: UtcMs) -> Option<UtcMs> {
        self.settings.borrow().muted_until.filter(|until| *until > now)
    }

    pub(crate) fn webhook_result(&self) -> Option<WebhookResult> {
        self.poster.result()
    }

    /// When each stream's last byte reached the disk.
    pub(crate) fn durable(&self) -> MutexGuard<'_, Durable> {
        self.durable.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hub {
    /// A person took note of an alert, open or past.
    pub(crate) async fn acknowledge_alert(
        &self,
        id: i64,
        by: String,
    ) -> Result<Alert, AcknowledgeError> {
        let (answer, answered) = oneshot::channel();
        let command = Command::Acknowledge { id, by: by.clone(), answer };
        let _ = self.alerts.commands.send(command).await;
        if answered.await.unwrap_or(false) {
            let open = self.alerts.open().iter().find(|alert| alert.id == id).cloned();
            if let Some(alert) = open {
                return Ok(alert);
            }
            // News are over as soon as somebody knows them: it is in the index.
        }
        let now = self.now();
        let row = self
            .ask_index(move |index| {
                let Some(mut row) = index.alert(id)? else { return Ok(None) };
                if row.acknowledged.is_none() {
                    row.acknowledged = Some((now, by));
                    index.put_alert(&row)?;
                }
                Ok::<_, IndexError>(Some(row))
            })
            .await?;
        row.and_then(Alert::from_row).ok_or(AcknowledgeError::NotFound)
    }

    /// Stores and applies other settings of alerts.
    pub(crate) async fn set_alerts(&self, new: Settings) -> Result<(), IndexError> {
        let (sealed, muted_until) = (settings::seal(&self.secrets, &new), new.muted_until);
        self.ask_index(move |index| settings::store(index, &sealed, muted_until)).await?;
        self.alerts.settings.send_replace(new.clone());
        let _ = self.alerts.commands.send(Command::Change(new)).await;
        self.keep_cameras().await;
        Ok(())
    }
}

/// Runs until the hub stops: what its recorders do then is no alert.
pub(crate) async fn run(hub: Arc<Hub>) {
    let inbox = hub.alerts.inbox.lock().unwrap_or_else(PoisonError::into_inner).take();
    let Some(Inbox { mut commands, open, mut brain, mut last_event }) = inbox else { return };
    let mut newest = hub.journal.newest_event();
    let mut stopping = hub.stopping.subscribe();
    let mut ticks = tokio::time::interval(LOOK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let woken = tokio::select! {
            command = commands.recv() => command.map_or(Woken::End, Woken::Command),
            changed = newest.changed() => changed.map_or(Woken::End, |()| Woken::Events),
            _ = ticks.tick() => Woken::Tick,
            _ = stopping.wait_for(|stopping| *stopping) => Woken::End,
        };
        let mut answer = None;
        let inputs = match woken {
            Woken::Command(Command::Acknowledge { id, by, answer: to }) => {
                answer = Some((to, brain.open().any(|alert| alert.id == id)));
                vec![Input::Acknowledge { id, by }]
            }
            Woken::Command(Command::Change(settings)) => inputs_of(&settings).into(),
            Woken::Events => heard(&hub, &mut last_event).await,
            Woken::Tick => {
                let mut inputs = vec![Input::Cameras(look_around(&hub))];
                if brain.asks_for_places() {
                    inputs.extend(places(&hub).await.map(Input::Places));
                }
                inputs
            }
            Woken::End => return,
        };
        let now = Moment { mono: hub.clock.mono(), utc: hub.now() };
        for input in inputs {
            brain.handle(now, input);
        }
        let outputs: Vec<Output> = std::iter::from_fn(|| brain.poll()).collect();
        if !outputs.is_empty() {
            open.send_replace(Arc::new(brain.open().cloned().collect()));
        }
        for output in outputs {
            act(&hub, output).await;
        }
        if let Some((to, is_open)) = answer {
            let _ = to.send(is_open);
        }
    }
}

fn inputs_of(settings: &Settings) -> [Input; 2] {
    let hold_off = Duration::from_secs(settings.hold_off_seconds.into());
    [Input::HoldOff(hold_off), Input::Mute(settings.muted_until)]
}

/// What was kept since the last look.
async fn heard(hub: &Hub, last: &mut i64) -> Vec<Input> {
    let mut all = Vec::new();
    loop {
        let after = *last;
        let rows = hub.ask_index(move |index| index.events_since(after, EVENTS_AT_ONCE)).await;
        let rows = match rows {
            Ok(rows) => rows,
            Err(error) => {
                index_failed(&error);
                return all;
            }
        };
        let Some(newest) = rows.last() else { return all };
        *last = newest.id;
        all.extend(rows.into_iter().map(|row| {
            let words: Option<EventBody> = serde_json::from_str(&row.body_json).ok();
            let (title, body) = words.map(|words| (words.title, words.body)).unwrap_or_default();
            let registry = hub.storage.registry();
            let place = row.camera.is_none().then(|| place_in(&registry, &title)).flatten();
            let (event, camera, at) = (row.kind, row.camera, row.at);
            Input::Event(Heard { event, camera, place, at, title, body })
        }));
    }
}

/// The place that a title is about.
fn place_in(registry: &Registry, title: &str) -> Option<Place> {
    let ids = registry.locals.iter().map(|local| &local.id);
    let ids = ids.chain(registry.remotes.iter().map(|remote| &remote.id));
    let places: Vec<Place> =
        ids.map(|id| Place { id: id.to_string(), name: registry.name(id) }).collect();
    let name = rules::place_among(title, places.iter().map(|place| place.name.as_str()))?;
    places.iter().find(|place| place.name == name).cloned()
}

/// How all places are; nothing before they were looked at.
async fn places(hub: &Hub) -> Option<Vec<PlaceLook>> {
    let (volumes, write_to) = {
        let seen = hub.storage.seen();
        (seen.volumes.clone(), seen.write_to.clone())
    };
    if volumes.is_empty() {
        return None;
    }
    let policy = hub.ask_index(storage::policy).await.map_err(|error| index_failed(&error)).ok()?;
    let registry = hub.storage.registry();
    let is_full =
        |tier: &TierId| matches!(&write_to, Some(WriteTo::Spill { home, .. }) if home == tier);
    let look = |volume: &Volume| PlaceLook {
        place: Place { id: volume.tier.to_string(), name: registry.name(&volume.tier) },
        is_there: volume.is_writable(),
        has_room: volume.available_bytes >= policy.min_free_bytes(volume) && !is_full(&volume.tier),
    };
    Some(volumes.iter().map(look).collect())
}

/// How all cameras are.
pub(crate) fn look_around(hub: &Hub) -> Vec<CameraLook> {
    let (now, mono) = (hub.now(), hub.clock.mono());
    let cameras = hub.all_cameras();
    let brains = hub.brains();
    let mut durable = hub.alerts.durable();
    durable.forget(|id| brains.contains_key(id));
    let look = |camera: &Arc<CameraEntry>| {
        let Some(brain) = brains.get(&camera.id) else {
            // The hub has just started: that nothing is known of it yet does not mean that it is gone.
            let (id, name) = (camera.id.clone(), camera.name.clone());
            return CameraLook { id, name, signs: Vec::new(), is_fresh: false, is_off: false };
        };
        let mut refused_since: Option<UtcMs> = None;
        let mut overdue_ms = None;
        for stream in StreamKind::ALL {
            let outage = brain.outage(stream, now);
            if let Some((since, Some(Cause::DiskNotWritable))) = outage {
                refused_since = Some(refused_since.map_or(since, |known| known.min(since)));
            }
            let wanted = hub.is_wanted(camera, stream) && outage.is_none();
            durable.is_wanted(&camera.id, stream, wanted, mono);
            overdue_ms = overdue_ms.max(durable.overdue_ms(&camera.id, stream, mono));
        }
        let facts = Facts {
            id: camera.id.clone(),
            name: camera.name.clone(),
            state: brain.state(),
            is_recorded: StreamKind::ALL.iter().any(|stream| hub.is_wanted(camera, *stream)),
            out_since: brain.outage(StreamKind::Main, now).map(|(since, _)| since),
            refused_since,
            problem: brain.problem(now),
            overdue_ms,
        };
        look::look(&facts, now, &hub.tz)
    };
    cameras.iter().map(look).collect()
}

async fn act(hub: &Hub, output: Output) {
    match output {
        Output::Keep(alert) => {
            let row = alert.to_row();
            if let Err(error) = hub.ask_index(move |index| index.put_alert(&row)).await {
                index_failed(&error);
            }
        }
        Output::Tell(news, alert) => {
            hub.journal.event(event(hub, news, &alert));
            let webhook = hub.alerts.settings.borrow().webhook.clone();
            let shown = alert.to_api(|_| true, hub.now(), &hub.tz);
            if let (Some(webhook), Some(shown)) = (webhook, shown) {
                let body = serde_json::to_vec(&shown).expect("an alert is plain JSON");
                hub.alerts.poster.post(webhook, body);
            }
        }
    }
}

/// For the stream of events, which a viewer of some cameras reads too: what is about several names none of them.
fn event(hub: &Hub, news: News, alert: &Alert) -> NewEvent {
    let now = hub.now();
    let members: Vec<&Member> = alert.members.iter().collect();
    let said = say::without_names(alert.kind, &members, now, &hub.tz);
    let camera: Option<CameraId> = match &members[..] {
        [one] => one.camera.clone(),
        _ => None,
    };
    let (kind, title, body) = match news {
        News::Raised => {
            (EventKind::AlertRaised, said.title, format!("{} {}", said.body, said.hint))
        }
        News::Resolved => {
            let lasted = alert.resolved.unwrap_or(now).millis_since(alert.since);
            let body = format!("It lasted {}.", words::span(lasted));
            (EventKind::AlertResolved, format!("Over: {}", said.title), body)
        }
    };
    NewEvent { at: now, kind, camera, title, body: body.trim().to_owned() }
}
