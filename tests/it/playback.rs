//! The past: timeline, playlists, stills.

use std::time::Duration;

use anyhow::{Context as _, ensure};

use crate::recording::until_written;
use crate::{camera, cameras, hub, journey};

#[test]
fn what_was_recorded_is_on_the_timeline_in_a_playlist_and_as_a_still() {
    journey(async {
        let server = cameras(1).await?;
        let (_folder, hub) = hub().await?;
        let id = hub.add_camera(&camera(&server, 1, "Court")).await?;
        until_written(&hub, &id, 200).await?;
        let now = hub.get("/api/v1/system").await?["now_utc_ms"].as_i64().context("now")?;
        let (from, to) = (now - 3_600_000, now + 3_600_000);
        let path = format!(
            "/api/v1/cameras/{id}/timeline?from_utc_ms={from}&to_utc_ms={to}&max_spans=1000"
        );
        let timeline = hub.get(&path).await?;
        let spans = timeline["spans"].as_array().context("spans")?;
        ensure!(spans.len() == 1, "one unbroken span, the open file included: {timeline}");
        let (start, end) = (spans[0]["start_utc_ms"].as_i64(), spans[0]["end_utc_ms"].as_i64());
        let (start, end) = (start.context("start")?, end.context("end")?);
        ensure!(
            end - start >= 4_000 && end <= now + 5_000,
            "the span is as long as what was written: {timeline}"
        );
        ensure!(timeline["gaps"].as_array().is_some_and(Vec::is_empty), "no gap: {timeline}");

        let playlist =
            format!("/api/v1/cameras/{id}/main/vod.m3u8?from_utc_ms={from}&to_utc_ms={}", end - 1);
        let (status, text) = hub.get_bytes(&playlist).await?;
        let text = String::from_utf8(text.to_vec())?;
        ensure!(
            status == 200
                && text.contains("#EXT-X-MAP")
                && text.contains("#EXT-X-PROGRAM-DATE-TIME"),
            "{text}"
        );
        let url = format!("{}{playlist}&token={}", hub.url, hub.token);
        let output = tokio::process::Command::new("ffprobe")
            .args(["-v", "error", "-count_packets", "-select_streams", "v:0"])
            .args([
                "-show_entries",
                "stream=codec_name,nb_read_packets",
                "-of",
                "csv=p=0",
                "-live_start_index",
                "0",
            ])
            .arg(&url)
            .output();
        let output = tokio::time::timeout(Duration::from_secs(60), output)
            .await
            .context("ffprobe hangs")??;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let pictures = said
            .lines()
            .next()
            .unwrap_or_default()
            .split(',')
            .nth(1)
            .and_then(|n| n.parse::<i64>().ok())
            .unwrap_or_default();
        ensure!(
            said.starts_with("h264") && pictures >= 75,
            "another player reads the playlist: {said} {}",
            String::from_utf8_lossy(&output.stderr)
        );

        let still = format!(
            "/api/v1/cameras/{id}/main/still.jpg?at_utc_ms={}&max_width=320",
            i64::midpoint(start, end)
        );
        let (status, jpeg) = hub.get_bytes(&still).await?;
        ensure!(status == 200 && jpeg.starts_with(&[0xff, 0xd8, 0xff]), "a JPEG, not {status}");
        let nothing =
            format!("/api/v1/cameras/{id}/main/still.jpg?at_utc_ms={}", start - 86_400_000);
        let (status, problem) = hub.call("GET", &nothing, None).await?;
        ensure!(status == 404 && problem["code"] == "no_footage", "{status} {problem}");
        server.stop().await;
        Ok(())
    });
}

#[test]
fn an_outage_is_a_gap_with_a_reason_on_the_timeline() {
    journey(async {
        let server = cameras(1).await?;
        let address = server.addr();
        let (_folder, hub) = hub().await?;
        let id = hub.add_camera(&camera(&server, 1, "Mill")).await?;
        until_written(&hub, &id, 60).await?;
        server.stop().await;
        let status = hub.until_state(&id, "offline", Duration::from_secs(40)).await?;
        ensure!(
            status["problem"]["message"].as_str().is_some_and(|m| m.contains("Mill")),
            "{status}"
        );
        let options =
            tarsier_demo::DemoOptions { listen: address, cameras: 1, ..Default::default() };
        let server = tarsier_demo::DemoServer::start(options).await?;
        hub.until_state(&id, "recording", Duration::from_secs(60)).await?;
        let now = hub.get("/api/v1/system").await?["now_utc_ms"].as_i64().context("now")?;
        let path = format!(
            "/api/v1/cameras/{id}/timeline?from_utc_ms={}&to_utc_ms={}&max_spans=100",
            now - 600_000,
            now + 600_000
        );
        hub.until("a gap", &path, Duration::from_secs(20), |timeline| {
            let gaps = timeline["gaps"].as_array()?;
            gaps.iter()
                .any(|gap| gap["reason"] == "camera" || gap["reason"] == "network")
                .then_some(())
        })
        .await?;
        let (_, events) = hub.call("GET", "/api/v1/system", None).await?;
        ensure!(events["offline_cameras"] == 0, "it is back: {events}");
        server.stop().await;
        Ok(())
    });
}
