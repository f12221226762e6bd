//! Brain: when the last byte of each stream was known to be durable on disk, and for how long there has been none.
//!
//! What recorders report is written and synced. What does not belong here: whether anything should be written.

use std::collections::BTreeMap;

use tarsier_types::{CameraId, Mono, StreamKind};

/// A stream that is recorded must have a byte on disk within this time, or it is an alarm.
pub(crate) const ALARM_MS: u64 = 15_000;

/// The last of each stream.
#[derive(Clone, Debug, Default)]
pub(crate) struct Durable {
    last: BTreeMap<(CameraId, StreamKind), Mono>,
    /// Since when something was to be written without a break.
    wanted: BTreeMap<(CameraId, StreamKind), Mono>,
}

impl Durable {
    /// A fragment is on disk and synced.
    pub(crate) fn written(&mut self, camera: &CameraId, stream: StreamKind, now: Mono) {
        self.last.insert((camera.clone(), stream), now);
    }

    /// Whether pictures flow and are to be written, said about once a second.
    pub(crate) fn is_wanted(
        &mut self,
        camera: &CameraId,
        stream: StreamKind,
        wanted: bool,
        now: Mono,
    ) {
        let key = (camera.clone(), stream);
        if wanted {
            self.wanted.entry(key).or_insert(now);
        } else {
            self.wanted.remove(&key);
        }
    }

    /// Milliseconds since the last byte, as far as this hub knows; `None` before the first.
    pub(crate) fn since_last_ms(
        &self,
        camera: &CameraId,
        stream: StreamKind,
        now: Mono,
    ) -> Option<u64> {
        self.last.get(&(camera.clone(), stream)).map(|last| millis(*last, now))
    }

    /// Milliseconds without a byte although there were pictures to be written all the while.
    pub(crate) fn overdue_ms(
        &self,
        camera: &CameraId,
        stream: StreamKind,
        now: Mono,
    ) -> Option<u64> {
        let key = (camera.clone(), stream);
        let wanted = *self.wanted.get(&key)?;
        let from = self.last.get(&key).map_or(wanted, |last| wanted.max(*last));
        Some(millis(from, now)).filter(|silent| *silent > ALARM_MS)
    }

    /// The camera has no such stream any more.
    pub(crate) fn forget_stream(&mut self, camera: &CameraId, stream: StreamKind) {
        self.last.remove(&(camera.clone(), stream));
        self.wanted.remove(&(camera.clone(), stream));
    }

    /// The camera was deleted.
    pub(crate) fn forget(&mut self, known: impl Fn(&CameraId) -> bool) {
        self.last.retain(|(camera, _), _| known(camera));
        self.wanted.retain(|(camera, _), _| known(camera));
    }
}

fn millis(from: Mono, now: Mono) -> u64 {
    u64::try_from(now.since(from).as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `SECOND` and what is then: `w` a byte, `+` wanted, `-` not wanted, `?` how overdue.
    fn run(script: &str) -> String {
        let garden = CameraId::new("garden").unwrap();
        let mut durable = Durable::default();
        let mut said = Vec::new();
        for word in script.split_whitespace() {
            let (second, what) = word.split_at(word.len() - 1);
            let now = Mono::from_millis(second.parse::<u64>().expect("a number") * 1000);
            match what {
                "w" => durable.written(&garden, StreamKind::Main, now),
                "+" | "-" => durable.is_wanted(&garden, StreamKind::Main, what == "+", now),
                _ => said.push(
                    durable
                        .overdue_ms(&garden, StreamKind::Main, now)
                        .map_or_else(|| "fine".to_owned(), |ms| format!("{}s", ms / 1000)),
                ),
            }
        }
        said.join(" ")
    }

    #[test]
    fn a_recording_without_a_byte_for_15_seconds_is_overdue() {
        assert_eq!(run("0+ 1w 16? 17? 18w 18?"), "fine 16s fine");
        assert_eq!(run("0+ 15? 16?"), "fine 16s", "from the start, too");
    }

    #[test]
    fn what_is_not_to_be_written_is_never_overdue() {
        assert_eq!(
            run("0+ 1w 10- 100? 100+ 101? 116?"),
            "fine fine 16s",
            "and the time before does not count"
        );
    }
}
