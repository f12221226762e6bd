//! Files on their way out. The index forgets a file before it is deleted, and remembers that it has to be deleted until
//! that is on disk: garbage row (with the segment's own, in one transaction), unlink, sync of the folder, no garbage row.
//!
//! What does not belong here: deleting files (`tiers`), deciding which.

use rusqlite::{Connection, OptionalExtension, Transaction, params};
use tarsier_types::{CameraId, Gap, GapReason, StreamKind, UtcMs, UtcRange};

use crate::cameras::camera_id;
use crate::error::{IndexError, too_large};
use crate::index::Index;
use crate::spans::StaleDays;
use crate::stream_ids::StreamNo;
use crate::totals::{count, stream};
use crate::{gaps, locks, segments, tiers};

/// A file that is to be deleted. Its path below the tier's root is `tarsier_segment::name::path`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Garbage {
    /// Which tier it lies in.
    pub tier_id: String,
    /// Whose it was.
    pub camera: CameraId,
    /// Which stream.
    pub stream: StreamKind,
    /// Its name.
    pub start: UtcMs,
    /// Its length.
    pub size_bytes: u64,
}

/// A segment in one place: its file on a disk, or a copy in a bucket.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SegmentRef {
    /// Which tier it lies in.
    pub tier_id: String,
    /// Whose.
    pub camera: CameraId,
    /// Which stream.
    pub stream: StreamKind,
    /// Its name.
    pub start: UtcMs,
}

/// What became of a wish to delete.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Condemned {
    /// Files to delete now.
    pub garbage: Vec<Garbage>,
    /// How many segments are gone with them.
    pub lost: u64,
    /// How many live on in another place.
    pub live_on: u64,
    /// How many stay: locked, moved to another tier, or gone since they were looked at.
    pub spared: u64,
}

impl Index {
    /// Takes these files away from their segments and remembers them as garbage. A segment that has a copy elsewhere
    /// lives on there; else it is forgotten, and a gap "deleted" takes its place as long as older footage is kept. A
    /// segment that was locked or moved since it was looked at is spared: that is asked again in the same transaction.
    pub fn condemn(&self, files: &[SegmentRef]) -> Result<Condemned, IndexError> {
        self.write("condemn segments", |tx| {
            let mut done = Condemned::default();
            let mut stale = StaleDays::default();
            let mut streams = Vec::new();
            for segment in files {
                let Some(stream) = StreamNo::find(tx, &segment.camera, segment.stream)? else {
                    done.spared += 1;
                    continue;
                };
                match condemn(tx, stream, segment)? {
                    Fate::Spared => done.spared += 1,
                    Fate::LivesOn(garbage) => {
                        done.live_on += 1;
                        done.garbage.push(garbage);
                        stale.changed(stream, segment.start);
                    }
                    Fate::Lost(garbage) => {
                        done.lost += 1;
                        done.garbage.push(garbage);
                        stale.changed(stream, segment.start);
                        streams.push(stream);
                    }
                }
            }
            stale.refresh(tx)?;
            streams.sort_unstable();
            streams.dedup();
            for stream in streams {
                match segments::first_start(tx, stream)? {
                    Some(first) => gaps::forget_before(tx, stream, first)?,
                    // Nothing is kept: there is nothing left that a deleted span could be a gap in.
                    None => gaps::forget_deleted(tx, stream)?,
                }
            }
            Ok(done)
        })
    }

    /// The first `limit` files that are still to be deleted: what a crash left undone, and what lies on absent disks.
    pub fn garbage(&self, tier_id: &str, limit: u32) -> Result<Vec<Garbage>, IndexError> {
        self.read("list files to delete", |db| {
            db.prepare_cached(
                "select s.camera_id, s.stream, g.segment_id, g.size_bytes
                 from garbage g join streams s on s.id = g.segment_id >> 44
                 where g.tier_id = (select n from tiers where id = ?1) order by g.segment_id limit ?2",
            )?
            .query_map(params![tier_id, limit], |row| {
                Ok(Garbage {
                    tier_id: tier_id.to_owned(),
                    camera: camera_id(row, 0)?,
                    stream: stream(row.get_ref(1)?.as_str()?)?,
                    start: StreamNo::start_of(row.get(2)?),
                    size_bytes: count(row.get(3)?)?,
                })
            })?
            .collect()
        })
    }

    /// Whether that file waits for its deletion.
    pub fn is_condemned(&self, file: &SegmentRef) -> Result<bool, IndexError> {
        self.read("look for a file to delete", |db| {
            let stream = StreamNo::find(db, &file.camera, file.stream)?;
            let (Some(stream), Some(tier)) = (stream, tiers::find(db, &file.tier_id)?) else {
                return Ok(false);
            };
            is_garbage(db, tier, stream.segment(file.start)?)
        })
    }

