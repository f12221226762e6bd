//! Hands: the identity of a tier, and whether it is there.
//!
//! A folder is a tier if its `tarsier-tier.json` says so. A share that is not mounted leaves an empty folder behind, and
//! another disk in its place has another identity: in both cases nothing is written there, ever. What does not belong
//! here: what to do then.
//!
//! ```text
//! ROOT/tarsier-tier.json   {"id":"tier-0123456789abcdef","created_utc_ms":1795132800000}
//! ```

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tarsier_types::UtcMs;

use crate::platform;
use crate::words::{DiskId, TierId, TierKind, Volume, VolumeState};

/// Name of the file that makes a folder, or a bucket, a tier.
pub const IDENTITY_FILE: &str = "tarsier-tier.json";

/// What is tried when it is asked whether a tier takes writes; removed at once.
const PROBE_PREFIX: &str = ".tarsier-probe-";

/// `tarsier-tier.json`. Fields that a later version adds are kept out of its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Which tier it is.
    pub id: TierId,
    /// When it was made one, UTC.
    pub created_utc_ms: i64,
}

/// Why a folder cannot become a tier.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AdoptError {
    /// There is no such folder.
    #[error("there is no folder {}", path.display())]
    NoFolder {
        /// Which.
        path: PathBuf,
    },
    /// Its identity file is damaged.
    #[error("{} cannot be read as the identity of a tier", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// It cannot be read or written.
    #[error("cannot write to {}", path.display())]
    NotWritable {
        /// Folder or file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
}

/// Makes a folder a tier, or finds that it is one (a disk of another machine keeps its identity, and its footage).
pub fn adopt(root: &Path, new_id: &TierId, now: UtcMs) -> Result<Identity, AdoptError> {
    if !root.is_dir() {
        return Err(AdoptError::NoFolder { path: root.to_owned() });
    }
    let path = root.join(IDENTITY_FILE);
    let failed = |source| AdoptError::NotWritable { path: path.clone(), source };
    match fs::read(&path) {
        Ok(bytes) => {
            serde_json::from_slice(&bytes).map_err(|_| AdoptError::Damaged { path: path.clone() })
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let identity = Identity { id: new_id.clone(), created_utc_ms: now.0 };
            let bytes = serde_json::to_vec(&identity).map_err(io::Error::from).map_err(failed)?;
            replace(&path, &bytes).map_err(failed)?;
            Ok(identity)
        }
        Err(error) => Err(failed(error)),
    }
}

/// Whether that tier is at that place now, and takes writes. Reads one small file and writes one; a share whose server is
/// gone may let it hang, so ask on a thread that may.
pub fn look(root: &Path, id: &TierId) -> VolumeState {
    match identity(root) {
        Ok(Some(found)) if found == *id => {}
        Ok(Some(_) | None) => return VolumeState::Foreign,
        Err(_) => return VolumeState::Absent,
    }
    // A new file of a name of its own: through a link that lies there somebody else's would be overwritten.
    let probe = tempfile::Builder::new().prefix(PROBE_PREFIX).tempfile_in(root);
    match probe.and_then(|mut file| file.write_all(b".")) {
        Ok(()) => VolumeState::Writable,
        // Full is not read-only: deleting works.
        Err(error) if matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded) => {
            VolumeState::Writable
        }
        Err(error) if error.kind() == ErrorKind::NotFound => VolumeState::Absent,
        Err(_) => VolumeState::ReadOnly,
    }
}

/// The tier that lies there; `None` if what is there says nothing that we understand.
fn identity(root: &Path) -> io::Result<Option<TierId>> {
    let bytes = fs::read(root.join(IDENTITY_FILE))?;
    Ok(serde_json::from_slice::<Identity>(&bytes).ok().map(|identity| identity.id))
}

/// A tier in a folder, as the index knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Which.
    pub id: TierId,
    /// What it is for.
    pub kind: TierKind,
    /// Its folder.
    pub root: PathBuf,
    /// Footage of ours in it, bytes, by the index.
    pub ours_bytes: u64,
}

