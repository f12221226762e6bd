//! Segments as files: what retention, moves, uploads and checks ask for. Answers are bounded; to go on, ask again from
//! the [`Cursor`] of the last one.

use std::sync::Arc;

use rusqlite::{OptionalExtension, Row, params};
use tarsier_types::{CameraId, StreamKind, UtcMs, UtcRange};

use crate::cameras::camera_id;
use crate::error::{IndexError, unreadable};
use crate::garbage::{self, SegmentRef};
use crate::index::Index;
use crate::stream_ids::StreamNo;
use crate::tiers::{self, Tier};
use crate::totals::{count, stream};

/// A segment as a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileRow {
    /// Whose.
    pub camera: CameraId,
    /// Which stream.
    pub stream: StreamKind,
    /// When it was filmed; its name is the start.
    pub range: UtcRange,
    /// Bytes of the whole file.
    pub size_bytes: u64,
    /// Where it lives.
    pub tier: Arc<Tier>,
    /// BLAKE3 of the file, if that is known.
    pub hash: Option<[u8; 32]>,
    /// Chain value, if that is known.
    pub chain: Option<[u8; 32]>,
    /// Object stores that hold a copy as well.
    pub copies: Vec<Arc<Tier>>,
    /// There was an event in its time.
    pub is_event: bool,
    /// Some of it is locked.
    pub is_locked: bool,
}

impl FileRow {
    /// Which one it is.
    pub fn segment(&self) -> SegmentRef {
        SegmentRef {
            tier_id: self.tier.id.clone(),
            camera: self.camera.clone(),
            stream: self.stream,
            start: self.range.start,
        }
    }

    /// Its place in the order of files.
    pub fn name(&self) -> FileName {
        FileName { start: self.range.start, camera: self.camera.clone(), stream: self.stream }
    }
}

/// Files are ordered by start, then by camera and stream.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileName {
    /// When its first picture was taken.
    pub start: UtcMs,
    /// Whose.
    pub camera: CameraId,
    /// Which stream.
    pub stream: StreamKind,
}

/// Which files are asked for.
#[derive(Clone, Debug)]
pub struct FileLook<'a> {
    /// Those that lie in this tier, as the file that is played or as a copy.
    pub tier_id: &'a str,
    /// Of one stream only; `None`: across all cameras.
    pub of: Option<(&'a CameraId, StreamKind)>,
    /// Which of them.
    pub which: WhichFiles<'a>,
    /// Only those after this one.
    pub after: Option<FileName>,
    /// At most so many.
    pub most: usize,
}