    /// These files are gone, and their folders synced.
    pub fn buried(&self, garbage: &[Garbage]) -> Result<(), IndexError> {
        self.write("forget deleted files", |tx| {
            for file in garbage {
                let Some(stream) = StreamNo::find(tx, &file.camera, file.stream)? else { continue };
                tx.prepare_cached(
                    "delete from garbage where segment_id = ?1 and tier_id = (select n from tiers where id = ?2)",
                )?
                .execute(params![stream.segment(file.start)?, file.tier_id])?;
            }
            Ok(())
        })
    }

    /// A file that lies in a tier beside the one that counts (a move that never ended, a disk that came back) is to be
    /// deleted; `None` if it is the one that counts, or nothing is known of the segment.
    pub fn condemn_double(
        &self,
        double: &SegmentRef,
        size_bytes: u64,
    ) -> Result<Option<Garbage>, IndexError> {
        self.write("condemn a second file of a segment", |tx| {
            let Some(stream) = StreamNo::find(tx, &double.camera, double.stream)? else {
                return Ok(None);
            };
            let Some(tier) = tiers::find(tx, &double.tier_id)? else { return Ok(None) };
            let id = stream.segment(double.start)?;
            let lives_in: Option<i64> = tx
                .prepare_cached("select tier_id from segments where id = ?1")?
                .query_row([id], |row| row.get(0))
                .optional()?;
            if lives_in.is_none_or(|lives_in| lives_in == tier) {
                return Ok(None);
            }
            let size = i64::try_from(size_bytes).map_err(|_| too_large("size of a file"))?;
            put(tx, tier, id, size)?;
            Ok(Some(of(double, &double.tier_id, size_bytes)))
        })
    }
}

enum Fate {
    Spared,
    LivesOn(Garbage),
    Lost(Garbage),
}

fn condemn(tx: &Transaction<'_>, stream: StreamNo, segment: &SegmentRef) -> rusqlite::Result<Fate> {
    let id = stream.segment(segment.start)?;
    let found = tx
        .prepare_cached("select duration_ms, size_bytes, tier_id from segments where id = ?1")?
        .query_row([id], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?))
        })
        .optional()?;
    let Some((duration, size, tier)) = found else { return Ok(Fate::Spared) };
    let Some(from) = tiers::find(tx, &segment.tier_id)? else { return Ok(Fate::Spared) };
    let range = UtcRange::new(segment.start, segment.start.plus_millis(duration));
    if locks::is_locked(tx, &segment.camera, range)? {
        return Ok(Fate::Spared);
    }
    let garbage = of(segment, &segment.tier_id, count(size)?);
    if from != tier {
        let removed = tx
            .prepare_cached("delete from copies where segment_id = ?1 and tier_id = ?2")?
            .execute([id, from])?;
        if removed == 0 {
            return Ok(Fate::Spared);
        }
        put(tx, from, id, size)?;
        return Ok(Fate::LivesOn(garbage));
    }
    put(tx, from, id, size)?;
    let copy: Option<i64> = tx
        .prepare_cached("select min(tier_id) from copies where segment_id = ?1")?
        .query_row([id], |row| row.get(0))?;
    if let Some(store) = copy {
        move_row(tx, id, store)?;
        return Ok(Fate::LivesOn(garbage));
    }
    tx.prepare_cached("delete from segments where id = ?1")?.execute([id])?;
    gaps::add(tx, stream, Gap { range, reason: GapReason::Deleted })?;
    Ok(Fate::Lost(garbage))
}

/// The segment lives there now, and its copy there is what counts.
pub(crate) fn move_row(tx: &Transaction<'_>, segment: i64, to: i64) -> rusqlite::Result<()> {
    tx.prepare_cached("update segments set tier_id = ?2 where id = ?1")?.execute([segment, to])?;
    tx.prepare_cached("delete from copies where segment_id = ?1 and tier_id = ?2")?
        .execute([segment, to])
        .map(drop)
}

/// That file is to be deleted.
pub(crate) fn put(
    tx: &Transaction<'_>,
    tier: i64,
    segment: i64,
    size: i64,
) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "insert into garbage (tier_id, segment_id, size_bytes) values (?1, ?2, ?3)
         on conflict do update set size_bytes = excluded.size_bytes",
    )?
    .execute([tier, segment, size])
    .map(drop)
}

/// Whether the file of that name in that tier waits for its deletion.
pub(crate) fn is_garbage(tx: &Connection, tier: i64, segment: i64) -> rusqlite::Result<bool> {
    tx.prepare_cached(
        "select exists (select 1 from garbage where tier_id = ?1 and segment_id = ?2)",
    )?
    .query_row([tier, segment], |row| row.get(0))
}

fn of(segment: &SegmentRef, tier_id: &str, size_bytes: u64) -> Garbage {
    let SegmentRef { camera, stream, start, .. } = segment;
    Garbage {
        tier_id: tier_id.to_owned(),
        camera: camera.clone(),
        stream: *stream,
        start: *start,
        size_bytes,
    }
}
