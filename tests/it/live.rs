//! Live pictures by the WebSocket for Media Source Extensions.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use futures::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use tarsier_tests::hub::{HubOptions, HubProcess};
use tokio_tungstenite::tungstenite::Message;

use crate::recording::until_written;
use crate::{camera, cameras, hub, journey};

pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A viewer as a browser is one.
pub(crate) struct Viewer {
    socket: tokio_tungstenite::WebSocketStream<
        tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>,
    >,
}

impl Viewer {
    pub(crate) async fn open(hub: &HubProcess, camera: &str, stream: &str) -> anyhow::Result<Self> {
        let request =
            serde_json::json!({ "codecs": ["avc1.640028", "avc1.4d001f", "hvc1.1.6.L93.B0"] });
        Self::ask(hub, camera, stream, &request).await
    }

    pub(crate) async fn ask(
        hub: &HubProcess,
        camera: &str,
        stream: &str,
        request: &Value,
    ) -> anyhow::Result<Self> {
        let url = format!(
            "{}/live/{camera}/{stream}/mse?token={}",
            hub.url.replacen("http", "ws", 1),
            hub.token
        );
        let (mut socket, _) =
            tokio_tungstenite::connect_async(url).await.context("open the WebSocket")?;
        socket.send(Message::text(request.to_string())).await?;
        Ok(Self { socket })
    }

    async fn next(&mut self) -> anyhow::Result<Message> {
        let message =
            tokio::time::timeout(PATIENCE, self.socket.next()).await.context("nothing comes")?;
        message.context("the server closed")?.context("the WebSocket broke")
    }

    /// The next binary message; text is passed over.
    pub(crate) async fn bytes(&mut self) -> anyhow::Result<Bytes> {
        loop {
            if let Message::Binary(bytes) = self.next().await? {
                return Ok(bytes);
            }
        }
    }

    /// The next text message of that kind; pictures are passed over.
    pub(crate) async fn until_message(&mut self, kind: &str) -> anyhow::Result<Value> {
        loop {
            if let Message::Text(text) = self.next().await? {
                let message: Value = serde_json::from_str(&text)?;
                if message["kind"] == kind {
                    return Ok(message);
                }
            }
        }
    }

    /// A later token for the same stream.
    pub(crate) async fn hand_over(&mut self, token: &str) -> anyhow::Result<()> {
        let renewal = serde_json::json!({ "token": token });
        Ok(self.socket.send(Message::text(renewal.to_string())).await?)
    }

    /// Waits for so many binary messages.
    pub(crate) async fn until_pictures(&mut self, count: usize) -> anyhow::Result<()> {
        for _ in 0..count {
            self.bytes().await?;
        }
        Ok(())
    }
}

/// The types of the boxes of a message, in order.
fn boxes(mut bytes: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    while let Some(head) = bytes.first_chunk::<8>() {
        let size = u32::from_be_bytes([head[0], head[1], head[2], head[3]]);
        found.push(String::from_utf8_lossy(&head[4..]).into_owned());
        let size = usize::try_from(size).unwrap_or(usize::MAX).max(8);
        bytes = bytes.get(size..).unwrap_or_default();
    }
    found
}

#[test]
fn a_viewer_gets_an_init_segment_the_last_gop_and_then_one_fragment_a_picture() {
    journey(async {
        let server = cameras(1).await?;
        let (_folder, hub) = hub().await?;
        let id = hub.add_camera(&camera(&server, 1, "Drive")).await?;
        until_written(&hub, &id, 60).await?;
        let mut viewer = Viewer::open(&hub, &id, "main").await?;
        let init = viewer.until_message("init").await?;
        ensure!(
            init["mime"].as_str().is_some_and(|mime| mime.starts_with("video/mp4; codecs=\"avc1.")),
            "{init}"
        );
        ensure!(boxes(&viewer.bytes().await?) == ["ftyp", "moov"], "the init segment comes first");
        for _ in 0..60 {
            let fragment = viewer.bytes().await?;
            ensure!(
                boxes(&fragment) == ["prft", "moof", "mdat"],
                "one fragment: {:?}",
                boxes(&fragment)
            );
        }
        let status = hub.get(&format!("/api/v1/cameras/{id}/status")).await?;
        ensure!(
            crate::recording::stream(&status, "main")?["viewers"] == 1,
            "the viewer is counted: {status}"
        );
        server.stop().await;
        Ok(())
    });
}

#[test]
fn a_viewer_that_waits_for_a_camera_sees_it_when_it_comes_back() {
    journey(async {
        let server = cameras(1).await?;
        let address = server.addr();
        let (_folder, hub) = hub().await?;
        let id = hub.add_camera(&camera(&server, 1, "Well")).await?;
        until_written(&hub, &id, 30).await?;
        let mut viewer = Viewer::open(&hub, &id, "main").await?;
        viewer.until_pictures(5).await?;
        server.stop().await;
        let waiting = viewer.until_message("waiting").await?;
        ensure!(waiting["problem"]["hint"].is_string(), "the viewer is told what to do: {waiting}");
        let options =
            tarsier_demo::DemoOptions { listen: address, cameras: 1, ..Default::default() };
        let server = tarsier_demo::DemoServer::start(options).await?;
        viewer.until_message("init").await?;
        viewer.until_pictures(5).await?;
        server.stop().await;
        Ok(())
    });
}

#[test]
fn live_is_there_again_after_the_hub_was_killed() {
    journey(async {
        let server = cameras(1).await?;
        let (folder, hub) = hub().await?;
        let id = hub.add_camera(&camera(&server, 1, "Lane")).await?;
        until_written(&hub, &id, 30).await?;
        let port = hub.port();
        hub.kill().await?;
        let hub =
            HubProcess::start(folder.path(), &HubOptions { port, ..HubOptions::default() }).await?;
        let mut viewer = Viewer::open(&hub, &id, "main").await?;
        viewer.until_message("init").await?;
        viewer.until_pictures(30).await?;
        server.stop().await;
        Ok(())
    });
}
