//! `tarsier-recorder-libav`: one camera by libav, for what the pure-Rust engine cannot read.

use tarsier_av::{LibavSource, Timeouts};
use tarsier_ingest::SourceError;
use tarsier_record::{OpenSource, SILENCE};
use tarsier_types::{Credentials, SystemClock};
use tarsier_wire::{Engine, ProbeReport, ProbeRequest, StreamConfig};

struct Libav;

impl OpenSource for Libav {
    type Source = LibavSource;

    async fn open(
        &self,
        stream: &StreamConfig,
        credentials: Option<&Credentials>,
        clock: SystemClock,
    ) -> Result<LibavSource, SourceError> {
        let timeouts = Timeouts { pictures: SILENCE, ..Timeouts::default() };
        LibavSource::open(&stream.url, credentials, stream.transport, clock, timeouts).await
    }

    async fn probe(&self, request: &ProbeRequest, clock: SystemClock) -> ProbeReport {
        tarsier_av::probe(request, clock).await
    }
}

fn main() {
    tarsier_record::main(Engine::Libav, Libav)
}
