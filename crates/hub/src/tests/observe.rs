//! What is told to those who watch the hub itself, and its document.

use super::*;

#[tokio::test]
async fn health_and_metrics_and_pages() {
    let running = start().await;
    running.add("Garden").await;
    for path in ["/healthz", "/readyz", "/api/v1/openapi.json"] {
        let answer = running.ask(None, Method::GET, path, None).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        let policy = answer.headers["content-security-policy"].to_str().unwrap();
        assert!(
            policy.contains("frame-ancestors 'none'") && policy.contains("ws://127.0.0.1:8787"),
            "{policy}"
        );
        assert!(!policy.contains("script-src") && !policy.contains("unsafe-eval"), "{policy}");
    }
    let metrics = running.admin(Method::GET, "/metrics", None).await;
    assert!(metrics.content_type.starts_with("application/openmetrics-text"));
    let text = metrics.text();
    assert!(
        text.contains("tarsier_camera_state{camera=\"garden\"") && text.ends_with("# EOF\n"),
        "{text}"
    );
    let page = running.ask(None, Method::GET, "/timeline", None).await;
    assert!(
        page.text().contains("pages are missing"),
        "a person is told what to do: {}",
        page.text()
    );
}

#[test]
fn the_document_is_whole() {
    let text = serde_json::to_string(&http::document()).unwrap();
    for reference in
        text.split("#/components/schemas/").skip(1).filter_map(|rest| rest.split('"').next())
    {
        let document: Value = serde_json::from_str(&text).unwrap();
        assert!(
            document["components"]["schemas"].get(reference).is_some(),
            "{reference} is used and not described"
        );
    }
}
