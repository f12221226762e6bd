//! One connection's conversation: what each request is answered with, and the session that grows out of it.
//!
//! A connection has at most one session, which ends with it. Over UDP the client must be heard from (any request,
//! or RTCP) once in [`TIMEOUT_SECONDS`]; over TCP the connection itself shows that somebody is there.
//! What does not belong here: sockets. The hands open UDP ports when [`Conversation::wants_ports`] says so.

use std::net::IpAddr;
use std::sync::Arc;

use tarsier_rtp::message::{Request, Response, Status};
use tarsier_rtp::transport::{Wanted, choose};
use tarsier_types::{Credentials, StreamKind};

use super::auth::Gate;
use super::sdp;
use super::target::{Target, locate};
use crate::catalogue::{Catalogue, Channel};
use crate::options::{AuthScheme, Join};
use crate::playout::{FilmTrack, Origin, Outlet, Playout, Written};
use crate::quirks::{Quirks, Tracks};
use crate::schedule::FilmTime;

/// What real cameras say, and live555 clients expect.
const TIMEOUT_SECONDS: u64 = 60;
const PUBLIC: &str =
    "OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, GET_PARAMETER, SET_PARAMETER, TEARDOWN";

/// Who may look, and how a look begins.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    pub(crate) auth: AuthScheme,
    pub(crate) credentials: Option<Credentials>,
    pub(crate) join: Join,
    pub(crate) quirks: Quirks,
}

/// The random numbers of one connection.
#[derive(Clone, Debug)]
pub(crate) struct Opened {
    pub(crate) nonce: String,
    pub(crate) session: String,
    pub(crate) origins: [Origin; 2],
    /// The address that the client reached us at.
    pub(crate) local: IpAddr,
}

/// What to do about a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) response: Response,
    /// The connection ends after the response.
    pub(crate) closes: bool,
    /// The ports that were opened for this request serve that track now, to those ports of the client.
    pub(crate) uses_ports: Option<(u8, u16, u16)>,
}

impl From<Response> for Answer {
    fn from(response: Response) -> Self {
        Self { response, closes: false, uses_ports: None }
    }
}

impl From<Status> for Answer {
    fn from(status: Status) -> Self {
        Response::new(status).into()
    }
}

/// What the client set up so far.
struct Session {
    camera: u16,
    stream: StreamKind,
    channel: Channel,
    outlets: Vec<Outlet>,
    datagrams: bool,
    playout: Option<Playout>,
    playing: bool,
    heard: FilmTime,
}

/// One connection.
pub(crate) struct Conversation {
    catalogue: Arc<Catalogue>,
    join: Join,
    quirks: Quirks,
    gate: Gate,
    opened: Opened,
    session: Option<Session>,
}

impl Conversation {
    /// A connection that has just been opened.
    pub(crate) fn new(catalogue: Arc<Catalogue>, access: Access, opened: Opened) -> Self {
        let gate = Gate::new(access.auth, access.credentials, opened.nonce.clone());
        Self { catalogue, join: access.join, quirks: access.quirks, gate, opened, session: None }
    }

    /// Whether the request needs a pair of UDP ports of ours, if it is granted.
    pub(crate) fn wants_ports(&self, request: &Request) -> bool {
        request.method == "SETUP"
            && request
                .header("Transport")
                .and_then(choose)
                .is_some_and(|w| matches!(w, Wanted::Datagrams { .. }))
            && self.gate.challenge(request).is_none()
    }

    /// Whether the request begins a session: cameras count these.
    pub(crate) fn begins_session(&self, request: &Request) -> bool {
        request.method == "SETUP" && self.session.is_none()
    }

    /// How many sessions there may be at all.
    pub(crate) fn sessions_at_most(&self) -> usize {
        self.quirks.sessions_at_most.unwrap_or(usize::MAX)
    }

    /// So many of a hundred datagrams are lost.
    pub(crate) fn datagrams_lost_percent(&self) -> u8 {
        self.quirks.datagrams_lost_percent
    }

