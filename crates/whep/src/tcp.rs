//! Hands: viewers whom UDP does not reach. They connect by TCP (RFC 6544: we are passive), and each datagram goes behind
//! its length in two bytes, the higher one first (RFC 4571 section 2).
//!
//! ```text
//! session --send--> outbox of its connection --frames--> socket
//! socket --frames--> deliver --> session
//! ```
//! A full outbox is waited for: behind it the viewer's queue in the fan-out leaves whole GOPs out. What does not belong
//! here: whose a datagram is ([`crate::table`]).

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::tcp::OwnedWriteHalf;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::gate::MAX_DATAGRAM_BYTES;
use crate::place::{Over, Place};
use crate::session::SILENCE;
use crate::table::MAX_SESSIONS;

/// A browser opens one for each of its networks; all but one of a session fall silent.
const MAX_CONNECTIONS: usize = 4 * MAX_SESSIONS;
/// Datagrams that wait for a connection, some 80 kB: what is behind them is left out by whole GOPs.
const OUTBOX: usize = 64;
/// Who takes nothing for so long is gone.
const STALLS_FOR: Duration = Duration::from_secs(10);
/// When there are no more files to be had.
const BREATH: Duration = Duration::from_millis(200);

/// What came over a connection: answers whether it was somebody's.
pub(crate) type Deliver = Arc<dyn Fn(Place, &[u8]) -> bool + Send + Sync>;

/// All that are open.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    open: Mutex<HashMap<SocketAddr, mpsc::Sender<Bytes>>>,
}

impl Connections {
    /// What cannot be sent is lost, as datagrams may be.
    pub(crate) async fn send(&self, to: SocketAddr, datagram: &[u8]) {
        let outbox = self.open().get(&to).cloned();
        if let Some(outbox) = outbox {
            let _ = outbox.send(Bytes::copy_from_slice(datagram)).await;
        }
    }

    fn open(&self) -> MutexGuard<'_, HashMap<SocketAddr, mpsc::Sender<Bytes>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
impl Connections {
    /// Somebody is connected from there and takes nothing.
    pub(crate) fn clog(&self, source: SocketAddr) -> mpsc::Receiver<Bytes> {
        let (handle, outbox) = mpsc::channel(2);
        self.open().insert(source, handle);
        outbox
    }
}

/// Takes whoever connects, for ever.
pub(crate) async fn accept(listener: TcpListener, connections: Arc<Connections>, deliver: Deliver) {
    let mut carried = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, source)) if carried.len() < MAX_CONNECTIONS => {
                    carried.spawn(carry(stream, source, connections.clone(), deliver.clone()));
                }
                Ok((_, source)) => tracing::debug!(%source, "there are too many connections"),
                Err(error) => {
                    tracing::debug!(%error, "a connection could not be taken");
                    tokio::time::sleep(BREATH).await;
                }
            },
            Some(_) = carried.join_next() => {}
        }
    }
}

/// A connection's place among the open ones; given back however it ends.
struct Listed {
    connections: Arc<Connections>,
    source: SocketAddr,
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.connections.open().remove(&self.source);
    }
}

async fn carry(
    stream: TcpStream,
    source: SocketAddr,
    connections: Arc<Connections>,
    deliver: Deliver,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "pictures may wait for each other");
    }
    let (handle, outbox) = mpsc::channel(OUTBOX);
    connections.open().insert(source, handle);
    let _listed = Listed { connections, source };
    let (reader, writer) = stream.into_split();
    tokio::select! {
        () = hear(BufReader::new(reader), source, deliver, SILENCE) => {}
        () = say(writer, outbox) => {}
    }
}

/// Until nothing comes that is anybody's: its session is over, or there never was one.
async fn hear(
    mut reader: impl AsyncRead + Unpin,
    source: SocketAddr,
    deliver: Deliver,
    silent_for: Duration,
) {
    let mut heard = Instant::now();
    while let Ok(Some(datagram)) =
        tokio::time::timeout_at(heard + silent_for, frame(&mut reader)).await
    {
        if deliver(Place { over: Over::Tcp, address: source }, &datagram) {
            heard = Instant::now();
        }
    }
}

/// The next one, if it comes whole and is not longer than the library takes.
async fn frame(reader: &mut (impl AsyncRead + Unpin)) -> Option<Vec<u8>> {
    let length = usize::from(reader.read_u16().await.ok()?);
    if length > MAX_DATAGRAM_BYTES {
        return None;
    }
    let mut datagram = vec![0; length];
    reader.read_exact(&mut datagram).await.ok()?;
    Some(datagram)
}

