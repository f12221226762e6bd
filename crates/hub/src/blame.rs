//! Brain: whose fault it is that a stream has no footage just now, so that no second is left without a reason.
//!
//! A recorder tells of a gap when it is over, and only if it has lived through it. Here is noted as time passes why
//! there is nothing: each reason for the time in which it held, at the latest every 15 s, so that neither a hub that
//! is killed in the middle of an outage nor a recorder that starts anew blurs what is known.
//!
//! - What was before this hub watched is *recorder*: Tarsier was not running.
//! - Silence whose reason turns out to be the network was the network from its beginning.
//! - What a recorder says of a camera's outage is bettered by what was seen meanwhile; what it says of disks is not.
//!
//! What does not belong here: what is wrong ([`crate::state`] knows), the rows.

use std::collections::{BTreeMap, BTreeSet};

use tarsier_types::{CameraId, GapReason, StreamKind, UtcMs};
use tarsier_wire::Problem as Cause;

/// The longest time of which nothing is stored: what a hub that is killed forgets.
const TOLD_EVERY_MS: i64 = 15_000;
/// The same for silence, which may still turn out to be the network.
const SILENCE_TOLD_EVERY_MS: i64 = 60_000;

/// An outage that began so long before this hub watched was seen by a recorder that is older, if there is one: a new one
/// only goes on from what was kept, and was as little there as the hub (the machine was off).
const BEFORE_US_MS: i64 = 2000;

/// How a stream is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Pictures flow and nothing is wrong.
    Fine,
    /// Nobody wants it to be recorded.
    Unwanted,
    /// No footage, since then; `None`: its recorder has not said why.
    Out { since: UtcMs, cause: Option<Cause> },
}

/// Until then there was no footage for that reason, unless something else is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Because {
    pub(crate) until: UtcMs,
    pub(crate) reason: GapReason,
}

#[derive(Clone, Copy, Debug)]
struct Known {
    reason: GapReason,
    /// It may turn out to be the network.
    is_silence: bool,
    /// Of what was before this hub watched.
    is_first: bool,
    told: UtcMs,
    started: UtcMs,
}

/// All streams.
#[derive(Clone, Debug, Default)]
pub(crate) struct Blame {
    streams: BTreeMap<(CameraId, StreamKind), Option<Known>>,
    /// Their recorders are older than this hub.
    lived_on: BTreeSet<CameraId>,
}

impl Blame {
    /// How a stream is now; said about once a second and at each change. Answers what is to be stored.
    pub(crate) fn look(
        &mut self,
        camera: &CameraId,
        stream: StreamKind,
        standing: Standing,
        now: UtcMs,
    ) -> Option<Because> {
        let mut is_new = false;
        let lived_on = self.lived_on.contains(camera);
        let known = self.streams.entry((camera.clone(), stream)).or_insert_with(|| {
            is_new = true;
            let first = Known { is_first: true, ..Known::new(GapReason::Recorder, now) };
            Some(first)
        });
        let (reason, is_silence, since) = match standing {
            // What was wrong is over when there is footage: [`Self::begun`].
            Standing::Fine => return None,
            Standing::Unwanted => (GapReason::Planned, false, now),
            Standing::Out { since, cause } => {
                let is_silence = matches!(cause, Some(Cause::NoPictures | Cause::Disconnected));
                (cause.map_or(GapReason::Recorder, Cause::gap_reason), is_silence, since)
            }
        };
        let new = Known { is_silence, ..Known::new(reason, now) };
        let Some(old) = known else {
            *known = Some(new);
            return None;
        };
        if old.reason == reason {
            old.is_silence &= is_silence;
            let every = if old.is_silence { SILENCE_TOLD_EVERY_MS } else { TOLD_EVERY_MS };
            // What nobody wants is known after a restart as well: its end is soon enough.
            let is_due = reason != GapReason::Planned && now.millis_since(old.told) >= every;
            return is_due.then(|| {
                old.told = now;
                Because { until: now, reason }
            });
        }
        // Its recorder lived on while no hub was there, and knows better.
        if old.is_first && lived_on && old.started.millis_since(since) > BEFORE_US_MS {
            *old = new;
            return Some(Because { until: now, reason });
        }
        let was_it_all_along = old.is_silence && reason == GapReason::Network
            || old.is_first && reason == GapReason::Planned && is_new;
        if was_it_all_along {
            *old = Known { started: old.started, told: old.told, ..new };
            return None;
        }
        let because = Because { until: now, reason: old.reason };
        *old = new;
        Some(because)
    }

