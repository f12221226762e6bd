//! Spans that are kept: locked by somebody (no rule deletes them), or around an event (rules may keep them longer).

use rusqlite::{Connection, params};
use tarsier_types::{CameraId, UtcMs, UtcRange};

use crate::cameras::camera_id;
use crate::error::IndexError;
use crate::index::Index;

/// A span that no rule deletes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lock {
    /// Never given twice, not even by another index: locks of several indexes can be put together.
    pub id: String,
    /// Whose footage; both streams.
    pub camera: CameraId,
    /// Which time.
    pub range: UtcRange,
    /// Why, as somebody said it.
    pub note: String,
    /// Since when.
    pub created: UtcMs,
}

impl Index {
    /// Stores locks; those that are known stay as they are. Tells how many are new.
    pub fn put_locks(&self, locks: &[Lock]) -> Result<usize, IndexError> {
        self.write("lock footage", |tx| {
            let mut insert = tx.prepare_cached(
                "insert into locks (id, camera_id, start_utc_ms, end_utc_ms, note, created_utc_ms)
                 values (?1, ?2, ?3, ?4, ?5, ?6) on conflict (id) do nothing",
            )?;
            let mut new = 0;
            for lock in locks {
                new += insert.execute(params![
                    lock.id,
                    lock.camera.as_str(),
                    lock.range.start.0,
                    lock.range.end.0,
                    lock.note,
                    lock.created.0
                ])?;
            }
            Ok(new)
        })
    }

    /// Lifts a lock; `false` if there is none of that id.
    pub fn remove_lock(&self, id: &str) -> Result<bool, IndexError> {
        self.write("lift a lock", |tx| Ok(tx.execute("delete from locks where id = ?1", [id])? > 0))
    }

    /// Every lock, by camera and time.
    pub fn locks(&self) -> Result<Vec<Lock>, IndexError> {
        self.read("list the locks", |db| {
            db.prepare_cached(
                "select id, camera_id, start_utc_ms, end_utc_ms, note, created_utc_ms from locks
                 order by camera_id, start_utc_ms, id",
            )?
            .query_map([], |row| {
                Ok(Lock {
                    id: row.get(0)?,
                    camera: camera_id(row, 1)?,
                    range: UtcRange::new(UtcMs(row.get(2)?), UtcMs(row.get(3)?)),
                    note: row.get(4)?,
                    created: UtcMs(row.get(5)?),
                })
            })?
            .collect()
        })
    }

    /// There was an event in that time.
    pub fn put_event_span(&self, camera: &CameraId, range: UtcRange) -> Result<(), IndexError> {
        self.write("store the span of an event", |tx| {
            tx.prepare_cached(
                "insert into event_spans (camera_id, start_utc_ms, end_utc_ms) values (?1, ?2, ?3)
                 on conflict do nothing",
            )?
            .execute(params![camera.as_str(), range.start.0, range.end.0])
            .map(drop)
        })
    }

    /// Forgets the spans of events that ended before that; tells how many.
    pub fn forget_event_spans_before(&self, at: UtcMs) -> Result<usize, IndexError> {
        self.write("forget old events' spans", |tx| {
            tx.execute("delete from event_spans where end_utc_ms < ?1", [at.0])
        })
    }
}

/// Whether any of that time is locked.
pub(crate) fn is_locked(
    db: &Connection,
    camera: &CameraId,
    range: UtcRange,
) -> rusqlite::Result<bool> {
    db.prepare_cached(
        "select exists (select 1 from locks where camera_id = ?1 and start_utc_ms < ?3 and end_utc_ms > ?2)",
    )?
    .query_row(params![camera.as_str(), range.start.0, range.end.0], |row| row.get(0))
}
