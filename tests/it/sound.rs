//! Sound with the live picture.

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use serde_json::json;
use tarsier_tests::gst::{GstAudio, GstCamera, GstOptions};
use tarsier_tests::hub::HubProcess;

use crate::live::{PATIENCE, Viewer};
use crate::recording::until_written;
use crate::transcode::hevc_camera;
use crate::{camera, cameras, hub, journey};

const CODECS: [&str; 3] = ["avc1.640028", "mp4a.40.2", "flac"];
/// So much of both tracks is looked at.
const SECONDS: f64 = 3.0;

/// Live pictures and sound of one run.
struct Heard {
    mime: String,
    /// Init segment and fragments, in their order.
    bytes: Vec<u8>,
    /// When each unit begins, in seconds.
    pictures: Vec<f64>,
    sounds: Vec<f64>,
}

async fn listen(
    hub: &HubProcess,
    (camera, stream): (&str, &str),
    rate_hz: u32,
) -> anyhow::Result<Heard> {
    let request = json!({ "codecs": CODECS, "sound": true });
    let mut viewer = Viewer::ask(hub, camera, stream, &request).await?;
    let init = viewer.until_message("init").await?;
    let mime = init["mime"].as_str().context("no type")?.to_owned();
    let mut heard = Heard {
        mime,
        bytes: viewer.bytes().await?.to_vec(),
        pictures: Vec::new(),
        sounds: Vec::new(),
    };
    let is_enough = |units: &[f64]| units.last().is_some_and(|last| *last > SECONDS);
    while !is_enough(&heard.pictures) || !is_enough(&heard.sounds) {
        let fragment = viewer.bytes().await?;
        heard.bytes.extend_from_slice(&fragment);
        match unit(&fragment).context("a fragment that does not tell its time")? {
            (1, ticks) => heard.pictures.push(ticks / 90_000.0),
            (2, ticks) => heard.sounds.push(ticks / f64::from(rate_hz)),
            (track, _) => anyhow::bail!("there is no track {track}"),
        }
    }
    Ok(heard)
}

/// Track and decoding time of a fragment.
fn unit(fragment: &Bytes) -> Option<(u32, f64)> {
    let body = |kind: &[u8]| {
        let at = fragment.windows(4).position(|bytes| bytes == kind)?;
        fragment.get(at + 8..)
    };
    let track = u32::from_be_bytes(*body(b"tfhd")?.first_chunk()?);
    let [high, low] = [0, 4].map(|at| body(b"tfdt")?.get(at..)?.first_chunk().copied());
    let [high, low] = [high?, low?].map(|word: [u8; 4]| f64::from(u32::from_be_bytes(word)));
    Some((track, high * 2_f64.powi(32) + low))
}

impl Heard {
    /// From its beginning on, sound is where pictures are, and the other way round. A viewer does not get the sound
    /// that overtook the first picture on its way.
    fn ensure_together(&self) -> anyhow::Result<()> {
        self.ensure_heard()?;
        self.ensure_near(&self.sounds, &self.pictures)
    }

    /// From its beginning on, sound is where pictures are. There may be none where sound is: who converts and has fallen behind
    /// leaves pictures out.
    fn ensure_heard(&self) -> anyhow::Result<()> {
        let begins = self.begins()?;
        ensure!(begins < 0.5, "sound begins {begins} s after the picture");
        ensure!(self.sounds.is_sorted_by(|one, next| one < next), "{:?}", self.sounds);
        self.ensure_near(&self.pictures, &self.sounds)
    }

    fn begins(&self) -> anyhow::Result<f64> {
        self.sounds.first().copied().context("no sound")
    }

    fn ensure_near(&self, from: &[f64], to: &[f64]) -> anyhow::Result<()> {
        let begins = self.begins()?;
        let nearest = |at: f64| to.iter().map(|other| (at - other).abs()).reduce(f64::min);
        let within = from.iter().filter(|at| (begins..=SECONDS).contains(*at));
        let apart = within.filter_map(|at| nearest(*at)).reduce(f64::max).unwrap_or(f64::INFINITY);
        ensure!(
            apart < 0.1,
            "{apart} s apart: pictures {:?}, sounds {:?}",
            self.pictures,
            self.sounds
        );
        Ok(())
    }

