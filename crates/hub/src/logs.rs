//! Hands: where log lines go: standard error, and a file of bounded size in `DATA/logs`.
//!
//! Rotation is by size, not by time: a storm of lines must not fill the disk that footage is written to.

use std::fs::{self, File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use tracing_appender::non_blocking::WorkerGuard;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

const FILE_BYTES: u64 = 8 << 20;
/// `tarsierd.log`, and `.1` to `.4` behind it: 40 MiB in all.
const OLD_FILES: u32 = 4;

/// Begins to log; lines are written until the guard is dropped.
pub(crate) fn start(folder: &Path) -> io::Result<WorkerGuard> {
    let file = RotatingFile::open(folder.join("tarsierd.log"), FILE_BYTES)?;
    let (file, guard) = tracing_appender::non_blocking(file);
    let filter = EnvFilter::try_from_env("TARSIER_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::registry()
        .with(filter)
        .with(
            tracing_subscriber::fmt::layer()
                .with_writer(io::stderr)
                .with_ansi(io::stderr().is_terminal())
                .with_target(false),
        )
        .with(tracing_subscriber::fmt::layer().json().with_writer(file))
        .try_init()
        .map_err(io::Error::other)?;
    Ok(guard)
}

/// A file that starts anew when it is full.
struct RotatingFile {
    path: PathBuf,
    limit: u64,
    file: File,
    written: u64,
}

impl RotatingFile {
    fn open(path: PathBuf, limit: u64) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(&path)?;
        let written = file.metadata()?.len();
        Ok(Self { path, limit, file, written })
    }

    fn rotate(&mut self) -> io::Result<()> {
        let old = |n: u32| {
            let mut name = self.path.clone().into_os_string();
            name.push(format!(".{n}"));
            PathBuf::from(name)
        };
        for n in (1..OLD_FILES).rev() {
            match fs::rename(old(n), old(n + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        fs::rename(&self.path, old(1))?;
        self.file = OpenOptions::new().create(true).append(true).open(&self.path)?;
        self.written = 0;
        Ok(())
    }
}

impl Write for RotatingFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.written > 0 && self.written + bytes.len() as u64 > self.limit {
            self.rotate()?;
        }
        let written = self.file.write(bytes)?;
        self.written += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_storm_of_lines_fills_no_disk() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = RotatingFile::open(dir.path().join("tarsierd.log"), 1000).unwrap();
        for n in 0..1000 {
            writeln!(log, "line {n:0>20}").unwrap();
        }
        let sizes: Vec<u64> = fs::read_dir(dir.path())
            .unwrap()
            .map(|e| e.unwrap().metadata().unwrap().len())
            .collect();
        assert_eq!(sizes.len(), 1 + OLD_FILES as usize, "the oldest lines are gone");
        assert!(sizes.iter().all(|size| *size <= 1000), "{sizes:?}");
        let newest = fs::read_to_string(dir.path().join("tarsierd.log")).unwrap();
        assert!(newest.ends_with("00999\n"), "the newest line is in the newest file");
    }
}
