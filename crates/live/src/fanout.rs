//! Hands: the task that owns all feeds, and the mailboxes of the viewers.
//!
//! The task waits for nobody: a viewer's mailbox takes what it is offered and decides for itself what to lose.
//! Its own input channel therefore drains as fast as units come; should it be full all the same, the hub's
//! reader waits for it, and behind that the recorder, which never blocks, leaves GOPs out (`LiveSkipped`).

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tarsier_types::{CameraId, Clock, Mono, ParameterSets};
use tokio::sync::{Notify, mpsc, oneshot};

use crate::feed::{Feed, FeedInput, FeedOutput, Item, LiveUnit, To};
use crate::stream::LiveStream;
use crate::viewer::{Next, Tracks, Viewer};

/// Units that may wait for the task.
const INPUT_CAPACITY: usize = 1024;

/// A stream of a camera.
pub type StreamId = (CameraId, LiveStream);

/// What recorders say about a stream, and transcoders of a rung.
#[derive(Debug)]
pub enum LiveInput<N> {
    /// A run begins.
    Parameters(ParameterSets),
    /// A picture, or sound.
    Unit(LiveUnit),
    /// Units were left out.
    Skipped(u32),
    /// Why there are no pictures, or that nothing is wrong.
    Notice(Option<N>),
    /// The stream is gone for good.
    Ended(N),
}

/// What is wanted from recorders and transcoders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Somebody watches this stream.
    Subscribe(StreamId),
    /// Nobody does any more.
    Unsubscribe(StreamId),
}

/// A newest keyframe with the parameters that decode it.
pub type Keyframe = (Arc<ParameterSets>, Arc<LiveUnit>);

enum Input<N> {
    Live(LiveInput<N>),
    Join(u64, Arc<Mailbox<N>>),
    Leave(u64),
    Keyframe(oneshot::Sender<Option<Keyframe>>),
}

struct Mailbox<N> {
    viewer: Mutex<Viewer<N>>,
    filled: Notify,
    counts: Counts,
}

/// Whether a watch is a viewer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Counts {
    Yes,
    /// It is another's second.
    No,
}

/// The handle: cheap to clone; the task ends with the last one.
pub struct Live<N> {
    inputs: mpsc::Sender<(StreamId, Input<N>)>,
    /// Kept by the task for whoever asks, so that a status needs no round trip.
    counts: Arc<Mutex<HashMap<StreamId, u32>>>,
    next_viewer: Arc<AtomicU64>,
}

impl<N> Clone for Live<N> {
    fn clone(&self) -> Self {
        Self {
            inputs: self.inputs.clone(),
            counts: self.counts.clone(),
            next_viewer: self.next_viewer.clone(),
        }
    }
}

impl<N: Clone + PartialEq + Send + Sync + 'static> Live<N> {
    /// Starts the task. `wishes` is called whenever a stream begins or ceases to be wanted; it must not block.
    pub fn start(clock: Arc<dyn Clock>, wishes: impl Fn(Wish) + Send + 'static) -> Self {
        let (sender, inputs) = mpsc::channel(INPUT_CAPACITY);
        let counts = Arc::new(Mutex::new(HashMap::new()));
        let task = Fanout {
            clock,
            wishes: Box::new(wishes),
            feeds: HashMap::new(),
            counts: counts.clone(),
        };
        tokio::spawn(task.run(inputs));
        Self { inputs: sender, counts, next_viewer: Arc::default() }
    }

    /// Hands over what a recorder said.
    pub async fn handle(
        &self,
        (camera, stream): (CameraId, impl Into<LiveStream>),
        input: LiveInput<N>,
    ) {
        // The task ends only with the last handle.
        let _ = self.inputs.send(((camera, stream.into()), Input::Live(input))).await;
    }

    /// Begins to watch, without sound; ends when the [`Watch`] is dropped.
    pub async fn watch(&self, stream: (CameraId, impl Into<LiveStream>)) -> Watch<N> {
        self.watch_tracks(stream, Tracks::Pictures).await
    }

    /// Begins to watch; ends when the [`Watch`] is dropped.
    pub async fn watch_tracks(
        &self,
        (camera, stream): (CameraId, impl Into<LiveStream>),
        tracks: Tracks,
    ) -> Watch<N> {
        self.join((camera, stream.into()), tracks, Counts::Yes).await
    }

    /// The same with sound, for one who is counted as a viewer already, or for what is made of the stream for others.
    pub async fn listen(&self, (camera, stream): (CameraId, impl Into<LiveStream>)) -> Watch<N> {
        self.join((camera, stream.into()), Tracks::PicturesAndSound, Counts::No).await
    }

    async fn join(&self, stream: StreamId, tracks: Tracks, counts: Counts) -> Watch<N> {
        let viewer = self.next_viewer.fetch_add(1, Ordering::Relaxed);
        let mailbox = Arc::new(Mailbox {
            viewer: Mutex::new(Viewer::new(tracks)),
            filled: Notify::new(),
            counts,
        });
        let watch = Watch { stream, viewer, tracks, mailbox, inputs: self.inputs.clone() };
        let _ = self
            .inputs
            .send((watch.stream.clone(), Input::Join(viewer, watch.mailbox.clone())))
            .await;
        watch
    }

    /// The newest keyframe of a stream that is being watched anyway.
    pub async fn newest_keyframe(
        &self,
        (camera, stream): (CameraId, impl Into<LiveStream>),
    ) -> Option<Keyframe> {
        let (answer, keyframe) = oneshot::channel();
        self.inputs.send(((camera, stream.into()), Input::Keyframe(answer))).await.ok()?;
        keyframe.await.ok().flatten()
    }

    /// How many watch a stream.
    pub fn viewers(&self, (camera, stream): &(CameraId, impl Into<LiveStream> + Copy)) -> u32 {
        let stream = (camera.clone(), (*stream).into());
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.get(&stream).copied().unwrap_or(0)
    }
}

