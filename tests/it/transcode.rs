//! Cameras whose pictures a browser cannot decode, watched all the same: converted while somebody watches.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use tarsier_demo::{DemoOptions, DemoServer};
use tarsier_tests::hub::{HubOptions, HubProcess, program, signal};
use tarsier_wire::{FromTranscoder, framing};

use crate::live::Viewer;
use crate::recording::{stream, until_written};
use crate::{camera, cameras, free_port, hub, journey};

/// The machine may be busy, and a transcoder lets everybody else go first.
const PATIENCE: Duration = Duration::from_secs(60);

/// A camera that sends H.265.
pub(crate) async fn hevc_camera() -> anyhow::Result<DemoServer> {
    let films = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/demo/samples");
    let main = Some(films.join("tiny-hevc-mulaw.mov"));
    Ok(DemoServer::start(DemoOptions { cameras: 1, main, ..free_port() }).await?)
}

/// The hub's transcoders of pictures that run, by their process numbers.
fn transcoders(hub: &HubProcess) -> anyhow::Result<Vec<u32>> {
    running(hub, "live")
}

/// The hub's transcoders that run for that work.
pub(crate) fn running(hub: &HubProcess, work: &str) -> anyhow::Result<Vec<u32>> {
    let begins = format!("tarsier-transcoder\0{work}\0");
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let entry = entry?;
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        // A process may end while we look.
        let Ok(status) = fs::read_to_string(entry.path().join("status")) else { continue };
        let Ok(arguments) = fs::read_to_string(entry.path().join("cmdline")) else { continue };
        let is_child = status.lines().any(|line| line == format!("PPid:\t{}", hub.pid()));
        // A zombie has no arguments.
        if is_child && arguments.contains(&begins) {
            found.push(pid);
        }
    }
    Ok(found)
}

/// How far a process lets others go first, as the kernel sees it: the 19th field (`proc_pid_stat(5)`).
fn niceness(pid: u32) -> anyhow::Result<i32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The second field is a name in parentheses, which may hold spaces.
    let (_, rest) = stat.rsplit_once(") ").context("no name")?;
    Ok(rest.split(' ').nth(16).context("too few fields")?.parse()?)
}

