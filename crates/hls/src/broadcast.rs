//! Brain: one stream as LL-HLS, from pictures to answers.
//!
//! What is asked for is there, or not yet, or never (RFC 8216bis section 6.2.5). How long a question may wait is
//! said here, the waiting is done elsewhere ([`crate::desk`]).

use std::time::Duration;

use bytes::Bytes;
use tarsier_live::viewer::Next;
use tarsier_types::{AccessUnit, Dts, Mono, ParameterSets, StreamKind, Ticks, Track, UtcMs};

use crate::cut::{Cut, Cutter};
use crate::name::{File, FileName};
use crate::pace::{LONGEST_FIRST, Pace, SHORTEST};
use crate::playlist::{About, Rendition, Report, for_viewer, text};
use crate::sound::{Sound, rfc6381};
use crate::window::{Segment, Window};

/// A stream that nobody asks for is let go after this.
pub const IDLE: Duration = Duration::from_secs(30);

/// A blocking reload: `_HLS_msn` and `_HLS_part`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reload {
    /// The segment that the playlist shall hold.
    pub segment: u64,
    /// The part of it; absent if it shall be whole.
    pub part: Option<u64>,
}

/// How a question stands.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Look<T, N> {
    Is(T),
    NotYet,
    Refused(Refusal<N>),
}

/// Why something is not answered.
#[derive(Debug, PartialEq, Eq)]
pub enum Refusal<N> {
    /// It is too far ahead to be waited for.
    TooFar,
    /// There is nothing of that name, or not any more.
    NotFound,
    /// No pictures come; perhaps it is known why.
    Silent(Option<N>),
    /// Nothing will come.
    Ended(Option<N>),
}

/// Whether questions may stand otherwise now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Nothing,
    Something,
}

#[derive(Debug)]
enum State {
    /// The first pictures, held back until their pace is known.
    Gathering(Vec<AccessUnit>),
    Cutting(Pace, Box<Cutter>),
}

#[derive(Debug)]
enum End<N> {
    NotYet,
    /// Perhaps it is known why.
    Ended(Option<N>),
}

/// When a playlist begins, and with which number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Birth {
    pub(crate) now: Mono,
    /// Milliseconds since 1970: distinguishes its files from those of earlier ones.
    pub(crate) life: u64,
    /// Higher than what an earlier playlist has got to: players do not go back.
    pub(crate) first_segment: u64,
}

/// The brain.
#[derive(Debug)]
pub(crate) struct Broadcast<N> {
    stream: StreamKind,
    life: u64,
    state: State,
    window: Window,
    /// Of this run.
    sound: Option<Sound>,
    notice: Option<N>,
    end: End<N>,
    /// A keyframe of the run has come.
    is_decodable: bool,
    asked: Mono,
    /// The playlist, as of so many changes of the window and all that it says besides.
    written: Option<((u64, About), String)>,
}

impl<N: Clone> Broadcast<N> {
    pub(crate) fn new(stream: StreamKind, birth: Birth) -> Self {
        Self {
            stream,
            life: birth.life,
            state: State::Gathering(Vec::new()),
            window: Window::new(birth.first_segment),
            sound: None,
            notice: None,
            end: End::NotYet,
            is_decodable: false,
            asked: birth.now,
            written: None,
        }
    }

    /// Somebody asks, or has waited until now.
    pub(crate) fn asked(&mut self, now: Mono) {
        self.asked = now;
    }

    /// When it is let go if nobody asks.
    pub(crate) fn deadline(&self) -> Mono {
        self.asked + IDLE
    }

    /// How long a question may wait: three target durations.
    pub(crate) fn patience(&self) -> Duration {
        self.target() * 3
    }

    pub(crate) fn target(&self) -> Duration {
        match &self.state {
            State::Gathering(_) => {
                Duration::from_millis(LONGEST_FIRST.to_millis().try_into().unwrap_or_default())
            }
            State::Cutting(pace, _) => pace.target(),
        }
    }

    pub(crate) fn is_ended(&self) -> bool {
        matches!(self.end, End::Ended(_))
    }

