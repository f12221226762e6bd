//! The task that owns the brains: measures every 10 s and when files are begun or closed, asks, does what is decided.
//!
//! Deletions are done here and now; moves, copies and comparisons run beside, one a disk. What does not belong here:
//! which footage goes (`tarsier_tiers::retain`, `tarsier_tiers::emergency`).

mod locks;
mod looks;
mod moves;
mod places;
mod room;
mod rules;

use std::collections::{BTreeMap, BTreeSet};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::FutureExt as _;
use tarsier_api::event::EventKind;
use tarsier_index::{Index, IndexError, ReconcileReport};
use tarsier_tiers::distrust::Distrust;
use tarsier_tiers::emergency::Emergency;
use tarsier_tiers::manifest::Day;
use tarsier_tiers::retain::{self, Retain};
use tarsier_tiers::spill::{WriteTo, cleanup_can_wait};
use tarsier_tiers::wait::Stop;
use tarsier_tiers::watch::{Change, Watch};
use tarsier_tiers::{End, PieceName, Policy, Step, TierId, VolumeState};
use tarsier_types::{Clock, Mono};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::registry::Local;
use super::upkeep::Looked;
use super::volumes::Volumes;
use super::words::Left;
use super::{Nudge, policy, words};
use crate::hub::Hub;
use crate::journal::NewEvent;

/// SPEC section 6.
const EVERY: Duration = Duration::from_secs(10);
/// Files begun by many cameras within this time are one reason to look: the minimum of free space is far more than they
/// write meanwhile.
const APART: Duration = Duration::from_secs(3);
/// A deletion that takes longer hangs in the system: the next disk's turn.
const DELETING: Duration = Duration::from_secs(20);
/// And small things that a disk is asked for, once it has woken up.
const ASKING: Duration = Duration::from_secs(5);
/// Files and index are compared at the start, when a disk comes back, and so often.
const COMPARE_EVERY: Duration = Duration::from_secs(24 * 3600);
/// Bytes are looked at from so long after the start.
const CHECK_FROM: Duration = Duration::from_secs(600);
/// What a bucket says of itself follows its content within this time.
const MANIFEST_EVERY: Duration = Duration::from_secs(60);
/// And what it refused to delete is tried again.
const BURY_EVERY: Duration = Duration::from_secs(60);
/// What the wall clock says is written down so often.
const CLOCK_EVERY: Duration = Duration::from_secs(3600);
/// And not again within this time, whatever hands do.
const COMPARE_APART: Duration = Duration::from_secs(60);
/// Changed files that are remembered one by one.
const MOST_NOTICED: usize = 1_000;
/// Below this the reserve is given up.
const NEARLY_FULL: u64 = 64 << 20;

/// What ended beside.
enum Ended {
    Step(PieceName, End),
    Copied(PieceName, End, TierId, Day),
    Compared(Local, Option<ReconcileReport>),
    Looked(TierId, Option<Looked>),
    Described(TierId, Day, bool),
    Watched(TierId, Option<Watch>),
}

/// Runs until the hub goes down.
pub(crate) async fn run(hub: Arc<Hub>, mut nudges: mpsc::Receiver<Nudge>) {
    let stopping = hub.stopping.subscribe();
    let mut keeper = Keeper::new(hub);
    keeper.begin().await;
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = said(stopping.clone()) => break,
            _ = ticks.tick() => keeper.round().await,
            nudge = nudges.recv() => match nudge {
                Some(nudge) => {
                    // Many recorders of one disk say the same: it is measured once.
                    let others = std::iter::from_fn(|| nudges.try_recv().ok());
                    keeper.nudged(others.fold(nudge, Nudge::max)).await;
                }
                None => break,
            },
            Some(Ok(ended)) = keeper.beside.join_next() => keeper.ended(ended).await,
        }
    }
    keeper.end().await;
}

