//! `bench grid`: many cameras are listed, sixteen of them are seen in Chromium, and each picture that comes is counted,
//! and whether it was shown.
//!
//! All cameras are recorded meanwhile. Their main streams are as small as their sub streams: at 4 Mbit/s each, 64 cameras
//! would write 19 GB in ten minutes, and what is measured here are the pages.

use std::path::Path;

use anyhow::Context as _;
use tarsier_tests::hub::{HubOptions, HubProcess};

use crate::Options;
use crate::browser;
use crate::cameras::{Cameras, MainAndSub, add_cameras, films};
use crate::proc::cpu_seconds;
use crate::record::recorders;
use crate::table::{Row, Table};

const LISTED: u16 = 64;
const SHOWN: u16 = 16;
const SECONDS: u64 = 600;

/// Runs it.
pub(crate) async fn run(options: &Options) -> anyhow::Result<Table> {
    let listed = options.cameras.unwrap_or(LISTED);
    let seconds = options.seconds.unwrap_or(SECONDS);
    let way = match options.way {
        None => "both",
        Some(way) => way.in_page().context("--way mse or webrtc: the grid goes no other way")?,
    };
    let (main, sub) = films(Path::new("target/bench")).await?;
    let cameras = Cameras::start(listed, &main, &sub).await?;
    let folder = tempfile::tempdir()?;
    let hub = HubProcess::start(folder.path(), &HubOptions::default()).await?;
    add_cameras(&hub, &cameras, listed, MainAndSub::BothSmall).await?;
    let (pids, _) = recorders(&hub).await?;
    let cpu = || (cpu_seconds(hub.pid()), pids.iter().map(|pid| cpu_seconds(*pid)).sum::<f64>());
    let before = cpu();
    let environment = [
        ("TARSIER_SECONDS", seconds.to_string()),
        ("TARSIER_LISTED", listed.to_string()),
        ("TARSIER_SHOWN", SHOWN.min(listed).to_string()),
        ("TARSIER_WAY", way.to_owned()),
    ];
    let said = browser::run("grid.mjs", &hub, &environment).await?;
    let after = cpu();
    let (_, restarts) = recorders(&hub).await?;
    hub.stop().await?;

    let percent = said.number("not_shown") / said.number("came") * 100.0;
    let row = |metric: &str, unit, key: &str, goal| Row::new(metric, unit, said.number(key), goal);
    Ok(Table {
        name: "grid",
        conditions: vec![
            format!(
                "{listed} cameras listed and recorded, main and sub 360p25 400 kbit/s each; {} of them seen in {}, a \
                 window of {}, for {seconds} s; {} by WebRTC, {} by Media Source",
                said.number("tiles"),
                said.words("browser"),
                said.words("window"),
                said.number("by_webrtc"),
                said.number("by_mse"),
            ),
            "came: WebRTC: pictures received whole; Media Source: fragments with a picture. Presented: as the browser \
             counts. A picture or two of each tile are on their way when it is counted, at the begin as at the end"
                .to_owned(),
            format!(
                "CPU seconds from the first camera recorded to the end: the hub {:.1}, all recorders {:.1}; \
                 {restarts} recorders restarted; fewest pictures of a tile: {} of {}",
                after.0 - before.0,
                after.1 - before.1,
                said.number("fewest_shown"),
                said.number("fewest_came"),
            ),
        ],
        rows: vec![
            row("pictures that came to the browser", "count", "came", ""),
            row("of these presented", "count", "shown", ""),
            row("of these not presented", "count", "not_shown", "0"),
            Row::new("of these not presented", "%", percent, "0"),
            row("dropped, as the browser counts", "count", "dropped", "0"),
            row("lost on the way to the browser", "packets and units", "lost", "0"),
            row("tiles whose player was replaced meanwhile", "count", "replaced", "0"),
        ],
    })
}
