//! `rtsp://…:8554/{camera}/{stream}`: plugs [`tarsier_rtsp`] into tokens, cameras and words.
//!
//! Without it the hub is whole for everybody but other programs: when its port is taken, that is said, and the rest goes
//! on.

use std::net::SocketAddr;
use std::sync::Arc;

use tarsier_api::problem::{Problem, ProblemCode};
use tarsier_api::rights::Right;
use tarsier_api::system::RtspServer;
use tarsier_rtsp::{Admitted, Door, Refused, Rtsp, Why};

use crate::http::rights::Caller;
use crate::hub::Hub;
use crate::sessions::Wanted;
use crate::words;

/// Starts the server, if its address is free.
pub(crate) fn start(hub: &Arc<Hub>, listen: SocketAddr) -> Option<Rtsp> {
    let door = Arc::new(HubDoor::new(hub));
    let started = Rtsp::start(listen, hub.live.clone(), door, Arc::new(hub.clock));
    let (rtsp, told) = match started {
        Ok(rtsp) => {
            let url = format!("rtsp://{}", rtsp.address());
            (Some(rtsp), RtspServer { url: Some(url), problem: None })
        }
        Err(error) => {
            tracing::error!(%listen, %error, "there is no RTSP server: its address cannot be used. Try --rtsp-listen 127.0.0.1:0");
            (None, RtspServer { url: None, problem: Some(words::no_rtsp(listen)) })
        }
    };
    // Set once: there is one start.
    let _ = hub.rtsp.set(told);
    rtsp
}

/// What the server asks of the hub.
pub(crate) struct HubDoor {
    hub: Arc<Hub>,
}

impl HubDoor {
    pub(crate) fn new(hub: &Arc<Hub>) -> Self {
        Self { hub: Arc::clone(hub) }
    }
}

impl Door<Problem> for HubDoor {
    fn admit(&self, token: &str, camera: &str, stream: &str) -> Result<Admitted, Refused> {
        let caller = Caller::of(&self.hub, token).map_err(|it| refused(&it.into_problem()))?;
        let (camera, stream) = caller
            .stream(&self.hub, (camera, stream), Right::Live)
            .map_err(|it| refused(&it.into_problem()))?;
        let stream = (camera.id.clone(), stream.into());
        let wanted = Wanted::Stream(stream.clone(), Right::Live);
        let permit = self.hub.sessions.admit(token, wanted);
        let permit = permit.map_err(|why| refused(&words::refused(why)))?;
        let ended = async move {
            permit.ended().await;
        };
        Ok(Admitted { stream, ended: Box::pin(ended) })
    }

    fn words(&self, why: Option<&Problem>) -> String {
        why.map_or_else(|| sentences(&words::no_pictures_yet()), sentences)
    }
}

fn refused(problem: &Problem) -> Refused {
    let why = match problem.code {
        ProblemCode::Unauthorized => Why::Unauthorized,
        ProblemCode::NotFound => Why::NotFound,
        _ => Why::Forbidden,
    };
    Refused { why, words: sentences(problem) }
}

fn sentences(problem: &Problem) -> String {
    format!("{} {}", problem.message, problem.hint)
}
