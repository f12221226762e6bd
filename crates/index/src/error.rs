//! What can go wrong with an index that is open.

use rusqlite::ErrorCode;

/// A question or a change that the index could not serve; each variant is something else to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IndexError {
    /// The database is malformed: set it aside ([`crate::set_aside`]) and rebuild it; footage is untouched.
    #[error("cannot {doing}: the index is damaged")]
    Corrupt {
        /// What was tried.
        doing: &'static str,
        /// What SQLite says.
        #[source]
        source: rusqlite::Error,
    },
    /// The disk that holds the index is full.
    #[error("cannot {doing}: the disk of the index is full")]
    DiskFull {
        /// What was tried.
        doing: &'static str,
        /// What SQLite says.
        #[source]
        source: rusqlite::Error,
    },
    /// The file or its folder became read-only, or the disk answers with errors.
    #[error("cannot {doing}: the disk of the index does not take writes")]
    NotWritable {
        /// What was tried.
        doing: &'static str,
        /// What SQLite says.
        #[source]
        source: rusqlite::Error,
    },
    /// Another program keeps the index to itself (a copy, a repair by hand); our own never wait for each other.
    #[error("cannot {doing}: another program holds the index")]
    Busy {
        /// What was tried.
        doing: &'static str,
        /// What SQLite says.
        #[source]
        source: rusqlite::Error,
    },
    /// A tier that was never [made known](crate::Index::put_tier).
    #[error("there is no tier {id:?}")]
    UnknownTier {
        /// The identity that was given.
        id: String,
    },
    /// Anything else.
    #[error("cannot {doing}")]
    Sql {
        /// What was tried.
        doing: &'static str,
        /// What SQLite says.
        #[source]
        source: rusqlite::Error,
    },
}

impl IndexError {
    pub(crate) fn of(doing: &'static str, source: rusqlite::Error) -> Self {
        match Kind::of(&source) {
            Kind::Corrupt => Self::Corrupt { doing, source },
            Kind::DiskFull => Self::DiskFull { doing, source },
            Kind::NotWritable => Self::NotWritable { doing, source },
            Kind::Busy => Self::Busy { doing, source },
            Kind::Other => Self::Sql { doing, source },
        }
    }

    /// Nothing is wrong with what was to be written: the same can be tried again.
    pub const fn may_pass(&self) -> bool {
        matches!(self, Self::DiskFull { .. } | Self::NotWritable { .. } | Self::Busy { .. })
    }
}

/// What an error of SQLite means for a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Corrupt,
    DiskFull,
    NotWritable,
    Busy,
    Other,
}

impl Kind {
    pub(crate) fn of(error: &rusqlite::Error) -> Self {
        use rusqlite::Error as E;
        match (error.sqlite_error_code(), error) {
            (Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase), _)
            // Only our own code writes rows, under checks: what cannot be read back was damaged.
            | (None, E::FromSqlConversionFailure(..) | E::InvalidColumnType(..) | E::IntegralValueOutOfRange(..)) => {
                Self::Corrupt
            }
            (Some(ErrorCode::DiskFull), _) => Self::DiskFull,
            (Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked), _) => Self::Busy,
            (
                Some(
                    ErrorCode::ReadOnly
                    | ErrorCode::CannotOpen
                    | ErrorCode::SystemIoFailure
                    | ErrorCode::PermissionDenied,
                ),
                _,
            ) => Self::NotWritable,
            _ => Self::Other,
        }
    }
}

/// A stored value that says nothing to us.
pub(crate) fn unreadable(what: &'static str) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Null, what.into())
}

/// A value that the schema cannot hold.
pub(crate) fn too_large(what: &'static str) -> rusqlite::Error {
    rusqlite::Error::ToSqlConversionFailure(what.into())
}

#[cfg(test)]
mod tests {
    use rusqlite::ffi;

    use super::*;

    #[test]
    fn what_could_not_be_written_while_another_program_held_the_index_is_tried_again() {
        let failed = |code| {
            let source = rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
            IndexError::of("store segments", source)
        };
        for code in [ffi::SQLITE_BUSY, ffi::SQLITE_LOCKED, ffi::SQLITE_FULL, ffi::SQLITE_READONLY] {
            assert!(failed(code).may_pass(), "{code}");
        }
        for code in [ffi::SQLITE_CORRUPT, ffi::SQLITE_CONSTRAINT] {
            assert!(!failed(code).may_pass(), "{code}");
        }
    }
}
