//! Hands: one viewer of `auto`: sends the stream that is shown, and goes over when the one that is wanted is there.

use std::sync::Arc;
use std::time::Duration;

use tarsier_types::{CameraId, Clock, Mono, ParameterSets, StreamKind};
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use super::choose::{Chooser, Input, Sample, Start};
use super::flight::{Flight, Tells};
use super::rate::Rate;
use super::splice::{Run, Way, may_go_over};
use crate::fanout::{Live, Watch};
use crate::feed::LiveUnit;
use crate::mse::{Gone, MseOut, MseSink, can_play, sent};
use crate::stream::LiveStream;
use crate::viewer::{Next, Tracks};

/// How often it is measured and decided.
const TICK: Duration = Duration::from_millis(100);
/// Who tells what reaches him, and so long tells nothing of what was sent, is gone: as nothing more is sent to him, no
/// connection would show it. Pages behind others have a clock that ticks once a minute.
const UNHEARD_FOR: Duration = Duration::from_secs(90);
/// What a message of words is taken to weigh.
const WORDS_BYTES: usize = 200;

/// Who watches.
pub struct AutoViewer {
    /// Which camera.
    pub camera: CameraId,
    /// What there is to choose from, and how he begins.
    pub start: Start,
    /// What he can play.
    pub codecs: Vec<String>,
    /// With sound, or without.
    pub tracks: Tracks,
}

/// What a viewer tells now and then.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// How many messages have reached him since the beginning.
    pub received: u32,
    /// From now on nothing better than this is of use to him; as before if absent.
    pub best: Option<StreamKind>,
}

/// Sends until nothing will follow or the viewer is gone.
pub async fn serve<N: Clone + PartialEq + Send + Sync + 'static>(
    live: &Live<N>,
    clock: &dyn Clock,
    viewer: AutoViewer,
    mut reports: watch::Receiver<Report>,
    sink: &mut impl MseSink<N>,
) -> Result<(), Gone> {
    let now = clock.mono();
    let AutoViewer { camera, start, codecs, tracks } = viewer;
    let tells = if start.is_told { Tells::Received } else { Tells::Nothing };
    let mut auto = Auto {
        live,
        clock,
        sink,
        camera,
        codecs,
        tracks,
        choose: Chooser::new(now, start),
        flight: Flight::new(now, tells),
        shown: None,
        coming: None,
        spare: None,
        shown_until_utc_us: None,
        last_words: None,
        ticked: now,
    };
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut is_heard = true;
    loop {
        if !auto.obey().await {
            return auto.say_last_words().await;
        }
        let may_send = auto.flight.may_send(clock.mono());
        let happened = tokio::select! {
            heard = reports.changed(), if is_heard => Happened::Report(heard.is_ok()),
            _ = ticks.tick() => Happened::Tick,
            next = next_of(auto.coming.as_mut().map(|coming| &mut coming.watch)) => Happened::Coming(next),
            next = next_of(auto.shown.as_mut().map(|shown| &mut shown.watch)), if may_send => Happened::Shown(next),
        };
        match happened {
            Happened::Report(false) => is_heard = false,
            Happened::Report(true) => {
                let report = *reports.borrow_and_update();
                auto.report(report);
            }
            Happened::Tick => auto.tick().await?,
            Happened::Coming(next) => auto.coming(next).await?,
            Happened::Shown(next) => auto.shown(next).await?,
        }
    }
}

enum Happened<N> {
    Report(bool),
    Tick,
    Coming(Next<N>),
    Shown(Next<N>),
}

async fn next_of<N>(watch: Option<&mut Watch<N>>) -> Next<N> {
    match watch {
        Some(watch) => watch.next().await,
        None => std::future::pending().await,
    }
}

/// What is sent.
struct Shown<N> {
    watch: Watch<N>,
    run: Option<Run>,
    rate: Rate,
    /// Of the sound of this run, if there is any for this viewer.
    rate_hz: Option<u32>,
}

/// What will be, from a keyframe on.
struct Coming<N> {
    watch: Watch<N>,
    way: Way,
    parameters: Option<Arc<ParameterSets>>,
}

