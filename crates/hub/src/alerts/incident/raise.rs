//! What is due is made an alert, or joins one.

use std::collections::BTreeMap;
use std::time::Duration;

use tarsier_api::alert::AlertKind;

use super::{Incidents, Key, Moment, Open, Output};
use crate::alerts::alert::Alert;
use crate::alerts::rules;

impl Incidents {
    /// Makes alerts of what is due.
    pub(super) fn raise(&mut self, now: Moment) {
        let due: Vec<Key> = self
            .causes
            .iter()
            .filter(|(_, cause)| cause.alert.is_none() && cause.due <= now.mono)
            .map(|(key, _)| key.clone())
            .collect();
        self.gathering.retain(|kind, _| due.iter().any(|(of, _)| of == kind));
        let mut together: BTreeMap<AlertKind, Vec<Key>> = BTreeMap::new();
        for key in due {
            match self.same_incident(&key).or_else(|| self.latecomer_of(now, key.0)) {
                Some(id) => self.join(now, id, &key),
                None => together.entry(key.0).or_default().push(key),
            }
        }
        for (kind, keys) in together {
            let wait = if self.names.len() > 1 { rules::gather(kind) } else { Duration::ZERO };
            let until = *self.gathering.entry(kind).or_insert(now.mono + wait);
            if until <= now.mono {
                self.gathering.remove(&kind);
                self.new_alert(now, kind, &keys);
            }
        }
    }

    fn new_alert(&mut self, now: Moment, kind: AlertKind, keys: &[Key]) {
        let id = self.next_id;
        self.next_id += 1;
        let mut members = Vec::new();
        for key in keys {
            if let Some(cause) = self.causes.get_mut(key) {
                cause.alert = Some(id);
                members.push(cause.member.clone());
            }
        }
        members.sort_by(|a, b| (a.since, &a.name).cmp(&(b.since, &b.name)));
        let alert = Alert {
            id,
            kind,
            since: members.iter().map(|member| member.since).min().unwrap_or(now.utc),
            members,
            raised: now.utc,
            changed: now.utc,
            resolved: None,
            acknowledged: None,
            occurrences: 1,
        };
        self.outputs.push_back(Output::Keep(alert.clone()));
        self.open.insert(id, Open { alert, raised: now.mono, is_told: false });
    }

    /// The alert of which this was part a moment ago, open again if it was resolved.
    fn same_incident(&mut self, key: &Key) -> Option<i64> {
        let has = |alert: &Alert| {
            alert.kind == key.0 && alert.members.iter().any(|member| member.subject == key.1)
        };
        if let Some(open) = self.open.values().find(|open| has(&open.alert)) {
            return Some(open.alert.id);
        }
        let at = self.lately.iter().position(|(_, open)| has(&open.alert))?;
        let (_, mut open) = self.lately.remove(at);
        let id = open.alert.id;
        open.alert.resolved = None;
        open.is_told = false;
        self.open.insert(id, open);
        Some(id)
    }

    /// An alert of that kind that is just out: one more camera of the same switch.
    fn latecomer_of(&self, now: Moment, kind: AlertKind) -> Option<i64> {
        let is_just_out = |open: &&Open| {
            open.alert.kind == kind && now.mono.since(open.raised) < rules::LATECOMERS
        };
        if rules::gather(kind).is_zero() {
            return None;
        }
        self.open.values().rev().find(is_just_out).map(|open| open.alert.id)
    }

    fn join(&mut self, now: Moment, id: i64, key: &Key) {
        let (Some(cause), Some(open)) = (self.causes.get_mut(key), self.open.get_mut(&id)) else {
            return;
        };
        cause.alert = Some(id);
        let known = open.alert.members.iter().find(|member| member.subject == key.1);
        let first = known.map(|member| member.since);
        // The incident began when it first did.
        cause.member.since =
            first.map_or(cause.member.since, |first| first.min(cause.member.since));
        let known = first.is_some();
        if !known {
            open.alert.members.push(cause.member.clone());
            open.alert.acknowledged = None;
        }
        self.changed(now, id, u32::from(known));
    }
}
