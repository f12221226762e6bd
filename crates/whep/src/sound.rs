//! Brain: frames of a camera's sound become packets for one viewer, with their times.
//!
//! RTP time counts samples, as players want it; where sound is missing it goes on by what is missing. What the camera's
//! clock drifts is told in the reports alone, which tie the packets to the wall clock at which their pictures reached the
//! recorder: so sound keeps to the pictures, and to those of another stream of the same camera, too. Opus and G.711 go out
//! as the camera coded them. What does not belong here: coding anew (a transcoder does it), the library.

use tarsier_live::LiveUnit;
use tarsier_types::{AudioParameters, Codec, Ticks};

use crate::g711::{Law, Origin, samples};
use crate::offer::SoundPayloads;
use crate::stamp::{Offset, unix_us};

/// What G.711 over RTP is timed in, and Opus.
const G711_HZ: u32 = 8000;
const OPUS_HZ: u32 = 48_000;
/// A packet of G.711: 20 ms, as RFC 3551 (section 4.2) has it where nothing else is agreed. Cameras send what they like, and
/// there are players that take nothing else (aiortc 1.4).
const G711_BYTES: usize = 160;
/// So much may be missing before it is a hole (guess: more than stamps of cameras tremble, less than a frame).
const TOLERANCE: i64 = Ticks::PER_SECOND / 66;

/// How a viewer can be sent the sound of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// As the camera coded it.
    AsItIs,
    /// Coded anew, as Opus.
    Converted,
}

/// The route for sound of that coding; none if there is none.
pub(crate) fn route(audio: &AudioParameters, takes: SoundPayloads) -> Option<Route> {
    let is_telephone = audio.codec == Codec::Flac
        && (audio.sample_rate_hz, audio.channels) == (G711_HZ, 1)
        && (takes.a_law.is_some() || takes.mu_law.is_some());
    if is_telephone || (audio.codec == Codec::Opus && takes.opus.is_some()) {
        return Some(Route::AsItIs);
    }
    let can_convert = matches!(audio.codec, Codec::Aac | Codec::Flac) && takes.opus.is_some();
    can_convert.then_some(Route::Converted)
}

impl SoundPayloads {
    /// Those that sound of that coding is sent by.
    pub(crate) fn narrowed(self, audio: &AudioParameters, route: Route) -> Self {
        match (route, audio.codec) {
            (Route::AsItIs, Codec::Flac) => Self { opus: None, ..self },
            _ => Self { opus: self.opus, ..Self::default() },
        }
    }
}

/// What is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Packet {
    pub(crate) payload_type: u8,
    pub(crate) clock_hz: u32,
    /// The RTP time, extended to 64 bits.
    pub(crate) time: u64,
    /// The wall clock's.
    pub(crate) unix_us: i64,
    pub(crate) data: Vec<u8>,
}

/// The brain.
#[derive(Debug)]
pub(crate) struct Sound {
    takes: SoundPayloads,
    /// Of the run.
    codec: Option<Codec>,
    offset: Offset,
    /// What arrived before this is the past: nobody wants to hear it faster than it was.
    joined_unix_us: i64,
    origin: Origin,
    line: Option<Line>,
    /// Samples that are no whole packet yet, and when the last of them ended, by the wall clock.
    rest: (Vec<i16>, i64),
}

/// Where the next sample goes.
#[derive(Clone, Copy, Debug)]
struct Line {
    clock_hz: u32,
    next: u64,
    /// When the last one ended, by the wall clock.
    until: i64,
}

impl Sound {
    pub(crate) fn new(takes: SoundPayloads, now_unix_us: i64) -> Self {
        Self {
            takes,
            codec: None,
            offset: Offset::default(),
            joined_unix_us: now_unix_us,
            origin: Origin::default(),
            line: None,
            rest: (Vec::new(), 0),
        }
    }

    /// A run begins.
    pub(crate) fn begin_run(&mut self, audio: Option<&AudioParameters>) {
        self.offset.forget();
        let as_it_is = audio.filter(|audio| route(audio, self.takes) == Some(Route::AsItIs));
        self.codec = as_it_is.map(|audio| audio.codec);
    }

    /// A picture of the stream came.
    pub(crate) fn picture(&mut self, live: &LiveUnit) {
        if self.offset.follow(live.unit.pts, live.arrived_utc_us).is_err() {
            // The clock was set: sound goes on from there.
            (self.offset, self.line) = (Offset::default(), None);
        }
    }

