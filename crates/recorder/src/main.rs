//! `tarsier-recorder`: one camera by the pure-Rust engine. Links no C media code, which keeps it under 8 MB.

use tarsier_ingest::{RtspSource, SourceError, Timeouts};
use tarsier_record::{OpenSource, SILENCE};
use tarsier_types::{Credentials, SystemClock};
use tarsier_wire::{Engine, ProbeReport, ProbeRequest, StreamConfig};

struct Rtsp;

impl OpenSource for Rtsp {
    type Source = RtspSource;

    async fn open(
        &self,
        stream: &StreamConfig,
        credentials: Option<&Credentials>,
        clock: SystemClock,
    ) -> Result<RtspSource, SourceError> {
        let timeouts = Timeouts { pictures: SILENCE, ..Timeouts::default() };
        RtspSource::open(&stream.url, credentials, stream.transport, clock, timeouts).await
    }

    async fn probe(&self, request: &ProbeRequest, clock: SystemClock) -> ProbeReport {
        tarsier_ingest::probe(request, clock).await
    }
}

fn main() {
    tarsier_record::main(Engine::Rust, Rtsp)
}
