//! `bench narrow`: a page in Chromium watches a camera through a line that is cut to a quarter, and made wide again.
//!
//! The line is `tests/ui/browser/line.mjs`: one queue for TCP and UDP. What is measured is what is on the screen.

use std::path::Path;

use tarsier_tests::hub::{HubOptions, HubProcess};

use crate::Options;
use crate::browser;
use crate::cameras::{Cameras, MainAndSub, add_cameras, films};
use crate::table::{Row, Table, median, percentile};

/// Half as much again as the main stream has.
const WIDE_BPS: u64 = 6_000_000;
/// A quarter of that.
const NARROW_BPS: u64 = WIDE_BPS / 4;
/// Where WebRTC is to be chosen at first: its beginning, a whole GOP in bursts, does not fit what a slower line keeps.
const BROAD_BPS: u64 = 1_000_000_000;

/// Each with its name in the script, and with what the line carries before and after.
const WAYS: [(&str, &str, u64); 2] =
    [("MSE", "mse", WIDE_BPS), ("WebRTC and MSE", "webrtc", BROAD_BPS)];

/// Runs it.
pub(crate) async fn run(options: &Options) -> anyhow::Result<Table> {
    let rounds = options.windows;
    let (main, sub) = films(Path::new("target/bench")).await?;
    let cameras = Cameras::start(1, &main, &sub).await?;
    let folder = tempfile::tempdir()?;
    let hub = HubProcess::start(folder.path(), &HubOptions::default()).await?;
    let ids = add_cameras(&hub, &cameras, 1, MainAndSub::Both).await?;
    let mut table = Table {
        name: "narrow",
        conditions: vec![
            format!(
                "one camera of 1080p25 4 Mbit/s and 360p25 400 kbit/s, GOPs of 2 s; a line of {} kbit/s (for WebRTC: of {}) cut to {} for 15 s, {rounds} times for \
                 each way, at other moments of the GOP; it keeps 64 KiB",
                WIDE_BPS / 1000,
                BROAD_BPS / 1000,
                NARROW_BPS / 1000,
            ),
            "moving: from the cut until pictures of the small stream are on the screen that go on for a second without a gap of 250 ms; back: the \
             same from the end of the cut, of the large one"
                .to_owned(),
        ],
        rows: Vec::new(),
    };
    for (name, way, wide_bps) in WAYS {
        let environment = [
            ("TARSIER_CAMERA", ids[0].clone()),
            ("TARSIER_WAY", way.to_owned()),
            ("TARSIER_WIDE_BPS", wide_bps.to_string()),
            ("TARSIER_NARROW_BPS", NARROW_BPS.to_string()),
            ("TARSIER_ROUNDS", rounds.to_string()),
        ];
        let said = browser::run("narrow.mjs", &hub, &environment).await?;
        for (what, key, goal) in [
            ("moving again", "moving_ms", "at most 2000 ms"),
            ("longest time without a picture", "still_ms", ""),
            ("back at the large stream", "back_ms", "at most 15000 ms"),
        ] {
            let times = said.numbers(key);
            let row = |percent: &str, value| {
                Row::new(&format!("{name}: {what}, {percent}"), "ms", value, goal)
            };
            table.rows.push(row("median", median(&times)));
            table.rows.push(row("worst", percentile(&times, 100)));
        }
        let never = said.number("never");
        table.rows.push(Row::new(&format!("{name}: neither"), "count", never, "0"));
    }
    hub.stop().await?;
    Ok(table)
}
