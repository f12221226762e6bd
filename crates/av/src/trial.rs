//! Hands: something that may never come back is tried on a thread of its own.
//!
//! A driver that hangs keeps that thread for as long as the process lives, and nothing else. What does not belong here:
//! what is tried (`encoder`), what follows (`choice`).

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// How a trial ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trial {
    Works,
    Refuses,
    /// Nothing was heard in time.
    Silent,
}

impl Trial {
    pub(crate) const fn of(works: bool) -> Self {
        if works { Self::Works } else { Self::Refuses }
    }
}

/// Tries, and waits no longer than that.
pub(crate) fn within(longest: Duration, trial: impl FnOnce() -> bool + Send + 'static) -> Trial {
    let (done, told) = mpsc::sync_channel(1);
    let tried = move || {
        // Who asked may be gone already.
        let _ = done.send(trial());
    };
    if thread::Builder::new().name("trial".to_owned()).spawn(tried).is_err() {
        return Trial::Refuses;
    }
    match told.recv_timeout(longest) {
        Ok(works) => Trial::of(works),
        Err(mpsc::RecvTimeoutError::Timeout) => Trial::Silent,
        // It panicked.
        Err(mpsc::RecvTimeoutError::Disconnected) => Trial::Refuses,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(60);

    #[test]
    fn who_answers_is_heard() {
        assert_eq!(within(PATIENCE, || true), Trial::Works);
        assert_eq!(within(PATIENCE, || false), Trial::Refuses);
    }

    #[test]
    fn who_hangs_holds_nobody_up() {
        let (release, held) = mpsc::channel::<()>();
        let hangs = move || held.recv().is_ok();
        assert_eq!(within(Duration::from_millis(20), hangs), Trial::Silent);
        drop(release);
    }
}
