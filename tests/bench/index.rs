//! `bench index`: a hub with 1,000,000 segments, asked over HTTP as the UI asks.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use tarsier_tests::hub::{HubOptions, HubProcess};

use crate::Options;
use crate::table::{Row, Table, percentile};

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
const QUESTIONS: i64 = 200;

/// A database of 1,000,000 segments of 16 cameras, made once.
pub(crate) fn filled(folder: &Path) -> anyhow::Result<PathBuf> {
    let path = folder.join("million.db");
    if !path.is_file() {
        std::fs::create_dir_all(folder)?;
        let unfinished = folder.join("unfinished-million.db");
        let _ = std::fs::remove_file(&unfinished);
        let status = std::process::Command::new("cargo")
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
            .arg(&unfinished)
            .stdout(std::process::Stdio::null())
            .status()
            .context("fill an index")?;
        ensure!(status.success(), "the index could not be filled");
        std::fs::rename(&unfinished, &path)?;
    }
    Ok(path)
}

/// Milliseconds of each answer.
#[expect(clippy::disallowed_methods, reason = "a bench measures real time")]
async fn ask(hub: &HubProcess, path: impl Fn(i64) -> String) -> anyhow::Result<Vec<f64>> {
    let mut millis = Vec::new();
    for question in 0..QUESTIONS {
        let path = path(question);
        let began = Instant::now();
        let (status, _) = hub.get_bytes(&path).await?;
        millis.push(began.elapsed().as_secs_f64() * 1000.0);
        ensure!(status == 200, "{path}: {status}");
    }
    Ok(millis)
}

/// Runs it.
pub(crate) async fn run(_options: &Options) -> anyhow::Result<Table> {
    let folder = tempfile::tempdir()?;
    std::fs::copy(filled(Path::new("target/bench"))?, folder.path().join("tarsier.db"))?;
    let hub = HubProcess::start(folder.path(), &HubOptions::default()).await?;
    let cameras = hub.get("/api/v1/cameras").await?;
    let ids: Vec<String> = cameras["items"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|camera| camera["id"].as_str().map(str::to_owned))
        .collect();
    ensure!(!ids.is_empty(), "the filled index has cameras");
    let usage = hub.get("/api/v1/storage").await?;
    let first = usage["cameras"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|c| c["oldest_utc_ms"].as_i64())
        .max();
    let last = usage["cameras"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|c| c["newest_utc_ms"].as_i64())
        .min();
    let (first, last) = (first.context("footage")?, last.context("footage")?);
    let id = |question: i64| &ids[usize::try_from(question).unwrap_or_default() % ids.len()];
    // Spread over the whole time, never twice the same.
    let at = |question: i64, span: i64| first + (last - first - span) / QUESTIONS * question;
    let timeline = ask(&hub, |q| {
        let from = at(q, DAY_MS);
        let to = from + DAY_MS;
        format!(
            "/api/v1/cameras/{}/timeline?from_utc_ms={from}&to_utc_ms={to}&max_spans=2000",
            id(q)
        )
    })
    .await?;
    let playlist = ask(&hub, |q| {
        let from = at(q, HOUR_MS);
        format!(
            "/api/v1/cameras/{}/main/vod.m3u8?from_utc_ms={from}&to_utc_ms={}",
            id(q),
            from + HOUR_MS
        )
    })
    .await?;
    tokio::time::timeout(Duration::from_secs(15), hub.stop())
        .await
        .context("the hub does not stop")??;
    let row = |metric: &str, values: &[f64], goal: &str| Row {
        metric: metric.to_owned(),
        unit: "ms, p95",
        ours: percentile(values, 95),
        peer: None,
        goal: goal.to_owned(),
    };
    Ok(Table {
        name: "index",
        conditions: vec![
            "1,000,000 segments of 16 cameras; 200 different questions each, over HTTP".to_owned(),
        ],
        rows: vec![
            row("one day's timeline of one camera", &timeline, "at most 10 ms"),
            row("vod.m3u8 of one hour", &playlist, "at most 50 ms"),
        ],
    })
}
