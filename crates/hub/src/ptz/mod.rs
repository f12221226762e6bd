//! Turning cameras over ONVIF: whether one can is asked when somebody opens its picture, and remembered for a while.
//!
//! Each camera has a task of its own ([`task`]) that asks it one thing at a time, so that a slow camera holds up nobody but
//! itself. What it is told when is decided in [`hold`]; where it is found, in [`find`]. What does not belong here: SOAP
//! (`tarsier_onvif`), words ([`crate::words`]).

mod find;
mod hold;
mod task;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tarsier_api::problem::Problem;
use tarsier_api::ptz::{Ptz, PtzAbility};
use tarsier_onvif::{Client, OnvifError};
use tarsier_types::{CameraId, Clock, Mono, SystemClock};
use tokio::sync::{mpsc, oneshot, watch};

pub(crate) use self::hold::Aim;
use crate::config::CameraEntry;
use crate::ptz::find::{Target, Untried};
use crate::words;

/// Orders that wait for one camera. The newest wins, so more are from somebody who does not wait for answers.
const ORDERS: usize = 8;
/// How long somebody waits for a camera that is being looked for, to turn it.
const FOUND_WITHIN: Duration = Duration::from_secs(5);
/// Then presets may have changed.
const ABLE_FOR: Duration = Duration::from_secs(300);
/// A camera seldom learns to turn; it may be told to, in its settings.
const UNABLE_FOR: Duration = Duration::from_secs(300);
/// It may have been starting.
const AWAY_FOR: Duration = Duration::from_secs(60);
/// Cameras lock an account after a few wrong passwords.
const LOCKED_FOR: Duration = Duration::from_secs(3600);

/// After the last order; whatever turned has been stopped by then.
const QUIET: Duration = Duration::from_secs(10);

/// What is done about a camera that can be turned, and was asked long ago.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Old {
    /// It is asked again: somebody has just opened its picture.
    AskAgain,
    /// It will do: somebody wants it to turn now.
    WillDo,
}

/// How it stands with one camera.
#[derive(Clone, Debug)]
enum Known {
    Looking,
    Able(PtzAbility),
    Unable(OnvifError),
}

/// What is known, and since when.
#[derive(Clone, Debug)]
struct Look {
    known: Known,
    at: Mono,
    /// It failed since: whoever asks next wants it looked at again.
    is_doubted: bool,
}

impl Look {
    fn is_stale(&self, now: Mono) -> bool {
        let good_for = match &self.known {
            Known::Looking => return false,
            Known::Able(_) if self.is_doubted => return true,
            Known::Able(_) => ABLE_FOR,
            Known::Unable(OnvifError::NoPtz(_)) => UNABLE_FOR,
            Known::Unable(OnvifError::WrongCredentials | OnvifError::CredentialsNeeded) => {
                LOCKED_FOR
            }
            Known::Unable(_) => AWAY_FOR,
        };
        now.since(self.at) >= good_for
    }
}

/// Somebody wants something of a camera, and what became of it.
struct Order {
    aim: Aim,
    outcome: oneshot::Sender<Result<(), OnvifError>>,
}

#[derive(Clone)]
struct Camera {
    target: Arc<Target>,
    look: watch::Receiver<Look>,
    orders: mpsc::Sender<Order>,
    /// When the last order came; zero if none did.
    ordered: Arc<Mutex<Mono>>,
}

/// All cameras that somebody wanted to turn since the start.
pub(crate) struct Turning {
    client: Result<Client, String>,
    clock: SystemClock,
    stopping: watch::Receiver<bool>,
    /// Each task has an ear to it, so that it is known when the last one has ended.
    living: watch::Sender<()>,
    cameras: Mutex<BTreeMap<CameraId, Camera>>,
}

impl Turning {
    /// `stopping` becomes true when the hub goes down: nothing turns on.
    pub(crate) fn new(clock: SystemClock, stopping: watch::Receiver<bool>) -> Self {
        Self {
            client: Client::new(clock),
            clock,
            stopping,
            living: watch::Sender::new(()),
            cameras: Mutex::default(),
        }
    }

    /// The hub goes down, and everything that turned has been stopped.
    pub(crate) async fn ended(&self) {
        self.living.closed().await;
    }

    /// What a camera can. One that is being looked for is waited for, but not longer than that.
    pub(crate) async fn ask(&self, entry: &CameraEntry, patience: Duration) -> Ptz {
        let camera = match self.camera(entry, Old::AskAgain) {
            Ok(camera) => camera,
            Err(problem) => return Ptz::Unable { problem },
        };
        match camera.known(patience).await {
            Known::Looking => Ptz::Looking,
            Known::Able(ability) => Ptz::Able(ability),
            Known::Unable(why) => Ptz::Unable { problem: words::ptz(&why, &camera.target.place) },
        }
    }