    /// Takes in what a viewer gets.
    pub(crate) fn handle(&mut self, next: Next<N>) -> Change {
        if self.is_ended() {
            return Change::Nothing;
        }
        match next {
            Next::Init(parameters) => {
                let change = self.end_run();
                self.sound = Sound::of(parameters.audio.as_ref());
                if let State::Cutting(_, cutter) = &mut self.state {
                    cutter.sound(self.sound.clone());
                }
                let audio = parameters.audio.clone().filter(|_| self.sound.is_some());
                self.window.init(ParameterSets { video: parameters.video.clone(), audio });
                self.notice = None;
                change
            }
            Next::Unit { unit, .. } => self.unit(unit.unit.clone()),
            Next::Skipped(_) => self.end_run(),
            Next::Waiting(why) => {
                self.notice = Some(why);
                self.end_run();
                Change::Something
            }
            Next::Ended(why) => self.end(Some(why)),
        }
    }

    /// Nothing will follow.
    pub(crate) fn end(&mut self, why: Option<N>) -> Change {
        self.end_run();
        self.end = End::Ended(why);
        Change::Something
    }

    fn unit(&mut self, unit: AccessUnit) -> Change {
        // Who comes when the fan-out keeps no GOP, because it is too large, gets pictures without their keyframe.
        let is_picture = unit.track == Track::Video;
        self.is_decodable |= is_picture && unit.is_keyframe;
        if !self.is_decodable {
            return Change::Nothing;
        }
        match &mut self.state {
            State::Cutting(pace, cutter) => {
                let cuts = cutter.push(unit);
                let pace = *pace;
                self.add(cuts, pace)
            }
            State::Gathering(units) if !is_picture => {
                units.push(unit);
                Change::Nothing
            }
            State::Gathering(units) => {
                let span = units.first().map_or(Ticks(0), |first| unit.dts - first.dts);
                if !((unit.is_keyframe && span >= SHORTEST) || span >= LONGEST_FIRST) {
                    units.push(unit);
                    return Change::Nothing;
                }
                let pictures = || units.iter().filter(|unit| unit.track == Track::Video);
                let times: Vec<_> = pictures().map(|unit| unit.dts).collect();
                let pace = Pace::of(&times, unit.dts);
                let arrived = pictures().next().map_or(unit.arrived, |first| first.arrived);
                let mut cutter = Cutter::new(pace, media_time(arrived));
                cutter.sound(self.sound.clone());
                let units = std::mem::take(units).into_iter().chain([unit]);
                let cuts = units.flat_map(|unit| cutter.push(unit)).collect();
                self.state = State::Cutting(pace, Box::new(cutter));
                self.add(cuts, pace)
            }
        }
    }

    fn end_run(&mut self) -> Change {
        self.is_decodable = false;
        match &mut self.state {
            State::Gathering(units) => {
                units.clear();
                Change::Nothing
            }
            State::Cutting(pace, cutter) => {
                let (cuts, pace) = (cutter.end_run(), *pace);
                let change = self.add(cuts, pace);
                self.window.break_off();
                change
            }
        }
    }

    fn add(&mut self, cuts: Vec<Cut>, pace: Pace) -> Change {
        let change = if cuts.is_empty() { Change::Nothing } else { Change::Something };
        for cut in cuts {
            self.window.add(cut, pace);
        }
        change
    }

    /// Its pace, once a segment is whole; before that there is nothing to play.
    fn ready<T>(&self) -> Result<Pace, Look<T, N>> {
        match (&self.state, &self.end, &self.notice) {
            (State::Cutting(pace, _), _, _) if self.window.listed().next().is_some() => Ok(*pace),
            (_, End::Ended(why), _) => Err(Look::Refused(Refusal::Ended(why.clone()))),
            (_, End::NotYet, Some(why)) => Err(Look::Refused(Refusal::Silent(Some(why.clone())))),
            (_, End::NotYet, None) => Err(Look::NotYet),
        }
    }

    /// Why nothing came in time.
    pub(crate) fn silence(&self) -> Refusal<N> {
        Refusal::Silent(self.notice.clone())
    }

    /// Whether the playlist can be said, and holds what is asked for.
    pub(crate) fn is_there(&self, reload: Option<Reload>) -> Look<(), N> {
        match (self.ready(), reload) {
            (Err(look), _) => look,
            (Ok(pace), Some(reload)) if !self.is_ended() => self.holds(reload, pace),
            (Ok(_), _) => Look::Is(()),
        }
    }

