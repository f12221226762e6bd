//! One recorder gives way to another: by a handover where that is possible, else one is stopped and the other started.

use std::time::Duration;

use tarsier_types::{Mono, UtcMs};
use tarsier_wire::{HANDOVER_SINCE, ToRecorder};

use super::worker::Worker;
use super::{Cause, Duty, Now, Output, Restarting, STOP_PATIENCE};
use crate::handover::{self, Handover, Why};
use crate::identity::{Kin, Role};
use crate::rules::{Breach, seconds};
use crate::supervisor::{Manner, Report};
use crate::voice::Voice;

/// Pictures flow if one came within this.
const FLOWING: Duration = Duration::from_secs(3);
/// Beyond the time that a successor may take to be ready, a replacement takes no longer than this: the farthest cut, the
/// patience after it, a start.
const LONGEST_LEAVE: Duration = Duration::from_secs(180);

impl Duty {
    /// An earlier hub was gone in the middle of a handover: the older one records, and the younger one stands by,
    /// unless both were told: then the older one ends by itself, and the younger one is there already.
    pub(super) fn resume_handover(&mut self, now: Now, worker: Worker) {
        let Some(known) = self.on_duty.take() else { return };
        let known_pid = known.pid;
        let (veteran, successor) =
            if known.started <= worker.started { (known, worker) } else { (worker, known) };
        let (old, new, is_known) = (veteran.pid, successor.pid, veteran.pid == known_pid);
        self.handover = Some(Handover::new(now.mono, self.patience()));
        self.standby = Some(successor);
        if is_known {
            self.on_duty = Some(veteran);
        } else {
            self.adopt(now, veteran);
        }
        self.connected(now, new);
        tracing::info!(camera = %self.camera, old, new, "an earlier hub left a handover unfinished");
    }

    pub(super) fn leave(&mut self, now: Now) {
        let Some(cause) = self.asking.take() else { return };
        let Some(worker) = &mut self.on_duty else { return };
        let pid = worker.pid;
        let until = now.mono + seconds(self.rules.handover_seconds) + LONGEST_LEAVE;
        let Cause::Breach(breach) = cause else {
            self.restarting = Some(Restarting { pid, until });
            return self.change(now);
        };
        if let Some(news) = self.judge.replace(now.mono) {
            // It goes on as it is.
            self.restarting = None;
            return self.tell(now, Some(news));
        }
        tracing::warn!(camera = %self.camera, pid, rule = breach.name(), figures = %breach, "the recorder is replaced");
        (self.restarting, self.why) = (Some(Restarting { pid, until }), Some(breach));
        if matches!(breach, Breach::Silence { .. }) {
            // It does not hear either.
            worker.must_end_by = Some(now.mono);
            self.out.push_back(Output::Kill { pid });
            self.replaced(Manner::StopAndStart);
        } else {
            self.change(now);
        }
    }

    /// The one on duty gives way to one as it is wanted now.
    fn change(&mut self, now: Now) {
        if self.can_hand_over(now.mono) {
            self.handover = Some(Handover::new(now.mono, self.patience()));
            self.out.push_back(Output::Start { role: Role::Standby, engine: self.judge.engine() });
        } else {
            self.stop_on_duty(now);
        }
    }

    pub(super) fn can_hand_over(&self, now: Mono) -> bool {
        let (Some(worker), Some(wanted)) = (&self.on_duty, &self.wanted) else { return false };
        self.rules.handover_seconds > 0
            && self.protocol.min(worker.protocol) >= HANDOVER_SINCE
            && worker.is_connected
            && self.flows(worker, now)
            && !wanted.kept.is_empty()
            && self.kin(worker) != Kin::Other
    }

    /// Where nothing flows nothing can be lost, and whoever corrects a password wants to see it work at once.
    fn flows(&self, worker: &Worker, now: Mono) -> bool {
        worker.protocol != self.protocol || worker.flowed.is_some_and(|at| now.since(at) <= FLOWING)
    }

    /// The one on duty is another one than wanted.
    pub(super) fn replace_other(&mut self, now: Now) {
        let Some(worker) = &self.on_duty else { return };
        let is_same = self.kin(worker) == Kin::Same;
        if is_same || self.judge.is_patient(now.mono) || self.may_yet_flow(worker, now.mono) {
            return;
        }
        let is_kept = self.wanted.as_ref().is_some_and(|wanted| !wanted.kept.is_empty());
        if is_kept && self.flows(worker, now.mono) {
            // It works meanwhile: a hub of a new version need not replace all its recorders at once.
            self.asking = Some(Cause::Change);
        } else {
            self.change(now);
        }
    }

