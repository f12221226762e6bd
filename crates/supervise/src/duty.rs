//! Brain: which process serves one camera, and which one is about to.
//!
//! Usually there is one. There are two while a successor gets ready to take over (`handover`), and when a new hub finds
//! what an earlier one left in the middle of that: then the older one goes on recording, and the younger one stands by
//! until it takes over or is sent away. When it is judged, and how: `judge`.
//!
//! What does not belong here: processes, sockets, and who may be restarted at the same time (`governor`).

mod replace;
mod words;
mod worker;

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use tarsier_types::{CameraId, Mono, UtcMs};
use tarsier_wire::{Engine, ExitCode, ToRecorder};

pub(crate) use self::words::{Hello, Input, Now, Output, Said, Wanted};
use self::worker::{Worker, younger};
use crate::handover::{self, Handover};
use crate::identity::{Identity, Kin, Role};
use crate::judge::{EngineWish, Judge, News, RecorderState, Verdict};
use crate::rules::{Breach, Rules};
use crate::supervisor::Report;
use crate::voice::Voice;

/// How long a recorder may take to close its files when it is stopped.
const STOP_PATIENCE: Duration = Duration::from_secs(5);

/// Why one that lives is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    Breach(Breach),
    /// Its configuration changed, or its hub did.
    Change,
}

/// The process that is being replaced: it holds its leave until another one was heard, and not for ever: one that
/// even a kill does not end (its disk hangs) must not keep others from being mended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Restarting {
    pid: u32,
    until: Mono,
}

/// Who serves one camera.
#[derive(Debug)]
#[expect(clippy::struct_field_names, reason = "`on_duty` is what it is called")]
pub(crate) struct Duty {
    camera: CameraId,
    rules: Rules,
    /// What recorders that are started speak.
    protocol: u16,
    wanted: Option<Wanted>,
    judge: Judge,
    on_duty: Option<Worker>,
    standby: Option<Worker>,
    handover: Option<Handover>,
    /// Sent away, and until when they may take.
    leaving: Vec<(u32, Mono)>,
    /// The one on duty is stopped as soon as nobody is leaving.
    is_stop_due: bool,
    /// It should be replaced, and waits for leave.
    asking: Option<Cause>,
    /// It is being replaced because of that.
    why: Option<Breach>,
    restarting: Option<Restarting>,
    out: VecDeque<Output>,
}

impl Duty {
    pub(crate) fn new(camera: CameraId, rules: Rules, protocol: u16, now: Mono) -> Self {
        Self {
            camera,
            rules,
            protocol,
            wanted: None,
            judge: Judge::new(rules, EngineWish::Auto, Engine::Rust, now),
            on_duty: None,
            standby: None,
            handover: None,
            leaving: Vec::new(),
            is_stop_due: false,
            asking: None,
            why: None,
            restarting: None,
            out: VecDeque::new(),
        }
    }

