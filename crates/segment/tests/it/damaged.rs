//! Disks that lie, foreign files, hostile files: nothing panics, nothing is believed that is not there.

use std::io::Cursor;

use proptest::prelude::*;
use tarsier_segment::{Scan, read_units, scan};

use crate::fixture::{B_FRAMES, interleaved, parameters, write_file};

/// What holds for whatever `scan` says about whatever bytes.
fn check_invariants(found: &Scan, bytes: &[u8]) {
    let length = bytes.len() as u64;
    assert!(found.whole_bytes <= length, "nothing beyond the end is whole");
    assert!(u64::from(found.init_bytes) <= found.whole_bytes);
    let mut at = u64::from(found.init_bytes);
    for part in &found.parts {
        assert_eq!(part.offset, at, "fragments follow one another");
        at += u64::from(part.bytes);
        let from = usize::try_from(part.offset).unwrap();
        let fragment = &bytes[from..from + usize::try_from(part.bytes).unwrap()];
        if let Ok(units) = read_units(found, fragment) {
            let payload: usize = units.iter().map(|unit| unit.data.len()).sum();
            assert!(units.len() <= fragment.len() / 8, "each unit has a row of at least 8 bytes");
            assert!(payload <= fragment.len() * 2, "each of the two tracks lies in the mdat once");
        }
    }
    assert!(found.is_closed || at == found.whole_bytes);
}

fn check(bytes: &[u8]) {
    if let Ok(found) = scan(&mut Cursor::new(bytes)) {
        check_invariants(&found, bytes);
    }
}

#[test]
fn a_fragment_damaged_in_the_middle_ends_what_is_whole() {
    let file = write_file(&parameters(B_FRAMES), interleaved(B_FRAMES));
    let mut bytes = file.bytes.clone();
    bytes[usize::try_from(file.parts[1].offset).unwrap() + 4] = b'M';
    let found = scan(&mut Cursor::new(&bytes)).unwrap();
    assert_eq!(found.parts, file.parts[..1], "what follows cannot be found");
}

#[test]
fn a_moof_that_promises_units_that_it_does_not_have_is_not_believed() {
    let file = write_file(&parameters(B_FRAMES), interleaved(B_FRAMES));
    let trun = file.bytes.windows(4).position(|four| four == b"trun").unwrap();
    for count in [[0xff; 4], [0, 0, 1, 0], [0; 4]] {
        let mut bytes = file.bytes.clone();
        bytes[trun + 8..trun + 12].copy_from_slice(&count);
        let found = scan(&mut Cursor::new(&bytes)).unwrap();
        assert_eq!(found.parts.len(), 0, "a count of {count:?} is a lie");
    }
}

#[test]
fn times_at_the_end_of_all_numbers_do_not_overflow() {
    let file = write_file(&parameters(B_FRAMES), interleaved(B_FRAMES));
    let mut bytes = file.bytes.clone();
    let all = |kind: &[u8; 4], bytes: &[u8]| -> Vec<usize> {
        bytes.windows(4).enumerate().filter(|(_, four)| four == kind).map(|(at, _)| at).collect()
    };
    let rate = all(b"mdhd", &bytes)[1] + 16;
    bytes[rate..rate + 4].copy_from_slice(&1_u32.to_be_bytes());
    for tfdt in all(b"tfdt", &bytes) {
        bytes[tfdt + 8..tfdt + 16].copy_from_slice(&((1_u64 << 53) - 1).to_be_bytes());
    }
    let found = scan(&mut Cursor::new(&bytes)).unwrap();
    assert_eq!(found.parts.len(), file.parts.len(), "the file is absurd, and as whole as it was");
    check_invariants(&found, &bytes);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_are_no_file(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        check(&bytes);
    }

    #[test]
    fn random_bytes_behind_a_head_are_no_fragments(tail in prop::collection::vec(any::<u8>(), 0..300)) {
        let file = write_file(&parameters(B_FRAMES), interleaved(B_FRAMES));
        let bytes = [&file.bytes[..file.init_bytes], &tail].concat();
        let found = scan(&mut Cursor::new(&bytes)).unwrap();
        prop_assert_eq!(found.parts.len(), 0);
    }

    #[test]
    fn no_damage_makes_it_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        heads in any::<bool>(),
        cut in any::<prop::sample::Index>(),
    ) {
        let file = write_file(&parameters(B_FRAMES), interleaved(B_FRAMES));
        let mut bytes = file.bytes;
        // Payload is never looked at: half of the cases hit the head and the first moof, where damage matters.
        let reach = if heads { file.init_bytes + 300 } else { bytes.len() };
        for (at, value) in changes {
            bytes[at.index(reach)] = value;
        }
        check(&bytes);
        bytes.truncate(cut.index(bytes.len()));
        check(&bytes);
    }
}
