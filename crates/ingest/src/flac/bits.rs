//! Bits, most significant first, and the two checksums of a FLAC frame.

/// Writes bits into bytes.
#[derive(Clone, Debug, Default)]
pub(super) struct BitWriter {
    bytes: Vec<u8>,
    /// The last `pending` bits (fewer than 8) that fill no byte yet.
    partial: u64,
    pending: u32,
}

impl BitWriter {
    pub(super) fn with_capacity(bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes), ..Self::default() }
    }

    /// The lowest `bits` (at most 48) of a value.
    pub(super) fn put(&mut self, bits: u32, value: u64) {
        self.partial = (self.partial << bits) | (value & ((1 << bits) - 1));
        self.pending += bits;
        while self.pending >= 8 {
            self.pending -= 8;
            self.bytes.push(((self.partial >> self.pending) & 0xff) as u8);
        }
        self.partial &= (1 << self.pending) - 1;
    }

    /// A two's complement number.
    pub(super) fn signed(&mut self, bits: u32, value: i32) {
        self.put(bits, u64::from(value.cast_unsigned()));
    }

    /// That many zeros, then a one.
    pub(super) fn unary(&mut self, mut zeros: u32) {
        while zeros >= 32 {
            self.put(32, 0);
            zeros -= 32;
        }
        self.put(zeros + 1, 1);
    }

    /// RFC 9639 section 9.1.5: as UTF-8 would write a character, up to 31 bits.
    pub(super) fn coded_number(&mut self, number: u32) {
        if number < 0x80 {
            self.put(8, u64::from(number));
            return;
        }
        let significant = 32 - number.leading_zeros();
        let following = (2..=6).find(|n| significant <= 5 * n + 1).unwrap_or(6) - 1;
        let lead_bits = 6 - following;
        self.put(following + 1, (1 << (following + 1)) - 1);
        self.put(1, 0);
        self.put(lead_bits, u64::from(number) >> (6 * following));
        for index in (0..following).rev() {
            self.put(8, 0x80 | ((u64::from(number) >> (6 * index)) & 0x3f));
        }
    }

    /// Zeros up to the next whole byte.
    pub(super) fn align(&mut self) {
        if self.pending > 0 {
            self.put(8 - self.pending, 0);
        }
    }

    /// The whole bytes so far.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn finish(mut self) -> Vec<u8> {
        self.align();
        self.bytes
    }
}

/// Polynomial x^8 + x^2 + x + 1.
pub(super) fn crc8(bytes: &[u8]) -> u8 {
    const TABLE: [u16; 256] = table(0x0700);
    bytes.iter().fold(0, |crc, byte| (TABLE[usize::from(crc ^ byte)] >> 8) as u8)
}

/// Polynomial x^16 + x^15 + x^2 + 1.
pub(super) fn crc16(bytes: &[u8]) -> u16 {
    const TABLE: [u16; 256] = table(0x8005);
    bytes.iter().fold(0, |crc, byte| (crc << 8) ^ TABLE[usize::from((crc >> 8) as u8 ^ byte)])
}

/// Remainders of each first byte, for a polynomial aligned to the top of 16 bits.
const fn table(polynomial: u16) -> [u16; 256] {
    let mut table = [0; 256];
    let mut byte = 0_u16;
    while byte < 256 {
        let mut crc = byte << 8;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ polynomial };
            bit += 1;
        }
        table[byte as usize] = crc;
        byte += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_coded_as_utf8_codes_characters() {
        for c in
            ['\0', '\x7f', '\u{80}', '\u{7ff}', '\u{800}', '\u{ffff}', '\u{10000}', '\u{10ffff}']
        {
            let mut w = BitWriter::default();
            w.coded_number(u32::from(c));
            assert_eq!(w.finish(), c.to_string().as_bytes(), "{:x}", u32::from(c));
        }
        let mut w = BitWriter::default();
        w.coded_number(0x7fff_ffff);
        assert_eq!(w.finish(), [0xfd, 0xbf, 0xbf, 0xbf, 0xbf, 0xbf], "the largest takes six bytes");
    }

    #[test]
    fn checksums_match_their_published_check_values() {
        assert_eq!(crc8(b"123456789"), 0xf4, "CRC-8/SMBUS");
        assert_eq!(crc16(b"123456789"), 0xfee8, "CRC-16/UMTS");
    }
}
