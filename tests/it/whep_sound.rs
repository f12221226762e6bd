//! Sound by WebRTC: the camera's own where a viewer takes it, and else what a transcoder makes of it.

use std::time::{Duration, UNIX_EPOCH};

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use serde_json::json;
use str0m::format::Codec as Spoken;
use str0m::media::{MediaData, MediaKind};
use tarsier_demo::DemoServer;
use tarsier_segment::sample_entry;
use tarsier_tests::gst::{GstAudio, GstCamera, GstOptions};
use tarsier_tests::hub::HubProcess;
use tarsier_tests::webrtc::{Ears, Viewer};
use tarsier_types::{AccessUnit, Dts, ParameterSets, Pts, Ticks, Track, UtcMs};

use crate::recording::until_written;
use crate::transcode::running;
use crate::whep::until_viewers;
use crate::{camera, cameras, hub, journey};

/// So much sound is listened to.
const SECONDS: u64 = 4;
/// The machine may be busy, and a transcoder lets everybody else go first.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a viewer heard, and the last picture that he saw meanwhile.
struct Heard {
    packets: Vec<MediaData>,
    picture: MediaData,
}

async fn listen(viewer: &mut Viewer) -> anyhow::Result<Heard> {
    let (mut packets, mut picture): (Vec<MediaData>, Option<MediaData>) = (Vec::new(), None);
    let listening = async {
        loop {
            let data = viewer.next().await?.context("the hub ended the session")?;
            if !data.params.spec().codec.is_audio() {
                picture = Some(data);
                continue;
            }
            packets.push(data);
            let (first, last) = (&packets[0], &packets[packets.len() - 1]);
            let clock = u64::from(last.time.frequency().get());
            // Reports come with the first packet and every few seconds: from two senders.
            let is_told = [Some(last), picture.as_ref()]
                .iter()
                .all(|of| of.is_some_and(|of| of.last_sender_info.is_some()));
            if last.time.numer() - first.time.numer() >= SECONDS * clock && is_told {
                return anyhow::Ok(());
            }
        }
    };
    tokio::time::timeout(PATIENCE, listening).await.context("too little is heard")??;
    Ok(Heard { packets, picture: picture.context("no picture")? })
}

impl Heard {
    /// It is that, counted through: each packet begins where the one before it ends, or behind that if something was lost.
    fn ensure_whole(&self, codec: Spoken, samples_of: fn(&MediaData) -> u64) -> anyhow::Result<()> {
        for packet in &self.packets {
            let told = packet.params.spec().codec;
            ensure!(told == codec, "{told:?} is not {codec:?}");
        }
        let mut holes = 0;
        for two in self.packets.windows(2) {
            let (step, samples) = (two[1].time.numer() - two[0].time.numer(), samples_of(&two[0]));
            ensure!(step >= samples, "{samples} samples in {step}");
            holes += usize::from(step > samples);
        }
        ensure!(holes * 5 < self.packets.len(), "{holes} holes in {}", self.packets.len());
        Ok(())
    }

    /// By the senders' reports, what is heard and what is seen happened at about the same time, and not long ago.
    fn ensure_together(&self) -> anyhow::Result<()> {
        let sound = self.packets.last().context("no sound")?;
        let ages = [age(sound)?, age(&self.picture)?];
        ensure!(ages.iter().all(|age| (-0.5..3.0).contains(age)), "sound and picture: {ages:?} s");
        Ok(())
    }
}

/// How long ago it was by the wall clock of the hub, in seconds.
fn age(data: &MediaData) -> anyhow::Result<f64> {
    let report = data.last_sender_info.context("no report")?;
    let clock = f64::from(data.time.frequency().get());
    let low = |of: u64| u32::try_from(of & 0xffff_ffff).unwrap_or_default();
    let behind = low(data.time.numer()).wrapping_sub(low(report.rtp_time.numer())).cast_signed();
    let reported = report.ntp_time.duration_since(UNIX_EPOCH)?;
    let since = UNIX_EPOCH.elapsed()?.as_secs_f64() - reported.as_secs_f64();
    Ok(since - f64::from(behind) / clock)
}

/// The value of a byte of mu-law (ITU-T G.711), by its size alone.
fn loudness(byte: u8) -> i32 {
    let bits = !byte;
    (((i32::from(bits & 0x0f) << 3) + 132) << (bits >> 4 & 7)) - 132
}

/// How loud the ffmpeg program finds Opus at its loudest, in decibels.
async fn loudest(packets: &[MediaData]) -> anyhow::Result<f64> {
    let video = sample_entry::avc1(&[0x67, 66, 0, 31, 0xac], &[0x68, 0xee], 640, 360);
    let video = sample_entry::video_parameters(video, None).context("no picture")?;
    let audio = sample_entry::audio_parameters(sample_entry::opus(1, 0, 48_000));
    let mut film = tarsier_segment::init_segment(&ParameterSets { video, audio }, None).to_vec();
    for (number, packet) in (0..).zip(packets) {
        let at = i64::from(number) * 1800;
        let unit = AccessUnit {
            track: Track::Audio,
            pts: Pts(at),
            dts: Dts(at),
            duration: Ticks(1800),
            is_keyframe: true,
            arrived: UtcMs(0),
            data: Bytes::copy_from_slice(&packet.data),
        };
        let fragment = tarsier_segment::unit_fragment(number + 1, &unit, Dts(0), None, 48_000);
        film.extend_from_slice(&fragment);
    }
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("heard.mp4");
    std::fs::write(&path, film)?;
    let mut command = tokio::process::Command::new("ffmpeg");
    command.args(["-hide_banner", "-nostats", "-i"]).arg(&path);
    command.args(["-map", "0:a", "-af", "volumedetect", "-f", "null", "-"]).kill_on_drop(true);
    let output =
        tokio::time::timeout(PATIENCE, command.output()).await.context("ffmpeg hangs")??;
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    let found = told.split("max_volume: ").nth(1).and_then(|rest| rest.split(' ').next());
    found.with_context(|| told.clone())?.parse().context("no number")
}

