//! A camera is turned over ONVIF, from the API to the device: by one that others wrote, and by one of ours that misbehaves.

mod real;

use std::time::Duration;

use anyhow::ensure;
use serde_json::{Value, json};
use tarsier_demo::DemoServer;
use tarsier_tests::hub::{HubProcess, stderr_of, token};
use tarsier_tests::onvif::{Mood, OnvifCamera, OnvifOptions};
use tarsier_types::{Clock as _, SystemClock};

use crate::secrets::in_no_file;
use crate::{camera, cameras, hub, journey};

/// For what happens within a second or two on a machine that is not busy.
const SOON: Duration = Duration::from_secs(30);
const CANARY: &str = "kanarienvogel-3@#";

/// A hub with one camera that is turned at that address.
struct Scene {
    folder: tempfile::TempDir,
    hub: HubProcess,
    id: String,
    server: DemoServer,
}

impl Scene {
    async fn new(onvif_url: &str) -> anyhow::Result<Self> {
        let server = cameras(1).await?;
        let (folder, hub) = hub().await?;
        let mut new = camera(&server, 1, "Yard");
        new["onvif_url"] = json!(onvif_url);
        let id = hub.add_camera(&new).await?;
        Ok(Self { folder, hub, id, server })
    }

    /// What the hub says of it once it has been asked.
    async fn ptz(&self) -> anyhow::Result<Value> {
        let path = format!("/api/v1/cameras/{}/ptz", self.id);
        let known = |ptz: &Value| {
            (ptz["kind"].is_string() && ptz["kind"] != "looking").then(|| ptz.clone())
        };
        self.hub.until("known whether it turns", &path, SOON, known).await
    }

    async fn post(&self, what: &str, body: Option<&Value>) -> anyhow::Result<(u16, Value)> {
        self.hub.call("POST", &format!("/api/v1/cameras/{}/ptz/{what}", self.id), body).await
    }

    async fn turn(&self, body: Value) -> anyhow::Result<(u16, Value)> {
        self.post("move", Some(&body)).await
    }
}

#[test]
fn a_camera_that_does_not_know_its_own_address_is_turned_and_told_to_stop() {
    journey(async {
        let device = OnvifCamera::start(OnvifOptions::default()).await?;
        let scene = Scene::new(&device.url()).await?;
        let presets = json!([
            { "token": "1", "name": "Front door" }, { "token": "2", "name": "Gate & street" },
        ]);
        let expected =
            json!({ "kind": "able", "pan_tilt": true, "zoom": true, "presets": presets });
        let found = scene.ptz().await?;
        ensure!(found == expected, "{found}");

        let (status, said) = scene.turn(json!({ "pan": 0.5, "tilt": -1, "zoom": 0.25 })).await?;
        ensure!(status == 204, "{status} {said}");
        let (status, said) = scene.post("stop", None).await?;
        ensure!(status == 204, "{status} {said}");
        let (status, said) = scene.post("preset", Some(&json!({ "token": "2" }))).await?;
        ensure!(status == 204, "{status} {said}");
        let told = device.told();
        ensure!(told.first().is_some_and(|it| it == "ContinuousMove 0.5 -1 0.25"), "{told:?}");
        ensure!(told.last().is_some_and(|it| it == "GotoPreset 2"), "{told:?}");
        ensure!(told.iter().any(|it| it == "Stop"), "{told:?}");

        let (status, said) = scene.turn(json!({ "pan": 1.5 })).await?;
        ensure!(status == 400 && said["field"] == "/pan", "{status} {said}");
        let (status, said) = scene.post("preset", Some(&json!({ "token": "" }))).await?;
        ensure!(status == 400, "{status} {said}");
        Ok(())
    });
}

#[test]
fn a_page_that_vanishes_leaves_no_camera_turning() {
    journey(async {
        let device = OnvifCamera::start(OnvifOptions::default()).await?;
        let scene = Scene::new(&device.url()).await?;
        scene.ptz().await?;
        let (status, said) = scene.turn(json!({ "pan": 1 })).await?;
        ensure!(status == 204, "{status} {said}");
        // Nobody says another word.
        let stops = |told: &[String]| told.last().is_some_and(|it| it == "Stop");
        device.until_told("the hub stops it", SOON, stops).await?;

        // Nor does a hub that goes down leave one.
        let (status, said) = scene.turn(json!({ "zoom": -1 })).await?;
        ensure!(status == 204, "{status} {said}");
        scene.hub.stop().await?;
        device.until_told("the hub stops it before it ends", SOON, stops).await?;
        let turns = device.told().iter().filter(|it| it.starts_with("ContinuousMove")).count();
        ensure!(turns == 2, "{:?}", device.told());
        Ok(())
    });
}

