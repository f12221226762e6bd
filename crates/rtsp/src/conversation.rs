//! Brain: one connection's state machine: what each request is answered, and the session that grows out of it.
//!
//! A connection has at most one session, which ends with it. A right is judged once for a connection and a stream: clients
//! show it with DESCRIBE, and few repeat it. What does not belong here: who may watch (`door`), sockets, when a silent
//! client is given up (`patience`).

use std::net::IpAddr;

use tarsier_live::fanout::StreamId;
use tarsier_rtp::message::{Request, Response, Status};
use tarsier_rtp::transport::{Wanted, choose};

use crate::challenge::{Challenges, Offer};
use crate::description::{Description, NotCarried};
use crate::door::{Refused, Shown, Why};
use crate::patience::{Stage, TIMEOUT_SECONDS};
use crate::sdp;
use crate::sender::{Origin, Outlet, Sender};
use crate::target::{Target, control, locate};

const PUBLIC: &str =
    "OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, GET_PARAMETER, SET_PARAMETER, TEARDOWN";
/// A client asks with nothing first, then with a password; a person may mistype it.
const REFUSALS: u8 = 8;

/// Who else can read what goes over a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// Whoever is between both ends.
    Open,
    /// Nobody: it does not leave the machine.
    Local,
    /// Nobody: TLS. What goes beside it, as datagrams, everybody.
    Tls,
}

/// The random numbers of a connection, and the address at which the client reached us.
#[derive(Clone, Debug)]
pub(crate) struct Opened {
    pub(crate) session: String,
    pub(crate) seed: u128,
    pub(crate) line: Line,
    pub(crate) origins: [Origin; 2],
    pub(crate) local: IpAddr,
}

/// What the door is to be asked before a request can be answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Question {
    pub(crate) camera: String,
    pub(crate) stream: String,
    pub(crate) shown: Shown,
}

impl Question {
    fn is_about(&self, target: Target<'_>) -> bool {
        (self.camera.as_str(), self.stream.as_str()) == (target.camera, target.stream)
    }
}

/// What to do about a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) response: Response,
    pub(crate) then: Then,
}

/// What else a request leads to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// Nothing.
    GoOn,
    /// The ports that were opened for this request serve that track now, to those ports of the client.
    UsePorts { track: usize, media: u16, reports: u16 },
    /// The stream is sent from the last keyframe on.
    Play(StreamId),
    /// Nothing is sent for now.
    Pause,
    /// The connection ends after the response.
    Close,
}

impl From<Response> for Answer {
    fn from(response: Response) -> Self {
        Self { response, then: Then::GoOn }
    }
}

impl From<Status> for Answer {
    fn from(status: Status) -> Self {
        Response::new(status).into()
    }
}

/// With a reason for people.
fn told(status: Status, words: &str) -> Response {
    let mut response = Response::new(status).with("Content-Type", "text/plain; charset=utf-8");
    words.clone_into(&mut response.body);
    response
}

/// Who was let in, and to what.
#[derive(Debug)]
struct Guest {
    question: Question,
    stream: StreamId,
    description: Option<Description>,
}

/// What the client set up.
#[derive(Debug)]
struct Session {
    sender: Sender,
    by_datagrams: bool,
    is_playing: bool,
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Conversation {
    opened: Opened,
    guest: Option<Guest>,
    session: Option<Session>,
    challenges: Challenges,
    refusals: u8,
}

impl Conversation {
    /// A connection that was just opened.
    pub(crate) const fn new(opened: Opened) -> Self {
        let challenges = Challenges::new(opened.seed);
        Self { opened, guest: None, session: None, challenges, refusals: 0 }
    }

    /// Whether the door must be asked first.
    pub(crate) fn question(&mut self, request: &Request) -> Option<Question> {
        let target = self.target(request)?;
        let shown = self.challenges.shown(request, target);
        let shown = shown.or_else(|| target.token().map(Shown::Token));
        let guest = self.guest.as_ref().map(|guest| &guest.question);
        let is_known = guest
            .filter(|it| it.is_about(target))
            .is_some_and(|known| shown.as_ref().is_none_or(|shown| shown.is_of_same(&known.shown)));
        (!is_known).then(|| Question {
            camera: target.camera.to_owned(),
            stream: target.stream.to_owned(),
            shown: shown.unwrap_or(Shown::Nothing),
        })
    }

