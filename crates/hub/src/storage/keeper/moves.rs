//! Moves and copies, which run beside.

use std::ops::ControlFlow;
use std::sync::Arc;

use tarsier_index::SegmentRef;
use tarsier_segment::name;
use tarsier_tiers::copy::Hands;
use tarsier_tiers::delete;
use tarsier_tiers::manifest::Day;
use tarsier_tiers::mover::{self, Root};
use tarsier_tiers::pace::Pace;
use tarsier_tiers::{End, Piece, TierId};
use tarsier_types::Clock;

use super::{Ended, Keeper};
use crate::hub::Hub;
use crate::storage::registry::Registry;

impl Keeper {
    /// One file to another disk, on a thread of its own.
    pub(super) fn begin_move(&mut self, registry: &Arc<Registry>, piece: Piece, to: TierId) {
        let (index, clock, stop) = (self.hub.index.clone(), self.hub.clock, self.stop.clone());
        let registry = Arc::clone(registry);
        let piece_name = piece.name();
        let panicked = Ended::Step(piece_name.clone(), End::Failed);
        let job = async move {
            let moving = tokio::task::spawn_blocking(move || {
                let (from, target) = (registry.local(&piece.tier)?, registry.local(&to)?);
                let of = (&piece.of.camera, piece.of.stream, piece.range.start);
                let row = index.file(of.0, of.1, of.2).ok().flatten()?;
                if row.tier.id != from.id.as_str() {
                    return None;
                }
                let roots = (
                    Root { tier: &from.id, path: &from.root },
                    Root { tier: &target.id, path: &target.root },
                );
                let mut pace = Pace::new(None);
                let mut hands = Hands { pace: &mut pace, clock: &clock, stop: &stop };
                let go_on = &mut |_| ControlFlow::Continue(());
                let moved = mover::move_file(&index, &row, roots, clock.utc(), &mut hands, go_on);
                moved
                    .inspect_err(|error| {
                        let error: &dyn std::error::Error = error;
                        tracing::warn!(piece = ?piece.name(), to = %target.id, error, "not moved");
                    })
                    .ok()
            });
            let moved = moving.await.ok().flatten();
            Ended::Step(piece_name, if moved.is_some() { End::Done } else { End::Failed })
        };
        self.beside(job, panicked);
    }

    /// One file to a bucket.
    pub(super) fn begin_upload(&mut self, registry: &Arc<Registry>, piece: Piece, to: TierId) {
        let (hub, registry) = (self.hub.clone(), Arc::clone(registry));
        let limit = self.policy.tier(&to).bucket().max_bits_per_second.map(|bits| bits / 8);
        let day = Day::of(piece.of.camera.clone(), piece.of.stream, piece.range.start);
        let panicked = Ended::Copied(piece.name(), End::Failed, to.clone(), day.clone());
        let job = async move {
            let piece_name = piece.name();
            let end = match upload(&hub, &registry, &piece, &to, limit).await {
                Ok(()) => End::Done,
                Err(error) => {
                    tracing::warn!(piece = ?piece_name, %to, error = format!("{error:#}"), "not copied");
                    End::Failed
                }
            };
            Ended::Copied(piece_name, end, to, day)
        };
        self.beside(job, panicked);
    }
}

async fn upload(
    hub: &Hub,
    registry: &Registry,
    piece: &Piece,
    to: &TierId,
    limit: Option<u64>,
) -> anyhow::Result<()> {
    use anyhow::Context as _;
    let bucket = registry.bucket(to.as_str()).context("the bucket is not set up")?;
    let of = (piece.of.camera.clone(), piece.of.stream, piece.range.start);
    let asked = of.clone();
    let row = hub.ask_index(move |index| index.file(&asked.0, asked.1, asked.2)).await?;
    let row = row.context("it was deleted meanwhile")?;
    let there = SegmentRef { tier_id: to.to_string(), ..row.segment() };
    if hub.ask_index(move |index| index.is_condemned(&there)).await? {
        anyhow::bail!("what was deleted there is not gone yet");
    }
    let from = TierId::new(row.tier.id.as_str())?;
    let local = registry.local(&from).context("it is on no disk any more")?;
    let below = name::path(&of.0, of.1, of.2);
    let mut pace = Pace::new(limit);
    let path = local.root.join(&below);
    bucket.check(to).await?;
    let sent = bucket.send(&path, &below, row.hash.as_ref(), &mut pace, &hub.clock).await?;
    // A share that was unmounted since leaves an empty folder behind, and in that lies what was sent.
    if let Err(error) = bucket.check(to).await {
        let _ = delete::take_back(bucket, &below).await;
        return Err(error.into());
    }
    let (segment, store, now) = (row.segment(), to.clone(), hub.now());
    let is_kept = hub
        .ask_index(move |index| {
            index.put_hash(&segment, &sent.hash)?;
            index.put_copy(&segment, store.as_str(), now)
        })
        .await?;
    if !is_kept {
        // It was deleted while it was sent.
        delete::take_back(bucket, &below).await?;
    }
    Ok(())
}
