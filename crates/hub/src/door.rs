//! Hands: who connects by HTTP, and for how long he may say or take nothing.
//!
//! ```text
//! accept --[crowd]--> seat --> hyper (time for a head, length of a head) --> router
//!                       \--[patience]--> the socket
//! ```
//! Limits of what is asked (bodies, messages) are with the handlers. What does not belong here: rights; that a token was
//! good, [`crate::http::rights`] says.

mod crowd;
mod patience;

use std::io::Write;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::serve::Listener;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tower::ServiceExt;

use self::crowd::Crowd;
use self::patience::Patient;
use crate::words;

/// A longer head is none: the longest token and the headers of a browser are below 8 KiB.
const MAX_HEAD_BYTES: usize = 64 << 10;
/// A machine that vanished without a word is noticed, though nothing is sent to it.
const ASKED_AFTER: Duration = Duration::from_secs(30);
const ASKED_EVERY: Duration = Duration::from_secs(10);

/// How long somebody may keep a connection waiting.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// For the head of a request, however slowly it comes, and for the next one on a connection that is kept.
    head_within: Duration,
    /// Who takes nothing at all for so long is dead or hostile.
    stalls_for: Duration,
}

impl Default for Patience {
    /// Guesses: a line over which a head takes longer shows no pictures, and no hole of a wireless network that people
    /// wait for is longer.
    fn default() -> Self {
        Self { head_within: Duration::from_secs(15), stalls_for: Duration::from_secs(30) }
    }
}

/// Dropping the sender ends the connection.
type Guests = Mutex<Crowd<oneshot::Sender<()>>>;

/// A connection's place; given back when its socket is dropped.
pub(crate) struct Seat {
    guests: Arc<Guests>,
    number: u64,
}

impl Seat {
    /// A good token was shown on this connection.
    pub(crate) fn know(&self) {
        lock(&self.guests).know(self.number);
    }
}

#[cfg(test)]
impl Seat {
    /// Of somebody who is alone.
    pub(crate) fn taken() -> Self {
        let guests = Arc::new(Guests::default());
        let (handle, _) = oneshot::channel();
        let number = lock(&guests).come([127, 0, 0, 1].into(), handle).expect("there is room");
        Self { guests, number }
    }

    pub(crate) fn is_known(&self) -> bool {
        lock(&self.guests).is_known(self.number)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        lock(&self.guests).leave(self.number);
    }
}

/// Where one knocks, and who answers.
pub(crate) struct Door {
    pub(crate) listener: TcpListener,
    pub(crate) router: Router,
    pub(crate) patience: Patience,
}

/// Answers whoever connects, until the hub goes down and all answers are given.
pub(crate) async fn open(door: Door, mut stopping: watch::Receiver<bool>) {
    let Door { mut listener, router, patience } = door;
    let guests = Arc::new(Guests::default());
    let mut conversations = JoinSet::new();
    loop {
        let (stream, peer) = tokio::select! {
            // Waits by itself when there are no more files to be had.
            accepted = Listener::accept(&mut listener) => accepted,
            Some(_) = conversations.join_next() => continue,
            () = told(&mut stopping) => break,
        };
        let (handle, sent_away) = oneshot::channel();
        let come = lock(&guests).come(peer.ip(), handle);
        let Ok(number) = come else {
            turn_away(stream, peer);
            continue;
        };
        let seat = Arc::new(Seat { guests: guests.clone(), number });
        let guest = Guest { stream, seat, router: router.clone(), patience };
        let stopping = stopping.clone();
        conversations.spawn(async move {
            tokio::select! {
                () = guest.converse(stopping) => {}
                _ = sent_away => {}
            }
        });
    }
    drop(listener);
    while conversations.join_next().await.is_some() {}
}

/// Somebody who was let in.
struct Guest {
    stream: TcpStream,
    seat: Arc<Seat>,
    router: Router,
    patience: Patience,
}

impl Guest {
    async fn converse(self, mut stopping: watch::Receiver<bool>) {
        let Self { stream, seat, router, patience } = self;
        let keepalive = TcpKeepalive::new().with_time(ASKED_AFTER).with_interval(ASKED_EVERY);
        if let Err(error) = SockRef::from(&stream).set_tcp_keepalive(&keepalive) {
            tracing::debug!(%error, "a viewer who vanishes will be noticed late");
        }
        // A picture is sent when it comes, not when the one before it was acknowledged.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "pictures may wait for each other");
        }
        let stream = Patient::new(stream, seat.clone(), patience.stalls_for);
        let service = router.map_request(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(seat.clone());
            request.map(Body::new)
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(patience.head_within)
            .max_buf_size(MAX_HEAD_BYTES)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service))
            .with_upgrades();
        let mut connection = std::pin::pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = told(&mut stopping) => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::trace!(%error, "a connection broke");
        }
    }
}

