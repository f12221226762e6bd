//! Brain: when a host without a session is looked at, and whether what a look finds is news (ADR 0010).
//!
//! A look asks whether somebody answers at the port at all. What does not belong here: what is done about it
//! (`connection`), how it is asked (the hands).

use std::time::Duration;

use tarsier_types::Mono;

use crate::backoff::jittered;
use crate::phase::FailureKind;
use crate::policy::Policy;
use crate::words::Moment;

/// The next one, or the one that is under way.
#[derive(Clone, Copy, Debug)]
struct Look {
    next: Mono,
    is_under_way: bool,
    /// Nobody answered so far; only a change is worth an attempt.
    was_silent: bool,
}

/// The looks at one host.
#[derive(Clone, Debug)]
pub(crate) struct Looks {
    /// None: it is never looked at.
    every: Option<Duration>,
    jitter_percent: u8,
    look: Option<Look>,
}

impl Looks {
    pub(crate) fn new(policy: &Policy) -> Self {
        let every = policy.looking.map(|looking| looking.every);
        Self { every, jitter_percent: policy.jitter_percent, look: None }
    }

    /// When [`Self::begins`] is to be asked next; a look that is under way is waited for.
    pub(crate) fn deadline(&self) -> Option<Mono> {
        self.look.filter(|look| !look.is_under_way).map(|look| look.next)
    }

    /// An attempt begins: it is looked at meanwhile as well.
    pub(crate) fn attempt(&mut self, now: Moment) {
        if self.look.is_none() {
            self.look =
                self.next(now).map(|next| Look { next, is_under_way: false, was_silent: false });
        }
    }

    /// It failed, and another one will follow: where a look can tell anything, the next one is planned.
    pub(crate) fn failed(&mut self, now: Moment, kind: FailureKind) {
        let is_under_way = self.look.is_some_and(|look| look.is_under_way);
        // Behind an open port somebody was mute: that the port is open is no news, unless a look found it mute as well.
        let was_silent = kind != FailureKind::Mute || self.look.is_some_and(|look| look.was_silent);
        let next = self.next(now).filter(|_| kind.is_seen_from_outside());
        self.look = next.map(|next| Look { next, is_under_way, was_silent });
    }

    /// There is a session, or there will be none.
    pub(crate) fn end(&mut self) {
        self.look = None;
    }

    /// Whether a look begins now.
    pub(crate) fn begins(&mut self, now: Moment) -> bool {
        let Some(next) = self.next(now) else { return false };
        let is_due = |look: &&mut Look| !look.is_under_way && now.mono >= look.next;
        let Some(look) = self.look.as_mut().filter(is_due) else { return false };
        (look.next, look.is_under_way) = (next, true);
        true
    }

    /// What the look found. Tells whether it is news: somebody answers where nobody did.
    pub(crate) fn found(&mut self, answers: bool) -> bool {
        let Some(look) = &mut self.look else { return false };
        look.is_under_way = false;
        let was_silent = std::mem::replace(&mut look.was_silent, !answers);
        answers && was_silent
    }

    fn next(&self, now: Moment) -> Option<Mono> {
        self.every.map(|every| now.mono + jittered(every, self.jitter_percent, now.chance))
    }
}

#[cfg(test)]
mod tests {
    use tarsier_types::UtcMs;

    use super::*;

    fn at(millis: u64) -> Moment {
        Moment { mono: Mono::ZERO + Duration::from_millis(millis), utc: UtcMs(0), chance: 0.5 }
    }

    #[test]
    fn one_look_at_a_time_and_the_next_a_second_after_it_began() {
        let mut looks = Looks::new(&Policy::default());
        looks.attempt(at(0));
        assert!(!looks.begins(at(999)));
        assert!(looks.begins(at(1000)));
        assert!(!looks.begins(at(9000)), "the first is not answered yet");
        assert_eq!(looks.deadline(), None);
        looks.found(false);
        assert_eq!(looks.deadline(), Some(at(2000).mono));
        looks.end();
        assert!(!looks.begins(at(9000)), "there is a session");
    }

    #[test]
    fn an_answer_is_news_only_where_there_was_none() {
        let mut looks = Looks::new(&Policy::default());
        looks.attempt(at(0));
        assert!(!looks.found(true), "of a host that was not known to be silent");
        looks.failed(at(0), FailureKind::HostSilent);
        assert!(looks.found(true));
        assert!(!looks.found(true), "once");
        looks.failed(at(0), FailureKind::Mute);
        assert!(!looks.found(true), "its port was open all the time");
        looks.found(false);
        looks.failed(at(0), FailureKind::Mute);
        assert!(looks.found(true), "a look found it silent as well");
        looks.failed(at(0), FailureKind::Credentials);
        assert_eq!(looks.deadline(), None, "a look cannot tell whether a password is right");
    }
}
