//! Networks that fail between a camera and its recorder: the right reason, recording resumes within 3 s of the camera's
//! return, and spans and gaps add up to the time that has passed.
//!
//! `cargo xtask torture network` lets the camera be away for the whole minute of a reboot (`TARSIER_REBOOT_SECONDS`).

use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use tarsier_demo::{DemoOptions, DemoServer, Join};
use tarsier_tests::hub::HubProcess;
use tarsier_tests::own_namespace::{Machine, run};
use tarsier_tests::proxy::{Cut, Fault, Proxy};
use tarsier_types::{Clock as _, StreamKind, SystemClock, UtcMs};

use crate::recording::{stream, until_written};
use crate::{free_port, hub, journey, journey_alone};

/// From a camera's return to the first picture in a file.
const RESUMES_MS: i64 = 3_000;
/// SPEC section 4: a zombie is found within 10 s.
const FOUND: Duration = Duration::from_secs(10);
/// Spans and gaps against the clock.
const LEDGER_MS: i64 = 1_000;
/// The demo camera takes a keyframe whenever Unix time is a multiple of this (`crates/demo/samples/README.md`).
const GOP_MS: i64 = 2_000;
/// A label against the truth, on a busy machine.
const TRUE_MS: i64 = 500;
/// However late it is: how late is what the test tells.
const IN_THE_END: Duration = Duration::from_secs(60);

/// A fault is about to end.
#[derive(Clone, Copy)]
struct Back {
    at: UtcMs,
    /// The beginning of the newest file.
    newest: i64,
}

/// A camera behind a network that can fail, and a hub that records it.
struct Scene {
    server: DemoServer,
    proxy: Proxy,
    hub: HubProcess,
    id: String,
    clock: SystemClock,
    _folder: tempfile::TempDir,
}

impl Scene {
    async fn new() -> anyhow::Result<Self> {
        // A keyframe at once, as from a camera that makes one for a new viewer: its GOP is not the recorder's fault.
        Self::joined(Join::LatestKeyframe).await
    }

    async fn joined(join: Join) -> anyhow::Result<Self> {
        let server = DemoServer::start(DemoOptions { join, ..free_port() }).await?;
        let proxy = Proxy::start(server.addr()).await?;
        let (folder, hub) = hub().await?;
        let camera = json!({
            "name": "Ridge",
            "main": { "url": proxy.url(&server.url(1, StreamKind::Sub)) },
            "recording": { "mode": "continuous", "segment_seconds": 900, "record_sub": false },
        });
        let id = hub.add_camera(&camera).await?;
        until_written(&hub, &id, 60).await?;
        Ok(Self { server, proxy, hub, id, clock: SystemClock::start(), _folder: folder })
    }

    /// The same without a proxy, on an address that can be taken away. To be called on a machine of its own.
    async fn on_a_network_of_its_own() -> anyhow::Result<Self> {
        Network::put_up()?;
        let listen = std::net::SocketAddr::new(Network::HOST.parse()?, 0);
        let options = DemoOptions { listen, join: Join::LatestKeyframe, ..free_port() };
        let server = DemoServer::start(options).await?;
        let proxy = Proxy::start(server.addr()).await?;
        let (folder, hub) = hub().await?;
        let camera = json!({ "name": "Ridge", "main": { "url": server.url(1, StreamKind::Sub) } });
        let id = hub.add_camera(&camera).await?;
        until_written(&hub, &id, 60).await?;
        Ok(Self { server, proxy, hub, id, clock: SystemClock::start(), _folder: folder })
    }

    async fn status(&self) -> anyhow::Result<Value> {
        self.hub.get(&format!("/api/v1/cameras/{}/status", self.id)).await
    }

    /// The status says what is wrong, and does not call it recording.
    async fn until_told(&self, code: &str, within: Duration) -> anyhow::Result<Value> {
        let path = format!("/api/v1/cameras/{}/status", self.id);
        self.hub
            .until(code, &path, within, |status| {
                let is_told = status["problem"]["code"] == code && status["state"] != "recording";
                is_told.then(|| status.clone())
            })
            .await
    }

    /// Lets time pass while nothing is done about a fault: that is the fault.
    async fn lasts(&self, seconds: u64) {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
    }

    /// Where files begin, in their order.
    async fn files(&self) -> anyhow::Result<Vec<i64>> {
        let path = format!("/api/v1/cameras/{}/main/segments?from_utc_ms=0&limit=1000", self.id);
        starts(&self.hub.get(&path).await?).context("files")
    }

    /// To be called before the fault ends.
    async fn back(&self) -> anyhow::Result<Back> {
        let newest = self.files().await?.last().copied().context("a file")?;
        Ok(Back { at: self.clock.utc(), newest })
    }

