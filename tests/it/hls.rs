//! Live pictures by LL-HLS: a player that follows the playlist by blocking reloads, and one that knows no parts.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use reqwest::header;
use serde_json::json;
use tarsier_demo::{DemoOptions, DemoServer, Quirks};
use tarsier_tests::gst::{GstAudio, GstCamera, GstOptions};
use tarsier_tests::hub::{HubProcess, token};

use crate::recording::{stream, until_written};
use crate::{camera, cameras, free_port, hub, journey};

#[path = "../../crates/hls/src/rules.rs"]
mod rules;

use rules::{Playlist, Rhythm};

const PATIENCE: Duration = Duration::from_secs(30);
/// So many segments are followed.
const SEGMENTS: u64 = 8;
/// A part waits for the picture behind it, and this machine may be busy.
const SLOW: Duration = Duration::from_secs(5);
const DAY: f64 = 86_400.0;
/// Seconds of pictures and sound that are compared.
const TOGETHER: f64 = 5.0;
/// How far a picture may be from the nearest sound.
const APART: f64 = 0.1;

/// A player: it has the address with the token and sends no header.
struct Player {
    client: reqwest::Client,
    /// `http://…/live/{camera}/{stream}/`
    folder: String,
    token: String,
}

impl Player {
    fn new(hub: &HubProcess, camera: &str, stream: &str) -> Self {
        let folder = format!("{}/live/{camera}/{stream}/", hub.url);
        Self { client: reqwest::Client::new(), folder, token: hub.token.clone() }
    }

    async fn get(&self, path: &str) -> anyhow::Result<Bytes> {
        let request = self.client.get(format!("{}{path}", self.folder)).timeout(PATIENCE);
        let answer = request.send().await?;
        let status = answer.status();
        let length = answer.headers().get(header::CONTENT_LENGTH).cloned();
        let body = answer.bytes().await?;
        ensure!(status == 200, "{path}: {status} {}", String::from_utf8_lossy(&body));
        ensure!(
            length.is_some_and(|it| it == body.len().to_string().as_str()),
            "{path}: its length"
        );
        Ok(body)
    }

    async fn playlist(&self, reload: &str) -> anyhow::Result<Playlist> {
        let text = self.get(&format!("index.m3u8?token={}{reload}", self.token)).await?;
        let text = std::str::from_utf8(&text)?;
        rules::read(text, Rhythm::Steady).map_err(|wrong| anyhow::anyhow!("{wrong}\n{text}"))
    }
}

/// The next part: its segment and its number in it, as the newest playlist tells.
fn next(playlist: &Playlist) -> anyhow::Result<(u64, usize)> {
    let newest = playlist.segments.last().context("no segments")?;
    Ok(match newest.whole {
        Some(_) => (newest.number + 1, 0),
        None => (newest.number, newest.parts.len()),
    })
}

/// Seconds since midnight, of `2026-11-20T20:15:00.000Z`.
fn of_day(date: &str) -> anyhow::Result<f64> {
    let time = date.split_once('T').and_then(|(_, time)| time.strip_suffix('Z'));
    let mut parts = time.with_context(|| format!("{date} is no date"))?.split(':');
    let mut next = || anyhow::Ok(parts.next().context("no such part")?.parse::<f64>()?);
    Ok(next()? * 3600.0 + next()? * 60.0 + next()?)
}

/// A figure of this run, shown by `--nocapture`.
#[expect(
    clippy::print_stdout,
    reason = "the delay is measured here, and no limit of a test would say it"
)]
fn tell(figure: &str) {
    println!("{figure}");
}

fn box_kind(bytes: &[u8]) -> &[u8] {
    bytes.get(4..8).unwrap_or_default()
}

