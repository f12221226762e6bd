//! macOS with Homebrew: what is needed, told. The window uses the system's own web view. Not tried by our tests.

use anyhow::Result;

use super::{Missing, Package, System, names, package};
use crate::setup::Group;

pub(crate) struct Brew;

const BUILD: &[Package] = &[
    package("pkgconf", "finds libraries"),
    package("llvm", "reads FFmpeg's headers"),
    package("ffmpeg", "decodes, reads cameras that the Rust engine cannot"),
];

impl System for Brew {
    fn name(&self) -> &'static str {
        "brew"
    }

    fn packages(&self, group: Group) -> &'static [Package] {
        match group {
            Group::Build => BUILD,
            Group::Desktop | Group::Test => &[],
        }
    }

    fn missing(&self, packages: &[Package]) -> Result<Missing> {
        Ok(Missing::Ask { command: format!("brew install {}", names(packages)) })
    }

    fn install(&self, packages: &[Package]) -> Result<()> {
        anyhow::bail!("please run: brew install {}", names(packages))
    }
}
