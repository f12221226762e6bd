//! Opens the database file: flags, pragmas, migrations, and the few reads that tell a damaged file at once.
//!
//! Nothing here reads more than a handful of pages, whatever the size of the index: the hub answers within a
//! second. The thorough look at every page is [`crate::Index::check`], made in the background.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use include_dir::{Dir, include_dir};
use rusqlite::{Connection, OpenFlags};
use rusqlite_migration::Migrations;
use tarsier_types::UtcMs;

use crate::error::Kind;

static MIGRATIONS: Dir = include_dir!("$CARGO_MANIFEST_DIR/../../migrations");

/// `TRSR`, as the first migration writes it.
const APPLICATION_ID: i64 = 0x5452_5352;

/// A writer waits only for another program that looks into the file (a backup): our own never meet.
const BUSY: Duration = Duration::from_secs(5);

/// Why the index could not be opened; each variant is something else to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenIndexError {
    /// The folder is missing or read-only, the file is read-only, or the disk answers with errors or is full.
    #[error("cannot write the index {}: check that its folder exists, may be written to and has space", path.display())]
    NotWritable {
        /// The database file.
        path: PathBuf,
        /// What SQLite says.
        #[source]
        source: rusqlite::Error,
    },
    /// The file is damaged.
    #[error(
        "the index {} is damaged; no footage is lost: set the file aside and rebuild the index from the segments",
        path.display()
    )]
    Corrupt {
        /// The database file.
        path: PathBuf,
        /// What SQLite says.
        #[source]
        source: rusqlite::Error,
    },
    /// It is a database, but of another program.
    #[error("{} belongs to another program", path.display())]
    Foreign {
        /// The database file.
        path: PathBuf,
    },
    /// A newer version of this program wrote it; opening it with this one could lose what that one added.
    #[error(
        "the index {} has schema {found}, this version knows {known}: start the newer version again",
        path.display()
    )]
    Newer {
        /// The database file.
        path: PathBuf,
        /// Its schema.
        found: i64,
        /// The last one that is known here.
        known: i64,
    },
    /// The file lies where SQLite's write-ahead log cannot work (most network file systems).
    #[error("the index {} cannot use a write-ahead log: keep it on a local disk", path.display())]
    NoWriteAheadLog {
        /// The database file.
        path: PathBuf,
        /// The journal mode that SQLite fell back to.
        journal_mode: String,
    },
    /// The schema could not be brought up to date.
    #[error("cannot bring the index {} up to date", path.display())]
    Migration {
        /// The database file.
        path: PathBuf,
        /// Which step, and why.
        #[source]
        source: Box<rusqlite_migration::Error>,
    },
    /// Anything else.
    #[error("cannot open the index {}", path.display())]
    Sql {
        /// The database file.
        path: PathBuf,
        /// What SQLite says.
        #[source]
        source: rusqlite::Error,
    },
}

impl OpenIndexError {
    fn of(path: &Path, source: rusqlite::Error) -> Self {
        let path = path.to_owned();
        match Kind::of(&source) {
            Kind::Corrupt => Self::Corrupt { path, source },
            Kind::DiskFull | Kind::NotWritable => Self::NotWritable { path, source },
            Kind::Busy | Kind::Other => Self::Sql { path, source },
        }
    }
}

pub(crate) fn migrations() -> Migrations<'static> {
    Migrations::from_directory(&MIGRATIONS).expect("a test validates the embedded migrations")
}

