//! Who may ask for what: tokens, roles, foreign pages.

use super::*;

/// Every route of the document with a method, its variables filled in.
pub(super) fn routes() -> Vec<(Method, String)> {
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
    let expired = running.hub.sessions.issue(Grant::everything("test"), Duration::ZERO).0;
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
        let is_change = method != Method::GET && !path.contains("/session");
        if is_change || ["/metrics", "/api/v1/tokens"].contains(&path.as_str()) {
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
async fn an_administrator_of_one_camera_or_stream_changes_nothing() {
    let running = start().await;
    running.add("Garden").await;
    let everything = || Grant::everything("test");
    let cameras = Some(vec!["garden".to_owned()]);
    let streams = Some(vec![tarsier_api::camera::Stream::Main]);
    for (what, grant) in [
        ("for one camera", Grant { cameras, ..everything() }),
        ("for one stream", Grant { streams, ..everything() }),
    ] {
        let token = running.hub.sessions.issue(grant, Duration::from_secs(600)).0;
        for (method, path) in routes() {
            let is_change = method != Method::GET && path.starts_with("/api/v1/");
            let is_for_all = path.contains("/session");
            if (is_change && !is_for_all) || ["/metrics", "/api/v1/tokens"].contains(&path.as_str())
            {
                let asked = format!("{method} {path} with a token {what}");
                let answer = running.ask(Some(&token), method, &path, Some(json!({}))).await;
                answer.assert_problem(StatusCode::FORBIDDEN, "forbidden", &asked);
            }
        }
    }
}

#[tokio::test]
async fn a_connection_is_known_by_a_good_token_and_by_no_other() {
    let running = start().await;
    let seat = Arc::new(crate::door::Seat::taken());
    let knock = async |token: &str| {
        let request = Request::builder().uri("/api/v1/session").header(header::HOST, HOST);
        let request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        let request = request.extension(seat.clone()).body(Body::empty()).unwrap();
        running.send(request).await.status
    };
    let expired = running.hub.sessions.issue(Grant::everything("test"), Duration::ZERO).0;
    for bad in ["", "forged", expired.as_str()] {
        assert_eq!(knock(bad).await, StatusCode::UNAUTHORIZED);
        assert!(!seat.is_known(), "{bad:?} makes a stranger stay where others need the room");
    }
    assert_eq!(knock(&running.token(Role::Viewer, None)).await, StatusCode::OK);
    assert!(seat.is_known(), "whoever watches is not sent away by a crowd");
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
async fn a_session_is_renewed_with_the_same_rights() {
    let running = start().await;
    let viewer = running.token(Role::Viewer, Some(&["gate"]));
    let renewed = running.ask(Some(&viewer), Method::POST, "/api/v1/session", None).await.json();
    let token = renewed["token"].as_str().unwrap();
    let session = running.ask(Some(token), Method::GET, "/api/v1/session", None).await.json();
    assert_eq!((&session["role"], &session["cameras"]), (&json!("viewer"), &json!(["gate"])));
    assert_eq!(session["token"], Value::Null, "a token is handed out only where it is asked for");
}
