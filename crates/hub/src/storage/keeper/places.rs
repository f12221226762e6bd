//! Where files are begun, and disks that went away or came back.

use std::collections::BTreeSet;

use tarsier_api::event::EventKind;
use tarsier_index::Index;
use tarsier_tiers::bucket::{Bucket, BucketKey};
use tarsier_tiers::spill::{WriteTo, looks_well, where_to_write};
use tarsier_tiers::{TierId, Volume, VolumeState};
use tokio::sync::oneshot;

use super::{ASKING, Keeper, failed};
use crate::storage::WRITTEN_TO;
use crate::storage::registry::Registry;
use crate::storage::words::{self, Left};

impl Keeper {
    /// Shares that were not mounted when the hub started and are now. Others were opened then, and are asked.
    pub(super) async fn open_buckets(&mut self) {
        let registry = self.hub.storage.registry();
        for remote in registry.unopened() {
            let place = remote.place.clone();
            let (tell, told) = oneshot::channel();
            let open = move |_: &Index| {
                if let Ok(bucket) = Bucket::new(&place, &BucketKey::default()) {
                    let _ = tell.send(bucket);
                }
            };
            if self.asked(&remote.id, ASKING, open).await
                && let Ok(bucket) = told.await
            {
                tracing::info!(tier = %remote.id, "the folder of a bucket is there now");
                self.hub.storage.opened(&remote.id, bucket);
                self.volumes.forget(&remote.id);
            }
        }
    }

    /// A disk that was measured well and refuses recorders is passed over for a while.
    pub(super) fn distrust(&mut self, refused: &BTreeSet<TierId>, volumes: &[Volume]) {
        let now = self.mono();
        for disk in volumes.iter().filter(|disk| refused.contains(&disk.tier) && looks_well(disk)) {
            self.distrust.refused(now, &disk.tier);
        }
    }

    /// Where files are begun. Tells whether that has changed. A home that is away is told of by itself; one that is there
    /// and takes nothing is told of here.
    pub(super) async fn choose(&mut self, registry: &Registry, volumes: &[Volume]) -> bool {
        let was_at = self.hub.storage.seen().written_to.clone();
        let now = self.mono();
        let is_held = |tier: &TierId| self.distrust.is_held(now, tier);
        let write_to = where_to_write(volumes, &self.policy, was_at.as_ref(), &is_held);
        let at = write_to.tier().cloned().or_else(|| was_at.clone());
        {
            let mut seen = self.hub.storage.seen();
            (seen.write_to, seen.written_to) = (Some(write_to.clone()), at.clone());
        }
        let new = at.filter(|at| Some(at) != was_at.as_ref());
        let is_elsewhere = new.is_some();
        if let Some(at) = new {
            tracing::info!(tier = %at, "files are begun in this tier");
            let json = serde_json::Value::from(at.as_str()).to_string();
            let kept = self.hub.ask_index(move |index| index.put_setting(WRITTEN_TO, &json));
            if let Err(error) = kept.await {
                failed(&error, "where files are begun is not kept");
            }
        }
        let is_there = |tier: &TierId| volumes.iter().any(|v| v.tier == *tier && v.is_writable());
        match &write_to {
            WriteTo::Spill { to, home } if is_there(home) => {
                let why = if is_held(home) { Left::Refuses } else { Left::Full };
                if self.left.as_ref().is_none_or(|(left, _)| left != home) {
                    self.left = Some((home.clone(), why));
                    let told = words::spills(&registry.name(home), &registry.name(to), why);
                    self.tell(EventKind::DiskLow, told);
                }
            }
            WriteTo::Home(home) => {
                if let Some((_, why)) = self.left.take() {
                    let told = words::home_again(&registry.name(home), why);
                    self.tell(EventKind::CleanupDone, told);
                }
            }
            _ => {}
        }
        is_elsewhere
    }

    /// Disks that went away or came back. Tells whether one did come back.
    pub(super) async fn states_changed(&mut self, registry: &Registry, volumes: &[Volume]) -> bool {
        let now = self.hub.now();
        let mut are_back = false;
        for volume in volumes {
            let before = self.states.insert(volume.tier.clone(), volume.state);
            if before == Some(volume.state) {
                continue;
            }
            let is_there = volume.state == VolumeState::Writable;
            let was_there = before.is_none_or(|before| before == VolumeState::Writable);
            let name = registry.name(&volume.tier);
            if !is_there && was_there {
                let write_to = {
                    let mut seen = self.hub.storage.seen();
                    seen.away_since.insert(volume.tier.clone(), now);
                    seen.write_to.clone()
                };
                let (title, mut body) = words::missing(volume, &name);
                if let Some(WriteTo::Spill { to, home }) = write_to
                    && home == volume.tier
                {
                    body.push_str(&words::meanwhile(&registry.name(&to)));
                }
                self.tell(EventKind::TierMissing, (title, body));
            }
            if !is_there {
                continue;
            }
            let since = self.hub.storage.seen().away_since.remove(&volume.tier);
            if before.is_some() {
                let told = words::back(&name, since, now, &self.hub.tz);
                self.tell(EventKind::TierBack, told);
                are_back = true;
            }
            match registry.local(&volume.tier) {
                Some(local) => self.settle(local).await,
                None => self.keep_locks().await,
            }
        }
        are_back
    }
}
