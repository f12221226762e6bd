//! Streams as the rows know them: a small number, and with it the ids of segments.
//!
//! `segments.id = stream * 2^44 + start_utc_ms`, so that one stream lies together and in order.

use std::ops::Range;

use rusqlite::{Connection, OptionalExtension, Transaction, params};
use tarsier_types::{CameraId, StreamKind, UtcMs};

use crate::error::too_large;

const START_BITS: u32 = 44;
const START_MASK: i64 = (1 << START_BITS) - 1;

/// Row of `streams`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct StreamNo(i64);

impl StreamNo {
    pub(crate) fn find(
        db: &Connection,
        camera: &CameraId,
        stream: StreamKind,
    ) -> rusqlite::Result<Option<Self>> {
        db.prepare_cached("select id from streams where camera_id = ?1 and stream = ?2")?
            .query_row(params![camera.as_str(), stream.name()], |row| row.get(0).map(Self))
            .optional()
    }

    pub(crate) fn find_or_add(
        transaction: &Transaction<'_>,
        camera: &CameraId,
        stream: StreamKind,
    ) -> rusqlite::Result<Self> {
        if let Some(found) = Self::find(transaction, camera, stream)? {
            return Ok(found);
        }
        transaction
            .prepare_cached("insert into streams (camera_id, stream) values (?1, ?2)")?
            .execute(params![camera.as_str(), stream.name()])?;
        Ok(Self(transaction.last_insert_rowid()))
    }

    pub(crate) const fn row(self) -> i64 {
        self.0
    }

    /// Whether a segment may start then.
    pub(crate) const fn can_hold(start: UtcMs) -> bool {
        start.0 & !START_MASK == 0
    }

    /// The id of the segment that starts then.
    pub(crate) fn segment(self, start: UtcMs) -> rusqlite::Result<i64> {
        if !Self::can_hold(start) {
            return Err(too_large("a segment starts between 1970 and 2527"));
        }
        Ok(self.0 << START_BITS | start.0)
    }

    /// The ids of all segments that start in `[from, to)`, whatever these are.
    pub(crate) fn segments(self, from: UtcMs, to: UtcMs) -> Range<i64> {
        let base = self.0 << START_BITS;
        base + from.0.clamp(0, START_MASK + 1)..base + to.0.clamp(0, START_MASK + 1)
    }

    /// When the segment of that id starts.
    pub(crate) const fn start_of(segment: i64) -> UtcMs {
        UtcMs(segment & START_MASK)
    }
}
