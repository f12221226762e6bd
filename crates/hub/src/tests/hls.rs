//! LL-HLS by API: who gets what, and how long it may be kept.

use tarsier_live::LiveInput;

use super::*;
use crate::words;

const LIVE: &str = "/live/garden/main/index.m3u8";

impl Running {
    /// A camera whose main stream is asked for and has sent three GOPs of a second.
    pub(super) async fn with_live(&self) {
        self.add("Garden").await;
        let stream = (garden(), MAIN);
        let watch = self.hub.live.watch(stream.clone()).await;
        self.stream_begins().await;
        let rendition = self.hub.hls.rendition(&self.hub.live, &stream);
        let gop = format!("K{}", "f".repeat(24));
        let feed = async {
            // The question must be in before the pictures: only the last GOP is kept for newcomers.
            while self.hub.live.viewers(&stream) < 2 {
                tokio::task::yield_now().await;
            }
            self.pictures(0, &gop.repeat(3)).await;
        };
        let (rendition, ()) = tokio::join!(rendition, feed);
        rendition.expect("a stream");
        drop(watch);
    }

    async fn get(&self, path: &str) -> Answer {
        let token = self.token(Role::Viewer, Some(&["garden"]));
        self.ask(Some(&token), Method::GET, path, None).await
    }
}

fn kept(answer: &Answer) -> &str {
    answer.headers.get(header::CACHE_CONTROL).expect("Cache-Control").to_str().unwrap()
}

/// What a playlist names, as a player asks for it: without headers.
fn named(playlist: &str) -> Vec<String> {
    let uris = playlist.lines().filter(|line| !line.is_empty());
    uris.filter_map(|line| match line.split_once("URI=\"") {
        Some((_, rest)) => rest.split('"').next(),
        None if line.starts_with('#') => None,
        None => Some(line),
    })
    .map(|uri| format!("/live/garden/main/{uri}"))
    .collect()
}

#[tokio::test]
async fn all_that_a_playlist_names_is_there_for_its_token_alone() {
    let running = start().await;
    running.with_live().await;
    let answer = running.get(LIVE).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    assert_eq!(answer.content_type, "application/vnd.apple.mpegurl");
    assert_eq!(kept(&answer), "private, max-age=1", "half a target duration");
    let text = answer.text();
    assert!(text.contains("#EXT-X-PART:") && text.contains("#EXTINF:1.000000,"), "{text}");
    let hint = text.lines().find(|line| line.contains("PRELOAD-HINT")).expect("a hint").to_owned();
    for uri in named(&text.replace(&hint, "")) {
        let file = running.ask(None, Method::GET, &uri, None).await;
        assert_eq!(file.status, StatusCode::OK, "{uri}");
        assert_eq!((file.content_type.as_str(), kept(&file)), ("video/mp4", "private, max-age=12"));
        let length = file.headers[header::CONTENT_LENGTH].to_str().unwrap();
        assert_eq!(length.parse(), Ok(file.body.len()), "{uri}");
        let (bare, _) = uri.split_once('?').expect("a token");
        let nobody = running.ask(None, Method::GET, bare, None).await;
        nobody.assert_problem(StatusCode::UNAUTHORIZED, "unauthorized", bare);
        let gate = running.token(Role::Viewer, Some(&["gate"]));
        let other = running.ask(Some(&gate), Method::GET, bare, None).await;
        other.assert_problem(StatusCode::FORBIDDEN, "forbidden", bare);
    }
    // The announced part is waited for.
    let announced = named(&hint).remove(0);
    let more = running.pictures(75, "Kffffffffffffff");
    let (part, ()) = tokio::join!(running.ask(None, Method::GET, &announced, None), more);
    assert_eq!(part.status, StatusCode::OK);
}

#[tokio::test]
async fn a_token_for_one_stream_is_offered_no_other() {
    let running = start().await;
    running.with_live().await;
    let away = words::problem(tarsier_api::problem::ProblemCode::Offline, "It is away.", "Wait");
    let sub = (garden(), StreamKind::Sub);
    running.hub.live.handle(sub, LiveInput::Notice(Some(away))).await;
    let offered = async |stream| {
        let grant =
            Grant { role: Role::Viewer, streams: Some(vec![stream]), ..Grant::everything("test") };
        let token = running.hub.sessions.issue(grant, Duration::from_secs(600)).0;
        running.ask(Some(&token), Method::GET, "/live/garden/index.m3u8", None).await
    };
    let main = offered(tarsier_api::camera::Stream::Main).await;
    assert!(main.text().contains("main/index.m3u8"), "{}", main.text());
    let sub = offered(tarsier_api::camera::Stream::Sub).await;
    sub.assert_problem(StatusCode::SERVICE_UNAVAILABLE, "offline", "the other one is away");
}

