use tarsier_types::{Mono, UtcMs};

use super::*;
use crate::libav::{Demuxer, StreamMedium};
use crate::location::Location;
use crate::watch::Watch;

/// Real parameter sets and pictures, out of a stream that x264 made.
fn real() -> (StreamFacts, Vec<RawPacket>) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/fixtures/x264_bframes_aac_av.ts");
    let watch = std::sync::Arc::new(Watch::new(tarsier_types::SystemClock::start()));
    let mut demuxer = Demuxer::open(&Location::file(&path), &watch).unwrap();
    let facts =
        demuxer.streams().iter().find(|stream| stream.kind == StreamMedium::Video).unwrap().clone();
    let mut packets = Vec::new();
    while let Ok(packet) = demuxer.read() {
        if packet.stream == facts.index {
            packets.push(packet);
        }
    }
    (facts, packets)
}

fn came() -> Came {
    Came { mono: Mono::ZERO, utc: UtcMs(0) }
}

/// `P` parameters, `K` keyframe, `p` other picture, `!` anomaly; a picture's number of NAL units behind it.
fn show(pictures: &mut Pictures, packets: impl IntoIterator<Item = RawPacket>) -> String {
    let mut shown = String::new();
    for packet in packets {
        pictures.push(&packet, came());
        shown.push_str(&show_ready(pictures));
    }
    shown
}

fn show_ready(pictures: &mut Pictures) -> String {
    let mut shown = String::new();
    while let Some(event) = pictures.poll() {
        match event {
            PictureEvent::Parameters(_) => shown.push('P'),
            PictureEvent::Picture(picture) => {
                shown.push(if picture.is_keyframe { 'K' } else { 'p' });
                shown.push_str(&nal::length_units(&picture.data).count().to_string());
            }
            PictureEvent::Anomaly(_) => shown.push('!'),
        }
    }
    shown
}

/// A packet with these NAL units, in Annex B.
fn packet(units: &[&[u8]], pts: i64, is_keyframe: bool) -> RawPacket {
    let mut data = Vec::new();
    for unit in units {
        data.extend_from_slice(&[0, 0, 0, 1]);
        data.extend_from_slice(unit);
    }
    RawPacket {
        stream: 0,
        pts: Some(pts),
        dts: Some(pts),
        duration: 3600,
        is_keyframe,
        is_corrupt: false,
        data: data.into(),
        new_extradata: None,
    }
}

const IDR: &[u8] = &[0x65, 0x88, 1];
const IDR_SECOND_SLICE: &[u8] = &[0x65, 0x04, 1];
const SLICE: &[u8] = &[0x41, 0x9a, 1];
const SECOND_SLICE: &[u8] = &[0x41, 0x0a, 1];

/// A stream as it is before anything was read, with the parameter sets that x264 wrote.
fn facts(extradata: bool) -> (StreamFacts, Vec<Vec<u8>>) {
    let (mut facts, _) = real();
    let sets: Vec<Vec<u8>> = nal::annex_b_units(&facts.extradata)
        .filter(|unit| matches!(NalCoding::H264.kind(unit), NalKind::Sps | NalKind::Pps))
        .map(<[u8]>::to_vec)
        .collect();
    assert_eq!(sets.len(), 2, "one SPS, one PPS");
    if !extradata {
        facts.extradata = Bytes::new();
    }
    facts.reorder_depth = 0;
    (facts, sets)
}

#[test]
fn a_real_stream_comes_out_whole_and_without_its_parameter_sets() {
    let (facts, packets) = real();
    let count = packets.len();
    let mut pictures = Pictures::new(&facts).unwrap();
    let shown = show(&mut pictures, packets);
    assert!(shown.starts_with("PK"), "parameters first: {shown}");
    assert_eq!(shown.matches('P').count(), 1, "the same sets before every keyframe are no change");
    pictures.finish();
    let shown = shown + &show_ready(&mut pictures);
    assert_eq!(shown.matches(['K', 'p']).count(), count, "none is lost: {shown}");
    let parameters = pictures.parameters.unwrap();
    assert_eq!((parameters.width, parameters.height), (320, 180));
    assert!(parameters.rfc6381.starts_with("avc1.64"), "{}", parameters.rfc6381);
}

#[test]
fn pictures_before_the_first_keyframe_and_before_parameter_sets_are_left_out() {
    let (facts, sets) = facts(false);
    let mut pictures = Pictures::new(&facts).unwrap();
    let shown = show(
        &mut pictures,
        [
            packet(&[SLICE], 0, false),
            packet(&[IDR], 3600, true),
            packet(&[SLICE], 7200, false),
            packet(&[&sets[0], &sets[1], IDR], 10_800, true),
            packet(&[SLICE], 14_400, false),
            packet(&[SLICE], 18_000, false),
        ],
    );
    assert_eq!(shown, "PK1p1", "and the last one is still waited for");
}

