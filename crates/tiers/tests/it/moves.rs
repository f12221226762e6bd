//! Moves and deletions, with the power going at every step.

use std::fs;
use std::ops::ControlFlow;

use tarsier_tiers::copy::CopyError;
use tarsier_tiers::delete::{self, DeleteError};
use tarsier_tiers::mover::{MoveError, MoveStep, Moved, move_file, sweep};
use tarsier_tiers::volume::IDENTITY_FILE;

use crate::support::{ALL, Disks, MAIN, NOW, garden, id, root, start, with_hands};

/// Moves one segment from the SSD to the hard disk.
fn move_home(
    disks: &Disks,
    n: i64,
    at: &mut dyn FnMut(MoveStep) -> ControlFlow<()>,
) -> Result<Moved, MoveError> {
    let (ssd, hdd) = (id("ssd"), id("hdd"));
    let roots = (root(&ssd, &disks.ssd), root(&hdd, &disks.hdd));
    let row = disks.row(n).unwrap();
    with_hands(|hands| move_file(&disks.index, &row, roots, NOW, hands, at))
}

/// What a hub does first.
fn recover(disks: &Disks) {
    for tier in ["ssd", "hdd"] {
        let tier = id(tier);
        let path = disks.root(tier.as_str());
        sweep(root(&tier, path)).unwrap();
        delete::finish(&disks.index, &tier, path, NOW, &mut go_on).unwrap();
    }
}

