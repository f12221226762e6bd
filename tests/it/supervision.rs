//! A recorder that leaks, spins, hangs or writes nothing is replaced by rule; the others do not notice.

use std::collections::hash_map::DefaultHasher;
use std::collections::{HashMap, HashSet};
use std::fs;
use std::hash::{Hash as _, Hasher as _};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use tarsier_demo::DemoServer;
use tarsier_tests::footage;
use tarsier_tests::hub::{HubOptions, HubProcess, program, signal};
use tarsier_types::Track;
use tarsier_wire::{HANDOVER_SINCE, PROTOCOL};

use crate::recording::until_written;
use crate::{camera, cameras, journey};

/// A hole shorter than this between two files of one process is rounding.
const SEAM_MS: i64 = 2;
/// Two processes each have a clock line of their own, anchored at when their first picture came.
const SKEW_MS: i64 = 200;
/// Stopping one recorder and starting another, on a busy machine.
const STOP_AND_START_MS: i64 = 8_000;
/// Recorders can take over from each other. Until then (see `HANDOVER_SINCE`) some journeys have nothing to show.
const CAN_HAND_OVER: bool = PROTOCOL >= HANDOVER_SINCE;
const PATIENCE: Duration = Duration::from_secs(60);

/// A hub whose recorders fall ill on demand, and two cameras that are being recorded.
struct Ward {
    folder: tempfile::TempDir,
    options: HubOptions,
    hub: HubProcess,
    server: DemoServer,
    sick: String,
    well: String,
}

impl Ward {
    async fn open(rules: Value) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let programs = folder.path().join("programs");
        fs::create_dir(&programs)?;
        fs::copy(program("sick-recorder")?, programs.join("tarsier-recorder"))?;
        let arguments = vec!["--programs".to_owned(), programs.to_string_lossy().into_owned()];
        let options = HubOptions { arguments, ..HubOptions::default() };
        let hub = HubProcess::start(&folder.path().join("data"), &options).await?;
        let options = HubOptions { port: hub.port(), ..options };
        let (status, answer) = hub.call("PUT", "/api/v1/supervision", Some(&rules)).await?;
        ensure!(status == 200, "the rules are taken: {status} {answer}");
        // The third camera shows the same film as the first.
        let server = cameras(3).await?;
        let sick = hub.add_camera(&camera(&server, 1, "Sick")).await?;
        let well = hub.add_camera(&camera(&server, 3, "Well")).await?;
        until_written(&hub, &sick, 60).await?;
        until_written(&hub, &well, 60).await?;
        Ok(Self { folder, options, hub, server, sick, well })
    }

    async fn pid(&self, camera: &str) -> anyhow::Result<u32> {
        pid(&self.hub.get("/api/v1/recorders").await?, camera).context("a recorder runs")
    }

    /// What falls ill is that process, not its successor.
    fn fall_ill(&self, pid: u32, illness: &str) -> anyhow::Result<()> {
        let file = self.folder.path().join(format!("programs/{pid}.sick"));
        Ok(fs::write(file, format!("{illness}\n"))?)
    }

    async fn until_another(&self, camera: &str, old: u32) -> anyhow::Result<u32> {
        self.hub
            .until("another recorder", "/api/v1/recorders", PATIENCE, |list| {
                pid(list, camera).filter(|pid| *pid != old)
            })
            .await
    }

    /// A recorder of this hub that does not serve a camera yet, and is none of those.
    #[cfg(target_os = "linux")]
    async fn until_successor(&self, not: &[u32]) -> anyhow::Result<u32> {
        let serving = [self.pid(&self.sick).await?, self.pid(&self.well).await?];
        let program = self.folder.path().join("programs/tarsier-recorder");
        let is_ours =
            |pid: u32| fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|exe| exe == program);
        let search = async {
            let mut pace = tokio::time::interval(Duration::from_millis(50));
            loop {
                let names = fs::read_dir("/proc").into_iter().flatten().flatten();
                let pids = names.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
                let known = |pid: &u32| serving.contains(pid) || not.contains(pid);
                if let Some(pid) = pids.into_iter().find(|pid| !known(pid) && is_ours(*pid)) {
                    return pid;
                }
                pace.tick().await;
            }
        };
        tokio::time::timeout(PATIENCE, search).await.context("no successor is started")
    }

    /// The whole life of an illness.
    async fn mended(self, illness: &str, rule: &str) -> anyhow::Result<Loss> {
        let (old, other) = (self.pid(&self.sick).await?, self.pid(&self.well).await?);
        self.fall_ill(old, illness)?;
        self.until_another(&self.sick, old).await?;
        until_written(&self.hub, &self.sick, 60).await?;
        ensure!(self.pid(&self.well).await? == other, "the other camera's recorder is the same");
        self.hub.until_logged("Sick: the recorder was replaced", PATIENCE).await?;
        self.hub.until_logged(&format!("\"rule\":\"{rule}\""), PATIENCE).await?;
        self.close().await
    }

    /// What is missing of the sick camera's footage; the other one's must be whole.
    async fn close(self) -> anyhow::Result<Loss> {
        let footage = self.hub.footage();
        ensure!(self.hub.stop().await?.success(), "a hub that is asked to end ends well");
        self.server.stop().await;
        let (sick, well) =
            (footage.join(&self.sick).join("main"), footage.join(&self.well).join("main"));
        let hole = longest_hole(&well, SEAM_MS)?;
        ensure!(hole <= SEAM_MS, "the other camera lost nothing: {hole} ms");
        Ok(Loss {
            hole_ms: longest_hole(&sick, SKEW_MS)?,
            breaks: breaks(&pictures(&sick)?, &pictures(&well)?)?,
        })
    }
}

