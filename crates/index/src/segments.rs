//! Segment files: what was closed, what is there at a time.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use tarsier_types::{
    CameraId, Gap, GapReason, ParameterSets, Part, StreamKind, Ticks, UtcMs, UtcRange,
};

use crate::error::{IndexError, too_large, unreadable};
use crate::garbage::Garbage;
use crate::index::Index;
use crate::spans::StaleDays;
use crate::stream_ids::StreamNo;
use crate::tiers::Tier;
use crate::totals::count;
use crate::{gaps, garbage, parameters, parts, tiers};

/// How a file ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SegmentState {
    /// Whole, and it will not change.
    Closed,
    /// Its recorder died; it plays up to its last whole fragment.
    Torn,
}

impl SegmentState {
    const fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Torn => "torn",
        }
    }
}

/// What proves that a closed file is untouched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Integrity {
    /// BLAKE3 of the whole file.
    pub hash: [u8; 32],
    /// BLAKE3 of (the chain value of the segment before in this stream, then `hash`).
    pub chain: [u8; 32],
}

/// A segment to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSegment {
    /// Its name, and when its first picture was taken.
    pub start: UtcMs,
    /// Length of its pictures.
    pub duration: Ticks,
    /// Bytes of the whole file.
    pub size_bytes: u64,
    /// How it ended.
    pub state: SegmentState,
    /// What proves it untouched; known of a file that its recorder closed.
    pub integrity: Option<Integrity>,
    /// What its tracks hold.
    pub parameters: ParameterSets,
    /// Bytes of `ftyp` and `moov`.
    pub init_bytes: u32,
    /// Its fragments, in the order of the file; stored [grouped](crate::group).
    pub fragments: Vec<Part>,
    /// Access units in it.
    pub units: u32,
    /// No picture is missing between the segment before and this one.
    pub continues: bool,
}

/// A stored segment. Its path below the tier's root is `tarsier_segment::name::path`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentRow {
    /// Its name, and when its first picture was taken.
    pub start: UtcMs,
    /// Length of its pictures.
    pub duration_ms: i64,
    /// Bytes of the whole file.
    pub size_bytes: u64,
    /// Where it lives.
    pub tier: Arc<Tier>,
    /// How it ended.
    pub state: SegmentState,
    /// What proves it untouched, if that is known.
    pub integrity: Option<Integrity>,
    /// What its tracks hold.
    pub parameters: Arc<ParameterSets>,
    /// Bytes of `ftyp` and `moov`.
    pub init_bytes: u32,
    /// Playlist parts: some fragments each, most of them [four seconds or more](crate::SHORTEST_PART).
    pub parts: Vec<Part>,
    /// Access units in it.
    pub units: u32,
    /// No picture is missing between the segment before and this one.
    pub continues: bool,
}

impl SegmentRow {
    /// When it was filmed.
    pub const fn range(&self) -> UtcRange {
        UtcRange::new(self.start, self.start.plus_millis(self.duration_ms))
    }
}

impl Index {
    /// Stores a segment; one that is known already under that name (a torn file that its recorder closed after all)
    /// is replaced.
    pub fn segment_closed(
        &self,
        camera: &CameraId,
        stream: StreamKind,
        tier_id: &str,
        segment: &NewSegment,
    ) -> Result<(), IndexError> {
        self.store_segments(tier_id, &[(camera, stream, segment)])
    }

    /// Stores many at once, in one transaction.
    pub fn store_segments(
        &self,
        tier_id: &str,
        segments: &[(&CameraId, StreamKind, &NewSegment)],
    ) -> Result<(), IndexError> {
        let known = self.write("store segments", |tx| {
            let Some(tier) = tiers::find(tx, tier_id)? else { return Ok(false) };
            let mut stale = StaleDays::default();
            for (camera, stream, segment) in segments {
                let stream = StreamNo::find_or_add(tx, camera, *stream)?;
                store_row(tx, stream, tier, segment)?;
                stale.changed(stream, segment.start);
            }
            stale.refresh(tx)?;
            Ok(true)
        })?;
        if known { Ok(()) } else { Err(IndexError::UnknownTier { id: tier_id.to_owned() }) }
    }

    /// Forgets segments whose files are gone, and keeps in mind why as gaps. Tells how many there were.
    pub fn remove_segments(
        &self,
        camera: &CameraId,
        stream: StreamKind,
        starts: &[UtcMs],
        reason: GapReason,
    ) -> Result<usize, IndexError> {
        self.write("remove segments", |tx| {
            let Some(stream) = StreamNo::find(tx, camera, stream)? else { return Ok(0) };
            let mut stale = StaleDays::default();
            let mut removed = 0;
            for start in starts {
                tx.prepare_cached("delete from copies where segment_id = ?1")?
                    .execute([stream.segment(*start)?])?;
                let duration = tx
                    .prepare_cached("delete from segments where id = ?1 returning duration_ms")?
                    .query_row([stream.segment(*start)?], |row| row.get::<_, i64>(0))
                    .optional()?;
                let Some(duration) = duration else { continue };
                gaps::add(
                    tx,
                    stream,
                    Gap { range: UtcRange::new(*start, start.plus_millis(duration)), reason },
                )?;
                stale.changed(stream, *start);
                removed += 1;
            }
            stale.refresh(tx)?;
            if removed > 0
                && let Some(first) = first_start(tx, stream)?
            {
                gaps::forget_before(tx, stream, first)?;
            }
            Ok(removed)
        })
    }

