//! The task of a stream with a camera that follows a script: that the hands do what the brain says.

use std::collections::{BTreeMap, VecDeque};
use std::future::pending;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tarsier_ingest::Source;
use tarsier_reconnect::policy::Looking;
use tarsier_reconnect::{EventKind, Strategy};
use tarsier_types::{
    CameraUrl, Codec, Dts, GapReason, Mono, Pts, Ticks, Transport, VideoParameters,
};
use tarsier_wire::{ProbeReport, ProbeRequest, RecordingMode};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;
use crate::disk::{Shared, StreamFiles};
use crate::tier::Tier;
use crate::want::Want;

/// What a camera does next.
#[derive(Clone, Debug)]
enum Step {
    Say(SourceEvent),
    Wait(Duration),
    /// The session ends.
    End(Problem),
    /// The same again, for ever.
    Repeat(Vec<Step>),
}

/// One answer to an attempt.
#[derive(Clone, Debug)]
enum Answer {
    Plays(Vec<Step>),
    Fails(Problem),
}

#[derive(Debug, Default)]
struct Counts {
    opened: AtomicUsize,
    closed: AtomicUsize,
}

struct Camera {
    answers: Mutex<VecDeque<Answer>>,
    counts: Arc<Counts>,
}

struct Session {
    steps: VecDeque<Step>,
    counts: Arc<Counts>,
}

impl OpenSource for Camera {
    type Source = Session;

    async fn open(
        &self,
        _: &StreamConfig,
        _: Option<&Credentials>,
        _: SystemClock,
    ) -> Result<Session, SourceError> {
        self.counts.opened.fetch_add(1, Ordering::SeqCst);
        let answer = self.answers.lock().unwrap().pop_front();
        match answer {
            Some(Answer::Plays(steps)) => {
                Ok(Session { steps: steps.into(), counts: Arc::clone(&self.counts) })
            }
            Some(Answer::Fails(problem)) => Err(error(problem)),
            None => pending().await,
        }
    }

    async fn probe(&self, _: &ProbeRequest, _: SystemClock) -> ProbeReport {
        ProbeReport::EngineCannotRead { detail: String::new() }
    }
}

impl Source for Session {
    async fn next(&mut self) -> Result<SourceEvent, SourceError> {
        loop {
            match self.steps.front().cloned() {
                Some(Step::Say(event)) => {
                    self.steps.pop_front();
                    return Ok(event);
                }
                Some(Step::Wait(span)) => {
                    // Whoever breaks off the wait begins it anew; the scripts do not mind.
                    tokio::time::sleep(span).await;
                    self.steps.pop_front();
                }
                Some(Step::End(problem)) => return Err(error(problem)),
                Some(Step::Repeat(steps)) => {
                    for step in steps.into_iter().rev() {
                        self.steps.push_front(step);
                    }
                }
                None => pending().await,
            }
        }
    }

    async fn close(self) {
        self.counts.closed.fetch_add(1, Ordering::SeqCst);
    }
}

fn error(problem: Problem) -> SourceError {
    SourceError { problem, other_engine: false, detail: "as the script says".to_owned() }
}

fn parameters() -> Step {
    let video = VideoParameters {
        codec: Codec::H264,
        rfc6381: "avc1.64001f".to_owned(),
        width: 160,
        height: 90,
        nominal_millifps: Some(50_000),
        sample_entry: Bytes::from_static(b"\0\0\0\x08avc1"),
    };
    Step::Say(SourceEvent::Parameters(ParameterSets { video, audio: None }))
}

fn unit(track: Track, millis: i64, is_keyframe: bool) -> Step {
    let ticks = Ticks::from_millis(millis).0;
    Step::Say(SourceEvent::Unit(AccessUnit {
        track,
        pts: Pts(ticks),
        dts: Dts(ticks),
        duration: Ticks::from_millis(20),
        is_keyframe,
        arrived: UtcMs(1_700_000_000_000 + millis),
        data: Bytes::from_static(b"\0\0\0\x02\x65\x80"),
    }))
}

/// A keyframe and another picture: what proves a connection.
fn begins() -> Vec<Step> {
    vec![
        parameters(),
        Step::Say(SourceEvent::NewRun { zero: UtcMs(1_700_000_000_000) }),
        unit(Track::Video, 0, true),
        unit(Track::Video, 20, false),
    ]
}

fn and(mut steps: Vec<Step>, more: Vec<Step>) -> Vec<Step> {
    steps.extend(more);
    steps
}

/// Everything a hundred times as fast.
fn quick() -> Policy {
    let millis = Duration::from_millis;
    let mut policy = Policy {
        strategy: Strategy::Fixed { delay: millis(10) },
        stalled_wait: millis(20),
        check_every: millis(50),
        looking: None,
        ..Policy::default()
    };
    policy.liveness.stall = millis(20);
    policy.liveness.zombie = millis(300);
    policy
}

/// The same, on a machine that may stall itself: no track counts as dead.
fn patient() -> Policy {
    let mut policy = quick();
    policy.liveness.zombie = Duration::from_secs(60);
    policy.liveness.stall = Duration::from_secs(60);
    policy
}

