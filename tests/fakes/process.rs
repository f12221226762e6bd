//! Programs of this workspace (and helpers beside them) as real child processes: started, heard, signalled, killed.
//!
//! What does not belong here: what a certain program says; [`crate::hub`] knows the hub.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::watch;

/// Where a line was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// A line that the process wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Where.
    pub stream: Stream,
    /// What, without the line's end.
    pub text: String,
}

/// What a test does to a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Ends it politely.
    Terminate,
    /// Ends it at once: `kill -9`.
    Kill,
    /// Freezes it: alive, but hanging.
    Freeze,
    /// Lets a frozen one go on.
    Thaw,
}

/// A running child with a process group of its own. Dropping it kills the whole group, grandchildren too.
#[derive(Debug)]
pub struct Process {
    name: String,
    pid: u32,
    child: Child,
    /// Kept open: many children end when their standard input does.
    input: Option<ChildStdin>,
    lines: watch::Receiver<Vec<Line>>,
    /// Up to here [`Process::next_line`] has looked.
    seen: usize,
}

impl Process {
    /// Starts a program of this workspace by its name.
    pub fn start<A: AsRef<OsStr>>(program: &str, arguments: &[A]) -> anyhow::Result<Self> {
        let mut command = Command::new(crate::hub::program(program)?);
        command.args(arguments);
        Self::spawn(command)
    }

    /// Starts a command; its three standard streams are taken over.
    pub fn spawn(mut command: Command) -> anyhow::Result<Self> {
        let name = Path::new(command.as_std().get_program()).file_name().unwrap_or_default();
        let name = name.to_string_lossy().into_owned();
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        #[cfg(unix)]
        command.process_group(0);
        let mut child = command.spawn().with_context(|| format!("start {name}"))?;
        let pid = child.id().context("a process that has just begun has an id")?;
        let (sender, lines) = watch::channel(Vec::new());
        let out = child.stdout.take().context("no standard output")?;
        let err = child.stderr.take().context("no standard error")?;
        tokio::spawn(listen(out, Stream::Out, sender.clone()));
        tokio::spawn(listen(err, Stream::Err, sender));
        let input = child.stdin.take();
        Ok(Self { name, pid, child, input, lines, seen: 0 })
    }

    /// The process id, which is its group's too.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Everything that it has written so far.
    pub fn lines(&self) -> Vec<Line> {
        self.lines.borrow().clone()
    }

    /// Waits for the first line, behind the one that was waited for last, of which `wanted` gives something.
    pub async fn next_line<T>(
        &mut self,
        what: &str,
        deadline: Duration,
        mut wanted: impl FnMut(&Line) -> Option<T>,
    ) -> anyhow::Result<T> {
        let mut lines = self.lines.clone();
        let mut seen = self.seen;
        let mut found = None;
        let search = lines.wait_for(|lines| {
            while let (None, Some(line)) = (&found, lines.get(seen)) {
                seen += 1;
                found = wanted(line);
            }
            found.is_some()
        });
        let waited = tokio::time::timeout(deadline, search).await;
        let why = match &waited {
            Ok(Ok(_)) => "",
            Ok(Err(_)) => "it ended instead",
            Err(_) => "not in time",
        };
        drop(waited);
        self.seen = seen;
        match found {
            Some(value) => Ok(value),
            None => bail!(
                "waiting for {what} from {}: {why} ({deadline:?}); it said:\n{}",
                self.name,
                self.said()
            ),
        }
    }

    /// Writes a line to its standard input.
    pub async fn say(&mut self, line: &str) -> anyhow::Result<()> {
        let input = self.input.as_mut().context("its standard input is closed")?;
        input.write_all(format!("{line}\n").as_bytes()).await?;
        input.flush().await.with_context(|| format!("tell {}", self.name))
    }

    /// Closes its standard input: the portable sign that the parent is gone.
    pub fn close_input(&mut self) {
        self.input = None;
    }

    /// Sends a signal to the process alone.
    pub fn signal(&mut self, signal: Signal) -> anyhow::Result<()> {
        send(self.pid, signal, Whom::Process, &mut self.child)
            .with_context(|| format!("{signal:?} {}", self.name))
    }

    /// Waits until it has ended by itself.
    pub async fn ended(&mut self, deadline: Duration) -> anyhow::Result<ExitStatus> {
        match tokio::time::timeout(deadline, self.child.wait()).await {
            Ok(status) => status.with_context(|| format!("wait for {}", self.name)),
            Err(_) => {
                bail!("{} still lives after {deadline:?}; it said:\n{}", self.name, self.said())
            }
        }
    }

