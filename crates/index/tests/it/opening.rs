//! What is found at the start: nothing, an index, a damaged one, somebody else's, a disk that takes no writes.

use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use tarsier_index::{Index, OpenIndexError, set_aside};
use tarsier_types::UtcMs;

use crate::support::{Fixture, HOUR, MAIN, MIDNIGHT, garden, segment};

fn database(folder: &tempfile::TempDir) -> PathBuf {
    folder.path().join("tarsier.db")
}

/// A closed index of some size.
fn filled() -> tempfile::TempDir {
    let Fixture { index, folder } = Fixture::new();
    let rows: Vec<_> = (0..2000).map(|n| segment(MIDNIGHT + n * 180_000, 180_000)).collect();
    let id = garden();
    let rows: Vec<_> = rows.iter().map(|row| (&id, MAIN, row)).collect();
    index.store_segments("ssd", &rows).unwrap();
    folder
}

#[test]
fn a_new_index_is_empty_and_a_second_start_finds_what_the_first_stored() {
    let folder = filled();
    let index = Index::open(&database(&folder)).unwrap();
    let all = index.first_and_last(&garden(), MAIN).unwrap().unwrap();
    assert_eq!(
        all.millis(),
        2000 * 180_000,
        "everything that was stored must be there after a restart"
    );
    assert_eq!(
        index.check().unwrap(),
        Vec::<String>::new(),
        "a healthy index has nothing wrong with it"
    );
    index.maintain().unwrap();
}

#[test]
fn closing_the_index_leaves_no_log_behind() {
    let folder = filled();
    let log = folder.path().join("tarsier.db-wal");
    assert!(!log.exists(), "the last one to close the index must write the log back");
}

#[test]
fn a_file_that_is_no_database_is_damaged() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(database(&folder), vec![0x55; 100_000]).unwrap();
    let error = Index::open(&database(&folder)).unwrap_err();
    assert!(matches!(error, OpenIndexError::Corrupt { .. }), "{error:?}");
    assert!(
        error.to_string().contains("no footage is lost"),
        "the message must calm and say what to do: {error}"
    );
}

#[test]
fn a_file_that_was_cut_short_is_damaged() {
    let folder = filled();
    let length = fs::metadata(database(&folder)).unwrap().len();
    fs::OpenOptions::new()
        .write(true)
        .open(database(&folder))
        .unwrap()
        .set_len(length / 2)
        .unwrap();
    let error = Index::open(&database(&folder)).unwrap_err();
    assert!(matches!(error, OpenIndexError::Corrupt { .. }), "{error:?}");
}

#[test]
fn damage_in_the_middle_is_found_by_the_check_or_when_it_is_read() {
    let folder = filled();
    let length = fs::metadata(database(&folder)).unwrap().len();
    let mut file = fs::OpenOptions::new().write(true).open(database(&folder)).unwrap();
    file.seek(SeekFrom::Start(length / 2 / 4096 * 4096)).unwrap();
    file.write_all(&[0xA5; 4 * 4096]).unwrap();
    drop(file);
    let index = match Index::open(&database(&folder)) {
        Ok(index) => index,
        Err(OpenIndexError::Corrupt { .. }) => return,
        Err(other) => panic!("damage must be named so: {other:?}"),
    };
    match index.check() {
        Ok(found) => assert!(!found.is_empty(), "the check must find four overwritten pages"),
        Err(error) => {
            assert!(matches!(error, tarsier_index::IndexError::Corrupt { .. }), "{error:?}");
        }
    }
}

#[test]
fn a_damaged_index_is_set_aside_with_its_log_and_a_new_one_takes_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = database(&folder);
    fs::write(&path, b"not a database, but long enough to be looked at as one. ".repeat(50))
        .unwrap();
    fs::write(folder.path().join("tarsier.db-wal"), b"a log").unwrap();
    let kept = set_aside(&path, UtcMs(MIDNIGHT + 20 * HOUR)).unwrap();
    assert_eq!(kept, folder.path().join("tarsier.db.corrupt-20261120T200000Z"));
    assert!(
        kept.exists() && folder.path().join("tarsier.db.corrupt-20261120T200000Z-wal").exists()
    );
    Index::open(&path).unwrap();
    let again = set_aside(&path, UtcMs(MIDNIGHT + 20 * HOUR)).unwrap();
    assert_ne!(again, kept, "a file that was set aside is never overwritten");
    assert!(again.exists() && !path.exists());
}

#[test]
fn the_database_of_another_program_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let other = Connection::open(database(&folder)).unwrap();
    other
        .execute_batch("create table invoices (n integer); insert into invoices values (1)")
        .unwrap();
    drop(other);
    let before = fs::read(database(&folder)).unwrap();
    let error = Index::open(&database(&folder)).unwrap_err();
    assert!(matches!(error, OpenIndexError::Foreign { .. }), "{error:?}");
    assert_eq!(fs::read(database(&folder)).unwrap(), before, "not a byte of it may change");
}

#[test]
fn a_newer_schema_is_refused_by_name() {
    let folder = filled();
    Connection::open(database(&folder)).unwrap().pragma_update(None, "user_version", 999).unwrap();
    let error = Index::open(&database(&folder)).unwrap_err();
    assert!(
        matches!(error, OpenIndexError::Newer { found: 999, known, .. } if known < 999),
        "{error:?}"
    );
}

#[test]
fn a_folder_that_is_missing_or_no_folder_is_said_to_be_not_writable() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), b"").unwrap();
    for parent in ["missing", "file"] {
        let error = Index::open(&folder.path().join(parent).join("tarsier.db")).unwrap_err();
        assert!(matches!(error, OpenIndexError::NotWritable { .. }), "{parent}: {error:?}");
    }
}

/// A folder in which nobody can make a file. Root may write into a folder of mode 0555, but not into `/proc`.
#[cfg(target_os = "linux")]
fn read_only_folder(own: &Path) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(own, fs::Permissions::from_mode(0o555)).unwrap();
    if fs::write(own.join("probe"), b"").is_ok() { PathBuf::from("/proc") } else { own.to_owned() }
}

#[cfg(target_os = "linux")]
#[test]
fn a_read_only_folder_is_said_to_be_so() {
    let folder = tempfile::tempdir().unwrap();
    let error = Index::open(&read_only_folder(folder.path()).join("tarsier.db")).unwrap_err();
    assert!(matches!(error, OpenIndexError::NotWritable { .. }), "{error:?}");
    assert!(
        error.to_string().contains("check that its folder exists"),
        "the message must say what to do: {error}"
    );
}