/// The hub goes down.
async fn said(mut stopping: watch::Receiver<bool>) {
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

struct Keeper {
    hub: Arc<Hub>,
    policy: Policy,
    retain: Retain,
    emergencies: BTreeMap<TierId, Emergency>,
    volumes: Volumes,
    states: BTreeMap<TierId, VolumeState>,
    /// The home that people were told takes nothing now, and why.
    left: Option<(TierId, Left)>,
    /// Disks that recorders cannot write to.
    distrust: Distrust,
    beside: JoinSet<Ended>,
    stop: Stop,
    /// Tiers that hang in the system.
    hanging: BTreeMap<TierId, tokio::task::JoinHandle<()>>,
    compared: BTreeMap<TierId, Mono>,
    comparing: BTreeSet<TierId>,
    checks: BTreeMap<TierId, Check>,
    /// Days of buckets whose manifest is behind.
    behind: BTreeSet<(TierId, Day)>,
    described: Mono,
    /// When what is condemned in a bucket was last deleted.
    buried: BTreeMap<TierId, Mono>,
    /// When it was last written down what the wall clock says.
    clock_kept: Option<Mono>,
    /// Tiers whose list of locks is behind.
    without_locks: BTreeSet<TierId>,
    /// Buckets whose own list of locks was read.
    with_locks: BTreeSet<TierId>,
    last_round: Mono,
    watches: BTreeMap<TierId, Option<Watch>>,
    /// When a tier was last compared because of hands.
    followed: Option<Mono>,
    /// What watches noticed since the last round.
    noticed: Arc<Mutex<BTreeSet<(TierId, Change)>>>,
}

/// How far the look at every byte of a tier has come.
#[derive(Default)]
struct Check {
    next: Option<tarsier_index::FileName>,
    is_running: bool,
    rests_until: Mono,
}

impl Keeper {
    fn new(hub: Arc<Hub>) -> Self {
        Self {
            hub,
            policy: Policy::default(),
            retain: Retain::new(retain::Pace::default()),
            emergencies: BTreeMap::new(),
            volumes: Volumes::default(),
            states: BTreeMap::new(),
            left: None,
            distrust: Distrust::default(),
            beside: JoinSet::new(),
            stop: Stop::default(),
            hanging: BTreeMap::new(),
            compared: BTreeMap::new(),
            comparing: BTreeSet::new(),
            checks: BTreeMap::new(),
            behind: BTreeSet::new(),
            described: Mono::ZERO,
            buried: BTreeMap::new(),
            clock_kept: None,
            without_locks: BTreeSet::new(),
            with_locks: BTreeSet::new(),
            last_round: Mono::ZERO,
            watches: BTreeMap::new(),
            followed: None,
            noticed: Arc::default(),
        }
    }

    async fn begin(&mut self) {
        self.read_policy().await;
        self.read_clock().await;
    }

    async fn end(mut self) {
        self.stop.now();
        self.beside.abort_all();
        while self.beside.join_next().await.is_some() {}
    }

    fn mono(&self) -> Mono {
        self.hub.clock.mono()
    }

    async fn read_policy(&mut self) {
        match self.hub.ask_index(policy).await {
            Ok(read) => self.policy = read,
            Err(error) => failed(&error, "the storage policy is not read"),
        }
    }

    async fn nudged(&mut self, nudge: Nudge) {
        match nudge {
            Nudge::Segment if self.mono().since(self.last_round) < APART => {}
            Nudge::Segment | Nudge::Disk => self.round().await,
            Nudge::Changed => {
                self.read_policy().await;
                let now = self.mono();
                self.retain.handle(now, &self.policy, retain::Input::Changed);
                self.keep_locks().await;
                self.round().await;
            }
        }
    }

    /// Measures, then lets each brain decide.
    async fn round(&mut self) {
        self.last_round = self.mono();
        self.open_buckets().await;
        let registry = self.hub.storage.registry();
        let Some(ours) = self.ours().await else { return };
        // What is measured after it was refused tells whether that explains it.
        let refused = self.hub.storage.take_refused();
        let volumes = self.volumes.measure(&registry, &ours, &self.hub.clock).await;
        self.distrust(&refused, &volumes);
        let is_elsewhere = self.choose(&registry, &volumes).await;
        let are_back = self.states_changed(&registry, &volumes).await;
        if is_elsewhere || are_back {
            let hub = Arc::clone(&self.hub);
            // Beside: whoever changes cameras just now may wait for a disk that we must not wait for.
            tokio::spawn(async move { hub.follow_tier().await });
        }
        let write_to = self.hub.storage.seen().write_to.clone().unwrap_or(WriteTo::Nowhere);
        let spills = matches!(write_to, WriteTo::Spill { .. });
        if spills {
            // There is time to let footage move on, which makes room without a loss.
            self.retention(&registry, &volumes).await;
        }
        for volume in volumes.iter().filter(|volume| volume.kind.is_local()) {
            if let Some(local) = registry.local(&volume.tier) {
                self.reserve(local, volume).await;
                if cleanup_can_wait(&volume.tier, &write_to, self.retain.steps()) {
                    continue;
                }
                self.emergency(&registry, local, volume.clone(), &ours).await;
            }
        }
        if !spills {
            self.retention(&registry, &volumes).await;
        }
        self.follow_hands(&registry, &volumes).await;
        self.upkeep(&registry, &volumes);
        self.keep_locks_on_disks().await;
        self.bury_in_buckets(&registry, &volumes).await;
        self.describe(&registry);
        let mut seen = self.hub.storage.seen();
        seen.volumes = volumes;
        seen.steps = self
            .retain
            .steps()
            .filter_map(|step| match step {
                Step::Move { piece, to } | Step::Upload { piece, to } => {
                    Some((piece.name(), to.clone()))
                }
                Step::Delete(_) => None,
            })
            .collect();
    }

    /// Bytes of each tier, by the index.
    async fn ours(&self) -> Option<BTreeMap<String, u64>> {
        let holdings = self.hub.ask_index(Index::holdings).await;
        let holdings =
            holdings.inspect_err(|error| failed(error, "storage is not looked at")).ok()?;
        let mut ours = BTreeMap::new();
        for of in holdings {
            *ours.entry(of.tier_id).or_insert(0) += of.size_bytes;
        }
        Some(ours)
    }

    /// Runs something beside. `or` is how it ended if it panics, which is logged: what it held up goes on.
    fn beside(&mut self, job: impl Future<Output = Ended> + Send + 'static, or: Ended) {
        self.beside.spawn(ended_or(job, or));
    }

    async fn ended(&mut self, ended: Ended) {
        let registry = self.hub.storage.registry();
        match ended {
            Ended::Step(name, end) => {
                self.retain.handle(self.mono(), &self.policy, retain::Input::Finished(name, end));
                self.follow(&registry).await;
            }
            Ended::Copied(name, end, tier, day) => {
                if end == End::Done {
                    self.behind.insert((tier, day));
                }
                self.retain.handle(self.mono(), &self.policy, retain::Input::Finished(name, end));
                self.follow(&registry).await;
            }
            Ended::Compared(local, report) => {
                self.comparing.remove(&local.id);
                let name = registry.name(&local.id);
                match report {
                    Some(report) if report.refused_to_forget => {
                        let told = words::not_believed(&name, report.missing);
                        self.tell(EventKind::FootageLost, told);
                    }
                    Some(report) if report.missing > 0 => {
                        self.tell(EventKind::FootageLost, words::lost(&name, report.missing));
                    }
                    _ => {}
                }
                self.finish(&local).await;
            }
            Ended::Looked(tier, looked) => {
                let now = self.mono();
                let check = self.checks.entry(tier.clone()).or_default();
                check.is_running = false;
                match looked {
                    Some(looked) => {
                        check.next = looked.next;
                        if check.next.is_none() {
                            check.rests_until = now + COMPARE_EVERY;
                        }
                        if let Some(first) = looked.damaged.first() {
                            let name = registry.name(&tier);
                            let told = words::damaged(&name, looked.damaged.len(), first);
                            self.tell(EventKind::FootageLost, told);
                        }
                    }
                    None => check.rests_until = now + COMPARE_EVERY,
                }
            }
            Ended::Watched(tier, watch) => {
                // It may have gone away again.
                if let Some(place) = self.watches.get_mut(&tier) {
                    *place = watch;
                }
            }
            Ended::Described(tier, day, is_done) => {
                if !is_done {
                    self.behind.insert((tier, day));
                }
            }
        }
    }

    fn tell(&self, kind: EventKind, (title, body): words::Told) {
        let event = NewEvent { at: self.hub.now(), kind, camera: None, title, body };
        self.hub.journal.event(event);
    }

    fn hangs(&self, tier: &TierId) -> bool {
        self.hanging.get(tier).is_some_and(|task| !task.is_finished())
    }

    /// Asks a disk for something on a thread that may block. One that hangs is not waited for, as other disks need us, and
    /// not asked again until it answers. Tells whether it did.
    async fn asked(
        &mut self,
        tier: &TierId,
        patience: Duration,
        job: impl FnOnce(&Index) + Send + 'static,
    ) -> bool {
        if self.hangs(tier) {
            return false;
        }
        let index = self.hub.index.clone();
        let mut task = tokio::task::spawn_blocking(move || job(&index));
        let is_done = tokio::time::timeout(patience, &mut task).await.is_ok();
        if !is_done {
            tracing::error!(%tier, "the disk does not answer: it is not waited for");
            self.hanging.insert(tier.clone(), task);
        }
        is_done
    }
}

async fn ended_or<T>(job: impl Future<Output = T>, or: T) -> T {
    // What it was at is not looked at again.
    AssertUnwindSafe(job).catch_unwind().await.unwrap_or(or)
}

fn failed(error: &IndexError, what: &'static str) {
    let error: &dyn std::error::Error = error;
    tracing::error!(error, "{what}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_copy_that_panics_holds_up_its_disk_until_the_hub_starts_again() {
        async fn copy() -> End {
            tokio::task::yield_now().await;
            panic!("a bug in a copy");
        }
        assert_eq!(ended_or(copy(), End::Failed).await, End::Failed);
        assert_eq!(ended_or(async { End::Done }, End::Failed).await, End::Done);
    }
}