/// The one connection that writes, its schema up to date.
pub(crate) fn writer(path: &Path) -> Result<Connection, OpenIndexError> {
    let failed = |source| OpenIndexError::of(path, source);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    connection.busy_timeout(BUSY).map_err(failed)?;
    refuse_strangers(path, &connection)?;
    let journal_mode: String =
        connection.query_row("pragma journal_mode = wal", [], |row| row.get(0)).map_err(failed)?;
    if journal_mode != "wal" {
        return Err(OpenIndexError::NoWriteAheadLog { path: path.to_owned(), journal_mode });
    }
    // NORMAL under WAL: a power cut may cost the last commits, never the database; the files know the rest.
    connection
        .execute_batch(
            "pragma synchronous = normal; pragma foreign_keys = on; pragma journal_size_limit = 67108864;
             pragma cache_size = -16384; pragma temp_store = memory;",
        )
        .map_err(failed)?;
    migrations().to_latest(&mut connection).map_err(|error| match error {
        rusqlite_migration::Error::RusqliteError { err, .. } if Kind::of(&err) != Kind::Other => {
            failed(err)
        }
        other => OpenIndexError::Migration { path: path.to_owned(), source: Box::new(other) },
    })?;
    probe(&connection).map_err(failed)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// A connection that can only read. The writer has been opened before: the file, its log and its schema are there.
pub(crate) fn reader(path: &Path) -> Result<Connection, OpenIndexError> {
    let failed = |source| OpenIndexError::of(path, source);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    connection.busy_timeout(BUSY).map_err(failed)?;
    connection
        .execute_batch("pragma cache_size = -8192; pragma temp_store = memory;")
        .map_err(failed)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

fn refuse_strangers(path: &Path, connection: &Connection) -> Result<(), OpenIndexError> {
    let pragma = |name: &str| -> Result<i64, OpenIndexError> {
        connection
            .query_row(&format!("pragma {name}"), [], |row| row.get(0))
            .map_err(|source| OpenIndexError::of(path, source))
    };
    let (application_id, found) = (pragma("application_id")?, pragma("user_version")?);
    let tables: i64 = connection
        .query_row("select count(*) from sqlite_schema", [], |row| row.get(0))
        .map_err(|source| OpenIndexError::of(path, source))?;
    let is_new = application_id == 0 && tables == 0;
    if !is_new && application_id != APPLICATION_ID {
        return Err(OpenIndexError::Foreign { path: path.to_owned() });
    }
    let known = known_schema();
    if found > known {
        return Err(OpenIndexError::Newer { path: path.to_owned(), found, known });
    }
    Ok(())
}

fn known_schema() -> i64 {
    i64::try_from(MIGRATIONS.dirs().count()).expect("a handful of folders")
}

/// Walks once to the first and the last row of every table: a file that was cut short, overwritten at its
/// ends or is of zeros fails here; a bad page in the middle is for [`crate::Index::check`].
fn probe(connection: &Connection) -> rusqlite::Result<()> {
    let mut tables = connection.prepare("select name from sqlite_schema where type = 'table'")?;
    let names =
        tables.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
    for name in names {
        // Ordering by the primary key in both directions touches the first and the last leaf and what leads there.
        let key: Option<String> = connection.query_row(
            "select group_concat(name || ' %', ', ') from (select name from pragma_table_info(?1) where pk > 0 order by pk)",
            [&name],
            |row| row.get(0),
        )?;
        let key = key.unwrap_or_else(|| "rowid %".to_owned());
        for direction in ["asc", "desc"] {
            let order = key.replace('%', direction);
            let mut first = connection
                .prepare(&format!("select * from \"{name}\" order by {order} limit 1"))?;
            let mut rows = first.query([])?;
            rows.next()?;
        }
    }
    Ok(())
}

/// Why a damaged index could not be set aside.
#[derive(Debug, thiserror::Error)]
#[error("cannot rename {} to {}", from.display(), to.display())]
pub struct SetAsideError {
    /// What was to be renamed.
    pub from: PathBuf,
    /// Its new name.
    pub to: PathBuf,
    /// What the system says.
    #[source]
    pub source: io::Error,
}

/// Renames a damaged index to `tarsier.db.corrupt-20261120T201500Z` (with its log), so that a new one can be made and
/// rebuilt from the files, and nothing is lost that a person may want to salvage. Only ever called by a person's
/// decision or with their knowledge: whoever owns cameras and settings must have kept them elsewhere. No index may be open.
pub fn set_aside(path: &Path, now: UtcMs) -> Result<PathBuf, SetAsideError> {
    let stamp = jiff::Timestamp::from_millisecond(now.0)
        .map_or_else(|_| now.0.to_string(), |utc| utc.strftime("%Y%m%dT%H%M%SZ").to_string());
    let base = with_suffix(path, &format!(".corrupt-{stamp}"));
    let mut target = base.clone();
    let mut number = 2;
    while target.exists() {
        target = with_suffix(&base, &format!("-{number}"));
        number += 1;
    }
    // The log first: a database without its log is old but whole, a log without its database is useless.
    for suffix in ["-wal", "-shm", ""] {
        let (from, to) = (with_suffix(path, suffix), with_suffix(&target, suffix));
        match std::fs::rename(&from, &to) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound && !suffix.is_empty() => {}
            Err(source) => return Err(SetAsideError { from, to, source }),
        }
    }
    Ok(target)
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path.as_os_str());
    name.push(suffix);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_migrations_are_valid_and_in_order() {
        migrations().validate().expect("every migration runs on an empty database");
    }

    /// A kept database of every release is upgraded here; until the first release there is only the way from each
    /// schema to the newest.
    #[test]
    fn every_older_schema_is_brought_up_to_date() {
        for version in 0..=usize::try_from(known_schema()).unwrap() {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("tarsier.db");
            let mut old = Connection::open(&path).unwrap();
            migrations().to_version(&mut old, version).unwrap();
            drop(old);
            let new = writer(&path).unwrap();
            let reached: i64 = new.query_row("pragma user_version", [], |row| row.get(0)).unwrap();
            assert_eq!(reached, known_schema(), "from schema {version}");
        }
    }

    #[test]
    fn every_column_has_a_comment() {
        let file = MIGRATIONS.get_file("01-init/up.sql").unwrap().contents_utf8().unwrap();
        let mut table: Vec<&str> = Vec::new();
        for line in file.lines() {
            if line.starts_with("create table") {
                table.clear();
            }
            if line.starts_with(')') {
                let text = table.join("\n");
                for (at, column) in table.iter().enumerate().filter(|(_, line)| is_column(line)) {
                    let end = table[at + 1..]
                        .iter()
                        .position(|line| is_column(line))
                        .map_or(table.len(), |n| at + 1 + n);
                    assert!(
                        table[at..end].join(" ").contains("--"),
                        "no comment on {column} in\n{text}"
                    );
                }
            }
            table.push(line);
        }
    }

    /// A name, then a type.
    fn is_column(line: &str) -> bool {
        let mut words = line.split_whitespace();
        let (name, kind) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        line.starts_with("    ")
            && !name.starts_with("--")
            && matches!(kind, "text" | "integer" | "blob")
    }
}
