//! 16-bit samples become FLAC frames without loss (RFC 9639), one at a time, all of the same length.
//!
//! ```text
//! frame     header (sync, block size, rate, channels, bits, frame number, CRC-8) | subframe per channel | pad | CRC-16
//! subframe  type | wasted bits | warm-up samples | residual, Rice-coded in partitions
//! ```
//! Fixed predictors of order 0 to 4 with exact Rice costs: on telephone sound that comes within a few per cent of
//! linear prediction, without floating point. What G.711 decodes to leaves its lowest two or three bits zero; FLAC
//! calls them wasted and they cost nothing.
//!
//! What does not belong here: G.711 (`g711`), gaps in the sound (`sound`), MP4 (`segment`).

mod bits;

use bits::{BitWriter, crc8, crc16};

/// Samples of each channel in a frame. 64 ms at 8 kHz: short enough to be live, long enough to predict.
pub const BLOCK: usize = 512;
/// The same as a span of samples.
pub const BLOCK_SAMPLES: i64 = 512;

const MAX_ORDER: usize = 4;
const MAX_PARTITION_ORDER: u32 = 4;
/// Rice parameter 15 is the escape code of the 4-bit coding method.
const MAX_RICE: u32 = 14;
const BITS: u32 = 16;

/// Encodes blocks of one stream; counts them.
#[derive(Clone, Debug)]
pub struct Encoder {
    rate_hz: u32,
    channels: u8,
    frame: u32,
}

impl Encoder {
    /// For a rate below 2^20 Hz and 1 to 8 channels, else none.
    pub fn new(rate_hz: u32, channels: u16) -> Option<Self> {
        let channels = u8::try_from(channels).ok().filter(|channels| (1..=8).contains(channels))?;
        (1..1 << 20).contains(&rate_hz).then_some(Self { rate_hz, channels, frame: 0 })
    }

    /// STREAMINFO, RFC 9639 section 8.2: lengths and MD5 are unknown in a stream without end.
    pub fn streaminfo(&self) -> [u8; 34] {
        let mut w = BitWriter::default();
        w.put(16, BLOCK as u64);
        w.put(16, BLOCK as u64);
        w.put(48, 0); // smallest and largest frame: unknown
        w.put(20, u64::from(self.rate_hz));
        w.put(3, u64::from(self.channels - 1));
        w.put(5, u64::from(BITS - 1));
        w.put(36, 0); // number of samples: unknown
        let mut info = [0; 34];
        info[..18].copy_from_slice(&w.finish());
        info
    }

    /// One frame of exactly [`BLOCK`] samples of each channel, interleaved. Too few are filled up with silence.
    pub fn encode(&mut self, interleaved: &[i16]) -> Vec<u8> {
        let channels = usize::from(self.channels);
        let mut w = BitWriter::with_capacity(BLOCK * channels * 2 + 16);
        w.put(16, 0xfff8); // sync code, fixed block size
        w.put(4, 0b1001); // 512 samples
        w.put(4, self.rate_code());
        w.put(4, u64::from(self.channels - 1));
        w.put(4, 0b1000); // 16 bits, reserved bit
        w.coded_number(self.frame);
        let crc = crc8(w.bytes());
        w.put(8, u64::from(crc));
        self.frame = (self.frame + 1) & 0x7fff_ffff;
        for channel in 0..channels {
            let mut samples = [0_i32; BLOCK];
            for (to, from) in
                samples.iter_mut().zip(interleaved.iter().skip(channel).step_by(channels))
            {
                *to = i32::from(*from);
            }
            subframe(&mut w, &mut samples);
        }
        w.align();
        let crc = crc16(w.bytes());
        w.put(16, u64::from(crc));
        w.finish()
    }

    /// RFC 9639 section 9.1.2; 0 refers to STREAMINFO.
    const fn rate_code(&self) -> u64 {
        match self.rate_hz {
            8_000 => 4,
            16_000 => 5,
            24_000 => 7,
            32_000 => 8,
            44_100 => 9,
            48_000 => 10,
            _ => 0,
        }
    }
}

