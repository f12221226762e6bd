//! Hands: the folder that a hub owns (CONTRACT section 4).
//!
//! ```text
//! DATA/tarsier.db   the index            DATA/logs/        tarsierd.log and older ones
//! DATA/secret.key   0600                 DATA/run/         socket, hub.json, hub.lock; 0700
//! DATA/revoked.json 0600; tokens that are good for nothing any more
//! DATA/given.json   0600; what the tokens say that were handed on
//! DATA/made/        the same of those that `tarsierd token` made
//! DATA/rtsps.key    0600; of DATA/rtsps.crt, the hub's own certificate
//! DATA/cameras.json 0600; what a new index is given if that one is lost
//! DATA/footage/     the tier that is written to; tarsier-tier.json is its identity, locks.json its locks,
//!                   tarsier-reserve holds room for a full disk, .moving/ has unfinished copies
//! ```
//! One hub at a time: `run/hub.lock` is locked while it runs, and the lock goes with the process, however it ends.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::platform;

/// Why a data folder cannot be used; each variant is something else to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenDataDirError {
    /// Another hub has it.
    #[error("{} is used by another tarsierd: stop that one, or choose another --data-dir", path.display())]
    InUse {
        /// The data folder.
        path: PathBuf,
    },
    /// It cannot be written to.
    #[error("cannot write to {}; give this user the right to, or choose another --data-dir", path.display())]
    NotWritable {
        /// File or folder.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// `secret.key` or `tarsier-tier.json` is damaged.
    #[error("{} is damaged: {hint}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What to do.
        hint: &'static str,
    },
}

/// The folder, locked for this process.
#[derive(Debug)]
pub(crate) struct DataDir {
    root: PathBuf,
    key: [u8; 32],
    tier_id: String,
    /// Held open: the lock goes when it is closed.
    _lock: File,
}

/// `tarsier-tier.json`
#[derive(Debug, Serialize, Deserialize)]
struct TierIdentity {
    id: String,
    created_utc_ms: i64,
}

/// `run/hub.json`: how a window finds the hub.
#[derive(Debug, Serialize, Deserialize)]
struct HubFile {
    url: String,
    pid: u32,
    version: String,
}

impl DataDir {
    /// Makes what is missing and locks the folder.
    pub(crate) fn open(root: &Path, now_utc_ms: i64) -> Result<Self, OpenDataDirError> {
        for folder in [root.to_owned(), root.join("logs"), root.join("run"), root.join("footage")] {
            fs::create_dir_all(&folder).map_err(|source| not_writable(&folder, source))?;
        }
        // What is handed to children as a path must not depend on where they are started.
        let root = fs::canonicalize(root).map_err(|source| not_writable(root, source))?;
        private(&root.join("run"))?;
        let lock = lock(&root)?;
        let key = secret_key(&root.join("secret.key"))?;
        let tier_id = tier_identity(&root.join("footage"), now_utc_ms)?;
        Ok(Self { root, key, tier_id, _lock: lock })
    }

    pub(crate) fn index(&self) -> PathBuf {
        self.root.join("tarsier.db")
    }

    pub(crate) fn cameras(&self) -> PathBuf {
        self.root.join("cameras.json")
    }

    pub(crate) fn revoked(&self) -> PathBuf {
        self.root.join("revoked.json")
    }

    pub(crate) fn given(&self) -> PathBuf {
        self.root.join("given.json")
    }

    pub(crate) fn made(&self) -> PathBuf {
        made(&self.root)
    }

    /// Certificate and key.
    pub(crate) fn certificate(&self) -> (PathBuf, PathBuf) {
        (self.root.join("rtsps.crt"), self.root.join("rtsps.key"))
    }

    pub(crate) fn logs(&self) -> PathBuf {
        self.root.join("logs")
    }

    pub(crate) fn run(&self) -> PathBuf {
        self.root.join("run")
    }

    pub(crate) fn footage(&self) -> PathBuf {
        self.root.join("footage")
    }

    pub(crate) fn tier_id(&self) -> &str {
        &self.tier_id
    }

    pub(crate) const fn key(&self) -> &[u8; 32] {
        &self.key
    }

    /// Says where the hub answers.
    pub(crate) fn announce(&self, url: &str, version: &str) -> Result<(), OpenDataDirError> {
        let path = self.run().join("hub.json");
        let (url, version) = (url.to_owned(), version.to_owned());
        let file = HubFile { url, pid: std::process::id(), version };
        let text = serde_json::to_string(&file).expect("three plain fields are JSON");
        replace(&path, text.as_bytes()).map_err(|source| not_writable(&path, source))
    }

    /// Takes that back.
    pub(crate) fn withdraw(&self) {
        let path = self.run().join("hub.json");
        if let Err(error) = fs::remove_file(&path)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(path = %path.display(), %error, "a window may look for this hub in vain");
        }
    }
}

