//! What is written of what recorders tell.

use tarsier_index::{NewSegment, SegmentState, Tier, TierKind};
use tarsier_playback::OpenSegment;
use tarsier_types::{Part, Ticks, UtcRange};

use super::*;
use crate::tests::footage::{parameters, segment};

const MAIN: StreamKind = StreamKind::Main;
const DEADLINE: std::time::Duration = std::time::Duration::from_secs(30);

fn garden() -> CameraId {
    CameraId::new("garden").unwrap()
}

struct World {
    _dir: tempfile::TempDir,
    index: Index,
    open: Arc<Mutex<OpenSegments>>,
    journal: Journal,
}

fn desk() -> World {
    let dir = tempfile::tempdir().unwrap();
    let index = Index::open(&dir.path().join("tarsier.db")).unwrap();
    let root = dir.path().to_owned();
    index.put_tier(&Tier { id: "t".into(), root, kind: TierKind::Cache }).unwrap();
    let open = Arc::<Mutex<OpenSegments>>::default();
    let journal = Journal::start(index.clone(), open.clone()).unwrap();
    World { _dir: dir, index, open, journal }
}

impl World {
    /// Seconds; a file that its recorder is still writing.
    fn begun(&self, start: i64, seconds: i64) {
        let segment = OpenSegment {
            start: UtcMs(start * 1000),
            parameters: Arc::new(parameters()),
            init_bytes: 800,
            fragments: Vec::new(),
        };
        let part = Part {
            offset: 800,
            bytes: 100,
            start: Ticks(0),
            duration: Ticks::from_millis(seconds * 1000),
            starts_with_keyframe: true,
        };
        let mut open = self.open.lock().unwrap();
        open.opened(&garden(), MAIN, "t".into(), segment);
        open.written(&garden(), MAIN, UtcMs(start * 1000), part);
    }

    async fn because(&self, added: i64, until: i64, reason: GapReason) {
        let (added, until) = (UtcMs(added * 1000), UtcMs(until * 1000));
        let job = Job::Because { camera: garden(), stream: MAIN, added, until, reason };
        self.journal.write(job);
        self.journal.flush().await;
    }

    /// What is stored, in seconds: `FROM-TO:REASON`.
    fn gaps(&self) -> String {
        let all = UtcRange::new(UtcMs(0), UtcMs(i64::MAX));
        let gaps = self.index.gaps_in(&garden(), MAIN, all, 100).unwrap();
        let said = gaps.iter().map(|gap| {
            let (from, to) = (gap.range.start.0 / 1000, gap.range.end.0 / 1000);
            format!("{from}-{to}:{}", gap.reason.name())
        });
        said.collect::<Vec<_>>().join(" ")
    }
}

#[tokio::test]
async fn a_file_that_is_open_is_no_gap_of_the_next_one() {
    let desk = desk();
    desk.begun(100, 180);
    desk.begun(280, 1);
    desk.because(50, 280, GapReason::Recorder).await;
    assert_eq!(desk.gaps(), "", "the index does not know the first one yet");
    desk.begun(300, 1);
    desk.because(50, 300, GapReason::Recorder).await;
    assert_eq!(desk.gaps(), "281-300:recorder");
}

#[tokio::test]
async fn a_file_that_was_found_before_its_recorder_told_of_it_ends_the_gap_before_it() {
    let desk = desk();
    for (start, seconds) in [(100, 100), (300, 5)] {
        let segment = NewSegment {
            state: SegmentState::Torn,
            ..segment(UtcMs(start * 1000), seconds * 1000)
        };
        desk.index.segment_closed(&garden(), MAIN, "t", &segment).unwrap();
    }
    desk.begun(300, 6);
    desk.because(50, 300, GapReason::Recorder).await;
    assert_eq!(desk.gaps(), "200-300:recorder");
}

#[tokio::test]
async fn a_camera_that_was_just_added_is_given_the_time_to_connect() {
    let desk = desk();
    desk.because(50, 53, GapReason::Recorder).await;
    assert_eq!(desk.gaps(), "", "nothing was there to lose");
    desk.because(50, 55, GapReason::Planned).await;
    assert_eq!(desk.gaps(), "");
    desk.because(50, 110, GapReason::Network).await;
    desk.because(50, 170, GapReason::Network).await;
    assert_eq!(desk.gaps(), "50-170:network", "but an outage from the first second on is one");
    desk.because(50, 200, GapReason::Planned).await;
    assert_eq!(desk.gaps(), "50-170:network 170-200:planned", "and so is a pause after it");
}

#[tokio::test]
async fn events_are_kept_in_order_and_counted() {
    let dir = tempfile::tempdir().unwrap();
    let index = Index::open(&dir.path().join("tarsier.db")).unwrap();
    let journal = Journal::start(index.clone(), Arc::default()).unwrap();
    for n in 0..3 {
        let title = format!("event {n}");
        let event = NewEvent {
            at: UtcMs(n),
            kind: EventKind::HubStarted,
            camera: None,
            title,
            body: String::new(),
        };
        journal.event(event);
    }
    journal.flush().await;
    let kept = index.events_since(0, 10).unwrap();
    assert_eq!(kept.iter().map(|event| event.at.0).collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!(*journal.newest_event().borrow(), kept[2].id, "who waits for events is woken");
}

#[tokio::test]
async fn a_file_that_a_dead_recorder_left_open_is_let_go_and_its_successors_is_not() {
    let desk = desk();
    desk.begun(100, 30);
    let left = desk.open.lock().unwrap().begun_before(&garden(), UtcMs(i64::MAX));
    // Its successor is quicker than the disk.
    desk.begun(140, 5);
    desk.journal.write(Job::Left(left));
    desk.journal.flush().await;
    let open = desk.open.lock().unwrap();
    let starts: Vec<i64> = open.of(&garden(), MAIN).map(|open| open.start.0 / 1000).collect();
    assert_eq!(starts, [140]);
}

#[tokio::test]
async fn a_disk_that_hangs_keeps_nobody_waiting_and_what_found_no_room_is_told() {
    const MANY: usize = 6_000;
    let desk = desk();
    let (let_go, wait) = std::sync::mpsc::channel::<()>();
    let (held, is_held) = oneshot::channel();
    let open = Arc::clone(&desk.open);
    let hanging = std::thread::spawn(move || {
        let _writer_cannot_go_on = open.lock().unwrap();
        held.send(()).unwrap();
        let _ = wait.recv();
    });
    is_held.await.unwrap();
    desk.journal.write(Job::Left(vec![(garden(), MAIN, UtcMs(0))]));
    let all = async {
        for n in 0..MANY {
            let event = NewEvent {
                at: UtcMs(i64::try_from(n).unwrap()),
                kind: EventKind::HubStarted,
                camera: None,
                title: String::new(),
                body: String::new(),
            };
            desk.journal.event(event);
        }
    };
    tokio::time::timeout(DEADLINE, all).await.expect("nobody waits for the disk");
    drop(let_go);
    hanging.join().unwrap();
    desk.journal.flush().await;
    let kept = desk.index.events_since(0, 10_000).unwrap();
    let told: Vec<_> = kept.iter().filter(|event| event.kind == "disk_not_writable").collect();
    assert_eq!(told.len(), 1, "what was left out is told once");
    let gone = MANY + 1 - kept.len();
    assert!(gone > 0 && told[0].body_json.contains(&format!("{gone} events")), "{told:?}");
}
