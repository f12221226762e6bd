//! Storage with its keeper running: rules on real files, disks that vanish and return, tiers by API.

use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use tarsier_index::{Lock, OpenSegments, Reach};
use tarsier_segment::{FragmentBuilder, SegmentMeta, init_segment, mfra, name, sample_entry, scan};
use tarsier_types::{AccessUnit, Dts, ParameterSets, Pts, Ticks, Track, UtcRange};

use super::*;
use crate::storage as keeping;

const TEN_SECONDS: i64 = 10_000;
/// How long a test waits for what must come.
const SOON: Duration = Duration::from_secs(30);

/// A hub with footage of a camera called `garden`: one file of ten seconds for each number, so many files ago.
pub(super) struct Kept {
    pub(super) it: Running,
    pub(super) now: UtcMs,
}

impl Kept {
    pub(super) async fn new(files: i64) -> Self {
        Self::with(files, start().await)
    }

    fn with(files: i64, it: Running) -> Self {
        let now = UtcMs(it.hub.now().0 / TEN_SECONDS * TEN_SECONDS);
        let kept = Self { it, now };
        for n in 1..=files {
            kept.write(&kept.it.hub.data.footage(), n);
        }
        kept.it
            .hub
            .index
            .reconcile(
                kept.it.hub.data.tier_id(),
                &kept.it.hub.data.footage(),
                Reach::All,
                &OpenSegments::new(),
                &mut |_| std::ops::ControlFlow::Continue(()),
            )
            .unwrap();
        kept
    }

    fn write(&self, root: &Path, n: i64) {
        let path = root.join(self.below(n));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, segment_file(self.start(n))).unwrap();
    }

    pub(super) fn start(&self, n: i64) -> UtcMs {
        self.now.plus_millis(-n * TEN_SECONDS)
    }

    pub(super) fn below(&self, n: i64) -> String {
        name::path(&garden(), MAIN, self.start(n))
    }

    pub(super) fn path(&self, n: i64) -> PathBuf {
        self.it.hub.data.footage().join(self.below(n))
    }

    pub(super) fn set_policy(&self, json: &Value) {
        self.it.hub.index.put_setting(keeping::POLICY, &json.to_string()).unwrap();
    }

    pub(super) fn own_tier(&self) -> String {
        self.it.hub.data.tier_id().to_owned()
    }

    pub(super) fn keep(&mut self) {
        let nudges = self.it.nudges.take().unwrap();
        tokio::spawn(keeping::run(self.it.hub.clone(), nudges));
    }

    /// Where each file is, by the index: the first letter of the tier's kind; `-`: nowhere.
    pub(super) fn places(&self, files: i64) -> String {
        let place = |n| {
            let row = self.it.hub.index.file(&garden(), MAIN, self.start(n)).unwrap();
            row.map_or("-", |row| &row.tier.kind.name()[..1])
        };
        (1..=files).map(place).collect()
    }

    /// Waits until it is so.
    pub(super) async fn until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let deadline = tokio::time::Instant::now() + SOON;
        let mut look = tokio::time::interval(Duration::from_millis(20));
        while !is_so(self) {
            assert!(tokio::time::Instant::now() < deadline, "not within {SOON:?}: {what}");
            look.tick().await;
        }
    }

    /// Titles of the events of a kind.
    pub(super) fn told(&self, kind: &str) -> Vec<String> {
        let events = self.it.hub.index.events_since(0, 1000).unwrap();
        let of_kind = events.iter().filter(|event| event.kind == kind);
        of_kind
            .map(|event| {
                let body: Value = serde_json::from_str(&event.body_json).unwrap();
                format!("{}: {}", body["title"].as_str().unwrap(), body["body"].as_str().unwrap())
            })
            .collect()
    }
}

