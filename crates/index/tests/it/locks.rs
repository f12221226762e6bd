//! Locks, and how tiers are set up.

use tarsier_index::{Lock, Tier, TierKind, TierSetup};
use tarsier_types::UtcMs;

use crate::support::{Fixture, MIDNIGHT, garden, range, segment};

#[test]
fn locks_of_two_indexes_can_be_put_together() {
    let it = Fixture::new();
    let lock = |id: &str, note: &str| Lock {
        id: id.into(),
        camera: garden(),
        range: range(MIDNIGHT, MIDNIGHT + 1000),
        note: note.into(),
        created: UtcMs(5),
    };
    assert_eq!(it.index.put_locks(&[lock("a", "mine"), lock("b", "mine")]).unwrap(), 2);
    assert_eq!(it.index.put_locks(&[lock("b", "theirs"), lock("c", "theirs")]).unwrap(), 1);
    assert_eq!(
        it.index.locks().unwrap(),
        [lock("a", "mine"), lock("b", "mine"), lock("c", "theirs")]
    );
    assert!(it.index.remove_lock("b").unwrap() && !it.index.remove_lock("b").unwrap());
}

#[test]
fn a_tier_that_holds_anything_is_not_forgotten() {
    let it = Fixture::new();
    let tier = Tier { id: "nas".into(), root: "/nas".into(), kind: TierKind::Archive };
    let setup = TierSetup {
        tier: tier.clone(),
        name: "The box in the cellar".into(),
        config_json: "{}".into(),
        secret: Some(vec![1, 2, 3]),
    };
    it.index.put_tier_setup(&setup).unwrap();
    it.index.put_tier(&tier).unwrap();
    assert_eq!(it.index.tier_setups().unwrap()[2], setup, "where it is seen changes nothing else");
    assert!(!format!("{setup:?}").contains("[1, 2, 3]"));
    it.store("nas", &segment(MIDNIGHT, 180_000));
    assert!(!it.index.remove_tier("nas").unwrap());
    let left =
        it.index.segment_moved(&garden(), crate::support::MAIN, UtcMs(MIDNIGHT), "hdd").unwrap();
    assert!(!it.index.remove_tier("nas").unwrap(), "its file is still there");
    it.index.buried(&[left.unwrap()]).unwrap();
    assert!(it.index.remove_tier("nas").unwrap());
    assert_eq!(it.index.tiers().unwrap().len(), 2);
}
