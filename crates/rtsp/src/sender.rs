//! Brain: units of a stream become the packets of one session, with their times and the sender's reports.
//!
//! RTP time is media time, moved so that a run begins at the wall clock at which its first unit reached the recorder; so a
//! run that follows another goes on behind it. Units keep their distances: who copies the stream into a file wants them
//! true, and so the last GOP comes at once but is stamped with the past. What the camera's clock drifts against ours is
//! said in the reports alone (RFC 3550 section 6.4.1). What does not belong here: how a unit is cut (`description`).

use std::time::Duration;

use tarsier_live::LiveUnit;
use tarsier_rtp::Patch;
use tarsier_rtp::rtcp::{SenderReport, write_bye, write_report};
use tarsier_types::{Mono, Ticks, Track};

use crate::description::Description;

/// As often as RFC 3550 section 6.2 asks for at least.
const REPORTS_EVERY: Duration = Duration::from_secs(5);
/// The measured drift counts for so much with each picture: jitter of single pictures is smoothed away.
const SMOOTHING: i64 = 64;
/// Beyond this it is no drift: somebody has set a clock (guess).
const SET: i64 = Ticks::PER_SECOND;
/// Between two runs if the wall clock does not say more.
const LEAST_PAUSE: i64 = 3600;

/// The random beginnings of a track's RTP stream (RFC 3550 section 5.1).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Origin {
    pub(crate) ssrc: u32,
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
}

/// A track that a client set up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outlet {
    /// Which of the description's tracks.
    pub(crate) track: usize,
    /// Interleaved channels; over UDP only to tell the packets apart.
    pub(crate) media_channel: u8,
    pub(crate) report_channel: u8,
    pub(crate) origin: Origin,
}

#[derive(Debug)]
struct Lane {
    outlet: Outlet,
    sequence: u16,
    packets: u32,
    payload_bytes: u32,
}

/// The wall clock and the monotonic one at the same moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    pub(crate) mono: Mono,
    pub(crate) unix_us: i64,
}

/// The brain.
#[derive(Debug)]
pub(crate) struct Sender {
    description: Description,
    lanes: Vec<Lane>,
    /// From media time to the session's; none until a run's first picture.
    offset: Option<i64>,
    /// How far the wall clock has run ahead of the session's time.
    drift: i64,
    /// The latest session time that was used.
    last: Option<i64>,
    report_at: Option<Mono>,
}

const fn ticks(unix_us: i64) -> i64 {
    unix_us / 100 * 9 + unix_us % 100 * 9 / 100
}

impl Sender {
    /// For a session that has set up nothing yet.
    pub(crate) const fn new(description: Description) -> Self {
        Self { description, lanes: Vec::new(), offset: None, drift: 0, last: None, report_at: None }
    }

    /// The client wants that track, too.
    pub(crate) fn add(&mut self, outlet: Outlet) {
        let sequence = outlet.origin.sequence;
        self.lanes.push(Lane { outlet, sequence, packets: 0, payload_bytes: 0 });
    }

    /// The tracks that were set up.
    pub(crate) fn outlets(&self) -> impl Iterator<Item = &Outlet> {
        self.lanes.iter().map(|lane| &lane.outlet)
    }

    /// Each track with the sequence number of its next packet.
    pub(crate) fn sequences(&self) -> impl Iterator<Item = (usize, u16)> {
        self.lanes.iter().map(|lane| (lane.outlet.track, lane.sequence))
    }

    /// What is sent.
    pub(crate) const fn description(&self) -> &Description {
        &self.description
    }

    /// Media time begins anew.
    pub(crate) const fn begin_run(&mut self) {
        self.offset = None;
    }

