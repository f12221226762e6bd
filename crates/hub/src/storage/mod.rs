//! Storage: one task owns the brains of `tiers` and does what they decide.
//!
//! [`Storage`] is what the rest of the hub sees: a nudge when something happened, and what was seen last. What does not
//! belong here: which footage goes (`tarsier_tiers`), SQL (`index`).

mod keeper;
mod media;
pub(crate) mod outlook;
mod registry;
mod upkeep;
mod volumes;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use tarsier_index::{Index, IndexError};
use tarsier_tiers::bucket::Bucket;
use tarsier_tiers::emergency::Cleanup;
use tarsier_tiers::spill::WriteTo;
use tarsier_tiers::{PieceName, Policy, TierId, Volume};
use tarsier_types::UtcMs;
use tokio::sync::mpsc;

pub(crate) use keeper::run;
pub(crate) use media::Media;
pub(crate) use registry::{Registry, TIERS, seal_key};

use crate::secrets::SecretBox;

/// Setting under which the policy is kept, as JSON.
pub(crate) const POLICY: &str = "storage.policy";

/// Setting under which the tier is kept in which files are begun, as a JSON string.
pub(crate) const WRITTEN_TO: &str = "storage.written_to";

/// Setting under which it is kept what the wall clock said when rules by age believed it last, UTC in milliseconds.
pub(crate) const CLOCK_SAID: &str = "storage.clock_said_utc_ms";

/// Nudges that wait. One that finds the channel full is not needed: what waits makes the keeper look anyway.
const NUDGES: usize = 64;

/// What happened elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Nudge {
    /// A file was begun or closed: there is less room, and more to do.
    Segment,
    /// A disk refused a recorder, or takes its files again.
    Disk,
    /// The policy, a tier, a lock or an event changed.
    Changed,
}

/// What was seen last, for those who ask.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) volumes: Vec<Volume>,
    pub(crate) write_to: Option<WriteTo>,
    /// Where files are begun, as recorders were told: where `write_to` said last that there is a place.
    pub(crate) written_to: Option<TierId>,
    pub(crate) away_since: BTreeMap<TierId, UtcMs>,
    pub(crate) cleanups: BTreeMap<TierId, Cleanup>,
    /// What is being moved or copied, and where to.
    pub(crate) steps: Vec<(PieceName, TierId)>,
}

/// The handle.
pub(crate) struct Storage {
    nudges: mpsc::Sender<Nudge>,
    seen: Mutex<Seen>,
    /// Disks that recorders could not write to since the keeper looked last.
    refused: Mutex<BTreeSet<TierId>>,
    registry: RwLock<Arc<Registry>>,
}

impl Storage {
    /// Reads which tiers there are. The receiver is for [`run`].
    pub(crate) fn new(
        index: &Index,
        secrets: &SecretBox,
    ) -> Result<(Self, mpsc::Receiver<Nudge>), IndexError> {
        let (nudges, receiver) = mpsc::channel(NUDGES);
        registry::restore_setups(index)?;
        let registry = RwLock::new(Arc::new(Registry::load(index, secrets)?));
        let written_to = index.setting(WRITTEN_TO)?;
        let written_to = written_to.and_then(|json| serde_json::from_str(&json).ok());
        let seen = Mutex::new(Seen { written_to, ..Seen::default() });
        let refused = Mutex::default();
        Ok((Self { nudges, seen, refused, registry }, receiver))
    }

    /// Lets the keeper look.
    pub(crate) fn nudge(&self, nudge: Nudge) {
        let _ = self.nudges.try_send(nudge);
    }

    /// A recorder could not write to that disk.
    pub(crate) fn refused(&self, tier: &str) {
        if let Ok(tier) = TierId::new(tier) {
            self.refused.lock().unwrap_or_else(PoisonError::into_inner).insert(tier);
        }
        self.nudge(Nudge::Disk);
    }

    fn take_refused(&self) -> BTreeSet<TierId> {
        std::mem::take(&mut *self.refused.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What was seen last.
    pub(crate) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The tiers that are set up.
    pub(crate) fn registry(&self) -> Arc<Registry> {
        Arc::clone(&self.registry.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// A folder that is used as a bucket is there now.
    fn opened(&self, id: &TierId, bucket: Bucket) {
        let mut registry = self.registry.write().unwrap_or_else(PoisonError::into_inner);
        let mut remotes = Arc::make_mut(&mut registry).remotes.iter_mut();
        if let Some(remote) = remotes.find(|remote| remote.id == *id) {
            remote.bucket.get_or_insert(bucket);
        }
    }

    /// They have changed in the index.
    pub(crate) fn reload(&self, index: &Index, secrets: &SecretBox) -> Result<(), IndexError> {
        registry::keep_setups(index)?;
        let registry = Arc::new(Registry::load(index, secrets)?);
        *self.registry.write().unwrap_or_else(PoisonError::into_inner) = registry;
        self.changed();
        Ok(())
    }

    /// As a nudge, but it is not missed, however many wait.
    pub(crate) fn changed(&self) {
        let nudges = self.nudges.clone();
        if nudges.try_send(Nudge::Changed).is_err() {
            tokio::spawn(async move { nudges.send(Nudge::Changed).await });
        }
    }
}

/// The rules of a tier that is forgotten: with them, no policy could be saved any more.
pub(crate) fn drop_rules(index: &Index, tier: &str) -> Result<(), IndexError> {
    let mut policy = policy(index)?;
    let before = policy.tiers.len();
    policy.tiers.retain(|rules| rules.tier.as_str() != tier);
    if policy.tiers.len() == before {
        return Ok(());
    }
    index.put_setting(POLICY, &serde_json::to_string(&policy).expect("a policy is plain JSON"))
}

/// The policy that is in force: the default one if none was saved, or if what was saved cannot be read.
pub(crate) fn policy(index: &Index) -> Result<Policy, IndexError> {
    let Some(json) = index.setting(POLICY)? else { return Ok(Policy::default()) };
    Ok(serde_json::from_str(&json).unwrap_or_else(|error| {
        tracing::error!(%error, "the storage policy cannot be read: the default one is in force");
        Policy::default()
    }))
}
