//! `rtsp://…:8554/{camera}/{stream}` and `rtsps://…:8322/…`: plugs [`tarsier_rtsp`] into tokens, cameras and words.
//!
//! Without it the hub is whole for everybody but other programs: when its port is taken, that is said, and the rest goes
//! on.

use std::cell::Cell;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tarsier_api::problem::{Problem, ProblemCode};
use tarsier_api::rights::{Claims, Right};
use tarsier_api::system::RtspServer;
use tarsier_rtsp::{Admitted, Door, Listen, Refused, Rtsp, Shown, Verdict, Why};
use tokio::sync::watch;

use crate::certificate::{self, Identity, Source};
use crate::cli::StreamServers;
use crate::http::rights::Caller;
use crate::hub::Hub;
use crate::sessions::Wanted;
use crate::tokens::TokenError;
use crate::words;

/// How often it is seen to that the certificate does not end.
const CERTIFICATE_LOOK: Duration = Duration::from_secs(3600);

/// What runs of it.
pub(crate) struct Servers {
    plain: Option<Rtsp>,
    tls: Option<Rtsp>,
}

impl Servers {
    /// Says good-bye to all clients, and takes no more.
    pub(crate) fn end_all(&self) {
        self.plain.iter().chain(&self.tls).for_each(Rtsp::end_all);
    }
}

/// Starts both servers, as far as their addresses are free.
pub(crate) fn start(hub: &Arc<Hub>, options: &StreamServers) -> Servers {
    let door: Arc<dyn Door<Problem>> = Arc::new(HubDoor::new(hub));
    let begin = |address: SocketAddr, tls| {
        let listen = Listen { address, tls };
        Rtsp::start(listen, hub.live.clone(), Arc::clone(&door), Arc::new(hub.clock))
    };
    let mut told = RtspServer::default();
    let listen = options.rtsp_listen_unencrypted.unwrap_or(options.rtsp_listen);
    let plain = begin(listen, None).map_err(|error| {
        tracing::error!(%listen, %error, "there is no RTSP server: its address cannot be used. Try --rtsp-listen 127.0.0.1:0");
        told.problem = Some(words::no_rtsp(listen));
    });
    let plain = plain.ok();
    told.url = plain.as_ref().map(|rtsp| format!("rtsp://{}", reached(rtsp.address())));

    let listen = options.rtsps_listen;
    let identity = Identity::open(source(hub, options), hub.now()).map_err(|error| {
        tracing::error!(
            error = &error as &dyn std::error::Error,
            "there is no RTSPS server: it has no certificate"
        );
        told.tls_problem = Some(words::no_certificate(&error));
    });
    let tls = identity.ok().and_then(|identity| {
        let rtsp = begin(listen, Some(identity.tls())).map_err(|error| {
            tracing::error!(%listen, %error, "there is no RTSPS server: its address cannot be used. Try --rtsps-listen 127.0.0.1:0");
            told.tls_problem = Some(words::no_rtsps(listen));
        });
        Some((rtsp.ok()?, identity))
    });
    told.tls_url = tls.as_ref().map(|(rtsp, _)| format!("rtsps://{}", reached(rtsp.address())));
    told.certificate = tls.as_ref().map(|(_, identity)| identity.shown());
    *hub.rtsp.write().unwrap_or_else(PoisonError::into_inner) = told;
    let tls = tls.map(|(rtsp, identity)| {
        tokio::spawn(keep(Arc::clone(hub), identity));
        rtsp
    });
    Servers { plain, tls }
}

/// The user's own certificate, or else the hub's.
fn source(hub: &Hub, options: &StreamServers) -> Source {
    if let (Some(certificate), Some(key)) = (&options.rtsps_cert, &options.rtsps_key) {
        return Source::Given { certificate: certificate.clone(), key: key.clone() };
    }
    let (certificate, key) = hub.data.certificate();
    let listen = options.rtsps_listen.ip();
    let address = if listen.is_unspecified() { own_address(listen) } else { Some(listen) };
    let names = certificate::names(sysinfo::System::host_name().ok().as_deref(), address);
    Source::Own { certificate, key, names }
}

/// Sees to it that the certificate does not end, for as long as the hub runs.
async fn keep(hub: Arc<Hub>, identity: Identity) {
    let identity = Arc::new(identity);
    let mut stopping = hub.stopping.subscribe();
    let mut look = tokio::time::interval(CERTIFICATE_LOOK);
    loop {
        tokio::select! {
            _ = look.tick() => {}
            () = stopped(&mut stopping) => return,
        }
        let (looks, now) = (Arc::clone(&identity), hub.now());
        match tokio::task::spawn_blocking(move || looks.refresh(now)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the certificate for RTSPS stays as it was"
                );
            }
            Err(error) => tracing::warn!(%error, "nobody looked at the certificate for RTSPS"),
        }
        let mut told = hub.rtsp.write().unwrap_or_else(PoisonError::into_inner);
        told.certificate = Some(identity.shown());
    }
}

async fn stopped(stopping: &mut watch::Receiver<bool>) {
    // The guard that it returns must not live on.
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

/// As others reach it, where it listens at all addresses.
fn reached(listen: SocketAddr) -> SocketAddr {
    if !listen.ip().is_unspecified() {
        return listen;
    }
    let address = own_address(listen.ip()).unwrap_or(Ipv4Addr::LOCALHOST.into());
    SocketAddr::new(address, listen.port())
}

/// The machine's address on the way to all others. Nothing is sent to find out.
fn own_address(listen: IpAddr) -> Option<IpAddr> {
    // Of a network for documentation: it is nobody's.
    let (any, far): (IpAddr, IpAddr) = match listen {
        IpAddr::V4(_) => (Ipv4Addr::UNSPECIFIED.into(), [192, 0, 2, 1].into()),
        IpAddr::V6(_) => (Ipv6Addr::UNSPECIFIED.into(), [0x2001, 0xdb8, 0, 0, 0, 0, 0, 1].into()),
    };
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect((far, 9)).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

/// What the server asks of the hub.
pub(crate) struct HubDoor {
    hub: Arc<Hub>,
}

impl HubDoor {
    pub(crate) fn new(hub: &Arc<Hub>) -> Self {
        Self { hub: Arc::clone(hub) }
    }

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
        let permit = self.hub.sessions.admit(&caller.claims, wanted);
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
