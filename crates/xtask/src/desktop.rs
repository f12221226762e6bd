//! The desktop journey: the real window on a display of its own, steered and looked at from outside.
//!
//! What does not belong here: the journey (`tests/ui/desktop/`).

use std::path::Path;

use anyhow::Result;

use crate::process::{command, run};
use crate::{root, say};

/// Runs it; the programs must be built.
pub(crate) fn journey(pictures: Option<&Path>) -> Result<()> {
    if !cfg!(target_os = "linux") {
        say::line("The desktop journey needs Xvfb and WebKitWebDriver: it runs on Linux alone.");
        return Ok(());
    }
    let mut journey = command("bash");
    journey.arg(root::root().join("tests").join("ui").join("desktop").join("run.sh"));
    if let Some(pictures) = pictures {
        journey.env("TARSIER_PICTURES", std::path::absolute(pictures)?);
    }
    run(&mut journey)
}