/// Ten fragments of a second.
fn segment_file(start: UtcMs) -> Vec<u8> {
    let video = sample_entry::video_parameters(sample_entry::mjpeg(640, 360), Some(5_000)).unwrap();
    let parameters = ParameterSets { video, audio: None };
    let meta = SegmentMeta { camera: garden(), stream: MAIN, start, software: "test".into() };
    let mut bytes = init_segment(&parameters, Some(&meta)).to_vec();
    let mut builder = FragmentBuilder::new(Dts(0), 0);
    let mut append = |builder: &mut FragmentBuilder, end| {
        if let Some(fragment) = builder.take(end) {
            bytes.extend_from_slice(&fragment.head);
            fragment.payload.iter().for_each(|piece| bytes.extend_from_slice(piece));
        }
    };
    for picture in 0..50 {
        let at = picture * Ticks::PER_SECOND / 5;
        if picture % 5 == 0 {
            append(&mut builder, Some(Dts(at)));
        }
        builder.push(AccessUnit {
            track: Track::Video,
            pts: Pts(at),
            dts: Dts(at),
            duration: Ticks(Ticks::PER_SECOND / 5),
            is_keyframe: picture % 5 == 0,
            arrived: start,
            data: Bytes::from(vec![7; 500]),
        });
    }
    append(&mut builder, None);
    let parts = scan(&mut Cursor::new(&bytes)).unwrap().parts;
    bytes.extend_from_slice(&mfra(&parts, Ticks(0)));
    bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_loses_the_oldest_and_never_what_is_locked_or_being_written() {
    let mut kept = Kept::new(6).await;
    let range = UtcRange::new(kept.start(5), kept.start(5).plus_millis(1));
    let lock =
        Lock { id: "l".into(), camera: garden(), range, note: String::new(), created: kept.now };
    kept.it.hub.index.put_locks(&[lock]).unwrap();
    let (video, start) =
        (kept.it.hub.index.segment_at(&garden(), MAIN, kept.start(2)), kept.start(2));
    let parameters = video.unwrap().unwrap().parameters;
    let open =
        tarsier_playback::OpenSegment { start, parameters, init_bytes: 0, fragments: Vec::new() };
    kept.it.hub.open().opened(&garden(), MAIN, kept.own_tier(), open);
    // More than any disk has: everything goes that may go.
    kept.set_policy(
        &json!({ "tiers": [{ "tier": kept.own_tier(), "min_free_bytes": 1_u64 << 60 }] }),
    );
    kept.keep();
    kept.until("only the locked and the open one are left", |kept| {
        kept.places(6) == "-c--c-" && !kept.path(6).exists()
    })
    .await;
    assert!(kept.path(5).exists() && kept.path(2).exists());
    kept.until("it is told", |kept| !kept.told("disk_low").is_empty()).await;
    let told = kept.told("disk_low");
    assert!(told[0].contains("nothing more can be deleted"), "{told:?}");
    assert!(told[0].contains("garden (main)"), "it says what was lost: {told:?}");
    assert!(kept.it.hub.data.footage().join("locks.json").exists(), "locks lie beside the footage");
}

/// Linux: its memory disk is another disk than the one for temporary files, which no other system has for certain.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn footage_moves_to_the_archive_by_age_and_plays_on() {
    let mut kept = Kept::new(12).await;
    let other_disk = tempfile::tempdir_in("/dev/shm").unwrap();
    let archive = other_disk.path().to_owned();
    let before = fs::read(kept.path(12)).unwrap();
    let body = json!({ "kind": "folder", "path": archive, "name": "The big one" });
    let answer = kept.it.admin(Method::POST, "/api/v1/storage/tiers", Some(body)).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    let id = answer.json()["id"].as_str().unwrap().to_owned();
    kept.set_policy(&json!({ "tiers": [{ "tier": kept.own_tier(), "move_after_minutes": 1 }] }));
    kept.keep();
    kept.until("what is older than a minute has moved", |kept| {
        kept.places(12).ends_with("aaaaa")
            && kept.it.hub.index.garbage(&kept.own_tier(), 1).unwrap().is_empty()
    })
    .await;
    assert!(!kept.path(12).exists());
    assert_eq!(fs::read(archive.join(kept.below(12))).unwrap(), before, "byte for byte");
    let added = kept.it.add("garden").await;
    assert_eq!(added.status, StatusCode::CREATED, "{}", added.text());
    let file = format!("/api/v1/cameras/garden/main/segments/{}.mp4", kept.start(12).0);
    let answer = kept.it.admin(Method::GET, &file, None).await;
    assert_eq!(
        (answer.status, answer.body),
        (StatusCode::OK, before),
        "the viewer notices nothing"
    );
    let storage = kept.it.admin(Method::GET, "/api/v1/storage", None).await.json();
    let tier = storage["tiers"].as_array().unwrap().iter().find(|tier| tier["id"] == id.as_str());
    assert_eq!(tier.unwrap()["name"], "The big one", "{storage}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_vanishes_and_returns_is_told_of_and_never_written_to_meanwhile() {
    let mut kept = Kept::new(1).await;
    let (disk, away) = (kept.it.dir.path().join("disk"), kept.it.dir.path().join("away"));
    fs::create_dir(&disk).unwrap();
    let body = json!({ "kind": "folder", "path": disk, "name": "Cellar" });
    let answer = kept.it.admin(Method::POST, "/api/v1/storage/tiers", Some(body)).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    kept.keep();
    kept.until("it is seen", |kept| kept.it.hub.storage.seen().volumes.len() == 2).await;
    // As when a share is unmounted: its mount point is left, empty.
    fs::rename(&disk, &away).unwrap();
    fs::create_dir(&disk).unwrap();
    kept.it.hub.storage.nudge(Nudge::Changed);
    kept.until("it is told", |kept| !kept.told("tier_missing").is_empty()).await;
    assert!(kept.told("tier_missing")[0].starts_with("Cellar is not there"));
    assert_eq!(fs::read_dir(&disk).unwrap().count(), 0, "nothing is written in its place");
    fs::remove_dir(&disk).unwrap();
    fs::rename(&away, &disk).unwrap();
    kept.it.hub.storage.nudge(Nudge::Changed);
    kept.until("it is told", |kept| !kept.told("tier_back").is_empty()).await;
    assert!(kept.told("tier_back")[0].starts_with("Cellar is back"));
    assert_eq!(kept.told("tier_missing").len(), 1, "once an incident");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_gets_copies_plays_them_when_the_disk_has_none_and_describes_itself() {
    let mut kept = Kept::new(8).await;
    let share = kept.it.dir.path().join("share");
    fs::create_dir(&share).unwrap();
    let body = json!({ "kind": "bucket", "place": { "kind": "folder", "path": share }, "name": "Off site" });
    let answer = kept.it.admin(Method::POST, "/api/v1/storage/tiers", Some(body)).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    let id = answer.json()["id"].as_str().unwrap().to_owned();
    kept.set_policy(
        &json!({ "tiers": [{ "tier": id, "bucket": { "copy": "all", "keep_days": 30 } }] }),
    );
    kept.keep();
    kept.until("all are copied", |kept| {
        let of = |n| kept.it.hub.index.file(&garden(), MAIN, kept.start(n)).unwrap().unwrap();
        (1..=8).all(|n| !of(n).copies.is_empty())
    })
    .await;
    let content = fs::read(kept.path(8)).unwrap();
    assert_eq!(fs::read(share.join(kept.below(8))).unwrap(), content);

    let tiers = json!([
        { "tier": kept.own_tier(), "min_free_bytes": 1_u64 << 60 },
        { "tier": id, "bucket": { "copy": "all", "keep_days": 30 } }
    ]);
    kept.set_policy(&json!({ "tiers": tiers }));
    kept.it.hub.storage.nudge(Nudge::Changed);
    kept.until("the disk has none", |kept| kept.places(8) == "oooooooo" && !kept.path(1).exists())
        .await;
    assert_eq!(
        kept.it.hub.index.gaps_in(&garden(), MAIN, UtcRange::new(UtcMs(0), kept.now), 9).unwrap(),
        []
    );
    kept.it.add("garden").await;
    let file = format!("/api/v1/cameras/garden/main/segments/{}.mp4", kept.start(8).0);
    let whole = kept.it.admin(Method::GET, &file, None).await;
    assert_eq!((whole.status, &whole.body), (StatusCode::OK, &content));
    let request = Request::builder()
        .uri(&file)
        .header(header::HOST, HOST)
        .header(header::AUTHORIZATION, format!("Bearer {}", kept.it.token(Role::Admin, None)))
        .header(header::RANGE, "bytes=100-199")
        .body(Body::empty())
        .unwrap();
    let part = kept.it.send(request).await;
    assert_eq!((part.status, &part.body[..]), (StatusCode::PARTIAL_CONTENT, &content[100..200]));
    let total = content.len();
    assert_eq!(part.headers[header::CONTENT_RANGE], format!("bytes 100-199/{total}"));
    let moved = kept.it.admin(Method::GET, &format!("{file}?t=90000"), None).await;
    assert_eq!(moved.status, StatusCode::OK, "as a playlist of one clock asks for it");
    assert_ne!(moved.body, content);
}

#[tokio::test]
async fn a_place_that_cannot_be_one_is_refused_with_what_to_do() {
    let kept = Kept::new(0).await;
    let tiers = "/api/v1/storage/tiers";
    let post = |body: Value| kept.it.admin(Method::POST, tiers, Some(body));
    let missing = kept.it.dir.path().join("missing");
    let answer = post(json!({ "kind": "folder", "path": missing })).await;
    answer.assert_problem(StatusCode::BAD_REQUEST, "bad_request", "no such folder");
    let own = kept.it.hub.data.footage();
    let answer = post(json!({ "kind": "folder", "path": own })).await;
    answer.assert_problem(StatusCode::BAD_REQUEST, "bad_request", "it is one already");
    let answer = post(json!({ "kind": "folder", "path": "relative" })).await;
    answer.assert_problem(StatusCode::BAD_REQUEST, "bad_request", "relative");
    let place = json!({ "kind": "s3", "bucket": "b", "endpoint": "http://127.0.0.1:9", "region": "us-east-1" });
    let key = json!({ "id": "user", "secret": CANARY });
    let answer = post(json!({ "kind": "bucket", "place": place, "key": key })).await;
    assert!(!answer.text().contains(CANARY), "{}", answer.text());
    answer.assert_problem(StatusCode::BAD_GATEWAY, "host_unreachable", "nobody there");
    let own = format!("{tiers}/{}", kept.own_tier());
    let answer = kept.it.admin(Method::DELETE, &own, None).await;
    answer.assert_problem(StatusCode::BAD_REQUEST, "bad_request", "the hub's own folder");
    let answer = kept.it.admin(Method::PATCH, &own, Some(json!({ "name": "SSD" }))).await;
    assert_eq!((answer.status, &answer.json()["name"]), (StatusCode::OK, &json!("SSD")));
    let answer = kept.it.admin(Method::DELETE, &format!("{tiers}/nobody"), None).await;
    answer.assert_problem(StatusCode::NOT_FOUND, "not_found", "unknown");
    let viewer = kept.it.token(Role::Viewer, None);
    let answer = kept.it.ask(Some(&viewer), Method::POST, tiers, Some(json!({}))).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_removed_and_brought_by_hand_are_followed_and_told() {
    let mut kept = Kept::new(3).await;
    kept.keep();
    kept.until("it is seen", |kept| !kept.it.hub.storage.seen().volumes.is_empty()).await;
    fs::remove_file(kept.path(2)).unwrap();
    let long_ago = 1_000;
    kept.write(&kept.it.hub.data.footage(), long_ago);
    kept.until("the index follows", |kept| {
        kept.it.hub.storage.nudge(Nudge::Changed);
        kept.places(3) == "c-c"
            && kept.it.hub.index.file(&garden(), MAIN, kept.start(long_ago)).unwrap().is_some()
    })
    .await;
    kept.until("it is told", |kept| !kept.told("footage_lost").is_empty()).await;
    assert!(kept.told("footage_lost")[0].starts_with("1 file is missing on "));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_is_checked_before_it_is_in_force_and_a_lock_keeps_what_it_would_delete() {
    let mut kept = Kept::new(3).await;
    kept.it.add("garden").await;
    let policy = "/api/v1/storage/policy";
    let put = |body: Value| kept.it.admin(Method::PUT, policy, Some(body));
    for (bad, asked) in [
        (json!({ "kept": {} }), "a misspelt rule"),
        (json!({ "tiers": [{ "tier": "nobody" }] }), "a tier that nobody knows"),
        (json!({ "streams": [{ "camera": "nobody", "keep": { "max_age_days": 1 } }] }), "a camera"),
        (json!({ "keep": { "max_bytes": 0 } }), "nothing could be kept"),
    ] {
        put(bad).await.assert_problem(StatusCode::BAD_REQUEST, "bad_request", asked);
    }
    let before = kept.it.admin(Method::GET, policy, None).await.json();
    assert_eq!(before["keep"]["max_age_days"], Value::Null, "the default is in force");

    let locks = "/api/v1/cameras/garden/locks";
    let span = json!({ "from_utc_ms": kept.start(2).0 + 1, "to_utc_ms": kept.start(2).0 + 2, "note": "parcel" });
    let answer = kept.it.admin(Method::POST, locks, Some(span)).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    let id = answer.json()["id"].as_str().unwrap().to_owned();
    let listed = kept.it.admin(Method::GET, locks, None).await;
    assert!(listed.text().contains("parcel"), "{}", listed.text());
    let empty = json!({ "from_utc_ms": 5, "to_utc_ms": 5 });
    let answer = kept.it.admin(Method::POST, locks, Some(empty)).await;
    answer.assert_problem(StatusCode::BAD_REQUEST, "bad_request", "an empty span");
    let (from, to) = (kept.start(3).0, kept.now.0);
    let timeline = format!("/api/v1/cameras/garden/timeline?from_utc_ms={from}&to_utc_ms={to}");
    let shown = kept.it.admin(Method::GET, &timeline, None).await.json();
    let locked = |span: &Value| span["locked"] == true;
    assert_eq!(
        shown["spans"].as_array().unwrap().iter().filter(|s| locked(s)).count(),
        1,
        "{shown}"
    );

    let smallest = json!({ "keep": { "max_bytes": 1 } });
    let answer = put(smallest).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    kept.keep();
    kept.until("all but the locked one is deleted", |kept| kept.places(3) == "-c-").await;
    let lift = format!("{locks}/{id}");
    assert_eq!(kept.it.admin(Method::DELETE, &lift, None).await.status, StatusCode::NO_CONTENT);
    let again = kept.it.admin(Method::DELETE, &lift, None).await;
    again.assert_problem(StatusCode::NOT_FOUND, "not_found", "it is lifted already");
    kept.until("and then that one", |kept| kept.places(3) == "---").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_index_loses_neither_places_nor_policy() {
    let first = start().await;
    let policy = json!({ "keep": { "max_age_days": 9 } });
    let answer = first.admin(Method::PUT, "/api/v1/storage/policy", Some(policy)).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    let disk = tempfile::tempdir().unwrap();
    let body = json!({ "kind": "folder", "path": disk.path(), "name": "Cellar" });
    let answer = first.admin(Method::POST, "/api/v1/storage/tiers", Some(body)).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    let folder = first.stop().await;
    for name in ["tarsier.db", "tarsier.db-wal", "tarsier.db-shm"] {
        let _ = fs::remove_file(folder.path().join(name));
    }
    let second = start_in(folder).await;
    let storage = second.admin(Method::GET, "/api/v1/storage", None).await.json();
    let names: Vec<&str> = storage["tiers"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|tier| tier["name"].as_str())
        .collect();
    assert!(names.contains(&"Cellar"), "{names:?}");
    let policy = second.admin(Method::GET, "/api/v1/storage/policy", None).await.json();
    assert_eq!(policy["keep"]["max_age_days"], 9, "{policy}");
}

#[tokio::test(flavor = "multi_thread")]
async fn recorders_are_told_of_the_other_tier_while_their_own_is_away() {
    let mut kept = Kept::new(1).await;
    let added = kept.it.add("garden").await;
    assert_eq!(added.status, StatusCode::CREATED, "{}", added.text());
    let other = kept.it.dir.path().join("other");
    fs::create_dir(&other).unwrap();
    let body = json!({ "kind": "folder", "path": other, "name": "Cellar" });
    let answer = kept.it.admin(Method::POST, "/api/v1/storage/tiers", Some(body)).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    let id = answer.json()["id"].as_str().unwrap().to_owned();
    let told = |kept: &Kept| {
        let config = kept.it.hub.recorder_config(&kept.it.hub.camera(&garden()).unwrap());
        (config.tier_root, config.tier_id)
    };
    let own = (kept.it.hub.data.footage(), kept.own_tier());
    assert_eq!(told(&kept), own, "the data folder's own until disks are measured");
    // As when it is unmounted: nothing there says that it is the tier.
    let (identity, away) =
        (own.0.join("tarsier-tier.json"), kept.it.dir.path().join("identity-away"));
    fs::rename(&identity, &away).unwrap();
    kept.keep();
    let elsewhere = (other.clone(), id.clone());
    kept.until("recorders are told", |kept| told(kept) == elsewhere).await;
    kept.until("and so are people", |kept| !kept.told("tier_missing").is_empty()).await;
    let said = kept.told("tier_missing");
    assert!(said[0].contains("New footage goes to Cellar meanwhile."), "{said:?}");
    let tier = format!("/api/v1/storage/tiers/{id}");
    kept.it.admin(Method::DELETE, &tier, None).await.assert_problem(
        StatusCode::BAD_REQUEST,
        "bad_request",
        "it is written to",
    );
    kept.until("the next hub begins there", |kept| {
        kept.it.hub.index.setting(keeping::WRITTEN_TO).unwrap() == Some(format!("\"{id}\""))
    })
    .await;
    fs::rename(&away, &identity).unwrap();
    kept.it.hub.storage.nudge(Nudge::Disk);
    kept.until("and home again", |kept| told(kept) == own).await;
    let removed = kept.it.admin(Method::DELETE, &tier, None).await;
    assert_eq!(removed.status, StatusCode::NO_CONTENT, "{}", removed.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_refuses_recorders_though_a_small_file_fits_is_left_for_another() {
    let mut kept = Kept::new(1).await;
    let added = kept.it.add("garden").await;
    assert_eq!(added.status, StatusCode::CREATED, "{}", added.text());
    kept.keep();
    let home = kept.own_tier();
    kept.until("home is measured", |kept| {
        let seen = kept.it.hub.storage.seen();
        seen.volumes.iter().all(tarsier_tiers::Volume::is_writable) && !seen.volumes.is_empty()
    })
    .await;
    let told =
        |kept: &Kept| kept.it.hub.recorder_config(&kept.it.hub.camera(&garden()).unwrap()).tier_id;
    kept.it.hub.storage.refused(&home);
    let other = kept.it.dir.path().join("other");
    fs::create_dir(&other).unwrap();
    let body = json!({ "kind": "folder", "path": other, "name": "Cellar" });
    let answer = kept.it.admin(Method::POST, "/api/v1/storage/tiers", Some(body)).await;
    let id = answer.json()["id"].as_str().unwrap().to_owned();
    kept.until("recorders are told", |kept| told(kept) == id).await;
    kept.until("and so are people", |kept| !kept.told("disk_low").is_empty()).await;
    let said = kept.told("disk_low");
    assert!(said[0].contains(" refuses recordings: new footage goes to Cellar"), "{said:?}");
    assert!(kept.told("tier_missing").is_empty(), "it is there, by all that is measured");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_a_recorder_left_in_another_tier_is_found() {
    let kept = Kept::new(2).await;
    let other = kept.it.dir.path().join("other");
    fs::create_dir(&other).unwrap();
    let body = json!({ "kind": "folder", "path": other, "name": "Cellar" });
    let answer = kept.it.admin(Method::POST, "/api/v1/storage/tiers", Some(body)).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    let gone = json!({ "kind": "folder", "path": kept.it.dir.path(), "name": "Gone" });
    let answer = kept.it.admin(Method::POST, "/api/v1/storage/tiers", Some(gone)).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    fs::remove_file(kept.it.dir.path().join("tarsier-tier.json")).unwrap();
    kept.write(&other, 0);
    kept.it.hub.journal.write(crate::journal::Job::Reconcile);
    kept.it.hub.journal.flush().await;
    let row = kept.it.hub.index.file(&garden(), MAIN, kept.start(0)).unwrap();
    assert_eq!(
        row.map(|row| row.tier.root.clone()),
        Some(other),
        "a tier that is away is passed over"
    );
}
