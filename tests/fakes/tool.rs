//! Programs of others, installed below `target/tools` by `cargo xtask setup`.

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::Context as _;

/// The installed program of that name.
///
/// # Errors
/// It is not installed; the error says how it is.
pub fn find(name: &str) -> anyhow::Result<PathBuf> {
    let me = std::env::current_exe().context("where am I")?;
    let program = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    let mut places = me.ancestors().map(|folder| folder.join("tools").join("bin").join(&program));
    places
        .find(|place| place.is_file())
        .with_context(|| format!("{name} is not installed: cargo xtask setup"))
}

/// The same for a journey: if it is not installed, that the journey was not run is said aloud.
pub fn find_or_say(name: &str) -> Option<PathBuf> {
    let found = find(name);
    if let Err(reason) = &found {
        let test = std::thread::current().name().unwrap_or_default().to_owned();
        // Past the test binary's capture: a proof that was not made must be seen.
        let _ = writeln!(std::io::stderr(), "NOT RUN: {test}: {reason:#}");
    }
    found.ok()
}