#[test]
fn a_player_follows_the_parts_by_blocking_reloads_and_the_rules_hold_all_the_way() {
    journey(async {
        let server = cameras(1).await?;
        let (_folder, hub) = hub().await?;
        let id = hub.add_camera(&camera(&server, 1, "Drive")).await?;
        until_written(&hub, &id, 30).await?;
        let player = Player::new(&hub, &id, "main");
        let begun = tokio::time::Instant::now();
        let mut before = player.playlist("").await?;
        tell(&format!("the first playlist after {} ms", begun.elapsed().as_millis()));
        let map = before.segments[0].map.clone();
        ensure!(box_kind(&player.get(&map).await?) == b"ftyp", "the init segment");

        let (first, _) = next(&before)?;
        let (mut parts, mut delays, mut bytes) = (0_u32, Vec::new(), Vec::new());
        let mut whole = None;
        loop {
            let (segment, part) = next(&before)?;
            if segment > first + SEGMENTS {
                break;
            }
            // Both at once, as a player does: the announced part, and the playlist that will name it.
            let hint = before.hint.clone().context("no hint")?;
            let reload = format!("&_HLS_msn={segment}&_HLS_part={part}");
            let (media, playlist) = tokio::join!(player.get(&hint), player.playlist(&reload));
            let (media, playlist) = (media?, playlist?);
            let now = std::time::UNIX_EPOCH.elapsed()?.as_secs_f64();
            playlist.follows(&before).map_err(|wrong| anyhow::anyhow!("{wrong}: {playlist:?}"))?;
            ensure!(box_kind(&media) == b"moof", "a part is a fragment");
            let is_named =
                |segment: &&rules::Segment| segment.parts.iter().any(|it| it.uri == hint);
            let within = playlist.segments.iter().find(is_named).context("the hint was wrong")?;
            let until = within.parts.iter().position(|it| it.uri == hint).unwrap_or_default();
            // A segment's date is when its first picture came; a part ends when the picture behind it comes.
            let end: f64 = within.parts[..=until].iter().map(|part| part.duration).sum();
            let since = (now - of_day(&within.date)?).rem_euclid(DAY);
            delays.push((since - end) * 1000.0);
            if within.number == first {
                bytes.extend_from_slice(&media);
            }
            if let Some(is) = playlist.segments.iter().find(|segment| segment.number == first) {
                whole = is.whole.clone().map(|(_, uri)| uri);
            }
            parts += 1;
            before = playlist;
        }
        delays.sort_by(f64::total_cmp);
        let median = delays[delays.len() / 2];
        let worst = delays.last().copied().unwrap_or_default();
        tell(&format!(
            "{parts} parts of {SEGMENTS} segments, each {} s at most; from the arrival of what ends a part to the part \
             in the player's hands: {median:.0} ms median, {worst:.0} ms at worst",
            before.part_target
        ));
        ensure!(median < SLOW.as_secs_f64() * 1000.0, "{median} ms");
        // Listed no more, and still there for who has an older list.
        ensure!(before.segments[0].number > first, "{SEGMENTS} segments later");
        let whole = player.get(&whole.context("it was whole once")?).await?;
        ensure!(whole.ends_with(&bytes) && !bytes.is_empty(), "a segment is its parts");

        let status = hub.get(&format!("/api/v1/cameras/{id}/status")).await?;
        ensure!(stream(&status, "main")?["viewers"] == 1, "one for all of HLS: {status}");
        server.stop().await;
        Ok(())
    });
}

#[test]
fn old_players_play_the_same_playlist_and_choose_between_main_and_sub() {
    journey(async {
        let server = cameras(1).await?;
        let (folder, hub) = hub().await?;
        let id = hub.add_camera(&camera(&server, 1, "Gate")).await?;
        until_written(&hub, &id, 30).await?;
        let token = token(folder.path(), &["--role", "viewer", "--camera", &id]).await?;
        let streams = format!("{}/live/{id}/index.m3u8?token={token}", hub.url);
        let text = reqwest::get(&streams).await?.error_for_status()?.text().await?;
        ensure!(text.contains("main/index.m3u8") && text.contains("sub/index.m3u8"), "{text}");

        let (main, sub) = (Player::new(&hub, &id, "main"), Player::new(&hub, &id, "sub"));
        for (player, other) in [(&main, "../sub/"), (&sub, "../main/")] {
            let playlist = player.playlist("").await?;
            let report = playlist.reports.first().context("no report of the other stream")?;
            ensure!(report.starts_with(other), "{report}");
            player.get(report).await?;
        }

        let probed = run(
            "ffprobe",
            folder.path(),
            &[
                "-v",
                "error",
                "-show_entries",
                "program_stream=codec_name,width,height",
                "-of",
                "csv=p=0",
                "-i",
                &streams,
            ],
        )
        .await?;
        let sizes: Vec<&str> = probed.lines().filter(|line| line.starts_with("h264,")).collect();
        ensure!(sizes.len() == 2 && sizes[0] != sizes[1], "main and sub: {probed}");

        let one = format!("{}index.m3u8?token={token}", main.folder);
        let decoded = run(
            "ffmpeg",
            folder.path(),
            &[
                "-v",
                "error",
                "-xerror",
                "-i",
                &one,
                "-map",
                "0:v",
                "-frames:v",
                "60",
                "-f",
                "framemd5",
                "-",
            ],
        )
        .await?;
        let pictures = decoded.lines().filter(|line| line.starts_with('0')).count();
        ensure!(pictures == 60, "{pictures} pictures: {decoded}");
        server.stop().await;
        Ok(())
    });
}

/// When pictures and sounds begin, in seconds: so much of both as lasts for [`TOGETHER`].
async fn heard(folder: &Path, playlist: &str) -> anyhow::Result<(Vec<f64>, Vec<f64>)> {
    let interval = format!("%+{TOGETHER}");
    let entries = ["-show_entries", "packet=codec_type,pts_time", "-of", "csv=p=0"];
    let read = ["-v", "error", "-read_intervals", &interval, "-i", playlist];
    let packets = run("ffprobe", folder, &[&entries[..], &read].concat()).await?;
    let of = |kind: &str| {
        let times = packets.lines().filter_map(|line| line.strip_prefix(kind)?.strip_prefix(','));
        let times = times.map(|time| time.trim_end_matches(',').parse().map_err(Into::into));
        times.collect::<anyhow::Result<Vec<f64>>>()
    };
    Ok((of("video")?, of("audio")?))
}

