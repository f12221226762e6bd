//! From a URL to a playing session: DESCRIBE, SETUP, PLAY, or exactly what is wrong.
//!
//! One connection is made; only when it fails is the host asked a second time, why.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use retina::client::{
    Credentials as RetinaCredentials, Described, InitialSequenceNumberPolicy,
    InitialTimestampPolicy, PlayOptions, Session, SessionGroup, SessionIdPolicy, SessionOptions,
    SetupOptions, TcpTransportOptions, TeardownPolicy, Transport as RetinaTransport,
    UdpTransportOptions, UnassignedChannelDataPolicy, UnknownRtcpSsrcPolicy,
};
use retina::codec::FrameFormat;
use tarsier_types::{CameraUrl, Clock, Credentials, Transport};
use tarsier_wire::Problem;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::tracks::{AudioTrack, VideoTrack};
use super::units::Units;
use super::{RtspSource, Timeouts};
use crate::problem::{self, Login, Stage};
use crate::redact::Redactor;
use crate::source::SourceError;
use crate::sync::LipSync;
use crate::timeline::Timeline;

/// A host that is there answers a second connection within this.
const REACH: Duration = Duration::from_secs(2);

pub(super) async fn open(
    url: &CameraUrl,
    credentials: Option<&Credentials>,
    transport: Transport,
    clock: Arc<dyn Clock>,
    timeouts: Timeouts,
) -> Result<RtspSource, SourceError> {
    let redactor = Redactor::new(credentials);
    let login = if credentials.is_some() { Login::Named } else { Login::Anonymous };
    let opening = Opening { url, login, redactor: &redactor, timeouts };
    let group = Arc::new(SessionGroup::default());
    let whole = async {
        let session = opening.describe(options(credentials, &group)).await?;
        opening.play(session, transport).await
    };
    let playing = match timeout(timeouts.open, whole).await {
        Ok(playing) => playing?,
        Err(_) => {
            return Err(error(Problem::NoPictures, "the camera stopped answering before PLAY"));
        }
    };
    let last_picture = clock.mono();
    Ok(RtspSource {
        session: playing.session,
        group,
        clock,
        redactor,
        video: playing.video,
        audio: playing.audio,
        timeline: Timeline::new(None),
        sync: LipSync::new(),
        events: VecDeque::new(),
        patience_for_pictures: timeouts.pictures,
        last_picture,
        liveness: Box::pin(tokio::time::sleep(timeouts.pictures)),
        broken_in_a_row: 0,
    })
}

/// As forgiving as retina can be: what a camera does wrong is repaired later, where it can be counted.
fn options(credentials: Option<&Credentials>, group: &Arc<SessionGroup>) -> SessionOptions {
    let login = credentials.map(|credentials| RetinaCredentials {
        username: credentials.username.clone(),
        password: credentials.password.expose().clone(),
    });
    SessionOptions::default()
        .creds(login)
        .user_agent(concat!("Tarsier/", env!("CARGO_PKG_VERSION")).to_owned())
        .session_group(Arc::clone(group))
        .teardown(TeardownPolicy::Auto)
        .unassigned_channel_data(UnassignedChannelDataPolicy::Ignore)
        .session_id(SessionIdPolicy::UseFirst)
}

struct Opening<'a> {
    url: &'a CameraUrl,
    login: Login,
    redactor: &'a Redactor,
    timeouts: Timeouts,
}

struct Opened {
    session: Units,
    video: VideoTrack,
    audio: Option<AudioTrack>,
}

