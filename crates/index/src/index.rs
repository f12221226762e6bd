//! The handle: one connection that writes, a few that read.
//!
//! `SQLite` has one writer at a time. Ours is one connection behind a lock, so writers queue here instead of being
//! told "busy", and readers (WAL) wait for nobody.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::error::IndexError;
use crate::open::{self, OpenIndexError};
use crate::parameters::ParameterCache;
use crate::pool::Pool;

/// Readers at once. More would not read faster: the hub's own work bounds them (guess).
const READERS: usize = 4;

/// The open index. Clones share it; the last one to go closes it.
#[derive(Clone)]
pub struct Index {
    inner: Arc<Inner>,
}

struct Inner {
    path: PathBuf,
    // Dropped in this order: readers first, so that the writer's close can truncate the log.
    readers: Pool,
    writer: Mutex<Connection>,
    parameters: ParameterCache,
}

impl Index {
    /// Opens the index, making it if there is none (its folder must exist), and brings its schema up to date.
    pub fn open(path: &Path) -> Result<Self, OpenIndexError> {
        let writer = open::writer(path)?;
        let readers = (0..READERS).map(|_| open::reader(path)).collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            inner: Arc::new(Inner {
                path: path.to_owned(),
                readers: Pool::new(readers),
                writer: Mutex::new(writer),
                parameters: ParameterCache::default(),
            }),
        })
    }

    /// The database file.
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// Looks at every page and index entry (about 0.3 s per million rows and more from a cold disk) and returns what is
    /// wrong, nothing if all is well. For a background thread, never on the way to the first answer.
    pub fn check(&self) -> Result<Vec<String>, IndexError> {
        let found = self.read("check the index", |db| {
            let mut statement = db.prepare("pragma quick_check(20)")?;
            statement.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()
        })?;
        Ok(found.into_iter().filter(|line| line != "ok").collect())
    }

    /// Daily upkeep: statistics for the query planner, and the log written back into the database.
    pub fn maintain(&self) -> Result<(), IndexError> {
        let writer = self.writer();
        upkeep(&writer).map_err(|source| IndexError::of("keep the index in shape", source))
    }

    pub(crate) fn parameter_cache(&self) -> &ParameterCache {
        &self.inner.parameters
    }

    /// Runs `job` on one snapshot of the database.
    pub(crate) fn read<T>(
        &self,
        doing: &'static str,
        job: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, IndexError> {
        let reader = self.inner.readers.take();
        let snapshot =
            reader.unchecked_transaction().map_err(|source| IndexError::of(doing, source))?;
        job(&snapshot).map_err(|source| IndexError::of(doing, source))
    }

    /// Runs `job` in one transaction: all of it or nothing.
    pub(crate) fn write<T>(
        &self,
        doing: &'static str,
        job: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, IndexError> {
        let mut writer = self.writer();
        let run = |writer: &mut Connection| {
            let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let result = job(&transaction)?;
            transaction.commit()?;
            Ok(result)
        };
        run(&mut writer).map_err(|source| IndexError::of(doing, source))
    }

    fn writer(&self) -> MutexGuard<'_, Connection> {
        // A job that panicked has rolled back its transaction while unwinding: the connection is as good as before.
        self.inner.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn upkeep(writer: &Connection) -> rusqlite::Result<()> {
    writer.execute_batch("pragma analysis_limit = 400; pragma optimize;")?;
    writer.query_row("pragma wal_checkpoint(truncate)", [], |_| Ok(()))
}

impl Drop for Inner {
    fn drop(&mut self) {
        let writer = self.writer.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = writer.execute_batch("pragma analysis_limit = 400; pragma optimize;") {
            tracing::debug!(%error, "no statistics for the query planner this time");
        }
    }
}

impl std::fmt::Debug for Index {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Index").field("path", &self.inner.path).finish_non_exhaustive()
    }
}
