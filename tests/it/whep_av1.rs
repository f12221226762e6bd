//! AV1 by WebRTC: to who takes it as the camera coded it, to others converted. That a browser shows it is seen in
//! `tests/ui/browser/av1.mjs`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::json;
use str0m::format::Codec;
use tarsier_segment::obu::{self, SEQUENCE_HEADER};
use tarsier_tests::hub::HubProcess;
use tarsier_tests::process::Process;
use tarsier_tests::webrtc::{Eyes, Viewer, offer_to};
use tarsier_types::StreamKind;

use crate::recording::{stream, until_written};
use crate::{cameras, hub, journey};

/// On a busy machine, too.
const PATIENCE: Duration = Duration::from_secs(60);

/// Kind and bytes of a unit.
type Unit = (u8, Vec<u8>);

fn film() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/aom_lime_av.mp4")
}

/// An encoder that sends the film over HTTP again and again. The sequence header is in the head of the stream alone, as a
/// container may have it.
struct Encoder {
    url: String,
    _process: Process,
    _folder: tempfile::TempDir,
}

impl Encoder {
    async fn start() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let bare = folder.path().join("bare.mp4");
        let strip = tokio::process::Command::new("ffmpeg")
            .args(["-v", "error", "-nostdin", "-i"])
            .arg(film())
            .args(["-c", "copy", "-bsf:v", "filter_units=remove_types=1"])
            .arg(&bare)
            .output();
        let output = strip.await?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let url = format!("http://127.0.0.1:{port}/live.mp4");
        let mut send = tokio::process::Command::new("ffmpeg");
        send.args(["-v", "error", "-nostdin", "-re", "-stream_loop", "-1", "-i"])
            .arg(&bare)
            .args(["-c", "copy", "-f", "mp4", "-movflags"])
            .args(["empty_moov+frag_every_frame+default_base_moof", "-listen", "1", &url]);
        Ok(Self { url, _process: Process::spawn(send)?, _folder: folder })
    }
}

/// What comes from one keyframe of the film to the next.
fn gops() -> anyhow::Result<Vec<Vec<Unit>>> {
    let file = std::fs::read(film())?;
    let mut gops: Vec<Vec<Unit>> = Vec::new();
    for unit in obu::units(mdat(&file).context("no pictures")?) {
        if unit.kind() == SEQUENCE_HEADER {
            gops.push(Vec::new());
        }
        let gop = gops.last_mut().context("it begins with a sequence header")?;
        gop.push((unit.kind(), unit.payload.to_vec()));
    }
    Ok(gops)
}

/// The body of the box that has the pictures, and nothing else in it.
fn mdat(file: &[u8]) -> Option<&[u8]> {
    let mut rest = file;
    loop {
        let size = u32::from_be_bytes(*rest.first_chunk::<4>()?);
        let (whole, behind) = rest.split_at_checked(usize::try_from(size).ok()?)?;
        if &whole[4..8] == b"mdat" {
            return Some(&whole[8..]);
        }
        rest = behind;
    }
}

/// Takes so many pictures; each is the film's, from a keyframe on that has its sequence header.
async fn until_pictures(viewer: &mut Viewer, count: usize) -> anyhow::Result<()> {
    let gops = gops()?;
    let mut coming: Vec<Unit> = Vec::new();
    let mut keyframes = 0;
    for _ in 0..count {
        let picture = viewer.picture().await?;
        let units = obu::whole(&picture.data).context("a torn picture")?;
        if units.first().is_some_and(|unit| unit.kind() == SEQUENCE_HEADER) {
            keyframes += 1;
            coming.clear();
        }
        coming.extend(units.iter().map(|unit| (unit.kind(), unit.payload.to_vec())));
        ensure!(
            gops.iter().any(|gop| gop.starts_with(&coming)),
            "{} units behind keyframe {keyframes} are not the film's",
            coming.len()
        );
    }
    ensure!(keyframes > 1, "{keyframes} keyframes in {count} pictures");
    Ok(())
}

