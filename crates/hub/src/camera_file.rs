//! `DATA/cameras.json`: a copy of what only the index knows, for the day on which the index is lost.
//!
//! ```text
//! { "format": 1,
//!   "cameras":  [ { "id", "name", "created_utc_ms", "enabled", "config": {…}, "secret": base64 or null } ],
//!   "former":   [ { "id", "name", "deleted_utc_ms" } ],
//!   "settings": { name: value } }
//! ```
//! Footage is found again in the files; cameras are not. The index always wins: the file is read only when the
//! index does not bear [`IS_KEPT`], that is when it is new. Passwords are as in the index: encrypted under
//! `secret.key`. What does not belong here: what a configuration means ([`crate::config`]).

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tarsier_index::{CameraRow, Index, IndexError, PutCameraError};
use tarsier_types::{CameraId, UtcMs};

use crate::{cameras, data_dir};

const FORMAT: u32 = 1;
/// A setting of an index whose cameras are in the file: it is not new.
const IS_KEPT: &str = "cameras_json_is_kept";

/// The file, and that one thread at a time writes it.
pub(crate) struct CameraFile {
    path: PathBuf,
    writing: Mutex<()>,
}

/// What was found at the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// The index is the one that the file is a copy of.
    KnownIndex,
    /// The index is new, and there is no list.
    NoFile,
    /// The index is new, and so many cameras came back.
    Restored { cameras: usize },
    /// The index is new, and the list (or some of it) cannot be read; it was renamed.
    Damaged { cameras: usize },
}

/// A camera could not be copied or brought back.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CameraFileError {
    #[error(transparent)]
    Index(#[from] IndexError),
    #[error("cannot write {}", path.display())]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

/// The file as it is read: what one camera has wrong must not cost the others.
#[derive(Deserialize)]
struct Stored {
    format: u32,
    cameras: Vec<Value>,
    #[serde(default)]
    former: Vec<Value>,
    #[serde(default)]
    settings: BTreeMap<String, Value>,
}

#[derive(Serialize)]
struct Kept {
    format: u32,
    cameras: Vec<KeptCamera>,
    former: Vec<FormerId>,
    settings: BTreeMap<String, Value>,
}

#[derive(Serialize, Deserialize)]
struct KeptCamera {
    id: CameraId,
    name: String,
    created_utc_ms: i64,
    enabled: bool,
    config: Value,
    secret: Option<String>,
}

/// The id of a deleted camera, which must not be given to another: footage lies under it.
#[derive(Serialize, Deserialize)]
struct FormerId {
    id: CameraId,
    name: String,
    deleted_utc_ms: i64,
}

impl CameraFile {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, writing: Mutex::default() }
    }

    /// At the start, before anything else is stored: brings back what a new index lacks. May be interrupted and
    /// done again.
    pub(crate) fn restore(&self, index: &Index, now: UtcMs) -> Result<Found, CameraFileError> {
        if index.setting(IS_KEPT)?.is_some() {
            return Ok(Found::KnownIndex);
        }
        let text = match std::fs::read_to_string(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                index.put_setting(IS_KEPT, "true")?;
                return Ok(Found::NoFile);
            }
            read => read,
        };
        let read = text.map_err(|error| error.to_string()).and_then(|text| read(&text));
        let (cameras, is_whole) = match read {
            Ok(stored) => bring_back(index, stored)?,
            Err(why) => {
                tracing::error!(path = %self.path.display(), why, "the list of cameras cannot be read");
                (0, false)
            }
        };
        if !is_whole {
            let aside = self.set_aside(now)?;
            tracing::error!(
                aside = %aside.display(),
                restored = cameras,
                "what could not be read of the list of cameras is kept there; add the missing cameras again"
            );
        }
        index.put_setting(IS_KEPT, "true")?;
        Ok(if is_whole { Found::Restored { cameras } } else { Found::Damaged { cameras } })
    }

    /// Writes what the index knows now, if the file says something else.
    pub(crate) fn keep(&self, index: &Index) -> Result<(), CameraFileError> {
        let _one_at_a_time = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let old = std::fs::read_to_string(&self.path).unwrap_or_default();
        let mut text = serde_json::to_string_pretty(&copy(index, read(&old).ok())?)
            .expect("text, numbers and JSON are JSON");
        text.push('\n');
        if text == old {
            return Ok(());
        }
        data_dir::replace(&self.path, text.as_bytes())
            .map_err(|source| CameraFileError::Write { path: self.path.clone(), source })
    }

    fn set_aside(&self, now: UtcMs) -> Result<PathBuf, CameraFileError> {
        let stamp = jiff::Timestamp::from_millisecond(now.0)
            .map_or_else(|_| now.0.to_string(), |utc| utc.strftime("%Y%m%dT%H%M%SZ").to_string());
        let named = |number: u32| {
            let mut name = OsString::from(self.path.as_os_str());
            name.push(format!(".damaged-{stamp}"));
            if number > 1 {
                name.push(format!("-{number}"));
            }
            PathBuf::from(name)
        };
        let aside = (1..=u32::MAX).map(named).find(|path| !path.exists());
        let aside = aside.expect("there are more numbers than files");
        std::fs::rename(&self.path, &aside)
            .map_err(|source| CameraFileError::Write { path: aside.clone(), source })?;
        Ok(aside)
    }
}

