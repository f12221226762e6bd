//! Cameras that misbehave (SPEC section 2): none of it ends a recording or desynchronises it, and what is recorded plays.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use tarsier_demo::{DemoOptions, DemoServer, Join, ParameterSetsIn, Quirks, Timestamps, Tracks};
use tarsier_segment::Scan;
use tarsier_tests::footage;
use tarsier_tests::hub::HubProcess;
use tarsier_types::{Codec, StreamKind, Ticks, Track};

use crate::recording::{stream, until_written};
use crate::{free_port, hub, journey};

/// A second of the demo's own films: 25 pictures, and 15.6 units of sound.
const UNITS_A_SECOND: u64 = 40;
/// Sound and pictures end (and begin) together up to this: a fragment is cut between two pictures, not between sounds.
const IN_SYNC_MS: i64 = 300;

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A camera that begins with a keyframe at once.
fn options(quirks: Quirks) -> DemoOptions {
    DemoOptions { join: Join::LatestKeyframe, quirks, ..free_port() }
}

async fn add(hub: &HubProcess, name: &str, server: &DemoServer) -> anyhow::Result<String> {
    let camera = json!({
        "name": name,
        "main": { "url": server.url(1, StreamKind::Main) },
        "recording": { "mode": "continuous", "segment_seconds": 900, "record_sub": false },
    });
    hub.add_camera(&camera).await
}

async fn timeline(hub: &HubProcess, id: &str) -> anyhow::Result<Value> {
    let now = hub.get("/api/v1/system").await?["now_utc_ms"].as_i64().context("now")?;
    let (from, to) = (now - 3_600_000, now + 3_600_000);
    hub.get(&format!(
        "/api/v1/cameras/{id}/timeline?from_utc_ms={from}&to_utc_ms={to}&max_spans=1000"
    ))
    .await
}

/// What a camera left behind.
struct Recorded {
    files: Vec<PathBuf>,
    scans: Vec<Scan>,
    pictures: i64,
    length: Ticks,
}

/// Reads a camera's files: they play here and elsewhere, and sound and pictures are together in each.
async fn recorded(footage: &Path, id: &str) -> anyhow::Result<Recorded> {
    let mut all = Recorded { files: Vec::new(), scans: Vec::new(), pictures: 0, length: Ticks(0) };
    for file in footage::files(&footage.join(id)) {
        let scan = footage::scan(&file)?;
        let name = file.display();
        ensure!(scan.is_closed, "{name} is closed");
        let bytes = std::fs::read(&file)?;
        let (mut pictures, mut sound) = (Vec::new(), Vec::new());
        for part in &scan.parts {
            let start = usize::try_from(part.offset)?;
            let fragment = &bytes[start..start + usize::try_from(part.bytes)?];
            for unit in tarsier_segment::read_units(&scan, fragment)? {
                let of = if unit.track == Track::Video { &mut pictures } else { &mut sound };
                of.push((unit.dts, unit.duration));
            }
        }
        for track in [&pictures, &sound] {
            ensure!(
                track.windows(2).all(|two| two[1].0 > two[0].0),
                "{name}: decoding times go back or stand still"
            );
        }
        if let (Some(picture), Some(heard)) = (pictures.last(), sound.last()) {
            let apart = ((picture.0 + picture.1) - (heard.0 + heard.1)).to_millis();
            ensure!(apart.abs() <= IN_SYNC_MS, "{name}: pictures end {apart} ms after the sound");
        }
        let output = tokio::process::Command::new("ffmpeg")
            .args(["-v", "error", "-i"])
            .arg(&file)
            // Each picture at its own time: not on a grid of 25 a second, where two may fall together.
            .args(["-vsync", "passthrough", "-enc_time_base", "-1", "-f", "null", "-"])
            .output()
            .await?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success() && said.is_empty(), "{name}: {said}");
        all.pictures += i64::try_from(pictures.len())?;
        all.length += scan.duration;
        all.files.push(file);
        all.scans.push(scan);
    }
    ensure!(!all.files.is_empty(), "{id} recorded something");
    Ok(all)
}

/// Records cameras with those timestamps for ten seconds behind what happens at the fourth, and checks each.
#[test]
fn timestamps_that_jump_wrap_or_stand_still_cost_no_picture() {
    journey(async {
        let (_folder, hub) = hub().await?;
        let mut cameras = Vec::new();
        for (name, timestamps) in [
            ("An hour ahead", Timestamps::JumpAfter(s(4), 3_600_000)),
            ("An hour back", Timestamps::JumpAfter(s(4), -3_600_000)),
            ("Five seconds ahead", Timestamps::JumpAfter(s(4), 5000)),
            ("Wrap", Timestamps::WrapAfter(s(4))),
            ("Still", Timestamps::StandStillAfter(s(4), s(2))),
        ] {
            let server =
                DemoServer::start(options(Quirks { timestamps, ..Quirks::default() })).await?;
            cameras.push((add(&hub, name, &server).await?, server));
        }
        for (id, _) in &cameras {
            let status = until_written(&hub, id, 14 * UNITS_A_SECOND).await?;
            let main = stream(&status, "main")?;
            ensure!(main["units_lost"] == 0 && main["reconnects"] == 0, "{id}: {main}");
            let timeline = timeline(&hub, id).await?;
            ensure!(timeline["gaps"].as_array().is_some_and(Vec::is_empty), "{id}: {timeline}");
        }
        let footage = hub.footage();
        hub.stop().await?;
        for (id, server) in cameras {
            let all = recorded(&footage, &id).await.with_context(|| id.clone())?;
            let expected = all.pictures * 40;
            let differs = (all.length.to_millis() - expected).abs();
            ensure!(
                differs <= 500,
                "{id}: {} pictures of 40 ms in {} ms",
                all.pictures,
                all.length.to_millis()
            );
            server.stop().await;
        }
        Ok(())
    });
}

