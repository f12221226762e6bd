//! A camera is added, recorded, and every access unit that came is on disk.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use tarsier_tests::footage;
use tarsier_tests::hub::{Account, stderr_of};
use tarsier_types::{Ticks, Track};

use crate::{camera, cameras, hub, journey};

/// Reads all fragments of a file and counts the pictures in them.
fn pictures_in(path: &std::path::Path, scan: &tarsier_segment::Scan) -> anyhow::Result<i64> {
    let bytes = fs::read(path)?;
    let mut count = 0;
    for part in &scan.parts {
        let start = usize::try_from(part.offset)?;
        let fragment = &bytes[start..start + usize::try_from(part.bytes)?];
        let units = tarsier_segment::read_units(scan, fragment)?;
        count += units.iter().filter(|unit| unit.track == Track::Video).map(|_| 1).sum::<i64>();
    }
    Ok(count)
}

#[test]
fn every_picture_that_came_is_on_disk_across_a_segment_border() {
    journey(async {
        let server = cameras(1).await?;
        let (folder, hub) = hub().await?;
        let id = hub.add_camera(&camera(&server, 1, "Front door")).await?;
        hub.until_state(&id, "recording", Duration::from_secs(20)).await?;
        // Segments of 60 s are cut at each full minute: the second one is there within two.
        let path =
            format!("/api/v1/cameras/{id}/main/segments?from_utc_ms=0&to_utc_ms=4000000000000");
        hub.until("two segments", &path, Duration::from_secs(130), |list| {
            (list["items"].as_array()?.len() >= 2).then_some(())
        })
        .await?;
        let status = hub.get(&format!("/api/v1/cameras/{id}/status")).await?;
        let main = stream(&status, "main")?;
        ensure!(main["units_lost"] == 0, "nothing is lost: {main}");
        let footage = hub.footage();
        ensure!(hub.stop().await?.success(), "a hub that is asked to end ends well");

        let files = footage::files(&footage);
        ensure!(files.len() >= 2, "two files: {files:?}");
        let (mut pictures, mut on_disk, mut length) = (0, 0, Ticks(0));
        let mut last_end = None;
        for file in &files {
            let scan = footage::scan(file)?;
            ensure!(scan.is_closed, "{} is closed after a polite stop", file.display());
            let meta = scan.meta.clone().context("metadata is embedded")?;
            ensure!(meta.camera.as_str() == id, "the file names its camera");
            if let Some(end) = last_end.replace(meta.start + scan.duration) {
                let hole = meta.start.millis_since(end).abs();
                ensure!(
                    hole <= 2,
                    "neighbours join: {hole} ms between {end:?} and {:?}",
                    meta.start
                );
            }
            pictures += pictures_in(file, &scan)?;
            on_disk += u64::from(scan.units);
            length += scan.duration;
        }
        let account = Account::read(&stderr_of(folder.path()), "main");
        ensure!(
            account.came == on_disk && account.lost == 0,
            "access units in = access units on disk: {account:?}, {on_disk} in the files"
        );
        // The camera's clock says 40 ms a picture: one lost or doubled would show against the length of the files.
        let expected = length.to_millis() / 40;
        ensure!(pictures == expected, "{pictures} pictures in files of {expected} times 40 ms");
        server.stop().await;
        Ok(())
    });
}

#[test]
fn files_play_in_a_player_that_is_not_ours() {
    journey(async {
        let server = cameras(2).await?;
        let (_folder, hub) = hub().await?;
        let id = hub.add_camera(&camera(&server, 1, "Yard")).await?;
        until_written(&hub, &id, 100).await?;
        let footage = hub.footage();
        hub.stop().await?;
        for file in footage::files(&footage) {
            let output = tokio::process::Command::new("ffmpeg")
                .args(["-v", "warning", "-i"])
                .arg(&file)
                .args(["-f", "null", "-"])
                .output()
                .await?;
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            ensure!(output.status.success() && said.is_empty(), "{}: {said}", file.display());
        }
        server.stop().await;
        Ok(())
    });
}

#[test]
fn paused_recording_leaves_a_planned_gap_and_live_goes_on() {
    journey(async {
        let server = cameras(1).await?;
        let (_folder, hub) = hub().await?;
        let id = hub.add_camera(&camera(&server, 1, "Hall")).await?;
        until_written(&hub, &id, 50).await?;
        let (status, _) =
            hub.call("PUT", "/api/v1/recording", Some(&json!({ "paused": true }))).await?;
        ensure!(status == 200, "pausing answers 200, not {status}");
        let live = hub.until_state(&id, "live", Duration::from_secs(20)).await?;
        let since = live["since_utc_ms"].as_i64().context("since")?;
        // Recording goes on with the group of pictures that is in memory: the pause must be longer than one.
        hub.until("ten seconds of pause", "/api/v1/system", Duration::from_secs(20), |system| {
            (system["now_utc_ms"].as_i64()? > since + 10_000).then_some(())
        })
        .await?;
        hub.call("PUT", "/api/v1/recording", Some(&json!({ "paused": false }))).await?;
        hub.until_state(&id, "recording", Duration::from_secs(20)).await?;
        let now = hub.get("/api/v1/system").await?["now_utc_ms"].as_i64().context("now")?;
        let path = format!(
            "/api/v1/cameras/{id}/timeline?from_utc_ms={}&to_utc_ms={}&max_spans=100",
            now - 120_000,
            now + 60_000
        );
        hub.until("a planned gap", &path, Duration::from_secs(20), |timeline| {
            timeline["gaps"].as_array()?.iter().any(|gap| gap["reason"] == "planned").then_some(())
        })
        .await?;
        server.stop().await;
        Ok(())
    });
}

/// Waits until so many access units of main are synced.
pub(crate) async fn until_written(
    hub: &tarsier_tests::hub::HubProcess,
    id: &str,
    units: u64,
) -> anyhow::Result<Value> {
    let path = format!("/api/v1/cameras/{id}/status");
    hub.until(&format!("{units} units on disk"), &path, Duration::from_secs(40), |status| {
        let main = stream(status, "main").ok()?;
        (main["units_on_disk"].as_u64()? >= units).then(|| status.clone())
    })
    .await
}

/// A stream's part of a camera's status.
pub(crate) fn stream(status: &Value, name: &str) -> anyhow::Result<Value> {
    let streams = status["streams"].as_array().context("no streams")?;
    streams
        .iter()
        .find(|stream| stream["stream"] == name)
        .cloned()
        .with_context(|| format!("no {name} in {status}"))
}
