//! A viewer by WebRTC, as a browser is one: an offer over WHEP, then pictures and sound over a real socket.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use reqwest::header;
use str0m::change::{SdpAnswer, SdpPendingOffer};
use str0m::media::{Direction, KeyframeRequestKind, MediaData, MediaKind, Mid};
use str0m::net::{Protocol, Receive};
use str0m::{Candidate, Event, Input, Output, Rtc};
use tokio::net::UdpSocket;

use crate::hub::HubProcess;
use crate::udp_line::UdpLine;

const PATIENCE: Duration = Duration::from_secs(20);

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// A viewer as a browser is one.
pub struct Viewer {
    rtc: Rtc,
    socket: UdpSocket,
    address: SocketAddr,
    mid: Mid,
    is_closed: bool,
}

/// How a viewer takes sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ears {
    /// Not at all.
    Deaf,
    /// As browsers do: Opus and both kinds of G.711.
    Browser,
    /// By Opus alone.
    Opus,
}

/// Which pictures a viewer takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Eyes {
    /// Of H.264 alone.
    H264,
    /// Of AV1 alone.
    Av1,
    /// Of both.
    Both,
}

impl Viewer {
    /// Not connected yet: with the offer, and what an answer is taken by.
    pub async fn new() -> anyhow::Result<(Self, String, SdpPendingOffer)> {
        Self::with(Eyes::H264, Ears::Deaf).await
    }

    async fn with(eyes: Eyes, ears: Ears) -> anyhow::Result<(Self, String, SdpPendingOffer)> {
        let socket = UdpSocket::bind(("127.0.0.1", 0)).await?;
        let address = socket.local_addr()?;
        let has_g711 = ears == Ears::Browser;
        let mut rtc = Rtc::builder()
            .clear_codecs()
            .enable_h264(eyes != Eyes::Av1)
            .enable_av1(eyes != Eyes::H264)
            .enable_opus(ears != Ears::Deaf, false)
            .enable_pcmu(has_g711, false)
            .enable_pcma(has_g711, false)
            .build(now());
        rtc.add_local_candidate(Candidate::host(address, "udp")?);
        let mut change = rtc.sdp_api();
        let mid = change.add_media(MediaKind::Video, Direction::RecvOnly, None, None, None);
        if ears != Ears::Deaf {
            change.add_media(MediaKind::Audio, Direction::RecvOnly, None, None, None);
        }
        let (offer, pending) = change.apply().context("an offer")?;
        let viewer = Self { rtc, socket, address, mid, is_closed: false };
        Ok((viewer, offer.to_sdp_string(), pending))
    }

    /// Begins to watch at an address of WHEP, be it a hub's or another server's.
    pub async fn at(url: &str) -> anyhow::Result<Self> {
        let (mut viewer, offer, pending) = Self::new().await?;
        let answer = send(reqwest::Client::new().post(url), "application/sdp", offer).await?;
        ensure!(answer.status() == 201, "{}: {}", answer.status(), answer.text().await?);
        let answer = SdpAnswer::from_sdp_string(&answer.text().await?)?;
        viewer.rtc.sdp_api().accept_answer(pending, answer)?;
        Ok(viewer)
    }

    /// Begins to watch; answers where the session is, and its tag.
    pub async fn open(hub: &HubProcess, camera: &str) -> anyhow::Result<(Self, String, String)> {
        Self::open_stream(hub, camera, "main").await
    }

    /// The same of another stream.
    pub async fn open_stream(
        hub: &HubProcess,
        camera: &str,
        stream: &str,
    ) -> anyhow::Result<(Self, String, String)> {
        let (viewer, location, etag, _) =
            Self::open_hearing(hub, (camera, stream), Ears::Deaf).await?;
        Ok((viewer, location, etag))
    }

    /// Begins to watch with those eyes; the hub's answer, too.
    pub async fn open_seeing(
        hub: &HubProcess,
        place: (&str, &str),
        eyes: Eyes,
    ) -> anyhow::Result<(Self, String)> {
        let (viewer, _, _, told) = Self::opened(hub, place, (eyes, Ears::Deaf)).await?;
        Ok((viewer, told))
    }

    /// The same with sound; answers the hub's answer, too.
    pub async fn open_hearing(
        hub: &HubProcess,
        place: (&str, &str),
        ears: Ears,
    ) -> anyhow::Result<(Self, String, String, String)> {
        Self::opened(hub, place, (Eyes::H264, ears)).await
    }