async fn until_running(hub: &HubProcess, count: usize) -> anyhow::Result<()> {
    let mut look = tokio::time::interval(Duration::from_millis(50));
    let waiting = async {
        while running(hub, "sound")?.len() != count {
            look.tick().await;
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(PATIENCE, waiting).await.with_context(|| format!("{count} run"))?
}

async fn aac_camera() -> anyhow::Result<(DemoServer, tempfile::TempDir, HubProcess, String)> {
    let server = cameras(1).await?;
    let (folder, hub) = hub().await?;
    let id = hub.add_camera(&camera(&server, 1, "Porch")).await?;
    until_written(&hub, &id, 60).await?;
    Ok((server, folder, hub, id))
}

#[test]
fn the_sound_of_a_g711_camera_goes_out_as_it_is() {
    journey(async {
        let options = GstOptions { audio: GstAudio::PcmMulaw, ..GstOptions::default() };
        let camera = GstCamera::start(&options).await?;
        let (_folder, hub) = hub().await?;
        let new = json!({ "name": "Gate", "main": { "url": camera.url() } });
        let id = hub.add_camera(&new).await?;
        until_written(&hub, &id, 60).await?;
        let (mut viewer, session, _, answer) =
            Viewer::open_hearing(&hub, (&id, "main"), Ears::Browser).await?;
        ensure!(answer.contains("PCMU/8000") && !answer.contains("opus"), "{answer}");
        let heard = listen(&mut viewer).await?;
        let bytes = |packet: &MediaData| u64::try_from(packet.data.len()).unwrap_or(0);
        heard.ensure_whole(Spoken::PCMU, bytes)?;
        heard.ensure_together()?;
        let sounds = heard.packets.iter().flat_map(|packet| packet.data.iter());
        let loudest = sounds.map(|byte| loudness(*byte)).max().unwrap_or(0);
        ensure!(loudest > 3000, "silence: {loudest}");
        until_viewers(&hub, &id, 1, PATIENCE).await?;
        ensure!(running(&hub, "sound")?.is_empty(), "nothing is converted");
        let (status, _) = hub.call("DELETE", &session, None).await?;
        ensure!(status == 200, "{status}");
        viewer.until_closed().await?;

        let (mut viewer, _, _, answer) =
            Viewer::open_hearing(&hub, (&id, "main"), Ears::Opus).await?;
        ensure!(answer.contains("opus/48000/2") && !answer.contains("PCMU"), "{answer}");
        let heard = listen(&mut viewer).await?;
        heard.ensure_whole(Spoken::Opus, |_| 960)?;
        Ok(())
    });
}

#[test]
fn aac_becomes_opus_once_for_all_who_listen_and_for_nobody_else() {
    journey(async {
        let (server, _folder, hub, id) = aac_camera().await?;
        let (mut deaf, _, _) = Viewer::open(&hub, &id).await?;
        deaf.picture().await?;
        ensure!(running(&hub, "sound")?.is_empty(), "nobody listens");

        let open = || Viewer::open_hearing(&hub, (&id, "main"), Ears::Browser);
        let (mut first, session, _, answer) = open().await?;
        ensure!(answer.contains("opus/48000/2") && !answer.contains("PCMU"), "{answer}");
        let (mut second, other_session, _, _) = open().await?;
        let heard = listen(&mut first).await?;
        heard.ensure_whole(Spoken::Opus, |_| 960)?;
        heard.ensure_together()?;
        let loudest = loudest(&heard.packets).await?;
        ensure!(loudest > -30.0, "silence: {loudest} dB");
        while second.picture().await?.params.spec().codec.kind() != MediaKind::Audio {}
        ensure!(running(&hub, "sound")?.len() == 1, "two share one");
        until_viewers(&hub, &id, 3, PATIENCE).await?;

        for session in [session, other_session] {
            let (status, _) = hub.call("DELETE", &session, None).await?;
            ensure!(status == 200, "{status}");
        }
        until_running(&hub, 0).await?;
        server.stop().await;
        Ok(())
    });
}

#[test]
fn a_camera_without_sound_is_seen_by_who_would_hear_it() {
    journey(async {
        let options = GstOptions { audio: GstAudio::None, ..GstOptions::default() };
        let camera = GstCamera::start(&options).await?;
        let (_folder, hub) = hub().await?;
        let new = json!({ "name": "Attic", "main": { "url": camera.url() } });
        let id = hub.add_camera(&new).await?;
        until_written(&hub, &id, 30).await?;
        let (mut viewer, _, _, answer) =
            Viewer::open_hearing(&hub, (&id, "main"), Ears::Browser).await?;
        ensure!(answer.contains("m=audio 0 "), "the place for sound is refused: {answer}");
        for _ in 0..30 {
            let data = viewer.picture().await?;
            ensure!(!data.params.spec().codec.is_audio(), "sound from nowhere");
        }
        Ok(())
    });
}
