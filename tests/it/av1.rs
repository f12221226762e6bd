//! A camera that codes AV1: read by the pure-Rust engine, kept as it came, and sent on by RTSP. FFmpeg (dav1d) decodes what is
//! kept and what is sent.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use serde_json::json;
use tarsier_demo::{DemoOptions, DemoServer, Quirks};
use tarsier_ingest::{RtspSource, Source as _, SourceEvent, Timeouts};
use tarsier_segment::{Scan, init_segment, obu, origin_of, read_units, unit_fragment};
use tarsier_tests::footage;
use tarsier_types::{
    AccessUnit, CameraUrl, Codec, ParameterSets, StreamKind, SystemClock, Track, Transport,
};

use crate::recording::{stream, until_written};
use crate::{camera, free_port, hub, journey};

const PATIENCE: Duration = Duration::from_secs(60);

async fn av1_camera(quirks: Quirks) -> anyhow::Result<DemoServer> {
    let films = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/demo/samples");
    let main = Some(films.join("tiny-av1-aac.mp4"));
    Ok(DemoServer::start(DemoOptions { main, quirks, ..free_port() }).await?)
}

/// How many pictures of a file dav1d decodes; a word of complaint is an error.
async fn decoded(file: &Path) -> anyhow::Result<usize> {
    let mut command = tokio::process::Command::new("ffmpeg");
    command.args(["-v", "warning", "-xerror", "-i"]).arg(file).kill_on_drop(true);
    command.args(["-an", "-fps_mode", "passthrough", "-f", "framemd5", "-"]);
    let output =
        tokio::time::timeout(PATIENCE, command.output()).await.context("ffmpeg hangs")??;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success() && said.is_empty(), "{}: {said}", file.display());
    let frames = String::from_utf8(output.stdout)?;
    Ok(frames.lines().filter(|line| line.starts_with('0')).count())
}

/// The pictures of a file.
fn pictures(file: &Path, scan: &Scan) -> anyhow::Result<Vec<AccessUnit>> {
    let bytes = std::fs::read(file)?;
    let mut found = Vec::new();
    for part in &scan.parts {
        let start = usize::try_from(part.offset)?;
        let units = read_units(scan, &bytes[start..start + usize::try_from(part.bytes)?])?;
        found.extend(units.into_iter().filter(|unit| unit.track == Track::Video));
    }
    Ok(found)
}

/// OBUs with their sizes, to the last byte, and no delimiter.
fn check_unit(unit: &AccessUnit) -> anyhow::Result<()> {
    let mut again = bytes::BytesMut::new();
    for obu in obu::units(&unit.data) {
        ensure!(obu.kind() != obu::TEMPORAL_DELIMITER, "files have no delimiters");
        obu.put(&mut again);
    }
    ensure!(again == unit.data, "a temporal unit is its OBUs: {:?}", unit.pts);
    ensure!(unit.pts.0 == unit.dts.0, "AV1 has no composition offsets: {:?}", unit.pts);
    let begins = tarsier_segment::av1::is_random_access_point(&unit.data);
    ensure!(begins == unit.is_keyframe, "keyframes carry their sequence header");
    Ok(())
}

fn files_of(hub_footage: &Path) -> anyhow::Result<Vec<(PathBuf, Scan, Vec<AccessUnit>)>> {
    let mut found = Vec::new();
    for file in footage::files(hub_footage) {
        let scan = footage::scan(&file)?;
        ensure!(scan.parameters.video.codec == Codec::Av1, "{:?}", scan.parameters);
        let pictures = pictures(&file, &scan)?;
        pictures.iter().try_for_each(check_unit)?;
        found.push((file, scan, pictures));
    }
    Ok(found)
}

#[test]
fn an_av1_camera_is_recorded_by_the_rust_engine_and_every_picture_decodes() {
    journey(async {
        let server = av1_camera(Quirks::default()).await?;
        let (_folder, hub) = hub().await?;
        let id = hub.add_camera(&camera(&server, 1, "Axis")).await?;
        let status = until_written(&hub, &id, 250).await?;
        ensure!(status["recorder"]["engine"] == "rust", "{status}");
        let main = stream(&status, "main")?;
        ensure!(main["units_lost"] == 0 && main["packets_lost"] == 0, "{main}");
        let folder = hub.footage();
        hub.stop().await?;
        let files = files_of(&folder)?;
        ensure!(!files.is_empty(), "a file");
        for (file, scan, pictures) in files {
            let video = &scan.parameters.video;
            ensure!(video.rfc6381 == "av01.0.00M.08", "{video:?}");
            ensure!((video.width, video.height) == (320, 180), "{video:?}");
            let audio = scan.parameters.audio.as_ref().context("sound")?;
            ensure!(audio.codec == Codec::Aac, "{audio:?}");
            let decoded = decoded(&file).await?;
            ensure!(decoded == pictures.len(), "{decoded} of {} pictures", pictures.len());
        }
        server.stop().await;
        Ok(())
    });
}

