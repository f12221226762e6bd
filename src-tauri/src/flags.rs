//! What may be said on the command line, and where the data is kept when nothing is said.
//!
//! What does not belong here: reading or creating any of those folders.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Parser;
use directories::ProjectDirs;

/// Tarsier's window: finds or starts the recorder, shows it, and lives in the tray.
#[derive(Clone, Debug, Parser)]
#[command(name = "tarsier", version)]
pub(crate) struct Flags {
    /// Where footage, index and settings are; by default the user's own data folder.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Serve and add so many demo cameras.
    #[arg(long, value_name = "N")]
    pub(crate) demo: Option<u16>,
    /// Start in the tray, without a window.
    #[arg(long)]
    pub(crate) hidden: bool,
    /// Passed on to `tarsierd serve`, if it has to be started.
    #[arg(last = true, value_name = "HUB ARGS")]
    pub(crate) hub_args: Vec<OsString>,
}

impl Flags {
    /// The data folder: the one that was named, made absolute, else the user's own.
    pub(crate) fn data_dir(&self) -> anyhow::Result<PathBuf> {
        if let Some(dir) = &self.data_dir {
            return std::path::absolute(dir)
                .with_context(|| format!("--data-dir {} is not a path", dir.display()));
        }
        let dirs = ProjectDirs::from("dev", "tarsier", "Tarsier")
            .context("this user has no home folder; say where to keep footage with --data-dir")?;
        Ok(dirs.data_local_dir().to_owned())
    }

    /// What the login entry must say so that the same folder is opened again.
    pub(crate) fn autostart_args(&self) -> Vec<String> {
        let mut args = vec!["--hidden".to_owned()];
        if let Some(dir) = &self.data_dir {
            let dir = std::path::absolute(dir).unwrap_or_else(|_| dir.clone());
            args.extend(["--data-dir".to_owned(), dir.display().to_string()]);
        }
        args
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_at_login_opens_the_same_folder_in_the_tray() {
        let flags = Flags::try_parse_from(["tarsier", "--data-dir", "/srv/footage"]).unwrap();
        assert_eq!(
            flags.autostart_args(),
            ["--hidden", "--data-dir", "/srv/footage"],
            "a login must not open another data folder than the one in use"
        );
    }

    #[test]
    fn what_stands_after_two_dashes_is_for_the_hub() {
        let flags =
            Flags::try_parse_from(["tarsier", "--demo", "2", "--", "--rtsp-listen", "127.0.0.1:0"])
                .unwrap();
        assert_eq!(flags.demo, Some(2));
        assert_eq!(
            flags.hub_args,
            ["--rtsp-listen", "127.0.0.1:0"],
            "hub arguments are passed on untouched"
        );
    }
}