fn subframe(w: &mut BitWriter, samples: &mut [i32; BLOCK]) {
    if samples.iter().all(|sample| *sample == samples[0]) {
        w.put(8, 0); // constant
        w.signed(BITS, samples[0]);
        return;
    }
    let wasted = samples.iter().fold(0, |all, sample| all | sample).trailing_zeros().min(BITS - 1);
    for sample in samples.iter_mut() {
        *sample >>= wasted;
    }
    let bits = BITS - wasted;
    let (order, residual, plan) = (0..=MAX_ORDER)
        .map(|order| {
            let residual = residual_of(samples, order);
            let plan = Plan::best(&residual, order);
            (order, residual, plan)
        })
        .min_by_key(|(order, _, plan)| plan.cost + u64::from(bits) * (*order as u64))
        .expect("there are five orders to choose from");
    let verbatim = u64::from(bits) * (BLOCK as u64);
    let fixed = plan.cost + u64::from(bits) * (order as u64) + 6;
    let kind = if fixed < verbatim { 0b00_1000 | (order as u64) } else { 1 };
    w.put(7, kind);
    if wasted == 0 {
        w.put(1, 0);
    } else {
        w.put(1, 1);
        w.unary(wasted - 1);
    }
    if kind == 1 {
        for sample in samples.iter() {
            w.signed(bits, *sample);
        }
        return;
    }
    for sample in &samples[..order] {
        w.signed(bits, *sample);
    }
    plan.write(w, &residual, order);
}

/// Differences of differences: the fixed predictors of RFC 9639 section 9.2.5. The first `order` are no use.
fn residual_of(samples: &[i32; BLOCK], order: usize) -> [i32; BLOCK] {
    let mut residual = *samples;
    for pass in 0..order {
        for at in (pass + 1..BLOCK).rev() {
            residual[at] -= residual[at - 1];
        }
    }
    residual
}

/// Zigzag: 0, -1, 1, -2 … become 0, 1, 2, 3 …
const fn folded(residual: i32) -> u64 {
    ((residual << 1) ^ (residual >> 31)).cast_unsigned() as u64
}

/// How a residual is cut into partitions, and with what Rice parameter each is written.
struct Plan {
    partition_order: u32,
    rice: [u32; 1 << MAX_PARTITION_ORDER],
    cost: u64,
}

impl Plan {
    fn best(residual: &[i32; BLOCK], order: usize) -> Self {
        (0..=MAX_PARTITION_ORDER)
            .map(|partition_order| Self::with(partition_order, residual, order))
            .min_by_key(|plan| plan.cost)
            .expect("there are several partition orders to choose from")
    }

    fn with(partition_order: u32, residual: &[i32; BLOCK], order: usize) -> Self {
        let mut rice = [0; 1 << MAX_PARTITION_ORDER];
        let mut cost = 0;
        for (index, part) in partitions(partition_order, residual, order).enumerate() {
            let (best, bits) = best_rice(part);
            rice[index] = best;
            cost += 4 + bits;
        }
        Self { partition_order, rice, cost }
    }

    fn write(&self, w: &mut BitWriter, residual: &[i32; BLOCK], order: usize) {
        w.put(2, 0); // parameters of 4 bits
        w.put(4, u64::from(self.partition_order));
        for (index, part) in partitions(self.partition_order, residual, order).enumerate() {
            let rice = self.rice[index];
            w.put(4, u64::from(rice));
            for value in part.iter().map(|residual| folded(*residual)) {
                w.unary(u32::try_from(value >> rice).unwrap_or(u32::MAX));
                w.put(rice, value & ((1 << rice) - 1));
            }
        }
    }
}

fn partitions(
    partition_order: u32,
    residual: &[i32; BLOCK],
    order: usize,
) -> impl Iterator<Item = &[i32]> {
    let length = BLOCK >> partition_order;
    residual
        .chunks_exact(length)
        .enumerate()
        .map(move |(index, part)| if index == 0 { &part[order..] } else { part })
}