struct Running {
    hub: HubLink,
    counts: Arc<Counts>,
    commands: mpsc::Sender<StreamCommand>,
    task: tokio::task::JoinHandle<StreamEnd>,
    /// Told of what goes on, in a few letters.
    heard: Vec<String>,
    events: Vec<(EventKind, u32)>,
    states: Vec<ConnectionState>,
    _folder: tempfile::TempDir,
    _disk: mpsc::Sender<DiskNews>,
}

fn start(url: &str, policy: Policy, answers: Vec<Answer>) -> Running {
    start_from(url, policy, answers, None)
}

fn start_from(
    url: &str,
    policy: Policy,
    answers: Vec<Answer>,
    resume: Option<ConnectionState>,
) -> Running {
    let (clock, hub, kind) = (SystemClock::start(), HubLink::default(), StreamKind::Main);
    hub.listen();
    hub.heard();
    let counters = Arc::new(Counters::default());
    let (news, disk_news) = mpsc::channel(16);
    let (commands, inbox) = mpsc::channel(16);
    let folder = tempfile::tempdir().unwrap();
    let camera_id = CameraId::new("garden").unwrap();
    let of = StreamFiles { counters: Arc::clone(&counters), news: news.clone() };
    let shared = Shared {
        camera: camera_id.clone(),
        streams: BTreeMap::from([(kind, of)]),
        chains: Mutex::default(),
        hub: hub.clone(),
        clock,
    };
    let tier = Tier { root: folder.path().to_owned(), id: "t".to_owned() };
    let files = Files::start(tier, Arc::new(shared));
    let counts = Arc::new(Counts::default());
    let camera = Camera { answers: Mutex::new(answers.into()), counts: Arc::clone(&counts) };
    let task = StreamTask {
        camera: camera_id,
        kind,
        config: StreamConfig {
            url: CameraUrl::parse(url).unwrap().0,
            transport: Transport::Tcp,
            mode: RecordingMode::Off,
        },
        credentials: None,
        opener: Arc::new(camera),
        clock,
        hub: hub.clone(),
        gate: Gate::default(),
        files: Arc::new(files.unwrap()),
        counters,
        commands: inbox,
        disk_news,
        standby: mpsc::channel(16).0,
        recording: Recording::new(Want::new(RecordingMode::Off), 60),
        policy,
        epoch: 7,
        resume,
        state: StreamState::new(clock.utc()),
    };
    let task = tokio::spawn(task.run());
    let (heard, events, states) = (Vec::new(), Vec::new(), Vec::new());
    Running { hub, counts, commands, task, heard, events, states, _folder: folder, _disk: news }
}

impl Running {
    /// Listens until something was heard so often, or fails after ten seconds.
    async fn until(&mut self, what: &str, times: usize) {
        let patience = tokio::time::sleep(Duration::from_secs(10));
        tokio::pin!(patience);
        let mut look = tokio::time::interval(Duration::from_millis(2));
        loop {
            self.listen();
            if self.heard.iter().filter(|heard| *heard == what).count() >= times {
                return;
            }
            tokio::select! {
                _ = look.tick() => {}
                () = &mut patience => panic!("no {what} {times} times: {:?}", self.heard),
            }
        }
    }

    fn listen(&mut self) {
        for said in self.hub.heard() {
            match said {
                ToHub::Link { state, .. } => self.heard.push(match state {
                    LinkState::Connecting { attempt } => format!("connecting{attempt}"),
                    LinkState::Playing { .. } => "playing".to_owned(),
                    LinkState::Waiting { problem, offline, .. } => {
                        format!("{}{}", problem.name(), if offline { " offline" } else { "" })
                    }
                    LinkState::Stopped { problem, .. } => format!("stopped: {}", problem.name()),
                }),
                ToHub::Reconnection { event, .. } => self.events.push((event.kind, event.attempt)),
                ToHub::ConnectionState { epoch, state, .. } => {
                    assert_eq!(epoch, 7, "it is told whose state that is");
                    self.states.push(*state);
                }
                _ => {}
            }
        }
    }

    fn opened(&self) -> usize {
        self.counts.opened.load(Ordering::SeqCst)
    }

    async fn stop(mut self) -> ConnectionState {
        self.commands.send(StreamCommand::Stop).await.unwrap();
        let end = tokio::time::timeout(Duration::from_secs(10), &mut self.task).await;
        assert_eq!(end.expect("it stops").unwrap(), StreamEnd::Stopped);
        self.listen();
        self.states.pop().expect("its last state is told")
    }
}

const URL: &str = "rtsp://127.0.0.1:9/1";