/// Which files of a tier.
#[derive(Clone, Copy, Debug)]
pub enum WhichFiles<'a> {
    /// All.
    All,
    /// Those that no lock touches.
    Unlocked,
    /// Those that no lock touches and that have a copy.
    Copied,
    /// Those of which this object store has no copy.
    NotIn(&'a str),
    /// As `NotIn`, and an event touches them.
    EventNotIn(&'a str),
}

impl Index {
    /// The first files that are asked for, oldest first; those that `skip` says are as if they were not there. Fewer than
    /// asked for: there are no more.
    pub fn files(
        &self,
        look: &FileLook<'_>,
        skip: &dyn Fn(&FileRow) -> bool,
    ) -> Result<Vec<FileRow>, IndexError> {
        self.read("list files", |db| {
            let tiers = tiers::all(db)?;
            let number = |id: &str| tiers.iter().find(|(_, tier)| tier.id == id).map(|(n, _)| *n);
            let Some(tier) = number(look.tier_id) else { return Ok(Vec::new()) };
            let stream = match look.of {
                None => None,
                Some((camera, stream)) => match StreamNo::find(db, camera, stream)? {
                    Some(stream) => Some(stream),
                    None => return Ok(Vec::new()),
                },
            };
            let which = match look.which {
                WhichFiles::All => String::new(),
                WhichFiles::Unlocked => format!("and not {IS_LOCKED}"),
                WhichFiles::Copied => format!("and {HAS_COPY} and not {IS_LOCKED}"),
                WhichFiles::NotIn(store) | WhichFiles::EventNotIn(store) => {
                    let n = number(store).unwrap_or(0);
                    let event = if matches!(look.which, WhichFiles::EventNotIn(_)) {
                        format!("and {IS_EVENT}")
                    } else {
                        String::new()
                    };
                    format!(
                        "and f.tier_id <> {n} and not exists
                         (select 1 from copies c where c.segment_id = f.id and c.tier_id = {n}) {event}"
                    )
                }
            };
            let after = look.after.as_ref();
            let from = after.map_or(UtcMs(0), |after| after.start);
            // Of one stream: the table itself, from where the tier begins (the plus keeps the planner from sorting a whole tier
            // by the other index); across cameras: the index by age.
            let (own, copied, orders) = match stream {
                Some(stream) => {
                    let first: Option<i64> = db
                        .prepare_cached("select min(start_utc_ms) from spans where stream_id = ?1 and tier_id = ?2")?
                        .query_row([stream.row(), tier], |row| row.get(0))?;
                    let ids = |from: UtcMs| stream.segments(from, UtcMs(i64::MAX));
                    let own = ids(from.max(UtcMs(first.unwrap_or(i64::MAX))));
                    let any = ids(from);
                    (
                        format!("from segments f where f.id >= {} and f.id < {} and +f.tier_id = {tier}", own.start, own.end),
                        format!(
                            "from copies o join segments f on f.id = o.segment_id
                             where o.segment_id >= {} and o.segment_id < {} and o.tier_id = {tier}",
                            any.start, any.end
                        ),
                        ["f.id", "o.segment_id"],
                    )
                }
                None => (
                    format!(
                        "from segments f indexed by segments_by_age where f.tier_id = {tier} and f.start_utc_ms >= {}",
                        from.0
                    ),
                    format!(
                        "from copies o indexed by copies_by_age join segments f on f.id = o.segment_id
                         where o.tier_id = {tier} and o.start_utc_ms >= {}",
                        from.0
                    ),
                    ["f.start_utc_ms", "o.start_utc_ms"],
                ),
            };
            let mut files = Vec::new();
            for (rows, order) in [own, copied].into_iter().zip(orders) {
                let sql = format!("{COLUMNS} {rows} {which} order by {order}");
                let mut statement = db.prepare(&sql)?;
                let mut found = statement.query([])?;
                let mut of_this = Vec::new();
                while let Some(row) = found.next()? {
                    let file = file(row, &tiers)?;
                    // Files of the same start come in any order: all of them are read, then sorted.
                    let is_beyond = |last: &FileRow| last.range.start < file.range.start;
                    if of_this.len() >= look.most && of_this.last().is_some_and(is_beyond) {
                        break;
                    }
                    if after.is_none_or(|after| *after < file.name()) && !skip(&file) {
                        of_this.push(file);
                    }
                }
                files.append(&mut of_this);
            }
            files.sort_by_key(FileRow::name);
            files.truncate(look.most);
            Ok(files)
        })
    }

    /// The file of that segment.
    pub fn file(
        &self,
        camera: &CameraId,
        stream: StreamKind,
        start: UtcMs,
    ) -> Result<Option<FileRow>, IndexError> {
        self.read("find a file", |db| {
            let Some(stream) = StreamNo::find(db, camera, stream)? else { return Ok(None) };
            let tiers = tiers::all(db)?;
            db.prepare_cached(&format!("{COLUMNS} from segments f where f.id = ?1"))?
                .query_row([stream.segment(start)?], |row| file(row, &tiers))
                .optional()
        })
    }

    /// Keeps the hash of a file of which none was known.
    pub fn put_hash(&self, segment: &SegmentRef, hash: &[u8; 32]) -> Result<(), IndexError> {
        self.write("keep the hash of a file", |tx| {
            let Some(stream) = StreamNo::find(tx, &segment.camera, segment.stream)? else {
                return Ok(());
            };
            tx.prepare_cached("update segments set hash = ?2 where id = ?1 and hash is null")?
                .execute(params![stream.segment(segment.start)?, hash])
                .map(drop)
        })
    }

    /// A whole copy of the segment is in that object store; `false` if the segment or the store is not known.
    pub fn put_copy(
        &self,
        segment: &SegmentRef,
        store: &str,
        at: UtcMs,
    ) -> Result<bool, IndexError> {
        self.write("store a copy", |tx| {
            let Some(stream) = StreamNo::find(tx, &segment.camera, segment.stream)? else {
                return Ok(false);
            };
            let Some(store) = tiers::find(tx, store)? else { return Ok(false) };
            let id = stream.segment(segment.start)?;
            if garbage::is_garbage(tx, store, id)? {
                return Ok(false);
            }
            let stored = tx
                .prepare_cached(
                    "insert into copies (segment_id, tier_id, size_bytes, copied_utc_ms)
                     select id, ?2, size_bytes, ?3 from segments where id = ?1 and tier_id <> ?2
                     on conflict do update set copied_utc_ms = excluded.copied_utc_ms",
                )?
                .execute(params![id, store, at.0])?;
            Ok(stored > 0)
        })
    }

    /// The copy in that object store is gone, or is not what it should be.
    pub fn remove_copy(&self, segment: &SegmentRef, store: &str) -> Result<(), IndexError> {
        self.write("forget a copy", |tx| {
            let Some(stream) = StreamNo::find(tx, &segment.camera, segment.stream)? else { return Ok(()) };
            tx.prepare_cached(
                "delete from copies where segment_id = ?1 and tier_id = (select n from tiers where id = ?2)",
            )?
            .execute(params![stream.segment(segment.start)?, store])
            .map(drop)
        })
    }
}

const COLUMNS: &str = "select f.id,
    (select s.camera_id from streams s where s.id = f.id >> 44), (select s.stream from streams s where s.id = f.id >> 44),
    f.duration_ms, f.size_bytes, f.tier_id, f.hash, f.chain,
    (select group_concat(c.tier_id) from copies c where c.segment_id = f.id),
    exists (select 1 from event_spans e where e.camera_id = (select s.camera_id from streams s where s.id = f.id >> 44)
        and e.start_utc_ms < f.start_utc_ms + max(f.duration_ms, 1) and e.end_utc_ms > f.start_utc_ms),
    exists (select 1 from locks l where l.camera_id = (select s.camera_id from streams s where s.id = f.id >> 44)
        and l.start_utc_ms < f.start_utc_ms + max(f.duration_ms, 1) and l.end_utc_ms > f.start_utc_ms)";

const IS_LOCKED: &str = "exists (select 1 from locks l
    where l.camera_id = (select s.camera_id from streams s where s.id = f.id >> 44)
    and l.start_utc_ms < f.start_utc_ms + max(f.duration_ms, 1) and l.end_utc_ms > f.start_utc_ms)";

