//! Clocks that are put forward and back, and days on which they are: nothing overlaps, no footage is lost, and the
//! timeline is right.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use tarsier_demo::{DemoOptions, DemoServer, Join};
use tarsier_tests::clock::WallClock;
use tarsier_tests::footage;
use tarsier_tests::hub::{HubOptions, HubProcess, stderr_of};
use tarsier_types::{Clock as _, StreamKind, SystemClock, Track, UtcMs};

use crate::recording::{stream, until_written};
use crate::{free_port, journey};

/// A second of the camera: 25 pictures, and 15.6 units of sound.
const UNITS_A_SECOND: u64 = 40;
const HOUR: i64 = 3600;
const IN_THE_END: Duration = Duration::from_secs(60);

/// A hub that lives by a clock of its own, and a camera that it records.
struct Scene {
    clock: WallClock,
    options: HubOptions,
    hub: HubProcess,
    id: String,
    server: DemoServer,
    _folder: tempfile::TempDir,
}

impl Scene {
    /// None where the machine cannot.
    async fn new(test: &str, time_zone: &str, ahead_seconds: i64) -> anyhow::Result<Option<Self>> {
        let folder = tempfile::tempdir()?;
        let Some(clock) = WallClock::new(folder.path(), test)? else { return Ok(None) };
        clock.set(ahead_seconds)?;
        let options =
            HubOptions { environment: clock.environment(time_zone), ..HubOptions::default() };
        let hub = HubProcess::start(&folder.path().join("data"), &options).await?;
        let server =
            DemoServer::start(DemoOptions { join: Join::LatestKeyframe, ..free_port() }).await?;
        let id = hub
            .add_camera(&json!({
                "name": "Tower",
                "main": { "url": server.url(1, StreamKind::Sub) },
                "recording": { "mode": "continuous", "segment_seconds": 60, "record_sub": false },
            }))
            .await?;
        until_written(&hub, &id, 6 * UNITS_A_SECOND).await?;
        Ok(Some(Self { clock, options, hub, id, server, _folder: folder }))
    }

    /// The whole of Tarsier ends and starts again.
    async fn restart(self) -> anyhow::Result<Self> {
        let data = self.hub.data_dir().to_owned();
        self.hub.stop().await?;
        let hub = HubProcess::start(&data, &self.options).await?;
        Ok(Self { hub, ..self })
    }

    async fn now(&self) -> anyhow::Result<i64> {
        self.hub.get("/api/v1/system").await?["now_utc_ms"].as_i64().context("now")
    }

    async fn timeline(&self) -> anyhow::Result<Value> {
        let now = self.now().await?;
        let (from, to) = (now - 2 * HOUR * 1000, now + 2 * HOUR * 1000);
        let id = &self.id;
        let path = format!(
            "/api/v1/cameras/{id}/timeline?from_utc_ms={from}&to_utc_ms={to}&max_spans=1000"
        );
        self.hub.get(&path).await
    }

    /// The hub has told that its clock was set.
    fn check_told(&self, words: &str) -> anyhow::Result<()> {
        let logs = stderr_of(self.hub.data_dir());
        ensure!(logs.matches(words).count() == 1, "{words:?} once in {logs}");
        Ok(())
    }

    /// So many seconds more of footage are on disk than now.
    async fn until_recorded(&self, seconds: u64) -> anyhow::Result<()> {
        let status = self.hub.get(&format!("/api/v1/cameras/{}/status", self.id)).await?;
        let before = stream(&status, "main")?["units_on_disk"].as_u64().unwrap_or(0);
        until_written(&self.hub, &self.id, before + seconds * UNITS_A_SECOND).await.map(drop)
    }

    /// A file that begins at or after that moment of the hub's clock.
    async fn until_file_since(&self, utc_ms: i64) -> anyhow::Result<()> {
        let path = format!("/api/v1/cameras/{}/main/segments?from_utc_ms={utc_ms}", self.id);
        self.hub
            .until("a file at the new time", &path, IN_THE_END, |list| {
                let items = list["items"].as_array()?;
                let mut starts = items.iter().filter_map(|item| item["start_utc_ms"].as_i64());
                starts.any(|start| start >= utc_ms).then_some(())
            })
            .await
    }

    /// Nothing was lost or told twice, and nobody was called offline. Answers where files begin and end.
    async fn check(self) -> anyhow::Result<Vec<(UtcMs, UtcMs)>> {
        let status = self.hub.get(&format!("/api/v1/cameras/{}/status", self.id)).await?;
        let main = stream(&status, "main")?;
        ensure!(main["units_lost"] == 0 && main["reconnects"] == 0, "undisturbed: {main}");
        let footage = self.hub.footage();
        self.hub.stop().await?;
        self.server.stop().await;
        let spans = read(&footage)?;
        no_overlap(&spans)?;
        Ok(spans.into_iter().map(|(start, end, _)| (start, end)).collect())
    }
}

