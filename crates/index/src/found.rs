//! Segments of which nobody told: they were found, as files in a tier or in an object store.
//!
//! What does not belong here: looking at files ([`crate::rebuild`]), what recorders tell ([`crate::segments`]).

use rusqlite::{OptionalExtension, params};
use tarsier_types::{CameraId, StreamKind, UtcMs};

use crate::error::{IndexError, too_large};
use crate::index::Index;
use crate::segments::{NewSegment, store_row};
use crate::spans::StaleDays;
use crate::stream_ids::StreamNo;
use crate::{garbage, tiers};

/// What a file that was found turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FoundAs {
    Stored,
    /// The segment lives in another tier.
    Double,
    /// Deleted, or to be deleted.
    Gone,
}

impl Index {
    /// Stores segments that were found as files in a tier, in one transaction. Left out are files that are to be
    /// deleted, those that are gone since (`is_there` is asked with the index standing still, so no deletion can come
    /// between), and second files of a segment that lives in another tier, unless this one is longer. Tells for each one.
    pub(crate) fn store_found(
        &self,
        tier_id: &str,
        segments: &[(CameraId, StreamKind, NewSegment)],
        is_there: &dyn Fn(&CameraId, StreamKind, UtcMs) -> bool,
    ) -> Result<Vec<FoundAs>, IndexError> {
        let stored = self.write("store found segments", |tx| {
            let Some(tier) = tiers::find(tx, tier_id)? else { return Ok(None) };
            let mut stale = StaleDays::default();
            let mut stored = Vec::with_capacity(segments.len());
            for (camera, stream, segment) in segments {
                let number = StreamNo::find_or_add(tx, camera, *stream)?;
                let id = number.segment(segment.start)?;
                let known = tx
                    .prepare_cached(
                        "select tier_id, state = 'torn', duration_ms from segments where id = ?1",
                    )?
                    .query_row([id], |row| {
                        Ok((row.get::<_, i64>(0)?, row.get::<_, bool>(1)?, row.get::<_, i64>(2)?))
                    })
                    .optional()?;
                let is_second = known.is_some_and(|(lives_in, is_torn, millis)| {
                    let is_better = is_torn && segment.duration.to_millis() > millis;
                    lives_in != tier && !is_better
                });
                stored.push(
                    if garbage::is_garbage(tx, tier, id)?
                        || !is_there(camera, *stream, segment.start)
                    {
                        FoundAs::Gone
                    } else if is_second {
                        FoundAs::Double
                    } else {
                        store_row(tx, number, tier, segment)?;
                        stale.changed(number, segment.start);
                        FoundAs::Stored
                    },
                );
            }
            stale.refresh(tx)?;
            Ok(Some(stored))
        })?;
        stored.ok_or_else(|| IndexError::UnknownTier { id: tier_id.to_owned() })
    }

    /// Segments that an object store holds: those that live on a disk have a copy there now, the others live there. What
    /// is to be deleted there is left out. Tells how many are new, and how many copies.
    pub fn restore_segments(
        &self,
        store: &str,
        camera: &CameraId,
        stream: StreamKind,
        segments: &[NewSegment],
        at: UtcMs,
    ) -> Result<(u64, u64), IndexError> {
        let done = self.write("restore segments", |tx| {
            let Some(tier) = tiers::find(tx, store)? else { return Ok(None) };
            let number = StreamNo::find_or_add(tx, camera, stream)?;
            let mut stale = StaleDays::default();
            let (mut new, mut copies) = (0, 0);
            for segment in segments.iter().filter(|segment| StreamNo::can_hold(segment.start)) {
                let id = number.segment(segment.start)?;
                if garbage::is_garbage(tx, tier, id)? {
                    continue;
                }
                let lives_in: Option<i64> = tx
                    .prepare_cached("select tier_id from segments where id = ?1")?
                    .query_row([id], |row| row.get(0))
                    .optional()?;
                match lives_in {
                    Some(lives_in) if lives_in == tier => {}
                    Some(_) => {
                        let size = i64::try_from(segment.size_bytes)
                            .map_err(|_| too_large("size of a segment"))?;
                        copies += tx
                            .prepare_cached(
                                "insert into copies (segment_id, tier_id, size_bytes, copied_utc_ms)
                                 values (?1, ?2, ?3, ?4) on conflict do nothing",
                            )?
                            .execute(params![id, tier, size, at.0])?;
                    }
                    None => {
                        store_row(tx, number, tier, segment)?;
                        stale.changed(number, segment.start);
                        new += 1;
                    }
                }
            }
            stale.refresh(tx)?;
            Ok(Some((new, u64::try_from(copies).unwrap_or(u64::MAX))))
        })?;
        done.ok_or_else(|| IndexError::UnknownTier { id: store.to_owned() })
    }
}
