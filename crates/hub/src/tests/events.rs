//! The stream of events.

use super::*;

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
    let end = tokio::time::timeout(Duration::from_secs(5), async {
        while later.frame().await.is_some() {}
    })
    .await;
    assert!(end.is_ok(), "a stream ends with the hub");
}

async fn next_frame(body: &mut Body) -> String {
    let frame = tokio::time::timeout(Duration::from_secs(5), body.frame()).await;
    let frame = frame.expect("an event within 5 s").expect("the stream goes on").unwrap();
    String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap()
}
