//! Hands: listens, and starts a task for each client.

use std::collections::VecDeque;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustls::ServerConfig;
use tarsier_live::Live;
use tarsier_types::Clock;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinHandle, JoinSet};

use crate::connection::Connection;
use crate::conversation::{Conversation, Line, Opened};
use crate::door::Door;
use crate::pipe::Pipe;
use crate::sender::Origin;

/// So many clients at the same time, let in or not (guess: four programs with 64 streams each).
pub const MAX_CONNECTIONS: usize = 256;

/// What a client has not taken waits in the fan-out, where whole GOPs are left out, and not for many seconds in the system.
const SEND_BUFFER_BYTES: u32 = 256 << 10;
const BACKLOG: u32 = 128;
/// A client that has not agreed on keys by then does not want to watch.
const KEYS_AGREED_WITHIN: Duration = Duration::from_secs(10);

/// Where to listen, and whether by RTSPS.
#[derive(Clone, Debug)]
pub struct Listen {
    /// The address; port 0 is any that is free.
    pub address: SocketAddr,
    /// TLS on every connection, if it is there.
    pub tls: Option<Arc<ServerConfig>>,
}

/// The server. Dropping it ends it, without a word to its clients.
pub struct Rtsp {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    listening: JoinHandle<()>,
}

impl Drop for Rtsp {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

/// What every connection gets.
struct Shared<N> {
    live: Live<N>,
    door: Arc<dyn Door<N>>,
    clock: Arc<dyn Clock>,
    tls: Option<Arc<ServerConfig>>,
}

impl Rtsp {
    /// Listens. Needs a tokio runtime with timers and IO.
    pub fn start<N>(
        listen: Listen,
        live: Live<N>,
        door: Arc<dyn Door<N>>,
        clock: Arc<dyn Clock>,
    ) -> io::Result<Self>
    where
        N: Clone + PartialEq + Send + Sync + 'static,
    {
        let Listen { address, tls } = listen;
        let socket = if address.is_ipv6() { TcpSocket::new_v6() } else { TcpSocket::new_v4() }?;
        // On Windows it would let another program take the port.
        socket.set_reuseaddr(cfg!(unix))?;
        socket.set_send_buffer_size(SEND_BUFFER_BYTES)?;
        socket.bind(address)?;
        let listener = socket.listen(BACKLOG)?;
        let address = listener.local_addr()?;
        let (stop, stopped) = watch::channel(false);
        let shared = Arc::new(Shared { live, door, clock, tls });
        let listening = tokio::spawn(accept(listener, shared, stopped));
        Ok(Self { address, stop, listening })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Says good-bye to all clients, and takes no more.
    pub fn end_all(&self) {
        self.stop.send_replace(true);
    }
}

/// Who is connected; who came first stands first.
#[derive(Default)]
struct Crowd(VecDeque<(AbortHandle, Arc<AtomicBool>)>);

impl Crowd {
    /// Whether there is room for one more. Of those who have shown no good token, the one who has been here longest makes it:
    /// a crowd that says nothing keeps nobody out.
    fn make_room(&mut self) -> bool {
        self.0.retain(|(task, _)| !task.is_finished());
        if self.0.len() < MAX_CONNECTIONS {
            return true;
        }
        let stranger = self.0.iter().position(|(_, is_known)| !is_known.load(Ordering::Relaxed));
        let stranger = stranger.and_then(|at| self.0.remove(at));
        stranger.inspect(|(task, _)| task.abort()).is_some()
    }
}

async fn accept<N>(listener: TcpListener, shared: Arc<Shared<N>>, mut stop: watch::Receiver<bool>)
where
    N: Clone + PartialEq + Send + Sync + 'static,
{
    let (mut connections, mut crowd) = (JoinSet::new(), Crowd::default());
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) if !crowd.make_room() => turn_away(stream),
                Ok((stream, peer)) => {
                    let (shared, stop) = (Arc::clone(&shared), stop.clone());
                    let is_known = Arc::<AtomicBool>::default();
                    let guest = is_known.clone();
                    let task = connections.spawn(async move {
                        let opened = open(&shared, stream, peer, guest).await;
                        drop(shared);
                        match opened {
                            Ok(connection) => {
                                let end = connection.serve(stop).await;
                                tracing::debug!(%peer, why = &end as &dyn std::error::Error, "an RTSP connection is over");
                            }
                            Err(error) => tracing::debug!(%peer, %error, "an RTSP connection was lost at once"),
                        }
                    });
                    crowd.0.push_back((task, is_known));
                }
                Err(error) => {
                    // Out of file descriptors, mostly: it passes when somebody goes.
                    tracing::warn!(%error, "cannot accept an RTSP connection");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
            Some(_) = connections.join_next() => {}
            () = told(&mut stop) => break,
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

fn turn_away(stream: TcpStream) {
    if let Ok(mut stream) = stream.into_std() {
        let _ = stream.write(b"RTSP/1.0 503 Service Unavailable\r\nRetry-After: 10\r\n\r\n");
    }
}

/// Waits until all shall end.
pub(crate) async fn told(stop: &mut watch::Receiver<bool>) {
    // The guard that it returns must not live on.
    let _ = stop.wait_for(|stopping| *stopping).await;
}

async fn open<N>(
    shared: &Shared<N>,
    stream: TcpStream,
    peer: SocketAddr,
    is_known: Arc<AtomicBool>,
) -> io::Result<Connection<N>> {
    stream.set_nodelay(true)?;
    let local = stream.local_addr()?.ip();
    let line = match &shared.tls {
        Some(_) => Line::Tls,
        None if peer.ip().is_loopback() => Line::Local,
        None => Line::Open,
    };
    let opening = Pipe::open(stream, shared.tls.clone());
    let pipe = tokio::time::timeout(KEYS_AGREED_WITHIN, opening).await??;
    let origin =
        || Origin { ssrc: rand::random(), sequence: rand::random(), timestamp: rand::random() };
    let session = format!("{:032X}", rand::random::<u128>());
    let opened =
        Opened { session, seed: rand::random(), line, origins: [origin(), origin()], local };
    Ok(Connection {
        pipe,
        peer: peer.ip(),
        local,
        conversation: Conversation::new(opened),
        is_known,
        door: Arc::clone(&shared.door),
        live: shared.live.clone(),
        clock: Arc::clone(&shared.clock),
    })
}

#[cfg(test)]
mod tests;
