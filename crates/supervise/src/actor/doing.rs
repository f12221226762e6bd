//! Hands: what a camera's brain says is done.

use tarsier_types::CameraId;
use tarsier_wire::{Engine, RecorderConfig, ToRecorder};
use tokio::sync::oneshot;

use super::{Actor, Event};
use crate::child;
use crate::duty::{Input, Output};
use crate::ends;
use crate::identity::Role;
use crate::voice::Voice;

impl Actor {
    /// Lets a camera's brain know, and does what it says.
    pub(super) async fn tell(&mut self, camera: &CameraId, input: Input) {
        let now = self.now();
        let Some(recorder) = self.recorders.get_mut(camera) else { return };
        recorder.duty.handle(now, input);
        while let Some(output) = self.recorders.get_mut(camera).and_then(|of| of.duty.poll()) {
            match output {
                Output::Start { role, engine } => {
                    let answer = self.start(camera, role, engine).await;
                    if let Some(recorder) = self.recorders.get_mut(camera) {
                        recorder.duty.handle(now, answer);
                    }
                }
                Output::Hear { pid, voice } => self.hear(camera, pid, voice),
                Output::Say { pid, command } => {
                    if let Some(recorder) = self.recorders.get(camera) {
                        if let ToRecorder::BeginAt(at) = command {
                            for (stream, end) in self.ends.of(camera) {
                                if let Some(end) = ends::at_takeover(end, at, now.utc) {
                                    let first = ToRecorder::RecordedUntil(stream, end);
                                    recorder.say(pid, first);
                                }
                            }
                        }
                        recorder.say(pid, command);
                    }
                }
                Output::Kill { pid } => {
                    if let Some(recorder) = self.recorders.get(camera) {
                        recorder.kill(pid);
                    }
                }
                Output::Report(report) => {
                    let _ = self.reports.send(report).await;
                }
            }
        }
    }

    fn hear(&self, camera: &CameraId, pid: u32, voice: Voice) {
        let Some(recorder) = self.recorders.get(camera) else { return };
        let Some(connection) = recorder.connections.iter().find(|known| known.pid == pid) else {
            return;
        };
        connection.voice.send_replace(voice);
        if voice != Voice::Nobody {
            for order in recorder.greeting(voice) {
                recorder.say(pid, order);
            }
        }
    }

    async fn start(&mut self, camera: &CameraId, role: Role, engine: Engine) -> Input {
        let gone = || Input::NotStarted { role, status: "the camera was removed".to_owned() };
        let Some(recorder) = self.recorders.get_mut(camera) else { return gone() };
        let (Some(config), Some(identity)) = (&recorder.config, recorder.duty.identity()) else {
            return gone();
        };
        let config = RecorderConfig {
            config_hash: identity.text(role),
            orphan_seconds: self.options.rules.orphan_seconds,
            standby: role == Role::Standby,
            recorded_until: self.ends.of(camera),
            ..config.clone()
        };
        let program = match engine {
            Engine::Rust => &self.options.programs.recorder,
            Engine::Libav => &self.options.programs.recorder_libav,
        };
        let (events, name) = (self.events.clone(), camera.clone());
        let (say_pid, pid_said) = oneshot::channel::<u32>();
        let ended = move |status: std::io::Result<std::process::ExitStatus>| {
            let (code, text) = match status {
                Ok(status) => (status.code(), status.to_string()),
                Err(error) => (None, error.to_string()),
            };
            tokio::spawn(async move {
                if let Ok(pid) = pid_said.await {
                    let _ =
                        events.send(Event::Exited { camera: name, pid, code, status: text }).await;
                }
            });
        };
        match child::spawn(program, &config, ended).await {
            Ok(process) => {
                let pid = process.pid;
                recorder.children.insert(pid);
                recorder.processes.insert(pid, process);
                let _ = say_pid.send(pid);
                Input::Started { role, pid, engine }
            }
            Err(error) => Input::NotStarted { role, status: format!("{error:#}") },
        }
    }
}
