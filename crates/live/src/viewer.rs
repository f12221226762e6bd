//! Brain: one viewer, who takes what he can.
//!
//! Items wait in a queue of his own. If he is slow, whole GOPs are left out, oldest first, and he goes on at a
//! keyframe; the rest of a GOP that he has begun is kept unless it alone is too much. Nobody else notices.
//! What does not belong here: the stream itself ([`crate::feed`]), sockets.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tarsier_types::{Dts, Mono, ParameterSets};

use crate::feed::{Item, LiveUnit};

/// A picture that has waited longer than this tells that the viewer is slow (guess: a hiccup of Wi-Fi is shorter).
pub const MAX_WAIT: Duration = Duration::from_secs(2);
/// So long may the rest of a begun GOP wait for want of a newer keyframe (guess: GOPs of 10 s exist).
pub const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// More than this may not wait, however fast it came.
pub const MAX_BYTES: usize = 64 << 20;

/// What a viewer wants of a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tracks {
    /// Pictures alone.
    #[default]
    Pictures,
    /// Sound as well, where there is any.
    PicturesAndSound,
}

/// What is sent next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next<N> {
    /// A run begins.
    Init(Arc<ParameterSets>),
    /// A picture, or sound; its media time is `unit.dts - origin`, and never negative.
    Unit {
        /// The picture, or the sound.
        unit: Arc<LiveUnit>,
        /// Media time 0: the first picture that this viewer got of the run.
        origin: Dts,
        /// Counts the units of the run, from 1.
        sequence: u32,
    },
    /// So many units were left out; the next one is a keyframe.
    Skipped(u32),
    /// No pictures for now.
    Waiting(N),
    /// Nothing will follow.
    Ended(N),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Slow {
    No,
    Somewhat,
    Hopelessly,
}

#[derive(Debug)]
enum Entry<N> {
    Item(Mono, Item<N>),
    Skipped(u32),
}

impl<N> Entry<N> {
    fn unit(&self) -> Option<&LiveUnit> {
        match self {
            Self::Item(_, Item::Unit(unit)) => Some(unit),
            _ => None,
        }
    }

    fn is_keyframe(&self) -> bool {
        self.unit().is_some_and(LiveUnit::is_keyframe)
    }

    /// Whether it says what a newer one says, with no picture between them.
    fn is_outdone_by(&self, newer: &Item<N>) -> bool {
        match self {
            Self::Item(_, item) => std::mem::discriminant(item) == std::mem::discriminant(newer),
            Self::Skipped(_) => false,
        }
    }
}

/// The brain.
#[derive(Debug)]
pub struct Viewer<N> {
    tracks: Tracks,
    queue: VecDeque<Entry<N>>,
    bytes: usize,
    /// Pictures are left out until the next keyframe.
    is_skipping: bool,
    /// The run that the next picture belongs to, not yet announced.
    init: Option<Arc<ParameterSets>>,
    origin: Option<Dts>,
    sequence: u32,
}

impl<N> Default for Viewer<N> {
    fn default() -> Self {
        Self::new(Tracks::default())
    }
}

impl<N> Viewer<N> {
    /// One who has seen nothing yet.
    pub fn new(tracks: Tracks) -> Self {
        Self {
            tracks,
            queue: VecDeque::new(),
            bytes: 0,
            is_skipping: false,
            init: None,
            origin: None,
            sequence: 0,
        }
    }

    /// Something for him; never waits.
    pub fn offer(&mut self, now: Mono, item: Item<N>) {
        match &item {
            Item::Unit(unit) if !unit.is_picture() => {
                if self.is_skipping || self.tracks == Tracks::Pictures {
                    return;
                }
                self.bytes += unit.unit.data.len();
            }
            Item::Unit(unit) => {
                if self.is_skipping && !unit.is_keyframe() {
                    self.count_skipped(1);
                    return;
                }
                self.is_skipping = false;
                self.bytes += unit.unit.data.len();
            }
            Item::Skipped(units) => {
                let units = *units;
                self.count_skipped(units);
                self.is_skipping = true;
                return;
            }
            Item::Init(_) | Item::Waiting(_) | Item::Ended(_) => {
                // Nothing decodes what comes before a keyframe: he joined while the last GOP was not kept.
                self.is_skipping |= matches!(item, Item::Init(_));
                self.say(now, item);
                return;
            }
        }
        self.queue.push_back(Entry::Item(now, item));
        match self.is_too_slow(now) {
            Slow::No => {}
            slow => self.leave_out(slow),
        }
    }

