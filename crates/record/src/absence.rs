//! Brain: why there is no footage, piece by piece, from the end of the last file to the beginning of the next.
//!
//! A pause, then a camera that is away when the pause ends, are two gaps with their own times. What does not belong
//! here: what the reason is.

use tarsier_types::{GapReason, UtcMs, UtcRange};

/// A hole shorter than this between two files is the rounding of their milliseconds, not missing footage.
const SEAM_MS: i64 = 2;
/// Changes that are remembered in one absence; a camera that comes and goes more often is told with its last reason.
const PIECES: usize = 256;

#[derive(Debug, Default)]
pub(crate) struct Absence {
    pieces: Vec<(UtcMs, GapReason)>,
}

impl Absence {
    /// From then on this is why.
    pub(crate) fn because(&mut self, at: UtcMs, reason: GapReason) {
        let at = self.pieces.last().map_or(at, |(last, _)| at.max(*last));
        if self.pieces.last().is_some_and(|(_, known)| *known == reason) {
            return;
        }
        self.pieces.pop_if(|(last, _)| *last == at);
        if self.pieces.last().is_none_or(|(_, known)| *known != reason) {
            self.pieces.truncate(PIECES - 1);
            self.pieces.push((at, reason));
        }
    }

    /// It began earlier than was believed, and this is why.
    pub(crate) fn began(&mut self, at: UtcMs, reason: GapReason) {
        self.pieces.insert(0, (at, reason));
    }

    /// Footage ends at `from` and begins again at `to`: the gaps between. Where nothing is known, `else_because`.
    pub(crate) fn end(
        &mut self,
        from: UtcMs,
        to: UtcMs,
        else_because: GapReason,
    ) -> Vec<(UtcRange, GapReason)> {
        let mut pieces = std::mem::take(&mut self.pieces);
        if to.millis_since(from) <= SEAM_MS {
            return Vec::new();
        }
        match pieces.first_mut() {
            Some(first) => first.0 = from,
            None => pieces.push((from, else_because)),
        }
        let ends: Vec<UtcMs> =
            pieces.iter().skip(1).map(|(at, _)| *at).chain(std::iter::once(to)).collect();
        let mut gaps: Vec<(UtcRange, GapReason)> = Vec::new();
        for ((start, reason), end) in pieces.into_iter().zip(ends) {
            let range = UtcRange::new(start.clamp(from, to), end.clamp(from, to));
            match gaps.last_mut() {
                // A blink belongs to what was before it.
                Some((last, known)) if *known == reason || range.millis() <= SEAM_MS => {
                    last.end = range.end;
                }
                _ => gaps.push((range, reason)),
            }
        }
        gaps
    }

    /// Nothing is absent.
    pub(crate) fn clear(&mut self) {
        self.pieces.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `5p` planned from second 5 on, `n` network, `d` disk.
    fn run(script: &str, from: i64, to: i64) -> String {
        let mut absence = Absence::default();
        for word in script.split_whitespace() {
            let (second, letter) = word.split_at(word.len() - 1);
            let reason = match letter {
                "p" => GapReason::Planned,
                "n" => GapReason::Network,
                _ => GapReason::Disk,
            };
            absence.because(UtcMs(second.parse::<i64>().unwrap() * 1000), reason);
        }
        let gaps = absence.end(UtcMs(from * 1000), UtcMs(to * 1000), GapReason::Camera);
        let said = gaps.iter().map(|(range, reason)| {
            format!("{}-{} {}", range.start.0 / 1000, range.end.0 / 1000, reason.name())
        });
        said.collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn each_cause_has_its_own_time_and_together_they_leave_no_hole() {
        assert_eq!(run("", 3, 9), "3-9 camera");
        assert_eq!(run("4p 7n", 3, 9), "3-7 planned, 7-9 network");
        assert_eq!(run("4n 5n 6p 8d", 3, 9), "3-6 network, 6-8 planned, 8-9 disk");
    }

    #[test]
    fn what_took_no_time_is_not_told() {
        assert_eq!(run("4n", 4, 4), "");
        assert_eq!(run("4n 6p 6n", 3, 9), "3-9 network");
        assert_eq!(run("4n 20p", 3, 9), "3-9 network", "a cause that came after the end");
    }
}
