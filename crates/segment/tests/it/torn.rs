//! kill -9 and a power cut: a file may end after any byte.

use std::io::Cursor;

use tarsier_segment::{ScanError, read_units, scan};

use crate::fixture::{B_FRAMES, BASELINE, File, interleaved, parameters, write_file};

fn check_every_prefix(file: &File) {
    let whole = scan(&mut Cursor::new(&file.bytes)).unwrap();
    for length in 0..=file.bytes.len() {
        let result = scan(&mut Cursor::new(&file.bytes[..length]));
        if length < file.init_bytes {
            assert!(
                matches!(result, Err(ScanError::NoInit)),
                "{length} bytes are no init segment: {result:?}"
            );
            continue;
        }
        let found = result
            .unwrap_or_else(|error| panic!("{length} bytes have a whole init segment: {error}"));
        let parts: Vec<_> = file
            .parts
            .iter()
            .copied()
            .take_while(|part| part.offset + u64::from(part.bytes) <= length as u64)
            .collect();
        let end =
            parts.last().map_or(file.init_bytes as u64, |part| part.offset + u64::from(part.bytes));
        let is_closed = length == file.bytes.len();
        assert_eq!(found.parts, parts, "exactly the whole fragments of {length} bytes");
        assert_eq!(found.is_closed, is_closed, "only the whole file is closed, {length} bytes");
        assert_eq!(
            found.whole_bytes,
            if is_closed { length as u64 } else { end },
            "{length} bytes"
        );
        assert_eq!(
            found.units,
            parts.len().checked_sub(1).map_or(0, |last| file.units[last]),
            "{length} bytes"
        );
        if let (Some(last), true) = (parts.last(), length as u64 == end) {
            let start = usize::try_from(last.offset).unwrap();
            let units = read_units(&found, &file.bytes[start..length]);
            assert!(units.is_ok_and(|units| !units.is_empty()), "{length} bytes play to their end");
        }
        assert_eq!(
            (&found.meta, &found.parameters),
            (&whole.meta, &whole.parameters),
            "the head does not change"
        );
    }
}

#[test]
fn every_prefix_of_a_file_is_read_up_to_its_last_whole_fragment() {
    for stream in [BASELINE, B_FRAMES] {
        check_every_prefix(&write_file(&parameters(stream), interleaved(stream)));
    }
}

#[test]
fn zeros_behind_the_last_fragment_are_not_footage() {
    let file = write_file(&parameters(BASELINE), interleaved(BASELINE));
    let last = file.parts[1];
    let end = usize::try_from(last.offset + u64::from(last.bytes)).unwrap();
    let mut bytes = file.bytes[..end].to_vec();
    bytes.resize(end + 100_000, 0);
    let found = scan(&mut Cursor::new(&bytes)).unwrap();
    assert_eq!(found.parts, file.parts[..2], "a preallocated tail holds nothing");
    assert_eq!((found.whole_bytes, found.is_closed), (end as u64, false));
}

#[test]
fn a_closed_file_with_something_behind_it_is_not_closed() {
    let mut file = write_file(&parameters(BASELINE), interleaved(BASELINE));
    file.bytes.push(0);
    let found = scan(&mut Cursor::new(&file.bytes)).unwrap();
    assert!(!found.is_closed, "nobody of ours writes behind mfra");
    assert_eq!(found.parts, file.parts, "the footage is there all the same");
}