/// Waits until so many run.
async fn until_transcoders(hub: &HubProcess, count: usize) -> anyhow::Result<Vec<u32>> {
    let mut look = tokio::time::interval(Duration::from_millis(50));
    let waiting = async {
        loop {
            look.tick().await;
            let found = transcoders(hub)?;
            if found.len() == count {
                return Ok(found);
            }
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.with_context(|| format!("{count} transcoders"))?
}

/// What the ffprobe program finds in so many messages of a viewer: codec, height, and pictures that could be decoded.
async fn probed(viewer: &mut Viewer, messages: usize) -> anyhow::Result<String> {
    let mut film = Vec::new();
    for _ in 0..messages {
        film.extend_from_slice(&viewer.bytes().await?);
    }
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("live.mp4");
    fs::write(&path, film)?;
    let output = tokio::process::Command::new("ffprobe")
        .args(["-v", "error", "-count_frames", "-of", "csv=p=0"])
        .args(["-show_entries", "stream=codec_name,height,nb_read_frames"])
        .arg(&path)
        .output()
        .await?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success() && errors.trim().is_empty(), "ffprobe: {errors}");
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

#[test]
fn an_h265_camera_is_seen_by_who_decodes_h264_alone() {
    journey(async {
        let server = hevc_camera().await?;
        let (_folder, hub) = hub().await?;
        let id = hub.add_camera(&camera(&server, 1, "Gate")).await?;
        until_written(&hub, &id, 30).await?;
        ensure!(transcoders(&hub)?.is_empty(), "nothing is converted for nobody");

        let mut first = Viewer::open(&hub, &id, "720p").await?;
        let init = first.until_message("init").await?;
        ensure!(
            init["mime"].as_str().is_some_and(|mime| mime.starts_with("video/mp4; codecs=\"avc1.")),
            "{init}"
        );
        ensure!(init["stream"] == "720p", "the viewer knows what it sees: {init}");
        let height = init["height"].as_u64().context("a height")?;
        ensure!((1..=720).contains(&height), "no higher than asked for: {init}");
        let found = probed(&mut first, 41).await?;
        ensure!(found == format!("h264,{height},40"), "each picture is decoded: {found}");

        let mut second = Viewer::open(&hub, &id, "720p").await?;
        second.until_message("init").await?;
        second.until_pictures(10).await?;
        let running = transcoders(&hub)?;
        ensure!(running.len() == 1, "two viewers share one: {running:?}");
        let nice = niceness(running[0])?;
        ensure!(nice == 19, "recorders go first: {nice}");
        let (_, metrics) = hub.get_bytes("/metrics").await?;
        let metrics = String::from_utf8_lossy(&metrics).into_owned();
        let line = metrics.lines().find(|line| line.starts_with("tarsier_transcoder_viewers{"));
        let line = line.with_context(|| format!("who is converted for: {metrics}"))?;
        ensure!(line.contains("encoder=\"") && line.ends_with(" 2"), "{line}");
        let status = hub.get(&format!("/api/v1/cameras/{id}/status")).await?;
        let told = &status["conversions"][0];
        ensure!(told["stream"] == "720p" && told["viewers"] == 2, "{status}");
        let encoder = told["encoder"].as_str().context("by what")?;
        let runs_on = if encoder.starts_with("lib") { "software" } else { "hardware" };
        ensure!(told["runs_on"] == runs_on, "{status}");

        drop((first, second));
        until_transcoders(&hub, 0).await?;
        let status = hub.get(&format!("/api/v1/cameras/{id}/status")).await?;
        ensure!(
            stream(&status, "main")?["units_lost"] == 0,
            "the recorder was disturbed: {status}"
        );
        server.stop().await;
        Ok(())
    });
}

/// What each transcoder was started with.
fn arguments(hub: &HubProcess) -> anyhow::Result<Vec<String>> {
    let of = |pid| fs::read_to_string(format!("/proc/{pid}/cmdline"));
    Ok(transcoders(hub)?.into_iter().map(of).collect::<Result<_, _>>()?)
}

#[test]
fn who_wants_no_hardware_has_none() {
    journey(async {
        let server = hevc_camera().await?;
        let folder = tempfile::tempdir()?;
        let environment = vec![("TARSIER_ENCODERS".to_owned(), "software".to_owned())];
        let options = HubOptions { environment, ..HubOptions::default() };
        let hub = HubProcess::start(folder.path(), &options).await?;
        let id = hub.add_camera(&camera(&server, 1, "Mill")).await?;
        until_written(&hub, &id, 30).await?;
        let mut viewer = Viewer::open(&hub, &id, "360p").await?;
        viewer.until_message("init").await?;
        let arguments = arguments(&hub)?;
        ensure!(arguments.iter().all(|them| them.contains("\0--software\0")), "{arguments:?}");
        let status = hub.get(&format!("/api/v1/cameras/{id}/status")).await?;
        ensure!(status["conversions"][0]["runs_on"] == "software", "{status}");
        server.stop().await;
        Ok(())
    });
}

/// A folder of programs whose transcoder takes the name of hardware and then nothing more, unless it is told to leave that
/// alone.
fn programs_with_a_card_that_hangs() -> anyhow::Result<tempfile::TempDir> {
    let folder = tempfile::tempdir()?;
    for name in ["tarsier-recorder", "tarsier-recorder-libav"] {
        std::os::unix::fs::symlink(program(name)?, folder.path().join(name))?;
    }
    let says = framing::encode(&FromTranscoder::Encoder("h264_nvenc".to_owned()), 0)?;
    let said = folder.path().join("said");
    fs::write(&said, says)?;
    let (real, said) = (program("tarsier-transcoder")?, said.display().to_string());
    let script = format!(
        "#!/bin/sh\ncase \"$*\" in\n*'--without h264_nvenc'*) exec '{}' \"$@\" ;;\nesac\ncat '{said}'\nexec sleep 600\n",
        real.display()
    );
    let path = folder.path().join("tarsier-transcoder");
    fs::write(&path, script)?;
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    Ok(folder)
}

#[test]
fn hardware_that_hangs_is_left_alone_and_who_watches_sees_pictures_all_the_same() {
    journey(async {
        // Of many bits: a full pipe tells that nothing is taken.
        let server = cameras(1).await?;
        let (folder, programs) = (tempfile::tempdir()?, programs_with_a_card_that_hangs()?);
        let arguments_of_hub = vec!["--programs".into(), programs.path().display().to_string()];
        let options = HubOptions { arguments: arguments_of_hub, ..HubOptions::default() };
        let hub = HubProcess::start(folder.path(), &options).await?;
        let id = hub.add_camera(&camera(&server, 1, "Weir")).await?;
        until_written(&hub, &id, 30).await?;
        let mut viewer = Viewer::open(&hub, &id, "720p").await?;
        viewer.until_message("init").await?;
        viewer.until_pictures(10).await?;
        let arguments = arguments(&hub)?;
        let is_told = |them: &String| them.contains("\0--without\0h264_nvenc\0");
        ensure!(arguments.len() == 1 && arguments.iter().all(is_told), "{arguments:?}");

        // It is remembered: who watches another size waits for nothing.
        let mut second = Viewer::open(&hub, &id, "480p").await?;
        second.until_message("init").await?;
        let status = hub.get(&format!("/api/v1/cameras/{id}/status")).await?;
        let encoders = status["conversions"].as_array().context("conversions")?;
        let is_other = |told: &serde_json::Value| told["encoder"] != "h264_nvenc";
        ensure!(encoders.len() == 2 && encoders.iter().all(is_other), "{status}");
        ensure!(
            stream(&status, "main")?["units_lost"] == 0,
            "the recorder was disturbed: {status}"
        );
        server.stop().await;
        Ok(())
    });
}

#[test]
fn pictures_come_again_after_a_transcoder_was_killed() {
    journey(async {
        let server = hevc_camera().await?;
        let (_folder, hub) = hub().await?;
        let id = hub.add_camera(&camera(&server, 1, "Yard")).await?;
        until_written(&hub, &id, 30).await?;
        let mut viewer = Viewer::open(&hub, &id, "360p").await?;
        viewer.until_message("init").await?;
        viewer.until_pictures(10).await?;
        let killed = until_transcoders(&hub, 1).await?;
        signal(killed[0], "KILL").await?;
        let waiting = viewer.until_message("waiting").await?;
        ensure!(waiting["problem"]["hint"].is_string(), "the viewer is told: {waiting}");
        viewer.until_message("init").await?;
        viewer.until_pictures(10).await?;
        ensure!(until_transcoders(&hub, 1).await? != killed, "another one");
        let status = hub.get(&format!("/api/v1/cameras/{id}/status")).await?;
        ensure!(
            stream(&status, "main")?["units_lost"] == 0,
            "the recorder was disturbed: {status}"
        );
        server.stop().await;
        Ok(())
    });
}
