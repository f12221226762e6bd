//! Whole recorders in one process, with a camera and a hub of the test's own.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use bytes::{Bytes, BytesMut};
use interprocess::local_socket::tokio::prelude::*;
use interprocess::local_socket::{GenericFilePath, ListenerOptions};
use tarsier_ingest::{Source, SourceError, SourceEvent};
use tarsier_segment::{read_units, sample_entry, scan};
use tarsier_types::{
    AccessUnit, CameraId, CameraUrl, Codec, Credentials, Dts, ParameterSets, Pts, Ticks, Track,
    Transport, UtcMs, VideoParameters,
};
use tarsier_wire::{ClosedSegment, ProbeReport, StreamConfig, framing};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;

/// One picture in this time, in both streams.
const PICTURE_MS: i64 = 50;
/// Pictures in a GOP; those of the sub stream begin in the middle of those of the main stream.
const GOP: i64 = 12;
const PATIENCE: Duration = Duration::from_secs(30);

/// A camera whose pictures are numbered from its start on, the same for everybody who connects.
struct Camera {
    began: UtcMs,
}

struct Pictures {
    clock: SystemClock,
    began: UtcMs,
    shift: i64,
    next: i64,
    first: i64,
    said: VecDeque<SourceEvent>,
}

impl OpenSource for Camera {
    type Source = Pictures;

    async fn open(
        &self,
        stream: &StreamConfig,
        _: Option<&Credentials>,
        clock: SystemClock,
    ) -> Result<Pictures, SourceError> {
        let shift = if stream.url.as_str().ends_with("sub") { GOP / 2 } else { 0 };
        let video = VideoParameters {
            codec: Codec::Mjpeg,
            rfc6381: "mp4v.6C".to_owned(),
            width: 160,
            height: 90,
            nominal_millifps: Some(20_000),
            sample_entry: sample_entry::mjpeg(160, 90),
        };
        // A session begins with the last keyframe, from the camera's buffer, as many do.
        let now = clock.utc().millis_since(self.began) / PICTURE_MS;
        let first = (now - shift).div_euclid(GOP) * GOP + shift;
        let said = [
            SourceEvent::Parameters(ParameterSets { video, audio: None }),
            SourceEvent::NewRun { zero: clock.utc() },
        ];
        Ok(Pictures { clock, began: self.began, shift, next: first, first, said: said.into() })
    }

    async fn probe(&self, _: &ProbeRequest, _: SystemClock) -> ProbeReport {
        unreachable!("nobody asks")
    }
}

impl Source for Pictures {
    async fn next(&mut self) -> Result<SourceEvent, SourceError> {
        if let Some(event) = self.said.pop_front() {
            return Ok(event);
        }
        let due = self.began.plus_millis(self.next * PICTURE_MS).millis_since(self.clock.utc());
        if let Ok(due) = u64::try_from(due) {
            // The camera's own pace.
            tokio::time::sleep(Duration::from_millis(due)).await;
        }
        let ticks = Ticks::from_millis((self.next - self.first) * PICTURE_MS).0;
        let unit = AccessUnit {
            track: Track::Video,
            pts: Pts(ticks),
            dts: Dts(ticks),
            duration: Ticks::from_millis(PICTURE_MS),
            is_keyframe: (self.next - self.shift).rem_euclid(GOP) == 0,
            arrived: self.clock.utc(),
            data: Bytes::from(self.next.to_be_bytes().to_vec()),
        };
        self.next += 1;
        Ok(SourceEvent::Unit(unit))
    }

    async fn close(self) {}
}

struct Bench {
    dir: tempfile::TempDir,
    clock: SystemClock,
    began: UtcMs,
}

/// A recorder, and the hub's end of its socket.
struct Recorder {
    process: tokio::task::JoinHandle<anyhow::Result<ExitCode>>,
    socket: LocalSocketStream,
    read: BytesMut,
    closed: Vec<(StreamKind, ClosedSegment)>,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = SystemClock::start();
        let bench = Self { dir, clock, began: clock.utc() };
        bench.make_tier("first");
        bench
    }

    fn tier(&self, id: &str) -> PathBuf {
        self.dir.path().join(id)
    }

    fn make_tier(&self, id: &str) {
        std::fs::create_dir(self.tier(id)).unwrap();
        let identity = format!(r#"{{"id":"{id}"}}"#);
        std::fs::write(self.tier(id).join("tarsier-tier.json"), identity).unwrap();
    }

    async fn start(&self, name: &str, mode: RecordingMode, standby: bool) -> Recorder {
        let socket = self.dir.path().join(format!("{name}.sock")).to_string_lossy().into_owned();
        let listener = ListenerOptions::new()
            .name(socket.as_str().to_fs_name::<GenericFilePath>().unwrap())
            .create_tokio()
            .unwrap();
        let stream = |path: &str| StreamConfig {
            url: CameraUrl::parse(&format!("rtsp://127.0.0.1/{path}")).unwrap().0,
            transport: Transport::Tcp,
            mode,
        };
        let config = RecorderConfig {
            camera: CameraId::new("garden").unwrap(),
            main: stream("main"),
            sub: Some(stream("sub")),
            credentials: None,
            segment_seconds: 900,
            tier_root: self.tier("first"),
            tier_id: "first".to_owned(),
            hub_socket: socket,
            orphan_seconds: 60,
            config_hash: String::new(),
            reconnect: tarsier_reconnect::Policy::default(),
            epoch: 0,
            resume: Vec::new(),
            standby,
            recorded_until: Vec::new(),
        };
        let camera = Camera { began: self.began };
        let process = tokio::spawn(run(Engine::Rust, camera, config, Gate::default()));
        let socket = listener.accept().await.unwrap();
        Recorder { process, socket, read: BytesMut::new(), closed: Vec::new() }
    }
}

