//! `bench record`: N cameras of 1080p25 4 Mbit/s (H.264 High, GOP 50, AAC) and a 360p sub stream, recorded by us
//! and, at the same time, by `ffmpeg -c copy -f segment`, one process a camera as well.
//!
//! CPU is counted per camera-minute in windows while both run; memory is the proportional set size at the end.
//! After that the hub is stopped and the files are read again: access units in must be access units on disk.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::json;
use tarsier_tests::hub::{HubOptions, HubProcess, program};
use tokio::process::{Child, Command};

use crate::Options;
use crate::proc::{cpu_seconds, pss_mb, rss_mb};
use crate::table::{Row, Table, median};

/// A demo camera server, killed when dropped.
pub(crate) struct Cameras {
    child: Child,
    port: u16,
}

impl Cameras {
    pub(crate) async fn start(count: u16, main: &Path, sub: &Path) -> anyhow::Result<Self> {
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let child = Command::new(program("tarsierd")?)
            .args([
                "demo-camera",
                "--listen",
                &format!("127.0.0.1:{port}"),
                "--cameras",
                &count.to_string(),
            ])
            .arg("--main")
            .arg(main)
            .arg("--sub")
            .arg(sub)
            .kill_on_drop(true)
            .stdout(std::process::Stdio::null())
            .spawn()
            .context("start the demo cameras")?;
        let deadline = tokio::time::sleep(Duration::from_secs(20));
        tokio::pin!(deadline);
        while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            ensure!(!deadline.is_elapsed(), "the demo cameras do not answer");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(Self { child, port })
    }

    pub(crate) fn url(&self, camera: u16, stream: &str) -> String {
        format!("rtsp://127.0.0.1:{}/cam{camera}/{stream}", self.port)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id().unwrap_or_default()
    }
}

/// Films for the cameras, made once by ffmpeg.
pub(crate) async fn films(folder: &Path) -> anyhow::Result<(PathBuf, PathBuf)> {
    std::fs::create_dir_all(folder)?;
    let make =
        async |name: &str, size: &str, bitrate: &str, gop: &str| -> anyhow::Result<PathBuf> {
            let path = folder.join(name);
            if path.is_file() {
                return Ok(path);
            }
            let unfinished = folder.join(format!("unfinished-{name}"));
            let source = format!("testsrc2=size={size}:rate=25:duration=20,noise=alls=12:allf=t");
            let status = Command::new("ffmpeg")
                .args(["-v", "error", "-y", "-f", "lavfi", "-i", &source])
                .args(["-f", "lavfi", "-i", "sine=frequency=330:sample_rate=16000:duration=20"])
                .args([
                    "-c:v",
                    "libx264",
                    "-preset",
                    "veryfast",
                    "-profile:v",
                    "high",
                    "-bf",
                    "0",
                    "-g",
                    gop,
                ])
                .args([
                    "-b:v", bitrate, "-minrate", bitrate, "-maxrate", bitrate, "-bufsize", bitrate,
                ])
                .args(["-x264-params", "nal-hrd=cbr:scenecut=0", "-pix_fmt", "yuv420p"])
                .args(["-c:a", "aac", "-b:a", "32k", "-ac", "1", "-movflags", "+faststart"])
                .arg(&unfinished)
                .status()
                .await
                .context("ffmpeg makes the films of the bench")?;
            ensure!(status.success(), "ffmpeg could not make {name}");
            std::fs::rename(&unfinished, &path)?;
            Ok(path)
        };
    let main = make("main-1080p25-4m.mp4", "1920x1080", "4M", "50").await?;
    let sub = make("sub-360p25-400k.mp4", "640x360", "400k", "50").await?;
    Ok((main, sub))
}

struct Peers(Vec<Child>);

impl Peers {
    fn start(cameras: &Cameras, count: u16, folder: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let one = |camera: u16| {
            Command::new("ffmpeg")
                .args(["-v", "error", "-nostdin", "-rtsp_transport", "tcp", "-timeout", "10000000"])
                .args([
                    "-i",
                    &cameras.url(camera, "main"),
                    "-c",
                    "copy",
                    "-f",
                    "segment",
                    "-segment_time",
                    "180",
                ])
                .args(["-segment_format", "mp4", "-segment_format_options"])
                .args([
                    "movflags=+frag_keyframe+empty_moov+default_base_moof",
                    "-reset_timestamps",
                    "1",
                    "-y",
                ])
                .arg(folder.join(format!("cam{camera}-%d.mp4")))
                .stderr(std::process::Stdio::null())
                .kill_on_drop(true)
                .spawn()
                .context("start ffmpeg")
        };
        (1..=count).map(one).collect::<anyhow::Result<_>>().map(Self)
    }

    fn pids(&self) -> Vec<u32> {
        self.0.iter().filter_map(Child::id).collect()
    }
}

/// Process ids of all recorders, and how often they were restarted together.
pub(crate) async fn recorders(hub: &HubProcess) -> anyhow::Result<(Vec<u32>, u64)> {
    let list = hub.get("/api/v1/recorders").await?;
    let items = list["items"].as_array().context("no items")?;
    let pids = items.iter().filter_map(|item| u32::try_from(item["pid"].as_u64()?).ok()).collect();
    Ok((pids, items.iter().filter_map(|item| item["restarts"].as_u64()).sum()))
}

fn sum(pids: &[u32], figure: impl Fn(u32) -> f64) -> f64 {
    pids.iter().map(|pid| figure(*pid)).sum()
}

