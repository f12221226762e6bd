//! Stills of real streams: the right picture, the right size, the right colour.
#![expect(clippy::unwrap_used, reason = "a test ends where something cannot be done")]

use std::time::Duration;

use bytes::Bytes;
use tarsier_av::{Still, StillError, StillFormat, StillRequest, still};
use tarsier_types::{SystemClock, Ticks};

const THREE_COLOURS: &[u8] = include_bytes!("../../../tests/fixtures/x264_three_colours_av.mp4");
const LIME_HEVC: &[u8] = include_bytes!("../../../tests/fixtures/x265_lime_av.mp4");
const JPEG: StillFormat = StillFormat::Jpeg { quality: 90 };

fn request(at: Option<i64>) -> StillRequest {
    StillRequest {
        at: at.map(Ticks),
        max_width: None,
        format: JPEG,
        timeout: Duration::from_secs(10),
    }
}

fn make(file: &'static [u8], request: &StillRequest) -> Result<Still, StillError> {
    still(Bytes::from_static(file), request, SystemClock::start())
}

/// Red, green and blue of a coded picture, as the ffmpeg program sees its mean: the judge is not our own code.
fn mean_colour(picture: &[u8]) -> [u8; 3] {
    use std::io::Write as _;
    use std::process::{Command, Stdio};
    let mut child = Command::new("ffmpeg")
        .args([
            "-v",
            "error",
            "-f",
            "image2pipe",
            "-i",
            "-",
            "-vf",
            "scale=1:1",
            "-pix_fmt",
            "rgb24",
        ])
        .args(["-f", "rawvideo", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the ffmpeg program is part of the build environment");
    child.stdin.take().unwrap().write_all(picture).unwrap();
    let output = child.wait_with_output().unwrap();
    output.stdout[..].try_into().expect("one pixel")
}

#[track_caller]
fn assert_colour(picture: &[u8], expected: [u8; 3], sentence: &str) {
    let mean = mean_colour(picture);
    let is_near = mean.iter().zip(expected).all(|(a, b)| a.abs_diff(b) <= 6);
    assert!(is_near, "{sentence}: {mean:?} is not {expected:?}");
}

#[test]
fn the_last_picture_is_taken_if_no_time_is_given() {
    let still = make(THREE_COLOURS, &request(None)).unwrap();
    assert!(still.data.starts_with(&[0xff, 0xd8, 0xff]), "JPEG begins so");
    assert!(still.data.ends_with(&[0xff, 0xd9]), "and ends so");
    assert_eq!((still.width, still.height), (320, 180));
    assert_colour(&still.data, [0, 0, 255], "the file ends blue, full range");
}

#[test]
fn the_picture_of_a_time_is_the_last_one_at_or_before_it() {
    let first = make(THREE_COLOURS, &request(Some(0))).unwrap();
    let start = first.at.0;
    // Red for 10 pictures, then lime for 10, then blue; 3600 ticks each. B-frames are decoded out of order.
    let colour = |n: i64| match n {
        0..10 => [255, 0, 0],
        10..20 => [0, 255, 0],
        _ => [0, 0, 255],
    };
    for n in [0, 1, 8, 9, 10, 11, 18, 19, 20, 21, 29] {
        for within in [0, 3599] {
            let still = make(THREE_COLOURS, &request(Some(start + n * 3600 + within))).unwrap();
            assert_eq!(
                still.at,
                Ticks(start + n * 3600),
                "picture {n} is shown from its time until the next one's"
            );
            assert_colour(&still.data, colour(n), &format!("picture {n}"));
        }
    }
}

#[test]
fn a_still_is_scaled_down_and_never_up() {
    let small =
        make(THREE_COLOURS, &StillRequest { max_width: Some(96), ..request(None) }).unwrap();
    assert_eq!((small.width, small.height), (96, 54));
    assert_colour(&small.data, [0, 0, 255], "scaling keeps the colour");
    let large =
        make(THREE_COLOURS, &StillRequest { max_width: Some(4000), ..request(None) }).unwrap();
    assert_eq!(large.width, 320);
}

#[test]
fn h265_and_png_work_too() {
    let still =
        make(LIME_HEVC, &StillRequest { format: StillFormat::Png, ..request(None) }).unwrap();
    assert!(still.data.starts_with(b"\x89PNG\r\n\x1a\n"));
    assert_eq!((still.width, still.height), (256, 144));
    assert_colour(&still.data, [0, 255, 0], "lime");
}

#[test]
fn quality_is_paid_for_in_bytes() {
    let bytes = |quality| {
        let request = StillRequest { format: StillFormat::Jpeg { quality }, ..request(None) };
        make(THREE_COLOURS, &request).unwrap().data.len()
    };
    assert!(bytes(95) >= bytes(40), "a finer quantiser takes more bytes");
}

#[test]
fn a_file_that_was_torn_gives_the_last_picture_that_is_whole() {
    let torn = &THREE_COLOURS[..THREE_COLOURS.len() * 9 / 10];
    let still = make(torn, &request(None)).unwrap();
    assert_eq!((still.width, still.height), (320, 180));
}

#[test]
fn what_is_no_video_is_said_to_be_none() {
    for bytes in [&b""[..], b"no video at all", &THREE_COLOURS[..100]] {
        let error = make(bytes, &request(None)).unwrap_err();
        assert!(matches!(error, StillError::NoVideo { .. }), "{error}");
    }
    // A playlist would make libav read other files.
    let playlist =
        b"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nfile:///etc/hostname\n#EXT-X-ENDLIST\n";
    assert!(matches!(make(playlist, &request(None)), Err(StillError::NoVideo { .. })));
}

#[test]
fn no_time_gives_no_picture() {
    let request = StillRequest { timeout: Duration::ZERO, ..request(None) };
    assert!(matches!(make(THREE_COLOURS, &request), Err(StillError::TooSlow { .. })));
}
