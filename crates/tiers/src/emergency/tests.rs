use super::*;
use crate::script::{NOW, Shelf};

/// A disk of 1000 bytes, of which 50 must stay free, with one piece of 10 bytes for each word (see [`Shelf`]) and
/// as many foreign bytes as leave `free`. Tells what is done in one measurement and all that follows from it.
fn check(free: u64, pieces: &str) -> String {
    let mut shelf = Shelf::new(1_000, free, pieces);
    let mut emergency = Emergency::new(shelf.tier());
    run(&mut emergency, &mut shelf, Mono::ZERO)
}

fn run(emergency: &mut Emergency, shelf: &mut Shelf, now: Mono) -> String {
    let policy = Policy {
        keep: crate::policy::Keep { min_days: 2, ..Default::default() },
        ..Default::default()
    };
    let measured = |shelf: &Shelf| Input::Measured {
        utc: NOW,
        volume: shelf.volume(),
        busy: shelf.busy.clone(),
    };
    let mut told = Vec::new();
    emergency.handle(now, &policy, measured(shelf));
    while let Some(output) = emergency.poll() {
        match output {
            Output::Look(look) => {
                emergency.handle(now, &policy, Input::Shown(shelf.show(look)));
            }
            Output::Delete(deletion) => {
                told.push(format!("-{}", shelf.word(&deletion.piece)));
                let end = shelf.delete(&deletion);
                emergency.handle(now, &policy, Input::Finished(deletion.piece.name(), end));
            }
            Output::Measure => emergency.handle(now, &policy, measured(shelf)),
            Output::Ended(cleanup) => {
                told.push(format!("{:?} {}", cleanup.end, cleanup.free_after_bytes));
            }
            Output::Recovered => told.push("Recovered".to_owned()),
        }
    }
    told.join(" ")
}

// Words: camera, age in days, then c = a bucket has it, L = locked, e = event, b = busy, x = cannot be deleted.
#[test]
fn the_oldest_across_cameras_goes_until_twice_the_minimum_is_free() {
    assert_eq!(check(50, "a9 b8 a7"), "", "the minimum is free");
    assert_eq!(check(45, "a9 b8 a7 b6 a5 b4 a3 b3"), "-a9 -b8 -a7 -b6 -a5 -b4 Enough 105");
}

#[test]
fn what_a_bucket_has_goes_first() {
    assert_eq!(check(45, "a9 b8c a7 b6c a5 b4 a3"), "-b8c -b6c -a9 -a7 -a5 -b4 Enough 105");
}

#[test]
fn what_must_be_kept_two_days_goes_last() {
    assert_eq!(check(49, "b1 a9 a1 a8 a7 b0"), "-a9 -a8 -a7 -a1 -b1 -b0 Enough 109");
}

#[test]
fn a_locked_piece_is_never_deleted_and_recording_goes_on() {
    assert_eq!(check(39, "a9L b8cL a7"), "-a7 NothingLeft 49");
    assert_eq!(check(20, "a9L b8cL a7"), "-a7 NothingLeft 30");
    assert_eq!(check(20, ""), "NothingLeft 20");
}

#[test]
fn a_piece_that_is_being_moved_is_left_alone() {
    assert_eq!(check(45, "a9b a8 a7 a6 a5 a4 a3"), "-a8 -a7 -a6 -a5 -a4 -a3 Enough 105");
}

#[test]
fn a_file_that_cannot_be_deleted_does_not_stop_the_next() {
    assert_eq!(check(45, "a9x a8 a7 a6 a5 a4 a3"), "-a9x -a8 -a7 -a6 -a5 -a4 -a3 Enough 105");
}

#[test]
fn a_full_disk_is_told_once_and_once_when_it_is_over() {
    let mut shelf = Shelf::new(1_000, 20, "a9L");
    let mut emergency = Emergency::new(shelf.tier());
    assert_eq!(run(&mut emergency, &mut shelf, Mono::ZERO), "NothingLeft 20");
    assert_eq!(run(&mut emergency, &mut shelf, Mono::from_millis(10_000)), "", "told already");
    shelf.free = 60;
    assert_eq!(run(&mut emergency, &mut shelf, Mono::from_millis(20_000)), "Recovered");
}

#[test]
fn deleting_that_frees_nothing_does_not_cost_all_footage() {
    let pieces: Vec<String> = (0..400).map(|n| format!("a{}", 500 - n)).collect();
    let mut shelf = Shelf::new(1_000, 40, &pieces.join(" "));
    shelf.is_snapshot_held = true;
    let mut emergency = Emergency::new(shelf.tier());
    let told = run(&mut emergency, &mut shelf, Mono::ZERO);
    assert!(told.ends_with("Fruitless 40"), "{told}");
    assert!(shelf.len() > 380, "{} of 400 pieces are left", shelf.len());
    let soon = run(&mut emergency, &mut shelf, Mono::from_millis(10_000));
    assert_eq!(soon, "", "ten minutes of rest");
}

#[test]
fn an_index_that_could_not_be_read_once_does_not_end_cleaning_for_good() {
    let mut shelf = Shelf::new(1_000, 45, "a9 a8 a7 a6 a5 a4 a3");
    let mut emergency = Emergency::new(shelf.tier());
    let measured = Input::Measured { utc: NOW, volume: shelf.volume(), busy: BTreeSet::new() };
    emergency.handle(Mono::ZERO, &Policy::default(), measured);
    assert!(matches!(emergency.poll(), Some(Output::Look(_))), "and nobody answers");
    assert_eq!(
        run(&mut emergency, &mut shelf, Mono::from_millis(10_000)),
        "-a9 -a8 -a7 -a6 -a5 -a4 Enough 105"
    );
}

#[test]
fn what_was_deleted_is_told_by_stream() {
    let mut shelf = Shelf::new(1_000, 45, "a9 b8c a7 b6 a5 a4");
    let policy = Policy::default();
    let mut emergency = Emergency::new(shelf.tier());
    let measured =
        |shelf: &Shelf| Input::Measured { utc: NOW, volume: shelf.volume(), busy: BTreeSet::new() };
    emergency.handle(Mono::ZERO, &policy, measured(&shelf));
    let mut cleanup = None;
    while let Some(output) = emergency.poll() {
        let input = match output {
            Output::Look(look) => Input::Shown(shelf.show(look)),
            Output::Delete(d) => Input::Finished(d.piece.name(), shelf.delete(&d)),
            Output::Measure => measured(&shelf),
            Output::Ended(ended) => {
                cleanup = Some(ended);
                continue;
            }
            Output::Recovered => continue,
        };
        emergency.handle(Mono::ZERO, &policy, input);
    }
    let told: Vec<String> = cleanup
        .unwrap()
        .streams
        .iter()
        .map(|s| format!("{} {} pieces, {} bytes, {} lost", s.of, s.pieces, s.bytes, s.lost_bytes))
        .collect();
    assert_eq!(told, ["a/main 4 pieces, 40 bytes, 40 lost", "b/main 2 pieces, 20 bytes, 10 lost"]);
}
