//! Brain: packets become temporal units again, whole or not at all.
//!
//! Packets come in the order of their sequence numbers, and each says how many are missing before it. A unit with a hole is
//! given up and its other packets are skipped, up to the marker bit or the next timestamp. Where packets are missing before a
//! unit, nobody knows whether its beginning is among them: it is taken if it begins as a unit does, with the header of a
//! sequence or of a picture.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use tarsier_segment::obu::{self, Obu};

use super::{CONTINUES_IN_NEXT, CONTINUES_PREVIOUS, COUNT_SHIFT, MAX_COUNT, is_carried};
use crate::packets::Received;

/// No camera's picture is larger; a sender that never ends one costs no more (guess).
const MAX_UNIT_BYTES: usize = 16 << 20;

/// What packets have become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Assembled {
    /// A temporal unit.
    Unit {
        /// That of its packets.
        timestamp: i64,
        /// Packets that were missing since what came out before.
        lost: u32,
        /// OBUs with their sizes.
        data: Bytes,
    },
    /// A temporal unit had a hole or could not be read, and was left out.
    GivenUp {
        /// Packets that were missing since what came out before.
        lost: u32,
    },
}

/// The brain.
#[derive(Debug, Default)]
pub struct Assembly {
    state: State,
    lost: u32,
    done: VecDeque<Assembled>,
}

#[derive(Debug, Default)]
enum State {
    /// The next packet begins a temporal unit.
    #[default]
    Between,
    /// More packets of this one may come.
    Within(Unit),
    /// What is left of one with that timestamp is of no use.
    Skipping(i64),
}

#[derive(Debug)]
struct Unit {
    timestamp: i64,
    data: BytesMut,
    /// An OBU that goes on in the next packet.
    open: Option<BytesMut>,
}

impl Assembly {
    /// Takes the next packet.
    pub fn handle(&mut self, packet: &Received<'_>) {
        self.lost = self.lost.saturating_add(packet.lost);
        let is_hole = packet.lost > 0;
        let mut begins = Begins::Here;
        let mut unit = match std::mem::take(&mut self.state) {
            State::Within(unit) if unit.timestamp == packet.timestamp && !is_hole => {
                begins = Begins::Before;
                unit
            }
            State::Within(unit) if is_hole => {
                self.give_up();
                if unit.timestamp == packet.timestamp {
                    return self.skip(packet);
                }
                Unit::new(packet)
            }
            // The marker bit is only recommended (section 4.2).
            State::Within(unit) => {
                self.finish(unit);
                Unit::new(packet)
            }
            State::Skipping(timestamp) if timestamp == packet.timestamp => {
                return self.skip(packet);
            }
            State::Skipping(_) | State::Between => Unit::new(packet),
        };
        if is_hole {
            begins = Begins::HereOrEarlier;
        }
        match unit.add(packet.payload, begins) {
            Some(()) if packet.marker => self.finish(unit),
            Some(()) => self.state = State::Within(unit),
            None => {
                self.give_up();
                self.skip(packet);
            }
        }
    }

    /// What has become of the packets so far, until there is nothing more.
    pub fn poll(&mut self) -> Option<Assembled> {
        self.done.pop_front()
    }

    fn skip(&mut self, packet: &Received<'_>) {
        let skipping = State::Skipping(packet.timestamp);
        self.state = if packet.marker { State::Between } else { skipping };
    }

    fn give_up(&mut self) {
        let lost = std::mem::take(&mut self.lost);
        self.done.push_back(Assembled::GivenUp { lost });
    }

    fn finish(&mut self, unit: Unit) {
        if unit.open.is_some() {
            return self.give_up();
        }
        // Delimiters alone are no unit.
        if !unit.data.is_empty() {
            let lost = std::mem::take(&mut self.lost);
            let (timestamp, data) = (unit.timestamp, unit.data.freeze());
            self.done.push_back(Assembled::Unit { timestamp, lost, data });
        }
    }
}

/// Where a unit begins, as seen from a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Begins {
    Before,
    Here,
    /// Packets are missing before this one.
    HereOrEarlier,
}

impl Unit {
    fn new(packet: &Received<'_>) -> Self {
        Self { timestamp: packet.timestamp, data: BytesMut::new(), open: None }
    }

    /// None if the packet makes no sense here.
    fn add(&mut self, payload: &[u8], begins: Begins) -> Option<()> {
        let (header, rest) = payload.split_first()?;
        let goes_on = header & CONTINUES_PREVIOUS != 0;
        if goes_on != self.open.is_some() {
            return None;
        }
        let elements = elements((header >> COUNT_SHIFT) & MAX_COUNT, rest)?;
        let first = elements.first()?.first().map(|first| (first >> 3) & 0x0f);
        if begins == Begins::HereOrEarlier && !first.is_some_and(may_begin) {
            return None;
        }
        let last = elements.len() - 1;
        for (at, element) in elements.into_iter().enumerate() {
            let held = self.open.as_ref().map_or(0, BytesMut::len);
            if self.data.len() + held + element.len() > MAX_UNIT_BYTES {
                return None;
            }
            let ends = at < last || header & CONTINUES_IN_NEXT == 0;
            match (self.open.take(), ends) {
                (None, true) => self.put(element)?,
                (Some(mut open), true) => {
                    open.extend_from_slice(element);
                    self.put(&open)?;
                }
                (open, false) => {
                    let mut open = open.unwrap_or_default();
                    open.extend_from_slice(element);
                    self.open = Some(open);
                }
            }
        }
        Some(())
    }

    fn put(&mut self, bytes: &[u8]) -> Option<()> {
        if bytes.is_empty() {
            return Some(());
        }
        let unit = Obu::alone(bytes)?;
        if is_carried(unit.kind()) {
            unit.put(&mut self.data);
        }
        Some(())
    }
}

/// What a temporal unit begins with once its delimiter is gone (AV1 specification, section 7.5).
const fn may_begin(kind: u8) -> bool {
    matches!(
        kind,
        obu::SEQUENCE_HEADER
            | obu::TEMPORAL_DELIMITER
            | obu::METADATA
            | obu::FRAME_HEADER
            | obu::FRAME
    )
}

/// The elements of a payload; none if it is shorter than it says, or empty.
fn elements(count: u8, mut rest: &[u8]) -> Option<Vec<&[u8]>> {
    let mut found = Vec::with_capacity(usize::from(count));
    if count == 0 {
        while !rest.is_empty() {
            found.push(after_length(&mut rest)?);
        }
        return Some(found);
    }
    for _ in 1..count {
        found.push(after_length(&mut rest)?);
    }
    found.push(rest);
    Some(found)
}

fn after_length<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, behind) = obu::leb128(rest)?;
    let (element, behind) = behind.split_at_checked(length)?;
    *rest = behind;
    Some(element)
}