    /// Appends a unit's packets to `out`, and reports before them when they are due.
    pub(crate) fn unit(&mut self, now: Moment, live: &LiveUnit, out: &mut Vec<u8>) {
        let unit = &live.unit;
        let arrived = ticks(live.arrived_utc_us);
        let offset = match (self.offset, unit.track) {
            (Some(offset), _) => offset,
            // The pictures tell the time; a run begins with one.
            (None, Track::Audio) => return,
            (None, Track::Video) => {
                let least = self.last.map(|last| last + LEAST_PAUSE - unit.dts.0);
                self.drift = 0;
                (arrived - unit.dts.0).max(least.unwrap_or(i64::MIN))
            }
        };
        self.offset = Some(offset);
        if unit.track == Track::Video {
            let off_by = arrived - unit.dts.0 - offset - self.drift;
            self.drift += if off_by.abs() > SET { off_by } else { off_by / SMOOTHING };
        }
        let at = unit.pts.0 + offset;
        self.last = self.last.max(Some(at));
        if self.report_at.is_none_or(|due| due <= now.mono) {
            self.report_at = Some(now.mono + REPORTS_EVERY);
            self.report(now, out);
        }
        for lane in &mut self.lanes {
            let (track, format) = &self.description.tracks[lane.outlet.track];
            if *track != unit.track {
                continue;
            }
            let start = lane.outlet.origin.timestamp.wrapping_add(scaled(at, format.clock_hz()));
            for piece in format.cut(unit) {
                let patch = Patch {
                    channel: lane.outlet.media_channel,
                    sequence: lane.sequence,
                    timestamp: start.wrapping_add(piece.after),
                    ssrc: lane.outlet.origin.ssrc,
                };
                lane.sequence = piece.packets.write(patch, out);
                let packets = u32::try_from(piece.packets.count()).unwrap_or(u32::MAX);
                lane.packets = lane.packets.wrapping_add(packets);
                lane.payload_bytes = lane.payload_bytes.wrapping_add(piece.packets.payload_bytes());
            }
        }
    }

    fn report(&self, now: Moment, out: &mut Vec<u8>) {
        let at = ticks(now.unix_us) - self.drift;
        for lane in &self.lanes {
            let (_, format) = &self.description.tracks[lane.outlet.track];
            let origin = lane.outlet.origin;
            let report = SenderReport {
                ssrc: origin.ssrc,
                utc_nanos: u64::try_from(now.unix_us).unwrap_or(0) * 1000,
                timestamp: origin.timestamp.wrapping_add(scaled(at, format.clock_hz())),
                packets: lane.packets,
                payload_bytes: lane.payload_bytes,
            };
            write_report(&report, lane.outlet.report_channel, out);
        }
    }

    /// Says good-bye on every track.
    pub(crate) fn finish(&self, out: &mut Vec<u8>) {
        for outlet in self.outlets() {
            write_bye(outlet.origin.ssrc, outlet.report_channel, out);
        }
    }
}

