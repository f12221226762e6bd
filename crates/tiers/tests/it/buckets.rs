//! Buckets: a real S3 server, and a folder that is used as a bucket.

use std::fs;

use tarsier_index::{FileLook, Index, SegmentRef, SegmentRow, Tier, TierKind, WhichFiles};
use tarsier_segment::name;
use tarsier_tiers::bucket::{Bucket, BucketError, BucketKey, BucketPlace};
use tarsier_tiers::delete;
use tarsier_tiers::manifest::{self, Day, Restored};
use tarsier_tiers::pace::Pace;
use tarsier_tiers::sidecar;
use tarsier_types::{Clock, SystemClock};

use crate::s3::{S3, key};
use crate::support::{ALL, Disks, MAIN, NOW, garden, id, range, start};

fn know_bucket(index: &Index) {
    let tier =
        Tier { id: "bucket".into(), root: "s3://footage".into(), kind: TierKind::ObjectStore };
    index.put_tier(&tier).unwrap();
}

/// Sends a segment and says so to the index.
async fn upload(disks: &Disks, bucket: &Bucket, n: i64) {
    let row = disks.row(n).unwrap();
    let clock = SystemClock::start();
    let below = name::path(&garden(), MAIN, start(n));
    let path = disks.path("ssd", n);
    let sent =
        bucket.send(&path, &below, row.hash.as_ref(), &mut Pace::new(None), &clock).await.unwrap();
    assert_eq!(sent.bytes, row.size_bytes);
    disks.index.put_hash(&row.segment(), &sent.hash).unwrap();
    assert!(disks.index.put_copy(&row.segment(), "bucket", NOW).unwrap());
}

