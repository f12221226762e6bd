//! Connections, as the hub keeps, counts and shows them.

use tarsier_reconnect::{
    ConnectionHealth, ConnectionState, Degradation, EventKind, FailureReason, Protocol,
    ReconnectionEvent, SavedPhase, Severity, Statistics,
};
use tarsier_types::Transport;
use tarsier_wire::{LinkState, Problem as Cause};

use super::*;
use crate::state::Input;

fn offline(now: UtcMs) -> ConnectionState {
    ConnectionState {
        saved: now,
        phase: SavedPhase::Offline,
        since: now.plus_millis(-3_600_000),
        failures: 9,
        cause: Some("host_unreachable".to_owned()),
        protocol: Protocol::Rtsp { transport: Transport::Tcp },
        parameters: None,
        statistics: Statistics { packets: 77, ..Statistics::default() },
    }
}

fn kinds(hub: &Hub) -> Vec<String> {
    hub.index.events_since(0, 100).unwrap().into_iter().map(|event| event.kind).collect()
}

#[tokio::test]
async fn how_a_camera_is_connected_again_can_be_set_and_nonsense_is_refused() {
    let running = start().await;
    running.add("Garden").await;
    let path = "/api/v1/cameras/garden";
    let shown = running.admin(Method::GET, path, None).await.json();
    assert_eq!(shown["reconnect"], Value::Null, "as is right for its protocol");
    let wish =
        json!({ "reconnect": { "strategy": "linear", "initial_ms": 500, "max_retries": 3 } });
    let changed = running.admin(Method::PATCH, path, Some(wish)).await;
    assert_eq!(changed.status, StatusCode::OK, "{}", changed.text());
    let reconnect = &changed.json()["reconnect"];
    assert_eq!((&reconnect["initial_ms"], &reconnect["cap_ms"]), (&json!(500), &json!(30_000)));
    let config = running.hub.camera(&garden()).unwrap();
    let config = config.recorder_config(running.hub.moment(), Path::new("/f"), "t");
    assert_eq!(
        config.reconnect.quick,
        tarsier_reconnect::Quick::Retries(3),
        "its recorder is told"
    );
    let bad = json!({ "reconnect": { "jitter_percent": 99 } });
    let refused = running.admin(Method::PATCH, path, Some(bad)).await;
    refused.assert_problem(StatusCode::BAD_REQUEST, "bad_request", path);
    assert!(
        refused.text().contains("reconnect.jitter_percent cannot be 99."),
        "{}",
        refused.text()
    );
    let unknown = json!({ "reconnect": { "retries": 9 } });
    assert_eq!(
        running.admin(Method::PATCH, path, Some(unknown)).await.status,
        StatusCode::BAD_REQUEST
    );
}

/// An event of the garden, so long ago.
fn told(hub: &Hub, ago_ms: i64, kind: tarsier_api::event::EventKind) {
    let (title, body) = ("Garden".to_owned(), String::new());
    let at = hub.now().plus_millis(-ago_ms);
    let event = crate::journal::NewEvent { at, kind, camera: Some(garden()), title, body };
    hub.journal.event(event);
}

#[tokio::test]
async fn a_camera_that_was_offline_before_a_restart_is_offline_after_it_and_nobody_is_told_twice() {
    use tarsier_api::event::EventKind::{CameraOffline, ReconnectionStarted};
    let running = start().await;
    running.add("Garden").await;
    let (hub, now) = (running.hub.clone(), running.hub.now());
    let epoch = hub.camera(&garden()).unwrap().config.epoch;
    hub.connection_state(&garden(), MAIN, epoch, offline(now));
    hub.connection_state(&garden(), StreamKind::Sub, epoch - 1, offline(now));
    told(&hub, 3_600_000, CameraOffline);
    // However much was told since.
    for n in 0..1_200 {
        told(&hub, 3_000_000 - n, ReconnectionStarted);
    }
    hub.journal.flush().await;
    drop(hub);
    let again = start_in(running.stop().await).await;
    let camera = again.hub.camera(&garden()).unwrap();
    let kept = again.hub.connections.kept(&camera);
    assert_eq!(kept, [(MAIN, offline(now))], "and not what belongs to another address");
    let status = again.admin(Method::GET, "/api/v1/cameras/garden/status", None).await.json();
    assert_eq!(status["state"], "offline", "{status}");
    let since = status["since_utc_ms"].as_i64().unwrap();
    assert!(now.0 - since >= 3_599_000, "since an hour ago, not since the restart: {status}");
    again.hub.journal.flush().await;
    let kinds = again.hub.index.events_since(0, 2_000).unwrap();
    let offline = kinds.iter().filter(|event| event.kind == "camera_offline").count();
    assert_eq!(offline, 1, "it was told before the restart");
}

