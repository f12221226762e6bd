//! Brain: who may be connected at the same time.
//!
//! Whoever has not shown a good token yet is a *stranger*: when there is no room, the stranger who has been here longest
//! makes it. So a crowd that says nothing, or only comes and goes, keeps nobody out who has something to ask, and ends
//! nothing that somebody watches. `H` is the handle of a connection; dropping it ends the connection.

use std::collections::BTreeMap;
use std::net::IpAddr;

/// So many connections at the same time: a process may have 1024 files open on many systems, and recorders, index and
/// footage need some.
pub(crate) const MOST: usize = 512;
/// So many from one address (guess: two windows with 64 cameras, and the pages around them).
pub(crate) const MOST_OF_ONE_PEER: usize = 256;

/// There is no room, and no stranger to make some.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Stranger,
    Known,
}

#[derive(Debug)]
struct Guest<H> {
    peer: IpAddr,
    standing: Standing,
    /// Held, not used.
    _handle: H,
}

/// The brain.
#[derive(Debug)]
pub(crate) struct Crowd<H> {
    /// By number: who has been here longest comes first.
    guests: BTreeMap<u64, Guest<H>>,
    next: u64,
}

impl<H> Default for Crowd<H> {
    fn default() -> Self {
        Self { guests: BTreeMap::new(), next: 0 }
    }
}

impl<H> Crowd<H> {
    /// Somebody connects: his number.
    pub(crate) fn come(&mut self, peer: IpAddr, handle: H) -> Result<u64, Full> {
        let of_peer = self.guests.values().filter(|guest| guest.peer == peer).count();
        if of_peer >= MOST_OF_ONE_PEER {
            self.make_room(|guest| guest.peer == peer)?;
        } else if self.guests.len() >= MOST {
            self.make_room(|_| true)?;
        }
        let number = self.next;
        self.next += 1;
        self.guests.insert(number, Guest { peer, standing: Standing::Stranger, _handle: handle });
        Ok(number)
    }

    /// He has shown a good token.
    pub(crate) fn know(&mut self, number: u64) {
        if let Some(guest) = self.guests.get_mut(&number) {
            guest.standing = Standing::Known;
        }
    }

    /// He is gone.
    pub(crate) fn leave(&mut self, number: u64) {
        self.guests.remove(&number);
    }

    #[cfg(test)]
    pub(crate) fn is_known(&self, number: u64) -> bool {
        self.guests.get(&number).is_some_and(|guest| guest.standing == Standing::Known)
    }

    fn make_room(&mut self, may_go: impl Fn(&Guest<H>) -> bool) -> Result<(), Full> {
        let goes = |guest: &Guest<H>| guest.standing == Standing::Stranger && may_go(guest);
        let oldest = self.guests.iter().find(|(_, guest)| goes(guest)).map(|(number, _)| *number);
        self.guests.remove(&oldest.ok_or(Full)?);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;

    fn peer(last: u8) -> IpAddr {
        [192, 0, 2, last].into()
    }

    #[test]
    fn a_crowd_that_says_nothing_keeps_nobody_out_and_ends_nothing_that_is_watched() {
        let mut crowd = Crowd::default();
        let viewer = Rc::new(());
        let number = crowd.come(peer(1), viewer.clone()).unwrap();
        crowd.know(number);
        let silent = Rc::new(());
        for _ in 0..MOST * 3 {
            crowd.come(peer(2), silent.clone()).unwrap();
        }
        assert_eq!(Rc::strong_count(&viewer), 2, "who watches stays");
        assert_eq!(Rc::strong_count(&silent) - 1, MOST_OF_ONE_PEER, "of the others the newest");
        let newcomer = Rc::new(());
        let number = crowd.come(peer(2), newcomer.clone()).unwrap();
        for _ in 1..MOST_OF_ONE_PEER {
            crowd.come(peer(2), silent.clone()).unwrap();
        }
        assert_eq!(Rc::strong_count(&newcomer), 2, "there is time to show a token");
        crowd.leave(number);
        assert_eq!(Rc::strong_count(&newcomer), 1);
    }

    #[test]
    fn one_address_with_good_tokens_leaves_room_for_others() {
        let mut crowd = Crowd::default();
        for last in 1..=2 {
            for _ in 0..MOST_OF_ONE_PEER {
                let number = crowd.come(peer(last), ()).unwrap();
                crowd.know(number);
            }
            assert_eq!(crowd.come(peer(last), ()), Err(Full), "the peer has its share");
        }
        assert_eq!(crowd.come(peer(3), ()), Err(Full), "everything is taken by those who watch");
        crowd.leave(0);
        assert!(crowd.come(peer(3), ()).is_ok());
        assert!(crowd.come(peer(4), ()).is_ok(), "a stranger goes for a stranger");
        assert_eq!(crowd.guests.len(), MOST);
    }

    #[test]
    fn who_was_sent_away_is_known_to_nobody() {
        let mut crowd = Crowd::default();
        let first = crowd.come(peer(1), ()).unwrap();
        for _ in 0..MOST_OF_ONE_PEER {
            crowd.come(peer(1), ()).unwrap();
        }
        crowd.know(first);
        crowd.leave(first);
        assert_eq!(crowd.guests.len(), MOST_OF_ONE_PEER, "his number means nobody else");
    }
}