/// What a restart cost.
#[derive(Debug)]
struct Loss {
    /// The longest time without footage between two files, in milliseconds.
    hole_ms: i64,
    /// Pictures that do not follow the one before them as they do at the other camera, which shows the same film.
    breaks: usize,
}

impl Loss {
    /// The old process was well enough to hand over.
    fn ensure_handed_over(&self) -> anyhow::Result<()> {
        if CAN_HAND_OVER {
            ensure!(self.breaks == 0, "a picture is lost or there twice: {self:?}");
            ensure!(self.hole_ms <= SKEW_MS, "the time line has a hole: {self:?}");
        } else {
            ensure!(self.hole_ms <= STOP_AND_START_MS, "too much is missing: {self:?}");
        }
        Ok(())
    }
}

fn pid(list: &Value, camera: &str) -> Option<u32> {
    let mut items = list["items"].as_array()?.iter();
    let item = items.find(|item| item["camera_id"] == camera)?;
    u32::try_from(item["pid"].as_u64()?).ok().filter(|pid| *pid > 0)
}

/// Between two neighbouring files below that folder; overlaps longer than `skew_ms` are an error.
fn longest_hole(folder: &Path, skew_ms: i64) -> anyhow::Result<i64> {
    let files = footage::files(folder);
    ensure!(!files.is_empty(), "no footage in {}", folder.display());
    let mut longest = 0_i64;
    let mut last_end = None;
    for file in files {
        let scan = footage::scan(&file)?;
        let start = scan.meta.as_ref().context("metadata is embedded")?.start;
        if let Some(end) = last_end.replace(start + scan.duration) {
            let hole = start.millis_since(end);
            ensure!(hole >= -skew_ms, "footage is there twice: {hole} ms at {}", file.display());
            longest = longest.max(hole);
        }
    }
    Ok(longest)
}

