//! Brain: decoding and showing times for pictures that came without.
//!
//! libav hands out the first access unit of an RTSP session without any time, and with B-frames the first few
//! without a decoding time, because it learns the order only from what follows. Those wait here until one comes
//! that has a time, and are then dated backwards from it. Nothing is thrown away.
//!
//! What does not belong here: whether the times are true (`tarsier_ingest::timeline`).

use std::collections::VecDeque;

/// Real encoders reorder over 16 at most (ITU-T H.264 section A.3.1).
const MAX_REORDER: u32 = 16;
/// So many pictures wait for a time at most.
const MAX_WAITING: usize = 32;

/// Times of a picture in ticks of 1/90 000 s, as the container told them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) pts: Option<i64>,
    pub(crate) dts: Option<i64>,
    pub(crate) duration: i64,
}

/// Times of a picture, all known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) pts: i64,
    pub(crate) dts: i64,
    pub(crate) duration: i64,
}

/// Dates what came without a time. `T` is whatever travels along.
#[derive(Debug)]
pub(crate) struct Stamps<T> {
    nominal_duration: i64,
    reorder_depth: i64,
    last: Option<Stamp>,
    waiting: Vec<(Told, T)>,
    ready: VecDeque<(Stamp, T)>,
}

impl<T> Stamps<T> {
    /// `nominal_duration` is used where the container tells none.
    pub(crate) fn new(nominal_duration: i64, reorder_depth: u32) -> Self {
        Self {
            nominal_duration: nominal_duration.max(1),
            reorder_depth: i64::from(reorder_depth.min(MAX_REORDER)),
            last: None,
            waiting: Vec::new(),
            ready: VecDeque::new(),
        }
    }

    /// Takes the next picture in decoding order.
    pub(crate) fn push(&mut self, told: Told, item: T) {
        let duration = if told.duration > 0 { told.duration } else { self.nominal_duration };
        let dts = match (told.dts, told.pts, self.last) {
            (Some(dts), _, _) => Some(dts),
            // Without reordering both are the same (the whole of RTSP without B-frames).
            (None, Some(pts), _) if self.reorder_depth == 0 => Some(pts),
            (None, _, Some(last)) => Some(last.dts + last.duration),
            (None, _, None) => None,
        };
        let Some(dts) = dts else {
            self.waiting.push((told, item));
            if self.waiting.len() >= MAX_WAITING {
                self.finish();
            }
            return;
        };
        let count = i64::try_from(self.waiting.len()).unwrap_or(0);
        self.date_waiting(dts - count * duration, duration);
        self.emit(Told { duration, ..told }, dts, item);
    }

    /// Nothing will come that helps: what waits is dated from the first time that is known at all.
    pub(crate) fn finish(&mut self) {
        let known = self.waiting.iter().position(|(told, _)| told.pts.is_some());
        let first = known.map_or(0, |at| {
            let steps = i64::try_from(at).unwrap_or(0) + self.reorder_depth;
            self.waiting[at].0.pts.unwrap_or(0) - steps * self.nominal_duration
        });
        self.date_waiting(first, self.nominal_duration);
    }

    fn date_waiting(&mut self, first: i64, duration: i64) {
        let mut dts = first;
        for (told, item) in std::mem::take(&mut self.waiting) {
            self.emit(Told { duration, ..told }, dts, item);
            dts += duration;
        }
    }

    fn emit(&mut self, told: Told, dts: i64, item: T) {
        let pts = told.pts.unwrap_or(dts + self.reorder_depth * told.duration);
        let stamp = Stamp { pts, dts, duration: told.duration };
        self.last = Some(stamp);
        self.ready.push_back((stamp, item));
    }

    /// The next dated picture.
    pub(crate) fn poll(&mut self) -> Option<(Stamp, T)> {
        self.ready.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `pts/dts` of each picture, `-` for unknown; answered in the same way.
    fn check(reorder_depth: u32, script: &str, expected: &str) {
        let mut stamps = Stamps::new(10, reorder_depth);
        let mut shown = Vec::new();
        for word in script.split_whitespace() {
            let (pts, dts) = word.split_once('/').unwrap();
            stamps.push(Told { pts: pts.parse().ok(), dts: dts.parse().ok(), duration: 0 }, ());
            while let Some((stamp, ())) = stamps.poll() {
                shown.push(format!("{}/{}", stamp.pts, stamp.dts));
            }
        }
        assert_eq!(shown.join(" "), expected, "{script}");
    }

    #[test]
    fn the_first_picture_without_a_time_is_dated_from_the_second() {
        check(0, "-/- 100/100 110/110", "90/90 100/100 110/110");
        check(0, "-/- 100/- 110/-", "90/90 100/100 110/110");
    }

    #[test]
    fn pictures_before_the_order_is_known_are_dated_backwards() {
        check(2, "120/- 150/- 130/100 140/110", "120/80 150/90 130/100 140/110");
        check(1, "-/- -/- 140/120", "110/100 120/110 140/120");
    }

    #[test]
    fn a_single_hole_is_filled_from_the_picture_before() {
        check(1, "20/10 30/- 40/30", "20/10 30/20 40/30");
    }

    #[test]
    fn a_stream_without_any_time_is_not_held_for_ever() {
        let mut stamps = Stamps::new(10, 1);
        for _ in 0..MAX_WAITING + 3 {
            stamps.push(Told::default(), ());
        }
        let dated: Vec<i64> =
            std::iter::from_fn(|| stamps.poll()).map(|(stamp, ())| stamp.dts).collect();
        assert_eq!(dated.len(), MAX_WAITING + 3, "nothing is thrown away");
        assert!(dated.is_sorted_by(|a, b| b - a == 10), "one nominal length apart: {dated:?}");
    }
}
