//! What is kept of each connection over a restart: opaque JSON, one row a stream.

use rusqlite::{Row, params};
use tarsier_types::{CameraId, StreamKind, UtcMs};

use crate::cameras::camera_id;
use crate::error::{IndexError, unreadable};
use crate::index::Index;

/// What is kept of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionRow {
    /// Whose.
    pub camera: CameraId,
    /// Which stream.
    pub stream: StreamKind,
    /// When this was true.
    pub saved: UtcMs,
    /// Of the address and credentials that it was connected with.
    pub epoch: i64,
    /// The state, as JSON; holds no secret.
    pub state_json: String,
}

impl Index {
    /// Keeps a state in place of the one before.
    pub fn put_connection(&self, row: &ConnectionRow) -> Result<(), IndexError> {
        self.write("keep a connection's state", |tx| {
            tx.prepare_cached(
                "insert into connections (camera_id, stream, saved_utc_ms, epoch, state_json)
                 values (?1, ?2, ?3, ?4, ?5)
                 on conflict do update set saved_utc_ms = excluded.saved_utc_ms,
                     epoch = excluded.epoch, state_json = excluded.state_json",
            )?
            .execute(params![
                row.camera.as_str(),
                row.stream.name(),
                row.saved.0,
                row.epoch,
                row.state_json
            ])
            .map(drop)
        })
    }

    /// All that is kept.
    pub fn connections(&self) -> Result<Vec<ConnectionRow>, IndexError> {
        self.read("read the connections' states", |db| {
            db.prepare_cached(
                "select camera_id, stream, saved_utc_ms, epoch, state_json from connections
                 order by camera_id, stream",
            )?
            .query_map([], connection)?
            .collect()
        })
    }

    /// Forgets what is kept of a camera.
    pub fn forget_connections(&self, camera: &CameraId) -> Result<(), IndexError> {
        self.write("forget a connection's state", |tx| {
            tx.execute("delete from connections where camera_id = ?1", [camera.as_str()]).map(drop)
        })
    }

    /// Forgets what is older than that; tells how many.
    pub fn forget_connections_before(&self, at: UtcMs) -> Result<usize, IndexError> {
        self.write("forget old connections", |tx| {
            tx.execute("delete from connections where saved_utc_ms < ?1", [at.0])
        })
    }
}

fn connection(row: &Row<'_>) -> rusqlite::Result<ConnectionRow> {
    let stream: String = row.get(1)?;
    Ok(ConnectionRow {
        camera: camera_id(row, 0)?,
        stream: StreamKind::from_name(&stream).ok_or_else(|| unreadable("stream name"))?,
        saved: UtcMs(row.get(2)?),
        epoch: row.get(3)?,
        state_json: row.get(4)?,
    })
}
