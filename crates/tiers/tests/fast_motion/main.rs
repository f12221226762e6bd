//! Thirty days of thirty-two cameras in a few seconds: retention, moves, uploads and cleanup keep every rule, whatever
//! happens to the disks. Clock, sizes, disks and bucket are simulated; the brains are the real ones.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod house;
mod world;

use std::collections::BTreeMap;

use house::House;
use proptest::prelude::{ProptestConfig, any, prop_assert, proptest};
use rand::Rng;
use tarsier_tiers::emergency::CleanupEnd;
use tarsier_tiers::forecast::{Basis, Forecast};
use tarsier_tiers::rate::{Day, MS_PER_DAY, Rate};
use tarsier_tiers::{StreamName, VolumeState, Why};
use tarsier_types::CameraId;
use world::{DAY_MS, MINUTE_MS, SEGMENT_MS, World};

/// What 32 cameras write in a day, roughly: the nights are half.
const DAY_OF_32: u64 = 32 * 330 * 24 * 5 / 6;

const RULES: &str = r#"{
    "keep": {"max_age_days": 14, "min_days": 2, "events_days": 20},
    "streams": [
        {"stream": "sub", "keep": {"max_age_days": 25}},
        {"camera": "cam-03", "stream": "main", "keep": {"max_age_days": 3}},
        {"camera": "cam-05", "stream": "main", "keep": {"max_bytes": 60000}}
    ],
    "tiers": [{"tier": "s3", "bucket": {"copy": "events", "keep_days": 10}}]
}"#;

/// Locks some of what there is, now and then; never more than a few pieces an hour.
fn lock_some(house: &mut House) {
    if house.world.rng.random_range(0..12) == 0 {
        let n = house.world.rng.random_range(0..house.world.rows.len().max(1));
        if let Some(name) = house.world.rows.keys().nth(n).cloned() {
            house.lock(&name);
        }
    }
}

#[test]
fn thirty_days_of_thirty_two_cameras_keep_every_rule() {
    let disks = [("ssd", Some(DAY_OF_32)), ("hdd", Some(40 * DAY_OF_32)), ("s3", None)];
    let mut house = House::new(World::new(32, &disks, 1), RULES);
    house.run_days(30, lock_some);
    assert_eq!(house.cleanups, [], "room enough for all: no emergency");
    assert_eq!(house.world.unwritten, 0, "every segment was written");
    house.check_ages(60 * MINUTE_MS);
    let moved = house.oldest_on("ssd").unwrap();
    let hour = house.world.now.millis_since(moved) / (60 * MINUTE_MS);
    assert!(hour <= 2, "the cache has what is {hour} h old");
    let size = house
        .world
        .holdings()
        .into_iter()
        .find(|held| held.of.to_string() == "cam-05/main" && held.tier.as_str() == "hdd");
    assert!(size.unwrap().bytes <= 60_000 + 4_000, "cam-05 keeps to its size");
    let lost = house.world.rows.values().filter(|piece| {
        let age = house.world.now.millis_since(piece.range.end);
        piece.is_event
            && age > 2 * 60 * MINUTE_MS
            && age < 10 * DAY_MS - 60 * MINUTE_MS
            && !piece.is_in(&world::tier("s3"))
    });
    assert_eq!(lost.count(), 0, "every event is in the bucket");
    assert!(house.deletions[&Why::Age] > 8_000 && house.deletions[&Why::StreamSize] > 100);
    assert!(house.moves > 40_000 && house.uploads > 4_000);
}

#[test]
fn one_disk_without_rules_runs_full_and_stays_there() {
    let mut house = House::new(World::new(32, &[("disk", Some(12 * DAY_OF_32))], 2), "{}");
    house.run_days(30, lock_some);
    assert_eq!(house.cleanups, [], "everyday room is made before the minimum is reached");
    assert_eq!(house.world.unwritten, 0);
    let oldest = house.world.oldest(&house.policy).unwrap();
    let days = house.world.now.millis_since(oldest.range.end) / DAY_MS;
    assert!((9..=12).contains(&days), "{days} days are kept on a disk for 12");
    house.unlock_all();
    house.run_days(1, |_| {});
    let first = house.world.rows.values().next().unwrap();
    let days = house.world.now.millis_since(first.range.end) / DAY_MS;
    assert!(days <= 12, "what was locked {days} days ago made room once it was unlocked");
}