    /// Answers a request at `utc` (nanoseconds since 1970). `ports` are the pair that was opened for it.
    pub(crate) fn handle(
        &mut self,
        utc: u64,
        request: &Request,
        ports: Option<(u16, u16)>,
    ) -> Answer {
        self.heard(utc);
        // OPTIONS is asked before there is a password to give; cameras answer it.
        if request.method == "OPTIONS" {
            return Response::new(Status::Ok).with("Public", PUBLIC).into();
        }
        if let Some(challenge) = self.gate.challenge(request) {
            return Response::new(Status::Unauthorized).with("WWW-Authenticate", challenge).into();
        }
        match request.method.as_str() {
            "DESCRIBE" => self.describe(request).into(),
            "SETUP" => self.set_up(utc, request, ports),
            "PLAY" => self.in_session(request, |this| this.play(utc, request)),
            "PAUSE" => self.in_session(request, Conversation::pause),
            "GET_PARAMETER" | "SET_PARAMETER" if request.header("Session").is_none() => {
                Status::Ok.into()
            }
            "GET_PARAMETER" | "SET_PARAMETER" => self.in_session(request, |this| this.ok().into()),
            "TEARDOWN" => {
                self.in_session(request, |_| Answer { closes: true, ..Status::Ok.into() })
            }
            _ => Response::new(Status::NotImplemented).with("Public", PUBLIC).into(),
        }
    }

    /// The client is there (a request, or RTCP).
    pub(crate) fn heard(&mut self, utc: u64) {
        if let Some(session) = &mut self.session {
            session.heard = session.channel.film_time(utc);
        }
    }

    /// When something must be done: nanoseconds since 1970.
    pub(crate) fn deadline(&self) -> Option<u64> {
        let session = self.session.as_ref().filter(|session| session.playing)?;
        let unit = session.playout.as_ref()?.deadline();
        let silence =
            session.datagrams.then_some(session.heard.0 + TIMEOUT_SECONDS * 1_000_000_000);
        Some(unit.0.min(silence.unwrap_or(u64::MAX)).saturating_add(session.channel.phase))
    }

    /// The client of a UDP session has gone without a word.
    pub(crate) fn is_forsaken(&self, utc: u64) -> bool {
        self.session.as_ref().is_some_and(|session| {
            let silence = session.channel.film_time(utc).0.saturating_sub(session.heard.0);
            session.datagrams && session.playing && silence >= TIMEOUT_SECONDS * 1_000_000_000
        })
    }

    /// Writes the next thing that is due. To be called until it gives `None`.
    pub(crate) fn poll(&mut self, utc: u64, out: &mut Vec<u8>) -> Option<Written> {
        let session = self.session.as_mut().filter(|session| session.playing)?;
        let now = session.channel.film_time(utc);
        session.playout.as_mut()?.poll(now, out)
    }

    /// Says good-bye on every track that plays.
    pub(crate) fn finish(&self, out: &mut Vec<u8>) {
        if let Some(playout) = self.session.as_ref().and_then(|session| session.playout.as_ref()) {
            playout.finish(out);
        }
    }

    /// Which stream is watched.
    pub(crate) fn watched(&self) -> Option<(u16, StreamKind)> {
        self.session.as_ref().map(|session| (session.camera, session.stream))
    }

    fn describe(&self, request: &Request) -> Response {
        let found = locate(&request.uri).filter(|target| target.track.is_none());
        let Some(channel) =
            found.and_then(|target| self.catalogue.channel(target.camera, target.stream))
        else {
            return Response::new(Status::NotFound);
        };
        if request
            .header("Accept")
            .is_some_and(|kinds| !kinds.contains("application/sdp") && !kinds.contains('*'))
        {
            return Response::new(Status::NotAcceptable);
        }
        let mut response = Response::new(Status::Ok)
            .with("Content-Type", "application/sdp")
            .with("Content-Base", format!("{}/", request.uri.trim_end_matches('/')))
            .with("Cache-Control", "no-cache");
        response.body = sdp::describe(&channel.film, &self.opened.local.to_string(), &self.quirks);
        response
    }

