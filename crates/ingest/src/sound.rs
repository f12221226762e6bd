//! G.711 packets of any length become FLAC blocks of one length, without a sample lost or doubled.
//!
//! Samples are counted, timestamps only checked: cameras stamp their sound carelessly, and a sound card does not lose
//! samples. Where the stamps say that something is missing (packets lost, silence not sent), silence takes its place
//! up to a second; beyond that the block is filled up and the next one begins where the stamps say.
//!
//! What does not belong here: the common zero with the pictures (`sync`).

use crate::flac::{BLOCK, BLOCK_SAMPLES, Encoder};
use crate::g711::Law;

/// Stamps may wander by that much against the count before they are believed: 1/25 s.
const TOLERANCE_DIVISOR: i64 = 25;
/// G.711 is telephone sound: whatever calls itself faster would have us write seconds of silence between its packets.
const MOST_HZ: u32 = 48_000;

/// A FLAC frame and where it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Camera time of its first sample, in samples.
    pub start: i64,
    /// The FLAC frame.
    pub data: Vec<u8>,
}

/// Gathers samples of one stream.
#[derive(Clone, Debug)]
pub struct Sound {
    law: Law,
    rate_hz: i64,
    channels: usize,
    encoder: Encoder,
    /// Interleaved samples of the block that is not whole yet.
    gathered: Vec<i16>,
    /// Camera time of the next sample.
    next: Option<i64>,
}

impl Sound {
    /// None if FLAC cannot say it, or nobody means it.
    pub fn new(law: Law, rate_hz: u32, channels: u16) -> Option<Self> {
        let encoder = Encoder::new(rate_hz, channels).filter(|_| rate_hz <= MOST_HZ)?;
        let channels = usize::from(channels);
        let gathered = Vec::with_capacity(BLOCK * channels);
        Some(Self { law, rate_hz: i64::from(rate_hz), channels, encoder, gathered, next: None })
    }

    /// STREAMINFO of the FLAC stream.
    pub fn streaminfo(&self) -> [u8; 34] {
        self.encoder.streaminfo()
    }

    /// A packet whose first sample has that camera time: the blocks that it completes.
    pub fn push(&mut self, stamp: i64, packet: &[u8]) -> Vec<Block> {
        let mut blocks = Vec::new();
        let next = *self.next.get_or_insert(stamp);
        let missing = stamp.saturating_sub(next);
        if missing > self.rate_hz {
            while !self.gathered.is_empty() {
                self.add(0, &mut blocks);
            }
            self.next = Some(stamp);
        } else if missing > self.rate_hz / TOLERANCE_DIVISOR {
            for _ in 0..missing {
                for _ in 0..self.channels {
                    self.add(0, &mut blocks);
                }
            }
        } else if missing < -self.rate_hz {
            // The clock went back; the count goes on by it from here, and `sync` finds the place.
            while !self.gathered.is_empty() {
                self.add(0, &mut blocks);
            }
            self.next = Some(stamp);
        }
        let whole = packet.len() / self.channels * self.channels;
        for byte in &packet[..whole] {
            self.add(self.law.decode(*byte), &mut blocks);
        }
        blocks
    }

    fn add(&mut self, sample: i16, blocks: &mut Vec<Block>) {
        self.gathered.push(sample);
        if self.gathered.len().is_multiple_of(self.channels) {
            self.next = self.next.map(|next| next.saturating_add(1));
        }
        if self.gathered.len() == BLOCK * self.channels {
            let start = self.next.unwrap_or_default().saturating_sub(BLOCK_SAMPLES);
            blocks.push(Block { start, data: self.encoder.encode(&self.gathered) });
            self.gathered.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Each word is `stamp+length`; the answer is where blocks begin.
    fn run(script: &str) -> String {
        let mut sound = Sound::new(Law::A, 8_000, 1).unwrap();
        let mut starts = Vec::new();
        for word in script.split_whitespace() {
            let (stamp, length) = word.split_once('+').unwrap();
            let packet = vec![0xd5; length.parse().unwrap()];
            starts.extend(
                sound.push(stamp.parse().unwrap(), &packet).iter().map(|b| b.start.to_string()),
            );
        }
        starts.join(" ")
    }

    #[test]
    fn packets_of_any_length_become_blocks_of_one() {
        insta::assert_snapshot!(run("1000+160 1160+160 1320+160 1480+160 1640+1600"), @"1000 1512 2024 2536");
    }

    #[test]
    fn careless_stamps_are_counted_over() {
        insta::assert_snapshot!(run("0+256 250+256 500+256 780+256"), @"0 512");
        insta::assert_snapshot!(run("0+256 0+256 0+256 0+256"), @"0 512");
    }

    #[test]
    fn a_lost_packet_becomes_silence_and_a_long_pause_a_new_place() {
        insta::assert_snapshot!(run("0+512 1024+512 100000+512"), @"0 512 1024 100000");
        insta::assert_snapshot!(run("100000+512 0+512"), @"100000 0");
    }

    #[test]
    fn telephone_sound_of_a_megahertz_keeps_nobody_busy() {
        assert!(Sound::new(Law::A, 1_000_000, 8).is_none());
        assert!(Sound::new(Law::A, 48_000, 2).is_some());
    }

    proptest! {
        #[test]
        fn no_sample_is_lost_or_doubled(
            lengths in proptest::collection::vec(1_usize..400, 1..40),
            channels in 1_u16..3,
        ) {
            let mut sound = Sound::new(Law::Mu, 8_000, channels).unwrap();
            let mut stamp = 77;
            let mut blocks = Vec::new();
            let mut sent = 0;
            for length in lengths {
                let packet: Vec<u8> = (0..=250).cycle().take(length * usize::from(channels)).collect();
                blocks.extend(sound.push(stamp, &packet));
                stamp += i64::try_from(length).unwrap();
                sent += length;
            }
            prop_assert_eq!(blocks.len(), sent / BLOCK, "whole blocks only");
            for (index, block) in blocks.iter().enumerate() {
                prop_assert_eq!(block.start, 77 + i64::try_from(index * BLOCK).unwrap());
            }
        }

        #[test]
        fn no_stamp_panics(stamps in proptest::collection::vec((any::<i64>(), 0_usize..300), 0..40)) {
            let mut sound = Sound::new(Law::Mu, 8_000, 1).unwrap();
            for (stamp, length) in stamps {
                let _ = sound.push(stamp, &vec![0; length]);
            }
        }
    }
}
