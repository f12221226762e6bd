//! Alerts: what a person should know of, told once, in the UI, by the window and by a webhook (SPEC sections 4, 6, 11).
//!
//! `incident` is the brain: what is one incident, when it is told, when it is over. `rules` are its numbers and what
//! the names of events mean to it, `alert` its data, `say` its sentences. Hands: `look` sees how the cameras are,
//! `desk` is the task that owns the brain, `webhook` posts. `durable` knows when a stream's last byte reached the disk.
//!
//! What does not belong here: what is wrong with a camera ([`crate::state`] knows), HTTP.

mod alert;
mod desk;
mod durable;
mod incident;
mod look;
mod rules;
mod say;
mod settings;
#[cfg(test)]
mod tests;
mod webhook;

pub(crate) use alert::Alert;
#[cfg(test)]
pub(crate) use desk::look_around;
pub(crate) use desk::{AcknowledgeError, Alerts, run};
pub(crate) use settings::{KEYS, change};
