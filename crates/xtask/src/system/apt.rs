//! Debian 12 and newer, Ubuntu 24.04 and newer: the system that is kept working by our own tests.

use std::process::Command;

use anyhow::{Context as _, Result, bail};

use super::{Missing, Package, System, names, package};
use crate::process::{command, exists, run};
use crate::setup::Group;

pub(crate) struct Apt;

const BUILD: &[Package] = &[
    package("gcc", "links programs and compiles SQLite"),
    package("libc6-dev", "the C library's headers"),
    package("make", "builds C parts of crates"),
    package("pkg-config", "finds libraries"),
    package("clang", "reads FFmpeg's headers"),
    package("libclang-dev", "reads FFmpeg's headers"),
    package("libavcodec-dev", "decodes, for the transcoder and the libav recorder"),
    package("libavformat-dev", "reads cameras that the Rust engine cannot"),
    package("libavutil-dev", "belongs to FFmpeg"),
    package("libswresample-dev", "audio of the libav recorder"),
    package("libswscale-dev", "stills"),
];

const DESKTOP: &[Package] = &[
    package("libwebkit2gtk-4.1-dev", "the window"),
    package("libayatana-appindicator3-dev", "the tray icon"),
    package("librsvg2-dev", "icons"),
    package("gstreamer1.0-plugins-base", "video in the window"),
    package("gstreamer1.0-plugins-good", "video in the window"),
    package("gstreamer1.0-plugins-bad", "H.264 and H.265 in the window"),
    package("gstreamer1.0-libav", "H.264 and H.265 in the window"),
];

const TEST: &[Package] = &[
    package("chromium", "the browser journey"),
    package("ffmpeg", "judges our files: ffprobe and ffmpeg"),
    package("webkit2gtk-driver", "steers the window in the desktop journey"),
    package("xvfb", "a display without a screen"),
    package("xauth", "a display without a screen"),
    package("dbus-x11", "a session bus for tray and notifications"),
    package("openbox", "a window manager for the desktop journey"),
    package("xdotool", "closes windows as a person does"),
    package("python3-dbus", "a tray and a notification server to look at"),
    package("python3-gi", "a tray and a notification server to look at"),
    package("gir1.2-gst-rtsp-server-1.0", "cameras that are not ours"),
    package("gir1.2-gst-plugins-bad-1.0", "a WebRTC viewer that is not ours"),
    package("gstreamer1.0-nice", "a WebRTC viewer that is not ours"),
    package("openssl", "its certificate"),
    package("gstreamer1.0-plugins-ugly", "encodes for those cameras"),
    package("gstreamer1.0-tools", "encodes for those cameras"),
    package("python3-aiortc", "a WebRTC player that is not ours"),
    package("vlc-bin", "an HLS player that is not ours"),
    package("vlc-plugin-base", "an HLS player that is not ours"),
    package("imagemagick", "compares pictures"),
    package("iproute2", "networks of the fault journeys' own"),
    package("util-linux", "disks and namespaces of the fault journeys' own"),
    package("e2fsprogs", "a disk that can be frozen"),
    package("faketime", "clocks that are put forward and back"),
    package("rpm", "looks into the .rpm that we make"),
];

impl System for Apt {
    fn name(&self) -> &'static str {
        "apt-get"
    }

    fn packages(&self, group: Group) -> &'static [Package] {
        match group {
            Group::Build => BUILD,
            Group::Desktop => DESKTOP,
            Group::Test => TEST,
        }
    }

    fn missing(&self, packages: &[Package]) -> Result<Missing> {
        // Fails for packages that it never heard of, and lists the others all the same.
        let output = command("dpkg-query")
            .args(["--show", "--showformat", "${db:Status-Abbrev} ${Package}\\n"])
            .args(packages.iter().map(|package| package.name))
            .output()
            .context("dpkg-query cannot be run")?;
        let listing = String::from_utf8_lossy(&output.stdout).into_owned();
        let missing = packages
            .iter()
            .filter(|package| !is_installed(&listing, package.name))
            .copied()
            .collect();
        Ok(Missing::These(missing))
    }

    fn install(&self, packages: &[Package]) -> Result<()> {
        run(apt_get()?.arg("update"))
            .context("the list of packages cannot be fetched: is there a network?")?;
        run(apt_get()?
            .args(["install", "--yes", "--no-install-recommends"])
            .args(packages.iter().map(|package| package.name)))
        .with_context(|| format!("not installed: {}", names(packages)))
    }
}

fn is_installed(listing: &str, name: &str) -> bool {
    listing.lines().any(|line| line.strip_prefix("ii ").is_some_and(|rest| rest.trim() == name))
}

/// apt-get as root, by sudo if we are somebody else.
fn apt_get() -> Result<Command> {
    let is_root = crate::process::output(command("id").arg("-u"))?.trim() == "0";
    if is_root {
        let mut apt_get = command("apt-get");
        apt_get.env("DEBIAN_FRONTEND", "noninteractive");
        return Ok(apt_get);
    }
    if !exists("sudo") {
        bail!("installing needs root, and there is no sudo: run `cargo xtask setup` as root once");
    }
    let mut sudo = command("sudo");
    sudo.args(["env", "DEBIAN_FRONTEND=noninteractive", "apt-get"]);
    Ok(sudo)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_that_was_removed_or_half_installed_is_missing() {
        let listing = "ii  clang\nrc  ffmpeg\niU  xvfb\n";
        assert!(is_installed(listing, "clang"));
        assert!(!is_installed(listing, "ffmpeg"), "only its configuration is left");
        assert!(!is_installed(listing, "xvfb"), "unpacked is not installed");
        assert!(!is_installed(listing, "clan"), "a part of a name is another package");
    }
}