    /// Asks it to end, and waits.
    pub async fn stop(mut self, deadline: Duration) -> anyhow::Result<ExitStatus> {
        self.signal(Signal::Terminate)?;
        self.ended(deadline).await
    }

    fn said(&self) -> String {
        let lines = self.lines.borrow();
        let last = lines.len().saturating_sub(40);
        lines[last..].iter().map(|line| line.text.as_str()).collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Once the leader was waited for, its number may belong to somebody else's group.
        if self.child.id().is_some() {
            // Already gone, perhaps: then there is nothing to do.
            let _ = send(self.pid, Signal::Kill, Whom::Group, &mut self.child);
        }
    }
}

async fn listen(stream: impl AsyncRead + Unpin, kind: Stream, lines: watch::Sender<Vec<Line>>) {
    let mut reader = BufReader::new(stream).split(b'\n');
    while let Ok(Some(bytes)) = reader.next_segment().await {
        let text = String::from_utf8_lossy(&bytes).trim_end_matches('\r').to_owned();
        lines.send_modify(|lines| lines.push(Line { stream: kind, text }));
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Whom {
    Process,
    Group,
}

#[cfg(unix)]
fn send(pid: u32, signal: Signal, whom: Whom, _child: &mut Child) -> anyhow::Result<()> {
    use rustix::process::{Pid, Signal as Unix, kill_process, kill_process_group};
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).context("no process id")?;
    let signal = match signal {
        Signal::Terminate => Unix::TERM,
        Signal::Kill => Unix::KILL,
        Signal::Freeze => Unix::STOP,
        Signal::Thaw => Unix::CONT,
    };
    match whom {
        Whom::Process => kill_process(pid, signal)?,
        Whom::Group => kill_process_group(pid, signal)?,
    }
    Ok(())
}

#[cfg(not(unix))]
fn send(_pid: u32, signal: Signal, _whom: Whom, child: &mut Child) -> anyhow::Result<()> {
    match signal {
        Signal::Terminate | Signal::Kill => Ok(child.start_kill()?),
        Signal::Freeze | Signal::Thaw => bail!("this system cannot freeze a process"),
    }
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;

    const DEADLINE: Duration = Duration::from_secs(10);

    fn shell(script: &str) -> Process {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        Process::spawn(command).unwrap()
    }

    #[tokio::test]
    async fn lines_of_both_streams_are_waited_for_in_turn() {
        let mut process = shell("echo one; echo two >&2; read forever");
        let text = |line: &Line| (line.stream == Stream::Err).then(|| line.text.clone());
        assert_eq!(process.next_line("standard error", DEADLINE, text).await.unwrap(), "two");
        process.close_input();
        assert_eq!(
            process.ended(DEADLINE).await.unwrap().code(),
            Some(1),
            "the end of its input ends it"
        );
        let nothing =
            process.next_line("more", DEADLINE, |line| (line.text == "three").then_some(())).await;
        let error = nothing.unwrap_err().to_string();
        assert!(
            error.contains("ended instead") && error.contains("one"),
            "the error says what was said: {error}"
        );
    }

    #[tokio::test]
    async fn dropping_it_ends_its_children_too() {
        let mut process = shell("sleep 600 & echo $!; wait");
        let grandchild =
            process.next_line("a process id", DEADLINE, |line| line.text.parse::<i32>().ok());
        let grandchild = rustix::process::Pid::from_raw(grandchild.await.unwrap()).unwrap();
        let mut lines = process.lines.clone();
        drop(process);
        // Both writers of the pipe are gone when the listeners end.
        let gone =
            tokio::time::timeout(DEADLINE, async { while lines.changed().await.is_ok() {} }).await;
        assert!(gone.is_ok(), "the grandchild {grandchild:?} still holds the pipe open");
    }

    #[tokio::test]
    async fn a_frozen_process_says_nothing_until_it_is_thawed() {
        let mut process = shell("echo ready; while read line; do echo $line; done");
        process
            .next_line("ready", DEADLINE, |line| (line.text == "ready").then_some(()))
            .await
            .unwrap();
        process.signal(Signal::Freeze).unwrap();
        process.close_input();
        let early = process.ended(Duration::from_millis(200)).await;
        assert!(early.is_err(), "a frozen process cannot end");
        process.signal(Signal::Thaw).unwrap();
        assert!(
            process.ended(DEADLINE).await.unwrap().success(),
            "thawed, it sees the end of its input"
        );
    }
}
