//! Pictures to packets: RFC 6184 (H.264, packetisation mode 1) and RFC 7798 (H.265): single NAL units and
//! fragmentation units. Nothing is aggregated; few cameras do it.

use crate::packets::{MAX_PAYLOAD, Marker, PacketWriter, Packets};

/// Which codec of NAL units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NalCodec {
    /// H.264.
    Avc,
    /// H.265.
    Hevc,
}

/// Pictures made of NAL units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NalFormat {
    /// Which codec.
    pub codec: NalCodec,
    /// Bytes of the length before each NAL unit.
    pub length_size: usize,
    /// Parameter sets in the order in which they are sent: (VPS,) SPS, PPS.
    pub parameter_sets: Vec<Vec<u8>>,
}

/// The fragmentation unit of RFC 6184 section 5.8.
const FU_A: u8 = 28;
/// That of RFC 7798 section 4.4.3.
const FU: u8 = 49;

/// The NAL units of a sample, each after its length; ends at the first length that is wrong.
pub fn split(sample: &[u8], length_size: usize) -> impl Iterator<Item = &[u8]> {
    let mut rest = sample;
    std::iter::from_fn(move || {
        let (length, behind) = rest.split_at_checked(length_size)?;
        let length = length.iter().fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte));
        let (nal, behind) = behind.split_at_checked(length)?;
        rest = behind;
        Some(nal)
    })
    .filter(|nal| nal.len() > 2)
}

/// The kind of a NAL unit: `nal_unit_type`.
pub fn kind(codec: NalCodec, nal: &[u8]) -> u8 {
    match codec {
        NalCodec::Avc => nal[0] & 0x1f,
        NalCodec::Hevc => nal[0] >> 1 & 0x3f,
    }
}

/// Whether the NAL unit is a sequence parameter set.
pub fn is_sps(codec: NalCodec, nal: &[u8]) -> bool {
    kind(codec, nal) == if codec == NalCodec::Avc { 7 } else { 33 }
}

/// One picture as packets. A keyframe is led by the parameter sets, as cameras send it, unless it has its own.
pub fn packetise(
    format: &NalFormat,
    payload_type: u8,
    sample: &[u8],
    is_keyframe: bool,
) -> Packets {
    let mut writer = PacketWriter::new(payload_type);
    let has_own_sets = || split(sample, format.length_size).any(|nal| is_sps(format.codec, nal));
    if is_keyframe && !has_own_sets() {
        for nal in format.parameter_sets.iter().filter(|nal| nal.len() > 2) {
            write_nal(format.codec, &mut writer, nal);
        }
    }
    for nal in split(sample, format.length_size) {
        write_nal(format.codec, &mut writer, nal);
    }
    writer.finish(Marker::OnLast)
}