    /// A frame of sound came.
    pub(crate) fn frame(&mut self, live: &LiveUnit) -> Vec<Packet> {
        if live.arrived_utc_us < self.joined_unix_us {
            return Vec::new();
        }
        let Some(at) = self.offset.wall(live.unit.pts) else { return Vec::new() };
        match self.codec {
            Some(Codec::Opus) => self.opus(at, live).into_iter().collect(),
            Some(Codec::Flac) => self.g711(at, &live.unit.data).unwrap_or_default(),
            _ => Vec::new(),
        }
    }

    fn opus(&mut self, at: i64, live: &LiveUnit) -> Option<Packet> {
        let count = u64::try_from(of_clock(live.unit.duration.0, OPUS_HZ)).ok()?;
        let data = live.unit.data.to_vec();
        let (payload_type, time) = (self.takes.opus?, self.place(at, count, OPUS_HZ));
        Some(Packet { payload_type, clock_hz: OPUS_HZ, time, unix_us: unix_us(at), data })
    }

    fn g711(&mut self, at: i64, frame: &[u8]) -> Option<Vec<Packet>> {
        let samples = samples(frame)?;
        let law = self.origin.look(&samples);
        let (law, payload_type) = match (law, self.takes.a_law, self.takes.mu_law) {
            (Law::A, Some(number), _) | (Law::Mu, Some(number), None) => (Law::A, number),
            (_, _, Some(number)) => (Law::Mu, number),
            (_, None, None) => return None,
        };
        let (mut gathered, until) = std::mem::take(&mut self.rest);
        if (at - until).abs() > TOLERANCE {
            gathered.clear();
        }
        let ticks = |samples: usize| of_ticks(u64::try_from(samples).unwrap_or(0), G711_HZ);
        let mut begins = at - ticks(gathered.len());
        let ends = at + ticks(samples.len());
        gathered.extend(samples);
        let mut packets = Vec::new();
        let whole = gathered.chunks_exact(G711_BYTES);
        let rest = whole.remainder().to_vec();
        for piece in whole {
            let time = self.place(begins, u64::try_from(G711_BYTES).ok()?, G711_HZ);
            let data = piece.iter().map(|sample| law.encode(*sample)).collect();
            let unix_us = unix_us(begins);
            packets.push(Packet { payload_type, clock_hz: G711_HZ, time, unix_us, data });
            begins += ticks(G711_BYTES);
        }
        self.rest = (rest, ends);
        Some(packets)
    }

    /// The RTP time of so many samples that began then by the wall clock.
    fn place(&mut self, at: i64, count: u64, clock_hz: u32) -> u64 {
        let time = match self.line.filter(|line| line.clock_hz == clock_hz) {
            Some(line) if at - line.until > TOLERANCE => {
                line.next + u64::try_from(of_clock(at - line.until, clock_hz)).unwrap_or(0)
            }
            Some(line) => line.next,
            // An RTP clock may begin anywhere.
            None => u64::try_from(of_clock(at, clock_hz) & 0xffff_ffff).unwrap_or(0),
        };
        self.line =
            Some(Line { clock_hz, next: time + count, until: at + of_ticks(count, clock_hz) });
        time
    }
}

/// Ticks in those of another clock.
fn of_clock(ticks: i64, clock_hz: u32) -> i64 {
    let (hz, per_second) = (i128::from(clock_hz), i128::from(Ticks::PER_SECOND));
    let scaled = (i128::from(ticks) * hz + per_second / 2).div_euclid(per_second);
    i64::try_from(scaled).unwrap_or(0)
}

