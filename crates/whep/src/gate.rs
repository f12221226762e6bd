//! Hands: the one UDP socket, the TCP port beside it ([`crate::tcp`]), and who is behind them.
//!
//! What does not belong here: whose a datagram is ([`crate::table`]), whether a stream can be shown ([`crate::judge`]).

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use str0m::RtcError;
use str0m::config::DtlsCert;
use str0m::ice::StunMessage;
use tarsier_live::auto::choose::{Chooser, Input};
use tarsier_live::fanout::StreamId;
use tarsier_live::viewer::Next;
use tarsier_live::{Live, LiveStream, Start};
use tarsier_types::{AudioParameters, Clock, ParameterSets, Track, VideoParameters};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::batch::Batch;
use crate::follow::Follow;
use crate::fragment::Fragment;
use crate::judge::{Order, Payload, Refusal, Shown, answered, payload};
use crate::offer::{OfferError, SoundPayloads, VideoPayloads, sound_payloads, video_payloads};
use crate::peer::{Peer, PeerOptions, Reports};
use crate::place::{Ours, Over, Place};
use crate::session::{Hearing, Mail, Sending, Session, Show, instant};
use crate::sound::{Route, route};
use crate::table::{Newcomer, SessionId, Table};
use crate::tcp::{self, Connections};
use crate::udp::{MOST_AT_ONCE, Udp};

/// The longest datagram that the library takes.
pub(crate) const MAX_DATAGRAM_BYTES: usize = 2000;
/// Datagrams that may wait for a session; what comes beyond that is lost, as datagrams may be.
const INBOX: usize = 256;
/// For the first picture, which says how the stream is coded.
const FIRST_PICTURE: Duration = Duration::from_secs(3);
/// After so many pictures of a GOP, one that is shown before its predecessor has come if there are any. With one alone,
/// as just behind a keyframe, nobody can tell.
const ORDER_SHOWS: usize = 4;
/// For those pictures: a camera of less than four a second is taken as it is.
const ORDER_SHOWS_WITHIN: Duration = Duration::from_secs(1);

/// A session that waits for its viewer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// Its name.
    pub id: SessionId,
    /// The answer, as SDP.
    pub answer: String,
    /// A strong entity tag, in quotes.
    pub etag: String,
}

/// Why there is no session.
#[derive(Debug, thiserror::Error)]
pub enum OpenError<N> {
    /// The offer is of no use.
    #[error(transparent)]
    Offer(#[from] OfferError),
    /// The library cannot answer the offer.
    #[error("the offer cannot be answered")]
    Unanswerable(#[source] RtcError),
    /// The stream does not go over WebRTC to this viewer.
    #[error("the stream cannot be shown over WebRTC")]
    Refused(Refusal),
    /// Too many watch.
    #[error("too many sessions")]
    Full,
    /// There are no pictures now.
    #[error("there are no pictures")]
    Waiting(Option<N>),
    /// There will be none.
    #[error("the stream has ended")]
    Ended(N),
}

/// Why a fragment is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrickleError {
    /// No such session of that stream.
    #[error("no such session")]
    NoSession,
    /// The entity tag is another one.
    #[error("another entity tag")]
    OtherTag,
    /// It begins ICE anew, which is not done: a new session costs as little.
    #[error("ICE cannot be restarted")]
    Restart,
}

/// Resolves when a session must end, whatever its viewer wants.
pub type MustEnd = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What a viewer asks for.
pub struct Request<'a> {
    /// What he wants to see; of `auto`, the best that he may. The session is found by it.
    pub stream: &'a StreamId,
    /// For `auto`: what there is to choose from.
    pub auto: Option<Start>,
    /// How high the sub stream is, where that is known: rungs are made of it or of the full one.
    pub sub_height: Option<u16>,
    /// His offer, as SDP.
    pub offer: &'a str,
    /// When his leave to watch is over. Dropped when the session has ended by itself.
    pub must_end: MustEnd,
}

/// Where pictures and sound come from.
pub struct Feeds<'a, N> {
    /// As the camera coded them, and rungs.
    pub live: &'a Live<N>,
    /// The camera's own streams, their sound coded anew as Opus.
    pub opus: &'a Live<N>,
}

/// All WebRTC viewers of the hub.
pub struct Whep {
    pub(crate) gate: Arc<Gate>,
    tasks: [JoinHandle<()>; 2],
}

