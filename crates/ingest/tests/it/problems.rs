//! Each way in which a camera can refuse itself is told apart, on a real connection.

use std::time::Duration;

use crate::fake::{ALAW, Fake, Manner, admin, h264, sdp};
use tarsier_ingest::{RtspSource, SourceError, Timeouts};
use tarsier_types::{CameraUrl, Credentials, SystemClock, Transport};
use tarsier_wire::Problem;

const SHORT: Timeouts = Timeouts {
    connect: Duration::from_millis(200),
    open: Duration::from_millis(700),
    pictures: Duration::from_millis(400),
};

async fn open(url: &CameraUrl, credentials: Option<&Credentials>) -> SourceError {
    let opened =
        RtspSource::open(url, credentials, Transport::Tcp, SystemClock::start(), SHORT).await;
    opened.expect_err("this camera must not open")
}

async fn problem(manner: Manner) -> (Problem, bool) {
    let fake = Fake::start(manner).await;
    let error = open(&fake.url(), None).await;
    (error.problem, error.other_engine)
}

#[tokio::test]
async fn a_password_is_wanted() {
    let found = problem(Manner::Refuses("401 Unauthorized")).await;
    assert_eq!(found, (Problem::CredentialsNeeded, false));
}

#[tokio::test]
async fn a_wrong_password_is_tried_once() {
    let fake = Fake::start(Manner::Refuses("401 Unauthorized")).await;
    let error = open(&fake.url(), Some(&admin("not-the-one"))).await;
    assert_eq!(error.problem, Problem::WrongCredentials);
    let tries = fake.seen().iter().filter(|request| request.contains("Authorization:")).count();
    assert_eq!(tries, 1, "cameras lock accounts after a few");
}

#[tokio::test]
async fn refusals_by_status() {
    assert_eq!(problem(Manner::Refuses("404 Not Found")).await, (Problem::NoSuchPath, false));
    assert_eq!(problem(Manner::Refuses("400 Bad Request")).await, (Problem::NoSuchPath, false));
    assert_eq!(
        problem(Manner::Refuses("453 Not Enough Bandwidth")).await,
        (Problem::TooManySessions, false)
    );
    assert_eq!(
        problem(Manner::Refuses("503 Service Unavailable")).await,
        (Problem::TooManySessions, false)
    );
    let at_setup = Manner::Describes(sdp(&h264()), Some("453 Not Enough Bandwidth"));
    assert_eq!(problem(at_setup).await, (Problem::TooManySessions, false));
}

#[tokio::test]
async fn credentials_that_served_describe_do_not_stop_the_retries() {
    let at_setup = Manner::Describes(sdp(&h264()), Some("401 Unauthorized"));
    let (problem, _) = problem(at_setup).await;
    assert!(!problem.is_final(), "{problem:?}");
}

#[tokio::test]
async fn a_closed_port_is_not_an_absent_host() {
    let port = {
        let fake = Fake::start(Manner::Hangs).await;
        fake.port
    };
    // The listener is gone once its task is; until then it accepts and hangs.
    let url = CameraUrl::parse(&format!("rtsp://127.0.0.1:{port}/live")).unwrap().0;
    let deadline = tokio::time::Instant::now() + Duration::from_secs(5);
    loop {
        let error = open(&url, None).await;
        if error.problem == Problem::PortClosed {
            break;
        }
        assert!(tokio::time::Instant::now() < deadline, "{error}");
    }
}

#[tokio::test]
async fn an_unknown_name() {
    // A label may have 63 characters (RFC 1035): no resolver asks anybody about this one.
    let url = CameraUrl::parse(&format!("rtsp://{}.invalid/live", "x".repeat(64))).unwrap().0;
    assert_eq!(open(&url, None).await.problem, Problem::HostUnknown);
}

#[tokio::test]
async fn a_camera_that_never_answers() {
    assert_eq!(problem(Manner::Hangs).await, (Problem::NoPictures, false));
}

#[tokio::test]
async fn a_camera_that_hangs_up() {
    assert_eq!(problem(Manner::HangsUp).await, (Problem::Disconnected, false));
}

#[tokio::test]
async fn something_else_listens_there() {
    assert_eq!(problem(Manner::Says(b"SSH-2.0-OpenSSH_9.2\r\n")).await.0, Problem::ProtocolError);
    let web = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(problem(Manner::Says(web)).await.0, Problem::ProtocolError);
    assert_eq!(problem(Manner::Says(&[0; 64])).await.0, Problem::ProtocolError);
}

#[tokio::test]
async fn what_is_described_cannot_be_recorded() {
    let described = |sections: &str| problem(Manner::Describes(sdp(sections), None));
    assert_eq!(described(ALAW).await, (Problem::NoVideo, false), "sound alone");
    assert_eq!(described("").await, (Problem::NoVideo, false), "nothing at all");
    let other_engine = (Problem::CodecNotSupported, true);
    assert_eq!(described("m=video 0 RTP/AVP 26\na=control:video").await, other_engine, "MJPEG");
    let vp9 = "m=video 0 RTP/AVP 96\na=rtpmap:96 VP9/90000\na=control:video";
    assert_eq!(described(vp9).await, other_engine, "VP9");
    let (problem, _) = problem(Manner::Describes("this is no SDP".into(), None)).await;
    assert_eq!(problem, Problem::ProtocolError);
}
