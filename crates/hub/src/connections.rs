//! Hands: what recorders tell of their connections. It is kept for their next start, counted, and told to people.
//!
//! What does not belong here: which of it people are told ([`incidents`]), when to try again (`reconnect`, in the
//! recorder).

mod figures;
mod incidents;
pub(crate) mod policy;
mod words;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use prometheus_client::registry::Registry;
use tarsier_index::{ConnectionRow, Index, IndexError};
use tarsier_reconnect::{ConnectionHealth, ConnectionState, ReconnectionEvent};
use tarsier_types::{CameraId, StreamKind};

use self::figures::Figures;
use self::incidents::Incidents;
use crate::config::CameraEntry;
use crate::hub::Hub;
use crate::journal::{Job, NewEvent};

type Key = (CameraId, StreamKind);

/// What is known of all connections.
#[derive(Default)]
pub(crate) struct Connections {
    known: Mutex<Known>,
    figures: Figures,
}

#[derive(Default)]
struct Known {
    kept: BTreeMap<Key, Kept>,
    health: BTreeMap<Key, ConnectionHealth>,
    incidents: BTreeMap<Key, Incidents>,
}

struct Kept {
    epoch: i64,
    state: ConnectionState,
}

impl Connections {
    /// With what was kept of them. What cannot be read is as good as not kept.
    pub(crate) fn load(index: &Index) -> Result<Self, IndexError> {
        let connections = Self::default();
        for row in index.connections()? {
            let ConnectionRow { camera, stream, epoch, state_json, .. } = row;
            match serde_json::from_str(&state_json) {
                Ok(state) => {
                    connections.known().kept.insert((camera, stream), Kept { epoch, state });
                }
                Err(error) => {
                    tracing::warn!(%camera, %stream, %error, "what was kept of its connection cannot be read");
                }
            }
        }
        Ok(connections)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the camera's next recorder goes on from.
    pub(crate) fn kept(&self, camera: &CameraEntry) -> Vec<(StreamKind, ConnectionState)> {
        let known = self.known();
        StreamKind::ALL
            .into_iter()
            .filter_map(|stream| {
                let kept = known.kept.get(&(camera.id.clone(), stream))?;
                (kept.epoch == camera.config.epoch).then(|| (stream, kept.state.clone()))
            })
            .collect()
    }

    /// How a connection is.
    pub(crate) fn health(
        &self,
        camera: &CameraId,
        stream: StreamKind,
    ) -> Option<tarsier_api::connection::ConnectionHealth> {
        self.known().health.get(&(camera.clone(), stream)).map(policy::health)
    }

    /// The camera is gone.
    pub(crate) fn forget(&self, camera: &CameraId) {
        let mut known = self.known();
        known.kept.retain(|(of, _), _| of != camera);
        known.health.retain(|(of, _), _| of != camera);
        known.incidents.retain(|(of, _), _| of != camera);
        drop(known);
        for stream in StreamKind::ALL {
            self.figures.forget(camera, stream);
        }
    }

    /// The camera has no such stream any more.
    pub(crate) fn forget_stream(&self, camera: &CameraId, stream: StreamKind) {
        let (mut known, key) = (self.known(), (camera.clone(), stream));
        known.kept.remove(&key);
        known.health.remove(&key);
        known.incidents.remove(&key);
        drop(known);
        self.figures.forget(camera, stream);
    }

    /// Its process ended: what it last said of its connections is no longer so.
    pub(crate) fn ended(&self, camera: &CameraId) {
        let mut known = self.known();
        for (_, health) in known.health.iter_mut().filter(|((of, _), _)| of == camera) {
            health.is_connected = false;
            health.connection_age_ms = 0;
            health.degraded.clear();
        }
    }

    /// Puts the figures where they are read.
    pub(crate) fn register(&self, registry: &mut Registry) {
        self.figures.register(registry, self.known().health.iter());
    }
}

impl Hub {
    /// Something happened to a reconnection.
    pub(crate) fn reconnection(
        &self,
        camera: &CameraId,
        stream: StreamKind,
        event: ReconnectionEvent,
    ) {
        if !self.has_stream(camera, stream) {
            return;
        }
        tracing::debug!(%camera, %stream, kind = event.kind.name(), attempt = event.attempt, "reconnection");
        self.connections.figures.count(camera, stream, &event);
        let now = self.now();
        self.incidents(camera, stream, |incidents| incidents.happened(now, event));
    }

    /// How a connection is.
    pub(crate) fn connection_health(
        &self,
        camera: &CameraId,
        stream: StreamKind,
        health: ConnectionHealth,
    ) {
        if !self.has_stream(camera, stream) {
            return;
        }
        let now = self.now();
        let (degraded, is_connected) = (health.degraded.clone(), health.is_connected);
        let before = self.connections.known().health.insert((camera.clone(), stream), health);
        let was_bad = |reason| {
            before.iter().flat_map(|health| &health.degraded).any(|bad| bad.reason == reason)
        };
        for bad in degraded.iter().filter(|bad| !was_bad(bad.reason)) {
            self.connections.figures.failed(camera, stream, bad.reason);
        }
        // While there is no connection nothing is known of its rates.
        if is_connected {
            self.incidents(camera, stream, |incidents| incidents.degraded(now, &degraded));
        }
    }

    /// To be kept.
    pub(crate) fn connection_state(
        &self,
        camera: &CameraId,
        stream: StreamKind,
        epoch: i64,
        state: ConnectionState,
    ) {
        // Of a recorder that is being replaced because the address or the password changed: of no use to its successor.
        let is_of = |camera: &CameraEntry| camera.config.epoch == epoch && camera.has(stream);
        if !self.camera(camera).is_some_and(|camera| is_of(&camera)) {
            return;
        }
        let row = ConnectionRow {
            camera: camera.clone(),
            stream,
            saved: state.saved,
            epoch,
            state_json: serde_json::to_string(&state).expect("a state is plain JSON"),
        };
        self.supervisor.resume_from(camera, stream, state.clone());
        self.connections.known().kept.insert((camera.clone(), stream), Kept { epoch, state });
        self.journal.write(Job::Connection(row));
    }

    /// A recorder that is being replaced may still speak of a stream that its camera has no more.
    fn has_stream(&self, camera: &CameraId, stream: StreamKind) -> bool {
        self.camera(camera).is_some_and(|camera| camera.has(stream))
    }

    /// A second has passed.
    pub(crate) fn connections_tick(&self) {
        let keys: Vec<Key> = self.connections.known().incidents.keys().cloned().collect();
        let now = self.now();
        for (camera, stream) in keys {
            self.incidents(&camera, stream, |incidents| incidents.passes(now));
        }
    }

    /// Lets the brain of a stream's incidents know, and tells what it wants told.
    fn incidents(
        &self,
        camera: &CameraId,
        stream: StreamKind,
        change: impl FnOnce(&mut Incidents),
    ) {
        let Some(entry) = self.camera(camera) else { return };
        let told: Vec<_> = {
            let mut known = self.connections.known();
            let incidents = known.incidents.entry((camera.clone(), stream)).or_default();
            change(incidents);
            std::iter::from_fn(|| incidents.poll()).collect()
        };
        let now = self.now();
        for told in told {
            let (kind, title, body) = words::event(&told, &entry.name, stream, now, &self.tz);
            let event = NewEvent { at: now, kind, camera: Some(camera.clone()), title, body };
            self.journal.event(event);
        }
    }
}
