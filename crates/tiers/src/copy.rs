//! Hands: one file copied, verified and on disk, without making others wait.
//!
//! The source is read in order, hashed and written in windows ([`crate::pace`]). While one window is written, the one
//! before is synced, and the one before that is read back from the disk and hashed again: what was written is what is there.
//! Why not faster: `adr/0013-a-move-reads-back-every-byte.md`.
//!
//! What does not belong here: which file, what its name means, what becomes of the source.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use tarsier_types::{Clock, SystemClock};

use crate::pace::Pace;
use crate::platform;
use crate::wait::{Stop, Stopped};

/// Read and written at once: large enough for a hard disk's sequential speed.
const CHUNK: usize = 1 << 20;

/// What copying needs of the world.
#[derive(Debug)]
pub struct Hands<'a> {
    /// How fast.
    pub pace: &'a mut Pace,
    /// What measures that.
    pub clock: &'a SystemClock,
    /// Who may end it.
    pub stop: &'a Stop,
}

/// What was copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copied {
    /// Length of the file.
    pub bytes: u64,
    /// BLAKE3 of it.
    pub hash: [u8; 32],
}

/// Why there is no copy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CopyError {
    /// The source cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The source.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The copy cannot be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The copy.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// What was read is not what its recorder wrote.
    #[error("{} is not the file that was recorded: its hash is another", path.display())]
    SourceChanged {
        /// The source.
        path: PathBuf,
    },
    /// What was read back is not what was written.
    #[error("{} was written and reads back differently", path.display())]
    CopyDiffers {
        /// The copy.
        path: PathBuf,
    },
    /// It was told to stop.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// Copies `source` to `target`, which is made or replaced, and syncs it; its name is the caller's to sync. `recorded` is
/// the hash that the source must have, if that is known.
pub fn copy(
    source: &Path,
    target: &Path,
    recorded: Option<&[u8; 32]>,
    hands: &mut Hands<'_>,
) -> Result<Copied, CopyError> {
    let (copied, again) = write(source, target, hands)?;
    if recorded.is_some_and(|recorded| *recorded != copied.hash) {
        return Err(CopyError::SourceChanged { path: source.to_owned() });
    }
    if again == copied {
        Ok(copied)
    } else {
        Err(CopyError::CopyDiffers { path: target.to_owned() })
    }
}

/// Length and hash of a file, from the disk and not from memory where the system allows that.
pub fn hash(path: &Path, hands: &mut Hands<'_>) -> Result<Copied, CopyError> {
    let failed = |source| CopyError::Read { path: path.to_owned(), source };
    let mut file = File::open(path).map_err(failed)?;
    platform::forget_cached(&file);
    let mut hasher = blake3::Hasher::new();
    let (mut bytes, mut buffer) = (0, vec![0; CHUNK]);
    // A limit is for what is written.
    let mut pace = Pace::new(None);
    loop {
        let begun = hands.clock.mono();
        let mut window = 0;
        while window < pace.window() {
            let read = file.read(&mut buffer).map_err(failed)?;
            if read == 0 {
                break;
            }
            hasher.update(&buffer[..read]);
            window += len64(read);
        }
        bytes += window;
        if window < pace.window() {
            platform::forget_cached(&file);
            return Ok(Copied { bytes, hash: *hasher.finalize().as_bytes() });
        }
        let now = hands.clock.mono();
        hands.stop.pause(pace.written(now, window, now.since(begun)))?;
    }
}