struct Auto<'a, N, S> {
    live: &'a Live<N>,
    clock: &'a dyn Clock,
    sink: &'a mut S,
    camera: CameraId,
    codecs: Vec<String>,
    tracks: Tracks,
    choose: Chooser,
    flight: Flight,
    shown: Option<Shown<N>>,
    coming: Option<Coming<N>>,
    /// The next lower stream, not taken from: so that its last GOP is at hand when it is needed.
    spare: Option<Watch<N>>,
    /// The newest picture that was sent, by when it reached the recorder.
    shown_until_utc_us: Option<i64>,
    /// Why the last stream that was left is not for this viewer.
    last_words: Option<MseOut<N>>,
    /// When padding was last due.
    ticked: Mono,
}

impl<N: Clone + PartialEq + Send + Sync + 'static, S: MseSink<N>> Auto<'_, N, S> {
    /// Watches what is wanted; false if nothing is.
    async fn obey(&mut self) -> bool {
        let Some(wanted) = self.choose.wanted() else { return false };
        let shown = self.shown.as_ref().map(|shown| shown.watch.stream().1);
        let coming = self.coming.as_ref().map(|coming| coming.watch.stream().1);
        if shown == Some(wanted) {
            self.coming = None;
        } else if coming != Some(wanted) {
            let is_urgent =
                shown.is_none() || self.choose.is_lower(wanted) || self.choose.is_waited_for();
            let way = if is_urgent { Way::AtOnce } else { Way::InOrder };
            let watch = self.watch(wanted).await;
            self.coming = Some(Coming { watch, way, parameters: None });
        }
        // A rung costs a core: nobody makes one in reserve.
        let spare = self.choose.next_lower().filter(|step| matches!(step, LiveStream::Own(_)));
        if self.spare.as_ref().map(|spare| spare.stream().1) != spare {
            self.spare = match spare {
                // He is counted where he watches.
                Some(stream) => Some(self.live.listen((self.camera.clone(), stream)).await),
                None => None,
            };
        }
        true
    }

    async fn watch(&self, stream: LiveStream) -> Watch<N> {
        self.live.watch_tracks((self.camera.clone(), stream), self.tracks).await
    }

    fn report(&mut self, report: Report) {
        let now = self.clock.mono();
        self.flight.received(now, report.received);
        if let Some(best) = report.best {
            self.choose.handle(now, Input::Best(best));
        }
    }

    async fn tick(&mut self) -> Result<(), Gone> {
        let now = self.clock.mono();
        if self.flight.lag(now) >= UNHEARD_FOR {
            return Err(Gone);
        }
        let Some(shown) = &self.shown else { return Ok(()) };
        let sample = Sample {
            lag: self.flight.lag(now).max(shown.watch.waited(now)),
            capacity_bps: self.flight.capacity_bps(now),
            rate_bps: shown.rate.bps(),
        };
        self.choose.handle(now, Input::Measured(sample));
        // By the time that has passed: a machine that is busy ticks late.
        let span = now.since(self.ticked).min(TICK * 3);
        self.ticked = now;
        if let Some(bps) = self.choose.probe_bps()
            && self.flight.may_send(now)
        {
            let bits = u128::from(bps) * span.as_millis() / 1000;
            let bytes = usize::try_from(bits / 8).unwrap_or(usize::MAX);
            self.put(MseOut::Padding(bytes), bytes).await?;
        }
        Ok(())
    }

    async fn coming(&mut self, next: Next<N>) -> Result<(), Gone> {
        let now = self.clock.mono();
        let Some(coming) = &mut self.coming else { return Ok(()) };
        let stream = coming.watch.stream().1;
        match next {
            Next::Init(parameters) if can_play(&self.codecs, &parameters.video.rfc6381) => {
                coming.parameters = Some(parameters);
            }
            Next::Init(parameters) => {
                self.cannot_play(stream, &parameters);
                self.coming = None;
            }
            Next::Unit { unit, .. } => {
                let is_there =
                    unit.is_keyframe() && may_go_over(coming.way, &unit, self.shown_until_utc_us);
                if is_there
                    && let Some(Coming { watch, parameters: Some(parameters), .. }) =
                        self.coming.take()
                {
                    self.go_over(watch, &parameters, &unit).await?;
                }
            }
            Next::Waiting(why) if self.shown.is_none() => {
                self.put(MseOut::Waiting(why), WORDS_BYTES).await?;
            }
            Next::Waiting(_) | Next::Skipped(_) => {}
            Next::Ended(why) => {
                self.last_words = Some(MseOut::Ended(why));
                self.coming = None;
                self.choose.handle(now, Input::IsGone(stream));
            }
        }
        Ok(())
    }