    /// What to send next, if there is anything.
    pub fn take(&mut self) -> Option<Next<N>> {
        loop {
            if matches!(self.queue.front()?, Entry::Item(_, Item::Unit(_)))
                && let Some(parameters) = self.init.take()
            {
                self.origin = None;
                self.sequence = 0;
                return Some(Next::Init(parameters));
            }
            match self.queue.pop_front()? {
                Entry::Skipped(units) | Entry::Item(_, Item::Skipped(units)) => {
                    return Some(Next::Skipped(units));
                }
                // Said when its first picture goes out: a run of which nothing is left needs no announcement.
                Entry::Item(_, Item::Init(parameters)) => self.init = Some(parameters),
                Entry::Item(_, Item::Unit(unit)) => {
                    self.bytes -= unit.unit.data.len();
                    let origin =
                        *self.origin.get_or_insert_with(|| tarsier_segment::origin_of(&unit.unit));
                    if !unit.is_picture() && unit.unit.dts < origin {
                        // It belongs to pictures that he never gets.
                        continue;
                    }
                    self.sequence = self.sequence.wrapping_add(1);
                    return Some(Next::Unit { unit, origin, sequence: self.sequence });
                }
                Entry::Item(_, Item::Waiting(why)) => return Some(Next::Waiting(why)),
                Entry::Item(_, Item::Ended(why)) => return Some(Next::Ended(why)),
            }
        }
    }

    /// How long the oldest picture waits.
    pub fn waited(&self, now: Mono) -> Duration {
        let oldest = self.queue.iter().find_map(|entry| match entry {
            Entry::Item(since, Item::Unit(_)) => Some(*since),
            _ => None,
        });
        oldest.map_or(Duration::ZERO, |since| now.since(since))
    }

    fn is_too_slow(&self, now: Mono) -> Slow {
        let waited = self.waited(now);
        if self.bytes > MAX_BYTES || waited > LONGEST_WAIT {
            Slow::Hopelessly
        } else if waited > MAX_WAIT {
            Slow::Somewhat
        } else {
            Slow::No
        }
    }

    /// Drops the oldest whole GOPs and keeps the newest. If there is but one keyframe, or none, that must wait:
    /// then the rest of the begun GOP goes, and at last everything.
    fn leave_out(&mut self, slow: Slow) {
        let first_unit = self.queue.iter().position(|entry| entry.unit().is_some());
        let first = self.queue.iter().position(Entry::is_keyframe);
        let last = self.queue.iter().rposition(Entry::is_keyframe);
        let (from, to) = match (first, last) {
            (Some(first), Some(last)) if first < last => (first, last),
            _ if slow != Slow::Hopelessly => return,
            (Some(only), _) if first_unit < Some(only) => (0, only),
            _ => (0, self.queue.len()),
        };
        self.is_skipping |= to == self.queue.len();
        let mut left_out = 0_u32;
        let behind = self.queue.split_off(to);
        let middle = self.queue.split_off(from);
        for entry in middle {
            match entry {
                Entry::Skipped(units) => left_out += units,
                Entry::Item(_, Item::Unit(unit)) => {
                    self.bytes -= unit.unit.data.len();
                    left_out += u32::from(unit.is_picture());
                }
                Entry::Item(since, words) => self.say(since, words),
            }
        }
        self.count_skipped(left_out);
        self.queue.extend(behind);
    }

    /// No unit, in the place of an older one of its kind that he has no use for any more: the queue of one who takes nothing
    /// stays short, however often the camera comes and goes.
    fn say(&mut self, now: Mono, words: Item<N>) {
        let behind = self.behind_units();
        let mut older = self.queue.range(behind..);
        if let Some(at) = older.position(|entry| entry.is_outdone_by(&words)) {
            self.queue.remove(behind + at);
        }
        self.queue.push_back(Entry::Item(now, words));
    }