#[tokio::test]
async fn a_session_that_ends_is_made_again_and_every_step_is_told() {
    let first = and(begins(), vec![Step::End(Problem::Disconnected)]);
    let answers =
        vec![Answer::Plays(first), Answer::Fails(Problem::PortClosed), Answer::Plays(begins())];
    let mut it = start(URL, patient(), answers);
    it.until("playing", 2).await;
    assert_eq!(
        it.heard,
        [
            "connecting1",
            "playing",
            "disconnected",
            "connecting2",
            "port_closed",
            "connecting3",
            "playing"
        ]
    );
    assert_eq!(
        it.events,
        [
            (EventKind::Started, 0),
            (EventKind::Attempt, 2),
            (EventKind::Attempt, 3),
            (EventKind::Succeeded, 3)
        ]
    );
    let counts = Arc::clone(&it.counts);
    let last = it.stop().await;
    assert_eq!(last.phase, tarsier_reconnect::SavedPhase::Playing);
    assert_eq!((last.statistics.attempts, last.statistics.reconnects), (3, 1));
    assert_eq!(counts.closed.load(Ordering::SeqCst), 2, "every session ends with a farewell");
}

#[tokio::test]
async fn a_zombie_is_closed_and_rebuilt_although_its_sound_flows() {
    let sound =
        Step::Repeat(vec![unit(Track::Audio, 0, true), Step::Wait(Duration::from_millis(5))]);
    let answers = vec![Answer::Plays(and(begins(), vec![sound])), Answer::Plays(begins())];
    let mut it = start(URL, quick(), answers);
    it.until("playing", 2).await;
    assert!(it.counts.closed.load(Ordering::SeqCst) >= 1, "the dead session is closed");
    assert_eq!(it.heard[..4], ["connecting1", "playing", "no_pictures", "connecting2"]);
    it.stop().await;
}

#[tokio::test]
async fn pictures_before_the_first_keyframe_are_life() {
    let early = Step::Say(SourceEvent::Anomaly(Anomaly::BeforeKeyframe));
    let gop: Vec<Step> =
        (0..40).flat_map(|_| [early.clone(), Step::Wait(Duration::from_millis(10))]).collect();
    let mut policy = patient();
    policy.first_unit = Duration::from_millis(200);
    let mut it = start(URL, policy, vec![Answer::Plays(and(gop, begins()))]);
    it.until("playing", 1).await;
    assert_eq!(it.opened(), 1, "a long GOP must not cost the connection: {:?}", it.heard);
    it.stop().await;
}

#[tokio::test]
async fn a_connection_without_pictures_has_failed() {
    let mut policy = quick();
    policy.first_unit = Duration::from_millis(100);
    let answers = vec![Answer::Plays(vec![parameters()]), Answer::Plays(begins())];
    let mut it = start(URL, policy, answers);
    it.until("playing", 1).await;
    assert_eq!(it.heard[..4], ["connecting1", "no_pictures", "connecting2", "playing"]);
    it.stop().await;
}

#[tokio::test]
async fn a_wrong_password_is_tried_once_and_not_again_by_the_next_process() {
    let answers = || vec![Answer::Fails(Problem::WrongCredentials), Answer::Plays(begins())];
    let mut it = start(URL, quick(), answers());
    it.until("stopped: wrong_credentials", 1).await;
    assert_eq!(it.opened(), 1);
    let state = it.stop().await;
    let mut next = start_from(URL, quick(), answers(), Some(state));
    next.until("stopped: wrong_credentials", 1).await;
    assert_eq!(next.opened(), 0, "cameras lock accounts");
    next.stop().await;
}

#[tokio::test]
async fn a_silent_host_is_connected_as_soon_as_it_answers_and_not_at_the_cap() {
    let reserved = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = reserved.local_addr().unwrap();
    drop(reserved);
    let mut policy = quick();
    policy.strategy = Strategy::Fixed { delay: Duration::from_secs(3_600) };
    policy.looking = Some(Looking { every: Duration::from_millis(20), ..Looking::default() });
    let answers = vec![Answer::Fails(Problem::HostUnreachable), Answer::Plays(begins())];
    let mut it = start(&format!("rtsp://{address}/1"), policy, answers);
    it.until("host_unreachable offline", 1).await;
    assert_eq!(it.opened(), 1, "nobody is there, so nothing is tried in full");
    let back = TcpListener::bind(address).await.unwrap();
    let camera = tokio::spawn(async move {
        let (mut stream, _) = back.accept().await.unwrap();
        let _ = stream.read(&mut [0; 512]).await;
        let _ = stream.write_all(b"RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n").await;
        stream
    });
    it.until("playing", 1).await;
    assert!(it.events.contains(&(EventKind::Succeeded, 2)), "{:?}", it.events);
    drop(camera.await);
    it.stop().await;
}

#[tokio::test]
async fn a_stop_comes_through_while_an_attempt_hangs() {
    let it = start(URL, quick(), Vec::new());
    let began = SystemClock::start();
    it.stop().await;
    assert!(began.mono().since(Mono::ZERO) < Duration::from_secs(5));
}

#[test]
fn what_breaks_is_a_gap_with_its_reason() {
    assert_eq!(Problem::NoPictures.gap_reason(), GapReason::Camera);
    assert_eq!(kind_of(Problem::NoPictures), FailureKind::Mute);
    assert_eq!(kind_of(Problem::HostUnknown), FailureKind::HostSilent);
}
