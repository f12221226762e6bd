//! Every route with nonsense: it may be refused, in words, and is never our fault.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use tarsier_live::LiveInput;

use super::rights::routes;
use super::*;

/// For each method of each route.
const TRIES: u32 = 30;
const VALUES: [&str; 16] = [
    "",
    "0",
    "-1",
    "18446744073709551616",
    "9223372036854775807",
    "-9223372036854775808",
    "1e400",
    "NaN",
    "null",
    "%00",
    "%ff%fe",
    "..%2f..%2f",
    "garden",
    "main",
    "true",
    "\u{0}\u{fe0f}\u{202e}",
];
const NAMES: [&str; 14] = [
    "from_utc_ms",
    "to_utc_ms",
    "at_utc_ms",
    "limit",
    "after",
    "max_width",
    "max_spans",
    "_HLS_msn",
    "_HLS_part",
    "name",
    "url",
    "main",
    "recording",
    "tiers",
];
const HEADERS: [&str; 6] =
    ["range", "if-match", "if-none-match", "last-event-id", "content-type", "accept-encoding"];
const HEADER_VALUES: [&str; 8] = [
    "bytes=0-",
    "bytes=18446744073709551615-0",
    "bytes=-9999999999999999999999",
    "*",
    "\"x\"",
    "application/sdp",
    "application/trickle-ice-sdpfrag",
    "\u{fe0f}",
];

fn value(rng: &mut StdRng) -> Value {
    let text = VALUES.choose(rng).copied().unwrap_or_default();
    match rng.random_range(0..8) {
        0 => json!(null),
        1 => json!(rng.random::<i64>()),
        2 => json!(f64::MAX),
        3 => json!([text, { "kind": text }]),
        4 => json!({ "url": format!("rtsp://{text}@{text}:{text}/"), "kind": text }),
        5 => json!(text.repeat(3000)),
        _ => json!(text),
    }
}

