//! Players that none of us wrote, besides FFmpeg and GStreamer, whose journeys are with the transports: aiortc by WebRTC, and
//! VLC's command line by HLS. (Debian's VLC comes without live555, and so without RTSP.)

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::Value;
use tarsier_tests::gst::{GstAudio, GstCamera, GstOptions};
use tokio::process::Command;

use crate::recording::until_written;
use crate::{camera, cameras, hub, journey};

/// Python and VLC start slowly on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);
/// Who may do nothing at all: VLC does not run as root.
const NOBODY: &str = "65534";

async fn run(mut command: Command) -> anyhow::Result<Output> {
    command.stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(PATIENCE, command.output()).await;
    output.with_context(|| format!("{command:?} hangs"))?.context("it does not start")
}

#[test]
fn aiortc_sees_and_hears_by_webrtc() {
    journey(async {
        let (_folder, hub) = hub().await?;
        for audio in [GstAudio::PcmMulaw, GstAudio::Aac] {
            let camera = GstCamera::start(&GstOptions { audio, ..GstOptions::default() }).await?;
            let entry = serde_json::json!({ "name": format!("{audio:?}"), "main": { "url": camera.url() } });
            let id = hub.add_camera(&entry).await?;
            until_written(&hub, &id, 30).await?;
            // The system's own Python: aiortc comes with the system.
            let mut viewer = Command::new("/usr/bin/python3");
            viewer.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/fakes/aiortc_viewer.py"));
            viewer.arg(format!("{}/live/{id}/main/whep?token={}", hub.url, hub.token));
            let output = run({
                viewer.arg("--sound");
                viewer
            })
            .await?;
            let said = String::from_utf8_lossy(&output.stdout);
            let errors = String::from_utf8_lossy(&output.stderr);
            let got: Value = serde_json::from_str(&said).with_context(|| errors.into_owned())?;
            ensure!(got["pictures"] == 50 && got["width"] == 320, "{got}");
            ensure!(got["sound_ms"].as_u64().is_some_and(|ms| ms >= 1000), "{got}");
            ensure!(got["deleted"] == 200, "{got}");
        }
        Ok(())
    });
}

/// How wide a picture is (PNG, section 11.2.2: the first chunk's first number).
fn png_width(path: &Path) -> anyhow::Result<u32> {
    let bytes = std::fs::read(path)?;
    let width = bytes.get(16..20).context("no PNG")?;
    Ok(u32::from_be_bytes(width.try_into()?))
}

#[test]
fn vlc_plays_a_camera_by_hls() {
    journey(async {
        let server = cameras(1).await?;
        let (_folder, hub) = hub().await?;
        let id = hub.add_camera(&camera(&server, 1, "Drive")).await?;
        until_written(&hub, &id, 30).await?;
        let folder = tempfile::tempdir()?;
        std::fs::set_permissions(folder.path(), Permissions::from_mode(0o777))?;

        let mut vlc = Command::new("cvlc");
        if rustix::process::geteuid().is_root() {
            vlc = Command::new("setpriv");
            vlc.args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups", "cvlc"]);
        }
        vlc.env("HOME", folder.path()).current_dir(folder.path());
        vlc.args(["--intf", "dummy", "--no-audio", "--vout", "dummy"]);
        vlc.args(["--play-and-exit", "--run-time", "5"]);
        vlc.args(["--video-filter", "scene", "--scene-format", "png", "--scene-ratio", "5"]);
        vlc.args(["--scene-prefix", "seen", "--scene-path"]).arg(folder.path());
        vlc.arg(format!("{}/live/{id}/index.m3u8?token={}", hub.url, hub.token));
        let output = run(vlc).await?;
        let errors = String::from_utf8_lossy(&output.stderr);

        let files = std::fs::read_dir(folder.path())?.collect::<Result<Vec<_>, _>>()?;
        let files = files.into_iter().map(|entry| entry.path());
        let pictures: Vec<_> =
            files.filter(|path| path.extension().is_some_and(|it| it == "png")).collect();
        ensure!(pictures.len() >= 5, "{} pictures: {errors}", pictures.len());
        for picture in &pictures {
            let width = png_width(picture)?;
            ensure!(width == 1280 || width == 640, "{width} wide: {}", picture.display());
        }
        server.stop().await;
        Ok(())
    });
}