/// One viewer's end.
pub struct Watch<N> {
    stream: StreamId,
    viewer: u64,
    tracks: Tracks,
    mailbox: Arc<Mailbox<N>>,
    inputs: mpsc::Sender<(StreamId, Input<N>)>,
}

impl<N> Watch<N> {
    /// Which stream this is.
    pub const fn stream(&self) -> &StreamId {
        &self.stream
    }

    /// What of it is watched.
    pub const fn tracks(&self) -> Tracks {
        self.tracks
    }

    /// How long the oldest picture waits to be taken.
    pub fn waited(&self, now: Mono) -> Duration {
        self.mailbox.viewer.lock().unwrap_or_else(PoisonError::into_inner).waited(now)
    }

    /// What to send next, if there is anything now.
    pub fn next_now(&mut self) -> Option<Next<N>> {
        self.mailbox.viewer.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// What to send next; waits until there is something. May be dropped at any time without loss.
    pub async fn next(&mut self) -> Next<N> {
        loop {
            match self.next_now() {
                Some(next) => return next,
                // `notify_one` keeps a permit, so that nothing offered in between is missed.
                None => self.mailbox.filled.notified().await,
            }
        }
    }
}

impl<N> Drop for Watch<N> {
    fn drop(&mut self) {
        let leave = (self.stream.clone(), Input::Leave(self.viewer));
        if let Err(mpsc::error::TrySendError::Full(_)) = self.inputs.try_send(leave) {
            // The task notices by itself: nobody else holds the mailbox.
            tracing::debug!(
                viewer = self.viewer,
                "fan-out is busy; the viewer is removed with the next picture"
            );
        }
    }
}

/// A feed and who watches it.
struct Watched<N> {
    feed: Feed<N>,
    viewers: HashMap<u64, Arc<Mailbox<N>>>,
}

struct Fanout<N> {
    clock: Arc<dyn Clock>,
    wishes: Box<dyn Fn(Wish) + Send>,
    feeds: HashMap<StreamId, Watched<N>>,
    counts: Arc<Mutex<HashMap<StreamId, u32>>>,
}

impl<N: Clone + PartialEq> Fanout<N> {
    async fn run(mut self, mut inputs: mpsc::Receiver<(StreamId, Input<N>)>) {
        loop {
            let deadline = self.feeds.values().filter_map(|watched| watched.feed.deadline()).min();
            let left = deadline.map(|at| at.since(self.clock.mono()));
            let due = async {
                match left {
                    Some(left) => tokio::time::sleep(left + Duration::from_millis(1)).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                input = inputs.recv() => match input {
                    Some((stream, input)) => self.handle(&stream, input),
                    None => return,
                },
                () = due => {
                    for stream in self.feeds.keys().cloned().collect::<Vec<_>>() {
                        self.feed(&stream, FeedInput::Tick);
                    }
                }
            }
        }
    }

    fn handle(&mut self, stream: &StreamId, input: Input<N>) {
        match input {
            Input::Live(LiveInput::Parameters(parameters)) => {
                self.feed(stream, FeedInput::Parameters(parameters));
            }
            Input::Live(LiveInput::Unit(unit)) => self.feed(stream, FeedInput::Unit(unit)),
            Input::Live(LiveInput::Skipped(units)) => self.feed(stream, FeedInput::Skipped(units)),
            Input::Live(LiveInput::Notice(notice)) => self.feed(stream, FeedInput::Notice(notice)),
            Input::Live(LiveInput::Ended(why)) => self.feed(stream, FeedInput::Ended(why)),
            Input::Join(viewer, mailbox) => {
                self.watched(stream).viewers.insert(viewer, mailbox);
                self.count(stream);
                self.feed(stream, FeedInput::Joined(viewer));
            }
            Input::Leave(viewer) => self.leave(stream, viewer),
            Input::Keyframe(answer) => {
                let keyframe =
                    self.feeds.get(stream).and_then(|watched| watched.feed.newest_keyframe());
                let _ = answer.send(keyframe);
            }
        }
    }

    fn count(&mut self, stream: &StreamId) {
        let viewers = self.watched(stream).counted();
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.insert(stream.clone(), viewers);
    }

    fn watched(&mut self, stream: &StreamId) -> &mut Watched<N> {
        self.feeds
            .entry(stream.clone())
            .or_insert_with(|| Watched { feed: Feed::default(), viewers: HashMap::new() })
    }

    fn leave(&mut self, stream: &StreamId, viewer: u64) {
        if self.watched(stream).viewers.remove(&viewer).is_some() {
            self.count(stream);
            self.feed(stream, FeedInput::Left);
        }
    }

    fn feed(&mut self, stream: &StreamId, input: FeedInput<N>) {
        let now = self.clock.mono();
        self.watched(stream).feed.handle(now, input);
        let mut gone = Vec::new();
        while let Some(output) = self.watched(stream).feed.poll() {
            match output {
                FeedOutput::Subscribe => (self.wishes)(Wish::Subscribe(stream.clone())),
                FeedOutput::Unsubscribe => {
                    (self.wishes)(Wish::Unsubscribe(stream.clone()));
                    if let LiveStream::Rung(_) = stream.1 {
                        // Who makes a rung says what is wrong only as long as somebody wants it.
                        self.watched(stream).feed.handle(now, FeedInput::Notice(None));
                    }
                }
                FeedOutput::Deliver(to, item) => {
                    gone.extend(self.watched(stream).deliver(now, to, &item));
                }
            }
        }
        for viewer in gone {
            self.leave(stream, viewer);
        }
    }
}

impl<N: Clone> Watched<N> {
    fn counted(&self) -> u32 {
        let viewers = self.viewers.values().filter(|mailbox| mailbox.counts == Counts::Yes);
        u32::try_from(viewers.count()).unwrap_or(u32::MAX)
    }

