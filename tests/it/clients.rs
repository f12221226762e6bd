//! Players that none of us wrote, and that nobody adapted to us: aiortc by WHEP, VLC by LL-HLS.
//!
//! FFmpeg and GStreamer are in `rtsp` and `hls`, Chromium is in `tests/ui`. VLC by RTSP is not here: Debian builds it
//! without live555, its RTSP client.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use tarsier_tests::gst::{GstAudio, GstCamera, GstOptions};
use tarsier_tests::hub::{HubProcess, token};

use crate::recording::until_written;
use crate::whep::until_viewers;
use crate::{camera, cameras, hub, journey};

const PATIENCE: Duration = Duration::from_secs(90);
const PYTHON: &str = "/usr/bin/python3";
const WHEP_VIEWER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fakes/whep_viewer.py");
/// So many decoded pictures of VLC are looked at.
const PICTURES: usize = 6;

/// Whether that runs here; if not, it is said aloud.
fn is_here(test: &str, program: &str, arguments: &[&str]) -> bool {
    use std::io::Write as _;
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let is_here = command.status().is_ok_and(|status| status.success());
    if !is_here {
        // Past the test binary's capture: a proof that was not made must be seen.
        let what = arguments.join(" ");
        let _ = writeln!(std::io::stderr(), "NOT RUN: {test}: `{program} {what}` fails here");
    }
    is_here
}

/// What aiortc has seen and heard of a camera's main stream.
async fn aiortc(hub: &HubProcess, camera: &str) -> anyhow::Result<Value> {
    let url = format!("{}/live/{camera}/main/whep", hub.url);
    let mut command = tokio::process::Command::new(PYTHON);
    command.args([WHEP_VIEWER, &url, &hub.token, "50", "50"]);
    command.stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(PATIENCE, command.output()).await;
    let output = output.context("aiortc sees or hears too little")??;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{errors}");
    let told: Value = serde_json::from_slice(&output.stdout)?;
    ensure!(told["posted"] == 201 && told["deleted"] == 200, "{told}");
    ensure!(told["pictures"] == 50 && told["rises"] == true, "{told}");
    ensure!(told["sounds"] == 50, "{told}");
    ensure!(told["loudest"].as_i64().is_some_and(|it| it > 1000), "silence: {told}");
    Ok(told)
}

#[test]
fn aiortc_decodes_pictures_and_the_sound_that_was_converted_for_it() {
    let test = "aiortc_decodes_pictures_and_the_sound_that_was_converted_for_it";
    if !is_here(test, PYTHON, &["-c", "import aiortc"]) {
        return;
    }
    journey(async {
        let server = cameras(1).await?;
        let (_folder, hub) = hub().await?;
        let id = hub.add_camera(&camera(&server, 1, "Drive")).await?;
        until_written(&hub, &id, 60).await?;
        let told = aiortc(&hub, &id).await?;
        ensure!(told["width"] == 1280 && told["height"] == 720, "{told}");
        ensure!(told["answer"].as_str().is_some_and(|it| it.contains("opus/48000/2")), "{told}");
        until_viewers(&hub, &id, 0, PATIENCE).await?;
        server.stop().await;
        Ok(())
    });
}

#[test]
fn aiortc_hears_a_g711_camera_whose_packets_are_of_another_length_than_it_takes() {
    let test = "aiortc_hears_a_g711_camera_whose_packets_are_of_another_length_than_it_takes";
    if !is_here(test, PYTHON, &["-c", "import aiortc"]) {
        return;
    }
    journey(async {
        let audio = GstAudio::PcmMulaw;
        let camera = GstCamera::start(&GstOptions { audio, ..GstOptions::default() }).await?;
        let (_folder, hub) = hub().await?;
        let entry = json!({ "name": "Gate", "main": { "url": camera.url() } });
        let id = hub.add_camera(&entry).await?;
        until_written(&hub, &id, 30).await?;
        let told = aiortc(&hub, &id).await?;
        ensure!(told["answer"].as_str().is_some_and(|it| it.contains("PCMU/8000")), "{told}");
        Ok(())
    });
}

