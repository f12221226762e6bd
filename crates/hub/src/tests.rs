//! The router as a whole, in process: a temporary data folder, recorders that cannot be started.

mod alerting;
mod cameras;
mod connections;
mod events;
pub(crate) mod footage;
mod hls;
mod leftovers;
mod modes;
mod nonsense;
mod observe;
mod pictures;
mod policy;
mod problems;
mod restarts;
mod rights;
mod rtsp;
mod rungs;
mod secrets;
mod segments;
mod storage;
mod tokens;
mod webrtc;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tarsier_api::rights::Role;
use tarsier_supervise::Report;
use tarsier_types::{CameraId, Clock, StreamKind, SystemClock, UtcMs};
use tokio::sync::mpsc;
use tower::ServiceExt;

use crate::data_dir::DataDir;
use crate::guard::Guard;
use crate::hub::Hub;
use crate::programs::ChildPrograms;
use crate::storage::Nudge;
use crate::tokens::Grant;
use crate::ui::Ui;
use crate::{http, serve};

const HOST: &str = "127.0.0.1:8787";
/// Must be found nowhere.
const CANARY: &str = "canary-9c1f";
const MAIN: StreamKind = StreamKind::Main;

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

/// A hub whose tasks do not run yet: what its recorders say, and what calls its keeper, lies there.
async fn build(folder: &Path) -> (Arc<Hub>, mpsc::Receiver<Report>, mpsc::Receiver<Nudge>) {
    let clock = SystemClock::start();
    let data = DataDir::open(folder, clock.utc().0).unwrap();
    let programs = ChildPrograms::in_folder(&folder.join("no-programs"));
    let guard = Guard::new(HOST.parse().unwrap());
    serve::build(data, clock, programs, Ui::Missing, guard).await.unwrap()
}

/// Only the test says how cameras are: what is said of their recorders, that they cannot be started, the hub does not hear.
async fn start_in(dir: tempfile::TempDir) -> Running {
    let (hub, mut inbox, nudges) = build(dir.path()).await;
    tokio::spawn(async move { while inbox.recv().await.is_some() {} });
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
        let grant = Grant { role, cameras, ..Grant::everything("test") };
        self.hub.sessions.issue(grant, Duration::from_secs(60)).0
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

fn garden() -> CameraId {
    CameraId::new("garden").unwrap()
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
