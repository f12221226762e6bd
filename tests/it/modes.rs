//! When a camera is recorded: changed while it runs, by events, without a restart.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use tarsier_tests::hub::HubProcess;

use crate::recording::until_written;
use crate::{camera, cameras, hub, journey};

const PATIENCE: Duration = Duration::from_secs(40);

async fn pid(hub: &HubProcess, id: &str) -> anyhow::Result<u64> {
    let status = hub.get(&format!("/api/v1/cameras/{id}/status")).await?;
    status["recorder"]["pid"].as_u64().context("a process")
}

async fn now(hub: &HubProcess) -> anyhow::Result<i64> {
    hub.get("/api/v1/system").await?["now_utc_ms"].as_i64().context("now")
}

async fn until_passed(hub: &HubProcess, millis: i64) -> anyhow::Result<()> {
    let then = now(hub).await? + millis;
    hub.until("time to pass", "/api/v1/system", PATIENCE, |system| {
        (system["now_utc_ms"].as_i64()? >= then).then_some(())
    })
    .await
}

async fn change(hub: &HubProcess, id: &str, recording: Value) -> anyhow::Result<()> {
    let path = format!("/api/v1/cameras/{id}");
    let (status, answer) =
        hub.call("PATCH", &path, Some(&json!({ "recording": recording }))).await?;
    ensure!(status == 200, "{status}: {answer}");
    Ok(())
}

fn timeline(id: &str, now: i64) -> String {
    format!(
        "/api/v1/cameras/{id}/timeline?from_utc_ms={}&to_utc_ms={}&max_spans=1000",
        now - 600_000,
        now + 600_000
    )
}

/// Spans of main, or planned gaps, each as (start, end).
fn main_of(timeline: &Value, list: &str) -> Vec<(i64, i64)> {
    let is_meant = |item: &&Value| match list {
        "spans" => item["stream"] == "main",
        _ => item["reason"] == "planned",
    };
    let ends = |item: &Value| Some((item["start_utc_ms"].as_i64()?, item["end_utc_ms"].as_i64()?));
    timeline[list].as_array().into_iter().flatten().filter(is_meant).filter_map(ends).collect()
}

#[test]
fn pauses_and_lengths_of_files_change_without_a_restart() {
    journey(async {
        let server = cameras(1).await?;
        let (_folder, hub) = hub().await?;
        let id = hub.add_camera(&camera(&server, 1, "Hall")).await?;
        until_written(&hub, &id, 50).await?;
        let process = pid(&hub, &id).await?;
        hub.call("PUT", "/api/v1/recording", Some(&json!({ "paused": true }))).await?;
        let paused = now(&hub).await?;
        until_passed(&hub, 6_000).await?;
        hub.call("PUT", "/api/v1/recording", Some(&json!({ "paused": false }))).await?;
        let resumed = now(&hub).await?;
        change(&hub, &id, json!({ "mode": "continuous", "segment_seconds": 120 })).await?;
        let spans = hub
            .until("footage after the pause", &timeline(&id, resumed), PATIENCE, |timeline| {
                let spans = main_of(timeline, "spans");
                (spans.len() == 2 && spans[1].1 > resumed).then_some(spans)
            })
            .await?;
        ensure!(pid(&hub, &id).await? == process, "the same process records");
        let (end, start) = (spans[0].1, spans[1].0);
        ensure!((-500..=500).contains(&(end - paused)), "it ended at once: {end} for {paused}");
        ensure!(start <= resumed + 500, "it began at once: {start} for {resumed}");
        ensure!(
            start > resumed - 5_000,
            "a group of pictures early at most: {start} for {resumed}"
        );
        let path = timeline(&id, resumed);
        let gaps = hub
            .until("the gap", &path, PATIENCE, |timeline| {
                let gaps = main_of(timeline, "gaps");
                (!gaps.is_empty()).then_some(gaps)
            })
            .await?;
        ensure!(gaps == [(end, start)], "the whole pause is a planned gap: {gaps:?} for {spans:?}");
        server.stop().await;
        Ok(())
    });
}

#[test]
fn an_event_is_recorded_with_what_came_before_and_after_it() {
    journey(async {
        let server = cameras(1).await?;
        let (_folder, hub) = hub().await?;
        let mut new = camera(&server, 1, "Gate");
        new["recording"] =
            json!({ "mode": "on_event", "pre_roll_seconds": 4, "post_roll_seconds": 2 });
        let id = hub.add_camera(&new).await?;
        hub.until_state(&id, "live", PATIENCE).await?;
        until_passed(&hub, 8_000).await?;
        let path = format!("/api/v1/cameras/{id}/events");
        let event = json!({ "kind": "doorbell", "note": "a parcel" });
        let (status, event) = hub.call("POST", &path, Some(&event)).await?;
        ensure!(status == 201, "{status}: {event}");
        let at = event["utc_ms"].as_i64().context("its time")?;
        hub.until_state(&id, "recording", PATIENCE).await?;
        hub.until_state(&id, "live", PATIENCE).await?;
        let path = format!("/api/v1/cameras/{id}/main/segments");
        let list = hub
            .until("a closed file", &path, PATIENCE, |list| {
                let items = list["items"].as_array()?;
                (!items.is_empty() && items.iter().all(|item| item["is_open"] == false))
                    .then(|| items.clone())
            })
            .await?;
        let timeline = hub.get(&timeline(&id, at)).await?;
        let spans = main_of(&timeline, "spans");
        ensure!(spans.len() == 1, "one recording: {spans:?}, {list:?}");
        let (before, after) = (at - spans[0].0, spans[0].1 - at);
        ensure!((4_000..9_000).contains(&before), "4 s before it and a little: {before} ms");
        ensure!((2_000..7_000).contains(&after), "2 s after it and a little: {after} ms");
        let kept = timeline["events"].as_array().context("events")?;
        ensure!(kept.contains(&event), "the timeline shows it: {kept:?}");
        server.stop().await;
        Ok(())
    });
}
