//! A viewer by WebRTC: decrypts what comes, puts the pictures together, and reports what it got as a browser does.

use std::sync::Arc;

use anyhow::Context as _;
use tarsier_tests::webrtc::Viewer;

use super::crowd::Tally;
use super::rtsp::left_out;

/// Watches for ever.
pub(crate) async fn watch(url: String, tally: Arc<Tally>) -> anyhow::Result<()> {
    let mut viewer = Viewer::at(&url).await?;
    let mut last = None;
    loop {
        let picture = viewer.next().await?.context("the server ended the session")?;
        tally.got(picture.data.len());
        let time = picture.time.numer();
        if let Some(last) = last.replace(time) {
            let step = u32::try_from(time.saturating_sub(last)).unwrap_or(u32::MAX);
            tally.misses(left_out(step));
        }
    }
}
