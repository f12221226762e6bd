//! What events say: which camera or place they are about, and what begins or ends with them.

use tarsier_api::alert::AlertKind;
use tarsier_types::CameraId;

use super::{Heard, Incidents, Moment};
use crate::alerts::alert::Member;
use crate::alerts::rules::{self, Meaning};

/// A disk or a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Stays when it is called otherwise.
    pub(crate) id: String,
    /// For people.
    pub(crate) name: String,
}

/// How a place is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PlaceLook {
    pub(crate) place: Place,
    /// It is there and takes writes.
    pub(crate) is_there: bool,
    /// The minimum is free on it.
    pub(crate) has_room: bool,
}

impl Incidents {
    /// An earlier hub left an alert about a place open, and nobody has said yet whether it is still so.
    pub(crate) fn asks_for_places(&self) -> bool {
        self.causes.iter().any(|((kind, _), cause)| is_seen(*kind) && cause.ends.is_some())
    }

    /// Whoever watches the disks tells of changes alone: what an earlier hub left open may be over since before this
    /// one began.
    pub(super) fn look_at_places(&mut self, now: Moment, looks: &[PlaceLook]) {
        for ((kind, subject), cause) in &mut self.causes {
            let is_it =
                |look: &&PlaceLook| look.place.id == *subject || look.place.name == *subject;
            let Some(look) = looks.iter().find(is_it) else { continue };
            let is_over = match kind {
                AlertKind::TierMissing => look.is_there,
                AlertKind::DiskLow => look.is_there && look.has_room,
                _ => false,
            };
            if is_over && cause.ends.is_some() {
                cause.ends = Some(now.mono);
            }
        }
    }

    pub(super) fn hear(&mut self, now: Moment, heard: &Heard) {
        for meaning in rules::meaning(&heard.event) {
            let (subject, name) = (subject(heard), heard.place.as_ref().map(|place| &place.name));
            match *meaning {
                Meaning::Begins(kind) => self.begins(now, kind, self.member(heard, subject)),
                Meaning::Happened(kind) => {
                    self.begins(now, kind, self.member(heard, subject.clone()));
                    let shown = rules::shown(kind).unwrap_or_default();
                    if let Some(cause) = self.causes.get_mut(&(kind, subject)) {
                        cause.ends = Some(now.mono + shown);
                    }
                }
                Meaning::Ends(kind) => {
                    // Whoever names no place means all of them, and so does an alert without one.
                    let is_it = |known: &String| {
                        // An older hub knew places by name.
                        subject.is_empty()
                            || known.is_empty()
                            || *known == subject
                            || Some(known) == name
                    };
                    let all: Vec<String> = self
                        .causes
                        .keys()
                        .filter(|(of, known)| *of == kind && is_it(known))
                        .map(|(_, known)| known.clone())
                        .collect();
                    for subject in all {
                        self.ends(now, kind, &subject);
                        // It was said, not seen: it needs no settling.
                        if let Some(cause) = self.causes.get_mut(&(kind, subject)) {
                            cause.is_final = true;
                        }
                    }
                }
            }
        }
    }

    fn member(&self, heard: &Heard, subject: String) -> Member {
        let name = match &heard.place {
            Some(place) => Some(place.name.clone()),
            None => heard.camera.as_ref().and_then(|camera| self.names.get(camera)).cloned(),
        };
        Member {
            name: name.unwrap_or_else(|| subject.clone()),
            subject,
            camera: heard.camera.clone(),
            since: heard.at,
            over: None,
            title: heard.title.clone(),
            body: heard.body.clone(),
            hint: String::new(),
        }
    }
}

/// It can be seen whether that is still so.
const fn is_seen(kind: AlertKind) -> bool {
    matches!(kind, AlertKind::TierMissing | AlertKind::DiskLow)
}

/// A camera's id, or that of the place; else what the title names, or nothing.
fn subject(heard: &Heard) -> String {
    let place = || match &heard.place {
        Some(place) => place.id.clone(),
        None => rules::place(&heard.title).to_owned(),
    };
    heard.camera.as_ref().map_or_else(place, CameraId::to_string)
}
