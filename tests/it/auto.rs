//! Live pictures by the stream `auto`: it follows the viewer's connection.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use futures::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tarsier_tests::hub::{HubProcess, token};
use tarsier_tests::proxy::{Fault, Proxy};
use tarsier_tests::webrtc;
use tokio_tungstenite::tungstenite::Message;

use crate::recording::{stream, until_written};
use crate::{camera, cameras, hub, journey, journey_within};

/// For a change of the stream on a busy machine; how quick it is, is measured by the brain's own tests.
const PATIENCE: Duration = Duration::from_secs(120);

/// Flags of a keyframe (ISO/IEC 14496-12 section 8.8.3.1).
const DEPENDS_ON_NONE: u64 = 0x0200_0000;
/// Streams of a camera come by different ways. In 1/2^32 s.
const SKEW: u64 = 1 << 31;
/// For a whole GOP that was seen already, in 1/90 000 s.
const A_FLASH: u64 = 9000;

type Socket =
    tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>;

/// A viewer that tells what it has received, as the page's player does.
struct Viewer {
    socket: Socket,
    received: u32,
    /// Of the run: the stream, and the media time and label of the newest picture.
    stream: String,
    awaits_init: bool,
    newest: Option<(u64, u64)>,
    /// The newest label of all runs, and of those before this one.
    shown_until: u64,
    seen_before: u64,
}

impl Viewer {
    async fn open(address: &str, camera: &str, token: &str) -> anyhow::Result<Self> {
        let url = format!("ws://{address}/live/{camera}/auto/mse?token={token}");
        let (mut socket, _) =
            tokio_tungstenite::connect_async(url).await.context("open the WebSocket")?;
        let request = json!({ "codecs": ["avc1.640028"], "reports": true });
        socket.send(Message::text(request.to_string())).await?;
        Ok(Self {
            socket,
            received: 0,
            stream: String::new(),
            awaits_init: false,
            newest: None,
            shown_until: 0,
            seen_before: 0,
        })
    }

    /// Takes pictures until they are of that stream and so many of it have come.
    async fn until_on(&mut self, stream: &str, pictures: u32) -> anyhow::Result<()> {
        let taken = async {
            let mut seen = 0;
            while seen < pictures {
                let is_picture = self.take().await?;
                seen = if self.stream == stream { seen + u32::from(is_picture) } else { 0 };
            }
            anyhow::Ok(())
        };
        let taken = tokio::time::timeout(PATIENCE, taken).await;
        taken.with_context(|| format!("not on {stream}, but on {}", self.stream))?
    }

    /// One message; whether it was a picture.
    async fn take(&mut self) -> anyhow::Result<bool> {
        let message = self.socket.next().await.context("the server closed")??;
        let is_picture = match &message {
            Message::Text(text) => {
                self.told(&serde_json::from_str(text)?)?;
                false
            }
            Message::Binary(bytes) => self.media(bytes)?,
            _ => return Ok(false),
        };
        self.received += 1;
        let report = json!({ "received": self.received });
        self.socket.send(Message::text(report.to_string())).await?;
        Ok(is_picture)
    }

    fn told(&mut self, message: &Value) -> anyhow::Result<()> {
        match message["kind"].as_str() {
            Some("init") => {
                message["stream"].as_str().context("no stream")?.clone_into(&mut self.stream);
                self.awaits_init = true;
                self.newest = None;
                self.seen_before = self.shown_until;
            }
            Some("skipped" | "probe" | "waiting") => {}
            _ => anyhow::bail!("{message}"),
        }
        Ok(())
    }

    fn media(&mut self, bytes: &[u8]) -> anyhow::Result<bool> {
        if std::mem::take(&mut self.awaits_init) {
            ensure!(found(bytes, *b"moov").is_some(), "an init segment comes first");
            return Ok(false);
        }
        let time = number_behind(bytes, *b"tfdt", 4)?;
        let label = number_behind(bytes, *b"prft", 8)?;
        let flags = number_behind(bytes, *b"trun", 20)? >> 32;
        let is_keyframe = flags == DEPENDS_ON_NONE;
        match self.newest {
            None => ensure!(is_keyframe && time == 0, "a run begins at 0 with a keyframe"),
            Some((last, last_label)) => {
                ensure!(time > last, "media time goes on: {last} then {time}");
                ensure!(label >= last_label, "labels go on: {last_label} then {label}");
            }
        }
        if label + SKEW < self.seen_before {
            ensure!(time < A_FLASH, "what was seen already is not looked at again: {time}");
        }
        self.newest = Some((time, label));
        self.shown_until = self.shown_until.max(label);
        Ok(true)
    }
}

