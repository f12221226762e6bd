//! Brain: which segments are listed, and which are still kept for who has an older list.
//!
//! Six segments are listed, or as many as make up three target durations (RFC 8216 section 6.2.2). One that
//! is listed no more is kept as long as somebody may still ask for it by a list that he has.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use tarsier_types::{ParameterSets, Ticks, UtcMs};

use crate::cut::{Cut, Part};
use crate::pace::Pace;

const LISTED: usize = 6;
/// Whatever a camera sends, no more is kept (six segments of 2 s at 40 Mbit/s are 60 MB).
const MAX_BYTES: usize = 64 << 20;

#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) number: u64,
    pub(crate) begins: UtcMs,
    pub(crate) init: u64,
    /// The picture before it was not the one before in time.
    pub(crate) is_discontinuous: bool,
    pub(crate) first_part: u64,
    pub(crate) parts: Vec<Part>,
    /// All of it, once it is whole.
    whole: Bytes,
}

impl Segment {
    /// Nothing follows. It becomes one piece, once for all who ask for it, and each part a place in it.
    fn close(mut self) -> Self {
        let mut whole = BytesMut::with_capacity(self.bytes());
        for part in &self.parts {
            whole.extend_from_slice(&part.bytes);
        }
        self.whole = whole.freeze();
        let mut rest = self.whole.clone();
        for part in &mut self.parts {
            part.bytes = rest.split_to(part.bytes.len());
        }
        self
    }

    pub(crate) fn duration(&self) -> Ticks {
        Ticks(self.parts.iter().map(|part| part.duration.0).sum())
    }

    pub(crate) fn bytes(&self) -> usize {
        self.parts.iter().map(|part| part.bytes.len()).sum()
    }
}

#[derive(Debug)]
struct Init {
    number: u64,
    parameters: ParameterSets,
    bytes: Bytes,
}

/// The brain.
#[derive(Debug)]
pub(crate) struct Window {
    inits: VecDeque<Init>,
    unlisted: VecDeque<Segment>,
    listed: VecDeque<Segment>,
    open: Option<Segment>,
    next_segment: u64,
    next_part: u64,
    discontinuities: u64,
    is_broken: bool,
    changes: u64,
}

impl Window {
    pub(crate) fn new(first_segment: u64) -> Self {
        Self {
            inits: VecDeque::new(),
            unlisted: VecDeque::new(),
            listed: VecDeque::new(),
            open: None,
            next_segment: first_segment,
            next_part: 0,
            discontinuities: 0,
            is_broken: false,
            changes: 0,
        }
    }

    /// What follows is decoded with these.
    pub(crate) fn init(&mut self, parameters: ParameterSets) {
        if self.inits.back().is_none_or(|init| init.parameters != parameters) {
            self.inits.push_back(Init {
                number: self.inits.back().map_or(0, |init| init.number + 1),
                bytes: tarsier_segment::init_segment(&parameters, None),
                parameters,
            });
        }
    }

    /// The next segment does not follow the one before.
    pub(crate) fn break_off(&mut self) {
        self.is_broken = self.next_part > 0;
    }

    /// Counts what may make another playlist of it.
    pub(crate) const fn changes(&self) -> u64 {
        self.changes
    }

    pub(crate) fn add(&mut self, cut: Cut, pace: Pace) {
        self.changes += 1;
        match cut {
            Cut::Begin(begins) => {
                self.open = Some(Segment {
                    number: self.next_segment,
                    begins,
                    init: self.inits.back().map_or(0, |init| init.number),
                    is_discontinuous: std::mem::take(&mut self.is_broken),
                    first_part: self.next_part,
                    parts: Vec::new(),
                    whole: Bytes::new(),
                });
                self.next_segment += 1;
            }
            Cut::Part(part) => {
                if let Some(open) = &mut self.open {
                    open.parts.push(part);
                    self.next_part += 1;
                }
            }
            Cut::End => {
                self.listed.extend(self.open.take().map(Segment::close));
                self.forget(pace);
            }
        }
    }

    fn forget(&mut self, pace: Pace) {
        let three_targets = i64::from(pace.target_seconds) * 3 * Ticks::PER_SECOND;
        while self.listed.len() > LISTED
            && self.listed.iter().skip(1).map(|segment| segment.duration().0).sum::<i64>()
                >= three_targets
        {
            self.unlist();
        }
        let listed: i64 = self.listed.iter().map(|segment| segment.duration().0).sum();
        // Since the oldest was listed no more, as much was unlisted behind it as came anew.
        while let Some(oldest) = self.unlisted.front() {
            let since: i64 = self.unlisted.iter().skip(1).map(|segment| segment.duration().0).sum();
            if since < listed + oldest.duration().0 {
                break;
            }
            self.unlisted.pop_front();
        }
        while self.bytes() > MAX_BYTES && (!self.unlisted.is_empty() || self.listed.len() > 1) {
            if self.unlisted.pop_front().is_none() {
                self.unlist();
                self.unlisted.clear();
            }
        }
        let oldest = self.kept().next().map_or(0, |segment| segment.init);
        self.inits.retain(|init| init.number >= oldest);
    }