/// All pictures below that folder in order, each as a number of its own.
fn pictures(folder: &Path) -> anyhow::Result<Vec<u64>> {
    let mut pictures = Vec::new();
    for file in footage::files(folder) {
        let (scan, bytes) = (footage::scan(&file)?, fs::read(&file)?);
        for part in &scan.parts {
            let start = usize::try_from(part.offset)?;
            let fragment = &bytes[start..start + usize::try_from(part.bytes)?];
            for unit in tarsier_segment::read_units(&scan, fragment)? {
                if unit.track == Track::Video {
                    let mut hasher = DefaultHasher::new();
                    unit.data.hash(&mut hasher);
                    pictures.push(hasher.finish());
                }
            }
        }
    }
    Ok(pictures)
}

/// How often a picture is followed by one that never follows it at the unbroken camera.
fn breaks(broken: &[u64], unbroken: &[u64]) -> anyhow::Result<usize> {
    let mut followers: HashMap<u64, HashSet<u64>> = HashMap::new();
    for pair in unbroken.windows(2) {
        followers.entry(pair[0]).or_default().insert(pair[1]);
    }
    let known = broken.windows(2).filter(|pair| followers.contains_key(&pair[0]));
    let (mut compared, mut breaks) = (0, 0);
    for pair in known {
        compared += 1;
        breaks += usize::from(!followers[&pair[0]].contains(&pair[1]));
    }
    ensure!(compared + 50 >= broken.len(), "{compared} of {} pictures are compared", broken.len());
    Ok(breaks)
}

#[test]
fn a_recorder_that_leaks_is_replaced_and_the_other_camera_does_not_notice() {
    journey(async {
        let ward = Ward::open(json!({ "max_rss_mb": 150 })).await?;
        ward.mended("leak 40", "memory").await?.ensure_handed_over()
    });
}

#[test]
fn a_recorder_that_spins_is_replaced() {
    journey(async {
        // The machine may be so busy that a spinning process gets a third of a core only.
        let ward = Ward::open(json!({ "max_cpu_percent": 25, "cpu_seconds": 6 })).await?;
        ward.mended("spin", "cpu").await?.ensure_handed_over()
    });
}

#[test]
fn a_recorder_that_writes_nothing_although_pictures_come_is_replaced() {
    journey(async {
        let ward = Ward::open(json!({ "media_window_seconds": 10 })).await?;
        // It is as if it were dead: from the illness to its discovery nothing is written, whoever comes after it.
        let loss = ward.mended("idle", "media").await?;
        ensure!(loss.hole_ms <= 12_000 + STOP_AND_START_MS, "too much is missing: {loss:?}");
        Ok(())
    });
}

#[cfg(unix)]
#[test]
fn a_recorder_that_hangs_is_killed_and_started_again() {
    journey(async {
        let ward = Ward::open(json!({ "heartbeat_seconds": 6 })).await?;
        let loss = ward.mended("hang", "silence").await?;
        ensure!(loss.breaks == 1, "a loss is seen: {loss:?}");
        ensure!(loss.hole_ms <= 7_000 + STOP_AND_START_MS, "too much is missing: {loss:?}");
        Ok(())
    });
}

#[test]
fn a_recorder_that_dies_again_and_again_is_left_alone_for_a_while_and_then_tried_again() {
    journey(async {
        let rules = json!({ "first_wait_ms": 100, "wait_seconds": 1, "longest_wait_seconds": 1,
            "max_restarts": 2, "restarts_within_seconds": 120, "pause_seconds": 6 });
        let ward = Ward::open(rules).await?;
        let other = ward.pid(&ward.well).await?;
        let mut old = ward.pid(&ward.sick).await?;
        for _ in 0..2 {
            signal(old, "KILL").await?;
            old = ward.until_another(&ward.sick, old).await?;
        }
        signal(old, "KILL").await?;
        let state = |list: &Value, wanted: &str| {
            let items = list["items"].as_array()?;
            let item = items.iter().find(|item| item["camera_id"] == ward.sick.as_str())?;
            (item["state"] == wanted).then_some(())
        };
        let recorders = "/api/v1/recorders";
        ward.hub
            .until("it is left alone", recorders, PATIENCE, |list| state(list, "paused"))
            .await?;
        ward.hub.until_logged("Sick: the recorder is unstable", PATIENCE).await?;
        ward.hub
            .until("it is tried again", recorders, PATIENCE, |list| state(list, "running"))
            .await?;
        until_written(&ward.hub, &ward.sick, 30).await?;
        ensure!(ward.pid(&ward.well).await? == other, "the other camera's recorder is the same");
        ward.server.stop().await;
        Ok(())
    });
}