    async fn go_over(
        &mut self,
        watch: Watch<N>,
        parameters: &ParameterSets,
        keyframe: &LiveUnit,
    ) -> Result<(), Gone> {
        let stream = watch.stream().1;
        tracing::debug!(camera = %self.camera, %stream, "a viewer goes over");
        let run = Some(Run::begin(keyframe, self.shown_until_utc_us));
        self.shown = Some(Shown { watch, run, rate: Rate::default(), rate_hz: None });
        self.choose.handle(self.clock.mono(), Input::WentOver(stream));
        self.announce(parameters).await?;
        self.unit(keyframe).await
    }

    async fn shown(&mut self, next: Next<N>) -> Result<(), Gone> {
        let now = self.clock.mono();
        let Some(shown) = &mut self.shown else { return Ok(()) };
        let stream = shown.watch.stream().1;
        match next {
            Next::Init(parameters) if can_play(&self.codecs, &parameters.video.rfc6381) => {
                shown.run = None;
                self.announce(&parameters).await
            }
            Next::Init(parameters) => {
                self.cannot_play(stream, &parameters);
                self.shown = None;
                Ok(())
            }
            Next::Unit { unit, .. } => {
                shown.run.get_or_insert_with(|| Run::begin(&unit, None));
                self.unit(&unit).await
            }
            Next::Skipped(units) => self.put(MseOut::Skipped(units), WORDS_BYTES).await,
            Next::Waiting(why) => self.put(MseOut::Waiting(why), WORDS_BYTES).await,
            Next::Ended(why) => {
                self.last_words = Some(MseOut::Ended(why));
                self.shown = None;
                self.choose.handle(now, Input::IsGone(stream));
                Ok(())
            }
        }
    }

    fn cannot_play(&mut self, stream: LiveStream, parameters: &ParameterSets) {
        let rfc6381 = parameters.video.rfc6381.clone();
        self.last_words = Some(MseOut::NotPlayable { rfc6381 });
        self.choose.handle(self.clock.mono(), Input::CannotPlay(stream));
    }

    async fn announce(&mut self, parameters: &ParameterSets) -> Result<(), Gone> {
        let Some(shown) = &mut self.shown else { return Ok(()) };
        let stream = shown.watch.stream().1;
        let sent = sent(parameters, self.tracks, &self.codecs);
        shown.rate_hz = sent.audio.as_ref().map(|audio| audio.sample_rate_hz);
        let (width, height) = (sent.video.width, sent.video.height);
        let is_best = self.choose.is_best(stream);
        let init = MseOut::Init { mime: sent.mime(), width, height, stream, is_best };
        self.put(init, WORDS_BYTES).await?;
        let init = tarsier_segment::init_segment(&sent, None);
        let bytes = init.len();
        self.put(MseOut::Media(init), bytes).await
    }

    async fn unit(&mut self, live: &LiveUnit) -> Result<(), Gone> {
        let Some(shown) = &mut self.shown else { return Ok(()) };
        shown.rate.came(live);
        let rate_hz = if live.is_picture() { Some(0) } else { shown.rate_hz };
        let (Some(rate_hz), Some(run)) = (rate_hz, &mut shown.run) else { return Ok(()) };
        let Some((sequence, unit)) = run.place(live) else { return Ok(()) };
        let (origin, ntp) = (run.origin(), Some(live.arrived_utc_us));
        let fragment = tarsier_segment::unit_fragment(sequence, &unit, origin, ntp, rate_hz);
        if live.is_picture() {
            self.shown_until_utc_us = Some(live.arrived_utc_us);
        }
        let bytes = fragment.len();
        self.put(MseOut::Media(fragment), bytes).await
    }

