//! The router as a whole, in process: a temporary data folder, recorders that cannot be started.

mod alerting;
mod connections;
mod modes;

use std::collections::HashSet;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tarsier_api::rights::Role;
use tarsier_index::{NewSegment, SegmentState};
use tarsier_types::{
    CameraId, Clock, Codec, ParameterSets, StreamKind, SystemClock, Ticks, UtcMs, VideoParameters,
};
use tokio::sync::mpsc;
use tower::ServiceExt;

use crate::data_dir::DataDir;
use crate::guard::Guard;
use crate::hub::Hub;
use crate::programs::ChildPrograms;
use crate::storage::Nudge;
use crate::ui::Ui;
use crate::{http, reports, serve};

const HOST: &str = "127.0.0.1:8787";
/// Must be found nowhere.
const CANARY: &str = "canary-9c1f";

mod hls;
mod leftovers;
mod policy;
mod storage;
mod webrtc;

struct Running {
    dir: tempfile::TempDir,
    hub: Arc<Hub>,
    router: Router,
    /// For [`storage::run`].
    nudges: Option<mpsc::Receiver<Nudge>>,
}

struct Answer {
    status: StatusCode,
    content_type: String,
    body: Vec<u8>,
    headers: axum::http::HeaderMap,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    fn assert_problem(&self, status: StatusCode, code: &str, asked: &str) {
        assert_eq!(self.status, status, "{asked}: {}", self.text());
        assert_eq!(self.content_type, "application/problem+json", "{asked}");
        let problem = self.json();
        assert_eq!(problem["code"], code, "{asked}");
        for words in ["message", "hint"] {
            assert!(
                problem[words]
                    .as_str()
                    .is_some_and(|text| text.ends_with(|c: char| c == '.' || c.is_alphanumeric())),
                "{asked}: {problem}"
            );
        }
    }
}

async fn start() -> Running {
    start_in(tempfile::tempdir().unwrap()).await
}

async fn start_in(dir: tempfile::TempDir) -> Running {
    let clock = SystemClock::start();
    let data = DataDir::open(dir.path(), clock.utc().0).unwrap();
    let programs = ChildPrograms::in_folder(&dir.path().join("no-programs"));
    let guard = Guard::new(HOST.parse().unwrap());
    let (hub, inbox, nudges) =
        serve::build(data, clock, programs, Ui::Missing, guard).await.unwrap();
    tokio::spawn(reports::run(hub.clone(), inbox));
    tokio::spawn(crate::alerts::run(hub.clone()));
    for camera in hub.all_cameras() {
        hub.connect(&camera).await;
    }
    let router = http::router(hub.clone());
    Running { dir, hub, router, nudges: Some(nudges) }
}

impl Running {
    fn token(&self, role: Role, cameras: Option<&[&str]>) -> String {
        let cameras = cameras.map(|ids| ids.iter().map(|id| (*id).to_owned()).collect());
        self.hub.tokens.issue("test", role, cameras, self.hub.now(), Duration::from_secs(60)).0
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let content_type = headers
            .get(header::CONTENT_TYPE)
            .map(|v| v.to_str().unwrap().to_owned())
            .unwrap_or_default();
        // A stream of events does not end.
        let body = if content_type == "text/event-stream" {
            Vec::new()
        } else {
            response.into_body().collect().await.unwrap().to_bytes().to_vec()
        };
        Answer { status, content_type, body, headers }
    }

    async fn ask(
        &self,
        token: Option<&str>,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path).header(header::HOST, HOST);
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let body = match body {
            Some(json) => {
                request = request.header(header::CONTENT_TYPE, "application/json");
                Body::from(json.to_string())
            }
            None => Body::empty(),
        };
        self.send(request.body(body).unwrap()).await
    }

    async fn admin(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        self.ask(Some(&self.token(Role::Admin, None)), method, path, body).await
    }

    async fn add(&self, name: &str) -> Answer {
        let url = format!("rtsp://admin:{CANARY}@127.0.0.1:9/main");
        let body = json!({ "name": name, "main": { "url": url }, "sub": { "url": "rtsp://127.0.0.1:9/sub" } });
        self.admin(Method::POST, "/api/v1/cameras", Some(body)).await
    }
}

