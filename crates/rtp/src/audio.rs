//! Sound to packets: RFC 3640 mode AAC-hbr, and RFC 3551 for G.711 (20 ms in a packet). Packets to AAC frames.

use crate::packets::{MAX_PAYLOAD, Marker, PacketWriter, Packets, Received};

/// One AAC frame. Its AU header says its whole size in 13 bits also in each fragment (RFC 3640 section 3.2.3).
pub fn aac(payload_type: u8, frame: &[u8]) -> Packets {
    // A larger one does not exist (6144 bits for each channel), and could not be said in 13 bits.
    let frame = &frame[..frame.len().min(0x1fff)];
    let size = u16::try_from(frame.len()).expect("at most 13 bits").to_be_bytes();
    let header = u16::from_be_bytes(size) << 3;
    let mut writer = PacketWriter::new(payload_type);
    for part in frame.chunks(MAX_PAYLOAD - 4) {
        writer.packet(&[&16_u16.to_be_bytes(), &header.to_be_bytes(), part]);
    }
    writer.finish(Marker::OnLast)
}

/// Puts AAC frames together again: a packet holds some of them, or a part of one (RFC 3640 section 3.2).
#[derive(Debug, Default)]
pub struct AacFrames {
    /// What there is of a frame of several packets.
    part: Vec<u8>,
}

impl AacFrames {
    /// The frames that end in a packet, in order; none if it makes no sense.
    pub fn push(&mut self, packet: &Received<'_>) -> Option<Vec<Vec<u8>>> {
        let mut part = std::mem::take(&mut self.part);
        if packet.lost > 0 {
            part.clear();
        }
        let (bits, rest) = packet.payload.split_first_chunk()?;
        let bits = usize::from(u16::from_be_bytes(*bits));
        let (headers, mut rest) = rest.split_at_checked(bits.div_ceil(8))?;
        let sizes = headers.chunks_exact(2).map(|header| {
            // 13 bits of size, 3 that say in which order frames are: ours always follow each other.
            usize::from(u16::from_be_bytes([header[0], header[1]]) >> 3)
        });
        let sizes: Vec<usize> = sizes.collect();
        if let [size] = sizes[..]
            && size > rest.len()
        {
            part.extend_from_slice(rest);
            // The marker bit is on the last part alone: one whose beginning was lost ends there, too.
            if part.len() < size && !packet.marker {
                self.part = part;
                return Some(Vec::new());
            }
            return (part.len() == size).then(|| vec![part]);
        }
        let mut frames = Vec::with_capacity(sizes.len());
        for size in sizes {
            let (frame, behind) = rest.split_at_checked(size)?;
            frames.push(frame.to_vec());
            rest = behind;
        }
        Some(frames)
    }
}

/// Samples as they are: G.711, L16. Longer than a packet only where all of it has one timestamp.
pub fn pcm(payload_type: u8, bytes: &[u8]) -> Packets {
    let mut writer = PacketWriter::new(payload_type);
    for part in bytes.chunks(MAX_PAYLOAD) {
        writer.packet(&[part]);
    }
    writer.finish(Marker::Never)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Patch;
    use crate::packets::interleaved;

    const PATCH: Patch = Patch { channel: 0, sequence: 0, timestamp: 0, ssrc: 0 };

    /// The frames of packets, of which some are lost.
    fn receive(bytes: &[u8], lost: &[usize]) -> Vec<Option<Vec<Vec<u8>>>> {
        let mut frames = AacFrames::default();
        let mut missing = 0;
        let mut came = Vec::new();
        for (at, (_, packet)) in interleaved(bytes).enumerate() {
            if lost.contains(&at) {
                missing += 1;
                continue;
            }
            let (marker, payload) = (packet[1] & 0x80 != 0, &packet[12..]);
            let lost = std::mem::take(&mut missing);
            came.push(frames.push(&Received { timestamp: 0, marker, lost, payload }));
        }
        came
    }

    fn frame(size: usize) -> Vec<u8> {
        (0..size).map(|i| u8::try_from(i % 253).unwrap()).collect()
    }

    #[test]
    fn an_aac_frame_keeps_its_size_and_bytes() {
        for size in [1, 200, 1396, 1397, 6000] {
            let mut bytes = Vec::new();
            aac(97, &frame(size)).write(PATCH, &mut bytes);
            for (_, packet) in interleaved(&bytes) {
                assert_eq!(packet[12..14], [0, 16], "one AU header of 16 bits");
                let told = u16::from_be_bytes([packet[14], packet[15]]) >> 3;
                assert_eq!(usize::from(told), size, "the whole size, also in a part");
            }
            let came: Vec<_> = receive(&bytes, &[]).into_iter().flat_map(Option::unwrap).collect();
            assert_eq!(came, [frame(size)], "a frame of {size} bytes");
        }
    }

    #[test]
    fn a_torn_aac_frame_is_left_out_and_no_other_one() {
        let mut bytes = Vec::new();
        for _ in 0..3 {
            aac(97, &frame(2000)).write(PATCH, &mut bytes);
        }
        let whole = |lost: &[usize]| -> Vec<Vec<u8>> {
            receive(&bytes, lost).into_iter().flatten().flatten().collect()
        };
        assert_eq!(whole(&[]).len(), 3);
        for lost in 0..6 {
            assert_eq!(whole(&[lost]), [frame(2000), frame(2000)], "without packet {lost}");
        }
    }

    #[test]
    fn a_packet_may_hold_several_aac_frames() {
        let push = |payload| {
            AacFrames::default().push(&Received { timestamp: 0, marker: true, lost: 0, payload })
        };
        let two = push(&[0, 32, 0, 2 << 3, 0, 3 << 3, 1, 2, 3, 4, 5]);
        assert_eq!(two, Some(vec![vec![1, 2], vec![3, 4, 5]]));
        assert_eq!(push(&[0, 32, 0, 2 << 3, 0, 3 << 3, 1, 2, 3, 4]), None, "shorter than it says");
        assert_eq!(push(&[0, 16, 0]), None);
        assert_eq!(push(&[]), None);
    }

    #[test]
    fn g711_goes_out_as_it_is() {
        let mut bytes = Vec::new();
        pcm(0, &[0xd5; 160]).write(PATCH, &mut bytes);
        let packets: Vec<_> = interleaved(&bytes).collect();
        assert_eq!(packets.len(), 1);
        assert_eq!(packets[0].1[1], 0, "payload type 0 without marker");
        assert_eq!(packets[0].1[12..], [0xd5; 160], "the bytes are the samples");
    }
}
