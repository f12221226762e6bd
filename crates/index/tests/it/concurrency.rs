//! Many readers and writers at once: nobody is told "busy", nobody sees half a change.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use tarsier_types::{CameraId, GapReason, UtcMs};

use crate::support::{Fixture, MAIN, MIDNIGHT, garden, range, segment};

#[test]
fn readers_see_whole_changes_while_many_write() {
    let it = Fixture::new();
    let done = AtomicBool::new(false);
    let writers = 4;
    let each = 100;
    thread::scope(|scope| {
        let handles: Vec<_> = (0..writers)
            .map(|writer| {
                let index = it.index.clone();
                scope.spawn(move || {
                    let own = CameraId::new(format!("cam-{writer}")).unwrap();
                    for n in 0..each {
                        let row = segment(MIDNIGHT + n * 180_000, 180_000);
                        // Both cameras in one transaction: a reader sees both or neither.
                        let shared = segment(MIDNIGHT + (writer * each + n) * 180_000, 180_000);
                        index
                            .store_segments(
                                "ssd",
                                &[(&own, MAIN, &row), (&garden(), MAIN, &shared)],
                            )
                            .unwrap();
                        index.append_event(UtcMs(n), "camera_online", Some(&own), "{}").unwrap();
                    }
                })
            })
            .collect();
        let readers: Vec<_> = (0..6)
            .map(|_| {
                let (index, done) = (it.index.clone(), &done);
                scope.spawn(move || {
                    let mut looks = 0_u32;
                    while !done.load(Ordering::Relaxed) {
                        let totals = index.totals().unwrap();
                        let garden_has: u64 = totals
                            .iter()
                            .filter(|t| t.camera == garden())
                            .map(|t| t.segments)
                            .sum();
                        let others_have: u64 = totals
                            .iter()
                            .filter(|t| t.camera != garden())
                            .map(|t| t.segments)
                            .sum();
                        assert_eq!(garden_has, others_have, "half a transaction was seen");
                        index.spans_in(&garden(), MAIN, range(0, i64::MAX), 100).unwrap();
                        looks += 1;
                    }
                    looks
                })
            })
            .collect();
        for handle in handles {
            handle.join().unwrap();
        }
        done.store(true, Ordering::Relaxed);
        for reader in readers {
            assert!(reader.join().unwrap() > 0, "every reader must come to its turn");
        }
    });
    let events = it.index.events_since(0, 10_000).unwrap();
    assert_eq!(i64::try_from(events.len()).unwrap(), writers * each, "not one event may be lost");
    assert_eq!(it.index.check().unwrap(), Vec::<String>::new());
}

#[test]
fn a_panic_in_one_caller_does_not_stop_the_others() {
    let it = Fixture::new();
    let index = it.index.clone();
    let crashed = thread::spawn(move || {
        let row = segment(-1, 180_000);
        index.segment_closed(&garden(), MAIN, "ssd", &row).expect("a start before 1970 is refused");
    });
    assert!(crashed.join().is_err());
    it.store("ssd", &segment(MIDNIGHT, 180_000));
    assert_eq!(
        it.index.remove_segments(&garden(), MAIN, &[UtcMs(MIDNIGHT)], GapReason::Deleted).unwrap(),
        1
    );
}
