//! Parts of benches that run in a headless Chromium: scripts in `tests/ui/browser/bench`, whose last line is JSON.

use anyhow::{Context as _, ensure};
use serde_json::Value;
use tarsier_tests::hub::HubProcess;
use tokio::process::Command;

/// What a script said.
pub(crate) struct Said(Value);

/// Runs a script against a hub, with more in its environment.
pub(crate) async fn run(
    script: &str,
    hub: &HubProcess,
    environment: &[(&str, String)],
) -> anyhow::Result<Said> {
    let output = Command::new("node")
        .arg(format!("tests/ui/browser/bench/{script}"))
        .env("TARSIER_URL", format!("{}/#token={}", hub.url, hub.token))
        .env("TARSIER_TOKEN", &hub.token)
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .stderr(std::process::Stdio::inherit())
        .kill_on_drop(true)
        .output()
        .await
        .context("run the browser")?;
    ensure!(output.status.success(), "the browser's part failed: {}", output.status);
    let text = String::from_utf8_lossy(&output.stdout);
    let said = text.lines().last().unwrap_or_default();
    serde_json::from_str(said).map(Said).context("the browser's figures")
}

impl Said {
    /// Numbers under a key; none if it is not there.
    pub(crate) fn numbers(&self, key: &str) -> Vec<f64> {
        self.0[key].as_array().into_iter().flatten().filter_map(Value::as_f64).collect()
    }

    /// Two whole numbers each, and a third that may be missing.
    pub(crate) fn triples(&self, key: &str) -> Vec<(i64, i64, Option<i64>)> {
        let triple = |it: &Value| Some((it[0].as_i64()?, it[1].as_i64()?, it[2].as_i64()));
        self.0[key].as_array().into_iter().flatten().filter_map(triple).collect()
    }

    /// A number; not a number if it is not there.
    pub(crate) fn number(&self, key: &str) -> f64 {
        self.0[key].as_f64().unwrap_or(f64::NAN)
    }

    /// Words; empty if they are not there.
    pub(crate) fn words(&self, key: &str) -> &str {
        self.0[key].as_str().unwrap_or_default()
    }
}
