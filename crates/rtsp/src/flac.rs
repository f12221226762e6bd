//! Brain: a FLAC frame becomes samples again, big-endian as L16 wants them (RFC 3551 section 4.5.11).
//!
//! Cameras' G.711 is kept as FLAC, which no payload format of RTP carries; what G.711 stands for is in it bit for bit.

use std::io::Cursor;

use claxon::frame::FrameReader;

/// The interleaved samples of one frame; nothing if it is damaged, or has other channels than were described.
pub(crate) fn samples(frame: &[u8], channels: u16) -> Option<Vec<u8>> {
    let block = FrameReader::new(Cursor::new(frame)).read_next_or_eof(Vec::new()).ok()??;
    if block.channels() != u32::from(channels) {
        return None;
    }
    let mut out = Vec::with_capacity(frame.len() * 2);
    for at in 0..block.duration() {
        for channel in 0..block.channels() {
            // Only 16 bits are ever described; a damaged frame may say more.
            let sample = i16::try_from(block.sample(channel, at)).ok()?;
            out.extend_from_slice(&sample.to_be_bytes());
        }
    }
    Some(out)
}

#[cfg(test)]
pub(crate) mod fixtures {
    /// 16 samples of one channel at 8 kHz, as they are (a verbatim subframe), with right checksums.
    pub(crate) fn frame(samples: &[i16; 16]) -> Vec<u8> {
        // sync, fixed | 6: block size - 1 in 8 bits; 8 kHz | mono; 16 bits | frame 0 | size
        let mut frame = vec![0xff, 0xf8, 0x64, 0x08, 0, 15];
        frame.push(crc(&frame, 8, 0x07).to_be_bytes()[1]);
        frame.push(0x02);
        for sample in samples {
            frame.extend_from_slice(&sample.to_be_bytes());
        }
        let check = crc(&frame, 16, 0x8005);
        frame.extend_from_slice(&check.to_be_bytes());
        frame
    }

    /// RFC 9639 sections 9.1.8 and 9.3.
    fn crc(bytes: &[u8], bits: u32, polynomial: u32) -> u16 {
        let top = 1_u32 << (bits - 1);
        let crc = bytes.iter().fold(0_u32, |crc, byte| {
            (0..8).fold(crc ^ (u32::from(*byte) << (bits - 8)), |crc, _| {
                if crc & top == 0 { crc << 1 } else { (crc << 1) ^ polynomial }
            }) & ((1 << bits) - 1)
        });
        u16::try_from(crc).unwrap()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn samples_come_out_as_they_went_in() {
        let mut wave = [0_i16; 16];
        for (at, sample) in (-8_i16..).zip(&mut wave) {
            *sample = at * 4096 + 8;
        }
        let expected: Vec<u8> = wave.iter().flat_map(|sample| sample.to_be_bytes()).collect();
        assert_eq!(samples(&fixtures::frame(&wave), 1), Some(expected));
        assert_eq!(samples(&fixtures::frame(&wave), 2), None, "two channels were described");
        assert_eq!(samples(&[], 1), None);
    }

    proptest! {
        #[test]
        fn no_damage_makes_it_panic(at in 0_usize..42, value: u8, length in 0_usize..42) {
            let mut frame = fixtures::frame(&[-3; 16]);
            if let Some(byte) = frame.get_mut(at) {
                *byte = value;
            }
            frame.truncate(length);
            let _ = samples(&frame, 1);
        }
    }
}