fn nonsense(method: &Method, path: &str, token: &str, rng: &mut StdRng) -> Request<Body> {
    let pick =
        |list: &[&'static str], rng: &mut StdRng| list.choose(rng).copied().unwrap_or_default();
    let mut path = path.to_owned();
    if rng.random_ratio(1, 3) {
        let ends: Vec<usize> = path.match_indices('/').map(|(at, _)| at).collect();
        let from = ends.choose(rng).copied().unwrap_or_default() + 1;
        let until = path[from..].find('/').map_or(path.len(), |length| from + length);
        let new = VALUES.iter().filter(|value| value.is_ascii() && !value.contains('\0'));
        let new: Vec<_> = new.collect();
        path.replace_range(from..until, new.choose(rng).copied().unwrap_or(&""));
    }
    let query: Vec<String> = (0..rng.random_range(0..5))
        .map(|_| format!("{}={}", pick(&NAMES, rng), pick(&VALUES[..13], rng)))
        .collect();
    let mut request = Request::builder()
        .method(method.clone())
        .uri(format!("{path}?{}", query.join("&")))
        .header(header::HOST, HOST)
        .header(header::AUTHORIZATION, format!("Bearer {token}"));
    for _ in 0..rng.random_range(0..3) {
        request = request.header(pick(&HEADERS, rng), pick(&HEADER_VALUES, rng).as_bytes());
    }
    let body = match rng.random_range(0..4) {
        0 => Body::empty(),
        1 => Body::from(pick(&VALUES, rng)),
        _ => {
            request = request.header(header::CONTENT_TYPE, "application/json");
            let fields =
                (0..rng.random_range(0..5)).map(|_| (pick(&NAMES, rng).to_owned(), value(rng)));
            Body::from(Value::Object(fields.collect()).to_string())
        }
    };
    request.body(body).unwrap()
}

async fn with_garden() -> Running {
    let running = start().await;
    running.add("Garden").await;
    for kind in StreamKind::ALL {
        // Nobody waits for pictures when it is known why none come.
        let why = LiveInput::Notice(Some(crate::words::no_pictures_yet()));
        running.hub.live.handle((garden(), kind), why).await;
    }
    running
}

#[tokio::test]
async fn nonsense_at_any_route_is_refused_in_words_and_never_our_fault() {
    let running = with_garden().await;
    let token = running.token(Role::Admin, None);
    let mut rng = StdRng::seed_from_u64(4);
    for (method, path) in routes() {
        // These do what they say.
        if path.ends_with("/stop") || (method == Method::DELETE && path.ends_with("/garden")) {
            continue;
        }
        for number in 0..TRIES {
            let request = nonsense(&method, &path, &token, &mut rng);
            let asked = format!("{number}: {method} {}", request.uri());
            // Elsewhere are the pages.
            let is_api =
                ["/api/v1/", "/live/"].iter().any(|at| request.uri().path().starts_with(at));
            let answer = running.send(request).await;
            let told = format!("{asked}: {}", answer.text());
            assert_ne!(answer.status, StatusCode::INTERNAL_SERVER_ERROR, "{told}");
            if is_api && (answer.status.is_client_error() || answer.status.is_server_error()) {
                assert_eq!(answer.content_type, "application/problem+json", "{told}");
            }
        }
    }
    let answer = running.admin(Method::GET, "/api/v1/status", None).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
}

/// A path with its query, then headers, each in a line.
fn heads() -> Vec<Vec<u8>> {
    let heads: [&str; 9] = [
        "/live/garden/main/index.m3u8?_HLS_msn=7&_HLS_part=3&_HLS_skip=YES",
        "/live/garden/index.m3u8?token=a.b.c",
        "/live/garden/sub/hls/19aff00-part-7.m4s",
        "/live/garden/720p/mse\nupgrade: websocket\nconnection: upgrade\nsec-websocket-version: 13\n\
         sec-websocket-key: AQIDBAUGBwgJCgsMDQ4PEA==\norigin: http://127.0.0.1:8787",
        "/api/v1/events?after=12\nlast-event-id: 9223372036854775807\naccept: text/event-stream",
        "/api/v1/events\nlast-event-id: -1",
        "/api/v1/cameras/garden/main/vod.m3u8?from_utc_ms=1795205700000&to_utc_ms=1795205760000",
        "/api/v1/cameras/garden/main/segments/1795205700000.mp4\nrange: bytes=0-99\nif-range: \"x\"",
        "/api/v1/cameras/garden/timeline?from_utc_ms=0&to_utc_ms=1795205760000&max_spans=100",
    ];
    heads.iter().map(|head| head.as_bytes().to_vec()).collect()
}

/// What a client may write there; nothing if it is no HTTP.
fn head(bytes: &[u8], token: &str) -> Option<Request<Body>> {
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let uri = axum::http::Uri::try_from(lines.next()?).ok()?;
    let mut request = Request::builder().uri(uri).header(header::HOST, HOST);
    request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    for line in lines {
        let colon = line.iter().position(|byte| *byte == b':')?;
        request = request.header(&line[..colon], line[colon + 1..].trim_ascii());
    }
    request.body(Body::empty()).ok()
}

#[test]
fn whatever_stands_in_the_head_of_a_request_is_refused_in_words_and_never_our_fault() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let running = runtime.block_on(with_garden());
    let token =
        running.hub.sessions.issue(Grant::everything("test"), Duration::from_secs(86_400)).0;
    let ask = |bytes: &[u8]| {
        let _ = running.hub.sessions.check(&String::from_utf8_lossy(bytes));
        let Some(request) = head(bytes, &token) else { return };
        let path = request.uri().path();
        let is_api = ["/api/v1/", "/live/"].iter().any(|at| path.starts_with(at));
        let answer = runtime.block_on(running.send(request));
        assert_ne!(answer.status, StatusCode::INTERNAL_SERVER_ERROR, "{}", answer.text());
        if is_api && (answer.status.is_client_error() || answer.status.is_server_error()) {
            assert_eq!(answer.content_type, "application/problem+json", "{}", answer.text());
        }
    };
    tarsier_fuzz::fuzz(ask, &heads());
    drop(running);
}