fn of_ticks(count: u64, clock_hz: u32) -> i64 {
    let ticks = i128::from(count) * i128::from(Ticks::PER_SECOND) / i128::from(clock_hz);
    i64::try_from(ticks).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use tarsier_segment::sample_entry::{audio_parameters, flac, mp4a, opus};
    use tarsier_types::{AccessUnit, Dts, Pts, Track, UtcMs};

    use super::*;

    const NOW_US: i64 = 1_795_205_700_000_000;
    const ALL: SoundPayloads = SoundPayloads { opus: Some(111), mu_law: Some(0), a_law: Some(8) };
    const OPUS: SoundPayloads = SoundPayloads { opus: Some(111), mu_law: None, a_law: None };
    const G711: SoundPayloads = SoundPayloads { opus: None, mu_law: Some(0), a_law: Some(8) };

    fn telephone() -> AudioParameters {
        // STREAMINFO of 8 kHz, one channel, 16 bits.
        let mut info = [0; 34];
        info[10..14].copy_from_slice(&[0x01, 0xf4, 0x00, 0xf0]);
        audio_parameters(flac(&info, G711_HZ, 1, 16)).unwrap()
    }

    fn aac() -> AudioParameters {
        audio_parameters(mp4a(&[0x14, 0x08], 16_000, 1)).unwrap()
    }

    fn opus_sound() -> AudioParameters {
        audio_parameters(opus(2, 0, OPUS_HZ)).unwrap()
    }

    #[test]
    fn sound_goes_as_it_is_where_that_can_be_and_else_as_opus() {
        assert_eq!(route(&telephone(), ALL), Some(Route::AsItIs));
        assert_eq!(route(&telephone(), OPUS), Some(Route::Converted));
        assert_eq!(route(&aac(), ALL), Some(Route::Converted));
        assert_eq!(route(&aac(), G711), None, "nothing makes G.711 of it");
        assert_eq!(route(&opus_sound(), ALL), Some(Route::AsItIs));
        assert_eq!(route(&opus_sound(), G711), None);
        assert_eq!(route(&telephone(), SoundPayloads::default()), None);
        let stereo = AudioParameters { channels: 2, ..telephone() };
        assert_eq!(route(&stereo, ALL), Some(Route::Converted), "PCMU here has one channel");
        assert_eq!(ALL.narrowed(&telephone(), Route::AsItIs), G711);
        assert_eq!(ALL.narrowed(&telephone(), Route::Converted), OPUS);
        assert_eq!(ALL.narrowed(&opus_sound(), Route::AsItIs), OPUS);
    }

    fn live(track: Track, pts: i64, duration: i64, arrived_ms: i64, data: Vec<u8>) -> LiveUnit {
        let unit = AccessUnit {
            track,
            pts: Pts(pts),
            dts: Dts(pts),
            duration: Ticks(duration),
            is_keyframe: true,
            arrived: UtcMs(0),
            data: Bytes::from(data),
        };
        LiveUnit { unit, arrived_utc_us: NOW_US + arrived_ms * 1000 }
    }

    /// Opus of 20 ms from that millisecond of media time on, which comes when it is over.
    fn spoken(at_ms: i64) -> LiveUnit {
        live(Track::Audio, at_ms * 90, 1800, at_ms + 20, vec![7; 40])
    }

    fn started(audio: &AudioParameters, takes: SoundPayloads) -> Sound {
        let mut sound = Sound::new(takes, NOW_US);
        sound.begin_run(Some(audio));
        sound.picture(&live(Track::Video, 0, 3600, 0, vec![]));
        sound
    }

    #[test]
    fn opus_is_counted_through_and_tied_to_the_pictures() {
        let mut sound = started(&opus_sound(), OPUS);
        let packets: Vec<_> = (0..50).flat_map(|at| sound.frame(&spoken(at * 20))).collect();
        assert_eq!(packets.len(), 50);
        for (at, packet) in (0..).zip(&packets) {
            assert_eq!(packet.time - packets[0].time, at * 960);
            assert_eq!(packet.unix_us, NOW_US + i64::try_from(at).unwrap() * 20_000);
            assert_eq!((packet.payload_type, packet.clock_hz), (111, 48_000));
        }
    }

    #[test]
    fn a_hole_is_left_where_sound_is_missing_and_trembling_stamps_leave_none() {
        let mut sound = started(&opus_sound(), OPUS);
        let mut times = Vec::new();
        for at_ms in [0, 20, 43, 58, 80, 500, 520] {
            times.extend(sound.frame(&spoken(at_ms)).iter().map(|packet| packet.time));
        }
        let steps: Vec<_> = times.windows(2).map(|two| two[1] - two[0]).collect();
        assert_eq!(steps, [960, 960, 960, 960, 960 + 400 * 48, 960]);
    }

    #[test]
    fn a_new_run_goes_on_where_the_wall_clock_is() {
        let mut sound = started(&opus_sound(), OPUS);
        let before = sound.frame(&spoken(0))[0].time;
        sound.begin_run(Some(&opus_sound()));
        assert_eq!(sound.frame(&spoken(3000)), [], "no picture of it has come yet");
        sound.picture(&live(Track::Video, 0, 3600, 5000, vec![]));
        let after = sound.frame(&live(Track::Audio, 0, 1800, 5020, vec![7; 40]))[0].time;
        assert_eq!(after - before, 5 * 48_000);
    }

    #[test]
    fn the_past_is_not_heard() {
        let mut sound = Sound::new(OPUS, NOW_US + 1000 * 1000);
        sound.begin_run(Some(&opus_sound()));
        sound.picture(&live(Track::Video, 0, 3600, 0, vec![]));
        let heard: Vec<_> = (0..60).flat_map(|at| sound.frame(&spoken(at * 20))).collect();
        assert_eq!(heard.len(), 11, "what came in the last 220 ms");
    }

    #[test]
    fn a_camera_that_changes_its_sound_falls_silent_until_one_asks_again() {
        let mut sound = started(&opus_sound(), OPUS);
        assert_eq!(sound.frame(&spoken(0)).len(), 1);
        sound.begin_run(Some(&aac()));
        sound.picture(&live(Track::Video, 0, 3600, 0, vec![]));
        assert_eq!(sound.frame(&spoken(20)), []);
        sound.begin_run(None);
        assert_eq!(sound.frame(&spoken(40)), []);
    }

    /// A FLAC frame of 512 equal samples.
    fn flat(sample: i16) -> Vec<u8> {
        // sync, fixed | 7: block size - 1 in 16 bits; 8 kHz | mono; 16 bits | frame 0 | size
        let mut frame = vec![0xff, 0xf8, 0x74, 0x08, 0, 1, 255];
        frame.push(crc(&frame, 8, 0x07).to_be_bytes()[1]);
        // A constant subframe.
        frame.push(0);
        frame.extend_from_slice(&sample.to_be_bytes());
        let check = crc(&frame, 16, 0x8005);
        frame.extend_from_slice(&check.to_be_bytes());
        frame
    }

    /// RFC 9639 sections 9.1.8 and 9.3.
    fn crc(bytes: &[u8], bits: u32, polynomial: u32) -> u16 {
        let top = 1_u32 << (bits - 1);
        let crc = bytes.iter().fold(0_u32, |crc, byte| {
            (0..8).fold(crc ^ (u32::from(*byte) << (bits - 8)), |crc, _| {
                if crc & top == 0 { crc << 1 } else { (crc << 1) ^ polynomial }
            }) & ((1 << bits) - 1)
        });
        u16::try_from(crc).unwrap()
    }

    fn rung(sound: &mut Sound, at_ms: i64, sample: i16) -> Vec<Packet> {
        sound.frame(&live(Track::Audio, at_ms * 90, 5760, at_ms + 64, flat(sample)))
    }

    #[test]
    fn telephone_sound_goes_out_as_the_bytes_that_it_came_from() {
        let mut sound = started(&telephone(), G711);
        let first = rung(&mut sound, 0, 32_124);
        let second = rung(&mut sound, 64, 32_124);
        let packets = [first, second].concat();
        assert_eq!(packets.len(), 6, "20 ms each, whatever the camera's are; the rest waits");
        for (at, packet) in (0..).zip(&packets) {
            assert_eq!(packet.data, [0x80; 160], "mu-law");
            assert_eq!(packet.time - packets[0].time, at * 160);
            assert_eq!(packet.unix_us, NOW_US + i64::try_from(at).unwrap() * 20_000);
            assert_eq!((packet.payload_type, packet.clock_hz), (0, 8000));
        }
        let other = rung(&mut sound, 128, 32_256);
        assert_eq!((other[0].payload_type, &other[0].data[158..]), (8, &[0xaa, 0xaa][..]), "A-law");
        let later = rung(&mut sound, 500, 32_256);
        assert_eq!(later[0].data, [0xaa; 160], "what waited before a hole is not put behind it");
        assert_eq!(later[0].time - packets[0].time, 500 * 8);
        let alone = SoundPayloads { a_law: None, ..G711 };
        let mut sound = started(&telephone(), alone);
        assert_eq!(rung(&mut sound, 0, 32_256)[0].payload_type, 0, "the only one that he takes");
    }

    #[test]
    fn a_damaged_frame_is_left_out() {
        let mut sound = started(&telephone(), G711);
        let mut damaged = flat(8);
        damaged[9] ^= 0x40;
        assert_eq!(sound.frame(&live(Track::Audio, 0, 5760, 64, damaged)), []);
    }
}
