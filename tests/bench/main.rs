//! Benches: each measures us and our peers in the same run and prints their ratio (`cargo xtask bench NAME`).
//!
//! Figures are read from the kernel's own accounting, on Linux. What does not belong here: judging. A bench
//! prints; the README quotes it with the machine.

#![expect(clippy::print_stdout, reason = "a bench prints its table")]

mod browser;
mod cameras;
mod fragments;
mod grid;
mod index;
mod live;
mod narrow;
mod proc;
mod record;
mod start;
mod table;
mod tiers;
mod viewers;

use std::path::PathBuf;

use anyhow::{Context as _, bail};

/// What the command line says.
#[derive(Debug)]
pub(crate) struct Options {
    json: Option<PathBuf>,
    cameras: Option<u16>,
    seconds: Option<u64>,
    windows: usize,
    viewers: u16,
    files: u32,
    streams: Streams,
    way: Option<live::Way>,
}

impl Options {
    /// How many cameras, where nobody asks for another number.
    fn cameras(&self) -> u16 {
        self.cameras.unwrap_or(16)
    }

    /// How long a window of measuring is.
    fn seconds(&self) -> u64 {
        self.seconds.unwrap_or(30)
    }
}

/// Which of `record`'s two parts to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Streams {
    All,
    Main,
    Both,
}

const BENCHES: &str = "record | live | narrow | viewers | grid | index | start | tiers";

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().with_context(|| format!("which bench? {BENCHES}"))?;
    let mut options = Options {
        json: None,
        cameras: None,
        seconds: None,
        windows: 3,
        viewers: 100,
        files: tiers::FILES,
        streams: Streams::All,
        way: None,
    };
    while let Some(argument) = arguments.next() {
        let value = arguments.next().with_context(|| format!("{argument} needs a value"))?;
        match argument.as_str() {
            "--json" => options.json = Some(value.into()),
            "--cameras" => options.cameras = Some(value.parse().context("--cameras")?),
            "--seconds" => options.seconds = Some(value.parse().context("--seconds")?),
            "--streams" => {
                options.streams = match value.as_str() {
                    "all" => Streams::All,
                    "main" => Streams::Main,
                    "both" => Streams::Both,
                    other => bail!("--streams {other}: all, main or both"),
                }
            }
            "--viewers" => options.viewers = value.parse().context("--viewers")?,
            "--files" => options.files = value.parse().context("--files")?,
            "--way" => options.way = Some(live::Way::from_word(&value)?),
            "--windows" => options.windows = value.parse().context("--windows")?,
            _ => bail!(
                "{argument} is not understood; known: --json --cameras --seconds --windows --viewers --files --streams --way"
            ),
        }
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let table = runtime.block_on(async {
        match name.as_str() {
            "record" => record::run(&options).await,
            "live" => live::run(&options).await,
            "narrow" => narrow::run(&options).await,
            "index" => index::run(&options).await,
            "start" => start::run(&options).await,
            "tiers" => tiers::run(&options),
            "viewers" => viewers::run(&options).await,
            "grid" => grid::run(&options).await,
            other => bail!("no bench {other:?}; there are {BENCHES}"),
        }
    })?;
    table.print();
    if let Some(path) = &options.json {
        table.write_json(path)?;
    }
    Ok(())
}