/// Adds cameras 1 to `count` and waits until all of them record.
pub(crate) async fn add_cameras(
    hub: &HubProcess,
    cameras: &Cameras,
    count: u16,
    subs: bool,
) -> anyhow::Result<Vec<String>> {
    let mut ids = Vec::new();
    for camera in 1..=count {
        let mut new = json!({ "name": format!("Camera {camera}"), "main": { "url": cameras.url(camera, "main") } });
        if subs {
            new["sub"] = json!({ "url": cameras.url(camera, "sub") });
        }
        ids.push(hub.add_camera(&new).await?);
    }
    for id in &ids {
        hub.until_state(id, "recording", Duration::from_secs(60)).await?;
    }
    Ok(ids)
}

async fn measure(
    options: &Options,
    cameras: &Cameras,
    subs: bool,
) -> anyhow::Result<(Vec<f64>, Vec<f64>, f64, f64, f64, String)> {
    let folder = tempfile::tempdir()?;
    let hub = HubProcess::start(&folder.path().join("hub"), &HubOptions::default()).await?;
    let ids = add_cameras(&hub, cameras, options.cameras, subs).await?;
    let peers = Peers::start(cameras, options.cameras, &folder.path().join("peer"))?;
    tokio::time::sleep(Duration::from_secs(10)).await;
    let (ours, _) = recorders(&hub).await?;
    let theirs = peers.pids();
    let minutes =
        f64::from(options.cameras) * Duration::from_secs(options.seconds).as_secs_f64() / 60.0;
    let (mut our_cpu, mut their_cpu) = (Vec::new(), Vec::new());
    for _ in 0..options.windows {
        let before = (sum(&ours, cpu_seconds), sum(&theirs, cpu_seconds));
        tokio::time::sleep(Duration::from_secs(options.seconds)).await;
        our_cpu.push((sum(&ours, cpu_seconds) - before.0) / minutes);
        their_cpu.push((sum(&theirs, cpu_seconds) - before.1) / minutes);
    }
    let count = f64::from(options.cameras);
    let our_pss = sum(&ours, pss_mb) / count;
    let their_pss = sum(&theirs, pss_mb) / count;
    let hub_rss = rss_mb(hub.pid());
    let counts = stop_and_count(hub, &ids).await?;
    Ok((our_cpu, their_cpu, our_pss, their_pss, hub_rss, counts))
}

/// Stops the hub and reads every file: units that came, units on disk.
async fn stop_and_count(hub: HubProcess, ids: &[String]) -> anyhow::Result<String> {
    let (_, restarts) = recorders(&hub).await?;
    let footage = hub.footage();
    // Paused: every file is closed, and what came until then is on disk while the counters can still be asked.
    let mut lost = 0;
    let (mut came, mut on_disk) = (0, 0);
    for id in ids {
        let path = format!("/api/v1/cameras/{id}/status");
        let status = hub.get(&path).await?;
        for stream in
            status["streams"].as_array().into_iter().flatten().filter(|s| s["stream"] == "main")
        {
            came += stream["units_in"].as_u64().unwrap_or_default();
            on_disk += stream["units_on_disk"].as_u64().unwrap_or_default();
            lost += stream["units_lost"].as_u64().unwrap_or_default();
        }
    }
    hub.stop().await?;
    let in_files: u64 = tarsier_tests::footage::files(&footage)
        .iter()
        .map(|path| Ok(u64::from(tarsier_tests::footage::scan(path)?.units)))
        .sum::<anyhow::Result<u64>>()?;
    ensure!(
        in_files >= on_disk,
        "{on_disk} access units were reported as synced, the files hold {in_files}"
    );
    Ok(format!(
        "access units: {came} came by the last look, {on_disk} were synced by then, {lost} lost; {in_files} in the files after \
         the stop; {restarts} restarts"
    ))
}

/// Runs it.
pub(crate) async fn run(options: &Options) -> anyhow::Result<Table> {
    let (main, sub) = films(Path::new("target/bench")).await?;
    let cameras = Cameras::start(options.cameras, &main, &sub).await?;
    let before = cpu_seconds(cameras.pid());
    let alone = measure(options, &cameras, false).await?;
    let both = measure(options, &cameras, true).await?;
    let served = cpu_seconds(cameras.pid()) - before;
    let goal = "at most 0.5x".to_owned();
    let row = |metric: &str, unit, ours, theirs, goal: String| Row {
        metric: metric.to_owned(),
        unit,
        ours,
        peer: Some(("ffmpeg -c copy -f segment".to_owned(), theirs)),
        goal,
    };
    Ok(Table {
        name: "record",
        conditions: vec![
            format!(
                "{} cameras, 1080p25 H.264 4 Mbit/s + AAC; {} windows of {} s; both recorders at the same time",
                options.cameras, options.windows, options.seconds
            ),
            format!("main only: {}", alone.5),
            format!("main and sub: {}", both.5),
            format!("windows, main only: ours {:.3?}, peer {:.3?}", alone.0, alone.1),
            format!("windows, main and sub: ours {:.3?}, peer (main only) {:.3?}", both.0, both.1),
            format!("the camera server used {served:.1} CPU seconds"),
        ],
        rows: vec![
            row("CPU, main", "CPU-s per camera-minute", median(&alone.0), median(&alone.1), goal),
            row(
                "CPU, main and sub connected",
                "CPU-s per camera-minute",
                median(&both.0),
                median(&both.1),
                String::new(),
            ),
            row(
                "memory (PSS), main",
                "MB per recorder",
                alone.2,
                alone.3,
                "at most 8 MB".to_owned(),
            ),
            row(
                "memory (PSS), main and sub",
                "MB per recorder",
                both.2,
                both.3,
                "at most 8 MB".to_owned(),
            ),
            Row {
                metric: "hub memory".to_owned(),
                unit: "MB (RSS)",
                ours: both.4,
                peer: None,
                goal: String::new(),
            },
        ],
    })
}
