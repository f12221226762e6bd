//! Brain: decides which unit one session gets next, and writes it.
//!
//! A session only has its own random origin for timestamps and sequence numbers (RFC 3550 section 5.1); all else is the
//! film's. What does not belong here: when a unit is due (`schedule`), clocks and sockets; the time comes in as
//! [`FilmTime`].

use std::sync::Arc;

use tarsier_rtp::Patch;
use tarsier_rtp::rtcp::{SenderReport, write_bye, write_report};

use crate::bend::Bend;
use crate::film::Film;
use crate::options::Join;
use crate::quirks::{Quirks, Timestamps};
use crate::schedule::{
    FilmTime, SECOND, Unit, VIDEO_CLOCK, low_32_bits, picture, picture_to_join, sound,
};

/// Guess: as often as RFC 3550 section 6.2 asks for at least.
const REPORT_INTERVAL: u64 = 5 * SECOND;
/// Who is this late (a machine that slept) goes on with the present and does not hurry through the past.
const TOO_LATE: u64 = 15 * SECOND;

/// Which of the film's two tracks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FilmTrack {
    /// The pictures.
    Video,
    /// The sound.
    Audio,
}

impl FilmTrack {
    /// The track's `a=control` in the SDP.
    pub(crate) const fn control(self) -> &'static str {
        match self {
            Self::Video => "track1",
            Self::Audio => "track2",
        }
    }
}

/// One track that a session set up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outlet {
    pub(crate) track: FilmTrack,
    /// Interleaved channels; over UDP only to tell the packets apart.
    pub(crate) media_channel: u8,
    pub(crate) report_channel: u8,
    pub(crate) origin: Origin,
}

/// The random beginnings of a session's RTP stream.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Origin {
    pub(crate) ssrc: u32,
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
}

/// What was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// An access unit of that track.
    Unit(FilmTrack),
    /// A sender report.
    Report,
}

/// Where one track is.
struct Lane {
    outlet: Outlet,
    next: u64,
    sequence: u16,
    packets: u32,
    payload_bytes: u32,
}

/// One session's way through the film.
pub(crate) struct Playout {
    film: Arc<Film>,
    phase: u64,
    join: Join,
    lanes: Vec<Lane>,
    next_report: FilmTime,
    bend: Option<Bend>,
    change: Option<Change>,
}

/// Another film is shown from then on.
struct Change {
    at: FilmTime,
    film: Arc<Film>,
}

/// Where a track begins, for the header `RTP-Info`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Beginning {
    pub(crate) track: FilmTrack,
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
}

impl Playout {
    /// A session that begins at `now` with those tracks.
    pub(crate) fn start(
        film: Arc<Film>,
        phase: u64,
        join: Join,
        outlets: &[Outlet],
        now: FilmTime,
    ) -> Self {
        let lane = |outlet: &Outlet| Lane {
            outlet: *outlet,
            next: 0,
            sequence: outlet.origin.sequence,
            packets: 0,
            payload_bytes: 0,
        };
        let mut playout = Self {
            film,
            phase,
            join,
            lanes: outlets.iter().map(lane).collect(),
            next_report: now,
            bend: None,
            change: None,
        };
        playout.jump(now, join);
        playout.next_report = playout.deadline();
        playout
    }

    /// Misbehaves from `now` on; `other` is the film that it may change to.
    pub(crate) fn bent(mut self, quirks: &Quirks, other: Arc<Film>, now: FilmTime) -> Self {
        let bend = Bend { timestamps: quirks.timestamps, began: now };
        for index in 0..self.lanes.len() {
            let lane = &self.lanes[index];
            let (first, rate) = (self.unit(lane).timestamp, self.rate(lane));
            let origin = bend.origin(lane.outlet.origin.timestamp, first, rate);
            let late = match (lane.outlet.track, &self.film.sound) {
                (FilmTrack::Audio, Some(sound)) => {
                    let unit = u128::from(sound.unit_samples) * u128::from(SECOND);
                    let samples = quirks.sound_late_by.as_nanos() * u128::from(rate);
                    u64::try_from(samples.div_ceil(unit)).unwrap_or(0)
                }
                _ => 0,
            };
            let lane = &mut self.lanes[index];
            lane.outlet.origin.timestamp = origin;
            lane.next += late;
        }
        self.bend = Some(bend);
        self.change = quirks.becomes_sub_after.map(|after| {
            let after = u64::try_from(after.as_nanos()).unwrap_or(u64::MAX);
            Change { at: FilmTime(now.0.saturating_add(after)), film: other }
        });
        self
    }