fn read(text: &str) -> Result<Stored, String> {
    // serde's own words could quote a value.
    let stored: Stored = serde_json::from_str(text)
        .map_err(|error| format!("damaged in line {}, column {}", error.line(), error.column()))?;
    if stored.format == FORMAT {
        Ok(stored)
    } else {
        Err(format!("its format is {}, this version knows {FORMAT}", stored.format))
    }
}

fn copy(index: &Index, old: Option<Stored>) -> Result<Kept, IndexError> {
    let mut cameras = Vec::new();
    for row in index.cameras()? {
        cameras.push(KeptCamera {
            config: serde_json::from_str(&row.config_json)
                .unwrap_or_else(|_| Value::String(row.config_json.clone())),
            secret: index.secret(&row.id)?.map(|sealed| BASE64_STANDARD.encode(sealed)),
            id: row.id,
            name: row.name,
            created_utc_ms: row.created.0,
            enabled: row.enabled,
        });
    }
    // The index lists a deleted camera once its footage was found; the file has known it before.
    let known = old.into_iter().flat_map(|old| old.former);
    let mut former: BTreeMap<CameraId, FormerId> = known
        .filter_map(|value| serde_json::from_value::<FormerId>(value).ok())
        .map(|former| (former.id.clone(), former))
        .collect();
    for row in index.former_cameras()? {
        let (name, deleted_utc_ms) = (row.name, row.deleted.0);
        former.insert(row.id.clone(), FormerId { id: row.id, name, deleted_utc_ms });
    }
    for camera in &cameras {
        former.remove(&camera.id);
    }
    let mut settings = BTreeMap::new();
    for key in cameras::setting_keys(cameras.iter().map(|camera| &camera.id)) {
        let value = index.setting(&key)?.and_then(|json| serde_json::from_str(&json).ok());
        settings.extend(value.map(|value| (key, value)));
    }
    Ok(Kept { format: FORMAT, cameras, former: former.into_values().collect(), settings })
}

/// How many cameras came back, and whether that is all of the file.
fn bring_back(index: &Index, stored: Stored) -> Result<(usize, bool), IndexError> {
    let (mut restored, mut is_whole) = (0, true);
    // Deleted ones first: their names are free.
    for value in stored.former {
        let Ok(former) = serde_json::from_value::<FormerId>(value) else {
            tracing::error!("the id of a deleted camera cannot be read");
            is_whole = false;
            continue;
        };
        let FormerId { id, name, deleted_utc_ms } = former;
        let deleted = UtcMs(deleted_utc_ms);
        let row = row(id.clone(), name, deleted, true, "{}".to_owned(), None);
        match index.add_camera(&row, None) {
            Ok(()) => drop(index.delete_camera(&id, deleted)?),
            Err(error) => is_whole &= is_there(&id, error)?,
        }
    }
    for (at, value) in stored.cameras.into_iter().enumerate() {
        let Ok(camera) = serde_json::from_value::<KeptCamera>(value) else {
            tracing::error!(at, "this camera of the list cannot be read");
            is_whole = false;
            continue;
        };
        let KeptCamera { id, name, created_utc_ms, enabled, config, secret } = camera;
        let secret = match secret.map(|text| BASE64_STANDARD.decode(text)).transpose() {
            Ok(secret) => secret,
            Err(error) => {
                tracing::error!(camera = %id, %error, "its password cannot be read; type it again");
                is_whole = false;
                None
            }
        };
        let config_json = match config {
            Value::String(text) => text,
            config => config.to_string(),
        };
        let row = row(id, name, UtcMs(created_utc_ms), enabled, config_json, secret.as_ref());
        match index.add_camera(&row, secret.as_deref()) {
            Ok(()) => restored += 1,
            Err(error) => is_whole &= is_there(&row.id, error)?,
        }
    }
    for (key, value) in stored.settings {
        index.put_setting(&key, &value.to_string())?;
    }
    Ok((restored, is_whole))
}

fn row(
    id: CameraId,
    name: String,
    created: UtcMs,
    enabled: bool,
    config_json: String,
    secret: Option<&Vec<u8>>,
) -> CameraRow {
    CameraRow { id, name, created, enabled, config_json, has_secret: secret.is_some() }
}

/// An interrupted restart has brought it back already; whatever else the index refuses is told.
fn is_there(id: &CameraId, error: PutCameraError) -> Result<bool, IndexError> {
    match error {
        PutCameraError::IdTaken { .. } => Ok(true),
        PutCameraError::Index(error) => Err(error),
        error => {
            tracing::error!(camera = %id, %error, "not brought back from the list of cameras");
            Ok(false)
        }
    }
}
