//! Real connections to a camera that is scripted.

mod fake;
mod playing;
mod problems;
mod secrets;
