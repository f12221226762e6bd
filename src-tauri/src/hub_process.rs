//! Hands: finds the hub of a data folder, or starts it, and gets a token for it.
//!
//! The hub is ours when it answers at the address in `DATA/run/hub.json` **and** takes a token that `tarsierd token` made
//! for that folder: another program on the same port does neither. What does not belong here: what is asked of the hub
//! afterwards.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::{Child, Command};
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::detach::{detach, hide_console};
use crate::hub_client::{AskError, HubClient};
use crate::hub_file::{HubFile, choose_port, remember_port};

/// A hub with a large index and slow disks needs some seconds to start.
const START_DEADLINE: Duration = Duration::from_secs(60);
/// `tarsierd token` reads one small file.
const TOKEN_DEADLINE: Duration = Duration::from_secs(15);
/// How often a starting hub is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How long the page may stay open without asking for a new token.
const TOKEN_LIFETIME: &str = "12h";
/// Of the hub's last words, so much fits on the page.
const LAST_WORDS_BYTES: usize = 2000;

/// More than any start says.
const START_LOG_BYTES: u64 = 1 << 20;

/// The exit codes of `tarsierd` (CONTRACT section 2) that we switch on.
const EXIT_IN_USE: i32 = 4;
const EXIT_NOT_WRITABLE: i32 = 5;

/// What is needed to find or start a hub.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// The data folder.
    pub(crate) data_dir: PathBuf,
    /// Demo cameras to start with.
    pub(crate) demo: Option<u16>,
    /// Further arguments of `tarsierd serve`.
    pub(crate) hub_args: Vec<OsString>,
}

/// Why there is no hub.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FindHubError {
    /// Not installed beside us.
    #[error("{program} does not exist")]
    ProgramMissing {
        /// Where it should be.
        program: PathBuf,
    },
    /// It could not be run at all.
    #[error("{program} cannot be run")]
    CannotRun {
        /// Which program.
        program: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It ended while it was starting.
    #[error("the hub ended at its start, exit code {code:?}")]
    Ended {
        /// Its exit code, if it was not killed.
        code: Option<i32>,
        /// What it said at last.
        last_words: String,
    },
    /// The data folder cannot be written to.
    #[error("cannot write to {data_dir}")]
    NotWritable {
        /// The data folder.
        data_dir: PathBuf,
        /// What is known about it.
        last_words: String,
    },
    /// It did not answer in time.
    #[error("the hub did not answer within {START_DEADLINE:?}")]
    NoAnswer,
    /// `tarsierd token` gave none, or the hub refuses the one that it gave.
    #[error("no token for this hub: {why}")]
    NoToken {
        /// What was said.
        why: String,
    },
    /// Every port of the list is used by somebody else.
    #[error("every port for the hub is taken")]
    NoPort,
}

/// The hub of `place`, found or started, with a token that it takes.
pub(crate) async fn find_or_start(place: &Place) -> Result<HubClient, FindHubError> {
    let program = hub_program()?;
    trim_start_log(&place.data_dir);
    if let Some(hub) = find(place, &program).await? {
        return Ok(hub);
    }
    start(place, &program).await
}

/// The log that the hub's first words go to.
pub(crate) fn start_log(data_dir: &Path) -> PathBuf {
    data_dir.join("logs").join("hub-start.log")
}

fn hub_program() -> Result<PathBuf, FindHubError> {
    let name = format!("tarsierd{}", std::env::consts::EXE_SUFFIX);
    let program = std::env::current_exe()
        .map(|window| window.with_file_name(&name))
        .map_err(|source| FindHubError::CannotRun { program: PathBuf::from(&name), source })?;
    if program.is_file() { Ok(program) } else { Err(FindHubError::ProgramMissing { program }) }
}

async fn find(place: &Place, program: &Path) -> Result<Option<HubClient>, FindHubError> {
    let Some(file) = HubFile::read(&place.data_dir) else { return Ok(None) };
    if !HubClient::is_alive(&file.url).await {
        return Ok(None);
    }
    let token = mint_token(place, program).await?;
    let hub = HubClient::new(file.url.clone(), token);
    match hub.system().await {
        Ok(_) => {
            tracing::info!(url = file.url, pid = file.pid, version = file.version, "found the hub");
            Ok(Some(hub))
        }
        // Somebody else answers there now: the file is what a dead hub left behind.
        Err(AskError::Unauthorized | AskError::Refused { .. } | AskError::Unintelligible(_)) => {
            Ok(None)
        }
        Err(AskError::NotReached(_)) => Ok(None),
    }
}