#[test]
fn slices_that_come_one_by_one_become_one_picture() {
    let (facts, _) = facts(true);
    let mut pictures = Pictures::new(&facts).unwrap();
    let shown = show(
        &mut pictures,
        [
            packet(&[IDR], 0, true),
            packet(&[IDR_SECOND_SLICE], 0, true),
            packet(&[IDR_SECOND_SLICE], 1, true),
            packet(&[SLICE], 3600, false),
            packet(&[SECOND_SLICE], 3600, false),
            packet(&[SLICE], 7200, false),
        ],
    );
    assert_eq!(shown, "PK3p2", "by the slice header, whatever the time says");
}

#[test]
fn a_stream_that_never_splits_is_not_held_back() {
    let (facts, _) = facts(true);
    let mut pictures = Pictures::new(&facts).unwrap();
    let packets = (0..5).map(|n| packet(&[IDR], n * 3600, true));
    let learning = show(&mut pictures, packets);
    assert_eq!(learning, "PK1K1K1K1K1", "nothing is waited for after {LEARN_KEYFRAMES} keyframes");
}

#[test]
fn a_change_of_resolution_is_said_before_its_keyframe() {
    let (facts, sets) = facts(true);
    let mut other = sets[0].clone();
    other[3] += 1; // another level
    let mut pictures = Pictures::new(&facts).unwrap();
    let shown = show(
        &mut pictures,
        [
            packet(&[&sets[0], &sets[1], IDR], 0, true),
            packet(&[SLICE], 3600, false),
            packet(&[&other, &sets[1], IDR], 7200, true),
            packet(&[SLICE], 10_800, false),
        ],
    );
    assert_eq!(shown, "PK1p1!PK1");
}

#[test]
fn a_broken_parameter_set_does_not_replace_a_good_one() {
    let (facts, sets) = facts(true);
    let mut pictures = Pictures::new(&facts).unwrap();
    let shown = show(
        &mut pictures,
        [
            packet(&[&sets[0], &sets[1], IDR], 0, true),
            packet(&[&[0x67], IDR], 3600, true),
            packet(&[SLICE], 7200, false),
        ],
    );
    assert_eq!(shown, "PK1K2", "it stays in the stream as it came");
}

#[test]
fn a_second_picture_parameter_set_stays_in_the_stream() {
    let (mut facts, sets) = facts(true);
    let second = [sets[1].as_slice(), &[0x55]].concat();
    let mut extradata = facts.extradata.to_vec();
    extradata.extend_from_slice(&[0, 0, 0, 1]);
    extradata.extend_from_slice(&second);
    facts.extradata = extradata.into();
    let mut pictures = Pictures::new(&facts).unwrap();
    let shown = show(
        &mut pictures,
        [packet(&[IDR], 0, true), packet(&[SLICE], 3600, false), packet(&[SLICE], 7200, false)],
    );
    assert_eq!(
        shown, "PK2p1",
        "said once in SDP, repeated at each keyframe, because a sample entry holds one"
    );
}

#[test]
fn the_size_of_a_jpeg_is_in_its_frame_header() {
    let jpeg = [
        0xff, 0xd8, 0xff, 0xe0, 0, 4, 1, 2, 0xff, 0xc0, 0, 11, 8, 0x01, 0x20, 0x01, 0x60, 1, 0, 0,
        0,
    ];
    assert_eq!(jpeg_size(&jpeg), Some((352, 288)));
    assert_eq!(jpeg_size(&jpeg[..10]), None, "cut short");
    assert_eq!(jpeg_size(b"no picture"), None);
}

#[test]
fn a_picture_that_never_ends_or_never_begins_does_not_fill_the_memory() {
    let (facts, _) = facts(true);
    let mut pictures = Pictures::new(&facts).unwrap();
    assert_eq!(show(&mut pictures, [packet(&[IDR], 0, true)]), "");
    let held = |pictures: &Pictures| {
        let Kind::Nal(stream) = &pictures.kind else { panic!("H.264") };
        let pending = stream.pending.iter().flat_map(|pending| &pending.units);
        stream.before.iter().chain(pending).map(Bytes::len).sum::<usize>()
    };
    let long = vec![7; 1 << 20];
    let slice = [SECOND_SLICE, &long].concat();
    let (sei, mut shown) = ([&[0x06], &long[..]].concat(), String::new());
    for (unit, what) in [(slice, "slices of one picture"), (sei, "no picture at all")] {
        for n in 0..100 {
            shown += &show(&mut pictures, [packet(&[&unit], n * 3600 + 1, false)]);
            assert!(held(&pictures) <= MAX_PICTURE_BYTES + 100, "{what}: {}", held(&pictures));
        }
    }
    assert!(shown.starts_with("P!K") && shown.contains("!p"), "damaged, and said to be: {shown}");
    let recovers = [packet(&[IDR], 900_000, true), packet(&[SLICE], 903_600, false)];
    assert!(show(&mut pictures, recovers).contains('K'), "what comes then is as good as ever");
}