    /// Its recorder was started by an earlier hub.
    pub(crate) fn lived_on(&mut self, camera: &CameraId) {
        self.lived_on.insert(camera.clone());
    }

    /// Footage begins there: why there was none before it.
    pub(crate) fn begun(&mut self, camera: &CameraId, stream: StreamKind) -> GapReason {
        let known = self.streams.insert((camera.clone(), stream), None);
        known.flatten().map_or(GapReason::Recorder, |known| known.reason)
    }

    /// Footage goes on in the same file: what a disk had not taken was not lost.
    pub(crate) fn went_on(&mut self, camera: &CameraId, stream: StreamKind) {
        if let Some(known) = self.streams.get_mut(&(camera.clone(), stream)) {
            known.take_if(|known| known.reason == GapReason::Disk);
        }
    }

    /// What is known of a gap that a recorder tells about.
    pub(crate) fn better(
        &self,
        camera: &CameraId,
        stream: StreamKind,
        told: GapReason,
    ) -> GapReason {
        let known = self.streams.get(&(camera.clone(), stream)).copied().flatten();
        match (told, known) {
            (GapReason::Camera | GapReason::Network, Some(known))
                if matches!(known.reason, GapReason::Camera | GapReason::Network) =>
            {
                known.reason
            }
            _ => told,
        }
    }

    /// Why there is no footage at this moment, if there is none.
    pub(crate) fn now(&self, camera: &CameraId, stream: StreamKind) -> Option<GapReason> {
        self.streams.get(&(camera.clone(), stream)).copied().flatten().map(|known| known.reason)
    }

    /// The wall clock was put ahead by so many milliseconds (below 0: back).
    pub(crate) fn clock_changed(&mut self, by_ms: i64) {
        for known in self.streams.values_mut().flatten() {
            known.told = known.told.plus_millis(by_ms);
            known.started = known.started.plus_millis(by_ms);
        }
    }

    /// The camera was deleted.
    pub(crate) fn forget(&mut self, camera: &CameraId) {
        self.streams.retain(|(of, _), _| of != camera);
        self.lived_on.remove(camera);
    }

    /// The camera has no such stream any more.
    pub(crate) fn forget_stream(&mut self, camera: &CameraId, stream: StreamKind) {
        self.streams.remove(&(camera.clone(), stream));
    }
}

