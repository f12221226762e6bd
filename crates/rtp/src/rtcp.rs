//! RTCP that a server sends: a sender report with the source's name, and the good-bye (RFC 3550 section 6).

/// What a sender report says.
#[derive(Clone, Copy, Debug)]
pub struct SenderReport {
    /// Whose report it is.
    pub ssrc: u32,
    /// The wall clock, nanoseconds since 1970.
    pub utc_nanos: u64,
    /// The RTP timestamp of the same moment.
    pub timestamp: u32,
    /// RTP packets so far.
    pub packets: u32,
    /// Their payload so far.
    pub payload_bytes: u32,
}

const CNAME: &[u8] = b"tarsier";
/// From 1900, where NTP begins, to 1970.
const NTP_OFFSET_SECONDS: u64 = 2_208_988_800;

/// Appends a compound packet (SR, SDES) to `out`, framed for an interleaved channel.
pub fn write_report(report: &SenderReport, channel: u8, out: &mut Vec<u8>) {
    let mut packet = vec![0x80, 200, 0, 6];
    packet.extend_from_slice(&report.ssrc.to_be_bytes());
    packet.extend_from_slice(&ntp(report.utc_nanos).to_be_bytes());
    packet.extend_from_slice(&report.timestamp.to_be_bytes());
    packet.extend_from_slice(&report.packets.to_be_bytes());
    packet.extend_from_slice(&report.payload_bytes.to_be_bytes());

    let sdes_start = packet.len();
    packet.extend_from_slice(&[0x81, 202, 0, 0]);
    packet.extend_from_slice(&report.ssrc.to_be_bytes());
    packet.extend_from_slice(&[1, u8::try_from(CNAME.len()).expect("a short name")]);
    packet.extend_from_slice(CNAME);
    // At least one zero ends the chunk, which is filled up to 32 bits.
    packet.push(0);
    while (packet.len() - sdes_start) % 4 != 0 {
        packet.push(0);
    }
    let words = (packet.len() - sdes_start) / 4 - 1;
    packet[sdes_start + 3] = u8::try_from(words).expect("a short name");
    frame(channel, &packet, out);
}

/// Appends a BYE to `out`, framed for an interleaved channel.
pub fn write_bye(ssrc: u32, channel: u8, out: &mut Vec<u8>) {
    let mut packet = vec![0x81, 203, 0, 1];
    packet.extend_from_slice(&ssrc.to_be_bytes());
    frame(channel, &packet, out);
}

fn frame(channel: u8, packet: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&[b'$', channel]);
    out.extend_from_slice(&u16::try_from(packet.len()).expect("a short packet").to_be_bytes());
    out.extend_from_slice(packet);
}

/// 32 bits of seconds, 32 bits of fraction (RFC 3550 section 4).
fn ntp(utc_nanos: u64) -> u64 {
    let seconds = utc_nanos / 1_000_000_000 + NTP_OFFSET_SECONDS;
    let fraction = ((utc_nanos % 1_000_000_000) << 32) / 1_000_000_000;
    seconds << 32 | fraction
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packets::interleaved;

    #[test]
    fn ntp_is_counted_from_1900() {
        assert_eq!(ntp(0) >> 32, 2_208_988_800);
        assert_eq!(ntp(1_500_000_000), (2_208_988_801 << 32) | 1 << 31, "one and a half seconds");
    }

    #[test]
    fn lengths_of_a_compound_packet_add_up() {
        let report =
            SenderReport { ssrc: 1, utc_nanos: 2, timestamp: 3, packets: 4, payload_bytes: 5 };
        let mut out = Vec::new();
        write_report(&report, 1, &mut out);
        let (channel, mut rest) = interleaved(&out).next().unwrap();
        assert_eq!(channel, 1);
        let mut kinds = Vec::new();
        while let [_, kind, high, low, ..] = *rest {
            kinds.push(kind);
            rest = &rest[(usize::from(u16::from_be_bytes([high, low])) + 1) * 4..];
        }
        assert_eq!((kinds, rest.len()), (vec![200, 202], 0), "SR then SDES, nothing left over");
    }
}
