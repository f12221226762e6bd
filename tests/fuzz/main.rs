//! Every parser of ours that reads what others wrote, with bytes that are nearly right.
//!
//! Each runs for a short time with `cargo test`, always with the same bytes; for as long as one likes, with others, by
//! `TARSIER_FUZZ_SECONDS=600 TARSIER_FUZZ_SEED=7 cargo test -p tarsier-tests --test fuzz`. Parsers that are private to
//! their crates are tried there: `crates/whep/src/peer.rs` (offers and datagrams, through the library),
//! `crates/demo/src/rtsp/conversation.rs` (RTSP), `crates/demo/src/mp4/movie.rs` (films), `crates/hub/src/tests/nonsense.rs`
//! (every route of the hub), `crates/ingest/src/sync/tests.rs` (sender reports).

mod mutate;
mod seeds;
mod targets;

use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use tokio::time::Instant;

/// Whichever comes first ends a short run.
const RUNS: u32 = 20_000;
const SECONDS: u64 = 4;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

fn fuzz(target: fn(&[u8]), seeds: &[Vec<u8>]) {
    for seed in seeds {
        target(seed);
    }
    let told = number("TARSIER_FUZZ_SECONDS");
    let until = Instant::now() + Duration::from_secs(told.unwrap_or(SECONDS));
    let mut rng = StdRng::seed_from_u64(number("TARSIER_FUZZ_SEED").unwrap_or_default());
    let mut runs = 0;
    while Instant::now() < until && (told.is_some() || runs < RUNS) {
        let bytes = mutate::mutated(seeds, &mut rng);
        if catch_unwind(AssertUnwindSafe(|| target(&bytes))).is_err() {
            let hex = bytes.iter().fold(String::new(), |mut hex, byte| {
                let _ = write!(hex, "{byte:02x}");
                hex
            });
            panic!("run {runs}: {:?} = {hex}", String::from_utf8_lossy(&bytes));
        }
        runs += 1;
    }
}

#[test]
fn messages_between_hub_and_recorder() {
    fuzz(targets::wire_to_hub, &seeds::to_hub());
    fuzz(targets::wire_to_recorder, &seeds::to_recorder());
    fuzz(targets::wire_json, &seeds::wire_json());
}

#[test]
fn files_of_footage() {
    fuzz(targets::footage, &seeds::footage());
    fuzz(targets::footage_path, &seeds::paths());
    fuzz(targets::locks, &seeds::locks());
}

#[test]
fn what_cameras_send() {
    fuzz(targets::sample_entries, &seeds::sample_entries());
    fuzz(targets::nal_units, &seeds::pictures());
    fuzz(targets::camera_url, &seeds::urls());
}

#[test]
fn what_viewers_send() {
    fuzz(targets::whep_offer, &seeds::offers());
    fuzz(targets::whep_fragment, &seeds::fragments());
    fuzz(targets::hls_file, &seeds::hls_files());
    fuzz(targets::api_bodies, &seeds::bodies());
}
