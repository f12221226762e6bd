//! `cargo xtask dist`: the installers of this system, with all programs inside, and a look into them.
//!
//! What does not belong here: names, icons and dependencies of the packages (`src-tauri/tauri.conf.json`).

mod needs;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use serde_json::json;

use self::needs::Needs;
use crate::build::{self, PROGRAMS, Profile, WINDOW, Window};
use crate::process::{command, output, run};
use crate::root;
use crate::say::{self, Steps};
use crate::setup::{Group, setup};

/// Options of `dist`.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Options {
    /// From a debug build: to try the packaging, not to give away.
    #[arg(long)]
    debug: bool,
}

/// What this system's installers are called by Tauri's bundler, and the folder they come out in.
const BUNDLES: &[&str] = if cfg!(windows) {
    &["nsis"]
} else if cfg!(target_os = "macos") {
    &["dmg"]
} else {
    &["deb", "rpm"]
};

/// Tauri's own bundler, fetched when it is needed: nobody else has a use for its 20 MB.
const BUNDLER: &str = "@tauri-apps/cli@~2.12.5";

/// Builds them.
pub(crate) fn dist(options: Options) -> Result<()> {
    let profile = if options.debug { Profile::Debug } else { Profile::Release };
    let mut steps = Steps::new();
    steps.step("look for what is missing on this machine", || {
        setup(&[Group::Build, Group::Desktop])
    })?;
    steps.step("build the pages", build::ui)?;
    steps.step("build the programs", || build::programs(Window::With, profile))?;
    let mut installers = Vec::new();
    let mut needs = Needs::default();
    steps.step("make the installers", || {
        needs = Needs::find(profile)?;
        installers = bundle(profile, &needs)?;
        Ok(())
    })?;
    steps.step("look into the installers", || {
        installers.iter().try_for_each(|installer| look_into(installer, &needs))
    })?;
    say::line("");
    for installer in &installers {
        let size = fs::metadata(installer)?.len();
        #[expect(clippy::cast_precision_loss, reason = "one decimal of a size is shown")]
        let megabytes = size as f64 / 1e6;
        say::line(&format!("{} ({megabytes:.1} MB)", installer.display()));
    }
    Ok(())
}

fn bundle(profile: Profile, needs: &Needs) -> Result<Vec<PathBuf>> {
    let out = root::target().join(profile.folder()).join("bundle");
    if out.exists() {
        fs::remove_dir_all(&out).context("an old bundle is in the way")?;
    }
    let config = json!({ "bundle": { "externalBin": side_programs(profile)?, "linux": { "deb": { "depends": needs.deb }, "rpm": { "depends": needs.rpm } } } });
    let mut tauri = command(if cfg!(windows) { "npx.cmd" } else { "npx" });
    tauri.args([
        "--yes",
        BUNDLER,
        "bundle",
        "--bundles",
        &BUNDLES.join(","),
        "--config",
        &config.to_string(),
    ]);
    if profile == Profile::Debug {
        tauri.arg("--debug");
    }
    // The bundler asks for nothing: neither a build nor a key.
    run(tauri.env("CI", "true").env("CARGO_TARGET_DIR", root::target()))?;
    installers(&out)
}

/// Copies with the target's name at their end, as the bundler wants them; it takes the end off again.
fn side_programs(profile: Profile) -> Result<Vec<PathBuf>> {
    let host = host()?;
    let folder = root::target().join(profile.folder()).join("side-programs");
    fs::create_dir_all(&folder)?;
    PROGRAMS
        .iter()
        .map(|(_, name)| {
            let copy = folder.join(format!("{name}-{host}{}", std::env::consts::EXE_SUFFIX));
            let program = root::program(profile.folder(), name);
            fs::copy(&program, &copy).with_context(|| format!("copying {}", program.display()))?;
            Ok(folder.join(name))
        })
        .collect()
}

fn host() -> Result<String> {
    let said = output(command("rustc").arg("-vV"))?;
    let host = said
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .context("rustc does not say its host")?;
    Ok(host.to_owned())
}

fn installers(out: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for kind in BUNDLES {
        let end = if *kind == "nsis" { "exe" } else { kind };
        let folder = out.join(kind);
        let before = found.len();
        for entry in
            fs::read_dir(&folder).with_context(|| format!("reading {}", folder.display()))?
        {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == end) {
                found.push(path);
            }
        }
        if found.len() == before {
            bail!("no .{end} came out in {}", folder.display());
        }
    }
    Ok(found)
}

/// Every program is inside, and what the window needs to show video is asked for.
fn look_into(installer: &Path, wanted: &Needs) -> Result<()> {
    let (listing, needs) = match installer.extension().and_then(|extension| extension.to_str()) {
        Some("deb") => (
            output(command("dpkg-deb").arg("--contents").arg(installer))?,
            output(command("dpkg-deb").arg("--field").arg(installer).arg("Depends"))?,
        ),
        Some("rpm") if crate::process::exists("rpm") => (
            output(command("rpm").args(["-qpl"]).arg(installer))?,
            output(command("rpm").args(["-qpR"]).arg(installer))?,
        ),
        _ => {
            say::line(&format!("{}: nothing here can look into it", installer.display()));
            return Ok(());
        }
    };
    let names = PROGRAMS.iter().map(|(_, name)| *name).chain([WINDOW]);
    if let Some(name) = names.into_iter().find(|name| !holds(&listing, name)) {
        bail!("{} does not hold {name}:\n{listing}", installer.display());
    }
    let wanted = if installer.extension().is_some_and(|kind| kind == "deb") {
        &wanted.deb
    } else {
        &wanted.rpm
    };
    if let Some(name) = wanted.iter().find(|name| !needs.contains(name.as_str())) {
        bail!("{} does not ask for {name}; it asks for: {needs}", installer.display());
    }
    say::line(&format!(
        "{}: every program is inside; it asks for {}",
        installer.display(),
        needs.trim().replace('\n', ", ")
    ));
    Ok(())
}

/// Listings begin a path by `./`, `/` or neither.
fn holds(listing: &str, name: &str) -> bool {
    let wanted = format!("usr/bin/{name}");
    let paths = listing.lines().filter_map(|line| line.split_whitespace().next_back());
    paths.map(|path| path.trim_start_matches(['.', '/'])).any(|path| path == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_counts_only_where_it_is_found_by_its_name() {
        let listing = "-rwxr-xr-x root/root 1 2026-11-21 ./usr/bin/tarsier-recorder-libav\n";
        assert!(holds(listing, "tarsier-recorder-libav"));
        assert!(holds(
            "-rwxr-xr-x 0/0 1 2026-11-21 04:36 usr/bin/tarsierd\n/usr/bin/tarsier\n",
            "tarsierd"
        ));
        assert!(
            !holds(listing, "tarsier-recorder"),
            "the end of one name is not the other program"
        );
    }

    #[test]
    fn an_installer_that_did_not_come_out_is_missed() {
        let folder = tempfile::tempdir().unwrap();
        for kind in BUNDLES {
            fs::create_dir(folder.path().join(kind)).unwrap();
        }
        assert!(installers(folder.path()).is_err(), "an empty folder is no success");
    }
}