/// What was written, and what was read back.
fn write(
    source: &Path,
    target: &Path,
    hands: &mut Hands<'_>,
) -> Result<(Copied, Copied), CopyError> {
    let unread = |error| CopyError::Read { path: source.to_owned(), source: error };
    let unwritten = |error| CopyError::Write { path: target.to_owned(), source: error };
    let mut from = File::open(source).map_err(unread)?;
    let mut to = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .open(target)
        .map_err(unwritten)?;
    let syncing = to.try_clone().map_err(unwritten)?;
    let reading = File::open(target).map_err(unwritten)?;
    let clock = *hands.clock;
    let (copied, again) = std::thread::scope(|scope| {
        // One window is written, one synced, one read back: the disk has never more of ours to do.
        let (written, windows) = mpsc::sync_channel::<u64>(0);
        let (synced, took) = mpsc::channel::<(u64, Duration, io::Result<()>)>();
        let (there, on_disk) = mpsc::sync_channel::<u64>(1);
        scope.spawn(move || {
            platform::be_patient();
            while let Ok(bytes) = windows.recv() {
                let begun = clock.mono();
                let result = syncing.sync_data();
                if synced.send((bytes, clock.mono().since(begun), result)).is_err() {
                    return;
                }
            }
        });
        let again = scope.spawn(move || {
            platform::be_patient();
            read_back(reading, &on_disk)
        });
        let mut hasher = blake3::Hasher::new();
        let (mut bytes, mut buffer) = (0, vec![0; CHUNK]);
        let mut is_syncing = false;
        loop {
            hands.stop.check()?;
            let (window, mut filled) = (hands.pace.window(), 0);
            while filled < window {
                let read = from.read(&mut buffer).map_err(unread)?;
                if read == 0 {
                    break;
                }
                hasher.update(&buffer[..read]);
                to.write_all(&buffer[..read]).map_err(unwritten)?;
                filled += len64(read);
            }
            bytes += filled;
            if is_syncing {
                let (synced, took, result) = took.recv().expect("each window is answered");
                result.map_err(unwritten)?;
                hands.stop.pause(hands.pace.written(hands.clock.mono(), synced, took))?;
                // It ends early only because it cannot read, which it tells at the end.
                let _ = there.send(synced);
            }
            if filled == 0 {
                break;
            }
            written.send(filled).expect("the other thread waits for windows");
            is_syncing = true;
        }
        drop(there);
        let again = again.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        let copied = Copied { bytes, hash: *hasher.finalize().as_bytes() };
        Ok::<_, CopyError>((copied, again.map_err(unwritten)?))
    })?;
    to.sync_all().map_err(unwritten)?;
    platform::forget_cached(&from);
    Ok((copied, again))
}

/// Reads each window behind its sync, from the disk and not from memory where the system allows that.
fn read_back(mut file: File, on_disk: &mpsc::Receiver<u64>) -> io::Result<Copied> {
    let mut hasher = blake3::Hasher::new();
    let (mut bytes, mut buffer) = (0, vec![0; CHUNK]);
    while let Ok(window) = on_disk.recv() {
        platform::forget_range(&file, bytes, window);
        let end = bytes + window;
        while bytes < end {
            let most = usize::try_from(end - bytes).unwrap_or(CHUNK).min(CHUNK);
            let read = file.read(&mut buffer[..most])?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            hasher.update(&buffer[..read]);
            bytes += len64(read);
        }
    }
    platform::forget_cached(&file);
    Ok(Copied { bytes, hash: *hasher.finalize().as_bytes() })
}

fn len64(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn check(bytes: usize, recorded: Option<[u8; 32]>) -> Result<Copied, CopyError> {
        let folder = tempfile::tempdir().unwrap();
        let (source, target) = (folder.path().join("a"), folder.path().join("b"));
        let content: Vec<u8> = (0..bytes).map(|n| u8::try_from(n * 7 % 251).unwrap()).collect();
        fs::write(&source, &content).unwrap();
        let (clock, stop) = (SystemClock::start(), Stop::default());
        let mut hands = Hands { pace: &mut Pace::new(None), clock: &clock, stop: &stop };
        let copied = copy(&source, &target, recorded.as_ref(), &mut hands)?;
        assert_eq!(fs::read(&target).unwrap(), content, "{bytes} bytes");
        assert_eq!(copied.hash, *blake3::hash(&content).as_bytes());
        Ok(copied)
    }

    #[test]
    fn files_of_any_length_are_copied_whole() {
        for bytes in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 5 * CHUNK + 17] {
            assert_eq!(check(bytes, None).unwrap().bytes, len64(bytes));
        }
    }

    #[test]
    fn a_source_that_is_not_what_was_recorded_is_refused() {
        let error = check(1000, Some([1; 32])).unwrap_err();
        assert!(matches!(error, CopyError::SourceChanged { .. }), "{error}");
    }

    #[test]
    fn it_stops_when_it_is_told_to() {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("a");
        fs::write(&source, vec![1; 4 * CHUNK]).unwrap();
        let (clock, stop) = (SystemClock::start(), Stop::default());
        stop.now();
        let mut hands = Hands { pace: &mut Pace::new(None), clock: &clock, stop: &stop };
        let error = copy(&source, &folder.path().join("b"), None, &mut hands).unwrap_err();
        assert!(matches!(error, CopyError::Stopped(_)), "{error}");
    }
}