fn go_on<T>(_: T) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// Goes on for `steps`, then the power goes.
fn crash_after<T>(steps: usize) -> impl FnMut(T) -> ControlFlow<()> {
    let mut done = 0;
    move |_| {
        done += 1;
        if done == steps { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

#[test]
fn a_move_loses_nothing_and_leaves_nothing_twice_whenever_the_power_goes() {
    let mut ended_at = Vec::new();
    for steps in 1.. {
        let disks = Disks::new(3);
        let content = fs::read(disks.path("ssd", 1)).unwrap();
        let result = move_home(&disks, 1, &mut crash_after(steps));
        let is_done = result.is_ok();
        let disks = disks.restarted();
        if !is_done {
            assert!(matches!(result, Err(MoveError::Stopped(_))), "{result:?}");
            ended_at.push(disks.places(3));
        }
        recover(&disks);
        let row = disks.row(1).expect("nothing is lost");
        let path = disks.path(&row.tier.id, 1);
        assert_eq!(fs::read(path).unwrap(), content, "it plays, crash after step {steps}");
        if row.tier.id == "ssd" {
            move_home(&disks, 1, &mut go_on).unwrap();
        }
        assert_eq!(disks.places(3), "s:s h:h s:s", "crash after step {steps}");
        assert_eq!(disks.litter(), [] as [std::path::PathBuf; 0], "crash after step {steps}");
        assert_eq!(disks.index.gaps_in(&garden(), MAIN, ALL, 9).unwrap(), []);
        for tier in ["ssd", "hdd"] {
            let report = disks.reconcile(tier);
            assert_eq!((report.added, report.missing), (0, 0), "rows and files agree");
            assert_eq!(report.doubles, [], "crash after step {steps}");
        }
        if is_done {
            break;
        }
    }
    // Copied, named, its name synced; moved; source unlinked, its folder synced, forgotten.
    assert_eq!(
        ended_at,
        [
            "s:s s:s s:s",
            "s:s s:sh s:s",
            "s:s s:sh s:s",
            "s:s h:sh s:s",
            "s:s h:h s:s",
            "s:s h:h s:s",
            "s:s h:h s:s"
        ]
    );
}

#[test]
fn a_deletion_leaves_neither_a_row_nor_a_file_behind_whenever_the_power_goes() {
    for steps in 1.. {
        let disks = Disks::new(4);
        let condemned = [1, 2].map(|n| disks.row(n).unwrap().segment());
        assert_eq!(disks.index.condemn(&condemned).unwrap().lost, 2);
        assert_eq!(disks.places(4), "s:s -:s -:s s:s", "not played any more, still there");
        let ssd = id("ssd");
        let result = delete::finish(&disks.index, &ssd, &disks.ssd, NOW, &mut crash_after(steps));
        let disks = disks.restarted();
        assert_eq!(disks.reconcile("ssd").added, 0, "a scan does not bring it back");
        recover(&disks);
        assert_eq!(disks.places(4), "s:s -: -: s:s", "crash after step {steps}");
        assert_eq!(disks.index.garbage("ssd", 9).unwrap(), []);
        match result {
            Ok(done) => {
                assert_eq!(done.0, 2);
                break;
            }
            Err(error) => assert!(matches!(error, DeleteError::Stopped(_)), "{error}"),
        }
    }
}

#[test]
fn nothing_is_deleted_from_or_moved_to_a_disk_that_is_not_there() {
    let disks = Disks::new(2);
    let row = disks.row(0).unwrap();
    disks.index.condemn(&[row.segment()]).unwrap();
    fs::rename(disks.ssd.join(IDENTITY_FILE), disks.folder.path().join("kept")).unwrap();
    let ssd = id("ssd");
    let error = delete::finish(&disks.index, &ssd, &disks.ssd, NOW, &mut go_on).unwrap_err();
    assert!(matches!(error, DeleteError::NotThere { .. }), "{error}");
    assert_eq!(disks.index.garbage("ssd", 9).unwrap().len(), 1, "kept until the disk comes back");
    assert!(disks.path("ssd", 0).exists());
    let error = move_home(&disks, 1, &mut go_on).unwrap_err();
    assert!(matches!(error, MoveError::NotThere { .. }), "{error}");

    fs::rename(disks.folder.path().join("kept"), disks.ssd.join(IDENTITY_FILE)).unwrap();
    fs::remove_file(disks.hdd.join(IDENTITY_FILE)).unwrap();
    let error = move_home(&disks, 1, &mut go_on).unwrap_err();
    assert!(matches!(error, MoveError::NotThere { .. }), "{error}");
    assert_eq!(fs::read_dir(&disks.hdd).unwrap().count(), 0, "an unmounted share stays empty");
}

#[test]
fn a_file_that_rotted_is_not_moved_and_not_deleted() {
    let disks = Disks::new(2);
    move_home(&disks, 0, &mut go_on).unwrap();
    let row = disks.row(0).unwrap();
    assert!(row.hash.is_some(), "the first move of a file without a hash gives it one");
    let (ssd, hdd) = (id("ssd"), id("hdd"));
    let path = disks.path("hdd", 0);
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&path, bytes).unwrap();
    let roots = (root(&hdd, &disks.hdd), root(&ssd, &disks.ssd));
    let error = with_hands(|hands| move_file(&disks.index, &row, roots, NOW, hands, &mut go_on));
    let error = error.unwrap_err();
    assert!(matches!(error, MoveError::Copy(CopyError::SourceChanged { .. })), "{error}");
    assert_eq!((disks.places(2).as_str(), disks.litter().len()), ("h:h s:s", 0));

    fs::write(&path, b"short").unwrap();
    let error = with_hands(|hands| move_file(&disks.index, &row, roots, NOW, hands, &mut go_on));
    assert!(matches!(error, Err(MoveError::Length { .. })), "{error:?}");
}

#[test]
fn a_segment_that_was_deleted_while_it_moved_leaves_no_file() {
    let disks = Disks::new(2);
    let condemned = disks.row(0).unwrap().segment();
    let index = disks.index.clone();
    let moved = move_home(&disks, 0, &mut |step| {
        if step == MoveStep::Named {
            index.condemn(std::slice::from_ref(&condemned)).unwrap();
        }
        ControlFlow::Continue(())
    });
    assert_eq!(moved.unwrap(), Moved::NotWanted);
    recover(&disks);
    assert_eq!(disks.places(2), "-: s:s");
}

#[test]
fn folders_of_days_that_are_over_go_with_their_last_file() {
    let disks = Disks::new(1);
    disks.index.condemn(&[disks.row(0).unwrap().segment()]).unwrap();
    let ssd = id("ssd");
    let day = disks.path("ssd", 0).parent().unwrap().to_owned();
    let today = start(0);
    delete::finish(&disks.index, &ssd, &disks.ssd, today, &mut go_on).unwrap();
    assert!(day.is_dir(), "a recorder may be about to write there");

    let disks = Disks::new(1);
    disks.index.condemn(&[disks.row(0).unwrap().segment()]).unwrap();
    delete::finish(&disks.index, &ssd, &disks.ssd, NOW, &mut go_on).unwrap();
    assert!(!disks.ssd.join("garden/main/2026").exists());
    assert!(disks.ssd.join("garden/main").is_dir());
}

#[test]
fn a_copy_found_from_an_earlier_move_is_on_disk_before_its_source_goes() {
    let disks = Disks::new(1);
    let row = disks.row(0).unwrap();
    let hash = *blake3::hash(&fs::read(disks.path("ssd", 0)).unwrap()).as_bytes();
    disks.index.put_hash(&row.segment(), &hash).unwrap();
    // The program is killed behind the rename: nobody knows what of it is on disk.
    let killed = move_home(&disks, 0, &mut |step| match step {
        MoveStep::Named => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    });
    assert!(matches!(killed, Err(MoveError::Stopped(_))), "{killed:?}");
    let disks = disks.restarted();
    let mut steps = Vec::new();
    move_home(&disks, 0, &mut |step| {
        steps.push(step);
        ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!(steps[..2], [MoveStep::NameSynced, MoveStep::Moved]);
}

#[test]
fn a_share_that_is_unmounted_during_a_move_costs_no_footage() {
    let disks = Disks::new(1);
    let identity = disks.hdd.join(IDENTITY_FILE);
    let error = move_home(&disks, 0, &mut |step| {
        if step == MoveStep::NameSynced {
            fs::remove_file(&identity).unwrap();
        }
        ControlFlow::Continue(())
    })
    .unwrap_err();
    assert!(matches!(error, MoveError::NotThere { .. }), "{error}");
    assert_eq!(disks.row(0).unwrap().tier.id, "ssd");
    assert!(disks.path("ssd", 0).exists(), "what was written may lie below the mount point");
}

#[test]
fn a_file_that_cannot_be_deleted_holds_up_no_other_one() {
    let disks = Disks::new(3);
    let condemned = [0, 1, 2].map(|n| disks.row(n).unwrap().segment());
    disks.index.condemn(&condemned).unwrap();
    // A folder in its place: as a file that is held, or a bad sector.
    let stuck = disks.path("ssd", 0);
    fs::remove_file(&stuck).unwrap();
    fs::create_dir_all(stuck.join("in it")).unwrap();
    let ssd = id("ssd");
    let error = delete::finish(&disks.index, &ssd, &disks.ssd, NOW, &mut go_on).unwrap_err();
    assert!(matches!(&error, DeleteError::Refused { path, .. } if *path == stuck), "{error}");
    assert_eq!(disks.places(3), "-:s -: -:", "the disk does not fill up because of one file");
    assert_eq!(disks.index.garbage("ssd", 9).unwrap().len(), 1, "it is tried again");
}

#[test]
fn a_file_that_was_written_anew_is_not_deleted_by_a_list_from_before() {
    let disks = Disks::new(2);
    let condemned = [0, 1].map(|n| disks.row(n).unwrap().segment());
    disks.index.condemn(&condemned).unwrap();
    let (index, second) = (disks.index.clone(), disks.path("ssd", 1));
    let ssd = id("ssd");
    delete::finish(&disks.index, &ssd, &disks.ssd, NOW, &mut |_| {
        // Another thread is done with all of it, and a move has put a file there since.
        let garbage = index.garbage("ssd", 9).unwrap();
        if !garbage.is_empty() {
            index.buried(&garbage).unwrap();
            fs::write(&second, b"moved here").unwrap();
        }
        ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!(fs::read(&second).unwrap(), b"moved here");
}
