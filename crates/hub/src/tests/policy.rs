//! The storage policy, its forecast, and locks, by API.

use tarsier_index::NewSegment;
use tarsier_tiers::spill::WriteTo;
use tarsier_types::UtcRange;

use super::footage::segment;
use super::*;
use crate::storage::outlook;

const SEGMENT_MS: i64 = 180_000;

/// A hub without its keeper, and a camera `garden` that recorded `files` segments of a megabyte until now.
async fn recorded(files: i64) -> Running {
    let running = start().await;
    running.add("Garden").await;
    let now = running.hub.now();
    for n in 1..=files {
        running.film(&NewSegment {
            size_bytes: 1_000_000,
            ..segment(now.plus_millis(-n * SEGMENT_MS), SEGMENT_MS)
        });
    }
    // The keeper would find out that the files are not on the disk.
    running
}

#[tokio::test]
async fn a_disk_that_was_just_added_is_known_to_a_policy_before_it_was_measured() {
    let running = recorded(0).await;
    let measured = outlook::volumes(&running.hub).await.unwrap();
    let folder = running.dir.path().join("archive");
    std::fs::create_dir(&folder).unwrap();
    let body = json!({ "kind": "folder", "path": folder, "purpose": "archive" });
    let added = running.admin(Method::POST, "/api/v1/storage/tiers", Some(body)).await;
    assert_eq!(added.status, StatusCode::CREATED, "{}", added.text());
    // A round that began before it was added ends.
    running.hub.storage.seen().volumes = measured;
    let known = outlook::volumes(&running.hub).await.unwrap();
    assert!(known.iter().any(|volume| added.json()["id"] == volume.tier.as_str()), "{known:?}");
}

#[tokio::test]
async fn a_policy_is_kept_whole_and_a_wrong_one_changes_nothing() {
    let running = recorded(0).await;
    let path = "/api/v1/storage/policy";
    let tier = running.hub.data.tier_id().to_owned();
    let empty = running.admin(Method::GET, path, None).await.json();
    assert_eq!(empty["streams"], json!([]), "{empty}");
    let policy = json!({
        "tiers": [{"tier": tier, "max_bytes": 5_000_000_000_u64}],
        "keep": {"max_age_days": 30, "min_days": 2},
        "streams": [{"camera": "garden", "stream": "sub", "keep": {"max_age_days": 90}}],
    });
    let put = running.admin(Method::PUT, path, Some(policy.clone())).await;
    assert_eq!(put.status, StatusCode::OK, "{}", put.text());
    let kept = running.admin(Method::GET, path, None).await.json();
    assert_eq!(kept["keep"], policy["keep"]);
    assert_eq!(kept["streams"][0]["keep"]["max_age_days"], 90);
    assert_eq!(kept["tiers"][0]["max_bytes"], 5_000_000_000_u64);
    let again = running.admin(Method::PUT, path, Some(kept.clone())).await;
    assert_eq!(again.json(), kept, "what is read can be written");
    for (wrong, says, field) in [
        (
            json!({"keep": {"max_age_days": 0}}),
            "\"Delete after\" is 0 for all footage",
            json!("/keep/max_age_days"),
        ),
        (
            json!({"streams": [{"camera": "attic", "keep": {}}]}),
            "There is no camera with the id attic.",
            json!("/streams/0/camera"),
        ),
        (
            json!({"tiers": [{"tier": "nas"}]}),
            "There is no disk and no bucket with the id nas.",
            json!("/tiers/0/tier"),
        ),
        (
            json!({"tiers": [{"tier": tier, "bucket": {"window": {"from": "7", "to": "9"}}}]}),
            "7",
            Value::Null,
        ),
    ] {
        let answer = running.admin(Method::PUT, path, Some(wrong.clone())).await;
        answer.assert_problem(StatusCode::BAD_REQUEST, "bad_request", &wrong.to_string());
        let problem = answer.json();
        assert!(problem["message"].as_str().unwrap().contains(says), "{wrong}: {problem}");
        assert_eq!(problem["field"], field, "{wrong}: {problem}");
    }
    let still = running.admin(Method::GET, path, None).await.json();
    assert_eq!(still, kept, "what was refused is not in force");
}

#[tokio::test]
async fn a_refused_policy_names_disks_and_cameras_as_people_do() {
    let running = recorded(0).await;
    let disk = running.dir.path().join("disk");
    std::fs::create_dir(&disk).unwrap();
    let body = json!({"kind": "folder", "path": disk, "name": "Cellar"});
    let added = running.admin(Method::POST, "/api/v1/storage/tiers", Some(body)).await.json();
    let policy = json!({
        "tiers": [{"tier": added["id"], "move_above_percent": 100}],
        "streams": [{"camera": "garden", "stream": "sub", "keep": {"max_age_days": 0}}],
    });
    let path = "/api/v1/storage/forecast";
    let told = running.admin(Method::POST, path, Some(policy)).await.json();
    let message = told["message"].as_str().unwrap();
    for says in [
        "\"Move on sooner above\" is 100 percent for Cellar, not 10 to 95.",
        "\"Delete after\" is 0 for the small stream of Garden: nothing could be kept.",
    ] {
        assert!(message.contains(says), "{says}\n{message}");
    }
    let id = added["id"].as_str().unwrap();
    assert!(!message.contains(id), "an id says nothing to people: {message}");
}