/// Beginning, end and pictures of each file, in the order of their names; each is named and filed by its beginning.
fn read(footage: &Path) -> anyhow::Result<Vec<(UtcMs, UtcMs, i64)>> {
    let mut spans = Vec::new();
    for file in footage::files(footage) {
        let scan = footage::scan(&file)?;
        let meta = scan.meta.clone().context("meta")?;
        let name = tarsier_segment::name::path(&meta.camera, meta.stream, meta.start);
        ensure!(file.ends_with(&name), "{} begins at {:?}", file.display(), meta.start);
        let bytes = std::fs::read(&file)?;
        let mut pictures = 0;
        for part in &scan.parts {
            let start = usize::try_from(part.offset)?;
            let fragment = &bytes[start..start + usize::try_from(part.bytes)?];
            let units = tarsier_segment::read_units(&scan, fragment)?;
            pictures +=
                units.iter().filter(|unit| unit.track == Track::Video).map(|_| 1).sum::<i64>();
        }
        let length = scan.duration.to_millis();
        ensure!(
            (length - pictures * 40).abs() <= 200,
            "{} has {pictures} pictures of 40 ms in {length} ms",
            file.display()
        );
        spans.push((meta.start, meta.start + scan.duration, pictures));
    }
    Ok(spans)
}

fn no_overlap(spans: &[(UtcMs, UtcMs, i64)]) -> anyhow::Result<()> {
    for pair in spans.windows(2) {
        let hole = pair[1].0.millis_since(pair[0].1);
        ensure!(hole >= -2, "two files overlap by {hole} ms: {spans:?}");
    }
    Ok(())
}

#[test]
fn a_clock_put_an_hour_ahead_loses_no_picture() {
    journey(async {
        let name = "a_clock_put_an_hour_ahead_loses_no_picture";
        let Some(scene) = Scene::new(name, "Europe/Berlin", 0).await? else { return Ok(()) };
        scene.clock.set(HOUR)?;
        let new_time = scene.now().await?;
        scene.until_file_since(new_time).await?;
        scene.until_recorded(4).await?;
        scene.check_told("The clock of this machine went ahead by")?;
        let gaps = scene.timeline().await?["gaps"].clone();
        let ledger = scene.hub.get(&format!("/api/v1/cameras/{}/ledger", scene.id)).await?;
        ensure!(ledger["unknown_ms"] == 0, "no second is without a reason: {ledger}");
        let spans = scene.check().await?;
        let is_before = |span: &&(UtcMs, UtcMs)| span.0.0 < new_time;
        let last = spans.iter().rfind(is_before).context("a file from before")?.1;
        let first = spans.iter().find(|span| !is_before(span)).context("a file from after")?.0;
        let hole = first.millis_since(last);
        ensure!((hole - HOUR * 1000).abs() <= 60_000, "an hour was left out: {hole} ms, {spans:?}");
        let gaps = gaps.as_array().context("gaps")?;
        ensure!(!gaps.is_empty(), "which is a gap");
        ensure!(gaps.iter().all(|gap| gap["reason"] == "clock"), "by the clock: {gaps:?}");
        Ok(())
    });
}

#[test]
fn a_clock_put_an_hour_back_loses_no_picture_and_nothing_overlaps() {
    journey(async {
        let name = "a_clock_put_an_hour_back_loses_no_picture_and_nothing_overlaps";
        let Some(scene) = Scene::new(name, "Europe/Berlin", 0).await? else { return Ok(()) };
        scene.clock.set(-HOUR)?;
        scene.until_recorded(20).await?;
        scene.check_told("The clock of this machine was put back by")?;
        let spans = scene.check().await?;
        for pair in spans.windows(2) {
            let hole = pair[1].0.millis_since(pair[0].1);
            ensure!(hole.abs() <= 2, "no footage is missing: {hole} ms, {spans:?}");
        }
        Ok(())
    });
}

/// Records over a border of the calendar, ten seconds before it to ten seconds behind it.
async fn over(test: &str, time_zone: &str, border: UtcMs) -> anyhow::Result<()> {
    let now = SystemClock::start().utc();
    let ahead = border.millis_since(now).div_euclid(1000) - 12;
    let Some(scene) = Scene::new(test, time_zone, ahead).await? else { return Ok(()) };
    scene.until_file_since(border.0).await?;
    scene.until_recorded(3).await?;
    let timeline = scene.timeline().await?;
    let list = |key: &str| timeline[key].as_array().map_or(usize::MAX, Vec::len);
    ensure!((list("spans"), list("gaps")) == (1, 0), "one span, no gap: {timeline}");
    let spans = scene.check().await?;
    ensure!(spans.len() == 2, "a file ends at the border: {spans:?}");
    let hole = spans[1].0.millis_since(spans[0].1);
    ensure!(hole.abs() <= 2, "and the next one joins it: {hole} ms");
    ensure!(
        spans[0].0 < border && spans[1].0.millis_since(border) <= 3000,
        "times are true: {spans:?}, {border:?}"
    );
    Ok(())
}

#[test]
fn clocks_that_are_put_back_in_autumn_change_nothing() {
    // 2027-10-31T01:00:00Z: 3:00 becomes 2:00 in Berlin.
    let border = UtcMs(1_824_944_400_000);
    journey(over("clocks_that_are_put_back_in_autumn_change_nothing", "Europe/Berlin", border));
}