async fn text(hub: &HubProcess, path: &str) -> anyhow::Result<String> {
    let answer = reqwest::get(format!("{}{path}?token={}", hub.url, hub.token)).await?;
    ensure!(answer.status() == 200, "{path}: {}", answer.status());
    Ok(answer.text().await?)
}

#[test]
fn who_takes_av1_gets_the_cameras_own_pictures_and_others_get_them_converted() {
    journey(async {
        let encoder = Encoder::start().await?;
        let (_folder, hub) = hub().await?;
        let id = hub.add_camera(&json!({ "name": "Pier", "main": { "url": encoder.url } })).await?;
        until_written(&hub, &id, 30).await?;
        let (mut viewer, told) = Viewer::open_seeing(&hub, (&id, "main"), Eyes::Av1).await?;
        ensure!(told.contains("AV1/90000") && !told.contains("H264"), "{told}");
        // More than two GOPs.
        until_pictures(&mut viewer, 60).await?;
        let transcoders = crate::transcode::running(&hub, "live")?;
        ensure!(transcoders.is_empty(), "it is the camera's: {transcoders:?}");
        let (mut viewer, told) = Viewer::open_seeing(&hub, (&id, "auto"), Eyes::Av1).await?;
        ensure!(told.contains("AV1/90000") && !told.contains("H264"), "{told}");
        until_pictures(&mut viewer, 60).await.context("auto")?;
        let playlist = text(&hub, &format!("/live/{id}/index.m3u8")).await?;
        ensure!(playlist.contains("CODECS=\"av01.0."), "LL-HLS has it as it is: {playlist}");

        let still = format!("/api/v1/cameras/{id}/main/still.jpg");
        let (status, picture) = hub.get_bytes(&still).await?;
        ensure!(status == 200 && picture.starts_with(&[0xff, 0xd8]), "a still: {status}");

        let (_, offer, _) = Viewer::new().await?;
        let answer = offer_to(&hub, (&id, "main"), "application/sdp", offer).await?;
        let status = answer.status();
        let why = answer.text().await?;
        ensure!(status == 422 && why.contains("av01.0."), "{status}: {why}");
        let (mut viewer, told) = Viewer::open_seeing(&hub, (&id, "auto"), Eyes::H264).await?;
        ensure!(told.contains("H264/90000") && !told.contains("AV1"), "{told}");
        for _ in 0..40 {
            let picture = viewer.picture().await?;
            ensure!(picture.params.spec().codec == Codec::H264, "{:?}", picture.params);
        }
        let transcoders = crate::transcode::running(&hub, "live")?;
        ensure!(!transcoders.is_empty(), "it is converted");
        Ok(())
    });
}

#[test]
fn of_a_camera_that_codes_its_streams_differently_auto_may_be_either() {
    journey(async {
        let encoder = Encoder::start().await?;
        let server = cameras(1).await?;
        let (_folder, hub) = hub().await?;
        let sub = json!({ "url": server.url(1, StreamKind::Sub) });
        let camera = json!({ "name": "Mole", "main": { "url": encoder.url }, "sub": sub });
        let id = hub.add_camera(&camera).await?;
        let path = format!("/api/v1/cameras/{id}/status");
        hub.until("both streams flow", &path, PATIENCE, |status| {
            let flows = |of| stream(status, of).is_ok_and(|it| it["is_playing"] == true);
            (flows("main") && flows("sub")).then_some(())
        })
        .await?;
        let (mut viewer, told) = Viewer::open_seeing(&hub, (&id, "auto"), Eyes::Both).await?;
        ensure!(told.contains("AV1/90000") && told.contains("H264/90000"), "{told}");
        let picture = viewer.picture().await?;
        ensure!(picture.params.spec().codec == Codec::Av1, "the best: {:?}", picture.params);
        let (mut viewer, told) = Viewer::open_seeing(&hub, (&id, "sub"), Eyes::Both).await?;
        ensure!(told.contains("H264/90000") && !told.contains("AV1"), "{told}");
        let picture = viewer.picture().await?;
        ensure!(picture.params.spec().codec == Codec::H264, "{:?}", picture.params);
        server.stop().await;
        Ok(())
    });
}
