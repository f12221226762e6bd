//! Words: one recorder's process, as far as it is known.

use tarsier_types::{Mono, StreamKind, UtcMs};
use tarsier_wire::{Engine, StreamHealth};

use super::words::Hello;
use crate::identity::{Identity, Role};

/// One process.
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) pid: u32,
    pub(super) engine: Engine,
    pub(super) protocol: u16,
    pub(super) started: UtcMs,
    pub(super) identity: Option<Identity>,
    pub(super) role: Role,
    pub(super) is_connected: bool,
    pub(super) was_heard: bool,
    /// Since when it is connected, if it is.
    pub(super) connected: Option<Mono>,
    /// When it said last how its streams are.
    pub(super) beaten: Option<Mono>,
    /// Asked to stop; killed when it has not by then.
    pub(super) must_end_by: Option<Mono>,
    /// Footage of main is on disk up to there.
    pub(super) written_to: Option<UtcMs>,
    /// What it was, or is to be, told about its beginning.
    pub(super) begin_at: Option<UtcMs>,
    /// It may have been started by an earlier hub to stand by and was perhaps never told to begin.
    pub(super) may_be_idle: bool,
    pub(super) pictures: u64,
    pub(super) flowed: Option<Mono>,
}

impl Worker {
    pub(super) fn of(hello: Hello) -> Self {
        let Hello { pid, engine, protocol, started, identity, role } = hello;
        Self {
            pid,
            engine,
            protocol,
            started,
            identity,
            role,
            is_connected: true,
            was_heard: true,
            connected: None,
            beaten: None,
            must_end_by: None,
            written_to: None,
            begin_at: None,
            may_be_idle: role == Role::Standby,
            pictures: 0,
            flowed: None,
        }
    }

    pub(super) fn beat(&mut self, now: Mono, streams: &[(StreamKind, StreamHealth)]) {
        let pictures = streams.iter().map(|(_, health)| health.video_units).sum();
        if pictures > self.pictures {
            self.flowed = Some(now);
        }
        self.pictures = pictures;
        self.beaten = Some(now);
    }
}

/// The one that was started later.
pub(super) fn younger<'a>(a: &'a Worker, b: &'a Worker) -> &'a Worker {
    if a.started <= b.started { b } else { a }
}