fn found(bytes: &[u8], name: [u8; 4]) -> Option<usize> {
    bytes.windows(4).position(|window| *window == name)
}

/// 64 bits, so many bytes behind the name of a box.
fn number_behind(bytes: &[u8], name: [u8; 4], skip: usize) -> anyhow::Result<u64> {
    let at = found(bytes, name).context("no such box")? + 4 + skip;
    let number = bytes.get(at..at + 8).context("too short")?;
    Ok(u64::from_be_bytes(number.try_into()?))
}

async fn viewers(hub: &HubProcess, camera: &str, of: &str) -> anyhow::Result<u64> {
    let status = hub.get(&format!("/api/v1/cameras/{camera}/status")).await?;
    stream(&status, of)?["viewers"].as_u64().context("no number of viewers")
}

async fn two_streams()
-> anyhow::Result<(tarsier_demo::DemoServer, tempfile::TempDir, HubProcess, String)> {
    let server = cameras(1).await?;
    let (folder, hub) = hub().await?;
    let id = hub.add_camera(&camera(&server, 1, "Court")).await?;
    until_written(&hub, &id, 30).await?;
    Ok((server, folder, hub, id))
}

#[test]
fn a_viewer_follows_his_connection_down_and_up_again() {
    journey_within(PATIENCE * 4, async {
        let (server, _folder, hub, id) = two_streams().await?;
        let proxy = Proxy::start(([127, 0, 0, 1], hub.port()).into()).await?;
        let mut viewer = Viewer::open(&proxy.addr().to_string(), &id, &hub.token).await?;
        viewer.until_on("main", 25).await?;
        // Less than the main stream of the demo has, and more than its sub stream.
        proxy.set(Fault::Narrow(300_000));
        viewer.until_on("sub", 25).await?;
        proxy.set(Fault::None);
        viewer.until_on("main", 25).await?;
        server.stop().await;
        Ok(())
    });
}

#[test]
fn a_token_for_the_sub_stream_never_sees_more() {
    journey(async {
        let (server, _folder, hub, id) = two_streams().await?;
        let narrow = ["--role", "viewer", "--camera", &id, "--stream", "sub"];
        let token = token(hub.data_dir(), &narrow).await?;
        let address = format!("127.0.0.1:{}", hub.port());
        let mut viewer = Viewer::open(&address, &id, &token).await?;
        viewer.until_on("sub", 100).await?;
        ensure!(viewers(&hub, &id, "main").await? == 0, "nor is it sent anything else");
        server.stop().await;
        Ok(())
    });
}

#[test]
fn over_webrtc_a_viewer_is_shown_the_best_stream_that_his_token_is_for() {
    journey(async {
        let (server, _folder, mut hub, id) = two_streams().await?;
        let (mut viewer, location, _) = webrtc::Viewer::open_stream(&hub, &id, "auto").await?;
        ensure!(location.contains("/auto/whep/"), "{location}");
        viewer.picture().await?;
        ensure!(viewers(&hub, &id, "main").await? == 1, "the best there is");
        let (status, _) = hub.call("DELETE", &location, None).await?;
        ensure!(status == 200, "{status}");
        viewer.until_closed().await?;

        let narrow = ["--role", "viewer", "--camera", &id, "--stream", "sub"];
        let narrow = token(hub.data_dir(), &narrow).await?;
        let admin = std::mem::replace(&mut hub.token, narrow);
        let (mut viewer, location, _) = webrtc::Viewer::open_stream(&hub, &id, "auto").await?;
        for _ in 0..100 {
            viewer.picture().await?;
        }
        let (status, problem) = hub.call("POST", &format!("{location}/renew"), None).await?;
        ensure!(status == 204, "{status} {problem}");
        hub.token = admin;
        ensure!(viewers(&hub, &id, "main").await? == 0, "nothing that the token is not for");
        ensure!(viewers(&hub, &id, "sub").await? == 1);
        server.stop().await;
        Ok(())
    });
}
