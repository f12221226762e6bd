//! Cameras as configured. What the configuration says is the hub's business: here it is JSON and, for the
//! credentials, encrypted bytes.
//!
//! Deleting a camera keeps its footage and gaps, which rules delete when they are old enough; its credentials and
//! configuration go at once, its name is free again, its id is never given to another.

use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use tarsier_types::{CameraId, UtcMs};

use crate::error::{IndexError, unreadable};
use crate::index::Index;

/// A camera.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CameraRow {
    /// Its short name in URLs and folders.
    pub id: CameraId,
    /// Its name on the screen.
    pub name: String,
    /// When it was added.
    pub created: UtcMs,
    /// Whether it is connected at all.
    pub enabled: bool,
    /// The rest of its configuration; must be JSON, and holds no credentials.
    pub config_json: String,
    /// Whether credentials are stored. Told, not taken: [`SecretChange`] changes them.
    pub has_secret: bool,
}

/// What becomes of the stored credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretChange {
    /// They stay.
    Keep,
    /// They go.
    Remove,
    /// These (encrypted) replace them.
    Replace(Vec<u8>),
}

/// A camera that was deleted while footage of it is left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormerCamera {
    /// The id that it had.
    pub id: CameraId,
    /// The name that it had.
    pub name: String,
    /// When it was deleted.
    pub deleted: UtcMs,
}

/// Why a camera could not be stored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PutCameraError {
    /// Another camera has that name (case does not matter).
    #[error("the name {name:?} is taken by camera {by}")]
    NameTaken {
        /// The name.
        name: String,
        /// Who has it.
        by: CameraId,
    },
    /// That id is, or was, another camera's.
    #[error("the id {id} is taken")]
    IdTaken {
        /// The id.
        id: CameraId,
    },
    /// There is no such camera (any more).
    #[error("there is no camera {id}")]
    NotFound {
        /// The id.
        id: CameraId,
    },
    /// The name is empty or longer than 200 characters.
    #[error("a camera's name has 1 to 200 characters")]
    BadName,
    /// The index failed.
    #[error(transparent)]
    Index(#[from] IndexError),
}

