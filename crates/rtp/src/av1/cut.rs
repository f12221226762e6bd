//! Brain: a temporal unit becomes packets, each as full as it may be.

use std::ops::Range;

use bytes::BytesMut;
use tarsier_segment::obu::{self, Obu};

use super::{
    BEGINS_SEQUENCE, CONTINUES_IN_NEXT, CONTINUES_PREVIOUS, COUNT_SHIFT, MAX_COUNT, is_carried,
};
use crate::packets::{MAX_PAYLOAD, Marker, PacketWriter, Packets};

/// The length of an element takes at most so much: none is longer than a packet.
const LENGTH: usize = 2;
/// In less room than this no OBU is begun that does not fit (guess): its header stays in one packet.
const LEAST_ROOM: usize = 32;

/// One temporal unit as packets. `is_keyframe`: decoding may begin with it.
pub fn packetise(payload_type: u8, unit: &[u8], is_keyframe: bool) -> Packets {
    let mut cutter = Cutter {
        writer: PacketWriter::new(payload_type),
        payload: vec![if is_keyframe { BEGINS_SEQUENCE } else { 0 }],
        elements: 0,
        last_length: 0..0,
        layer: None,
    };
    for unit in obu::units(unit).filter(|unit| is_carried(unit.kind())) {
        cutter.unit(&unit);
    }
    cutter.flush(Flush::Whole);
    cutter.writer.finish(Marker::OnLast)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Flush {
    /// The last OBU ends in this packet.
    Whole,
    /// It goes on in the next one.
    GoesOn,
}

struct Cutter {
    writer: PacketWriter,
    /// The packet that is filled: its header, and elements that each stand after their length.
    payload: Vec<u8>,
    elements: u8,
    /// Where the length of the last element stands.
    last_length: Range<usize>,
    /// The layer that the packet belongs to.
    layer: Option<u8>,
}

impl Cutter {
    fn unit(&mut self, unit: &Obu<'_>) {
        // Section 5: OBUs of several layers are not in one packet.
        if self.layer.is_some() && unit.layer().is_some() && self.layer != unit.layer() {
            self.flush(Flush::Whole);
        }
        self.layer = self.layer.or(unit.layer());
        let mut bytes = BytesMut::with_capacity(unit.payload.len() + 2);
        unit.put_without_size(&mut bytes);
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let room = MAX_PAYLOAD.saturating_sub(self.payload.len() + LENGTH);
            let is_full = rest.len() > room && room < LEAST_ROOM;
            if is_full || self.elements == u8::MAX {
                self.flush(Flush::Whole);
                self.layer = unit.layer();
                continue;
            }
            let (part, behind) = rest.split_at(rest.len().min(room));
            self.element(part);
            rest = behind;
            if !rest.is_empty() {
                self.flush(Flush::GoesOn);
                self.layer = unit.layer();
            }
        }
    }

    fn element(&mut self, part: &[u8]) {
        let mut length = BytesMut::with_capacity(LENGTH);
        obu::put_leb128(&mut length, part.len());
        let at = self.payload.len();
        self.last_length = at..at + length.len();
        self.payload.extend_from_slice(&length);
        self.payload.extend_from_slice(part);
        self.elements += 1;
    }

    fn flush(&mut self, how: Flush) {
        if self.elements == 0 {
            return;
        }
        if self.elements <= MAX_COUNT {
            self.payload.drain(self.last_length.clone());
            self.payload[0] |= self.elements << COUNT_SHIFT;
        }
        let next = match how {
            Flush::Whole => 0,
            Flush::GoesOn => {
                self.payload[0] |= CONTINUES_IN_NEXT;
                CONTINUES_PREVIOUS
            }
        };
        self.writer.packet(&[&self.payload]);
        self.payload.clear();
        self.payload.push(next);
        (self.elements, self.layer) = (0, None);
    }
}
