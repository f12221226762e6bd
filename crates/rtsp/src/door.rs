//! Words: what the server asks of whoever knows tokens and cameras.

use std::pin::Pin;

use tarsier_live::fanout::StreamId;

/// Comes when the right to watch is over: the token has expired, was revoked, or the camera is no more.
pub type Ended = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Knows who may watch what. `N` is what the fan-out says where there are no pictures.
pub trait Door<N>: Send + Sync + 'static {
    /// Whether the holder of that token may watch. `camera` and `stream` are what stands in the URL.
    fn admit(&self, token: &str, camera: &str, stream: &str) -> Result<Admitted, Refused>;

    /// What people are told; nothing was heard of the camera yet if there is no reason.
    fn words(&self, why: Option<&N>) -> String;
}

/// Somebody may watch.
pub struct Admitted {
    /// What he asked for.
    pub stream: StreamId,
    /// For how long.
    pub ended: Ended,
}

/// Somebody may not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// As a client must know it.
    pub why: Why,
    /// As people must.
    pub words: String,
}

/// Why somebody may not watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// There is no token, or not a good one: another might be.
    Unauthorized,
    /// The token is for something else.
    Forbidden,
    /// There is no such camera or stream.
    NotFound,
}
