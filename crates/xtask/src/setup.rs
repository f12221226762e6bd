//! What a machine needs, found or installed; said before it is done.
//!
//! What does not belong here: the names of packages (`system/`).

use std::path::Path;
use std::time::SystemTime;

use anyhow::{Context as _, Result, bail};

use crate::process::{self, exists, npm, run};
use crate::system::{self, Missing, Package, System};
use crate::{root, say, tools};

/// What is needed for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Group {
    /// To build the hub and its recorders.
    Build,
    /// To build and run the window.
    Desktop,
    /// To run every test.
    Test,
}

impl Group {
    fn name(self) -> &'static str {
        match self {
            Self::Build => "building",
            Self::Desktop => "the window",
            Self::Test => "the tests",
        }
    }
}

/// The oldest Node that the UI's tools run on.
const NODE: (u32, u32) = (20, 19);

/// Everything for these groups, and the UI's modules.
pub(crate) fn setup(groups: &[Group]) -> Result<()> {
    check_node()?;
    match system::here() {
        Some(system) => libraries(system.as_ref(), groups)?,
        None => say::line(
            "No package manager that is known here: FFmpeg's libraries, clang and, for the window, WebKitGTK must be there already.",
        ),
    }
    if groups.contains(&Group::Test) {
        tools::install();
    }
    node_modules()
}

fn libraries(system: &dyn System, groups: &[Group]) -> Result<()> {
    let mut all: Vec<Package> = Vec::new();
    for group in groups {
        match system.missing(system.packages(*group))? {
            Missing::These(missing) if missing.is_empty() => {
                say::line(&format!("For {}: everything is there.", group.name()));
            }
            Missing::These(missing) => {
                say::line(&format!("For {}, {} will install:", group.name(), system.name()));
                for package in &missing {
                    say::line(&format!("  {:<30} {}", package.name, package.why));
                }
                all.extend(missing);
            }
            Missing::Ask { .. } if system.packages(*group).is_empty() => {}
            Missing::Ask { command } => {
                say::line(&format!("For {}, if something is missing: {command}", group.name()));
            }
        }
    }
    if all.is_empty() { Ok(()) } else { system.install(&all) }
}

fn check_node() -> Result<()> {
    let wanted = format!("Node {}.{} or newer is needed, with npm", NODE.0, NODE.1);
    if !exists("node") || !exists("npm") {
        bail!("{wanted}; it is not on the PATH. Install it, then run this again");
    }
    let version = process::output(process::command("node").arg("--version"))
        .context("asking node for its version")?;
    if parse_version(&version).is_none_or(|found| found < NODE) {
        bail!("{wanted}; here is {}", version.trim());
    }
    Ok(())
}

fn parse_version(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.trim().strip_prefix('v')?.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// `npm ci`, if what is installed is older than what is asked for.
pub(crate) fn node_modules() -> Result<()> {
    let asked_for = modified(&root::ui().join("package-lock.json"));
    let installed = modified(&root::ui().join("node_modules").join(".package-lock.json"));
    if installed.is_some() && installed >= asked_for {
        return Ok(());
    }
    say::line("The UI's modules are missing or old: npm ci");
    run(npm().args(["ci", "--no-audit", "--no-fund"]))
}

fn modified(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path).and_then(|metadata| metadata.modified()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_version_is_compared_as_numbers() {
        assert_eq!(parse_version("v20.19.2\n"), Some((20, 19)));
        assert!(parse_version("v20.9.0") < Some(NODE), "9 is less than 19");
        assert!(parse_version("v22.1.0") > Some(NODE));
        assert_eq!(parse_version("nonsense"), None);
    }
}
