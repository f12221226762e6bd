//! Disks that fail under a hub that records: full, read-only, pulled out, frozen. Recording goes on, or the user is told
//! within 10 s why not; nothing older is damaged; it resumes by itself.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use tarsier_demo::DemoServer;
use tarsier_tests::disk::{Access, Disk};
use tarsier_tests::footage;
use tarsier_tests::hub::{HubOptions, HubProcess};
use tarsier_tests::own_namespace::Machine;
use tarsier_types::StreamKind;

use crate::recording::{stream, until_written};
use crate::{cameras, journey_alone};

/// The user is told within this time, and recording resumes within it.
const TOLD: Duration = Duration::from_secs(10);
/// Too small for a recorder to reserve room ahead (16 MiB at a time): every fragment meets the disk as it is.
const SMALL: u64 = 12 << 20;

/// A hub whose footage is on a disk of its own, a camera that is recorded to it, and a file that is closed already.
struct Scene {
    server: DemoServer,
    hub: HubProcess,
    id: String,
    /// What is closed must stay as it is.
    closed: BTreeMap<PathBuf, Vec<u8>>,
    disk: Disk,
    _folder: tempfile::TempDir,
}

impl Scene {
    /// `place` is where the disk is, below the data folder.
    async fn new(
        place: &str,
        disk: impl FnOnce(&Path) -> anyhow::Result<Disk>,
    ) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let data = folder.path().join("data");
        std::fs::create_dir(&data)?;
        let disk = disk(&data.join(place))?;
        let hub = HubProcess::start(&data, &HubOptions::default()).await?;
        let server = cameras(1).await?;
        let camera = json!({
            "name": "Harbour",
            "main": { "url": server.url(1, StreamKind::Sub) },
            "recording": { "mode": "continuous", "segment_seconds": 900, "record_sub": false },
        });
        let id = hub.add_camera(&camera).await?;
        lock_everything(&hub, &id).await?;
        until_written(&hub, &id, 60).await?;
        pause(&hub, true).await?;
        hub.until_state(&id, "live", TOLD).await?;
        let path = format!("/api/v1/cameras/{id}/main/segments");
        hub.until("closed files", &path, TOLD, |list| {
            let items = list["items"].as_array()?;
            (!items.is_empty() && items.iter().all(|item| item["hash"].is_string())).then_some(())
        })
        .await?;
        let mut closed = BTreeMap::new();
        for file in footage::files(&hub.footage()) {
            ensure!(footage::scan(&file)?.is_closed, "{} is closed", file.display());
            closed.insert(file.clone(), std::fs::read(&file)?);
        }
        ensure!(!closed.is_empty(), "there is something to lose");
        Ok(Self { server, hub, id, closed, disk, _folder: folder })
    }

    /// The same, and it records again.
    async fn recording(
        place: &str,
        disk: impl FnOnce(&Path) -> anyhow::Result<Disk>,
    ) -> anyhow::Result<Self> {
        let scene = Self::new(place, disk).await?;
        pause(&scene.hub, false).await?;
        scene.until_more_is_written(60).await?;
        Ok(scene)
    }

    /// The status says that the disk is the trouble, and an event was kept.
    async fn until_told(&self) -> anyhow::Result<Value> {
        let path = format!("/api/v1/cameras/{}/status", self.id);
        let told = self
            .hub
            .until("the disk's trouble in the status", &path, TOLD, |status| {
                (status["problem"]["code"] == "disk_not_writable").then(|| status.clone())
            })
            .await?;
        ensure!(told["state"] == "live", "live pictures go on: {told}");
        let words = |key: &str| told["problem"][key].as_str().is_some_and(|said| said.len() > 15);
        ensure!(words("message") && words("hint"), "in words: {told}");
        Ok(told)
    }

    async fn until_it_records(&self) -> anyhow::Result<()> {
        self.hub.until_state(&self.id, "recording", TOLD).await?;
        Ok(())
    }

    /// So many units more are on disk than now.
    async fn until_more_is_written(&self, units: u64) -> anyhow::Result<()> {
        let status = self.hub.get(&format!("/api/v1/cameras/{}/status", self.id)).await?;
        let before = stream(&status, "main")?["units_on_disk"].as_u64().unwrap_or(0);
        until_written(&self.hub, &self.id, before + units).await.map(drop)
    }

    /// So much time has passed by the hub's clock.
    async fn until_later(&self, milliseconds: i64) -> anyhow::Result<()> {
        let now = self.hub.get("/api/v1/system").await?["now_utc_ms"].as_i64().context("now")?;
        self.hub
            .until("time passes", "/api/v1/system", Duration::from_secs(30), |system| {
                (system["now_utc_ms"].as_i64()? > now + milliseconds).then_some(())
            })
            .await
    }

    async fn lost(&self) -> anyhow::Result<u64> {
        let status = self.hub.get(&format!("/api/v1/cameras/{}/status", self.id)).await?;
        stream(&status, "main")?["units_lost"].as_u64().context("units_lost")
    }

    async fn timeline(&self) -> anyhow::Result<Value> {
        let now = self.hub.get("/api/v1/system").await?["now_utc_ms"].as_i64().context("now")?;
        let (from, to) = (now - 3_600_000, now + 60_000);
        let path = format!(
            "/api/v1/cameras/{}/timeline?from_utc_ms={from}&to_utc_ms={to}&max_spans=1000",
            self.id
        );
        self.hub.get(&path).await
    }

    /// Nothing is missing by the disk, by the ledger.
    async fn check_no_gap(&self) -> anyhow::Result<()> {
        let ledger = self.hub.get(&format!("/api/v1/cameras/{}/ledger", self.id)).await?;
        let gaps = ledger["gaps"].as_array().context("gaps")?;
        ensure!(gaps.iter().all(|gap| gap["reason"] != "disk"), "no gap by the disk: {ledger}");
        Ok(())
    }

    /// The disk's trouble was told.
    async fn check_event(&self) -> anyhow::Result<()> {
        let timeline = self.timeline().await?;
        let events = timeline["events"].as_array().context("events")?;
        ensure!(
            events.iter().any(|event| event["kind"] == "disk_not_writable"),
            "an event is kept: {timeline}"
        );
        Ok(())
    }

    /// Nothing older is damaged, and all that is there plays.
    fn check_files(&self) -> anyhow::Result<()> {
        for (path, bytes) in &self.closed {
            let now = std::fs::read(path).with_context(|| format!("{}", path.display()))?;
            ensure!(now == *bytes, "{} has changed", path.display());
        }
        for file in footage::files(&self.hub.footage()) {
            let scan = footage::scan(&file)?;
            let bytes = std::fs::read(&file)?;
            for part in &scan.parts {
                let start = usize::try_from(part.offset)?;
                let fragment = &bytes[start..start + usize::try_from(part.bytes)?];
                tarsier_segment::read_units(&scan, fragment)
                    .with_context(|| format!("{} does not play", file.display()))?;
            }
        }
        Ok(())
    }

    async fn end(self) -> anyhow::Result<()> {
        ensure!(self.hub.stop().await?.success(), "the hub ends well after all that");
        self.server.stop().await;
        Ok(())
    }
}