    async fn opened(
        hub: &HubProcess,
        place: (&str, &str),
        (eyes, ears): (Eyes, Ears),
    ) -> anyhow::Result<(Self, String, String, String)> {
        let (mut viewer, offer, pending) = Self::with(eyes, ears).await?;
        let answer = offer_to(hub, place, "application/sdp", offer).await?;
        let head = |name| {
            let value = answer.headers().get(&name).with_context(|| format!("no {name}"))?;
            Ok::<_, anyhow::Error>(value.to_str()?.to_owned())
        };
        ensure!(answer.status() == 201, "{}: {}", answer.status(), answer.text().await?);
        let (location, etag) = (head(header::LOCATION)?, head(header::ETAG)?);
        ensure!(head(header::CONTENT_TYPE)? == "application/sdp");
        let told = answer.text().await?;
        let answer = SdpAnswer::from_sdp_string(&told)?;
        viewer.rtc.sdp_api().accept_answer(pending, answer)?;
        Ok((viewer, location, etag, told))
    }

    /// Begins to watch from behind a line.
    pub async fn behind_a_line(
        hub: &HubProcess,
        (camera, stream): (&str, &str),
    ) -> anyhow::Result<(Self, UdpLine)> {
        let (mut viewer, offer, pending) = Self::new().await?;
        let answer = offer_to(hub, (camera, stream), "application/sdp", offer).await?;
        ensure!(answer.status() == 201, "{}: {}", answer.status(), answer.text().await?);
        let answer = answer.text().await?;
        let candidate = answer.lines().find(|line| line.starts_with("a=candidate:"));
        let port = candidate.and_then(|line| line.split(' ').nth(5)).context("no candidate")?;
        let line = UdpLine::start(([127, 0, 0, 1], port.parse()?).into()).await?;
        let near = line.address().port();
        let answer = answer.replace(&format!(" {port} typ host"), &format!(" {near} typ host"));
        viewer.rtc.sdp_api().accept_answer(pending, SdpAnswer::from_sdp_string(&answer)?)?;
        Ok((viewer, line))
    }

    /// The next picture or packet of sound; nothing once the hub has said goodbye.
    pub async fn next(&mut self) -> anyhow::Result<Option<MediaData>> {
        let by = tokio::time::Instant::now() + PATIENCE;
        let mut buffer = vec![0; 2000];
        loop {
            let until = loop {
                match self.rtc.poll_output()? {
                    Output::Timeout(at) => break at,
                    Output::Transmit(transmit) => {
                        self.socket.send_to(&transmit.contents, transmit.destination).await?;
                    }
                    Output::Event(Event::MediaData(data)) => return Ok(Some(data)),
                    Output::Event(Event::Closed) => self.is_closed = true,
                    Output::Event(_) => {}
                }
            };
            if self.is_closed {
                return Ok(None);
            }
            tokio::select! {
                received = self.socket.recv_from(&mut buffer) => {
                    let (length, source) = received?;
                    let received = Receive::new(Protocol::Udp, source, self.address, &buffer[..length])?;
                    self.rtc.handle_input(Input::Receive(now(), received))?;
                }
                () = tokio::time::sleep_until(until.into()) => self.rtc.handle_input(Input::Timeout(now()))?,
                () = tokio::time::sleep_until(by) => bail!("nothing comes"),
            }
        }
    }

    /// The next one; that the session is over is an error.
    pub async fn picture(&mut self) -> anyhow::Result<MediaData> {
        self.next().await?.context("the hub ended the session")
    }

    /// Goes on until the hub says goodbye.
    pub async fn until_closed(&mut self) -> anyhow::Result<()> {
        while self.next().await?.is_some() {}
        Ok(())
    }

    /// Says that pictures were lost.
    pub fn ask_for_keyframe(&mut self) -> anyhow::Result<()> {
        if let Some(mut writer) = self.rtc.writer(self.mid) {
            writer.request_keyframe(None, KeyframeRequestKind::Pli)?;
        }
        Ok(())
    }
}

/// Sends an offer.
pub async fn offer_to(
    hub: &HubProcess,
    (camera, stream): (&str, &str),
    kind: &str,
    body: impl Into<reqwest::Body>,
) -> anyhow::Result<reqwest::Response> {
    let url = format!("{}/live/{camera}/{stream}/whep", hub.url);
    send(reqwest::Client::new().post(url).bearer_auth(&hub.token), kind, body).await
}

async fn send(
    request: reqwest::RequestBuilder,
    kind: &str,
    body: impl Into<reqwest::Body>,
) -> anyhow::Result<reqwest::Response> {
    let request = request.header(header::CONTENT_TYPE, kind).body(body);
    Ok(request.timeout(PATIENCE).send().await?)
}