impl Recorder {
    async fn say(&self, order: ToRecorder) {
        let bytes = framing::encode(&order, 0).unwrap();
        (&self.socket).write_all(&bytes).await.unwrap();
    }

    async fn hear(&mut self) -> Option<ToHub> {
        hear(&self.socket, &mut self.read, &mut self.closed).await
    }

    async fn until<T>(&mut self, what: &str, mut find: impl FnMut(ToHub) -> Option<T>) -> T {
        let found = async {
            loop {
                let message = self.hear().await.unwrap_or_else(|| panic!("{what}: it is gone"));
                if let Some(found) = find(message) {
                    return found;
                }
            }
        };
        tokio::time::timeout(PATIENCE, found).await.unwrap_or_else(|_| panic!("{what}: too late"))
    }

    async fn until_written(&mut self, fragments: usize) {
        let mut count = 0;
        self.until("fragments", |message| {
            let is_main =
                matches!(message, ToHub::FragmentWritten { stream: StreamKind::Main, .. });
            count += usize::from(is_main);
            (count >= fragments).then_some(())
        })
        .await;
    }

    /// Hears it to its end.
    async fn end(mut self) -> (ExitCode, Vec<(StreamKind, ClosedSegment)>) {
        let exit = async {
            loop {
                tokio::select! {
                    exit = &mut self.process => return exit,
                    _ = hear(&self.socket, &mut self.read, &mut self.closed) => {}
                }
            }
        };
        let exit = tokio::time::timeout(PATIENCE, exit).await.expect("it ends");
        // In a process of its own the socket would end here too: all that was said is in it already.
        let rest = async { while self.hear().await.is_some() {} };
        let _ = tokio::time::timeout(Duration::from_secs(1), rest).await;
        (exit.unwrap().unwrap(), self.closed)
    }
}

/// The next message, until the recorder ends.
async fn hear(
    mut socket: &LocalSocketStream,
    read: &mut BytesMut,
    closed: &mut Vec<(StreamKind, ClosedSegment)>,
) -> Option<ToHub> {
    loop {
        if let Some((message, _)) = framing::decode::<ToHub>(read).unwrap() {
            if let ToHub::SegmentClosed { stream, segment } = &message {
                closed.push((*stream, segment.clone()));
            }
            return Some(message);
        }
        if !socket.read_buf(read).await.is_ok_and(|bytes| bytes > 0) {
            return None;
        }
    }
}

/// The numbers of all pictures of a stream in those segments, file by file.
fn numbers(root: &Path, stream: StreamKind, closed: &[(StreamKind, ClosedSegment)]) -> Vec<i64> {
    let camera = CameraId::new("garden").unwrap();
    let mut numbers = Vec::new();
    for (_, segment) in closed.iter().filter(|(of, _)| *of == stream) {
        let path = root.join(tarsier_segment::name::path(&camera, stream, segment.start));
        let bytes = std::fs::read(&path).unwrap();
        let found = scan(&mut std::fs::File::open(&path).unwrap()).unwrap();
        for part in &found.parts {
            let start = usize::try_from(part.offset).unwrap();
            let end = start + usize::try_from(part.bytes).unwrap();
            for unit in read_units(&found, &bytes[start..end]).unwrap() {
                numbers.push(i64::from_be_bytes(unit.data[..8].try_into().unwrap()));
            }
        }
    }
    numbers
}

fn assert_no_hole(numbers: &[i64]) {
    let (first, last) = (numbers[0], numbers[numbers.len() - 1]);
    let all: Vec<i64> = (first..=last).collect();
    assert_eq!(numbers, all, "each picture once and in order");
}

