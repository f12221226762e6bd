//! `bench tiers`: an index rebuilt from files, a verified move against `cp` and `sync`, and what a move costs a recorder
//! that writes to the same disk. Measured by `crates/tiers/examples/figures.rs`.

use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};
use serde_json::Value;

use crate::Options;
use crate::table::{Row, Table, median};

/// Files of the rebuild where nobody asks for another number: so many that the start of the program does not count. The
/// figure is asked for 1,000,000, which take some minutes and several gigabytes.
pub(crate) const FILES: u32 = 100_000;
/// Length of the file that is moved.
const MEGABYTES: &str = "512";

/// Runs it.
pub(crate) fn run(options: &Options) -> anyhow::Result<Table> {
    let folder = tempfile::tempdir_in("target").context("a folder on this disk")?;
    let output = Command::new("cargo")
        .args(["run", "--release", "--quiet", "-p", "tarsier-tiers", "--example", "figures", "--"])
        .arg(folder.path())
        .args([&options.files.to_string(), MEGABYTES])
        .stderr(Stdio::inherit())
        .output()
        .context("measure")?;
    ensure!(output.status.success(), "nothing was measured");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let figures: Vec<Value> =
        said.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let numbers = |metric: &str, key: &str| -> anyhow::Result<Vec<f64>> {
        let of = figures.iter().filter(|figure| figure["metric"] == metric);
        // A move while somebody records is slower on purpose.
        let of = of.filter(|figure| figure["while_recording"] != true);
        let numbers: Vec<f64> = of.filter_map(|figure| figure[key].as_f64()).collect();
        ensure!(!numbers.is_empty(), "no figure {metric} in {said}");
        Ok(numbers)
    };
    let row = |metric: &str, unit, ours, goal: &str| Row {
        metric: metric.to_owned(),
        unit,
        ours,
        peer: None,
        goal: goal.to_owned(),
    };
    let peer = median(&numbers("move", "cp_and_sync_mb_per_second")?);
    let worst = |metric: &str| -> anyhow::Result<f64> {
        Ok(numbers(metric, "max_ms")?.into_iter().fold(0.0, f64::max))
    };
    Ok(Table {
        name: "tiers",
        conditions: vec![format!(
            "{} files; moves of {MEGABYTES} MB on one disk, cold source",
            options.files
        )],
        rows: vec![
            row(
                "an index is rebuilt from files",
                "files/s",
                median(&numbers("rebuild", "files_per_second")?),
                "at least 5000",
            ),
            Row {
                metric: "a move: copied, synced, read back, verified".to_owned(),
                unit: "MB/s",
                ours: median(&numbers("move", "mb_per_second")?),
                peer: Some(("cp, sync".to_owned(), peer)),
                goal: "at least 0.8x".to_owned(),
            },
            row(
                "slowest synced write of 500 kB during a move",
                "ms",
                worst("write_during_move")?,
                "at most 50",
            ),
            row("the same without a move", "ms", worst("write_alone")?, ""),
        ],
    })
}
