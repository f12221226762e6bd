//! What a hub holds, as the kernel counts it.

use std::time::Duration;

use anyhow::{Context as _, bail};
use tarsier_tests::hub::HubProcess;

/// Files that come and go by themselves: what the index opens for a moment, a kept connection of ours.
const SPARE_FILES: usize = 6;
/// A round has hundreds of viewers: a leak of some kilobytes by each is more than this.
const SPARE_BYTES: u64 = 4 << 20;
const SETTLES_WITHIN: Duration = Duration::from_secs(60);

/// Open files and sockets, and memory that is the process's own.
#[derive(Clone, Copy, Debug)]
pub(super) struct Figures {
    pub(super) files: usize,
    pub(super) bytes: u64,
}

impl Figures {
    pub(super) fn of(hub: &HubProcess) -> anyhow::Result<Self> {
        let process = format!("/proc/{}", hub.pid());
        let files = std::fs::read_dir(format!("{process}/fd"))?.count();
        let text = std::fs::read_to_string(format!("{process}/smaps_rollup"))?;
        // What is mapped from files is the system's, and may be taken back.
        let line = text.lines().find_map(|line| line.strip_prefix("Anonymous:"));
        let kibibytes = line.context("no figure")?.trim().trim_end_matches(" kB");
        Ok(Self { files, bytes: kibibytes.parse::<u64>()? << 10 })
    }

    /// Waits until no more files are open than before.
    pub(super) async fn until_files(self, hub: &HubProcess) -> anyhow::Result<Self> {
        self.until(hub, |now| now.files <= self.files + SPARE_FILES).await
    }

    /// Waits until the hub holds no more than before.
    pub(super) async fn until_regained(self, hub: &HubProcess) -> anyhow::Result<Self> {
        self.until(hub, |now| {
            now.files <= self.files + SPARE_FILES && now.bytes <= self.bytes + SPARE_BYTES
        })
        .await
    }

    async fn until(self, hub: &HubProcess, wanted: impl Fn(&Self) -> bool) -> anyhow::Result<Self> {
        let by = tokio::time::Instant::now() + SETTLES_WITHIN;
        let mut pace = tokio::time::interval(Duration::from_millis(100));
        loop {
            pace.tick().await;
            let now = Self::of(hub)?;
            if wanted(&now) {
                return Ok(now);
            }
            if tokio::time::Instant::now() > by {
                bail!("not within {SETTLES_WITHIN:?}: it held {self:?}, and holds {now:?}");
            }
        }
    }
}
