//! What the commands say: each step in plain words, and the time that it took.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this file is the commands' voice")]

use std::time::Duration;

use anyhow::{Context as _, Error, Result};
use tarsier_types::{Clock as _, SystemClock};

/// One line.
pub(crate) fn line(text: &str) {
    println!("{text}");
}

/// What went wrong, from the step to the cause.
pub(crate) fn failure(error: &Error) {
    eprintln!("\nxtask: {error:#}");
}

/// Steps that were done, with their times.
pub(crate) struct Steps {
    clock: SystemClock,
    done: Vec<(String, Duration)>,
}

impl Steps {
    /// None yet.
    pub(crate) fn new() -> Self {
        Self { clock: SystemClock::start(), done: Vec::new() }
    }

    /// Says `what`, does it, says how long it took. A failure names the step.
    pub(crate) fn step(&mut self, what: &str, act: impl FnOnce() -> Result<()>) -> Result<()> {
        println!("\n== {what}");
        let began = self.clock.mono();
        let outcome = act();
        let took = self.clock.mono().since(began);
        self.done.push((what.to_owned(), took));
        match &outcome {
            Ok(()) => println!("== {what}: done in {}", seconds(took)),
            Err(_) => println!("== {what}: FAILED after {}", seconds(took)),
        }
        outcome.with_context(|| format!("failed at: {what}"))
    }

    /// The times as a table.
    pub(crate) fn table(&self) -> String {
        let width = self
            .done
            .iter()
            .map(|(what, _)| what.chars().count())
            .max()
            .unwrap_or(0)
            .max("together".len());
        let together: Duration = self.done.iter().map(|(_, took)| *took).sum();
        let mut rows: Vec<String> = self
            .done
            .iter()
            .map(|(what, took)| format!("{what:<width$}  {:>8}", seconds(*took)))
            .collect();
        rows.push(format!("{:<width$}  {:>8}", "together", seconds(together)));
        rows.join("\n")
    }
}

fn seconds(span: Duration) -> String {
    match span.as_secs() {
        0..60 => format!("{:.1} s", span.as_secs_f64()),
        whole => format!("{}m {:02}s", whole / 60, whole % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_at_a_glance() {
        assert_eq!(seconds(Duration::from_millis(420)), "0.4 s");
        assert_eq!(seconds(Duration::from_secs(59)), "59.0 s");
        assert_eq!(seconds(Duration::from_secs(61)), "1m 01s");
    }

    #[test]
    fn the_table_lists_the_steps_in_their_order_and_their_sum() {
        let mut steps = Steps::new();
        steps.done = vec![
            ("format".to_owned(), Duration::from_secs(1)),
            ("tests".to_owned(), Duration::from_secs(90)),
        ];
        assert_eq!(steps.table(), "format       1.0 s\ntests       1m 30s\ntogether    1m 31s");
    }

    #[test]
    fn a_failure_names_its_step() {
        let error = Steps::new().step("tidy", || anyhow::bail!("dead link")).unwrap_err();
        assert_eq!(format!("{error:#}"), "failed at: tidy: dead link");
    }
}