    /// Footage begins again: answers how far behind the end of the fault. A camera that begins with what it has in its
    /// buffer may have been recorded from before its return on.
    async fn until_recorded(&self, back: Back) -> anyhow::Result<i64> {
        // A new run of the camera begins a new file, however short the outage was.
        let from = back.newest + 1;
        let path = format!("/api/v1/cameras/{}/main/segments?from_utc_ms={from}", self.id);
        self.hub
            .until("a file from behind the outage", &path, IN_THE_END, |list| {
                let newest = starts(list)?.last().copied();
                newest.filter(|start| *start >= from).map(|start| start - back.at.0)
            })
            .await
    }

    /// The camera is there again and recorded: answers how long it took until its pictures came.
    async fn until_resumed(&self, back: Back) -> anyhow::Result<i64> {
        self.until_recorded(back).await?;
        let path = format!("/api/v1/cameras/{}/status", self.id);
        self.hub
            .until("a connection from behind the outage", &path, IN_THE_END, |status| {
                let connection = &stream(status, "main").ok()?["connection"];
                let age = connection["connection_age_ms"].as_i64().filter(|age| *age > 0)?;
                let since = connection["last_seen_utc_ms"].as_i64()? - age;
                (since >= back.at.0).then_some(since - back.at.0)
            })
            .await
    }

    async fn check_resumed(&self, back: Back) -> anyhow::Result<()> {
        let took = self.until_resumed(back).await?;
        ensure!(took <= RESUMES_MS, "recording resumed {took} ms after the camera was back");
        Ok(())
    }

    fn timeline(&self) -> String {
        let now = self.clock.utc().0;
        let (from, to) = (now - 3_600_000, now + 60_000);
        let id = &self.id;
        format!("/api/v1/cameras/{id}/timeline?from_utc_ms={from}&to_utc_ms={to}&max_spans=1000")
    }

    /// Spans and gaps up to now are all the time since the first picture, and each gap has one of the reasons.
    async fn check_ledger(&self, reasons: &[&str]) -> anyhow::Result<Vec<(i64, i64)>> {
        let now = self.clock.utc().0;
        // What was taken up to now is on disk in a moment.
        let timeline = self
            .hub
            .until("footage up to now", &self.timeline(), FOUND, |timeline| {
                let last = timeline["spans"].as_array()?.last()?.clone();
                (last["end_utc_ms"].as_i64()? >= now).then(|| timeline.clone())
            })
            .await?;
        let ranges = |of: &Value| -> anyhow::Result<Vec<(i64, i64)>> {
            let list = of.as_array().context("a list")?;
            let range =
                |item: &Value| Some((item["start_utc_ms"].as_i64()?, item["end_utc_ms"].as_i64()?));
            list.iter().map(|item| range(item).context("a range")).collect()
        };
        let (spans, gaps) = (ranges(&timeline["spans"])?, ranges(&timeline["gaps"])?);
        let first = spans.first().context("a span")?.0;
        let up_to_now =
            |of: &[(i64, i64)]| of.iter().map(|(start, end)| (*end).min(now) - start).sum::<i64>();
        let rest = (now - first) - (up_to_now(&spans) + up_to_now(&gaps));
        ensure!(rest.abs() <= LEDGER_MS, "{rest} ms are neither footage nor gap: {timeline}");
        for gap in timeline["gaps"].as_array().context("gaps")? {
            let reason = gap["reason"].as_str().context("a reason")?;
            ensure!(reasons.contains(&reason), "a gap by {reasons:?}, not {reason}: {timeline}");
        }
        Ok(gaps)
    }

    async fn check_nothing_lost(&self) -> anyhow::Result<()> {
        let gaps = self.check_ledger(&[]).await?;
        ensure!(gaps.is_empty(), "no gap: {gaps:?}");
        let main = stream(&self.status().await?, "main")?;
        ensure!(main["units_lost"] == 0, "nothing is lost: {main}");
        ensure!(self.proxy.accepted() == 1, "{} connections, not one", self.proxy.accepted());
        Ok(())
    }

    async fn end(self) -> anyhow::Result<()> {
        self.hub.stop().await?;
        self.server.stop().await;
        Ok(())
    }
}

fn starts(list: &Value) -> Option<Vec<i64>> {
    let items = list["items"].as_array()?.iter();
    let mut starts: Vec<i64> = items.filter_map(|item| item["start_utc_ms"].as_i64()).collect();
    starts.sort_unstable();
    Some(starts)
}

/// The only way to one host.
struct Network;

impl Network {
    /// RFC 5737, TEST-NET-3.
    const HOST: &'static str = "203.0.113.7";

