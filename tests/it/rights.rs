//! Nothing is answered without a token, and a token gives what it names.

use anyhow::ensure;
use serde_json::Value;
use tarsier_tests::hub::token;

use crate::{camera, cameras, hub, journey};

#[test]
fn every_route_of_the_api_wants_a_token() {
    journey(async {
        let (_folder, hub) = hub().await?;
        let document = hub.get("/api/v1/openapi.json").await?;
        let client = reqwest::Client::new();
        let mut asked = 0;
        for (path, methods) in document["paths"].as_object().into_iter().flatten() {
            if ["/healthz", "/readyz"].contains(&path.as_str()) {
                continue;
            }
            let real =
                path.replace("{id}", "x").replace("{camera}", "x").replace("{stream}", "main");
            let real = real
                .replace("{file}", "1.mp4")
                .replace("{start}", "1.mp4")
                .replace("{start_utc_ms}", "1");
            for method in
                methods.as_object().into_iter().flatten().map(|(method, _)| method.to_uppercase())
            {
                let Ok(method) = method.parse::<reqwest::Method>() else { continue };
                let answer =
                    client.request(method.clone(), format!("{}{real}", hub.url)).send().await?;
                let status = answer.status().as_u16();
                let problem: Value =
                    serde_json::from_str(&answer.text().await?).unwrap_or_default();
                ensure!(
                    status == 401 && problem["code"] == "unauthorized",
                    "{method} {path}: {status} {problem}"
                );
                asked += 1;
            }
        }
        ensure!(asked > 15, "the document lists the routes: only {asked} were asked");
        Ok(())
    });
}

#[test]
fn a_viewer_of_one_camera_sees_that_one_and_changes_nothing() {
    journey(async {
        let server = cameras(2).await?;
        let (folder, mut hub) = hub().await?;
        let mine = hub.add_camera(&camera(&server, 1, "Mine")).await?;
        let other = hub.add_camera(&camera(&server, 2, "Other")).await?;
        hub.token = token(folder.path(), &["--role", "viewer", "--camera", &mine]).await?;
        let list = hub.get("/api/v1/cameras").await?;
        let ids: Vec<&str> = list["items"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|c| c["id"].as_str())
            .collect();
        ensure!(ids == [mine.as_str()], "only its own camera is listed: {ids:?}");
        for (method, path, expected) in [
            ("GET", format!("/api/v1/cameras/{mine}/status"), 200),
            ("GET", format!("/api/v1/cameras/{other}/status"), 403),
            (
                "GET",
                format!(
                    "/api/v1/cameras/{other}/main/segments?from_utc_ms=0&to_utc_ms=4000000000000"
                ),
                403,
            ),
            ("GET", format!("/api/v1/cameras/{other}/main/still.jpg"), 403),
            ("DELETE", format!("/api/v1/cameras/{mine}"), 403),
            ("POST", "/api/v1/system/stop".to_owned(), 403),
        ] {
            let (status, problem) = hub.call(method, &path, None).await?;
            ensure!(
                status == expected,
                "{method} {path}: {expected} is expected, not {status} {problem}"
            );
        }
        ensure!(
            crate::live::Viewer::open(&hub, &other, "main").await.is_err(),
            "live of the other is refused"
        );
        ensure!(
            crate::live::Viewer::open(&hub, &other, "auto").await.is_err(),
            "whatever its connection takes"
        );
        for stream in ["main", "auto"] {
            crate::live::Viewer::open(&hub, &mine, stream).await?;
        }
        let asked = serde_json::json!({ "camera_id": other, "right": "live" });
        let (status, problem) = hub.call("POST", "/api/v1/session/stream", Some(&asked)).await?;
        ensure!(status == 403, "nor is a token made for it: {status} {problem}");
        server.stop().await;
        Ok(())
    });
}

#[test]
fn other_web_sites_are_refused() {
    journey(async {
        let (_folder, hub) = hub().await?;
        let client = reqwest::Client::new();
        let url = format!("{}/api/v1/system", hub.url);
        for (name, value) in [("host", "evil.example"), ("origin", "https://evil.example")] {
            let answer =
                client.get(&url).bearer_auth(&hub.token).header(name, value).send().await?;
            let status = answer.status().as_u16();
            let problem: Value = answer.json().await?;
            ensure!(
                status == 403 && problem["code"] == "foreign_origin",
                "{name}: {value}: {status} {problem}"
            );
        }
        Ok(())
    });
}
