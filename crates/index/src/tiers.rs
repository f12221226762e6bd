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

/// How a tier is set up: what its own `tarsier-tier.json` does not say.
#[derive(Clone, PartialEq, Eq)]
pub struct TierSetup {
    /// The tier.
    pub tier: Tier,
    /// Name on the screen; empty: none given.
    pub name: String,
    /// How to reach it, as JSON; no credentials.
    pub config_json: String,
    /// Its credentials, encrypted by the hub.
    pub secret: Option<Vec<u8>>,
}

impl std::fmt::Debug for TierSetup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TierSetup")
            .field("tier", &self.tier)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Index {
    /// Stores how a tier is set up, whole.
    pub fn put_tier_setup(&self, setup: &TierSetup) -> Result<(), IndexError> {
        let Tier { id, root, kind } = &setup.tier;
        let root = root.to_string_lossy();
        self.write("set up a tier", |tx| {
            tx.execute(
                "insert into tiers (id, root, kind, name, config_json, secret)
                 values (?1, ?2, ?3, ?4, ?5, ?6)
                 on conflict (id) do update set root = excluded.root, kind = excluded.kind, name = excluded.name,
                     config_json = excluded.config_json, secret = excluded.secret",
                params![id, root, kind.name(), setup.name, setup.config_json, setup.secret],
            )
            .map(drop)
        })
    }

    /// How every tier is set up, in the order in which they became known.
    pub fn tier_setups(&self) -> Result<Vec<TierSetup>, IndexError> {
        self.read("read how the tiers are set up", |db| {
            db.prepare_cached(
                "select id, root, kind, name, config_json, secret from tiers order by n",
            )?
            .query_map([], |row| {
                let root: String = row.get(1)?;
                let kind = TierKind::from_name(row.get_ref(2)?.as_str()?)?;
                Ok(TierSetup {
                    tier: Tier { id: row.get(0)?, root: Path::new(&root).to_owned(), kind },
                    name: row.get(3)?,
                    config_json: row.get(4)?,
                    secret: row.get(5)?,
                })
            })?
            .collect()
        })
    }

    /// Forgets a tier in which nothing is left, no file, no copy and nothing to delete; `false` if there is.
    pub fn remove_tier(&self, id: &str) -> Result<bool, IndexError> {
        self.write("forget a tier", |tx| {
            let Some(n) = find(tx, id)? else { return Ok(true) };
            let is_used: bool = tx.query_row(
                "select exists (select 1 from segments where tier_id = ?1)
                     or exists (select 1 from copies where tier_id = ?1)
                     or exists (select 1 from garbage where tier_id = ?1)",
                [n],
                |row| row.get(0),
            )?;
            if !is_used {
                tx.execute("delete from totals where tier_id = ?1 and segments = 0", [n])?;
                tx.execute("delete from copy_totals where tier_id = ?1 and copies = 0", [n])?;
                tx.execute("delete from tiers where n = ?1", [n])?;
            }
            Ok(!is_used)
        })
    }

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
