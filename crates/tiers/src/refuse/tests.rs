use super::*;
use crate::words::{DiskId, VolumeState};

/// `ssd` (cache, 1 TB), `hdd` (archive, 8 TB), `s3` (bucket), as far as `tiers` names them.
fn volumes(tiers: &str) -> Vec<Volume> {
    let volume = |name: &str| {
        let (kind, total_bytes) = match name {
            "ssd" => (TierKind::Cache, 1_000_000_000_000),
            "s3" => (TierKind::ObjectStore, u64::MAX),
            _ => (TierKind::Archive, 8_000_000_000_000),
        };
        Volume {
            tier: TierId::new(name).unwrap(),
            kind,
            state: VolumeState::Writable,
            disk: DiskId(name.trim_end_matches('2').to_owned()),
            total_bytes,
            available_bytes: total_bytes,
            ours_bytes: 0,
        }
    };
    tiers.split_whitespace().map(volume).collect()
}

/// The cameras are `door` and `yard`; disks, buckets and cameras are called as their ids, in capitals.
fn refused(tiers: &str, policy: &str) -> Vec<Refusal> {
    let cameras = ["door", "yard"].map(|id| CameraId::new(id).unwrap()).into();
    let names = Names {
        tier: &|tier| tier.to_string().to_uppercase(),
        camera: &|camera| camera.to_string().to_uppercase(),
    };
    refuse(&serde_json::from_str(policy).unwrap(), &volumes(tiers), &cameras, names)
}

/// All that is wrong, one a line.
fn check(tiers: &str, policy: &str) -> String {
    let wrong = refused(tiers, policy);
    wrong.iter().map(|wrong| wrong.error.to_string()).collect::<Vec<_>>().join("\n")
}

#[test]
fn no_configuration_at_all_is_a_good_one() {
    for tiers in ["ssd", "hdd", "ssd hdd", "ssd hdd s3"] {
        assert_eq!(check(tiers, "{}"), "", "defaults must do on {tiers}");
    }
}

#[test]
fn a_last_tier_without_a_limit_is_refused() {
    let never = "nothing is ever deleted from the bucket S3: it would grow, and cost, without end";
    let bucket = r#"{"tiers":[{"tier":"s3","bucket":{"keep_days":null}}]}"#;
    assert_eq!(check("ssd s3", bucket), never);
    let one_is_kept_for_ever = r#"{"keep":{"max_age_days":9},"streams":[{"camera":"door","keep":{}}],
        "tiers":[{"tier":"s3","bucket":{"keep_days":null}}]}"#;
    assert_eq!(check("ssd s3", one_is_kept_for_ever), never);
    for limited in [
        r#"{"tiers":[{"tier":"s3","max_bytes":7,"bucket":{"keep_days":null}}]}"#,
        r#"{"keep":{"max_age_days":9},"tiers":[{"tier":"s3","bucket":{"keep_days":null}}]}"#,
    ] {
        assert_eq!(check("ssd s3", limited), "", "{limited}");
    }
    let zero = check("ssd", r#"{"tiers":[{"tier":"ssd","min_free_bytes":0}]}"#);
    assert_eq!(zero, "\"Keep free\" is 0 for SSD: the disk would fill up");
}

