//! What people and broken cameras do: each has a clear message with what to do, and loses nothing.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use tarsier_demo::AuthScheme;
use tarsier_tests::hub::{HubOptions, HubProcess, program};
use tarsier_types::StreamKind;

use crate::recording::until_written;
use crate::{camera, cameras, guarded_cameras, hub, journey};

/// Tests an address and expects that problem, with words for a person.
async fn refused(hub: &HubProcess, request: &Value, code: &str) -> anyhow::Result<Value> {
    let (status, problem) = hub.call("POST", "/api/v1/cameras/test", Some(request)).await?;
    ensure!(status >= 400, "{request} is refused, not {status} {problem}");
    ensure!(problem["code"] == code, "{request}: {code} is expected, not {problem}");
    let words =
        |key: &str| problem[key].as_str().is_some_and(|text| text.len() > 15 && text.contains(' '));
    ensure!(
        words("message") && words("hint"),
        "a person is told what happened and what to do: {problem}"
    );
    Ok(problem)
}

#[test]
fn a_test_tells_exactly_what_is_wrong() {
    journey(async {
        let (_folder, hub) = hub().await?;
        let url = |url: &str| json!({ "url": url });
        refused(&hub, &url(""), "bad_url").await?;
        refused(&hub, &url("rtsp://127.0.0.1/a b"), "bad_url").await?;
        refused(&hub, &url("gopher://127.0.0.1/"), "bad_url").await?;
        refused(&hub, &url("127.0.0.1"), "bad_url").await?;
        refused(&hub, &url("rtsp://"), "bad_url").await?;
        refused(&hub, &url("rtsp://no-such-host.invalid/main"), "host_unknown").await?;
        // A port that was free a moment ago.
        let closed = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        refused(&hub, &url(&format!("rtsp://127.0.0.1:{closed}/main")), "port_closed").await?;
        let server = cameras(1).await?;
        let port = server.addr().port();
        refused(&hub, &url(&format!("rtsp://127.0.0.1:{port}/nowhere")), "no_such_path").await?;
        server.stop().await;
        Ok(())
    });
}

#[test]
fn a_server_that_says_nothing_is_reported_within_ten_seconds() {
    journey(async {
        let (_folder, hub) = hub().await?;
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let port = silent.local_addr()?.port();
        tokio::spawn(async move {
            let mut kept = Vec::new();
            while let Ok((connection, _)) = silent.accept().await {
                kept.push(connection);
            }
        });
        let request = json!({ "url": format!("rtsp://127.0.0.1:{port}/main") });
        let asked =
            tokio::time::timeout(Duration::from_secs(12), refused(&hub, &request, "no_pictures"));
        asked.await.context("a test answers within 10 s")??;
        Ok(())
    });
}

#[test]
fn passwords_of_every_kind_open_the_camera_and_wrong_ones_are_called_wrong() {
    journey(async {
        let (_folder, hub) = hub().await?;
        for (auth, password) in [
            (AuthScheme::Digest, "p@ss:w/rd?#%41"),
            (AuthScheme::Basic, "p@ss:w/rd?#%41"),
            (AuthScheme::Digest, "pläin"),
        ] {
            let server = guarded_cameras(auth, "admin", password).await?;
            let url = server.url(1, StreamKind::Sub);
            let good = json!({ "url": url, "username": "admin", "password": password });
            let (status, found) = hub.call("POST", "/api/v1/cameras/test", Some(&good)).await?;
            ensure!(status == 200, "{password:?} opens the camera: {status} {found}");
            ensure!(found["video"]["width"] == 640, "the picture is described: {}", found["video"]);
            let jpeg = found["still_jpeg_base64"].as_str().context("a picture")?;
            ensure!(jpeg.starts_with("/9j/"), "the picture is a JPEG");
            refused(
                &hub,
                &json!({ "url": url, "username": "admin", "password": "wrong" }),
                "wrong_credentials",
            )
            .await?;
            refused(&hub, &json!({ "url": url }), "credentials_needed").await?;
            server.stop().await;
        }
        Ok(())
    });
}

#[test]
fn a_camera_with_a_wrong_password_is_not_tried_again_until_it_is_changed() {
    journey(async {
        let server = guarded_cameras(AuthScheme::Digest, "admin", "right").await?;
        let (_folder, hub) = hub().await?;
        let mut new = camera(&server, 1, "Lobby");
        new["username"] = json!("admin");
        new["password"] = json!("wrong");
        let id = hub.add_camera(&new).await?;
        let status = hub.until_state(&id, "stopped", Duration::from_secs(20)).await?;
        ensure!(status["problem"]["code"] == "wrong_credentials", "the reason is told: {status}");
        let change = json!({ "password": "right" });
        let (code, _) = hub.call("PATCH", &format!("/api/v1/cameras/{id}"), Some(&change)).await?;
        ensure!(code == 200, "the password is changed: {code}");
        hub.until_state(&id, "recording", Duration::from_secs(20)).await?;
        server.stop().await;
        Ok(())
    });
}

