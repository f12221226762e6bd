//! Alerts: stored, changed in place, listed.

use tarsier_index::{AlertRow, Index};
use tarsier_types::UtcMs;

use crate::support::Fixture;

fn alert(id: i64) -> AlertRow {
    AlertRow {
        id,
        kind: "camera_offline".into(),
        since: UtcMs(10 * id),
        raised: UtcMs(10 * id + 5),
        changed: UtcMs(10 * id + 5),
        resolved: None,
        acknowledged: None,
        occurrences: 1,
        members_json: "[]".into(),
    }
}

#[test]
fn an_alert_is_changed_in_place() {
    let it = Fixture::new();
    it.index.put_alert(&alert(1)).unwrap();
    let changed = AlertRow {
        resolved: Some(UtcMs(99)),
        acknowledged: Some((UtcMs(50), "anna".into())),
        occurrences: 3,
        members_json: r#"[{"name":"Garden"}]"#.into(),
        ..alert(1)
    };
    it.index.put_alert(&changed).unwrap();
    assert_eq!(it.index.alert(1).unwrap(), Some(changed), "one row, with what is new");
    assert_eq!(it.index.alert(2).unwrap(), None);
}

#[test]
fn open_and_past_alerts_are_apart_and_newest_first() {
    let it = Fixture::new();
    for id in 1..=5 {
        let resolved = (id % 2 == 1).then_some(UtcMs(1000 * id));
        it.index.put_alert(&AlertRow { resolved, ..alert(id) }).unwrap();
    }
    let ids = |rows: Vec<AlertRow>| rows.into_iter().map(|row| row.id).collect::<Vec<_>>();
    assert_eq!(ids(it.index.open_alerts().unwrap()), [4, 2]);
    assert_eq!(ids(it.index.past_alerts(i64::MAX, 2).unwrap()), [5, 3], "bounded");
    assert_eq!(ids(it.index.past_alerts(3, 2).unwrap()), [1], "the page behind it");
    assert_eq!(it.index.forget_alerts_before(UtcMs(3001)).unwrap(), 2);
    assert_eq!(ids(it.index.open_alerts().unwrap()), [4, 2], "what goes on is never forgotten");
}

#[test]
fn the_id_of_a_forgotten_alert_is_not_given_again() {
    let it = Fixture::new();
    assert_eq!(it.index.last_alert_id().unwrap(), 0);
    it.index.put_alert(&AlertRow { resolved: Some(UtcMs(1)), ..alert(7) }).unwrap();
    it.index.forget_alerts_before(UtcMs(2)).unwrap();
    let path = it.index.path().to_owned();
    let folder = it.folder;
    drop(it.index);
    assert_eq!(Index::open(&path).unwrap().last_alert_id().unwrap(), 7);
    drop(folder);
}
