//! Files that are not what the index says, and second files.

use std::fs;
use std::ops::ControlFlow;

use tarsier_tiers::check::{self, Wrong};
use tarsier_tiers::delete;
use tarsier_tiers::volume::IDENTITY_FILE;

use crate::support::{Disks, MAIN, NOW, garden, id, start, with_hands};

#[test]
fn what_is_missing_short_or_rotten_is_found_and_a_look_goes_on_where_it_ended() {
    let disks = Disks::new(6);
    let ssd = id("ssd");
    let look = |after, most| {
        with_hands(|hands| check::check(&disks.index, (&ssd, &disks.ssd), after, most, hands))
    };
    let first = look(None, 99).unwrap();
    assert_eq!((first.files, first.wrong.len(), first.next), (6, 0, None));
    assert!(disks.row(3).unwrap().hash.is_some(), "the first look gives hashes");

    fs::remove_file(disks.path("ssd", 1)).unwrap();
    fs::write(disks.path("ssd", 2), b"short").unwrap();
    let mut rotten = fs::read(disks.path("ssd", 4)).unwrap();
    let last = rotten.len() - 1;
    rotten[last] ^= 1;
    fs::write(disks.path("ssd", 4), rotten).unwrap();
    let (mut after, mut wrong, mut looks) = (None, Vec::new(), 0);
    loop {
        let checked = look(after, 2).unwrap();
        wrong.extend(checked.wrong.into_iter().map(|(of, wrong)| (of.start, wrong)));
        looks += 1;
        after = checked.next;
        if after.is_none() {
            break;
        }
    }
    let size = Wrong::Size { found: 5 };
    assert_eq!(wrong, [(start(1), Wrong::Missing), (start(2), size), (start(4), Wrong::Hash)]);
    assert_eq!(looks, 4, "three looks of two, and one that finds the end");

    fs::remove_file(disks.ssd.join(IDENTITY_FILE)).unwrap();
    assert!(look(None, 9).is_err(), "a disk that is away is not a disk without files");
}

#[test]
fn a_second_file_goes_only_if_the_one_that_counts_is_whole() {
    let disks = Disks::new(2);
    for n in 0..2 {
        let path = disks.path("hdd", n);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::copy(disks.path("ssd", n), path).unwrap();
    }
    fs::write(disks.path("ssd", 1), b"rotten").unwrap();
    let doubles = disks.reconcile("hdd").doubles;
    assert_eq!(doubles.iter().map(|double| double.start).collect::<Vec<_>>(), [start(0), start(1)]);
    let home = |tier: &str| Some(disks.root(tier).to_owned());
    for double in &doubles {
        with_hands(|hands| {
            check::settle_double(&disks.index, double, &disks.hdd, &home, hands).unwrap()
        });
    }
    let hdd = id("hdd");
    delete::finish(&disks.index, &hdd, &disks.hdd, NOW, &mut |_| ControlFlow::Continue(()))
        .unwrap();
    assert_eq!(disks.places(2), "s:s s:sh");
    assert!(disks.index.known_segment(&garden(), MAIN, start(1)).unwrap());
}
