//! Hands: notices segment files that appear in a tier or vanish from it.
//!
//! A hint, never the truth: network shares tell nothing, queues overflow, and our own work is seen too. Whoever hears of a
//! change looks at the file and at the index; a comparison of whole tiers ([`tarsier_index::Index::reconcile`]) finds the
//! rest.

use std::path::{Path, PathBuf};

use notify::event::ModifyKind;
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tarsier_segment::name;
use tarsier_types::{CameraId, StreamKind, UtcMs};

/// What was noticed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// A segment's file has appeared, vanished, or was renamed.
    File(CameraId, StreamKind, UtcMs),
    /// Something has happened and it is not known what: look at everything.
    Anything,
}

/// Watches as long as it lives.
#[derive(Debug)]
pub struct Watch {
    _watcher: RecommendedWatcher,
}

impl Watch {
    /// Watches a tier with all that is in it. `tell` is called on a thread of its own, often, and must not block.
    pub fn start(
        root: &Path,
        tell: impl Fn(Change) + Send + 'static,
    ) -> Result<Self, notify::Error> {
        let below = root.to_owned();
        let mut watcher =
            notify::recommended_watcher(move |event: notify::Result<Event>| match event {
                Ok(event) if event.need_rescan() => tell(Change::Anything),
                Ok(event) => changes(&below, &event).for_each(&tell),
                Err(_) => tell(Change::Anything),
            })?;
        watcher.watch(root, RecursiveMode::Recursive)?;
        Ok(Self { _watcher: watcher })
    }
}

fn changes<'a>(root: &'a Path, event: &'a Event) -> impl Iterator<Item = Change> + 'a {
    let is_about_names = matches!(
        event.kind,
        EventKind::Any
            | EventKind::Create(_)
            | EventKind::Remove(_)
            | EventKind::Modify(ModifyKind::Name(_))
    );
    let paths: &[PathBuf] = if is_about_names { &event.paths } else { &[] };
    paths.iter().filter_map(|path| change(root, path))
}

fn change(root: &Path, path: &Path) -> Option<Change> {
    let below = path.strip_prefix(root).ok()?;
    let parts: Option<Vec<&str>> = below.iter().map(|part| part.to_str()).collect();
    let parts = parts?;
    if let Ok((camera, stream, start)) = name::parse(&parts.join("/")) {
        return Some(Change::File(camera, stream, start));
    }
    // A folder of a camera, a stream, a year, a month or a day, with all that was in it.
    let is_folder = parts.len() <= 5 && path.extension().is_none();
    let is_ours = parts.first().is_some_and(|first| CameraId::new(*first).is_ok());
    (is_folder && is_ours).then_some(Change::Anything)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    /// Waits until that is told, among whatever else is.
    fn hear(told: &mpsc::Receiver<Change>, what: &Change) {
        while told.recv_timeout(Duration::from_secs(20)).expect("it is told") != *what {}
    }

    #[test]
    fn files_that_come_and_go_by_hand_are_noticed() {
        let tier = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(tier.path()).unwrap();
        let garden = CameraId::new("garden").unwrap();
        let start = UtcMs(1_795_132_800_000);
        let path = root.join(name::path(&garden, StreamKind::Main, start));
        let folder = path.parent().unwrap();
        fs::create_dir_all(folder).unwrap();
        let (tell, told) = mpsc::channel();
        let _watch = Watch::start(&root, move |change| drop(tell.send(change))).unwrap();
        let file = Change::File(garden, StreamKind::Main, start);
        fs::write(&path, b"a").unwrap();
        hear(&told, &file);
        fs::rename(&path, root.join("elsewhere")).unwrap();
        hear(&told, &file);
        fs::rename(root.join("elsewhere"), &path).unwrap();
        hear(&told, &file);
        fs::remove_dir_all(root.join("garden")).unwrap();
        hear(&told, &Change::Anything);
    }
}