#[test]
fn clocks_that_are_put_forward_in_spring_change_nothing() {
    // 2027-03-28T01:00:00Z: 2:00 becomes 3:00 in Berlin.
    let border = UtcMs(1_806_195_600_000);
    journey(over("clocks_that_are_put_forward_in_spring_change_nothing", "Europe/Berlin", border));
}

#[test]
fn a_year_ends_between_two_files() {
    // 2028-01-01T00:00:00Z.
    let border = UtcMs(1_830_297_600_000);
    journey(over("a_year_ends_between_two_files", "UTC", border));
}

#[test]
fn a_clock_put_an_hour_ahead_calls_nobody_offline() {
    journey(async {
        let name = "a_clock_put_an_hour_ahead_calls_nobody_offline";
        let Some(scene) = Scene::new(name, "Europe/Berlin", 0).await? else { return Ok(()) };
        scene.clock.set(HOUR)?;
        let new_time = scene.now().await?;
        scene.until_file_since(new_time).await?;
        let timeline = scene.timeline().await?;
        let events = timeline["events"].as_array().context("events")?;
        ensure!(
            events.iter().all(|event| event["kind"] != "camera_offline"),
            "pictures came all the time: {timeline}"
        );
        scene.check().await.map(drop)
    });
}

#[test]
fn a_recorder_that_ends_after_the_clock_was_put_back_is_succeeded_without_overlap() {
    journey(async {
        let name = "a_recorder_that_ends_after_the_clock_was_put_back_is_succeeded_without_overlap";
        let Some(scene) = Scene::new(name, "Europe/Berlin", 0).await? else { return Ok(()) };
        // Less than what is recorded by then: the next recorder begins in the middle of it.
        scene.clock.set(-10)?;
        scene.until_recorded(14).await?;
        let list = scene.hub.get("/api/v1/recorders").await?;
        let pid = u32::try_from(list["items"][0]["pid"].as_u64().context("a recorder")?)?;
        tarsier_tests::hub::signal(pid, "KILL").await?;
        scene
            .hub
            .until("another recorder", "/api/v1/recorders", IN_THE_END, |list| {
                list["items"][0]["pid"].as_u64().filter(|new| *new > 0 && *new != u64::from(pid))
            })
            .await?;
        until_written(&scene.hub, &scene.id, 10 * UNITS_A_SECOND).await?;
        let spans = scene.check().await?;
        ensure!(spans.len() >= 2, "a file of each recorder: {spans:?}");
        Ok(())
    });
}

#[test]
fn tarsier_that_starts_anew_after_the_clock_was_put_back_overlaps_nothing() {
    journey(async {
        let name = "tarsier_that_starts_anew_after_the_clock_was_put_back_overlaps_nothing";
        let Some(scene) = Scene::new(name, "Europe/Berlin", 0).await? else { return Ok(()) };
        let path = format!("/api/v1/cameras/{}/main/segments?from_utc_ms=0", scene.id);
        let list = scene.hub.get(&path).await?;
        let first = list["items"][0]["start_utc_ms"].as_i64().context("a file from before")?;
        scene.clock.set(-60)?;
        let scene = scene.restart().await?;
        until_written(&scene.hub, &scene.id, 4 * UNITS_A_SECOND).await?;
        let spans = scene.check().await?;
        ensure!(spans.len() >= 2, "a file of each recorder: {spans:?}");
        // A minute may have begun meanwhile, and a file with it; where the clock is now is long before all of them.
        ensure!(
            spans.iter().all(|span| span.0.0 >= first),
            "none begins where the clock is: {first}, {spans:?}"
        );
        Ok(())
    });
}

#[test]
fn a_recorder_that_is_replaced_after_the_clock_was_put_back_overlaps_nothing() {
    journey(async {
        let name = "a_recorder_that_is_replaced_after_the_clock_was_put_back_overlaps_nothing";
        let Some(scene) = Scene::new(name, "Europe/Berlin", 0).await? else { return Ok(()) };
        scene.clock.set(-60)?;
        scene.until_recorded(2).await?;
        let list = scene.hub.get("/api/v1/recorders").await?;
        let pid = list["items"][0]["pid"].as_u64().context("a recorder")?;
        let change = json!({ "engine": "libav" });
        let path = format!("/api/v1/cameras/{}", scene.id);
        let (status, answer) = scene.hub.call("PATCH", &path, Some(&change)).await?;
        ensure!(status == 200, "{status}: {answer}");
        // Not "another file": a minute's border gives one to the recorder that goes.
        scene
            .hub
            .until("another recorder", "/api/v1/recorders", IN_THE_END, |list| {
                list["items"][0]["pid"].as_u64().filter(|new| *new > 0 && *new != pid)
            })
            .await?;
        scene.until_recorded(4).await?;
        let spans = scene.check().await?;
        ensure!(spans.len() >= 2, "a file of each recorder: {spans:?}");
        Ok(())
    });
}