#[test]
fn two_cameras_cannot_share_a_name() {
    journey(async {
        let server = cameras(2).await?;
        let (_folder, hub) = hub().await?;
        hub.add_camera(&camera(&server, 1, "Door")).await?;
        let (status, problem) =
            hub.call("POST", "/api/v1/cameras", Some(&camera(&server, 2, "door"))).await?;
        ensure!(status == 409 && problem["code"] == "name_taken", "{status} {problem}");
        let list = hub.get("/api/v1/cameras").await?;
        ensure!(
            list["items"].as_array().is_some_and(|items| items.len() == 1),
            "only one was added: {list}"
        );
        server.stop().await;
        Ok(())
    });
}

#[test]
fn a_second_hub_on_the_same_folder_is_refused_and_the_first_goes_on() {
    journey(async {
        let (folder, hub) = hub().await?;
        let output = tokio::process::Command::new(program("tarsierd")?)
            .arg("serve")
            .arg("--data-dir")
            .arg(folder.path())
            .args(["--listen", "127.0.0.1:0"])
            .output()
            .await?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.code() == Some(4), "exit code 4, not {:?}: {said}", output.status);
        ensure!(said.contains("another tarsierd"), "it says that the folder is in use: {said}");
        hub.get("/api/v1/system").await?;
        Ok(())
    });
}

#[test]
fn a_broken_database_is_set_aside_and_cameras_and_footage_are_there_again() {
    journey(async {
        let server = cameras(1).await?;
        let (folder, hub) = hub().await?;
        let id = hub.add_camera(&camera(&server, 1, "Attic")).await?;
        until_written(&hub, &id, 60).await?;
        hub.stop().await?;
        let database = folder.path().join("tarsier.db");
        std::fs::write(
            &database,
            b"this is no database at all, but it is long enough to be looked at closely",
        )?;
        let _ = std::fs::remove_file(folder.path().join("tarsier.db-wal"));
        let kept = tarsier_tests::footage::files(&folder.path().join("footage"));
        let hub = HubProcess::start(folder.path(), &HubOptions::default()).await?;
        let is_aside = |name: &str| name.starts_with("tarsier.db") && name.contains("corrupt");
        let aside = std::fs::read_dir(folder.path())?
            .flatten()
            .any(|entry| is_aside(&entry.file_name().to_string_lossy()));
        ensure!(aside, "the broken database is kept beside the new one");
        hub.until_state(&id, "recording", Duration::from_secs(30)).await?;
        let path = format!("/api/v1/cameras/{id}/main/segments");
        hub.until("what was recorded before", &path, Duration::from_secs(20), |list| {
            (list["items"].as_array()?.len() > kept.len()).then_some(())
        })
        .await?;
        hub.until_logged("tarsier.db", Duration::from_secs(20)).await?;
        server.stop().await;
        Ok(())
    });
}

#[test]
fn a_camera_can_be_deleted_while_it_is_watched_and_its_footage_stays() {
    journey(async {
        let server = cameras(1).await?;
        let (folder, hub) = hub().await?;
        let id = hub.add_camera(&camera(&server, 1, "Pond")).await?;
        until_written(&hub, &id, 60).await?;
        let mut viewer = crate::live::Viewer::open(&hub, &id, "main").await?;
        viewer.until_pictures(10).await?;
        let (status, _) = hub.call("DELETE", &format!("/api/v1/cameras/{id}"), None).await?;
        ensure!(status == 204, "deleting answers 204, not {status}");
        let end = viewer.until_message("ended").await?;
        ensure!(end["problem"]["message"].is_string(), "the viewer is told why: {end}");
        let (status, problem) =
            hub.call("GET", &format!("/api/v1/cameras/{id}/status"), None).await?;
        ensure!(status == 404 && problem["code"] == "not_found", "{status} {problem}");
        ensure!(
            !tarsier_tests::footage::files(&folder.path().join("footage")).is_empty(),
            "footage stays"
        );
        server.stop().await;
        Ok(())
    });
}

#[test]
fn bad_requests_are_answered_with_problems() {
    journey(async {
        let (_folder, hub) = hub().await?;
        let cases: [(&str, &str, Option<Value>, u16); 6] = [
            ("POST", "/api/v1/cameras", Some(json!({ "name": "x" })), 422),
            (
                "POST",
                "/api/v1/cameras",
                Some(json!({ "name": "", "main": { "url": "rtsp://127.0.0.1/x" } })),
                422,
            ),
            ("GET", "/api/v1/cameras/none/status", None, 404),
            ("GET", "/api/v1/nothing", None, 404),
            ("PUT", "/api/v1/cameras", Some(json!({})), 405),
            ("GET", "/api/v1/cameras/none/main/still.jpg?at_utc_ms=abc", None, 400),
        ];
        for (method, path, body, expected) in cases {
            let (status, problem) = hub.call(method, path, body.as_ref()).await?;
            let is_close = status == expected
                || (expected == 422 && status == 400)
                || (expected == 400 && status == 404);
            ensure!(is_close, "{method} {path}: {expected} is expected, not {status} {problem}");
            ensure!(
                problem["code"].is_string() && problem["hint"].is_string(),
                "{method} {path}: {problem}"
            );
        }
        Ok(())
    });
}