/// What sessions share.
pub(crate) struct Gate {
    udp: Udp,
    pub(crate) connections: Arc<Connections>,
    ours: Ours,
    certificate: DtlsCert,
    clock: Arc<dyn Clock>,
    table: Mutex<Table<mpsc::Sender<Mail>>>,
    /// Streams of which pictures came in another order than they are shown, by their parameters.
    reordered: Mutex<HashMap<StreamId, VideoParameters>>,
}

impl Drop for Whep {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Whep {
    /// Opens a port at that address of this machine: by UDP, and by TCP for whom UDP does not reach.
    pub async fn start(ip: IpAddr, clock: Arc<dyn Clock>) -> io::Result<Self> {
        let (udp, listener) = bind(ip).await?;
        let reached = |mut local: SocketAddr| {
            if ip.is_unspecified() {
                local.set_ip(Ipv4Addr::LOCALHOST.into());
            }
            local
        };
        let ours = Ours { udp: reached(udp.local_addr()?), tcp: reached(listener.local_addr()?) };
        let certificate = str0m::crypto::from_feature_flags()
            .dtls_provider
            .generate_certificate()
            .ok_or_else(|| io::Error::other("no certificate could be made"))?;
        let gate = Arc::new(Gate {
            udp,
            connections: Arc::default(),
            ours,
            certificate,
            clock,
            table: Mutex::default(),
            reordered: Mutex::default(),
        });
        let reading = tokio::spawn(read(gate.clone()));
        let to = gate.clone();
        let deliver = Arc::new(move |source, bytes: &[u8]| to.deliver(source, bytes));
        let accepting = tokio::spawn(tcp::accept(listener, gate.connections.clone(), deliver));
        Ok(Self { gate, tasks: [reading, accepting] })
    }

    /// A viewer comes.
    pub async fn open<N>(
        &self,
        feeds: Feeds<'_, N>,
        chance: [u128; 2],
        request: Request<'_>,
    ) -> Result<Opened, OpenError<N>>
    where
        N: Clone + PartialEq + Send + Sync + 'static,
    {
        let Request { stream, auto, sub_height, offer, must_end } = request;
        let live = feeds.live;
        let offered = video_payloads(offer)?;
        if !self.gate.table().has_room() {
            return Err(OpenError::Full);
        }
        let mut choose = auto.map(|start| Chooser::new(self.gate.clock.mono(), start));
        let (shown, payload, audio) = self.first(live, (stream, &mut choose), &offered).await?;
        let may_be = if choose.is_some() { Shown::Several } else { Shown::One };
        let payloads = answered(&offered, payload, may_be);
        let takes = sound_payloads(offer);
        let (sound, hearing) = if takes == SoundPayloads::default() {
            (takes, None)
        } else {
            self.hears(&feeds, (&shown, audio, sub_height), takes).await
        };
        let (peer, answer, ufrag) = Peer::answer(PeerOptions {
            offer,
            pictures: payloads.clone(),
            sound,
            certificate: self.gate.certificate.clone(),
            ours: self.gate.ours,
            now: instant(),
            reports: if choose.is_some() { Reports::Told } else { Reports::NotTold },
        })
        .map_err(OpenError::Unanswerable)?;
        let (handle, inbox) = mpsc::channel(INBOX);
        let (id, etag) = (SessionId::from_chance(chance[0]), format!("\"{:032x}\"", chance[1]));
        let newcomer = Newcomer { stream: stream.clone(), etag: etag.clone(), ufrag, handle };
        self.gate.table().add(id.clone(), newcomer).map_err(|_| OpenError::Full)?;
        let session = Session {
            id: id.clone(),
            stream: shown,
            follow: choose.map(Follow::new),
            live: live.clone(),
            hearing,
            clock: self.gate.clock.clone(),
            gate: self.gate.clone(),
            peer,
            payloads,
            inbox,
            must_end,
            show: Show::default(),
            sending: Sending::default(),
        };
        tokio::spawn(session.run());
        Ok(Opened { id, answer, etag })
    }

