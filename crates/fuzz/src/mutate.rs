//! Brain: what is made of bytes that are right, so that they are nearly right.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, RngCore as _};

/// Longer than any head that a parser looks at, and short enough for thousands of runs.
const LONGEST: usize = 64 << 10;
const NUMBERS: [&[u8]; 8] = [
    b"0",
    b"-1",
    b"255",
    b"65536",
    b"4294967296",
    b"18446744073709551615",
    b"99999999999999999999999",
    b"1e999",
];
const EDGES: [u64; 8] = [0, 1, 0x7f, 0xff, 0x7fff_ffff, 0xffff_ffff, i64::MAX as u64, u64::MAX];

/// Some bytes that are like one of the seeds, or like nothing.
pub(crate) fn mutated(seeds: &[Vec<u8>], rng: &mut StdRng) -> Vec<u8> {
    let mut bytes = match seeds.choose(rng) {
        Some(seed) if rng.random_ratio(31, 32) => seed.clone(),
        _ => {
            let mut bytes = vec![0; rng.random_range(0..300)];
            rng.fill_bytes(&mut bytes);
            bytes
        }
    };
    for _ in 0..rng.random_range(1..=6) {
        change(&mut bytes, seeds, rng);
    }
    bytes.truncate(LONGEST);
    bytes
}

fn change(bytes: &mut Vec<u8>, seeds: &[Vec<u8>], rng: &mut StdRng) {
    let at = rng.random_range(0..=bytes.len());
    let until = (at + rng.random_range(1..=16)).min(bytes.len());
    match rng.random_range(0..9) {
        0 => bytes.truncate(at),
        1 => drop(bytes.drain(at..until)),
        2 => {
            let again = bytes[at..until].repeat(rng.random_range(1..=40));
            bytes.splice(at..at, again);
        }
        3 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << rng.random_range(0..8);
            }
        }
        4 => {
            let mut new = [0; 4];
            rng.fill_bytes(&mut new);
            bytes.splice(at..until.min(at + 4), new);
        }
        5 => overwrite_number(&mut bytes[at..], rng),
        6 => digits(bytes, at, rng),
        7 => {
            let other = seeds.choose(rng).map(Vec::as_slice).unwrap_or_default();
            let from = rng.random_range(0..=other.len());
            let piece = &other[from..(from + rng.random_range(1..=64)).min(other.len())];
            bytes.splice(at..until, piece.iter().copied());
        }
        _ => {
            let sign = *b"\0\r\n \"\\{}[]:;,=/%&?-+.@".choose(rng).unwrap_or(&0);
            bytes.insert(at, sign);
        }
    }
}

/// A length or a count that is at an edge.
fn overwrite_number(bytes: &mut [u8], rng: &mut StdRng) {
    let edge = EDGES.choose(rng).copied().unwrap_or_default().to_be_bytes();
    let width = [1, 2, 4, 8][rng.random_range(0..4)];
    if let Some(number) = bytes.get_mut(..width) {
        number.copy_from_slice(&edge[8 - width..]);
    }
}

/// A number in a text becomes another one.
fn digits(bytes: &mut Vec<u8>, from: usize, rng: &mut StdRng) {
    let Some(start) = bytes[from..].iter().position(u8::is_ascii_digit) else { return };
    let start = from + start;
    let length = bytes[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let number = NUMBERS.choose(rng).copied().unwrap_or_default();
    bytes.splice(start..start + length, number.iter().copied());
}
