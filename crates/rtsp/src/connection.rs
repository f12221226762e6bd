//! Hands: one client: reads requests, writes answers and packets.
//!
//! One task does it all, so nothing is shared. Over TCP the next unit is taken from the fan-out when the client has taken
//! the one before; behind that his queue in the fan-out leaves whole GOPs out. Requests wait as long, so that nothing
//! grows. What does not belong here: what is answered (`conversation`), times (`sender`), patience.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::{Buf as _, BytesMut};
use tarsier_live::fanout::StreamId;
use tarsier_live::viewer::Next;
use tarsier_live::{Live, Tracks, Watch};
use tarsier_rtp::message::{BadMessage, Incoming, Request, Response, Status, parse};
use tarsier_rtp::packets::interleaved;
use tarsier_rtp::ports::{PacketKind, PortPair};
use tarsier_types::{Clock, ParameterSets};
use tokio::sync::watch;

use crate::conversation::{Answer, Conversation, Then};
use crate::description::{Description, NotCarried};
use crate::door::{Admitted, Door, Ended};
use crate::patience::{Impatience, Patience};
use crate::pipe::{Pipe, Sent, Turn};
use crate::sender::Moment;
use crate::server::told;

const READ_SIZE: usize = 4096;
/// For the first picture, which says how the stream is coded.
const FIRST_PICTURE: Duration = Duration::from_secs(5);
/// A whole GOP at once is more than the client's socket may hold: so much, then a pause (guess: a socket's usual 208 kB
/// hold some 180 datagrams).
const BURST_BYTES: usize = 64 << 10;
const BURST_PAUSE: Duration = Duration::from_millis(2);

/// Why a connection ended, for the log.
#[derive(Debug, thiserror::Error)]
pub(crate) enum End {
    #[error("the client is gone")]
    Gone,
    #[error("the client said so")]
    Told,
    #[error("it sent what is no RTSP")]
    BadMessage,
    #[error(transparent)]
    GivenUp(#[from] Impatience),
    #[error("the right to watch is over")]
    RightOver,
    #[error("the camera is gone")]
    CameraGone,
    #[error(
        "the camera codes in another way than was described; a client that comes again is told"
    )]
    Changed,
    #[error("the server stops")]
    Stopping,
    #[error("the connection broke")]
    Io(#[from] io::Error),
}

/// A connection that was just opened.
pub(crate) struct Connection<N> {
    pub(crate) pipe: Pipe,
    pub(crate) peer: IpAddr,
    pub(crate) local: IpAddr,
    pub(crate) conversation: Conversation,
    /// A good token was shown.
    pub(crate) is_known: Arc<AtomicBool>,
    pub(crate) door: Arc<dyn Door<N>>,
    pub(crate) live: Live<N>,
    pub(crate) clock: Arc<dyn Clock>,
}

/// What happened next.
enum Happened<N> {
    Turn(io::Result<Turn>),
    Unit(Next<N>),
    Heard,
    RightOver,
    Stopping,
    Time,
}

struct Hands<N> {
    io: Connection<N>,
    patience: Patience,
    incoming: BytesMut,
    /// Not yet taken by the client.
    outgoing: BytesMut,
    sent: Sent,
    /// A pair of ports for each track that travels by datagrams.
    ports: Vec<(usize, PortPair)>,
    watch: Option<Watch<N>>,
    right: Ended,
    since_pause: usize,
}

impl<N: Clone + PartialEq + Send + Sync + 'static> Connection<N> {
    /// Serves until one side ends it.
    pub(crate) async fn serve(self, mut stop: watch::Receiver<bool>) -> End {
        let mut hands = Hands {
            patience: Patience::new(self.clock.mono()),
            io: self,
            incoming: BytesMut::with_capacity(READ_SIZE),
            outgoing: BytesMut::new(),
            sent: Sent::All,
            ports: Vec::new(),
            watch: None,
            right: Box::pin(std::future::pending()),
            since_pause: 0,
        };
        let end = match hands.run(&mut stop).await {
            Ok(never) => match never {},
            Err(end) => end,
        };
        hands.say_goodbye().await;
        end
    }
}

