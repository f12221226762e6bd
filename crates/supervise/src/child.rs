//! Hands: spawns a recorder, hands it its configuration, passes on what it logs, kills it.

use std::path::Path;
use std::process::{ExitStatus, Stdio};

use anyhow::Context as _;
use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};
use tarsier_types::CameraId;
use tarsier_wire::RecorderConfig;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::Command;
use tracing::Level;

/// Starts `program`; `ended` is called once when it has ended. Answers its process id.
pub(crate) async fn spawn(
    program: &Path,
    config: &RecorderConfig,
    ended: impl FnOnce(std::io::Result<ExitStatus>) + Send + 'static,
) -> anyhow::Result<u32> {
    let mut command = Command::new(program);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(false);
    // Ctrl-C in a terminal is for the hub alone; it then asks its recorders to close their files.
    #[cfg(unix)]
    command.process_group(0);
    let mut child = command.spawn().with_context(|| format!("start {}", program.display()))?;
    let pid = child.id().context("the recorder ended at once")?;
    let mut stdin = child.stdin.take().context("no standard input")?;
    let stderr = child.stderr.take().context("no standard error")?;
    let mut line = serde_json::to_vec(config).context("write the configuration")?;
    line.push(b'\n');
    // A failure shows in the exit code.
    let _ = stdin.write_all(&line).await;
    drop(stdin);
    let camera = config.camera.clone();
    tokio::spawn(async move {
        pass_on(camera, stderr).await;
    });
    tokio::spawn(async move { ended(child.wait().await) });
    Ok(pid)
}

async fn pass_on(camera: CameraId, stderr: tokio::process::ChildStderr) {
    let mut lines = BufReader::new(stderr).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        // The level of an event is part of its place in the program: it cannot be a value.
        match leveled(&line) {
            (Level::ERROR, said) => tracing::error!(target: "recorder", %camera, "{said}"),
            (Level::WARN, said) => tracing::warn!(target: "recorder", %camera, "{said}"),
            (Level::DEBUG, said) => tracing::debug!(target: "recorder", %camera, "{said}"),
            (Level::TRACE, said) => tracing::trace!(target: "recorder", %camera, "{said}"),
            (_, said) => tracing::info!(target: "recorder", %camera, "{said}"),
        }
    }
}

/// A recorder's line: `LEVEL target: message`. A panic and a C library say no level.
fn leveled(line: &str) -> (Level, &str) {
    let levels = [Level::ERROR, Level::WARN, Level::INFO, Level::DEBUG, Level::TRACE];
    let known = line.trim_start().split_once(' ').and_then(|(word, said)| {
        let level = levels.into_iter().find(|level| level.as_str() == word)?;
        Some((level, said.trim_start()))
    });
    match known {
        Some(known) => known,
        None if line.starts_with("thread '") => (Level::ERROR, line),
        None => (Level::INFO, line),
    }
}

/// Ends a process that does not answer. Works for children and for adopted processes.
pub(crate) fn kill(pid: u32) {
    with_process(pid, |process| {
        process.kill();
    });
}

/// The process exists and is not a zombie.
pub(crate) fn is_alive(pid: u32) -> bool {
    let mut alive = false;
    with_process(pid, |process| alive = process.status() != sysinfo::ProcessStatus::Zombie);
    alive
}

fn with_process(pid: u32, act: impl FnOnce(&sysinfo::Process)) {
    let pid = Pid::from_u32(pid);
    let Ok(mut system) = System::new() else { return };
    system.refresh_processes_specifics(
        ProcessesToUpdate::Some(&[pid]),
        true,
        ProcessRefreshKind::nothing(),
    );
    if let Some(process) = system.process(pid) {
        act(process);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recorders_line_is_logged_at_its_own_level() {
        for (line, level, said) in [
            (
                " WARN tarsier_record::files: disk full",
                Level::WARN,
                "tarsier_record::files: disk full",
            ),
            ("ERROR tarsier_record: gone", Level::ERROR, "tarsier_record: gone"),
            (" INFO a: b  c", Level::INFO, "a: b  c"),
            ("DEBUG a: b", Level::DEBUG, "a: b"),
            ("TRACE a: b", Level::TRACE, "a: b"),
            (
                "thread 'main' panicked at src/x.rs:1:1:",
                Level::ERROR,
                "thread 'main' panicked at src/x.rs:1:1:",
            ),
            (
                "[h264 @ 0x55] error while decoding",
                Level::INFO,
                "[h264 @ 0x55] error while decoding",
            ),
            ("WARNING is no level", Level::INFO, "WARNING is no level"),
            ("ERROR", Level::INFO, "ERROR"),
            ("", Level::INFO, ""),
        ] {
            assert_eq!(leveled(line), (level, said), "{line:?}");
        }
    }
}
