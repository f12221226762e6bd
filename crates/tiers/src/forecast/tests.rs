use tarsier_types::{CameraId, StreamKind};

use super::*;
use crate::script::{NOW, Shelf};

const DAY_MS: u64 = 86_400_000;

/// Streams as `a=10` or `a=10/4`: bytes in a day, and of them events'. Tells days kept, tiers, what goes next and
/// warnings.
fn check(tiers: &str, pieces: &str, rates: &str, policy: &str) -> String {
    let shelf = Shelf::of_tiers(tiers, pieces);
    let policy: Policy = serde_json::from_str(policy).unwrap();
    let one = |word: &str| {
        let (camera, rate) = word.split_once('=').unwrap();
        let (all, events) = rate.split_once('/').unwrap_or((rate, "0"));
        let of = StreamName { camera: CameraId::new(camera).unwrap(), stream: StreamKind::Main };
        let rate = Rate {
            bytes_per_day: all.parse().unwrap(),
            event_bytes_per_day: events.parse().unwrap(),
            measured_ms: DAY_MS,
        };
        (of, rate)
    };
    let rates = rates.split_whitespace().map(one).collect();
    let (volumes, holdings) = (shelf.volumes(), shelf.holdings());
    let basis =
        Basis { now: NOW, policy: &policy, volumes: &volumes, holdings: &holdings, rates: &rates };
    let forecast = Forecast::of(&basis);
    let days = |days: Option<f64>| days.map_or("ever".to_owned(), |days| format!("{days:.1}"));
    let mut told = Vec::new();
    for s in &forecast.streams {
        let bucket = s.bucket_days.map(|days| format!(" bucket {days:.1}")).unwrap_or_default();
        let events = if s.event_days == s.days {
            String::new()
        } else {
            format!(" events {}", days(s.event_days))
        };
        told.push(format!("{} {} {:?}{events}{bucket}", s.of.camera, days(s.days), s.limit));
    }
    for t in &forecast.tiers {
        let full = t.full_in_days.map(|days| format!(" full in {days:.1}")).unwrap_or_default();
        told.push(format!("{} {} to {}{full}", t.tier, t.footage_bytes, t.settles_at_bytes));
    }
    for n in &forecast.next {
        let hours = n.when.millis_since(NOW) / 3_600_000;
        let what = match &n.what {
            NextStep::Delete(why) => format!("-{}@{}/{why:?}", n.of.camera, n.tier),
            NextStep::Move(to) => format!("{}>{to}", n.of.camera),
        };
        told.push(format!("{what} in {hours} h"));
    }
    told.extend(forecast.warnings.iter().map(|warning| format!("{warning:?}")));
    told.join("\n")
}

#[test]
fn one_disk_without_rules_keeps_what_fits() {
    // 1000 bytes, 55 stay free, nothing is there yet: 945 bytes at 30 a day.
    let told = check("disk=1000/1000", "", "a=20 b=10", "{}");
    assert_eq!(told, "a 31.5 Space\nb 31.5 Space\ndisk 0 to 945 full in 31.5");
}

#[test]
fn a_camera_with_an_age_leaves_its_room_to_the_others() {
    let policy = r#"{"streams":[{"camera":"a","keep":{"max_age_days":10}}]}"#;
    let told = check("disk=1000/1000", "", "a=20 b=10", policy);
    // a takes 200 at most; b has 745 at 10 a day. Until a is 10 days old, 30 a day come: 300. Then 10 a day.
    assert_eq!(told, "a 10.0 Age\nb 74.5 Space\ndisk 0 to 945 full in 74.5");
}