impl<N: Clone + PartialEq + Send + Sync + 'static> Hands<N> {
    async fn run(
        &mut self,
        stop: &mut watch::Receiver<bool>,
    ) -> Result<std::convert::Infallible, End> {
        loop {
            self.flush()?;
            let is_clogged = self.sent == Sent::Waits;
            let before = self.outgoing.len();
            self.incoming.reserve(READ_SIZE);
            let (deadline, why) = self.patience.deadline(self.io.conversation.stage());
            let left = deadline.since(self.io.clock.mono());
            if left.is_zero() {
                return Err(why.into());
            }
            let happened = tokio::select! {
                turn = self.io.pipe.turn(self.sent, &mut self.incoming, &mut self.outgoing) => {
                    Happened::Turn(turn)
                }
                next = next_of(&mut self.watch), if !is_clogged => Happened::Unit(next),
                () = heard(&self.ports) => Happened::Heard,
                () = &mut self.right => Happened::RightOver,
                () = told(stop) => Happened::Stopping,
                () = tokio::time::sleep(left) => Happened::Time,
            };
            match happened {
                Happened::Turn(turn) => match turn? {
                    Turn::Received(bytes) => self.received(bytes).await?,
                    Turn::Taken => self.note_taken(before),
                },
                Happened::Unit(next) => self.next(next).await?,
                Happened::Heard => self.patience.heard(self.io.clock.mono()),
                Happened::RightOver => return Err(End::RightOver),
                Happened::Stopping => return Err(End::Stopping),
                Happened::Time => {}
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        let (before, waited) = (self.outgoing.len(), self.sent == Sent::Waits);
        self.sent = self.io.pipe.try_send(&mut self.outgoing)?;
        self.note_taken(before);
        match self.sent {
            Sent::Waits => self.patience.clogged(self.io.clock.mono()),
            Sent::All if waited => self.patience.took(self.io.clock.mono(), 0),
            Sent::All => {}
        }
        Ok(())
    }

    fn note_taken(&mut self, before: usize) {
        if self.outgoing.len() < before {
            self.patience.took(self.io.clock.mono(), self.outgoing.len());
        }
    }

    async fn received(&mut self, bytes: usize) -> Result<(), End> {
        if bytes == 0 {
            return Err(End::Gone);
        }
        self.patience.heard(self.io.clock.mono());
        loop {
            match parse(&self.incoming) {
                Ok(Incoming::Incomplete) => return Ok(()),
                Ok(Incoming::Skip(used)) => self.incoming.advance(used),
                Ok(Incoming::Request(request, used)) => {
                    self.incoming.advance(used);
                    let answer = self.answer(&request).await;
                    self.respond(&answer.response, request.header("CSeq"))?;
                    match answer.then {
                        Then::Play(stream) => {
                            let both = Tracks::PicturesAndSound;
                            self.watch = Some(self.io.live.watch_tracks(stream, both).await);
                        }
                        Then::Pause => self.watch = None,
                        Then::Close => return Err(End::Told),
                        Then::GoOn | Then::UsePorts { .. } => {}
                    }
                }
                Err(BadMessage { cseq }) => {
                    self.respond(&Response::new(Status::BadRequest), cseq.as_deref())?;
                    return Err(End::BadMessage);
                }
            }
        }
    }

    /// Finds out what an answer depends on, and answers.
    async fn answer(&mut self, request: &Request) -> Answer {
        if let Some(question) = self.io.conversation.question(request) {
            match self.io.door.admit(&question.shown, &question.camera, &question.stream) {
                Ok(Admitted { stream, ended }) => {
                    self.right = ended;
                    self.io.is_known.store(true, Ordering::Relaxed);
                    self.io.conversation.admitted(question, stream);
                }
                Err(refused) => {
                    self.right = Box::pin(std::future::pending());
                    return self.io.conversation.refused(&refused);
                }
            }
        }
        if let Some(stream) = self.io.conversation.undescribed(request).cloned() {
            let answer = match look_at(&self.io.live, stream).await {
                Ok(parameters) => self.io.conversation.described(described(&parameters)),
                Err(why) => Some(Conversation::unavailable(&self.io.door.words(why.as_ref()))),
            };
            if let Some(answer) = answer {
                return answer;
            }
        }
        let pair = if self.io.conversation.wants_ports(request) {
            PortPair::open(self.io.local).await.ok()
        } else {
            None
        };
        let answer = self.io.conversation.handle(request, pair.as_ref().map(PortPair::ports));
        if let (Then::UsePorts { track, media, reports }, Some(mut pair)) = (&answer.then, pair) {
            pair.set_client(self.io.peer, *media, *reports);
            self.ports.push((*track, pair));
        }
        answer
    }

    fn respond(&mut self, response: &Response, cseq: Option<&str>) -> io::Result<()> {
        let mut text = Vec::new();
        response.write(cseq, &mut text);
        self.outgoing.extend_from_slice(&text);
        self.flush()
    }

    async fn next(&mut self, next: Next<N>) -> Result<(), End> {
        let Some(sender) = self.io.conversation.sender() else { return Ok(()) };
        match next {
            Next::Init(parameters) => {
                let goes_on = described(&parameters).is_ok_and(|it| sender.description().fits(&it));
                if !goes_on {
                    return Err(End::Changed);
                }
                sender.begin_run();
            }
            Next::Unit { unit, .. } => {
                let clock = &self.io.clock;
                let now = Moment { mono: clock.mono(), unix_us: clock.utc().0 * 1000 };
                let mut packets = Vec::new();
                sender.unit(now, &unit, &mut packets);
                self.send(&packets).await;
            }
            Next::Skipped(units) => {
                tracing::debug!(peer = %self.io.peer, units, "an RTSP client was too slow");
            }
            Next::Waiting(_) => {}
            Next::Ended(_) => return Err(End::CameraGone),
        }
        Ok(())
    }

    async fn send(&mut self, packets: &[u8]) {
        if self.ports.is_empty() {
            return self.outgoing.extend_from_slice(packets);
        }
        for (channel, packet) in interleaved(packets) {
            let kind = if channel % 2 == 0 { PacketKind::Rtp } else { PacketKind::Rtcp };
            let of_track = |(track, _): &&(usize, PortPair)| *track == usize::from(channel / 2);
            if let Some((_, pair)) = self.ports.iter().find(of_track) {
                // What the system has no room for is lost, as datagrams may be.
                let _ = pair.send(kind, packet);
            }
            self.since_pause += packet.len();
            if self.since_pause >= BURST_BYTES {
                self.since_pause = 0;
                tokio::time::sleep(BURST_PAUSE).await;
            }
        }
    }

    /// The last words; whether they arrive is no matter any more.
    async fn say_goodbye(&mut self) {
        let mut packets = Vec::new();
        if let Some(sender) = self.io.conversation.sender() {
            sender.finish(&mut packets);
        }
        self.send(&packets).await;
        if self.flush().is_ok() {
            self.io.pipe.close();
        }
    }
}

/// How the stream is coded now, or why nobody can tell.
async fn look_at<N>(live: &Live<N>, stream: StreamId) -> Result<Arc<ParameterSets>, Option<N>>
where
    N: Clone + PartialEq + Send + Sync + 'static,
{
    let mut watch = live.watch(stream).await;
    let by = tokio::time::Instant::now() + FIRST_PICTURE;
    loop {
        match tokio::time::timeout_at(by, watch.next()).await {
            Ok(Next::Init(parameters)) => return Ok(parameters),
            Ok(Next::Waiting(why) | Next::Ended(why)) => return Err(Some(why)),
            Ok(Next::Unit { .. } | Next::Skipped(_)) => {}
            Err(_) => return Err(None),
        }
    }
}

/// What goes out of a run.
fn described(parameters: &ParameterSets) -> Result<Description, NotCarried> {
    Description::of(&parameters.video, parameters.audio.as_ref())
}

async fn next_of<N>(watch: &mut Option<Watch<N>>) -> Next<N> {
    match watch {
        Some(watch) => watch.next().await,
        None => std::future::pending().await,
    }
}

/// Waits until a client of a UDP session says something; for ever without one.
async fn heard(ports: &[(usize, PortPair)]) {
    std::future::poll_fn(|context| {
        if ports.iter().any(|(_, pair)| pair.poll_heard(context).is_ready()) {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
}