    fn put_up() -> anyhow::Result<()> {
        run("ip", &["address", "add", "203.0.113.7/32", "dev", "lo"])
    }

    fn take_away() -> anyhow::Result<()> {
        run("ip", &["address", "del", "203.0.113.7/32", "dev", "lo"])?;
        run("ip", &["route", "add", "unreachable", Self::HOST])
    }

    fn bring_back() -> anyhow::Result<()> {
        run("ip", &["route", "del", "unreachable", Self::HOST])?;
        Self::put_up()
    }
}

#[test]
fn a_refused_connection_is_told_as_a_closed_port() {
    journey(async {
        let scene = Scene::new().await?;
        scene.proxy.set(Fault::Refuse);
        scene.proxy.cut(Cut::Reset);
        let told = scene.until_told("port_closed", FOUND).await?;
        ensure!(told["state"] == "connecting" || told["state"] == "offline", "{told}");
        let back = scene.back().await?;
        scene.proxy.set(Fault::None);
        scene.until_resumed(back).await?;
        scene.check_ledger(&["camera", "network"]).await?;
        scene.end().await
    });
}

#[test]
fn a_reset_connection_costs_less_than_three_seconds() {
    journey(async {
        let scene = Scene::new().await?;
        let back = scene.back().await?;
        scene.proxy.cut(Cut::Reset);
        scene.check_resumed(back).await?;
        let gaps = scene.check_ledger(&["camera", "network"]).await?;
        ensure!(gaps.iter().all(|(start, end)| end - start <= RESUMES_MS + 1000), "{gaps:?}");
        scene.end().await
    });
}

#[test]
fn a_camera_that_is_connected_but_mute_is_found_within_ten_seconds() {
    journey(async {
        let scene = Scene::new().await?;
        scene.proxy.set(Fault::Mute);
        scene.until_told("no_pictures", FOUND + Duration::from_secs(2)).await?;
        let back = scene.back().await?;
        scene.proxy.set(Fault::None);
        scene.until_resumed(back).await?;
        scene.check_ledger(&["camera", "network"]).await?;
        scene.end().await
    });
}

#[test]
fn a_camera_that_takes_connections_and_says_nothing_is_told_as_silent() {
    journey(async {
        let scene = Scene::new().await?;
        scene.proxy.set(Fault::Hang);
        scene.proxy.cut(Cut::Close);
        // The reset, a second of waiting, and the ten seconds in which a first picture must come.
        let told = scene.until_told("no_pictures", Duration::from_secs(15)).await?;
        ensure!(told["problem"]["message"].as_str().is_some_and(|m| m.contains("Ridge")), "{told}");
        let back = scene.back().await?;
        scene.proxy.set(Fault::None);
        scene.until_resumed(back).await?;
        scene.check_ledger(&["camera", "network"]).await?;
        scene.end().await
    });
}

#[test]
fn a_half_open_connection_is_found_and_made_anew() {
    journey(async {
        let scene = Scene::new().await?;
        let stranded = scene.back().await?;
        scene.proxy.cut(Cut::Strand);
        let took = scene.until_resumed(stranded).await?;
        let most = i64::try_from(FOUND.as_millis())? + RESUMES_MS;
        ensure!(took <= most, "footage again after {took} ms");
        scene.check_ledger(&["camera", "network"]).await?;
        scene.end().await
    });
}

#[test]
fn late_packets_cost_nothing() {
    journey(async {
        let scene = Scene::new().await?;
        scene.proxy.set(Fault::Delay(Duration::from_millis(100)));
        scene.lasts(8).await;
        scene.check_nothing_lost().await?;
        scene.end().await
    });
}

#[test]
fn lost_packets_of_tcp_cost_nothing() {
    journey(async {
        let scene = Scene::new().await?;
        scene.proxy.set(Fault::Loss(5));
        scene.lasts(10).await;
        scene.check_nothing_lost().await?;
        scene.end().await
    });
}

#[test]
fn a_network_that_freezes_for_three_seconds_costs_nothing() {
    journey(async {
        let scene = Scene::new().await?;
        for _ in 0..3 {
            scene.proxy.set(Fault::Hang);
            scene.lasts(3).await;
            scene.proxy.set(Fault::None);
            scene.lasts(2).await;
        }
        scene.check_nothing_lost().await?;
        scene.end().await
    });
}

#[test]
fn a_network_where_every_tenth_connection_fails_is_recorded_through() {
    journey(async {
        let scene = Scene::new().await?;
        scene.proxy.set(Fault::FailSome(10));
        // Until an attempt has failed, and recording has begun again behind it.
        let mut cuts = 0;
        while scene.proxy.failed() == 0 || cuts < 3 {
            ensure!(cuts < 20, "no connection failed of {}", scene.proxy.accepted());
            let back = scene.back().await?;
            scene.proxy.cut(Cut::Reset);
            cuts += 1;
            scene.until_resumed(back).await?;
        }
        let gaps = scene.check_ledger(&["camera", "network"]).await?;
        ensure!(gaps.len() <= cuts, "{cuts} cuts, and these gaps: {gaps:?}");
        scene.end().await
    });
}

