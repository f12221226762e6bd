//! `bench index`: what timelines and playlists ask of an index of 1,000,000 segments of 16 cameras.
//!
//! The questions are asked of the index itself, by `crates/index/examples/fill.rs`: HTTP and the text of the answer
//! come on top and are not in these figures.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};
use serde_json::Value;

use crate::Options;
use crate::table::{Row, Table};

fn fill(database: &Path) -> anyhow::Result<String> {
    let output = Command::new("cargo")
        .args([
            "run",
            "--release",
            "--quiet",
            "-p",
            "tarsier-index",
            "--example",
            "fill",
            "--",
            "1000000",
        ])
        .arg(database)
        .stderr(Stdio::inherit())
        .output()
        .context("fill an index")?;
    ensure!(output.status.success(), "the index could not be filled");
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// A database of 1,000,000 segments of 16 cameras, made once.
pub(crate) fn filled(folder: &Path) -> anyhow::Result<PathBuf> {
    let path = folder.join("million.db");
    if !path.is_file() {
        std::fs::create_dir_all(folder)?;
        let unfinished = folder.join("unfinished-million.db");
        let _ = std::fs::remove_file(&unfinished);
        fill(&unfinished)?;
        std::fs::rename(&unfinished, &path)?;
    }
    Ok(path)
}

/// Runs it.
pub(crate) fn run(_options: &Options) -> anyhow::Result<Table> {
    let folder = tempfile::tempdir()?;
    let said = fill(&folder.path().join("million.db"))?;
    let figures: Vec<Value> =
        said.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let row = |metric: &str, words: &str, goal: &str| {
        let figure = figures.iter().find(|figure| figure["metric"] == metric);
        let ours = figure.and_then(|figure| figure["p95_ms"].as_f64());
        let ours = ours.with_context(|| format!("no figure {metric} in {said}"))?;
        let (metric, goal) = (words.to_owned(), goal.to_owned());
        Ok::<_, anyhow::Error>(Row { metric, unit: "ms, p95", ours, peer: None, goal })
    };
    Ok(Table {
        name: "index",
        conditions: vec![
            "1,000,000 segments of 16 cameras, page cache warm; calls of the index, without HTTP"
                .to_owned(),
        ],
        rows: vec![
            row("timeline_day", "one day's timeline of one camera", "at most 10 ms")?,
            row("playlist_hour", "rows of vod.m3u8 of one hour", "at most 50 ms")?,
            row("timeline_all", "131 days' timeline of one camera", "")?,
            row("seek", "the file of an instant", "")?,
            row("segment_closed", "a closed segment is stored", "")?,
            row("open", "the database is opened", "")?,
        ],
    })
}
