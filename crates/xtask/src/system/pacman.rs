//! Arch Linux: what is needed, told. Not tried by our tests.

use anyhow::Result;

use super::{Missing, Package, System, names, package};
use crate::setup::Group;

pub(crate) struct Pacman;

const BUILD: &[Package] = &[
    package("base-devel", "links programs and compiles SQLite"),
    package("clang", "reads FFmpeg's headers"),
    package("ffmpeg", "decodes, reads cameras that the Rust engine cannot"),
];

const DESKTOP: &[Package] = &[
    package("webkit2gtk-4.1", "the window"),
    package("libayatana-appindicator", "the tray icon"),
    package("librsvg", "icons"),
    package("gst-plugins-good", "video in the window"),
    package("gst-plugins-bad", "H.264 and H.265 in the window"),
    package("gst-libav", "H.264 and H.265 in the window"),
];

const TEST: &[Package] = &[
    package("chromium", "the browser journey"),
    package("xorg-server-xvfb", "a display without a screen"),
    package("openbox", "a window manager for the desktop journey"),
    package("xdotool", "closes windows as a person does"),
    package("python-dbus", "a tray and a notification server to look at"),
    package("python-gobject", "a tray and a notification server to look at"),
    package("iproute2", "networks of the fault journeys' own"),
    package("e2fsprogs", "a disk that can be frozen"),
    package("libfaketime", "clocks that are put forward and back"),
    package("gst-rtsp-server", "cameras that are not ours"),
];

impl System for Pacman {
    fn name(&self) -> &'static str {
        "pacman"
    }

    fn packages(&self, group: Group) -> &'static [Package] {
        match group {
            Group::Build => BUILD,
            Group::Desktop => DESKTOP,
            Group::Test => TEST,
        }
    }

    fn missing(&self, packages: &[Package]) -> Result<Missing> {
        Ok(Missing::Ask { command: format!("sudo pacman -S --needed {}", names(packages)) })
    }

    fn install(&self, packages: &[Package]) -> Result<()> {
        anyhow::bail!("please run: sudo pacman -S --needed {}", names(packages))
    }
}
