//! kill -9 of recorders, of the hub, and of both, at random moments: at most the last second of a file is lost, every
//! file plays, the index knows all of them, and recording goes on by itself.
//!
//! A run kills 30 processes; `cargo xtask torture kill` kills 1000 (`TARSIER_KILLS`). The moments come from
//! `TARSIER_SEED`, which is printed.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use serde_json::{Value, json};
use tarsier_segment::Scan;
use tarsier_tests::footage;
use tarsier_tests::hub::{HubOptions, HubProcess, signal};
use tarsier_types::{Clock as _, StreamKind, SystemClock, UtcMs};

use crate::{cameras, hub, journey_within};

/// As many as are killed in one go: see [`round`].
const CAMERAS: u16 = 10;
const KILLS_A_ROUND: u32 = 30;
/// What a kill may cost: the fragment that was being gathered (0.75 s), and what was on its way to the recorder, which
/// looks into its sockets every 170 ms while nobody watches.
const LOSS_MS: i64 = 1000;
/// What one of twenty may cost: a machine that compiles has other things to do than to wake a recorder (875 ms was the
/// worst of a thousand).
const LOSS_WHEN_BUSY_MS: i64 = 1250;
/// A recorder or a hub that is started again, on a busy machine.
const BACK: Duration = Duration::from_secs(40);
/// A hub that is started again adopts running recorders, or replaces them at this cost (SPEC section 5).
const REPLACED_MS: i64 = 5000;
/// A hub that was killed is there again, and has adopted or replaced everybody, within this time.
const REPLACING_MS: i64 = 30_000;
/// A hole between two files that is no hole: the rounding of their milliseconds.
const SEAM_MS: i64 = 2;

fn number(name: &str, otherwise: u32) -> u32 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

#[test]
fn kills_at_random_moments_cost_a_second_each_and_nothing_else() {
    let rounds = number("TARSIER_KILLS", KILLS_A_ROUND).div_ceil(KILLS_A_ROUND);
    let seed = number("TARSIER_SEED", 7);
    journey_within(Duration::from_secs(240 * u64::from(rounds)), async {
        let mut losses = Vec::new();
        for round_seed in (seed..).take(usize::try_from(rounds)?) {
            losses.extend(
                round(round_seed)
                    .await
                    .with_context(|| format!("with TARSIER_SEED={round_seed}"))?,
            );
        }
        losses.sort_unstable();
        let most = losses.get(losses.len() * 19 / 20).context("losses")?;
        ensure!(*most <= LOSS_MS, "one of twenty lost more than {most} ms: {losses:?}");
        let (worst, median) = (losses.last(), losses.get(losses.len() / 2));
        tell(&format!(
            "kill -9: {} processes from seed {seed} on; of {} torn files each lost {median:?} ms in the middle, {worst:?} ms \
             at most",
            rounds * KILLS_A_ROUND,
            losses.len()
        ));
        Ok(())
    });
}

