//! What the thread of a tier is at: said by it, looked at by everybody else. A disk that hangs and a disk that is full are the
//! same to them: what is handed over waits, and the hub may find another disk.
//!
//! What does not belong here: the thread itself, and what waits for it (`files`).

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tarsier_types::Mono;

/// A single write that takes longer is told to the hub, which has 10 s to tell a person.
const STALL: Duration = Duration::from_secs(5);
/// How often a full disk is tried again.
const RETRY: Duration = Duration::from_secs(2);

/// The thread of one tier.
#[derive(Debug, Default)]
pub(crate) struct Busy {
    state: Mutex<State>,
    ending: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// When it began what it is at.
    since: Option<Mono>,
    /// There was no room for it.
    is_full: Option<String>,
    is_told: bool,
    /// Something was sent here since.
    is_news: bool,
    is_ending: bool,
}

/// What the hub should hear of it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Stall {
    AsBefore,
    /// That long nothing has come of it, or there is no room.
    Began(String),
    Over,
}

impl Busy {
    /// By the thread: something is begun.
    pub(crate) fn begin(&self, now: Mono) {
        self.state().since = Some(now);
    }

    /// By the thread: it is done.
    pub(crate) fn done(&self) {
        let mut state = self.state();
        (state.since, state.is_full) = (None, None);
    }

    /// By the thread, which has found no room: waits until it is time to try again. `false` if it was tried for the last
    /// time, because the process ends.
    pub(crate) fn wait_for_room(&self, problem: String) -> bool {
        let mut state = self.state();
        if state.is_ending {
            return false;
        }
        state.is_full = Some(problem);
        let goes_on = |state: &mut State| !state.is_ending;
        drop(self.ending.wait_timeout_while(state, RETRY, goes_on));
        true
    }

    /// The process ends: nothing waits for room any more.
    pub(crate) fn end(&self) {
        self.state().is_ending = true;
        self.ending.notify_all();
    }

    /// The hub knows that nothing comes of what the thread is at.
    pub(crate) fn is_told(&self) -> bool {
        self.state().is_told
    }

    /// A file was sent here: the hub, which chose the disk, hears once more if it takes nothing.
    pub(crate) fn tell_again(&self) {
        self.state().is_news = true;
    }

    /// A call has not returned for a while, and may never.
    pub(crate) fn hangs(&self) -> bool {
        let state = self.state();
        state.is_told && state.is_full.is_none()
    }

    /// To be asked now and then.
    pub(crate) fn look(&self, place: &str, now: Mono) -> Stall {
        let mut state = self.state();
        let problem = match (&state.is_full, state.since.map(|since| now.since(since))) {
            (Some(problem), _) => Some(problem.clone()),
            (None, Some(span)) if span >= STALL => {
                Some(format!("{place}: a write has not returned for {} s", span.as_secs()))
            }
            _ => None,
        };
        let is_news = std::mem::take(&mut state.is_news);
        let was_told = std::mem::replace(&mut state.is_told, problem.is_some());
        match problem {
            Some(problem) if is_news || !was_told => Stall::Began(problem),
            None if was_told => Stall::Over,
            _ => Stall::AsBefore,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn at(millis: u64) -> Mono {
        Mono::from_millis(millis)
    }

    #[test]
    fn a_disk_that_hangs_is_told_once_and_its_return_once() {
        let busy = Busy::default();
        let look = |millis| busy.look("/disk", at(millis));
        assert_eq!(look(0), Stall::AsBefore);
        busy.begin(at(1000));
        assert_eq!(look(5000), Stall::AsBefore, "4 s are slow, but no stall");
        let told = Stall::Began("/disk: a write has not returned for 5 s".to_owned());
        assert_eq!(look(6000), told);
        assert!(busy.hangs());
        assert_eq!(look(7000), Stall::AsBefore, "told once");
        busy.begin(at(7500));
        assert_eq!(look(8000), Stall::Over, "another write is on its way");
        assert_eq!(look(9000), Stall::AsBefore);
    }

    #[test]
    fn a_disk_that_is_full_is_told_at_once_and_whoever_is_sent_to_it_again_hears_of_it_again() {
        let busy = Arc::new(Busy::default());
        busy.begin(at(1000));
        let thread = {
            let busy = Arc::clone(&busy);
            std::thread::spawn(move || {
                let mut tries = 1;
                while busy.wait_for_room("/disk: full".to_owned()) {
                    tries += 1;
                }
                busy.done();
                tries
            })
        };
        while busy.look("/disk", at(1000)) == Stall::AsBefore {
            std::thread::yield_now();
        }
        assert!(busy.is_told() && !busy.hangs(), "it answers");
        assert_eq!(busy.look("/disk", at(9000)), Stall::AsBefore);
        busy.tell_again();
        assert_eq!(busy.look("/disk", at(9000)), Stall::Began("/disk: full".to_owned()));
        busy.end();
        assert!(thread.join().unwrap() > 1, "and is tried for a last time");
        assert_eq!(busy.look("/disk", at(9000)), Stall::Over);
    }
}