/// Every route of the document with a method, its variables filled in.
fn routes() -> Vec<(Method, String)> {
    let document = serde_json::to_value(http::document()).unwrap();
    let mut routes = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let path = ["{id}", "{camera}"]
            .iter()
            .fold(path.clone(), |path, name| path.replace(name, "garden"));
        let path = path.replace("{stream}", "main").replace("{file}", "1795205700000.mp4");
        for method in item.as_object().unwrap().keys() {
            if let Ok(method) = Method::from_bytes(method.to_uppercase().as_bytes()) {
                routes.push((method, path.clone()));
            }
        }
    }
    assert!(routes.len() >= 20, "the document names the routes: {routes:?}");
    routes
}

#[tokio::test]
async fn every_route_asks_for_a_token() {
    let running = start().await;
    running.add("Garden").await;
    let expired = running
        .hub
        .tokens
        .issue("test", Role::Admin, None, tarsier_types::UtcMs(0), Duration::from_secs(1))
        .0;
    for (method, path) in routes() {
        let asked = format!("{method} {path}");
        for token in [None, Some(""), Some("forged"), Some(expired.as_str())] {
            let answer = running.ask(token, method.clone(), &path, None).await;
            answer.assert_problem(StatusCode::UNAUTHORIZED, "unauthorized", &asked);
            assert!(answer.headers.contains_key(header::WWW_AUTHENTICATE), "{asked}");
        }
        let in_query = format!("{path}?token=forged");
        let answer = running.ask(None, method, &in_query, None).await;
        answer.assert_problem(StatusCode::UNAUTHORIZED, "unauthorized", &asked);
    }
}

#[tokio::test]
async fn a_viewer_changes_nothing_and_sees_only_his_cameras() {
    let running = start().await;
    for name in ["Garden", "Gate"] {
        assert_eq!(running.add(name).await.status, StatusCode::CREATED);
    }
    let viewer = running.token(Role::Viewer, Some(&["gate"]));
    for (method, path) in routes() {
        let is_change = method != Method::GET && !path.ends_with("/session");
        if is_change || path == "/metrics" {
            let answer = running.ask(Some(&viewer), method.clone(), &path, Some(json!({}))).await;
            answer.assert_problem(StatusCode::FORBIDDEN, "forbidden", &format!("{method} {path}"));
        } else if path.contains("/garden") {
            let path = format!("{path}?from_utc_ms=1&to_utc_ms=2");
            let answer = running.ask(Some(&viewer), method.clone(), &path, None).await;
            answer.assert_problem(StatusCode::FORBIDDEN, "forbidden", &format!("{method} {path}"));
        }
    }
    for path in ["/api/v1/cameras", "/api/v1/status", "/api/v1/recorders", "/api/v1/storage"] {
        let answer = running.ask(Some(&viewer), Method::GET, path, None).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        assert!(
            !answer.text().contains("garden"),
            "{path} tells of a camera that the token is not for"
        );
    }
    let unknown = running.ask(Some(&viewer), Method::GET, "/api/v1/cameras/nothing", None).await;
    unknown.assert_problem(
        StatusCode::FORBIDDEN,
        "forbidden",
        "whether it exists is not told either",
    );
}

