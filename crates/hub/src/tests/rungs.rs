//! Rungs by API: who may ask for one, and what is answered where nothing can make it.

use tarsier_live::viewer::Next;
use tarsier_live::{LiveStream, Rung};

use super::*;

#[tokio::test]
async fn every_camera_has_rungs_and_a_token_for_others_sees_none() {
    let running = start().await;
    running.add("Garden").await;
    let upgrade = |token: String, path: &'static str| {
        let running = &running;
        async move { running.ask(Some(&token), Method::GET, path, None).await }
    };
    let mine = || running.token(Role::Viewer, Some(&["garden"]));
    let other = || running.token(Role::Viewer, Some(&["drive"]));
    for rung in ["/live/garden/720p/mse", "/live/garden/480p/mse", "/live/garden/360p/mse"] {
        // No WebSocket: it got as far as that.
        upgrade(mine(), rung).await.assert_problem(StatusCode::BAD_REQUEST, "bad_request", rung);
        upgrade(other(), rung).await.assert_problem(StatusCode::FORBIDDEN, "forbidden", rung);
    }
    let unknown = "/live/garden/1080p/mse";
    upgrade(mine(), unknown).await.assert_problem(StatusCode::NOT_FOUND, "not_found", unknown);
}

#[tokio::test]
async fn where_no_transcoder_is_installed_each_viewer_is_told() {
    let running = start().await;
    running.add("Garden").await;
    let rung = (CameraId::new("garden").unwrap(), LiveStream::Rung(Rung::P720));
    let mut first = running.hub.live.watch(rung.clone()).await;
    let Next::Ended(problem) = first.next().await else { panic!("it has not ended") };
    assert_eq!(serde_json::to_value(problem.code).unwrap(), "not_playable");
    let mut second = running.hub.live.watch(rung).await;
    assert!(matches!(second.next().await, Next::Ended(_)), "also who comes later");
}
