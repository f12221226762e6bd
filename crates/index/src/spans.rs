//! Where there is footage: the coalesced spans of each UTC day, kept in step with the segments.
//!
//! A year of one stream is 175 000 segments but a few hundred spans, so a timeline at any zoom reads a few hundred
//! rows. A changed segment costs one look at the segments of its day.

use std::collections::BTreeSet;

use rusqlite::{Connection, Transaction, params};
use tarsier_types::{CameraId, StreamKind, UtcMs, UtcRange};

use crate::error::IndexError;
use crate::index::Index;
use crate::stream_ids::StreamNo;
use crate::stretch::{DAY_MS, Stretch, clip, coalesce, day_of, thin};
use crate::tiers::TierKind;

/// Footage without a break, in one tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// From its first picture to the end of its last.
    pub range: UtcRange,
    /// Where it lives.
    pub tier: TierKind,
}

impl Index {
    /// Footage in that time, cut at its ends, in order. With more than `most` spans the smallest breaks are left out.
    pub fn spans_in(
        &self,
        camera: &CameraId,
        stream: StreamKind,
        range: UtcRange,
        most: usize,
    ) -> Result<Vec<Span>, IndexError> {
        let stretches =
            self.read("read spans", |db| match StreamNo::find(db, camera, stream)? {
                Some(stream) => stored(db, stream, range),
                None => Ok(Vec::new()),
            })?;
        let spans = thin(clip(coalesce(stretches), range), most);
        Ok(spans.into_iter().map(|span| Span { range: span.range, tier: span.tier }).collect())
    }

    /// Whether there is any footage in that time.
    pub fn has_footage(
        &self,
        camera: &CameraId,
        stream: StreamKind,
        range: UtcRange,
    ) -> Result<bool, IndexError> {
        self.read("look for footage", |db| {
            let Some(stream) = StreamNo::find(db, camera, stream)? else { return Ok(false) };
            // Backwards from the end: where there is footage, the first row answers.
            db.prepare_cached(
                "select exists (select 1 from spans
                 where stream_id = ?1 and start_utc_ms >= ?2 and start_utc_ms < ?3 and end_utc_ms > ?4
                 order by start_utc_ms desc)",
            )?
            .query_row(params![stream.row(), earliest(range), range.end.0, range.start.0], |row| row.get(0))
        })
    }
}

/// A span starts at most one day and one segment before a time that it covers; a segment is at most a day long.
fn earliest(range: UtcRange) -> i64 {
    day_of(range.start).saturating_sub(1).saturating_mul(DAY_MS)
}

fn stored(
    db: &Connection,
    stream: StreamNo,
    range: UtcRange,
) -> rusqlite::Result<Vec<Stretch<TierKind>>> {
    let tiers = crate::tiers::all(db)?;
    db.prepare_cached(
        "select start_utc_ms, end_utc_ms, tier_id, continues from spans
         where stream_id = ?1 and start_utc_ms >= ?2 and start_utc_ms < ?3 order by start_utc_ms",
    )?
    .query_map(params![stream.row(), earliest(range), range.end.0], |row| {
        let tier: i64 = row.get(2)?;
        let kind =
            tiers.iter().find(|(n, _)| *n == tier).map_or(TierKind::Cache, |(_, tier)| tier.kind);
        Ok(Stretch {
            range: UtcRange::new(UtcMs(row.get(0)?), UtcMs(row.get(1)?)),
            tier: kind,
            continues: row.get(3)?,
        })
    })?
    .collect()
}

/// Days whose spans no longer fit their segments.
#[derive(Default)]
pub(crate) struct StaleDays(BTreeSet<(StreamNo, i64)>);

impl StaleDays {
    pub(crate) fn changed(&mut self, stream: StreamNo, start: UtcMs) {
        self.0.insert((stream, day_of(start)));
    }

    /// Computes them anew. In the same transaction as the change.
    pub(crate) fn refresh(self, tx: &Transaction<'_>) -> rusqlite::Result<()> {
        self.0.into_iter().try_for_each(|(stream, day)| refresh_day(tx, stream, day))
    }
}

fn refresh_day(tx: &Transaction<'_>, stream: StreamNo, day: i64) -> rusqlite::Result<()> {
    let (from, to) = (UtcMs(day * DAY_MS), UtcMs((day + 1) * DAY_MS));
    let ids = stream.segments(from, to);
    let pieces = tx
        .prepare_cached("select id, duration_ms, tier_id, continues from segments where id >= ?1 and id < ?2 order by id")?
        .query_map(params![ids.start, ids.end], |row| {
            let start = StreamNo::start_of(row.get(0)?);
            Ok(Stretch {
                range: UtcRange::new(start, start.plus_millis(row.get(1)?)),
                tier: row.get::<_, i64>(2)?,
                continues: row.get(3)?,
            })
        })?
        .collect::<Result<Vec<_>, _>>()?;
    tx.prepare_cached(
        "delete from spans where stream_id = ?1 and start_utc_ms >= ?2 and start_utc_ms < ?3",
    )?
    .execute(params![stream.row(), from.0, to.0])?;
    let mut insert = tx.prepare_cached(
        "insert into spans (stream_id, start_utc_ms, end_utc_ms, tier_id, continues) values (?1, ?2, ?3, ?4, ?5)",
    )?;
    for span in coalesce(pieces) {
        insert.execute(params![
            stream.row(),
            span.range.start.0,
            span.range.end.0,
            span.tier,
            span.continues
        ])?;
    }
    Ok(())
}
