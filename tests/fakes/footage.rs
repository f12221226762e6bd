//! Reads the files that a hub left behind, as a stranger would.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tarsier_segment::Scan;

/// All segment files below a folder, in the order of their names.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "mp4") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// What is whole in a file.
pub fn scan(path: &Path) -> anyhow::Result<Scan> {
    let mut file = File::open(path).with_context(|| format!("open {}", path.display()))?;
    tarsier_segment::scan(&mut file).with_context(|| format!("scan {}", path.display()))
}
