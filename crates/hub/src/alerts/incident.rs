//! Brain: what is one incident, when it is told, when it is over.
//!
//! A *cause* is one thing that is wrong with one camera or place. Causes of a kind that begin together are one alert,
//! which is changed in place:
//!
//! - A cause that ends before its hold-off is nothing.
//! - The first of a kind waits a moment for others, so that a switch that fails is one alert that names its cameras.
//! - An alert is over when all its causes have been gone for a while; what comes again soon is the same incident.
//! - Nobody is told while it is muted; at the end of that, what is still open and not acknowledged is told.
//!
//! Spans are measured on the monotonic clock, so that a clock that is put right changes nothing; times that are shown
//! are those of the wall clock. What does not belong here: what is wrong with a camera, sentences, who is told how.

mod hear;
mod raise;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use tarsier_api::alert::AlertKind;
use tarsier_types::{CameraId, Mono, UtcMs};

pub(crate) use self::hear::{Place, PlaceLook};
use super::alert::{Alert, Member};
use super::rules;

/// Now, on both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    pub(crate) mono: Mono,
    pub(crate) utc: UtcMs,
}

/// Whether something is wrong with a camera.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Sign {
    /// It is fine.
    No,
    /// It cannot be told just now: what was, stays.
    Unclear,
    /// It is wrong, since then; in words.
    Yes { since: UtcMs, title: String, body: String, hint: String },
}

/// How a camera is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CameraLook {
    pub(crate) id: CameraId,
    pub(crate) name: String,
    pub(crate) signs: Vec<(AlertKind, Sign)>,
    /// Pictures flow.
    pub(crate) is_fresh: bool,
    /// It is switched off.
    pub(crate) is_off: bool,
}

/// An event that was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Heard {
    /// Its name.
    pub(crate) event: String,
    pub(crate) camera: Option<CameraId>,
    /// The place that it is about, if it is one that is set up.
    pub(crate) place: Option<Place>,
    pub(crate) at: UtcMs,
    pub(crate) title: String,
    pub(crate) body: String,
}

/// What happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    /// How all cameras are. Said every second: this is how time passes.
    Cameras(Vec<CameraLook>),
    /// How all places are, once they were looked at.
    Places(Vec<PlaceLook>),
    /// An event was kept.
    Event(Heard),
    /// A person took note of an alert that goes on.
    Acknowledge { id: i64, by: String },
    /// Quiet until then; `None`: people are told.
    Mute(Option<UtcMs>),
    /// An outage of a camera that is shorter is no alert.
    HoldOff(Duration),
}

/// What is told of an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum News {
    Raised,
    Resolved,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Output {
    /// It is new or has changed.
    Keep(Alert),
    /// Whoever wants to know is told.
    Tell(News, Alert),
}

/// Names a cause: its kind and its subject.
type Key = (AlertKind, String);

#[derive(Clone, Debug)]
struct Cause {
    member: Member,
    /// From then on it is an alert.
    due: Mono,
    /// Since when it is gone.
    gone: Option<(Mono, UtcMs)>,
    /// It will not come back: no settling.
    is_final: bool,
    /// It ends by itself then: news, and what nobody confirmed.
    ends: Option<Mono>,
    /// There were pictures since it was said: what is missing now has another cause.
    had_pictures: bool,
    /// Which alert it is part of.
    alert: Option<i64>,
}

#[derive(Clone, Debug)]
struct Open {
    alert: Alert,
    raised: Mono,
    is_told: bool,
}

/// All alerts that are open, and those that may come again.
#[derive(Clone, Debug)]
pub(crate) struct Incidents {
    next_id: i64,
    hold_off: Duration,
    muted_until: Option<UtcMs>,
    names: BTreeMap<CameraId, String>,
    causes: BTreeMap<Key, Cause>,
    gathering: BTreeMap<AlertKind, Mono>,
    open: BTreeMap<i64, Open>,
    /// Resolved a moment ago.
    lately: Vec<(Mono, Open)>,
    outputs: VecDeque<Output>,
}

