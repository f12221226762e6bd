//! Words: an alert and what it is about, as kept and as shown.

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use tarsier_api::alert::AlertKind;
use tarsier_index::AlertRow;
use tarsier_types::{CameraId, UtcMs};

use super::say;

/// A camera or a place that an alert is about. Kept as JSON: fields are added with a default, never renamed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Member {
    /// A camera's id, or what a place is called; empty where there is only one.
    pub(crate) subject: String,
    /// Which camera, if it is one.
    #[serde(default)]
    pub(crate) camera: Option<CameraId>,
    /// For people.
    pub(crate) name: String,
    /// When it began for this one.
    #[serde(rename = "since_utc_ms")]
    pub(crate) since: UtcMs,
    /// When it ended for this one.
    #[serde(rename = "over_utc_ms", default)]
    pub(crate) over: Option<UtcMs>,
    /// What happened, since when.
    pub(crate) title: String,
    /// Why, and what it costs.
    #[serde(default)]
    pub(crate) body: String,
    /// What to do.
    #[serde(default)]
    pub(crate) hint: String,
}

impl Member {
    fn is_shown(&self, may_see: impl Fn(&str) -> bool) -> bool {
        self.camera.as_ref().is_none_or(|camera| may_see(camera.as_str()))
    }
}

/// One incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Alert {
    pub(crate) id: i64,
    pub(crate) kind: AlertKind,
    pub(crate) members: Vec<Member>,
    pub(crate) since: UtcMs,
    pub(crate) raised: UtcMs,
    pub(crate) changed: UtcMs,
    pub(crate) resolved: Option<UtcMs>,
    pub(crate) acknowledged: Option<(UtcMs, String)>,
    pub(crate) occurrences: u32,
}

impl Alert {
    /// As stored.
    pub(crate) fn to_row(&self) -> AlertRow {
        AlertRow {
            id: self.id,
            kind: self.kind.name().to_owned(),
            since: self.since,
            raised: self.raised,
            changed: self.changed,
            resolved: self.resolved,
            acknowledged: self.acknowledged.clone(),
            occurrences: self.occurrences,
            members_json: serde_json::to_string(&self.members).expect("texts and numbers are JSON"),
        }
    }

    /// As it was stored; `None` for a kind that only a newer version knows.
    pub(crate) fn from_row(row: AlertRow) -> Option<Self> {
        Some(Self {
            id: row.id,
            kind: AlertKind::from_name(&row.kind)?,
            members: serde_json::from_str(&row.members_json).ok()?,
            since: row.since,
            raised: row.raised,
            changed: row.changed,
            resolved: row.resolved,
            acknowledged: row.acknowledged,
            occurrences: row.occurrences,
        })
    }

    /// It is about a camera that one may see, or about something else, such as a disk.
    pub(crate) fn is_about(&self, may_see: impl Fn(&str) -> bool) -> bool {
        self.members.iter().any(|member| member.is_shown(&may_see))
    }

    /// As shown to who may see those cameras; `None` if it is about others only.
    pub(crate) fn to_api(
        &self,
        may_see: impl Fn(&str) -> bool,
        now: UtcMs,
        tz: &TimeZone,
    ) -> Option<tarsier_api::alert::Alert> {
        let members: Vec<&Member> =
            self.members.iter().filter(|member| member.is_shown(&may_see)).collect();
        let since = members.iter().map(|member| member.since).min()?;
        let said = say::words(self.kind, &members, now, tz);
        Some(tarsier_api::alert::Alert {
            id: self.id,
            kind: self.kind,
            severity: self.kind.severity(),
            camera_ids: members
                .iter()
                .filter_map(|member| member.camera.as_ref())
                .map(CameraId::to_string)
                .collect(),
            since_utc_ms: since.0,
            raised_utc_ms: self.raised.0,
            changed_utc_ms: self.changed.0,
            resolved_utc_ms: self.resolved.map(|at| at.0),
            acknowledged_utc_ms: self.acknowledged.as_ref().map(|(at, _)| at.0),
            acknowledged_by: self.acknowledged.as_ref().map(|(_, by)| by.clone()),
            occurrences: self.occurrences,
            title: said.title,
            body: said.body,
            hint: said.hint,
        })
    }
}
