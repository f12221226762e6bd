//! Real connections to a camera that is scripted.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod fake;
mod playing;
mod problems;
mod secrets;
