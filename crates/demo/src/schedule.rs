//! Brain: when each unit of a film is due.
//!
//! The place in the film is a function of the wall clock: the picture `p` of loop `l` is sent when the film's
//! time is `l * length + p's time`, counted from 1970. So all viewers of a camera see the same, a new session
//! does not start the film again, and timestamps go on for ever.
//! What does not belong here: what one session was sent already (`playout`).

use tarsier_rtp::Packets;

use crate::film::Film;
use crate::options::Join;

/// Nanoseconds of film since 1970: the wall clock minus the camera's phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FilmTime(pub(crate) u64);

pub(crate) const SECOND: u64 = 1_000_000_000;
/// RFC 6184 and RFC 7798: 90 kHz.
pub(crate) const VIDEO_CLOCK: u32 = 90_000;

/// A unit of the film, and when it is sent.
pub(crate) struct Unit<'a> {
    pub(crate) packets: &'a Packets,
    pub(crate) due: FilmTime,
    /// For a session whose timestamps begin at its origin.
    pub(crate) timestamp: u32,
}

/// The picture with that number since 1970.
pub(crate) fn picture(film: &Film, number: u64, origin: u32) -> Unit<'_> {
    let pictures = &film.pictures;
    let count = u64::try_from(pictures.units.len()).expect("fits");
    let picture =
        &pictures.units[usize::try_from(number % count).expect("below the number of pictures")];
    let loop_start = i128::from(number / count) * i128::from(pictures.length);
    let scale = i128::from(pictures.timescale);
    let due = ceil_div((loop_start + i128::from(picture.sent)) * i128::from(SECOND), scale);
    let shown = (loop_start + i128::from(picture.shown)) * i128::from(VIDEO_CLOCK);
    Unit {
        packets: &picture.packets,
        due: FilmTime(u64::try_from(due).unwrap_or(0)),
        timestamp: origin.wrapping_add(low_32_bits(shown.div_euclid(scale))),
    }
}

/// The unit of sound with that number since 1970.
pub(crate) fn sound(film: &Film, number: u64, origin: u32) -> Unit<'_> {
    static SILENCE: std::sync::LazyLock<Packets> = std::sync::LazyLock::new(Packets::default);
    let Some(sound) = &film.sound else {
        return Unit { packets: &SILENCE, due: FilmTime(u64::MAX), timestamp: origin };
    };
    let samples = i128::from(number) * i128::from(sound.unit_samples);
    let due = ceil_div(samples * i128::from(SECOND), i128::from(sound.sample_rate_hz));
    Unit {
        packets: &sound.units[film.sound_unit(sound, number)],
        due: FilmTime(u64::try_from(due).unwrap_or(0)),
        timestamp: origin.wrapping_add(low_32_bits(samples)),
    }
}

/// The number (since 1970) of the picture with which a viewer begins.
pub(crate) fn picture_to_join(film: &Film, now: FilmTime, join: Join) -> u64 {
    let latest = latest_picture(film, now);
    let count = u64::try_from(film.pictures.units.len()).expect("fits");
    let is_keyframe = |number: &u64| {
        film.pictures.units[usize::try_from(number % count).expect("fits")].is_keyframe
    };
    match join {
        Join::NextKeyframe => (latest + 1..=latest + count).find(is_keyframe).unwrap_or(latest),
        Join::LatestKeyframe => (0..=latest).rev().find(is_keyframe).unwrap_or(latest),
        Join::NextPicture => latest + 1,
    }
}

/// The number (since 1970) of the last picture that was due.
pub(crate) fn latest_picture(film: &Film, now: FilmTime) -> u64 {
    let pictures = &film.pictures;
    let ticks = u128::from(now.0) * u128::from(pictures.timescale) / u128::from(SECOND);
    let length = u128::try_from(pictures.length).expect("a loop has a length");
    let in_loop = i64::try_from(ticks % length).expect("below the length");
    let loops = u64::try_from(ticks / length).unwrap_or(0);
    // The first picture of a loop is due at its time zero, so at least one always is.
    let due = pictures.units.partition_point(|picture| picture.sent <= in_loop).max(1);
    loops * u64::try_from(pictures.units.len()).expect("fits")
        + u64::try_from(due - 1).expect("fits")
}

fn ceil_div(value: i128, by: i128) -> i128 {
    (value + by - 1).div_euclid(by)
}

pub(crate) fn low_32_bits(value: i128) -> u32 {
    u32::try_from(value.rem_euclid(1 << 32)).expect("a remainder below 2^32")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quirks::ParameterSetsIn;
    use crate::samples;

    /// 2026-11-21, not at a whole second.
    const NOW: FilmTime = FilmTime(1_795_232_000_123_456_789);

    #[test]
    fn where_a_viewer_joins_is_as_it_was_asked_for() {
        let film = Film::new(samples::DRIVEWAY_SUB, ParameterSetsIn::Both).unwrap();
        let latest = latest_picture(&film, NOW);
        assert_eq!(picture_to_join(&film, NOW, Join::NextPicture), latest + 1);
        let next = picture_to_join(&film, NOW, Join::NextKeyframe);
        assert!(
            next > latest && next <= latest + 50 && next.is_multiple_of(50),
            "{next} is the next keyframe after {latest}"
        );
        let last = picture_to_join(&film, NOW, Join::LatestKeyframe);
        assert_eq!(last + 50, next, "the one before is the latest keyframe");
    }
}
