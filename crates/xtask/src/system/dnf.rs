//! Fedora: what is needed, told. FFmpeg and the H.264 plugins come from RPM Fusion. Not tried by our tests.

use anyhow::Result;

use super::{Missing, Package, System, names, package};
use crate::setup::Group;

pub(crate) struct Dnf;

const BUILD: &[Package] = &[
    package("gcc", "links programs and compiles SQLite"),
    package("make", "builds C parts of crates"),
    package("pkgconf-pkg-config", "finds libraries"),
    package("clang-devel", "reads FFmpeg's headers"),
    package("ffmpeg-devel", "decodes, reads cameras that the Rust engine cannot (RPM Fusion)"),
];

const DESKTOP: &[Package] = &[
    package("webkit2gtk4.1-devel", "the window"),
    package("libayatana-appindicator-gtk3-devel", "the tray icon"),
    package("librsvg2-devel", "icons"),
    package("gstreamer1-plugins-bad-freeworld", "H.264 and H.265 in the window (RPM Fusion)"),
    package("gstreamer1-libav", "H.264 and H.265 in the window"),
];

const TEST: &[Package] = &[
    package("chromium", "the browser journey"),
    package("ffmpeg", "judges our files: ffprobe and ffmpeg (RPM Fusion)"),
    package("webkit2gtk4.1-devel", "WebKitWebDriver, which steers the window"),
    package("xorg-x11-server-Xvfb", "a display without a screen"),
    package("dbus-x11", "a session bus for tray and notifications"),
    package("openbox", "a window manager for the desktop journey"),
    package("xdotool", "closes windows as a person does"),
    package("python3-dbus", "a tray and a notification server to look at"),
    package("python3-gobject", "a tray and a notification server to look at"),
    package("iproute", "networks of the fault journeys' own"),
    package("e2fsprogs", "a disk that can be frozen"),
    package("libfaketime", "clocks that are put forward and back"),
    package("gstreamer1-rtsp-server", "cameras that are not ours"),
];

impl System for Dnf {
    fn name(&self) -> &'static str {
        "dnf"
    }

    fn packages(&self, group: Group) -> &'static [Package] {
        match group {
            Group::Build => BUILD,
            Group::Desktop => DESKTOP,
            Group::Test => TEST,
        }
    }

    fn missing(&self, packages: &[Package]) -> Result<Missing> {
        Ok(Missing::Ask { command: format!("sudo dnf install {}", names(packages)) })
    }

    fn install(&self, packages: &[Package]) -> Result<()> {
        anyhow::bail!("please run: sudo dnf install {}", names(packages))
    }
}
