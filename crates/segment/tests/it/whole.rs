//! What goes into a file comes out of it: every unit, every byte, every time.

use std::io::Cursor;

use bytes::Bytes;
use tarsier_segment::{
    GopRing, ReadUnitsError, Scan, init_segment, read_units, scan, unit_fragment,
};
use tarsier_types::{AccessUnit, Dts, ParameterSets, Pts, Ticks, Track};

use crate::fixture::{
    B_FRAMES, BASELINE, File, RUN_START, interleaved, meta, parameters, pictures, start, write_file,
};

fn read_back(file: &File) -> (Scan, Vec<AccessUnit>) {
    let found = scan(&mut Cursor::new(&file.bytes)).unwrap();
    let units = found.parts.iter().flat_map(|part| {
        let from = usize::try_from(part.offset).unwrap();
        read_units(&found, &file.bytes[from..from + usize::try_from(part.bytes).unwrap()]).unwrap()
    });
    let units = units.collect();
    (found, units)
}

/// Times as they are in the file: from its origin.
fn of_track(units: &[AccessUnit], track: Track, origin: i64) -> Vec<(i64, i64, bool, Bytes)> {
    let of_track = units.iter().filter(|unit| unit.track == track);
    of_track
        .map(|unit| (unit.pts.0 - origin, unit.dts.0 - origin, unit.is_keyframe, unit.data.clone()))
        .collect()
}

#[test]
fn every_unit_comes_back_as_it_was() {
    for stream in [BASELINE, B_FRAMES] {
        let units = interleaved(stream);
        let (found, back) = read_back(&write_file(&parameters(stream), units.clone()));
        assert_eq!(found.units as usize, units.len(), "counts in equal counts on disk");
        assert_eq!(
            of_track(&back, Track::Video, 0),
            of_track(&units, Track::Video, RUN_START),
            "pictures: bytes, both times, and the keyframe flag"
        );
        let mut sound = of_track(&units, Track::Audio, RUN_START);
        (sound[0].0, sound[0].1) = (0, 0); // it began before the first picture
        assert_eq!(of_track(&back, Track::Audio, 0), sound, "sound: bytes and times");
        assert!(found.is_closed);
        assert_eq!(found.duration, Ticks(25 * 9000), "25 pictures");
    }
}

#[test]
fn the_fixture_has_b_frames_that_are_shown_before_they_are_decoded() {
    let pictures = pictures(B_FRAMES);
    assert!(
        pictures.iter().any(|unit| unit.pts.0 < unit.dts.0),
        "else nothing here tests signed offsets"
    );
    let mut shown: Vec<_> = pictures.iter().map(|unit| unit.pts).collect();
    shown.sort();
    shown.dedup();
    assert_eq!(shown.len(), pictures.len(), "each has its own time");
}

#[test]
fn a_picture_shown_before_its_decoding_moves_the_origin() {
    let mut units = pictures(BASELINE);
    for unit in &mut units {
        unit.pts = unit.pts - Ticks(18_000);
    }
    let (_, back) = read_back(&write_file(&parameters(BASELINE), units));
    assert_eq!(
        (back[0].pts, back[0].dts),
        (Pts(0), Dts(18_000)),
        "players drop pictures that are shown before 0"
    );
    assert_eq!(back[24].pts, Pts(24 * 9000));
}

#[test]
fn the_file_tells_whose_it_is_and_how_it_is_coded() {
    let parameters = parameters(B_FRAMES);
    let (found, back) = read_back(&write_file(&parameters, interleaved(B_FRAMES)));
    assert_eq!(found.meta, Some(meta()));
    assert_eq!(
        found.parameters, parameters,
        "a file that is found again has the parameters that it was written with"
    );
    assert_eq!(back[0].arrived, start(), "media time 0 is the start on the wall clock");
}

#[test]
fn the_head_for_live_is_the_same_without_meta() {
    let silent = ParameterSets { audio: None, ..parameters(BASELINE) };
    let found = scan(&mut Cursor::new(init_segment(&silent, None))).unwrap();
    let video = tarsier_types::VideoParameters { nominal_millifps: None, ..silent.video.clone() };
    assert_eq!(found.parameters, ParameterSets { video, audio: None });
    assert_eq!((found.meta, found.parts.len(), found.is_closed), (None, 0, false));
}

#[test]
fn live_fragments_are_fragments_of_a_file_too() {
    let mut bytes = init_segment(&parameters(B_FRAMES), None).to_vec();
    let units = interleaved(B_FRAMES);
    for (sequence, unit) in (1..).zip(&units) {
        bytes.extend_from_slice(&unit_fragment(sequence, unit, Dts(RUN_START), None, 16_000));
    }
    let found = scan(&mut Cursor::new(&bytes)).unwrap();
    assert_eq!(found.parts.len(), units.len(), "one for each unit");
    let keyframes = found.parts.iter().filter(|part| part.starts_with_keyframe).count();
    assert_eq!(keyframes, 3, "the keyframes of the fixture, and no sound");
}

#[test]
fn a_fragment_that_is_not_whole_is_an_error_and_not_half_a_list() {
    let file = write_file(&parameters(BASELINE), interleaved(BASELINE));
    let found = scan(&mut Cursor::new(&file.bytes)).unwrap();
    let part = found.parts[0];
    let from = usize::try_from(part.offset).unwrap();
    let fragment = &file.bytes[from..from + usize::try_from(part.bytes).unwrap()];
    assert_eq!(read_units(&found, &fragment[..fragment.len() - 1]), Err(ReadUnitsError::Mdat));
    assert_eq!(read_units(&found, &fragment[..40]), Err(ReadUnitsError::Moof));
    assert_eq!(read_units(&found, &[]), Err(ReadUnitsError::Moof));
    let silent =
        Scan { parameters: ParameterSets { audio: None, ..found.parameters.clone() }, ..found };
    assert_eq!(read_units(&silent, fragment), Err(ReadUnitsError::UnknownTrack));
}

#[test]
fn sound_without_pictures_keeps_the_fragments_in_order() {
    let mut units = interleaved(BASELINE);
    let stall = Dts(RUN_START + 15 * 9000);
    units.retain(|unit| unit.track == Track::Audio || unit.dts < stall);
    for unit in units.iter_mut().filter(|unit| unit.track == Track::Audio) {
        (unit.dts, unit.pts) = (unit.dts - Ticks(45_000), unit.pts - Ticks(45_000)); // it lags by half a second
    }
    let file = write_file(&parameters(BASELINE), units.clone());
    let (found, back) = read_back(&file);
    assert_eq!(found.parts, file.parts, "reader and writer agree on where sound alone lies");
    assert!(found.parts.is_sorted_by_key(|part| part.start), "a time is found by bisection");
    assert!(!found.parts.last().unwrap().starts_with_keyframe, "the last fragment is sound alone");
    assert_eq!(back.len(), units.len(), "nothing is dropped");
}

#[test]
fn the_ring_begins_with_the_last_keyframe() {
    let mut ring = GopRing::new(1 << 20);
    let units = pictures(BASELINE);
    for unit in &units {
        ring.push(unit);
    }
    assert!(ring.units().eq(&units[20..]), "the fixture's last keyframe is its picture 20");
}
