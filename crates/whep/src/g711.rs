//! Brain: samples become G.711 again (ITU-T G.711), bit for bit where they came from it.
//!
//! Cameras' G.711 reaches the hub as FLAC of 16-bit samples, which WebRTC does not carry. Which law they came from is not
//! said with them, but shows: a law has but 256 values, and those of the other lie between them.
//! What does not belong here: packets ([`crate::sound`]).

use std::io::Cursor;

use claxon::frame::FrameReader;

/// One of the two companding laws.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Law {
    /// Europe, most cameras.
    A,
    /// North America, Japan.
    Mu,
}

impl Law {
    /// The byte whose value is nearest.
    pub(crate) fn encode(self, sample: i16) -> u8 {
        let size = i32::from(sample).abs();
        match self {
            Self::A => {
                let (exponent, mantissa) = match size.min(0x7fff) {
                    small @ ..256 => (0, small >> 4),
                    large => segment(large),
                };
                // Every second bit is inverted on the wire.
                (sign(sample >= 0) | low(exponent << 4 | mantissa)) ^ 0x55
            }
            Self::Mu => {
                // The bias makes the first segment meet the second (132; 33 in 14 bits).
                let (exponent, mantissa) = segment((size + 132).min(0x7fff));
                !(sign(sample < 0) | low(exponent << 4 | mantissa))
            }
        }
    }

    /// The sample that a byte stands for.
    fn decode(self, byte: u8) -> i16 {
        let bits = if self == Self::A { byte ^ 0x55 } else { !byte };
        let (exponent, mantissa) = (bits >> 4 & 7, i16::from(bits & 0x0f));
        let size = match (self, exponent) {
            (Self::A, 0) => (mantissa << 4) + 8,
            (Self::A, _) => ((mantissa << 4) + 0x108) << (exponent - 1),
            (Self::Mu, _) => (((mantissa << 3) + 132) << exponent) - 132,
        };
        if (bits & 0x80 != 0) == (self == Self::A) { size } else { -size }
    }

    fn has(self, sample: i16) -> bool {
        self.decode(self.encode(sample)) == sample
    }
}

/// A size of 9 bits or more, less its highest bit: which one that was, and the four behind it.
const fn segment(size: i32) -> (i32, i32) {
    let exponent = (31 - size.leading_zeros()).saturating_sub(7).cast_signed();
    (exponent, size >> (exponent + 3) & 0x0f)
}

const fn sign(is_set: bool) -> u8 {
    if is_set { 0x80 } else { 0 }
}

const fn low(bits: i32) -> u8 {
    bits.to_be_bytes()[3]
}

/// Tells the law that samples came from.
#[derive(Debug)]
pub(crate) struct Origin {
    law: Law,
}

impl Default for Origin {
    fn default() -> Self {
        // Digital silence of A-law is in mu-law, too; the other way round it is not.
        Self { law: Law::A }
    }
}

impl Origin {
    /// The law in which fewer of them would change; what tells nothing changes nothing.
    pub(crate) fn look(&mut self, samples: &[i16]) -> Law {
        let changed = |law: Law| samples.iter().filter(|sample| !law.has(**sample)).count();
        let (a, mu) = (changed(Law::A), changed(Law::Mu));
        if a != mu {
            self.law = if a < mu { Law::A } else { Law::Mu };
        }
        self.law
    }
}

/// The samples of a FLAC frame of one channel; nothing if it is damaged, or has more of them.
pub(crate) fn samples(frame: &[u8]) -> Option<Vec<i16>> {
    let block = FrameReader::new(Cursor::new(frame)).read_next_or_eof(Vec::new()).ok()??;
    if block.channels() != 1 {
        return None;
    }
    (0..block.duration()).map(|at| i16::try_from(block.sample(0, at)).ok()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_values_are_those_of_the_standard() {
        // ITU-T G.711 tables 1a and 2a, scaled to 16 bits: the ends and the middle of the range.
        for (byte, sample) in [(0xd5, 8), (0x55, -8), (0xd4, 24), (0xaa, 32_256), (0x2a, -32_256)] {
            assert_eq!((Law::A.decode(byte), Law::A.encode(sample)), (sample, byte), "A-law");
        }
        for (byte, sample) in [(0xff, 0), (0xfe, 8), (0x7e, -8), (0x80, 32_124), (0x00, -32_124)] {
            assert_eq!((Law::Mu.decode(byte), Law::Mu.encode(sample)), (sample, byte), "mu-law");
        }
    }

    #[test]
    fn what_came_from_a_law_goes_back_into_it_bit_for_bit() {
        for byte in 0..=u8::MAX {
            assert_eq!(Law::A.encode(Law::A.decode(byte)), byte, "A-law");
            // Mu-law has two zeros, and samples have one.
            let wanted = if byte == 0x7f { 0xff } else { byte };
            assert_eq!(Law::Mu.encode(Law::Mu.decode(byte)), wanted, "mu-law");
        }
    }

    #[test]
    fn any_other_sample_gets_a_value_next_to_it() {
        for law in [Law::A, Law::Mu] {
            let mut values: Vec<i16> = (0..=u8::MAX).map(|byte| law.decode(byte)).collect();
            values.sort_unstable();
            for sample in i16::MIN..=i16::MAX {
                let value = law.decode(law.encode(sample));
                let at = values.partition_point(|other| *other < sample);
                let next = [at.saturating_sub(1), at.min(values.len() - 1)].map(|at| values[at]);
                assert!(next.contains(&value), "{law:?}: {sample} became {value}");
            }
        }
    }

    #[test]
    fn the_law_is_told_by_the_samples() {
        let of = |law: Law, bytes: [u8; 6]| bytes.map(|byte| law.decode(byte));
        let mut origin = Origin::default();
        assert_eq!(origin.look(&of(Law::A, [0xd5, 0x55, 0xd5, 0x55, 0xd5, 0x55])), Law::A);
        let mu = of(Law::Mu, [0xff, 0x12, 0xc4, 0x7e, 0x33, 0xe0]);
        assert_eq!(origin.look(&mu), Law::Mu);
        assert_eq!(origin.look(&[8, -8]), Law::Mu, "both have it: nothing is known anew");
        let a = of(Law::A, [0xd5, 0x12, 0xc4, 0x7e, 0x33, 0xe0]);
        assert_eq!(origin.look(&a), Law::A);
    }

    proptest! {
        #[test]
        fn no_frame_panics(frame: Vec<u8>) {
            let _ = samples(&frame);
            let _ = samples(&[&[0xff, 0xf8, 0x64, 0x08, 0, 15], &frame[..]].concat());
        }
    }
}
