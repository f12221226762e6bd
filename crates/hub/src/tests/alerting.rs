//! Alerts and the gap ledger, through the router.

use std::collections::{BTreeMap, HashSet};

use tarsier_types::{Gap, GapReason, UtcRange};
use tarsier_wire::{LinkState, Problem as Cause};

use super::footage::segment;
use super::secrets::search;
use super::*;
use crate::state::Input;

/// Long enough for a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(30);
const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

impl Running {
    /// What is said of a camera's main stream.
    async fn tell(&self, camera: &str, state: LinkState) {
        let camera = CameraId::new(camera).unwrap();
        self.hub.tell(&camera, Input::Link(StreamKind::Main, state)).await;
    }

    /// The refused password of a camera: known at once, so that no test waits for an outage.
    async fn refuse(&self, camera: &str) {
        let since = self.hub.now();
        self.tell(camera, LinkState::Stopped { problem: Cause::WrongCredentials, since }).await;
    }

    /// Waits until the list of alerts is as wanted.
    async fn alerts_until(&self, what: &str, is_so: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let mut newest = self.hub.journal.newest_event();
        let wait = async {
            loop {
                let page = self.admin(Method::GET, "/api/v1/alerts", None).await.json();
                let items = page["items"].as_array().unwrap().clone();
                if is_so(&items) {
                    return items;
                }
                // Whatever is told of an alert is an event.
                newest.changed().await.unwrap();
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("{what}: not in time"))
    }

    async fn ledger(&self, camera: &str, query: &str) -> Value {
        let path = format!("/api/v1/cameras/{camera}/ledger?{query}");
        let ledger = self.admin(Method::GET, &path, None).await.json();
        let number = |key: &str| ledger[key].as_i64().unwrap_or_else(|| panic!("{key}: {ledger}"));
        let missing: i64 =
            ledger["gaps"].as_array().unwrap().iter().map(|gap| gap["ms"].as_i64().unwrap()).sum();
        assert_eq!(
            number("recorded_ms") + missing,
            number("to_utc_ms") - number("from_utc_ms"),
            "the sum is the wall clock: {ledger}"
        );
        ledger
    }
}

/// By reason, the milliseconds.
fn by_reason(ledger: &Value) -> BTreeMap<String, i64> {
    let gaps = ledger["gaps"].as_array().unwrap().iter();
    gaps.map(|gap| (gap["reason"].as_str().unwrap().to_owned(), gap["ms"].as_i64().unwrap()))
        .collect()
}

#[tokio::test]
async fn an_alert_is_raised_acknowledged_resolved_and_outlives_the_hub() {
    let running = start().await;
    running.add("Garden").await;
    running.refuse("garden").await;
    let open = running.alerts_until("raised", |alerts| !alerts.is_empty()).await;
    let alert = &open[0];
    assert_eq!(
        (&alert["kind"], &alert["severity"]),
        (&json!("camera_stopped"), &json!("critical"))
    );
    assert_eq!(alert["camera_ids"], json!(["garden"]));
    assert!(alert["title"].as_str().unwrap().starts_with("Garden: no picture since "), "{alert}");
    assert!(alert["body"].as_str().unwrap().contains("refused the user name"), "{alert}");
    assert!(alert["hint"].as_str().unwrap().contains("Type both again"), "{alert}");
    assert_eq!(alert["resolved_utc_ms"], Value::Null);
    let path = format!("/api/v1/alerts/{}/acknowledge", alert["id"]);
    let noted = running.admin(Method::POST, &path, None).await.json();
    assert_eq!(noted["acknowledged_by"], "test");
    let metrics = running.admin(Method::GET, "/metrics", None).await.text();
    assert!(metrics.contains("tarsier_alerts_open{kind=\"camera_stopped\"} 1"), "{metrics}");
    assert!(metrics.contains("tarsier_alerts_open{kind=\"disk_low\"} 0"), "{metrics}");

    let again = start_in(running.stop().await).await;
    let kept = again.admin(Method::GET, "/api/v1/alerts", None).await.json();
    assert_eq!(kept["items"][0]["id"], alert["id"], "it goes on over a restart");
    assert_eq!(kept["items"][0]["acknowledged_by"], "test");
    // Nothing settles where nothing is left.
    again.admin(Method::DELETE, "/api/v1/cameras/garden", None).await;
    let over = again.alerts_until("resolved", |alerts| alerts[0]["resolved_utc_ms"].is_i64()).await;
    assert_eq!(over.len(), 1, "one incident, one alert");
    let told = |kind: &str| {
        let events = again.hub.index.events_since(0, 100).unwrap();
        events.iter().filter(|event| event.kind == kind).count()
    };
    again.alerts_until("its end is told", |_| told("alert_resolved") == 1).await;
    assert_eq!(told("alert_raised"), 1, "it was told once, before the restart");
}

#[tokio::test]
async fn alerts_are_posted_and_a_failure_is_shown() {
    let running = start().await;
    let settings = "/api/v1/alerts/settings";
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (sender, mut got) = tokio::sync::mpsc::channel::<Value>(4);
    let url = format!("http://{}/{CANARY}", listener.local_addr().unwrap());
    let take = axum::routing::post(async move |body: String| {
        sender.send(serde_json::from_str(&body).unwrap()).await.unwrap();
    });
    let server = tokio::spawn(axum::serve(listener, Router::new().fallback(take)).into_future());
    let wish = json!({"webhook_url": url, "webhook_secret": CANARY, "hold_off_seconds": 20});
    let set = running.admin(Method::PUT, settings, Some(wish)).await;
    assert_eq!(set.status, StatusCode::OK, "{}", set.text());
    assert_eq!(set.json()["has_webhook_secret"], true);
    running.add("Garden").await;
    running.refuse("garden").await;
    let posted = tokio::time::timeout(PATIENCE, got.recv()).await.expect("posted").unwrap();
    assert_eq!(
        (&posted["kind"], &posted["camera_ids"]),
        (&json!("camera_stopped"), &json!(["garden"]))
    );
    let shown = running.admin(Method::GET, settings, None).await.json();
    assert_eq!(shown["hold_off_seconds"], 20, "what is set is shown");
    let viewer = running.token(Role::Viewer, None);
    let answer = running.ask(Some(&viewer), Method::GET, settings, None).await;
    answer.assert_problem(StatusCode::FORBIDDEN, "forbidden", "an address may be a secret");
    server.abort();
    let again = start_in(running.stop().await).await;
    let kept = again.admin(Method::GET, settings, None).await.json();
    assert_eq!((&kept["webhook_url"], &kept["has_webhook_secret"]), (&json!(url), &json!(true)));
    let mut seen = HashSet::new();
    search(again.dir.path(), &mut seen);
    assert!(seen.contains("cameras.json"), "the copy of the settings was searched: {seen:?}");
    for bad in
        [json!({"webhook_url": "ftp://h/"}), json!({"hold_off_seconds": 9999}), json!({"url": ""})]
    {
        let answer = again.admin(Method::PUT, settings, Some(bad.clone())).await;
        answer.assert_problem(StatusCode::BAD_REQUEST, "bad_request", &bad.to_string());
    }
}

#[tokio::test]
async fn a_viewer_is_told_of_his_cameras_only() {
    let running = start().await;
    for name in ["Garden", "Gate", "Yard"] {
        running.add(name).await;
    }
    let now = running.hub.now().0;
    let member = |name: &str| {
        json!({"subject": name.to_lowercase(), "camera": name.to_lowercase(), "name": name, "since_utc_ms": now,
            "title": format!("{name}: no picture"), "body": format!("{name} is gone."), "hint": "Look."})
    };
    let members = json!([member("Garden"), member("Gate"), member("Yard")]);
    let row = tarsier_index::AlertRow {
        id: 1,
        kind: "camera_offline".into(),
        since: UtcMs(now),
        raised: UtcMs(now),
        changed: UtcMs(now),
        resolved: None,
        acknowledged: None,
        occurrences: 1,
        members_json: members.to_string(),
    };
    running.hub.index.put_alert(&row).unwrap();
    let running = start_in(running.stop().await).await;
    let all = running.admin(Method::GET, "/api/v1/alerts", None).await.json();
    let title = all["items"][0]["title"].as_str().unwrap();
    assert!(title.starts_with("3 cameras: no picture since "), "{all}");
    let viewer = running.token(Role::Viewer, Some(&["gate"]));
    let answer = running.ask(Some(&viewer), Method::GET, "/api/v1/alerts", None).await;
    assert_eq!(answer.json()["items"][0]["camera_ids"], json!(["gate"]));
    let text = answer.text();
    assert!(!text.contains("Garden") && !text.contains("Yard"), "{text}");
    let stranger = running.token(Role::Viewer, Some(&["other"]));
    let answer = running.ask(Some(&stranger), Method::GET, "/api/v1/alerts", None).await;
    assert_eq!(answer.json()["items"], json!([]));
    for (who, token, count) in [("a viewer of one", &viewer, 1), ("a stranger", &stranger, 0)] {
        let system = running.ask(Some(token), Method::GET, "/api/v1/system", None).await.json();
        assert_eq!(system["open_alerts"], count, "{who} counts what he may see");
    }
}

#[tokio::test]
async fn the_system_counts_alerts_that_warn_and_no_news() {
    let running = start().await;
    let now = running.hub.now();
    for (id, kind) in [(1, "disk_low"), (2, "cleanup_done"), (3, "footage_lost")] {
        let members =
            json!([{"subject": "Disk", "name": "Disk", "since_utc_ms": now.0, "title": "Disk"}]);
        let row = tarsier_index::AlertRow {
            id,
            kind: kind.into(),
            since: now,
            raised: now,
            changed: now,
            resolved: None,
            acknowledged: None,
            occurrences: 1,
            members_json: members.to_string(),
        };
        running.hub.index.put_alert(&row).unwrap();
    }
    let running = start_in(running.stop().await).await;
    assert_eq!(running.hub.alerts.open().len(), 3, "all three go on");
    let system = running.admin(Method::GET, "/api/v1/system", None).await.json();
    assert_eq!(system["open_alerts"], 2, "a cleanup is good to know and no warning");
}

#[tokio::test]
async fn while_muted_nothing_is_told_and_all_is_shown() {
    let running = start().await;
    let mute = "/api/v1/alerts/mute";
    let until = running.hub.now().plus_millis(HOUR).0;
    let set = running.admin(Method::PUT, mute, Some(json!({"until_utc_ms": until}))).await;
    assert_eq!(set.json()["until_utc_ms"], until);
    let quiet_until = async || {
        let system = running.admin(Method::GET, "/api/v1/system", None).await.json();
        system["alerts_muted_until_utc_ms"].clone()
    };
    assert_eq!(quiet_until().await, until, "the system tells it, too");
    let year = running.hub.now().plus_millis(365 * 24 * HOUR).0;
    let answer = running.admin(Method::PUT, mute, Some(json!({"until_utc_ms": year}))).await;
    answer.assert_problem(StatusCode::BAD_REQUEST, "bad_request", "a year is forgotten");
    running.add("Garden").await;
    running.refuse("garden").await;
    let wait = async {
        let mut looks = tokio::time::interval(Duration::from_millis(20));
        while running.hub.alerts.open().is_empty() {
            looks.tick().await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.expect("it is raised all the same");
    let told = || {
        let events = running.hub.index.events_since(0, 100).unwrap();
        events.iter().filter(|event| event.kind == "alert_raised").count()
    };
    running.hub.journal.flush().await;
    assert_eq!(told(), 0);
    let off = running.admin(Method::PUT, mute, Some(json!({"until_utc_ms": null}))).await;
    assert_eq!(off.json()["until_utc_ms"], Value::Null);
    running.alerts_until("told at the end of the quiet", |_| told() == 1).await;
    assert_eq!(running.admin(Method::GET, mute, None).await.json()["until_utc_ms"], Value::Null);
    assert_eq!(quiet_until().await, Value::Null);
}

#[tokio::test]
async fn a_hub_that_has_just_started_does_not_take_its_cameras_for_deleted() {
    let running = start().await;
    running.add("Garden").await;
    let dir = running.stop().await;
    let (hub, _inbox, _nudges) = build(dir.path()).await;
    let looks = crate::alerts::look_around(&hub);
    let known: Vec<&str> = looks.iter().map(|look| look.id.as_str()).collect();
    assert_eq!(known, ["garden"], "its alert would end, and be told again");
    assert!(looks[0].signs.is_empty(), "and nothing is said of it yet: {looks:?}");
}

#[tokio::test]
async fn pages_of_alerts_join_without_a_hole() {
    let running = start().await;
    for id in 1..=7 {
        let row = tarsier_index::AlertRow {
            id,
            kind: "cleanup_done".into(),
            since: UtcMs(id),
            raised: UtcMs(id),
            changed: UtcMs(id),
            resolved: Some(UtcMs(id)),
            acknowledged: None,
            occurrences: 1,
            members_json: r#"[{"subject":"","name":"","since_utc_ms":1,"title":"Deleted"}]"#.into(),
        };
        running.hub.index.put_alert(&row).unwrap();
    }
    let (mut seen, mut query) = (Vec::new(), "limit=3".to_owned());
    loop {
        let page =
            running.admin(Method::GET, &format!("/api/v1/alerts?{query}"), None).await.json();
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= 3);
        seen.extend(items.iter().map(|item| item["id"].as_i64().unwrap()));
        let Some(next) = page["next"].as_str() else { break };
        query = format!("limit=3&after={next}");
    }
    assert_eq!(seen, [7, 6, 5, 4, 3, 2, 1]);
    let answer = running.admin(Method::GET, "/api/v1/alerts?after=x", None).await;
    answer.assert_problem(StatusCode::BAD_REQUEST, "bad_request", "no such page");
    let answer = running.admin(Method::POST, "/api/v1/alerts/99/acknowledge", None).await;
    answer.assert_problem(StatusCode::NOT_FOUND, "not_found", "no such alert");
    let past = running.admin(Method::POST, "/api/v1/alerts/3/acknowledge", None).await.json();
    assert_eq!(past["acknowledged_by"], "test", "what is over can be acknowledged as well");
}

#[tokio::test]
async fn a_camera_that_was_never_connected_has_a_ledger_without_a_hole() {
    let running = start().await;
    running.add("Garden").await;
    running.refuse("garden").await;
    let created = running.hub.camera(&CameraId::new("garden").unwrap()).unwrap().created;
    while running.hub.now() <= created {
        tokio::task::yield_now().await;
    }
    let ledger = running.ledger("garden", "").await;
    assert_eq!(ledger["from_utc_ms"], created.0, "from the moment in which it was added: {ledger}");
    assert_eq!(ledger["unknown_ms"], 0);
    assert_eq!(ledger["recorded_percent"], 0.0);
    // The first milliseconds are those until its recorder had said anything.
    let missing = by_reason(&ledger);
    assert!(
        missing.keys().all(|reason| reason == "credentials" || reason == "recorder"),
        "{ledger}"
    );
    let sub = running.ledger("garden", "stream=sub").await;
    assert_eq!((&sub["gaps"], &sub["line"]), (&json!([]), &json!("nothing to record yet")));
}

#[tokio::test]
async fn time_without_a_hub_is_ours_and_the_outage_after_it_is_not() {
    let running = start().await;
    running.add("Garden").await;
    let now = running.hub.now();
    running.film(&segment(now.plus_millis(-4 * HOUR), 3 * HOUR));
    let again = start_in(running.stop().await).await;
    again.refuse("garden").await;
    again.hub.journal.flush().await;
    let ledger = again.ledger("garden", "").await;
    let missing = by_reason(&ledger);
    assert_eq!(ledger["unknown_ms"], 0, "{ledger}");
    let ours = missing["recorder"];
    assert!((HOUR - MINUTE..HOUR + MINUTE).contains(&ours), "the hour without a hub: {ledger}");
    assert!(missing.get("credentials").is_some_and(|ms| *ms < MINUTE), "{ledger}");
    assert_eq!(ledger["longest_gap"]["reason"], "recorder");
    assert!(
        ledger["line"].as_str().unwrap().starts_with("recorded 7"),
        "three of four hours: {ledger}"
    );
    let timeline = "/api/v1/cameras/garden/timeline";
    let path = format!("{timeline}?from_utc_ms={}&to_utc_ms={}", now.0 - 5 * HOUR, now.0 + HOUR);
    let drawn = again.admin(Method::GET, &path, None).await.json();
    let reasons: Vec<&str> = drawn["gaps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|gap| gap["reason"].as_str().unwrap())
        .collect();
    assert!(!reasons.contains(&"unknown"), "the timeline says the same: {drawn}");
}

#[tokio::test]
async fn a_night_in_which_the_machine_slept_is_not_the_cameras() {
    let running = start().await;
    running.add("Garden").await;
    let (hub, now) = (&running.hub, running.hub.now());
    running.film(&segment(now.plus_millis(-10 * HOUR), 90 * MINUTE));
    // Its password was refused when the machine fell asleep, eight hours ago.
    let (garden, asleep) = (CameraId::new("garden").unwrap(), now.plus_millis(-8 * HOUR));
    let cause = Some(Cause::WrongCredentials);
    let out = crate::blame::Standing::Out { since: asleep, cause };
    hub.blamed().begun(&garden, StreamKind::Main);
    hub.blamed().look(&garden, StreamKind::Main, out, asleep);
    hub.clock_watch.lock().unwrap().look(hub.clock.mono(), asleep);
    running.refuse("garden").await;
    hub.journal.flush().await;
    let query = format!("from_utc_ms={}&to_utc_ms={}", now.0 - 10 * HOUR, now.0);
    let ledger = running.ledger("garden", &query).await;
    let missing = by_reason(&ledger);
    let is_near = |reason: &str, span: i64| (missing[reason] - span).abs() < MINUTE;
    assert!(is_near("credentials", 30 * MINUTE), "what was wrong before it, was: {ledger}");
    assert!(is_near("clock", 8 * HOUR), "of the night nobody knows: {ledger}");
}

#[tokio::test]
async fn a_hub_that_is_killed_while_paused_leaves_a_planned_gap() {
    let running = start().await;
    running.add("Garden").await;
    let now = running.hub.now();
    running.film(&segment(now.plus_millis(-2 * HOUR), HOUR));
    running.admin(Method::PUT, "/api/v1/recording", Some(json!({"paused": true}))).await;
    let dir = running.stop().await;
    let again = start_in(dir).await;
    let ledger = again.ledger("garden", "").await;
    assert_eq!(ledger["unknown_ms"], 0, "{ledger}");
    // Before the pause nothing was recorded for an hour, and nobody was there to see why.
    let missing = by_reason(&ledger);
    assert!(missing.contains_key("planned"), "{ledger}");
    again.admin(Method::PUT, "/api/v1/recording", Some(json!({"paused": false}))).await;
    again.refuse("garden").await;
    again.hub.journal.flush().await;
    let ledger = again.ledger("garden", "").await;
    assert_eq!(ledger["unknown_ms"], 0, "{ledger}");
}

#[tokio::test]
async fn a_status_line_and_its_figures_are_in_the_metrics() {
    let running = start().await;
    running.add("Garden").await;
    let now = running.hub.now();
    let day = 24 * HOUR;
    running.film(&segment(now.plus_millis(-day), day - 10 * MINUTE));
    let garden = CameraId::new("garden").unwrap();
    let range = UtcRange::new(now.plus_millis(-10 * MINUTE), now);
    let gap = Gap { range, reason: GapReason::Network };
    running.hub.index.gap(&garden, StreamKind::Main, gap).unwrap();
    let query = format!("from_utc_ms={}&to_utc_ms={}", now.0 - day, now.0);
    let ledger = running.ledger("garden", &query).await;
    assert_eq!(ledger["line"], "recorded 99.30 % of the last 24 h; 1 gap, 1 network");
    assert_eq!(ledger["recorded_percent"], 99.3);
    let metrics = running.admin(Method::GET, "/metrics", None).await.text();
    let of = |reason: &str| {
        format!(
            "tarsier_ledger_gap_seconds{{camera=\"garden\",stream=\"main\",reason=\"{reason}\"}}"
        )
    };
    assert!(metrics.contains(&format!("{} 600.0", of("network"))), "{metrics}");
    assert!(metrics.contains(&format!("{} 0.0", of("unknown"))), "{metrics}");
    assert!(
        metrics.contains("tarsier_stream_durable_overdue{camera=\"garden\",stream=\"main\"} 0")
    );
    let answer = running
        .admin(Method::GET, "/api/v1/cameras/garden/ledger?from_utc_ms=5&to_utc_ms=5", None)
        .await;
    answer.assert_problem(StatusCode::BAD_REQUEST, "bad_request", "an empty range");
}
