//! AV1: temporal units, and the packets that they are cut into.

use bytes::BytesMut;
use tarsier_rtp::audio::AacFrames;
use tarsier_rtp::av1::{Assembled, Assembly, packetise};
use tarsier_rtp::packets::interleaved;
use tarsier_rtp::{Patch, Received};
use tarsier_segment::obu::{TEMPORAL_DELIMITER, TILE_LIST, units};
use tarsier_segment::{av1, sample_entry};

const STREAM: &[u8] = include_bytes!("../fixtures/libaom_hidden_96x64.obu");
const PACKETS: &[u8] = include_bytes!("../fixtures/ffmpeg_hidden_96x64.rtp");
const HEADER: usize = 12;

pub(crate) fn temporal_units() -> Vec<Vec<u8>> {
    let mut found: Vec<BytesMut> = Vec::new();
    for unit in units(STREAM) {
        match found.last_mut() {
            Some(last) if unit.kind() != TEMPORAL_DELIMITER => unit.put(last),
            _ => found.push(BytesMut::new()),
        }
    }
    let mut seeds: Vec<Vec<u8>> = found.into_iter().map(Vec::from).collect();
    seeds.push(STREAM[..1500].to_vec());
    seeds
}

/// What is read of a camera's pictures, and whether they come back from the packets that clients get.
pub(crate) fn temporal_unit(bytes: &[u8]) {
    let is_keyframe = av1::is_random_access_point(bytes);
    assert!(!is_keyframe || av1::has_picture(bytes));
    let entry = av1::sample_entry(bytes);
    assert!(!is_keyframe || entry.is_some(), "what can be decoded can be described");
    if let Some((entry, header)) = entry {
        let told = sample_entry::video_parameters(entry, None).expect("our own");
        assert_eq!((told.width, told.height), (header.width, header.height));
    }
    let mut carried = BytesMut::new();
    units(bytes)
        .filter(|unit| !matches!(unit.kind(), TEMPORAL_DELIMITER | TILE_LIST))
        .for_each(|unit| unit.put(&mut carried));
    let mut out = Vec::new();
    let patch = Patch { channel: 0, sequence: 0, timestamp: 7, ssrc: 9 };
    packetise(96, bytes, is_keyframe).write(patch, &mut out);
    let came = assembled(&out);
    match &came[..] {
        [] => assert!(carried.is_empty()),
        [Assembled::Unit { timestamp: 7, lost: 0, data }] => assert_eq!(data, &carried),
        other => panic!("{other:?}"),
    }
}

pub(crate) fn packets() -> Vec<Vec<u8>> {
    let sound = |payload: &[u8]| {
        let length = u16::try_from(HEADER + payload.len()).expect("a small one").to_be_bytes();
        [b"$\0", &length[..], &[0x80, 0xe1, 0, 1, 0, 0, 0, 9, 0, 0, 0, 7], payload].concat()
    };
    vec![
        PACKETS.to_vec(),
        PACKETS[..1800].to_vec(),
        sound(&[0, 32, 0, 2 << 3, 0, 3 << 3, 1, 2, 3, 4, 5]),
        [sound(&[0, 16, 0, 9 << 3, 1, 2, 3, 4, 5]), sound(&[0, 16, 0, 9 << 3, 6, 7, 8, 9])]
            .concat(),
    ]
}

/// Packets of a camera: AV1, and AAC beside it.
pub(crate) fn packets_of_a_camera(bytes: &[u8]) {
    let mut out = 0;
    for it in assembled(bytes) {
        let Assembled::Unit { data, .. } = it else { continue };
        let mut again = BytesMut::new();
        units(&data).for_each(|unit| unit.put(&mut again));
        assert_eq!(data, again, "OBUs with their sizes and nothing else");
        out += data.len();
    }
    assert!(out <= 2 * bytes.len(), "{out} bytes of {}", bytes.len());
    let mut frames = AacFrames::default();
    let mut out = 0;
    received(bytes, |packet| {
        out += frames.push(packet).into_iter().flatten().map(|frame| frame.len()).sum::<usize>();
    });
    assert!(out <= bytes.len());
}

fn assembled(stream: &[u8]) -> Vec<Assembled> {
    let mut assembly = Assembly::default();
    let mut came = Vec::new();
    received(stream, |packet| {
        assembly.handle(packet);
        came.extend(std::iter::from_fn(|| assembly.poll()));
    });
    came
}

/// The packets of an interleaved stream, as a client has sorted them.
fn received(stream: &[u8], mut take: impl FnMut(&Received<'_>)) {
    let mut next = None;
    for (_, packet) in interleaved(stream) {
        let Some((header, payload)) = packet.split_first_chunk::<HEADER>() else { continue };
        let sequence = u16::from_be_bytes([header[2], header[3]]);
        let lost = next.map_or(0, |next| sequence.wrapping_sub(next));
        next = Some(sequence.wrapping_add(1));
        let timestamp = u32::from_be_bytes([header[4], header[5], header[6], header[7]]);
        take(&Received {
            timestamp: timestamp.into(),
            marker: header[1] & 0x80 != 0,
            lost: lost.into(),
            payload,
        });
    }
}
