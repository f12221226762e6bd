//! `cargo xtask test`: every check that there is, the quick ones first, until one fails.
//!
//! What does not belong here: the checks.

use anyhow::{Context as _, Result};
use clap::Args;

use crate::build::{self, Profile, Window};
use crate::codegen::{self, Mode};
use crate::process::{cargo, command, npm, run};
use crate::say::{self, Steps};
use crate::setup::{Group, setup};
use crate::{desktop, root, tidy};

/// Options of `test`.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Options {
    /// Leave out what takes long: the window's own build and the journeys.
    #[arg(long)]
    quick: bool,
}

/// Runs them all.
pub(crate) fn test(options: Options) -> Result<()> {
    let mut steps = Steps::new();
    let outcome = if options.quick { quick(&mut steps) } else { all(&mut steps) };
    say::line(&format!("\n{}", steps.table()));
    if outcome.is_ok() {
        say::line("Everything passed.");
    }
    outcome
}

fn all(steps: &mut Steps) -> Result<()> {
    steps.step("look for what is missing on this machine", || {
        setup(&[Group::Build, Group::Desktop, Group::Test])
    })?;
    before_building(steps)?;
    steps.step("clippy, no warning allowed", || {
        run(cargo().args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))
    })?;
    steps.step("build the programs", || build::programs(Window::With, Profile::Debug))?;
    steps.step("Rust tests: brains, properties, journeys through real processes", || {
        run(cargo().args(["test", "--workspace"]))
    })?;
    pages(steps)?;
    steps.step("browser journey", || browser_journey("journey.mjs"))?;
    steps.step("browser journey on a narrow line", || browser_journey("narrow.mjs"))?;
    steps.step("browser journey: a camera is turned", || browser_journey("turn.mjs"))?;
    steps.step("browser journey: a camera that codes AV1", || browser_journey("av1.mjs"))?;
    steps.step("desktop journey", || desktop::journey(None))
}

fn quick(steps: &mut Steps) -> Result<()> {
    steps.step("look for what is missing on this machine", || setup(&[Group::Build]))?;
    before_building(steps)?;
    steps.step("clippy without the window, no warning allowed", || {
        run(cargo().args([
            "clippy",
            "--workspace",
            "--exclude",
            "tarsier",
            "--all-targets",
            "--",
            "-D",
            "warnings",
        ]))
    })?;
    steps.step("Rust tests of the brains", || {
        run(cargo().args([
            "test",
            "--workspace",
            "--exclude",
            "tarsier",
            "--exclude",
            "tarsier-tests",
        ]))
    })?;
    pages(steps)
}

fn before_building(steps: &mut Steps) -> Result<()> {
    steps.step("format", || run(cargo().args(["fmt", "--all", "--check"])))?;
    steps.step("tidy", tidy::tidy)?;
    steps.step("generated types", || codegen::codegen(Mode::Check))?;
    steps.step("build the pages", build::ui)
}

fn pages(steps: &mut Steps) -> Result<()> {
    steps.step("pages: types", || run(npm().args(["run", "check"])))?;
    steps.step("pages: lint", || run(npm().args(["run", "lint"])))?;
    steps.step("pages: tests", || run(npm().args(["test"])))
}

fn browser_journey(file: &str) -> Result<()> {
    let journey = root::root().join("tests").join("ui").join("browser").join(file);
    run(command("node").arg(&journey)).with_context(|| format!("{}", journey.display()))
}
