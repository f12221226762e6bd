//! Packets of cameras, as libav hands them on, with bytes that are nearly right.
//!
//! ```text
//! input   head (8) | extradata of the pictures | of the sound | packets
//! head    codings: pictures, sound | zero | pictures in 1000 s (2) | rate of the sound in 100 Hz (2) | channels
//! packet  flags | pts (8) | dts (8) | duration (2) | bytes
//! ```
//! Each piece of bytes has its length before it, in two bytes.

use tarsier_segment::nal;
use tarsier_types::{Mono, UtcMs};

use super::*;
use crate::libav::StreamMedium;

const VIDEO: [Codec; 4] = [Codec::H264, Codec::Hevc, Codec::Mjpeg, Codec::Av1];
const AUDIO: [Codec; 5] = [Codec::Aac, Codec::Opus, Codec::Flac, Codec::PcmAlaw, Codec::PcmMulaw];
/// Flags of a packet.
const SOUND: u8 = 1;
const KEYFRAME: u8 = 2;
const CORRUPT: u8 = 4;
const NO_PTS: u8 = 8;
const NO_DTS: u8 = 16;
/// libav had to wait for it.
const WAITED: u8 = 32;
/// The bytes go ahead of a packet without any.
const EXTRADATA: u8 = 64;

fn piece(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).unwrap();
    [&length.to_be_bytes(), bytes].concat()
}

fn packet(flags: u8, pts: i64, bytes: &[u8]) -> Vec<u8> {
    let stamps = [pts.to_be_bytes(), pts.to_be_bytes()].concat();
    [&[flags], &stamps[..], &3600_u16.to_be_bytes(), &piece(bytes)].concat()
}

/// A camera with these codings; every picture with a packet of sound behind it.
fn camera(codings: [u8; 2], extradata: [&[u8]; 2], pictures: &[&[u8]], sound: &[u8]) -> Vec<u8> {
    let rate = if codings[1] < 3 { 480_u16 } else { 80 };
    let head =
        [codings[0], codings[1], 0, 0x61, 0xa8, rate.to_be_bytes()[0], rate.to_be_bytes()[1], 1];
    let mut all = [&head[..], &piece(extradata[0]), &piece(extradata[1])].concat();
    for (at, picture) in (0_i64..).zip(pictures) {
        let keyframe = if at % 3 == 0 { KEYFRAME } else { 0 };
        all.extend(packet(keyframe | if at > 0 { WAITED } else { 0 }, at * 3600, picture));
        all.extend(packet(SOUND, at * 3600, sound));
    }
    all
}

fn seeds() -> Vec<Vec<u8>> {
    let avc = include_bytes!("../../../../tests/fixtures/x264_bframes_64x64.h264");
    let hevc = include_bytes!("../../../../tests/fixtures/x265_main_64x64.hevc");
    let adts = [0xff, 0xf1, 0x4c, 0x80, 1, 0x7f, 0xfc, 1, 2, 3, 4];
    let avc_units: Vec<&[u8]> = nal::annex_b_units(avc).collect();
    let of_kind =
        |kind| avc_units.iter().copied().find(|unit| nal::h264_type(unit) == Some(kind)).unwrap();
    let (sps, pps) = (of_kind(7), of_kind(8));
    let avcc = [&[1, 66, 0, 31, 0xff, 0xe1], &piece(sps)[..], &[1], &piece(pps)].concat();
    let by_length: Vec<Vec<u8>> = avc_units[2..]
        .iter()
        .take(6)
        .map(|unit| nal::units_to_lengths(std::iter::once(*unit)).to_vec())
        .collect();
    let by_length: Vec<&[u8]> = by_length.iter().map(Vec::as_slice).collect();
    let jpeg = b"\xff\xd8\xff\xe0\0\x04ab\xff\xc0\0\x0b\x08\0\x40\0\x40\x01\x01\x11\0\xff\xd9";
    let opus_head = b"OpusHead\x01\x02\x38\x01\x80\xbb\0\0\0\0\0";
    let in_three = |all: &'static [u8]| {
        let cut = all.len().min(6000) / 3;
        [&all[..cut], &all[cut..2 * cut], &all[2 * cut..3 * cut]]
    };
    vec![
        camera([0, 3], [&[], &[]], &in_three(avc), &[0xd5; 320]),
        camera([0, 0], [&avcc, &[0x11, 0x88]], &by_length, &adts),
        camera([1, 0], [&[], &[]], &in_three(hevc), &adts.repeat(3)),
        camera([2, 1], [&[], opus_head], &[jpeg, jpeg], &[0x83, 3, 1]),
        camera(
            [3, 2],
            [&[0x81, 4, 0x0c, 0], &[7; 34]],
            &[&[0x12, 0, 0x0a, 1, 0]],
            &[0xff, 0xf8, 0x64],
        ),
    ]
}

