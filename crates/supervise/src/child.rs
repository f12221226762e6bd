//! Hands: spawns a recorder, hands it its configuration, passes on what it logs.

use std::path::Path;
use std::process::{ExitStatus, Stdio};

use anyhow::Context as _;
use tarsier_types::CameraId;
use tarsier_wire::RecorderConfig;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::Command;
use tracing::Level;

use crate::process::Process;

/// Starts `program`; `ended` is called once when it has ended. Answers which process it is.
pub(crate) async fn spawn(
    program: &Path,
    config: &RecorderConfig,
    ended: impl FnOnce(std::io::Result<ExitStatus>) + Send + 'static,
) -> anyhow::Result<Process> {
    let mut command = Command::new(program);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(false);
    // Ctrl-C in a terminal is for the hub alone; it then asks its recorders to close their files.
    #[cfg(unix)]
    command.process_group(0);
    let mut child = command.spawn().with_context(|| format!("start {}", program.display()))?;
    // Nobody has waited for it yet: the number is its own.
    let process = Process::of(child.id().context("the recorder ended at once")?);
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
    Ok(process)
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
