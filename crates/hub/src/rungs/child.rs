//! Hands: one transcoder: started, spoken with, and ended when nobody holds it any more.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tarsier_live::Rung;
use tarsier_wire::{ExitCode, FromTranscoder, ToTranscoder, framing};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};

use super::tries::Encoders;

/// For a process that has closed its pipes.
const ENDS_WITHIN: Duration = Duration::from_secs(2);
/// Of what it says last.
const MAX_WORDS_BYTES: u64 = 4096;

/// What it was started with, and its three pipes.
pub(super) struct Transcoder {
    child: Child,
    errors: ChildStderr,
    pub(super) input: Input,
    pub(super) output: Output,
}

/// What it is to do.
#[derive(Clone, Debug)]
pub(super) enum Work {
    /// H.264 of that size, not by the encoders that are named.
    Pictures(Rung, Encoders, Vec<String>),
    /// Opus.
    Sound,
}

/// Why it ended.
pub(super) enum End {
    /// This machine cannot.
    NoEncoder,
    /// What it said, or how it ended.
    Failed(String),
}

/// What is told to it.
pub(super) struct Input(ChildStdin);

/// What it tells.
pub(super) struct Output {
    pipe: ChildStdout,
    read: BytesMut,
}

impl Transcoder {
    /// Starts one; it is killed when this is dropped.
    pub(super) fn start(program: &Path, work: Work) -> std::io::Result<Self> {
        let mut command = Command::new(program);
        match work {
            Work::Pictures(rung, encoders, without) => {
                command.arg("live").arg("--max-height").arg(rung.max_height().to_string());
                for name in without {
                    command.arg("--without").arg(name);
                }
                if encoders == Encoders::Software {
                    command.arg("--software");
                }
            }
            Work::Sound => {
                command.arg("sound");
            }
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.kill_on_drop(true);
        // Ctrl-C in a terminal is for the hub alone.
        #[cfg(unix)]
        command.process_group(0);
        let mut child = command.spawn()?;
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(input), Some(output), Some(errors)) = pipes else {
            return Err(std::io::Error::other("no pipes"));
        };
        let output = Output { pipe: output, read: BytesMut::new() };
        Ok(Self { child, errors, input: Input(input), output })
    }

    /// Its number, while it runs.
    pub(super) fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// It has closed a pipe: why.
    pub(super) async fn end(mut self) -> End {
        drop((self.input, self.output));
        let mut said = String::new();
        let mut errors = self.errors.take(MAX_WORDS_BYTES);
        let ending = async {
            let _ = errors.read_to_string(&mut said).await;
            self.child.wait().await
        };
        let status = match tokio::time::timeout(ENDS_WITHIN, ending).await {
            Ok(Ok(status)) => status,
            Ok(Err(error)) => return End::Failed(error.to_string()),
            Err(_) => return End::Failed("it closed its pipes and goes on".to_owned()),
        };
        match status.code().and_then(ExitCode::from_code) {
            Some(ExitCode::NoEncoder) => End::NoEncoder,
            _ => match said.trim() {
                "" => End::Failed(status.to_string()),
                said => End::Failed(said.to_owned()),
            },
        }
    }
}

impl Input {
    /// Waits as long as the transcoder is busy.
    pub(super) async fn send(
        &mut self,
        message: &ToTranscoder,
        payload: &[u8],
    ) -> anyhow::Result<()> {
        let head = framing::encode(message, payload.len())?;
        self.0.write_all(&head).await?;
        self.0.write_all(payload).await?;
        Ok(())
    }
}

impl Output {
    /// The next message; none when it has ended.
    pub(super) async fn next(&mut self) -> anyhow::Result<Option<(FromTranscoder, Bytes)>> {
        loop {
            if let Some(message) = framing::decode(&mut self.read)? {
                return Ok(Some(message));
            }
            if self.pipe.read_buf(&mut self.read).await? == 0 {
                return Ok(None);
            }
        }
    }
}
