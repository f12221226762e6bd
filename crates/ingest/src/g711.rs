//! G.711 A-law and mu-law become 16-bit samples (ITU-T G.711; RFC 3551 sections 4.5.14 and 4.5.13).
//!
//! What does not belong here: FLAC (`flac`), timestamps (`timeline`).

use tarsier_types::Codec;

/// Which of the two companding laws.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Law {
    /// A-law: Europe, most cameras.
    A,
    /// mu-law: North America, Japan.
    Mu,
}

impl Law {
    /// The codec of samples in this law.
    pub const fn codec(self) -> Codec {
        match self {
            Self::A => Codec::PcmAlaw,
            Self::Mu => Codec::PcmMulaw,
        }
    }

    /// The sample that a byte stands for.
    pub const fn decode(self, byte: u8) -> i16 {
        match self {
            Self::A => A_LAW[byte as usize],
            Self::Mu => MU_LAW[byte as usize],
        }
    }
}

const A_LAW: [i16; 256] = table(Law::A);
const MU_LAW: [i16; 256] = table(Law::Mu);

const fn table(law: Law) -> [i16; 256] {
    let mut table = [0_i16; 256];
    let mut byte = 0_u8;
    loop {
        table[byte as usize] = match law {
            Law::A => a_law(byte),
            Law::Mu => mu_law(byte),
        };
        if byte == u8::MAX {
            return table;
        }
        byte += 1;
    }
}

/// Every second bit is inverted on the wire; then sign, 3 bits of exponent, 4 bits of mantissa.
const fn a_law(byte: u8) -> i16 {
    let bits = byte ^ 0x55;
    let exponent = (bits >> 4) & 7;
    let mantissa = ((bits & 0x0f) as i16) << 4;
    let magnitude = match exponent {
        0 => mantissa + 8,
        _ => (mantissa + 0x108) << (exponent - 1),
    };
    if bits & 0x80 == 0 { -magnitude } else { magnitude }
}

/// All bits are inverted on the wire; a bias of 132 (33 in 14 bits) makes the first segment meet the second.
const fn mu_law(byte: u8) -> i16 {
    let bits = !byte;
    let exponent = (bits >> 4) & 7;
    let mantissa = ((bits & 0x0f) as i16) << 3;
    let magnitude = ((mantissa + 132) << exponent) - 132;
    if bits & 0x80 == 0 { magnitude } else { -magnitude }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_values_are_those_of_the_standard() {
        // ITU-T G.711 tables 1a and 2a, scaled to 16 bits: the ends and the middle of the range.
        let a: Vec<i16> =
            [0xd5, 0x55, 0xd4, 0xaa, 0x2a].iter().map(|b| Law::A.decode(*b)).collect();
        assert_eq!(a, [8, -8, 24, 32256, -32256], "A-law");
        let mu: Vec<i16> =
            [0xff, 0x7f, 0xfe, 0x80, 0x00].iter().map(|b| Law::Mu.decode(*b)).collect();
        assert_eq!(mu, [0, 0, 8, 32124, -32124], "mu-law");
    }

    #[test]
    fn both_laws_are_odd_and_grow() {
        for law in [Law::A, Law::Mu] {
            let positive =
                |step: u8| law.decode(if law == Law::A { (0x80 | step) ^ 0x55 } else { !step });
            let negative =
                |step: u8| law.decode(if law == Law::A { step ^ 0x55 } else { !(0x80 | step) });
            for step in 0..=127 {
                assert_eq!(positive(step), -negative(step), "{law:?} step {step} must be odd");
                assert!(
                    step == 0 || positive(step) > positive(step - 1),
                    "{law:?} must grow at {step}"
                );
            }
        }
    }
}