    /// Offers an item; returns who has left without a word.
    fn deliver(&self, now: Mono, to: To, item: &Item<N>) -> Vec<u64> {
        let mut gone = Vec::new();
        for (viewer, mailbox) in &self.viewers {
            if to == To::All || to == To::One(*viewer) {
                if Arc::strong_count(mailbox) == 1 {
                    gone.push(*viewer);
                }
                mailbox
                    .viewer
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .offer(now, item.clone());
                mailbox.filled.notify_one();
            }
        }
        gone
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;

    use tarsier_types::{StreamKind, UtcMs};

    use super::*;
    use crate::stream::Rung;
    use crate::viewer::fixtures::{parameters, unit};

    struct TestClock(AtomicU64);

    impl Clock for TestClock {
        fn mono(&self) -> Mono {
            Mono::from_millis(self.0.load(Ordering::SeqCst))
        }
        fn utc(&self) -> UtcMs {
            UtcMs(0)
        }
    }

    fn start() -> (Live<&'static str>, mpsc::UnboundedReceiver<Wish>, StreamId) {
        let (sender, wishes) = mpsc::unbounded_channel();
        let live = Live::start(Arc::new(TestClock(AtomicU64::new(0))), move |wish| {
            let _ = sender.send(wish);
        });
        (live, wishes, (CameraId::new("garden").unwrap(), StreamKind::Sub.into()))
    }

    #[tokio::test]
    async fn two_viewers_cost_one_subscription_and_share_the_pictures() {
        let (live, mut wishes, stream) = start();
        let mut first = live.watch(stream.clone()).await;
        let mut second = live.watch(stream.clone()).await;
        live.handle(stream.clone(), LiveInput::Parameters(parameters("avc1.64001f"))).await;
        live.handle(stream.clone(), LiveInput::Unit(unit(3600, true, 100))).await;
        let mut pictures = Vec::new();
        for viewer in [&mut first, &mut second] {
            assert!(
                matches!(viewer.next().await, Next::Init(_)),
                "a run begins with its parameters"
            );
            let Next::Unit { unit, sequence: 1, .. } = viewer.next().await else {
                panic!("no picture")
            };
            pictures.push(unit);
        }
        assert!(
            Arc::ptr_eq(&pictures[0], &pictures[1]),
            "a picture is kept once, however many watch"
        );
        assert_eq!(wishes.recv().await, Some(Wish::Subscribe(stream.clone())));
        assert!(
            wishes.try_recv().is_err(),
            "one connection per stream whatever the number of viewers"
        );
        assert_eq!(live.viewers(&stream), 2);
        assert!(
            live.newest_keyframe(stream.clone()).await.is_some(),
            "a still needs no disk while somebody watches"
        );
    }

    #[tokio::test]
    async fn a_viewer_who_takes_nothing_holds_up_nobody() {
        let (live, _wishes, stream) = start();
        let _asleep = live.watch(stream.clone()).await;
        let mut awake = live.watch(stream.clone()).await;
        live.handle(stream.clone(), LiveInput::Parameters(parameters("avc1.64001f"))).await;
        let many = i64::try_from(INPUT_CAPACITY).unwrap() * 3;
        for n in 1..=many {
            live.handle(stream.clone(), LiveInput::Unit(unit(n * 3600, n % 50 == 1, 10))).await;
        }
        assert!(matches!(awake.next().await, Next::Init(_)));
        for n in 1..=many {
            let Next::Unit { unit, .. } = awake.next().await else {
                panic!("picture {n} is missing")
            };
            assert_eq!(unit.unit.dts.0, n * 3600, "every picture reaches who takes it");
        }
    }

    #[tokio::test]
    async fn a_viewer_who_leaves_is_counted_out() {
        let (live, _wishes, stream) = start();
        drop(live.watch(stream.clone()).await);
        let _ = live.newest_keyframe(stream.clone()).await;
        assert_eq!(live.viewers(&stream), 0, "the task has seen it, for it answered later");
    }

    #[tokio::test]
    async fn what_was_wrong_with_a_rung_is_not_told_to_who_comes_later() {
        let (sender, mut wishes) = mpsc::unbounded_channel();
        let clock = Arc::new(TestClock(AtomicU64::new(0)));
        let live = Live::<&str>::start(clock.clone(), move |wish| drop(sender.send(wish)));
        let garden = CameraId::new("garden").unwrap();
        for (stream, told) in [
            (LiveStream::Rung(Rung::P720), None),
            (StreamKind::Main.into(), Some(Next::Waiting("offline"))),
        ] {
            let stream = (garden.clone(), stream);
            let first = live.watch(stream.clone()).await;
            live.handle(stream.clone(), LiveInput::Notice(Some("offline"))).await;
            drop(first);
            let _ = live.newest_keyframe(stream.clone()).await;
            clock.0.fetch_add(11_000, Ordering::SeqCst);
            let _ = live.newest_keyframe(stream.clone()).await;
            let forgotten =
                async { while wishes.recv().await != Some(Wish::Unsubscribe(stream.clone())) {} };
            tokio::time::timeout(Duration::from_secs(20), forgotten).await.expect("nobody watches");
            let mut second = live.watch(stream.clone()).await;
            let _ = live.newest_keyframe(stream.clone()).await;
            assert_eq!(second.next_now(), told, "{}", stream.1);
        }
    }

    #[tokio::test]
    async fn who_listens_beside_watching_is_one_viewer_and_keeps_the_stream_wanted() {
        let (live, mut wishes, stream) = start();
        let listening = live.listen(stream.clone()).await;
        let watching = live.watch(stream.clone()).await;
        let _ = live.newest_keyframe(stream.clone()).await;
        assert_eq!(live.viewers(&stream), 1);
        drop(watching);
        let _ = live.newest_keyframe(stream.clone()).await;
        assert_eq!(live.viewers(&stream), 0);
        assert_eq!(wishes.recv().await, Some(Wish::Subscribe(stream)));
        assert!(wishes.try_recv().is_err(), "{:?}", listening.tracks());
    }
}
