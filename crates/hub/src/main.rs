//! `tarsierd`, the hub: HTTP, rights, configuration; wires the boxes together and decides nothing.
//!
//! Start reading at [`serve`]. What does not belong here: media code in C (it is in child processes), SQL (in
//! `index`), supervision (in `supervise`).

mod alerts;
mod blame;
mod camera_file;
mod cameras;
mod certificate;
mod cli;
mod clock_watch;
mod config;
mod connections;
mod data_dir;
mod demo;
mod door;
mod guard;
mod http;
mod hub;
mod journal;
mod ledger;
mod logs;
mod machine;
mod metrics;
mod modes;
mod open_segments;
mod platform;
mod probing;
mod programs;
mod ptz;
mod reports;
mod rtsp;
mod rungs;
mod schedule;
mod secrets;
mod serve;
mod sessions;
mod state;
mod stills;
mod storage;
mod supervision;
#[cfg(test)]
mod tests;
mod token_command;
mod tokens;
mod ui;
mod words;

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Parser;
use tarsier_demo::{DemoOptions, DemoServer};
use tarsier_index::OpenIndexError;
use tarsier_types::StreamKind;

use crate::cli::{Cli, Command};
use crate::data_dir::OpenDataDirError;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "tarsierd: {error:#}");
            ExitCode::from(exit_code(&error))
        }
    }
}

fn run(cli: Cli) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let done = match cli.command {
        Command::Serve(serve) => runtime.block_on(serve::run(serve)),
        Command::Token(token) => runtime.block_on(token_command::run(&token)),
        Command::DemoCamera(demo) => runtime.block_on(demo_camera(demo)),
    };
    // A thread that still looks at a slow disk must not hold up the end.
    runtime.shutdown_timeout(std::time::Duration::from_millis(200));
    done
}

/// CONTRACT section 2; clap itself ends with 2.
fn exit_code(error: &anyhow::Error) -> u8 {
    if let Some(OpenIndexError::NotWritable { .. }) = error.downcast_ref() {
        return 5;
    }
    match error.downcast_ref::<OpenDataDirError>() {
        Some(OpenDataDirError::InUse { .. }) => 4,
        Some(OpenDataDirError::NotWritable { .. }) => 5,
        Some(OpenDataDirError::Damaged { .. }) | None => 1,
    }
}

async fn demo_camera(asked: cli::DemoCamera) -> Result<()> {
    if asked.sub.is_some() && asked.main.is_none() {
        bail!("--sub without --main: name both files, or none");
    }
    let options = DemoOptions {
        listen: asked.listen,
        cameras: asked.cameras,
        main: asked.main,
        sub: asked.sub,
        ..DemoOptions::default()
    };
    let server = DemoServer::start(options).await?;
    for camera in 1..=asked.cameras {
        for stream in StreamKind::ALL {
            writeln!(std::io::stdout(), "{}", server.url(camera, stream))
                .context("cannot print the URLs")?;
        }
    }
    tokio::signal::ctrl_c().await.context("cannot listen for Ctrl-C")?;
    server.stop().await;
    Ok(())
}