impl Incidents {
    /// Goes on with the alerts that an earlier hub left open; `last_id` is the highest that was ever given.
    pub(crate) fn new(now: Moment, left_open: Vec<Alert>, last_id: i64) -> Self {
        let mut incidents = Self {
            next_id: last_id + 1,
            hold_off: rules::HOLD_OFF,
            muted_until: None,
            names: BTreeMap::new(),
            causes: BTreeMap::new(),
            gathering: BTreeMap::new(),
            open: BTreeMap::new(),
            lately: Vec::new(),
            outputs: VecDeque::new(),
        };
        for alert in left_open {
            for member in alert.members.iter().filter(|member| member.over.is_none()) {
                let ends = match rules::shown(alert.kind) {
                    Some(shown) => Some(now.mono + left(shown, alert.changed, now.utc)),
                    // Whoever watches the disks says again what is still so.
                    None if rules::is_about_places(alert.kind) => Some(now.mono + rules::CONFIRM),
                    None => None,
                };
                let cause = Cause {
                    member: member.clone(),
                    due: now.mono,
                    gone: None,
                    is_final: false,
                    ends,
                    had_pictures: false,
                    alert: Some(alert.id),
                };
                incidents.causes.insert((alert.kind, member.subject.clone()), cause);
            }
            let open = Open { raised: now.mono, is_told: true, alert };
            incidents.open.insert(open.alert.id, open);
        }
        incidents
    }

    /// What happens.
    pub(crate) fn handle(&mut self, now: Moment, input: Input) {
        match input {
            Input::Cameras(looks) => self.look(now, looks),
            Input::Places(looks) => self.look_at_places(now, &looks),
            Input::Event(heard) => self.hear(now, &heard),
            Input::Acknowledge { id, by } => self.acknowledge(now, id, by),
            Input::Mute(until) => self.muted_until = until,
            Input::HoldOff(span) => self.hold_off = span,
        }
        self.advance(now);
    }

    /// What to do, until there is nothing more.
    pub(crate) fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// All that goes on, newest first.
    pub(crate) fn open(&self) -> impl Iterator<Item = &Alert> {
        self.open.values().rev().map(|open| &open.alert)
    }

    fn look(&mut self, now: Moment, looks: Vec<CameraLook>) {
        let known: BTreeSet<&CameraId> = looks.iter().map(|look| &look.id).collect();
        for cause in self.causes.values_mut() {
            if cause.member.camera.as_ref().is_some_and(|camera| !known.contains(camera)) {
                cause.gone.get_or_insert((now.mono, now.utc));
                cause.is_final = true;
            }
        }
        self.names = looks.iter().map(|look| (look.id.clone(), look.name.clone())).collect();
        for look in looks {
            // A recorder that was given a pause, or cannot run, has no pictures: that is one alert, not two.
            let is_explained = rules::ENDED_BY_PICTURES.iter().any(|kind| {
                let cause = self.causes.get(&(*kind, look.id.to_string()));
                cause.is_some_and(|cause| !cause.had_pictures && !cause.is_final)
            });
            for (kind, sign) in look.signs {
                match sign {
                    Sign::Yes { .. } if is_explained && rules::is_no_picture(kind) => {}
                    Sign::Yes { since, title, body, hint } => {
                        let member = Member {
                            subject: look.id.to_string(),
                            camera: Some(look.id.clone()),
                            name: look.name.clone(),
                            since,
                            over: None,
                            title,
                            body,
                            hint,
                        };
                        self.begins(now, kind, member);
                    }
                    Sign::No => self.ends(now, kind, look.id.as_str()),
                    Sign::Unclear => {}
                }
            }
            for kind in rules::ENDED_BY_PICTURES {
                if look.is_fresh || look.is_off {
                    self.ends(now, kind, look.id.as_str());
                }
                if let Some(cause) = self.causes.get_mut(&(kind, look.id.to_string())) {
                    cause.had_pictures |= look.is_fresh;
                    cause.is_final |= look.is_off;
                    if !look.is_fresh && !cause.is_final {
                        cause.gone = None;
                    }
                }
            }
        }
    }

    fn begins(&mut self, now: Moment, kind: AlertKind, mut member: Member) {
        let key = (kind, member.subject.clone());
        let Some(cause) = self.causes.get_mut(&key) else {
            let lasted = u64::try_from(now.utc.millis_since(member.since)).unwrap_or(0);
            let hold_off = rules::hold_off(kind, self.hold_off);
            let due = now.mono + hold_off.saturating_sub(Duration::from_millis(lasted));
            let cause = Cause {
                member,
                due,
                gone: None,
                is_final: false,
                ends: None,
                had_pictures: false,
                alert: None,
            };
            self.causes.insert(key, cause);
            return;
        };
        let is_again = cause.gone.take().is_some() || rules::shown(kind).is_some();
        cause.is_final = false;
        cause.ends = None;
        cause.had_pictures = false;
        // The incident began when it first did.
        member.since = member.since.min(cause.member.since);
        if cause.member == member && !is_again {
            return;
        }
        cause.member = member;
        if let Some(id) = cause.alert {
            self.changed(now, id, u32::from(is_again));
        }
    }