    /// Goes on after a pause, in the present.
    pub(crate) fn resume(&mut self, now: FilmTime) {
        self.jump(now, self.join);
        self.next_report = self.deadline();
    }

    /// Where each track goes on.
    pub(crate) fn beginnings(&self) -> Vec<Beginning> {
        self.lanes
            .iter()
            .map(|lane| Beginning {
                track: lane.outlet.track,
                sequence: lane.sequence,
                timestamp: self.bend(lane, self.unit(lane).due, self.unit(lane).timestamp),
            })
            .collect()
    }

    /// When there is something to send.
    pub(crate) fn deadline(&self) -> FilmTime {
        self.lanes.iter().map(|lane| self.unit(lane).due).min().unwrap_or(FilmTime(u64::MAX))
    }

    /// Writes the next thing that is due, if anything is. To be called until it gives `None`.
    pub(crate) fn poll(&mut self, now: FilmTime, out: &mut Vec<u8>) -> Option<Written> {
        if let Some(change) = self.change.take_if(|change| now >= change.at) {
            self.film = change.film;
            self.jump(now, Join::NextKeyframe);
        }
        let index = (0..self.lanes.len()).min_by_key(|index| self.unit(&self.lanes[*index]).due)?;
        let due = self.unit(&self.lanes[index]).due;
        if due > now {
            return None;
        }
        if now.0 - due.0 > TOO_LATE {
            self.jump(now, Join::NextKeyframe);
            return self.poll(now, out);
        }
        if self.next_report <= due {
            self.next_report = FilmTime(due.0 + REPORT_INTERVAL);
            for lane in &self.lanes {
                write_report(&self.report(lane, now), lane.outlet.report_channel, out);
            }
            return Some(Written::Report);
        }
        let unit = self.unit(&self.lanes[index]);
        let patch = Patch {
            channel: self.lanes[index].outlet.media_channel,
            sequence: self.lanes[index].sequence,
            timestamp: self.bend(&self.lanes[index], due, unit.timestamp),
            ssrc: self.lanes[index].outlet.origin.ssrc,
        };
        let sequence = unit.packets.write(patch, out);
        let sent =
            (u32::try_from(unit.packets.count()).unwrap_or(u32::MAX), unit.packets.payload_bytes());
        let lane = &mut self.lanes[index];
        lane.sequence = sequence;
        lane.next += 1;
        lane.packets = lane.packets.wrapping_add(sent.0);
        lane.payload_bytes = lane.payload_bytes.wrapping_add(sent.1);
        Some(Written::Unit(lane.outlet.track))
    }

    /// Says good-bye on every track.
    pub(crate) fn finish(&self, out: &mut Vec<u8>) {
        for lane in &self.lanes {
            write_bye(lane.outlet.origin.ssrc, lane.outlet.report_channel, out);
        }
    }

    /// Sets every track to where a viewer who comes now begins.
    fn jump(&mut self, now: FilmTime, join: Join) {
        let video = picture_to_join(&self.film, now, join);
        let begin = if self.lanes.iter().any(|lane| lane.outlet.track == FilmTrack::Video) {
            picture(&self.film, video, 0).due
        } else {
            now
        };
        let audio = self.film.sound.as_ref().map_or(0, |sound| {
            let samples = u128::from(begin.0) * u128::from(sound.sample_rate_hz);
            let unit = u128::from(sound.unit_samples) * u128::from(SECOND);
            u64::try_from(samples.div_ceil(unit)).unwrap_or(u64::MAX)
        });
        for lane in &mut self.lanes {
            lane.next = if lane.outlet.track == FilmTrack::Video { video } else { audio };
        }
    }

