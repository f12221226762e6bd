//! The gap ledger of a stream: fetched here, counted in [`crate::account`]; and the reasons that are written into it
//! where nobody has said one yet.

use rusqlite::{Connection, params};
use tarsier_types::{CameraId, Gap, StreamKind, UtcMs, UtcRange};

use crate::account::{Footage, Ledger, SEAM_MS, account};
use crate::error::IndexError;
use crate::explain::{fill, free};
use crate::gaps;
use crate::index::Index;
use crate::segments::first_start;
use crate::stream_ids::StreamNo;

/// What the hub knows of a stream at this moment and the index does not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LedgerNow {
    /// When it is asked.
    pub now: UtcMs,
    /// What is on disk of the files that are being written.
    pub open: Vec<UtcRange>,
    /// Why there is no footage just now, since when that is not stored yet, until now.
    pub gap: Option<Gap>,
    /// So much before now may be on its way to the disk: it is not judged yet.
    pub on_its_way_ms: i64,
}

impl Index {
    /// What became of each second of the range, from the first that is known of the stream (footage or a reason)
    /// until now. Reads one row for each segment: about 480 a day.
    pub fn ledger(
        &self,
        camera: &CameraId,
        stream: StreamKind,
        range: UtcRange,
        now: &LedgerNow,
    ) -> Result<Ledger, IndexError> {
        self.read("read the gap ledger", |db| {
            let stream = StreamNo::find(db, camera, stream)?;
            let stored = match stream {
                Some(stream) => earliest(db, stream)?,
                None => None,
            };
            let open = now.open.iter().map(|open| open.start);
            let current = now.gap.map(|gap| gap.range.start);
            let Some(first) = stored.into_iter().chain(open).chain(current).min() else {
                return Ok(account(UtcRange::new(range.start, range.start), [], &[]));
            };
            let start = range.start.max(first);
            let mut range = UtcRange::new(start, range.end.min(now.now).max(start));
            let (mut files, mut known) = match stream {
                Some(stream) => {
                    (footage(db, stream, range)?, gaps::overlapping(db, stream, range, u32::MAX)?)
                }
                None => (Vec::new(), Vec::new()),
            };
            files.extend(now.open.iter().map(|range| Footage { range: *range, continues: false }));
            files.sort_by_key(|file| file.range.start);
            match now.gap {
                Some(gap) => fill(&mut known, gap),
                None => range.end = judged_until(range, now, &files, &known),
            }
            Ok(account(range, files, &known))
        })
    }

    /// Stores why there is no footage where neither footage nor another reason is known yet. Rests that are no
    /// longer than a seam of two files are left alone.
    pub fn explain(
        &self,
        camera: &CameraId,
        stream: StreamKind,
        gap: Gap,
    ) -> Result<(), IndexError> {
        self.write("explain a gap", |tx| {
            let stream = StreamNo::find_or_add(tx, camera, stream)?;
            let mut covered = gaps::overlapping(tx, stream, gap.range, u32::MAX)?;
            for file in footage(tx, stream, gap.range)? {
                covered.push(Gap { range: file.range, reason: gap.reason });
            }
            covered.sort_by_key(|piece| piece.range.start);
            for range in free(&covered, gap.range) {
                if range.millis() > SEAM_MS {
                    gaps::add(tx, stream, Gap { range, ..gap })?;
                }
            }
            Ok(())
        })
    }
}

/// While nothing is wrong, the last seconds are not on disk yet: the ledger ends with what is.
fn judged_until(range: UtcRange, now: &LedgerNow, files: &[Footage], known: &[Gap]) -> UtcMs {
    let footage = files.iter().map(|file| file.range.end);
    let reasons = known.iter().map(|gap| gap.range.end);
    let last = footage.chain(reasons).max().unwrap_or(range.start).max(range.start);
    if range.end > last && now.now.millis_since(last) < now.on_its_way_ms {
        last
    } else {
        range.end
    }
}

/// The first that is known: footage or a reason.
fn earliest(db: &Connection, stream: StreamNo) -> rusqlite::Result<Option<UtcMs>> {
    let gap: Option<i64> = db
        .prepare_cached("select min(start_utc_ms) from gaps where stream_id = ?1")?
        .query_row([stream.row()], |row| row.get(0))?;
    Ok([first_start(db, stream)?, gap.map(UtcMs)].into_iter().flatten().min())
}

/// The files that touch the range, in order, and the one before it: what begins right behind that one continues it.
fn footage(db: &Connection, stream: StreamNo, range: UtcRange) -> rusqlite::Result<Vec<Footage>> {
    let ids = stream.segments(range.start, range.end);
    let first = stream.segments(UtcMs(0), UtcMs(0)).start;
    db.prepare_cached(
        "select id, duration_ms, continues from segments where id >= coalesce(
             (select max(id) from segments where id >= ?1 and id < ?2), ?2) and id < ?3 order by id",
    )?
    .query_map(params![first, ids.start, ids.end], |row| {
        let start = StreamNo::start_of(row.get(0)?);
        let range = UtcRange::new(start, start.plus_millis(row.get(1)?));
        Ok(Footage { range, continues: row.get(2)? })
    })?
    .collect()
}