    /// What a request is about, if it is one that needs a right.
    fn target<'a>(&self, request: &'a Request) -> Option<Target<'a>> {
        let needs_right = matches!(request.method.as_str(), "DESCRIBE" | "SETUP");
        // A session keeps to its stream: then there is nothing to ask, whatever is answered.
        if needs_right && self.session.is_none() { locate(&request.uri) } else { None }
    }

    /// The door let the client in.
    pub(crate) fn admitted(&mut self, question: Question, stream: StreamId) {
        self.refusals = 0;
        self.guest = Some(Guest { question, stream, description: None });
    }

    /// The door did not.
    pub(crate) fn refused(&mut self, refused: &Refused) -> Answer {
        self.guest = None;
        self.refusals = self.refusals.saturating_add(1);
        let response = match refused.why {
            Why::Unauthorized => self.unauthorized(refused, Offer::Anything),
            Why::Stale => self.unauthorized(refused, Offer::Again),
            // Basic shows a password to whoever can read it: asked for where nobody else can.
            Why::Unknown if self.opened.line == Line::Open => {
                self.unauthorized(refused, Offer::Anything)
            }
            Why::Unknown => self.unauthorized(refused, Offer::Token),
            Why::Forbidden => told(Status::Forbidden, &refused.words),
            Why::NotFound => told(Status::NotFound, &refused.words),
        };
        let then = if self.refusals >= REFUSALS { Then::Close } else { Then::GoOn };
        Answer { response, then }
    }

    fn unauthorized(&mut self, refused: &Refused, offer: Offer) -> Response {
        let begin = told(Status::Unauthorized, &refused.words);
        let offers = self.challenges.next(offer);
        offers.into_iter().fold(begin, |response, it| response.with("WWW-Authenticate", it))
    }

    /// Of which stream the present parameters must be known first. Each DESCRIBE asks anew.
    pub(crate) fn undescribed(&self, request: &Request) -> Option<&StreamId> {
        let guest = self.guest.as_ref().filter(|_| self.target(request).is_some())?;
        let is_needed = request.method == "DESCRIBE" || guest.description.is_none();
        is_needed.then_some(&guest.stream)
    }

    /// The parameters are known.
    pub(crate) fn described(
        &mut self,
        description: Result<Description, NotCarried>,
    ) -> Option<Answer> {
        match (description, &mut self.guest) {
            (Ok(description), Some(guest)) => {
                guest.description = Some(description);
                None
            }
            (Ok(_), None) => Some(Status::Unauthorized.into()),
            (Err(NotCarried { rfc6381 }), _) => {
                let words = format!(
                    "RTSP carries H.264 and H.265 here, and the camera sends {rfc6381}. Set the stream to one of them in \
                     the camera's settings."
                );
                Some(told(Status::UnsupportedMediaType, &words).into())
            }
        }
    }

    /// There are no pictures now.
    pub(crate) fn unavailable(words: &str) -> Answer {
        told(Status::ServiceUnavailable, words).with("Retry-After", "2").into()
    }

    /// Whether the request needs a pair of UDP ports of ours, if it is granted.
    pub(crate) fn wants_ports(&self, request: &Request) -> bool {
        request.method == "SETUP"
            && self.guest.is_some()
            && self.opened.line != Line::Tls
            && request
                .header("Transport")
                .and_then(choose)
                .is_some_and(|wanted| matches!(wanted, Wanted::Datagrams { .. }))
    }

    /// Answers a request. `ports` are the pair that was opened for it.
    pub(crate) fn handle(&mut self, request: &Request, ports: Option<(u16, u16)>) -> Answer {
        match request.method.as_str() {
            // Asked before there is a token to show.
            "OPTIONS" => Response::new(Status::Ok).with("Public", PUBLIC).into(),
            "DESCRIBE" => self.describe(request),
            "SETUP" => self.set_up(request, ports),
            "PLAY" => self.in_session(request, |this| this.play(request)),
            "PAUSE" => self.in_session(request, Self::pause),
            "GET_PARAMETER" | "SET_PARAMETER" if request.header("Session").is_none() => {
                Status::Ok.into()
            }
            "GET_PARAMETER" | "SET_PARAMETER" => self.in_session(request, |this| this.ok().into()),
            "TEARDOWN" => {
                self.in_session(request, |_| Answer { then: Then::Close, ..Status::Ok.into() })
            }
            _ => Response::new(Status::NotImplemented).with("Public", PUBLIC).into(),
        }
    }

    /// How far the client has come.
    pub(crate) fn stage(&self) -> Stage {
        match (&self.session, &self.guest) {
            (Some(Session { is_playing: true, by_datagrams, .. }), _) => {
                if *by_datagrams {
                    Stage::Hearing
                } else {
                    Stage::Taking
                }
            }
            (_, Some(_)) => Stage::Guest,
            (_, None) => Stage::Stranger,
        }
    }

    /// What sends, while it plays.
    pub(crate) fn sender(&mut self) -> Option<&mut Sender> {
        let session = self.session.as_mut().filter(|session| session.is_playing)?;
        Some(&mut session.sender)
    }

    fn describe(&self, request: &Request) -> Answer {
        let Some(description) = self.known() else { return Status::NotFound.into() };
        if locate(&request.uri).is_none_or(|target| !self.is_about(target)) {
            return Status::NotFound.into();
        }
        let accepts = request.header("Accept");
        if accepts.is_some_and(|kinds| !kinds.contains("application/sdp") && !kinds.contains('*')) {
            return Status::NotAcceptable.into();
        }
        // Without the query: the token is no part of a track's name.
        let base = request.uri.split('?').next().unwrap_or_default().trim_end_matches('/');
        let mut response = Response::new(Status::Ok)
            .with("Content-Type", "application/sdp")
            .with("Content-Base", format!("{base}/"));
        response.body = sdp::describe(description, self.opened.local);
        response.into()
    }

    fn known(&self) -> Option<&Description> {
        match (&self.session, &self.guest) {
            (Some(session), _) => Some(session.sender.description()),
            (None, guest) => guest.as_ref()?.description.as_ref(),
        }
    }

    fn is_about(&self, target: Target<'_>) -> bool {
        self.guest.as_ref().is_some_and(|guest| guest.question.is_about(target))
    }

    fn set_up(&mut self, request: &Request, ports: Option<(u16, u16)>) -> Answer {
        if request.header("Session").is_some() && !self.names_session(request) {
            return Status::SessionNotFound.into();
        }
        let target = locate(&request.uri).filter(|target| self.is_about(*target));
        let Some(track) = target.and_then(|target| target.track) else {
            return Status::NotFound.into();
        };
        let Some(description) = self.known().filter(|it| track < it.tracks.len()).cloned() else {
            return Status::NotFound.into();
        };
        let is_taken = self.session.as_ref().is_some_and(|session| {
            session.is_playing || session.sender.outlets().any(|outlet| outlet.track == track)
        });
        if is_taken {
            return Status::MethodNotValidInThisState.into();
        }
        let number = u8::from(track > 0);
        let wanted = request.header("Transport").and_then(choose);
        let (channels, agreed, then) = match (wanted, ports) {
            (Some(Wanted::Interleaved(channels)), _) => {
                let (media, reports) = channels.unwrap_or((number * 2, number * 2 + 1));
                let agreed = format!("RTP/AVP/TCP;unicast;interleaved={media}-{reports}");
                ((media, reports), agreed, Then::GoOn)
            }
            (Some(Wanted::Datagrams { media, reports }), Some((ours, ours_too))) => {
                let agreed = format!(
                    "RTP/AVP;unicast;client_port={media}-{reports};server_port={ours}-{ours_too}"
                );
                let then = Then::UsePorts { track, media, reports };
                ((number * 2, number * 2 + 1), agreed, then)
            }
            _ => return Status::UnsupportedTransport.into(),
        };
        let by_datagrams = then != Then::GoOn;
        if self.clashes(channels, by_datagrams) {
            return Status::UnsupportedTransport.into();
        }
        let origin = self.opened.origins[usize::from(number)];
        let session = self.session.get_or_insert_with(|| Session {
            sender: Sender::new(description),
            by_datagrams,
            is_playing: false,
        });
        let (media_channel, report_channel) = channels;
        session.sender.add(Outlet { track, media_channel, report_channel, origin });
        let response = self.ok().with("Transport", format!("{agreed};ssrc={:08X}", origin.ssrc));
        Answer { response, then }
    }

    /// Whether a track cannot travel so beside those that were set up.
    fn clashes(&self, (media, reports): (u8, u8), by_datagrams: bool) -> bool {
        let is_used = |outlet: &Outlet| {
            [outlet.media_channel, outlet.report_channel]
                .iter()
                .any(|used| [media, reports].contains(used))
        };
        media == reports
            || self.session.as_ref().is_some_and(|session| {
                session.by_datagrams != by_datagrams || session.sender.outlets().any(is_used)
            })
    }

    fn play(&mut self, request: &Request) -> Answer {
        let (Some(session), Some(guest)) = (&mut self.session, &self.guest) else {
            return Status::SessionNotFound.into();
        };
        let then = if session.is_playing { Then::GoOn } else { Then::Play(guest.stream.clone()) };
        session.is_playing = true;
        let base = request.uri.split('?').next().unwrap_or_default().trim_end_matches('/');
        let base = match locate(&request.uri) {
            Some(Target { track: Some(_), .. }) => {
                base.rsplit_once('/').map_or("", |(base, _)| base)
            }
            _ => base,
        };
        let info: Vec<String> = session
            .sender
            .sequences()
            .map(|(track, sequence)| format!("url={base}/{};seq={sequence}", control(track)))
            .collect();
        let response = self.ok().with("Range", "npt=now-").with("RTP-Info", info.join(","));
        Answer { response, then }
    }

    fn pause(&mut self) -> Answer {
        match &mut self.session {
            Some(session) => {
                session.is_playing = false;
                session.sender.begin_run();
                Answer { response: self.ok(), then: Then::Pause }
            }
            None => Status::SessionNotFound.into(),
        }
    }

    fn ok(&self) -> Response {
        let session = format!("{};timeout={TIMEOUT_SECONDS}", self.opened.session);
        Response::new(Status::Ok).with("Session", session)
    }

    fn names_session(&self, request: &Request) -> bool {
        let named = request
            .header("Session")
            .map(|header| header.split(';').next().unwrap_or_default().trim());
        self.session.is_some() && named == Some(self.opened.session.as_str())
    }

    fn in_session(&mut self, request: &Request, then: impl FnOnce(&mut Self) -> Answer) -> Answer {
        if self.names_session(request) { then(self) } else { Status::SessionNotFound.into() }
    }
}

#[cfg(test)]
mod tests;