/// No older footage makes room: these journeys are about a disk on which nothing can be done.
async fn lock_everything(hub: &HubProcess, camera: &str) -> anyhow::Result<()> {
    let now = hub.get("/api/v1/system").await?["now_utc_ms"].as_i64().context("now")?;
    let lock = json!({ "from_utc_ms": now - 3_600_000, "to_utc_ms": now + 3_600_000 });
    let path = format!("/api/v1/cameras/{camera}/locks");
    let (status, said) = hub.call("POST", &path, Some(&lock)).await?;
    ensure!(status == 201, "{status} {said}");
    Ok(())
}

pub(crate) async fn pause(hub: &HubProcess, paused: bool) -> anyhow::Result<()> {
    let (status, said) =
        hub.call("PUT", "/api/v1/recording", Some(&json!({ "paused": paused }))).await?;
    ensure!(status == 200, "{status} {said}");
    Ok(())
}

#[test]
fn a_full_disk_is_told_and_loses_nothing_once_there_is_room() {
    journey_alone(Machine::Ordinary, async {
        let scene = Scene::recording("footage", |at| Disk::in_memory(at, SMALL)).await?;
        // What came after the pause and before the next keyframe is lost by the pause.
        let lost = scene.lost().await?;
        scene.disk.fill()?;
        scene.until_told().await?;
        // The write that failed gave back what of it fitted.
        scene.disk.fill_rest()?;
        scene.until_later(4000).await?;
        scene.check_files()?;
        scene.disk.make_room()?;
        scene.until_it_records().await?;
        scene.until_more_is_written(60).await?;
        ensure!(scene.lost().await? == lost, "nothing is lost");
        scene.check_no_gap().await?;
        scene.check_event().await?;
        scene.check_files()?;
        scene.end().await
    });
}