#[test]
fn each_mistake_is_told_by_name() {
    let cases = [
        ("s3", "{}", "there is no disk to record to: a bucket alone takes copies only"),
        (
            "hdd hdd2",
            "{}",
            "HDD and HDD2 are on the same disk: moving between them copies everything and frees nothing",
        ),
        ("ssd", r#"{"tiers":[{"tier":"nas"}]}"#, "there is no disk and no bucket with the id nas"),
        (
            "ssd",
            r#"{"tiers":[{"tier":"ssd"},{"tier":"ssd"}]}"#,
            "SSD has two sets of rules: it would depend on their order which one holds",
        ),
        (
            "ssd",
            r#"{"tiers":[{"tier":"ssd","bucket":{}}]}"#,
            "there are rules for copies to SSD, and that is a disk, not a bucket",
        ),
        (
            "ssd s3",
            r#"{"tiers":[{"tier":"s3","min_free_bytes":9}]}"#,
            "\"Keep free\" is a rule for disks, and S3 is a bucket",
        ),
        (
            "ssd",
            r#"{"tiers":[{"tier":"ssd","max_bytes":0}]}"#,
            "\"Footage at most\" is 0 for SSD: nothing could be kept",
        ),
        (
            "ssd",
            r#"{"tiers":[{"tier":"ssd","min_free_bytes":500000000001}]}"#,
            "500.0 GB are to be kept free on SSD, more than half of its disk of 1000.0 GB: cleaning up ends when twice as much is free",
        ),
        (
            "ssd",
            r#"{"tiers":[{"tier":"ssd","move_above_percent":100}]}"#,
            "\"Move on sooner above\" is 100 percent for SSD, not 10 to 95",
        ),
        (
            "ssd",
            r#"{"keep":{"max_age_days":0}}"#,
            "\"Delete after\" is 0 for all footage: nothing could be kept",
        ),
        (
            "ssd",
            r#"{"keep":{"max_age_days":40000}}"#,
            "\"Delete after\" is 40000 days for all footage, more than a hundred years",
        ),
        (
            "ssd",
            r#"{"keep":{"max_age_days":3,"min_days":5}}"#,
            "all footage must be kept 5 days and is deleted after 3",
        ),
        (
            "ssd",
            r#"{"keep":{"max_age_days":9,"events_days":5}}"#,
            "events of all footage are kept 5 days, the rest 9: events are part of the rest and are never kept shorter",
        ),
        (
            "ssd",
            r#"{"streams":[{"keep":{}}]}"#,
            "a rule for some streams names neither camera nor stream",
        ),
        (
            "ssd",
            r#"{"streams":[{"camera":"attic","keep":{}}]}"#,
            "there is no camera with the id attic",
        ),
        (
            "ssd",
            r#"{"streams":[{"camera":"door","stream":"sub","keep":{}},{"camera":"door","stream":"sub","keep":{}}]}"#,
            "the small stream of DOOR has two rules: it would depend on their order which one holds",
        ),
        (
            "ssd s3",
            r#"{"tiers":[{"tier":"s3","bucket":{"window":{"from":"22:00","to":"22:00"}}}]}"#,
            "copies to S3 begin at the time of day at which they end: that could mean always or never",
        ),
        (
            "ssd s3",
            r#"{"tiers":[{"tier":"s3","bucket":{"max_bits_per_second":0}}]}"#,
            "\"Send at most\" is 0 for S3: nothing would be sent",
        ),
    ];
    for (tiers, policy, expect) in cases {
        assert_eq!(check(tiers, policy), expect, "{policy}");
    }
}

#[test]
fn all_mistakes_are_told_at_once() {
    let told =
        check("ssd", r#"{"keep":{"max_bytes":0,"max_age_days":0},"tiers":[{"tier":"nas"}]}"#);
    assert_eq!(told.lines().count(), 3, "{told}");
}

#[test]
fn programs_are_told_the_field() {
    let field = |tiers: &str, policy: &str| {
        let wrong = refused(tiers, policy);
        let value: serde_json::Value = serde_json::from_str(policy).unwrap();
        let field = wrong.first().expect("it is refused").field.clone();
        let is_there = field.as_ref().is_none_or(|field| value.pointer(field).is_some());
        assert!(is_there, "{field:?} must point into {policy}");
        field
    };
    let at = |field: &str| Some(field.to_owned());
    assert_eq!(field("ssd", r#"{"keep":{"max_age_days":0}}"#), at("/keep/max_age_days"));
    let second = r#"{"tiers":[{"tier":"ssd"},{"tier":"s3","bucket":{"keep_days":0}}]}"#;
    assert_eq!(field("ssd s3", second), at("/tiers/1/bucket/keep_days"));
    let endless = r#"{"tiers":[{"tier":"s3","bucket":{"keep_days":null}}]}"#;
    assert_eq!(field("ssd s3", endless), at("/tiers/0/bucket/keep_days"));
    let rule = r#"{"streams":[{"stream":"sub","keep":{"max_bytes":0}}]}"#;
    assert_eq!(field("ssd", rule), at("/streams/0/keep/max_bytes"));
    assert_eq!(field("ssd", r#"{"streams":[{"keep":{}}]}"#), at("/streams/0"));
    assert_eq!(field("s3", "{}"), None, "what is wrong is not in the policy");
}
