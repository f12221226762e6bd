//! Events: resumable by id, also after a restart and after old ones were forgotten.

use tarsier_index::Index;
use tarsier_types::UtcMs;

use crate::support::{Fixture, garden, range};

#[test]
fn a_reader_goes_on_where_it_stopped() {
    let it = Fixture::new();
    assert_eq!(it.index.last_event_id().unwrap(), 0);
    let append = |at, camera: Option<tarsier_types::CameraId>| {
        it.index
            .append_event(UtcMs(at), "camera_offline", camera.as_ref(), r#"{"title":"x"}"#)
            .unwrap()
    };
    let first = append(10, Some(garden()));
    let second = append(20, None);
    let third = append(30, Some(garden()));
    assert!(first < second && second < third);
    let since: Vec<i64> =
        it.index.events_since(first, 10).unwrap().iter().map(|event| event.id).collect();
    assert_eq!(since, [second, third], "everything after the id, oldest first");
    assert_eq!(
        it.index.events_since(0, 1).unwrap()[0].id,
        first,
        "the limit keeps the oldest, so that nothing is skipped"
    );
    let garden_only = it.index.events_in(&garden(), range(0, 30), 10).unwrap();
    assert_eq!(
        garden_only.iter().map(|event| event.id).collect::<Vec<_>>(),
        [first],
        "ranges end before their end"
    );
    assert_eq!(garden_only[0].camera, Some(garden()));
}

#[test]
fn an_id_is_never_given_twice() {
    let it = Fixture::new();
    let last = it.index.append_event(UtcMs(10), "hub_started", None, "{}").unwrap();
    assert_eq!(it.index.forget_events_before(UtcMs(11)).unwrap(), 1);
    let path = it.index.path().to_owned();
    let folder = it.folder;
    drop(it.index);
    let index = Index::open(&path).unwrap();
    assert_eq!(
        index.last_event_id().unwrap(),
        last,
        "kept over a restart, though the event is gone"
    );
    let next = index.append_event(UtcMs(12), "hub_started", None, "{}").unwrap();
    assert!(next > last, "a browser that resumes after {last} must see {next}");
    drop(folder);
}
