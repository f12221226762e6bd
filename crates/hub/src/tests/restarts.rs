//! What outlives the hub, and the index.

use super::*;

#[tokio::test]
async fn configuration_and_pause_outlive_the_hub() {
    let running = start().await;
    running.add("Garden").await;
    let paused =
        running.admin(Method::PUT, "/api/v1/recording", Some(json!({"paused": true}))).await;
    assert_eq!(paused.status, StatusCode::OK);
    let tier = running.hub.data.tier_id().to_owned();
    let dir = running.stop().await;
    let again = start_in(dir).await;
    assert_eq!(again.hub.data.tier_id(), tier);
    let camera = again.hub.all_cameras().pop().unwrap();
    assert_eq!(
        camera.credentials.as_ref().unwrap().password.expose(),
        CANARY,
        "the password is decrypted again"
    );
    assert_eq!(again.admin(Method::GET, "/api/v1/system", None).await.json()["is_paused"], true);
}

#[tokio::test]
async fn cameras_outlive_the_index() {
    for loss in ["damaged", "deleted"] {
        let running = start().await;
        running.add("Garden").await;
        running.add("Gate").await;
        let rename = Some(json!({"name": "Rose garden"}));
        running.admin(Method::PATCH, "/api/v1/cameras/garden", rename).await;
        running.admin(Method::DELETE, "/api/v1/cameras/gate", None).await;
        running.admin(Method::PUT, "/api/v1/recording", Some(json!({"paused": true}))).await;
        let before = running.admin(Method::GET, "/api/v1/cameras", None).await.json();
        let dir = running.stop().await;
        for log in ["tarsier.db-wal", "tarsier.db-shm", "tarsier.db"] {
            match std::fs::remove_file(dir.path().join(log)) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => panic!("{error}"),
                _ => {}
            }
        }
        if loss == "damaged" {
            std::fs::write(dir.path().join("tarsier.db"), [0xa5; 8192]).unwrap();
        }
        let again = start_in(dir).await;
        let after = again.admin(Method::GET, "/api/v1/cameras", None).await.json();
        assert_eq!(after, before, "{loss}: the same cameras, ids and all");
        let camera = again.hub.all_cameras().pop().unwrap();
        let password = camera.credentials.as_ref().unwrap().password.expose();
        assert_eq!(password, CANARY, "{loss}: with its password");
        let system = again.admin(Method::GET, "/api/v1/system", None).await.json();
        assert_eq!(system["is_paused"], true, "{loss}: what was paused stays so");
        again.hub.journal.flush().await;
        let told = |hub: &Hub| {
            let events = hub.index.events_since(0, 100).unwrap();
            events.iter().filter(|event| event.body_json.contains("1 camera was restored")).count()
        };
        assert_eq!(told(&again.hub), 1, "{loss}: told once");
        let third = start_in(again.stop().await).await;
        third.hub.journal.flush().await;
        assert_eq!(told(&third.hub), 1, "{loss}: and not again at the next start");
    }
}

#[tokio::test]
async fn rules_of_supervision_are_changed_checked_and_outlive_hub_and_index() {
    let running = start().await;
    let path = "/api/v1/supervision";
    let usual = running.admin(Method::GET, path, None).await.json();
    assert_eq!((&usual["max_rss_mb"], &usual["pause_seconds"]), (&json!(1000), &json!(1800)));
    let changed = running.admin(Method::PUT, path, Some(json!({"max_rss_mb": 500}))).await;
    assert_eq!(changed.status, StatusCode::OK, "{}", changed.text());
    for (wrong, said) in [
        (json!({"max_rss_mb": 1}), "max_rss_mb cannot be 1."),
        (json!({"max_rss": 500}), "unknown field max_rss"),
        (json!({"max_rss_mb": -1}), "cannot be understood"),
    ] {
        let answer = running.admin(Method::PUT, path, Some(wrong)).await;
        answer.assert_problem(StatusCode::BAD_REQUEST, "bad_request", said);
        assert!(answer.text().contains(said), "{}", answer.text());
    }
    let dir = running.stop().await;
    for file in ["tarsier.db-wal", "tarsier.db-shm", "tarsier.db"] {
        let _ = std::fs::remove_file(dir.path().join(file));
    }
    let again = start_in(dir).await;
    let kept = again.admin(Method::GET, path, None).await.json();
    assert_eq!(kept["max_rss_mb"], 500, "with cameras.json it outlives the index too");
    assert_eq!(kept["heartbeat_seconds"], 10, "what was not named is as usual");
}

#[tokio::test]
async fn a_hub_that_starts_during_an_outage_does_not_tell_of_it_again() {
    let running = start().await;
    running.add("Garden").await;
    let told = crate::journal::NewEvent {
        at: running.hub.now(),
        kind: tarsier_api::event::EventKind::CameraOffline,
        camera: Some(CameraId::new("garden").unwrap()),
        title: "Garden: no picture since 20:14".to_owned(),
        body: String::new(),
    };
    running.hub.journal.event(told);
    running.hub.journal.flush().await;
    let again = start_in(running.stop().await).await;
    let status = again.admin(Method::GET, "/api/v1/cameras/garden/status", None).await.json();
    assert_eq!(status["state"], "offline", "the outage goes on: {status}");
    again.hub.journal.flush().await;
    let events = again.hub.index.events_since(0, 100).unwrap();
    let outages = events.iter().filter(|event| event.kind == "camera_offline").count();
    assert_eq!(outages, 1, "{events:?}");
}