#[test]
fn an_archive_that_is_away_for_two_days_gets_everything_later() {
    let disks = [("ssd", Some(6 * DAY_OF_32)), ("hdd", Some(30 * DAY_OF_32))];
    let mut house = House::new(World::new(32, &disks, 3), "{}");
    house.run_days(10, |house| {
        let is_away = (4..6).contains(&house.world.days());
        house.world.disk("hdd").state =
            if is_away { VolumeState::Absent } else { VolumeState::Writable };
    });
    assert_eq!(house.cleanups, []);
    assert!(house.deletions.is_empty(), "nothing was lost: {:?}", house.deletions);
    let moved = house.oldest_on("ssd").unwrap();
    assert!(house.world.now.millis_since(moved) < 3 * 60 * MINUTE_MS, "all moved home");
}

#[test]
fn a_cache_that_is_away_is_no_loss() {
    let disks = [("ssd", Some(DAY_OF_32)), ("hdd", Some(30 * DAY_OF_32))];
    let mut house = House::new(World::new(32, &disks, 4), "{}");
    house.run_days(6, |house| {
        let is_away = (2..4).contains(&house.world.days());
        house.world.disk("ssd").state =
            if is_away { VolumeState::Absent } else { VolumeState::Writable };
    });
    assert_eq!(house.world.unwritten, 0, "recording fell back to the archive");
    assert!(house.deletions.is_empty() && house.cleanups.is_empty());
}

#[test]
fn others_data_that_fills_the_disk_ends_in_a_told_emergency() {
    let size = 12 * DAY_OF_32;
    let mut house = House::new(World::new(32, &[("disk", Some(size))], 5), "{}");
    house.run_days(9, |_| {});
    // Half the disk in one go: only as much as is free fits, then what cleaning up makes free, and so on.
    house.run_days(1, |house| house.world.disk("disk").grow_foreign(size / 2));
    let told = &house.cleanups[0];
    assert_eq!(told.end, CleanupEnd::Enough);
    assert!(told.free_after_bytes >= 2 * told.min_free_bytes);
    assert!(told.foreign_bytes > 0, "it says how much is not ours");
    assert!(house.cleanups.iter().all(|cleanup| cleanup.end == CleanupEnd::Enough));
    let before = house.cleanups.len();
    house.run_days(1, |_| {});
    assert_eq!(house.cleanups.len(), before, "once others stop, everyday room is enough");
    house.run_days(2, |house| house.world.disk("disk").grow_foreign(size));
    assert_eq!(house.cleanups.last().unwrap().end, CleanupEnd::NothingLeft, "critical");
}

/// The last fourteen days of each stream, as an index would measure them.
fn rates(world: &World) -> BTreeMap<StreamName, Rate> {
    let mut days: BTreeMap<StreamName, Vec<Day>> = BTreeMap::new();
    for of in &world.streams {
        days.insert(of.clone(), vec![Day { missing_ms: MS_PER_DAY, ..Day::default() }; 14]);
    }
    for (of, start, bytes, is_event) in &world.written {
        let back = usize::try_from(world.now.millis_since(*start) / DAY_MS).unwrap();
        if let Some(day) = days.get_mut(of).unwrap().get_mut(back) {
            day.bytes += bytes;
            day.event_bytes += if *is_event { bytes } else { &0 };
            day.missing_ms = day.missing_ms.saturating_sub(SEGMENT_MS.unsigned_abs());
        }
    }
    days.into_iter().filter_map(|(of, days)| Some((of, Rate::of(&days)?))).collect()
}

