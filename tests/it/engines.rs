//! Cameras that none of us wrote, and which engine reads them.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::json;
use tarsier_tests::footage;
use tarsier_tests::gst::{GstAudio, GstAuth, GstCamera, GstOptions, GstVideo};
use tarsier_tests::process::{Process, Signal};
use tarsier_types::{Codec, Credentials, Secret};

use crate::recording::{stream, until_written};
use crate::{hub, journey};

/// Records a GStreamer camera; answers the engine and the parameter sets of its first file.
async fn record(
    options: GstOptions,
    password: Option<&str>,
) -> anyhow::Result<(String, tarsier_types::ParameterSets)> {
    let camera = GstCamera::start(&options).await?;
    let (_folder, hub) = hub().await?;
    let mut new = json!({ "name": "Gst", "main": { "url": camera.url() } });
    if let Some(password) = password {
        new["username"] = json!("admin");
        new["password"] = json!(password);
    }
    let id = hub.add_camera(&new).await?;
    let status = until_written(&hub, &id, 60).await?;
    ensure!(stream(&status, "main")?["units_lost"] == 0, "nothing is lost: {status}");
    let engine = status["recorder"]["engine"].as_str().context("an engine")?.to_owned();
    let folder = hub.footage();
    hub.stop().await?;
    let file = footage::files(&folder).into_iter().next().context("a file")?;
    Ok((engine, footage::scan(&file)?.parameters))
}

#[test]
fn h264_and_aac_of_gstreamer_are_read_by_the_rust_engine() {
    journey(async {
        let options =
            GstOptions { video: GstVideo::H264, audio: GstAudio::Aac, ..GstOptions::default() };
        let (engine, parameters) = record(options, None).await?;
        ensure!(engine == "rust", "{engine}");
        ensure!(parameters.video.codec == Codec::H264, "{parameters:?}");
        ensure!(parameters.audio.context("sound")?.codec == Codec::Aac, "AAC is kept as it is");
        Ok(())
    });
}

#[test]
fn h265_and_g711_with_a_digest_password_become_hevc_and_flac() {
    journey(async {
        let credentials =
            Credentials { username: "admin".into(), password: Secret::new("s3cret".into()) };
        let options = GstOptions {
            video: GstVideo::H265,
            audio: GstAudio::PcmMulaw,
            auth: GstAuth::Digest(credentials),
            ..GstOptions::default()
        };
        let (engine, parameters) = record(options, Some("s3cret")).await?;
        ensure!(engine == "rust", "{engine}");
        ensure!(parameters.video.codec == Codec::Hevc, "{parameters:?}");
        ensure!(
            parameters.audio.context("sound")?.codec == Codec::Flac,
            "G.711 is kept without loss"
        );
        Ok(())
    });
}

#[test]
fn pictures_with_b_frames_are_recorded_in_order() {
    journey(async {
        let options = GstOptions {
            video: GstVideo::H264WithBFrames(2),
            audio: GstAudio::None,
            ..GstOptions::default()
        };
        let (_, parameters) = record(options, None).await?;
        ensure!(
            parameters.video.codec == Codec::H264 && parameters.audio.is_none(),
            "{parameters:?}"
        );
        Ok(())
    });
}

#[test]
fn a_camera_that_speaks_mpeg_ts_over_http_is_read_by_libav() {
    journey(async {
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let url = format!("http://127.0.0.1:{port}/live.ts");
        let source = "testsrc2=size=320x180:rate=25";
        let mut ffmpeg = tokio::process::Command::new("ffmpeg");
        ffmpeg
            .args(["-v", "error", "-nostdin", "-re", "-f", "lavfi", "-i", source])
            .args(["-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", "25"])
            .args(["-pix_fmt", "yuv420p", "-f", "mpegts", "-listen", "1", &url]);
        let mut server = Process::spawn(ffmpeg)?;
        let (_folder, hub) = hub().await?;
        let id = hub.add_camera(&json!({ "name": "Encoder", "main": { "url": url } })).await?;
        let status = until_written(&hub, &id, 50).await?;
        ensure!(status["recorder"]["engine"] == "libav", "{status}");
        let folder = hub.footage();
        hub.stop().await?;
        // A file ends at any wall-clock multiple of three minutes: what was counted may be in two.
        let mut units = 0;
        for file in footage::files(&folder) {
            units += footage::scan(&file)?.units;
        }
        ensure!(units >= 50, "what was counted is in the files, not {units}");
        server.signal(Signal::Kill)?;
        server.ended(Duration::from_secs(5)).await?;
        Ok(())
    });
}

#[test]
fn the_libav_engine_can_be_forced_on_an_rtsp_camera() {
    journey(async {
        let server = crate::cameras(1).await?;
        let (_folder, hub) = hub().await?;
        let mut new = crate::camera(&server, 1, "Forced");
        new["engine"] = json!("libav");
        let id = hub.add_camera(&new).await?;
        let status = until_written(&hub, &id, 60).await?;
        ensure!(status["recorder"]["engine"] == "libav", "{status}");
        server.stop().await;
        Ok(())
    });
}
