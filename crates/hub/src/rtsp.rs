//! `rtsp://…:8554/{camera}/{stream}`: plugs [`tarsier_rtsp`] into tokens, cameras and words.
//!
//! Without it the hub is whole for everybody but other programs: when its port is taken, that is said, and the rest goes
//! on.

use std::cell::Cell;
use std::net::SocketAddr;
use std::sync::Arc;

use tarsier_api::problem::{Problem, ProblemCode};
use tarsier_api::rights::{Claims, Right};
use tarsier_api::system::RtspServer;
use tarsier_rtsp::{Admitted, Door, Refused, Rtsp, Shown, Verdict, Why};

use crate::http::rights::Caller;
use crate::hub::Hub;
use crate::sessions::Wanted;
use crate::tokens::TokenError;
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

impl HubDoor {
    /// What that opens, if it opens anything now.
    fn holder(&self, shown: &Shown) -> Result<Claims, Refused> {
        let sessions = &self.hub.sessions;
        let held = match shown {
            Shown::Nothing => Err(TokenError::Missing),
            Shown::Token(token) => sessions.check(token),
            Shown::Password { user, password } => match sessions.check(password) {
                Err(TokenError::Forged) => sessions
                    // Hashes are compared in the same time, whatever they are.
                    .find(user, |it| {
                        blake3::hash(it.as_bytes()) == blake3::hash(password.as_bytes())
                    })
                    .and_then(|claims| sessions.show(&claims).map(|()| claims)),
                checked => checked,
            },
            Shown::Answer(answer) => {
                let is_stale = Cell::new(false);
                let found = sessions.find(answer.user(), |known| {
                    let verdict = answer.verdict(known);
                    is_stale.set(verdict == Verdict::Stale);
                    verdict != Verdict::Wrong
                });
                match found {
                    Ok(_) if is_stale.get() => {
                        let words = sentences(&words::stale_answer());
                        return Err(Refused { why: Why::Stale, words });
                    }
                    found => found.and_then(|claims| sessions.show(&claims).map(|()| claims)),
                }
            }
        };
        held.map_err(|why| {
            let told = refused(&words::refused(why.into()));
            match (why, shown) {
                (TokenError::NoUser, Shown::Answer(_)) => Refused { why: Why::Unknown, ..told },
                _ => told,
            }
        })
    }
}

impl Door<Problem> for HubDoor {
    fn admit(&self, shown: &Shown, camera: &str, stream: &str) -> Result<Admitted, Refused> {
        let claims = self.holder(shown)?;
        let caller = Caller::holding(claims);
        let (camera, stream) = caller
            .stream(&self.hub, (camera, stream), Right::Live)
            .map_err(|it| refused(&it.into_problem()))?;
        let stream = (camera.id.clone(), stream.into());
        let wanted = Wanted::Stream(stream.clone(), Right::Live);
        let permit = self.hub.sessions.admit_holder(&caller.claims, wanted);
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