/// The guard that it waits for must not live on.
async fn told(stopping: &mut watch::Receiver<bool>) {
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

fn turn_away(stream: TcpStream, peer: SocketAddr) {
    tracing::debug!(%peer, "there are too many connections");
    let body = serde_json::to_string(&words::too_many_connections()).expect("plain JSON");
    let answer = format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\ncontent-length: {}\r\n\
         retry-after: 5\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    // A new socket has room for it; if not, that it is closed says enough. It does not block: it was tokio's.
    if let Ok(mut stream) = stream.into_std() {
        let _ = stream.write_all(answer.as_bytes());
    }
}

fn lock(guests: &Guests) -> MutexGuard<'_, Crowd<oneshot::Sender<()>>> {
    guests.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::time::Instant;

    use super::*;

    const HEAD_WITHIN: Duration = Duration::from_secs(2);
    /// This machine may be busy.
    const AT_LAST: Duration = Duration::from_secs(30);

    /// A door behind which everything is fine.
    struct House {
        address: SocketAddr,
        stop: watch::Sender<bool>,
        closed: tokio::task::JoinHandle<()>,
    }

    impl House {
        async fn build() -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let known = async |request: Request<Body>| {
                request.extensions().get::<Arc<Seat>>().unwrap().know();
                "fine"
            };
            let router =
                Router::new().route("/", get(|| async { "fine" })).route("/known", get(known));
            let (stop, stopping) = watch::channel(false);
            let patience = Patience { head_within: HEAD_WITHIN, ..Patience::default() };
            let closed = tokio::spawn(open(Door { listener, router, patience }, stopping));
            Self { address, stop, closed }
        }

        async fn say(&self, text: &str) -> TcpStream {
            let mut stream = TcpStream::connect(self.address).await.unwrap();
            // The door may close before it has heard all.
            let _ = stream.write_all(text.as_bytes()).await;
            stream
        }

        async fn answer(&self, text: &str) -> String {
            heard(self.say(text).await).await
        }
    }

    /// What is said until the door closes.
    async fn heard(mut stream: TcpStream) -> String {
        let mut said = Vec::new();
        // A reset ends it too.
        let _ = stream.read_to_end(&mut said).await;
        String::from_utf8_lossy(&said).into_owned()
    }

    #[tokio::test]
    async fn a_head_that_comes_byte_by_byte_is_not_waited_for() {
        let house = House::build().await;
        let mut stream = house.say("GET / HTTP/1.1\r\nhost: localhost\r\nx: ").await;
        let begun = Instant::now();
        let mut answer = [0; 64];
        loop {
            tokio::select! {
                read = stream.read(&mut answer) => if matches!(read, Ok(0) | Err(_)) { break },
                () = tokio::time::sleep(HEAD_WITHIN / 20) => {
                    if stream.write_all(b"x").await.is_err() { break }
                }
            }
            assert!(begun.elapsed() < AT_LAST, "the door listens for ever");
        }
        assert!(begun.elapsed() >= HEAD_WITHIN / 2, "a bad line has time");
    }

    #[tokio::test]
    async fn who_is_silent_after_an_answer_is_let_go() {
        let house = House::build().await;
        let answer = house.answer("GET / HTTP/1.1\r\nhost: localhost\r\n\r\n");
        let said = tokio::time::timeout(AT_LAST, answer).await.expect("it is kept for ever");
        assert!(said.starts_with("HTTP/1.1 200"), "{said}");
    }

    #[tokio::test]
    async fn a_head_that_is_too_long_is_refused_before_it_has_come_whole() {
        let house = House::build().await;
        let head =
            |bytes| format!("GET / HTTP/1.1\r\nconnection: close\r\nx: {}\r\n", "y".repeat(bytes));
        let said = house.answer(&format!("{}\r\n", head(MAX_HEAD_BYTES / 2))).await;
        assert!(said.starts_with("HTTP/1.1 200"), "{said}");
        // Without its end: what is refused was too long already.
        let said = house.answer(&head(MAX_HEAD_BYTES * 2)).await;
        assert!(said.is_empty() || said.starts_with("HTTP/1.1 431"), "{said}");
    }

    #[tokio::test]
    async fn a_silent_crowd_makes_room_and_one_that_is_known_is_full() {
        let house = House::build().await;
        let mut silent = Vec::new();
        for _ in 0..=crowd::MOST_OF_ONE_PEER {
            silent.push(house.say("").await);
        }
        let get = |path: &str| format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n");
        assert!(heard(silent.remove(0)).await.is_empty(), "who came first makes room");
        let mut known = Vec::new();
        for _ in 0..crowd::MOST_OF_ONE_PEER {
            let mut stream = house.say(&get("/known")).await;
            stream.read_exact(&mut [0; 12]).await.unwrap();
            known.push(stream);
        }
        let said = house.answer("").await;
        assert!(said.starts_with("HTTP/1.1 503") && said.contains("too_many_sessions"), "{said}");
        drop(known);
        let mut said = String::new();
        while !said.starts_with("HTTP/1.1 200") {
            said = house
                .answer("GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
                .await;
        }
    }

    #[tokio::test]
    async fn the_door_closes_when_the_hub_goes_down_though_somebody_is_silent() {
        let house = House::build().await;
        let _silent = house.say("").await;
        let mut idle = house.say("GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
        idle.read_exact(&mut [0; 12]).await.unwrap();
        house.stop.send_replace(true);
        tokio::time::timeout(AT_LAST, house.closed).await.unwrap().unwrap();
        assert!(TcpStream::connect(house.address).await.is_err(), "nobody listens any more");
    }
}