#[test]
fn parameter_sets_may_be_in_the_sdp_or_in_the_band_alone() {
    journey(async {
        let (_folder, hub) = hub().await?;
        let mut cameras = Vec::new();
        for (name, parameter_sets) in
            [("In the SDP", ParameterSetsIn::Sdp), ("In the band", ParameterSetsIn::Band)]
        {
            let quirks = Quirks { parameter_sets, ..Quirks::default() };
            let server = DemoServer::start(options(quirks)).await?;
            cameras.push((add(&hub, name, &server).await?, server));
        }
        for (id, _) in &cameras {
            until_written(&hub, id, 4 * UNITS_A_SECOND).await?;
        }
        let footage = hub.footage();
        hub.stop().await?;
        for (id, server) in cameras {
            let all = recorded(&footage, &id).await.with_context(|| id.clone())?;
            let video = &all.scans[0].parameters.video;
            ensure!((video.width, video.height) == (1280, 720), "{id}: {video:?}");
            server.stop().await;
        }
        Ok(())
    });
}

#[test]
fn another_resolution_or_codec_begins_a_new_file_and_both_play() {
    journey(async {
        let (_folder, hub) = hub().await?;
        let quirks = Quirks { becomes_sub_after: Some(s(4)), ..Quirks::default() };
        let resolution = DemoServer::start(options(quirks)).await?;
        let codec = DemoServer::start(options(Quirks::default())).await?;
        let (listen, films) =
            (codec.addr(), Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/demo/samples"));
        let first = add(&hub, "Resolution", &resolution).await?;
        let second = add(&hub, "Codec", &codec).await?;
        until_written(&hub, &second, 4 * UNITS_A_SECOND).await?;
        // Set to H.265 in its own settings, a camera ends all sessions and comes back.
        codec.stop().await;
        let main = Some(films.join("tiny-hevc-mulaw.mov"));
        let changed = DemoOptions { listen, main, ..options(Quirks::default()) };
        let codec = DemoServer::start(changed).await?;
        until_written(&hub, &first, 12 * UNITS_A_SECOND).await?;
        until_written(&hub, &second, 8 * UNITS_A_SECOND).await?;
        let footage = hub.footage();
        hub.stop().await?;

        let all = recorded(&footage, &first).await.context("another resolution")?;
        let mut widths: Vec<u16> =
            all.scans.iter().map(|scan| scan.parameters.video.width).collect();
        // A quarter of an hour may begin meanwhile, and a file like the one before with it.
        widths.dedup();
        ensure!(widths == [1280, 640], "a file for each resolution: {widths:?}");
        let all = recorded(&footage, &second).await.context("another codec")?;
        let mut codecs: Vec<Codec> =
            all.scans.iter().map(|scan| scan.parameters.video.codec).collect();
        codecs.dedup();
        ensure!(codecs == [Codec::H264, Codec::Hevc], "a file for each codec: {codecs:?}");
        resolution.stop().await;
        codec.stop().await;
        Ok(())
    });
}

/// A film with a GOP of ten seconds, and no sound.
async fn long_gop(folder: &Path) -> anyhow::Result<PathBuf> {
    let path = folder.join("long-gop.mp4");
    let output = tokio::process::Command::new("ffmpeg")
        .args(["-v", "error", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25:duration=20"])
        .args(["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"])
        .args(["-g", "250", "-keyint_min", "250", "-sc_threshold", "0", "-bf", "0"])
        .arg(&path)
        .output()
        .await?;
    ensure!(output.status.success(), "ffmpeg: {}", String::from_utf8_lossy(&output.stderr));
    Ok(path)
}

#[test]
fn b_frames_long_gops_and_late_sound_are_recorded_as_they_come() {
    journey(async {
        let (folder, hub) = hub().await?;
        let films = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/demo/samples");
        let of_film =
            |main: PathBuf| DemoOptions { main: Some(main), ..options(Quirks::default()) };
        let reordered = DemoServer::start(of_film(films.join("tiny-h264-b.mp4"))).await?;
        let long = DemoServer::start(of_film(long_gop(folder.path()).await?)).await?;
        let quirks = Quirks { sound_late_by: s(5), ..Quirks::default() };
        let late = DemoServer::start(options(quirks)).await?;
        let ids = [
            add(&hub, "B-frames", &reordered).await?,
            add(&hub, "Long GOP", &long).await?,
            add(&hub, "Late sound", &late).await?,
        ];
        // Pictures alone, 25 a second.
        until_written(&hub, &ids[0], 8 * 25).await?;
        until_written(&hub, &ids[1], 12 * 25).await?;
        until_written(&hub, &ids[2], 9 * UNITS_A_SECOND).await?;
        let footage = hub.footage();
        hub.stop().await?;
        for id in &ids {
            let all = recorded(&footage, id).await.with_context(|| id.clone())?;
            let differs = (all.length.to_millis() - all.pictures * 40).abs();
            ensure!(differs <= 500, "{id}: {} pictures in {:?}", all.pictures, all.length);
            let longest = all.scans.iter().flat_map(|scan| &scan.parts).map(|part| part.duration);
            let longest = longest.max().context("a fragment")?;
            ensure!(
                longest.to_millis() <= 1000,
                "{id}: a fragment of {longest:?} waits in memory for a kill"
            );
            let starts = all.scans.iter().filter_map(|scan| scan.meta.as_ref()).map(|m| m.start.0);
            // Files of 900 s begin at the first keyframe of a quarter of an hour: at most 10 s late, here.
            let breaks = starts.skip(1).filter(|start| start % 900_000 > 12_000).count();
            ensure!(breaks == 0, "{id}: one run: {:?}", all.files);
        }
        for server in [reordered, long, late] {
            server.stop().await;
        }
        Ok(())
    });
}

#[test]
fn a_camera_with_sound_alone_is_told_as_one_without_video() {
    journey(async {
        let (_folder, hub) = hub().await?;
        let quirks = Quirks { tracks: Tracks::SoundOnly, ..Quirks::default() };
        let server = DemoServer::start(options(quirks)).await?;
        let request = json!({ "url": server.url(1, StreamKind::Main) });
        let (status, problem) = hub.call("POST", "/api/v1/cameras/test", Some(&request)).await?;
        ensure!(status >= 400 && problem["code"] == "no_video", "{status} {problem}");
        let id = add(&hub, "Radio", &server).await?;
        let path = format!("/api/v1/cameras/{id}/status");
        hub.until("what is wrong in the status", &path, s(20), |status| {
            (status["problem"]["code"] == "no_video").then_some(())
        })
        .await?;
        server.stop().await;
        Ok(())
    });
}

#[test]
fn a_camera_that_allows_two_sessions_is_recorded_and_a_third_is_told_why_not() {
    journey(async {
        let (_folder, hub) = hub().await?;
        let quirks = Quirks { sessions_at_most: Some(2), ..Quirks::default() };
        let server = DemoServer::start(options(quirks)).await?;
        let mut camera = crate::camera(&server, 1, "Cellar");
        camera["recording"]["record_sub"] = json!(true);
        let id = hub.add_camera(&camera).await?;
        until_written(&hub, &id, 2 * UNITS_A_SECOND).await?;
        let path = format!("/api/v1/cameras/{id}/status");
        hub.until("sub plays too", &path, s(20), |status| {
            (stream(status, "sub").ok()?["is_playing"] == true).then_some(())
        })
        .await?;
        let request = json!({ "url": server.url(1, StreamKind::Main) });
        let (status, problem) = hub.call("POST", "/api/v1/cameras/test", Some(&request)).await?;
        ensure!(status >= 400 && problem["code"] == "too_many_sessions", "{status} {problem}");
        let status = until_written(&hub, &id, 6 * UNITS_A_SECOND).await?;
        for name in ["main", "sub"] {
            let of = stream(&status, name)?;
            ensure!(of["reconnects"] == 0 && of["units_lost"] == 0, "undisturbed: {of}");
        }
        let timeline = timeline(&hub, &id).await?;
        ensure!(timeline["gaps"].as_array().is_some_and(Vec::is_empty), "no gap: {timeline}");
        server.stop().await;
        Ok(())
    });
}

#[test]
fn lost_datagrams_are_counted_and_end_nothing() {
    journey(async {
        let (_folder, hub) = hub().await?;
        let quirks = Quirks { datagrams_lost_percent: 5, ..Quirks::default() };
        let server = DemoServer::start(options(quirks)).await?;
        // Small pictures: half of the keyframes come whole.
        let url = server.url(1, StreamKind::Sub);
        let camera = json!({ "name": "Wireless", "main": { "url": url, "transport": "udp" } });
        let id = hub.add_camera(&camera).await?;
        let path = format!("/api/v1/cameras/{id}/status");
        let status = hub
            .until("twelve seconds of pictures", &path, s(40), |status| {
                (stream(status, "main").ok()?["units_in"].as_u64()? >= 12 * UNITS_A_SECOND)
                    .then(|| status.clone())
            })
            .await?;
        let main = stream(&status, "main")?;
        ensure!(main["packets_lost"].as_u64().is_some_and(|lost| lost > 20), "counted: {main}");
        ensure!(main["reconnects"] == 0, "it goes on: {main}");
        let timeline = timeline(&hub, &id).await?;
        ensure!(timeline["gaps"].as_array().is_some_and(Vec::is_empty), "no gap: {timeline}");
        server.stop().await;
        Ok(())
    });
}
