use std::sync::atomic::{AtomicU64, Ordering};

use tarsier_live::{LiveInput, LiveUnit, Wish};
use tarsier_types::{
    AccessUnit, CameraId, Codec, Dts, Mono, ParameterSets, Pts, Ticks, Track, UtcMs,
    VideoParameters,
};
use tokio::sync::mpsc;

use super::*;
use crate::rules::{self, Rhythm};

#[derive(Default)]
struct TestClock(AtomicU64);

impl Clock for TestClock {
    fn mono(&self) -> Mono {
        Mono::from_millis(self.0.load(Ordering::SeqCst))
    }
    fn utc(&self) -> UtcMs {
        UtcMs(1_795_205_700_000)
    }
}

struct Scene {
    clock: Arc<TestClock>,
    live: Live<&'static str>,
    wishes: mpsc::UnboundedReceiver<Wish>,
    hls: Arc<Hls<&'static str>>,
    dts: AtomicU64,
}

fn stream(kind: StreamKind) -> StreamId {
    (CameraId::new("garden").unwrap(), kind)
}

impl Scene {
    fn new() -> Self {
        let clock = Arc::new(TestClock::default());
        let (sender, wishes) = mpsc::unbounded_channel();
        let live = Live::start(clock.clone(), move |wish| drop(sender.send(wish)));
        let hls = Arc::new(Hls::new(clock.clone()));
        Self { clock, live, wishes, hls, dts: AtomicU64::new(0) }
    }

    fn ask(
        &self,
        kind: StreamKind,
        reload: Option<Reload>,
    ) -> tokio::task::JoinHandle<Result<Answer<String>, Refusal<&'static str>>> {
        let (hls, live) = (self.hls.clone(), self.live.clone());
        tokio::spawn(async move { hls.playlist(&live, &stream(kind), reload, "t").await })
    }

    /// Somebody wants the stream: only then is it fed.
    async fn until_wanted(&mut self) {
        while !matches!(self.wishes.recv().await.expect("a wish"), Wish::Subscribe(_)) {}
    }

    async fn run(&self, kind: StreamKind) {
        let video = VideoParameters {
            codec: Codec::H264,
            rfc6381: "avc1.64001f".to_owned(),
            width: 640,
            height: 360,
            nominal_millifps: None,
            sample_entry: Bytes::from_static(b"\0\0\0\x08avc1"),
        };
        let parameters = ParameterSets { video, audio: None };
        self.live.handle(stream(kind), LiveInput::Parameters(parameters)).await;
    }

    async fn pictures(&self, kind: StreamKind, script: &str) {
        for step in script.chars() {
            let dts = i64::try_from(self.dts.fetch_add(3600, Ordering::SeqCst)).unwrap();
            let unit = AccessUnit {
                track: Track::Video,
                pts: Pts(dts),
                dts: Dts(dts),
                duration: Ticks(3600),
                is_keyframe: step == 'K',
                arrived: UtcMs(1_795_205_700_000 + dts / 90),
                data: Bytes::from_static(b"picture"),
            };
            let unit = LiveUnit { unit, arrived_utc_us: 0 };
            self.live.handle(stream(kind), LiveInput::Unit(unit)).await;
        }
    }

    async fn gop(&self, kind: StreamKind) {
        self.pictures(kind, &format!("K{}", "f".repeat(24))).await;
    }
}

#[tokio::test]
async fn all_who_ask_share_one_subscription_and_get_the_playlist_with_the_first_segment() {
    let mut scene = Scene::new();
    let asked: Vec<_> = (0..5).map(|_| scene.ask(StreamKind::Main, None)).collect();
    scene.until_wanted().await;
    scene.run(StreamKind::Main).await;
    scene.gop(StreamKind::Main).await;
    scene.pictures(StreamKind::Main, "Kf").await;
    for asked in asked {
        let answer = asked.await.unwrap().expect("a playlist");
        let playlist = rules::read(&answer.body, Rhythm::Steady).unwrap();
        assert_eq!(playlist.segments.len(), 1);
        assert_eq!(answer.target, Duration::from_secs(2));
    }
    assert!(scene.wishes.try_recv().is_err(), "one subscription");
    assert_eq!((scene.hls.streams(), scene.live.viewers(&stream(StreamKind::Main))), (1, 1));
}

