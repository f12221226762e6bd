//! `sick-recorder`: `tarsier-recorder`, and ill when a test wants it.
//!
//! It looks for a file named after its process id (`4711.sick`) in the folder that it was started from, which holds one
//! of: `leak 40` (so many MB more each second), `spin` (one core), `hang` (it stops as a whole; not on Windows), `idle`
//! (pictures come, and nothing of them is written). A successor has another process id, and is well.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tarsier_ingest::{RtspSource, Source, SourceError, SourceEvent, Timeouts};
use tarsier_record::OpenSource;
use tarsier_types::{Credentials, SystemClock};
use tarsier_wire::{Engine, ProbeReport, ProbeRequest, StreamConfig};

/// How often the file is looked for.
const LOOK: Duration = Duration::from_millis(100);

struct Sick {
    is_idle: Arc<AtomicBool>,
}

impl OpenSource for Sick {
    type Source = SickSource;

    async fn open(
        &self,
        stream: &StreamConfig,
        credentials: Option<&Credentials>,
        clock: SystemClock,
    ) -> Result<SickSource, SourceError> {
        let (url, transport) = (&stream.url, stream.transport);
        let source =
            RtspSource::open(url, credentials, transport, clock, Timeouts::default()).await?;
        let is_idle = Arc::clone(&self.is_idle);
        Ok(SickSource { source, is_idle, has_ended: false, ready: VecDeque::new() })
    }

    async fn probe(&self, request: &ProbeRequest, clock: SystemClock) -> ProbeReport {
        tarsier_ingest::probe(request, clock).await
    }
}

struct SickSource {
    source: RtspSource,
    is_idle: Arc<AtomicBool>,
    has_ended: bool,
    ready: VecDeque<SourceEvent>,
}

impl Source for SickSource {
    async fn next(&mut self) -> Result<SourceEvent, SourceError> {
        if let Some(event) = self.ready.pop_front() {
            return Ok(event);
        }
        let event = self.source.next().await?;
        if !self.is_idle.load(Ordering::SeqCst) {
            return Ok(event);
        }
        let SourceEvent::Unit(mut unit) = event else { return Ok(event) };
        // A new run needs a keyframe to begin a file with, and never gets one.
        unit.is_keyframe = false;
        if std::mem::replace(&mut self.has_ended, true) {
            return Ok(SourceEvent::Unit(unit));
        }
        let zero = unit.arrived;
        self.ready.push_back(SourceEvent::Unit(unit));
        Ok(SourceEvent::NewRun { zero })
    }

    async fn close(self) {
        self.source.close().await;
    }
}

/// Waits for the illness and has it for the rest of the process's life.
fn fall_ill(file: &Path, is_idle: &AtomicBool) {
    let illness = loop {
        match std::fs::read_to_string(file) {
            // The file may be there before what is in it.
            Ok(illness) if illness.ends_with('\n') => break illness,
            _ => std::thread::park_timeout(LOOK),
        }
    };
    match illness.trim().split_once(' ').unwrap_or((illness.trim(), "")) {
        ("leak", megabytes) => leak(megabytes.parse().unwrap_or(10)),
        ("spin", _) => loop {
            std::hint::spin_loop();
        },
        ("hang", _) => hang(),
        ("idle", _) => is_idle.store(true, Ordering::SeqCst),
        _ => {}
    }
}

/// Until somebody ends it.
fn leak(megabytes_a_second: usize) {
    let mut lost = Vec::new();
    loop {
        // Written to, so that it is resident.
        lost.push(std::hint::black_box(vec![1_u8; megabytes_a_second * 100_000]));
        std::thread::park_timeout(Duration::from_millis(100));
    }
}

#[cfg(unix)]
fn hang() {
    use rustix::process::{Signal, getpid, kill_process};
    let _ = kill_process(getpid(), Signal::STOP);
}

#[cfg(not(unix))]
fn hang() {}

fn main() {
    let started_as = std::env::args_os().next().map(PathBuf::from).unwrap_or_default();
    let folder = started_as.parent().unwrap_or(Path::new(".")).to_owned();
    let file = folder.join(format!("{}.sick", std::process::id()));
    let is_idle = Arc::new(AtomicBool::new(false));
    let falls_idle = Arc::clone(&is_idle);
    std::thread::spawn(move || fall_ill(&file, &falls_idle));
    tarsier_record::main(Engine::Rust, Sick { is_idle })
}