    /// The playlist, such as it is. It is written once for all who ask until it changes.
    pub(crate) fn playlist(&mut self, token: &str, other: Option<Report>) -> Option<String> {
        let State::Cutting(pace, _) = &self.state else { return None };
        let about = About { life: self.life, pace: *pace, is_ended: self.is_ended(), other };
        let of = (self.window.changes(), about);
        if self.written.as_ref().is_none_or(|written| written.0 != of) {
            self.written = Some((of, text(&self.window, about)));
        }
        self.written.as_ref().map(|(_, text)| for_viewer(text, token))
    }

    fn holds(&self, reload: Reload, pace: Pace) -> Look<(), N> {
        let Some(newest) = self.window.newest() else { return Look::NotYet };
        let (wanted, part) = (reload.segment, reload.part);
        if wanted > newest.number.saturating_add(2) {
            return Look::Refused(Refusal::TooFar);
        }
        let is_open = self.window.open().is_some();
        let parts = u64::try_from(newest.parts.len()).unwrap_or(u64::MAX);
        // Behind the last part of a whole segment stands the first one of the next.
        let behind = match part {
            _ if wanted < newest.number => return Look::Is(()),
            None if wanted == newest.number && !is_open => return Look::Is(()),
            None => return Look::NotYet,
            Some(part) if wanted == newest.number && part < parts => return Look::Is(()),
            Some(part) if wanted == newest.number => part - parts,
            Some(part) => part,
        };
        if behind >= u64::from(pace.parts_ahead()) {
            return Look::Refused(Refusal::TooFar);
        }
        Look::NotYet
    }

    pub(crate) fn file(&self, name: FileName) -> Look<Bytes, N> {
        let found = match name.file {
            _ if name.life != self.life => None,
            File::Init(number) => self.window.init_bytes(number),
            // The one that the playlist announces.
            File::Part(number) if number == self.window.next_part() && !self.is_ended() => {
                return Look::NotYet;
            }
            File::Part(number) => self.window.part(number),
            File::Segment(number) => self.window.segment(number),
        };
        found.map_or(Look::Refused(Refusal::NotFound), Look::Is)
    }

    /// The number of the segment that would come next.
    pub(crate) const fn next_segment(&self) -> u64 {
        self.window.next_segment()
    }

    pub(crate) fn report(&self) -> Option<Report> {
        let newest = self.window.newest()?;
        let part = newest.parts.len().checked_sub(1)?;
        Some(Report { stream: self.stream, segment: newest.number, part })
    }

    pub(crate) fn rendition(&self) -> Look<Rendition, N> {
        let pace = match self.ready() {
            Ok(pace) => pace,
            Err(look) => return look,
        };
        let Some(parameters) = self.window.parameters() else { return Look::NotYet };
        let video = &parameters.video;
        let bps = |bytes: usize, span: Ticks| {
            let bits = u128::try_from(bytes).unwrap_or_default() * 8 * 90_000;
            let bps = bits / u128::try_from(span.0).unwrap_or_default().max(1);
            u64::try_from(bps).unwrap_or(u64::MAX).max(1)
        };
        let segments = || self.window.listed();
        let whole = Ticks(segments().map(|segment| segment.duration().0).sum());
        Look::Is(Rendition {
            stream: self.stream,
            rfc6381: rfc6381(parameters),
            width: video.width,
            height: video.height,
            picture: pace.picture,
            peak_bps: segments()
                .map(|segment| bps(segment.bytes(), segment.duration()))
                .max()
                .unwrap_or(1),
            average_bps: bps(segments().map(Segment::bytes).sum(), whole),
        })
    }
}

/// Media time and the numbers of segments count from here.
const YEAR_2026_MS: i64 = 1_767_225_600_000;

/// The number of the first segment of a playlist that begins now: seconds, because no segment is much shorter
/// than one, and below 2^31 for players that count in 32 bits.
pub(crate) fn first_segment(now: UtcMs) -> u64 {
    u64::try_from((now.0 - YEAR_2026_MS) / 1000).unwrap_or_default()
}

/// Where media time begins: by the wall clock, so that a player finds a moment at the same time in main and sub, whichever
/// was asked for first (RFC 8216bis section 6.2.4), and later in a playlist that begins anew.
fn media_time(arrived: UtcMs) -> Dts {
    Dts(Ticks::from_millis((arrived.0 - YEAR_2026_MS).max(0)).0)
}

#[cfg(test)]
mod tests;
