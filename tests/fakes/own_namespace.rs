//! A machine of a journey's own: the test binary runs one test again in new namespaces, where it may mount disks and
//! make networks that nobody else sees and that are gone when it ends.
//!
//! Linux only (`unshare` of util-linux, `ip` of iproute2): elsewhere, and where namespaces are forbidden, a journey says
//! aloud that it was not run. What does not belong here: disks ([`crate::disk`]), what is tested.

use std::io::Write as _;
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};

/// Set inside.
const INSIDE: &str = "TARSIER_OWN_NAMESPACE";
/// RFC 5737, TEST-NET-1: a network cable with nobody at the other end.
const NEIGHBOURS: &str = "192.0.2.1/24";
/// A neighbour that is not there: no answer to ARP, so "no route to host" after 3 s.
pub const SILENT_HOST: &str = "192.0.2.7";
/// RFC 5737, TEST-NET-2: a router says at once that there is no way ("host unreachable").
pub const UNREACHABLE_HOST: &str = "198.51.100.7";

/// What a journey needs of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Machine {
    /// Networks, and disks in memory: any user may have them, where user namespaces are allowed.
    Ordinary,
    /// Disks with a real file system in them: root and loop devices are needed.
    WithLoopDisks,
}

/// Where the caller is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// On the machine of its own: go on.
    Inside,
    /// On the machine of everybody; the test has been run inside, and passed.
    Outside,
    /// This machine cannot; it was said aloud.
    NotRun,
}

/// Runs the test of that name (as the test binary lists it) on a machine of its own.
///
/// # Errors
/// The test failed inside; the error holds all that it printed.
pub fn enter(test: &str, machine: Machine) -> anyhow::Result<Place> {
    if std::env::var_os(INSIDE).is_some() {
        run("ip", &["link", "set", "lo", "up"])?;
        return Ok(Place::Inside);
    }
    if let Err(reason) = try_out(machine) {
        // Past the test binary's capture: a proof that was not made must be seen.
        let _ = writeln!(std::io::stderr(), "NOT RUN: {test}: {reason:#}");
        return Ok(Place::NotRun);
    }
    let me = std::env::current_exe().context("where am I")?;
    let output = unshare(machine)
        .arg(me)
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(INSIDE, "1")
        .output()
        .context("run unshare")?;
    let (out, err) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if !output.status.success() {
        bail!("{test} failed on a machine of its own ({}):\n{out}\n{err}", output.status);
    }
    if !out.contains("test result: ok. 1 passed") {
        bail!("{test} is no test of this binary, or it was not run:\n{out}\n{err}");
    }
    // What it has measured is worth reading.
    let _ = std::io::stderr().write_all(&output.stderr);
    Ok(Place::Outside)
}

fn try_out(machine: Machine) -> anyhow::Result<()> {
    if !cfg!(target_os = "linux") {
        bail!("only Linux has namespaces");
    }
    let output = unshare(machine)
        .args(["ip", "link", "set", "lo", "up"])
        .output()
        .context("unshare (util-linux) cannot be run")?;
    if !output.status.success() {
        bail!(
            "no namespaces or no iproute2 here: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    if machine == Machine::WithLoopDisks {
        if !is_root()? {
            bail!("loop devices need root");
        }
        run("losetup", &["--find"]).context("there are no loop devices")?;
    }
    Ok(())
}

fn unshare(machine: Machine) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--net", "--mount"]).stdin(Stdio::null());
    // On Debian only root has the folders of `ip` and `mkfs.ext4` in its path.
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{path}:/usr/sbin:/sbin"));
    // Loop devices belong to the machine's own root, who is nobody in a new user namespace.
    if machine == Machine::Ordinary {
        command.arg("--map-root-user");
    }
    command
}

fn is_root() -> anyhow::Result<bool> {
    Ok(output("id", &["-u"])?.trim() == "0")
}

/// Makes [`SILENT_HOST`] and [`UNREACHABLE_HOST`] what they are called. To be called inside.
pub fn unreachable_hosts() -> anyhow::Result<()> {
    run("ip", &["link", "add", "cable0", "type", "veth", "peer", "name", "cable1"])?;
    run("ip", &["address", "add", NEIGHBOURS, "dev", "cable0"])?;
    run("ip", &["link", "set", "cable0", "up"])?;
    run("ip", &["link", "set", "cable1", "up"])?;
    run("ip", &["route", "add", "unreachable", "198.51.100.0/24"])
}

/// Runs a program of the system; anything but success is an error with what it said.
pub fn run(program: &str, arguments: &[&str]) -> anyhow::Result<()> {
    output(program, arguments).map(drop)
}

/// The same, for what it prints.
pub fn output(program: &str, arguments: &[&str]) -> anyhow::Result<String> {
    let words = || format!("{program} {}", arguments.join(" "));
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("run {}", words()))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{} ended with {}: {}", words(), output.status, said.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
