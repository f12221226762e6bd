//! A small disk of a journey's own: filled, pulled out, put in again, made read-only, frozen. Only inside
//! [`crate::own_namespace`].
//!
//! The file system stays mounted at a hidden folder beside the place where the hub sees it; that place is a second
//! mount of it. So a disk can be pulled out with everything on it, as a USB disk is, and what is written behind the
//! hub's back is seen too.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::own_namespace::run;

/// How a disk may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Read and written.
    Writable,
    /// Read.
    ReadOnly,
}

/// A disk. Dropping it takes it away.
#[derive(Debug)]
pub struct Disk {
    at: PathBuf,
    inside: PathBuf,
    image: Option<PathBuf>,
}

impl Disk {
    /// A disk in memory (tmpfs), seen at the folder `at`, which is made.
    pub fn in_memory(at: &Path, bytes: u64) -> anyhow::Result<Self> {
        let disk = Self::prepare(at)?;
        let size = format!("size={bytes}");
        run("mount", &["-t", "tmpfs", "-o", &size, "tarsier-test", &text(&disk.inside)])?;
        disk.plug()?;
        Ok(disk)
    }

    /// A disk with ext4 on it, in a file beside `at`. Needs [`crate::own_namespace::Machine::WithLoopDisks`].
    pub fn with_ext4(at: &Path, bytes: u64) -> anyhow::Result<Self> {
        let mut disk = Self::prepare(at)?;
        let image = at.with_extension("image");
        fs::File::create(&image)
            .and_then(|file| file.set_len(bytes))
            .with_context(|| format!("make {}", image.display()))?;
        run("mkfs.ext4", &["-q", &text(&image)])?;
        run("mount", &["-o", "loop", &text(&image), &text(&disk.inside)])?;
        disk.image = Some(image);
        disk.plug()?;
        Ok(disk)
    }

    fn prepare(at: &Path) -> anyhow::Result<Self> {
        let inside = at.with_extension("inside");
        for folder in [at, &inside] {
            fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
        }
        Ok(Self { at: at.to_owned(), inside, image: None })
    }

    /// The disk's content, whether it is plugged in or not.
    pub fn inside(&self) -> &Path {
        &self.inside
    }

    /// Pulled out: its place is an empty folder of the disk below. Files that are open stay open.
    pub fn unplug(&self) -> anyhow::Result<()> {
        run("umount", &["--lazy", &text(&self.at)])
    }

    /// Put in again, with all that was on it.
    pub fn plug(&self) -> anyhow::Result<()> {
        run("mount", &["--bind", &text(&self.inside), &text(&self.at)])
    }

    /// Mounted anew. Read-only is refused by the system while a file is open for writing.
    pub fn set(&self, access: Access) -> anyhow::Result<()> {
        let option = match access {
            Access::Writable => "remount,rw",
            Access::ReadOnly => "remount,ro",
        };
        run("mount", &["-o", option, &text(&self.inside)])
    }

    /// Not a byte is free any more.
    pub fn fill(&self) -> anyhow::Result<()> {
        let path = self.ballast();
        drop(fs::File::create(&path).with_context(|| format!("make {}", path.display()))?);
        self.fill_rest()
    }

    /// The same again, of what has become free since.
    pub fn fill_rest(&self) -> anyhow::Result<()> {
        let path = self.ballast();
        let mut file = fs::OpenOptions::new()
            .append(true)
            .open(&path)
            .with_context(|| format!("open {}", path.display()))?;
        // Large pieces first, then what is left: page by page.
        for size in [64 * 1024, 4096, 1] {
            let piece = vec![0_u8; size];
            while file.write_all(&piece).is_ok() {}
        }
        // ext4 hands out blocks late.
        let _ = file.sync_all();
        Ok(())
    }

    /// What [`Self::fill`] took is free again.
    pub fn make_room(&self) -> anyhow::Result<()> {
        fs::remove_file(self.ballast()).context("remove the ballast")
    }

    fn ballast(&self) -> PathBuf {
        self.inside.join("ballast")
    }

    /// Every write waits until [`Self::thaw`]. Needs ext4.
    pub fn freeze(&self) -> anyhow::Result<()> {
        run("fsfreeze", &["--freeze", &text(&self.inside)])
    }

    /// Writes go on.
    pub fn thaw(&self) -> anyhow::Result<()> {
        run("fsfreeze", &["--unfreeze", &text(&self.inside)])
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Best effort: the namespace takes its mounts with it, but a frozen disk would hold up whoever looks at it.
        if self.image.is_some() {
            let _ = self.thaw();
        }
        let _ = self.unplug();
        let _ = run("umount", &["--lazy", &text(&self.inside)]);
    }
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