    pub(crate) fn poll(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// It wants to be replaced although it works, and waits for [`Input::Leave`].
    pub(crate) const fn asks(&self) -> bool {
        self.asking.is_some()
    }

    /// It has leave, and its successor was not heard yet.
    pub(crate) const fn is_restarting(&self) -> bool {
        self.restarting.is_some()
    }

    /// There is no process, and none is wanted.
    pub(crate) fn is_idle(&self) -> bool {
        self.wanted.is_none() && self.pids().next().is_none()
    }

    /// All its processes.
    pub(crate) fn pids(&self) -> impl Iterator<Item = u32> {
        let workers = self.on_duty.iter().chain(&self.standby).map(|worker| worker.pid);
        workers.chain(self.leaving.iter().map(|(pid, _)| *pid))
    }

    /// Who speaks for the camera, and what it reads with.
    pub(crate) fn serving(&self) -> (Option<u32>, Engine, Option<UtcMs>) {
        match &self.on_duty {
            Some(worker) => (Some(worker.pid), worker.engine, Some(worker.started)),
            None => (None, self.judge.engine(), None),
        }
    }

    /// Of what is wanted.
    pub(crate) fn identity(&self) -> Option<&Identity> {
        self.wanted.as_ref().map(|wanted| &wanted.identity)
    }

    pub(crate) fn state(&self) -> RecorderState {
        self.judge.state()
    }

    pub(crate) const fn restarts(&self) -> u32 {
        self.judge.restarts()
    }

    pub(crate) fn handle(&mut self, now: Now, input: Input) {
        match input {
            Input::Wanted(wanted) => self.want(now, wanted),
            Input::Unwanted => self.unwant(now),
            Input::Rules(rules) => {
                self.rules = rules;
                self.judge.set_rules(rules);
            }
            Input::TierChanged => self.judge.tier_changed(now.mono),
            Input::Hello(hello) => self.hello(now, hello),
            Input::Disconnected { pid } => {
                for worker in self.on_duty.iter_mut().chain(&mut self.standby) {
                    worker.is_connected &= worker.pid != pid;
                }
            }
            Input::Said { pid, said } => self.said(now, pid, said),
            Input::Started { role, pid, engine } => self.started(now, role, pid, engine),
            Input::NotStarted { role, status } => self.not_started(now, role, status),
            Input::Exited { pid, code, status } => self.exited(now, pid, code, status),
            Input::Sampled { pid, sample } => {
                if self.is_on_duty(pid) {
                    self.judge.sampled(now.mono, sample);
                }
            }
            Input::Excused => self.judge.excused(now.mono),
            Input::Leave => self.leave(now),
            Input::Tick => self.tick(now),
        }
        self.drain_handover(now);
    }

    fn is_on_duty(&self, pid: u32) -> bool {
        self.on_duty.as_ref().is_some_and(|worker| worker.pid == pid)
    }

    fn is_standby(&self, pid: u32) -> bool {
        self.standby.as_ref().is_some_and(|worker| worker.pid == pid)
    }

    fn want(&mut self, now: Now, wanted: Wanted) {
        let is_same = self.wanted.as_ref().is_some_and(|old| old.identity == wanted.identity);
        if is_same {
            // What a running recorder could be told may mend a bad configuration. It is no reason to end a pause: a
            // schedule, a name, another disk say nothing of why it ended again and again.
            if self.judge.state() == RecorderState::Stopped {
                self.judge.try_now(now.mono);
            }
            self.wanted = Some(wanted);
            return;
        }
        let mut judge = Judge::new(self.rules, wanted.wish, wanted.readable, now.mono);
        judge.keep_count_of(&self.judge);
        if self.on_duty.is_some() {
            judge.stands_in(now.mono);
        }
        self.judge = judge;
        self.wanted = Some(wanted);
        self.asking = None;
        // One that was to take over with the old configuration is of no use, unless both were told already.
        if self.handover.as_ref().is_some_and(|handover| !handover.is_settled()) {
            self.handover = None;
            self.dismiss_standby(now);
        }
        self.is_stop_due = false;
        let goes_on = self.on_duty.as_ref().is_some_and(|worker| worker.must_end_by.is_none());
        if goes_on && self.handover.is_none() {
            // Nothing is under way any more: others may.
            (self.why, self.restarting) = (None, None);
        }
    }

    fn unwant(&mut self, now: Now) {
        self.wanted = None;
        (self.asking, self.why, self.restarting, self.handover) = (None, None, None, None);
        self.dismiss_standby(now);
        self.stop_on_duty(now);
    }

    fn hello(&mut self, now: Now, hello: Hello) {
        let pid = hello.pid;
        if self.leaving.iter().any(|(leaving, _)| *leaving == pid) {
            return self.send_away(pid, hello.protocol);
        }
        let known = self.on_duty.iter().chain(&self.standby).find(|worker| worker.pid == pid);
        if let Some(worker) = known {
            if worker.protocol == hello.protocol {
                return self.connected(now, pid);
            }
            // Half an installation: the program beside us is of another version. That is a failure like any other.
            tracing::error!(camera = %self.camera, pid, protocol = hello.protocol, "the recorder's program is of another version than the hub; install both anew");
            return self.out.push_back(Output::Kill { pid });
        }
        let worker = Worker::of(hello);
        match (&self.wanted, &self.on_duty, &self.standby) {
            (Some(_), None, None) => self.adopt(now, worker),
            (Some(_), Some(known), None)
                if self.handover.is_none()
                    && known.must_end_by.is_none()
                    && younger(known, &worker).role == Role::Standby =>
            {
                self.resume_handover(now, worker);
            }
            _ => {
                self.leaving.push((pid, now.mono + STOP_PATIENCE));
                self.send_away(pid, worker.protocol);
            }
        }
    }

    /// Told to stop; what it says about its files still counts.
    fn send_away(&mut self, pid: u32, protocol: u16) {
        let voice = if protocol == self.protocol { Voice::Footage } else { Voice::Nobody };
        self.out.push_back(Output::Hear { pid, voice });
        self.out.push_back(Output::Say { pid, command: ToRecorder::Stop });
    }

    /// A process that we know has a connection.
    fn connected(&mut self, now: Now, pid: u32) {
        let is_on_duty = self.is_on_duty(pid);
        let Some(worker) = self.on_duty.iter_mut().chain(&mut self.standby).find(|w| w.pid == pid)
        else {
            return;
        };
        (worker.is_connected, worker.was_heard) = (true, true);
        worker.connected = Some(now.mono);
        let (protocol, begin_at) = (worker.protocol, worker.begin_at);
        if worker.must_end_by.is_some() {
            // It was replaced before it had connected.
            return self.send_away(pid, protocol);
        }
        let voice = match is_on_duty {
            _ if protocol != self.protocol => Voice::Nobody,
            true => Voice::Whole,
            false => Voice::Footage,
        };
        self.out.push_back(Output::Hear { pid, voice });
        if let Some(at) = begin_at {
            self.out.push_back(Output::Say { pid, command: ToRecorder::BeginAt(at) });
        }
        if is_on_duty {
            self.judge.heard(now.mono);
        }
    }

    /// A recorder of an earlier hub goes on as ours; if it is another one than wanted, until it is replaced.
    fn adopt(&mut self, now: Now, worker: Worker) {
        if self.kin(&worker) == Kin::Same {
            self.judge.serves(worker.engine, now.mono);
        } else {
            self.judge.stands_in(now.mono);
        }
        let (camera, pid, engine) = (self.camera.clone(), worker.pid, worker.engine);
        self.on_duty = Some(worker);
        self.report(Report::Started { camera, pid, engine, adopted: true });
        self.connected(now, pid);
    }

    fn said(&mut self, now: Now, pid: u32, said: Said) {
        if self.is_on_duty(pid) {
            self.said_on_duty(now, said);
        } else if self.is_standby(pid) {
            let input = match said {
                Said::Ready { cut_at } => handover::Input::Ready { cut_at },
                Said::Refused => handover::Input::Refused,
                _ => return,
            };
            self.tell_handover(now, input);
        }
    }

    fn said_on_duty(&mut self, now: Now, said: Said) {
        let Some(worker) = &mut self.on_duty else { return };
        match said {
            Said::Alive(streams) => {
                worker.beat(now.mono, &streams);
                if self.restarting.is_some_and(|old| old.pid != worker.pid) {
                    self.restarting = None;
                }
                let nothing = BTreeSet::new();
                let recorded = self.wanted.as_ref().map_or(&nothing, |wanted| &wanted.recorded);
                self.judge.heartbeat(now.mono, &streams, recorded);
            }
            Said::Disk(stream, disk) => self.judge.disk(stream, disk),
            Said::WrittenTo(to) => worker.written_to = worker.written_to.max(Some(to)),
            Said::Ready { .. } | Said::Refused => {}
        }
    }

    fn started(&mut self, now: Now, role: Role, pid: u32, engine: Engine) {
        let identity = self.wanted.as_ref().map(|wanted| wanted.identity.clone());
        let (protocol, started) = (self.protocol, now.utc);
        let mut worker = Worker::of(Hello { pid, engine, protocol, started, identity, role });
        (worker.is_connected, worker.was_heard, worker.may_be_idle) = (false, false, false);
        match role {
            Role::Standby => self.standby = Some(worker),
            Role::OnDuty => {
                self.on_duty = Some(worker);
                let camera = self.camera.clone();
                self.report(Report::Started { camera, pid, engine, adopted: false });
            }
        }
    }

    fn not_started(&mut self, now: Now, role: Role, status: String) {
        tracing::error!(camera = %self.camera, status, "the recorder cannot be started");
        if role == Role::Standby {
            let news = self.judge.successor_failed(None, now.mono);
            self.tell(now, news);
            return self.tell_handover(now, handover::Input::SuccessorGone);
        }
        let again = now.utc_of(self.judge.not_started(now.mono));
        let camera = self.camera.clone();
        self.report(Report::Exited { camera, code: None, status, will_restart_at: Some(again) });
    }

    fn exited(&mut self, now: Now, pid: u32, code: Option<ExitCode>, status: String) {
        self.leaving.retain(|(leaving, _)| *leaving != pid);
        if self.standby.take_if(|worker| worker.pid == pid).is_some() {
            let news = self.judge.successor_failed(code, now.mono);
            self.tell(now, news);
            return self.tell_handover(now, handover::Input::SuccessorGone);
        }
        let Some(worker) = self.on_duty.take_if(|worker| worker.pid == pid) else { return };
        if self.handover.is_some() && self.standby.is_some() {
            let written_to = worker.written_to;
            return self.tell_handover(now, handover::Input::VeteranGone { written_to });
        }
        let was_asked = worker.must_end_by.is_some();
        self.is_stop_due = false;
        // However it ended: it was what we wanted, and nobody needs to be told.
        let code = if was_asked { Some(ExitCode::Done) } else { code };
        let restart = if self.wanted.is_none() {
            None
        } else if was_asked {
            Some(self.judge.dismissed(now.mono))
        } else {
            self.restarting = None;
            let sentence = self.judge.exited(code, now.mono);
            self.tell(now, sentence.news);
            sentence.restart_at
        };
        let will_restart_at = restart.map(|at| now.utc_of(at));
        let camera = self.camera.clone();
        self.report(Report::Exited { camera, code, status, will_restart_at });
    }

    fn tick(&mut self, now: Now) {
        let leaving = self.leaving.iter_mut().map(|(pid, by)| (*pid, by));
        let asked = self.on_duty.iter_mut().filter_map(|w| Some((w.pid, w.must_end_by.as_mut()?)));
        let late = leaving.chain(asked).filter(|(_, by)| now.mono >= **by);
        for (pid, by) in late {
            // Once more then, if that does not help either.
            *by = now.mono + STOP_PATIENCE;
            tracing::warn!(camera = %self.camera, pid, "the recorder does not stop; it is killed");
            self.out.push_back(Output::Kill { pid });
        }
        self.tell_handover(now, handover::Input::Tick);
        let is_left_alone =
            matches!(self.judge.state(), RecorderState::Stopped | RecorderState::Paused);
        self.restarting.take_if(|of| is_left_alone || now.mono >= of.until);
        self.asking = None;
        if self.wanted.is_none() {
            return;
        }
        let Some(worker) = &mut self.on_duty else {
            if self.leaving.is_empty()
                && let Some(Verdict::Start(engine)) = self.judge.due(now.mono)
            {
                self.out.push_back(Output::Start { role: Role::OnDuty, engine });
            }
            return;
        };
        if worker.must_end_by.is_some() || self.handover.is_some() {
            return;
        }
        if std::mem::take(&mut worker.may_be_idle) {
            // The hub that started it is gone, and so is the recorder that it was to follow.
            let (pid, command) = (worker.pid, ToRecorder::BeginAt(now.utc));
            self.out.push_back(Output::Say { pid, command });
        }
        if !self.leaving.is_empty() {
            return;
        }
        if std::mem::take(&mut self.is_stop_due) {
            self.stop_on_duty(now);
        } else if let Some(Verdict::Replace(breach)) = self.judge.due(now.mono) {
            self.asking = Some(Cause::Breach(breach));
        } else {
            self.replace_other(now);
        }
    }

    fn tell(&mut self, now: Now, news: Option<News>) {
        let camera = self.camera.clone();
        let is_alive = self.on_duty.is_some();
        match news {
            Some(News::Unstable { until, restarts }) => {
                let until = now.utc_of(until);
                self.report(Report::Unstable { camera, until, restarts, is_alive });
            }
            Some(News::Fatal(code)) => self.report(Report::Fatal { camera, code, is_alive }),
            None => {}
        }
    }

    fn report(&mut self, report: Report) {
        self.out.push_back(Output::Report(report));
    }
}

#[cfg(test)]
mod tests;
