//! Brain: whether a process uses too much memory, or too much of a core for too long.
//!
//! What does not belong here: measuring (`sample`), what follows (`judge`).

use tarsier_types::Mono;

use crate::rules::{Breach, Rules, seconds};
use crate::sample::Sample;

/// What was measured of one process.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    /// Since when every sample was over the limit of the CPU.
    busy_since: Option<Mono>,
    last: Option<(Mono, Sample)>,
}

impl Usage {
    /// A measurement, of the time since the one before.
    pub(crate) fn sampled(&mut self, now: Mono, sample: Sample, rules: &Rules) {
        let is_busy = sample.cpu_percent > f64::from(rules.max_cpu_percent);
        // What was measured holds since the measurement before.
        let since = self.busy_since.or(self.last.map(|(at, _)| at)).unwrap_or(now);
        self.busy_since = is_busy.then_some(since);
        self.last = Some((now, sample));
    }

    pub(crate) fn breach(&self, rules: &Rules) -> Option<Breach> {
        let (at, sample) = self.last?;
        if sample.rss_bytes > rules.max_rss_bytes() {
            let (rss_bytes, limit_bytes) = (sample.rss_bytes, rules.max_rss_bytes());
            return Some(Breach::Memory { rss_bytes, limit_bytes });
        }
        let busy = at.since(self.busy_since?);
        (busy >= seconds(rules.cpu_seconds)).then(|| Breach::Cpu {
            percent: whole(sample.cpu_percent),
            limit_percent: rules.max_cpu_percent,
            seconds: u32::try_from(busy.as_secs()).unwrap_or(u32::MAX),
        })
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a percentage, clamped; `as` on floats saturates"
)]
fn whole(percent: f64) -> u32 {
    percent.clamp(0.0, 1e6) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Measured each 2 s: `.` idle, `b` 95 % of a core, `M` 1100 MB. Answers the rule broken after each.
    fn run(script: &str) -> String {
        let (mut usage, rules) = (Usage::default(), Rules { cpu_seconds: 6, ..Rules::default() });
        let mut said = String::new();
        for (n, letter) in script.chars().enumerate() {
            let cpu_percent = if letter == 'b' { 95.0 } else { 3.0 };
            let rss_bytes = if letter == 'M' { 1_100_000_000 } else { 20_000_000 };
            let now = Mono::from_millis(u64::try_from(n).unwrap() * 2000);
            usage.sampled(now, Sample { cpu_percent, rss_bytes }, &rules);
            said.push(match usage.breach(&rules) {
                Some(Breach::Memory { .. }) => 'm',
                Some(Breach::Cpu { seconds, .. }) => char::from_digit(seconds, 16).unwrap(),
                _ => '.',
            });
        }
        said
    }

    #[test]
    fn a_busy_moment_is_no_breach_and_a_busy_minute_is() {
        assert_eq!(run(".bb.bbbb"), "......68");
        assert_eq!(run(".bbbb."), "...68.", "6 s over the limit, measured each 2 s");
        assert_eq!(run(".bb.bb."), ".......", "a pause begins it anew");
    }

    #[test]
    fn too_much_memory_is_found_at_the_first_measurement() {
        assert_eq!(run("..M."), "..m.");
    }
}
