//! Live pictures by the stream `auto` over WebRTC: it follows the viewer's line.

use std::time::Duration;

use anyhow::Context as _;
use tarsier_tests::hub::HubProcess;
use tarsier_tests::webrtc;
use tokio::time::Instant;

use crate::recording::{stream, until_written};
use crate::{camera, cameras, hub, journey_within};

/// For a change of the stream on a busy machine; how quick it is, is measured by the brain's own tests.
const PATIENCE: Duration = Duration::from_secs(120);

/// Takes pictures until he is shown that stream, and no other.
async fn until_on(
    hub: &HubProcess,
    camera: &str,
    viewer: &mut webrtc::Viewer,
    of: &str,
) -> anyhow::Result<()> {
    let path = format!("/api/v1/cameras/{camera}/status");
    let watching = async {
        loop {
            viewer.picture().await?;
        }
    };
    let what = format!("he is shown {of}");
    let shown = hub.until(&what, &path, PATIENCE, |status| {
        let viewers = |of| stream(status, of).ok()?["viewers"].as_u64();
        let other = if of == "main" { "sub" } else { "main" };
        (viewers(of) == Some(1) && viewers(other) == Some(0)).then_some(())
    });
    tokio::select! {
        end = watching => end,
        shown = shown => shown,
    }
}

#[test]
fn over_webrtc_too_a_viewer_follows_his_line_down_and_up_again() {
    journey_within(PATIENCE * 4, async {
        let server = cameras(1).await?;
        let (_folder, hub) = hub().await?;
        let id = hub.add_camera(&camera(&server, 1, "Court")).await?;
        until_written(&hub, &id, 30).await?;
        let (mut viewer, line) = webrtc::Viewer::behind_a_line(&hub, (&id, "auto")).await?;
        until_on(&hub, &id, &mut viewer, "main").await?;
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(3) {
            viewer.picture().await?;
        }
        // Less than the main stream of the demo has, and more than its sub stream.
        line.set(37_500);
        until_on(&hub, &id, &mut viewer, "sub").await.context("down")?;
        line.set(0);
        until_on(&hub, &id, &mut viewer, "main").await.context("up")?;
        server.stop().await;
        Ok(())
    });
}
