//! Brain: which changes of a camera's state are told, each incident once, and its end once.
//!
//! What does not belong here: drawing conclusions ([`super`]).

use tarsier_api::camera::CameraState;
use tarsier_api::event::EventKind;
use tarsier_types::UtcMs;
use tarsier_wire::Problem as Cause;

use super::stream::Condition;
use super::{CameraBrain, Output};
use crate::words;

impl CameraBrain {
    pub(super) fn tell(&mut self, now: UtcMs, state: CameraState, since: UtcMs) {
        let name = &self.facts.name;
        match state {
            CameraState::Offline | CameraState::Stopped => {
                let was_told = match state {
                    CameraState::Stopped => std::mem::replace(&mut self.is_stop_told, true),
                    _ => self.incident.is_some(),
                };
                self.incident.get_or_insert(since);
                if was_told {
                    return;
                }
                let kind = if state == CameraState::Offline {
                    EventKind::CameraOffline
                } else {
                    EventKind::CameraStopped
                };
                let title = words::no_picture_title(name, since, now, &self.tz);
                let body = self.problem(now).map_or_else(String::new, |problem| {
                    let what = problem.message.strip_prefix(&title).unwrap_or(&problem.message);
                    format!("{} {}", what.trim_start_matches(". "), problem.hint)
                });
                self.outputs.push_back(Output::Event { kind, title, body });
            }
            CameraState::Recording | CameraState::Live => {
                self.is_stop_told = false;
                if let Some(since) = self.incident.take() {
                    let title =
                        format!("{name}: pictures again since {}", words::time(now, now, &self.tz));
                    let body = format!(
                        "There were none for {}, from {} on.",
                        words::span(now.millis_since(since)),
                        words::time(since, now, &self.tz)
                    );
                    self.outputs.push_back(Output::Event {
                        kind: EventKind::CameraOnline,
                        title,
                        body,
                    });
                }
            }
            CameraState::Connecting => {}
            CameraState::Disabled => self.incident = None,
        }
    }

    pub(super) fn tell_disk(&mut self, now: UtcMs) {
        let is_so = self.facts.enabled
            && self.streams.values().any(|stream| match stream.condition(now) {
                Condition::Waiting { cause, .. } => cause == Some(Cause::DiskNotWritable),
                Condition::Stopped { cause, .. } => cause == Cause::DiskNotWritable,
                Condition::Fresh => stream.unwritten_since.is_some(),
            });
        if is_so && !self.is_disk_told {
            self.outputs.push_back(Output::Event {
                kind: EventKind::DiskNotWritable,
                title: format!("{}: the recording cannot be written", self.facts.name),
                body: "What comes waits in memory, up to 64 MiB for each stream; beyond that it is lost. Check that the disk is connected and not full."
                    .to_owned(),
            });
        }
        self.is_disk_told = is_so;
    }
}
