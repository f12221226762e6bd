//! `bench start`: from the start of the program to the first answer, with an index of 1,000,000 segments.

use std::path::Path;
use std::time::Instant;

use tarsier_tests::hub::{HubOptions, HubProcess};

use crate::table::{Row, Table, median};
use crate::{Options, index};

/// Runs it.
#[expect(clippy::disallowed_methods, reason = "a bench measures real time")]
pub(crate) async fn run(options: &Options) -> anyhow::Result<Table> {
    let folder = tempfile::tempdir()?;
    let filled = index::filled(Path::new("target/bench"))?;
    let mut seconds = Vec::new();
    for round in 0..options.windows.max(3) {
        let data = folder.path().join(format!("hub{round}"));
        std::fs::create_dir_all(&data)?;
        std::fs::copy(&filled, data.join("tarsier.db"))?;
        let began = Instant::now();
        let hub = HubProcess::start(&data, &HubOptions::default()).await?;
        hub.get("/healthz").await.ok();
        seconds.push(began.elapsed().as_secs_f64());
        hub.stop().await?;
    }
    Ok(Table {
        name: "start",
        conditions: vec![format!(
            "index of 1,000,000 segments; each start on a fresh copy: {seconds:.3?}"
        )],
        rows: vec![Row {
            metric: "start until the hub answers (and a token was made)".to_owned(),
            unit: "s",
            ours: median(&seconds),
            peer: None,
            goal: "at most 1 s".to_owned(),
        }],
    })
}