fn rows(index: &Index) -> Vec<SegmentRow> {
    index.segments_in(&garden(), MAIN, ALL, 99).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_machine_restores_its_index_from_the_bucket_without_reading_media() {
    let s3 = S3::start().await;
    let disks = Disks::new(4);
    know_bucket(&disks.index);
    let bucket = Bucket::new(&s3.place(), &key("the-secret")).unwrap();
    assert_eq!(bucket.adopt(&id("bucket"), NOW).await.unwrap().id, id("bucket"));
    for n in 0..3 {
        upload(&disks, &bucket, n).await;
    }
    let day = Day::of(garden(), MAIN, start(0));
    manifest::keep(&disks.index, &bucket, &id("bucket"), &day).await.unwrap();
    let lock = tarsier_index::Lock {
        id: "l".into(),
        camera: garden(),
        range: range(start(0), start(1)),
        note: "the parcel".into(),
        created: NOW,
    };
    bucket
        .write(sidecar::LOCKS_FILE, sidecar::to_bytes(std::slice::from_ref(&lock)).into())
        .await
        .unwrap();

    let fresh = Index::open(&disks.folder.path().join("fresh.db")).unwrap();
    know_bucket(&fresh);
    let restored = manifest::restore(&fresh, &bucket, &id("bucket"), NOW).await.unwrap();
    let expect = Restored { segments: 3, locks: 1, ..Restored::default() };
    assert_eq!(restored, expect, "nothing had to be read");
    assert_eq!(fresh.locks().unwrap(), [lock]);
    let (old, new) = (rows(&disks.index), rows(&fresh));
    assert_eq!(new.len(), 3);
    for (old, new) in old.iter().zip(&new) {
        let same = SegmentRow { tier: new.tier.clone(), continues: new.continues, ..old.clone() };
        assert_eq!(*new, same, "all is known that was known");
        assert_eq!(new.tier.id, "bucket");
    }
    let part = new[1].parts[0];
    let bytes = bucket
        .range(&name::path(&garden(), MAIN, start(1)), part.offset..part.offset + 8)
        .await
        .unwrap();
    assert_eq!(&bytes[4..8], b"moof", "and plays by ranges");

    let again = manifest::restore(&disks.index, &bucket, &id("bucket"), NOW).await.unwrap();
    assert_eq!((again.segments, again.copies, again.read), (0, 0, 0), "nothing twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_manifest_names_is_read_and_what_is_no_segment_is_left_out() {
    let s3 = S3::start().await;
    let disks = Disks::new(2);
    know_bucket(&disks.index);
    let bucket = Bucket::new(&s3.place(), &key("the-secret")).unwrap();
    bucket.adopt(&id("bucket"), NOW).await.unwrap();
    upload(&disks, &bucket, 0).await;
    let bad = name::path(&garden(), MAIN, start(1));
    bucket.write(&bad, "no mp4 at all".into()).await.unwrap();
    bucket.write("notes.txt", "mine".into()).await.unwrap();
    let fresh = Index::open(&disks.folder.path().join("fresh.db")).unwrap();
    know_bucket(&fresh);
    let restored = manifest::restore(&fresh, &bucket, &id("bucket"), NOW).await.unwrap();
    assert_eq!((restored.segments, restored.read, restored.left_out), (1, 2, vec![bad]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_file_goes_in_parts_and_a_rotten_one_does_not_go() {
    let s3 = S3::start().await;
    let bucket = Bucket::new(&s3.place(), &key("the-secret")).unwrap();
    let clock = SystemClock::start();
    let file = s3.folder().parent().unwrap().parent().unwrap().join("source");
    let bytes: Vec<u8> = (0..20_000_000_u32).map(|n| u8::try_from(n % 253).unwrap()).collect();
    fs::write(&file, &bytes).unwrap();
    let hash = *blake3::hash(&bytes).as_bytes();
    let mut pace = Pace::new(None);
    let sent = bucket.send(&file, "a/b.mp4", Some(&hash), &mut pace, &clock).await.unwrap();
    assert_eq!((sent.bytes, sent.hash), (20_000_000, hash));
    assert_eq!(bucket.hash("a/b.mp4").await.unwrap(), sent, "what is there is what was sent");
    let error = bucket.send(&file, "a/c.mp4", Some(&[1; 32]), &mut pace, &clock).await.unwrap_err();
    assert!(matches!(error, BucketError::SourceChanged { .. }), "{error}");
    let missing = bucket.size("a/c.mp4").await.unwrap_err();
    assert!(matches!(missing, BucketError::NotFound(_)), "{missing}");
    delete::take_back(&bucket, "a/b.mp4").await.unwrap();
    delete::take_back(&bucket, "a/b.mp4").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn each_way_to_be_shut_out_is_told_apart() {
    let s3 = S3::start().await;
    let kind = |place: BucketPlace, secret: &'static str| async move {
        let bucket = Bucket::new(&place, &key(secret)).unwrap();
        match bucket.check(&id("bucket")).await.unwrap_err() {
            BucketError::Refused(_) => "refused",
            BucketError::NotFound(_) => "not found",
            BucketError::Unreachable(_) => "unreachable",
            BucketError::Foreign { .. } => "foreign",
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(kind(s3.place(), "wrong").await, "refused");
    assert_eq!(kind(s3.place(), "the-secret").await, "not found");
    let bucket = Bucket::new(&s3.place(), &key("the-secret")).unwrap();
    bucket.adopt(&id("another"), NOW).await.unwrap();
    assert_eq!(kind(s3.place(), "the-secret").await, "foreign");
    let shown = format!("{bucket:?} {:?}", key("the-secret"));
    assert!(!shown.contains("the-secret"), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_can_be_a_bucket_and_an_unmounted_one_is_not_made() {
    let disks = Disks::new(1);
    know_bucket(&disks.index);
    let path = disks.folder.path().join("share");
    let place = BucketPlace::Folder { path: path.clone() };
    assert!(Bucket::new(&place, &BucketKey::default()).is_err(), "it is not mounted");
    fs::create_dir(&path).unwrap();
    let bucket = Bucket::new(&place, &BucketKey::default()).unwrap();
    bucket.adopt(&id("bucket"), NOW).await.unwrap();
    upload(&disks, &bucket, 0).await;
    assert_eq!(
        fs::read(path.join(name::path(&garden(), MAIN, start(0)))).unwrap(),
        fs::read(disks.path("ssd", 0)).unwrap(),
        "the same path as on disk"
    );
    let look =
        FileLook { tier_id: "bucket", of: None, which: WhichFiles::Unlocked, after: None, most: 9 };
    assert_eq!(disks.index.files(&look, &|_| false).unwrap().len(), 1);
}

#[tokio::test]
async fn an_upload_keeps_to_its_limit() {
    let folder = tempfile::tempdir().unwrap();
    let share = folder.path().join("share");
    fs::create_dir(&share).unwrap();
    let place = BucketPlace::Folder { path: share };
    let bucket = Bucket::new(&place, &BucketKey::default()).unwrap();
    let file = folder.path().join("source");
    fs::write(&file, vec![1; 2_000_000]).unwrap();
    let clock = SystemClock::start();
    let began = clock.mono();
    let mut pace = Pace::new(Some(8_000_000));
    bucket.send(&file, "a.mp4", None, &mut pace, &clock).await.unwrap();
    let took = clock.mono().since(began);
    assert!(took.as_millis() >= 240, "2 MB at 8 MB/s in {took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn deletions_in_a_slow_bucket_get_on_though_nobody_waits_for_the_last_one() {
    let disks = Disks::new(60);
    know_bucket(&disks.index);
    let share = disks.folder.path().join("share");
    fs::create_dir(&share).unwrap();
    let place = BucketPlace::Folder { path: share.clone() };
    let bucket = Bucket::new(&place, &BucketKey::default()).unwrap();
    bucket.adopt(&id("bucket"), NOW).await.unwrap();
    let mut condemned = Vec::new();
    for n in 0..60 {
        upload(&disks, &bucket, n).await;
        let segment = disks.row(n).unwrap().segment();
        condemned.push(SegmentRef { tier_id: "bucket".into(), ..segment });
    }
    assert_eq!(disks.index.condemn(&condemned).unwrap().live_on, 60);
    let last_awaited = share.join(name::path(&garden(), MAIN, start(40)));
    let tier = id("bucket");
    let deleting = delete::finish_in_bucket(&disks.index, &tier, &bucket);
    tokio::pin!(deleting);
    // As a hub does: after so long it is not waited for any more.
    let mut look = tokio::time::interval(std::time::Duration::from_millis(1));
    while last_awaited.exists() {
        tokio::select! {
            gone = &mut deleting => drop(gone.unwrap()),
            _ = look.tick() => {}
        }
    }
    let left = disks.index.garbage("bucket", 99).unwrap().len();
    assert!(left <= 30, "what is gone is known to be gone: {left} of 60 are left");
}
