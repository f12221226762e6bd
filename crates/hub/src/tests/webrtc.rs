//! WHEP by API: what is answered before a viewer's first datagram.

use tarsier_live::Watch;
use tarsier_whep::table::MAX_SESSIONS;

use super::pictures::Picture;
use super::*;

const WHEP: &str = "/live/garden/main/whep";
const SDP: &str = "application/sdp";

fn offer() -> String {
    let fingerprint = ["AB"; 32].join(":");
    format!(
        "v=0\r\no=- 46117317 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n\
         m=video 9 UDP/TLS/RTP/SAVPF 103 104\r\nc=IN IP4 0.0.0.0\r\na=ice-ufrag:Uf1z\r\n\
         a=ice-pwd:0123456789012345678901ab\r\na=fingerprint:sha-256 {fingerprint}\r\na=setup:actpass\r\n\
         a=mid:0\r\na=recvonly\r\na=rtcp-mux\r\na=rtpmap:103 H264/90000\r\n\
         a=fmtp:103 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f\r\n\
         a=rtpmap:104 rtx/90000\r\na=fmtp:104 apt=103\r\n"
    )
}

/// A hub with a camera of which pictures came; the watch keeps its stream wanted.
async fn with_pictures() -> (Running, Watch<tarsier_api::problem::Problem>) {
    let (running, watch) = with_keyframe().await;
    running.pictures(1, "fff").await;
    (running, watch)
}

/// The same, of which a keyframe came and nothing more.
async fn with_keyframe() -> (Running, Watch<tarsier_api::problem::Problem>) {
    let running = start().await;
    running.add("Garden").await;
    let watch = running.hub.live.watch((garden(), MAIN)).await;
    running.stream_begins().await;
    running.pictures(0, "K").await;
    (running, watch)
}

impl Running {
    async fn say(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Answer {
        let token = self.token(Role::Viewer, Some(&["garden"]));
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, HOST)
            .header(header::AUTHORIZATION, format!("Bearer {token}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(body.into()).unwrap()).await
    }

    async fn offer(&self) -> Answer {
        self.say(Method::POST, WHEP, &[("content-type", SDP)], offer()).await
    }
}

fn told<'a>(answer: &'a Answer, name: &str) -> &'a str {
    answer.headers.get(name).unwrap_or_else(|| panic!("no {name}")).to_str().unwrap()
}

#[tokio::test]
async fn a_session_has_an_address_and_a_tag_and_ends_once() {
    let (running, _watch) = with_pictures().await;
    let answer = running.offer().await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    assert_eq!(answer.content_type, SDP);
    let sdp = answer.text();
    for wanted in ["a=ice-lite", "a=sendonly", "H264/90000", "profile-level-id=42001f", "127.0.0.1"]
    {
        assert!(sdp.contains(wanted), "{wanted} in {sdp}");
    }
    let (session, etag) = (told(&answer, "location"), told(&answer, "etag"));
    assert!(session.starts_with(WHEP) && session.len() > WHEP.len() + 32, "{session}");
    assert!(etag.starts_with('"') && etag.len() > 32, "a strong tag: {etag}");
    let other = running.offer().await;
    assert_ne!(told(&other, "location"), session);
    let elsewhere = session.replace("/main/", "/sub/");
    let end = async |path: &str| running.say(Method::DELETE, path, &[], "").await.status;
    assert_eq!(end(&elsewhere).await, StatusCode::NOT_FOUND, "under its own stream alone");
    assert_eq!(end(session).await, StatusCode::OK);
    assert_eq!(end(session).await, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_viewer_who_comes_just_behind_a_keyframe_is_told_of_b_frames_all_the_same() {
    let (running, _watch) = with_keyframe().await;
    let shown_late = async {
        // The viewer has seen the keyframe by now, or will see all three at once; both ways he is told.
        tokio::task::yield_now().await;
        for (decoded, shown) in [(1, 3), (2, 1)] {
            running.picture(Picture { decoded, shown, is_keyframe: false }).await;
        }
    };
    let (answer, ()) = tokio::join!(running.offer(), shown_late);
    answer.assert_problem(StatusCode::UNPROCESSABLE_ENTITY, "not_playable", WHEP);
    assert!(answer.text().contains("B-frames"), "{}", answer.text());
}

#[tokio::test]
async fn who_asks_for_sessions_without_end_and_never_comes_keeps_nobody_out() {
    let (running, _watch) = with_pictures().await;
    for _ in 0..=MAX_SESSIONS {
        assert_eq!(running.offer().await.status, StatusCode::CREATED);
    }
}

#[tokio::test]
async fn a_camera_that_is_away_is_told_as_such() {
    let running = start().await;
    running.add("Garden").await;
    let answer = running.offer().await;
    assert_eq!(answer.status, StatusCode::CONFLICT, "{}", answer.text());
    assert_eq!(answer.content_type, "application/problem+json");
    assert!(answer.headers.contains_key(header::RETRY_AFTER), "and may be asked for again");
}

#[tokio::test]
async fn what_is_taken_is_told_and_foreign_pages_get_nothing() {
    let running = start().await;
    running.add("Garden").await;
    let answer = running.ask(None, Method::OPTIONS, WHEP, None).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    assert_eq!(told(&answer, "accept-post"), SDP);
    let session = format!("{WHEP}/0");
    let answer = running.ask(None, Method::OPTIONS, &session, None).await;
    assert_eq!(told(&answer, "accept-patch"), "application/trickle-ice-sdpfrag");
    let foreign = [("content-type", SDP), ("origin", "https://evil.example")];
    for method in [Method::POST, Method::OPTIONS] {
        let answer = running.say(method, WHEP, &foreign, offer()).await;
        answer.assert_problem(StatusCode::FORBIDDEN, "foreign_origin", WHEP);
        assert!(!answer.headers.contains_key("access-control-allow-origin"));
    }
    let gate = running.say(Method::POST, "/live/gate/main/whep", &[("content-type", SDP)], offer());
    gate.await.assert_problem(StatusCode::FORBIDDEN, "forbidden", "another camera");
}