#[test]
fn other_settings_of_the_same_streams_cost_no_picture() {
    if !CAN_HAND_OVER {
        return;
    }
    journey(async {
        let ward = Ward::open(json!({})).await?;
        let old = ward.pid(&ward.sick).await?;
        let path = format!("/api/v1/cameras/{}", ward.sick);
        let change = json!({ "username": "admin", "password": "another" });
        let (status, answer) = ward.hub.call("PATCH", &path, Some(&change)).await?;
        ensure!(status == 200, "the camera is changed: {status} {answer}");
        ward.until_another(&ward.sick, old).await?;
        until_written(&ward.hub, &ward.sick, 60).await?;
        ward.close().await?.ensure_handed_over()
    });
}

#[cfg(target_os = "linux")]
#[test]
fn a_crash_of_either_during_a_handover_leaves_the_other_one_working() {
    if !CAN_HAND_OVER {
        return;
    }
    journey(async {
        let ward = Ward::open(json!({ "max_rss_mb": 150, "wait_seconds": 1 })).await?;
        let old = ward.pid(&ward.sick).await?;
        ward.fall_ill(old, "leak 40")?;
        let first = ward.until_successor(&[]).await?;
        signal(first, "KILL").await?;
        let second = ward.until_successor(&[first]).await?;
        ensure!(ward.pid(&ward.sick).await? == old, "the old one goes on");
        signal(old, "KILL").await?;
        let serving = ward.until_another(&ward.sick, old).await?;
        ensure!(serving == second, "the successor is on duty: {serving}, not {second}");
        until_written(&ward.hub, &ward.sick, 60).await?;
        let loss = ward.close().await?;
        ensure!(loss.breaks <= 1, "one break where it was killed: {loss:?}");
        ensure!(loss.hole_ms <= STOP_AND_START_MS, "too much is missing: {loss:?}");
        Ok(())
    });
}

#[test]
fn a_hub_that_dies_while_a_successor_gets_ready_loses_nothing() {
    if !CAN_HAND_OVER {
        return;
    }
    journey(async {
        let mut ward = Ward::open(json!({ "max_rss_mb": 150 })).await?;
        let old = ward.pid(&ward.sick).await?;
        ward.fall_ill(old, "leak 40")?;
        ward.hub.until_logged("\"rule\":\"memory\"", PATIENCE).await?;
        ward.hub.kill().await?;
        ward.hub = HubProcess::start(&ward.folder.path().join("data"), &ward.options).await?;
        ward.until_another(&ward.sick, old).await?;
        until_written(&ward.hub, &ward.sick, 60).await?;
        ward.close().await?.ensure_handed_over()
    });
}

#[test]
fn recorders_end_when_their_hub_is_gone_for_good_and_close_their_files() {
    journey(async {
        let ward = Ward::open(json!({ "orphan_seconds": 3 })).await?;
        let pids = [ward.pid(&ward.sick).await?, ward.pid(&ward.well).await?];
        let footage = ward.hub.footage();
        ward.hub.kill().await?;
        let gone = async {
            let mut pace = tokio::time::interval(Duration::from_millis(100));
            for pid in pids {
                while signal(pid, "0").await.is_ok() {
                    pace.tick().await;
                }
            }
        };
        tokio::time::timeout(PATIENCE, gone).await.context("recorders outlive their hub")?;
        let files = footage::files(&footage);
        ensure!(files.len() >= 2, "each camera has a file: {files:?}");
        for file in files {
            ensure!(footage::scan(&file)?.is_closed, "{} is closed", file.display());
        }
        ward.server.stop().await;
        Ok(())
    });
}