    /// Has something done; answers when the camera has said that it does it, or when something newer was wanted.
    pub(crate) async fn order(&self, entry: &CameraEntry, aim: Aim) -> Result<(), Problem> {
        let camera = self.camera(entry, Old::WillDo)?;
        *camera.ordered.lock().unwrap_or_else(PoisonError::into_inner) = self.clock.mono();
        let place = &camera.target.place;
        match camera.known(FOUND_WITHIN).await {
            Known::Able(_) => {}
            Known::Looking => return Err(words::ptz(&OnvifError::TookTooLong, place)),
            Known::Unable(why) => return Err(words::ptz(&why, place)),
        }
        let (outcome, done) = oneshot::channel();
        let sent = camera.orders.try_send(Order { aim, outcome });
        sent.map_err(|_| words::ptz_busy(&entry.name))?;
        // Gone with its task: the camera was changed or deleted meanwhile.
        let done = done.await.unwrap_or(Ok(()));
        done.map_err(|why| words::ptz(&why, place))
    }

    /// It was deleted: what turns stops.
    pub(crate) fn forget(&self, camera: &CameraId) {
        self.cameras.lock().unwrap_or_else(PoisonError::into_inner).remove(camera);
    }

    /// The task of a camera: begun if there is none, and begun again if what is known is old or of another address.
    fn camera(&self, entry: &CameraEntry, old: Old) -> Result<Camera, Problem> {
        let target = Target::of(entry).map_err(|why| match why {
            Untried::Disabled => words::ptz_disabled(&entry.name),
            Untried::Demo => words::ptz(&OnvifError::NoPtz("demo"), ""),
        })?;
        let client = self.client.as_ref().map_err(|why| {
            tracing::error!(why, "no camera can be asked over ONVIF");
            words::internal()
        })?;
        let mut cameras = self.cameras.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = cameras.get(&entry.id)
            && *known.target == target
            && !known.is_due(self.clock.mono(), old)
        {
            return Ok(known.clone());
        }
        let target = Arc::new(target);
        let (telling, look) = watch::channel(Look {
            known: Known::Looking,
            at: self.clock.mono(),
            is_doubted: false,
        });
        let (orders, waiting) = mpsc::channel(ORDERS);
        let task = task::Task {
            camera: entry.id.clone(),
            client: client.clone(),
            clock: self.clock,
            target: Arc::clone(&target),
            look: telling,
            orders: waiting,
            stopping: self.stopping.clone(),
            _living: self.living.subscribe(),
        };
        tokio::spawn(task.run());
        let camera = Camera { target, look, orders, ordered: Arc::default() };
        cameras.insert(entry.id.clone(), camera.clone());
        Ok(camera)
    }
}

impl Camera {
    /// It is to be asked again. One that may be turning just now is left alone.
    fn is_due(&self, now: Mono, old: Old) -> bool {
        let look = self.look.borrow();
        let ordered = *self.ordered.lock().unwrap_or_else(PoisonError::into_inner);
        let is_quiet = ordered == Mono::ZERO || now.since(ordered) >= QUIET;
        let is_able = matches!(look.known, Known::Able(_));
        look.is_stale(now) && !(is_able && (old == Old::WillDo || !is_quiet))
    }

    async fn known(&self, patience: Duration) -> Known {
        let mut look = self.look.clone();
        let found = look.wait_for(|look| !matches!(look.known, Known::Looking));
        let _ = tokio::time::timeout(patience, found).await;
        self.look.borrow().known.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_of_a_camera_is_asked_again_after_a_while() {
        let able = Known::Able(PtzAbility { pan_tilt: true, zoom: true, presets: Vec::new() });
        let after = |known: &Known, is_doubted, seconds| {
            let look = Look { known: known.clone(), at: Mono::ZERO, is_doubted };
            look.is_stale(Mono::ZERO + Duration::from_secs(seconds))
        };
        let unable = |why| Known::Unable(why);
        for (known, seconds) in [
            (able.clone(), 300),
            (unable(OnvifError::NoPtz("x")), 300),
            (unable(OnvifError::NoConnection), 60),
            (unable(OnvifError::WrongCredentials), 3600),
        ] {
            assert!(
                !after(&known, false, seconds - 1) && after(&known, false, seconds),
                "{known:?}"
            );
        }
        assert!(after(&able, true, 0), "one that failed is looked at when it is next asked for");
        assert!(!after(&Known::Looking, false, 100_000), "it ends by itself");
    }
}
