//! Tiers on real folders and a real index.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod buckets;
mod checks;
mod moves;
mod s3;
mod support;
