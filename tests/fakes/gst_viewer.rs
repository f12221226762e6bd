//! A WebRTC viewer that none of us wrote: GStreamer's, run by `gst_viewer.py`. It decodes what it gets.

use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::process::{Line, Process, Stream};

/// Python and GStreamer start slowly on a busy machine.
const START: Duration = Duration::from_secs(30);
/// The same machine connects and decodes.
const PATIENCE: Duration = Duration::from_secs(60);

/// A viewer that has made its offer. Dropping it kills it.
#[derive(Debug)]
pub struct GstViewer {
    process: Process,
    offer: String,
}

impl GstViewer {
    /// Starts one that takes pictures of that coding alone: `h264` or `h265`.
    pub async fn start(codec: &str) -> anyhow::Result<Self> {
        // The system's own Python runs it: the bindings of GStreamer belong to it.
        let mut command = Command::new("/usr/bin/python3");
        command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/fakes/gst_viewer.py"));
        command.args(["--codec", codec]);
        let mut process = Process::spawn(command)?;
        let offer = |line: &Line| said(line)?["offer"].as_str().map(str::to_owned);
        let offer = process.next_line("its offer", START, offer).await.context(
            "GStreamer's WebRTC is needed; on Debian: apt install python3-gi gir1.2-gst-plugins-bad-1.0 \
             gstreamer1.0-nice gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-libav openssl",
        )?;
        Ok(Self { process, offer })
    }

    /// What it offers, as SDP.
    pub fn offer(&self) -> &str {
        &self.offer
    }

    /// Hands it the answer.
    pub async fn answer(&mut self, sdp: &str) -> anyhow::Result<()> {
        self.process.say(&json!({ "answer": sdp }).to_string()).await
    }

    /// Waits until it has decoded so many pictures; how large the last of them is. What it complains of is an error.
    pub async fn until_pictures(&mut self, count: u64) -> anyhow::Result<(u64, u64)> {
        let seen = |line: &Line| {
            let said = said(line)?;
            if let Some(error) = said["error"].as_str() {
                return Some(Err(error.to_owned()));
            }
            let is_it = said["picture"].as_u64()? >= count;
            is_it.then_some(())?;
            Some(Ok((said["width"].as_u64()?, said["height"].as_u64()?)))
        };
        match self.process.next_line(&format!("{count} pictures"), PATIENCE, seen).await? {
            Ok(size) => Ok(size),
            Err(error) => bail!("GStreamer complains: {error}"),
        }
    }
}

fn said(line: &Line) -> Option<Value> {
    serde_json::from_str(&line.text).ok().filter(|_| line.stream == Stream::Out)
}