    /// What ffprobe finds: the codecs, and the packets of each.
    async fn probe(&self) -> anyhow::Result<String> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("live.mp4");
        std::fs::write(&file, &self.bytes)?;
        let mut command = tokio::process::Command::new("ffprobe");
        command
            .args(["-v", "error", "-count_packets", "-of", "csv=p=0"])
            .args(["-show_entries", "stream=codec_name,nb_read_packets"])
            .arg(&file)
            .kill_on_drop(true);
        let output =
            tokio::time::timeout(PATIENCE, command.output()).await.context("ffprobe hangs")??;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success() && errors.is_empty(), "ffprobe: {errors}");
        Ok(String::from_utf8(output.stdout)?)
    }
}

#[test]
fn a_viewer_who_asks_for_sound_hears_what_he_sees() {
    journey(async {
        let server = cameras(1).await?;
        let (_folder, hub) = hub().await?;
        let id = hub.add_camera(&camera(&server, 1, "Porch")).await?;
        until_written(&hub, &id, 60).await?;
        let heard = listen(&hub, (&id, "main"), 16_000).await?;
        ensure!(heard.mime.ends_with(",mp4a.40.2\""), "{}", heard.mime);
        heard.ensure_together()?;
        let wanted = format!("h264,{}\naac,{}\n", heard.pictures.len(), heard.sounds.len());
        let probed = heard.probe().await?;
        ensure!(probed == wanted, "{probed} is not {wanted}");

        let mut quiet = Viewer::open(&hub, &id, "main").await?;
        let init = quiet.until_message("init").await?;
        ensure!(!init["mime"].to_string().contains("mp4a"), "nobody asked for sound: {init}");
        quiet.bytes().await?;
        for _ in 0..60 {
            let (track, _) = unit(&quiet.bytes().await?).context("no fragment")?;
            ensure!(track == 1, "sound for one who did not ask for it");
        }
        server.stop().await;
        Ok(())
    });
}

#[test]
fn the_sound_of_a_g711_camera_is_heard_as_flac() {
    journey(async {
        let options = GstOptions { audio: GstAudio::PcmMulaw, ..GstOptions::default() };
        let camera = GstCamera::start(&options).await?;
        let (_folder, hub) = hub().await?;
        let new = json!({ "name": "Gate", "main": { "url": camera.url() } });
        let id = hub.add_camera(&new).await?;
        until_written(&hub, &id, 60).await?;
        let heard = listen(&hub, (&id, "main"), 8_000).await?;
        ensure!(heard.mime.ends_with(",flac\""), "{}", heard.mime);
        heard.ensure_together()?;
        let wanted = format!("h264,{}\nflac,{}\n", heard.pictures.len(), heard.sounds.len());
        let probed = heard.probe().await?;
        ensure!(probed == wanted, "{probed} is not {wanted}");
        Ok(())
    });
}

#[test]
fn what_is_converted_is_heard_as_the_camera_sends_it() {
    journey(async {
        let server = hevc_camera().await?;
        let (_folder, hub) = hub().await?;
        let id = hub.add_camera(&camera(&server, 1, "Yard")).await?;
        until_written(&hub, &id, 30).await?;
        for stream in ["720p", "auto"] {
            let heard = listen(&hub, (&id, stream), 8_000).await?;
            let mime = &heard.mime;
            ensure!(mime.contains("\"avc1.") && mime.ends_with(",flac\""), "{stream}: {mime}");
            heard.ensure_heard().with_context(|| stream.to_owned())?;
            let wanted = format!("h264,{}\nflac,{}\n", heard.pictures.len(), heard.sounds.len());
            let probed = heard.probe().await?;
            ensure!(probed == wanted, "{stream}: {probed} is not {wanted}");
        }
        server.stop().await;
        Ok(())
    });
}
