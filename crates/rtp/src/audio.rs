//! Sound to packets: RFC 3640 mode AAC-hbr, and RFC 3551 for G.711 (20 ms in a packet).

use crate::packets::{MAX_PAYLOAD, Marker, PacketWriter, Packets};

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

    fn depacketise_aac(bytes: &[u8]) -> (usize, Vec<u8>) {
        let mut size = 0;
        let mut frame = Vec::new();
        for (_, packet) in interleaved(bytes) {
            assert_eq!(packet[12..14], [0, 16], "one AU header of 16 bits");
            size = usize::from(u16::from_be_bytes([packet[14], packet[15]]) >> 3);
            frame.extend_from_slice(&packet[16..]);
        }
        (size, frame)
    }

    #[test]
    fn an_aac_frame_keeps_its_size_and_bytes() {
        for size in [1, 200, 1396, 1397, 6000] {
            let frame: Vec<u8> = (0..size).map(|i: usize| u8::try_from(i % 253).unwrap()).collect();
            let mut bytes = Vec::new();
            aac(97, &frame).write(PATCH, &mut bytes);
            assert_eq!(depacketise_aac(&bytes), (size, frame), "a frame of {size} bytes");
        }
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