#[tokio::test]
async fn a_reload_is_answered_when_its_part_comes_and_who_has_gone_holds_up_nobody() {
    let mut scene = Scene::new();
    let first = scene.ask(StreamKind::Main, None);
    scene.until_wanted().await;
    scene.run(StreamKind::Main).await;
    scene.gop(StreamKind::Main).await;
    scene.pictures(StreamKind::Main, "Kf").await;
    let playlist = rules::read(&first.await.unwrap().unwrap().body, Rhythm::Steady).unwrap();
    let segment = playlist.segments[0].number + 1;
    let reload = |part| Some(Reload { segment, part: Some(part) });
    let gone = scene.ask(StreamKind::Main, reload(0));
    gone.abort();
    let (zero, one) =
        (scene.ask(StreamKind::Main, reload(0)), scene.ask(StreamKind::Main, reload(1)));
    scene.pictures(StreamKind::Main, "ffffff").await;
    let with_part = rules::read(&zero.await.unwrap().unwrap().body, Rhythm::Steady).unwrap();
    with_part.follows(&playlist).unwrap();
    assert_eq!(with_part.segments[1].parts.len(), 1);
    assert!(!one.is_finished(), "the second part has not come");
    scene.pictures(StreamKind::Main, "fffffff").await;
    assert!(one.await.unwrap().is_ok());
    assert_eq!(
        scene
            .ask(StreamKind::Main, Some(Reload { segment: segment + 9, part: None }))
            .await
            .unwrap(),
        Err(Refusal::TooFar)
    );
}

#[tokio::test]
async fn nobody_asks_any_more_and_the_stream_is_given_back() {
    let mut scene = Scene::new();
    let asked = scene.ask(StreamKind::Sub, None);
    scene.until_wanted().await;
    scene.run(StreamKind::Sub).await;
    scene.gop(StreamKind::Sub).await;
    scene.pictures(StreamKind::Sub, "K").await;
    asked.await.unwrap().expect("a playlist");
    scene.clock.0.store(29_000, Ordering::SeqCst);
    scene.ask(StreamKind::Sub, None).await.unwrap().expect("a playlist");
    scene.clock.0.store(58_000, Ordering::SeqCst);
    scene.pictures(StreamKind::Sub, "f").await;
    scene.ask(StreamKind::Sub, None).await.unwrap().expect("it is asked for within 30 s");
    scene.clock.0.store(89_000, Ordering::SeqCst);
    scene.pictures(StreamKind::Sub, "f").await;
    // The fan-out forgets after a while of its own, which needs its clock to be looked at: a picture does it.
    let left = async {
        while scene.live.viewers(&stream(StreamKind::Sub)) > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), left).await.expect("it is given back");
    assert_eq!(scene.hls.streams(), 0);
    let name = FileName::parse("1-part-1.m4s").unwrap();
    let asked = scene.hls.file(&stream(StreamKind::Sub), name).await;
    assert_eq!(asked, Err(Refusal::NotFound), "a file alone begins nothing");
}

#[tokio::test]
async fn a_playlist_that_begins_anew_does_not_count_back_though_the_wall_clock_stands_still() {
    let mut scene = Scene::new();
    let asked = scene.ask(StreamKind::Main, None);
    scene.until_wanted().await;
    scene.run(StreamKind::Main).await;
    for _ in 0..4 {
        scene.gop(StreamKind::Main).await;
    }
    scene.pictures(StreamKind::Main, "K").await;
    asked.await.unwrap().expect("a playlist");
    let newest = || async {
        let answer = scene.ask(StreamKind::Main, None).await.unwrap().expect("a playlist");
        rules::read(&answer.body, Rhythm::Steady).unwrap()
    };
    let mut before = newest().await;
    while before.segments.len() < 4 {
        before = newest().await;
    }
    let last = before.segments[3].number;
    scene.clock.0.store(31_000, Ordering::SeqCst);
    scene.pictures(StreamKind::Main, "f").await;
    let closed = async {
        while scene.hls.streams() > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), closed).await.expect("nobody asks any more");
    let again = scene.ask(StreamKind::Main, None);
    while scene.hls.streams() == 0 {
        tokio::task::yield_now().await;
    }
    scene.gop(StreamKind::Main).await;
    scene.gop(StreamKind::Main).await;
    scene.pictures(StreamKind::Main, "K").await;
    let again = again.await.unwrap().expect("a playlist");
    let first = rules::read(&again.body, Rhythm::Steady).unwrap().segments[0].number;
    assert!(first > last, "{first} after {last}: players do not go back");
}

#[tokio::test]
async fn the_end_of_the_camera_and_of_the_hub_answers_who_waits() {
    let mut scene = Scene::new();
    let waits = scene.ask(StreamKind::Main, None);
    scene.until_wanted().await;
    scene.live.handle(stream(StreamKind::Main), LiveInput::Ended("deleted")).await;
    assert_eq!(waits.await.unwrap(), Err(Refusal::Ended(Some("deleted"))));
    let waits = scene.ask(StreamKind::Sub, None);
    scene.until_wanted().await;
    scene.hls.end_all();
    assert_eq!(waits.await.unwrap(), Err(Refusal::Ended(None)));
}