    /// It has just connected, and has not said yet whether pictures flow.
    fn may_yet_flow(&self, worker: &Worker, now: Mono) -> bool {
        worker.protocol == self.protocol
            && worker.beaten.is_none()
            && worker.connected.is_some_and(|at| now.since(at) < FLOWING)
    }

    fn patience(&self) -> Duration {
        seconds(self.rules.handover_seconds)
    }

    pub(super) fn kin(&self, worker: &Worker) -> Kin {
        let wanted = self.wanted.as_ref();
        let kin = wanted.map_or(Kin::Other, |wanted| wanted.identity.kin(worker.identity.as_ref()));
        if worker.protocol != self.protocol && kin == Kin::Same { Kin::SameStreams } else { kin }
    }

    pub(super) fn stop_on_duty(&mut self, now: Now) {
        let Some(worker) = &mut self.on_duty else { return };
        worker.must_end_by.get_or_insert(now.mono + STOP_PATIENCE);
        let pid = worker.pid;
        self.out.push_back(Output::Say { pid, command: ToRecorder::Stop });
        self.replaced(Manner::StopAndStart);
    }

    pub(super) fn dismiss_standby(&mut self, now: Now) {
        let Some(worker) = self.standby.take() else { return };
        self.leaving.push((worker.pid, now.mono + STOP_PATIENCE));
        self.out.push_back(Output::Say { pid: worker.pid, command: ToRecorder::Stop });
    }

    fn replaced(&mut self, manner: Manner) {
        if let Some(breach) = self.why.take() {
            let camera = self.camera.clone();
            self.report(Report::RestartedByRule { camera, breach, manner });
        }
    }

    pub(super) fn tell_handover(&mut self, now: Now, input: handover::Input) {
        if let Some(handover) = &mut self.handover {
            handover.handle(now.mono, now.utc, input);
        }
        self.drain_handover(now);
    }

    pub(super) fn drain_handover(&mut self, now: Now) {
        while let Some(output) = self.handover.as_mut().and_then(Handover::poll) {
            match output {
                handover::Output::Begin(at) => self.begin_standby(at),
                handover::Output::End(at) => {
                    if let Some(worker) = &self.on_duty {
                        let (pid, command) = (worker.pid, ToRecorder::EndAt(at));
                        self.out.push_back(Output::Say { pid, command });
                    }
                }
                handover::Output::StopVeteran => self.stop_on_duty(now),
                handover::Output::Promote => self.promote(now),
                handover::Output::GiveUp(Why::Crashed) => {
                    (self.handover, self.why, self.restarting) = (None, None, None);
                }
                handover::Output::GiveUp(Why::NoRoom) => self.no_room(now),
            }
        }
    }

    fn no_room(&mut self, now: Now) {
        self.handover = None;
        let was_heard = self.standby.as_ref().is_some_and(|worker| worker.was_heard);
        self.dismiss_standby(now);
        if !was_heard {
            // It does not even come to life: no reason to end one that works.
            let news = self.judge.successor_failed(None, now.mono);
            (self.why, self.restarting) = (None, None);
            return self.tell(now, news);
        }
        // One that an earlier hub wanted to replace may be just what is wanted.
        let is_wanted = self.why.is_none()
            && self.on_duty.as_ref().is_some_and(|worker| self.kin(worker) == Kin::Same);
        self.is_stop_due = !is_wanted;
        if is_wanted {
            self.restarting = None;
        }
    }

    fn begin_standby(&mut self, at: UtcMs) {
        let Some(worker) = &mut self.standby else { return };
        worker.begin_at = Some(at);
        if worker.is_connected {
            let (pid, command) = (worker.pid, ToRecorder::BeginAt(at));
            self.out.push_back(Output::Say { pid, command });
        }
    }

    fn promote(&mut self, now: Now) {
        self.handover = None;
        let Some(mut successor) = self.standby.take() else { return };
        successor.may_be_idle = false;
        let (pid, engine, camera) = (successor.pid, successor.engine, self.camera.clone());
        let from = successor.begin_at.unwrap_or(now.utc);
        self.judge.serves(engine, now.mono);
        let is_heard = successor.is_connected && successor.protocol == self.protocol;
        self.on_duty = Some(successor);
        self.report(Report::TookOver { camera, pid, engine, from });
        if is_heard {
            self.out.push_back(Output::Hear { pid, voice: Voice::Whole });
        }
        self.replaced(Manner::Handover);
    }
}
