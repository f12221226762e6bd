//! `cargo xtask run`: from a clone to a running app.
//!
//! The hub is our child in our terminal's process group, so that Ctrl-C ends everything and every segment is closed.
//! What does not belong here: how the window finds a hub (`src-tauri`), which is the same as for an installed one.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use serde_json::Value;

use crate::build::{self, Profile, Window};
use crate::process::{command, output};
use crate::root;
use crate::say::{self, Steps};
use crate::setup::{Group, setup};

/// A debug build on a busy machine.
const READY_DEADLINE: Duration = Duration::from_secs(60);

/// Options of `run`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Serve and record so many demo cameras.
    #[arg(long, value_name = "N")]
    demo: Option<u16>,
    /// Without the window, even if there is a display.
    #[arg(long)]
    headless: bool,
    /// Where footage and settings are kept.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Passed on to `tarsierd serve`.
    #[arg(last = true, value_name = "ARGS")]
    args: Vec<OsString>,
}

/// Who ended.
enum Ended {
    Hub,
    Window,
}

/// Builds and starts.
pub(crate) fn run(options: &Options) -> Result<()> {
    let window = if options.headless || !has_display() { Window::Without } else { Window::With };
    let groups: &[Group] = match window {
        Window::With => &[Group::Build, Group::Desktop],
        Window::Without => &[Group::Build],
    };
    let mut steps = Steps::new();
    steps.step("look for what is missing on this machine", || setup(groups))?;
    steps.step("build the pages", build::ui)?;
    steps.step("build the programs", || build::programs(window, Profile::Debug))?;
    let data_dir = options.data_dir.clone().unwrap_or_else(|| root::target().join("demo-data"));
    let data_dir = std::path::absolute(&data_dir)?;
    let mut hub = None;
    let mut url = String::new();
    steps.step("start the hub", || {
        let (child, answers_at) = start_hub(options, &data_dir)?;
        hub = Some(child);
        url = answers_at;
        Ok(())
    })?;
    let hub = hub.context("the hub was started")?;
    let token = output(
        command(root::program("debug", "tarsierd"))
            .args(["token", "--role", "admin", "--ttl", "12h", "--data-dir"])
            .arg(&data_dir),
    )?;
    say::line(&format!("\nFootage and settings: {}", data_dir.display()));
    say::line(&format!("In a browser on this machine:\n  {url}/#token={}", token.trim()));
    say::line("Ctrl-C ends it all.");
    let window = match window {
        Window::With => Some(
            command(root::program("debug", "tarsier"))
                .arg("--data-dir")
                .arg(&data_dir)
                .spawn()
                .context("the window cannot be started")?,
        ),
        Window::Without => None,
    };
    wait(hub, window)
}

fn has_display() -> bool {
    cfg!(any(windows, target_os = "macos"))
        || ["DISPLAY", "WAYLAND_DISPLAY"]
            .iter()
            .any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
}

/// The hub and the address that it answers at.
fn start_hub(options: &Options, data_dir: &Path) -> Result<(Child, String)> {
    let mut serve = command(root::program("debug", "tarsierd"));
    serve.arg("serve").arg("--data-dir").arg(data_dir);
    if let Some(cameras) = options.demo {
        serve.arg("--demo").arg(cameras.to_string());
    }
    serve.args(&options.args).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut hub = serve.spawn().context("the hub cannot be started")?;
    let said = hub.stdout.take().context("its output is ours")?;
    let (ready, is_ready) = mpsc::channel();
    // Reads until the hub ends, so that it never waits for somebody to read what it says.
    thread::spawn(move || {
        for line in BufReader::new(said).lines().map_while(Result::ok) {
            if let Some(url) = ready_url(&line) {
                // Only the first is waited for.
                let _ = ready.send(url);
            }
        }
    });
    if let Ok(url) = is_ready.recv_timeout(READY_DEADLINE) {
        return Ok((hub, url));
    }
    if let Some(status) = hub.try_wait()? {
        bail!("the hub ended with {status}; what it said is above");
    }
    hub.kill().context("ending the hub that does not get ready")?;
    bail!("the hub is not ready after {READY_DEADLINE:?}; what it said is above")
}

fn ready_url(line: &str) -> Option<String> {
    let said: Value = serde_json::from_str(line).ok()?;
    (said.get("event")? == "ready").then(|| said.get("url")?.as_str().map(str::to_owned))?
}

/// Until the hub ends. The window may go and the hub records on, as it would with an installed one.
fn wait(mut hub: Child, window: Option<Child>) -> Result<()> {
    let (sender, ended) = mpsc::channel();
    if let Some(mut window) = window {
        let sender = sender.clone();
        thread::spawn(move || {
            let status = window.wait();
            sender.send((Ended::Window, status))
        });
    }
    thread::spawn(move || {
        let status = hub.wait();
        sender.send((Ended::Hub, status))
    });
    for (who, status) in ended {
        let status = status?;
        match who {
            Ended::Window => say::line("The window is closed; the hub records on. Ctrl-C ends it."),
            Ended::Hub if status.success() => return Ok(()),
            Ended::Hub => bail!("the hub ended with {status}"),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hubs_ready_line_is_understood_among_others() {
        let line =
            r#"{"event":"ready","url":"http://127.0.0.1:8787","rtsp_url":null,"version":"0.1.0"}"#;
        assert_eq!(ready_url(line).as_deref(), Some("http://127.0.0.1:8787"));
        assert_eq!(ready_url(r#"{"event":"stopping"}"#), None);
        assert_eq!(ready_url("not JSON"), None);
    }
}
