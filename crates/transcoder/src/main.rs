//! `tarsier-transcoder`: what must be made from coded pictures and sound, in a process of its own, on demand.
//!
//! `tarsier-transcoder still [--max-width N] [--quality Q] [--at-ticks T] [--format jpeg|png]`: fragmented MP4 on
//! standard input, one picture on standard output. It never takes longer than [`DEADLINE`]: whoever started it can wait
//! for its end.
//!
//! `tarsier-transcoder live --max-height N [--software] [--without ENCODER]`: see [`live`]. `tarsier-transcoder sound`: see [`sound`].
//!
//! Nothing is read or written beside standard input and output, and everybody else goes first.

mod live;
mod platform;
mod sound;

use std::io::{Read, Write};
use std::process::exit;
use std::sync::mpsc;
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use clap::{Parser, Subcommand, ValueEnum};
use tarsier_av::{Encoders, StillFormat, StillRequest};
use tarsier_types::{SystemClock, Ticks};
use tarsier_wire::ExitCode;

/// From the start to the last byte of the answer.
const DEADLINE: Duration = Duration::from_secs(10);
/// Two seconds of a camera of 250 Mbit/s: no GOP that a still is made of is longer.
const MAX_INPUT_BYTES: u64 = 64 << 20;

#[derive(Parser)]
#[command(
    name = "tarsier-transcoder",
    version,
    about = "Makes pictures from coded pictures, and codes sound anew."
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Fragmented MP4 on standard input, one picture on standard output.
    Still {
        /// Scale down to this width at most.
        #[arg(long)]
        max_width: Option<u32>,
        /// Quality of a JPEG, 1 to 100.
        #[arg(long, default_value_t = 80, value_parser = clap::value_parser!(u8).range(1..=100))]
        quality: u8,
        /// The last picture shown at or before this time of the file, in 1/90000 s; without it, the last one.
        #[arg(long)]
        at_ticks: Option<i64>,
        /// How the picture is written.
        #[arg(long, value_enum, default_value_t = Format::Jpeg)]
        format: Format,
    },
    /// Coded pictures on standard input, the same as H.264 on standard output, until standard input ends.
    Live {
        /// Scale down to this height at most.
        #[arg(long, value_parser = clap::value_parser!(u32).range(64..=4320))]
        max_height: u32,
        /// Leave hardware alone.
        #[arg(long)]
        software: bool,
        /// Leave this encoder alone, if it is hardware; may be given more than once.
        #[arg(long, value_name = "ENCODER")]
        without: Vec<String>,
    },
    /// Coded sound on standard input, the same as Opus on standard output, until standard input ends.
    Sound,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Jpeg,
    Png,
}

fn main() {
    let arguments = Arguments::try_parse().unwrap_or_else(|error| {
        let _ = error.print();
        let code = if error.use_stderr() { ExitCode::BadConfig } else { ExitCode::Done };
        exit(code.code());
    });
    platform::be_patient();
    let result = match arguments.command {
        Command::Still { max_width, quality, at_ticks, format } => {
            let format = match format {
                Format::Jpeg => StillFormat::Jpeg { quality },
                Format::Png => StillFormat::Png,
            };
            let at = at_ticks.map(Ticks);
            let request = StillRequest { at, max_width, format, timeout: DEADLINE };
            still_in_time(request).map(|()| ExitCode::Done)
        }
        Command::Live { max_height, software, without } => {
            let encoders = if software { Encoders::Software } else { Encoders::Any };
            live::run(max_height, encoders, without).map(|ended| match ended {
                live::Ended::Done => ExitCode::Done,
                live::Ended::NoEncoder(none) => {
                    tell(&none);
                    ExitCode::NoEncoder
                }
            })
        }
        Command::Sound => sound::run().map(|ended| match ended {
            sound::Ended::Done => ExitCode::Done,
            sound::Ended::NoOpus(none) => {
                tell(&none);
                ExitCode::NoEncoder
            }
        }),
    };
    let code = result.unwrap_or_else(|error| {
        tell(&format_args!("{error:#}"));
        ExitCode::Failed
    });
    exit(code.code());
}

fn tell(what: &dyn std::fmt::Display) {
    let _ = writeln!(std::io::stderr(), "tarsier-transcoder: {what}");
}

/// Standard input may never end, and a decoder may take its time: the work has a thread, the deadline has this one.
fn still_in_time(request: StillRequest) -> anyhow::Result<()> {
    let (done, result) = mpsc::channel();
    std::thread::spawn(move || done.send(still(&request)));
    result
        .recv_timeout(DEADLINE)
        .unwrap_or_else(|_| Err(anyhow::anyhow!("no picture within {} s", DEADLINE.as_secs())))
}

fn still(request: &StillRequest) -> anyhow::Result<()> {
    let clock = SystemClock::start();
    let mut file = Vec::new();
    std::io::stdin()
        .lock()
        .take(MAX_INPUT_BYTES + 1)
        .read_to_end(&mut file)
        .context("reading standard input")?;
    anyhow::ensure!(
        u64::try_from(file.len()).is_ok_and(|bytes| bytes <= MAX_INPUT_BYTES),
        "the input is longer than {MAX_INPUT_BYTES} bytes"
    );
    let still = tarsier_av::still(Bytes::from(file), request, clock)?;
    let mut out = std::io::stdout().lock();
    out.write_all(&still.data)
        .and_then(|()| out.flush())
        .context("writing the picture to standard output")
}
