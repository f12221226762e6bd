//! What the rules say is due, and deletions.

use std::collections::{BTreeSet, HashSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use tarsier_index::{Index, SegmentRef};
use tarsier_segment::name;
use tarsier_tiers::emergency::Emergency;
use tarsier_tiers::manifest::Day;
use tarsier_tiers::shown::{self, ShowError};
use tarsier_tiers::{
    Deletion, End, Look, PieceName, Shown, Step, TierId, Volume, VolumeState, delete, retain,
};
use tarsier_types::{CameraId, Clock, StreamKind, UtcMs};

use super::{BURY_EVERY, CLOCK_EVERY, DELETING, Keeper, failed};
use crate::storage::CLOCK_SAID;
use crate::storage::registry::{Local, Registry};

impl Keeper {
    pub(super) async fn retention(&mut self, registry: &Arc<Registry>, volumes: &[Volume]) {
        let holdings = match self.hub.ask_index(shown::holdings).await {
            Ok(holdings) => holdings,
            Err(error) => return not_shown(&error),
        };
        let busy = self.emergencies.values().flat_map(Emergency::busy).cloned().collect();
        let mut volumes = volumes.to_vec();
        for volume in volumes.iter_mut().filter(|volume| self.hangs(&volume.tier)) {
            // What would be deleted now frees nothing, and more would be deleted for that.
            volume.state = VolumeState::ReadOnly;
        }
        let check = retain::Check {
            utc: self.hub.now(),
            zone: self.hub.tz.clone(),
            volumes,
            holdings,
            busy,
        };
        let now = self.hub.clock.mono();
        self.retain.handle(now, &self.policy, retain::Input::Check(check));
        if self.retain.disbelieves_clock_until(now).is_none()
            && self.clock_kept.is_none_or(|at| now.since(at) >= CLOCK_EVERY)
        {
            self.clock_kept = Some(now);
            let said = self.hub.now().0.to_string();
            let kept = self.hub.ask_index(move |index| index.put_setting(CLOCK_SAID, &said)).await;
            if let Err(error) = kept {
                failed(&error, "what the clock says is not kept");
            }
        }
        self.follow(registry).await;
    }

    /// A clock that jumped ahead is not believed because the hub was restarted.
    pub(super) async fn read_clock(&mut self) {
        match self.hub.ask_index(|index| index.setting(CLOCK_SAID)).await {
            Ok(said) => {
                if let Some(utc) = said.and_then(|said| said.parse().ok()) {
                    let said = retain::Input::LastSaid(UtcMs(utc));
                    self.retain.handle(self.hub.clock.mono(), &self.policy, said);
                }
            }
            Err(error) => failed(&error, "what the clock said is not known"),
        }
    }

    /// Does what retention wants, until it wants nothing more.
    pub(super) async fn follow(&mut self, registry: &Arc<Registry>) {
        loop {
            let (mut inputs, mut deletions) = (Vec::new(), Vec::new());
            while let Some(output) = self.retain.poll() {
                match output {
                    retain::Output::Look(look) => {
                        inputs.extend(self.show(look).await.map(retain::Input::Shown));
                    }
                    retain::Output::Step(Step::Delete(deletion)) => deletions.push(deletion),
                    retain::Output::Step(Step::Move { piece, to }) => {
                        self.begin_move(registry, piece, to);
                    }
                    retain::Output::Step(Step::Upload { piece, to }) => {
                        self.begin_upload(registry, piece, to);
                    }
                }
            }
            for (name, end) in self.delete(registry, deletions).await {
                inputs.push(retain::Input::Finished(name, end));
            }
            if inputs.is_empty() {
                return;
            }
            for input in inputs {
                self.retain.handle(self.hub.clock.mono(), &self.policy, input);
            }
        }
    }

    /// Files that are being written are no pieces, even if an earlier hub took one for torn.
    pub(super) async fn show(&self, look: Look) -> Option<Shown> {
        let open = self.open();
        let shown = self.hub.ask_index(move |index| {
            shown::show(index, look, &|name: &PieceName| {
                open.contains(&(name.of.camera.clone(), name.of.stream, name.start))
            })
        });
        shown.await.inspect_err(not_shown).ok()
    }

    pub(super) fn open(&self) -> HashSet<(CameraId, StreamKind, UtcMs)> {
        self.hub.open().names().cloned().collect()
    }

    /// Deletes, and tells how each deletion ended.
    pub(super) async fn delete(
        &mut self,
        registry: &Registry,
        deletions: Vec<Deletion>,
    ) -> Vec<(PieceName, End)> {
        if deletions.is_empty() {
            return Vec::new();
        }
        let files: Vec<SegmentRef> = deletions.iter().map(file_of).collect();
        let asked = files.clone();
        let condemned = match self.hub.ask_index(move |index| index.condemn(&asked)).await {
            Ok(condemned) => condemned,
            Err(error) => {
                failed(&error, "nothing is deleted");
                return deletions.iter().map(|of| (of.piece.name(), End::Failed)).collect();
            }
        };
        for deletion in &deletions {
            let path = name::path(
                &deletion.piece.of.camera,
                deletion.piece.of.stream,
                deletion.piece.range.start,
            );
            tracing::info!(path, from = %deletion.from, why = ?deletion.why, "deleted by rule");
        }
        let tiers: BTreeSet<&TierId> = deletions.iter().map(|deletion| &deletion.from).collect();
        for tier in tiers {
            match (registry.local(tier), registry.bucket(tier.as_str())) {
                (Some(local), _) => self.finish(local).await,
                (None, Some(bucket)) => self.finish_in_bucket(tier, bucket).await,
                (None, None) => {}
            }
        }
        let gone: HashSet<_> = condemned
            .garbage
            .iter()
            .map(|file| (&file.tier_id, &file.camera, file.stream, file.start))
            .collect();
        let ends = deletions.iter().zip(&files).map(|(deletion, file)| {
            let is_gone = gone.contains(&(&file.tier_id, &file.camera, file.stream, file.start));
            (deletion.piece.name(), if is_gone { End::Done } else { End::Failed })
        });
        ends.collect()
    }

    /// Deletes what is condemned on a disk.
    pub(super) async fn finish(&mut self, local: &Local) {
        let (clock, of) = (self.hub.clock, local.clone());
        let finish = move |index: &Index| {
            let go_on = &mut |_| ControlFlow::Continue(());
            if let Err(error) = delete::finish(index, &of.id, &of.root, clock.utc(), go_on) {
                let error: &dyn std::error::Error = &error;
                tracing::error!(tier = %of.id, error, "files that are to be deleted stay for now");
            }
        };
        self.asked(&local.id, DELETING, finish).await;
    }

    /// What a bucket that was away, or the end of an earlier hub, left undone.
    pub(super) async fn bury_in_buckets(&mut self, registry: &Registry, volumes: &[Volume]) {
        for volume in volumes.iter().filter(|volume| volume.is_writable()) {
            let Some(bucket) = registry.bucket(volume.tier.as_str()) else { continue };
            let now = self.hub.clock.mono();
            if self.buried.get(&volume.tier).is_some_and(|at| now.since(*at) < BURY_EVERY) {
                continue;
            }
            self.buried.insert(volume.tier.clone(), now);
            self.keep_locks_in_buckets().await;
            let of = volume.tier.to_string();
            match self.hub.ask_index(move |index| index.garbage(&of, 1)).await {
                Ok(garbage) if garbage.is_empty() => {}
                Ok(_) => self.finish_in_bucket(&volume.tier, bucket).await,
                Err(error) => failed(&error, "objects that are to be deleted stay for now"),
            }
        }
    }

    pub(super) async fn finish_in_bucket(
        &mut self,
        tier: &TierId,
        bucket: &tarsier_tiers::bucket::Bucket,
    ) {
        let index = self.hub.index.clone();
        let deleting = delete::finish_in_bucket(&index, tier, bucket);
        match tokio::time::timeout(DELETING, deleting).await {
            Ok(Ok(gone)) => {
                let days =
                    gone.into_iter().map(|file| Day::of(file.camera, file.stream, file.start));
                self.behind.extend(days.map(|day| (tier.clone(), day)));
            }
            Ok(Err(error)) => {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(%tier, error, "objects that are to be deleted stay for now");
            }
            Err(_) => tracing::warn!(%tier, "the bucket is slow: the rest is deleted later"),
        }
    }
}

fn file_of(deletion: &Deletion) -> SegmentRef {
    SegmentRef {
        tier_id: deletion.from.to_string(),
        camera: deletion.piece.of.camera.clone(),
        stream: deletion.piece.of.stream,
        start: deletion.piece.range.start,
    }
}

fn not_shown(error: &ShowError) {
    let error: &dyn std::error::Error = error;
    tracing::error!(error, "rules cannot see what there is");
}
