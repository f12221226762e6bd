//! Places for segments.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, params};

use crate::error::{IndexError, unreadable};
use crate::index::Index;

/// What a tier is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TierKind {
    /// Written live.
    Cache,
    /// Long term.
    Archive,
    /// S3 and the like.
    ObjectStore,
}

impl TierKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Cache, Self::Archive, Self::ObjectStore];

    /// The name in the database and the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cache => "cache",
            Self::Archive => "archive",
            Self::ObjectStore => "object_store",
        }
    }

    pub(crate) fn from_name(name: &str) -> rusqlite::Result<Self> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.name() == name)
            .ok_or_else(|| unreadable("kind of a tier"))
    }
}

/// A place for segments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tier {
    /// Identity of the volume, as in its `tarsier-tier.json`.
    pub id: String,
    /// Where it is mounted now.
    pub root: PathBuf,
    /// What it is for.
    pub kind: TierKind,
}

impl Index {
    /// Makes a tier known, or says where it is now.
    pub fn put_tier(&self, tier: &Tier) -> Result<(), IndexError> {
        let root = tier.root.to_string_lossy();
        self.write("store a tier", |tx| {
            tx.execute(
                "insert into tiers (id, root, kind) values (?1, ?2, ?3)
                 on conflict (id) do update set root = excluded.root, kind = excluded.kind",
                params![tier.id, root, tier.kind.name()],
            )
            .map(drop)
        })
    }

    /// Every tier that is or was known.
    pub fn tiers(&self) -> Result<Vec<Tier>, IndexError> {
        let tiers = self.read("list the tiers", all)?;
        Ok(tiers.into_iter().map(|(_, tier)| Arc::unwrap_or_clone(tier)).collect())
    }
}

/// All tiers with their row numbers: a handful.
pub(crate) fn all(db: &Connection) -> rusqlite::Result<Vec<(i64, Arc<Tier>)>> {
    db.prepare_cached("select n, id, root, kind from tiers order by n")?
        .query_map([], |row| {
            let root: String = row.get(2)?;
            let kind = TierKind::from_name(row.get_ref(3)?.as_str()?)?;
            Ok((
                row.get(0)?,
                Arc::new(Tier { id: row.get(1)?, root: Path::new(&root).to_owned(), kind }),
            ))
        })?
        .collect()
}

pub(crate) fn find(db: &Connection, id: &str) -> rusqlite::Result<Option<i64>> {
    db.prepare_cached("select n from tiers where id = ?1")?
        .query_row([id], |row| row.get(0))
        .optional()
}
