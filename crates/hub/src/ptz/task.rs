//! Hands: the task of one camera: finds it, then does what [`Hold`] says, one thing at a time.
//!
//! It ends when the camera is changed or deleted (nobody can order any more), when the hub goes down, or when the camera
//! no longer knows us; before that, what turns is stopped.

use std::collections::BTreeMap;
use std::sync::Arc;

use tarsier_onvif::{Client, OnvifError, Ptz};
use tarsier_types::{CameraId, Clock, SystemClock};
use tokio::sync::{mpsc, oneshot, watch};

use super::find::{Target, find};
use super::hold::{Command, Hold, Input, Output, TIMEOUT};
use super::{Known, Look, Order};

pub(super) struct Task {
    pub(super) camera: CameraId,
    pub(super) client: Client,
    pub(super) clock: SystemClock,
    pub(super) target: Arc<Target>,
    pub(super) look: watch::Sender<Look>,
    pub(super) orders: mpsc::Receiver<Order>,
    pub(super) stopping: watch::Receiver<bool>,
    /// Let go at the end.
    pub(super) _living: watch::Receiver<()>,
}

type Outcome = Result<(), OnvifError>;

impl Task {
    pub(super) async fn run(mut self) {
        let mut stopping = self.stopping.clone();
        let found = tokio::select! {
            found = find(&self.client, &self.target) => found,
            _ = stopping.wait_for(|stopping| *stopping) => return,
        };
        let camera = &self.camera;
        let known = match &found {
            Ok((_, can)) => {
                let (pan_tilt, zoom, presets) = (can.pan_tilt, can.zoom, can.presets.len());
                tracing::info!(%camera, pan_tilt, zoom, presets, "it can be turned over ONVIF");
                Known::Able(can.clone())
            }
            Err(why) => {
                tracing::info!(%camera, %why, "it cannot be turned over ONVIF");
                Known::Unable(why.clone())
            }
        };
        self.look.send_replace(Look { known, at: self.clock.mono(), is_doubted: false });
        if let Ok((ptz, _)) = found {
            self.turn(ptz).await;
        }
    }

    async fn turn(&mut self, ptz: Ptz) {
        let mut hold = Hold::default();
        let mut waiting: BTreeMap<u64, oneshot::Sender<Outcome>> = BTreeMap::new();
        let mut orders = 0;
        let (commands, mut outcomes) = start(ptz);
        let mut stopping = self.stopping.clone();
        let mut is_ending = false;
        loop {
            let deadline = hold.deadline();
            let now = self.clock.mono();
            let input = tokio::select! {
                order = self.orders.recv(), if !is_ending => {
                    if let Some(Order { aim, outcome }) = order {
                        orders += 1;
                        waiting.insert(orders, outcome);
                        Input::Order(orders, aim)
                    } else {
                        is_ending = true;
                        Input::LetGo
                    }
                }
                _ = stopping.wait_for(|stopping| *stopping), if !is_ending => {
                    is_ending = true;
                    Input::LetGo
                }
                outcome = outcomes.recv() => match outcome {
                    Some(outcome) => { self.judge(&outcome); Input::Done(outcome) }
                    None => return,
                },
                () = tokio::time::sleep(deadline.map_or(TIMEOUT, |at| at.since(now))), if deadline.is_some() => Input::Tick,
            };
            hold.handle(self.clock.mono(), input);
            while let Some(output) = hold.poll() {
                match output {
                    // There is room: the next one comes when this one is done.
                    Output::Send(command) => drop(commands.try_send(command)),
                    Output::Answer(order, outcome) => {
                        if let Some(asker) = waiting.remove(&order) {
                            let _ = asker.send(outcome);
                        }
                    }
                }
            }
            let is_unknown = matches!(self.look.borrow().known, Known::Unable(_));
            if (is_ending && hold.is_still()) || is_unknown {
                return;
            }
        }
    }

    /// What a failure means for what is known.
    fn judge(&self, outcome: &Outcome) {
        let Err(why) = outcome else { return };
        tracing::info!(camera = %self.camera, %why, "it was not turned");
        let now = self.clock.mono();
        self.look.send_modify(|look| match why {
            // Held buttons must not lock an account.
            OnvifError::WrongCredentials | OnvifError::CredentialsNeeded => {
                *look = Look { known: Known::Unable(why.clone()), at: now, is_doubted: false };
            }
            OnvifError::Refused(_) => {}
            _ => look.is_doubted = true,
        });
    }
}

/// Whoever speaks to the camera, one command after the other; ends with who commands.
fn start(mut ptz: Ptz) -> (mpsc::Sender<Command>, mpsc::Receiver<Outcome>) {
    let (commands, mut coming) = mpsc::channel(1);
    let (done, outcomes) = mpsc::channel(1);
    tokio::spawn(async move {
        while let Some(command) = coming.recv().await {
            let outcome = match command {
                Command::Turn(to) => ptz.turn(to, TIMEOUT).await,
                Command::Stop => ptz.stop().await,
                Command::Goto(token) => ptz.goto_preset(&token).await,
            };
            if done.send(outcome).await.is_err() {
                return;
            }
        }
    });
    (commands, outcomes)
}
