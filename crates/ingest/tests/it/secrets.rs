//! No password in any log line or error, whatever the camera does with it.

use std::fmt::Write as _;
use std::sync::Mutex;
use std::time::Duration;

use crate::fake::{Fake, Manner, Send, admin, h264, pictures, sdp};
use tarsier_ingest::{RtspSource, Source, SourceEvent, Timeouts};
use tarsier_types::{SystemClock, Transport};

const PASSWORD: &str = "hunter2-pass";
const BASIC: &str = "YWRtaW46aHVudGVyMi1wYXNz";

/// A camera that answers with what it was told.
const ECHO: &[u8] =
    b"RTSP/1.0 500 admin:hunter2-pass Basic YWRtaW46aHVudGVyMi1wYXNz\r\nCSeq: 1\r\n\r\n";

/// Keeps all that retina and its friends log.
struct Memory(Mutex<String>);

impl log::Log for Memory {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }
    fn log(&self, record: &log::Record<'_>) {
        let mut kept = self.0.lock().unwrap();
        writeln!(kept, "{} {}", record.target(), record.args()).unwrap();
    }
    fn flush(&self) {}
}

static LOG: Memory = Memory(Mutex::new(String::new()));

#[tokio::test]
async fn a_password_is_neither_logged_nor_told() {
    log::set_logger(&LOG).unwrap();
    log::set_max_level(log::LevelFilter::Trace);
    let clock = SystemClock::start();
    let timeouts = Timeouts { pictures: Duration::from_secs(2), ..Timeouts::default() };
    let mut told = String::new();

    let mut script = pictures(0..30, 10);
    script.push(Send::Silence);
    let plays = Manner::Plays { sdp: sdp(&h264()), basic: Some(BASIC.into()), then: script };
    let fake = Fake::start(plays).await;
    let credentials = admin(PASSWORD);
    let mut source =
        RtspSource::open(&fake.url(), Some(&credentials), Transport::Tcp, clock, timeouts)
            .await
            .unwrap();
    while !matches!(source.next().await.unwrap(), SourceEvent::Unit(_)) {}
    write!(told, "{source:?}").unwrap();
    source.close().await;
    assert!(
        fake.seen().iter().any(|request| request.contains(BASIC)),
        "the password was really sent"
    );

    for manner in [
        Manner::Refuses("401 Unauthorized"),
        Manner::Says(ECHO),
        Manner::Says(b"hunter2-pass\r\n\r\n"),
    ] {
        let fake = Fake::start(manner).await;
        let opened =
            RtspSource::open(&fake.url(), Some(&credentials), Transport::Tcp, clock, timeouts)
                .await;
        let error = opened.expect_err("this camera must not open");
        write!(told, "{error} {error:?}").unwrap();
    }

    let logged = LOG.0.lock().unwrap().clone();
    assert!(logged.contains("retina"), "the log must have been seen at all");
    for text in [&logged, &told] {
        assert!(!text.contains(PASSWORD) && !text.contains(BASIC), "leaked: {text}");
    }
}