/// The parameter with the fewest bits, and how many: the best is near the logarithm of the mean.
fn best_rice(part: &[i32]) -> (u32, u64) {
    let sum: u64 = part.iter().map(|residual| folded(*residual)).sum();
    let count = part.len() as u64;
    let guess = (sum / count.max(1)).checked_ilog2().unwrap_or(0).min(MAX_RICE);
    (guess.saturating_sub(1)..=(guess + 1).min(MAX_RICE))
        .map(|rice| {
            let unary: u64 = part.iter().map(|residual| folded(*residual) >> rice).sum();
            (rice, unary + count * u64::from(rice + 1))
        })
        .min_by_key(|(_, bits)| *bits)
        .unwrap_or((0, 0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::g711::Law;

    /// What an independent decoder makes of it.
    fn decoded(encoder: &Encoder, frames: &[Vec<u8>]) -> Vec<i16> {
        let mut file = b"fLaC\x80\0\0\x22".to_vec();
        file.extend_from_slice(&encoder.streaminfo());
        for frame in frames {
            file.extend_from_slice(frame);
        }
        let mut reader = claxon::FlacReader::new(&file[..]).expect("the header must be readable");
        reader
            .samples()
            .map(|s| i16::try_from(s.expect("each frame must be readable")).unwrap())
            .collect()
    }

    fn check(rate_hz: u32, channels: u16, samples: &[i16]) -> usize {
        let mut encoder = Encoder::new(rate_hz, channels).unwrap();
        let frames: Vec<_> = samples
            .chunks(BLOCK * usize::from(channels))
            .map(|block| encoder.encode(block))
            .collect();
        let back = decoded(&encoder, &frames);
        assert_eq!(&back[..samples.len()], samples, "decoding must give every sample back");
        assert!(back[samples.len()..].iter().all(|s| *s == 0), "what was missing is silence");
        frames.iter().map(Vec::len).sum()
    }

    fn tone(law: Law, samples: u32) -> Vec<i16> {
        // A parabola-shaped "sine" of about 400 Hz with a slow swell, companded as a telephone would.
        (0..samples)
            .map(|n| {
                let phase = i64::from(n % 20) - 10;
                let wave = phase * (10 - phase.abs()) * i64::from(n % 4_000);
                let closest = (0..=255_u8)
                    .min_by_key(|byte| (i64::from(law.decode(*byte)) - wave / 4).abs())
                    .expect("256 values");
                law.decode(closest)
            })
            .collect()
    }

    #[test]
    fn g711_comes_back_bit_exact_and_smaller_than_pcm() {
        for law in [Law::A, Law::Mu] {
            let samples = tone(law, 8_000);
            let bytes = check(8_000, 1, &samples);
            assert!(bytes < samples.len() * 2 * 3 / 4, "{bytes} bytes for a second of {law:?}");
        }
    }

    #[test]
    fn silence_costs_next_to_nothing() {
        let bytes = check(8_000, 1, &[8; 8_000]);
        assert!(bytes < 16 * 16, "{bytes} bytes for a second of silence");
    }

    #[test]
    fn extremes_and_the_frame_number_survive() {
        check(48_000, 2, &[i16::MIN, i16::MAX].repeat(BLOCK * 300));
        check(11_025, 1, &[i16::MIN; BLOCK]);
    }

    #[test]
    fn what_flac_cannot_say_is_refused() {
        assert!(Encoder::new(0, 1).is_none() && Encoder::new(1 << 20, 1).is_none());
        assert!(Encoder::new(8_000, 0).is_none() && Encoder::new(8_000, 9).is_none());
    }

    proptest! {
        #[test]
        fn any_samples_come_back(
            samples in proptest::collection::vec(any::<i16>(), 1..1_600),
            shift in 0_u32..15,
            channels in 1_u16..3,
        ) {
            let quieter: Vec<i16> = samples.iter().map(|s| s >> shift).collect();
            let louder: Vec<i16> = samples.iter().map(|s| s << shift).collect();
            check(8_000, channels, &quieter[..quieter.len() / usize::from(channels) * usize::from(channels)]);
            check(16_000, 1, &louder);
        }
    }
}