    async fn put(&mut self, message: MseOut<N>, bytes: usize) -> Result<(), Gone> {
        let given = self.clock.mono();
        self.sink.send(message).await?;
        self.flight.sent(given, self.clock.mono(), bytes);
        Ok(())
    }

    async fn say_last_words(self) -> Result<(), Gone> {
        match self.last_words {
            Some(words) => self.sink.send(words).await,
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use tarsier_types::UtcMs;
    use tokio::sync::mpsc;

    use super::*;
    use crate::auto::{Ladder, Line};
    use crate::fanout::{LiveInput, Wish};
    use crate::viewer::fixtures::{parameters, unit};

    /// This machine may be busy.
    const PATIENCE: Duration = Duration::from_secs(20);

    #[derive(Default)]
    struct TestClock(AtomicU64);

    impl Clock for TestClock {
        fn mono(&self) -> Mono {
            Mono::from_millis(self.0.load(Ordering::SeqCst))
        }
        fn utc(&self) -> UtcMs {
            UtcMs(0)
        }
    }

    struct Told(mpsc::UnboundedSender<MseOut<String>>);

    impl MseSink<String> for Told {
        async fn send(&mut self, message: MseOut<String>) -> Result<(), Gone> {
            self.0.send(message).map_err(|_| Gone)
        }
    }

    /// A viewer of the full stream, who tells what reaches him, or says that he does.
    struct Scene {
        clock: Arc<TestClock>,
        live: Live<String>,
        wishes: mpsc::UnboundedReceiver<Wish>,
        sent: mpsc::UnboundedReceiver<MseOut<String>>,
        served: tokio::task::JoinHandle<Result<(), Gone>>,
        _reporting: watch::Sender<Report>,
    }

    impl Scene {
        /// Until pictures are sent to him.
        async fn begin() -> Self {
            let clock = Arc::new(TestClock::default());
            let (wish, wishes) = mpsc::unbounded_channel();
            let live = Live::start(clock.clone(), move |it| drop(wish.send(it)));
            let main = (garden(), StreamKind::Main);
            let first = live.watch(main.clone()).await;
            live.handle(main.clone(), LiveInput::Parameters(parameters("avc1.64001f"))).await;
            live.handle(main, LiveInput::Unit(unit(3600, true, 100))).await;
            let start = Start {
                ladder: Ladder::of(&StreamKind::ALL),
                most: StreamKind::Main,
                line: Line::Unknown,
                is_told: true,
            };
            let codecs = vec!["avc1.64001f".to_owned()];
            let viewer = AutoViewer { camera: garden(), start, codecs, tracks: Tracks::Pictures };
            let (reporting, reports) = watch::channel(Report::default());
            let (sender, mut sent) = mpsc::unbounded_channel();
            let served = tokio::spawn({
                let (live, clock) = (live.clone(), clock.clone());
                async move { serve(&live, &*clock, viewer, reports, &mut Told(sender)).await }
            });
            while !matches!(sent.recv().await, Some(MseOut::Media(_))) {}
            drop(first);
            Self { clock, live, wishes, sent, served, _reporting: reporting }
        }
    }

    fn garden() -> CameraId {
        CameraId::new("garden").unwrap()
    }

    #[tokio::test]
    async fn who_takes_what_is_sent_and_never_says_so_does_not_watch_for_ever() {
        let mut scene = Scene::begin().await;
        scene.clock.0.store(95_000, Ordering::SeqCst);
        let over = async { while scene.sent.recv().await.is_some() {} };
        tokio::time::timeout(PATIENCE, over).await.expect("he is served for ever");
        assert_eq!(scene.served.await.unwrap(), Err(Gone));
    }

    #[tokio::test]
    async fn a_viewer_is_counted_once_though_the_lower_stream_is_held_ready() {
        let mut scene = Scene::begin().await;
        let sub = (garden(), StreamKind::Sub.into());
        let ready =
            async { while scene.wishes.recv().await != Some(Wish::Subscribe(sub.clone())) {} };
        tokio::time::timeout(PATIENCE, ready).await.expect("it is held ready");
        let _ = scene.live.newest_keyframe(sub.clone()).await;
        let main = (garden(), StreamKind::Main);
        assert_eq!((scene.live.viewers(&main), scene.live.viewers(&sub)), (1, 0));
    }
}
