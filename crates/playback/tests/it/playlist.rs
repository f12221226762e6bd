//! HLS playlists of the past.

use std::sync::Arc;

use insta::assert_snapshot;
use proptest::prelude::*;
use tarsier_index::SegmentRow;
use tarsier_playback::OpenSegment;
use tarsier_playback::vod::{LONGEST_MS, Timestamps, VodError, VodRequest, playlist};
use tarsier_types::{Ticks, UtcMs, UtcRange};

use crate::support::{START, fragments, h264, range, row};

fn request(range: UtcRange) -> VodRequest<'static> {
    VodRequest {
        range,
        now: UtcMs(START + 1_000_000_000),
        token: None,
        timestamps: Timestamps::PerFile,
    }
}

fn open(start: i64, letters: &str) -> OpenSegment {
    OpenSegment {
        start: UtcMs(START + start),
        parameters: Arc::new(h264(true)),
        init_bytes: 1000,
        fragments: fragments(letters),
    }
}

#[test]
fn two_files_with_a_hole_between_them() {
    let rows = [row(0, "KfKfKfKf", h264(true)), row(60_000, "KfKfKf", h264(false))];
    let token = Some("a.b-c_d\"\n&e");
    let text =
        playlist(&VodRequest { token, ..request(range(5_000, 66_000)) }, &rows, None).unwrap();
    assert_snapshot!(text, @r#"
    #EXTM3U
    #EXT-X-VERSION:7
    #EXT-X-PLAYLIST-TYPE:VOD
    #EXT-X-TARGETDURATION:4
    #EXT-X-MEDIA-SEQUENCE:0
    #EXT-X-INDEPENDENT-SEGMENTS
    #EXT-X-START:TIME-OFFSET=1.000,PRECISE=YES
    #EXT-X-TARSIER-CODECS:"avc1.640028,mp4a.40.2"
    #EXT-X-MAP:URI="segments/1795205700000.mp4?token=a.b-c_d%22%0A%26e",BYTERANGE="1000@0"
    #EXT-X-PROGRAM-DATE-TIME:2026-11-20T20:15:04.000Z
    #EXTINF:4.000000,
    #EXT-X-BYTERANGE:400@1400
    segments/1795205700000.mp4?token=a.b-c_d%22%0A%26e
    #EXT-X-DISCONTINUITY
    #EXT-X-TARSIER-CODECS:"avc1.640028"
    #EXT-X-MAP:URI="segments/1795205760000.mp4?token=a.b-c_d%22%0A%26e",BYTERANGE="1000@0"
    #EXT-X-PROGRAM-DATE-TIME:2026-11-20T20:16:00.000Z
    #EXTINF:4.000000,
    #EXT-X-BYTERANGE:400@1000
    segments/1795205760000.mp4?token=a.b-c_d%22%0A%26e
    #EXTINF:2.000000,
    #EXT-X-BYTERANGE:200@1400
    segments/1795205760000.mp4?token=a.b-c_d%22%0A%26e
    #EXT-X-ENDLIST
    "#);
}

#[test]
fn on_one_clock_files_follow_without_a_break_and_holes_take_their_time() {
    let rows = [
        row(0, "KfKf", h264(true)),
        row(4_002, "KfKf", h264(true)),
        row(60_000, "KfKf", h264(true)),
        row(64_000, "KfKf", h264(false)),
        row(66_000, "KfKf", h264(false)),
    ];
    let timestamps = Timestamps::Continuous;
    let asked = VodRequest { timestamps, token: Some("x"), ..request(range(0, 70_000)) };
    let text = playlist(&asked, &rows, None).unwrap();
    let tags = ["segments/", "#EXT-X-DISCONTINUITY", "#EXT-X-MAP"];
    let told: Vec<&str> =
        text.lines().filter(|line| tags.iter().any(|tag| line.starts_with(tag))).collect();
    assert_snapshot!(told.join("\n"), @r#"
    #EXT-X-MAP:URI="segments/1795205700000.mp4?token=x",BYTERANGE="1000@0"
    segments/1795205700000.mp4?token=x
    segments/1795205704002.mp4?t=360000&token=x
    #EXT-X-DISCONTINUITY
    segments/1795205760000.mp4?t=5399820&token=x
    #EXT-X-DISCONTINUITY
    #EXT-X-MAP:URI="segments/1795205764000.mp4?token=x",BYTERANGE="1000@0"
    segments/1795205764000.mp4?t=5759820&token=x
    #EXT-X-DISCONTINUITY
    segments/1795205766000.mp4?t=6119820&token=x
    "#);
    let dates = text.matches("#EXT-X-PROGRAM-DATE-TIME").count();
    assert_eq!(dates, 5, "the wall clock is told for every file: {text}");
}

#[test]
fn the_open_segment_makes_a_playlist_that_grows_and_keeps_what_it_said() {
    let rows = [row(0, "KfKf", h264(true))];
    let asked = VodRequest { now: UtcMs(START + 10_500), ..request(range(0, 60_000)) };
    let before = playlist(&asked, &rows, Some(&open(4_000, "KfKfKf"))).unwrap();
    assert!(before.contains("#EXT-X-PLAYLIST-TYPE:EVENT\n"), "{before}");
    assert!(!before.contains("#EXT-X-ENDLIST"), "{before}");
    assert_eq!(
        before.matches("#EXTINF").count(),
        2,
        "the part that may still grow is not named yet: {before}"
    );
    let now = UtcMs(START + 16_500);
    let after =
        playlist(&VodRequest { now, ..asked }, &rows, Some(&open(4_000, "KfKfKfKfKfKf"))).unwrap();
    assert!(
        after.starts_with(&before),
        "an EVENT playlist only grows at its end:\n{before}\n{after}"
    );
    let closed = [row(0, "KfKf", h264(true)), row(4_000, "KfKfKfKfKfKf", h264(true))];
    let closed = playlist(&VodRequest { now, ..asked }, &closed, Some(&open(16_000, "K"))).unwrap();
    assert!(
        closed.starts_with(&after),
        "closing the file changes nothing that was said:\n{after}\n{closed}"
    );
}

#[test]
fn a_range_that_is_over_is_whole_even_in_the_open_segment() {
    let asked = VodRequest { now: UtcMs(START + 10_500), ..request(range(0, 6_000)) };
    let text = playlist(&asked, &[], Some(&open(0, "KfKfKf"))).unwrap();
    assert!(
        text.contains("#EXT-X-PLAYLIST-TYPE:VOD") && text.ends_with("#EXT-X-ENDLIST\n"),
        "{text}"
    );
    assert_eq!(text.matches("#EXTINF").count(), 2, "up to its very end: {text}");
}

#[test]
fn a_file_that_was_found_torn_while_it_is_written_is_named_once() {
    let rows = [row(0, "Kf", h264(true))];
    let text = playlist(&request(range(0, 8_000)), &rows, Some(&open(0, "KfKfKfKf"))).unwrap();
    assert_eq!(text.matches("#EXT-X-MAP").count(), 1, "{text}");
    assert_eq!(text.matches("#EXTINF").count(), 2, "as its recorder knows it: {text}");
}

#[test]
fn without_keyframes_a_playlist_begins_at_the_last_one_before() {
    let rows = [row(0, &format!("K{}", "f".repeat(40)), h264(true))];
    let text = playlist(&request(range(30_000, 35_000)), &rows, None).unwrap();
    assert!(text.contains("#EXT-X-START:TIME-OFFSET=30.000,PRECISE=YES"), "{text}");
    assert!(!text.contains("INDEPENDENT"), "not every part can be played alone: {text}");
    assert!(text.contains("#EXT-X-TARGETDURATION:12\n"), "{text}");
}

#[test]
fn nothing_and_too_much_are_said() {
    let rows = [row(0, "Kf", h264(true))];
    let check = |range, expect| {
        assert_eq!(playlist(&request(range), &rows, None), Err(expect), "{range:?}");
    };
    check(range(2_000, 9_000), VodError::Empty);
    check(range(5, 5), VodError::BadRange);
    check(range(5, 4), VodError::BadRange);
    check(range(0, LONGEST_MS + 1), VodError::BadRange);
}

/// What a player makes of it: (file, offset, bytes, seconds, date of the discontinuity).
struct Player {
    parts: Vec<(i64, u64, u64, f64)>,
    target: f64,
    dates: usize,
    maps: usize,
    discontinuities: usize,
}

fn play(text: &str) -> Player {
    let mut player =
        Player { parts: Vec::new(), target: 0.0, dates: 0, maps: 0, discontinuities: 0 };
    let (mut seconds, mut at) = (0.0, (0, 0));
    for line in text.lines() {
        let (tag, value) = line.split_once(':').unwrap_or((line, ""));
        match tag {
            "#EXT-X-TARGETDURATION" => player.target = value.parse().unwrap(),
            "#EXT-X-PROGRAM-DATE-TIME" => player.dates += 1,
            "#EXT-X-MAP" => player.maps += 1,
            "#EXT-X-DISCONTINUITY" => player.discontinuities += 1,
            "#EXTINF" => seconds = value.trim_end_matches(',').parse().unwrap(),
            "#EXT-X-BYTERANGE" => {
                let (bytes, offset) = value.split_once('@').unwrap();
                at = (offset.parse().unwrap(), bytes.parse().unwrap());
            }
            _ if line.starts_with("segments/") => {
                let file =
                    line.trim_start_matches("segments/").trim_end_matches(".mp4").parse().unwrap();
                player.parts.push((file, at.0, at.1, seconds));
            }
            _ => {}
        }
    }
    player
}

proptest! {
    #[test]
    fn every_playlist_can_be_played_and_covers_the_range(
        files in proptest::collection::vec(("K[Kf]{0,40}", 0_i64..20), 1..8),
        from in 0_i64..200, length in 1_i64..200,
    ) {
        let mut at = 0;
        let rows: Vec<SegmentRow> = files.iter().map(|(letters, hole)| {
            let row = row(at + hole * 1000, letters, h264(true));
            at = row.range().end.0 - START;
            row
        }).collect();
        let asked = range(from * 1000, (from + length) * 1000);
        let touched: Vec<&SegmentRow> = rows.iter().filter(|row| row.range().overlap(asked).is_some()).collect();
        let owned: Vec<SegmentRow> = touched.iter().map(|row| (*row).clone()).collect();
        let text = match playlist(&request(asked), &owned, None) {
            Ok(text) => text,
            Err(error) => {
                prop_assert_eq!(error, VodError::Empty);
                prop_assert!(touched.is_empty());
                return Ok(());
            }
        };
        let player = play(&text);
        prop_assert_eq!(player.maps, touched.len(), "one init for each file");
        prop_assert_eq!(player.dates, touched.len());
        prop_assert_eq!(player.discontinuities, touched.len() - 1);
        for row in touched {
            let parts: Vec<_> = player.parts.iter().filter(|part| part.0 == row.start.0).collect();
            for pair in parts.windows(2) {
                prop_assert_eq!(pair[0].1 + pair[0].2, pair[1].1, "bytes follow each other");
            }
            let first = row.parts.iter().find(|part| part.offset == parts[0].1).unwrap();
            prop_assert!(first.starts_with_keyframe, "decoding starts at a keyframe");
            let begins = row.start + first.start;
            let seconds: f64 = parts.iter().map(|part| part.3).sum();
            let ends = begins.plus_millis(Ticks::from_millis(0).to_millis() + (seconds * 1000.0).round().to_string().parse::<i64>().unwrap());
            let wanted = row.range().overlap(asked).unwrap();
            prop_assert!(begins <= wanted.start && wanted.end <= ends, "{:?} is not within {:?}..{:?}", wanted, begins, ends);
        }
        for part in player.parts {
            prop_assert!(part.3.round() <= player.target, "{} s is over the target of {} s", part.3, player.target);
        }
    }
}
