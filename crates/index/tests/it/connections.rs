//! What is kept of connections over a restart.

use tarsier_index::{ConnectionRow, Index};
use tarsier_types::{StreamKind, UtcMs};

use crate::support::{Fixture, garden};

fn row(stream: StreamKind, saved: i64, json: &str) -> ConnectionRow {
    let (saved, state_json) = (UtcMs(saved), json.to_owned());
    ConnectionRow { camera: garden(), stream, saved, epoch: 7, state_json }
}

#[test]
fn the_newest_state_of_each_stream_is_kept_over_a_restart() {
    let it = Fixture::new();
    for saved in 1..4 {
        it.index.put_connection(&row(StreamKind::Main, saved, "{\"n\":1}")).unwrap();
    }
    it.index.put_connection(&row(StreamKind::Sub, 2, "{}")).unwrap();
    let path = it.index.path().to_owned();
    let folder = it.folder;
    drop(it.index);
    let index = Index::open(&path).unwrap();
    let kept = [row(StreamKind::Main, 3, "{\"n\":1}"), row(StreamKind::Sub, 2, "{}")];
    assert_eq!(index.connections().unwrap(), kept);
    assert_eq!(index.forget_connections_before(UtcMs(3)).unwrap(), 1, "the older one");
    index.forget_connections(&garden()).unwrap();
    assert_eq!(index.connections().unwrap(), []);
    drop(folder);
}

#[test]
fn a_state_that_is_no_json_is_refused() {
    let it = Fixture::new();
    assert!(it.index.put_connection(&row(StreamKind::Main, 1, "{")).is_err());
}