/// Where there are pictures there is sound, and the other way round. A player that begins in the middle lacks the sound that came
/// before; what ends the file may be the sound of pictures that are not in it yet.
fn ensure_together(pictures: &[f64], sounds: &[f64]) -> anyhow::Result<()> {
    let (first, last) = sounds.first().zip(sounds.last()).context("no sound")?;
    let begins = pictures.first().context("no pictures")?;
    ensure!(first - begins < 0.5, "sound begins at {first} s, pictures at {begins} s");
    // Silence comes a second behind, and may be in the next part.
    ensure!(last - first > TOGETHER / 2.0, "only from {first} s to {last} s: {pictures:?}");
    let far = |from: &[f64], to: &[f64]| {
        let nearest = |at: f64| to.iter().map(|other| (at - other).abs()).reduce(f64::min);
        let within = from.iter().filter(|at| (first..=last).contains(at));
        within.filter_map(|at| nearest(*at)).reduce(f64::max).unwrap_or(f64::INFINITY)
    };
    let until = pictures.partition_point(|at| at <= last);
    let apart = far(&pictures[..until], sounds);
    ensure!(apart < APART, "{apart} s apart: pictures {pictures:?}, sounds {sounds:?}");
    ensure!(sounds.is_sorted_by(|one, next| one < next), "{sounds:?}");
    Ok(())
}

#[test]
fn players_hear_what_they_see() {
    journey(async {
        let server = cameras(1).await?;
        let (folder, hub) = hub().await?;
        let id = hub.add_camera(&camera(&server, 1, "Porch")).await?;
        until_written(&hub, &id, 30).await?;
        let streams = format!("{}/live/{id}/index.m3u8?token={}", hub.url, hub.token);
        let text = reqwest::get(&streams).await?.error_for_status()?.text().await?;
        let main = text.lines().find(|line| line.starts_with("#EXT-X-STREAM-INF"));
        ensure!(main.is_some_and(|main| main.contains(",mp4a.40.2\"")), "{text}");
        let playlist = format!("{}/live/{id}/main/index.m3u8?token={}", hub.url, hub.token);
        let (pictures, sounds) = heard(folder.path(), &playlist).await?;
        ensure_together(&pictures, &sounds)?;
        server.stop().await;
        Ok(())
    });
}

#[test]
fn the_sound_of_a_g711_camera_is_flac_for_players() {
    journey(async {
        let options = GstOptions { audio: GstAudio::PcmMulaw, ..GstOptions::default() };
        let camera = GstCamera::start(&options).await?;
        let (folder, hub) = hub().await?;
        let new = json!({ "name": "Gate", "main": { "url": camera.url() } });
        let id = hub.add_camera(&new).await?;
        until_written(&hub, &id, 60).await?;
        let streams = format!("{}/live/{id}/index.m3u8?token={}", hub.url, hub.token);
        let text = reqwest::get(&streams).await?.error_for_status()?.text().await?;
        ensure!(text.contains(",fLaC\""), "{text}");
        let (pictures, sounds) = heard(folder.path(), &streams).await?;
        ensure_together(&pictures, &sounds)?;
        Ok(())
    });
}

/// A player shows no picture whose sound is missing.
#[test]
fn sound_that_comes_five_seconds_late_is_silence_and_holds_up_no_picture() {
    journey(async {
        let quirks = Quirks { sound_late_by: Duration::from_secs(5), ..Quirks::default() };
        let server = DemoServer::start(DemoOptions { cameras: 1, quirks, ..free_port() }).await?;
        let (folder, hub) = hub().await?;
        let id = hub.add_camera(&camera(&server, 1, "Porch")).await?;
        until_written(&hub, &id, 30).await?;
        let playlist = format!("{}/live/{id}/main/index.m3u8?token={}", hub.url, hub.token);
        let (pictures, sounds) = heard(folder.path(), &playlist).await?;
        ensure_together(&pictures, &sounds)?;
        let decoded = ["-v", "error", "-xerror", "-i", &playlist, "-t", "3", "-f", "null", "-"];
        run("ffmpeg", folder.path(), &decoded).await?;
        server.stop().await;
        Ok(())
    });
}

async fn run(program: &str, folder: &Path, arguments: &[&str]) -> anyhow::Result<String> {
    let mut command = tokio::process::Command::new(program);
    command
        .args(arguments)
        .current_dir(folder)
        .stdin(std::process::Stdio::null())
        .kill_on_drop(true);
    let output = tokio::time::timeout(PATIENCE * 2, command.output());
    let output = output.await.with_context(|| format!("{program} hangs"))??;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success() && errors.is_empty(), "{program}: {errors}");
    Ok(String::from_utf8(output.stdout)?)
}
