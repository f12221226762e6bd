//! `tarsier-transcoder`: what must be made from coded pictures, in a process of its own, on demand.
//!
//! `tarsier-transcoder still [--max-width N] [--quality Q] [--at-ticks T] [--format jpeg|png]`: fragmented MP4 on
//! standard input, one picture on standard output. Nothing is read or written beside these two, and it never takes
//! longer than [`DEADLINE`]: whoever started it can wait for its end.

use std::io::{Read, Write};
use std::process::exit;
use std::sync::mpsc;
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use clap::{Parser, Subcommand, ValueEnum};
use tarsier_av::{StillFormat, StillRequest};
use tarsier_types::{SystemClock, Ticks};
use tarsier_wire::ExitCode;

/// From the start to the last byte of the answer.
const DEADLINE: Duration = Duration::from_secs(10);
/// Two seconds of a camera of 250 Mbit/s: no GOP that a still is made of is longer.
const MAX_INPUT_BYTES: u64 = 64 << 20;

#[derive(Parser)]
#[command(name = "tarsier-transcoder", version, about = "Makes pictures from coded pictures.")]
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
    let Command::Still { max_width, quality, at_ticks, format } = arguments.command;
    let format = match format {
        Format::Jpeg => StillFormat::Jpeg { quality },
        Format::Png => StillFormat::Png,
    };
    let request = StillRequest { at: at_ticks.map(Ticks), max_width, format, timeout: DEADLINE };

    // Standard input may never end, and a decoder may take its time: the work has a thread, the deadline has this one.
    let (done, result) = mpsc::channel();
    std::thread::spawn(move || done.send(still(&request)));
    let result = result
        .recv_timeout(DEADLINE)
        .unwrap_or_else(|_| Err(anyhow::anyhow!("no picture within {} s", DEADLINE.as_secs())));
    if let Err(error) = result {
        let _ = writeln!(std::io::stderr(), "tarsier-transcoder: {error:#}");
        exit(ExitCode::Failed.code());
    }
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
