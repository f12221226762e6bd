//! The builds that several commands share.

use anyhow::Result;

use crate::process::{cargo, npm, run};

/// The programs without the window, as (package, program).
pub(crate) const PROGRAMS: [(&str, &str); 4] = [
    ("tarsier-hub", "tarsierd"),
    ("tarsier-recorder", "tarsier-recorder"),
    ("tarsier-recorder-libav", "tarsier-recorder-libav"),
    ("tarsier-transcoder", "tarsier-transcoder"),
];

/// The window's.
pub(crate) const WINDOW: &str = "tarsier";

/// Is the window built, too?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Window {
    /// Yes.
    With,
    /// No: a server has no libraries for it.
    Without,
}

/// How cargo builds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Profile {
    /// Quickly.
    Debug,
    /// For users.
    Release,
}

impl Profile {
    /// The folder in `target/`.
    pub(crate) fn folder(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Release => "release",
        }
    }
}

/// The pages, which the hub carries inside itself.
pub(crate) fn ui() -> Result<()> {
    run(npm().args(["run", "build"]))
}

/// The programs.
pub(crate) fn programs(window: Window, profile: Profile) -> Result<()> {
    let mut build = cargo();
    build.arg("build");
    match window {
        // As `cargo test --workspace` will, so that no crate is built twice with other features.
        Window::With => {
            build.args(["--workspace", "--exclude", "tarsier-xtask", "--exclude", "tarsier-tests"]);
        }
        Window::Without => {
            for (package, _) in PROGRAMS {
                build.args(["--package", package]);
            }
        }
    }
    if profile == Profile::Release {
        build.arg("--release");
    }
    run(&mut build)
}
