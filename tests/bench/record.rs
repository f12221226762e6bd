//! `bench record`: N cameras of 1080p25 4 Mbit/s (H.264 High, GOP 50, AAC) and a 360p sub stream, recorded by us
//! and, at the same time, by `ffmpeg -c copy -f segment`, one process a camera as well.
//!
//! CPU is counted per camera-minute in windows while both run; memory is the proportional set size at the end.
//! After that the hub is stopped and the files are read again: access units in must be access units on disk.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use tarsier_tests::hub::{Account, HubOptions, HubProcess, stderr_of};
use tokio::process::{Child, Command};

use crate::cameras::{Cameras, MainAndSub, add_cameras, films};
use crate::proc::{cpu_seconds, pss_mb, rss_mb};
use crate::table::{Row, Table, median};
use crate::{Options, Streams};

/// Until everybody records.
const SETTLE: Duration = Duration::from_secs(10);
/// 4 Mbit/s of pictures, the sound, and what a file adds.
const MAIN_BYTES_PER_SECOND: u64 = 550_000;
const GB: u64 = 1_000_000_000;

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

struct Measured {
    our_cpu: Vec<f64>,
    their_cpu: Vec<f64>,
    our_pss_mb: f64,
    their_pss_mb: f64,
    hub_rss_mb: f64,
    hub_cpu_percent: f64,
    counts: String,
}

async fn measure(
    options: &Options,
    cameras: &Cameras,
    streams: MainAndSub,
) -> anyhow::Result<Measured> {
    let (count, seconds) = (options.cameras(), options.seconds());
    let folder = tempfile::tempdir()?;
    let hub = HubProcess::start(&folder.path().join("hub"), &HubOptions::default()).await?;
    ensure_room(&hub, options).await?;
    let ids = add_cameras(&hub, cameras, count, streams).await?;
    let peers = Peers::start(cameras, count, &folder.path().join("peer"))?;
    tokio::time::sleep(SETTLE).await;
    let (ours, _) = recorders(&hub).await?;
    let theirs = peers.pids();
    let window = Duration::from_secs(seconds).as_secs_f64();
    let minutes = f64::from(count) * window / 60.0;
    let (mut our_cpu, mut their_cpu, mut hub_cpu) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..options.windows {
        let before = (sum(&ours, cpu_seconds), sum(&theirs, cpu_seconds), cpu_seconds(hub.pid()));
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        our_cpu.push((sum(&ours, cpu_seconds) - before.0) / minutes);
        their_cpu.push((sum(&theirs, cpu_seconds) - before.1) / minutes);
        hub_cpu.push((cpu_seconds(hub.pid()) - before.2) / window * 100.0);
    }
    let count = f64::from(count);
    let (our_pss_mb, their_pss_mb) = (sum(&ours, pss_mb) / count, sum(&theirs, pss_mb) / count);
    let (hub_rss_mb, hub_cpu_percent) = (rss_mb(hub.pid()), median(&hub_cpu));
    drop(peers);
    let counts = stop_and_count(hub, ids.len()).await?;
    Ok(Measured {
        our_cpu,
        their_cpu,
        our_pss_mb,
        their_pss_mb,
        hub_rss_mb,
        hub_cpu_percent,
        counts,
    })
}

/// Refuses a disk on which an emergency cleanup would delete what is to be counted.
async fn ensure_room(hub: &HubProcess, options: &Options) -> anyhow::Result<()> {
    let storage = hub.get("/api/v1/storage").await?;
    let disk = &storage["tiers"][0];
    let bytes = |name: &str| disk[name].as_u64().with_context(|| format!("no {name} in {disk}"));
    let (free, reserve) = (bytes("disk_available_bytes")?, bytes("min_free_bytes")?);
    let windows = u64::try_from(options.windows)?;
    let seconds = options.seconds() * windows + SETTLE.as_secs();
    // The peer writes as much again.
    let needed = 2 * u64::from(options.cameras()) * seconds * MAIN_BYTES_PER_SECOND + reserve;
    ensure!(
        free >= needed,
        "{} GB are free where temporary files are, {} are needed: free some, or name another place in TMPDIR",
        free / GB,
        needed / GB + 1
    );
    Ok(())
}

