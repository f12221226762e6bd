//! A password is nowhere to be found.

use std::collections::HashSet;
use std::io::Write;
use std::path::Path;
use std::sync::Mutex;

use super::rights::routes;
use super::*;

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

pub(super) fn search(folder: &Path, seen: &mut HashSet<String>) {
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