/// The key of a data folder that a hub has made; does not lock it.
pub(crate) fn read_key(root: &Path) -> Result<[u8; 32], OpenDataDirError> {
    let path = root.join("secret.key");
    match fs::read_to_string(&path) {
        Ok(text) => parse_key(&path, &text),
        Err(source) => Err(not_writable(&path, source)),
    }
}

/// Where the hub of a data folder says that it answers. One that crashed says so still.
pub(crate) fn read_url(root: &Path) -> Option<String> {
    let text = fs::read_to_string(root.join("run").join("hub.json")).ok()?;
    serde_json::from_str::<HubFile>(&text).ok().map(|file| file.url)
}

fn lock(root: &Path) -> Result<File, OpenDataDirError> {
    let path = root.join("run").join("hub.lock");
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(|source| not_writable(&path, source))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenDataDirError::InUse { path: root.to_owned() }),
        Err(TryLockError::Error(source)) => Err(not_writable(&path, source)),
    }
}

fn secret_key(path: &Path) -> Result<[u8; 32], OpenDataDirError> {
    match fs::read_to_string(path) {
        Ok(text) => return parse_key(path, &text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(source) => return Err(not_writable(path, source)),
    }
    let key = crate::secrets::random_bytes::<32>();
    let text = blake3::Hash::from_bytes(key).to_hex();
    replace(path, format!("{text}\n").as_bytes()).map_err(|source| not_writable(path, source))?;
    Ok(key)
}

fn parse_key(path: &Path, text: &str) -> Result<[u8; 32], OpenDataDirError> {
    blake3::Hash::from_hex(text.trim()).map(|key| *key.as_bytes()).map_err(|_| OpenDataDirError::Damaged {
        path: path.to_owned(),
        hint: "bring it back from a backup; without it the cameras' passwords must be typed again",
    })
}

fn tier_identity(tier: &Path, now_utc_ms: i64) -> Result<String, OpenDataDirError> {
    let path = tier.join("tarsier-tier.json");
    match fs::read_to_string(&path) {
        Ok(text) => {
            return serde_json::from_str::<TierIdentity>(&text).map(|tier| tier.id).map_err(|_| {
                OpenDataDirError::Damaged {
                    path,
                    hint: "delete it if this is the right folder; it is then made anew",
                }
            });
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(source) => return Err(not_writable(&path, source)),
    }
    let random = blake3::Hash::from_bytes(crate::secrets::random_bytes::<32>()).to_hex();
    let tier =
        TierIdentity { id: format!("tier-{}", &random.as_str()[..16]), created_utc_ms: now_utc_ms };
    let text = serde_json::to_string(&tier).expect("two plain fields are JSON");
    replace(&path, text.as_bytes()).map_err(|source| not_writable(&path, source))?;
    Ok(tier.id)
}

/// Where `tarsierd token` tells what it made.
pub(crate) fn made(data_dir: &Path) -> PathBuf {
    data_dir.join("made")
}

/// Writes a whole file for this user only, or leaves the old one. What is written is there after a power cut.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    // tempfile makes it 0600.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    platform::sync_folder(folder)
}

#[cfg(unix)]
fn private(folder: &Path) -> Result<(), OpenDataDirError> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))
        .map_err(|source| not_writable(folder, source))
}

#[cfg(not(unix))]
fn private(_folder: &Path) -> Result<(), OpenDataDirError> {
    // A user's own folders are closed to others by the access list that they inherit.
    Ok(())
}

fn not_writable(path: &Path, source: io::Error) -> OpenDataDirError {
    OpenDataDirError::NotWritable { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_belongs_to_one_hub_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let first = DataDir::open(dir.path(), 0).unwrap();
        let second = DataDir::open(dir.path(), 0).unwrap_err();
        assert!(matches!(second, OpenDataDirError::InUse { .. }), "{second}");
        let (key, tier) = (*first.key(), first.tier_id().to_owned());
        drop(first);
        let again = DataDir::open(dir.path(), 0).unwrap();
        assert_eq!(
            (again.key(), again.tier_id()),
            (&key, tier.as_str()),
            "key and identity outlive the process"
        );
        assert_eq!(read_key(dir.path()).unwrap(), key);
    }

    #[cfg(unix)]
    #[test]
    fn the_key_is_readable_by_nobody_else() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let _open = DataDir::open(dir.path(), 0).unwrap();
        let mode =
            |name: &str| fs::metadata(dir.path().join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode("secret.key"), mode("run")), (0o600, 0o700));
    }

    #[test]
    fn a_damaged_key_is_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("secret.key"), "abc").unwrap();
        let error = DataDir::open(dir.path(), 0).unwrap_err();
        assert!(matches!(error, OpenDataDirError::Damaged { .. }), "{error}");
        assert_eq!(
            fs::read_to_string(dir.path().join("secret.key")).unwrap(),
            "abc",
            "it may still be mended"
        );
    }
}
