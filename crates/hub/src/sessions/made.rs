//! Hands: `DATA/made/`, what the tokens say that `tarsierd token` made, a file each. No hub has seen them; without it, none
//! could tell that a program knows such a token which does not say it (Digest of RTSP).
//!
//! No token is in it, only what one is made of, with the key. Where it cannot be written, such programs are let in by Basic
//! or by `?token=` alone.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use tarsier_api::rights::Claims;
use tarsier_types::UtcMs;

use crate::tokens::{expires, is_id};

/// More are not read: whoever makes tokens by the thousand hands them to programs that say them.
const MOST_MADE: usize = 1000;
/// A folder that changed just now may change again without another time of change.
const SETTLED: Duration = Duration::from_secs(2);

/// The folder.
#[derive(Debug)]
pub(crate) struct MadeFolder {
    path: PathBuf,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    changed: Option<SystemTime>,
    claims: Vec<Claims>,
}

impl MadeFolder {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, known: Mutex::default() }
    }

    /// One more.
    pub(crate) fn keep(&self, claims: &Claims) -> io::Result<()> {
        fs::create_dir_all(&self.path)?;
        let text = serde_json::to_string(claims).expect("names and numbers are JSON");
        fs::write(self.path.join(format!("{}.json", claims.jti)), text)
    }

    /// Those that are good still. Files of others are removed.
    pub(crate) fn good(&self, now: UtcMs) -> Vec<Claims> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = fs::metadata(&self.path).and_then(|it| it.modified()).ok();
        if known.changed.is_none() || known.changed != changed {
            known.claims = self.read(now);
            let has_settled = |at: &SystemTime| at.elapsed().is_ok_and(|age| age > SETTLED);
            known.changed = changed.filter(has_settled);
        }
        known.claims.iter().filter(|claims| expires(claims) > now).cloned().collect()
    }

    fn read(&self, now: UtcMs) -> Vec<Claims> {
        let files = fs::read_dir(&self.path).into_iter().flatten().flatten();
        let read = |path: PathBuf| {
            let claims = claims_of(&path)?;
            if expires(&claims) > now {
                return Some(claims);
            }
            let _ = fs::remove_file(path);
            None
        };
        files.filter_map(|file| read(file.path())).take(MOST_MADE).collect()
    }
}

/// What is no such file is passed over.
fn claims_of(path: &Path) -> Option<Claims> {
    let claims: Claims = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
    (is_id(&claims.jti) && path.file_stem()?.to_str()? == claims.jti).then_some(claims)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokens::{Grant, Tokens};

    const NOW: UtcMs = UtcMs(1_795_205_700_000);

    fn made(seconds: u64) -> Claims {
        let lifetime = Duration::from_secs(seconds);
        Tokens::new(&[1; 32]).issue(Grant::everything("test"), NOW, lifetime).1
    }

    #[test]
    fn what_was_made_is_known_at_once_and_until_it_expires() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("made");
        let (hub, command) = (MadeFolder::new(path.clone()), MadeFolder::new(path.clone()));
        assert_eq!(hub.good(NOW), [], "there is no folder yet");
        let (short, long) = (made(60), made(600));
        for claims in [&short, &long] {
            command.keep(claims).unwrap();
            assert!(hub.good(NOW).contains(claims));
        }
        fs::write(path.join("garbage.json"), "{").unwrap();
        fs::rename(path.join(format!("{}.json", long.jti)), path.join("another.json")).unwrap();
        assert_eq!(hub.good(NOW), std::slice::from_ref(&short), "each under its own name");
        assert_eq!(hub.good(NOW.plus_millis(60_000)), [], "it has expired");
        assert!(!path.join(format!("{}.json", short.jti)).exists(), "and is cleared away");
    }
}
