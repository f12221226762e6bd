//! What the two recorder programs differ in: how a camera is opened and probed.

use std::future::Future;
use std::time::Duration;

use tarsier_ingest::{Source, SourceError};
use tarsier_types::{Credentials, SystemClock};
use tarsier_wire::{ProbeReport, ProbeRequest, StreamConfig};

/// For the sources' own patience between two pictures. Whether a stream is alive is decided by the `reconnect` brain,
/// which knows the pace of each camera; this is for a brain that is not asked.
pub const SILENCE: Duration = Duration::from_secs(330);

/// A way to open cameras.
pub trait OpenSource: Send + Sync + 'static {
    /// What it opens.
    type Source: Source + 'static;

    /// Connects to one stream and waits until it plays.
    fn open(
        &self,
        stream: &StreamConfig,
        credentials: Option<&Credentials>,
        clock: SystemClock,
    ) -> impl Future<Output = Result<Self::Source, SourceError>> + Send;

    /// Looks at what is at the other end of a URL.
    fn probe(
        &self,
        request: &ProbeRequest,
        clock: SystemClock,
    ) -> impl Future<Output = ProbeReport> + Send;
}
