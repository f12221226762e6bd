//! `bench live`: a hub, a demo camera and a headless Chromium that watches it.
//!
//! The delay is measured for each picture on the screen: `requestVideoFrameCallback` tells its media time and when
//! it is shown, and the `prft` box of that picture's fragment tells when its last byte reached the recorder. The
//! script is `tests/ui/browser/bench.mjs`.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use tarsier_tests::hub::{HubOptions, HubProcess};
use tokio::process::Command;

use crate::Options;
use crate::record::{Cameras, films};
use crate::table::{Row, Table, percentile};

/// Runs it.
pub(crate) async fn run(options: &Options) -> anyhow::Result<Table> {
    let (main, sub) = films(Path::new("target/bench")).await?;
    let cameras = Cameras::start(1, &main, &sub).await?;
    let folder = tempfile::tempdir()?;
    let hub = HubProcess::start(folder.path(), &HubOptions::default()).await?;
    let new = json!({ "name": "Bench", "main": { "url": cameras.url(1, "main") } });
    let id = hub.add_camera(&new).await?;
    hub.until_state(&id, "recording", Duration::from_secs(30)).await?;
    let output = Command::new("node")
        .arg("tests/ui/browser/bench.mjs")
        .env("TARSIER_URL", format!("{}/#token={}", hub.url, hub.token))
        .env("TARSIER_CAMERA", &id)
        .env("TARSIER_SECONDS", options.seconds.to_string())
        .stderr(std::process::Stdio::inherit())
        .output()
        .await
        .context("run the browser")?;
    ensure!(output.status.success(), "the browser's part failed: {}", output.status);
    let text = String::from_utf8_lossy(&output.stdout);
    let said: Value = serde_json::from_str(text.lines().last().unwrap_or_default())
        .context("the browser's figures")?;
    let numbers = |key: &str| -> Vec<f64> {
        said[key].as_array().into_iter().flatten().filter_map(Value::as_f64).collect()
    };
    let (first, delay) = (numbers("first_picture_ms"), numbers("delay_ms"));
    ensure!(
        first.len() >= 10 && delay.len() >= 100,
        "too few samples: {} and {}",
        first.len(),
        delay.len()
    );
    hub.stop().await?;
    let row = |metric: &str, unit, ours, goal: &str| Row {
        metric: metric.to_owned(),
        unit,
        ours,
        peer: None,
        goal: goal.to_owned(),
    };
    let count = |key: &str| said[key].as_f64().unwrap_or(f64::NAN);
    Ok(Table {
        name: "live",
        conditions: vec![
            format!(
                "MSE over loopback, {}, one camera of 1080p25 4 Mbit/s; {} pictures watched in {} s, {} starts",
                said["browser"].as_str().unwrap_or("a browser"),
                delay.len(),
                options.seconds,
                first.len()
            ),
            format!(
                "the player gained on its target {} times; pictures not shown: {}",
                count("jumps"),
                count("dropped")
            ),
        ],
        rows: vec![
            row("first picture", "ms, median", percentile(&first, 50), ""),
            row("first picture", "ms, p95", percentile(&first, 95), "at most 200 ms"),
            row("arrival at the recorder to the screen", "ms, median", percentile(&delay, 50), ""),
            row(
                "arrival at the recorder to the screen",
                "ms, p95",
                percentile(&delay, 95),
                "at most 180 ms",
            ),
            row("pictures dropped", "count", count("dropped"), "0"),
        ],
    })
}
