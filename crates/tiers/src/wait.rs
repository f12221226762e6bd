//! Hands: pauses that end at once when somebody says stop.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Long work was told to stop; what it had not finished is as if it had not been begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it was told to stop")]
pub struct Stopped;

/// Says stop to work on another thread. Clones say it together.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<(Mutex<bool>, Condvar)>);

impl Stop {
    /// From now on.
    pub fn now(&self) {
        let (is_said, heard) = &*self.0;
        *is_said.lock().unwrap_or_else(PoisonError::into_inner) = true;
        heard.notify_all();
    }

    /// Goes on if nobody has said stop.
    pub fn check(&self) -> Result<(), Stopped> {
        let (is_said, _) = &*self.0;
        if *is_said.lock().unwrap_or_else(PoisonError::into_inner) { Err(Stopped) } else { Ok(()) }
    }

    /// Waits so long, or until somebody says stop.
    pub fn pause(&self, duration: Duration) -> Result<(), Stopped> {
        let (is_said, heard) = &*self.0;
        let said = is_said.lock().unwrap_or_else(PoisonError::into_inner);
        if duration.is_zero() {
            return if *said { Err(Stopped) } else { Ok(()) };
        }
        let (said, _) = heard
            .wait_timeout_while(said, duration, |is_said| !*is_said)
            .unwrap_or_else(PoisonError::into_inner);
        if *said { Err(Stopped) } else { Ok(()) }
    }
}
