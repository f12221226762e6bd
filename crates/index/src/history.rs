//! What streams wrote day by day: what a forecast measures their rates on.

use rusqlite::params;
use tarsier_types::{CameraId, StreamKind, UtcMs, UtcRange};

use crate::cameras::camera_id;
use crate::error::{IndexError, unreadable};
use crate::index::Index;
use crate::totals::{count, stream};

const MS_PER_DAY: i64 = 86_400_000;

/// 24 hours of one stream, counted back from some moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DayWritten {
    /// Whose.
    pub camera: CameraId,
    /// Which stream.
    pub stream: StreamKind,
    /// 0: the last 24 hours, 1: those before …
    pub days_back: usize,
    /// Sizes of the files that began in it and are still there.
    pub size_bytes: u64,
    /// Sizes of those of them that an event touches.
    pub event_bytes: u64,
    /// Length of their pictures.
    pub duration_ms: u64,
    /// Time in it in which nothing was to be recorded.
    pub planned_ms: u64,
}

impl Index {
    /// The `days` before `now`, by stream and day; days without files are left out. Looks at each of their files once.
    pub fn days_written(&self, now: UtcMs, days: u32) -> Result<Vec<DayWritten>, IndexError> {
        let from = now.plus_millis(-i64::from(days) * MS_PER_DAY);
        let mut written: Vec<DayWritten> = self.read("add up what streams wrote", |db| {
            db.prepare_cached(
                "select s.camera_id, s.stream, (?2 - 1 - f.start_utc_ms) / 86400000 as back, sum(f.size_bytes),
                     sum(case when exists (select 1 from event_spans e where e.camera_id = s.camera_id
                         and e.start_utc_ms < f.start_utc_ms + f.duration_ms and e.end_utc_ms > f.start_utc_ms)
                         then f.size_bytes else 0 end), sum(f.duration_ms)
                 from streams s join segments f on f.id >= (s.id << 44) + ?1 and f.id < (s.id << 44) + ?2
                 group by s.id, back order by s.camera_id, s.stream, back",
            )?
            .query_map(params![from.0.max(0), now.0.max(1)], |row| {
                Ok(DayWritten {
                    camera: camera_id(row, 0)?,
                    stream: stream(row.get_ref(1)?.as_str()?)?,
                    days_back: usize::try_from(row.get::<_, i64>(2)?)
                        .map_err(|_| unreadable("a day to come"))?,
                    size_bytes: count(row.get(3)?)?,
                    event_bytes: count(row.get(4)?)?,
                    duration_ms: count(row.get(5)?)?,
                    planned_ms: 0,
                })
            })?
            .collect()
        })?;
        let planned = self.read("read planned gaps", |db| {
            db.prepare_cached(
                "select s.camera_id, s.stream, g.start_utc_ms, g.end_utc_ms from gaps g
                 join streams s on s.id = g.stream_id
                 where g.reason = 'planned' and g.start_utc_ms < ?2 and g.end_utc_ms > ?1",
            )?
            .query_map(params![from.0, now.0], |row| {
                let range = UtcRange::new(UtcMs(row.get(2)?), UtcMs(row.get(3)?));
                Ok((camera_id(row, 0)?, stream(row.get_ref(1)?.as_str()?)?, range))
            })?
            .collect::<rusqlite::Result<Vec<_>>>()
        })?;
        for (camera, stream, range) in planned {
            for back in 0..days {
                let end = now.plus_millis(-i64::from(back) * MS_PER_DAY);
                let day = UtcRange::new(end.plus_millis(-MS_PER_DAY), end);
                let Some(both) = range.overlap(day) else { continue };
                let days_back = usize::try_from(back).unwrap_or(usize::MAX);
                let of = |day: &&mut DayWritten| {
                    day.camera == camera && day.stream == stream && day.days_back == days_back
                };
                let planned_ms = both.millis().unsigned_abs();
                if let Some(day) = written.iter_mut().find(of) {
                    day.planned_ms += planned_ms;
                } else {
                    let (camera, size_bytes, event_bytes, duration_ms) = (camera.clone(), 0, 0, 0);
                    written.push(DayWritten {
                        camera,
                        stream,
                        days_back,
                        size_bytes,
                        event_bytes,
                        duration_ms,
                        planned_ms,
                    });
                }
            }
        }
        Ok(written)
    }
}
