//! Room on a disk: the reserve, and emergency cleanup.

use std::collections::BTreeMap;

use tarsier_api::event::EventKind;
use tarsier_tiers::emergency::{self, Emergency};
use tarsier_tiers::reserve::Reserve;
use tarsier_tiers::{Volume, VolumeState, volume};
use tarsier_types::CameraId;

use super::{ASKING, Keeper, NEARLY_FULL};
use crate::storage::registry::{Local, Registry};
use crate::storage::words;

impl Keeper {
    /// Room that makes deleting work on a full disk.
    pub(super) async fn reserve(&mut self, local: &Local, volume: &Volume) {
        if volume.state != VolumeState::Writable {
            return;
        }
        let reserve = Reserve::new(&local.root, volume.total_bytes);
        let available = volume.available_bytes;
        let (id, root) = (local.id.clone(), local.root.clone());
        self.asked(&local.id, ASKING, move |_| {
            let is_there = || volume::look(&root, &id) == VolumeState::Writable;
            if available < NEARLY_FULL.min(reserve.bytes() / 4) {
                match reserve.give_up() {
                    Ok(true) => {
                        tracing::warn!(tier = %id, "the disk is full: the reserve is given up");
                    }
                    Ok(false) => {}
                    Err(error) => {
                        tracing::error!(tier = %id, %error, "the reserve cannot be given up");
                    }
                }
            } else if available >= reserve.bytes().saturating_mul(4)
                && let Err(error) = reserve.take(is_there)
            {
                tracing::warn!(tier = %id, %error, "no reserve for a full disk");
            }
        })
        .await;
    }

    pub(super) async fn emergency(
        &mut self,
        registry: &Registry,
        local: &Local,
        volume: Volume,
        ours: &BTreeMap<String, u64>,
    ) {
        let id = local.id.clone();
        if self.hangs(&id) {
            // What would be deleted now frees nothing, and more would be deleted for that.
            return;
        }
        let mut brain = self.emergencies.remove(&id).unwrap_or_else(|| Emergency::new(id.clone()));
        let mut inputs = vec![emergency::Input::Measured {
            utc: self.hub.now(),
            volume,
            busy: self.retain.busy(),
        }];
        while !inputs.is_empty() {
            let now = self.mono();
            for input in inputs.drain(..) {
                brain.handle(now, &self.policy, input);
            }
            let (mut deletions, mut is_measured) = (Vec::new(), false);
            while let Some(output) = brain.poll() {
                match output {
                    emergency::Output::Look(look) => {
                        inputs.extend(self.show(look).await.map(emergency::Input::Shown));
                    }
                    emergency::Output::Delete(deletion) => deletions.push(deletion),
                    emergency::Output::Measure => is_measured = true,
                    emergency::Output::Ended(cleanup) => self.cleaned(registry, cleanup),
                    emergency::Output::Recovered => {
                        let free = "The minimum is free again.".to_owned();
                        let title = format!("{} has room again", registry.name(&id));
                        self.tell(EventKind::CleanupDone, (title, free));
                    }
                }
            }
            for (name, end) in self.delete(registry, deletions).await {
                inputs.push(emergency::Input::Finished(name, end));
            }
            if is_measured && !self.hangs(&id) {
                let bytes = ours.get(id.as_str()).copied().unwrap_or(0);
                let volume = self.volumes.again(local, bytes).await;
                let busy = self.retain.busy();
                inputs.push(emergency::Input::Measured { utc: self.hub.now(), volume, busy });
            }
        }
        self.emergencies.insert(id, brain);
    }

    pub(super) fn cleaned(&self, registry: &Registry, cleanup: emergency::Cleanup) {
        let kind = match cleanup.end {
            emergency::CleanupEnd::Enough | emergency::CleanupEnd::Interrupted => {
                EventKind::CleanupDone
            }
            _ => EventKind::DiskLow,
        };
        let camera = |id: &CameraId| {
            self.hub.camera(id).map_or_else(|| id.to_string(), |camera| camera.name.clone())
        };
        let disk = registry.name(&cleanup.tier);
        let told = words::cleanup(&cleanup, &disk, &camera, self.hub.now(), &self.hub.tz);
        self.hub.storage.seen().cleanups.insert(cleanup.tier.clone(), cleanup);
        self.tell(kind, told);
    }
}
