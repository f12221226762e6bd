//! `bench live`: a hub, a demo camera and a headless Chromium that watches it, by each of the three ways there are.
//!
//! Which picture is on the screen when is seen by `tests/ui/browser/bench/watch.mjs`; when it had reached the recorder is
//! seen by [`witness`].

mod way;
mod witness;

use std::path::Path;

use tarsier_tests::hub::{HubOptions, HubProcess};

use crate::Options;
use crate::cameras::{Cameras, MainAndSub, add_cameras, films};
use crate::table::Table;
pub(crate) use way::Way;

/// Runs it.
pub(crate) async fn run(options: &Options) -> anyhow::Result<Table> {
    let (main, sub) = films(Path::new("target/bench")).await?;
    let cameras = Cameras::start(1, &main, &sub).await?;
    let folder = tempfile::tempdir()?;
    let hub = HubProcess::start(folder.path(), &HubOptions::default()).await?;
    let ids = add_cameras(&hub, &cameras, 1, MainAndSub::Main).await?;
    let mut table = Table {
        name: "live",
        conditions: vec![
            format!(
                "one camera of 1080p25 4 Mbit/s, recorded; over loopback; each way for {} s, one after the other",
                options.seconds()
            ),
            "to the screen: until the browser says that the picture is on it; which picture, by the number that every \
             fourth picture on the screen shows; its arrival at the recorder, by the same stream's `prft` boxes, which \
             the bench reads beside the browser"
                .to_owned(),
        ],
        rows: Vec::new(),
    };
    for way in Way::ALL.into_iter().filter(|way| options.way.is_none_or(|one| one == *way)) {
        way.measure(&hub, &ids[0], options.seconds(), &mut table).await?;
    }
    hub.stop().await?;
    Ok(table)
}
