//! The hands of the server: reads the films, listens, and starts a task for each connection.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tarsier_types::{Clock, StreamKind, SystemClock, UtcMs};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use crate::catalogue::{Catalogue, Scene};
use crate::connection::Connection;
use crate::film::Film;
use crate::options::{DemoOptions, StartDemoError};
use crate::playout::Origin;
use crate::quirks::ParameterSetsIn;
use crate::rtsp::{Access, Conversation, Opened};
use crate::samples;
use crate::schedule::latest_picture;
use crate::stats::{Counters, DemoStats, SessionStats};

/// The wall clock, read once and carried on by the monotonic clock: a step of the system's time does not tear the film.
pub(crate) struct WallClock {
    clock: SystemClock,
    zero_utc_nanos: u64,
}

impl WallClock {
    fn start() -> Self {
        let clock = SystemClock::start();
        let zero_utc_nanos = u64::try_from(clock.utc().0).unwrap_or(0) * 1_000_000;
        Self { clock, zero_utc_nanos }
    }

    /// Nanoseconds since 1970.
    pub(crate) fn utc_nanos(&self) -> u64 {
        let since = u64::try_from(self.clock.mono().since_zero().as_nanos()).unwrap_or(u64::MAX);
        self.zero_utc_nanos.saturating_add(since)
    }
}

/// A server of demo cameras. Dropping it stops it too, without waiting.
#[derive(Debug)]
pub struct DemoServer {
    addr: SocketAddr,
    catalogue: Arc<Catalogue>,
    counters: Arc<Counters>,
    stop: watch::Sender<()>,
    listener: JoinHandle<()>,
}

impl DemoServer {
    /// Reads the films, and listens. Needs a tokio runtime with timers and IO.
    pub async fn start(options: DemoOptions) -> Result<Self, StartDemoError> {
        let scenes = scenes(&options).await?;
        let failed = |source| StartDemoError::Listen { addr: options.listen, source };
        let listener = TcpListener::bind(options.listen).await.map_err(failed)?;
        let addr = listener.local_addr().map_err(failed)?;
        let (stop, stopped) = watch::channel(());
        let counters = Arc::new(Counters::default());
        let shared = Shared {
            catalogue: Arc::new(Catalogue::new(options.cameras, scenes)),
            access: Access {
                auth: options.auth,
                credentials: options.credentials,
                join: options.join,
                quirks: options.quirks,
            },
            clock: Arc::new(WallClock::start()),
            counters: Arc::clone(&counters),
        };
        let catalogue = Arc::clone(&shared.catalogue);
        let listener = tokio::spawn(accept(listener, shared, stopped));
        Ok(Self { addr, catalogue, counters, stop, listener })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The URL of a camera's stream, without credentials; cameras are counted from 1.
    pub fn url(&self, camera: u16, stream: StreamKind) -> String {
        let host = match self.addr.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
            ip => ip,
        };
        format!("rtsp://{}/cam{camera}/{stream}", SocketAddr::new(host, self.addr.port()))
    }

    /// The number (in its loop) of the picture that the camera had sent last at that moment: with the number that is
    /// burnt into the picture, this is the latency. `None` if there is no such camera.
    pub fn picture_at(&self, camera: u16, stream: StreamKind, at: UtcMs) -> Option<u64> {
        let channel = self.catalogue.channel(camera, stream)?;
        let count = u64::try_from(channel.film.pictures.units.len()).ok()?;
        let nanos = u64::try_from(at.0).ok()? * 1_000_000;
        Some(latest_picture(&channel.film, channel.film_time(nanos)) % count)
    }

    /// The sessions that live now.
    pub fn sessions(&self) -> Vec<SessionStats> {
        self.counters.sessions()
    }

    /// All sessions since the start.
    pub fn stats(&self) -> DemoStats {
        self.counters.stats()
    }

    /// Says good-bye to every client and ends.
    pub async fn stop(self) {
        drop(self.stop);
        // The task ends by itself; it cannot be cancelled from elsewhere.
        let _ = self.listener.await;
    }
}

/// What every connection gets.
struct Shared {
    catalogue: Arc<Catalogue>,
    access: Access,
    clock: Arc<WallClock>,
    counters: Arc<Counters>,
}

async fn accept(listener: TcpListener, shared: Shared, mut stop: watch::Receiver<()>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => match open(&shared, stream, peer) {
                    Ok(connection) => {
                        let stop = stop.clone();
                        connections.spawn(async move {
                            if let Err(end) = connection.serve(stop).await {
                                tracing::debug!(%peer, error = &end as &dyn std::error::Error, "demo session ended");
                            }
                        });
                    }
                    Err(error) => tracing::debug!(%peer, %error, "demo connection lost at once"),
                },
                Err(error) => {
                    // Out of file descriptors, mostly: it passes when somebody goes.
                    tracing::warn!(%error, "accept a demo connection");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
            Some(_) = connections.join_next() => {}
            _ = stop.changed() => break,
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

fn open(shared: &Shared, stream: TcpStream, peer: SocketAddr) -> std::io::Result<Connection> {
    stream.set_nodelay(true)?;
    let local = stream.local_addr()?.ip();
    let origin =
        || Origin { ssrc: rand::random(), sequence: rand::random(), timestamp: rand::random() };
    let opened = Opened {
        nonce: format!("{:032x}", rand::random::<u128>()),
        session: format!("{:08X}", rand::random::<u32>()),
        origins: [origin(), origin()],
        local,
    };
    Ok(Connection {
        stream,
        peer: peer.ip(),
        local,
        conversation: Conversation::new(
            Arc::clone(&shared.catalogue),
            shared.access.clone(),
            opened,
        ),
        clock: Arc::clone(&shared.clock),
        counters: Arc::clone(&shared.counters),
        session: shared.counters.open(),
    })
}

async fn scenes(options: &DemoOptions) -> Result<Vec<Scene>, StartDemoError> {
    let sets = options.quirks.parameter_sets;
    let main = given(options.main.as_deref(), sets).await?;
    let sub = given(options.sub.as_deref(), sets).await?.or_else(|| main.clone());
    let own = |name: &str, bytes: &[u8]| {
        let failed = |source| StartDemoError::Film { path: PathBuf::from(name), source };
        Film::new(bytes, sets).map(Arc::new).map_err(failed)
    };
    if let (Some(main), Some(sub)) = (&main, &sub) {
        return Ok(vec![Scene { main: Arc::clone(main), sub: Arc::clone(sub) }]);
    }
    let mut scenes = vec![
        Scene {
            main: own("driveway-main", samples::DRIVEWAY_MAIN)?,
            sub: own("driveway-sub", samples::DRIVEWAY_SUB)?,
        },
        Scene {
            main: own("garden-main", samples::GARDEN_MAIN)?,
            sub: own("garden-sub", samples::GARDEN_SUB)?,
        },
    ];
    if let Some(sub) = &sub {
        for scene in &mut scenes {
            scene.sub = Arc::clone(sub);
        }
    }
    Ok(scenes)
}

async fn given(
    path: Option<&Path>,
    sets: ParameterSetsIn,
) -> Result<Option<Arc<Film>>, StartDemoError> {
    let Some(path) = path else { return Ok(None) };
    let read = tokio::fs::read(path).await;
    let bytes =
        read.map_err(|source| StartDemoError::ReadFile { path: path.to_owned(), source })?;
    let film = Film::new(&bytes, sets)
        .map_err(|source| StartDemoError::Film { path: path.to_owned(), source })?;
    Ok(Some(Arc::new(film)))
}