#[tokio::test]
async fn one_process_takes_over_from_another_without_a_lost_or_doubled_picture() {
    let bench = Bench::new();
    let mut old = bench.start("old", RecordingMode::Continuous, false).await;
    old.until_written(2).await;
    let mut new = bench.start("new", RecordingMode::Continuous, true).await;
    let cut_at = new
        .until("readiness", |message| match message {
            ToHub::ReadyToTakeOver { cut_at } => Some(cut_at),
            ToHub::SegmentOpened { .. } => panic!("in standby nothing is written"),
            _ => None,
        })
        .await;
    old.say(ToRecorder::EndAt(cut_at)).await;
    new.say(ToRecorder::BeginAt(cut_at)).await;
    let (exit, before) = old.end().await;
    assert_eq!(exit, ExitCode::Done, "it ends by itself");
    new.until_written(2).await;
    new.say(ToRecorder::Stop).await;
    let (_, after) = new.end().await;
    for stream in StreamKind::ALL {
        let mut all = numbers(&bench.tier("first"), stream, &before);
        let until = *all.last().unwrap();
        all.extend(numbers(&bench.tier("first"), stream, &after));
        assert_no_hole(&all);
        assert!(all.len() > usize::try_from(until - all[0]).unwrap() + 12, "both have pictures");
        let of = |closed: &[(StreamKind, ClosedSegment)]| {
            closed.iter().find(|(of, _)| *of == stream).unwrap().1.clone()
        };
        let (first, second) = (of(&before), of(&after));
        assert!(second.continues, "{stream}: it knows that nothing is missing");
        let seam = second.start.millis_since(first.start + first.duration);
        // The camera's first pictures come from its buffer, so that the old line is late by up to a GOP.
        assert!(
            seam.abs() <= GOP * PICTURE_MS,
            "{stream}: the files join in time as well: {seam} ms"
        );
    }
}

#[tokio::test]
async fn modes_change_in_a_running_recorder_and_the_pause_is_a_gap() {
    let bench = Bench::new();
    let mut recorder = bench.start("one", RecordingMode::Continuous, false).await;
    recorder.until_written(1).await;
    for stream in StreamKind::ALL {
        recorder.say(ToRecorder::Mode(stream, RecordingMode::Off)).await;
    }
    let closed_at = recorder
        .until("the end of the file", |message| match message {
            ToHub::SegmentClosed { stream: StreamKind::Main, segment } => {
                Some(segment.start + segment.duration)
            }
            _ => None,
        })
        .await;
    // Three GOPs pass.
    for _ in 0..2 {
        recorder.until("a heartbeat", |m| matches!(m, ToHub::Heartbeat { .. }).then_some(())).await;
    }
    let on_event = RecordingMode::OnEvent { pre_roll_ms: 0, post_roll_ms: 60_000 };
    recorder.say(ToRecorder::Mode(StreamKind::Main, on_event)).await;
    let now = bench.clock.utc();
    recorder.say(ToRecorder::Event { from: now, until: now }).await;
    let gap = recorder
        .until("the gap", |message| match message {
            ToHub::Gap { stream: StreamKind::Main, range, reason } => Some((range, reason)),
            _ => None,
        })
        .await;
    assert_eq!((gap.0.start, gap.1), (closed_at, tarsier_types::GapReason::Planned));
    let early = now.millis_since(gap.0.end);
    assert!((0..=GOP * PICTURE_MS + 200).contains(&early), "from the GOP in memory on: {early} ms");
    recorder.until_written(1).await;
    recorder.say(ToRecorder::Stop).await;
    let (exit, closed) = recorder.end().await;
    assert_eq!(exit, ExitCode::Done);
    let main = closed.iter().filter(|(stream, _)| *stream == StreamKind::Main).count();
    assert_eq!(main, 2, "one file before the pause and one of the event");
}

#[tokio::test]
async fn a_tier_that_vanishes_costs_a_second_at_most_once_another_is_named() {
    let bench = Bench::new();
    let mut recorder = bench.start("one", RecordingMode::Continuous, false).await;
    recorder.until_written(1).await;
    bench.make_tier("second");
    std::fs::remove_file(bench.tier("first").join("tarsier-tier.json")).unwrap();
    let (problem, tier_id) = recorder
        .until("that the disk is told", |message| match message {
            ToHub::Disk { problem: Some(problem), tier_id, .. } => Some((problem, tier_id)),
            _ => None,
        })
        .await;
    assert!(problem.contains("is not the disk that was set up"), "{problem}");
    assert_eq!(tier_id, "first");
    let root = bench.tier("second").to_string_lossy().into_owned();
    recorder.say(ToRecorder::Tier { root, id: "second".to_owned() }).await;
    let mut gaps = Vec::new();
    recorder
        .until("a file in the other tier", |message| match message {
            ToHub::Gap { stream: StreamKind::Main, range, reason } => {
                gaps.push((range, reason));
                None
            }
            ToHub::SegmentOpened { stream: StreamKind::Main, tier_id, .. } => {
                (tier_id == "second").then_some(())
            }
            _ => None,
        })
        .await;
    // None, if it was noticed when a file was begun.
    for (range, reason) in gaps {
        assert_eq!(reason, tarsier_types::GapReason::Disk);
        assert!(range.millis() < 2 * GOP * PICTURE_MS, "the rest was in memory: {range:?}");
    }
    recorder.until_written(1).await;
    recorder.say(ToRecorder::Stop).await;
    let (_, closed) = recorder.end().await;
    for (tier, least) in [("first", 1), ("second", 1)] {
        let there: Vec<_> = closed.iter().filter(|(_, s)| s.tier_id == tier).cloned().collect();
        assert!(there.len() >= least, "{tier}: {closed:?}");
        assert_no_hole(&numbers(&bench.tier(tier), StreamKind::Main, &there));
    }
}
