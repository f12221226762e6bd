//! What the sessions have sent so far, for benches and tests.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tarsier_types::StreamKind;

/// One session that plays or has set up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionStats {
    /// The camera, from 1.
    pub camera: u16,
    /// The stream.
    pub stream: StreamKind,
    /// Pictures handed to the system.
    pub pictures: u64,
    /// Units of sound handed to the system.
    pub sounds: u64,
    /// Bytes of packets, with their headers.
    pub bytes: u64,
    /// Bytes that the client has not yet taken (TCP), or that the system refused (UDP).
    pub backlog_bytes: u64,
}

/// All sessions since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DemoStats {
    /// Connections that were accepted.
    pub connections: u64,
    /// Requests that were refused with 401.
    pub unauthorized: u64,
    /// Sessions that were dropped because the client was too far behind.
    pub too_slow: u64,
    /// Pictures and units of sound of all sessions, ended ones too.
    pub access_units: u64,
    /// Bytes of all sessions, ended ones too.
    pub bytes: u64,
}

/// The counters of one session.
#[derive(Debug, Default)]
pub(crate) struct SessionCounters {
    pub(crate) watched: Mutex<Option<(u16, StreamKind)>>,
    pub(crate) pictures: AtomicU64,
    pub(crate) sounds: AtomicU64,
    pub(crate) bytes: AtomicU64,
    pub(crate) backlog_bytes: AtomicU64,
}

/// The counters of the server.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) connections: AtomicU64,
    pub(crate) unauthorized: AtomicU64,
    pub(crate) too_slow: AtomicU64,
    ended_units: AtomicU64,
    ended_bytes: AtomicU64,
    sessions: Mutex<Vec<Arc<SessionCounters>>>,
}

impl Counters {
    /// Counters of a new connection.
    pub(crate) fn open(&self) -> Arc<SessionCounters> {
        self.connections.fetch_add(1, Ordering::Relaxed);
        let session = Arc::new(SessionCounters::default());
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&session));
        session
    }

    /// The connection has ended.
    pub(crate) fn close(&self, session: &Arc<SessionCounters>) {
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.retain(|other| !Arc::ptr_eq(other, session));
        let units =
            session.pictures.load(Ordering::Relaxed) + session.sounds.load(Ordering::Relaxed);
        self.ended_units.fetch_add(units, Ordering::Relaxed);
        self.ended_bytes.fetch_add(session.bytes.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    /// The sessions that live.
    pub(crate) fn sessions(&self) -> Vec<SessionStats> {
        let sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        let stats = |session: &Arc<SessionCounters>| {
            let (camera, stream) =
                (*session.watched.lock().unwrap_or_else(PoisonError::into_inner))?;
            Some(SessionStats {
                camera,
                stream,
                pictures: session.pictures.load(Ordering::Relaxed),
                sounds: session.sounds.load(Ordering::Relaxed),
                bytes: session.bytes.load(Ordering::Relaxed),
                backlog_bytes: session.backlog_bytes.load(Ordering::Relaxed),
            })
        };
        sessions.iter().filter_map(stats).collect()
    }

    /// Everything since the start.
    pub(crate) fn stats(&self) -> DemoStats {
        let live = self.sessions();
        DemoStats {
            connections: self.connections.load(Ordering::Relaxed),
            unauthorized: self.unauthorized.load(Ordering::Relaxed),
            too_slow: self.too_slow.load(Ordering::Relaxed),
            access_units: self.ended_units.load(Ordering::Relaxed)
                + live.iter().map(|session| session.pictures + session.sounds).sum::<u64>(),
            bytes: self.ended_bytes.load(Ordering::Relaxed)
                + live.iter().map(|session| session.bytes).sum::<u64>(),
        }
    }
}
