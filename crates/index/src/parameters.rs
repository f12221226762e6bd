//! Parameter sets, each stored once: a camera keeps its own for months.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use tarsier_types::{AudioParameters, Codec, ParameterSets, VideoParameters};

use crate::error::unreadable;

/// Rows that were read before. They never change, so nothing has to be thrown away but all of it at [`CACHED`].
#[derive(Default)]
pub(crate) struct ParameterCache(Mutex<HashMap<i64, Arc<ParameterSets>>>);

/// More different sets than any installation sees in years; some cameras invent a new one at each connection (guess).
const CACHED: usize = 1_000;

impl ParameterCache {
    pub(crate) fn read(&self, db: &Connection, id: i64) -> rusqlite::Result<Arc<ParameterSets>> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = known.get(&id) {
            return Ok(Arc::clone(found));
        }
        let sets = Arc::new(
            db.prepare_cached(
                "select video_codec, video_rfc6381, width_px, height_px, nominal_millifps, video_sample_entry,
                        audio_codec, audio_rfc6381, audio_sample_rate_hz, audio_channels, audio_sample_entry
                 from parameter_sets where id = ?1",
            )?
            .query_row([id], sets)?,
        );
        if known.len() >= CACHED {
            known.clear();
        }
        known.insert(id, Arc::clone(&sets));
        Ok(sets)
    }
}

/// The row that holds these, made if there is none.
pub(crate) fn intern(tx: &Transaction<'_>, sets: &ParameterSets) -> rusqlite::Result<i64> {
    let ParameterSets { video, audio } = sets;
    let audio = audio.as_ref();
    let values = params![
        video.codec.name(),
        video.rfc6381,
        video.width,
        video.height,
        video.nominal_millifps,
        &video.sample_entry[..],
        audio.map(|audio| audio.codec.name()),
        audio.map(|audio| &audio.rfc6381),
        audio.map(|audio| audio.sample_rate_hz),
        audio.map(|audio| audio.channels),
        audio.map(|audio| &audio.sample_entry[..]),
    ];
    let found = tx
        .prepare_cached(
            "select id from parameter_sets
             where video_sample_entry = ?6 and video_codec = ?1 and video_rfc6381 = ?2 and width_px = ?3
               and height_px = ?4 and nominal_millifps is ?5 and audio_codec is ?7 and audio_rfc6381 is ?8
               and audio_sample_rate_hz is ?9 and audio_channels is ?10 and audio_sample_entry is ?11",
        )?
        .query_row(values, |row| row.get(0))
        .optional()?;
    if let Some(id) = found {
        return Ok(id);
    }
    tx.prepare_cached(
        "insert into parameter_sets (video_codec, video_rfc6381, width_px, height_px, nominal_millifps,
             video_sample_entry, audio_codec, audio_rfc6381, audio_sample_rate_hz, audio_channels, audio_sample_entry)
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    )?
    .execute(values)?;
    Ok(tx.last_insert_rowid())
}

fn sets(row: &Row<'_>) -> rusqlite::Result<ParameterSets> {
    let audio = match row.get::<_, Option<String>>(6)? {
        None => None,
        Some(name) => Some(AudioParameters {
            codec: codec(&name)?,
            rfc6381: row.get(7)?,
            sample_rate_hz: row.get(8)?,
            channels: row.get(9)?,
            sample_entry: Bytes::from(row.get::<_, Vec<u8>>(10)?),
        }),
    };
    Ok(ParameterSets {
        video: VideoParameters {
            codec: codec(row.get_ref(0)?.as_str()?)?,
            rfc6381: row.get(1)?,
            width: row.get(2)?,
            height: row.get(3)?,
            nominal_millifps: row.get(4)?,
            sample_entry: Bytes::from(row.get::<_, Vec<u8>>(5)?),
        },
        audio,
    })
}

fn codec(name: &str) -> rusqlite::Result<Codec> {
    const ALL: [Codec; 9] = [
        Codec::H264,
        Codec::Hevc,
        Codec::Av1,
        Codec::Mjpeg,
        Codec::Aac,
        Codec::Opus,
        Codec::Flac,
        Codec::PcmAlaw,
        Codec::PcmMulaw,
    ];
    ALL.into_iter().find(|codec| codec.name() == name).ok_or_else(|| unreadable("name of a codec"))
}
