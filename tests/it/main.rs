//! Journeys: what a user lives through, with real processes, real RTSP and real files. One file each.
//!
//! They need the programs built (`cargo build`); `cargo xtask test` does that first.

mod auto;
mod av1;
mod bad_input;
#[cfg(target_os = "linux")]
mod clients;
mod clock;
mod crash;
mod disk;
mod engines;
mod hls;
#[cfg(target_os = "linux")]
mod hostile;
mod house;
mod kill;
mod live;
mod misbehaviour;
mod modes;
mod network;
mod no_access;
mod playback;
mod ptz;
mod recording;
mod rights;
mod rtsp;
mod secrets;
mod sound;
mod storage;
mod supervision;
mod tokens;
mod transcode;
mod whep;
mod whep_auto;
mod whep_av1;
mod whep_h265;
mod whep_sound;

use std::time::Duration;

use serde_json::json;
use tarsier_demo::{AuthScheme, DemoOptions, DemoServer};
use tarsier_tests::hub::{HubOptions, HubProcess};
use tarsier_tests::own_namespace::{self, Machine, Place};
use tarsier_types::{Credentials, Secret, StreamKind};

/// Runs one journey on a runtime of its own.
fn journey(steps: impl Future<Output = anyhow::Result<()>>) {
    journey_within(Duration::from_secs(240), steps);
}

/// The same, for one that takes longer.
fn journey_within(within: Duration, steps: impl Future<Output = anyhow::Result<()>>) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        match tokio::time::timeout(within, steps).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => panic!("{error:?}"),
            Err(elapsed) => panic!("{elapsed}: the journey is not over after {within:?}"),
        }
    });
}

/// Runs one journey on a machine of its own: with disks and networks that nobody else sees. To be called by the test
/// itself, with its steps as an `async` block: the block's type names the test.
fn journey_alone<S: Future<Output = anyhow::Result<()>>>(machine: Machine, steps: S) {
    let name = std::any::type_name::<S>();
    let name = name.split_once("::").map_or(name, |(_, name)| name);
    let name = name.trim_end_matches("::{{closure}}");
    match own_namespace::enter(name, machine) {
        Ok(Place::Inside) => journey(steps),
        Ok(Place::Outside | Place::NotRun) => {}
        Err(error) => panic!("{error:?}"),
    }
}

/// A hub in a new folder, and the folder.
async fn hub() -> anyhow::Result<(tempfile::TempDir, HubProcess)> {
    let folder = tempfile::tempdir()?;
    let hub = HubProcess::start(folder.path(), &HubOptions::default()).await?;
    Ok((folder, hub))
}

/// Demo cameras on a free port.
async fn cameras(count: u16) -> anyhow::Result<DemoServer> {
    Ok(DemoServer::start(DemoOptions { cameras: count, ..free_port() }).await?)
}

/// Demo cameras that want a password.
async fn guarded_cameras(
    auth: AuthScheme,
    username: &str,
    password: &str,
) -> anyhow::Result<DemoServer> {
    let credentials =
        Credentials { username: username.to_owned(), password: Secret::new(password.to_owned()) };
    Ok(DemoServer::start(DemoOptions { credentials: Some(credentials), auth, ..free_port() })
        .await?)
}

fn free_port() -> DemoOptions {
    DemoOptions { listen: ([127, 0, 0, 1], 0).into(), ..DemoOptions::default() }
}

/// A camera of the demo server, as the API takes it.
fn camera(server: &DemoServer, number: u16, name: &str) -> serde_json::Value {
    json!({
        "name": name,
        "main": { "url": server.url(number, StreamKind::Main) },
        "sub": { "url": server.url(number, StreamKind::Sub) },
        "recording": { "mode": "continuous", "segment_seconds": 60, "record_sub": false },
    })
}
