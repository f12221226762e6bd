//! How much there is: running totals that triggers of the schema keep, never a sum over the segments.

use tarsier_types::{CameraId, StreamKind};

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

pub(crate) fn stream(name: &str) -> rusqlite::Result<StreamKind> {
    StreamKind::from_name(name).ok_or_else(|| unreadable("name of a stream"))
}

pub(crate) fn count(stored: i64) -> rusqlite::Result<u64> {
    u64::try_from(stored).map_err(|_| unreadable("a number below 0"))
}
