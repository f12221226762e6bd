//! A good viewer, in a thread of his own: whatever others do, he sees every picture.

use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use futures::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tarsier_tests::hub::HubProcess;
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;

const PATIENCE: Duration = Duration::from_secs(30);

/// What he saw.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    pub(super) fragments: u32,
    pub(super) longest_gap: Duration,
}

pub(super) struct Witness {
    seen: watch::Receiver<Seen>,
    end: watch::Sender<bool>,
    result: oneshot::Receiver<anyhow::Result<()>>,
}

impl Witness {
    /// Sits down; he has seen his first pictures when this returns.
    pub(super) async fn sit(hub: &HubProcess, camera: &str) -> anyhow::Result<Self> {
        let host = hub.url.replacen("http", "ws", 1);
        let url = format!("{host}/live/{camera}/main/mse?token={}", hub.token);
        let (end, mut told) = watch::channel(false);
        let (sees, seen) = watch::channel(Seen::default());
        let (done, result) = oneshot::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let watched = runtime.map_err(anyhow::Error::from).and_then(|runtime| {
                runtime.block_on(async {
                    tokio::select! {
                        watched = watch_on(&url, &sees) => watched,
                        _ = told.wait_for(|told| *told) => Ok(()),
                    }
                })
            });
            // Nobody may wait for it any more.
            let _ = done.send(watched);
        });
        let mut witness = Self { seen, end, result };
        witness.sees_on(30).await?;
        Ok(witness)
    }

    /// Waits until he has seen so many more.
    pub(super) async fn sees_on(&mut self, fragments: u32) -> anyhow::Result<()> {
        let wanted = self.seen.borrow().fragments + fragments;
        let sees = self.seen.wait_for(|seen| seen.fragments >= wanted);
        match tokio::time::timeout(PATIENCE, sees).await {
            Ok(Ok(_)) => Ok(()),
            Err(_) => bail!("the good viewer sees nothing more"),
            Ok(Err(_)) => {
                (&mut self.result).await.context("his thread died")??;
                bail!("the good viewer has left")
            }
        }
    }

    /// He goes, and tells; it is an error if he missed anything.
    pub(super) async fn leave(self) -> anyhow::Result<Seen> {
        self.end.send_replace(true);
        self.result.await.context("his thread died")??;
        Ok(*self.seen.borrow())
    }
}

/// Goes through a run as long as every fragment follows the one before.
async fn watch_on(url: &str, sees: &watch::Sender<Seen>) -> anyhow::Result<()> {
    let (mut socket, _) = tokio_tungstenite::connect_async(url).await.context("a good viewer")?;
    let request = json!({ "codecs": ["avc1.640028"] });
    socket.send(Message::text(request.to_string())).await?;
    let mut last = None;
    loop {
        let message = socket.next().await.context("the hub closed a good viewer")??;
        match message {
            Message::Text(text) => {
                let words: Value = serde_json::from_str(&text)?;
                ensure!(words["kind"] == "init" && last.is_none(), "something was missed: {words}");
            }
            Message::Binary(bytes) => {
                let Some(number) = number_of(&bytes) else { continue };
                let (seen, now) = (*sees.borrow(), Instant::now());
                if let Some(since) = last.replace(now) {
                    ensure!(number == seen.fragments + 1, "{number} after {}", seen.fragments);
                    let longest_gap = seen.longest_gap.max(now - since);
                    sees.send_replace(Seen { fragments: number, longest_gap });
                } else {
                    ensure!(number == 1, "a run begins with {number}");
                    sees.send_replace(Seen { fragments: 1, ..seen });
                }
            }
            _ => {}
        }
    }
}

/// `sequence_number` of `mfhd`; none of the init segment.
fn number_of(fragment: &[u8]) -> Option<u32> {
    let at = fragment.windows(4).position(|four| four == b"mfhd")? + 8;
    fragment.get(at..)?.first_chunk().map(|number| u32::from_be_bytes(*number))
}