/// VLC's command line, as somebody who is not root, with all that it keeps in that folder. Root it refuses.
fn vlc(home: &Path) -> anyhow::Result<tokio::process::Command> {
    let is_root = std::fs::metadata(home)?.uid() == 0;
    std::fs::set_permissions(home, std::fs::Permissions::from_mode(0o777))?;
    let mut command = if is_root {
        let mut command = tokio::process::Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "vlc"]);
        command
    } else {
        tokio::process::Command::new("vlc")
    };
    command.env("HOME", home).env("XDG_RUNTIME_DIR", home).current_dir(home);
    command.args(["--intf", "dummy", "--no-color", "--no-audio", "--vout", "dummy"]);
    // A machine that is slow shows all pictures, too, only later.
    command.args(["--no-drop-late-frames", "--no-skip-frames"]);
    let error = std::fs::File::create(home.join("vlc.log"))?;
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(error).kill_on_drop(true);
    Ok(command)
}

/// The decoded pictures that VLC has written, without the one that it may be writing.
fn pictures(folder: &Path) -> anyhow::Result<Vec<Vec<u8>>> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|it| it == "png") {
            paths.push(path);
        }
    }
    paths.sort();
    paths.pop();
    paths.iter().map(|path| Ok(std::fs::read(path)?)).collect()
}

/// VLC plays until it has decoded some pictures; they are answered as PNG.
async fn decoded_by_vlc(url: &str) -> anyhow::Result<Vec<Vec<u8>>> {
    let home = tempfile::tempdir()?;
    let mut command = vlc(home.path())?;
    command.args(["--video-filter", "scene", "--scene-format", "png", "--scene-ratio", "5"]);
    command.arg("--scene-path").arg(home.path()).args(["--play-and-exit", url]);
    let mut player = command.spawn()?;
    let log = || std::fs::read_to_string(home.path().join("vlc.log")).unwrap_or_default();
    let mut look = tokio::time::interval(Duration::from_millis(100));
    let playing = async {
        loop {
            let pictures = pictures(home.path())?;
            if pictures.len() >= PICTURES {
                return Ok(pictures);
            }
            let ended = player.try_wait()?;
            ensure!(ended.is_none(), "VLC ended: {ended:?}: {}", log());
            look.tick().await;
        }
    };
    let pictures = tokio::time::timeout(PATIENCE, playing).await;
    let pictures = pictures.with_context(|| format!("too few pictures: {}", log()))??;
    player.kill().await?;
    Ok(pictures)
}

#[test]
fn vlc_plays_ll_hls() {
    // Root may not even ask it for its version.
    if !is_here("vlc_plays_ll_hls", "sh", &["-c", "command -v vlc"]) {
        return;
    }
    journey(async {
        let server = cameras(1).await?;
        let (folder, hub) = hub().await?;
        let id = hub.add_camera(&camera(&server, 1, "Drive")).await?;
        until_written(&hub, &id, 60).await?;
        let token = token(folder.path(), &["--role", "viewer", "--camera", &id]).await?;
        for playlist in ["index.m3u8", "main/index.m3u8"] {
            let url = format!("{}/live/{id}/{playlist}?token={token}", hub.url);
            let pictures = decoded_by_vlc(&url).await.with_context(|| playlist.to_owned())?;
            // The width of a PNG, by its header. The height is that of VLC's buffer, a few lines more.
            let widths = pictures.iter().map(|picture| picture.get(16..20));
            let wide = 1280_u32.to_be_bytes();
            let is_main = |width: Option<&[u8]>| width == Some(&wide[..]);
            ensure!(playlist == "index.m3u8" || widths.clone().all(is_main), "{playlist}");
            ensure!(pictures.windows(2).any(|two| two[0] != two[1]), "{playlist}: it stands still");
        }
        server.stop().await;
        Ok(())
    });
}