#[tokio::test]
async fn foreign_pages_get_nothing() {
    let running = start().await;
    let token = running.token(Role::Admin, None);
    let with = async |headers: &[(&str, &str)]| {
        let mut request = Request::builder()
            .uri("/api/v1/system")
            .header(header::AUTHORIZATION, format!("Bearer {token}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        running.send(request.body(Body::empty()).unwrap()).await
    };
    let own = with(&[("host", HOST), ("origin", "http://127.0.0.1:8787")]).await;
    assert_eq!(own.status, StatusCode::OK, "{}", own.text());
    for foreign in [
        &[("host", "evil.example")][..],
        &[][..],
        &[("host", HOST), ("origin", "https://evil.example")],
        &[("host", HOST), ("origin", "null")],
        &[("host", HOST), ("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "no-cors")],
    ] {
        with(foreign).await.assert_problem(
            StatusCode::FORBIDDEN,
            "foreign_origin",
            &format!("{foreign:?}"),
        );
    }
}

#[tokio::test]
async fn whatever_is_wrong_is_a_problem() {
    let running = start().await;
    running.add("Garden").await;
    let check = async |method: Method, path: &str, body: Option<Value>, status: u16, code: &str| {
        let answer = running.admin(method.clone(), path, body).await;
        answer.assert_problem(
            StatusCode::from_u16(status).unwrap(),
            code,
            &format!("{method} {path}"),
        );
    };
    check(Method::GET, "/api/v1/nothing", None, 404, "not_found").await;
    check(Method::GET, "/live/garden", None, 404, "not_found").await;
    check(Method::PUT, "/api/v1/cameras", None, 405, "bad_request").await;
    check(Method::POST, "/api/v1/cameras", None, 415, "bad_request").await;
    check(Method::POST, "/api/v1/cameras", Some(json!([])), 400, "bad_request").await;
    check(
        Method::POST,
        "/api/v1/cameras",
        Some(json!({"name": "x".repeat(100_000)})),
        413,
        "bad_request",
    )
    .await;
    let url = |url: &str| Some(json!({ "name": "Gate", "main": { "url": url } }));
    check(Method::POST, "/api/v1/cameras", url("gopher://192.0.2.7"), 400, "bad_url").await;
    check(
        Method::POST,
        "/api/v1/cameras",
        Some(json!({"name": "GARDEN", "main": {"url": "rtsp://h/"}})),
        409,
        "name_taken",
    )
    .await;
    check(Method::GET, "/api/v1/cameras/none", None, 404, "not_found").await;
    check(Method::GET, "/api/v1/cameras/%2e%2e/status", None, 404, "not_found").await;
    check(Method::GET, "/api/v1/cameras?limit=x", None, 400, "bad_request").await;
    check(Method::GET, "/api/v1/cameras/garden/timeline", None, 400, "bad_request").await;
    check(
        Method::GET,
        "/api/v1/cameras/garden/timeline?from_utc_ms=5&to_utc_ms=5",
        None,
        400,
        "bad_request",
    )
    .await;
    let forever =
        format!("/api/v1/cameras/garden/timeline?from_utc_ms={}&to_utc_ms={}", i64::MIN, i64::MAX);
    check(Method::GET, &forever, None, 400, "bad_request").await;
    check(
        Method::GET,
        "/api/v1/cameras/garden/other/segments?from_utc_ms=1&to_utc_ms=2",
        None,
        404,
        "not_found",
    )
    .await;
    check(
        Method::GET,
        "/api/v1/cameras/garden/main/vod.m3u8?from_utc_ms=1&to_utc_ms=2",
        None,
        404,
        "no_footage",
    )
    .await;
    check(Method::GET, "/api/v1/cameras/garden/main/still.jpg", None, 404, "no_footage").await;
    check(
        Method::GET,
        "/api/v1/cameras/garden/main/still.jpg?max_width=0",
        None,
        400,
        "bad_request",
    )
    .await;
    check(Method::GET, "/api/v1/cameras/garden/main/segments/7.mp4", None, 404, "no_footage").await;
    check(Method::GET, "/api/v1/cameras/garden/main/segments/x.mp4", None, 404, "not_found").await;
    check(Method::GET, "/live/garden/main/mse", None, 400, "bad_request").await;
    check(Method::POST, "/api/v1/demo", Some(json!({"cameras": 0})), 400, "bad_request").await;
}

#[tokio::test]
async fn a_camera_is_added_changed_and_deleted() {
    let running = start().await;
    let added = running.add("Front door").await;
    assert_eq!(added.status, StatusCode::CREATED);
    assert_eq!(added.headers[header::LOCATION], "/api/v1/cameras/front-door");
    let camera = added.json();
    assert_eq!((&camera["id"], &camera["has_password"]), (&json!("front-door"), &json!(true)));
    let path = "/api/v1/cameras/front-door";
    let changed = running
        .admin(Method::PATCH, path, Some(json!({"name": "Back door", "enabled": false})))
        .await
        .json();
    assert_eq!((&changed["name"], &changed["enabled"]), (&json!("Back door"), &json!(false)));
    assert_eq!(changed["has_password"], true, "what is not named stays");
    let status = running.admin(Method::GET, &format!("{path}/status"), None).await.json();
    assert_eq!(status["state"], "disabled");
    assert_eq!(running.admin(Method::DELETE, path, None).await.status, StatusCode::NO_CONTENT);
    running.admin(Method::GET, path, None).await.assert_problem(
        StatusCode::NOT_FOUND,
        "not_found",
        "it is gone",
    );
    let again = running.add("Front door").await.json();
    assert_eq!(
        again["id"], "front-door-2",
        "the id of a camera that had footage is given to no other"
    );
    running.hub.journal.flush().await;
    let kinds: Vec<String> = running
        .hub
        .index
        .events_since(0, 100)
        .unwrap()
        .into_iter()
        .map(|event| event.kind)
        .collect();
    for kind in ["camera_added", "camera_changed", "camera_deleted"] {
        assert!(kinds.iter().any(|known| known == kind), "{kind} is told: {kinds:?}");
    }
}

#[tokio::test]
async fn segments_are_listed_over_all_time_page_by_page() {
    let running = start().await;
    running.add("Garden").await;
    let garden = CameraId::new("garden").unwrap();
    let starts = [0, 1, 2, 3, 4].map(|n| UtcMs(1_795_205_640_000 + n * 180_000));
    let parameters = ParameterSets {
        video: VideoParameters {
            codec: Codec::H264,
            rfc6381: "avc1.64001f".into(),
            width: 640,
            height: 360,
            nominal_millifps: None,
            sample_entry: bytes::Bytes::new(),
        },
        audio: None,
    };
    for start in starts {
        let segment = NewSegment {
            start,
            duration: Ticks(180 * 90_000),
            size_bytes: 1000,
            state: SegmentState::Closed,
            integrity: None,
            parameters: parameters.clone(),
            init_bytes: 700,
            fragments: Vec::new(),
            units: 3600,
            continues: true,
        };
        let index = &running.hub.index;
        let tier = running.hub.data.tier_id();
        index.segment_closed(&garden, StreamKind::Main, tier, &segment).unwrap();
    }
    let list = async |query: &str| {
        let path = format!("/api/v1/cameras/garden/main/segments?{query}");
        let page = running.admin(Method::GET, &path, None).await.json();
        let items = page["items"].as_array().unwrap_or_else(|| panic!("{query}: {page}")).clone();
        let starts: Vec<_> = items.iter().map(|item| item["start_utc_ms"].as_i64()).collect();
        (starts, page["next"].as_str().map(ToOwned::to_owned))
    };
    let all = starts.map(|start| Some(start.0));
    assert_eq!(list("").await, (all.to_vec(), None), "without a range: all there is");
    let (mut seen, mut query) = (Vec::new(), "limit=2".to_owned());
    loop {
        let (page, next) = list(&query).await;
        assert!(page.len() <= 2, "a page is no longer than asked for: {page:?}");
        seen.extend(page);
        let Some(next) = next else { break };
        query = format!("limit=2&after={next}");
    }
    assert_eq!(seen, all, "pages join without a hole");
    let third = starts[2].0;
    assert_eq!(list(&format!("from_utc_ms={third}")).await.0, all[2..], "from then on");
    assert_eq!(list(&format!("to_utc_ms={third}")).await.0, all[..2], "until then");
    let path = format!("/api/v1/cameras/garden/main/segments?from_utc_ms={third}&to_utc_ms=1");
    let answer = running.admin(Method::GET, &path, None).await;
    answer.assert_problem(StatusCode::BAD_REQUEST, "bad_request", "it ends before it begins");
}

#[tokio::test]
async fn configuration_and_pause_outlive_the_hub() {
    let running = start().await;
    running.add("Garden").await;
    let paused =
        running.admin(Method::PUT, "/api/v1/recording", Some(json!({"paused": true}))).await;
    assert_eq!(paused.status, StatusCode::OK);
    let tier = running.hub.data.tier_id().to_owned();
    let dir = running.stop().await;
    let again = start_in(dir).await;
    assert_eq!(again.hub.data.tier_id(), tier);
    let camera = again.hub.all_cameras().pop().unwrap();
    assert_eq!(
        camera.credentials.as_ref().unwrap().password.expose(),
        CANARY,
        "the password is decrypted again"
    );
    assert_eq!(again.admin(Method::GET, "/api/v1/system", None).await.json()["is_paused"], true);
}

#[tokio::test]
async fn cameras_outlive_the_index() {
    for loss in ["damaged", "deleted"] {
        let running = start().await;
        running.add("Garden").await;
        running.add("Gate").await;
        let rename = Some(json!({"name": "Rose garden"}));
        running.admin(Method::PATCH, "/api/v1/cameras/garden", rename).await;
        running.admin(Method::DELETE, "/api/v1/cameras/gate", None).await;
        running.admin(Method::PUT, "/api/v1/recording", Some(json!({"paused": true}))).await;
        let before = running.admin(Method::GET, "/api/v1/cameras", None).await.json();
        let dir = running.stop().await;
        for log in ["tarsier.db-wal", "tarsier.db-shm", "tarsier.db"] {
            match std::fs::remove_file(dir.path().join(log)) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => panic!("{error}"),
                _ => {}
            }
        }
        if loss == "damaged" {
            std::fs::write(dir.path().join("tarsier.db"), [0xa5; 8192]).unwrap();
        }
        let again = start_in(dir).await;
        let after = again.admin(Method::GET, "/api/v1/cameras", None).await.json();
        assert_eq!(after, before, "{loss}: the same cameras, ids and all");
        let camera = again.hub.all_cameras().pop().unwrap();
        let password = camera.credentials.as_ref().unwrap().password.expose();
        assert_eq!(password, CANARY, "{loss}: with its password");
        let system = again.admin(Method::GET, "/api/v1/system", None).await.json();
        assert_eq!(system["is_paused"], true, "{loss}: what was paused stays so");
        again.hub.journal.flush().await;
        let told = |hub: &Hub| {
            let events = hub.index.events_since(0, 100).unwrap();
            events.iter().filter(|event| event.body_json.contains("1 camera was restored")).count()
        };
        assert_eq!(told(&again.hub), 1, "{loss}: told once");
        let third = start_in(again.stop().await).await;
        third.hub.journal.flush().await;
        assert_eq!(told(&third.hub), 1, "{loss}: and not again at the next start");
    }
}

impl Running {
    /// Lets everything go; the folder stays.
    async fn stop(self) -> tempfile::TempDir {
        let Self { dir, hub, router, nudges: _ } = self;
        drop(router);
        // The task of alerts ends with it: nothing is written while the folder is copied.
        hub.stopping.send_replace(true);
        hub.supervisor.stop_all(Duration::from_secs(1)).await;
        hub.journal.flush().await;
        // The task of reports holds the last handle; a copy of the folder has no lock.
        let copy = tempfile::tempdir().unwrap();
        copy_files(dir.path(), copy.path());
        copy
    }
}

fn copy_files(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            std::fs::create_dir_all(&target).unwrap();
            copy_files(&entry.path(), &target);
        } else if kind.is_file() {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Every log line of this process.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_password_is_in_no_answer_and_no_file() {
    let lines = Lines::default();
    let writer = lines.clone();
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .init();
    let running = start().await;
    let mut said = running.add("Garden").await.text();
    let moved =
        json!({"main": {"url": format!("rtsp://u:{CANARY}@127.0.0.1:9/x")}, "password": CANARY});
    said += &running.admin(Method::PATCH, "/api/v1/cameras/garden", Some(moved)).await.text();
    for wrong in [
        json!({"name": CANARY, "main": CANARY}),
        json!({"name": "G", "main": {"url": format!("{CANARY}://x")}}),
        json!({"name": "G", "main": {"url": format!("rtsp://u:{CANARY}@:0/")}}),
        json!({"name": "G", "main": {"url": format!("rtsp://u:{CANARY}@h:99999/")}}),
        json!({"name": "G", "main": {"url": "rtsp://h/"}, "password": {"value": CANARY}}),
    ] {
        let answer = running.admin(Method::POST, "/api/v1/cameras", Some(wrong.clone())).await;
        assert!(answer.status.is_client_error(), "{wrong}");
        // The protocol's name is repeated; nobody's password is a protocol.
        said += &answer.text().replace(&format!("\\\"{CANARY}\\\""), "");
    }
    let test = json!({"url": format!("rtsp://u:{CANARY}@127.0.0.1:9/")});
    said += &running.admin(Method::POST, "/api/v1/cameras/test", Some(test)).await.text();
    for (method, path) in routes() {
        if method == Method::GET {
            said += &running
                .admin(method, &format!("{path}?from_utc_ms=1&to_utc_ms=2"), None)
                .await
                .text();
        }
    }
    assert!(!said.contains(CANARY), "leaked in an answer: {said}");
    running.hub.journal.flush().await;
    let logged = String::from_utf8_lossy(&lines.0.lock().unwrap()).into_owned();
    assert!(logged.contains("Garden was added"), "the log was searched");
    assert!(!logged.contains(CANARY), "leaked into the log");
    let mut seen = HashSet::new();
    search(running.dir.path(), &mut seen);
    assert!(
        seen.iter().any(|name| name.starts_with("tarsier.db")),
        "the index was searched: {seen:?}"
    );
}

fn search(folder: &Path, seen: &mut HashSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            search(&path, seen);
        } else if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            let leaks = bytes.windows(CANARY.len()).any(|window| window == CANARY.as_bytes());
            assert!(!leaks, "{} holds a password in the clear", path.display());
            seen.insert(path.file_name().unwrap().to_string_lossy().into_owned());
        }
    }
}

#[tokio::test]
async fn events_are_resumed_where_they_were_left() {
    let running = start().await;
    running.add("Garden").await;
    running.hub.journal.flush().await;
    let token = running.token(Role::Admin, None);
    let open = async |last: &str| {
        let request = Request::builder()
            .uri(format!("/api/v1/events?token={token}"))
            .header(header::HOST, HOST)
            .header("last-event-id", last)
            .body(Body::empty())
            .unwrap();
        running.router.clone().oneshot(request).await.unwrap().into_body()
    };
    let first = next_frame(&mut open("0").await).await;
    assert!(first.contains("id: 1\n") && first.contains("event: camera_added"), "{first}");
    let mut later = open("1").await;
    running.add("Gate").await;
    let second = next_frame(&mut later).await;
    assert!(second.contains("Gate"), "what was seen is not sent again: {second}");
    running.hub.stopping.send_replace(true);
    let end = tokio::time::timeout(Duration::from_secs(5), async {
        while later.frame().await.is_some() {}
    })
    .await;
    assert!(end.is_ok(), "a stream ends with the hub");
}

async fn next_frame(body: &mut Body) -> String {
    let frame = tokio::time::timeout(Duration::from_secs(5), body.frame()).await;
    let frame = frame.expect("an event within 5 s").expect("the stream goes on").unwrap();
    String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap()
}

#[tokio::test]
async fn a_session_is_renewed_with_the_same_rights() {
    let running = start().await;
    let viewer = running.token(Role::Viewer, Some(&["gate"]));
    let renewed = running.ask(Some(&viewer), Method::POST, "/api/v1/session", None).await.json();
    let token = renewed["token"].as_str().unwrap();
    let session = running.ask(Some(token), Method::GET, "/api/v1/session", None).await.json();
    assert_eq!((&session["role"], &session["cameras"]), (&json!("viewer"), &json!(["gate"])));
    assert_eq!(session["token"], Value::Null, "a token is handed out only where it is asked for");
}

#[tokio::test]
async fn health_and_metrics_and_pages() {
    let running = start().await;
    running.add("Garden").await;
    for path in ["/healthz", "/readyz", "/api/v1/openapi.json"] {
        let answer = running.ask(None, Method::GET, path, None).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        let policy = answer.headers["content-security-policy"].to_str().unwrap();
        assert!(
            policy.contains("frame-ancestors 'none'") && policy.contains("ws://127.0.0.1:8787"),
            "{policy}"
        );
        assert!(!policy.contains("script-src") && !policy.contains("unsafe-eval"), "{policy}");
    }
    let metrics = running.admin(Method::GET, "/metrics", None).await;
    assert!(metrics.content_type.starts_with("application/openmetrics-text"));
    let text = metrics.text();
    assert!(
        text.contains("tarsier_camera_state{camera=\"garden\"") && text.ends_with("# EOF\n"),
        "{text}"
    );
    let page = running.ask(None, Method::GET, "/timeline", None).await;
    assert!(
        page.text().contains("pages are missing"),
        "a person is told what to do: {}",
        page.text()
    );
}

#[test]
fn the_document_is_whole() {
    let text = serde_json::to_string(&http::document()).unwrap();
    for reference in
        text.split("#/components/schemas/").skip(1).filter_map(|rest| rest.split('"').next())
    {
        let document: Value = serde_json::from_str(&text).unwrap();
        assert!(
            document["components"]["schemas"].get(reference).is_some(),
            "{reference} is used and not described"
        );
    }
}

#[tokio::test]
async fn rules_of_supervision_are_changed_checked_and_outlive_hub_and_index() {
    let running = start().await;
    let path = "/api/v1/supervision";
    let usual = running.admin(Method::GET, path, None).await.json();
    assert_eq!((&usual["max_rss_mb"], &usual["pause_seconds"]), (&json!(1000), &json!(1800)));
    let changed = running.admin(Method::PUT, path, Some(json!({"max_rss_mb": 500}))).await;
    assert_eq!(changed.status, StatusCode::OK, "{}", changed.text());
    for (wrong, said) in [
        (json!({"max_rss_mb": 1}), "max_rss_mb cannot be 1."),
        (json!({"max_rss": 500}), "unknown field max_rss"),
        (json!({"max_rss_mb": -1}), "cannot be understood"),
    ] {
        let answer = running.admin(Method::PUT, path, Some(wrong)).await;
        answer.assert_problem(StatusCode::BAD_REQUEST, "bad_request", said);
        assert!(answer.text().contains(said), "{}", answer.text());
    }
    let dir = running.stop().await;
    for file in ["tarsier.db-wal", "tarsier.db-shm", "tarsier.db"] {
        let _ = std::fs::remove_file(dir.path().join(file));
    }
    let again = start_in(dir).await;
    let kept = again.admin(Method::GET, path, None).await.json();
    assert_eq!(kept["max_rss_mb"], 500, "with cameras.json it outlives the index too");
    assert_eq!(kept["heartbeat_seconds"], 10, "what was not named is as usual");
}

#[tokio::test]
async fn a_hub_that_starts_during_an_outage_does_not_tell_of_it_again() {
    let running = start().await;
    running.add("Garden").await;
    let told = crate::journal::NewEvent {
        at: running.hub.now(),
        kind: tarsier_api::event::EventKind::CameraOffline,
        camera: Some(CameraId::new("garden").unwrap()),
        title: "Garden: no picture since 20:14".to_owned(),
        body: String::new(),
    };
    running.hub.journal.event(told).await;
    running.hub.journal.flush().await;
    let again = start_in(running.stop().await).await;
    let status = again.admin(Method::GET, "/api/v1/cameras/garden/status", None).await.json();
    assert_eq!(status["state"], "offline", "the outage goes on: {status}");
    again.hub.journal.flush().await;
    let events = again.hub.index.events_since(0, 100).unwrap();
    let outages = events.iter().filter(|event| event.kind == "camera_offline").count();
    assert_eq!(outages, 1, "{events:?}");
}
