use bytes::BytesMut;
use proptest::prelude::*;
use tarsier_segment::obu::{
    FRAME, FRAME_HEADER, METADATA, SEQUENCE_HEADER, TEMPORAL_DELIMITER, TILE_LIST, put_leb128,
    units,
};

use super::*;
use crate::Patch;
use crate::packets::{MAX_PAYLOAD, Received, interleaved};

const TILE_GROUP: u8 = 4;
/// Pictures of libaom; some temporal units hold more than one.
const STREAM: &[u8] = include_bytes!("../../../../tests/fixtures/libaom_hidden_96x64.obu");
/// The same as FFmpeg cuts them, into packets of 288 bytes. An interleaved stream.
const PACKETS: &[u8] = include_bytes!("../../../../tests/fixtures/ffmpeg_hidden_96x64.rtp");

/// An RTP packet: sequence number, timestamp, marker bit, payload.
type Sent = (u16, i64, bool, Vec<u8>);

fn read(stream: &[u8]) -> Vec<Sent> {
    let of = |packet: &[u8]| {
        let sequence = u16::from_be_bytes([packet[2], packet[3]]);
        let timestamp = u32::from_be_bytes(packet[4..8].try_into().unwrap());
        (sequence, i64::from(timestamp), packet[1] & 0x80 != 0, packet[12..].to_vec())
    };
    interleaved(stream).map(|(_, packet)| of(packet)).collect()
}

/// Units as our server sends them, 3600 ticks from one to the next.
fn send(units: &[Vec<u8>]) -> Vec<Sent> {
    let (mut out, mut sequence, mut timestamp) = (Vec::new(), 65_500, 0);
    for unit in units {
        let is_keyframe = tarsier_segment::av1::is_random_access_point(unit);
        let packets = packetise(96, unit, is_keyframe);
        sequence = packets.write(Patch { channel: 0, sequence, timestamp, ssrc: 9 }, &mut out);
        timestamp += 3600;
    }
    read(&out)
}

/// What becomes of packets, some of which may have been taken out.
fn receive(packets: &[Sent]) -> Vec<Assembled> {
    let mut assembly = Assembly::default();
    let mut next = packets.first().map_or(0, |(sequence, ..)| *sequence);
    let mut all = Vec::new();
    for (sequence, timestamp, marker, payload) in packets {
        let lost = u32::from(sequence.wrapping_sub(next));
        next = sequence.wrapping_add(1);
        let (timestamp, marker) = (*timestamp, *marker);
        assembly.handle(&Received { timestamp, marker, lost, payload });
        all.extend(std::iter::from_fn(|| assembly.poll()));
    }
    all
}

fn whole(assembled: Vec<Assembled>) -> Vec<Vec<u8>> {
    let unit = |it| match it {
        Assembled::Unit { data, lost: 0, .. } => data.to_vec(),
        other => panic!("{other:?}"),
    };
    assembled.into_iter().map(unit).collect()
}

/// The temporal units of a stream in which each begins with its delimiter.
fn temporal_units(stream: &[u8]) -> Vec<Vec<u8>> {
    let mut found: Vec<BytesMut> = Vec::new();
    for unit in units(stream) {
        match found.last_mut() {
            Some(last) if unit.kind() != TEMPORAL_DELIMITER => unit.put(last),
            _ => found.push(BytesMut::new()),
        }
    }
    found.into_iter().map(Vec::from).collect()
}

fn put(kind: u8, layer: Option<u8>, payload: &[u8], out: &mut BytesMut) {
    let extension = if layer.is_some() { 4 } else { 0 };
    let mut bytes = vec![kind << 3 | extension];
    bytes.extend(layer);
    bytes.extend_from_slice(payload);
    tarsier_segment::obu::Obu::alone(&bytes).unwrap().put(out);
}

/// What is inside the sequence header of [`STREAM`].
const SEQUENCE: [u8; 10] = [0, 0, 0, 3, 0x2d, 0xff, 0xcd, 0xaf, 0x90, 4];

/// A temporal unit of these OBUs: kind, and how long it is. A picture among them is a keyframe by its first bits.
fn unit(obus: &[(u8, usize)]) -> Vec<u8> {
    let mut out = BytesMut::new();
    for (kind, length) in obus {
        match *kind {
            SEQUENCE_HEADER => put(SEQUENCE_HEADER, None, &SEQUENCE, &mut out),
            kind => put(kind, None, &vec![0x10 | kind; *length], &mut out),
        }
    }
    out.to_vec()
}