#[tokio::test]
async fn an_outage_that_a_killed_hub_had_no_time_to_tell_of_is_told() {
    let running = start().await;
    running.add("Garden").await;
    let (hub, now) = (running.hub.clone(), running.hub.now());
    let epoch = hub.camera(&garden()).unwrap().config.epoch;
    hub.connection_state(&garden(), MAIN, epoch, offline(now));
    drop(hub);
    let again = start_in(running.stop().await).await;
    let gone = LinkState::Waiting {
        problem: Cause::HostUnreachable,
        retry_at: again.hub.now(),
        attempts: 9,
        since: now.plus_millis(-3_600_000),
        offline: true,
    };
    again.hub.tell(&garden(), Input::Link(MAIN, gone)).await;
    again.hub.journal.flush().await;
    assert!(kinds(&again.hub).contains(&"camera_offline".to_owned()), "{:?}", kinds(&again.hub));
}

#[tokio::test]
async fn a_stream_or_a_camera_that_is_gone_leaves_no_figures_and_no_blame() {
    let running = start().await;
    running.add("Garden").await;
    let (hub, path) = (&running.hub, "/api/v1/cameras/garden");
    let attempt = |now: UtcMs| ReconnectionEvent {
        kind: EventKind::Attempt,
        at: now,
        attempt: 1,
        reason: FailureReason::Timeout,
        error: None,
        duration_ms: 0,
    };
    for stream in StreamKind::ALL {
        hub.reconnection(&garden(), stream, attempt(hub.now()));
        hub.connection_health(&garden(), stream, ConnectionHealth::default());
    }
    let figures = async || running.admin(Method::GET, "/metrics", None).await.text();
    let of = |stream: &str| format!("camera=\"garden\",stream=\"{stream}\"");
    assert!(figures().await.contains(&of("sub")), "it is there as long as it is");
    let none = json!({ "sub": null });
    assert_eq!(running.admin(Method::PATCH, path, Some(none)).await.status, StatusCode::OK);
    // Its recorder, which is being replaced, says its last words.
    hub.reconnection(&garden(), StreamKind::Sub, attempt(hub.now()));
    hub.connection_health(&garden(), StreamKind::Sub, ConnectionHealth::default());
    assert_eq!(hub.blamed().now(&garden(), StreamKind::Sub), None);
    let said = figures().await;
    assert!(!said.contains(&of("sub")) && said.contains(&of("main")), "{said}");
    running.admin(Method::DELETE, path, None).await;
    hub.reconnection(&garden(), MAIN, attempt(hub.now()));
    let said = figures().await;
    assert!(!said.contains("garden"), "{said}");
}

#[tokio::test]
async fn the_time_before_a_sub_stream_was_added_is_nobodys_fault() {
    let running = start().await;
    let url = json!({ "url": "rtsp://127.0.0.1:9/main" });
    let new = json!({ "name": "Garden", "main": url });
    running.admin(Method::POST, "/api/v1/cameras", Some(new)).await;
    let (hub, now) = (&running.hub, running.hub.now());
    // The camera is an hour old.
    let old = crate::config::CameraEntry {
        created: now.plus_millis(-3_600_000),
        ..(*hub.camera(&garden()).unwrap()).clone()
    };
    hub.cameras.write().unwrap().insert(garden(), Arc::new(old));
    let change =
        json!({ "sub": { "url": "rtsp://127.0.0.1:9/sub" }, "recording": { "record_sub": true } });
    let changed = running.admin(Method::PATCH, "/api/v1/cameras/garden", Some(change)).await;
    assert_eq!(changed.status, StatusCode::OK, "{}", changed.text());
    hub.journal.flush().await;
    let all = tarsier_types::UtcRange::new(UtcMs(0), UtcMs(i64::MAX));
    let gaps = hub.index.gaps_in(&garden(), StreamKind::Sub, all, 10).unwrap();
    assert_eq!(gaps.len(), 1, "{gaps:?}");
    assert_eq!(gaps[0].reason.name(), "planned", "nobody wanted it: {gaps:?}");
    assert!(gaps[0].range.millis() >= 3_600_000, "since the camera was added: {gaps:?}");
}

