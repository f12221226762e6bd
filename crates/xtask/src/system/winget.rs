//! Windows: what is needed, told. FFmpeg's libraries come as a folder that `FFMPEG_DIR` names. Not tried by our tests.

use anyhow::Result;

use super::{Missing, Package, System, package};
use crate::setup::Group;

pub(crate) struct Winget;

const BUILD: &[Package] = &[
    package("Microsoft.VisualStudio.2022.BuildTools", "links programs and compiles SQLite"),
    package("LLVM.LLVM", "reads FFmpeg's headers (set LIBCLANG_PATH to its bin folder)"),
    package(
        "Gyan.FFmpeg.Shared",
        "decodes, reads cameras that the Rust engine cannot (set FFMPEG_DIR to its folder)",
    ),
];

impl System for Winget {
    fn name(&self) -> &'static str {
        "winget"
    }

    fn packages(&self, group: Group) -> &'static [Package] {
        match group {
            Group::Build => BUILD,
            Group::Desktop | Group::Test => &[],
        }
    }

    fn missing(&self, packages: &[Package]) -> Result<Missing> {
        Ok(Missing::Ask { command: command(packages) })
    }

    fn install(&self, packages: &[Package]) -> Result<()> {
        anyhow::bail!("please run: {}", command(packages))
    }
}

/// winget installs one package at a time.
fn command(packages: &[Package]) -> String {
    packages
        .iter()
        .map(|package| format!("winget install {}", package.name))
        .collect::<Vec<_>>()
        .join(" && ")
}
