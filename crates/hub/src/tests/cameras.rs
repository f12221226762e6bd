//! A camera, from its adding to its deletion.

use super::*;

#[tokio::test]
async fn a_camera_is_added_changed_and_deleted() {
    let running = start().await;
    let added = running.add("Front door").await;
    assert_eq!(added.status, StatusCode::CREATED);
    assert_eq!(added.headers[header::LOCATION], "/api/v1/cameras/front-door");
    let camera = added.json();
    assert_eq!((&camera["id"], &camera["has_password"]), (&json!("front-door"), &json!(true)));
    let path = "/api/v1/cameras/front-door";
    let changed = running
        .admin(Method::PATCH, path, Some(json!({"name": "Back door", "enabled": false})))
        .await
        .json();
    assert_eq!((&changed["name"], &changed["enabled"]), (&json!("Back door"), &json!(false)));
    assert_eq!(changed["has_password"], true, "what is not named stays");
    let status = running.admin(Method::GET, &format!("{path}/status"), None).await.json();
    assert_eq!(status["state"], "disabled");
    assert_eq!(running.admin(Method::DELETE, path, None).await.status, StatusCode::NO_CONTENT);
    running.admin(Method::GET, path, None).await.assert_problem(
        StatusCode::NOT_FOUND,
        "not_found",
        "it is gone",
    );
    let again = running.add("Front door").await.json();
    assert_eq!(
        again["id"], "front-door-2",
        "the id of a camera that had footage is given to no other"
    );
    running.hub.journal.flush().await;
    let kinds: Vec<String> = running
        .hub
        .index
        .events_since(0, 100)
        .unwrap()
        .into_iter()
        .map(|event| event.kind)
        .collect();
    for kind in ["camera_added", "camera_changed", "camera_deleted"] {
        assert!(kinds.iter().any(|known| known == kind), "{kind} is told: {kinds:?}");
    }
}
