//! Files and index are compared, bytes looked at, buckets describe themselves.

use std::sync::{Arc, PoisonError};

use tarsier_tiers::watch::{Change, Watch};
use tarsier_tiers::{Volume, VolumeState, manifest};
use tarsier_types::Mono;

use super::{
    ASKING, CHECK_FROM, COMPARE_APART, COMPARE_EVERY, Ended, Keeper, MANIFEST_EVERY, MOST_NOTICED,
    failed,
};
use crate::storage::registry::{Local, Registry};
use crate::storage::upkeep;

/// Its files can be looked at.
const fn is_there(volume: &Volume) -> bool {
    matches!(volume.state, VolumeState::Writable | VolumeState::ReadOnly)
}

impl Keeper {
    /// Files that people move and delete by hand: the tier is compared soon.
    pub(super) async fn follow_hands(&mut self, registry: &Registry, volumes: &[Volume]) {
        for volume in volumes {
            if !is_there(volume) {
                // What was watched is not what will be mounted there.
                self.watches.remove(&volume.tier);
            } else if let Some(local) = registry.local(&volume.tier)
                && !self.watches.contains_key(&local.id)
            {
                self.watches.insert(local.id.clone(), None);
                self.watch(local);
            }
        }
        let noticed =
            std::mem::take(&mut *self.noticed.lock().unwrap_or_else(PoisonError::into_inner));
        let now = self.mono();
        let open = self.open();
        for (tier, change) in noticed {
            let Some(local) = registry.local(&tier) else { continue };
            if !volumes.iter().any(|volume| volume.tier == tier && is_there(volume)) {
                // It may hang, and is compared when it is back.
                continue;
            }
            let is_soon = self.followed.is_some_and(|at| now.since(at) < COMPARE_APART);
            if is_soon || !self.compared.contains_key(&tier) || self.comparing.contains(&tier) {
                // It is not forgotten: what is true still is in a minute.
                let mut noticed = self.noticed.lock().unwrap_or_else(PoisonError::into_inner);
                noticed.insert((tier, change));
                continue;
            }
            let root = local.root.clone();
            let asked = (change, tier.clone());
            let open = open.clone();
            let differs = self.hub.ask_index(move |index| {
                let (change, tier) = asked;
                upkeep::differs(index, &tier, &root, &change, &open)
            });
            match tokio::time::timeout(ASKING, differs).await {
                Ok(Ok(true)) => {
                    self.compared.remove(&tier);
                    self.followed = Some(now);
                }
                Ok(Ok(false)) => {}
                Ok(Err(error)) => failed(&error, "a changed file is not looked at"),
                Err(_) => return tracing::error!(%tier, "the disk does not answer"),
            }
        }
    }

    /// Large trees need more watches than some systems give: the daily comparison has to do then.
    pub(super) fn watch(&mut self, local: &Local) {
        let (noticed, tier, root) =
            (Arc::clone(&self.noticed), local.id.clone(), local.root.clone());
        let started = tokio::task::spawn_blocking(move || {
            Watch::start(&root, move |change| {
                let mut noticed = noticed.lock().unwrap_or_else(PoisonError::into_inner);
                if noticed.len() < MOST_NOTICED {
                    noticed.insert((tier.clone(), change));
                } else {
                    noticed.insert((tier.clone(), Change::Anything));
                }
            })
        });
        let tier = local.id.clone();
        let panicked = Ended::Watched(tier.clone(), None);
        let job = async move {
            let watch = match started.await {
                Ok(Ok(watch)) => Some(watch),
                Ok(Err(error)) => {
                    tracing::warn!(%tier, %error, "files changed by hand are noticed once a day only");
                    None
                }
                Err(_) => None,
            };
            Ended::Watched(tier, watch)
        };
        self.beside(job, panicked);
    }

    /// Comparisons and looks at bytes, one at a time each.
    pub(super) fn upkeep(&mut self, registry: &Arc<Registry>, volumes: &[Volume]) {
        let now = self.mono();
        for volume in volumes.iter().filter(|volume| volume.is_writable()) {
            let Some(local) = registry.local(&volume.tier).cloned() else { continue };
            let is_due = |at: &Mono| now.since(*at) >= COMPARE_EVERY;
            if self.comparing.is_empty() && self.compared.get(&local.id).is_none_or(is_due) {
                self.compared.insert(local.id.clone(), now);
                self.comparing.insert(local.id.clone());
                self.compare(local, Arc::clone(registry));
                continue;
            }
            let is_running = self.checks.values().any(|check| check.is_running);
            let check = self.checks.entry(local.id.clone()).or_default();
            if now.since_zero() >= CHECK_FROM
                && !is_running
                && self.comparing.is_empty()
                && check.rests_until <= now
            {
                check.is_running = true;
                let (index, clock, stop) =
                    (self.hub.index.clone(), self.hub.clock, self.stop.clone());
                let after = check.next.clone();
                let panicked = Ended::Looked(local.id.clone(), None);
                let job = async move {
                    let id = local.id.clone();
                    let looking = tokio::task::spawn_blocking(move || {
                        upkeep::look(&index, &local, after, &clock, &stop).ok()
                    });
                    Ended::Looked(id, looking.await.ok().flatten())
                };
                self.beside(job, panicked);
            }
        }
    }

    pub(super) fn compare(&mut self, local: Local, registry: Arc<Registry>) {
        let (index, clock, stop) = (self.hub.index.clone(), self.hub.clock, self.stop.clone());
        let open = self.open();
        let panicked = Ended::Compared(local.clone(), None);
        let job = async move {
            let of = local.clone();
            let comparing = tokio::task::spawn_blocking(move || {
                upkeep::compare(&index, &of, &registry, &open, &clock, &stop)
            });
            Ended::Compared(local, comparing.await.ok().flatten())
        };
        self.beside(job, panicked);
    }

    /// Manifests of buckets follow their content.
    pub(super) fn describe(&mut self, registry: &Registry) {
        let now = self.mono();
        if self.behind.is_empty() || now.since(self.described) < MANIFEST_EVERY {
            return;
        }
        self.described = now;
        for (tier, day) in std::mem::take(&mut self.behind) {
            let Some(bucket) = registry.bucket(tier.as_str()).cloned() else { continue };
            let index = self.hub.index.clone();
            let panicked = Ended::Described(tier.clone(), day.clone(), false);
            let job = async move {
                let kept = manifest::keep(&index, &bucket, &tier, &day).await;
                if let Err(error) = &kept {
                    let error: &dyn std::error::Error = error;
                    tracing::warn!(%tier, error, "a manifest is behind");
                }
                Ended::Described(tier, day, kept.is_ok())
            };
            self.beside(job, panicked);
        }
    }
}