/// Stops the hub and reads every file: what came must be in them, one for one.
async fn stop_and_count(hub: HubProcess, cameras: usize) -> anyhow::Result<String> {
    let (_, restarts) = recorders(&hub).await?;
    let (footage, data_dir) = (hub.footage(), hub.data_dir().to_owned());
    hub.stop().await?;
    let account = Account::read(&stderr_of(&data_dir), "main");
    let in_files: u64 = tarsier_tests::footage::files(&footage)
        .iter()
        .map(|path| Ok(u64::from(tarsier_tests::footage::scan(path)?.units)))
        .sum::<anyhow::Result<u64>>()?;
    let Account { recorders, came, on_disk, lost } = account;
    ensure!(
        recorders == u64::try_from(cameras)?,
        "{recorders} of {cameras} recorders said what they did"
    );
    ensure!(
        came == in_files + lost && on_disk == in_files,
        "{came} access units came, {on_disk} counted as written, {in_files} in the files, {lost} lost"
    );
    Ok(format!(
        "{came} access units came, {in_files} are in the files, {lost} lost, {restarts} recorders restarted"
    ))
}

/// Runs it.
pub(crate) async fn run(options: &Options) -> anyhow::Result<Table> {
    let (main, sub) = films(Path::new("target/bench")).await?;
    let cameras = Cameras::start(options.cameras(), &main, &sub).await?;
    let before = cpu_seconds(cameras.pid());
    let mut conditions = vec![format!(
        "{} cameras, 1080p25 H.264 4 Mbit/s + AAC; {} windows of {} s; both recorders at the same time",
        options.cameras(),
        options.windows,
        options.seconds()
    )];
    let mut rows = Vec::new();
    let parts = [
        (Streams::Main, MainAndSub::Main, "main only", "at most 0.5x"),
        (Streams::Both, MainAndSub::Both, "main recorded, sub connected", ""),
    ];
    for (streams, connected, name, goal) in parts {
        if options.streams != Streams::All && options.streams != streams {
            continue;
        }
        let measured = measure(options, &cameras, connected).await?;
        conditions.push(format!("{name}: {}", measured.counts));
        conditions.push(format!(
            "{name}: windows {:.3?}, ffmpeg (main only) {:.3?} CPU-s per camera-minute",
            measured.our_cpu, measured.their_cpu
        ));
        let peer = |value| Some(("ffmpeg -c copy -f segment".to_owned(), value));
        rows.push(Row {
            metric: format!("CPU, {name}"),
            unit: "CPU-s per camera-minute",
            ours: median(&measured.our_cpu),
            peer: peer(median(&measured.their_cpu)),
            goal: goal.to_owned(),
        });
        rows.push(Row {
            metric: format!("memory (PSS), {name}"),
            unit: "MB per recorder",
            ours: measured.our_pss_mb,
            peer: peer(measured.their_pss_mb),
            goal: "at most 8 MB".to_owned(),
        });
        rows.push(Row {
            metric: format!("hub memory, {name}"),
            unit: "MB (RSS)",
            ours: measured.hub_rss_mb,
            peer: None,
            goal: String::new(),
        });
        rows.push(Row {
            metric: format!("hub CPU, {name}, nobody watching"),
            unit: "% of one core",
            ours: measured.hub_cpu_percent,
            peer: None,
            goal: String::new(),
        });
    }
    let served = cpu_seconds(cameras.pid()) - before;
    conditions.push(format!("the camera server used {served:.1} CPU seconds"));
    Ok(Table { name: "record", conditions, rows })
}
