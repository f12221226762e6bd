//! The hands of one RTSP connection: reads requests, writes what the [`Conversation`] gives, at the time it says.
//!
//! One task does it all, so nothing is shared and nothing waits for anything but the socket and the clock. The
//! bytes that a slow client does not take are kept up to [`MAX_BACKLOG`]; then it is dropped, as cameras do.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tarsier_rtp::message::{BadMessage, Incoming, Response, Status, parse};
use tarsier_rtp::packets::interleaved;
use tarsier_rtp::ports::{PacketKind, PortPair, Sent};
use tokio::net::TcpStream;
use tokio::sync::watch;

use crate::playout::{FilmTrack, Written};
use crate::rtsp::Conversation;
use crate::server::WallClock;
use crate::stats::{Counters, SessionCounters};

/// 8 MiB: 16 s of a 4 Mbit/s stream.
const MAX_BACKLOG: usize = 8 * 1024 * 1024;
/// Whoever has a session sends small requests only.
const READ_SIZE: usize = 4096;

/// Why a connection ended, where that is worth a line in the log.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectionEnd {
    #[error("the client is {MAX_BACKLOG} bytes behind")]
    TooSlow,
    #[error("the client of a UDP session was not heard from")]
    Forsaken,
    #[error("the connection broke")]
    Io(#[from] io::Error),
}

/// One connection.
pub(crate) struct Connection {
    pub(crate) stream: TcpStream,
    pub(crate) peer: IpAddr,
    pub(crate) local: IpAddr,
    pub(crate) conversation: Conversation,
    pub(crate) clock: Arc<WallClock>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) session: Arc<SessionCounters>,
}

impl Connection {
    /// Serves until the client goes, falls too far behind, or the server stops.
    pub(crate) async fn serve(self, stop: watch::Receiver<()>) -> Result<(), ConnectionEnd> {
        let (counters, session) = (Arc::clone(&self.counters), Arc::clone(&self.session));
        let end = Hands {
            io: self,
            outgoing: BytesMut::new(),
            ports: Vec::new(),
            datagrams: 0,
            scratch: Vec::new(),
        }
        .run(stop)
        .await;
        counters.close(&session);
        end
    }
}

/// A pair of ports and the track (0 pictures, 1 sound) that they serve.
type TrackPorts = (u8, PortPair);

struct Hands {
    io: Connection,
    /// Not yet taken by the client.
    outgoing: BytesMut,
    ports: Vec<TrackPorts>,
    /// Datagrams of RTP so far, sent or not.
    datagrams: u64,
    scratch: Vec<u8>,
}

enum Next {
    GoOn,
    End,
}

impl Hands {
    async fn run(mut self, mut stop: watch::Receiver<()>) -> Result<(), ConnectionEnd> {
        let mut incoming = BytesMut::with_capacity(READ_SIZE);
        loop {
            self.send_due()?;
            self.flush()?;
            let wait = self.time_to_wait();
            let clogged = !self.outgoing.is_empty();
            tokio::select! {
                ready = self.io.stream.readable() => {
                    ready?;
                    if let Next::End = self.receive(&mut incoming).await? {
                        return Ok(());
                    }
                }
                ready = self.io.stream.writable(), if clogged => ready?,
                () = heard(&self.ports), if !self.ports.is_empty() => self.io.conversation.heard(self.io.clock.utc_nanos()),
                () = tokio::time::sleep(wait) => {}
                _ = stop.changed() => {
                    self.finish();
                    return Ok(());
                }
            }
        }
    }

    fn time_to_wait(&self) -> Duration {
        // Without a session only the client has something to say; an hour is as good as for ever.
        let idle = Duration::from_secs(3600);
        self.io.conversation.deadline().map_or(idle, |utc| {
            Duration::from_nanos(utc.saturating_sub(self.io.clock.utc_nanos())).min(idle)
        })
    }

    /// Everything that is due goes out in one write.
    fn send_due(&mut self) -> Result<(), ConnectionEnd> {
        let utc = self.io.clock.utc_nanos();
        if self.io.conversation.is_forsaken(utc) {
            return Err(ConnectionEnd::Forsaken);
        }
        self.scratch.clear();
        while let Some(written) = self.io.conversation.poll(utc, &mut self.scratch) {
            match written {
                Written::Unit(FilmTrack::Video) => {
                    self.io.session.pictures.fetch_add(1, Ordering::Relaxed)
                }
                Written::Unit(FilmTrack::Audio) => {
                    self.io.session.sounds.fetch_add(1, Ordering::Relaxed)
                }
                Written::Report => 0,
            };
        }
        self.send_scratch();
        if self.outgoing.len() > MAX_BACKLOG {
            self.io.counters.too_slow.fetch_add(1, Ordering::Relaxed);
            return Err(ConnectionEnd::TooSlow);
        }
        Ok(())
    }