    fn unit(&self, lane: &Lane) -> Unit<'_> {
        match lane.outlet.track {
            FilmTrack::Video => picture(&self.film, lane.next, lane.outlet.origin.timestamp),
            FilmTrack::Audio => sound(&self.film, lane.next, lane.outlet.origin.timestamp),
        }
    }

    /// Ticks of its clock in a second.
    fn rate(&self, lane: &Lane) -> u32 {
        match (lane.outlet.track, &self.film.sound) {
            (FilmTrack::Audio, Some(sound)) => sound.sample_rate_hz,
            _ => VIDEO_CLOCK,
        }
    }

    /// The timestamp that is sent.
    fn bend(&self, lane: &Lane, at: FilmTime, timestamp: u32) -> u32 {
        self.bend.map_or(timestamp, |bend| {
            bend.timestamp(lane.outlet.track, at, timestamp, self.rate(lane))
        })
    }

    fn bend_report(&self, lane: &Lane, at: FilmTime, timestamp: u32) -> u32 {
        let is_still = |bend: &Bend| matches!(bend.timestamps, Timestamps::StandStillAfter(..));
        if self.bend.as_ref().is_some_and(is_still) {
            timestamp
        } else {
            self.bend(lane, at, timestamp)
        }
    }

    fn report(&self, lane: &Lane, now: FilmTime) -> SenderReport {
        let rate = self.rate(lane);
        let ticks = i128::from(now.0) * i128::from(rate) / i128::from(SECOND);
        SenderReport {
            ssrc: lane.outlet.origin.ssrc,
            utc_nanos: now.0 + self.phase,
            timestamp: self.bend_report(
                lane,
                now,
                lane.outlet.origin.timestamp.wrapping_add(low_32_bits(ticks)),
            ),
            packets: lane.packets,
            payload_bytes: lane.payload_bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use tarsier_rtp::packets::interleaved;

    use super::*;
    use crate::quirks::ParameterSetsIn;
    use crate::samples;

    const OUTLETS: [Outlet; 2] = [
        Outlet {
            track: FilmTrack::Video,
            media_channel: 0,
            report_channel: 1,
            origin: Origin { ssrc: 11, sequence: 65_000, timestamp: 4_294_000_000 },
        },
        Outlet {
            track: FilmTrack::Audio,
            media_channel: 2,
            report_channel: 3,
            origin: Origin { ssrc: 22, sequence: 1, timestamp: 5 },
        },
    ];
    /// 2026-11-21, not at a whole second.
    const NOW: FilmTime = FilmTime(1_795_232_000_123_456_789);

    /// Plays `seconds` of simulated time; gives each packet with the moment it was sent at.
    fn play(
        movie: &[u8],
        outlets: &[Outlet],
        join: Join,
        seconds: u64,
    ) -> Vec<(FilmTime, u8, Vec<u8>)> {
        let film = Arc::new(Film::new(movie, ParameterSetsIn::Both).unwrap());
        let mut playout = Playout::start(film, 0, join, outlets, NOW);
        let mut packets = Vec::new();
        let mut now = NOW;
        while now.0 < NOW.0 + seconds * SECOND {
            let mut out = Vec::new();
            while playout.poll(now, &mut out).is_some() {}
            packets
                .extend(interleaved(&out).map(|(channel, packet)| (now, channel, packet.to_vec())));
            now = playout.deadline();
        }
        packets
    }

    fn timestamps(packets: &[(FilmTime, u8, Vec<u8>)], channel: u8) -> Vec<u32> {
        let of = |packet: &[u8]| u32::from_be_bytes(packet[4..8].try_into().unwrap());
        let mut all: Vec<u32> = packets
            .iter()
            .filter(|(_, c, _)| *c == channel)
            .map(|(_, _, packet)| of(packet))
            .collect();
        all.dedup();
        all
    }

    fn check_continuity(packets: &[(FilmTime, u8, Vec<u8>)], channel: u8, step: u32) {
        let steps = timestamps(packets, channel);
        assert!(steps.len() > 100, "there is something to check");
        for (index, pair) in steps.windows(2).enumerate() {
            assert_eq!(
                pair[1].wrapping_sub(pair[0]),
                step,
                "a jump at unit {index} of channel {channel}"
            );
        }
        let numbers: Vec<u16> = packets
            .iter()
            .filter(|(_, c, _)| *c == channel)
            .map(|(_, _, packet)| u16::from_be_bytes([packet[2], packet[3]]))
            .collect();
        for pair in numbers.windows(2) {
            assert_eq!(pair[1], pair[0].wrapping_add(1), "a hole in the sequence numbers");
        }
    }

    #[test]
    fn timestamps_go_on_over_many_loops_and_over_their_wrap() {
        let packets = play(samples::DRIVEWAY_SUB, &OUTLETS, Join::NextKeyframe, 100);
        check_continuity(&packets, 0, 3600);
        check_continuity(&packets, 2, 1024);
        let tiny = play(samples::TINY_HEVC_MULAW, &OUTLETS, Join::NextKeyframe, 45);
        check_continuity(&tiny, 0, 3600);
        check_continuity(&tiny, 2, 160);
    }

    #[test]
    fn reordered_pictures_are_each_shown_once_over_loops() {
        let packets = play(samples::TINY_H264_B, &OUTLETS[..1], Join::NextKeyframe, 20);
        let mut shown: Vec<u32> = timestamps(&packets, 0);
        let origin = shown[0];
        for timestamp in &mut shown {
            *timestamp = timestamp.wrapping_sub(origin).wrapping_add(90_000);
        }
        assert!(shown.windows(2).any(|pair| pair[1] < pair[0]), "this film has B-frames");
        shown.sort_unstable();
        // The last pictures still miss what is shown before and sent after them.
        shown.truncate(shown.len() - 8);
        assert!(
            shown.windows(2).all(|pair| pair[1] - pair[0] == 3600),
            "a picture is missing or doubled"
        );
    }

    #[test]
    fn sound_and_pictures_stay_together() {
        let packets = play(samples::DRIVEWAY_SUB, &OUTLETS, Join::NextKeyframe, 60);
        for (now, channel, packet) in packets {
            let timestamp = u32::from_be_bytes(packet[4..8].try_into().unwrap());
            let (origin, rate) = match channel {
                0 => (4_294_000_000_u32, 90_000),
                2 => (5, 16_000),
                _ => continue,
            };
            let expected = low_32_bits(i128::from(now.0) * i128::from(rate) / i128::from(SECOND));
            let off = timestamp.wrapping_sub(origin).wrapping_sub(expected).cast_signed();
            assert!(off.abs() <= 1, "channel {channel} is {off} ticks off the wall clock");
        }
    }

    #[test]
    fn a_report_leads_and_comes_every_five_seconds() {
        let packets = play(samples::DRIVEWAY_SUB, &OUTLETS, Join::NextKeyframe, 22);
        assert_eq!(packets[0].1, 1, "the first packet is a sender report");
        let times: Vec<u64> =
            packets.iter().filter(|(_, channel, _)| *channel == 1).map(|(now, ..)| now.0).collect();
        assert!(times.len() >= 4, "{} reports in 20 s", times.len());
        for pair in times.windows(2) {
            let seconds = pair[1] - pair[0];
            assert!(
                (5 * SECOND..5 * SECOND + SECOND / 10).contains(&seconds),
                "a report after {seconds} ns"
            );
        }
    }

    #[test]
    fn a_machine_that_slept_does_not_hurry_through_the_past() {
        let film = Arc::new(Film::new(samples::DRIVEWAY_SUB, ParameterSetsIn::Both).unwrap());
        let mut playout = Playout::start(film, 0, Join::NextKeyframe, &OUTLETS, NOW);
        let mut out = Vec::new();
        let later = FilmTime(NOW.0 + 3600 * SECOND);
        assert_eq!(playout.poll(later, &mut out), None, "an hour of film was due at once");
        assert!(playout.deadline() > later, "it goes on in the present");
    }
}