#[test]
fn ages_alone_never_fill_the_disk() {
    let told = check("disk=1000/1000", "", "a=20 b=10", r#"{"keep":{"max_age_days":7}}"#);
    assert_eq!(told, "a 7.0 Age\nb 7.0 Age\ndisk 0 to 210");
}

#[test]
fn a_size_is_days_too() {
    let policy = r#"{"streams":[{"camera":"a","keep":{"max_bytes":100}}]}"#;
    let told = check("disk=1000/1000", "", "a=20", policy);
    assert_eq!(told, "a 5.0 StreamSize\ndisk 0 to 100");
}

#[test]
fn events_take_room_from_the_rest() {
    let policy = r#"{"keep":{"events_days":100}}"#;
    // Events: 2 a day for 100 days are 200; 745 are left for 8 a day.
    let told = check("disk=1000/1000", "", "a=10/2", policy);
    assert_eq!(told, "a 93.1 Space events 100.0\ndisk 0 to 945 full in 94.5");
}

#[test]
fn a_promise_that_does_not_fit_is_told_before_it_is_given() {
    let told = check("disk=1000/1000", "", "a=100", r#"{"keep":{"min_days":30}}"#);
    assert!(told.starts_with("a 9.5 Space\n"), "{told}");
    assert!(told.contains("MinimumNotKept") && told.contains("min_days: 30, days: 9.4"), "{told}");
}

#[test]
fn the_cache_holds_the_newest_hour_and_the_archive_the_rest() {
    let told = check("ssd=1000/1000 hdd=10000/10000", "", "a=240", "{}");
    // An hour of 240 a day are 10; (9450 + 10) / 240.
    assert_eq!(told, "a 39.4 Space\nssd 0 to 10\nhdd 0 to 9450 full in 39.4");
}

#[test]
fn a_small_cache_passes_on_sooner_than_its_age_says() {
    let policy = r#"{"tiers":[{"tier":"ssd","move_after_minutes":14400}]}"#;
    let told = check("ssd=100/100 hdd=10000/10000", "", "a=240", policy);
    // 95 - 0.5 = 95 may be in it, 80 % are 76.
    assert!(told.contains("ssd 0 to 76\n"), "{told}");
}

#[test]
fn what_goes_next_is_told_with_its_reason() {
    let told = check(
        "ssd=1000/500 hdd=10000/9000",
        "ssd:a0 hdd:a9 hdd:b8 hdd:b7L",
        "a=240",
        r#"{"keep":{"max_age_days":10}}"#,
    );
    let next: Vec<&str> = told.lines().filter(|line| line.contains(" in ")).collect();
    assert_eq!(next, ["a>hdd in 0 h", "-a@hdd/Age in 23 h", "-a@ssd/Age in 239 h"]);
    let full = check("disk=1000/55", "a9 b8", "a=240", "{}");
    assert!(full.contains("full in 0.0\n-a@disk/TierFull in 0 h"), "{full}");
}

#[test]
fn a_bucket_keeps_what_its_own_rule_says() {
    let policy = r#"{"keep":{"max_age_days":7},"tiers":[{"tier":"s3","bucket":{"keep_days":30}}]}"#;
    let told = check("disk=1000/1000 s3", "", "a=20/4 b=10", policy);
    assert_eq!(told, "a 7.0 Age bucket 30.0\nb 7.0 Age\ndisk 0 to 210\ns3 0 to 120");
    let size = r#"{"tiers":[{"tier":"s3","max_bytes":40,"bucket":{"copy":"all"}}]}"#;
    let told = check("disk=1000/1000 s3", "", "a=20", size);
    assert!(told.ends_with("s3 0 to 40 full in 2.0"), "{told}");
    assert!(told.starts_with("a 47.3 Space bucket 2.0"), "{told}");
}

#[test]
fn an_upload_that_can_never_keep_up_is_told() {
    let policy = r#"{"tiers":[{"tier":"s3","bucket":{"copy":"all","max_bits_per_second":8,
        "window":{"from":"00:00","to":"12:00"}}}]}"#;
    let told = check("disk=1000/1000 s3", "", "a=50000", policy);
    assert!(told.contains("bytes_per_day: 50000, possible_bytes_per_day: 43200"), "{told}");
    let old = r#"{"keep":{"max_age_days":7},"tiers":[{"tier":"s3","bucket":{"copy":"all","older_than_days":9}}]}"#;
    let told = check("disk=1000/1000 s3", "", "a=20", old);
    assert!(told.contains("DeletedBeforeCopied"), "{told}");
}

#[test]
fn a_disk_that_is_away_or_full_of_other_things_is_told() {
    let told = check("ssd=1000/500 hdd=1000/500!", "ssd:a1", "a=1", "{}");
    assert!(told.contains("TierAway") && told.contains("hdd"), "{told}");
    let told = check("disk=1000/100", "a1", "a=1", "{}");
    assert!(told.contains("FilledByOthers") && told.contains("890"), "{told}");
}

#[test]
fn nothing_recorded_is_no_division_by_nothing() {
    assert_eq!(check("disk=1000/1000", "", "", "{}"), "disk 0 to 0");
    let told = check("disk=1000/500", "a9", "", r#"{"keep":{"max_bytes":100}}"#);
    assert_eq!(told, "a ever Nothing\ndisk 10 to 10");
}
