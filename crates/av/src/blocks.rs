//! Brain: samples in frames of any length become blocks of one length, each with its media time.
//!
//! Times are those of the frames: a block begins where the frame says that its first sample came from. Over a hole in the
//! sound no block is made of both its sides. What does not belong here: libav.

use tarsier_types::{Pts, Ticks};

/// What comes so far from where it was expected begins anew (guess: more than stamps of cameras tremble).
const TOLERANCE: i64 = Ticks::PER_SECOND / 25;

/// One block.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Block {
    pub(crate) pts: Pts,
    /// Interleaved.
    pub(crate) samples: Vec<f32>,
}

/// Gathers samples of one stream.
#[derive(Debug)]
pub(crate) struct Blocks {
    rate_hz: i64,
    channels: usize,
    /// Of each channel.
    length: usize,
    gathered: Vec<f32>,
    /// Of the first sample that is gathered.
    at: i64,
}

impl Blocks {
    pub(crate) const fn new(rate_hz: i64, channels: usize, length: usize) -> Self {
        Self { rate_hz, channels, length, gathered: Vec::new(), at: 0 }
    }

    /// The samples of a frame, interleaved: the blocks that they complete.
    pub(crate) fn push(&mut self, pts: Pts, samples: &[f32]) -> Vec<Block> {
        let held = self.ticks(self.gathered.len());
        if (self.at + held - pts.0).abs() > TOLERANCE {
            self.gathered.clear();
        }
        self.at = pts.0 - self.ticks(self.gathered.len());
        self.gathered.extend_from_slice(samples);
        let size = self.length * self.channels;
        let mut blocks = Vec::new();
        while self.gathered.len() >= size {
            let rest = self.gathered.split_off(size);
            let samples = std::mem::replace(&mut self.gathered, rest);
            blocks.push(Block { pts: Pts(self.at), samples });
            self.at += self.ticks(size);
        }
        blocks
    }

    fn ticks(&self, samples: usize) -> i64 {
        let count = i64::try_from(samples / self.channels).unwrap_or(0);
        count * Ticks::PER_SECOND / self.rate_hz
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Frames of 64 ms at 48 kHz from those milliseconds on; where the blocks of 20 ms begin.
    fn run(frames_ms: &[i64]) -> Vec<i64> {
        let (mut blocks, frame) = (Blocks::new(48_000, 2, 960), vec![0.5; 3072 * 2]);
        let starts = frames_ms.iter().flat_map(|at| {
            let made = blocks.push(Pts(at * 90), &frame);
            assert!(made.iter().all(|block| block.samples.len() == 1920));
            made.into_iter().map(|block| block.pts.0 / 90).collect::<Vec<_>>()
        });
        starts.collect()
    }

    #[test]
    fn blocks_follow_one_another_whatever_the_length_of_frames() {
        assert_eq!(
            run(&[1000, 1064, 1128]),
            [1000, 1020, 1040, 1060, 1080, 1100, 1120, 1140, 1160]
        );
    }

    #[test]
    fn trembling_stamps_are_followed() {
        assert_eq!(run(&[0, 67, 126]), [0, 20, 40, 63, 83, 103, 118, 138, 158]);
    }

    #[test]
    fn over_a_hole_nothing_is_pasted_together() {
        assert_eq!(run(&[0, 500]), [0, 20, 40, 500, 520, 540]);
        assert_eq!(run(&[500, 0]), [500, 520, 540, 0, 20, 40], "nor when time goes back");
    }
}