const IS_EVENT: &str = "exists (select 1 from event_spans e
    where e.camera_id = (select s.camera_id from streams s where s.id = f.id >> 44)
    and e.start_utc_ms < f.start_utc_ms + max(f.duration_ms, 1) and e.end_utc_ms > f.start_utc_ms)";

const HAS_COPY: &str = "exists (select 1 from copies c where c.segment_id = f.id)";

fn file(row: &Row<'_>, tiers: &[(i64, Arc<Tier>)]) -> rusqlite::Result<FileRow> {
    let tier = |n: i64| {
        let found = tiers.iter().find(|(number, _)| *number == n);
        found.map(|(_, tier)| Arc::clone(tier)).ok_or_else(|| unreadable("tier of a segment"))
    };
    let start = StreamNo::start_of(row.get(0)?);
    let copies: Option<String> = row.get(8)?;
    let copies = copies.unwrap_or_default();
    let numbers = copies.split(',').filter(|text| !text.is_empty());
    Ok(FileRow {
        camera: camera_id(row, 1)?,
        stream: stream(row.get_ref(2)?.as_str()?)?,
        range: UtcRange::new(start, start.plus_millis(row.get(3)?)),
        size_bytes: count(row.get(4)?)?,
        tier: tier(row.get(5)?)?,
        hash: row.get(6)?,
        chain: row.get(7)?,
        copies: numbers
            .map(|text| tier(text.parse().map_err(|_| unreadable("number of a tier"))?))
            .collect::<Result<_, _>>()?,
        is_event: row.get(9)?,
        is_locked: row.get(10)?,
    })
}
