//! A supervisor with fake recorders on its real socket.

use bytes::BytesMut;
use interprocess::local_socket::GenericFilePath;
use interprocess::local_socket::tokio::prelude::*;
use tarsier_types::{CameraUrl, Transport, UtcMs};
use tarsier_wire::{Engine, StreamConfig, ToHub, framing};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;
use crate::identity::Role;
use crate::socket::socket_name;
use crate::supervisor::{Programs, Supervisor};

const DEADLINE: Duration = Duration::from_secs(20);
/// No process has this number: whatever goes wrong, nobody is killed.
const NOBODY: u32 = 2_000_000_001;

struct Hub {
    folder: tempfile::TempDir,
    supervisor: Supervisor,
    reports: mpsc::Receiver<Report>,
}

impl Hub {
    /// Its recorders' programs do not exist.
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let nothing = folder.path().join("nothing");
        let options = SupervisorOptions {
            programs: Programs { recorder: nothing.clone(), recorder_libav: nothing },
            run_dir: folder.path().to_owned(),
            rules: Rules::default(),
        };
        let (sender, reports) = mpsc::channel(64);
        let supervisor = Supervisor::start(options, SystemClock::start(), sender).await.unwrap();
        Self { folder, supervisor, reports }
    }

    async fn report<T>(&mut self, mut wanted: impl FnMut(&Report) -> Option<T>) -> T {
        let search = async {
            loop {
                let report = self.reports.recv().await.expect("the supervisor goes on");
                if let Some(found) = wanted(&report) {
                    return found;
                }
            }
        };
        tokio::time::timeout(DEADLINE, search).await.expect("a report in time")
    }

    async fn connect(&self) -> Fake {
        let name = socket_name(self.folder.path());
        let stream = LocalSocketStream::connect(name.to_fs_name::<GenericFilePath>().unwrap());
        Fake { stream: stream.await.unwrap(), read: BytesMut::new() }
    }

    fn config(&self) -> RecorderConfig {
        let main = StreamConfig {
            url: CameraUrl::parse("rtsp://192.0.2.7/1").unwrap().0,
            transport: Transport::Tcp,
            mode: RecordingMode::Continuous,
        };
        RecorderConfig {
            camera: CameraId::new("garden").unwrap(),
            main,
            sub: None,
            credentials: None,
            segment_seconds: 180,
            tier_root: "/footage".into(),
            tier_id: "t".into(),
            hub_socket: socket_name(self.folder.path()),
            orphan_seconds: 0,
            config_hash: String::new(),
            reconnect: tarsier_reconnect::Policy::default(),
            epoch: 0,
            resume: Vec::new(),
            standby: false,
            recorded_until: Vec::new(),
        }
    }
}

struct Fake {
    stream: LocalSocketStream,
    read: BytesMut,
}

impl Fake {
    async fn say(&mut self, message: &ToHub) {
        self.write(&framing::encode(message, 0).unwrap()).await;
    }

    async fn write(&mut self, bytes: &[u8]) {
        (&self.stream).write_all(bytes).await.unwrap();
    }

    /// The first order of that kind.
    async fn hears(&mut self, wanted: &ToRecorder) {
        let hear = async {
            loop {
                while let Some((order, _)) = framing::decode::<ToRecorder>(&mut self.read).unwrap()
                {
                    if order == *wanted {
                        return;
                    }
                }
                let read = (&self.stream).read_buf(&mut self.read).await.unwrap();
                assert!(read > 0, "the hub closed before it said {wanted:?}");
            }
        };
        tokio::time::timeout(DEADLINE, hear).await.expect("an order in time");
    }
}

fn hello(config_hash: String) -> ToHub {
    ToHub::Hello {
        protocol: PROTOCOL,
        camera: CameraId::new("garden").unwrap(),
        pid: NOBODY,
        engine: Engine::Rust,
        config_hash,
        started: UtcMs(1_795_205_640_000),
    }
}

#[tokio::test]
async fn a_recorder_that_comes_before_the_hub_has_read_its_cameras_is_adopted_all_the_same() {
    let mut hub = Hub::start().await;
    let config = hub.config();
    let mut fake = hub.connect().await;
    fake.say(&hello(Identity::of(&config, EngineWish::Auto).text(Role::OnDuty))).await;
    // What it says at once waits as well.
    let beat = ToHub::Heartbeat { streams: Vec::new() };
    fake.say(&beat).await;
    hub.supervisor.set_camera(config, EngineWish::Auto);
    fake.hears(&ToRecorder::Welcome).await;
    let adopted = hub.report(|report| match report {
        Report::Started { adopted, .. } => Some(*adopted),
        _ => None,
    });
    assert!(adopted.await, "nothing is started in its place");
    hub.report(|report| {
        matches!(report, Report::Message { message, .. } if *message == beat).then_some(())
    })
    .await;
    let seen = hub.supervisor.snapshot().await;
    assert_eq!(seen[0].pid, Some(NOBODY));
}

#[tokio::test]
async fn a_recorder_whose_hello_cannot_be_read_is_asked_to_stop() {
    let hub = Hub::start().await;
    let mut fake = hub.connect().await;
    // Header of 3 bytes, no payload; 200 is no variant of ours.
    fake.write(&[0, 0, 0, 3, 0, 0, 0, 0, 200, 1, 1]).await;
    fake.hears(&ToRecorder::Stop).await;
}

#[tokio::test]
async fn a_recorder_of_a_camera_that_was_removed_is_asked_to_stop() {
    let hub = Hub::start().await;
    let mut fake = hub.connect().await;
    fake.say(&hello("?.?".to_owned())).await;
    let (answer, stopped) = oneshot::channel();
    // A hub that goes down knows that no camera will come.
    let supervisor = hub.supervisor.clone();
    tokio::spawn(async move {
        supervisor.stop_all(DEADLINE).await;
        let _ = answer.send(());
    });
    fake.hears(&ToRecorder::Stop).await;
    tokio::time::timeout(DEADLINE, stopped).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_program_that_is_missing_is_tried_again() {
    let mut hub = Hub::start().await;
    hub.supervisor.set_camera(hub.config(), EngineWish::Auto);
    for _ in 0..2 {
        let again = hub.report(|report| match report {
            Report::Exited { will_restart_at, .. } => Some(will_restart_at.is_some()),
            _ => None,
        });
        assert!(again.await);
    }
}

#[tokio::test]
async fn a_recorder_that_reads_none_of_its_orders_keeps_nobody_waiting() {
    let hub = Hub::start().await;
    let config = hub.config();
    let mut fake = hub.connect().await;
    fake.say(&hello(Identity::of(&config, EngineWish::Auto).text(Role::OnDuty))).await;
    hub.supervisor.set_camera(config.clone(), EngineWish::Auto);
    fake.hears(&ToRecorder::Welcome).await;
    let event = UtcRange::new(UtcMs(1_795_205_640_000), UtcMs(1_795_205_650_000));
    // More than its socket holds.
    for _ in 0..20_000 {
        hub.supervisor.event(&config.camera, event);
    }
    let seen = tokio::time::timeout(DEADLINE, hub.supervisor.snapshot()).await;
    assert_eq!(seen.expect("the others are watched").len(), 1);
}