/// Past the test binary's capture: figures are worth reading.
fn tell(line: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// The end of a recorder.
struct Death {
    at: UtcMs,
    /// Up to here the hub had been told that footage is on disk.
    reported: UtcMs,
}

struct Scene {
    folder: tempfile::TempDir,
    hub: HubProcess,
    port: u16,
    ids: Vec<String>,
    deaths: BTreeMap<String, Vec<Death>>,
    hub_deaths: Vec<UtcMs>,
    chance: StdRng,
    clock: SystemClock,
}

/// Thirty kills: each recorder by itself (10); the hub alone (1); all of them in the same moment (11); the hub, and seven
/// recorders while it is away (8). Answers what each recorder's death cost, in milliseconds.
async fn round(seed: u32) -> anyhow::Result<Vec<i64>> {
    let server = cameras(CAMERAS).await?;
    let (folder, hub) = hub().await?;
    let mut ids = Vec::new();
    for number in 1..=CAMERAS {
        let camera = json!({
            "name": format!("Camera {number}"),
            "main": { "url": server.url(number, StreamKind::Sub) },
            "recording": { "mode": "continuous", "segment_seconds": 900, "record_sub": false },
        });
        ids.push(hub.add_camera(&camera).await?);
    }
    let port = hub.port();
    let mut scene = Scene {
        folder,
        hub,
        port,
        ids,
        deaths: BTreeMap::new(),
        hub_deaths: Vec::new(),
        chance: StdRng::seed_from_u64(u64::from(seed)),
        clock: SystemClock::start(),
    };
    scene.until_all_record().await?;

    let everybody = scene.ids.clone();
    scene.kill_recorders(&everybody, 2000).await?;
    scene.until_all_record().await?;

    scene = scene.replace_hub(&[], 0).await?;
    scene.until_all_record().await?;

    scene = scene.replace_hub(&everybody, 0).await?;
    scene.until_all_record().await?;

    scene = scene.replace_hub(&everybody[..7], 1500).await?;
    scene.until_all_record().await?;

    let losses = scene.check().await?;
    scene.hub.stop().await?;
    server.stop().await;
    Ok(losses)
}

impl Scene {
    /// Each camera has a recorder, and two seconds of footage on disk from behind its last death, some of it from now on.
    async fn until_all_record(&self) -> anyhow::Result<()> {
        let now = self.clock.utc().0;
        for id in &self.ids {
            let died = self.deaths.get(id).and_then(|deaths| deaths.last()).map_or(0, |d| d.at.0);
            self.hub
                .until("footage again", &self.timeline(id), BACK, |timeline| {
                    let last = timeline["spans"].as_array()?.last()?.clone();
                    let (start, end) = range(&last)?;
                    (end - start.max(died) >= 2000 && end > now).then_some(())
                })
                .await?;
        }
        let pids = self.pids().await?;
        ensure!(pids.len() == self.ids.len(), "a recorder each: {pids:?}");
        Ok(())
    }

    fn timeline(&self, id: &str) -> String {
        let now = self.clock.utc().0;
        format!(
            "/api/v1/cameras/{id}/timeline?from_utc_ms={}&to_utc_ms={}&max_spans=1000",
            now - 3_600_000,
            now + 3_600_000
        )
    }

    async fn pids(&self) -> anyhow::Result<BTreeMap<String, u32>> {
        let list = self.hub.get("/api/v1/recorders").await?;
        let items = list["items"].as_array().context("recorders")?;
        let pid = |item: &Value| {
            let pid = u32::try_from(item["pid"].as_u64()?).ok().filter(|pid| *pid > 0)?;
            Some((item["camera_id"].as_str()?.to_owned(), pid))
        };
        Ok(items.iter().filter_map(pid).collect())
    }

    /// Up to where the hub has been told of footage on disk, for each of them.
    async fn reported(&self, ids: &[String]) -> anyhow::Result<BTreeMap<String, UtcMs>> {
        let mut reported = BTreeMap::new();
        for id in ids {
            let timeline = self.hub.get(&self.timeline(id)).await?;
            let spans = timeline["spans"].as_array().context("spans")?;
            let end = spans.last().and_then(range).context("a span")?.1;
            reported.insert(id.clone(), UtcMs(end));
        }
        Ok(reported)
    }

    /// Kills the recorders of those cameras, each at a moment of its own within so many milliseconds.
    async fn kill_recorders(&mut self, ids: &[String], within_ms: u64) -> anyhow::Result<()> {
        let pids = self.pids().await?;
        let reported = self.reported(ids).await?;
        self.kill_each(ids, within_ms, &pids, &reported).await
    }

    async fn kill_each(
        &mut self,
        ids: &[String],
        within_ms: u64,
        pids: &BTreeMap<String, u32>,
        reported: &BTreeMap<String, UtcMs>,
    ) -> anyhow::Result<()> {
        let mut order: Vec<(u64, &String)> =
            ids.iter().map(|id| (self.chance.random_range(0..=within_ms), id)).collect();
        order.sort();
        let mut passed = 0;
        for (at, id) in order {
            // The moment is what is tested here; nothing is waited for.
            tokio::time::sleep(Duration::from_millis(at - passed)).await;
            passed = at;
            let pid = pids.get(id).with_context(|| format!("no recorder of {id}"))?;
            signal(*pid, "KILL").await?;
            let death = Death { at: self.clock.utc(), reported: reported[id] };
            self.deaths.entry(id.clone()).or_default().push(death);
        }
        Ok(())
    }

    /// Kills the hub, and the recorders of those cameras while it is away; then starts another hub.
    async fn replace_hub(mut self, ids: &[String], within_ms: u64) -> anyhow::Result<Self> {
        let pids = self.pids().await?;
        let reported = self.reported(ids).await?;
        signal(self.hub.pid(), "KILL").await?;
        self.hub_deaths.push(self.clock.utc());
        self.kill_each(ids, within_ms, &pids, &reported).await?;
        let Self { folder, hub, .. } = self;
        hub.kill().await?;
        let options = HubOptions { port: self.port, ..HubOptions::default() };
        let hub = HubProcess::start(folder.path(), &options).await?;
        Ok(Self { folder, hub, ..self })
    }

    /// What is on disk and in the index when all is over.
    async fn check(&self) -> anyhow::Result<Vec<i64>> {
        let mut losses = Vec::new();
        for id in &self.ids {
            let nothing = Vec::new();
            let deaths = self.deaths.get(id).unwrap_or(&nothing);
            losses.extend(self.check_camera(id, deaths).await.with_context(|| id.clone())?);
        }
        ensure!(losses.len() == 27, "27 recorders died: {}", losses.len());
        Ok(losses)
    }

    async fn check_camera(&self, id: &str, deaths: &[Death]) -> anyhow::Result<Vec<i64>> {
        let files = footage::files(&self.hub.footage().join(id));
        let mut scans = Vec::new();
        for file in &files {
            scans.push(footage::scan(file)?);
            // Killed between a file's head and its first fragment: there is nothing to play.
            if scans.last().is_some_and(|scan| scan.units > 0) {
                plays(file, scans.last().expect("pushed just now")).await?;
            }
        }
        let spans = scans.iter().map(span).collect::<anyhow::Result<Vec<_>>>()?;
        for pair in spans.windows(2) {
            let ((_, end), (start, _)) = (pair[0], pair[1]);
            ensure!(start.millis_since(end) >= -SEAM_MS, "two files overlap: {spans:?}");
            let hole = start.millis_since(end);
            let is_death = |death: &Death| death.at >= end && death.at <= start;
            let is_replaced = |hub: &UtcMs| (0..REPLACING_MS).contains(&start.millis_since(*hub));
            ensure!(
                hole <= SEAM_MS
                    || deaths.iter().any(is_death)
                    || (hole <= REPLACED_MS && self.hub_deaths.iter().any(is_replaced)),
                "nobody was killed between {end:?} and {start:?}, and footage is missing"
            );
        }
        let mut losses = Vec::new();
        for death in deaths {
            let (torn, (start, end)) = scans
                .iter()
                .zip(&spans)
                .rfind(|(_, (start, _))| *start <= death.at)
                .context("a file from before the kill")?;
            ensure!(!torn.is_closed, "the file of a killed recorder is torn");
            ensure!(
                *end >= death.reported,
                "up to {:?} was reported as written, {start:?} to {end:?} is left",
                death.reported
            );
            let lost = death.at.millis_since(*end);
            ensure!(lost <= LOSS_WHEN_BUSY_MS, "{lost} ms before the kill are lost");
            losses.push(lost);
        }
        let with_footage: Vec<_> =
            spans.iter().copied().filter(|(start, end)| start < end).collect();
        self.check_index(id, &with_footage).await?;
        Ok(losses)
    }

    /// The index knows each file, and why there is nothing in between.
    async fn check_index(&self, id: &str, spans: &[(UtcMs, UtcMs)]) -> anyhow::Result<()> {
        let starts: Vec<i64> = spans.iter().map(|(start, _)| start.0).collect();
        let path = format!(
            "/api/v1/cameras/{id}/main/segments?from_utc_ms=0&to_utc_ms=4000000000000&limit=1000"
        );
        self.hub
            .until(&format!("the files {starts:?}"), &path, BACK, |list| {
                let known = list["items"].as_array()?;
                let mut known: Vec<i64> =
                    known.iter().filter_map(|item| item["start_utc_ms"].as_i64()).collect();
                known.sort_unstable();
                // It goes on being recorded: a file may have begun since.
                known.retain(|start| Some(start) <= starts.last());
                (known == starts).then_some(())
            })
            .await?;
        let list = self.hub.get(&path).await?;
        for item in list["items"].as_array().context("items")? {
            let (start, length) = (item["start_utc_ms"].as_i64(), item["duration_ms"].as_i64());
            let (start, length) = (start.context("start")?, length.context("duration")?);
            if Some(&start) > starts.last() {
                continue;
            }
            let (_, end) = spans.iter().find(|span| span.0.0 == start).context("its file")?;
            let differs = (start + length - end.0).abs();
            // The newest file is being written: it was longer a moment later.
            ensure!(
                differs <= SEAM_MS || Some(&start) == starts.last(),
                "the index says {length} ms, the file {end:?}: {item}"
            );
        }
        let timeline = self.hub.get(&self.timeline(id)).await?;
        for gap in timeline["gaps"].as_array().context("gaps")? {
            let (start, end) = range(gap).context("a range")?;
            ensure!(
                gap["reason"] == "recorder" || end - start < 1500,
                "a death is the recorder's fault: {timeline}"
            );
        }
        Ok(())
    }
}

fn range(of: &Value) -> Option<(i64, i64)> {
    Some((of["start_utc_ms"].as_i64()?, of["end_utc_ms"].as_i64()?))
}

fn span(scan: &Scan) -> anyhow::Result<(UtcMs, UtcMs)> {
    let start = scan.meta.as_ref().context("the file says when it begins")?.start;
    Ok((start, start + scan.duration))
}

/// All that is whole can be read: by us to the last unit, and by a player that is not ours.
async fn plays(file: &Path, scan: &Scan) -> anyhow::Result<()> {
    let bytes = std::fs::read(file)?;
    let mut units = 0;
    for part in &scan.parts {
        let start = usize::try_from(part.offset)?;
        let fragment = &bytes[start..start + usize::try_from(part.bytes)?];
        units += tarsier_segment::read_units(scan, fragment)?.len();
    }
    ensure!(units == usize::try_from(scan.units)?, "{units} of {} units", scan.units);
    ensure!(units > 0, "{} holds nothing", file.display());
    let output = tokio::process::Command::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(file)
        .args(["-map", "0", "-c", "copy", "-f", "null", "-"])
        .output()
        .await?;
    ensure!(
        output.status.success(),
        "{} does not play: {}",
        file.display(),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}
