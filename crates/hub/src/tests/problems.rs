//! Whatever is wrong is told as a problem, in words.

use super::*;

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