#[test]
fn a_camera_that_reboots_is_one_gap_as_long_as_the_outage() {
    journey(async {
        // Nothing is recorded from before its return.
        let scene = Scene::joined(Join::NextKeyframe).await?;
        let seconds = std::env::var("TARSIER_REBOOT_SECONDS").ok();
        let seconds = seconds.and_then(|text| text.parse().ok()).unwrap_or(8);
        scene.proxy.set(Fault::Refuse);
        scene.proxy.cut(Cut::Reset);
        let gone = scene.clock.utc();
        scene.lasts(seconds).await;
        let back = scene.back().await?;
        scene.proxy.set(Fault::None);
        let took = scene.until_recorded(back).await?;
        let gaps = scene.check_ledger(&["camera", "network"]).await?;
        let [(start, end)] = gaps[..] else { anyhow::bail!("one gap, not {gaps:?}") };
        ensure!(
            (start - gone.0).abs() <= 1500 && (end - back.at.0 - took).abs() <= 100,
            "the gap {start}..{end} is the outage {}..{} and {took} ms",
            gone.0,
            back.at.0
        );
        scene.end().await
    });
}

#[test]
fn a_camera_that_sends_its_last_gop_at_once_has_gaps_and_labels_that_are_true() {
    journey(async {
        let scene = Scene::new().await?;
        scene.proxy.set(Fault::Hang);
        let gone = scene.clock.utc();
        scene.proxy.cut(Cut::Reset);
        // The next connection stands and hears nothing: what it asks for reaches the camera when the fault ends, and
        // that is when the last keyframe is old.
        scene.lasts(3).await;
        let back = scene.back().await?;
        let into_gop = back.at.0.rem_euclid(GOP_MS);
        let until_old = u64::try_from((GOP_MS * 3 / 4 - into_gop).rem_euclid(GOP_MS))?;
        tokio::time::sleep(Duration::from_millis(until_old)).await;
        scene.proxy.set(Fault::None);
        scene.until_resumed(back).await?;
        let gaps = scene.check_ledger(&["camera", "network"]).await?;
        let [(start, _)] = gaps[..] else { anyhow::bail!("one gap, not {gaps:?}") };
        ensure!(
            (-1500..=TRUE_MS).contains(&(start - gone.0)),
            "the gap begins at {start}, and the camera went at {}",
            gone.0
        );
        // Each of its files begins with a keyframe, and when that was taken is known.
        for start in scene.files().await? {
            let off = (start + GOP_MS / 2).rem_euclid(GOP_MS) - GOP_MS / 2;
            ensure!(off.abs() <= TRUE_MS, "a label is {off} ms off: {start}, gaps {gaps:?}");
        }
        scene.end().await
    });
}

#[test]
fn a_camera_whose_network_is_gone_is_offline_at_once_and_recorded_when_it_is_back() {
    journey_alone(Machine::Ordinary, async {
        let scene = Scene::on_a_network_of_its_own().await?;
        Network::take_away()?;
        // The connection falls silent first, and only the next attempt hears that there is no way.
        let told = scene.until_told("host_unreachable", FOUND + Duration::from_secs(5)).await?;
        ensure!(told["state"] == "offline", "no way to the host: offline at once: {told}");
        let back = scene.back().await?;
        Network::bring_back()?;
        scene.until_resumed(back).await?;
        scene.check_ledger(&["camera", "network"]).await?;
        scene.end().await
    });
}

#[test]
fn a_camera_that_reboots_is_recorded_within_three_seconds_of_its_return() {
    journey(async {
        let scene = Scene::new().await?;
        scene.proxy.set(Fault::Refuse);
        scene.proxy.cut(Cut::Reset);
        scene.lasts(8).await;
        let back = scene.back().await?;
        scene.proxy.set(Fault::None);
        scene.check_resumed(back).await?;
        scene.end().await
    });
}

#[test]
fn a_camera_whose_network_was_gone_is_recorded_within_three_seconds_of_its_return() {
    journey_alone(Machine::Ordinary, async {
        let scene = Scene::on_a_network_of_its_own().await?;
        Network::take_away()?;
        scene.until_told("host_unreachable", FOUND + Duration::from_secs(5)).await?;
        let back = scene.back().await?;
        Network::bring_back()?;
        scene.check_resumed(back).await?;
        scene.end().await
    });
}
