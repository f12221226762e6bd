//! The index through its public face, on real database files.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod cameras;
mod concurrency;
mod events;
mod footage;
mod opening;
mod rebuild;
mod support;