async fn say(mut writer: OwnedWriteHalf, mut outbox: mpsc::Receiver<Bytes>) {
    let (mut datagrams, mut frames) = (Vec::new(), Vec::new());
    while outbox.recv_many(&mut datagrams, OUTBOX).await > 0 {
        for datagram in datagrams.drain(..) {
            // The library's are far shorter.
            let Ok(length) = u16::try_from(datagram.len()) else { continue };
            frames.extend_from_slice(&length.to_be_bytes());
            frames.extend_from_slice(&datagram);
        }
        match tokio::time::timeout(STALLS_FOR, writer.write_all(&frames)).await {
            Ok(Ok(())) => frames.clear(),
            _ => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    /// For what must come on a busy machine.
    const AT_LAST: Duration = Duration::from_secs(20);

    struct Scene {
        connections: Arc<Connections>,
        address: SocketAddr,
        heard: mpsc::UnboundedReceiver<(Place, Vec<u8>)>,
        accepting: tokio::task::JoinHandle<()>,
    }

    impl Scene {
        /// Somebody is at home for what begins with a letter.
        async fn new() -> Self {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
            let address = listener.local_addr().unwrap();
            let connections = Arc::new(Connections::default());
            let (hear, heard) = mpsc::unbounded_channel();
            let deliver = Arc::new(move |place, bytes: &[u8]| {
                let is_ours = bytes.first().is_some_and(u8::is_ascii_alphabetic);
                hear.send((place, bytes.to_vec())).unwrap();
                is_ours
            });
            let accepting = tokio::spawn(accept(listener, connections.clone(), deliver));
            Self { connections, address, heard, accepting }
        }

        async fn until_open(&self, count: usize) {
            let waits = async {
                while self.connections.open().len() != count {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            };
            tokio::time::timeout(AT_LAST, waits).await.expect("so many connections are open");
        }
    }

    #[tokio::test]
    async fn datagrams_keep_their_borders_both_ways() {
        let mut scene = Scene::new().await;
        let mut viewer = TcpStream::connect(scene.address).await.unwrap();
        let source = viewer.local_addr().unwrap();
        // One in two pieces, two in one, an empty one.
        for piece in [&b"\x00\x03a"[..], b"bc\x00\x01d\x00\x00\x00\x02ef"] {
            viewer.write_all(piece).await.unwrap();
        }
        for expected in [&b"abc"[..], b"d", b"", b"ef"] {
            let (place, bytes) = scene.heard.recv().await.unwrap();
            assert_eq!((place.over, place.address, &bytes[..]), (Over::Tcp, source, expected));
        }
        scene.connections.send(source, b"one").await;
        scene.connections.send(source, &[7; 1200]).await;
        assert_eq!(frame(&mut viewer).await.unwrap(), b"one");
        assert_eq!(frame(&mut viewer).await.unwrap(), vec![7; 1200]);
        drop(viewer);
        scene.until_open(0).await;
        scene.connections.send(source, b"nobody is there: lost").await;
        scene.accepting.abort();
    }

    #[tokio::test]
    async fn a_connection_over_which_nothing_comes_that_is_anybodys_is_not_kept() {
        const SILENT_FOR: Duration = Duration::from_millis(300);
        let deliver: Deliver = Arc::new(|_, bytes: &[u8]| bytes == b"a");
        let (mut viewer, ours) = tokio::io::duplex(100);
        let began = Instant::now();
        let hearing = tokio::spawn(hear(ours, ([192, 0, 2, 1], 9).into(), deliver, SILENT_FOR));
        viewer.write_all(b"\x00\x01a").await.unwrap();
        let mut chatter = tokio::time::interval(SILENT_FOR / 10);
        while !hearing.is_finished() {
            chatter.tick().await;
            let _ = viewer.write_all(b"\x00\x01x").await;
            assert!(began.elapsed() < AT_LAST, "whoever talks is heard for ever");
        }
        assert!(began.elapsed() >= SILENT_FOR, "he has time");
    }

    #[tokio::test]
    async fn who_takes_nothing_holds_up_no_more_than_his_own_session_and_not_for_ever() {
        let scene = Scene::new().await;
        let viewer = TcpStream::connect(scene.address).await.unwrap();
        let source = viewer.local_addr().unwrap();
        scene.until_open(1).await;
        // Until neither the sockets nor the outbox take any more.
        let datagram = [b'a'; 1200];
        let full = async {
            loop {
                scene.connections.send(source, &datagram).await;
                if scene.connections.open().is_empty() {
                    break;
                }
            }
        };
        tokio::time::timeout(STALLS_FOR * 3, full).await.expect("he is waited for for ever");
        drop(viewer);
        scene.accepting.abort();
    }
}
