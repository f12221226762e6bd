//! The house's own commands: `cargo xtask setup | run | test | tidy | codegen | dist | bench | torture`.
//!
//! Compiled on a bare machine before anything else is there, so it uses little. What does not belong here: what is
//! checked or measured by programs of their own (`tests/`).

mod bench;
mod build;
mod codegen;
mod desktop;
mod dist;
mod process;
mod root;
mod run;
mod say;
mod setup;
mod system;
mod test;
mod tidy;
mod tools;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::setup::Group;

#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask",
    about = "Everything that is done with this repository, one command each."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Find what is missing on this machine and install it with the system's package manager.
    Setup,
    /// Set up, build, and start the app; without a display, the hub alone.
    Run(run::Options),
    /// Set up, then every check that there is; stops at the first that fails.
    Test(test::Options),
    /// The laws of this repository that no compiler knows.
    Tidy,
    /// Write the UI's types and the API's description from the Rust types.
    Codegen {
        /// Change nothing; fail if something would change.
        #[arg(long)]
        check: bool,
    },
    /// Build the installers for this system.
    Dist(dist::Options),
    /// Measure, against peers in the same run.
    Bench {
        /// Which bench.
        name: Option<String>,
        /// Passed on to it: --json FILE and more.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
    /// Do to it what the world does to it: kill, fill, unplug.
    Torture {
        /// Which torture; all of them if none is named.
        name: Option<String>,
    },
    /// The desktop journey alone (part of `test`).
    Desktop {
        /// Keep pictures of the window here.
        #[arg(long, value_name = "DIR")]
        pictures: Option<PathBuf>,
    },
}

fn main() -> ExitCode {
    match act(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say::failure(&error);
            ExitCode::FAILURE
        }
    }
}

fn act(command: Command) -> Result<()> {
    match command {
        Command::Setup => setup::setup(&[Group::Build, Group::Desktop, Group::Test]),
        Command::Run(options) => run::run(&options),
        Command::Test(options) => test::test(options),
        Command::Tidy => tidy::tidy(),
        Command::Codegen { check } => {
            codegen::codegen(if check { codegen::Mode::Check } else { codegen::Mode::Write })
        }
        Command::Dist(options) => dist::dist(options),
        Command::Bench { name, args } => bench::bench(name.as_deref(), &args),
        Command::Torture { name } => bench::torture(name.as_deref()),
        Command::Desktop { pictures } => desktop::journey(pictures.as_deref()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        <Cli as clap::CommandFactory>::command().debug_assert();
    }

    #[test]
    fn a_bench_gets_its_own_options() {
        let cli = Cli::try_parse_from(["xtask", "bench", "record", "--json", "x.json"]).unwrap();
        let Command::Bench { name, args } = cli.command else { panic!("bench is bench") };
        assert_eq!(
            (name.as_deref(), args.len()),
            (Some("record"), 2),
            "--json belongs to the bench"
        );
    }
}
