//! Two disks under a hub that records: one is full, pulled out or read-only, and recording goes on in the other one and
//! comes home; closed files move on, whatever is killed meanwhile; a disk that is nearly full loses its oldest footage only.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use bytes::Bytes;
use serde_json::{Value, json};
use tarsier_demo::DemoServer;
use tarsier_tests::disk::{Access, Disk};
use tarsier_tests::footage;
use tarsier_tests::hub::{HubOptions, HubProcess};
use tarsier_tests::own_namespace::Machine;
use tarsier_types::StreamKind;

use crate::disk::pause;
use crate::recording::{stream, until_written};
use crate::{cameras, journey_alone};

/// Recording goes on elsewhere, and it is told, within this time.
const SOON: Duration = Duration::from_secs(10);
/// Free space is looked at every 10 s: one look may just have been, the next one deletes.
const TWO_CHECKS: Duration = Duration::from_secs(25);
/// Segments of a minute: the next one is begun within it.
const NEXT_SEGMENT: Duration = Duration::from_secs(80);
/// The longest files there are: for what a file's end would disturb.
const LONG_SEGMENT: i64 = 900;
const MIB: u64 = 1 << 20;

/// A hub that records one camera to the disk `cache`, with the disk `archive` behind it.
struct Scene {
    server: DemoServer,
    hub: HubProcess,
    id: String,
    cache: Disk,
    archive: Disk,
    /// Tiers, by `is it the archive`.
    tiers: [String; 2],
    data: PathBuf,
    _folder: tempfile::TempDir,
}