    /// Says that a segment lives in another tier now: its file there is whole and on disk. The file where it lived is
    /// garbage from then on, and returned. Nothing changes if the segment or the tier is not known, if it lives there
    /// already, or if the file there is still to be deleted.
    pub fn segment_moved(
        &self,
        camera: &CameraId,
        stream: StreamKind,
        start: UtcMs,
        tier_id: &str,
    ) -> Result<Option<Garbage>, IndexError> {
        self.write("move a segment", |tx| {
            let Some(number) = StreamNo::find(tx, camera, stream)? else { return Ok(None) };
            let Some(tier) = tiers::find(tx, tier_id)? else { return Ok(None) };
            let id = number.segment(start)?;
            let old = tx
                .prepare_cached(
                    "select t.n, t.id, s.size_bytes from segments s join tiers t on t.n = s.tier_id where s.id = ?1",
                )?
                .query_row([id], |row| {
                    Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get::<_, i64>(2)?))
                })
                .optional()?;
            let Some((old, old_id, size)) = old else { return Ok(None) };
            if old == tier || garbage::is_garbage(tx, tier, id)? {
                return Ok(None);
            }
            garbage::move_row(tx, id, tier)?;
            garbage::put(tx, old, id, size)?;
            let mut stale = StaleDays::default();
            stale.changed(number, start);
            stale.refresh(tx)?;
            let camera = camera.clone();
            Ok(Some(Garbage { tier_id: old_id, camera, stream, start, size_bytes: count(size)? }))
        })
    }

    /// The first `limit` segments with pictures in that time, in order. To go on, ask again from the end of the last.
    pub fn segments_in(
        &self,
        camera: &CameraId,
        stream: StreamKind,
        range: UtcRange,
        limit: u32,
    ) -> Result<Vec<SegmentRow>, IndexError> {
        self.read("read segments", |db| {
            let Some(stream) = StreamNo::find(db, camera, stream)? else { return Ok(Vec::new()) };
            if range.start >= range.end {
                return Ok(Vec::new());
            }
            let ids = stream.segments(range.start, range.end);
            // The last one that starts before the range may reach into it.
            let first = before(db, stream, ids.start)?.unwrap_or(ids.start);
            let sql = format!(
                "{SELECT} where id >= ?1 and id < ?2 and start_utc_ms + duration_ms > ?3 order by id limit ?4"
            );
            self.rows(db, &sql, params![first, ids.end, range.start.0, limit])
        })
    }

    /// The last segment that starts at or before that time, whether or not it lasts until then.
    pub fn segment_at(
        &self,
        camera: &CameraId,
        stream: StreamKind,
        at: UtcMs,
    ) -> Result<Option<SegmentRow>, IndexError> {
        self.read("find a segment", |db| {
            let Some(stream) = StreamNo::find(db, camera, stream)? else { return Ok(None) };
            let ids = stream.segments(UtcMs(0), just_after(at));
            let sql = format!("{SELECT} where id >= ?1 and id < ?2 order by id desc limit 1");
            Ok(self.rows(db, &sql, params![ids.start, ids.end])?.pop())
        })
    }

    /// The first segment that starts after that time.
    pub fn segment_after(
        &self,
        camera: &CameraId,
        stream: StreamKind,
        at: UtcMs,
    ) -> Result<Option<SegmentRow>, IndexError> {
        self.read("find a segment", |db| {
            let Some(stream) = StreamNo::find(db, camera, stream)? else { return Ok(None) };
            let ids = stream.segments(just_after(at), UtcMs(i64::MAX));
            let sql = format!("{SELECT} where id >= ?1 and id < ?2 order by id limit 1");
            Ok(self.rows(db, &sql, params![ids.start, ids.end])?.pop())
        })
    }

    /// Whether a segment of that name is known.
    pub fn known_segment(
        &self,
        camera: &CameraId,
        stream: StreamKind,
        start: UtcMs,
    ) -> Result<bool, IndexError> {
        self.read("look for a segment", |db| {
            let Some(stream) = StreamNo::find(db, camera, stream)? else { return Ok(false) };
            db.prepare_cached("select exists (select 1 from segments where id = ?1)")?
                .query_row([stream.segment(start)?], |row| row.get(0))
        })
    }

    /// From the first picture to the end of the last.
    pub fn first_and_last(
        &self,
        camera: &CameraId,
        stream: StreamKind,
    ) -> Result<Option<UtcRange>, IndexError> {
        self.read("find the first and the last picture", |db| {
            let Some(stream) = StreamNo::find(db, camera, stream)? else { return Ok(None) };
            let Some(first) = first_start(db, stream)? else { return Ok(None) };
            Ok(last_end(db, stream)?.map(|last| UtcRange::new(first, last)))
        })
    }

    /// The end of the last picture.
    pub fn last_segment_end(
        &self,
        camera: &CameraId,
        stream: StreamKind,
    ) -> Result<Option<UtcMs>, IndexError> {
        Ok(self.first_and_last(camera, stream)?.map(|range| range.end))
    }

    fn rows(
        &self,
        db: &Connection,
        sql: &str,
        values: impl rusqlite::Params,
    ) -> rusqlite::Result<Vec<SegmentRow>> {
        let tiers = tiers::all(db)?;
        db.prepare_cached(sql)?.query_map(values, |row| self.row(db, row, &tiers))?.collect()
    }

    fn row(
        &self,
        db: &Connection,
        row: &Row<'_>,
        tiers: &[(i64, Arc<Tier>)],
    ) -> rusqlite::Result<SegmentRow> {
        let tier: i64 = row.get(3)?;
        let init_bytes = row.get(5)?;
        let hash: Option<[u8; 32]> = row.get(9)?;
        let chain: Option<[u8; 32]> = row.get(10)?;
        Ok(SegmentRow {
            start: StreamNo::start_of(row.get(0)?),
            duration_ms: row.get(1)?,
            size_bytes: count(row.get(2)?)?,
            tier: tiers
                .iter()
                .find(|(n, _)| *n == tier)
                .map(|(_, tier)| Arc::clone(tier))
                .ok_or_else(|| unreadable("tier of a segment"))?,
            parameters: self.parameter_cache().read(db, row.get(4)?)?,
            init_bytes,
            units: row.get(6)?,
            continues: row.get(7)?,
            state: match row.get_ref(8)?.as_str()? {
                "closed" => SegmentState::Closed,
                _ => SegmentState::Torn,
            },
            integrity: hash.zip(chain).map(|(hash, chain)| Integrity { hash, chain }),
            parts: parts::decode(row.get_ref(11)?.as_blob()?, init_bytes)
                .ok_or_else(|| unreadable("parts of a segment"))?,
        })
    }
}

