//! The table that a bench prints, and the JSON form of CONTRACT section 5.

use std::path::Path;

use anyhow::Context as _;
use serde_json::json;

/// One figure.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) metric: String,
    pub(crate) unit: &'static str,
    pub(crate) ours: f64,
    pub(crate) peer: Option<(String, f64)>,
    /// What the figure should be, in words.
    pub(crate) goal: String,
}

impl Row {
    /// A figure without a peer.
    pub(crate) fn new(metric: &str, unit: &'static str, ours: f64, goal: &str) -> Self {
        Self { metric: metric.to_owned(), unit, ours, peer: None, goal: goal.to_owned() }
    }

    /// The same figure of somebody else, if it could be measured.
    pub(crate) fn against(self, name: &str, value: Option<f64>) -> Self {
        Self { peer: value.map(|value| (name.to_owned(), value)), ..self }
    }
}

/// A bench's result.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) name: &'static str,
    pub(crate) conditions: Vec<String>,
    pub(crate) rows: Vec<Row>,
}

/// The middle value; 0 of nothing.
pub(crate) fn median(values: &[f64]) -> f64 {
    percentile(values, 50)
}

/// The value below which `percent` of the values lie.
pub(crate) fn percentile(values: &[f64], percent: usize) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = (sorted.len() * percent).div_ceil(100).max(1) - 1;
    sorted.get(at.min(sorted.len().saturating_sub(1))).copied().unwrap_or_default()
}

impl Table {
    pub(crate) fn print(&self) {
        println!("bench {} (commit {})", self.name, commit());
        println!("machine: {}", machine());
        for condition in &self.conditions {
            println!("{condition}");
        }
        println!();
        println!("| metric | unit | ours | peer | ratio | goal |");
        println!("| --- | --- | --- | --- | --- | --- |");
        for row in &self.rows {
            let (peer, ratio) = match &row.peer {
                Some((name, value)) => {
                    (format!("{value:.3} ({name})"), format!("{:.2}x", row.ours / value))
                }
                None => (String::new(), String::new()),
            };
            println!(
                "| {} | {} | {:.3} | {peer} | {ratio} | {} |",
                row.metric, row.unit, row.ours, row.goal
            );
        }
    }

    pub(crate) fn write_json(&self, path: &Path) -> anyhow::Result<()> {
        let rows: Vec<_> = self
            .rows
            .iter()
            .map(|row| {
                let (name, value) = match &row.peer {
                    Some((name, value)) => (Some(name.as_str()), Some(*value)),
                    None => (None, None),
                };
                json!({
                    "metric": row.metric, "unit": row.unit, "ours": row.ours, "peer": value,
                    "peer_name": name, "ratio": value.map(|value| row.ours / value),
                })
            })
            .collect();
        let whole = json!({ "name": self.name, "commit": commit(), "rows": rows });
        std::fs::write(path, serde_json::to_vec_pretty(&whole)?)
            .with_context(|| format!("write {}", path.display()))
    }
}

fn commit() -> String {
    let output = std::process::Command::new("git").args(["rev-parse", "--short", "HEAD"]).output();
    output.map(|o| String::from_utf8_lossy(&o.stdout).trim().to_owned()).unwrap_or_default()
}

fn machine() -> String {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load: Vec<&str> = load.split(' ').take(1).collect();
    format!(
        "{} cores, {}, load at the end {}",
        cores,
        model.trim_start_matches([' ', '\t', ':']),
        load.concat()
    )
}
