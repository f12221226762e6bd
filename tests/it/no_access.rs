//! What cannot be reached: a folder that may not be written to, a host that does not answer. Each is told in words.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::json;
use tarsier_tests::disk::{Access, Disk};
use tarsier_tests::hub::{HubOptions, HubProcess, program};
use tarsier_tests::own_namespace::{Machine, SILENT_HOST, UNREACHABLE_HOST, unreachable_hosts};
use tarsier_types::{Clock as _, SystemClock};

use crate::{hub, journey_alone};

/// SPEC section 2: a test answers within 10 s; a busy machine gets a second more.
const ANSWER: Duration = Duration::from_secs(11);

/// `tarsierd serve` on that folder ends by itself; answers its exit code and what it said.
async fn refused_start(data_dir: &std::path::Path) -> anyhow::Result<(Option<i32>, String)> {
    let output = tokio::process::Command::new(program("tarsierd")?)
        .arg("serve")
        .arg("--data-dir")
        .arg(data_dir)
        .args(["--listen", "127.0.0.1:0"])
        .kill_on_drop(true)
        .output();
    let output =
        tokio::time::timeout(Duration::from_secs(20), output).await.context("it goes on")??;
    Ok((output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned()))
}

#[test]
fn a_hub_on_a_read_only_disk_ends_with_code_5_and_says_what_to_do() {
    journey_alone(Machine::Ordinary, async {
        let folder = tempfile::tempdir()?;
        let place = folder.path().join("disk");
        let disk = Disk::in_memory(&place, 64 << 20)?;
        // A folder that a hub has used, and one that is to be made.
        let used = place.join("used");
        HubProcess::start(&used, &HubOptions::default()).await?.stop().await?;
        disk.set(Access::ReadOnly)?;
        for data_dir in [used, place.join("new")] {
            let (code, said) = refused_start(&data_dir).await?;
            ensure!(code == Some(5), "exit code 5, not {code:?}: {said}");
            ensure!(
                said.contains("cannot write to") && said.contains("--data-dir"),
                "what is wrong and what to do: {said}"
            );
            ensure!(
                said.contains(&*data_dir.to_string_lossy()),
                "it names the folder {}: {said}",
                data_dir.display()
            );
        }
        Ok(())
    });
}

#[test]
fn a_host_that_cannot_be_reached_is_told_within_ten_seconds() {
    journey_alone(Machine::Ordinary, async {
        unreachable_hosts()?;
        let (_folder, hub) = hub().await?;
        let clock = SystemClock::start();
        for host in [SILENT_HOST, UNREACHABLE_HOST] {
            let url = format!("rtsp://{host}/main");
            let began = clock.mono();
            let (status, problem) =
                hub.call("POST", "/api/v1/cameras/test", Some(&json!({ "url": url }))).await?;
            let took = clock.mono().since(began);
            ensure!(status >= 400 && problem["code"] == "host_unreachable", "{status} {problem}");
            ensure!(took < ANSWER, "a test of {host} took {took:?}");
            let said = problem["message"].as_str().context("a message")?;
            ensure!(said.contains(host), "the message names the host: {said}");
            ensure!(
                problem["hint"].as_str().is_some_and(|hint| hint.contains("network")),
                "what to do: {problem}"
            );

            let name = format!("Camera at {host}");
            let id = hub.add_camera(&json!({ "name": name, "main": { "url": url } })).await?;
            let status = hub.until_state(&id, "offline", ANSWER).await?;
            ensure!(
                status["problem"]["code"] == "host_unreachable",
                "its status says why: {status}"
            );
            ensure!(
                status["problem"]["message"].as_str().is_some_and(|said| said.contains(&name)),
                "and which camera it is: {status}"
            );
        }
        Ok(())
    });
}