impl Opening<'_> {
    async fn describe(&self, options: SessionOptions) -> Result<Session<Described>, SourceError> {
        let url = url::Url::parse(self.url.as_str()).map_err(|why| {
            error(Problem::ProtocolError, &format!("the URL cannot be used: {why}"))
        })?;
        let mut describe = std::pin::pin!(Session::describe(url, options));
        let answer = match timeout(self.timeouts.connect, &mut describe).await {
            Ok(answer) => answer,
            Err(_) => {
                // Silence: is nobody there, or does somebody think? The first attempt goes on meanwhile.
                tokio::select! {
                    answer = &mut describe => answer,
                    Err(unreachable) = self.reach() => return Err(unreachable),
                    else => return Err(error(Problem::NoPictures, "no answer to DESCRIBE")),
                }
            }
        };
        match answer {
            Ok(session) => Ok(session),
            Err(failed) if problem::is_connect_failure(&failed) => {
                let detail = self.redactor.clean(&failed.to_string());
                self.reach().await?;
                Err(error(Problem::Disconnected, &detail))
            }
            Err(failed) => Err(self.failed(&failed, Stage::Describe)),
        }
    }

    async fn play(
        &self,
        mut session: Session<Described>,
        transport: Transport,
    ) -> Result<Opened, SourceError> {
        let (video, audio) = choose(&session)?;
        session
            .setup(video.stream, setup_options(transport))
            .await
            .map_err(|failed| self.failed(&failed, Stage::Setup))?;
        let audio = match audio {
            Some(audio) => match session.setup(audio.stream, setup_options(transport)).await {
                Ok(()) => Some(audio),
                // Pictures without sound are better than nothing.
                Err(refused) if refused.status_code().is_some() => {
                    tracing::warn!(error = %self.redactor.clean(&refused.to_string()), "the camera refuses its sound");
                    None
                }
                Err(failed) => return Err(self.failed(&failed, Stage::Setup)),
            },
            None => None,
        };
        let playing = PlayOptions::default()
            .initial_timestamp(InitialTimestampPolicy::Permissive)
            .initial_seq(InitialSequenceNumberPolicy::Ignore)
            .unknown_rtcp_ssrc(UnknownRtcpSsrcPolicy::ProcessPackets);
        let session =
            session.play(playing).await.map_err(|failed| self.failed(&failed, Stage::Setup))?;
        let session = Units::new(session, &video, audio.as_ref())
            .map_err(|failed| self.failed(&failed, Stage::Setup))?;
        Ok(Opened { session, video, audio })
    }

    fn failed(&self, failed: &retina::Error, stage: Stage) -> SourceError {
        problem::of_retina(failed, stage, self.login, self.redactor)
    }

    /// Does a name stand for an address, and does anybody listen there? retina does not tell the two apart.
    async fn reach(&self) -> Result<(), SourceError> {
        let host = self.url.host().trim_start_matches('[').trim_end_matches(']');
        let addresses: Vec<SocketAddr> =
            match timeout(REACH, tokio::net::lookup_host((host, self.url.port()))).await {
                Ok(Ok(found)) => found.collect(),
                Ok(Err(why)) => return Err(error(Problem::HostUnknown, &format!("{host}: {why}"))),
                Err(_) => {
                    return Err(error(
                        Problem::HostUnknown,
                        &format!("{host}: no answer from the name server"),
                    ));
                }
            };
        if addresses.is_empty() {
            return Err(error(
                Problem::HostUnknown,
                &format!("{host}: the name stands for no address"),
            ));
        }
        match timeout(REACH, TcpStream::connect(&addresses[..])).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(why)) => Err(error(
                problem::of_connect(&why),
                &format!("{host} port {}: {why}", self.url.port()),
            )),
            Err(_) => Err(error(
                Problem::HostUnreachable,
                &format!("{host} port {}: silence", self.url.port()),
            )),
        }
    }
}

/// The first pictures that are read here, and the first sound that can be stored.
fn choose(session: &Session<Described>) -> Result<(VideoTrack, Option<AudioTrack>), SourceError> {
    let streams = || session.streams().iter().enumerate();
    let Some(video) = streams().find_map(|(index, stream)| VideoTrack::of(index, stream)) else {
        let other =
            streams().find(|(_, stream)| stream.media() == "video" || stream.media() == "image");
        return Err(match other {
            Some((_, stream)) => SourceError {
                problem: Problem::CodecNotSupported,
                other_engine: true,
                detail: format!(
                    "video is coded as {}",
                    Redactor::default().clean(stream.encoding_name())
                ),
            },
            None => error(Problem::NoVideo, "the camera describes no video"),
        });
    };
    Ok((video, streams().find_map(|(index, stream)| AudioTrack::of(index, stream))))
}

fn setup_options(transport: Transport) -> SetupOptions {
    let transport = match transport {
        Transport::Tcp => RetinaTransport::Tcp(TcpTransportOptions::default()),
        Transport::Udp => RetinaTransport::Udp(UdpTransportOptions::default()),
    };
    // Length-prefixed NAL units, parameter sets in the sample entry alone: what `avc1` and `hvc1` promise.
    SetupOptions::default().transport(transport).frame_format(FrameFormat::MP4)
}

fn error(problem: Problem, detail: &str) -> SourceError {
    SourceError { problem, other_engine: false, detail: detail.to_owned() }
}
