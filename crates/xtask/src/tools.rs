//! Programs of others that journeys run against, installed by cargo below `target/tools`, pinned, and left alone once they
//! are there.
//!
//! What does not belong here: what the system's package manager has (`system/`).

use std::path::Path;

use anyhow::Result;

use crate::process::{cargo, run};
use crate::{root, say};

/// A program from a package.
struct Tool {
    package: &'static str,
    version: &'static str,
    example: &'static str,
    why: &'static str,
}

const TOOLS: [Tool; 1] = [Tool {
    package: "onvif-server",
    version: "0.1.1",
    example: "virtual_ptz",
    why: "a camera that turns, by other hands than ours",
}];

/// All of them. One that cannot be had fails nothing: the journey that needs it says that it was not run.
pub(crate) fn install() {
    let folder = root::target().join("tools");
    for tool in TOOLS.iter().filter(|tool| !tool.is_there(&folder)) {
        let Tool { package, version, example, why } = tool;
        say::line(&format!(
            "For the tests, cargo will install {example} of {package} {version}: {why}"
        ));
        if let Err(error) = tool.install(&folder) {
            say::line(&format!("{example} is missing ({error:#}): its journey will not be run."));
        }
    }
}

impl Tool {
    /// What cargo noted of what it installed: another version is not this one.
    fn is_there(&self, folder: &Path) -> bool {
        let program = format!("{}{}", self.example, std::env::consts::EXE_SUFFIX);
        let noted = std::fs::read_to_string(folder.join(".crates.toml")).unwrap_or_default();
        folder.join("bin").join(program).is_file()
            && noted.contains(&format!("\"{} {} ", self.package, self.version))
    }

    fn install(&self, folder: &Path) -> Result<()> {
        run(cargo()
            .args([
                "install",
                self.package,
                "--version",
                self.version,
                "--locked",
                "--debug",
                "--example",
            ])
            .args([self.example, "--root"])
            .arg(folder))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_version_is_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let [tool] = &TOOLS;
        assert!(!tool.is_there(folder.path()));
        let bin = folder.path().join("bin");
        std::fs::create_dir(&bin).unwrap();
        std::fs::write(bin.join(format!("{}{}", tool.example, std::env::consts::EXE_SUFFIX)), "")
            .unwrap();
        assert!(!tool.is_there(folder.path()), "cargo did not install that");
        let note = |version: &str| {
            let text = format!("[v1]\n\"{} {version} (registry)\" = [\"x\"]\n", tool.package);
            std::fs::write(folder.path().join(".crates.toml"), text).unwrap();
            tool.is_there(folder.path())
        };
        assert!(!note("0.1.0") && note(tool.version));
    }
}
