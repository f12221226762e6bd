//! Live pictures by WebRTC: a viewer over real sockets, from the offer to the end of the session.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use reqwest::header;
use serde_json::Value;
use str0m::change::{SdpAnswer, SdpPendingOffer};
use str0m::media::{Direction, KeyframeRequestKind, MediaData, MediaKind, Mid};
use str0m::net::{Protocol, Receive};
use str0m::{Candidate, Event, Input, Output, Rtc};
use tarsier_demo::{DemoOptions, DemoServer};
use tarsier_tests::hub::{HubProcess, token};
use tarsier_tests::udp_line::UdpLine;
use tokio::net::UdpSocket;

use crate::recording::{stream, until_written};
use crate::{camera, cameras, free_port, hub, journey};

const PATIENCE: Duration = Duration::from_secs(20);
/// What the hub promises for a viewer who falls silent, and the pace of a status.
const SILENT_WITHIN: Duration = Duration::from_secs(16);

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// A viewer as a browser is one.
pub(crate) struct Viewer {
    rtc: Rtc,
    socket: UdpSocket,
    address: SocketAddr,
    mid: Mid,
    is_closed: bool,
}

/// How a viewer takes sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ears {
    /// Not at all.
    Deaf,
    /// As browsers do: Opus and both kinds of G.711.
    Browser,
    /// By Opus alone.
    Opus,
}

impl Viewer {
    pub(crate) async fn new() -> anyhow::Result<(Self, String, SdpPendingOffer)> {
        Self::with(Ears::Deaf).await
    }

