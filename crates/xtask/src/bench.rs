//! `cargo xtask bench` and `torture`: which there are, and how to start them. They are programs of their own.
//!
//! What does not belong here: measuring.

use std::ffi::OsString;

use anyhow::{Result, anyhow, bail};

use crate::build::{self, Profile, Window};
use crate::process::{cargo, run};
use crate::setup::{Group, setup};

/// Benches, each with what it measures.
const BENCHES: [(&str, &str); 8] = [
    ("record", "CPU and memory of recording, against other recorders"),
    ("live", "time to the first picture, and to the screen: MSE, WebRTC, LL-HLS in Chromium"),
    ("narrow", "a line that is cut to a quarter under a page in Chromium, and wide again"),
    ("viewers", "CPU of showing one stream to 100 viewers, against other servers"),
    ("grid", "16 of 64 cameras seen in Chromium for ten minutes: every picture that is not shown"),
    ("index", "questions to an index with a year in it"),
    ("start", "from start to the first recorded picture"),
    ("tiers", "rebuilding an index, moving footage, and what that costs a recorder"),
];

/// Tortures, each a filter of the tests in `tests/it`; what they are asked for in environment variables is theirs to know.
const TORTURES: [(&str, &str); 5] = [
    ("kill", "kill -9 of recorders and the hub, 1000 times; what is left behind plays"),
    ("disk", "disks that are full, read-only, frozen; nothing older is damaged"),
    (
        "network",
        "refused, reset, half-open, mute, slow, lossy, and a camera that reboots for a minute",
    ),
    (
        "misbehaviour",
        "timestamps that jump, wrap, stand still; other codecs; late sound; lost datagrams",
    ),
    ("clock", "an hour ahead, an hour back, both changes of daylight saving, the end of a year"),
];
/// How much more of it than in a test run.
const LONG: [(&str, &str); 2] = [("TARSIER_KILLS", "1000"), ("TARSIER_REBOOT_SECONDS", "60")];

/// What each of them understands, where it has a meaning.
const OPTIONS: &str = "options: --json FILE, --seconds N and --windows N (of measuring), --cameras N (record, grid), \
                       --viewers N (viewers), --streams all|main|both (record)";

/// Runs one bench on a release build.
pub(crate) fn bench(name: Option<&str>, args: &[OsString]) -> Result<()> {
    let name = known("bench", name, &BENCHES).map_err(|error| anyhow!("{error}\n{OPTIONS}"))?;
    setup(&[Group::Build, Group::Test])?;
    build::ui()?;
    build::programs(Window::Without, Profile::Release)?;
    run(cargo()
        .args(["run", "--release", "--package", "tarsier-tests", "--bin", "bench", "--", name])
        .args(args))
}

/// Runs one torture, or all.
pub(crate) fn torture(name: Option<&str>) -> Result<()> {
    let names: Vec<&str> = match name {
        Some(name) => vec![known("torture", Some(name), &TORTURES)?],
        None => TORTURES.iter().map(|(name, _)| *name).collect(),
    };
    setup(&[Group::Build, Group::Test])?;
    build::ui()?;
    build::programs(Window::Without, Profile::Debug)?;
    for name in names {
        let filter = format!("{name}::");
        let mut torture = cargo();
        for (variable, amount) in LONG {
            // Whoever wants another amount has set it.
            if std::env::var_os(variable).is_none() {
                torture.env(variable, amount);
            }
        }
        torture.args(["test", "--package", "tarsier-tests", "--test", "it", "--", &filter]);
        // One after the other: each looks at the clock.
        run(torture.arg("--test-threads=1"))?;
    }
    Ok(())
}

fn known<'a>(kind: &str, name: Option<&str>, all: &[(&'a str, &str)]) -> Result<&'a str> {
    if let Some((found, _)) = all.iter().find(|(known, _)| Some(*known) == name) {
        return Ok(found);
    }
    let list: Vec<String> = all.iter().map(|(name, what)| format!("  {name:<12} {what}")).collect();
    let problem = name
        .map_or_else(|| format!("which {kind}?"), |name| format!("there is no {kind} {name:?}."));
    bail!("{problem} There are:\n{}", list.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_bench_is_refused_with_the_list_of_those_that_exist() {
        let error = known("bench", Some("speed"), &BENCHES).unwrap_err().to_string();
        assert!(error.contains("there is no bench \"speed\"."), "{error}");
        assert!(
            BENCHES.iter().all(|(name, _)| error.contains(name)),
            "all of them are listed: {error}"
        );
        assert_eq!(known("bench", Some("record"), &BENCHES).unwrap(), "record");
    }
}
