//! Hands: locks beside the footage, so that a lost index does not unlock it.
//!
//! ```text
//! ROOT/locks.json   {"locks":[{"id":"…","camera":"garden","start_utc_ms":…,"end_utc_ms":…,"note":"…","created_utc_ms":…}]}
//! ```
//! Each tier has the whole list. A new index takes the locks of every tier that it finds; ids are never given twice, so
//! lists are put together without a question. A lock that was lifted while a disk was away comes back with that disk: too
//! much kept is better than too little.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tarsier_index::Lock;
use tarsier_types::{CameraId, UtcMs, UtcRange};

use crate::volume;

/// Name of the list in a tier.
pub const LOCKS_FILE: &str = "locks.json";

/// Why a list of locks cannot be kept or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LocksFileError {
    /// The disk refuses.
    #[error("cannot read or write {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// It is damaged.
    #[error("{} is damaged", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where.
        #[source]
        source: serde_json::Error,
    },
}

#[derive(Serialize, Deserialize)]
struct List {
    locks: Vec<Row>,
}

#[derive(Serialize, Deserialize)]
struct Row {
    id: String,
    camera: CameraId,
    start_utc_ms: i64,
    end_utc_ms: i64,
    note: String,
    created_utc_ms: i64,
}

/// The list as bytes: what a bucket gets too.
pub fn to_bytes(locks: &[Lock]) -> Vec<u8> {
    let row = |lock: &Lock| Row {
        id: lock.id.clone(),
        camera: lock.camera.clone(),
        start_utc_ms: lock.range.start.0,
        end_utc_ms: lock.range.end.0,
        note: lock.note.clone(),
        created_utc_ms: lock.created.0,
    };
    let list = List { locks: locks.iter().map(row).collect() };
    serde_json::to_vec(&list).expect("plain fields are JSON")
}

/// The list of those bytes.
pub fn from_bytes(bytes: &[u8]) -> Result<Vec<Lock>, serde_json::Error> {
    let list: List = serde_json::from_slice(bytes)?;
    let lock = |row: Row| Lock {
        id: row.id,
        camera: row.camera,
        range: UtcRange::new(UtcMs(row.start_utc_ms), UtcMs(row.end_utc_ms)),
        note: row.note,
        created: UtcMs(row.created_utc_ms),
    };
    // A span without an end would lock nothing; it and a lock without a name break the index's rules, and would cost the
    // others.
    let can_be = |row: &Row| row.start_utc_ms < row.end_utc_ms && !row.id.is_empty();
    Ok(list.locks.into_iter().filter(can_be).map(lock).collect())
}

/// Keeps the list in a tier, unless it is there already.
pub fn keep(root: &Path, locks: &[Lock]) -> Result<(), LocksFileError> {
    let path = root.join(LOCKS_FILE);
    let bytes = to_bytes(locks);
    match fs::read(&path) {
        Ok(known) if known == bytes => return Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound && locks.is_empty() => return Ok(()),
        _ => {}
    }
    volume::replace(&path, &bytes).map_err(|source| LocksFileError::Io { path, source })
}

/// The list of a tier; empty if it has none.
pub fn read(root: &Path) -> Result<Vec<Lock>, LocksFileError> {
    let path = root.join(LOCKS_FILE);
    match fs::read(&path) {
        Ok(bytes) => from_bytes(&bytes).map_err(|source| LocksFileError::Damaged { path, source }),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(source) => Err(LocksFileError::Io { path, source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locks_outlive_a_lost_index() {
        let tier = tempfile::tempdir().unwrap();
        assert_eq!(read(tier.path()).unwrap(), []);
        keep(tier.path(), &[]).unwrap();
        assert!(!tier.path().join(LOCKS_FILE).exists(), "nothing to keep, nothing is written");
        let lock = Lock {
            id: "a".into(),
            camera: CameraId::new("garden").unwrap(),
            range: UtcRange::new(UtcMs(1), UtcMs(2)),
            note: "the parcel".into(),
            created: UtcMs(3),
        };
        keep(tier.path(), std::slice::from_ref(&lock)).unwrap();
        assert_eq!(read(tier.path()).unwrap(), [lock]);
        keep(tier.path(), &[]).unwrap();
        assert_eq!(read(tier.path()).unwrap(), []);
        fs::write(tier.path().join(LOCKS_FILE), "{").unwrap();
        assert!(matches!(read(tier.path()), Err(LocksFileError::Damaged { .. })));
    }
}
