//! Why there is no footage. Rows of one stream never overlap: what was said first stays, and what is said later
//! fills what is left (the recorder that lost the camera knows better than the hub that wonders afterwards).

use rusqlite::{Connection, Row, Transaction, params};
use tarsier_types::{CameraId, Gap, GapReason, StreamKind, UtcMs, UtcRange};

use crate::error::{IndexError, unreadable};
use crate::index::Index;
use crate::stream_ids::StreamNo;
use crate::stretch::JOIN_MS;

impl Index {
    /// Stores why there is no footage in that time.
    pub fn gap(&self, camera: &CameraId, stream: StreamKind, gap: Gap) -> Result<(), IndexError> {
        self.write("store a gap", |tx| add(tx, StreamNo::find_or_add(tx, camera, stream)?, gap))
    }

    /// The first `limit` stored gaps that touch that time, in order, whole (not cut at the range).
    pub fn gaps_in(
        &self,
        camera: &CameraId,
        stream: StreamKind,
        range: UtcRange,
        limit: u32,
    ) -> Result<Vec<Gap>, IndexError> {
        self.read("read gaps", |db| match StreamNo::find(db, camera, stream)? {
            Some(stream) => overlapping(db, stream, range, limit),
            None => Ok(Vec::new()),
        })
    }

    /// The newest stored gap.
    pub fn last_gap(
        &self,
        camera: &CameraId,
        stream: StreamKind,
    ) -> Result<Option<Gap>, IndexError> {
        self.read("read the last gap", |db| {
            let Some(stream) = StreamNo::find(db, camera, stream)? else { return Ok(None) };
            db.prepare_cached(
                "select start_utc_ms, end_utc_ms, reason from gaps where stream_id = ?1
                 order by start_utc_ms desc limit 1",
            )?
            .query_map([stream.row()], gap)?
            .next()
            .transpose()
        })
    }
}

/// Adds what of the gap no row covers yet; goes on with the row before where that has the same reason.
pub(crate) fn add(tx: &Transaction<'_>, stream: StreamNo, new: Gap) -> rusqlite::Result<()> {
    let mut at = new.range.start;
    let mut free = Vec::new();
    for known in overlapping(tx, stream, new.range, u32::MAX)? {
        free.push(UtcRange::new(at, known.range.start));
        at = at.max(known.range.end);
    }
    free.push(UtcRange::new(at, new.range.end));
    for range in free.into_iter().filter(|range| range.start < range.end) {
        let grown = tx
            .prepare_cached(
                "update gaps set end_utc_ms = ?3 where stream_id = ?1 and reason = ?4
                 and end_utc_ms between ?2 - ?5 and ?2
                 and start_utc_ms = (select max(start_utc_ms) from gaps where stream_id = ?1 and start_utc_ms < ?2)",
            )?
            .execute(params![stream.row(), range.start.0, range.end.0, new.reason.name(), JOIN_MS - 1])?;
        if grown == 0 {
            tx.prepare_cached("insert into gaps (stream_id, start_utc_ms, end_utc_ms, reason) values (?1, ?2, ?3, ?4)")?
                .execute(params![stream.row(), range.start.0, range.end.0, new.reason.name()])?;
        }
    }
    Ok(())
}

/// Forgets gaps that end before there is any footage: they are never shown, and retention would pile them up.
pub(crate) fn forget_before(
    tx: &Transaction<'_>,
    stream: StreamNo,
    first: UtcMs,
) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "delete from gaps where stream_id = ?1 and start_utc_ms < ?2 and end_utc_ms <= ?2",
    )?
    .execute(params![stream.row(), first.0])
    .map(drop)
}

/// Forgets what was deleted of a stream of which nothing is left.
pub(crate) fn forget_deleted(tx: &Transaction<'_>, stream: StreamNo) -> rusqlite::Result<()> {
    tx.prepare_cached("delete from gaps where stream_id = ?1 and reason = ?2")?
        .execute(params![stream.row(), GapReason::Deleted.name()])
        .map(drop)
}

pub(crate) fn overlapping(
    db: &Connection,
    stream: StreamNo,
    range: UtcRange,
    limit: u32,
) -> rusqlite::Result<Vec<Gap>> {
    if range.start >= range.end {
        return Ok(Vec::new());
    }
    // Rows do not overlap, so only the last one that starts at or before the range can reach into it.
    db.prepare_cached(
        "select start_utc_ms, end_utc_ms, reason from gaps
         where stream_id = ?1 and start_utc_ms < ?3 and end_utc_ms > ?2 and start_utc_ms >= coalesce(
             (select max(start_utc_ms) from gaps where stream_id = ?1 and start_utc_ms <= ?2), ?2)
         order by start_utc_ms limit ?4",
    )?
    .query_map(params![stream.row(), range.start.0, range.end.0, limit], gap)?
    .collect()
}

fn gap(row: &Row<'_>) -> rusqlite::Result<Gap> {
    Ok(Gap {
        range: UtcRange::new(UtcMs(row.get(0)?), UtcMs(row.get(1)?)),
        reason: GapReason::from_name(row.get_ref(2)?.as_str()?)
            .ok_or_else(|| unreadable("reason of a gap"))?,
    })
}
