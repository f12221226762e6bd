//! A viewer over HLS that knows no parts: loads the playlist again and again, and each segment once.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use reqwest::{Client, Url};

use super::crowd::Tally;

/// A playlist that is not there yet is asked for again.
const FIRST: Duration = Duration::from_millis(500);

/// Watches for ever.
pub(crate) async fn watch(url: String, tally: Arc<Tally>) -> anyhow::Result<()> {
    let client = Client::new();
    let url = Url::parse(&url)?;
    let mut last: Option<u64> = None;
    loop {
        let answer = client.get(url.clone()).send().await?;
        if answer.status() == 404 && last.is_none() {
            tokio::time::sleep(FIRST).await;
            continue;
        }
        let text = answer.error_for_status()?.text().await?;
        let number = |tag: &str| -> Option<u64> {
            text.lines().find_map(|line| line.strip_prefix(tag))?.trim().parse().ok()
        };
        let target = number("#EXT-X-TARGETDURATION:").context("no target duration")?;
        let first = number("#EXT-X-MEDIA-SEQUENCE:").unwrap_or(0);
        let listed: Vec<(u64, &str)> = (first..)
            .zip(text.lines().filter(|it| !it.starts_with('#') && !it.is_empty()))
            .collect();
        // A newcomer begins with the newest.
        let from = last.map_or(listed.len().saturating_sub(1), |last| {
            listed.iter().take_while(|(number, _)| *number <= last).count()
        });
        for &(number, uri) in &listed[from..] {
            if let Some(last) = last {
                tally.misses(number - last - 1);
            }
            let segment = client.get(url.join(uri)?).send().await?.error_for_status()?;
            tally.got(segment.bytes().await?.len());
            last = Some(number);
        }
        // RFC 8216, section 6.3.4.
        tokio::time::sleep(Duration::from_secs(target)).await;
    }
}