    /// By what he is sent sound, and of which stream: of that which is shown at first, or that it is made of. It stays with
    /// that one, whatever is shown later.
    async fn hears<N>(
        &self,
        feeds: &Feeds<'_, N>,
        (shown, audio, sub_height): (&StreamId, Option<AudioParameters>, Option<u16>),
        takes: SoundPayloads,
    ) -> (SoundPayloads, Option<Hearing<N>>)
    where
        N: Clone + PartialEq + Send + Sync + 'static,
    {
        let (camera, stream) = shown;
        let (source, audio) = match stream {
            LiveStream::Own(kind) => (*kind, audio),
            LiveStream::Rung(rung) => {
                let kind = rung.source(sub_height);
                (kind, sound_of(feeds.live, (camera.clone(), kind.into())).await)
            }
        };
        let silent = (SoundPayloads::default(), None);
        let Some(audio) = audio else { return silent };
        let Some(route) = route(&audio, takes) else { return silent };
        let from = match route {
            Route::AsItIs => feeds.live,
            Route::Converted => feeds.opus,
        };
        let takes = takes.narrowed(&audio, route);
        let source = (camera.clone(), source.into());
        (takes, Some(Hearing { source, from: from.clone(), takes, sound: None }))
    }

    /// The stream that is shown at first, by which payload, and its sound. Of `auto`: the first that goes to this viewer.
    async fn first<N>(
        &self,
        live: &Live<N>,
        (stream, choose): (&StreamId, &mut Option<Chooser>),
        offered: &VideoPayloads,
    ) -> Result<(StreamId, Payload, Option<AudioParameters>), OpenError<N>>
    where
        N: Clone + PartialEq + Send + Sync + 'static,
    {
        let mut shown = stream.clone();
        loop {
            if let Some(wanted) = choose.as_ref().and_then(Chooser::wanted) {
                shown.1 = wanted;
            }
            let looked = self.look_at(live, &shown).await;
            let looked = looked.and_then(|of| {
                let payload = payload(&of.video, offered).map_err(OpenError::Refused)?;
                Ok((payload, of.audio.clone()))
            });
            match (looked, &mut *choose) {
                (Ok((payload, audio)), _) => return Ok((shown, payload, audio)),
                (Err(error), Some(choose)) => {
                    let input = match &error {
                        OpenError::Refused(_) => Input::CannotPlay(shown.1),
                        // A rung that nothing here can make, say.
                        OpenError::Ended(_) => Input::IsGone(shown.1),
                        _ => return Err(error),
                    };
                    choose.handle(self.gate.clock.mono(), input);
                    if choose.wanted().is_none() {
                        return Err(error);
                    }
                }
                (Err(error), None) => return Err(error),
            }
        }
    }

    /// How the stream is coded, and that its pictures come in order as far as can be seen.
    async fn look_at<N>(
        &self,
        live: &Live<N>,
        stream: &StreamId,
    ) -> Result<Arc<ParameterSets>, OpenError<N>>
    where
        N: Clone + PartialEq + Send + Sync + 'static,
    {
        let mut watch = live.watch(stream.clone()).await;
        let mut order = Order::default();
        let (mut coded, mut pictures) = (None, 0);
        let mut by = tokio::time::Instant::now() + FIRST_PICTURE;
        let mut next = tokio::time::timeout_at(by, watch.next()).await.ok();
        while let Some(now) = next {
            match now {
                Next::Init(parameters) => {
                    order.restart();
                    (coded, pictures) = (Some(parameters), 0);
                    by = by.min(tokio::time::Instant::now() + ORDER_SHOWS_WITHIN);
                }
                Next::Unit { unit, .. } if unit.unit.track == Track::Video => {
                    if !order.keeps(&unit.unit) {
                        return Err(OpenError::Refused(Refusal::Reordered));
                    }
                    pictures += 1;
                }
                Next::Unit { .. } | Next::Skipped(_) => {}
                Next::Waiting(why) => return Err(OpenError::Waiting(Some(why))),
                Next::Ended(why) => return Err(OpenError::Ended(why)),
            }
            next = match &coded {
                Some(_) if pictures >= ORDER_SHOWS => watch.next_now(),
                _ => tokio::time::timeout_at(by, watch.next()).await.ok(),
            };
        }
        let coded = coded.ok_or(OpenError::Waiting(None))?;
        if lock(&self.gate.reordered).get(stream) == Some(&coded.video) {
            return Err(OpenError::Refused(Refusal::Reordered));
        }
        Ok(coded)
    }

    /// The viewer has found more addresses of his.
    pub fn trickle(
        &self,
        id: &SessionId,
        stream: &StreamId,
        etag: &str,
        fragment: &Fragment<'_>,
    ) -> Result<(), TrickleError> {
        let table = self.gate.table();
        let (handle, current, _) = table.find(id, stream).ok_or(TrickleError::NoSession)?;
        if etag == "*" {
            return Err(TrickleError::Restart);
        }
        if etag != current {
            return Err(TrickleError::OtherTag);
        }
        for candidate in &fragment.candidates {
            // A full inbox loses it, as it loses datagrams: the viewer's requests tell his address all the same.
            let _ = handle.try_send(Mail::Candidate((*candidate).to_owned()));
        }
        Ok(())
    }