impl Index {
    /// Adds a camera, with its encrypted credentials if it has any.
    pub fn add_camera(
        &self,
        camera: &CameraRow,
        secret: Option<&[u8]>,
    ) -> Result<(), PutCameraError> {
        let key = name_key(&camera.name)?;
        self.write("add a camera", |tx| {
            let taken: bool =
                tx.query_row("select exists (select 1 from cameras where id = ?1)", [camera.id.as_str()], |row| row.get(0))?;
            if taken {
                return Ok(Err(PutCameraError::IdTaken { id: camera.id.clone() }));
            }
            if let Some(by) = holder(tx, &key, &camera.id)? {
                return Ok(Err(PutCameraError::NameTaken { name: camera.name.clone(), by }));
            }
            tx.execute(
                "insert into cameras (id, name, name_key, created_utc_ms, enabled, config_json, secret)
                 values (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                params![
                    camera.id.as_str(),
                    camera.name.trim(),
                    key,
                    camera.created.0,
                    camera.enabled,
                    camera.config_json,
                    secret
                ],
            )?;
            Ok(Ok(()))
        })?
    }

    /// Replaces name, configuration and whether it is enabled; the time of its creation stays.
    pub fn update_camera(
        &self,
        camera: &CameraRow,
        secret: &SecretChange,
    ) -> Result<(), PutCameraError> {
        let key = name_key(&camera.name)?;
        self.write("change a camera", |tx| {
            if let Some(by) = holder(tx, &key, &camera.id)? {
                return Ok(Err(PutCameraError::NameTaken { name: camera.name.clone(), by }));
            }
            let changed = tx.execute(
                "update cameras set name = ?2, name_key = ?3, enabled = ?4, config_json = ?5
                 where id = ?1 and deleted_utc_ms is null",
                params![
                    camera.id.as_str(),
                    camera.name.trim(),
                    key,
                    camera.enabled,
                    camera.config_json
                ],
            )?;
            if changed == 0 {
                return Ok(Err(PutCameraError::NotFound { id: camera.id.clone() }));
            }
            set_secret(tx, &camera.id, secret)?;
            Ok(Ok(()))
        })?
    }

    /// Every camera, in the order in which they were added.
    pub fn cameras(&self) -> Result<Vec<CameraRow>, IndexError> {
        self.read("list the cameras", |db| {
            db.prepare_cached(&format!(
                "{SELECT} where deleted_utc_ms is null order by created_utc_ms, id"
            ))?
            .query_map([], camera)?
            .collect()
        })
    }

    /// The camera of that id.
    pub fn camera(&self, id: &CameraId) -> Result<Option<CameraRow>, IndexError> {
        self.read("read a camera", |db| {
            db.prepare_cached(&format!("{SELECT} where id = ?1 and deleted_utc_ms is null"))?
                .query_row([id.as_str()], camera)
                .optional()
        })
    }

    /// The encrypted credentials of that camera.
    pub fn secret(&self, id: &CameraId) -> Result<Option<Vec<u8>>, IndexError> {
        self.read("read a camera's credentials", |db| {
            let secret: Option<Option<Vec<u8>>> = db
                .prepare_cached("select secret from cameras where id = ?1")?
                .query_row([id.as_str()], |row| row.get(0))
                .optional()?;
            Ok(secret.flatten())
        })
    }

    /// Stores or removes encrypted credentials; `false` if there is no such camera.
    pub fn put_secret(&self, id: &CameraId, secret: &SecretChange) -> Result<bool, IndexError> {
        self.write("store a camera's credentials", |tx| {
            let known = exists(tx, id)?;
            if known {
                set_secret(tx, id, secret)?;
            }
            Ok(known)
        })
    }

    /// Deletes a camera's configuration and credentials; its footage stays until a rule deletes it.
    /// `false` if there was no such camera.
    pub fn delete_camera(&self, id: &CameraId, now: UtcMs) -> Result<bool, IndexError> {
        self.write("delete a camera", |tx| {
            let changed = tx.execute(
                "update cameras set deleted_utc_ms = ?2, name_key = null, enabled = 0, config_json = '{}', secret = null
                 where id = ?1 and deleted_utc_ms is null",
                params![id.as_str(), now.0],
            )?;
            Ok(changed > 0)
        })
    }

    /// Deleted cameras of which footage is left.
    pub fn former_cameras(&self) -> Result<Vec<FormerCamera>, IndexError> {
        self.read("list deleted cameras", |db| {
            db.prepare_cached(
                "select id, name, deleted_utc_ms from cameras where deleted_utc_ms is not null and exists (
                     select 1 from streams join totals on totals.stream_id = streams.id
                     where streams.camera_id = cameras.id and totals.segments > 0)
                 order by deleted_utc_ms, id",
            )?
            .query_map([], |row| {
                Ok(FormerCamera { id: camera_id(row, 0)?, name: row.get(1)?, deleted: UtcMs(row.get(2)?) })
            })?
            .collect()
        })
    }
}

const SELECT: &str =
    "select id, name, created_utc_ms, enabled, config_json, secret is not null from cameras";

fn camera(row: &Row<'_>) -> rusqlite::Result<CameraRow> {
    Ok(CameraRow {
        id: camera_id(row, 0)?,
        name: row.get(1)?,
        created: UtcMs(row.get(2)?),
        enabled: row.get(3)?,
        config_json: row.get(4)?,
        has_secret: row.get(5)?,
    })
}

pub(crate) fn camera_id(row: &Row<'_>, column: usize) -> rusqlite::Result<CameraId> {
    CameraId::new(row.get::<_, String>(column)?).map_err(|_| unreadable("camera id"))
}

/// What two names must differ in. Unicode's lower case, for SQLite knows that of ASCII only.
fn name_key(name: &str) -> Result<String, PutCameraError> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > 200 {
        return Err(PutCameraError::BadName);
    }
    Ok(name.to_lowercase())
}

fn holder(db: &Connection, key: &str, except: &CameraId) -> rusqlite::Result<Option<CameraId>> {
    db.prepare_cached("select id from cameras where name_key = ?1 and id <> ?2")?
        .query_row([key, except.as_str()], |row| camera_id(row, 0))
        .optional()
}

fn exists(db: &Connection, id: &CameraId) -> rusqlite::Result<bool> {
    db.prepare_cached(
        "select exists (select 1 from cameras where id = ?1 and deleted_utc_ms is null)",
    )?
    .query_row([id.as_str()], |row| row.get(0))
}

fn set_secret(tx: &Transaction<'_>, id: &CameraId, secret: &SecretChange) -> rusqlite::Result<()> {
    let secret = match secret {
        SecretChange::Keep => return Ok(()),
        SecretChange::Remove => None,
        SecretChange::Replace(bytes) => Some(bytes.as_slice()),
    };
    tx.execute("update cameras set secret = ?2 where id = ?1", params![id.as_str(), secret])
        .map(drop)
}
