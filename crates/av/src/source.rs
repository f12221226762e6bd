//! A camera read by libav: a thread sits in libav, the source receives what it makes.
//!
//! The thread owns the libav context from its opening to its end. It is told to stop by `Watch`, which libav's
//! interrupt callback asks, so that it is out within milliseconds wherever it sits; only looking up a name cannot be
//! interrupted, which is therefore done before.
//!
//! What does not belong here: what packets mean (`assembly`), what errors mean (`fail`), trying again.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tarsier_ingest::{Source, SourceError, SourceEvent};
use tarsier_types::{CameraUrl, Codec, Credentials, SystemClock, Transport};
use tarsier_wire::Problem;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::location::{Location, Place};
use crate::reader::Reader;
use crate::watch::Watch;

/// Events between the thread and whoever calls `next`. When it is full the thread waits, the socket's buffer fills,
/// and TCP holds the camera back: nothing that came is thrown away.
const EVENTS: usize = 64;
/// Looking up a name.
const LOOK_UP: Duration = Duration::from_secs(5);
/// From the end of the last read to the end of the thread: RTSP sends TEARDOWN in it.
const FAREWELL: Duration = Duration::from_secs(1);

/// How long things may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// From the first packet sent to the stream's parameters being known.
    pub open: Duration,
    /// Between two pictures.
    pub pictures: Duration,
}

impl Default for Timeouts {
    /// SPEC section 4: the first access unit within 10 s, and a connection without pictures is found within 10 s.
    fn default() -> Self {
        Self { open: Duration::from_secs(10), pictures: Duration::from_secs(10) }
    }
}

/// One stream of a camera, read by libav.
#[derive(Debug)]
pub struct LibavSource {
    first: Option<SourceEvent>,
    events: mpsc::Receiver<Message>,
    watch: Arc<Watch>,
    sound_as_sent: Option<Codec>,
}

/// What the thread says.
#[derive(Debug)]
pub(crate) enum Message {
    /// The coding of the sound as the camera sends it; said once, first.
    Opened { sound: Option<Codec> },
    /// Something came.
    Event(SourceEvent),
    /// The last word.
    Failed(SourceError),
}

impl LibavSource {
    /// Connects, and waits until the stream's parameters are known.
    pub async fn open(
        url: &CameraUrl,
        credentials: Option<&Credentials>,
        transport: Transport,
        clock: SystemClock,
        timeouts: Timeouts,
    ) -> Result<Self, SourceError> {
        Self::start(Location::camera(url, transport, credentials), clock, timeouts).await
    }

    /// Reads a file as fast as it is asked for.
    pub async fn open_file(path: &Path, clock: SystemClock) -> Result<Self, SourceError> {
        Self::start(Location::file(path), clock, Timeouts::default()).await
    }

    /// The coding of the sound as the camera sends it; none if there is none that can be kept.
    pub fn sound_as_sent(&self) -> Option<Codec> {
        self.sound_as_sent
    }

    async fn start(
        location: Location,
        clock: SystemClock,
        timeouts: Timeouts,
    ) -> Result<Self, SourceError> {
        if location.has_nul() {
            let detail = "the URL or the credentials hold a NUL character".to_owned();
            return Err(SourceError {
                problem: Problem::ProtocolError,
                other_engine: false,
                detail,
            });
        }
        look_up(&location.place).await?;
        let watch = Arc::new(Watch::new(clock));
        let (sender, events) = mpsc::channel(EVENTS);
        let reader = Reader::new(location, timeouts, Arc::clone(&watch), sender);
        let thread =
            std::thread::Builder::new().name("libav".to_owned()).spawn(move || reader.run());
        thread.map_err(|error| SourceError {
            problem: Problem::ProtocolError,
            other_engine: false,
            detail: format!("no thread for libav: {error}"),
        })?;
        // From here on a drop (the caller gave up waiting) stops the thread.
        let mut source = Self { first: None, events, watch, sound_as_sent: None };
        loop {
            match source.receive().await? {
                Message::Opened { sound } => source.sound_as_sent = sound,
                Message::Event(event) => {
                    source.first = Some(event);
                    return Ok(source);
                }
                Message::Failed(error) => return Err(error),
            }
        }
    }

    async fn receive(&mut self) -> Result<Message, SourceError> {
        self.events.recv().await.ok_or_else(|| SourceError {
            problem: Problem::Disconnected,
            other_engine: false,
            detail: "the libav thread has ended".to_owned(),
        })
    }
}

impl Source for LibavSource {
    async fn next(&mut self) -> Result<SourceEvent, SourceError> {
        if let Some(event) = self.first.take() {
            return Ok(event);
        }
        loop {
            match self.receive().await? {
                Message::Opened { .. } => {}
                Message::Event(event) => return Ok(event),
                Message::Failed(error) => return Err(error),
            }
        }
    }

    async fn close(mut self) {
        self.watch.stop();
        let ended = async { while self.events.recv().await.is_some() {} };
        // After this the process may end; the thread is out of its last call soon after.
        let _ = timeout(FAREWELL, ended).await;
    }
}

impl Drop for LibavSource {
    fn drop(&mut self) {
        self.watch.stop();
    }
}

/// libav would look the name up itself, without a way to interrupt it and with "I/O error" as its only answer.
async fn look_up(place: &Place) -> Result<(), SourceError> {
    let Place::Network { host, port, .. } = place else { return Ok(()) };
    if host.parse::<IpAddr>().is_ok() {
        return Ok(());
    }
    let unknown =
        |detail: String| SourceError { problem: Problem::HostUnknown, other_engine: false, detail };
    match timeout(LOOK_UP, tokio::net::lookup_host((host.as_str(), *port))).await {
        Ok(Ok(mut found)) => {
            found.next().map(|_| ()).ok_or_else(|| unknown("the name has no address".to_owned()))
        }
        Ok(Err(error)) => Err(unknown(format!("looking up the name: {error}"))),
        Err(_) => Err(unknown(format!("the name was not resolved within {} s", LOOK_UP.as_secs()))),
    }
}