/// Days that footage of a camera is kept in the end, and what was forecast after a week in which cameras were off.
fn forecast_and_truth(seed: u64, policy: &str, camera: &str, total: u64) -> (f64, f64) {
    let mut house = House::new(World::new(8, &[("disk", Some(total))], seed), policy);
    house.run_days(7, |house| {
        if house.world.rng.random_range(0..200) == 0 {
            let n = house.world.rng.random_range(0..8);
            house.world.cameras_off.insert(CameraId::new(format!("cam-{n:02}")).unwrap());
        } else if house.world.rng.random_range(0..40) == 0 {
            house.world.cameras_off.clear();
        }
    });
    house.world.cameras_off.clear();
    let (volumes, holdings) = (house.world.volumes(), house.world.holdings());
    let rates = rates(&house.world);
    let forecast = Forecast::of(&Basis {
        now: house.world.now,
        policy: &house.policy,
        volumes: &volumes,
        holdings: &holdings,
        rates: &rates,
    });
    let of = |of: &StreamName| of.to_string() == format!("{camera}/main");
    let told = forecast.streams.iter().find(|stream| of(&stream.of)).unwrap().days.unwrap();
    house.run_days(30, |_| {});
    let plain = |name: &StreamName, is_event: bool| of(name) && !is_event;
    let oldest = house.world.rows.values().find(|piece| plain(&piece.of, piece.is_event));
    let kept = house.world.now.millis_since(oldest.unwrap().range.end);
    #[expect(clippy::cast_precision_loss, reason = "days of a test")]
    (told, kept as f64 / DAY_MS as f64)
}

#[test]
fn a_forecast_after_seven_days_is_right_to_ten_percent() {
    let total = 15 * DAY_OF_32 / 4;
    let cases = [
        ("{}", "cam-01"),
        (r#"{"keep":{"events_days":30}}"#, "cam-01"),
        (r#"{"streams":[{"camera":"cam-02","keep":{"max_age_days":4}}]}"#, "cam-01"),
        (
            r#"{"streams":[{"camera":"cam-02","stream":"main","keep":{"max_bytes":70000}}]}"#,
            "cam-02",
        ),
        (r#"{"tiers":[{"tier":"disk","max_bytes":450000}]}"#, "cam-07"),
    ];
    for (seed, (policy, camera)) in (10..).zip(cases) {
        let (told, kept) = forecast_and_truth(seed, policy, camera, total);
        assert!(
            (told - kept).abs() <= kept / 10.0,
            "{policy}: told {told:.1} days, kept {kept:.1}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, max_shrink_iters: 8, failure_persistence: None, ..ProptestConfig::default() })]

    /// Disks come and go, others fill them, cameras stop, steps fail. The rules themselves are asserted in `house.rs`
    /// at each step and after each check.
    #[test]
    fn whatever_happens_no_rule_is_broken(seed in any::<u64>(), is_tight in any::<bool>()) {
        let day = DAY_OF_32 / 4;
        let hdd = if is_tight { 6 * day } else { 20 * day };
        let disks = [("ssd", Some(day)), ("hdd", Some(hdd)), ("s3", None)];
        let mut house = House::new(World::new(8, &disks, seed), RULES);
        house.world.fails_one_in = Some(40);
        house.run_days(12, |house| {
            lock_some(house);
            match house.world.rng.random_range(0..600) {
                0 => house.world.disk("hdd").state = VolumeState::Absent,
                1 => house.world.disk("ssd").state = VolumeState::Absent,
                2 => house.world.disk("s3").state = VolumeState::Absent,
                3 => house.world.disk("hdd").state = VolumeState::ReadOnly,
                4..20 => {
                    for disk in &mut house.world.disks {
                        disk.state = VolumeState::Writable;
                    }
                }
                20..24 => {
                    let percent = house.world.rng.random_range(0..60);
                    house.world.disk("hdd").grow_foreign(hdd * percent / 100);
                }
                24..28 => {
                    let percent = house.world.rng.random_range(0..60);
                    house.world.disk("ssd").grow_foreign(day * percent / 100);
                }
                28..32 => {
                    let n = house.world.rng.random_range(0..8);
                    house.world.cameras_off.insert(CameraId::new(format!("cam-{n:02}")).unwrap());
                }
                32..48 => house.world.cameras_off.clear(),
                48 => house.unlock_all(),
                _ => {}
            }
        });
        // Peace again: within a day everything is as the rules say.
        for disk in &mut house.world.disks {
            disk.state = VolumeState::Writable;
            disk.grow_foreign(0);
        }
        house.world.fails_one_in = None;
        house.run_days(2, |_| {});
        house.check_ages(7 * 60 * MINUTE_MS);
        let moved = house.oldest_on("ssd").unwrap();
        let hours = house.world.now.millis_since(moved) / (60 * MINUTE_MS);
        prop_assert!(hours <= 12, "the cache has what is {hours} h old");
    }
}