impl Scene {
    /// `quality` is the stream that is recorded as the camera's main one.
    async fn new(quality: StreamKind, segment_seconds: i64) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let data = folder.path().join("data");
        std::fs::create_dir(&data)?;
        let cache = Disk::in_memory(&data.join("footage"), 64 * MIB)?;
        let archive = Disk::in_memory(&folder.path().join("archive"), 64 * MIB)?;
        let hub = HubProcess::start(&data, &HubOptions::default()).await?;
        let tier = json!({
            "kind": "folder",
            "path": folder.path().join("archive").to_string_lossy(),
            "name": "Archive",
            "purpose": "archive",
        });
        let (status, added) = hub.call("POST", "/api/v1/storage/tiers", Some(&tier)).await?;
        ensure!(status == 201, "{status} {added}");
        let second = added["id"].as_str().context("id")?.to_owned();
        let storage = hub.get("/api/v1/storage").await?;
        let tiers = storage["tiers"].as_array().context("tiers")?;
        let first = tiers.iter().filter_map(|tier| tier["id"].as_str()).find(|id| *id != second);
        let first = first.context("the hub's own tier")?.to_owned();
        let server = cameras(1).await?;
        let mut scene = Self {
            server,
            hub,
            id: String::new(),
            cache,
            archive,
            tiers: [first, second],
            data,
            _folder: folder,
        };
        scene.set_policy(60, MIB).await?;
        let camera = json!({
            "name": "Harbour",
            "main": { "url": scene.server.url(1, quality) },
            "recording": {
                "mode": "continuous",
                "segment_seconds": segment_seconds,
                "record_sub": false,
            },
        });
        scene.id = scene.hub.add_camera(&camera).await?;
        until_written(&scene.hub, &scene.id, 60).await?;
        Ok(scene)
    }

    async fn set_policy(&self, move_after_minutes: u32, min_free_bytes: u64) -> anyhow::Result<()> {
        let policy = json!({ "tiers": [
            {
                "tier": self.tiers[0],
                "min_free_bytes": min_free_bytes,
                "move_after_minutes": move_after_minutes,
                "move_above_percent": 95,
            },
            { "tier": self.tiers[1], "min_free_bytes": MIB },
        ]});
        let (status, said) = self.hub.call("PUT", "/api/v1/storage/policy", Some(&policy)).await?;
        ensure!(status == 200, "{status} {said}");
        Ok(())
    }

    fn segments(&self) -> String {
        format!("/api/v1/cameras/{}/main/segments?limit=500", self.id)
    }

    /// Every file that is closed, by its start, as it is served.
    async fn closed(&self) -> anyhow::Result<BTreeMap<i64, Bytes>> {
        let list = self.hub.get(&self.segments()).await?;
        let mut closed = BTreeMap::new();
        for item in list["items"].as_array().context("items")? {
            if item["is_open"] == false {
                let start = item["start_utc_ms"].as_i64().context("start")?;
                closed.insert(start, self.file(start).await?);
            }
        }
        Ok(closed)
    }

    async fn file(&self, start: i64) -> anyhow::Result<Bytes> {
        let path = format!("/api/v1/cameras/{}/main/segments/{start}.mp4", self.id);
        let (status, bytes) = self.hub.get_bytes(&path).await?;
        ensure!(status == 200, "{path}: {status}");
        Ok(bytes)
    }

    /// Some short files more, the last one closed too; recording is paused then.
    async fn record_short_files(&self, count: usize) -> anyhow::Result<()> {
        for _ in 0..count {
            pause(&self.hub, false).await?;
            self.until_more_is_written(50).await?;
            self.pause_and_close().await?;
        }
        Ok(())
    }

    async fn pause_and_close(&self) -> anyhow::Result<()> {
        pause(&self.hub, true).await?;
        self.hub
            .until("closed files only", &self.segments(), SOON, |list| {
                let items = list["items"].as_array()?;
                (!items.is_empty() && items.iter().all(|item| item["hash"].is_string()))
                    .then_some(())
            })
            .await
    }

    async fn status(&self) -> anyhow::Result<Value> {
        self.hub.get(&format!("/api/v1/cameras/{}/status", self.id)).await
    }

    async fn until_more_is_written(&self, units: u64) -> anyhow::Result<()> {
        let before = stream(&self.status().await?, "main")?["units_on_disk"].as_u64().unwrap_or(0);
        until_written(&self.hub, &self.id, before + units).await.map(drop)
    }

    /// No file will end by the clock within that time.
    async fn until_far_from_a_border(
        &self,
        segment_seconds: i64,
        margin: Duration,
    ) -> anyhow::Result<()> {
        let margin_ms = i64::try_from(margin.as_millis())?;
        self.hub
            .until("the border of a segment is passed", "/api/v1/system", 2 * margin, |system| {
                let length_ms = segment_seconds * 1000;
                let in_file_ms = system["now_utc_ms"].as_i64()?.rem_euclid(length_ms);
                (length_ms - in_file_ms > margin_ms).then_some(())
            })
            .await
    }

    async fn lost(&self) -> anyhow::Result<u64> {
        stream(&self.status().await?, "main")?["units_lost"].as_u64().context("units_lost")
    }

    /// A file of that disk which began after `after` holds pictures: answers when it began.
    async fn until_recorded_to(
        &self,
        disk: &Disk,
        after: i64,
        within: Duration,
    ) -> anyhow::Result<i64> {
        let what = format!("a new file in {}", disk.inside().display());
        self.hub
            .until(&what, "/api/v1/storage", within, |_| {
                let files = footage::files(disk.inside());
                let mut starts =
                    files.iter().filter(|file| has_pictures(file)).map(|file| start_of(file));
                starts.find(|start| *start > after)
            })
            .await
    }

    /// An alert of that kind was raised, or raised and ended.
    async fn until_told(&self, kind: &str, within: Duration) -> anyhow::Result<()> {
        self.hub
            .until(kind, "/api/v1/alerts", within, |page| {
                let alerts = page["items"].as_array()?;
                alerts.iter().any(|alert| alert["kind"] == kind).then_some(())
            })
            .await
    }

    async fn until_written_to(&self, tier: usize, within: Duration) -> anyhow::Result<()> {
        let id = &self.tiers[tier];
        self.hub
            .until(&format!("{id} is written to"), "/api/v1/storage", within, |storage| {
                let tiers = storage["tiers"].as_array()?;
                tiers
                    .iter()
                    .any(|tier| tier["id"] == **id && tier["is_written_to"] == true)
                    .then_some(())
            })
            .await
    }

    /// What was closed is served with the same bytes, wherever it is now.
    async fn check_unharmed(&self, before: &BTreeMap<i64, Bytes>) -> anyhow::Result<()> {
        ensure!(!before.is_empty(), "there was something to lose");
        for (start, bytes) in before {
            ensure!(self.file(*start).await? == *bytes, "{start} has changed");
        }
        Ok(())
    }

    /// Every file of both disks, the one that is written included, is in one playlist and is served.
    async fn check_one_timeline(&self) -> anyhow::Result<()> {
        let now = self.hub.get("/api/v1/system").await?["now_utc_ms"].as_i64().context("now")?;
        let path = format!(
            "/api/v1/cameras/{}/main/vod.m3u8?from_utc_ms={}&to_utc_ms={now}",
            self.id,
            now - 3_600_000
        );
        let (status, text) = self.hub.get_bytes(&path).await?;
        let text = String::from_utf8(text.to_vec())?;
        ensure!(status == 200, "{status} {text}");
        let disks = [&self.cache, &self.archive];
        for disk in disks {
            let files = footage::files(disk.inside());
            for start in files.iter().filter(|file| has_pictures(file)).map(|file| start_of(file)) {
                ensure!(text.contains(&format!("{start}.mp4")), "{start} is missing in {text}");
                let bytes = self.file(start).await?;
                let scan = tarsier_segment::scan(&mut std::io::Cursor::new(&bytes[..]))?;
                ensure!(scan.units > 0, "{start} plays");
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

fn has_pictures(file: &Path) -> bool {
    footage::scan(file).is_ok_and(|scan| scan.units > 0)
}

/// By the file's own word.
fn start_of(file: &Path) -> i64 {
    let scan = footage::scan(file).ok().and_then(|scan| scan.meta);
    scan.map_or(0, |meta| meta.start.0)
}

/// The cache refuses, recording goes on in the archive, and comes home.
async fn goes_away_and_comes_home(
    takes_away: impl FnOnce(&Disk) -> anyhow::Result<()>,
    brings_back: impl FnOnce(&Disk) -> anyhow::Result<()>,
    alert: &str,
    is_paused_meanwhile: bool,
) -> anyhow::Result<()> {
    let scene = Scene::new(StreamKind::Sub, 60).await?;
    scene.record_short_files(1).await?;
    let closed = scene.closed().await?;
    let newest = closed.keys().copied().max().context("closed files")?;
    if is_paused_meanwhile {
        takes_away(&scene.cache)?;
        pause(&scene.hub, false).await?;
    } else {
        pause(&scene.hub, false).await?;
        scene.until_more_is_written(30).await?;
        takes_away(&scene.cache)?;
    }
    let spilled = scene.until_recorded_to(&scene.archive, newest, SOON).await?;
    scene.until_told(alert, SOON).await?;
    scene.hub.until_state(&scene.id, "recording", SOON).await?;
    // The file that is being written there is served while it grows.
    ensure!(!scene.file(spilled).await?.is_empty(), "the open file in the archive plays");
    let still = format!("/api/v1/cameras/{}/main/still.jpg?at_utc_ms={}", scene.id, spilled + 200);
    let (status, jpeg) = scene.hub.get_bytes(&still).await?;
    ensure!(status == 200 && jpeg.starts_with(&[0xff, 0xd8]), "a still of it: {status}");

    brings_back(&scene.cache)?;
    scene.until_written_to(0, Duration::from_secs(15)).await?;
    scene.until_recorded_to(&scene.cache, spilled, NEXT_SEGMENT).await?;
    scene.check_unharmed(&closed).await?;
    scene.pause_and_close().await?;
    scene.check_one_timeline().await?;
    scene.end().await
}

#[test]
fn recording_goes_on_in_the_other_tier_while_the_first_is_pulled_out_and_comes_home() {
    journey_alone(Machine::Ordinary, async {
        goes_away_and_comes_home(Disk::unplug, Disk::plug, "tier_missing", false).await
    });
}

#[test]
fn recording_goes_on_in_the_other_tier_while_the_first_is_full_and_comes_home() {
    journey_alone(Machine::Ordinary, async {
        goes_away_and_comes_home(Disk::fill, Disk::make_room, "disk_low", true).await
    });
}

#[test]
fn recording_goes_on_in_the_other_tier_while_the_first_is_read_only_and_comes_home() {
    journey_alone(Machine::Ordinary, async {
        goes_away_and_comes_home(
            |disk| disk.set(Access::ReadOnly),
            |disk| disk.set(Access::Writable),
            "tier_missing",
            true,
        )
        .await
    });
}

#[test]
fn closed_files_move_to_the_archive_and_play_whatever_is_killed_meanwhile() {
    journey_alone(Machine::Ordinary, async {
        let mut scene = Scene::new(StreamKind::Sub, 60).await?;
        scene.record_short_files(8).await?;
        let closed = scene.closed().await?;
        ensure!(closed.len() >= 8, "files to move: {}", closed.len());
        scene.set_policy(0, MIB).await?;
        for kills in 0..4_usize {
            // Each hub moves a file or two before it is killed.
            let archived = footage::files(scene.archive.inside()).len();
            if archived < closed.len() {
                let wanted = (archived + kills % 2).min(closed.len());
                let archive = &scene.archive;
                scene
                    .hub
                    .until("moves begin", "/api/v1/system", Duration::from_secs(30), |_| {
                        (footage::files(archive.inside()).len() >= wanted).then_some(())
                    })
                    .await?;
            }
            scene.hub.kill().await?;
            scene.hub = HubProcess::start(&scene.data, &HubOptions::default()).await?;
        }
        let expected: BTreeSet<i64> = closed.keys().copied().collect();
        let (cache, archive) = (&scene.cache, &scene.archive);
        let all_moved = |_: &Value| {
            let archived: Vec<i64> =
                footage::files(archive.inside()).iter().map(|file| start_of(file)).collect();
            let is_once = archived.len() == expected.len();
            let is_all = archived.into_iter().collect::<BTreeSet<_>>() == expected;
            (is_once && is_all && footage::files(cache.inside()).is_empty()).then_some(())
        };
        scene
            .hub
            .until("each file once, in the archive", "/api/v1/system", NEXT_SEGMENT, all_moved)
            .await?;
        scene.check_unharmed(&closed).await?;
        let list = scene.hub.get(&scene.segments()).await?;
        let starts: Vec<i64> = list["items"]
            .as_array()
            .context("items")?
            .iter()
            .filter_map(|item| item["start_utc_ms"].as_i64())
            .collect();
        ensure!(starts == expected.into_iter().collect::<Vec<_>>(), "each once: {starts:?}");
        scene.check_one_timeline().await?;
        for disk in [scene.cache.inside(), scene.archive.inside()] {
            let left = leftovers(disk)?;
            ensure!(left.is_empty(), "unfinished copies are left: {left:?}");
        }
        scene.end().await
    });
}

/// Files below the cameras' folders that are no footage.
fn leftovers(root: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let (mut found, mut folders) = (Vec::new(), Vec::new());
    for entry in std::fs::read_dir(root)? {
        folders.extend(Some(entry?.path()).filter(|path| path.is_dir()));
    }
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_none_or(|ending| ending != "mp4") {
                found.push(path);
            }
        }
    }
    Ok(found)
}

#[test]
fn a_disk_that_is_nearly_full_loses_its_oldest_footage_and_never_what_is_locked() {
    journey_alone(Machine::Ordinary, async {
        let scene = Scene::new(StreamKind::Main, LONG_SEGMENT).await?;
        scene.record_short_files(6).await?;
        // There is nowhere to move to: only deleting helps.
        scene.archive.unplug()?;
        let closed = scene.closed().await?;
        let starts: Vec<i64> = closed.keys().copied().collect();
        let size = |n: usize| u64::try_from(closed[&starts[n]].len()).unwrap_or(0);
        let lock = json!({ "from_utc_ms": starts[0], "to_utc_ms": starts[0] + 1000 });
        let locks = format!("/api/v1/cameras/{}/locks", scene.id);
        let (status, said) = scene.hub.call("POST", &locks, Some(&lock)).await?;
        ensure!(status == 201, "{status} {said}");

        // A file that ends gives back what was reserved for the rest of it, and the disk is not full any more.
        scene.until_far_from_a_border(LONG_SEGMENT, Duration::from_secs(30)).await?;
        pause(&scene.hub, false).await?;
        scene.until_more_is_written(30).await?;
        let lost = scene.lost().await?;
        // So much is free that the second and the third oldest must go, and no other.
        let free = size(1) + size(2) / 2;
        leave_free(&scene.cache, free)?;
        scene.set_policy(60, free + 64 * 1024).await?;
        scene.until_told("cleanup_done", TWO_CHECKS).await?;

        let now: Vec<i64> = scene.closed().await?.keys().copied().collect();
        ensure!(now.contains(&starts[0]), "what is locked is spared: {now:?} of {starts:?}");
        ensure!(
            !now.contains(&starts[1]) && !now.contains(&starts[2]),
            "the oldest are gone: {now:?} of {starts:?}"
        );
        ensure!(now.contains(&starts[5]), "the newest is left: {now:?} of {starts:?}");
        let storage = scene.hub.get("/api/v1/storage").await?;
        let tiers = storage["tiers"].as_array().context("tiers")?;
        let cache = tiers.iter().find(|tier| tier["id"] == scene.tiers[0]).context("cache")?;
        let cleanup = &cache["last_cleanup"];
        ensure!(
            cleanup["was_enough"] == true
                && cleanup["free_after_bytes"].as_u64() >= Some(2 * (free + 64 * 1024)),
            "twice the minimum is free: {storage}"
        );
        scene.until_more_is_written(60).await?;
        ensure!(scene.lost().await? == lost, "recording never stops");
        scene.hub.until_state(&scene.id, "recording", SOON).await?;
        scene.end().await
    });
}

/// Others' data takes all of a disk but that.
fn leave_free(disk: &Disk, bytes: u64) -> anyhow::Result<()> {
    let stat = rustix::fs::statvfs(disk.inside())?;
    let available = stat.f_bavail * stat.f_frsize;
    let Some(taken) = available.checked_sub(bytes) else {
        bail!("only {available} bytes are free of {bytes}")
    };
    let file = std::fs::File::create(disk.inside().join("others"))?;
    rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, taken)?;
    Ok(())
}