/// The header of each packet, as letters.
fn headers(packets: &[Sent]) -> String {
    let letters = |(_, _, is_last, payload): &Sent| {
        let flag = |mask, letter| if payload[0] & mask == 0 { "" } else { letter };
        let (z, y, n) = (flag(0x80, "Z"), flag(0x40, "Y"), flag(0x08, "N"));
        let count = (payload[0] >> 4) & 3;
        format!("{z}{count}{y}{n}{}", if *is_last { "." } else { "" })
    };
    packets.iter().map(letters).collect::<Vec<_>>().join(" ")
}

#[test]
fn packets_of_ffmpeg_become_what_went_into_them() {
    let packets = read(PACKETS);
    assert!(packets.iter().any(|(_, _, _, payload)| payload[0] & 0xf0 == 0xf0), "Z, Y and W 3");
    assert_eq!(whole(receive(&packets)), temporal_units(STREAM));
}

#[test]
fn what_we_send_is_what_went_into_it() {
    let stream = temporal_units(STREAM);
    assert_eq!(stream.len(), 25);
    assert_eq!(whole(receive(&send(&stream))), stream);
}

#[test]
fn packets_are_filled_and_say_what_they_hold() {
    let of = |obus: &[(u8, usize)]| headers(&send(&[unit(obus)]));
    let sequence = (SEQUENCE_HEADER, SEQUENCE.len());
    assert_eq!(of(&[sequence, (FRAME, 200)]), "2N.", "a keyframe");
    assert_eq!(of(&[(FRAME, 200)]), "1.");
    assert_eq!(of(&[(FRAME, 1396)]), "1.", "as much as fits");
    assert_eq!(of(&[(FRAME, 1397)]), "1Y Z1.");
    assert_eq!(of(&[sequence, (FRAME, 3000)]), "2YN Z1Y Z1.");
    assert_eq!(of(&[(FRAME_HEADER, 8), (TILE_GROUP, 20), (TILE_GROUP, 20)]), "3.");
    let four = [(FRAME_HEADER, 8), (TILE_GROUP, 20), (TILE_GROUP, 20), (TILE_GROUP, 20)];
    assert_eq!(of(&four), "0.", "each with its length");
    assert_eq!(of(&[(FRAME, 1380), (FRAME, 100)]), "1 1.", "nothing begins in 14 bytes");
    assert_eq!(of(&[(TEMPORAL_DELIMITER, 0), (FRAME, 9), (TILE_LIST, 9)]), "1.");
    assert_eq!(of(&[(TEMPORAL_DELIMITER, 0)]), "", "no packet of nothing");
}

#[test]
fn layers_are_not_in_one_packet() {
    let mut scalable = BytesMut::new();
    put(SEQUENCE_HEADER, None, &[7; 10], &mut scalable);
    for layer in [0x00, 0x08] {
        put(METADATA, Some(layer), &[7; 4], &mut scalable);
        put(FRAME, Some(layer), &[7; 1500], &mut scalable);
    }
    let packets = send(&[scalable.to_vec()]);
    assert_eq!(headers(&packets), "3Y Z1 2Y Z1.");
    assert_eq!(whole(receive(&packets)), [scalable]);
}

#[test]
fn a_unit_ends_without_a_marker_bit_when_the_next_one_begins() {
    let stream = temporal_units(STREAM);
    let mut packets = send(&stream);
    for packet in &mut packets {
        packet.2 = false;
    }
    assert_eq!(whole(receive(&packets)), stream[..24], "the last one may go on");
}