#[test]
fn av1_over_datagrams_that_are_lost_leaves_whole_units_alone() {
    journey(async {
        let server = av1_camera(Quirks { datagrams_lost_percent: 5, ..Quirks::default() }).await?;
        let (_folder, hub) = hub().await?;
        let url = server.url(1, StreamKind::Main);
        let camera = json!({ "name": "Wireless", "main": { "url": url, "transport": "udp" } });
        let id = hub.add_camera(&camera).await?;
        let status = until_written(&hub, &id, 300).await?;
        let main = stream(&status, "main")?;
        ensure!(main["packets_lost"].as_u64().is_some_and(|lost| lost > 0), "counted: {main}");
        ensure!(main["reconnects"] == 0, "it goes on: {main}");
        let folder = hub.footage();
        hub.stop().await?;
        let pictures: usize = files_of(&folder)?.iter().map(|(.., it)| it.len()).sum();
        ensure!(pictures > 100, "{pictures} pictures, each of them whole");
        server.stop().await;
        Ok(())
    });
}

/// Watches for so many pictures; answers what they are decoded with, and the units.
async fn watch(
    url: &str,
    transport: Transport,
    count: usize,
) -> anyhow::Result<(ParameterSets, Vec<AccessUnit>)> {
    let (url, _) = CameraUrl::parse(url)?;
    let clock = SystemClock::start();
    let mut source = RtspSource::open(&url, None, transport, clock, Timeouts::default()).await?;
    let (mut parameters, mut units, mut seen) = (None, Vec::new(), 0);
    while seen < count {
        match source.next().await? {
            SourceEvent::Parameters(sets) => ensure!(
                parameters.replace(sets).is_none(),
                "the parameters of a stream that goes on stay as they are"
            ),
            SourceEvent::Unit(unit) => {
                seen += usize::from(unit.track == Track::Video);
                units.push(unit);
            }
            SourceEvent::Anomaly(anomaly) => bail!("{anomaly:?} after {seen} pictures"),
            SourceEvent::NewRun { .. } => {}
        }
    }
    source.close().await;
    Ok((parameters.context("parameters")?, units))
}

#[test]
fn av1_goes_out_by_rtsp_and_decodes_where_it_is_read_again() {
    journey(async {
        let server = av1_camera(Quirks::default()).await?;
        let (folder, hub) = hub().await?;
        let id = hub.add_camera(&camera(&server, 1, "Axis")).await?;
        until_written(&hub, &id, 30).await?;
        let url = format!("{}/{id}/main?token={}", hub.rtsp_url, hub.token);
        for transport in [Transport::Tcp, Transport::Udp] {
            let watching = watch(&url, transport, 120);
            let (parameters, units) =
                tokio::time::timeout(PATIENCE, watching).await.context("too few pictures")??;
            ensure!(parameters.video.rfc6381 == "av01.0.00M.08", "{parameters:?}");
            ensure!(units.iter().any(|unit| unit.track == Track::Audio), "with its sound");
            let video = ParameterSets { audio: None, ..parameters };
            let mut file = init_segment(&video, None).to_vec();
            let pictures: Vec<_> = units.iter().filter(|unit| unit.track == Track::Video).collect();
            let origin = origin_of(pictures[0]);
            for (unit, number) in pictures.iter().zip(1..) {
                check_unit(unit)?;
                file.extend_from_slice(&unit_fragment(number, unit, origin, None, 0));
            }
            let path = folder.path().join(format!("{transport:?}.mp4"));
            std::fs::write(&path, file)?;
            let decoded = decoded(&path).await?;
            ensure!(decoded == pictures.len(), "{transport:?}: {decoded} pictures");
        }
        server.stop().await;
        Ok(())
    });
}