impl Known {
    const fn new(reason: GapReason, now: UtcMs) -> Self {
        Self { reason, is_silence: false, is_first: false, told: now, started: now }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words are `SECOND` and what is then: `f` fine, `u` unwanted, `c` connecting (nothing said yet), `q` quiet (no
    /// pictures), `n` unreachable, `p` port closed, `w` wrong password, `d` disk; with `@SECOND` since then. `B`:
    /// footage begins; `W`: it goes on; `L`: its recorder is older than the hub; `G`: the recorder tells of a gap (camera). Between them
    /// each second is looked at. The answer: what is stored, `UNTIL:REASON`, each reason once while it goes on.
    fn run(script: &str) -> String {
        let mut said: Vec<Because> = Vec::new();
        for next in all(script) {
            match said.last_mut() {
                Some(last) if last.reason == next.reason => *last = next,
                _ => said.push(next),
            }
        }
        say(&said)
    }

    fn say(said: &[Because]) -> String {
        let said = said.iter().map(|it| format!("{}:{}", it.until.0 / 1000, it.reason.name()));
        said.collect::<Vec<_>>().join(" ")
    }

    fn all(script: &str) -> Vec<Because> {
        let garden = CameraId::new("garden").unwrap();
        let mut blame = Blame::default();
        let (mut now, mut said) = (0_i64, Vec::new());
        let mut standing = None;
        let mut out_since = 0;
        for word in script.split_whitespace() {
            let letter = word.find(|c: char| c.is_alphabetic()).expect("a letter");
            let second: i64 = word[..letter].parse().expect("a number");
            while now < second {
                if let Some(standing) = standing {
                    said.extend(blame.look(&garden, StreamKind::Main, standing, UtcMs(now * 1000)));
                }
                now += 1;
            }
            let what = &word[letter..=letter];
            if let Some((_, since)) = word.split_once('@') {
                out_since = since.parse().expect("a number");
            } else if matches!(standing, None | Some(Standing::Fine | Standing::Unwanted)) {
                out_since = now;
            }
            let out = |cause| Standing::Out { since: UtcMs(out_since * 1000), cause };
            let next = match what {
                "f" => Standing::Fine,
                "u" => Standing::Unwanted,
                "c" => out(None),
                "q" => out(Some(Cause::NoPictures)),
                "n" => out(Some(Cause::HostUnreachable)),
                "p" => out(Some(Cause::PortClosed)),
                "w" => out(Some(Cause::WrongCredentials)),
                "d" => out(Some(Cause::DiskNotWritable)),
                "B" => {
                    let reason = blame.begun(&garden, StreamKind::Main);
                    said.push(Because { until: UtcMs(now * 1000), reason });
                    continue;
                }
                "W" => {
                    blame.went_on(&garden, StreamKind::Main);
                    continue;
                }
                "L" => {
                    blame.lived_on(&garden);
                    continue;
                }
                _ => {
                    let reason = blame.better(&garden, StreamKind::Main, GapReason::Camera);
                    said.push(Because { until: UtcMs(now * 1000), reason });
                    continue;
                }
            };
            standing = Some(next);
            said.extend(blame.look(&garden, StreamKind::Main, next, UtcMs(now * 1000)));
        }
        said
    }

    #[test]
    fn before_the_hub_watched_it_was_us() {
        assert_eq!(run("0c 2f 3B"), "3:recorder");
        assert_eq!(
            run("0c 3n 200f 201B"),
            "3:recorder 201:network",
            "hub off and camera offline at once: each has its own time"
        );
    }

    #[test]
    fn a_recorder_that_lived_on_without_a_hub_knows_better() {
        assert_eq!(say(&all("100L 100c 101n@40 110f 111B")), "101:network 111:network");
    }

    #[test]
    fn a_night_in_which_the_machine_was_off_is_not_the_cameras() {
        assert_eq!(
            run("30000c 30001n@40 30010f 30011B"),
            "30001:recorder 30011:network",
            "a new recorder goes on from what was kept in the evening, and has seen nothing of the night"
        );
    }

    #[test]
    fn each_reason_has_the_time_in_which_it_held() {
        assert_eq!(
            run("0f 1B 10n 50p 70f 72B"),
            "1:recorder 50:network 72:camera",
            "a camera that restarts is unreachable first, and then refuses"
        );
        assert_eq!(run("0f 1B 10n 20u 50n 55f 57B"), "1:recorder 20:network 50:planned 57:network");
    }

    #[test]
    fn silence_that_turns_out_to_be_the_network_was_the_network_all_along() {
        assert_eq!(run("0f 1B 10q 25n 40f 42B"), "1:recorder 42:network");
        assert_eq!(run("0f 1B 10q 25n 40f 41G 42B"), "1:recorder 42:network");
        assert_eq!(run("0f 1B 10q 25q 40f 42B"), "1:recorder 42:camera");
    }

    #[test]
    fn an_outage_that_goes_on_is_stored_now_and_then() {
        let credentials = "1:recorder 25:credentials 40:credentials";
        assert_eq!(say(&all("0f 1B 10w 45w")), credentials);
        assert_eq!(say(&all("0f 1B 10q 100q")), "1:recorder 70:camera", "silence later");
    }

    #[test]
    fn a_pause_that_a_hub_finds_was_planned_before_it_too() {
        assert_eq!(run("0u 700f 702B"), "702:planned", "and costs nothing while it lasts");
        assert_eq!(run("0f 1B 10u 700n 720f 722B"), "1:recorder 700:planned 722:network");
    }

    #[test]
    fn a_disk_that_took_in_the_end_what_waited_is_not_blamed_for_what_comes_next() {
        assert_eq!(run("0f 1B 10d 30f 31W 40n 50f 52B"), "1:recorder 25:disk 52:network");
        assert_eq!(run("0f 1B 10n 12W 30f 32B"), "1:recorder 32:network", "a late fragment");
    }

    #[test]
    fn what_a_recorder_says_of_a_disk_stays() {
        let mut blame = Blame::default();
        let garden = CameraId::new("garden").unwrap();
        let out = Standing::Out { since: UtcMs(0), cause: Some(Cause::HostUnreachable) };
        blame.look(&garden, StreamKind::Main, out, UtcMs(0));
        blame.look(&garden, StreamKind::Main, out, UtcMs(1000));
        assert_eq!(blame.better(&garden, StreamKind::Main, GapReason::Disk), GapReason::Disk);
    }
}