    fn set_up(&mut self, utc: u64, request: &Request, ports: Option<(u16, u16)>) -> Answer {
        if request.header("Session").is_some() && !self.names_session(request) {
            return Status::SessionNotFound.into();
        }
        let Some(Target { camera, stream, track: Some(track) }) = locate(&request.uri) else {
            return Status::NotFound.into();
        };
        let channel = self.catalogue.channel(camera, stream);
        let there = |channel: &Channel| match track {
            FilmTrack::Video => self.quirks.tracks == Tracks::All,
            FilmTrack::Audio => channel.film.sound.is_some(),
        };
        let Some(channel) = channel.filter(there) else {
            return Status::NotFound.into();
        };
        let taken = self.session.as_ref().is_some_and(|session| {
            let other_stream = (session.camera, session.stream) != (camera, stream);
            other_stream
                || session.playing
                || session.outlets.iter().any(|outlet| outlet.track == track)
        });
        if taken {
            return Status::MethodNotValidInThisState.into();
        }
        let number = u8::from(track != FilmTrack::Video);
        let (media_channel, report_channel, agreed, uses_ports) = match request
            .header("Transport")
            .and_then(choose)
        {
            Some(Wanted::Interleaved(channels)) => {
                let (media, reports) = channels.unwrap_or((number * 2, number * 2 + 1));
                (media, reports, format!("RTP/AVP/TCP;unicast;interleaved={media}-{reports}"), None)
            }
            Some(Wanted::Datagrams { media, reports }) if ports.is_some() => {
                let (ours, ours_too) = ports.unwrap_or_default();
                let agreed = format!(
                    "RTP/AVP;unicast;client_port={media}-{reports};server_port={ours}-{ours_too}"
                );
                (number * 2, number * 2 + 1, agreed, Some((number, media, reports)))
            }
            _ => return Status::UnsupportedTransport.into(),
        };
        let clash = self.session.as_ref().is_some_and(|session| {
            let mixed = session.datagrams != uses_ports.is_some();
            mixed
                || session.outlets.iter().any(|other| {
                    [other.media_channel, other.report_channel]
                        .iter()
                        .any(|taken| [media_channel, report_channel].contains(taken))
                })
        });
        if clash || media_channel == report_channel {
            return Status::UnsupportedTransport.into();
        }
        let origin = self.opened.origins[usize::from(number)];
        let heard = channel.film_time(utc);
        let session = self.session.get_or_insert_with(|| Session {
            camera,
            stream,
            channel,
            outlets: Vec::new(),
            datagrams: uses_ports.is_some(),
            playout: None,
            playing: false,
            heard,
        });
        session.outlets.push(Outlet { track, media_channel, report_channel, origin });
        let response = self.ok().with("Transport", format!("{agreed};ssrc={:08X}", origin.ssrc));
        Answer { response, closes: false, uses_ports }
    }

    fn play(&mut self, utc: u64, request: &Request) -> Answer {
        let (join, quirks) = (self.join, self.quirks.clone());
        let Some(session) = &mut self.session else { return Status::SessionNotFound.into() };
        if locate(&request.uri)
            .is_none_or(|at| (at.camera, at.stream) != (session.camera, session.stream))
        {
            return Status::NotFound.into();
        }
        let now = session.channel.film_time(utc);
        let playout = match &mut session.playout {
            Some(playout) if session.playing => playout,
            Some(playout) => {
                playout.resume(now);
                playout
            }
            empty => {
                let film = Arc::clone(&session.channel.film);
                let other = self.catalogue.channel(session.camera, StreamKind::Sub);
                let other = other.map_or_else(|| Arc::clone(&film), |channel| channel.film);
                let phase = session.channel.phase;
                let playout = Playout::start(film, phase, join, &session.outlets, now);
                empty.insert(playout.bent(&quirks, other, now))
            }
        };
        session.playing = true;
        let target = locate(&request.uri).map(|at| at.track);
        let base = match target {
            Some(Some(_)) => request.uri.rsplit_once('/').map_or("", |(base, _)| base),
            _ => request.uri.trim_end_matches('/'),
        };
        let info: Vec<String> = playout
            .beginnings()
            .iter()
            .map(|at| {
                format!(
                    "url={base}/{};seq={};rtptime={}",
                    at.track.control(),
                    at.sequence,
                    at.timestamp
                )
            })
            .collect();
        self.ok().with("Range", "npt=now-").with("RTP-Info", info.join(",")).into()
    }

