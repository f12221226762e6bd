//! The index through its public face, on real database files.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod alerts;
mod cameras;
mod concurrency;
mod connections;
mod events;
mod footage;
mod garbage;
mod history;
mod ledger;
mod locks;
mod opening;
mod rebuild;
mod support;
