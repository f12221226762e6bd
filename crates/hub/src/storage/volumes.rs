//! Hands: measures every tier. One that hangs (a share whose server is gone) is absent until it answers, and is never
//! asked twice at a time.

use std::collections::BTreeMap;
use std::time::Duration;

use tarsier_tiers::volume::{self, Place};
use tarsier_tiers::{DiskId, TierId, TierKind, Volume, VolumeState};
use tarsier_types::{Clock, Mono, SystemClock};
use tokio::task::JoinHandle;

use super::registry::{Local, Registry, Remote};

/// A disk that wakes up takes seconds (guess).
const PATIENCE: Duration = Duration::from_secs(5);
/// Buckets are asked less often: each question costs money somewhere.
const BUCKET_EVERY: Duration = Duration::from_secs(60);

/// Who is being asked, and what buckets said last.
#[derive(Default)]
pub(crate) struct Volumes {
    asked: BTreeMap<TierId, JoinHandle<Volume>>,
    buckets: BTreeMap<TierId, (Mono, VolumeState)>,
}

impl Volumes {
    /// Every tier as it is now; `ours` is what the index knows of it in bytes.
    pub(crate) async fn measure(
        &mut self,
        registry: &Registry,
        ours: &BTreeMap<String, u64>,
        clock: &SystemClock,
    ) -> Vec<Volume> {
        let bytes = |id: &TierId| ours.get(id.as_str()).copied().unwrap_or(0);
        let mut volumes = Vec::new();
        for local in &registry.locals {
            self.ask(local, bytes(&local.id));
        }
        let deadline = tokio::time::Instant::now() + PATIENCE;
        for local in &registry.locals {
            let absent = absent(&local.id, local.kind, bytes(&local.id));
            let Some(asked) = self.asked.get_mut(&local.id) else { continue };
            volumes.push(match tokio::time::timeout_at(deadline, asked).await {
                Ok(answer) => {
                    self.asked.remove(&local.id);
                    answer.unwrap_or(absent)
                }
                Err(_) => absent,
            });
        }
        for remote in &registry.remotes {
            let state = self.bucket(remote, clock.mono()).await;
            volumes.push(Volume {
                state,
                disk: DiskId(remote.id.to_string()),
                total_bytes: u64::MAX,
                available_bytes: u64::MAX,
                ..absent(&remote.id, TierKind::ObjectStore, bytes(&remote.id))
            });
        }
        volumes
    }

    /// It is asked again at once.
    pub(crate) fn forget(&mut self, bucket: &TierId) {
        self.buckets.remove(bucket);
    }

    /// One of them again.
    pub(crate) async fn again(&mut self, local: &Local, ours_bytes: u64) -> Volume {
        self.ask(local, ours_bytes);
        let absent = absent(&local.id, local.kind, ours_bytes);
        let Some(asked) = self.asked.get_mut(&local.id) else { return absent };
        match tokio::time::timeout(PATIENCE, asked).await {
            Ok(answer) => {
                self.asked.remove(&local.id);
                answer.unwrap_or(absent)
            }
            Err(_) => absent,
        }
    }

    fn ask(&mut self, local: &Local, ours_bytes: u64) {
        self.asked.entry(local.id.clone()).or_insert_with(|| {
            let Local { id, kind, root, .. } = local.clone();
            tokio::task::spawn_blocking(move || {
                volume::measure(&Place { id, kind, root, ours_bytes })
            })
        });
    }

    async fn bucket(&mut self, remote: &Remote, now: Mono) -> VolumeState {
        if let Some((at, state)) = self.buckets.get(&remote.id)
            && now.since(*at) < BUCKET_EVERY
        {
            return *state;
        }
        let state = match &remote.bucket {
            None => VolumeState::Absent,
            Some(bucket) => {
                let asked = tokio::time::timeout(PATIENCE, bucket.check(&remote.id)).await;
                match asked {
                    Ok(Ok(())) => VolumeState::Writable,
                    Ok(Err(tarsier_tiers::bucket::BucketError::Foreign { .. })) => {
                        VolumeState::Foreign
                    }
                    Ok(Err(error)) => {
                        let error: &dyn std::error::Error = &error;
                        tracing::warn!(tier = %remote.id, error, "the bucket is away");
                        VolumeState::Absent
                    }
                    Err(_) => VolumeState::Absent,
                }
            }
        };
        self.buckets.insert(remote.id.clone(), (now, state));
        state
    }
}

fn absent(id: &TierId, kind: TierKind, ours_bytes: u64) -> Volume {
    Volume {
        tier: id.clone(),
        kind,
        state: VolumeState::Absent,
        disk: DiskId(format!("absent-{id}")),
        total_bytes: 0,
        available_bytes: 0,
        ours_bytes,
    }
}