    fn ends(&mut self, now: Moment, kind: AlertKind, subject: &str) {
        let key = (kind, subject.to_owned());
        match self.causes.get_mut(&key) {
            // Shorter than its hold-off, or gone before it was told: nothing.
            Some(cause) if cause.alert.is_none() => drop(self.causes.remove(&key)),
            Some(cause) => drop(cause.gone.get_or_insert((now.mono, now.utc))),
            None => {}
        }
    }

    fn acknowledge(&mut self, now: Moment, id: i64, by: String) {
        let Some(open) = self.open.get_mut(&id) else { return };
        open.alert.acknowledged.get_or_insert((now.utc, by));
        if rules::shown(open.alert.kind).is_some() {
            for cause in self.causes.values_mut().filter(|cause| cause.alert == Some(id)) {
                cause.ends = Some(now.mono);
            }
        }
        self.changed(now, id, 0);
    }

    fn advance(&mut self, now: Moment) {
        self.lately.retain(|(at, _)| now.mono.since(*at) < rules::SAME_INCIDENT);
        self.settle(now);
        self.raise(now);
        if self.muted_until.is_some_and(|until| until <= now.utc) {
            self.muted_until = None;
        }
        if self.muted_until.is_none() {
            for open in self.open.values_mut() {
                if !open.is_told && open.alert.acknowledged.is_none() {
                    open.is_told = true;
                    self.outputs.push_back(Output::Tell(News::Raised, open.alert.clone()));
                }
            }
        }
    }

    /// Ends what is over.
    fn settle(&mut self, now: Moment) {
        let mut over: Vec<(Key, UtcMs)> = Vec::new();
        for (key, cause) in &mut self.causes {
            if cause.ends.is_some_and(|ends| ends <= now.mono) {
                cause.gone.get_or_insert((now.mono, now.utc));
                cause.is_final = true;
            }
            let Some((gone, gone_utc)) = cause.gone else { continue };
            let is_flapping = cause
                .alert
                .and_then(|id| self.open.get(&id))
                .is_some_and(|open| open.alert.occurrences > 1);
            if cause.is_final || now.mono.since(gone) >= rules::settle(key.0, is_flapping) {
                over.push((key.clone(), gone_utc));
            }
        }
        let mut touched = BTreeSet::new();
        for (key, at) in over {
            let Some(id) = self.causes.remove(&key).and_then(|cause| cause.alert) else { continue };
            let Some(open) = self.open.get_mut(&id) else { continue };
            for member in open.alert.members.iter_mut().filter(|member| member.subject == key.1) {
                member.over = Some(at);
            }
            touched.insert(id);
        }
        for id in touched {
            let goes_on = self.causes.values().any(|cause| cause.alert == Some(id));
            if goes_on {
                self.changed(now, id, 0);
            } else if let Some(mut open) = self.open.remove(&id) {
                let ended = open.alert.members.iter().filter_map(|member| member.over).max();
                open.alert.resolved = Some(ended.unwrap_or(now.utc));
                open.alert.changed = now.utc;
                self.outputs.push_back(Output::Keep(open.alert.clone()));
                if open.is_told && self.muted_until.is_none() {
                    self.outputs.push_back(Output::Tell(News::Resolved, open.alert.clone()));
                }
                self.lately.push((now.mono, open));
            }
        }
    }

    /// Brings an alert up to date with its causes.
    fn changed(&mut self, now: Moment, id: i64, more_occurrences: u32) {
        let Some(open) = self.open.get_mut(&id) else { return };
        for member in &mut open.alert.members {
            let cause = self.causes.get(&(open.alert.kind, member.subject.clone()));
            if let Some(cause) = cause.filter(|cause| cause.alert == Some(id)) {
                *member = cause.member.clone();
            }
        }
        open.alert.occurrences = open.alert.occurrences.saturating_add(more_occurrences);
        open.alert.changed = now.utc;
        self.outputs.push_back(Output::Keep(open.alert.clone()));
    }
}

/// What is left of a span that began then.
fn left(span: Duration, began: UtcMs, now: UtcMs) -> Duration {
    span.saturating_sub(Duration::from_millis(u64::try_from(now.millis_since(began)).unwrap_or(0)))
}
