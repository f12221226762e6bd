//! Brain: when a viewer who lost pictures gets the last GOP anew.
//!
//! A camera cannot be asked for a keyframe by RTSP, but the last one is at hand. A player asks by PLI or FIR
//! (RFC 4585, RFC 5104), often several times for one loss; the GOP is large, and to send it again and again is what
//! makes a full line fuller.

use std::time::Duration;

use tarsier_types::Mono;

/// Not more often than this.
pub(crate) const AT_MOST_EVERY: Duration = Duration::from_millis(500);

/// The brain.
#[derive(Debug, Default)]
pub(crate) struct Refresh {
    last: Option<Mono>,
    is_wanted: bool,
}

impl Refresh {
    /// The GOP was sent for another reason: as a newcomer's first.
    pub(crate) const fn sent(&mut self, now: Mono) {
        self.last = Some(now);
        self.is_wanted = false;
    }

    /// The viewer asks for a keyframe.
    pub(crate) const fn asked(&mut self) {
        self.is_wanted = true;
    }

    /// When [`Self::is_due`] is to be asked again.
    pub(crate) fn deadline(&self) -> Option<Mono> {
        self.is_wanted.then(|| self.last.map_or(Mono::ZERO, |last| last + AT_MOST_EVERY))
    }

    /// Whether to send it now; it counts as sent then.
    pub(crate) fn is_due(&mut self, now: Mono) -> bool {
        let is_due = self.deadline().is_some_and(|at| at <= now);
        if is_due {
            self.sent(now);
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `j` he joins, `p` a request, `.` 100 ms pass; answer: the tenths of a second at which the GOP is sent anew.
    fn sent(script: &str) -> Vec<u64> {
        let (mut refresh, mut now, mut sent) = (Refresh::default(), 0, Vec::new());
        for step in script.chars() {
            match step {
                'j' => refresh.sent(Mono::from_millis(now * 100)),
                'p' => refresh.asked(),
                '.' => now += 1,
                other => panic!("{other} is no step"),
            }
            if refresh.is_due(Mono::from_millis(now * 100)) {
                sent.push(now);
            }
        }
        sent
    }

    #[test]
    fn a_request_is_answered_at_once_and_many_are_one() {
        assert_eq!(sent("p"), [0]);
        assert_eq!(sent("j..........p"), [10]);
        assert_eq!(sent("j..........pppp"), [10,], "three of them wait");
        assert_eq!(
            sent("j..........pp....."),
            [10, 15],
            "and are answered together, half a second later"
        );
        assert_eq!(sent("j..p.p.p.p.p.p.p.p.p.p.p.p.p.p"), [5, 10, 15]);
    }

    #[test]
    fn a_newcomer_who_asks_while_his_gop_is_on_the_way_waits() {
        assert_eq!(sent("jp...."), [] as [u64; 0]);
        assert_eq!(sent("jp....."), [5]);
        assert_eq!(sent("jp..j......."), [] as [u64; 0], "what was sent meanwhile is an answer");
    }
}
