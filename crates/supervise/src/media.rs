//! Brain: whether the media that came was written.
//!
//! Only time counts in which a stream should be recorded, its pictures flowed and its disk worked: a camera that is
//! offline, a full disk and a pause must cause no restart. What does not belong here: what follows (`judge`).

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use tarsier_types::{Mono, StreamKind};
use tarsier_wire::StreamHealth;

use crate::rules::{Breach, Rules};

/// Between two heartbeats more than this was a hang of somebody, and no evidence.
const LONGEST_BEAT: Duration = Duration::from_secs(5);
/// The window is forgotten in so many pieces.
const PIECES: u64 = 20;

/// What a stream's disk does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Disk {
    #[default]
    Works,
    Fails,
}

#[derive(Clone, Copy, Debug, Default)]
struct Piece {
    expected_ms: u64,
    written_ms: u64,
}

#[derive(Clone, Debug, Default)]
struct Flow {
    last: Option<(Mono, StreamHealth)>,
    pieces: VecDeque<Piece>,
    disk: Disk,
}

/// What was written of one process's streams.
#[derive(Clone, Debug, Default)]
pub(crate) struct Media {
    flows: BTreeMap<StreamKind, Flow>,
}

impl Media {
    /// Whether that stream's disk takes what comes.
    pub(crate) fn disk(&mut self, stream: StreamKind, disk: Disk) {
        self.flows.entry(stream).or_default().disk = disk;
    }

    /// The counters of a heartbeat, and which streams should be recorded.
    pub(crate) fn heartbeat(
        &mut self,
        now: Mono,
        streams: &[(StreamKind, StreamHealth)],
        recorded: &BTreeSet<StreamKind>,
        rules: &Rules,
    ) {
        for (stream, health) in streams {
            let flow = self.flows.entry(*stream).or_default();
            let Some((then, before)) = flow.last.replace((now, *health)) else { continue };
            let beat = now.since(then);
            let counts = recorded.contains(stream)
                && flow.disk == Disk::Works
                && health.video_units > before.video_units
                && beat <= LONGEST_BEAT;
            if counts {
                let expected_ms = u64::try_from(beat.as_millis()).unwrap_or_default();
                let written_ms = health.written_ms.saturating_sub(before.written_ms);
                flow.add(Piece { expected_ms, written_ms }, window_ms(rules));
            }
        }
    }

    pub(crate) fn breach(&self, rules: &Rules) -> Option<Breach> {
        self.flows.iter().find_map(|(stream, flow)| {
            let Piece { expected_ms, written_ms } = flow.sum();
            let is_whole = expected_ms >= window_ms(rules);
            let least = expected_ms * u64::from(rules.min_media_percent) / 100;
            (is_whole && written_ms < least).then_some(Breach::Media {
                stream: *stream,
                written_ms,
                expected_ms,
            })
        })
    }
}

impl Flow {
    fn add(&mut self, new: Piece, window_ms: u64) {
        match self.pieces.back_mut() {
            Some(last) if last.expected_ms < window_ms / PIECES => {
                last.expected_ms += new.expected_ms;
                last.written_ms += new.written_ms;
            }
            _ => self.pieces.push_back(new),
        }
        while let Some(first) = self.pieces.front()
            && self.sum().expected_ms - first.expected_ms >= window_ms
        {
            self.pieces.pop_front();
        }
    }

    fn sum(&self) -> Piece {
        self.pieces.iter().fold(Piece::default(), |sum, piece| Piece {
            expected_ms: sum.expected_ms + piece.expected_ms,
            written_ms: sum.written_ms + piece.written_ms,
        })
    }
}

fn window_ms(rules: &Rules) -> u64 {
    u64::from(rules.media_window_seconds) * 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A heartbeat each second, window of 10 s: `w` pictures come and are written, `n` they come and are not, `h` half
    /// of them are written, `.` none come, `d`/`D` the disk fails/works again, `o` recording is switched off, `O` on.
    /// Answers the second at which the rule is broken first.
    fn run(script: &str) -> Option<u64> {
        let rules = Rules { media_window_seconds: 10, ..Rules::default() };
        let (mut media, mut health, mut second) = (Media::default(), StreamHealth::default(), 0);
        let mut recorded = BTreeSet::from([StreamKind::Main]);
        media.heartbeat(Mono::ZERO, &[(StreamKind::Main, health)], &recorded, &rules);
        for letter in script.chars() {
            match letter {
                'd' => media.disk(StreamKind::Main, Disk::Fails),
                'D' => media.disk(StreamKind::Main, Disk::Works),
                'o' => recorded.clear(),
                'O' => drop(recorded.insert(StreamKind::Main)),
                letter => {
                    second += 1;
                    health.video_units += if letter == '.' { 0 } else { 25 };
                    health.written_ms += match letter {
                        'w' => 1000,
                        'h' => 400,
                        _ => 0,
                    };
                    let now = Mono::from_millis(second * 1000);
                    media.heartbeat(now, &[(StreamKind::Main, health)], &recorded, &rules);
                    if media.breach(&rules).is_some() {
                        return Some(second);
                    }
                }
            }
        }
        None
    }

    #[test]
    fn a_recorder_that_writes_is_left_alone() {
        assert_eq!(run(&"w".repeat(100)), None);
        assert_eq!(run(&"wwwnnw".repeat(20)), None, "more than half is enough");
    }

    #[test]
    fn pictures_that_come_and_are_not_written_are_found_after_the_window() {
        assert_eq!(run(&"n".repeat(30)), Some(10));
        assert_eq!(run(&"h".repeat(30)), Some(10), "40 % is under half");
        assert_eq!(run(&("w".repeat(20) + &"n".repeat(30))), Some(26), "a good past is forgotten");
    }

    #[test]
    fn a_camera_that_is_offline_causes_no_restart() {
        assert_eq!(run(&".".repeat(1000)), None);
        assert_eq!(run(&("nnnn".to_owned() + &".".repeat(1000) + "wwwwwwww")), None);
    }

    #[test]
    fn a_disk_that_fails_and_a_pause_cause_no_restart() {
        assert_eq!(run(&format!("wwd{}D{}", "n".repeat(50), "w".repeat(20))), None);
        assert_eq!(run(&format!("wwo{}O{}", "n".repeat(50), "w".repeat(20))), None);
    }
}
