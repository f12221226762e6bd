//! The stream of events.

use super::*;

/// This machine may be busy.
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test]
async fn events_are_resumed_where_they_were_left() {
    let running = start().await;
    running.add("Garden").await;
    running.hub.journal.flush().await;
    let token = running.token(Role::Admin, None);
    let open = async |last: &str| {
        let request = Request::builder()
            .uri(format!("/api/v1/events?token={token}"))
            .header(header::HOST, HOST)
            .header("last-event-id", last)
            .body(Body::empty())
            .unwrap();
        running.router.clone().oneshot(request).await.unwrap().into_body()
    };
    let first = next_frame(&mut open("0").await).await;
    assert!(first.contains("id: 1\n") && first.contains("event: camera_added"), "{first}");
    let mut later = open("1").await;
    running.add("Gate").await;
    let second = next_frame(&mut later).await;
    assert!(second.contains("Gate"), "what was seen is not sent again: {second}");
    running.hub.stopping.send_replace(true);
    let end =
        tokio::time::timeout(PATIENCE, async { while later.frame().await.is_some() {} }).await;
    assert!(end.is_ok(), "a stream ends with the hub");
}

#[tokio::test]
async fn nobody_hears_of_cameras_that_his_token_is_not_for() {
    let running = start().await;
    for name in ["Garden", "Gate"] {
        running.add(name).await;
    }
    running.hub.journal.flush().await;
    let token = running.token(Role::Viewer, Some(&["gate"]));
    let request = Request::builder().uri("/api/v1/events?after=0").header(header::HOST, HOST);
    let request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    let request = request.body(Body::empty()).unwrap();
    let mut body = running.router.clone().oneshot(request).await.unwrap().into_body();
    // The garden's came before it.
    let first = next_frame(&mut body).await;
    assert!(first.contains("\"gate\"") && !first.contains("garden"), "{first}");
}

async fn next_frame(body: &mut Body) -> String {
    let frame = tokio::time::timeout(PATIENCE, body.frame()).await;
    let frame = frame.expect("an event in time").expect("the stream goes on").unwrap();
    String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap()
}
