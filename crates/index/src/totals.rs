//! How much there is: running totals that triggers of the schema keep, never a sum over the segments.

use tarsier_types::{CameraId, StreamKind, UtcMs};

use crate::cameras::camera_id;
use crate::error::{IndexError, unreadable};
use crate::index::Index;

/// What one tier holds of one stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Total {
    /// Whose.
    pub camera: CameraId,
    /// Which stream.
    pub stream: StreamKind,
    /// Which tier.
    pub tier_id: String,
    /// Number of files.
    pub segments: u64,
    /// Their size together.
    pub size_bytes: u64,
    /// Length of their pictures together.
    pub duration_ms: i64,
}

impl Index {
    /// One entry for each stream and tier that holds anything of it.
    pub fn totals(&self) -> Result<Vec<Total>, IndexError> {
        self.read("read the totals", |db| {
            db.prepare_cached(
                "select s.camera_id, s.stream, t.id, n.segments, n.size_bytes, n.duration_ms
                 from totals n join streams s on s.id = n.stream_id join tiers t on t.n = n.tier_id
                 where n.segments > 0 order by s.camera_id, s.stream, t.n",
            )?
            .query_map([], |row| {
                Ok(Total {
                    camera: camera_id(row, 0)?,
                    stream: stream(row.get_ref(1)?.as_str()?)?,
                    tier_id: row.get(2)?,
                    segments: count(row.get(3)?)?,
                    size_bytes: count(row.get(4)?)?,
                    duration_ms: row.get(5)?,
                })
            })?
            .collect()
        })
    }
}

/// What one tier holds of one stream, copies included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holding {
    /// Whose.
    pub camera: CameraId,
    /// Which stream.
    pub stream: StreamKind,
    /// Which tier.
    pub tier_id: String,
    /// Number of files and copies.
    pub files: u64,
    /// Their size together.
    pub size_bytes: u64,
    /// Start of the oldest of them.
    pub oldest: UtcMs,
}

impl Index {
    /// One entry for each stream and tier that holds anything of it, by camera, stream and tier.
    pub fn holdings(&self) -> Result<Vec<Holding>, IndexError> {
        self.read("read what tiers hold", |db| {
            // The oldest file of a stream in a tier begins a span; copies lie in the order of their stream.
            db.prepare_cached(
                "select s.camera_id, s.stream, t.id, sum(h.files), sum(h.bytes), min(h.oldest) from (
                     select n.stream_id, n.tier_id, n.segments as files, n.size_bytes as bytes,
                         (select min(p.start_utc_ms) from spans p
                          where p.stream_id = n.stream_id and p.tier_id = n.tier_id) as oldest
                     from totals n where n.segments > 0
                     union all
                     select c.stream_id, c.tier_id, c.copies, c.size_bytes,
                         (select o.start_utc_ms from copies o where o.segment_id >= c.stream_id << 44
                          and o.segment_id < (c.stream_id + 1) << 44 and o.tier_id = c.tier_id
                          order by o.segment_id limit 1)
                     from copy_totals c where c.copies > 0
                 ) h join streams s on s.id = h.stream_id join tiers t on t.n = h.tier_id
                 group by h.stream_id, h.tier_id order by s.camera_id, s.stream, t.n",
            )?
            .query_map([], |row| {
                Ok(Holding {
                    camera: camera_id(row, 0)?,
                    stream: stream(row.get_ref(1)?.as_str()?)?,
                    tier_id: row.get(2)?,
                    files: count(row.get(3)?)?,
                    size_bytes: count(row.get(4)?)?,
                    oldest: UtcMs(row.get(5)?),
                })
            })?
            .collect()
        })
    }
}

/// What of a stream in a tier is locked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Locked {
    /// Whose.
    pub camera: CameraId,
    /// Which stream.
    pub stream: StreamKind,
    /// Which tier.
    pub tier_id: String,
    /// Sizes of the files and copies that a lock touches.
    pub size_bytes: u64,
}

impl Index {
    /// What locks keep, by camera, stream and tier. Looks at the files of the locked days only.
    pub fn locked(&self) -> Result<Vec<Locked>, IndexError> {
        self.read("read what locks keep", |db| {
            db.prepare_cached(
                "with held as (
                     select distinct f.id, f.size_bytes, f.tier_id
                     from locks l join streams s on s.camera_id = l.camera_id
                     join segments f on f.id >= (s.id << 44) + max(l.start_utc_ms - 86400000, 0)
                         and f.id < (s.id << 44) + l.end_utc_ms
                     where f.start_utc_ms + max(f.duration_ms, 1) > l.start_utc_ms
                 )
                 select s.camera_id, s.stream, t.id, sum(h.size_bytes) from (
                     select id, size_bytes, tier_id from held
                     union all
                     select c.segment_id, c.size_bytes, c.tier_id from held join copies c on c.segment_id = held.id
                 ) h join streams s on s.id = h.id >> 44 join tiers t on t.n = h.tier_id
                 group by s.id, t.n order by s.camera_id, s.stream, t.n",
            )?
            .query_map([], |row| {
                Ok(Locked {
                    camera: camera_id(row, 0)?,
                    stream: stream(row.get_ref(1)?.as_str()?)?,
                    tier_id: row.get(2)?,
                    size_bytes: count(row.get(3)?)?,
                })
            })?
            .collect()
        })
    }
}

pub(crate) fn stream(name: &str) -> rusqlite::Result<StreamKind> {
    StreamKind::from_name(name).ok_or_else(|| unreadable("name of a stream"))
}

pub(crate) fn count(stored: i64) -> rusqlite::Result<u64> {
    u64::try_from(stored).map_err(|_| unreadable("a number below 0"))
}
