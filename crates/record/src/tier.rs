//! Hands: a tier as the recorder sees it: a folder that must name itself before anything is written into it.
//!
//! An unmounted disk leaves an empty folder behind, and a foreign one may hang in its place: neither is ever written
//! to (SPEC section 6). What does not belong here: which tier to use (the hub's), making one.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// What must fit for it to be worth a new file.
const PROBE_BYTES: usize = 1 << 20;

/// A folder and the identity that it must bear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tier {
    pub(crate) root: PathBuf,
    pub(crate) id: String,
}

impl Tier {
    /// `tarsier-tier.json` is there and names this tier.
    pub(crate) fn check(&self) -> io::Result<()> {
        let file = self.root.join("tarsier-tier.json");
        let foreign = |why: &str| {
            let place = self.root.display();
            io::Error::new(
                io::ErrorKind::NotFound,
                format!("{place} is not the disk that was set up: {why}; nothing is written to it"),
            )
        };
        let text = match fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(foreign("tarsier-tier.json is not there"));
            }
            Err(error) => return Err(error),
        };
        let identity: serde_json::Value = serde_json::from_str(&text)
            .map_err(|_| foreign("tarsier-tier.json cannot be understood"))?;
        match identity.get("id").and_then(serde_json::Value::as_str) {
            Some(id) if id == self.id => Ok(()),
            _ => Err(foreign("tarsier-tier.json names another")),
        }
    }

    /// It is ours and takes a megabyte: something can be recorded. `name` keeps two processes apart.
    pub(crate) fn probe(&self, name: &str) -> io::Result<()> {
        self.check()?;
        let path = self.root.join(format!(".tarsier-probe-{name}"));
        let written = write_probe(&path);
        let removed = fs::remove_file(&path);
        written.and(removed)
    }
}

/// A new file: through a link of that name somebody else's would be overwritten.
fn write_probe(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        // A crash left it.
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(&vec![0; PROBE_BYTES])?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tier(identity: Option<&str>) -> (tempfile::TempDir, Tier) {
        let dir = tempfile::tempdir().unwrap();
        if let Some(identity) = identity {
            fs::write(dir.path().join("tarsier-tier.json"), identity).unwrap();
        }
        let tier = Tier { root: dir.path().to_owned(), id: "ours".to_owned() };
        (dir, tier)
    }

    #[test]
    fn a_folder_that_does_not_bear_our_identity_is_never_written_to() {
        for identity in [None, Some("{"), Some("{}"), Some(r#"{"id":"theirs"}"#)] {
            let (dir, tier) = tier(identity);
            let problem = tier.probe("garden").unwrap_err().to_string();
            assert!(problem.contains("not the disk that was set up"), "{problem}");
            let entries = fs::read_dir(dir.path()).unwrap().count();
            assert_eq!(entries, usize::from(identity.is_some()), "nothing was left there");
        }
    }

    #[test]
    fn a_probe_leaves_nothing_behind() {
        let (dir, tier) = tier(Some(r#"{"id":"ours"}"#));
        tier.probe("garden").unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "only the identity is there");
    }

    #[cfg(unix)]
    #[test]
    fn a_link_in_the_place_of_a_probe_costs_nobody_a_file() {
        let (dir, tier) = tier(Some(r#"{"id":"ours"}"#));
        let theirs = dir.path().join("letter");
        fs::write(&theirs, "dear").unwrap();
        let probe = dir.path().join(".tarsier-probe-garden");
        std::os::unix::fs::symlink(&theirs, &probe).unwrap();
        tier.probe("garden").unwrap();
        assert_eq!(fs::read_to_string(&theirs).unwrap(), "dear");
        assert!(!probe.is_symlink());
    }
}