    /// Ends a session of that stream; whether there was one.
    pub fn end(&self, id: &SessionId, stream: &StreamId) -> bool {
        let mut table = self.gate.table();
        table.find(id, stream).is_some() && table.remove(id).is_some()
    }

    /// Ends all sessions of a stream that is gone.
    pub fn end_stream(&self, stream: &StreamId) {
        self.gate.table().remove_stream(stream);
        lock(&self.gate.reordered).remove(stream);
    }

    /// Ends all sessions.
    pub fn end_all(&self) {
        self.gate.table().clear();
    }
}

impl Gate {
    fn table(&self) -> MutexGuard<'_, Table<mpsc::Sender<Mail>>> {
        lock(&self.table)
    }

    pub(crate) fn forget(&self, id: &SessionId) {
        self.table().remove(id);
    }

    pub(crate) fn answered(&self, id: &SessionId, place: Place) {
        self.table().answered(id, place);
    }

    pub(crate) fn is_reordered(&self, stream: &StreamId, video: VideoParameters) {
        lock(&self.reordered).insert(stream.clone(), video);
    }

    /// What cannot be sent is lost, as datagrams may be.
    pub(crate) async fn send(&self, to: Place, bytes: &[u8]) {
        match to.over {
            Over::Tcp => self.connections.send(to.address, bytes).await,
            Over::Udp => {
                let mut batch = Batch::default();
                batch.push(to.address, bytes);
                self.udp.send(&batch).await;
            }
        }
    }

    /// The same of datagrams that go by UDP.
    pub(crate) async fn send_all(&self, batch: &Batch) {
        self.udp.send(batch).await;
    }

    /// How many datagrams may go by UDP at once.
    pub(crate) fn most_in_a_batch(&self) -> usize {
        self.udp.most_in_a_batch()
    }

    /// A datagram goes to whose it is; whether it is anybody's.
    pub(crate) fn deliver(&self, source: Place, bytes: &[u8]) -> bool {
        let stun = is_stun(bytes).then(|| StunMessage::parse(bytes).ok()).flatten();
        let ufrag = stun.as_ref().and_then(StunMessage::split_username).map(|(ours, _)| ours);
        let table = self.table();
        let handle = table.route(source, ufrag);
        if let Some(handle) = handle {
            let bytes = Bytes::copy_from_slice(bytes);
            let _ = handle.try_send(Mail::Datagram { source, bytes });
        }
        handle.is_some()
    }
}

/// The same port for both, so that whoever guards a network has one number to let through; if that cannot be had, two.
async fn bind(ip: IpAddr) -> io::Result<(Udp, TcpListener)> {
    let udp = Udp::bind(ip).await?;
    let listener = match TcpListener::bind((ip, udp.local_addr()?.port())).await {
        Ok(listener) => listener,
        Err(_) => TcpListener::bind((ip, 0)).await?,
    };
    Ok((udp, listener))
}

/// How the sound of a stream is coded, if it has any and its pictures flow.
async fn sound_of<N>(live: &Live<N>, stream: StreamId) -> Option<AudioParameters>
where
    N: Clone + PartialEq + Send + Sync + 'static,
{
    let mut watch = live.listen(stream).await;
    let looking = async {
        loop {
            match watch.next().await {
                Next::Init(parameters) => return parameters.audio.clone(),
                Next::Ended(_) => return None,
                Next::Unit { .. } | Next::Skipped(_) | Next::Waiting(_) => {}
            }
        }
    };
    tokio::time::timeout(FIRST_PICTURE, looking).await.ok().flatten()
}

async fn read(gate: Arc<Gate>) {
    let mut buffer = vec![0; MOST_AT_ONCE];
    loop {
        let deliver = |address, bytes: &[u8]| {
            if bytes.len() <= MAX_DATAGRAM_BYTES {
                gate.deliver(Place { over: Over::Udp, address }, bytes);
            }
        };
        // An error is the answer to something that we sent to a port that is closed by now.
        let _ = gate.udp.receive(&mut buffer, deliver).await;
    }
}

/// RFC 7983 section 7.
fn is_stun(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(|first| *first < 4)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
