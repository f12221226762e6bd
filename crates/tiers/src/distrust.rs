//! Brain: which disks are passed over because recorders could not write to them, though measuring finds nothing wrong: a
//! quota, a folder of another user's, a bad block where large files go.
//!
//! Nobody writes to a disk that is passed over, so nobody sees it mend: it is tried again after a while, and after twice
//! that while if it refuses again. What does not belong here: disks that are away or full ([`crate::spill`] sees those).

use std::collections::BTreeMap;
use std::time::Duration;

use tarsier_types::Mono;

use crate::words::TierId;

/// For so long at first (guess: a share that is restarted).
const FIRST: Duration = Duration::from_secs(60);

/// And never longer: each try costs seconds of footage at most.
const LONGEST: Duration = Duration::from_secs(30 * 60);

/// A disk that took recordings for so long is trusted as if it had never refused.
const CALM: Duration = Duration::from_secs(10 * 60);

/// The disks that refused.
#[derive(Clone, Debug, Default)]
pub struct Distrust {
    refused: BTreeMap<TierId, Held>,
}

#[derive(Clone, Copy, Debug)]
struct Held {
    until: Mono,
    hold: Duration,
}

impl Distrust {
    /// A recorder could not write to a disk that was measured well.
    pub fn refused(&mut self, now: Mono, tier: &TierId) {
        let hold = match self.refused.get(tier) {
            // Other recorders of the same disk, or the same once more.
            Some(held) if now < held.until => return,
            Some(held) if now.since(held.until) < CALM => (held.hold * 2).min(LONGEST),
            _ => FIRST,
        };
        self.refused.insert(tier.clone(), Held { until: now + hold, hold });
    }

    /// It is passed over now.
    pub fn is_held(&self, now: Mono, tier: &TierId) -> bool {
        self.refused.get(tier).is_some_and(|held| now < held.until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Refusals (`x`) and looks (`?`) at so many seconds; each look tells whether the disk is held.
    fn check(script: &str, expect: &str) {
        let mut distrust = Distrust::default();
        let tier = TierId::new("c1").unwrap();
        let mut said = Vec::new();
        for word in script.split(' ') {
            let (what, seconds) = word.split_at(1);
            let now = Mono::ZERO + Duration::from_secs(seconds.parse().unwrap());
            match what {
                "x" => distrust.refused(now, &tier),
                _ => said.push(if distrust.is_held(now, &tier) { "held" } else { "used" }),
            }
        }
        assert_eq!(said.join(" "), expect, "{script}");
    }

    #[test]
    fn a_disk_that_refused_is_tried_again_and_waited_for_longer_each_time() {
        check("?1 x10 ?10 ?69 ?70", "used held held used");
        check("x10 x11 x40 ?69 ?70", "held used");
        // Tried at 70, and it refuses again: two minutes, then four.
        check("x10 x75 ?194 ?195 x200 ?439 ?440", "held used held used");
    }

    #[test]
    fn waiting_ends_somewhere_and_a_calm_time_is_forgiven() {
        check("x0 x60 x180 x420 x900 x1860 x3660 ?5459 ?5460", "held used");
        check("x0 x660 ?719 ?720", "held used");
    }
}