    fn count_skipped(&mut self, more: u32) {
        let behind = self.behind_units();
        let counted = self.queue.range_mut(behind..).find_map(|entry| match entry {
            Entry::Skipped(units) => Some(units),
            Entry::Item(..) => None,
        });
        match counted {
            _ if more == 0 => {}
            Some(units) => *units = units.saturating_add(more),
            None => self.queue.push_back(Entry::Skipped(more)),
        }
    }

    /// The place behind the last unit that waits.
    fn behind_units(&self) -> usize {
        self.queue.iter().rposition(|entry| entry.unit().is_some()).map_or(0, |last| last + 1)
    }
}

#[cfg(test)]
pub(crate) mod fixtures {
    use bytes::Bytes;
    use tarsier_types::{
        AccessUnit, Codec, Dts, ParameterSets, Pts, Ticks, Track, UtcMs, VideoParameters,
    };

    use crate::feed::LiveUnit;

    pub(crate) fn parameters(rfc6381: &str) -> ParameterSets {
        ParameterSets {
            video: VideoParameters {
                codec: Codec::H264,
                rfc6381: rfc6381.to_owned(),
                width: 640,
                height: 360,
                nominal_millifps: Some(25_000),
                sample_entry: Bytes::from_static(b"\0\0\0\x08avc1"),
            },
            audio: None,
        }
    }

    pub(crate) fn sound(dts: i64) -> LiveUnit {
        let LiveUnit { unit, arrived_utc_us } = unit(dts, true, 10);
        LiveUnit { unit: AccessUnit { track: Track::Audio, ..unit }, arrived_utc_us }
    }

