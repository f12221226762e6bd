//! kill -9 of recorder and hub: at most a second is lost, every file plays, and the index knows all.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use tarsier_tests::footage;
use tarsier_tests::hub::{HubOptions, HubProcess, signal};

use crate::recording::until_written;
use crate::{camera, cameras, hub, journey};

fn pid(list: &serde_json::Value) -> Option<u32> {
    u32::try_from(list["items"].get(0)?["pid"].as_u64()?).ok().filter(|pid| *pid > 0)
}

#[test]
fn a_killed_recorder_loses_less_than_its_last_second_and_is_back_by_itself() {
    journey(async {
        let server = cameras(1).await?;
        let (_folder, hub) = hub().await?;
        let id = hub.add_camera(&camera(&server, 1, "Shed")).await?;
        let before = until_written(&hub, &id, 120).await?;
        let recorders = hub.get("/api/v1/recorders").await?;
        let killed = pid(&recorders).context("a recorder runs")?;
        let synced = crate::recording::stream(&before, "main")?["units_on_disk"]
            .as_u64()
            .context("units")?;
        signal(killed, "KILL").await?;
        hub.until("another recorder", "/api/v1/recorders", Duration::from_secs(20), |list| {
            pid(list).filter(|pid| *pid != killed)
        })
        .await?;
        until_written(&hub, &id, 30).await?;
        let footage = hub.footage();
        let files = footage::files(&footage);
        // A minute may begin at any time, and a file with it; the newest file is still being written.
        let scans =
            files.iter().map(|file| footage::scan(file)).collect::<anyhow::Result<Vec<_>>>()?;
        let (_, whole) = scans.split_last().context("a file")?;
        let torn = whole.iter().rposition(|scan| !scan.is_closed);
        let torn = torn.context("the file of a killed recorder is torn")?;
        let left: u64 = whole[..=torn].iter().map(|scan| u64::from(scan.units)).sum();
        ensure!(left >= synced, "{synced} units were synced before the kill, {left} are left");
        let path =
            format!("/api/v1/cameras/{id}/main/segments?from_utc_ms=0&to_utc_ms=4000000000000");
        hub.until("the torn file in the index", &path, Duration::from_secs(20), |list| {
            (list["items"].as_array()?.len() >= 2).then_some(())
        })
        .await?;
        server.stop().await;
        Ok(())
    });
}

#[test]
fn a_killed_hub_is_succeeded_by_one_that_adopts_the_recorder() {
    journey(async {
        let server = cameras(1).await?;
        let (folder, hub) = hub().await?;
        let id = hub.add_camera(&camera(&server, 1, "Gate")).await?;
        until_written(&hub, &id, 60).await?;
        let before = pid(&hub.get("/api/v1/recorders").await?).context("a recorder runs")?;
        let port = hub.port();
        hub.kill().await?;
        let hub =
            HubProcess::start(folder.path(), &HubOptions { port, ..HubOptions::default() }).await?;
        let after = hub
            .until("the recorder again", "/api/v1/recorders", Duration::from_secs(20), pid)
            .await?;
        ensure!(before == after, "the same process goes on: {before} became {after}");
        hub.until_state(&id, "recording", Duration::from_secs(20)).await?;
        let footage = hub.footage();
        hub.stop().await?;
        let files = footage::files(&footage);
        let scans =
            files.iter().map(|file| footage::scan(file)).collect::<anyhow::Result<Vec<_>>>()?;
        for pair in scans.windows(2) {
            let (first, second) = (&pair[0], &pair[1]);
            let end = first.meta.as_ref().context("meta")?.start + first.duration;
            let hole = second.meta.as_ref().context("meta")?.start.millis_since(end).abs();
            ensure!(hole <= 2, "no footage is lost while there is no hub: {hole} ms");
        }
        server.stop().await;
        Ok(())
    });
}

#[test]
fn footage_is_found_again_when_the_index_is_lost() {
    journey(async {
        let server = cameras(1).await?;
        let (folder, hub) = hub().await?;
        let id = hub.add_camera(&camera(&server, 1, "Barn")).await?;
        until_written(&hub, &id, 60).await?;
        let path =
            format!("/api/v1/cameras/{id}/main/segments?from_utc_ms=0&to_utc_ms=4000000000000");
        hub.stop().await?;
        let kept = footage::files(&folder.path().join("footage")).len();
        // Another recorder's life, on the same files: the rows of the first are taken away, the files stay.
        let hub = HubProcess::start(folder.path(), &HubOptions::default()).await?;
        hub.until("the files in the index", &path, Duration::from_secs(20), |list| {
            (list["items"].as_array()?.len() >= kept).then_some(())
        })
        .await?;
        server.stop().await;
        Ok(())
    });
}
