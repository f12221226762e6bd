//! Many viewers at once, what each of them got, and what that cost the server.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use tokio::task::JoinSet;

use crate::proc::cpu_seconds;
use crate::table::median;

/// Until a newcomer has something.
const PATIENCE: Duration = Duration::from_secs(60);
/// What a newcomer is sent at once is no part of a window.
const SETTLE: Duration = Duration::from_secs(5);

/// How many, and for how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) viewers: u16,
    pub(crate) seconds: u64,
    pub(crate) windows: usize,
}

/// What one viewer got: pictures, or segments if that is what it asks for.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pieces: AtomicU64,
    missing: AtomicU64,
    bytes: AtomicU64,
}

impl Tally {
    pub(crate) fn got(&self, bytes: usize) {
        self.pieces.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(u64::try_from(bytes).unwrap_or(0), Ordering::Relaxed);
    }

    /// So many are not there that should be.
    pub(crate) fn misses(&self, pieces: u64) {
        self.missing.fetch_add(pieces, Ordering::Relaxed);
    }
}

/// The viewers; they leave when it is dropped.
pub(crate) struct Crowd {
    tasks: JoinSet<anyhow::Result<()>>,
    tallies: Vec<Arc<Tally>>,
}

/// What all of them got in the windows.
pub(crate) struct Measured {
    pub(crate) cpu_per_viewer_minute: Vec<f64>,
    /// Of all viewers together.
    pub(crate) missing: f64,
    fewest: u64,
    most: u64,
    mbit_per_s: f64,
}

impl Crowd {
    /// Each viewer is a task that watches for ever. One comes after the other, when that one has something: GStreamer's
    /// server leaves some of a hundred unanswered if all come at once.
    pub(crate) async fn gather<F>(
        plan: Plan,
        watch: impl Fn(Arc<Tally>) -> F,
    ) -> anyhow::Result<Self>
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let mut crowd = Self { tasks: JoinSet::new(), tallies: Vec::new() };
        for _ in 0..plan.viewers {
            let tally = Arc::new(Tally::default());
            crowd.tasks.spawn(watch(Arc::clone(&tally)));
            crowd.tallies.push(Arc::clone(&tally));
            let begun = tokio::time::Instant::now();
            while tally.pieces.load(Ordering::Relaxed) == 0 {
                ensure!(begun.elapsed() < PATIENCE, "viewer {} gets nothing", crowd.tallies.len());
                crowd.stay(Duration::from_millis(5)).await?;
            }
        }
        Ok(crowd)
    }

    fn each(&self, figure: impl Fn(&Tally) -> &AtomicU64) -> Vec<u64> {
        self.tallies.iter().map(|tally| figure(tally).load(Ordering::Relaxed)).collect()
    }

    /// Time passes, and nobody leaves.
    async fn stay(&mut self, span: Duration) -> anyhow::Result<()> {
        tokio::select! {
            () = tokio::time::sleep(span) => Ok(()),
            Some(ended) = self.tasks.join_next() => match ended? {
                Ok(()) => bail!("a viewer left"),
                Err(error) => Err(error.context("a viewer could not go on")),
            },
        }
    }

    /// Counts the CPU seconds of the server in windows while all of them watch.
    pub(crate) async fn measure(mut self, plan: Plan, server: u32) -> anyhow::Result<Measured> {
        self.stay(SETTLE).await?;
        let window = Duration::from_secs(plan.seconds);
        let viewer_minutes = f64::from(plan.viewers) * window.as_secs_f64() / 60.0;
        let before = self.each(|tally| &tally.pieces);
        let missing_before: u64 = self.each(|tally| &tally.missing).iter().sum();
        let bytes_before: u64 = self.each(|tally| &tally.bytes).iter().sum();
        let mut cpu_per_viewer_minute = Vec::new();
        for _ in 0..plan.windows {
            let cpu = cpu_seconds(server);
            self.stay(window).await?;
            cpu_per_viewer_minute.push((cpu_seconds(server) - cpu) / viewer_minutes);
        }
        let pieces: Vec<u64> = std::iter::zip(self.each(|tally| &tally.pieces), before)
            .map(|(after, before)| after - before)
            .collect();
        let missing = self.each(|tally| &tally.missing).iter().sum::<u64>() - missing_before;
        let bytes = self.each(|tally| &tally.bytes).iter().sum::<u64>() - bytes_before;
        let viewer_seconds = viewer_minutes * 60.0 * f64::from(u32::try_from(plan.windows)?);
        Ok(Measured {
            cpu_per_viewer_minute,
            missing: f64::from(u32::try_from(missing)?),
            fewest: *pieces.iter().min().context("no viewers")?,
            most: *pieces.iter().max().context("no viewers")?,
            mbit_per_s: f64::from(u32::try_from(bytes / 1000)?) * 8.0 / 1000.0 / viewer_seconds,
        })
    }
}

impl Measured {
    pub(crate) fn words(&self) -> String {
        format!(
            "{:.4} CPU-s per viewer-minute, the middle of {:.4?}; each viewer got {} to {} pieces, {:.0} are missing \
             in all; {:.2} Mbit/s each",
            median(&self.cpu_per_viewer_minute),
            self.cpu_per_viewer_minute,
            self.fewest,
            self.most,
            self.missing,
            self.mbit_per_s
        )
    }
}
