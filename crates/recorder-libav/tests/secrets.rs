//! No password leaves the process, whatever the camera answers and however much is logged.
#![expect(clippy::unwrap_used, reason = "a test ends where something cannot be done")]

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::thread;

use tarsier_types::{CameraUrl, Credentials, Secret, Transport};
use tarsier_wire::{ProbeReport, ProbeRequest};

const PASSWORD: &str = "hunter2@p/w#d";
/// As it stands in a URL, and in the header of Basic.
const FORMS: [&str; 4] = ["hunter2", "p/w#d", "p%2Fw%23d", "YWRtaW46aHVudGVyMkBwL3cjZA=="];

/// Answers every request on every connection with `answer`, its `CSeq` filled in.
fn camera(answer: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || serve(stream, answer));
        }
    });
    port
}

fn serve(mut stream: TcpStream, answer: &str) {
    let mut head = Vec::new();
    let mut byte = [0];
    while stream.read_exact(&mut byte).is_ok() {
        head.push(byte[0]);
        if head.ends_with(b"\r\n\r\n") {
            let text = String::from_utf8_lossy(&head).into_owned();
            let cseq = text.lines().find_map(|line| line.strip_prefix("CSeq: ")).unwrap_or("1");
            if stream.write_all(answer.replace("{cseq}", cseq).as_bytes()).is_err() {
                return;
            }
            head.clear();
        }
    }
}

/// What the program prints on standard output and standard error.
fn probe(url: &str) -> (ProbeReport, String) {
    let request = ProbeRequest {
        url: CameraUrl::parse(url).unwrap().0,
        transport: Transport::Tcp,
        credentials: Some(Credentials {
            username: "admin".to_owned(),
            password: Secret::new(PASSWORD.to_owned()),
        }),
        timeout_ms: 4000,
    };
    let mut child = Command::new(env!("CARGO_BIN_EXE_tarsier-recorder-libav"))
        .arg("probe")
        .env("TARSIER_LOG", "trace")
        .env("AV_LOG_FORCE_COLOR", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let line = serde_json::to_string(&request).unwrap();
    assert!(line.contains(PASSWORD), "the private pipe carries it");
    child.stdin.take().unwrap().write_all(format!("{line}\n").as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    (serde_json::from_slice(&output.stdout).unwrap(), printed)
}

#[test]
fn a_password_is_never_printed() {
    let refused = camera(
        "RTSP/1.0 401 Unauthorized\r\nCSeq: {cseq}\r\nWWW-Authenticate: Basic realm=\"x\"\r\n\r\n",
    );
    let absent = camera("RTSP/1.0 404 Not Found\r\nCSeq: {cseq}\r\n\r\n");
    let garbled = camera(
        "RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\nContent-Type: application/sdp\r\nContent-Length: 4\r\n\r\nv=?\n",
    );
    let web = camera(
        "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\n\r\n",
    );
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for url in [
        format!("rtsp://127.0.0.1:{refused}/x"),
        format!("rtsp://127.0.0.1:{absent}/x"),
        format!("rtsp://127.0.0.1:{garbled}/x"),
        format!("rtsp://127.0.0.1:{closed}/x"),
        format!("http://127.0.0.1:{web}/x.ts"),
        format!("rtmp://127.0.0.1:{web}/live/x"),
    ] {
        let (report, printed) = probe(&url);
        assert!(matches!(report, ProbeReport::Failed { .. }), "{url}: {report:?}");
        for form in FORMS {
            assert!(!printed.contains(form), "{url}: {form} in {printed}");
        }
    }
}
