//! Brain: when a client is given up.
//!
//! Whoever has no right to watch is not kept; whoever has must show that he is there: by requests or RTCP, or over TCP by
//! taking what he gets. One who takes nothing loses whole GOPs first (in the fan-out) and is ended then.

use std::time::Duration;

use tarsier_types::Mono;

/// To show a good token: time for a person to type one.
const ADMITTED_WITHIN: Duration = Duration::from_secs(30);
/// What clients are told. They ask again at the half of it, some exactly at its end.
pub(crate) const TIMEOUT_SECONDS: u64 = 60;
const SILENCE: Duration = Duration::from_secs(TIMEOUT_SECONDS + 5);
/// A connection that takes nothing for so long is dead, not slow.
const TAKES_NOTHING: Duration = Duration::from_secs(10);

/// How far a client has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// He has shown no good token.
    Stranger,
    /// He may watch.
    Guest,
    /// He watches over TCP.
    Taking,
    /// He watches over UDP, where nobody can see whether anything arrives.
    Hearing,
}

/// Why a client is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Impatience {
    #[error("it showed no good token in time")]
    Stranger,
    #[error("nothing was heard of it")]
    Silence,
    #[error("it takes nothing")]
    TakesNothing,
}

/// The brain.
#[derive(Debug)]
pub(crate) struct Patience {
    opened: Mono,
    heard: Mono,
    took: Mono,
    clogged: Option<Mono>,
}

impl Patience {
    /// A connection that was just opened.
    pub(crate) const fn new(now: Mono) -> Self {
        Self { opened: now, heard: now, took: now, clogged: None }
    }

    /// It said something.
    pub(crate) const fn heard(&mut self, now: Mono) {
        self.heard = now;
    }

    /// It took something, and perhaps all that there was.
    pub(crate) fn took(&mut self, now: Mono, rest: usize) {
        self.took = now;
        self.clogged = (rest > 0).then_some(now);
    }

    /// It takes nothing more for now.
    pub(crate) fn clogged(&mut self, now: Mono) {
        self.clogged.get_or_insert(now);
    }

    /// When it is given up, if nothing happens, and why.
    pub(crate) fn deadline(&self, stage: Stage) -> (Mono, Impatience) {
        let (at, why) = match stage {
            Stage::Stranger => (self.opened + ADMITTED_WITHIN, Impatience::Stranger),
            Stage::Guest | Stage::Hearing => (self.heard + SILENCE, Impatience::Silence),
            Stage::Taking => (self.heard.max(self.took) + SILENCE, Impatience::Silence),
        };
        match self.clogged.map(|since| since + TAKES_NOTHING) {
            Some(dead) if dead < at => (dead, Impatience::TakesNothing),
            _ => (at, why),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Mono {
        Mono::from_millis(seconds * 1000)
    }

    #[test]
    fn a_stranger_is_not_kept_by_talking() {
        let mut patience = Patience::new(at(0));
        patience.heard(at(29));
        assert_eq!(patience.deadline(Stage::Stranger), (at(30), Impatience::Stranger));
    }

    #[test]
    fn a_client_shows_that_it_is_there_by_talking_and_over_tcp_by_taking() {
        let mut patience = Patience::new(at(0));
        patience.took(at(40), 0);
        assert_eq!(
            patience.deadline(Stage::Hearing),
            (at(65), Impatience::Silence),
            "UDP is blind"
        );
        assert_eq!(patience.deadline(Stage::Taking), (at(105), Impatience::Silence));
        patience.heard(at(60));
        assert_eq!(patience.deadline(Stage::Hearing), (at(125), Impatience::Silence));
    }

    #[test]
    fn a_client_that_takes_nothing_for_ten_seconds_is_ended() {
        let mut patience = Patience::new(at(0));
        patience.clogged(at(5));
        patience.clogged(at(9));
        assert_eq!(patience.deadline(Stage::Taking), (at(15), Impatience::TakesNothing));
        patience.took(at(14), 1000);
        assert_eq!(patience.deadline(Stage::Taking), (at(24), Impatience::TakesNothing), "slowly");
        patience.took(at(20), 0);
        assert_eq!(patience.deadline(Stage::Taking), (at(85), Impatience::Silence));
    }
}
