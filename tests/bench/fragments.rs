//! A viewer over the WebSocket that decodes nothing: fragments, one a picture, and what their `prft` boxes tell.

use anyhow::{Context as _, bail};
use futures::{SinkExt as _, StreamExt as _};
use tarsier_tests::hub::HubProcess;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

/// From 1900, of NTP, to 1970.
const NTP_TO_UNIX_S: i64 = 2_208_988_800;

/// One picture.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fragment {
    pub(crate) bytes: usize,
    /// The lower half, in 1/90 000 s.
    pub(crate) media_time: u32,
    /// When its last byte had reached the recorder.
    pub(crate) arrived_unix_us: i64,
}

/// The pictures of a camera's main stream.
pub(crate) struct Fragments(WebSocketStream<MaybeTlsStream<TcpStream>>);

/// Where they are.
pub(crate) fn url(hub: &HubProcess, camera: &str) -> String {
    format!("{}/live/{camera}/main/mse?token={}", hub.url.replacen("http", "ws", 1), hub.token)
}

impl Fragments {
    pub(crate) async fn open(url: &str) -> anyhow::Result<Self> {
        let (mut socket, _) =
            tokio_tungstenite::connect_async(url).await.context("open the WebSocket")?;
        socket.send(Message::text(r#"{"codecs":["avc1.640028"],"sound":false}"#)).await?;
        Ok(Self(socket))
    }

    /// The next one; init segments and words are passed over.
    pub(crate) async fn next(&mut self) -> anyhow::Result<Fragment> {
        loop {
            let message = self.0.next().await.context("the hub closed")?;
            match message.context("the WebSocket broke")? {
                Message::Binary(bytes) => {
                    if let Some(fragment) = read(&bytes) {
                        return Ok(fragment);
                    }
                }
                Message::Text(text) if text.contains("\"ended\"") => bail!("the hub says {text}"),
                _ => {}
            }
        }
    }
}

/// `prft` (ISO/IEC 14496-12, 8.16.5), which is first:
///
/// ```text
/// size 4 | "prft" | version 1, flags 3 | track 4 | NTP time 8 | media time 4, or 8 of version 1
/// ```
fn read(fragment: &[u8]) -> Option<Fragment> {
    let word = |at: usize| -> Option<u32> {
        Some(u32::from_be_bytes(fragment.get(at..at + 4)?.try_into().ok()?))
    };
    if fragment.get(4..8)? != b"prft" {
        return None;
    }
    let (seconds, fraction) = (i64::from(word(16)?), i64::from(word(20)?));
    let media_time = word(if *fragment.get(8)? == 1 { 28 } else { 24 })?;
    let arrived_unix_us = (seconds - NTP_TO_UNIX_S) * 1_000_000 + ((fraction * 1_000_000) >> 32);
    Some(Fragment { bytes: fragment.len(), media_time, arrived_unix_us })
}