    fn send_scratch(&mut self) {
        let sent = u64::try_from(self.scratch.len()).unwrap_or(0);
        self.io.session.bytes.fetch_add(sent, Ordering::Relaxed);
        if self.ports.is_empty() {
            let direct = if self.outgoing.is_empty() {
                self.io.stream.try_write(&self.scratch).unwrap_or(0)
            } else {
                0
            };
            self.outgoing.extend_from_slice(&self.scratch[direct..]);
            return;
        }
        for (channel, packet) in interleaved(&self.scratch) {
            let kind = if channel % 2 == 0 { PacketKind::Rtp } else { PacketKind::Rtcp };
            if kind == PacketKind::Rtp {
                self.datagrams += 1;
                if is_lost(self.datagrams, self.io.conversation.datagrams_lost_percent()) {
                    continue;
                }
            }
            let Some((_, pair)) = self.ports.iter().find(|(track, _)| *track == channel / 2) else {
                continue;
            };
            if pair.send(kind, packet) == Sent::Refused {
                let lost = u64::try_from(packet.len()).unwrap_or(0);
                self.io.session.backlog_bytes.fetch_add(lost, Ordering::Relaxed);
            }
        }
    }

    fn flush(&mut self) -> Result<(), ConnectionEnd> {
        while !self.outgoing.is_empty() {
            match self.io.stream.try_write(&self.outgoing) {
                Ok(written) => self.outgoing.advance(written),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error.into()),
            }
        }
        if self.ports.is_empty() {
            let backlog = u64::try_from(self.outgoing.len()).unwrap_or(0);
            self.io.session.backlog_bytes.store(backlog, Ordering::Relaxed);
        }
        Ok(())
    }

    async fn receive(&mut self, incoming: &mut BytesMut) -> Result<Next, ConnectionEnd> {
        incoming.reserve(READ_SIZE);
        match self.io.stream.try_read_buf(incoming) {
            Ok(0) => return Ok(Next::End),
            Ok(_) => self.io.conversation.heard(self.io.clock.utc_nanos()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Next::GoOn),
            Err(error) => return Err(error.into()),
        }
        loop {
            match parse(incoming) {
                Ok(Incoming::Incomplete) => return Ok(Next::GoOn),
                Ok(Incoming::Skip(used)) => incoming.advance(used),
                Ok(Incoming::Request(request, used)) => {
                    incoming.advance(used);
                    let pair = if self.io.conversation.wants_ports(&request) {
                        PortPair::open(self.io.local).await.ok()
                    } else {
                        None
                    };
                    if self.io.conversation.begins_session(&request)
                        && self.io.counters.sessions().len()
                            >= self.io.conversation.sessions_at_most()
                    {
                        let refused = Response::new(Status::NotEnoughBandwidth);
                        self.respond(&refused, request.header("CSeq"))?;
                        continue;
                    }
                    let now = self.io.clock.utc_nanos();
                    let answer = self.io.conversation.handle(
                        now,
                        &request,
                        pair.as_ref().map(PortPair::ports),
                    );
                    if answer.response.status == Status::Unauthorized {
                        self.io.counters.unauthorized.fetch_add(1, Ordering::Relaxed);
                    }
                    if let (Some((track, media, reports)), Some(mut pair)) =
                        (answer.uses_ports, pair)
                    {
                        pair.set_client(self.io.peer, media, reports);
                        self.ports.push((track, pair));
                    }
                    *self.io.session.watched.lock().unwrap_or_else(PoisonError::into_inner) =
                        self.io.conversation.watched();
                    self.respond(&answer.response, request.header("CSeq"))?;
                    if answer.closes {
                        self.finish();
                        return Ok(Next::End);
                    }
                }
                Err(BadMessage { cseq }) => {
                    self.respond(&Response::new(Status::BadRequest), cseq.as_deref())?;
                    return Ok(Next::End);
                }
            }
        }
    }

    fn respond(&mut self, response: &Response, cseq: Option<&str>) -> Result<(), ConnectionEnd> {
        self.scratch.clear();
        response.write(cseq, &mut self.scratch);
        self.outgoing.extend_from_slice(&self.scratch);
        self.flush()
    }

    /// The last words; whether they arrive is no matter any more.
    fn finish(&mut self) {
        self.scratch.clear();
        self.io.conversation.finish(&mut self.scratch);
        self.send_scratch();
        let _ = self.flush();
    }
}

/// Chance that is the same in every session (splitmix64 of the datagram's number).
fn is_lost(number: u64, percent: u8) -> bool {
    let mut mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (mixed ^ (mixed >> 31)) % 100 < u64::from(percent)
}

/// Waits until a client of a UDP session says something.
async fn heard(ports: &[TrackPorts]) {
    std::future::poll_fn(|context| {
        if ports.iter().any(|(_, pair)| pair.poll_heard(context).is_ready()) {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
}
