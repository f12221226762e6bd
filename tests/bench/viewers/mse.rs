//! A viewer over the WebSocket.

use std::sync::Arc;

use super::crowd::Tally;
use super::rtsp::left_out;
use crate::fragments::Fragments;

/// Watches for ever.
pub(crate) async fn watch(url: String, tally: Arc<Tally>) -> anyhow::Result<()> {
    let mut fragments = Fragments::open(&url).await?;
    let mut last = None;
    loop {
        let fragment = fragments.next().await?;
        tally.got(fragment.bytes);
        if let Some(last) = last.replace(fragment.media_time) {
            tally.misses(left_out(fragment.media_time.wrapping_sub(last)));
        }
    }
}