/// Measures a tier in a folder. Where it cannot be measured it is absent.
pub fn measure(place: &Place) -> Volume {
    let absent = |state| Volume {
        tier: place.id.clone(),
        kind: place.kind,
        state,
        // No other disk has this name: an absent tier shares a disk with nobody.
        disk: DiskId(format!("absent-{}", place.id)),
        total_bytes: 0,
        available_bytes: 0,
        ours_bytes: place.ours_bytes,
    };
    let state = look(&place.root, &place.id);
    if matches!(state, VolumeState::Absent | VolumeState::Foreign) {
        return absent(state);
    }
    let measured = platform::disk_of(&place.root).and_then(|disk| {
        let (total, available) =
            (fs4::total_space(&place.root)?, fs4::available_space(&place.root)?);
        Ok((disk, total, available))
    });
    match measured {
        Ok((disk, total_bytes, available_bytes)) => {
            Volume { disk, total_bytes, available_bytes, ..absent(state) }
        }
        Err(_) => absent(VolumeState::Absent),
    }
}

/// Writes a whole file, or leaves the old one: whole, synced, then renamed.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    platform::sync_folder(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> TierId {
        TierId::new(text).unwrap()
    }

    fn place(root: &Path, tier: &str) -> Place {
        Place { id: id(tier), kind: TierKind::Archive, root: root.to_owned(), ours_bytes: 5 }
    }

    #[test]
    fn a_share_that_is_not_mounted_is_never_written_to() {
        let mount_point = tempfile::tempdir().unwrap();
        let volume = measure(&place(mount_point.path(), "nas"));
        assert_eq!((volume.state, volume.available_bytes), (VolumeState::Absent, 0));
        assert_eq!(fs::read_dir(mount_point.path()).unwrap().count(), 0, "nothing was written");
        let gone = measure(&place(&mount_point.path().join("gone"), "nas"));
        assert_eq!(gone.state, VolumeState::Absent);
    }

    #[test]
    fn another_disk_in_its_place_is_foreign() {
        let disk = tempfile::tempdir().unwrap();
        adopt(disk.path(), &id("mine"), UtcMs(7)).unwrap();
        assert_eq!(look(disk.path(), &id("mine")), VolumeState::Writable);
        assert_eq!(look(disk.path(), &id("other")), VolumeState::Foreign);
        fs::write(disk.path().join(IDENTITY_FILE), "x").unwrap();
        assert_eq!(look(disk.path(), &id("mine")), VolumeState::Foreign);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_in_the_place_of_a_probe_costs_nobody_a_file() {
        let disk = tempfile::tempdir().unwrap();
        adopt(disk.path(), &id("mine"), UtcMs(7)).unwrap();
        let theirs = disk.path().join("letter");
        fs::write(&theirs, "dear").unwrap();
        std::os::unix::fs::symlink(&theirs, disk.path().join(".tarsier-probe")).unwrap();
        assert_eq!(look(disk.path(), &id("mine")), VolumeState::Writable);
        assert_eq!(fs::read_to_string(&theirs).unwrap(), "dear");
        assert_eq!(fs::read_dir(disk.path()).unwrap().count(), 3, "nothing was left there");
    }

    #[test]
    fn a_disk_of_another_machine_keeps_its_identity() {
        let disk = tempfile::tempdir().unwrap();
        let first = adopt(disk.path(), &id("first"), UtcMs(7)).unwrap();
        assert_eq!(adopt(disk.path(), &id("second"), UtcMs(8)).unwrap(), first);
        let damaged = tempfile::tempdir().unwrap();
        fs::write(damaged.path().join(IDENTITY_FILE), "{}").unwrap();
        let error = adopt(damaged.path(), &id("second"), UtcMs(8)).unwrap_err();
        assert!(matches!(error, AdoptError::Damaged { .. }), "{error}");
    }

    #[test]
    fn two_folders_of_one_disk_share_it() {
        let disk = tempfile::tempdir().unwrap();
        let of = |name: &str| {
            let root = disk.path().join(name);
            fs::create_dir(&root).unwrap();
            adopt(&root, &id(name), UtcMs(7)).unwrap();
            measure(&place(&root, name))
        };
        let (a, b) = (of("a"), of("b"));
        assert_eq!(a.disk, b.disk);
        assert!(a.total_bytes >= a.available_bytes && a.available_bytes > 0);
    }
}