    async fn with(ears: Ears) -> anyhow::Result<(Self, String, SdpPendingOffer)> {
        let socket = UdpSocket::bind(("127.0.0.1", 0)).await?;
        let address = socket.local_addr()?;
        let has_g711 = ears == Ears::Browser;
        let mut rtc = Rtc::builder()
            .clear_codecs()
            .enable_h264(true)
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

    /// Begins to watch; answers where the session is, and its tag.
    pub(crate) async fn open(
        hub: &HubProcess,
        camera: &str,
    ) -> anyhow::Result<(Self, String, String)> {
        Self::open_stream(hub, camera, "main").await
    }

    /// The same of another stream.
    pub(crate) async fn open_stream(
        hub: &HubProcess,
        camera: &str,
        stream: &str,
    ) -> anyhow::Result<(Self, String, String)> {
        let (viewer, location, etag, _) =
            Self::open_hearing(hub, (camera, stream), Ears::Deaf).await?;
        Ok((viewer, location, etag))
    }

    /// The same with sound; answers the hub's answer, too.
    pub(crate) async fn open_hearing(
        hub: &HubProcess,
        (camera, stream): (&str, &str),
        ears: Ears,
    ) -> anyhow::Result<(Self, String, String, String)> {
        let (mut viewer, offer, pending) = Self::with(ears).await?;
        let answer = post_stream(hub, (camera, stream), "application/sdp", offer).await?;
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
    pub(crate) async fn behind_a_line(
        hub: &HubProcess,
        (camera, stream): (&str, &str),
    ) -> anyhow::Result<(Self, UdpLine)> {
        let (mut viewer, offer, pending) = Self::new().await?;
        let answer = post_stream(hub, (camera, stream), "application/sdp", offer).await?;
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
    pub(crate) async fn next(&mut self) -> anyhow::Result<Option<MediaData>> {
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

    pub(crate) async fn picture(&mut self) -> anyhow::Result<MediaData> {
        self.next().await?.context("the hub ended the session")
    }

    pub(crate) async fn until_closed(&mut self) -> anyhow::Result<()> {
        while self.next().await?.is_some() {}
        Ok(())
    }
}

pub(crate) async fn post(
    hub: &HubProcess,
    camera: &str,
    kind: &str,
    body: impl Into<reqwest::Body>,
) -> anyhow::Result<reqwest::Response> {
    post_stream(hub, (camera, "main"), kind, body).await
}

pub(crate) async fn post_stream(
    hub: &HubProcess,
    (camera, stream): (&str, &str),
    kind: &str,
    body: impl Into<reqwest::Body>,
) -> anyhow::Result<reqwest::Response> {
    let request = reqwest::Client::new()
        .post(format!("{}/live/{camera}/{stream}/whep", hub.url))
        .bearer_auth(&hub.token)
        .header(header::CONTENT_TYPE, kind)
        .body(body);
    Ok(request.timeout(PATIENCE).send().await?)
}

/// An offer that ought to be refused: status and problem.
async fn refused(
    hub: &HubProcess,
    camera: &str,
    kind: &str,
    body: impl Into<reqwest::Body>,
) -> anyhow::Result<(u16, Value)> {
    let answer = post(hub, camera, kind, body).await?;
    let status = answer.status().as_u16();
    Ok((status, serde_json::from_str(&answer.text().await?).context("no problem")?))
}

pub(crate) async fn patch(
    hub: &HubProcess,
    session: &str,
    etag: Option<&str>,
    body: &'static str,
) -> anyhow::Result<u16> {
    let mut request = reqwest::Client::new()
        .patch(format!("{}{session}", hub.url))
        .bearer_auth(&hub.token)
        .header(header::CONTENT_TYPE, "application/trickle-ice-sdpfrag")
        .body(body);
    if let Some(etag) = etag {
        request = request.header(header::IF_MATCH, etag);
    }
    Ok(request.timeout(PATIENCE).send().await?.status().as_u16())
}

pub(crate) async fn until_viewers(
    hub: &HubProcess,
    camera: &str,
    wanted: u64,
    within: Duration,
) -> anyhow::Result<()> {
    let path = format!("/api/v1/cameras/{camera}/status");
    hub.until(&format!("{wanted} watch"), &path, within, |status| {
        (stream(status, "main").ok()?["viewers"] == wanted).then_some(())
    })
    .await
}

/// Whether the picture begins with parameter sets, so that a decoder can begin with it.
fn is_entry(data: &[u8]) -> bool {
    data.windows(5).take(64).any(|bytes| bytes[..4] == [0, 0, 0, 1] && bytes[4] & 0x1f == 7)
}

/// How old a picture is by its RTP time: the wall clock in ticks of 1/90 000 s, of which 32 bits are sent. A picture that
/// was faster on its way than others seems a little younger than it is.
fn age_ms(data: &MediaData) -> anyhow::Result<i64> {
    let ticks = i64::try_from(std::time::UNIX_EPOCH.elapsed()?.as_micros())? * 9 / 100;
    let behind = (ticks - i64::try_from(data.time.numer())?).rem_euclid(1 << 32);
    Ok(if behind >= 1 << 31 { behind - (1 << 32) } else { behind } / 90)
}

#[test]
fn a_viewer_sees_the_last_gop_at_once_and_is_told_the_age_of_each_picture() {
    journey(async {
        let server = cameras(1).await?;
        let (_folder, hub) = hub().await?;
        let id = hub.add_camera(&camera(&server, 1, "Drive")).await?;
        until_written(&hub, &id, 60).await?;
        let (mut viewer, session, etag) = Viewer::open(&hub, &id).await?;
        let first = viewer.picture().await?;
        ensure!(is_entry(&first.data), "the first picture can be decoded");
        let mut last = first.time;
        for _ in 0..80 {
            let picture = viewer.picture().await?;
            ensure!(picture.time > last, "never back in time");
            last = picture.time;
            let age_ms = age_ms(&picture)?;
            ensure!((-100..1000).contains(&age_ms), "{age_ms} ms old");
        }
        until_viewers(&hub, &id, 1, PATIENCE).await?;

        ensure!(patch(&hub, &session, None, "").await? == 428, "no tag");
        ensure!(patch(&hub, &session, Some("\"x\""), "").await? == 412, "another tag");
        ensure!(patch(&hub, &session, Some("*"), "a=ice-ufrag:new\r\n").await? == 422, "a restart");
        ensure!(patch(&hub, &session, Some(&etag), "hello").await? == 400, "no fragment");
        let candidate = "a=candidate:1 1 udp 2122260223 192.0.2.1 9 typ host\r\na=candidate:2 1 udp 1 x.local 9 typ host\r\n";
        ensure!(patch(&hub, &session, Some(&etag), candidate).await? == 204);
        viewer.picture().await?;

        let (status, _) = hub.call("DELETE", &session, None).await?;
        ensure!(status == 200, "{status}");
        viewer.until_closed().await?;
        until_viewers(&hub, &id, 0, PATIENCE).await?;
        let (status, _) = hub.call("DELETE", &session, None).await?;
        ensure!(status == 404, "it is over: {status}");
        server.stop().await;
        Ok(())
    });
}

#[test]
fn a_viewer_who_lost_pictures_gets_the_last_gop_anew_and_not_more_often_than_twice_a_second() {
    journey(async {
        let server = cameras(1).await?;
        let (_folder, hub) = hub().await?;
        let id = hub.add_camera(&camera(&server, 1, "Gate")).await?;
        until_written(&hub, &id, 60).await?;
        let (mut viewer, _, _) = Viewer::open(&hub, &id).await?;
        // Behind the first GOP, and behind the half second in which nothing is sent anew.
        let begun = now();
        while begun.elapsed() < Duration::from_secs(1) {
            viewer.picture().await?;
        }
        let asked = now();
        let (mut entries, mut last) = (Vec::new(), None);
        while asked.elapsed() < Duration::from_secs(2) {
            if let Some(mut writer) = viewer.rtc.writer(viewer.mid) {
                writer.request_keyframe(None, KeyframeRequestKind::Pli)?;
            }
            let picture = viewer.picture().await?;
            if let Some(last) = last {
                ensure!(picture.time > last, "what is sent anew is not older than what was shown");
            }
            last = Some(picture.time);
            if is_entry(&picture.data) {
                entries.push(asked.elapsed());
            }
        }
        // Those of the camera itself come too: one a second or less often.
        ensure!((3..=8).contains(&entries.len()), "asked with each picture for 2 s: {entries:?}");
        ensure!(entries[0] < Duration::from_millis(400), "the first at once: {entries:?}");
        server.stop().await;
        Ok(())
    });
}

#[test]
fn a_session_ends_with_its_viewer_its_token_its_camera_and_the_hub() {
    journey(async {
        let server = cameras(2).await?;
        let (folder, mut hub) = hub().await?;
        let id = hub.add_camera(&camera(&server, 1, "Yard")).await?;
        let other = hub.add_camera(&camera(&server, 2, "Shed")).await?;
        until_written(&hub, &id, 30).await?;
        until_written(&hub, &other, 30).await?;

        let (mut viewer, _, _) = Viewer::open(&hub, &id).await?;
        viewer.picture().await?;
        until_viewers(&hub, &id, 1, PATIENCE).await?;
        drop(viewer);
        until_viewers(&hub, &id, 0, SILENT_WITHIN).await?;

        let admin = std::mem::replace(
            &mut hub.token,
            token(folder.path(), &["--role", "viewer", "--camera", &id, "--ttl", "4s"]).await?,
        );
        let (status, problem) = refused(&hub, &other, "application/sdp", "v=0").await?;
        ensure!(status == 403, "a token for another camera: {status} {problem}");
        let (mut viewer, _, _) = Viewer::open(&hub, &id).await?;
        viewer.until_closed().await.context("the token is over")?;
        hub.token = admin;

        let (mut viewer, _, _) = Viewer::open(&hub, &other).await?;
        viewer.picture().await?;
        let (status, _) = hub.call("DELETE", &format!("/api/v1/cameras/{other}"), None).await?;
        ensure!(status < 300, "{status}");
        viewer.until_closed().await.context("the camera is gone")?;

        let (mut viewer, _, _) = Viewer::open(&hub, &id).await?;
        viewer.picture().await?;
        let (stopped, closed) = tokio::join!(hub.stop(), viewer.until_closed());
        ensure!(stopped?.success());
        closed.context("the hub has gone")?;
        server.stop().await;
        Ok(())
    });
}

#[test]
fn what_cannot_be_shown_over_webrtc_is_refused_in_words() {
    journey(async {
        let server = cameras(1).await?;
        let (_folder, hub) = hub().await?;
        let id = hub.add_camera(&camera(&server, 1, "Attic")).await?;
        until_written(&hub, &id, 30).await?;
        let (_, offer, _) = Viewer::new().await?;
        let no_h264 = offer.replace("H264/90000", "VP8/90000");
        let no_password = offer.lines().filter(|line| !line.starts_with("a=ice-pwd"));
        let no_password = no_password.collect::<Vec<_>>().join("\r\n");
        let long = format!("{offer}{}", "a=x\r\n".repeat(20_000));
        for (kind, body, status, code) in [
            ("application/sdp", "garbage".to_owned(), 400, "bad_request"),
            ("application/sdp", "v=0\r\nm=video\r\n\u{0}".to_owned(), 400, "bad_request"),
            ("application/sdp", no_password, 400, "bad_request"),
            ("application/sdp", long, 413, "bad_request"),
            ("application/json", offer.clone(), 415, "bad_request"),
            ("application/sdp", no_h264, 422, "not_playable"),
        ] {
            let told = refused(&hub, &id, kind, body).await?;
            ensure!(told.0 == status && told.1["code"] == code, "{status} {code}: {told:?}");
            ensure!(told.1["hint"].as_str().is_some_and(|hint| !hint.is_empty()), "{told:?}");
        }
        let films = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/demo/samples");
        for (film, setting) in
            [("tiny-h264-b.mp4", "B-frames off"), ("tiny-hevc-mulaw.mov", "H.264")]
        {
            let films =
                DemoServer::start(DemoOptions { main: Some(films.join(film)), ..free_port() });
            let films = films.await?;
            let id = hub.add_camera(&camera(&films, 1, film)).await?;
            until_written(&hub, &id, 60).await?;
            let told = refused(&hub, &id, "application/sdp", offer.clone()).await?;
            let hint = told.1["hint"].as_str().unwrap_or_default();
            ensure!(told.0 == 422 && told.1["code"] == "not_playable", "{film}: {told:?}");
            ensure!(hint.contains(setting), "{film}: {told:?}");
            films.stop().await;
        }
        server.stop().await;
        Ok(())
    });
}