/// Session time in ticks of another clock, rounded, modulo 2^32.
fn scaled(at: i64, clock_hz: u32) -> u32 {
    let per_second = i128::from(Ticks::PER_SECOND);
    let scaled = (i128::from(at) * i128::from(clock_hz) + per_second / 2).div_euclid(per_second);
    u32::try_from(scaled.rem_euclid(1 << 32)).expect("a remainder below 2^32")
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use tarsier_rtp::packets::interleaved;
    use tarsier_types::{AccessUnit, Dts, Pts, UtcMs};

    use super::*;
    use crate::description::fixtures::{aac, description};

    /// 2026-11-20T20:15:00Z.
    const START_US: i64 = 1_795_205_700_000_000;

    fn sender() -> Sender {
        let mut sender = Sender::new(description(&aac()));
        for track in 0..2_u8 {
            let origin = Origin { ssrc: u32::from(track), sequence: 65_535, timestamp: 0 };
            let (media_channel, report_channel) = (track * 2, track * 2 + 1);
            sender.add(Outlet { track: usize::from(track), media_channel, report_channel, origin });
        }
        sender
    }

    fn unit(track: Track, pts: i64, dts: i64, arrived_us: i64) -> LiveUnit {
        let data = match track {
            Track::Video => Bytes::from_static(&[0, 0, 0, 4, 0x41, 1, 2, 3]),
            Track::Audio => Bytes::from_static(&[0x21; 40]),
        };
        let unit = AccessUnit {
            track,
            pts: Pts(pts),
            dts: Dts(dts),
            duration: Ticks(3600),
            is_keyframe: false,
            arrived: UtcMs(arrived_us / 1000),
            data,
        };
        LiveUnit { unit, arrived_utc_us: arrived_us }
    }

    /// Sent when it arrived. Each packet as channel and timestamp; of reports the wall clock in seconds since 1900, too.
    fn send(sender: &mut Sender, live: &LiveUnit) -> Vec<(u8, u32)> {
        let since = u64::try_from(live.arrived_utc_us - START_US).unwrap();
        let mono = Mono::from_nanos(since * 1000);
        let mut out = Vec::new();
        sender.unit(Moment { mono, unix_us: live.arrived_utc_us }, live, &mut out);
        let of = |bytes: &[u8]| u32::from_be_bytes(bytes.try_into().unwrap());
        let read = |(channel, packet): (u8, &[u8])| {
            (channel, of(if channel % 2 == 0 { &packet[4..8] } else { &packet[16..20] }))
        };
        interleaved(&out).map(read).collect()
    }

    fn start() -> u32 {
        scaled(ticks(START_US), 90_000)
    }

    #[test]
    fn reports_lead_and_say_the_wall_clock_of_both_tracks() {
        let mut sender = sender();
        let first = send(&mut sender, &unit(Track::Video, 7200, 3600, START_US));
        let sound = scaled(ticks(START_US), 16_000);
        assert_eq!(first, [(1, start()), (3, sound), (0, start() + 3600)], "shown a picture later");
        let heard = send(&mut sender, &unit(Track::Audio, 9360, 9360, START_US + 64_000));
        assert_eq!(heard, [(2, sound + 1024)]);
        let mut reports = 0;
        for picture in 2..=250 {
            let arrived = START_US + picture * 40_000;
            let pts = 3600 + picture * 3600;
            let sent = send(&mut sender, &unit(Track::Video, pts + 3600, pts, arrived));
            reports += sent.iter().filter(|(channel, _)| *channel == 1).count();
        }
        assert_eq!(reports, 2, "at 5 s and at 10 s");
    }

    #[test]
    fn distances_stay_true_and_reports_say_the_drift() {
        let mut sender = sender();
        // The camera's clock is 1 in 1000 too slow: 40.04 ms of ours are 40 ms of its.
        let (mut last, mut reported) = (None, 0);
        for picture in 0..5000 {
            let arrived = START_US + picture * 40_040;
            let sent =
                send(&mut sender, &unit(Track::Video, picture * 3600, picture * 3600, arrived));
            let (_, at) = *sent.iter().find(|(channel, _)| *channel == 0).unwrap();
            if let Some(last) = last.replace(at) {
                assert_eq!(at.wrapping_sub(last), 3600, "picture {picture}");
            }
            if let Some((_, report)) = sent.iter().find(|(channel, _)| *channel == 1) {
                reported = report.wrapping_sub(at).cast_signed();
            }
        }
        assert!((0..=300).contains(&reported), "after 200 ms of drift {reported} ticks off");
    }

    #[test]
    fn a_new_run_goes_on_behind_the_old_one_even_if_the_clock_went_back() {
        let mut sender = sender();
        send(&mut sender, &unit(Track::Video, 900_000, 900_000, START_US));
        sender.begin_run();
        let heard = send(&mut sender, &unit(Track::Audio, 5, 5, START_US + 2_500_000));
        assert_eq!(heard, [], "sound before the first picture has no time");
        let second = send(&mut sender, &unit(Track::Video, 0, 0, START_US + 3_000_000));
        assert_eq!(second, [(0, start() + 270_000)], "3 s later by the wall clock");
        sender.begin_run();
        let third = send(&mut sender, &unit(Track::Video, 77, 77, START_US + 1_000_000));
        assert_eq!(third, [(0, start() + 273_600)], "never back");
    }

    #[test]
    fn sequence_numbers_wrap_and_tracks_that_nobody_wants_cost_nothing() {
        let mut sender = sender();
        sender.lanes.remove(1);
        for picture in 0..3 {
            let arrived = START_US + picture * 40_000;
            send(&mut sender, &unit(Track::Video, picture * 3600, picture * 3600, arrived));
            assert_eq!(send(&mut sender, &unit(Track::Audio, 0, 0, arrived)), []);
        }
        assert_eq!(
            sender.sequences().collect::<Vec<_>>(),
            [(0, 2)],
            "three pictures, a packet each"
        );
        let mut out = Vec::new();
        sender.finish(&mut out);
        assert_eq!(interleaved(&out).count(), 1, "one good-bye");
    }
}
