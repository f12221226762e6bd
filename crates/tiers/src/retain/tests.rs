use super::*;
use crate::script::{NOW, Shelf};

/// What follows from one check, all steps done at once: `-a9@hdd/Age` deleted, `a9>hdd` moved, `a9^s3` copied.
fn check(tiers: &str, pieces: &str, policy: &str) -> String {
    let mut shelf = Shelf::of_tiers(tiers, pieces);
    run(&mut Retain::new(Pace::default()), &mut shelf, Mono::ZERO, policy)
}

fn run(retain: &mut Retain, shelf: &mut Shelf, now: Mono, policy: &str) -> String {
    run_at(retain, shelf, now, NOW, policy)
}

fn run_at(retain: &mut Retain, shelf: &mut Shelf, now: Mono, utc: UtcMs, policy: &str) -> String {
    let policy: Policy = serde_json::from_str(policy).unwrap();
    let check = Check {
        utc,
        zone: TimeZone::UTC,
        volumes: shelf.volumes(),
        holdings: shelf.holdings(),
        busy: shelf.busy.clone(),
    };
    retain.handle(now, &policy, Input::Check(check));
    let mut told = Vec::new();
    while let Some(output) = retain.poll() {
        let input = match output {
            Output::Look(look) => Input::Shown(shelf.show(look)),
            Output::Step(step) => {
                let word = shelf.word(step.piece());
                told.push(match &step {
                    Step::Delete(d) => format!("-{word}@{}/{:?}", d.from, d.why),
                    Step::Move { to, .. } => format!("{word}>{to}"),
                    Step::Upload { to, .. } => format!("{word}^{to}"),
                });
                let end = shelf.act(&step);
                Input::Finished(step.piece().name(), end)
            }
        };
        retain.handle(now, &policy, input);
    }
    told.join(" ")
}

const ONE_DISK: &str = "disk=1000/500";

#[test]
fn age_deletes_what_is_too_old_and_not_an_hour_sooner() {
    let policy =
        r#"{"keep":{"max_age_days":7},"streams":[{"camera":"b","keep":{"max_age_days":2}}]}"#;
    let told = check(ONE_DISK, "a9 a8 a7 a6 b9 b2 b1 a0", policy);
    assert_eq!(told, "-a9@disk/Age -a8@disk/Age -a7@disk/Age -b9@disk/Age -b2@disk/Age");
}

#[test]
fn events_stay_longer_and_locked_pieces_for_ever() {
    let policy = r#"{"keep":{"max_age_days":7,"events_days":30}}"#;
    let told = check(ONE_DISK, "a31e a40L a30 a29e a9 a8e a1", policy);
    assert_eq!(told, "-a31e@disk/Age -a30@disk/Age -a9@disk/Age");
}

