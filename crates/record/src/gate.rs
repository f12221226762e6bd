//! Hands: lets packets gather in the sockets' buffers while nobody is in a hurry.
//!
//! A 4 Mbit/s camera wakes its reader some fifty times a second, and the wake-ups cost more
//! than many of the bytes (a quarter of a recorder's profile was the scheduler's task switch). While every stream plays and nobody watches, the
//! thread that reads sleeps up to [`PAUSE`] before it asks the kernel what has come, and then reads all of it.
//! Whoever needs the pictures at once [`Gate::hold`]s the gate open; a command opens it with [`Gate::wake`].
//!
//! What does not belong here: who is in a hurry (`stream`).

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// How long packets may gather. At 16 Mbit/s these are 340 kB, which socket buffers hold.
const PAUSE: Duration = Duration::from_millis(170);

#[derive(Debug, Default)]
struct State {
    holders: u32,
    is_woken: bool,
}

/// Shared by the thread that reads and those who need it at once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gate(Arc<(Mutex<State>, Condvar)>);

/// While it lives there is no pause.
#[derive(Debug)]
pub(crate) struct Held(Gate);

impl Gate {
    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.0.0.lock().unwrap_or_else(PoisonError::into_inner));
        self.0.1.notify_all();
    }

    /// From now on there is no pause, until the answer is dropped.
    pub(crate) fn hold(&self) -> Held {
        self.change(|state| state.holders += 1);
        Held(self.clone())
    }

    /// Ends the pause that is going on, or leaves out the next one.
    pub(crate) fn wake(&self) {
        self.change(|state| state.is_woken = true);
    }

    /// Called by the reading thread whenever it has nothing to do.
    pub(crate) fn pause(&self) {
        let state = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_calm = |state: &mut State| state.holders == 0 && !state.is_woken;
        let waited = self.0.1.wait_timeout_while(state, PAUSE, is_calm);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.is_woken = false;
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.change(|state| state.holders = state.holders.saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_held_gate_does_not_pause_and_a_woken_one_not_for_long() {
        let gate = Gate::default();
        let held = gate.hold();
        gate.pause();
        gate.pause();
        drop(held);
        gate.wake();
        gate.pause();
        let state = gate.0.0.lock().expect("nobody panicked");
        assert!(!state.is_woken && state.holders == 0, "one pause uses up one wake: {state:?}");
    }
}
