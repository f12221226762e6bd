//! Hands: where the child programs are: beside this one, or where it was said; and what they may encode with.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::rungs::Encoders;

/// The child programs.
#[derive(Clone, Debug)]
pub(crate) struct ChildPrograms {
    pub(crate) recorder: PathBuf,
    pub(crate) recorder_libav: PathBuf,
    pub(crate) transcoder: PathBuf,
    /// What the user allows that one.
    pub(crate) encoders: Encoders,
}

impl ChildPrograms {
    /// Those in `folder`, or beside this program. Only the first one is needed for most cameras.
    pub(crate) fn find(folder: Option<&Path>, encoders: Encoders) -> Result<Self> {
        let folder = if let Some(folder) = folder {
            folder.to_owned()
        } else {
            let own = std::env::current_exe().context("cannot tell where this program is")?;
            own.parent().context("this program is in no folder")?.to_owned()
        };
        let found = Self { encoders, ..Self::in_folder(&folder) };
        ensure!(
            found.recorder.is_file(),
            "{} does not exist; install it beside tarsierd, or name its folder by --programs",
            found.recorder.display()
        );
        for missing in [&found.recorder_libav, &found.transcoder]
            .into_iter()
            .filter(|program| !program.is_file())
        {
            tracing::warn!(program = %missing.display(), "not installed; what needs it will say so");
        }
        Ok(found)
    }

    /// By name alone.
    pub(crate) fn in_folder(folder: &Path) -> Self {
        let named = |name: &str| folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
        Self {
            recorder: named("tarsier-recorder"),
            recorder_libav: named("tarsier-recorder-libav"),
            transcoder: named("tarsier-transcoder"),
            encoders: Encoders::default(),
        }
    }
}
