//! A wall clock of a journey's own, which is put forward and back while a hub runs: libfaketime in front of the system's
//! C library. The monotonic clock stays true.
//!
//! Where libfaketime is not installed, a journey says aloud that it was not run. What does not belong here: simulated
//! clocks of brains, which need no library.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// Where Debian, Fedora and Arch put it.
const PLACES: [&str; 5] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib64/faketime/libfaketimeMT.so.1",
    "/usr/lib/faketime/libfaketimeMT.so.1",
    "/usr/local/lib/faketime/libfaketimeMT.so.1",
];

/// A wall clock that is wrong by a number of seconds.
#[derive(Debug)]
pub struct WallClock {
    library: &'static str,
    file: PathBuf,
}

impl WallClock {
    /// A clock whose file is in that folder; true at first. None (said aloud) where there is no libfaketime.
    pub fn new(folder: &Path, test: &str) -> anyhow::Result<Option<Self>> {
        let Some(library) = PLACES.into_iter().find(|place| Path::new(place).is_file()) else {
            // Past the test binary's capture: a proof that was not made must be seen.
            let _ = writeln!(std::io::stderr(), "NOT RUN: {test}: there is no libfaketime here");
            return Ok(None);
        };
        let clock = Self { library, file: folder.join("wall-clock") };
        clock.set(0)?;
        Ok(Some(clock))
    }

    /// From now on it is so many seconds ahead of the true time.
    pub fn set(&self, ahead_seconds: i64) -> anyhow::Result<()> {
        let next = self.file.with_extension("next");
        // Renamed, so that nobody reads half of it.
        std::fs::write(&next, format!("{ahead_seconds:+}\n"))
            .and_then(|()| std::fs::rename(&next, &self.file))
            .with_context(|| format!("write {}", self.file.display()))
    }

    /// What makes a process live by this clock, in that time zone.
    pub fn environment(&self, time_zone: &str) -> Vec<(String, String)> {
        let file = self.file.to_string_lossy();
        [
            ("LD_PRELOAD", self.library),
            ("FAKETIME_TIMESTAMP_FILE", &*file),
            ("FAKETIME_NO_CACHE", "1"),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
            ("TZ", time_zone),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
    }
}
