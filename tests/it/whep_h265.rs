//! H.265 by WebRTC, to a viewer that takes it and that none of us wrote: no browser here does, for want of hardware.

use std::path::Path;

use anyhow::{Context as _, ensure};
use tarsier_demo::{DemoOptions, DemoServer};
use tarsier_tests::gst_viewer::GstViewer;
use tarsier_tests::hub::HubProcess;
use tarsier_tests::webrtc::offer_to;

use crate::recording::until_written;
use crate::{camera, free_port, hub, journey};

/// A camera of 320x180, and the hub that records it.
async fn hevc_camera() -> anyhow::Result<(DemoServer, tempfile::TempDir, HubProcess, String)> {
    let films = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/demo/samples");
    let main = Some(films.join("tiny-hevc-mulaw.mov"));
    let server = DemoServer::start(DemoOptions { cameras: 1, main, ..free_port() }).await?;
    let (folder, hub) = hub().await?;
    let id = hub.add_camera(&camera(&server, 1, "Quay")).await?;
    until_written(&hub, &id, 30).await?;
    Ok((server, folder, hub, id))
}

/// Begins to watch: the hub's answer.
async fn watched(
    viewer: &mut GstViewer,
    hub: &HubProcess,
    place: (&str, &str),
) -> anyhow::Result<String> {
    let offer = viewer.offer().to_owned();
    let answer = offer_to(hub, place, "application/sdp", offer).await?;
    let status = answer.status();
    let told = answer.text().await?;
    ensure!(status == 201, "{status}: {told}");
    viewer.answer(&told).await?;
    Ok(told)
}

#[test]
fn who_takes_h265_gets_the_cameras_own_pictures_and_nothing_is_converted() {
    journey(async {
        let (server, _folder, hub, id) = hevc_camera().await?;
        let mut viewer = GstViewer::start("h265").await?;
        let told = watched(&mut viewer, &hub, (&id, "main")).await?;
        ensure!(told.contains("H265/90000") && !told.contains("H264"), "{told}");
        // More than one GOP: each keyframe has its parameter sets.
        let size = viewer.until_pictures(80).await?;
        ensure!(size == (320, 180), "{size:?}");
        let transcoders = crate::transcode::running(&hub, "live")?;
        ensure!(transcoders.is_empty(), "it is the camera's: {transcoders:?}");
        server.stop().await;
        Ok(())
    });
}

#[test]
fn by_auto_who_takes_h265_sees_the_best_and_who_does_not_sees_it_converted() {
    journey(async {
        let (server, _folder, hub, id) = hevc_camera().await?;
        let mut takes = GstViewer::start("h265").await?;
        let told = watched(&mut takes, &hub, (&id, "auto")).await?;
        ensure!(told.contains("H265/90000"), "{told}");
        let size = takes.until_pictures(40).await.context("H.265")?;
        ensure!(size == (320, 180), "{size:?}");
        drop(takes);

        let mut does_not = GstViewer::start("h264").await?;
        let told = watched(&mut does_not, &hub, (&id, "auto")).await?;
        ensure!(told.contains("H264/90000") && !told.contains("H265"), "{told}");
        let size = does_not.until_pictures(40).await.context("H.264")?;
        ensure!(size == (320, 180), "{size:?}");
        let transcoders = crate::transcode::running(&hub, "live")?;
        ensure!(transcoders.len() == 1, "{transcoders:?}");
        server.stop().await;
        Ok(())
    });
}