#[tokio::test]
async fn every_disk_that_footage_comes_to_tells_when_it_is_full() {
    let running = recorded(10).await;
    let disk = running.dir.path().join("disk");
    std::fs::create_dir(&disk).unwrap();
    let body = json!({"kind": "folder", "path": disk, "name": "Cellar"});
    let added = running.admin(Method::POST, "/api/v1/storage/tiers", Some(body)).await.json();
    let [own, cellar] = [running.hub.data.tier_id(), added["id"].as_str().unwrap()]
        .map(|id| tarsier_tiers::TierId::new(id).unwrap());
    let volumes = crate::storage::outlook::volumes(&running.hub).await.unwrap();
    running.hub.storage.seen().volumes = volumes;
    let home = WriteTo::Home(own.clone());
    let spill = WriteTo::Spill { to: cellar, home: own };
    for (write_to, own_fills) in [(home, true), (spill, false)] {
        running.hub.storage.seen().write_to = Some(write_to);
        let told = running.admin(Method::GET, "/api/v1/storage", None).await.json();
        let [own, cellar] = [&told["tiers"][0], &told["tiers"][1]];
        let fills =
            |tier: &Value| tier["bytes_per_day"] == 480_000_000 && tier["days_left"].is_f64();
        assert_eq!(fills(own), own_fills, "a disk that is left fills no more: {told}");
        assert!(fills(cellar), "footage is written there, or moves there: {told}");
    }
}

#[tokio::test]
async fn a_policy_can_still_be_saved_after_a_place_with_rules_was_removed() {
    let running = recorded(0).await;
    let disk = running.dir.path().join("disk");
    std::fs::create_dir(&disk).unwrap();
    let body = json!({"kind": "folder", "path": disk, "name": "Cellar"});
    let added = running.admin(Method::POST, "/api/v1/storage/tiers", Some(body)).await.json();
    let path = "/api/v1/storage/policy";
    let policy = json!({
        "tiers": [{"tier": added["id"], "max_bytes": 7}],
        "keep": {"max_age_days": 9},
    });
    // By the API it would be refused here: both places are on one disk.
    running.hub.index.put_setting(crate::storage::POLICY, &policy.to_string()).unwrap();
    let place = format!("/api/v1/storage/tiers/{}", added["id"].as_str().unwrap());
    let removed = running.admin(Method::DELETE, &place, None).await;
    assert_eq!(removed.status, StatusCode::NO_CONTENT, "{}", removed.text());
    let kept = running.admin(Method::GET, path, None).await.json();
    assert_eq!((&kept["tiers"], &kept["keep"]["max_age_days"]), (&json!([]), &json!(9)));
    let again = running.admin(Method::PUT, path, Some(kept)).await;
    assert_eq!(again.status, StatusCode::OK, "{}", again.text());
}

#[tokio::test]
async fn a_forecast_tells_days_before_a_policy_is_saved() {
    // Ten hours: 200 files of a megabyte, so 480 MB a day.
    let running = recorded(200).await;
    let path = "/api/v1/storage/forecast";
    let policy = json!({"streams": [{"camera": "garden", "keep": {"max_bytes": 960_000_000}}]});
    let told = running.admin(Method::POST, path, Some(policy)).await;
    assert_eq!(told.status, StatusCode::OK, "{}", told.text());
    let told = told.json();
    let stream = &told["streams"][0];
    assert_eq!((&stream["camera_id"], &stream["limit"]), (&json!("garden"), &json!("stream_size")));
    let days = stream["days"].as_f64().unwrap();
    assert!((days - 2.0).abs() < 0.05, "960 MB at 480 MB a day are two days: {told}");
    assert_eq!(stream["is_rough"], true, "ten hours are no day");
    let in_force = running.admin(Method::GET, "/api/v1/storage/policy", None).await.json();
    assert_eq!(in_force["streams"], json!([]), "asking changes nothing");
}

#[tokio::test]
async fn a_lock_shows_on_the_timeline_until_it_is_lifted() {
    let running = recorded(10).await;
    let now = running.hub.now();
    let range = UtcRange::new(now.plus_millis(-5 * SEGMENT_MS), now.plus_millis(-3 * SEGMENT_MS));
    let path = "/api/v1/cameras/garden/locks";
    let body = json!({"from_utc_ms": range.start.0, "to_utc_ms": range.end.0, "note": "a theft"});
    let lock = running.admin(Method::POST, path, Some(body)).await;
    assert_eq!(lock.status, StatusCode::CREATED, "{}", lock.text());
    let place = lock.headers[header::LOCATION].to_str().unwrap().to_owned();
    let list = running.admin(Method::GET, path, None).await.json();
    assert_eq!(list[0]["note"], "a theft");
    let from = now.0 - 20 * SEGMENT_MS;
    let timeline =
        format!("/api/v1/cameras/garden/timeline?from_utc_ms={from}&to_utc_ms={}", now.0);
    let locked = async || {
        let spans = running.admin(Method::GET, &timeline, None).await.json()["spans"].clone();
        let spans = spans.as_array().unwrap().clone();
        let locked: Vec<_> = spans.iter().filter(|span| span["locked"] == true).collect();
        locked
            .iter()
            .map(|s| s["end_utc_ms"].as_i64().unwrap() - s["start_utc_ms"].as_i64().unwrap())
            .sum::<i64>()
    };
    assert_eq!(locked().await, 2 * SEGMENT_MS);
    let empty = json!({"from_utc_ms": 5, "to_utc_ms": 5});
    let answer = running.admin(Method::POST, path, Some(empty)).await;
    answer.assert_problem(StatusCode::BAD_REQUEST, "bad_request", "an empty span");
    assert_eq!(running.admin(Method::DELETE, &place, None).await.status, StatusCode::NO_CONTENT);
    let twice = running.admin(Method::DELETE, &place, None).await;
    twice.assert_problem(StatusCode::NOT_FOUND, "not_found", "a lock that is lifted");
    assert_eq!(locked().await, 0, "the rules hold for it again");
}
