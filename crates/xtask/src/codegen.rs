//! The UI's types from the API's: `ui/src/hub/generated/`. One source, committed, checked.
//!
//! What does not belong here: the types. `crates/api` writes them by its own example, so that this program links nothing
//! of it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::process::{cargo, run};
use crate::{root, say};

/// What is done with what came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Written to its place.
    Write,
    /// Compared with what is there.
    Check,
}

/// Generates.
pub(crate) fn codegen(mode: Mode) -> Result<()> {
    let place = generated();
    let fresh = root::target().join("codegen");
    if fresh.exists() {
        fs::remove_dir_all(&fresh).with_context(|| format!("emptying {}", fresh.display()))?;
    }
    fs::create_dir_all(&fresh)?;
    run(cargo()
        .args(["run", "--quiet", "--package", "tarsier-api", "--example", "codegen", "--"])
        .arg(&fresh))?;
    let (before, after) = (read_all(&place)?, read_all(&fresh)?);
    let differences = differences(&before, &after);
    if differences.is_empty() {
        say::line(&format!("{} generated files, all as they should be", after.len()));
        return Ok(());
    }
    match mode {
        Mode::Check => bail!(
            "the generated types are not those of crates/api; run `cargo xtask codegen` and commit:\n  {}",
            differences.join("\n  ")
        ),
        Mode::Write => {
            say::line(&differences.join("\n"));
            write_all(&place, &before, &after)
        }
    }
}

fn generated() -> PathBuf {
    root::ui().join("src").join("hub").join("generated")
}

type Files = BTreeMap<PathBuf, String>;

fn read_all(folder: &Path) -> Result<Files> {
    let mut files = Files::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        let Ok(entries) = fs::read_dir(&next) else { continue };
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let text = fs::read_to_string(&path)
                    .with_context(|| format!("reading {}", path.display()))?;
                files.insert(path.strip_prefix(folder)?.to_path_buf(), text);
            }
        }
    }
    Ok(files)
}

fn write_all(place: &Path, before: &Files, after: &Files) -> Result<()> {
    for (name, text) in after {
        let path = place.join(name);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
    }
    for name in before.keys().filter(|name| !after.contains_key(*name)) {
        fs::remove_file(place.join(name))?;
    }
    Ok(())
}

fn differences(before: &Files, after: &Files) -> Vec<String> {
    let new = after.iter().filter_map(|(name, text)| match before.get(name) {
        None => Some(format!("new: {}", name.display())),
        Some(old) if old != text => Some(format!("changed: {}", name.display())),
        Some(_) => None,
    });
    let gone = before
        .keys()
        .filter(|name| !after.contains_key(*name))
        .map(|name| format!("gone: {}", name.display()));
    new.chain(gone).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(of: &[(&str, &str)]) -> Files {
        of.iter().map(|(name, text)| (PathBuf::from(name), (*text).to_owned())).collect()
    }

    #[test]
    fn every_kind_of_difference_is_named() {
        let before = files(&[("A.ts", "a"), ("B.ts", "b"), ("C.ts", "c")]);
        let after = files(&[("A.ts", "a"), ("B.ts", "B"), ("D.ts", "d")]);
        assert_eq!(differences(&before, &after), ["changed: B.ts", "new: D.ts", "gone: C.ts"]);
        assert!(differences(&before, &before).is_empty());
    }

    #[test]
    fn a_type_that_is_no_more_is_deleted() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("Old.ts"), "x").unwrap();
        let after = files(&[("deep/New.ts", "y")]);
        write_all(folder.path(), &read_all(folder.path()).unwrap(), &after).unwrap();
        assert_eq!(
            read_all(folder.path()).unwrap(),
            after,
            "the folder holds what was generated and nothing else"
        );
    }
}
