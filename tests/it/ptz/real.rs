//! Against `virtual_ptz` of the crate `onvif-server`: other authors, another stack.
//!
//! Its port is 8080 whatever one says, so it runs on a machine of its own. It names its services at `0.0.0.0`, wants
//! WS-Security, and prints each command that it takes.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use tarsier_onvif::{Ability, Address, Client, Device, OnvifError, Preset, Velocity};
use tarsier_tests::own_namespace::Machine;
use tarsier_tests::process::Process;
use tarsier_tests::tool;
use tarsier_types::{Credentials, Secret, SystemClock};
use tokio::process::Command;

use crate::{camera, cameras, hub, journey_alone};

const PORT: u16 = 8080;
const SOON: Duration = Duration::from_secs(20);

/// Starts the device.
async fn device(program: PathBuf) -> anyhow::Result<Process> {
    let process = Process::spawn(Command::new(program))?;
    // It says that it runs before it listens.
    let listening = async {
        let mut pace = tokio::time::interval(Duration::from_millis(50));
        while tokio::net::TcpStream::connect(("127.0.0.1", PORT)).await.is_err() {
            pace.tick().await;
        }
    };
    tokio::time::timeout(SOON, listening).await.context("virtual_ptz does not listen")?;
    Ok(process)
}

/// Waits until it prints that.
async fn until_said(device: &mut Process, words: &str) -> anyhow::Result<()> {
    let heard = |line: &tarsier_tests::process::Line| line.text.contains(words).then_some(());
    device.next_line(words, SOON, heard).await
}

fn admin(password: &str) -> Credentials {
    Credentials { username: "admin".into(), password: Secret::new(password.into()) }
}

#[test]
fn the_client_turns_a_device_that_others_wrote() {
    let Some(program) = tool::find_or_say("virtual_ptz") else { return };
    journey_alone(Machine::Ordinary, async {
        let mut device = device(program).await?;
        let client = Client::new(SystemClock::start()).map_err(anyhow::Error::msg)?;
        let address = Address::guess("127.0.0.1", PORT);
        let reach = |known| Device::reach(&client, address.clone(), known);

        let mut camera = reach(Some(admin("admin"))).await?.ptz().await?;
        ensure!(camera.can() == Ability { pan_tilt: true, zoom: false }, "{:?}", camera.can());
        ensure!(camera.presets().await?.is_empty(), "it remembers nothing yet");
        let gate = camera.set_preset("Front door").await?;
        let gate = Preset { token: gate, name: "Front door".into() };
        ensure!(camera.presets().await? == [gate.clone()], "{:?}", camera.presets().await?);

        let to = Velocity { pan: 0.5, tilt: -0.25, zoom: 1.0 };
        camera.turn(to, Duration::from_secs(2)).await?;
        until_said(&mut device, "continuous_move: profile=").await?;
        camera.stop().await?;
        until_said(&mut device, "pan_tilt=true zoom=true").await?;
        camera.goto_preset(&gate.token).await?;
        until_said(&mut device, &format!("moving to preset={}", gate.token)).await?;
        let said: Vec<String> = device.lines().into_iter().map(|line| line.text).collect();
        let turned = said.iter().any(|line| line.ends_with("pan=0.500 tilt=-0.250 zoom=0.000"));
        ensure!(turned, "as fast as it was asked to, and no zoom, which it has not: {said:?}");

        let refused = reach(Some(admin("another"))).await?.ptz().await.map(drop);
        ensure!(refused == Err(OnvifError::WrongCredentials), "{refused:?}");
        let unknown = reach(None).await?.ptz().await.map(drop);
        ensure!(unknown == Err(OnvifError::CredentialsNeeded), "{unknown:?}");
        Ok(())
    });
}

#[test]
fn a_hub_finds_it_by_the_address_of_its_pictures_and_turns_it() {
    let Some(program) = tool::find_or_say("virtual_ptz") else { return };
    journey_alone(Machine::Ordinary, async {
        let mut device = device(program).await?;
        // The pictures come from the same host; nobody says where ONVIF is.
        let server = cameras(1).await?;
        let (_folder, hub) = hub().await?;
        let mut new = camera(&server, 1, "Yard");
        (new["username"], new["password"]) = (json!("admin"), json!("admin"));
        let id = hub.add_camera(&new).await?;
        let path = format!("/api/v1/cameras/{id}/ptz");
        let known = |ptz: &Value| {
            (ptz["kind"].is_string() && ptz["kind"] != "looking").then(|| ptz.clone())
        };
        let found =
            hub.until("known whether it turns", &path, Duration::from_secs(60), known).await?;
        let able = json!({ "kind": "able", "pan_tilt": true, "zoom": false, "presets": [] });
        ensure!(found == able, "{found}");

        let (status, said) = hub
            .call("POST", &format!("{path}/move"), Some(&json!({ "pan": -1, "tilt": 0.5 })))
            .await?;
        ensure!(status == 204, "{status} {said}");
        until_said(&mut device, "continuous_move: profile=").await?;
        // Nobody holds it any longer.
        until_said(&mut device, "stop: profile=").await?;
        let said: Vec<String> = device.lines().into_iter().map(|line| line.text).collect();
        let turned = said.iter().any(|line| line.ends_with("pan=-1.000 tilt=0.500 zoom=0.000"));
        ensure!(turned, "{said:?}");
        let (status, said) = hub
            .call("POST", &format!("{path}/preset"), Some(&json!({ "token": "preset_7" })))
            .await?;
        ensure!(status == 204, "{status} {said}");
        until_said(&mut device, "moving to preset=preset_7").await?;
        server.stop().await;
        Ok(())
    });
}
