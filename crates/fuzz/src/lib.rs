//! For tests: parsers that read what others wrote, with bytes that are nearly right.
//!
//! Each runs for a short time with `cargo test`, always with the same bytes; for as long as one likes, with others, by
//! `TARSIER_FUZZ_SECONDS=600 TARSIER_FUZZ_SEED=7`. Those that anybody may call are in `tests/fuzz`, those that are private
//! to a crate in its own tests. What does not belong here: seeds, and what is called.

mod mutate;

use std::fmt::Write as _;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use tarsier_types::{Clock as _, SystemClock};

/// A short run: few enough that most machines do them all, so that what is found is found everywhere.
const RUNS: u32 = 5_000;
/// A slow machine has done enough by then.
const SHORT: Duration = Duration::from_secs(4);
/// In a long run: no parser needs longer for the little that it gets, however busy the machine is (guess).
const HANGS: Duration = Duration::from_secs(10);

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// Calls the target with the seeds, and with bytes that are like them; a panic names them. Those that hang are found in long
/// runs alone: in a short one the machine may have been asleep.
pub fn fuzz(target: impl Fn(&[u8]), seeds: &[Vec<u8>]) {
    let told = number("TARSIER_FUZZ_SECONDS").map(Duration::from_secs);
    let mut rng = StdRng::seed_from_u64(number("TARSIER_FUZZ_SEED").unwrap_or_default());
    let clock = SystemClock::start();
    let (mut runs, mut slowest) = (0_u32, (Duration::ZERO, Vec::new()));
    let mut seeds_left = seeds.iter();
    loop {
        let now = clock.mono();
        let bytes = match seeds_left.next() {
            Some(seed) => seed.clone(),
            None if now.since_zero() >= told.unwrap_or(SHORT) => break,
            None if told.is_none() && runs >= RUNS => break,
            None => mutate::mutated(seeds, &mut rng),
        };
        let called = catch_unwind(AssertUnwindSafe(|| target(&bytes)));
        assert!(called.is_ok(), "run {runs}: {}", shown(&bytes));
        let took = clock.mono().since(now);
        if took > slowest.0 {
            assert!(told.is_none() || took < HANGS, "run {runs} took {took:?}: {}", shown(&bytes));
            slowest = (took, bytes);
        }
        runs += 1;
    }
    if told.is_some() {
        let thread = std::thread::current();
        let name = thread.name().unwrap_or_default();
        let (took, bytes) = slowest;
        // Past the harness, which keeps what tests print to itself.
        let _ = writeln!(
            std::io::stderr(),
            "{name}: {runs} runs, the longest {took:?} with {} bytes",
            bytes.len()
        );
    }
}

fn shown(bytes: &[u8]) -> String {
    let hex = bytes.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    format!("{:?} = {hex}", String::from_utf8_lossy(bytes))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn seeds_come_first_and_a_panic_names_the_bytes() {
        let seen = Cell::new(0);
        fuzz(
            |bytes| {
                if seen.replace(seen.get() + 1) == 0 {
                    assert_eq!(bytes, b"right");
                }
            },
            &[b"right".to_vec()],
        );
        assert!(seen.get() > 1, "and then others");
        let caught = catch_unwind(|| fuzz(|bytes| assert_ne!(bytes, b"bad"), &[b"bad".to_vec()]));
        let said = caught.expect_err("it panics");
        assert_eq!(
            said.downcast_ref::<String>().map(String::as_str),
            Some("run 0: \"bad\" = 626164")
        );
    }
}
