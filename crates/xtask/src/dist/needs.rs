//! What an installed Tarsier asks of the system: GStreamer's plugins, as `src-tauri/tauri.conf.json` says, and FFmpeg's
//! libraries, as the linker says.
//!
//! The bundler adds WebKitGTK and the tray's library by itself. What does not belong here: making packages.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::build::{PROGRAMS, Profile};
use crate::process::{command, exists, output};
use crate::root;

/// Of FFmpeg.
const LIBRARIES: [&str; 5] =
    ["libavcodec.so", "libavformat.so", "libavutil.so", "libswresample.so", "libswscale.so"];

/// Names in the words of each kind of package.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Needs {
    /// Debian packages.
    pub(crate) deb: Vec<String>,
    /// Capabilities of rpm.
    pub(crate) rpm: Vec<String>,
}

impl Needs {
    /// Of the programs as they were built here. Elsewhere than on Linux, none.
    pub(crate) fn find(profile: Profile) -> Result<Self> {
        if !cfg!(target_os = "linux") {
            return Ok(Self::default());
        }
        let mut needs = Self { deb: configured("deb")?, rpm: configured("rpm")? };
        for (soname, path) in ffmpeg_libraries(profile)? {
            if exists("dpkg-query") {
                needs.deb.push(debian_package(&path)?);
            }
            needs.rpm.push(format!("{soname}()(64bit)"));
        }
        Ok(needs)
    }
}

fn configured(kind: &str) -> Result<Vec<String>> {
    let path = root::root().join("src-tauri").join("tauri.conf.json");
    let config: Value = serde_json::from_str(&fs::read_to_string(&path)?)
        .with_context(|| path.display().to_string())?;
    let names = config.pointer(&format!("/bundle/linux/{kind}/depends")).and_then(Value::as_array);
    Ok(names.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect())
}

/// Names and paths of those that one of the programs is linked with.
fn ffmpeg_libraries(profile: Profile) -> Result<BTreeSet<(String, String)>> {
    let mut found = BTreeSet::new();
    for (_, name) in PROGRAMS {
        let listing = output(command("ldd").arg(root::program(profile.folder(), name)))?;
        found.extend(loaded(&listing));
    }
    if found.is_empty() {
        bail!("no program is linked with FFmpeg, though two should be");
    }
    Ok(found)
}

/// `libavcodec.so.59 => /lib/x86_64-linux-gnu/libavcodec.so.59 (0x…)`
fn loaded(listing: &str) -> impl Iterator<Item = (String, String)> {
    listing.lines().filter_map(|line| {
        let (name, rest) = line.trim().split_once(" => ")?;
        let path = rest.split_whitespace().next()?;
        let is_ffmpegs = LIBRARIES.iter().any(|library| name.starts_with(library));
        is_ffmpegs.then(|| (name.to_owned(), path.to_owned()))
    })
}

/// The package that the file came in; a merged `/usr` answers to one of its two names alone.
fn debian_package(path: &str) -> Result<String> {
    let search = |path: &str| output(command("dpkg-query").args(["--search", path]));
    let said = search(path).or_else(|_| search(&format!("/usr{path}")))?;
    let package = said.split([':', ',']).next().context("dpkg-query says nothing")?;
    Ok(package.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ffmpegs_libraries_are_taken_from_the_listing() {
        let listing = "\tlinux-vdso.so.1 (0x1)\n\tlibavutil.so.57 => /lib/x/libavutil.so.57 (0x2)\n\tlibc.so.6 => /lib/x/libc.so.6 (0x3)\n\tlibavcodec.so.59 => not found\n";
        let found: Vec<(String, String)> = loaded(listing).collect();
        assert_eq!(found[0], ("libavutil.so.57".to_owned(), "/lib/x/libavutil.so.57".to_owned()));
        assert_eq!(
            found.len(),
            2,
            "the C library is asked for by the bundler's own means: {found:?}"
        );
    }

    #[test]
    fn the_plugins_that_decode_video_are_asked_for() {
        let names = configured("deb").unwrap();
        assert!(
            names.iter().any(|name| name == "gstreamer1.0-libav"),
            "without it the window is blind: {names:?}"
        );
    }
}
