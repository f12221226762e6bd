//! Every text file of the repository, read once.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

/// Folders that hold nothing of ours: built, installed, or git's own.
const SKIPPED: [&str; 7] =
    [".git", "target", "node_modules", "dist", "data", "gen", "proptest-regressions"];

/// One text file.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// From the root, with `/` between.
    pub(crate) path: String,
    /// What is in it.
    pub(crate) text: String,
}

impl Source {
    /// Its extension, without the dot.
    pub(crate) fn extension(&self) -> &str {
        self.path.rsplit_once('.').map_or("", |(_, extension)| extension)
    }

    /// Numbered from one.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(index, line)| (index + 1, line))
    }
}

/// The repository.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tree {
    /// Files that are text.
    pub(crate) sources: Vec<Source>,
    /// Paths of all files and folders, from the root.
    pub(crate) paths: BTreeSet<String>,
}

impl Tree {
    /// Reads it.
    pub(crate) fn read(root: &Path) -> Result<Self> {
        let mut tree = Self::default();
        tree.walk(root, "").with_context(|| format!("reading {}", root.display()))?;
        Ok(tree)
    }

    fn walk(&mut self, folder: &Path, prefix: &str) -> Result<()> {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = format!("{prefix}{name}");
            let kind = entry.file_type()?;
            if kind.is_dir() {
                if SKIPPED.contains(&name.as_str()) {
                    continue;
                }
                self.paths.insert(path.clone());
                self.walk(&entry.path(), &format!("{path}/"))?;
            } else if kind.is_file() {
                self.paths.insert(path.clone());
                if let Ok(text) = fs::read_to_string(entry.path()) {
                    self.sources.push(Source { path, text });
                }
            }
        }
        Ok(())
    }

    /// A tree of these files, for tests.
    #[cfg(test)]
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let mut tree = Self::default();
        for (path, text) in files {
            tree.sources.push(Source { path: (*path).to_owned(), text: (*text).to_owned() });
            let mut known = String::new();
            for part in path.split('/') {
                known = if known.is_empty() { part.to_owned() } else { format!("{known}/{part}") };
                tree.paths.insert(known.clone());
            }
        }
        tree
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_built_or_installed_is_not_read() {
        let root = tempfile::tempdir().unwrap();
        for path in ["src/a.rs", "target/b.rs", "ui/node_modules/c.ts"] {
            let file = root.path().join(path);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, "x").unwrap();
        }
        let tree = Tree::read(root.path()).unwrap();
        let paths: Vec<&str> = tree.sources.iter().map(|source| source.path.as_str()).collect();
        assert_eq!(paths, ["src/a.rs"]);
    }
}