#[test]
fn a_unit_with_a_hole_is_given_up_and_the_next_one_is_taken() {
    // Each of three packets.
    let long = |kind| unit(&[(kind, 3500)]);
    let stream = [long(FRAME), long(FRAME_HEADER), unit(&[(FRAME, 9)]), long(FRAME)];
    let packets = send(&stream);
    assert_eq!(headers(&packets), "1Y Z1Y Z1. 1Y Z1Y Z1. 1. 1Y Z1Y Z1.");
    let without = |lost: &[usize]| {
        let kept = packets.iter().enumerate().filter(|(at, _)| !lost.contains(at));
        let kept: Vec<Sent> = kept.map(|(_, packet)| packet.clone()).collect();
        let word = |it| match it {
            Assembled::Unit { timestamp, lost: 0, data } => {
                let at = usize::try_from(timestamp / 3600).unwrap();
                assert_eq!(data, stream[at]);
                format!("{at}")
            }
            Assembled::Unit { timestamp, lost, .. } => format!("{}(-{lost})", timestamp / 3600),
            Assembled::GivenUp { lost } => format!("x(-{lost})"),
        };
        receive(&kept).into_iter().map(word).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(without(&[]), "0 1 2 3");
    assert_eq!(without(&[3]), "0 x(-1) 2 3", "its first packet");
    assert_eq!(without(&[4]), "0 x(-1) 2 3", "one in the middle");
    assert_eq!(without(&[5]), "0 x(-1) 2 3", "its last packet: the next begins as units do");
    assert_eq!(without(&[5, 6]), "0 x(-2) 3", "and a whole one behind it");
    assert_eq!(without(&[6]), "0 1 3(-1)", "a whole one between two");
    assert_eq!(without(&[3, 5]), "0 x(-1) 2(-1) 3", "two holes in one");
    assert_eq!(without(&[1, 4]), "x(-1) x(-1) 2 3");
    assert_eq!(without(&[2, 3]), "x(-2) x(-0) 2 3", "two torn by one hole");
}

#[test]
fn what_makes_no_sense_costs_one_unit() {
    let packet = |timestamp, payload: &[u8]| (0, timestamp, true, payload.to_vec());
    let good = packet(7, &[0x10, FRAME << 3, 1, 2]);
    let nonsense: [&[u8]; 9] = [
        &[],
        &[0x00],
        &[0x20, 9, FRAME << 3],
        &[0x00, 9, FRAME << 3],
        &[0x90, FRAME << 3, 1],
        &[0x50, FRAME << 3, 1],
        &[0x10, 0x80 | FRAME << 3, 1],
        &[0x10, FRAME << 3 | 2, 9, 1],
        &[0x10, FRAME << 3 | 2, 1, 1, 1],
    ];
    for payload in nonsense {
        let mut packets = vec![packet(3, payload), good.clone()];
        packets[1].0 = 1;
        let [Assembled::GivenUp { lost: 0 }, Assembled::Unit { timestamp: 7, .. }] =
            &receive(&packets)[..]
        else {
            panic!("{payload:?}: {:?}", receive(&packets));
        };
    }
    let sized = receive(&[packet(3, &[0x10, FRAME << 3 | 2, 2, 8, 9])]);
    assert_eq!(whole(sized), [[FRAME << 3 | 2, 2, 8, 9]], "a size may be in it");
}

#[test]
fn a_unit_without_an_end_costs_no_more_than_its_bound() {
    let mut assembly = Assembly::default();
    let mut payload = vec![0x50, FRAME << 3];
    payload.resize(60_000, 7);
    let mut given_up = 0;
    for at in 0..1000 {
        payload[0] = if at == 0 { 0x50 } else { 0xd0 };
        assembly.handle(&Received { timestamp: 1, marker: false, lost: 0, payload: &payload });
        given_up += usize::from(assembly.poll().is_some());
    }
    assert_eq!(given_up, 1, "once, and the rest is skipped");
}

fn obu() -> impl Strategy<Value = (u8, usize)> {
    let kinds = prop::sample::select(vec![METADATA, TILE_GROUP, FRAME, 15]);
    (kinds, prop_oneof![0_usize..60, 1300_usize..1500, 0_usize..5000])
}

/// Temporal units as encoders make them: each has a header of a picture, and what belongs to it follows.
fn stream() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let unit = (any::<bool>(), 0_usize..3000, prop::collection::vec(obu(), 0..5)).prop_map(
        |(is_keyframe, length, others)| {
            let sequence = is_keyframe.then_some((SEQUENCE_HEADER, 10));
            let obus: Vec<_> =
                sequence.into_iter().chain([(FRAME, length)]).chain(others).collect();
            unit(&obus)
        },
    );
    prop::collection::vec(unit, 1..8)
}

