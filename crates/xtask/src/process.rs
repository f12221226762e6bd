//! Other programs: run, and asked for what they print.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::{root, say};

/// A command in the repository's root.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root::root());
    command
}

/// Cargo, the one that runs us.
pub(crate) fn cargo() -> Command {
    let mut cargo = command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // What cargo told us about ourselves must not leak into builds of others.
    for (name, _) in std::env::vars_os() {
        let name_text = name.to_string_lossy();
        if name_text.starts_with("CARGO_PKG_") || name_text.starts_with("CARGO_MANIFEST_") {
            cargo.env_remove(&name);
        }
    }
    cargo
}

/// npm, whose program is a script on Windows.
pub(crate) fn npm() -> Command {
    let mut npm = command(if cfg!(windows) { "npm.cmd" } else { "npm" });
    npm.current_dir(root::ui());
    npm
}

/// Runs it with our own input and output; anything but success is an error.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let words = words(command);
    say::line(&format!("$ {words}"));
    let status = command.status().with_context(|| format!("cannot run {words}"))?;
    if !status.success() {
        bail!("`{words}` ended with {status}");
    }
    Ok(())
}

/// What it prints on stdout; anything but success is an error with what it printed on stderr.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let words = words(command);
    let output =
        command.stdin(Stdio::null()).output().with_context(|| format!("cannot run {words}"))?;
    if !output.status.success() {
        bail!(
            "`{words}` ended with {}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    String::from_utf8(output.stdout)
        .with_context(|| format!("`{words}` printed something else than text"))
}

/// Can this program be started here?
pub(crate) fn exists(program: &str) -> bool {
    std::env::var_os("PATH").is_some_and(|path| {
        std::env::split_paths(&path).any(|folder| {
            let file = folder.join(program);
            file.is_file()
                || (cfg!(windows)
                    && ["exe", "cmd"].iter().any(|end| file.with_extension(end).is_file()))
        })
    })
}

fn words(command: &Command) -> String {
    let program = Path::new(command.get_program())
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let args = command.get_args().map(|arg| arg.to_string_lossy().into_owned());
    std::iter::once(program).chain(args).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_that_fails_says_which_and_why() {
        let error = output(cargo().arg("no-such-command")).unwrap_err().to_string();
        assert!(
            error.contains("no-such-command"),
            "the words of the command are in the error: {error}"
        );
    }

    #[test]
    fn programs_are_looked_for_on_the_path() {
        assert!(!exists("a-program-that-nobody-has"));
    }
}
