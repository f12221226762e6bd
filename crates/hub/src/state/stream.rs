//! Brain: how one stream of a camera is, told from its link and its counters.

use tarsier_api::problem::Problem;
use tarsier_types::{ParameterSets, UtcMs};
use tarsier_wire::{LinkState, Problem as Cause, StreamHealth};

use super::PATIENCE_MS;
use crate::words::Retry;

/// What is known of it.
#[derive(Clone, Debug)]
pub(super) struct Stream {
    pub(super) link: Option<LinkState>,
    pub(super) health: StreamHealth,
    pub(super) no_picture_since: UtcMs,
    pub(super) cause: Option<Cause>,
    /// From one attempt to the next, as the recorder last said.
    pub(super) pace_ms: Option<i64>,
    pub(super) parameters: Option<ParameterSets>,
    pub(super) notice: Option<Problem>,
    /// Pictures come, and the disk takes none of them.
    pub(super) unwritten_since: Option<UtcMs>,
}

/// How a stream is.
pub(super) enum Condition {
    Fresh,
    Waiting { is_offline: bool, cause: Option<Cause>, since: UtcMs, retry: Retry },
    Stopped { cause: Cause, since: UtcMs },
}

impl Stream {
    /// Of which nothing was heard yet.
    pub(super) fn new(now: UtcMs) -> Self {
        Self {
            link: None,
            health: StreamHealth::default(),
            no_picture_since: now,
            cause: None,
            pace_ms: None,
            parameters: None,
            notice: None,
            unwritten_since: None,
        }
    }

    /// The wall clock was put ahead by so many milliseconds: spans stay as long as they were.
    pub(super) fn clock_changed(&mut self, by_ms: i64) {
        let moved = |at: &mut UtcMs| *at = at.plus_millis(by_ms);
        moved(&mut self.no_picture_since);
        self.unwritten_since.iter_mut().for_each(moved);
        self.health.last_picture.iter_mut().for_each(moved);
        match &mut self.link {
            Some(LinkState::Waiting { retry_at, since, .. }) => {
                moved(retry_at);
                moved(since);
            }
            Some(LinkState::Playing { since, .. } | LinkState::Stopped { since, .. }) => {
                moved(since);
            }
            Some(LinkState::Connecting { .. }) | None => {}
        }
    }

    pub(super) fn condition(&self, now: UtcMs) -> Condition {
        let since = self.no_picture_since;
        let is_late = now.millis_since(since) > PATIENCE_MS;
        match &self.link {
            Some(LinkState::Playing { .. }) if !is_late => Condition::Fresh,
            Some(LinkState::Playing { .. }) => Condition::Waiting {
                is_offline: true,
                cause: Some(Cause::NoPictures),
                since,
                retry: Retry::ByItself,
            },
            Some(LinkState::Stopped { problem, since }) => {
                Condition::Stopped { cause: *problem, since: *since }
            }
            Some(LinkState::Waiting { problem, offline, .. }) => Condition::Waiting {
                is_offline: *offline || is_late,
                cause: Some(*problem),
                since,
                retry: match self.pace_ms {
                    Some(pace) if *offline => Retry::Every((pace + 500) / 1000),
                    _ => Retry::ByItself,
                },
            },
            Some(LinkState::Connecting { .. }) | None => Condition::Waiting {
                is_offline: is_late,
                cause: self.cause,
                since,
                retry: Retry::ByItself,
            },
        }
    }

    pub(super) fn link(&mut self, now: UtcMs, link: LinkState) {
        match &link {
            LinkState::Playing { parameters, since } => {
                self.parameters = Some(parameters.clone());
                self.cause = None;
                // A recorder of an earlier hub plays since long ago; when its last picture came it says next.
                self.no_picture_since =
                    self.health.last_picture.map_or(now, |last| last.max(*since)).min(now);
            }
            LinkState::Waiting { problem, retry_at, since, .. } => {
                self.cause = Some(*problem);
                self.pace_ms = Some(retry_at.millis_since(now).max(1000));
                self.no_picture_since = *since;
            }
            LinkState::Stopped { problem, since } => {
                self.cause = Some(*problem);
                self.no_picture_since = *since;
            }
            LinkState::Connecting { .. } => {}
        }
        self.link = Some(link);
    }
}