/// Another way to cut a unit: OBUs end anywhere in packets, which hold as many as it falls, with sizes in them or not.
fn cut_anyhow(unit: &[u8], at: i64, dice: &mut impl FnMut(usize) -> usize) -> Vec<Sent> {
    let mut elements: Vec<(bool, Vec<u8>, bool)> = Vec::new();
    for obu in units(unit) {
        let mut bytes = BytesMut::new();
        if dice(3) == 0 {
            obu.put(&mut bytes);
        } else {
            obu.put_without_size(&mut bytes);
        }
        let mut rest = &bytes[..];
        let mut goes_on = false;
        while !rest.is_empty() {
            let most = if dice(2) == 0 { rest.len() } else { 900 };
            let (part, behind) = rest.split_at(1 + dice(most.min(rest.len())));
            elements.push((goes_on, part.to_vec(), !behind.is_empty()));
            (rest, goes_on) = (behind, true);
        }
    }
    let mut payloads: Vec<Vec<u8>> = Vec::new();
    while !elements.is_empty() {
        // A part that goes on is the last of its packet.
        let fit = elements
            .iter()
            .position(|(_, _, goes_on)| *goes_on)
            .map_or(elements.len(), |at| at + 1);
        let count = 1 + dice(fit);
        let taken: Vec<_> = elements.drain(..count).collect();
        let told = if count <= 3 && dice(2) == 0 { count } else { 0 };
        let (z, y) = (taken[0].0, taken[count - 1].2);
        let mut payload = BytesMut::new();
        payload.extend([u8::from(z) << 7 | u8::from(y) << 6 | u8::try_from(told).unwrap() << 4]);
        for (index, (_, part, _)) in taken.iter().enumerate() {
            if told == 0 || index + 1 < count {
                put_leb128(&mut payload, part.len());
            }
            payload.extend_from_slice(part);
        }
        payloads.push(payload.to_vec());
    }
    let last = payloads.len() - 1;
    payloads.into_iter().enumerate().map(|(index, it)| (0, at, index == last, it)).collect()
}

proptest! {
    #[test]
    fn whatever_we_cut_is_put_together_again(stream in stream()) {
        let packets = send(&stream);
        prop_assert!(packets.iter().all(|(.., payload)| payload.len() <= MAX_PAYLOAD));
        prop_assert_eq!(whole(receive(&packets)), stream);
    }

    #[test]
    fn however_others_cut_it_it_is_the_same(stream in stream(), chance in any::<u64>()) {
        let mut state = chance | 1;
        let mut dice = |sides: usize| {
            // xorshift64
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            usize::try_from(state % u64::try_from(sides.max(1)).unwrap()).unwrap()
        };
        let mut packets = Vec::new();
        for (at, unit) in (0_i64..).zip(&stream) {
            packets.extend(cut_anyhow(unit, at * 3000, &mut dice));
        }
        for (sequence, packet) in packets.iter_mut().enumerate() {
            packet.0 = u16::try_from(sequence % 65_536).unwrap();
        }
        prop_assert_eq!(whole(receive(&packets)), stream);
    }

    #[test]
    fn what_comes_out_after_losses_is_whole(
        stream in stream(),
        lost in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let packets = send(&stream);
        let lost: Vec<usize> = lost.iter().map(|lost| lost.index(packets.len())).collect();
        let kept: Vec<Sent> = packets.iter().enumerate()
            .filter(|(at, _)| !lost.contains(at)).map(|(_, packet)| packet.clone()).collect();
        let came = receive(&kept);
        let mut whole = Vec::new();
        for it in &came {
            let Assembled::Unit { timestamp, data, .. } = it else { continue };
            let at = usize::try_from(timestamp / 3600).unwrap();
            // What stands before a picture's header may be missing, and nothing behind it.
            prop_assert!(stream[at].ends_with(data), "unit {}", at);
            whole.push(at);
        }
        prop_assert!(whole.is_sorted_by(|a, b| a < b), "each at most once, in order");
        let torn = |at: i64| {
            packets.iter().enumerate().any(|(index, packet)| packet.1 == at * 3600 && lost.contains(&index))
        };
        for at in 0..stream.len() {
            let is_whole = !torn(i64::try_from(at).unwrap());
            prop_assert!(!is_whole || whole.contains(&at), "unit {} came and is not there", at);
        }
    }

    #[test]
    fn no_bytes_make_it_panic(
        packets in prop::collection::vec(
            (0_u32..3, 0_i64..3, any::<bool>(), prop::collection::vec(any::<u8>(), 0..40)), 0..30),
    ) {
        let mut assembly = Assembly::default();
        let came: usize = packets.iter().map(|(.., payload)| payload.len()).sum();
        let mut out = 0;
        for (lost, timestamp, marker, payload) in &packets {
            let (lost, timestamp, marker) = (*lost, *timestamp, *marker);
            assembly.handle(&Received { timestamp, marker, lost, payload });
            while let Some(it) = assembly.poll() {
                if let Assembled::Unit { data, .. } = it {
                    prop_assert!(!data.is_empty());
                    out += data.len();
                }
            }
        }
        prop_assert!(out <= 2 * came, "a size in front of each OBU, at most");
        let _ = packetise(96, &packets.iter().flat_map(|(.., payload)| payload.clone()).collect::<Vec<u8>>(), true);
    }
}
