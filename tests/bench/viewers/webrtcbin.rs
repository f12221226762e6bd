//! A peer: GStreamer's webrtcbin, run by `gst_whep.py`.

use std::time::Duration;

use anyhow::Context as _;
use serde_json::Value;
use tarsier_tests::process::{Line, Process, Stream};
use tokio::process::Command;

/// Python and GStreamer start slowly on a busy machine.
const START: Duration = Duration::from_secs(30);

/// Running, and reading the camera. Dropping it ends it.
pub(crate) struct WebRtcBin {
    process: Process,
    port: u16,
}

impl WebRtcBin {
    /// Starts it if this machine has it.
    pub(crate) async fn start(camera: &str) -> anyhow::Result<Self> {
        let mut command = Command::new("/usr/bin/python3");
        command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/fakes/gst_whep.py")).arg(camera);
        let mut process = Process::spawn(command)?;
        let port = |line: &Line| {
            let ready: Value =
                serde_json::from_str(&line.text).ok().filter(|_| line.stream == Stream::Out)?;
            u16::try_from(ready["port"].as_u64()?).ok()
        };
        let port = process.next_line("its port", START, port).await.context(
            "GStreamer's webrtcbin is needed; on Debian: apt install python3-gi gir1.2-gst-plugins-bad-1.0 gstreamer1.0-nice",
        )?;
        Ok(Self { process, port })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/whep", self.port)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.pid()
    }
}