    pub(crate) fn unit(dts: i64, is_keyframe: bool, bytes: usize) -> LiveUnit {
        LiveUnit {
            unit: AccessUnit {
                track: Track::Video,
                pts: Pts(dts),
                dts: Dts(dts),
                duration: Ticks(3600),
                is_keyframe,
                arrived: UtcMs(1_795_205_700_000 + dts / 90),
                data: Bytes::from(vec![0; bytes]),
            },
            arrived_utc_us: (1_795_205_700_000 + dts / 90) * 1000,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use proptest::prelude::*;
    use tarsier_types::Track;

    use super::fixtures::{parameters, sound, unit};
    use super::*;

    /// `I` a run begins, `K`/`f` a picture comes, `a` sound of its time, `b` sound of 80 ms before it, `w` waiting, `t` he takes one, `T` he takes all, `1`..`9`
    /// seconds pass. Answer: what he got, with the media time of each picture in units of 40 ms.
    fn run(script: &str) -> String {
        run_with(Tracks::PicturesAndSound, script)
    }

    fn run_with(tracks: Tracks, script: &str) -> String {
        let mut viewer = Viewer::<&str>::new(tracks);
        let (mut now, mut dts, mut shown) = (Mono::ZERO, 900_000_i64, String::new());
        for step in script.chars() {
            match step {
                'I' => viewer.offer(now, Item::Init(Arc::new(parameters("avc1.64001f")))),
                'K' | 'f' => {
                    dts += 3600;
                    viewer.offer(now, Item::Unit(Arc::new(unit(dts, step == 'K', 1000))));
                }
                'a' => viewer.offer(now, Item::Unit(Arc::new(sound(dts)))),
                'b' => viewer.offer(now, Item::Unit(Arc::new(sound(dts - 7200)))),
                'w' => viewer.offer(now, Item::Waiting("offline")),
                's' => viewer.offer(now, Item::Skipped(5)),
                '1'..='9' => now = now + Duration::from_secs(u64::from(step) - u64::from('0')),
                't' => show(&mut shown, viewer.take()),
                'T' => {
                    while let Some(next) = viewer.take() {
                        show(&mut shown, Some(next));
                    }
                }
                other => panic!("{other} is no step"),
            }
        }
        shown
    }

    fn show(shown: &mut String, next: Option<Next<&str>>) {
        match next {
            None => shown.push('_'),
            Some(Next::Init(_)) => shown.push('I'),
            Some(Next::Unit { unit, origin, .. }) => {
                let letter = match unit.unit.track {
                    Track::Audio => 'a',
                    Track::Video if unit.unit.is_keyframe => 'K',
                    Track::Video => 'f',
                };
                write!(shown, "{letter}{}", (unit.unit.dts - origin).0 / 3600).unwrap();
            }
            Some(Next::Skipped(units)) => write!(shown, "[-{units}]").unwrap(),
            Some(Next::Waiting(why) | Next::Ended(why)) => write!(shown, "({why})").unwrap(),
        }
    }

    #[test]
    fn media_time_begins_at_0_with_each_init() {
        assert_eq!(run("IKffTfT"), "IK0f1f2f3");
        assert_eq!(run("IKfTIKfT"), "IK0f1IK0f1");
    }

    #[test]
    fn a_long_gop_that_comes_at_once_is_no_slowness() {
        assert_eq!(run("IKfffffffffT"), "IK0f1f2f3f4f5f6f7f8f9");
    }

    #[test]
    fn a_slow_viewer_loses_whole_gops_and_goes_on_at_a_keyframe() {
        assert_eq!(run("IKfftt3KfKfT"), "IK0f1f2[-2]K5f6", "he finishes the GOP that he began");
        assert_eq!(run("IKff3KfT"), "[-3]IK0f1", "a GOP not begun is left out whole");
    }

    #[test]
    fn the_rest_of_a_begun_gop_is_left_out_if_it_alone_is_too_much() {
        assert_eq!(run("IKffttt92ffffKfT"), "IK0f1[-5]K7f8");
    }

    #[test]
    fn what_was_left_out_twice_is_told_once() {
        assert_eq!(run("IKftt9Kf9Kf9KfTKT"), "IK0[-5]K6f7K8", "one number, not one for each GOP");
    }

    #[test]
    fn left_out_by_the_recorder_counts_as_well() {
        assert_eq!(run("IKfTsfKT"), "IK0f1[-6]K3");
    }

    #[test]
    fn who_joins_in_the_middle_of_a_gop_begins_at_the_next_keyframe() {
        assert_eq!(run("IffTKfT"), "[-2]IK0f1");
    }

    #[test]
    fn sound_is_for_those_who_want_it() {
        assert_eq!(run("IKafaT"), "IK0a0f1a1");
        assert_eq!(run_with(Tracks::Pictures, "IKafaT"), "IK0f1");
    }

    #[test]
    fn sound_from_before_the_first_picture_is_not_sent() {
        assert_eq!(run("IKbafbfbT"), "IK0a0f1f2a0", "media time has no sign");
    }

    #[test]
    fn sound_is_left_out_with_its_pictures() {
        assert_eq!(run("IaKaffatt3KafaKafT"), "IK0a0f1f2a2[-2]K5a5f6");
        assert_eq!(run("IKafTsafaKaT"), "IK0a0f1[-6]K3a3", "nothing is heard of what is not seen");
    }

    #[test]
    fn words_are_never_left_out() {
        assert_eq!(run("IKfw9KfIKfT"), "(offline)[-2]IK0f1IK0f1", "only pictures are");
    }

    #[test]
    fn who_takes_nothing_while_a_camera_comes_and_goes_for_days_costs_no_memory() {
        let mut viewer = Viewer::<&str>::new(Tracks::Pictures);
        let (mut now, mut dts) = (Mono::ZERO, 900_000);
        for _ in 0..1000 {
            viewer.offer(now, Item::Waiting("offline"));
            viewer.offer(now, Item::Init(Arc::new(parameters("avc1.64001f"))));
            for picture in 0..4 {
                dts += 3600;
                now = now + Duration::from_secs(1);
                viewer.offer(now, Item::Unit(Arc::new(unit(dts, picture % 2 == 0, 1000))));
            }
        }
        assert!(viewer.queue.len() < 20, "{} wait", viewer.queue.len());
    }

    #[test]
    fn of_words_without_pictures_between_them_the_last_ones_count() {
        assert_eq!(run("wwT"), "(offline)");
        assert_eq!(run("IKfTwIwIKT"), "IK0f1(offline)IK0");
    }

    proptest! {
        #[test]
        fn whatever_happens_he_can_decode_what_he_gets(script in "I[IKffffabtT123]{0,120}T") {
            let shown = run(&script);
            let mut decodable = false;
            for (at, letter) in shown.char_indices() {
                match letter {
                    'I' | '[' => decodable = false,
                    'K' => decodable = true,
                    'f' | 'a' => prop_assert!(decodable, "{script}: {shown} at {at}"),
                    _ => {}
                }
            }
        }
    }
}
