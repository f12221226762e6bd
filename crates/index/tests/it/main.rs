//! The index through its public face, on real database files.

mod cameras;
mod concurrency;
mod events;
mod footage;
mod opening;
mod rebuild;
mod support;