    fn unlist(&mut self) {
        if let Some(segment) = self.listed.pop_front() {
            self.discontinuities += u64::from(segment.is_discontinuous);
            self.unlisted.push_back(segment);
        }
    }

    fn kept(&self) -> impl Iterator<Item = &Segment> {
        self.unlisted.iter().chain(&self.listed).chain(&self.open)
    }

    pub(crate) fn bytes(&self) -> usize {
        self.kept().map(Segment::bytes).sum()
    }

    pub(crate) fn listed(&self) -> impl DoubleEndedIterator<Item = &Segment> + Clone {
        self.listed.iter()
    }

    /// The one that still grows, once it has a part.
    pub(crate) fn open(&self) -> Option<&Segment> {
        self.open.as_ref().filter(|open| !open.parts.is_empty())
    }

    /// The newest that is listed, whole or not.
    pub(crate) fn newest(&self) -> Option<&Segment> {
        self.open().or_else(|| self.listed.back())
    }

    pub(crate) const fn next_segment(&self) -> u64 {
        self.next_segment
    }

    pub(crate) const fn next_part(&self) -> u64 {
        self.next_part
    }

    /// Discontinuities before the first listed segment.
    pub(crate) const fn discontinuities(&self) -> u64 {
        self.discontinuities
    }

    pub(crate) fn init_bytes(&self, number: u64) -> Option<Bytes> {
        self.inits.iter().find(|init| init.number == number).map(|init| init.bytes.clone())
    }

    pub(crate) fn parameters(&self) -> Option<&ParameterSets> {
        self.inits.back().map(|init| &init.parameters)
    }

    pub(crate) fn part(&self, number: u64) -> Option<Bytes> {
        self.kept().find_map(|segment| {
            let at = usize::try_from(number.checked_sub(segment.first_part)?).ok()?;
            segment.parts.get(at).map(|part| part.bytes.clone())
        })
    }

    pub(crate) fn segment(&self, number: u64) -> Option<Bytes> {
        let mut whole = self.unlisted.iter().chain(&self.listed);
        let segment = whole.find(|segment| segment.number == number)?;
        Some(segment.whole.clone())
    }
}

#[cfg(test)]
mod tests {
    use tarsier_types::Dts;

    use super::*;

    fn pace(seconds: i64) -> Pace {
        let times: Vec<Dts> = (0..25 * seconds).map(|n| Dts(n * 3600)).collect();
        Pace::of(&times, Dts(seconds * Ticks::PER_SECOND))
    }

    fn with(segments: u64, seconds: i64, bytes: usize) -> Window {
        let mut window = Window::new(100);
        for _ in 0..segments {
            window.add(Cut::Begin(UtcMs(0)), pace(seconds));
            window.add(
                Cut::Part(Part {
                    bytes: Bytes::from(vec![0; bytes]),
                    duration: Ticks(seconds * Ticks::PER_SECOND),
                    starts_with_keyframe: true,
                }),
                pace(seconds),
            );
            window.add(Cut::End, pace(seconds));
        }
        window
    }

    fn numbers(window: &Window) -> (Vec<u64>, Vec<u64>) {
        let of = |segments: &VecDeque<Segment>| segments.iter().map(|it| it.number).collect();
        (of(&window.unlisted), of(&window.listed))
    }

    #[test]
    fn six_are_listed_and_older_ones_kept_for_who_has_an_older_list() {
        let window = with(50, 2, 10);
        let (unlisted, listed) = numbers(&window);
        assert_eq!(listed, (144..150).collect::<Vec<_>>());
        assert_eq!(unlisted, (137..144).collect::<Vec<_>>(), "a segment and a list of six: 14 s");
        assert!(window.segment(137).is_some() && window.part(37).is_some());
        assert!(window.segment(136).is_none() && window.part(36).is_none());
    }

    #[test]
    fn a_broken_camera_that_sends_too_much_costs_no_more_than_64_mib() {
        let window = with(50, 2, 20 << 20);
        assert!(window.bytes() <= MAX_BYTES);
        assert_eq!(numbers(&window).1, [147, 148, 149]);
        assert_eq!(numbers(&with(3, 2, 100 << 20)).1, [102], "the newest is always there");
    }

    #[test]
    fn what_was_broken_before_the_first_listed_segment_is_counted() {
        let mut window = with(1, 2, 10);
        window.break_off();
        window.add(Cut::Begin(UtcMs(0)), pace(2));
        window.add(Cut::End, pace(2));
        assert!(window.listed[1].is_discontinuous && window.discontinuities() == 0);
        window.unlist();
        assert_eq!(window.discontinuities(), 0, "its tag still stands in the list");
        window.unlist();
        assert_eq!(window.discontinuities(), 1);
    }
}
