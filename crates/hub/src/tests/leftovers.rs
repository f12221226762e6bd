//! Storage when disks and buckets misbehave: what must not cost footage, locks or copies.

use std::fs;

use tarsier_index::{Lock, SegmentRef};
use tarsier_types::UtcRange;

use super::storage::Kept;
use super::*;

/// A folder that is used as a bucket. Tells its id.
async fn add_share(kept: &Kept, share: &std::path::Path) -> String {
    let place = json!({ "kind": "folder", "path": share });
    let body = json!({ "kind": "bucket", "place": place, "name": "Off site" });
    let answer = kept.it.admin(Method::POST, "/api/v1/storage/tiers", Some(body)).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    answer.json()["id"].as_str().unwrap().to_owned()
}

fn copy_all(kept: &Kept, bucket: &str) {
    let rules = json!({ "copy": "all", "keep_days": 30 });
    kept.set_policy(&json!({ "tiers": [{ "tier": bucket, "bucket": rules }] }));
}

fn copies(kept: &Kept, n: i64) -> usize {
    let row = kept.it.hub.index.file(&garden(), MAIN, kept.start(n)).unwrap();
    row.map_or(0, |row| row.copies.len())
}

#[tokio::test(flavor = "multi_thread")]
async fn locks_in_a_bucket_outlive_a_new_machine_that_adds_it() {
    let mut kept = Kept::new(1).await;
    let share = kept.it.dir.path().join("share");
    fs::create_dir(&share).unwrap();
    let lock = Lock {
        id: "of the old machine".into(),
        camera: garden(),
        range: UtcRange::new(kept.start(9), kept.start(8)),
        note: "the parcel".into(),
        created: kept.now,
    };
    let list = tarsier_tiers::sidecar::to_bytes(std::slice::from_ref(&lock));
    fs::write(share.join("locks.json"), &list).unwrap();
    add_share(&kept, &share).await;
    kept.keep();
    kept.until("its locks are known", |kept| {
        kept.it.hub.index.locks().unwrap() == std::slice::from_ref(&lock)
    })
    .await;
    let disk = kept.it.hub.data.footage().join("locks.json");
    kept.until("and lie on the disk too", |_| fs::read(&disk).is_ok_and(|now| now == list)).await;
    assert_eq!(fs::read(share.join("locks.json")).unwrap(), list, "nothing was written over them");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_share_that_is_mounted_after_the_start_is_used_without_a_restart() {
    let mut kept = Kept::new(1).await;
    let (share, away) = (kept.it.dir.path().join("share"), kept.it.dir.path().join("away"));
    fs::create_dir(&share).unwrap();
    let id = add_share(&kept, &share).await;
    copy_all(&kept, &id);
    fs::rename(&share, &away).unwrap();
    // As the hub starts: tiers are read from the index.
    kept.it.hub.storage.reload(&kept.it.hub.index, &kept.it.hub.secrets).unwrap();
    assert!(kept.it.hub.storage.registry().bucket(&id).is_none(), "there is no such folder");
    kept.keep();
    kept.until("it is seen to be away", |kept| !kept.told("tier_missing").is_empty()).await;
    assert!(!share.exists(), "nothing is made in its place");
    fs::rename(&away, &share).unwrap();
    kept.it.hub.storage.nudge(Nudge::Disk);
    kept.until("footage is copied there", |kept| copies(kept, 1) == 1).await;
    assert!(kept.told("tier_back")[0].starts_with("Off site is back"), "and people are told");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_share_that_is_unmounted_between_two_looks_has_no_copies() {
    let mut kept = Kept::new(2).await;
    let (share, away) = (kept.it.dir.path().join("share"), kept.it.dir.path().join("away"));
    fs::create_dir(&share).unwrap();
    let id = add_share(&kept, &share).await;
    kept.set_policy(&json!({ "tiers": [{ "tier": id, "bucket": { "copy": "events" } }] }));
    kept.keep();
    kept.until("it is seen", |kept| {
        let seen = kept.it.hub.storage.seen();
        seen.volumes.len() == 2 && seen.volumes.iter().all(tarsier_tiers::Volume::is_writable)
    })
    .await;
    // As when it is unmounted: its mount point is left, empty. The bucket is asked once a minute.
    fs::rename(&share, &away).unwrap();
    fs::create_dir(&share).unwrap();
    copy_all(&kept, &id);
    kept.it.hub.storage.nudge(Nudge::Changed);
    let is_tried = |kept: &Kept| !kept.it.hub.storage.seen().steps.is_empty();
    kept.until("a copy is tried", is_tried).await;
    kept.it.hub.storage.nudge(Nudge::Disk);
    kept.until("and given up", |kept| {
        kept.it.hub.storage.nudge(Nudge::Disk);
        !is_tried(kept)
    })
    .await;
    assert_eq!((copies(&kept, 1), copies(&kept, 2)), (0, 0), "the disk's file is the only one");
    assert!(!share.join(kept.below(1)).exists() && !share.join(kept.below(2)).exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_that_a_bucket_refused_is_finished_and_holds_up_no_new_copy() {
    let mut kept = Kept::new(2).await;
    let share = kept.it.dir.path().join("share");
    fs::create_dir(&share).unwrap();
    let id = add_share(&kept, &share).await;
    let object = share.join(kept.below(1));
    fs::create_dir_all(object.parent().unwrap()).unwrap();
    fs::write(&object, "an old copy").unwrap();
    // It was condemned by an earlier hub, which did not come to it.
    let index = &kept.it.hub.index;
    let segment = index.file(&garden(), MAIN, kept.start(1)).unwrap().unwrap().segment();
    assert!(index.put_copy(&segment, &id, kept.now).unwrap());
    index.condemn(&[SegmentRef { tier_id: id.clone(), ..segment }]).unwrap();
    copy_all(&kept, &id);
    kept.keep();
    kept.until("it is deleted there", |kept| kept.it.hub.index.garbage(&id, 1).unwrap().is_empty())
        .await;
    kept.until("and copied anew", |kept| copies(kept, 1) == 1 && copies(kept, 2) == 1).await;
    assert_eq!(fs::read(&object).unwrap(), fs::read(kept.path(1)).unwrap());
}

/// A pipe that nobody writes to hangs whoever reads it, as a share does whose server is gone.
#[cfg(unix)]
fn hang(pipe: &std::path::Path) {
    assert!(std::process::Command::new("mkfifo").arg(pipe).status().unwrap().success());
}

/// Whoever hangs goes on, and nobody hangs again.
#[cfg(unix)]
fn let_go(pipe: &std::path::Path) {
    use std::io::Write as _;

    let mut writer = fs::OpenOptions::new().write(true).open(pipe).unwrap();
    fs::remove_file(pipe).unwrap();
    writer.write_all(b"{\"locks\":[]}").unwrap();
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_hangs_costs_the_others_no_cleanup() {
    let mut kept = Kept::new(3).await;
    let other = kept.it.dir.path().join("other");
    fs::create_dir(&other).unwrap();
    let body = json!({ "kind": "folder", "path": other, "name": "Cellar" });
    let answer = kept.it.admin(Method::POST, "/api/v1/storage/tiers", Some(body)).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    let pipe = other.join("locks.json");
    hang(&pipe);
    kept.set_policy(
        &json!({ "tiers": [{ "tier": kept.own_tier(), "min_free_bytes": 1_u64 << 60 }] }),
    );
    kept.keep();
    kept.until("the full disk is cleaned", |kept| kept.places(3) == "---").await;
    let_go(&pipe);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_given_up_on_a_disk_that_does_not_answer_its_deletions() {
    let mut kept = Kept::new(3).await;
    let pipe = kept.it.hub.data.footage().join("locks.json");
    hang(&pipe);
    kept.set_policy(
        &json!({ "tiers": [{ "tier": kept.own_tier(), "min_free_bytes": 1_u64 << 60 }] }),
    );
    kept.keep();
    kept.until("a round is over", |kept| !kept.it.hub.storage.seen().volumes.is_empty()).await;
    assert_eq!(kept.places(3), "ccc", "deleting them would free nothing");
    let_go(&pipe);
    kept.until("it answers and is cleaned", |kept| {
        kept.it.hub.storage.nudge(Nudge::Disk);
        kept.places(3) == "---"
    })
    .await;
}