#[test]
fn a_disk_that_has_become_read_only_is_told_and_loses_nothing_once_it_is_writable() {
    journey_alone(Machine::Ordinary, async {
        let scene = Scene::new("footage", |at| Disk::in_memory(at, 64 << 20)).await?;
        scene.disk.set(Access::ReadOnly)?;
        pause(&scene.hub, false).await?;
        scene.until_told().await?;
        scene.disk.set(Access::Writable)?;
        scene.until_it_records().await?;
        scene.until_more_is_written(60).await?;
        scene.check_no_gap().await?;
        scene.check_event().await?;
        scene.check_files()?;
        scene.end().await
    });
}

#[test]
fn a_disk_that_hangs_for_ten_seconds_loses_nothing() {
    journey_alone(Machine::WithLoopDisks, async {
        let scene = Scene::recording("footage", |at| Disk::with_ext4(at, 96 << 20)).await?;
        let healthy = scene.hub.get("/api/v1/system").await?["now_utc_ms"].as_i64();
        let healthy = healthy.context("now")?;
        // What came after the pause and before the next keyframe is lost by the pause.
        let lost = scene.lost().await?;
        for _ in 0..2 {
            scene.disk.freeze()?;
            let over = scene.until_later(10_000).await;
            scene.disk.thaw()?;
            over.context("the hub answers while the disk hangs")?;
            scene.until_more_is_written(30).await?;
        }
        ensure!(scene.lost().await? == lost, "nothing is lost");
        let timeline = scene.timeline().await?;
        let gaps = timeline["gaps"].as_array().context("gaps")?;
        let is_old = |gap: &Value| gap["end_utc_ms"].as_i64().is_some_and(|end| end < healthy);
        ensure!(gaps.iter().all(is_old), "no new gap: {timeline}");
        scene.check_files()?;
        scene.end().await
    });
}

#[test]
fn a_place_without_its_disk_is_told_and_not_written_to() {
    journey_alone(Machine::Ordinary, async {
        let scene = Scene::new("footage", |at| Disk::in_memory(at, 64 << 20)).await?;
        scene.disk.unplug()?;
        pause(&scene.hub, false).await?;
        // Another tier may take it: then nobody need be told.
        let told = scene.until_told().await;
        let strays = footage::files(&scene.hub.footage());
        scene.disk.plug()?;
        ensure!(strays.is_empty(), "written where the disk should be: {strays:?}");
        told?;
        scene.check_files()?;
        scene.end().await
    });
}

#[test]
fn a_disk_that_is_full_for_the_index_too_stops_nothing_for_good() {
    journey_alone(Machine::Ordinary, async {
        let scene = Scene::recording("", |at| Disk::in_memory(at, SMALL)).await?;
        scene.disk.fill()?;
        scene.until_told().await?;
        scene.disk.make_room()?;
        scene.until_it_records().await?;
        scene.until_more_is_written(60).await?;
        scene.check_files()?;
        let files = footage::files(&scene.hub.footage()).len();
        let path = format!("/api/v1/cameras/{}/main/segments", scene.id);
        scene
            .hub
            .until("every file in the index", &path, TOLD, |list| {
                (list["items"].as_array()?.len() == files).then_some(())
            })
            .await?;
        scene.end().await
    });
}

#[test]
fn a_disk_that_is_put_in_again_is_recorded_to_within_ten_seconds() {
    journey_alone(Machine::Ordinary, async {
        let scene = Scene::new("footage", |at| Disk::in_memory(at, 64 << 20)).await?;
        scene.disk.unplug()?;
        pause(&scene.hub, false).await?;
        scene.until_told().await?;
        scene.disk.plug()?;
        scene.until_it_records().await?;
        scene.until_more_is_written(60).await?;
        scene.check_files()?;
        scene.end().await
    });
}

#[test]
fn the_place_of_a_disk_that_is_pulled_out_under_a_recorder_is_not_written_to() {
    journey_alone(Machine::Ordinary, async {
        let scene = Scene::recording("footage", |at| Disk::in_memory(at, 64 << 20)).await?;
        scene.disk.unplug()?;
        // The camera ends the session: a new file is begun when it is back.
        let listen = scene.server.addr();
        scene.server.stop().await;
        let server =
            DemoServer::start(tarsier_demo::DemoOptions { listen, ..crate::free_port() }).await?;
        let scene = Scene { server, ..scene };
        let told = scene.until_told().await;
        let strays = footage::files(&scene.hub.footage());
        scene.disk.plug()?;
        ensure!(strays.is_empty(), "written where the disk should be: {strays:?}");
        told?;
        scene.until_it_records().await?;
        scene.check_files()?;
        scene.end().await
    });
}
