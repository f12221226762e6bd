//! `bench index`: what timelines and playlists ask of an index of 1,000,000 segments of 16 cameras.
//!
//! The questions are asked twice: of the index itself (`crates/index/examples/fill.rs`), and of a hub with that index
//! over HTTP, as the pages ask them, from the request to the last byte of the answer.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, ensure};
use serde_json::Value;
use tarsier_tests::hub::{HubOptions, HubProcess};

use crate::Options;
use crate::table::{Row, Table, percentile};

/// How often each question is asked over HTTP.
const QUESTIONS: i64 = 400;
const HOUR_MS: i64 = 3_600_000;

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
pub(crate) async fn run(_options: &Options) -> anyhow::Result<Table> {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("hub");
    std::fs::create_dir_all(&data)?;
    let said = fill(&data.join("tarsier.db"))?;
    let figures: Vec<Value> =
        said.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let figure = |metric: &str| {
        let found = figures.iter().find(|figure| figure["metric"] == metric);
        found.with_context(|| format!("no figure {metric} in {said}"))
    };
    let row = |metric: &str, words: &str| {
        let ours = figure(metric)?["p95_ms"].as_f64().context("a 95th percentile")?;
        let metric = format!("{words} (calls of the index)");
        Ok::<_, anyhow::Error>(Row {
            metric,
            unit: "ms, p95",
            ours,
            peer: None,
            goal: String::new(),
        })
    };
    let filled = figure("segments")?;
    let number = |key: &str| filled[key].as_i64().with_context(|| format!("{key} of the index"));
    let filled = Filled {
        begin: number("begin_utc_ms")?,
        days: number("days")?,
        cameras: number("cameras")?,
    };
    let over_http = ask_a_hub(&data, &filled).await?;
    let answer = |ours: f64, words: &str, goal: &str| Row {
        metric: format!("{words} (over HTTP)"),
        unit: "ms, p95",
        ours,
        peer: None,
        goal: goal.to_owned(),
    };
    Ok(Table {
        name: "index",
        conditions: vec![format!(
            "{} segments of {} cameras, page cache warm; over HTTP {QUESTIONS} random questions each, largest answers {} and {} bytes",
            number("value")?,
            filled.cameras,
            over_http.timeline_bytes,
            over_http.playlist_bytes
        )],
        rows: vec![
            answer(over_http.timeline_ms, "one day's timeline of one camera", "at most 10 ms"),
            answer(over_http.playlist_ms, "vod.m3u8 of one hour", "at most 50 ms"),
            row("timeline_day", "one day's timeline of one camera")?,
            row("playlist_hour", "rows of vod.m3u8 of one hour")?,
            row("timeline_all", "131 days' timeline of one camera")?,
            row("seek", "the file of an instant")?,
            row("segment_closed", "a closed segment is stored")?,
            row("open", "the database is opened")?,
        ],
    })
}

struct Filled {
    begin: i64,
    days: i64,
    cameras: i64,
}

struct Answers {
    timeline_ms: f64,
    timeline_bytes: usize,
    playlist_ms: f64,
    playlist_bytes: usize,
}

async fn ask_a_hub(data: &Path, filled: &Filled) -> anyhow::Result<Answers> {
    let hub = HubProcess::start(data, &HubOptions::default()).await?;
    let (mut timeline, mut playlist) = (Vec::new(), Vec::new());
    let (mut timeline_bytes, mut playlist_bytes) = (0, 0);
    for n in 0..QUESTIONS {
        let camera = format!("camera-{:02}", n * 7 % filled.cameras);
        // A large prime spreads the questions over all days and hours, the same ones in each run.
        let hour = n * 1_000_003 % (filled.days * 24 - 24);
        let from = filled.begin + hour * HOUR_MS + n % 60 * 60_000;
        let path = |what: &str, hours: i64| {
            format!(
                "/api/v1/cameras/{camera}/{what}?from_utc_ms={from}&to_utc_ms={}",
                from + hours * HOUR_MS
            )
        };
        let (took, bytes) = ask(&hub, &path("timeline", 24), "\"spans\":[{").await?;
        timeline.push(took);
        timeline_bytes = timeline_bytes.max(bytes);
        let (took, bytes) = ask(&hub, &path("main/vod.m3u8", 1), "#EXTINF").await?;
        playlist.push(took);
        playlist_bytes = playlist_bytes.max(bytes);
    }
    hub.stop().await?;
    let (timeline_ms, playlist_ms) = (percentile(&timeline, 95), percentile(&playlist, 95));
    Ok(Answers { timeline_ms, timeline_bytes, playlist_ms, playlist_bytes })
}

/// Milliseconds and length of an answer that holds `sign`.
#[expect(clippy::disallowed_methods, reason = "a bench measures real time")]
async fn ask(hub: &HubProcess, path: &str, sign: &str) -> anyhow::Result<(f64, usize)> {
    let began = Instant::now();
    let (status, body) = hub.get_bytes(path).await?;
    let took = began.elapsed().as_secs_f64() * 1000.0;
    let text = String::from_utf8_lossy(&body);
    ensure!(status == 200 && text.contains(sign), "{path}: {status}, no {sign} in {text:.300}");
    Ok((took, body.len()))
}