#[test]
fn a_camera_that_was_deleted_is_kept_as_the_rest() {
    assert_eq!(check(ONE_DISK, "z9 z1", r#"{"keep":{"max_age_days":7}}"#), "-z9@disk/Age");
}

#[test]
fn a_stream_over_its_size_loses_its_oldest_from_the_last_disk() {
    let policy = r#"{"streams":[{"camera":"a","stream":"main","keep":{"max_bytes":25}}]}"#;
    let pieces = "hdd:b9 hdd:a9 hdd:a8L hdd:a7 ssd:a0 ssd:b0 hdd:a5s hdd:a4s hdd:a3s";
    let told = check("ssd=1000/500 hdd=1000/500", pieces, policy);
    assert_eq!(told, "-a9@hdd/StreamSize -a7@hdd/StreamSize");
}

#[test]
fn a_full_disk_lets_the_oldest_make_room_before_the_minimum_is_reached() {
    // 1000 bytes: 50 must be free, below 55 the oldest goes.
    assert_eq!(check("disk=1000/55", "a9 b8 a7", "{}"), "");
    assert_eq!(check("disk=1000/44", "b8 a9 a7", "{}"), "-a9@disk/TierFull -b8@disk/TierFull");
}

#[test]
fn room_that_age_has_made_is_not_made_again() {
    let policy = r#"{"keep":{"max_age_days":7},"streams":[{"camera":"b","keep":{"max_bytes":15,"max_age_days":6}}]}"#;
    assert_eq!(check("disk=1000/44", "a9 a8 a5 b4", policy), "-a9@disk/Age -a8@disk/Age");
    assert_eq!(check(ONE_DISK, "b9 b5", policy), "-b9@disk/Age", "b9 was the one too many by size");
}

#[test]
fn making_room_passes_over_what_must_be_kept_unless_a_bucket_has_it() {
    let policy = r#"{"keep":{"min_days":10}}"#;
    assert_eq!(check("disk=1000/44 s3", "a9 b8 a7", policy), "");
    assert_eq!(
        check("disk=1000/44 s3", "a12 a9 b8c a7", policy),
        "-a12@disk/TierFull -b8c@disk/TierFull"
    );
}

#[test]
fn a_tier_over_its_own_limit_shrinks_to_it() {
    let policy = r#"{"tiers":[{"tier":"disk","max_bytes":20}]}"#;
    assert_eq!(
        check(ONE_DISK, "a9 a8L b8 a7 b6", policy),
        "-a9@disk/TierSize -b8@disk/TierSize -a7@disk/TierSize"
    );
}

#[test]
fn footage_moves_on_in_order_locked_or_not() {
    let told = check("ssd=1000/500 hdd=1000/500", "ssd:b8 ssd:a9L ssd:a0 hdd:a10", "{}");
    assert_eq!(told, "a9L>hdd b8>hdd", "what is not an hour old stays");
}

#[test]
fn a_filled_cache_moves_the_newest_too() {
    // 55 stay free: 35 bytes of footage may be in it, 80 % of that are 28.
    let told = check(
        "ssd=100/61 hdd=1000/500",
        "ssd:a0 ssd:b0 ssd:c0 ssd:d0",
        r#"{"tiers":[{"tier":"ssd","min_free_bytes":60}]}"#,
    );
    assert_eq!(told, "a0>hdd b0>hdd");
}

#[test]
fn a_full_archive_makes_room_for_what_moves_in() {
    let mut shelf = Shelf::of_tiers("ssd=1000/500 hdd=1000/55", "hdd:a20 hdd:b19 ssd:a9 ssd:a8");
    let mut retain = Retain::new(Pace::default());
    let at = |n: u64| Mono::from_millis(n * 10_000);
    assert_eq!(run(&mut retain, &mut shelf, at(0), "{}"), "", "no room for a9 above the minimum");
    assert_eq!(run(&mut retain, &mut shelf, at(1), "{}"), "-a20@hdd/TierFull a9>hdd");
}

#[test]
fn an_absent_archive_stops_the_moves_and_nothing_else() {
    let policy = r#"{"keep":{"max_age_days":7}}"#;
    assert_eq!(check("ssd=1000/500 hdd=1000/500!", "ssd:a9 ssd:a2 hdd:b9", policy), "-a9@ssd/Age");
}

#[test]
fn a_filled_cache_passes_over_an_absent_archive_to_the_next() {
    let tiers = "ssd=1000/500 hdd=1000/500! nas=1000/500";
    let policy = |max: u32| {
        format!(
            r#"{{"tiers":[{{"tier":"ssd","max_bytes":{max}}},{{"tier":"hdd"}},{{"tier":"nas"}}]}}"#
        )
    };
    assert_eq!(check(tiers, "ssd:a9 ssd:a2", &policy(500)), "", "hdd may be back soon");
    assert_eq!(check(tiers, "ssd:a9 ssd:a2", &policy(15)), "a9>nas");
}

#[test]
fn a_piece_that_cannot_be_moved_does_not_hold_up_the_next() {
    let mut shelf = Shelf::of_tiers("ssd=1000/500 hdd=1000/500", "ssd:a9x ssd:a8");
    let mut retain = Retain::new(Pace::default());
    assert_eq!(run(&mut retain, &mut shelf, Mono::ZERO, "{}"), "a9x>hdd a8>hdd");
    assert_eq!(run(&mut retain, &mut shelf, Mono::from_millis(10_000), "{}"), "", "it rests");
    assert_eq!(run(&mut retain, &mut shelf, Mono::from_millis(600_000), "{}"), "a9x>hdd");
}

#[test]
fn a_bucket_gets_events_or_everything_and_only_what_is_old_enough() {
    let events = check("disk=1000/500 s3", "a9e a8 b7e b6ec", "{}");
    assert_eq!(events, "a9e^s3 b7e^s3");
    let old = r#"{"tiers":[{"tier":"s3","bucket":{"copy":"all","older_than_days":8}}]}"#;
    assert_eq!(check("disk=1000/500 s3", "a9 a8 b7e b6L", old), "a9^s3 a8^s3");
    let short = r#"{"tiers":[{"tier":"s3","bucket":{"copy":"all","keep_days":8}}]}"#;
    let told = check("disk=1000/500 s3", "a9 b9c a7 b6L", short);
    assert_eq!(
        told, "-b9c@s3/Age a7^s3 b6L^s3",
        "what the bucket would delete at once is not sent"
    );
}

#[test]
fn uploads_keep_to_their_window_and_their_rate() {
    // It is 08:00 UTC.
    let policy = |from, to| {
        format!(
            r#"{{"tiers":[{{"tier":"s3","bucket":{{"copy":"all","window":{{"from":"{from}","to":"{to}"}},"max_bits_per_second":8}}}}]}}"#
        )
    };
    let mut shelf = Shelf::of_tiers("disk=1000/500 s3", "a9 a8 a7");
    let mut retain = Retain::new(Pace::default());
    let at = |seconds: u64| Mono::from_millis(seconds * 1_000);
    assert_eq!(run(&mut retain, &mut shelf, at(0), &policy("20:00", "07:59")), "");
    let open = policy("08:00", "08:01");
    assert_eq!(
        run(&mut retain, &mut shelf, at(0), &open),
        "a9^s3",
        "10 bytes take 10 s at 8 bit/s"
    );
    assert_eq!(retain.deadline(), Some(at(10)));
    assert_eq!(run(&mut retain, &mut shelf, at(9), &open), "");
    assert_eq!(run(&mut retain, &mut shelf, at(10), &open), "a8^s3");
}

#[test]
fn a_full_bucket_does_not_get_the_same_piece_again_and_again() {
    let policy = r#"{"tiers":[{"tier":"s3","max_bytes":20,"bucket":{"copy":"all"}}]}"#;
    let mut shelf = Shelf::of_tiers("disk=1000/500 s3", "a9 a8 a7 a6 a5c a4c a3c");
    let mut retain = Retain::new(Pace::default());
    let told: Vec<String> = (0..5)
        .map(|n| run(&mut retain, &mut shelf, Mono::from_millis(n * 10_000), policy))
        .collect();
    assert_eq!(told, ["-a5c@s3/TierSize", "", "", "", ""]);
}

#[test]
fn a_bucket_gives_back_its_copy_only_when_the_minimum_lets_it() {
    let policy =
        r#"{"keep":{"min_days":10},"tiers":[{"tier":"s3","bucket":{"copy":"all","keep_days":5}}]}"#;
    assert_eq!(check("disk=1000/500 s3", "a9c s3:b9 s3:b11", policy), "-a9c@s3/Age -b11@s3/Age");
}

#[test]
fn one_check_never_starts_a_storm_of_deletions() {
    let pieces: Vec<String> = (100..400).map(|n| format!("a{n}")).collect();
    let mut shelf = Shelf::of_tiers("disk=9000/5000", &pieces.join(" "));
    let mut retain = Retain::new(Pace::default());
    let policy = r#"{"keep":{"max_age_days":7}}"#;
    for n in 0..5 {
        let told = run(&mut retain, &mut shelf, Mono::from_millis(n * 10_000), policy);
        let expect = if n < 4 { 64 } else { 300 - 4 * 64 };
        assert_eq!(told.split_whitespace().count(), expect, "in check {n}");
    }
}

#[test]
fn thousands_of_kept_events_do_not_hide_what_is_due() {
    let events = (100..3_100).map(|n| format!("a{n}e"));
    let pieces: Vec<String> = events.chain(["a9".to_owned()]).collect();
    let mut shelf = Shelf::of_tiers("disk=90000/4949", &pieces.join(" "));
    let mut retain = Retain::new(Pace { looks: 4, ..Pace::default() });
    let policy = r#"{"keep":{"events_days":3650}}"#;
    let mut told = Vec::new();
    for n in 0..6 {
        told.push(run(&mut retain, &mut shelf, Mono::from_millis(n * 10_000), policy));
    }
    assert!(told.contains(&"-a9@disk/TierFull".to_owned()), "{told:?}");
}

#[test]
fn one_piece_has_one_step_at_a_time_and_a_disk_one_move() {
    let shelf = Shelf::of_tiers("ssd=1000/500 hdd=1000/500 s3", "ssd:a9e ssd:a8e");
    let mut retain = Retain::new(Pace::default());
    let check = Check {
        utc: NOW,
        zone: TimeZone::UTC,
        volumes: shelf.volumes(),
        holdings: shelf.holdings(),
        busy: BTreeSet::new(),
    };
    let policy = Policy::default();
    for n in 0..3 {
        retain.handle(Mono::from_millis(n), &policy, Input::Check(check.clone()));
        while let Some(output) = retain.poll() {
            if let Output::Look(look) = output {
                retain.handle(Mono::from_millis(n), &policy, Input::Shown(shelf.show(look)));
            }
        }
    }
    let told: Vec<_> = retain.steps().map(|step| (shelf.word(step.piece()), step)).collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(matches!(told[0], ("a9e", Step::Move { .. })), "{told:?}");
    assert!(matches!(told[1], ("a8e", Step::Upload { .. })), "{told:?}");
}

#[test]
fn a_clock_that_jumps_ten_years_ahead_deletes_nothing() {
    let mut shelf = Shelf::of_tiers(ONE_DISK, "a6 a5");
    let mut retain = Retain::new(Pace::default());
    let policy = r#"{"keep":{"max_age_days":7}}"#;
    let now = NOW;
    let later = now.plus_millis(3_650 * 86_400_000);
    assert_eq!(run_at(&mut retain, &mut shelf, Mono::ZERO, now, policy), "");
    let soon = Mono::from_millis(10_000);
    assert_eq!(run_at(&mut retain, &mut shelf, soon, later, policy), "");
    assert!(retain.disbelieves_clock_until(soon).is_some());
    let next_day = soon + Duration::from_secs(86_400);
    assert_eq!(
        run_at(&mut retain, &mut shelf, next_day, later.plus_millis(86_400_000), policy),
        "-a6@disk/Age -a5@disk/Age",
        "a clock that stays there for a day is believed"
    );
}

#[test]
fn a_clock_that_jumped_ahead_is_not_believed_because_the_hub_was_restarted() {
    let mut shelf = Shelf::of_tiers(ONE_DISK, "a6 a5");
    let policy = r#"{"keep":{"max_age_days":7}}"#;
    let later = NOW.plus_millis(3_650 * 86_400_000);
    let mut retain = Retain::new(Pace::default());
    let parsed = serde_json::from_str(policy).unwrap();
    retain.handle(Mono::ZERO, &parsed, Input::LastSaid(NOW));
    assert_eq!(run_at(&mut retain, &mut shelf, Mono::ZERO, later, policy), "");
    assert!(retain.disbelieves_clock_until(Mono::ZERO).is_some());
    let mut retain = Retain::new(Pace::default());
    retain.handle(Mono::ZERO, &parsed, Input::LastSaid(later));
    assert_eq!(run_at(&mut retain, &mut shelf, Mono::ZERO, NOW, policy), "", "put back: too young");
    assert_eq!(retain.disbelieves_clock_until(Mono::ZERO), None);
}

#[test]
fn a_look_at_a_bucket_that_is_away_is_not_even_asked_for() {
    assert_eq!(check("disk=1000/500 s3!", "a9e a40ec", "{}"), "");
}