async fn mint_token(place: &Place, program: &Path) -> Result<String, FindHubError> {
    let mut command = std::process::Command::new(program);
    command.arg("token").arg("--data-dir").arg(&place.data_dir);
    command
        .args(["--role", "admin", "--ttl", TOKEN_LIFETIME, "--subject", "window"])
        .stdin(Stdio::null());
    hide_console(&mut command);
    let output = timeout(TOKEN_DEADLINE, Command::from(command).kill_on_drop(true).output())
        .await
        .map_err(|_| FindHubError::NoToken {
            why: format!("tarsierd token took over {TOKEN_DEADLINE:?}"),
        })?
        .map_err(|source| FindHubError::CannotRun { program: program.to_owned(), source })?;
    let token = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if output.status.success() && !token.is_empty() {
        return Ok(token);
    }
    Err(FindHubError::NoToken { why: String::from_utf8_lossy(&output.stderr).trim().to_owned() })
}

async fn start(place: &Place, program: &Path) -> Result<HubClient, FindHubError> {
    let port = choose_port(&place.data_dir).ok_or(FindHubError::NoPort)?;
    let mut child = spawn(place, program, port)?;
    let mut looks = interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut refused = None;
    let looking = async {
        loop {
            looks.tick().await;
            // In use means that another window was faster: its hub will answer.
            if let Some(status) = child.try_wait().ok().flatten()
                && status.code() != Some(EXIT_IN_USE)
            {
                return Err(ended(place, status.code()));
            }
            match find(place, program).await {
                Ok(Some(hub)) => return Ok(hub),
                Ok(None) => {}
                // The key may be in the making; if no token ever comes, this is what went wrong.
                Err(error @ FindHubError::NoToken { .. }) => refused = Some(error),
                Err(error) => return Err(error),
            }
        }
    };
    let found = timeout(START_DEADLINE, looking).await;
    let found = found.unwrap_or_else(|_| Err(refused.unwrap_or(FindHubError::NoAnswer)));
    if found.is_ok()
        && let Err(error) = remember_port(&place.data_dir, port)
    {
        tracing::warn!(%error, "the hub's port cannot be remembered");
    }
    reap(child);
    found
}

fn spawn(place: &Place, program: &Path, port: u16) -> Result<Child, FindHubError> {
    let (out, err) =
        open_start_log(&place.data_dir).map_err(|error| FindHubError::NotWritable {
            data_dir: place.data_dir.clone(),
            last_words: error.to_string(),
        })?;
    let mut command = std::process::Command::new(program);
    command.arg("serve").arg("--data-dir").arg(&place.data_dir);
    command.arg("--listen").arg(format!("127.0.0.1:{port}"));
    if let Some(cameras) = place.demo {
        command.arg("--demo").arg(cameras.to_string());
    }
    command.args(&place.hub_args);
    command.env("NO_COLOR", "1").stdin(Stdio::null()).stdout(out).stderr(err);
    detach(&mut command);
    tracing::info!(program = %program.display(), port, "starting the hub");
    Command::from(command)
        .kill_on_drop(false)
        .spawn()
        .map_err(|source| FindHubError::CannotRun { program: program.to_owned(), source })
}

/// Both ends of the hub's output, emptied: what it says once it runs is in its own log files.
fn open_start_log(data_dir: &Path) -> io::Result<(File, File)> {
    let path = start_log(data_dir);
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    File::create(&path)?;
    let log = OpenOptions::new().append(true).open(&path)?;
    Ok((log.try_clone()?, log))
}

/// A hub that lives for months goes on writing to its stderr: what it says there is in its own, bounded log, too.
fn trim_start_log(data_dir: &Path) {
    let Ok(log) = OpenOptions::new().append(true).open(start_log(data_dir)) else { return };
    let is_long = log.metadata().is_ok_and(|metadata| metadata.len() > START_LOG_BYTES);
    if is_long && let Err(error) = log.set_len(0) {
        tracing::warn!(%error, "the hub's first log cannot be emptied");
    }
}

fn ended(place: &Place, code: Option<i32>) -> FindHubError {
    let said = std::fs::read(start_log(&place.data_dir)).unwrap_or_default();
    let tail = said.len().saturating_sub(LAST_WORDS_BYTES);
    let last_words =
        String::from_utf8_lossy(said.get(tail..).unwrap_or_default()).trim().to_owned();
    if code == Some(EXIT_NOT_WRITABLE) {
        return FindHubError::NotWritable { data_dir: place.data_dir.clone(), last_words };
    }
    FindHubError::Ended { code, last_words }
}

/// Waits for the hub's end in the background, so that no zombie is left while the window lives.
fn reap(mut child: Child) {
    tokio::spawn(async move {
        if let Ok(status) = child.wait().await {
            tracing::info!(%status, "the hub that this window started has ended");
        }
    });
}