#[test]
fn a_camera_that_cannot_turn_says_so_and_one_that_is_no_camera_too() {
    journey(async {
        let fixed = OnvifOptions { has_ptz: false, ..OnvifOptions::default() };
        let device = OnvifCamera::start(fixed).await?;
        let scene = Scene::new(&device.url()).await?;
        let found = scene.ptz().await?;
        ensure!(found["kind"] == "unable" && found["problem"]["code"] == "not_found", "{found}");
        let asked = device.asked();
        let (status, said) = scene.turn(json!({ "pan": 1 })).await?;
        ensure!(status == 404 && said["hint"].is_string(), "{status} {said}");
        scene.ptz().await?;
        ensure!(device.asked() == asked, "it is remembered, not asked each time");

        // Another address: it is asked anew. There are pictures, and no SOAP.
        let change = json!({ "onvif_url": scene.hub.url });
        let path = format!("/api/v1/cameras/{}", scene.id);
        let (status, changed) = scene.hub.call("PATCH", &path, Some(&change)).await?;
        ensure!(status == 200, "{status} {changed}");
        let found = scene.ptz().await?;
        ensure!(found["problem"]["code"] == "protocol_error", "{found}");

        // Nor is anything answered to who may only watch.
        let viewer = token(scene.folder.path(), &["--role", "viewer"]).await?;
        let client = reqwest::Client::new();
        for (method, what) in
            [("GET", ""), ("POST", "/stop"), ("POST", "/move"), ("POST", "/preset")]
        {
            let url = format!("{}{path}/ptz{what}", scene.hub.url);
            let request = client.request(method.parse()?, url).bearer_auth(&viewer);
            let answer = request.json(&json!({})).send().await?;
            ensure!(answer.status() == 403, "{method} {what}: {}", answer.status());
        }
        Ok(())
    });
}

#[test]
fn a_password_for_onvif_alone_is_kept_and_shown_nowhere_and_a_wrong_one_is_tried_once() {
    journey(async {
        let login = Some(("turner".to_owned(), CANARY.to_owned()));
        let options = OnvifOptions { login, ..OnvifOptions::default() };
        let device = OnvifCamera::start(options).await?;
        let with =
            |password: &str| device.url().replacen("://", &format!("://turner:{password}@"), 1);
        let scene = Scene::new(&with("wrong")).await?;
        let found = scene.ptz().await?;
        ensure!(found["problem"]["code"] == "wrong_credentials", "{found}");
        let asked = device.asked();
        for _ in 0..3 {
            let (status, said) = scene.turn(json!({ "pan": 1 })).await?;
            ensure!(status == 502 && said["code"] == "wrong_credentials", "{status} {said}");
        }
        ensure!(device.asked() == asked, "cameras lock an account after a few wrong passwords");

        let path = format!("/api/v1/cameras/{}", scene.id);
        let change = json!({ "onvif_url": with(CANARY) });
        let (status, changed) = scene.hub.call("PATCH", &path, Some(&change)).await?;
        ensure!(status == 200 && changed["onvif_url"] == device.url(), "{status} {changed}");
        let found = scene.ptz().await?;
        ensure!(found["kind"] == "able", "{found}");
        let (status, said) = scene.turn(json!({ "tilt": 1 })).await?;
        ensure!(status == 204, "{status} {said}");
        let told = device.told();
        ensure!(told.first().is_some_and(|it| it == "ContinuousMove 0 1 0"), "{told:?}");

        // It comes back with the hub, and stands in no log, answer or file.
        let Scene { folder, hub, id, server } = scene;
        let mut answers = found.to_string() + &changed.to_string() + &hub.logs();
        hub.stop().await?;
        let hub =
            HubProcess::start(folder.path(), &tarsier_tests::hub::HubOptions::default()).await?;
        let scene = Scene { folder, hub, id, server };
        let found = scene.ptz().await?;
        ensure!(found["kind"] == "able", "{found}");
        answers += &(scene.hub.get(&path).await?.to_string() + &scene.hub.logs());
        answers += &stderr_of(scene.folder.path());
        ensure!(!answers.contains("kanarienvogel"), "the password is shown");
        let Scene { folder, hub, server, .. } = scene;
        hub.stop().await?;
        server.stop().await;
        in_no_file(folder.path(), "kanarienvogel")?;
        Ok(())
    });
}

#[test]
fn a_camera_that_hangs_holds_up_nobody_and_is_turned_when_it_is_well_again() {
    journey(async {
        let device = OnvifCamera::start(OnvifOptions::default()).await?;
        let scene = Scene::new(&device.url()).await?;
        scene.ptz().await?;
        device.set(Mood::Hangs);
        let clock = SystemClock::start();
        let others = async {
            let mut slowest = Duration::ZERO;
            for _ in 0..10 {
                let began = clock.mono();
                scene.hub.get("/api/v1/system").await?;
                slowest = slowest.max(clock.mono().since(began));
            }
            Ok::<_, anyhow::Error>(slowest)
        };
        let (hung, slowest) = tokio::join!(scene.turn(json!({ "pan": 1 })), others);
        let (status, said) = hung?;
        ensure!(status == 502 && said["code"] == "host_unreachable", "{status} {said}");
        let slowest = slowest?;
        ensure!(slowest < Duration::from_secs(5), "the hub is busy for {slowest:?}");

        device.set(Mood::Well);
        let found = scene.ptz().await?;
        ensure!(found["kind"] == "able", "{found}");
        let (status, said) = scene.turn(json!({ "pan": -1 })).await?;
        ensure!(status == 204, "{status} {said}");
        let told = device.told();
        ensure!(told.iter().any(|it| it == "ContinuousMove -1 0 0"), "{told:?}");
        Ok(())
    });
}
