//! Leftovers and locks of a tier that is seen for the first time or again, and the lists of locks that lie in every tier.

use tarsier_index::Index;
use tarsier_tiers::bucket::{Bucket, BucketError};
use tarsier_tiers::{TierId, VolumeState, sidecar};

use super::{ASKING, DELETING, Keeper, failed};
use crate::storage::registry::Local;
use crate::storage::upkeep;

impl Keeper {
    /// A tier is there for the first time, or again.
    pub(super) async fn settle(&mut self, local: &Local) {
        let (of, clock) = (local.clone(), self.hub.clock);
        self.asked(&local.id, ASKING, move |index| upkeep::settle(index, &of, &clock)).await;
        self.compared.remove(&local.id);
        self.keep_locks().await;
    }

    /// They have changed, or a tier is there that may not have them.
    pub(super) async fn keep_locks(&mut self) {
        let registry = self.hub.storage.registry();
        let locals = registry.locals.iter().map(|local| local.id.clone());
        self.without_locks = locals.chain(registry.remotes.iter().map(|r| r.id.clone())).collect();
        // What a bucket knows of is for the disks too.
        self.keep_locks_in_buckets().await;
        self.keep_locks_on_disks().await;
    }

    /// Again wherever it has failed: a disk that hung, one whose leftovers took long.
    pub(super) async fn keep_locks_on_disks(&mut self) {
        let registry = self.hub.storage.registry();
        for local in &registry.locals {
            if !self.lacks_locks(&local.id) {
                continue;
            }
            let root = local.root.clone();
            let keep = move |index: &Index| upkeep::keep_locks(index, &root);
            if self.asked(&local.id, ASKING, keep).await {
                self.without_locks.remove(&local.id);
            }
        }
    }

    pub(super) async fn keep_locks_in_buckets(&mut self) {
        let registry = self.hub.storage.registry();
        for remote in &registry.remotes {
            if let Some(bucket) = &remote.bucket
                && self.lacks_locks(&remote.id)
                && self.keep_locks_in(&remote.id, bucket).await
            {
                self.without_locks.remove(&remote.id);
            }
        }
    }

    fn lacks_locks(&self, id: &TierId) -> bool {
        self.without_locks.contains(id) && self.states.get(id) == Some(&VolumeState::Writable)
    }

    async fn keep_locks_in(&mut self, id: &TierId, bucket: &Bucket) -> bool {
        if !self.with_locks.contains(id) {
            if !self.read_locks(id, bucket).await {
                return false;
            }
            self.with_locks.insert(id.clone());
        }
        let locks = match self.hub.ask_index(Index::locks).await {
            Ok(locks) => sidecar::to_bytes(&locks),
            Err(error) => {
                failed(&error, "locks are not kept in the bucket");
                return false;
            }
        };
        let writing = bucket.write(sidecar::LOCKS_FILE, locks.into());
        match tokio::time::timeout(DELETING, writing).await {
            Ok(Ok(())) => return true,
            Ok(Err(error)) => {
                let error: &dyn std::error::Error = &error;
                tracing::error!(tier = %id, error, "locks are not kept in the bucket");
            }
            Err(_) => tracing::error!(tier = %id, "locks are not kept in the bucket: it is slow"),
        }
        false
    }

    /// Locks that lie in a bucket (of another machine, or of this one before its index was lost) are known before its list
    /// is written over for the first time. Tells whether they are.
    async fn read_locks(&self, id: &TierId, bucket: &Bucket) -> bool {
        let reading = bucket.read(sidecar::LOCKS_FILE);
        let locks = match tokio::time::timeout(DELETING, reading).await {
            Ok(Ok(bytes)) => sidecar::from_bytes(&bytes).unwrap_or_else(|error| {
                tracing::error!(tier = %id, %error, "the bucket's list of locks is damaged and left out");
                Vec::new()
            }),
            Ok(Err(BucketError::NotFound(_))) => Vec::new(),
            Ok(Err(error)) => {
                let error: &dyn std::error::Error = &error;
                tracing::error!(tier = %id, error, "the bucket's locks are not known");
                return false;
            }
            Err(_) => {
                tracing::error!(tier = %id, "the bucket's locks are not known: it is slow");
                return false;
            }
        };
        let stored = self.hub.ask_index(move |index| index.put_locks(&locks)).await;
        stored.inspect_err(|error| failed(error, "the bucket's locks are not known")).is_ok()
    }
}
