//! When cameras are recorded: schedules, events, and the pauses between.

use tarsier_types::{GapReason, UtcRange};

use super::footage::segment;
use super::*;
use crate::modes::off_since_key;

const GARDEN: &str = "/api/v1/cameras/garden";

impl Running {
    async fn post_event(&self, body: Value) -> Answer {
        self.admin(Method::POST, &format!("{GARDEN}/events"), Some(body)).await
    }
}

#[tokio::test]
async fn a_schedule_is_kept_and_shown_with_what_it_comes_down_to() {
    let running = start().await;
    running.add("Garden").await;
    let whole_week = json!({ "days": ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"],
        "from": "00:00", "to": "24:00", "mode": "on_event" });
    let recording = json!({ "mode": "schedule", "schedule": [whole_week], "pre_roll_seconds": 7 });
    let change = Some(json!({ "recording": recording }));
    let changed = running.admin(Method::PATCH, GARDEN, change).await;
    assert_eq!(changed.status, StatusCode::OK, "{}", changed.text());
    let shown = &changed.json()["recording"];
    assert_eq!((&shown["schedule"][0], &shown["pre_roll_seconds"]), (&whole_week, &json!(7)));
    assert_eq!(shown["post_roll_seconds"], 10, "what is absent is as usual");
    let status = running.admin(Method::GET, &format!("{GARDEN}/status"), None).await.json();
    assert_eq!(
        (&status["keeps"], &status["keeps_until_utc_ms"]),
        (&json!("on_event"), &json!(null))
    );

    let empty = Some(json!({ "recording": { "mode": "schedule" } }));
    let refused = running.admin(Method::PATCH, GARDEN, empty).await;
    refused.assert_problem(StatusCode::BAD_REQUEST, "bad_request", "an empty schedule");
}

#[tokio::test]
async fn an_event_is_kept_shown_in_the_timeline_and_marks_its_span() {
    let running = start().await;
    running.add("Garden").await;
    let now = running.hub.now().0;
    let body = json!({ "kind": "motion", "note": "at the gate", "from_utc_ms": now - 4000, "until_utc_ms": now });
    let answer = running.post_event(body).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    let event = answer.json();
    assert_eq!(
        (&event["kind"], &event["title"]),
        (&json!("camera_event"), &json!("Garden: motion"))
    );
    assert_eq!((&event["utc_ms"], &event["until_utc_ms"]), (&json!(now - 4000), &json!(now)));

    let path = format!("{GARDEN}/timeline?from_utc_ms={}&to_utc_ms={}", now - 5000, now);
    let timeline = running.admin(Method::GET, &path, None).await.json();
    assert!(timeline["events"].as_array().unwrap().contains(&event), "{timeline}");

    let garden = CameraId::new("garden").unwrap();
    let spans = |from, to| {
        let range = UtcRange::new(UtcMs(from), UtcMs(to));
        running.hub.index.event_spans(&garden, "camera_event", range, 10).unwrap()
    };
    assert_eq!(spans(now - 1000, now + 1000), [UtcRange::new(UtcMs(now - 4000), UtcMs(now))]);
    assert_eq!(spans(now + 1, now + 1000), []);

    let refused = running.post_event(json!({ "kind": "Motion!" })).await;
    refused.assert_problem(StatusCode::BAD_REQUEST, "bad_request", "a kind that is no word");
}

#[tokio::test]
async fn an_event_makes_a_camera_that_records_on_events_recorded_for_its_time() {
    let running = start().await;
    running.add("Garden").await;
    let change = Some(json!({ "recording": { "mode": "on_event" } }));
    running.admin(Method::PATCH, GARDEN, change).await;
    let garden = CameraId::new("garden").unwrap();
    let is_recorded = || {
        let camera = running.hub.camera(&garden).unwrap();
        camera.is_recorded(running.hub.moment(), running.hub.modes.happening(&garden))
    };
    assert!(!is_recorded());
    running.post_event(json!({ "kind": "doorbell" })).await;
    assert!(is_recorded(), "post-roll is 10 s");
}

#[tokio::test]
async fn a_recorder_is_told_a_mode_once_also_where_there_is_no_sub_stream() {
    let running = start().await;
    let url = json!({ "url": "rtsp://127.0.0.1:9/main" });
    let new = Some(json!({ "name": "Garden", "main": url }));
    running.admin(Method::POST, "/api/v1/cameras", new).await;
    let garden = CameraId::new("garden").unwrap();
    let is_due = || {
        let camera = running.hub.camera(&garden).unwrap();
        running.hub.modes.is_due(&camera, running.hub.moment())
    };
    assert!(!is_due(), "it was told when it was added");
    running.hub.is_paused.store(true, std::sync::atomic::Ordering::SeqCst);
    assert!(is_due(), "the pause is news");
    running.hub.follow_modes().await;
    assert!(!is_due(), "and is told once");
}

#[tokio::test]
async fn what_was_not_wanted_is_a_planned_gap_also_over_a_restart() {
    let running = start().await;
    running.add("Garden").await;
    let garden = CameraId::new("garden").unwrap();
    let now = running.hub.now();
    let end = now.plus_millis(-60_000);
    let segment = segment(end.plus_millis(-5000), 5000);
    let tier = running.hub.data.tier_id().to_owned();
    running.hub.index.segment_closed(&garden, StreamKind::Main, &tier, &segment).unwrap();
    let pause = |paused: bool| Some(json!({ "paused": paused }));
    running.admin(Method::PUT, "/api/v1/recording", pause(true)).await;
    let key = off_since_key(&garden, StreamKind::Main);
    let index = running.hub.index.clone();
    assert!(index.setting(&key).unwrap().is_some(), "since when nothing is kept is known");

    let running = start_in(running.stop().await).await;
    running.admin(Method::PUT, "/api/v1/recording", pause(false)).await;
    running.hub.journal.flush().await;
    let index = running.hub.index.clone();
    let gaps =
        index.gaps_in(&garden, StreamKind::Main, UtcRange::new(end, UtcMs(i64::MAX)), 9).unwrap();
    // Before the pause the recorder was missing: there are no programs here.
    let [missing, planned] = &gaps[..] else { panic!("{gaps:?}") };
    assert_eq!((missing.range.start, missing.reason), (end, GapReason::Recorder));
    assert_eq!((planned.range.start, planned.reason), (missing.range.end, GapReason::Planned));
    assert!(planned.range.start >= now, "not before somebody paused it: {gaps:?}");
    assert_eq!(index.setting(&key).unwrap(), None, "it is over");
}