#[tokio::test]
async fn a_reload_is_answered_or_refused_in_words() {
    let running = start().await;
    running.with_live().await;
    let text = running.get(LIVE).await.text();
    let first = text.split_once("MEDIA-SEQUENCE:").and_then(|(_, rest)| rest.lines().next());
    let first: u64 = first.expect("a number").parse().unwrap();
    let there = running.get(&format!("{LIVE}?_HLS_msn={}&_HLS_part=0", first + 1)).await;
    assert_eq!((there.status, kept(&there)), (StatusCode::OK, "private, max-age=12"));
    for wrong in [
        format!("_HLS_msn={}", first + 99),
        "_HLS_part=1".to_owned(),
        "_HLS_msn=soon".to_owned(),
        format!("_HLS_msn={first}&_HLS_part=-1"),
    ] {
        let answer = running.get(&format!("{LIVE}?{wrong}")).await;
        answer.assert_problem(StatusCode::BAD_REQUEST, "bad_request", &wrong);
    }
    for name in ["1-part-1.m4s", "x", "..%2f..%2fsecret.key"] {
        let answer = running.get(&format!("/live/garden/main/hls/{name}")).await;
        answer.assert_problem(StatusCode::NOT_FOUND, "not_found", name);
    }
    let waits = format!("{LIVE}?_HLS_msn={}", first + 4);
    let stop = async {
        tokio::task::yield_now().await;
        running.hub.stopping.send_replace(true);
        running.hub.hls.end_all();
    };
    let (waited, ()) = tokio::join!(running.get(&waits), stop);
    assert_eq!(waited.status, StatusCode::OK, "{}", waited.text());
    assert!(waited.text().ends_with("#EXT-X-ENDLIST\n"), "who waits is told that it is over");
    let late = running.get(LIVE).await;
    late.assert_problem(StatusCode::SERVICE_UNAVAILABLE, "stopping", "a hub that stops");
}

#[tokio::test]
async fn a_camera_that_is_away_has_no_playlist_and_foreign_pages_get_none() {
    let running = start().await;
    running.add("Garden").await;
    let away = words::problem(tarsier_api::problem::ProblemCode::Offline, "It is away.", "Wait");
    running.hub.live.handle((garden(), MAIN), LiveInput::Notice(Some(away))).await;
    for path in [LIVE, "/live/garden/index.m3u8"] {
        let answer = running.get(path).await;
        answer.assert_problem(StatusCode::SERVICE_UNAVAILABLE, "offline", path);
        assert!(answer.headers.contains_key(header::RETRY_AFTER), "and may be asked for again");
        let nobody = running.ask(None, Method::GET, path, None).await;
        nobody.assert_problem(StatusCode::UNAUTHORIZED, "unauthorized", path);
        let token = running.token(Role::Viewer, None);
        let foreign = Request::builder()
            .uri(format!("{path}?token={token}"))
            .header(header::HOST, HOST)
            .header(header::ORIGIN, "https://evil.example");
        let foreign = running.send(foreign.body(Body::empty()).unwrap()).await;
        foreign.assert_problem(StatusCode::FORBIDDEN, "foreign_origin", path);
    }
    for path in
        ["/live/gate/index.m3u8", "/live/gate/main/index.m3u8", "/live/gate/main/hls/1-part-1.m4s"]
    {
        running.get(path).await.assert_problem(StatusCode::FORBIDDEN, "forbidden", path);
    }
}

#[tokio::test]
async fn the_streams_of_a_camera_are_there_to_choose_from() {
    let running = start().await;
    running.with_live().await;
    let away = words::problem(tarsier_api::problem::ProblemCode::Offline, "It is away.", "Wait");
    let sub = (garden(), StreamKind::Sub);
    running.hub.live.handle(sub, LiveInput::Notice(Some(away))).await;
    let answer = running.get("/live/garden/index.m3u8").await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    let text = answer.text();
    assert!(text.contains("CODECS=\"avc1.4d001f\",RESOLUTION=640x360,FRAME-RATE=25.000"), "{text}");
    let (_, uri) = text.trim_end().rsplit_once('\n').expect("lines");
    let main = running.ask(None, Method::GET, &format!("/live/garden/{uri}"), None).await;
    assert_eq!(main.status, StatusCode::OK, "{uri}");
    assert!(!text.contains("sub/"), "what is away is not there to choose: {text}");
}
