//! Linux and macOS.

use std::fs::File;
use std::io;
use std::path::Path;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::FileLimit;

/// macOS takes no more than this while it says that there is no end (`setrlimit(2)`, "COMPATIBILITY").
const OPEN_MAX: u64 = 10_240;

/// What the folder lists is on the disk: a file that was renamed has its new name after a power cut, too.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Allows as many open files as the administrator of the machine allows. The lower limit is there for programs that use
/// `select(2)`, which nothing of ours does; children inherit the higher one.
pub(crate) fn raise_file_limit() -> io::Result<FileLimit> {
    let Rlimit { current: from, maximum } = getrlimit(Resource::Nofile);
    let set = |to| setrlimit(Resource::Nofile, Rlimit { current: to, maximum }).map(|()| to);
    let to = set(maximum).or_else(|error| match (from, maximum) {
        (Some(few), None) if few < OPEN_MAX => set(Some(OPEN_MAX)),
        _ => Err(error),
    })?;
    Ok(FileLimit::Raised { from, to })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_files_may_be_open_as_the_machine_allows() {
        let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
        // One less: other tests, which run beside this one, must not want for files.
        let lower = maximum.map(|most| most - 1).or(Some(OPEN_MAX - 1));
        setrlimit(Resource::Nofile, Rlimit { current: lower, maximum }).unwrap();
        let FileLimit::Raised { from, to } = raise_file_limit().unwrap() else { unreachable!() };
        assert_eq!(from, lower);
        assert!(to.is_none() || to > from, "{from:?} {to:?}");
        assert_eq!(getrlimit(Resource::Nofile).current, to);
    }

    #[test]
    fn a_folder_that_is_not_there_is_not_on_the_disk() {
        let folder = tempfile::tempdir().unwrap();
        sync_folder(folder.path()).unwrap();
        let missing = sync_folder(&folder.path().join("missing")).unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
    }
}