/// What is left to be read of the bytes.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    fn piece(&mut self) -> Option<Bytes> {
        let length = usize::from(u16::from_be_bytes(self.take()?)).min(self.0.len());
        let (piece, rest) = self.0.split_at(length);
        self.0 = rest;
        Some(Bytes::copy_from_slice(piece))
    }

    fn packet(&mut self) -> Option<(u8, RawPacket)> {
        let [flags] = self.take()?;
        let (pts, dts) = (i64::from_be_bytes(self.take()?), i64::from_be_bytes(self.take()?));
        let duration = i64::from(i16::from_be_bytes(self.take()?));
        let bytes = self.piece()?;
        let is = |flag| flags & flag != 0;
        let packet = RawPacket {
            stream: 0,
            pts: None,
            dts: None,
            duration,
            is_keyframe: is(KEYFRAME),
            is_corrupt: is(CORRUPT),
            new_extradata: is(EXTRADATA).then(|| bytes.clone()),
            data: if is(EXTRADATA) { Bytes::new() } else { bytes },
        };
        let pts = (!is(NO_PTS)).then_some(pts);
        Some((flags, packet.with_stamps(pts, (!is(NO_DTS)).then_some(dts))))
    }
}

fn assemble(bytes: &[u8]) -> Option<()> {
    let mut rest = Rest(bytes);
    let [video, audio, zero, millifps @ .., r0, r1, channels] = rest.take::<8>()?;
    let facts = |codec, extradata| {
        StreamFacts::of_kind(
            StreamMedium::Video,
            codec,
            extradata,
            Some(u32::from(u16::from_be_bytes(millifps))).filter(|millifps| *millifps > 0),
        )
    };
    let video = facts(VIDEO[usize::from(video) % VIDEO.len()], rest.piece()?);
    let mut audio = facts(AUDIO[usize::from(audio) % AUDIO.len()], rest.piece()?);
    audio.sample_rate_hz = u32::from(u16::from_be_bytes([r0, r1])) * 100;
    audio.channels = u16::from(channels);
    let zero = if zero % 2 == 0 { Zero::Common } else { Zero::Apart };
    let mut assembly = Assembly::new(&video, Some(&audio), zero, Delivery::LIVE)?;
    let (mut now, mut came_out) = (Duration::ZERO, 0);
    let mut last = [None; 2];
    loop {
        let Some((flags, packet)) = rest.packet() else {
            assembly.finish();
            break;
        };
        let waited = Duration::from_millis(if flags & WAITED == 0 { 0 } else { 40 });
        now += waited.max(Duration::from_millis(4));
        let millis = i64::try_from(now.as_millis()).unwrap();
        let arrival = Arrival { mono: Mono::ZERO + now, utc: UtcMs(millis), waited };
        if flags & SOUND == 0 {
            assembly.picture(&packet, arrival);
        } else {
            assembly.sound(&packet, arrival);
        }
        take(&mut assembly, &mut last, &mut came_out);
    }
    take(&mut assembly, &mut last, &mut came_out);
    // A second set of parameters goes with each keyframe; frames of G.711 grow by silence of up to a second a packet.
    assert!(
        came_out <= 64 * (bytes.len() + 4096) * (1 + usize::from(channels)),
        "{came_out} bytes"
    );
    Some(())
}

fn take(assembly: &mut Assembly, last: &mut [Option<Dts>; 2], came_out: &mut usize) {
    while let Some(event) = assembly.poll() {
        let SourceEvent::Unit(unit) = event else { continue };
        let last = &mut last[usize::from(unit.track == Track::Audio)];
        assert!(
            last.replace(unit.dts).is_none_or(|last| last < unit.dts),
            "{:?} again or earlier",
            unit.dts
        );
        *came_out += unit.data.len();
    }
}

#[test]
fn whatever_a_camera_sends_units_come_out_in_order_and_nothing_panics() {
    let check = |bytes: &[u8]| {
        assemble(bytes);
    };
    tarsier_fuzz::fuzz(check, &seeds());
}

#[test]
fn sound_without_pictures_does_not_fill_the_memory() {
    let video = StreamFacts::of_kind(StreamMedium::Video, Codec::H264, Bytes::new(), None);
    let audio = StreamFacts::of_kind(StreamMedium::Audio, Codec::Opus, Bytes::new(), None);
    let mut assembly = Assembly::new(&video, Some(&audio), Zero::Common, Delivery::LIVE).unwrap();
    for n in 0..20_000 {
        let waited = Duration::from_millis(20);
        let arrival = Arrival { mono: Mono::from_millis(n * 20), utc: UtcMs(0), waited };
        let data = packet(SOUND, 1800 * i64::try_from(n).unwrap(), &[0x78]);
        let (_, packet) = Rest(&data).packet().unwrap();
        assembly.sound(&packet, arrival);
        assert!(assembly.poll().is_none(), "nothing to be heard with");
        assert!(assembly.gathered.len() <= MOST_WITHOUT_PICTURES, "at {n}");
    }
}