fn write_nal(codec: NalCodec, writer: &mut PacketWriter, nal: &[u8]) {
    if nal.len() <= MAX_PAYLOAD {
        return writer.packet(&[nal]);
    }
    // The NAL header is not repeated: it is split over the FU indicator (payload header) and the FU header.
    let (header_length, fragment_header, kind) = match codec {
        NalCodec::Avc => (1, vec![nal[0] & 0xe0 | FU_A], nal[0] & 0x1f),
        NalCodec::Hevc => (2, vec![nal[0] & 0x81 | FU << 1, nal[1]], nal[0] >> 1 & 0x3f),
    };
    let body = &nal[header_length..];
    let room = MAX_PAYLOAD - fragment_header.len() - 1;
    let last = body.len().div_ceil(room) - 1;
    for (index, part) in body.chunks(room).enumerate() {
        let start = if index == 0 { 0x80 } else { 0 };
        let end = if index == last { 0x40 } else { 0 };
        writer.packet(&[&fragment_header, &[start | end | kind], part]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Patch;
    use crate::packets::interleaved;

    /// A receiver as RFC 6184 and RFC 7798 tell it; gives the NAL units of one access unit.
    fn depacketise(codec: NalCodec, bytes: &[u8]) -> Vec<Vec<u8>> {
        let packets: Vec<&[u8]> = interleaved(bytes).map(|(_, packet)| packet).collect();
        let mut nals: Vec<Vec<u8>> = Vec::new();
        for (index, packet) in packets.iter().enumerate() {
            let marker = packet[1] & 0x80 != 0;
            assert_eq!(
                marker,
                index + 1 == packets.len(),
                "the marker is on the last packet alone"
            );
            let payload = &packet[12..];
            let (header, fu) = match codec {
                NalCodec::Avc => (1, payload[0] & 0x1f == 28),
                NalCodec::Hevc => (2, payload[0] >> 1 & 0x3f == 49),
            };
            if !fu {
                nals.push(payload.to_vec());
                continue;
            }
            let (fu_header, part) = (payload[header], &payload[header + 1..]);
            if fu_header & 0x80 != 0 {
                nals.push(match codec {
                    NalCodec::Avc => vec![payload[0] & 0xe0 | fu_header & 0x1f],
                    NalCodec::Hevc => vec![payload[0] & 0x81 | (fu_header & 0x3f) << 1, payload[1]],
                });
            }
            nals.last_mut().expect("a fragment begins with its start").extend_from_slice(part);
        }
        nals
    }

    fn check(codec: NalCodec, sizes: &[usize]) {
        let first = if codec == NalCodec::Avc { vec![0x65, 0x88] } else { vec![19 << 1, 1] };
        let nals: Vec<Vec<u8>> = sizes
            .iter()
            .map(|size| {
                let body = (0..size - 2).map(|i| u8::try_from(i % 251).unwrap());
                first.iter().copied().chain(body).collect()
            })
            .collect();
        let sample: Vec<u8> = nals
            .iter()
            .flat_map(|nal| {
                u32::try_from(nal.len())
                    .unwrap()
                    .to_be_bytes()
                    .into_iter()
                    .chain(nal.iter().copied())
            })
            .collect();
        let format = NalFormat { codec, length_size: 4, parameter_sets: vec![vec![0x67, 1, 2, 3]] };
        let packets = packetise(&format, 96, &sample, false);
        let mut bytes = Vec::new();
        let next = packets
            .write(Patch { channel: 2, sequence: 65_535, timestamp: 7, ssrc: 9 }, &mut bytes);
        assert_eq!(usize::from(next), packets.count() - 1, "sequence numbers wrap");
        assert_eq!(depacketise(codec, &bytes), nals, "what is put together again is what was cut");
        for (channel, packet) in interleaved(&bytes) {
            assert!(packet.len() <= MAX_PAYLOAD + 12, "a packet of {} bytes", packet.len());
            assert_eq!(
                (channel, &packet[4..12]),
                (2, &[0, 0, 0, 7, 0, 0, 0, 9][..]),
                "each packet is patched"
            );
        }
    }

    #[test]
    fn what_is_cut_can_be_put_together_again() {
        for codec in [NalCodec::Avc, NalCodec::Hevc] {
            for size in [3, 1399, 1400, 1401, 1402, 2796, 2797, 2798, 2799, 2800, 100_000] {
                check(codec, &[size]);
            }
            check(codec, &[30, 9000, 5, 1400]);
        }
    }

    #[test]
    fn a_keyframe_is_led_by_parameter_sets_once() {
        let format = NalFormat {
            codec: NalCodec::Avc,
            length_size: 4,
            parameter_sets: vec![vec![0x67, 1, 2, 3]],
        };
        let with_own = [0, 0, 0, 4, 0x67, 1, 2, 3, 0, 0, 0, 3, 0x65, 1, 2];
        assert_eq!(
            packetise(&format, 96, &with_own, true).count(),
            2,
            "its own set is not doubled"
        );
        assert_eq!(
            packetise(&format, 96, &with_own[8..], true).count(),
            2,
            "the set of the file leads"
        );
        assert_eq!(
            packetise(&format, 96, &with_own[8..], false).count(),
            1,
            "other pictures have none"
        );
    }
}
