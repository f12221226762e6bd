//! The packets of one unit in one piece of memory, as they go over an interleaved connection.
//!
//! ```text
//!  $ | channel | length (2)  ||  V P X CC | M PT | sequence (2) | timestamp (4) | SSRC (4)  ||  payload
//!  RFC 2326 section 10.12        RFC 3550 section 5.1
//! ```
//! Everything that differs between sessions (channel, sequence, timestamp, SSRC) is zero until [`Packets::write`]
//! copies the whole and patches it.

/// The most payload in a packet: fits an Ethernet frame with IPv6, UDP and a tunnel around it.
pub const MAX_PAYLOAD: usize = 1400;

const FRAMING: usize = 4;
const HEADER: usize = 12;

/// The packets of one unit.
#[derive(Debug, Default)]
pub struct Packets {
    bytes: Box<[u8]>,
    starts: Box<[u32]>,
    payload_bytes: u32,
}

/// What a session writes into every packet of a unit.
#[derive(Clone, Copy, Debug)]
pub struct Patch {
    /// Interleaved channel; over UDP only to tell packets apart.
    pub channel: u8,
    /// Of the first packet.
    pub sequence: u16,
    /// Of all of them.
    pub timestamp: u32,
    /// Whose they are.
    pub ssrc: u32,
}

impl Packets {
    /// How many packets.
    pub fn count(&self) -> usize {
        self.starts.len()
    }

    /// Bytes of payload without headers, as sender reports count them.
    pub fn payload_bytes(&self) -> u32 {
        self.payload_bytes
    }

    /// Appends the packets to `out`, patched; gives the sequence number after the last one.
    pub fn write(&self, patch: Patch, out: &mut Vec<u8>) -> u16 {
        let base = out.len();
        out.extend_from_slice(&self.bytes);
        let mut sequence = patch.sequence;
        for start in &self.starts {
            let at = base + usize::try_from(*start).expect("a unit is far below 4 GiB");
            out[at + 1] = patch.channel;
            let header = &mut out[at + FRAMING..at + FRAMING + HEADER];
            header[2..4].copy_from_slice(&sequence.to_be_bytes());
            header[4..8].copy_from_slice(&patch.timestamp.to_be_bytes());
            header[8..12].copy_from_slice(&patch.ssrc.to_be_bytes());
            sequence = sequence.wrapping_add(1);
        }
        sequence
    }
}

/// A packet that came, in the order of the sequence numbers.
#[derive(Clone, Copy, Debug)]
pub struct Received<'a> {
    /// When its unit is shown or heard, unwrapped.
    pub timestamp: i64,
    /// The marker bit.
    pub marker: bool,
    /// Packets that are missing before this one.
    pub lost: u32,
    /// What comes behind the header of RTP.
    pub payload: &'a [u8],
}

/// Cuts a unit into packets.
pub struct PacketWriter {
    payload_type: u8,
    bytes: Vec<u8>,
    starts: Vec<u32>,
}

impl PacketWriter {
    /// A unit whose packets carry that payload type.
    pub fn new(payload_type: u8) -> Self {
        Self { payload_type, bytes: Vec::new(), starts: Vec::new() }
    }

    /// One packet; its payload is the parts one after the other, together at most [`MAX_PAYLOAD`].
    pub fn packet(&mut self, parts: &[&[u8]]) {
        let payload: usize = parts.iter().map(|part| part.len()).sum();
        debug_assert!(payload <= MAX_PAYLOAD, "{payload} bytes do not fit a packet");
        let length = u16::try_from(HEADER + payload).expect("a payload is at most 1400 bytes");
        self.starts.push(u32::try_from(self.bytes.len()).expect("a unit is far below 4 GiB"));
        self.bytes.extend_from_slice(&[b'$', 0]);
        self.bytes.extend_from_slice(&length.to_be_bytes());
        self.bytes.extend_from_slice(&[0x80, self.payload_type, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        for part in parts {
            self.bytes.extend_from_slice(part);
        }
    }

    /// The unit is whole: the marker bit is set on its last packet where the payload format wants one.
    pub fn finish(mut self, marker: Marker) -> Packets {
        if let (Marker::OnLast, Some(last)) = (marker, self.starts.last()) {
            let at = usize::try_from(*last).expect("a unit is far below 4 GiB");
            self.bytes[at + FRAMING + 1] |= 0x80;
        }
        let overhead = self.starts.len() * (FRAMING + HEADER);
        let payload_bytes =
            u32::try_from(self.bytes.len() - overhead).expect("a unit is far below 4 GiB");
        Packets { bytes: self.bytes.into(), starts: self.starts.into(), payload_bytes }
    }
}

/// What the marker bit of a payload format means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marker {
    /// The last packet of a unit has it.
    OnLast,
    /// No packet has it: sound without talk spurts (RFC 3551 section 4.1).
    Never,
}

/// The packets in an interleaved stream, each `(channel, packet)`, for UDP and for tests.
pub fn interleaved(mut bytes: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    std::iter::from_fn(move || {
        let [b'$', channel, high, low] = *bytes.first_chunk()? else { return None };
        let end = FRAMING + usize::from(u16::from_be_bytes([high, low]));
        let packet = bytes.get(FRAMING..end)?;
        bytes = &bytes[end..];
        Some((channel, packet))
    })
}