const SELECT: &str = "select id, duration_ms, size_bytes, tier_id, parameter_set_id, init_bytes, units, continues, state,
    hash, chain, parts from segments";

const fn just_after(at: UtcMs) -> UtcMs {
    UtcMs(at.0.saturating_add(1))
}

/// The id of the last segment of the stream below that id.
fn before(db: &Connection, stream: StreamNo, id: i64) -> rusqlite::Result<Option<i64>> {
    let first = stream.segments(UtcMs(0), UtcMs(0)).start;
    db.prepare_cached("select max(id) from segments where id >= ?1 and id < ?2")?
        .query_row([first, id], |row| row.get(0))
}

pub(crate) fn first_start(db: &Connection, stream: StreamNo) -> rusqlite::Result<Option<UtcMs>> {
    let ids = stream.segments(UtcMs(0), UtcMs(i64::MAX));
    let id: Option<i64> = db
        .prepare_cached("select min(id) from segments where id >= ?1 and id < ?2")?
        .query_row([ids.start, ids.end], |row| row.get(0))?;
    Ok(id.map(StreamNo::start_of))
}

pub(crate) fn last_end(db: &Connection, stream: StreamNo) -> rusqlite::Result<Option<UtcMs>> {
    let ids = stream.segments(UtcMs(0), UtcMs(i64::MAX));
    db.prepare_cached(
        "select id, duration_ms from segments where id >= ?1 and id < ?2 order by id desc limit 1",
    )?
    .query_row([ids.start, ids.end], |row| {
        Ok(StreamNo::start_of(row.get(0)?).plus_millis(row.get(1)?))
    })
    .optional()
}

pub(crate) fn store_row(
    tx: &Transaction<'_>,
    stream: StreamNo,
    tier: i64,
    segment: &NewSegment,
) -> rusqlite::Result<()> {
    let parameters = parameters::intern(tx, &segment.parameters)?;
    let parts = parts::encode(&parts::group(&segment.fragments), segment.init_bytes);
    let size = i64::try_from(segment.size_bytes).map_err(|_| too_large("size of a segment"))?;
    tx.prepare_cached(
        "insert into segments (id, duration_ms, size_bytes, tier_id, parameter_set_id, init_bytes, units, continues,
             state, hash, chain, parts)
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
         on conflict (id) do update set duration_ms = excluded.duration_ms, size_bytes = excluded.size_bytes,
             tier_id = excluded.tier_id, parameter_set_id = excluded.parameter_set_id,
             init_bytes = excluded.init_bytes, units = excluded.units, continues = excluded.continues,
             state = excluded.state, hash = excluded.hash, chain = excluded.chain, parts = excluded.parts",
    )?
    .execute(params![
        stream.segment(segment.start)?,
        segment.duration.to_millis(),
        size,
        tier,
        parameters,
        segment.init_bytes,
        segment.units,
        segment.continues,
        segment.state.name(),
        segment.integrity.map(|integrity| integrity.hash),
        segment.integrity.map(|integrity| integrity.chain),
        parts,
    ])
    .map(drop)
}
