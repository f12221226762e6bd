//! Passwords appear in no log, process list, file, error or answer: a camera's, and those that are given to programs.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::json;
use tarsier_demo::AuthScheme;

use crate::recording::until_written;
use crate::rtsp::Login;
use crate::{camera, cameras, guarded_cameras, hub, journey};

const CANARY: &str = "kanarienvogel-7#@1";

#[test]
fn a_password_is_found_nowhere() {
    journey(async {
        let server = guarded_cameras(AuthScheme::Digest, "admin", CANARY).await?;
        let (folder, hub) = hub().await?;
        let mut new = camera(&server, 1, "Vault");
        let plain = new["main"]["url"].as_str().context("url")?.to_owned();
        // Pasted as people do: inside the URL.
        new["main"]["url"] =
            json!(plain.replacen("rtsp://", &format!("rtsp://admin:{CANARY}@"), 1));
        let id = hub.add_camera(&new).await?;
        until_written(&hub, &id, 30).await?;
        let mut answers = String::new();
        for path in [
            "/api/v1/cameras".to_owned(),
            format!("/api/v1/cameras/{id}"),
            format!("/api/v1/cameras/{id}/status"),
            "/api/v1/recorders".to_owned(),
            "/api/v1/system".to_owned(),
            "/api/v1/storage".to_owned(),
            "/metrics".to_owned(),
        ] {
            let (_, body) = hub.get_bytes(&path).await?;
            answers.push_str(&String::from_utf8_lossy(&body));
        }
        // Errors too: a refused test, and a camera that goes away.
        let wrong =
            json!({ "url": plain, "username": "admin", "password": format!("{CANARY}-wrong") });
        answers
            .push_str(&hub.call("POST", "/api/v1/cameras/test", Some(&wrong)).await?.1.to_string());
        let processes = process_list()?;
        ensure!(processes.contains("tarsier-recorder"), "the recorder is in the process list");
        server.stop().await;
        let path = format!("/api/v1/cameras/{id}/status");
        let status = hub.until("a problem", &path, Duration::from_secs(30), |status| {
            status["problem"].is_object().then(|| status.to_string())
        });
        answers.push_str(&status.await?);
        let logs = hub.logs();
        hub.stop().await?;
        let needle = "kanarienvogel";
        ensure!(!answers.contains(needle), "an answer holds the password");
        ensure!(!processes.contains(needle), "the process list holds the password");
        ensure!(!logs.contains(needle), "a log holds the password");
        ensure!(!logs.is_empty(), "there are logs to look at");
        in_no_file(folder.path(), needle)?;
        Ok(())
    });
}

#[test]
fn a_password_for_rtsp_is_told_to_who_asks_for_it_and_found_nowhere_else() {
    journey(async {
        let server = cameras(1).await?;
        let (folder, hub) = hub().await?;
        let id = hub.add_camera(&camera(&server, 1, "Yard")).await?;
        until_written(&hub, &id, 30).await?;
        let login = Login::given(&hub, &[&id]).await?;
        let path = format!("/api/v1/tokens/{}/rtsp-login", login.id);
        let (status, told) = hub.call("POST", &path, None).await?;
        ensure!(status == 200 && told["password"] == login.password, "{status}");
        login.play_by_digest(&hub, &id).await?;
        let mut answers = String::new();
        for path in [
            "/api/v1/tokens",
            "/api/v1/system",
            "/api/v1/status",
            "/api/v1/cameras",
            "/api/v1/recorders",
            "/api/v1/alerts",
            "/metrics",
        ] {
            let (status, body) = hub.get_bytes(path).await?;
            ensure!(status == 200, "{path}: {status}");
            answers.push_str(&String::from_utf8_lossy(&body));
        }
        let processes = process_list()?;
        let logs = hub.logs();
        hub.stop().await?;
        server.stop().await;
        ensure!(answers.contains(&login.id), "it is listed");
        ensure!(!answers.contains(&login.password), "an answer holds the password");
        ensure!(!processes.contains(&login.password), "the process list holds the password");
        ensure!(logs.contains(&login.id), "that it was told is in the log");
        ensure!(!logs.contains(&login.password), "a log holds the password");
        in_no_file(folder.path(), &login.password)?;
        in_no_file(folder.path(), &login.token)?;
        Ok(())
    });
}

pub(crate) fn in_no_file(folder: &Path, needle: &str) -> anyhow::Result<()> {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)?.flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(bytes) = std::fs::read(&path) {
                let is_in = bytes.windows(needle.len()).any(|window| window == needle.as_bytes());
                ensure!(!is_in, "{} holds the password", path.display());
            }
        }
    }
    Ok(())
}

/// Command lines and environments of all processes.
fn process_list() -> anyhow::Result<String> {
    let mut text = String::new();
    for entry in std::fs::read_dir("/proc")?.flatten() {
        for file in ["cmdline", "environ"] {
            let bytes = std::fs::read(entry.path().join(file)).unwrap_or_default();
            text.push_str(&String::from_utf8_lossy(&bytes).replace('\0', " "));
            text.push('\n');
        }
    }
    Ok(text)
}
