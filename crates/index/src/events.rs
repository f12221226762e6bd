//! What happened, in the order in which it was stored.

use rusqlite::{Row, params};
use tarsier_types::{CameraId, UtcMs, UtcRange};

use crate::cameras::camera_id;
use crate::error::IndexError;
use crate::index::Index;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRow {
    /// Rises with every event and is never given twice.
    pub id: i64,
    /// When.
    pub at: UtcMs,
    /// What: a name such as `camera_offline`.
    pub kind: String,
    /// About which camera; it may have been deleted since.
    pub camera: Option<CameraId>,
    /// Its words and figures, as JSON.
    pub body_json: String,
}

impl Index {
    /// Stores an event, whose body must be JSON, and tells its id.
    pub fn append_event(
        &self,
        at: UtcMs,
        kind: &str,
        camera: Option<&CameraId>,
        body_json: &str,
    ) -> Result<i64, IndexError> {
        self.write("store an event", |tx| {
            tx.prepare_cached(
                "insert into events (utc_ms, kind, camera_id, body_json) values (?1, ?2, ?3, ?4)",
            )?
            .execute(params![at.0, kind, camera.map(CameraId::as_str), body_json])?;
            Ok(tx.last_insert_rowid())
        })
    }

    /// The first `limit` events after that id, oldest first.
    pub fn events_since(&self, id: i64, limit: u32) -> Result<Vec<EventRow>, IndexError> {
        self.read("read events", |db| {
            db.prepare_cached(
                "select id, utc_ms, kind, camera_id, body_json from events where id > ?1 order by id limit ?2",
            )?
            .query_map(params![id, limit], event)?
            .collect()
        })
    }

    /// The id of the newest event ever stored; 0 before the first.
    pub fn last_event_id(&self) -> Result<i64, IndexError> {
        self.read("read the newest event", |db| {
            db.query_row(
                "select coalesce((select seq from sqlite_sequence where name = 'events'), 0)",
                [],
                |row| row.get(0),
            )
        })
    }

    /// The newest `limit` events of a camera in that time, oldest first.
    pub fn events_in(
        &self,
        camera: &CameraId,
        range: UtcRange,
        limit: u32,
    ) -> Result<Vec<EventRow>, IndexError> {
        self.read("read a camera's events", |db| {
            let mut events = db
                .prepare_cached(
                    "select id, utc_ms, kind, camera_id, body_json from events
                     where camera_id = ?1 and utc_ms >= ?2 and utc_ms < ?3 order by utc_ms desc, id desc limit ?4",
                )?
                .query_map(params![camera.as_str(), range.start.0, range.end.0, limit], event)?
                .collect::<Result<Vec<_>, _>>()?;
            events.reverse();
            Ok(events)
        })
    }

    /// Spans of a camera's events of that kind that touch that time, oldest first, at most `limit`: from the event's
    /// time to the number `until_utc_ms` in its body (both ends belong to it: an event may be a moment).
    pub fn event_spans(
        &self,
        camera: &CameraId,
        kind: &str,
        range: UtcRange,
        limit: u32,
    ) -> Result<Vec<UtcRange>, IndexError> {
        self.read("read the spans of a camera's events", |db| {
            db.prepare_cached(
                "select utc_ms, max(utc_ms, coalesce(json_extract(body_json, '$.until_utc_ms'), utc_ms)) as until
                 from events where camera_id = ?1 and kind = ?2 and utc_ms < ?4 and until >= ?3
                 order by utc_ms, id limit ?5",
            )?
            .query_map(params![camera.as_str(), kind, range.start.0, range.end.0, limit], |row| {
                Ok(UtcRange::new(UtcMs(row.get(0)?), UtcMs(row.get(1)?)))
            })?
            .collect()
        })
    }

    /// Forgets events older than that; tells how many.
    pub fn forget_events_before(&self, at: UtcMs) -> Result<usize, IndexError> {
        self.write("forget old events", |tx| {
            tx.execute("delete from events where utc_ms < ?1", [at.0])
        })
    }
}

fn event(row: &Row<'_>) -> rusqlite::Result<EventRow> {
    let has_camera = row.get_ref(3)? != rusqlite::types::ValueRef::Null;
    Ok(EventRow {
        id: row.get(0)?,
        at: UtcMs(row.get(1)?),
        kind: row.get(2)?,
        camera: has_camera.then(|| camera_id(row, 3)).transpose()?,
        body_json: row.get(4)?,
    })
}
