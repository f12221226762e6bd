//! Brain: datagrams that may go out by one call: to one place, and of one length, but the last, which may be shorter.
//!
//! A picture is cut into packets of one length, so this is a picture or a part of a large one. What does not belong here:
//! sending ([`crate::udp`]).

use std::net::SocketAddr;

/// No more goes at once. The system would take what one datagram may hold, 64 KiB; but a viewer's socket, and the process that
/// empties it, must keep up (50 viewers in one thread lost 45 of 15,000 pictures with 64 KiB).
pub(crate) const MOST_BYTES: usize = 32 << 10;

/// The brain.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    to: Option<SocketAddr>,
    bytes: Vec<u8>,
    /// Of each but the last.
    size: usize,
    count: usize,
}

impl Batch {
    /// Whether a datagram can go with what is there already, if `most` may go at once.
    pub(crate) fn fits(&self, to: SocketAddr, datagram: &[u8], most: usize) -> bool {
        self.count == 0
            || (self.to == Some(to)
                && self.count < most
                && self.bytes.len() == self.count * self.size
                && (1..=self.size).contains(&datagram.len())
                && self.bytes.len() + datagram.len() <= MOST_BYTES)
    }

    /// One more, that fits.
    pub(crate) fn push(&mut self, to: SocketAddr, datagram: &[u8]) {
        if self.count == 0 {
            (self.to, self.size) = (Some(to), datagram.len());
        }
        self.bytes.extend_from_slice(datagram);
        self.count += 1;
    }

    /// Where it goes, all bytes, and how long each datagram is.
    pub(crate) fn contents(&self) -> Option<(SocketAddr, &[u8], usize)> {
        self.to.filter(|_| self.count > 0).map(|to| (to, self.bytes.as_slice(), self.size))
    }

    /// It was sent.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.count = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(port: u16) -> SocketAddr {
        ([127, 0, 0, 1], port).into()
    }

    fn of(sizes: &[usize]) -> Batch {
        let mut batch = Batch::default();
        for size in sizes {
            assert!(batch.fits(to(1), &vec![0; *size], 64), "{sizes:?}");
            batch.push(to(1), &vec![0; *size]);
        }
        batch
    }

    #[test]
    fn a_picture_goes_at_once_and_what_is_otherwise_does_not() {
        let fits = |sizes: &[usize], size| of(sizes).fits(to(1), &vec![0; size], 64);
        assert!(fits(&[], 40) && fits(&[1150], 1150) && fits(&[1150, 1150], 7));
        assert!(!fits(&[1150], 1151), "a longer one cannot be cut off");
        assert!(!fits(&[1150, 7], 7), "nothing follows a shorter one");
        assert!(!fits(&[1150, 7], 1150));
        assert!(!fits(&[1150], 0));
        assert!(!of(&[1150]).fits(to(2), &[0; 1150], 64), "somebody else's");
        assert!(!of(&[1150]).fits(to(1), &[0; 1150], 1), "where the system cannot cut");
        assert!(fits(&[1150; 27], 1150) && !fits(&[1150; 28], 1150), "that is enough at once");
    }

    #[test]
    fn what_was_sent_is_forgotten() {
        let mut batch = of(&[1150, 7]);
        assert_eq!(
            batch.contents().map(|(place, bytes, size)| (place, bytes.len(), size)),
            Some((to(1), 1157, 1150))
        );
        batch.clear();
        assert_eq!(batch.contents(), None);
        assert!(batch.fits(to(2), &[0; 9], 1));
        batch.push(to(2), &[0; 9]);
        assert_eq!(batch.contents(), Some((to(2), [0; 9].as_slice(), 9)));
    }
}