    fn pause(&mut self) -> Answer {
        let Some(session) = self.session.as_mut().filter(|session| session.playout.is_some())
        else {
            return Status::MethodNotValidInThisState.into();
        };
        session.playing = false;
        self.ok().into()
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
mod tests {
    use std::net::Ipv4Addr;

    use tarsier_rtp::message::{Incoming, parse};

    use super::*;
    use crate::catalogue::Scene;
    use crate::film::Film;
    use crate::quirks::ParameterSetsIn;
    use crate::samples;

    /// Nanoseconds since 1970, somewhere in 2026.
    const NOW: u64 = 1_795_232_000_123_456_789;
    const SECOND: u64 = 1_000_000_000;

    fn conversation() -> Conversation {
        let film = Arc::new(Film::new(samples::TINY_HEVC_MULAW, ParameterSetsIn::Both).unwrap());
        let scene = Scene { main: Arc::clone(&film), sub: film };
        let access = Access {
            auth: AuthScheme::None,
            credentials: None,
            join: Join::NextPicture,
            quirks: Quirks::default(),
        };
        let opened = Opened {
            nonce: String::new(),
            session: "ABCD".into(),
            origins: [Origin::default(); 2],
            local: Ipv4Addr::LOCALHOST.into(),
        };
        Conversation::new(Arc::new(Catalogue::new(2, vec![scene])), access, opened)
    }

    fn request(line: &str, header: &str) -> Request {
        let text = format!("{line} RTSP/1.0\r\nCSeq: 1\r\n{header}\r\n\r\n");
        let Ok(Incoming::Request(request, _)) = parse(text.as_bytes()) else {
            panic!("not read: {text}")
        };
        request
    }

    fn playing(transport: &str, ports: Option<(u16, u16)>) -> Conversation {
        let mut conversation = conversation();
        let set_up = request("SETUP rtsp://h/cam2/main/track1", &format!("Transport: {transport}"));
        assert_eq!(
            conversation.wants_ports(&set_up),
            ports.is_some(),
            "ports are opened for UDP alone"
        );
        assert_eq!(conversation.handle(NOW, &set_up, ports).response.status, Status::Ok);
        let play = request("PLAY rtsp://h/cam2/main", "Session: ABCD;timeout=60");
        assert_eq!(conversation.handle(NOW, &play, None).response.status, Status::Ok);
        conversation
    }

    #[test]
    fn a_udp_client_that_says_nothing_for_a_minute_is_given_up() {
        let mut udp = playing("RTP/AVP;client_port=5000-5001", Some((6000, 6001)));
        assert!(!udp.is_forsaken(NOW + 59 * SECOND), "59 s of silence are allowed");
        assert!(udp.is_forsaken(NOW + 60 * SECOND), "60 s are not");
        udp.heard(NOW + 59 * SECOND);
        assert!(!udp.is_forsaken(NOW + 100 * SECOND), "a receiver report counts");
        let tcp = playing("RTP/AVP/TCP;interleaved=0-1", None);
        assert!(!tcp.is_forsaken(NOW + 3600 * SECOND), "a TCP connection speaks for itself");
    }

    #[test]
    fn what_is_written_keeps_the_deadline() {
        let mut conversation = playing("RTP/AVP/TCP;interleaved=0-1", None);
        let mut out = Vec::new();
        let mut now = NOW;
        let mut pictures = 0;
        while now < NOW + 10 * SECOND {
            now = conversation.deadline().expect("it plays");
            assert!(
                conversation.poll(now - 1, &mut out).is_none(),
                "nothing is sent before its time"
            );
            while let Some(written) = conversation.poll(now, &mut out) {
                pictures += u32::from(written == Written::Unit(FilmTrack::Video));
            }
        }
        assert_eq!(pictures, 251, "25 a second for 10 s, and the one that ends the wait");
        conversation.handle(now, &request("PAUSE rtsp://h/cam2/main", "Session: ABCD"), None);
        assert_eq!(conversation.deadline(), None, "a paused session has nothing to do");
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig { cases: 500, ..Default::default() })]

        #[test]
        fn whatever_a_client_asks_the_answers_are_whole_and_the_camera_goes_on(
            asked in proptest::collection::vec((
                "(SETUP|PLAY|PAUSE|DESCRIBE|TEARDOWN|GET_PARAMETER|[A-Z]{0,9})",
                "(rtsp://h/cam[0-3]/(main|sub)(/track[0-3])?|[!-~]{0,30})/?",
                "(Transport: (RTP/AVP|RTP/AVP/TCP|[!-~]{0,9})(;(unicast|interleaved|client_port)(=[0-9]{0,6}(-[0-9]{0,6})?)?){0,3})?",
                "(Session: (ABCD)?[ -~]{0,4})?",
                "((Accept|Authorization|Range|Scale): [ -~]{0,20})?",
            ), 1..12),
            ports in proptest::prelude::any::<Option<(u16, u16)>>(),
        ) {
            let mut conversation = conversation();
            let mut now = NOW;
            for (method, uri, transport, session, more) in asked {
                let headers = [transport, session, more].map(|header| format!("{header}\r\n"));
                let headers: String = headers.into_iter().filter(|header| header.len() > 2).collect();
                let text = format!("{method} {uri} RTSP/1.0\r\nCSeq: 1\r\n{headers}\r\n");
                let Ok(Incoming::Request(request, _)) = parse(text.as_bytes()) else { continue };
                let ports = ports.filter(|_| conversation.wants_ports(&request));
                let answer = conversation.handle(now, &request, ports);
                let mut out = Vec::new();
                answer.response.write(Some("1"), &mut out);
                let head = String::from_utf8(out).unwrap();
                let head = head.split("\r\n\r\n").next().unwrap();
                let lines = 3 + answer.response.headers.len() + usize::from(!answer.response.body.is_empty());
                assert_eq!(head.lines().count(), lines, "nobody smuggles a line in: {head}");
                for _ in 0..20 {
                    now = conversation.deadline().unwrap_or(now).max(now);
                    conversation.poll(now, &mut Vec::new());
                }
            }
            conversation.finish(&mut Vec::new());
        }
    }
}