#[tokio::test]
async fn a_password_that_is_typed_once_more_is_tried_once_more() {
    let running = start().await;
    running.add("Garden").await;
    let (hub, now) = (&running.hub, running.hub.now());
    let before = hub.camera(&garden()).unwrap();
    let stopped = ConnectionState { phase: SavedPhase::Stopped, ..offline(now) };
    hub.connection_state(&garden(), MAIN, before.config.epoch, stopped.clone());
    assert_eq!(hub.connections.kept(&before).len(), 1);
    let path = "/api/v1/cameras/garden";
    running.admin(Method::PATCH, path, Some(json!({ "name": "Rose garden" }))).await;
    let renamed = hub.camera(&garden()).unwrap();
    assert_eq!(hub.connections.kept(&renamed).len(), 1, "a name is no reason to try it again");
    running.admin(Method::PATCH, path, Some(json!({ "password": CANARY }))).await;
    let typed = hub.camera(&garden()).unwrap();
    assert_eq!(hub.connections.kept(&typed), [], "it goes on from nothing");
    let config = |entry: &crate::config::CameraEntry| {
        entry.recorder_config(hub.moment(), Path::new("/f"), "t").epoch
    };
    assert_ne!(config(&typed), config(&renamed), "its recorder is replaced");
    // The recorder that is being replaced says its last word.
    hub.connection_state(&garden(), MAIN, before.config.epoch, stopped);
    assert_eq!(hub.connections.kept(&typed), [], "which is of no use to its successor");
}

#[tokio::test]
async fn an_incident_is_kept_as_two_events_and_its_attempts_in_figures_alone() {
    let running = start().await;
    running.add("Garden").await;
    let (hub, now) = (&running.hub, running.hub.now());
    let event = |kind, attempt| ReconnectionEvent {
        kind,
        at: now.plus_millis(-6_000),
        attempt,
        reason: FailureReason::Timeout,
        error: Some("no picture for 5.5 s: 11 stalls".to_owned()),
        duration_ms: 6_000,
    };
    hub.reconnection(&garden(), MAIN, event(EventKind::Started, 0));
    hub.connections_tick();
    for attempt in 1..4 {
        hub.reconnection(&garden(), MAIN, event(EventKind::Attempt, attempt));
    }
    hub.reconnection(&garden(), MAIN, event(EventKind::Succeeded, 4));
    let health = ConnectionHealth {
        is_connected: true,
        packets: 1_000,
        latency_ms: Some(40),
        connection_age_ms: 2_500,
        degraded: vec![Degradation {
            reason: FailureReason::PacketLoss,
            severity: Severity::Medium,
        }],
        ..ConnectionHealth::default()
    };
    hub.connection_health(&garden(), MAIN, health);
    hub.journal.flush().await;
    let told: Vec<String> =
        kinds(hub).into_iter().filter(|kind| kind.starts_with("reconnection")).collect();
    assert_eq!(told, ["reconnection_started", "reconnection_succeeded"]);
    let figures = running.admin(Method::GET, "/metrics", None).await.text();
    let of = "camera=\"garden\",stream=\"main\"";
    for line in [
        format!("tarsier_reconnection_attempts_total{{{of},reason=\"timeout\"}} 3"),
        format!("tarsier_reconnection_successes_total{{{of}}} 1"),
        format!("tarsier_connection_failures_total{{{of},reason=\"packet_loss\"}} 1"),
        format!("tarsier_connection_uptime_seconds{{{of}}} 2.5"),
    ] {
        assert!(figures.contains(&line), "{line} is missing:\n{figures}");
    }
    let status = running.admin(Method::GET, "/api/v1/cameras/garden/status", None).await.json();
    let connection = &status["streams"][0]["connection"];
    assert_eq!(connection["packets"], 1_000, "{status}");
    assert_eq!(connection["degraded"][0]["severity"], "medium", "{status}");
}
