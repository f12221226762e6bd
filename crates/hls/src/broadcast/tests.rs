//! A camera in simulated time, judged by the rules.

use std::sync::Arc;

use bytes::Bytes;
use tarsier_live::LiveUnit;
use tarsier_segment::sample_entry;
use tarsier_types::{AudioParameters, Codec, Dts, Pts, Track, UtcMs, VideoParameters};

use super::*;
use crate::rules::{self, Rhythm};

const START_MS: i64 = 1_795_205_700_000;

fn parameters(width: u16, audio: Option<AudioParameters>) -> Arc<ParameterSets> {
    let video = VideoParameters {
        codec: Codec::H264,
        rfc6381: "avc1.64001f".to_owned(),
        width,
        height: 360,
        nominal_millifps: None,
        sample_entry: Bytes::from_static(b"\0\0\0\x08avc1"),
    };
    Arc::new(ParameterSets { video, audio })
}

fn sound(sample_entry: Bytes) -> AudioParameters {
    sample_entry::audio_parameters(sample_entry).expect("a sample entry")
}

/// Blocks of 512 samples, 8 kHz, one channel, 16 bits.
fn streaminfo() -> [u8; 34] {
    let mut info = [0; 34];
    info[..4].copy_from_slice(&[2, 0, 2, 0]);
    info[10..18].copy_from_slice(&((8000_u64 << 44) | (15 << 36)).to_be_bytes());
    info
}

/// A camera of 25 pictures a second, and what a player that follows its playlist sees.
struct Scene {
    broadcast: Broadcast<&'static str>,
    picture: i64,
    at: i64,
    seen: Option<rules::Playlist>,
    rhythm: Rhythm,
}

impl Scene {
    fn new(picture_ms: i64) -> Self {
        let birth = Birth { now: Mono::ZERO, life: 0xabc, first_segment: 500 };
        let mut broadcast = Broadcast::new(StreamKind::Main, birth);
        broadcast.handle(Next::Init(parameters(640, None)));
        Self {
            broadcast,
            picture: picture_ms * 90,
            at: 900_000,
            seen: None,
            rhythm: Rhythm::Steady,
        }
    }

    /// `I` a run begins, `J` with other parameters, `A` with AAC, `G` with FLAC, `Z` with sound for which there is no silence, `K`/`f` a picture
    /// comes, `a` 40 ms of sound up to it, `s` some were left out, `w` there are none, `x` the end,
    /// `.` a picture's time passes. After each step the playlist is judged.
    fn play(&mut self, script: &str) {
        for step in script.chars() {
            match step {
                'I' | 'J' => {
                    let width = if step == 'I' { 640 } else { 1280 };
                    self.broadcast.handle(Next::Init(parameters(width, None)));
                }
                'A' | 'G' | 'Z' => {
                    let audio = match step {
                        'A' => sample_entry::mp4a(&[0x14, 0x08], 16_000, 1),
                        'G' => sample_entry::flac(&streaminfo(), 8000, 1, 16),
                        _ => sample_entry::mp4a(&[0x12, 0x30], 44_100, 6),
                    };
                    self.broadcast.handle(Next::Init(parameters(640, Some(sound(audio)))));
                }
                'K' | 'f' => self.picture(step == 'K'),
                'a' => self.unit(Track::Audio, self.at - self.picture, true),
                's' => drop(self.broadcast.handle(Next::Skipped(7))),
                'w' => drop(self.broadcast.handle(Next::Waiting("offline"))),
                'x' => drop(self.broadcast.handle(Next::Ended("deleted"))),
                '.' => self.at += self.picture,
                other => panic!("{other} is no step"),
            }
            self.judge(script);
        }
    }

    fn picture(&mut self, is_keyframe: bool) {
        self.at += self.picture;
        self.unit(Track::Video, self.at, is_keyframe);
    }

    fn unit(&mut self, track: Track, at: i64, is_keyframe: bool) {
        let unit = AccessUnit {
            track,
            pts: Pts(at),
            dts: Dts(at),
            duration: Ticks(self.picture),
            is_keyframe,
            arrived: UtcMs(START_MS + at / 90),
            data: Bytes::from_static(&[7; 100]),
        };
        let unit = Arc::new(LiveUnit { unit, arrived_utc_us: 0 });
        self.broadcast.handle(Next::Unit { unit, origin: Dts(0), sequence: 1 });
    }

    fn judge(&mut self, script: &str) {
        if self.broadcast.is_there(None) != Look::Is(()) {
            assert!(self.seen.is_none(), "{script}: what was there is gone");
            return;
        }
        let text = self.broadcast.playlist("t.o-k", None).expect("a playlist");
        let playlist = rules::read(&text, self.rhythm)
            .unwrap_or_else(|wrong| panic!("{script}: {wrong}\n{text}"));
        if let Some(before) = &self.seen {
            playlist.follows(before).unwrap_or_else(|wrong| panic!("{script}: {wrong}\n{text}"));
        }
        for segment in &playlist.segments {
            let uris = segment.parts.iter().map(|part| &part.uri).chain([&segment.map]);
            for uri in uris.chain(segment.whole.as_ref().map(|whole| &whole.1)) {
                assert!(
                    matches!(self.file(uri), Look::Is(_)),
                    "{script}: {uri} is listed and not there"
                );
            }
        }
        // Who has the list before can still get all of it, except what would be too long ago to be played.
        for segment in self.seen.iter().flat_map(|before| &before.segments) {
            let uri = segment.whole.as_ref().map(|whole| &whole.1);
            assert!(
                uri.is_none_or(|uri| matches!(self.file(uri), Look::Is(_))),
                "{script}: {uri:?}"
            );
        }
        self.seen = Some(playlist);
    }

    fn file(&self, uri: &str) -> Look<Bytes, &'static str> {
        let name = uri.strip_prefix("hls/").and_then(|name| name.strip_suffix("?token=t.o-k"));
        let name = name.unwrap_or_else(|| panic!("{uri} without the token"));
        self.broadcast.file(FileName::parse(name).expect("a name"))
    }

    fn seen(&self) -> &rules::Playlist {
        self.seen.as_ref().expect("a playlist")
    }

    fn holds(&self, segment: u64, part: Option<u64>) -> Look<(), &'static str> {
        self.broadcast.is_there(Some(Reload { segment, part }))
    }
}

fn gops(count: usize, pictures: usize) -> String {
    format!("K{}", "f".repeat(pictures - 1)).repeat(count)
}

#[test]
fn a_playlist_keeps_the_rules_at_each_of_a_thousand_pictures() {
    for (picture_ms, pictures) in
        [(40, 25), (33, 60), (67, 30), (100, 10), (200, 10), (1000, 2), (40, 10)]
    {
        let mut scene = Scene::new(picture_ms);
        scene.play(&gops(1000 / pictures, pictures));
        let seen = scene.seen();
        assert!(seen.whole_duration() >= 3.0 * seen.target, "{picture_ms} ms");
        assert!(seen.segments.len() <= 8, "{picture_ms} ms: {} segments", seen.segments.len());
    }
}

#[test]
fn a_playlist_keeps_the_rules_whatever_happens_to_the_camera() {
    let gop = gops(1, 25);
    for trouble in [
        "I", "J", "s", "w", "wI", "If", "sfff", "....", "ffff", "fff..ff", "K", "Kf", "ssI", "IJI",
        "wJ", "......s",
    ] {
        let mut scene = Scene::new(40);
        scene.rhythm = Rhythm::Uneven;
        for _ in 0..4 {
            scene.play(&gops(5, 25));
            scene.play(trouble);
        }
        scene.play(&gop);
        scene.play("Kffffffffx");
        assert!(scene.seen().is_ended, "{trouble}");
    }
}

/// When each segment's media time begins, in ticks, by its date.
fn media_times(scene: &Scene) -> Vec<(String, u64)> {
    let of = |segment: &rules::Segment| {
        let Look::Is(bytes) = scene.file(&segment.parts.first()?.uri) else { return None };
        let at = bytes.windows(4).position(|bytes| bytes == b"tfdt")? + 8;
        let begins = u64::from_be_bytes(bytes[at..at + 8].try_into().ok()?);
        Some((segment.date.clone(), begins))
    };
    scene.seen().segments.iter().filter_map(of).collect()
}

#[test]
fn a_moment_has_the_same_media_time_in_main_and_sub_whichever_was_asked_for_first() {
    let (mut main, mut sub) = (Scene::new(40), Scene::new(40));
    main.play(&gops(25, 25));
    sub.at += 20 * Ticks::PER_SECOND;
    sub.play(&gops(5, 25));
    let (main, sub) = (media_times(&main), media_times(&sub));
    let shared: Vec<_> =
        sub.iter().filter(|(date, _)| main.iter().any(|it| it.0 == *date)).collect();
    assert!(shared.len() >= 3, "{main:?} {sub:?}");
    assert!(shared.into_iter().all(|segment| main.contains(segment)), "{main:?} {sub:?}");
}

#[test]
fn a_playlist_that_begins_anew_has_later_media_times() {
    let (mut before, mut after) = (Scene::new(40), Scene::new(40));
    before.play(&gops(5, 25));
    after.at = before.at + 60 * Ticks::PER_SECOND;
    after.play(&gops(5, 25));
    let (before, after) = (media_times(&before), media_times(&after));
    let apart = after[0].1 - before.last().expect("a segment").1;
    assert!((59..66).contains(&(apart / 90_000)), "{before:?} {after:?}");
}

#[test]
fn parts_and_segment_are_the_same_bytes_and_media_begins_with_the_init() {
    let mut scene = Scene::new(40);
    scene.play(&gops(3, 25));
    let segment = scene.seen().segments[0].clone();
    let bytes = |uri: &str| match scene.file(uri) {
        Look::Is(bytes) => bytes.to_vec(),
        other => panic!("{other:?}"),
    };
    let parts: Vec<u8> = segment.parts.iter().flat_map(|part| bytes(&part.uri)).collect();
    assert_eq!(bytes(&segment.whole.unwrap().1), parts);
    assert_eq!(&bytes(&segment.map)[4..8], b"ftyp");
    assert_eq!(segment.parts.len(), 4);
    assert_eq!(segment.date, "2026-11-20T20:15:10.040Z", "when its first picture came");
}

#[test]
fn a_reload_waits_for_the_part_it_names_and_no_longer() {
    let mut scene = Scene::new(40);
    assert_eq!(scene.holds(500, None), Look::NotYet, "nothing is known yet");
    scene.play(&gops(2, 25));
    scene.play("K");
    assert_eq!(scene.holds(501, None), Look::Is(()));
    assert_eq!(scene.holds(501, Some(3)), Look::Is(()), "the last part of a whole segment");
    assert_eq!(
        scene.holds(501, Some(4)),
        Look::NotYet,
        "behind it stands the next segment's first"
    );
    assert_eq!(scene.holds(502, Some(0)), Look::NotYet);
    scene.play("fffffff");
    assert_eq!(scene.holds(501, Some(4)), Look::Is(()));
    assert_eq!(scene.holds(502, Some(0)), Look::Is(()));
    assert_eq!(scene.holds(502, Some(1)), Look::NotYet);
    assert_eq!(scene.holds(502, None), Look::NotYet, "it is not whole");
    assert_eq!(scene.holds(7, Some(9)), Look::Is(()), "long past");
}

#[test]
fn what_is_too_far_ahead_is_not_waited_for() {
    let mut scene = Scene::new(40);
    scene.play(&gops(2, 25));
    scene.play("Kfffffff");
    let too_far = || Look::Refused(Refusal::TooFar);
    assert_eq!(scene.holds(504, None), Look::NotYet, "two segments ahead");
    assert_eq!(scene.holds(505, None), too_far());
    assert_eq!(scene.holds(u64::MAX, Some(u64::MAX)), too_far());
    assert_eq!(scene.holds(502, Some(10)), Look::NotYet, "three seconds of parts");
    assert_eq!(scene.holds(502, Some(11)), too_far());
}

#[test]
fn the_announced_part_is_waited_for_even_if_a_keyframe_ends_the_segment_before_it() {
    let mut scene = Scene::new(40);
    scene.play(&gops(2, 25));
    scene.play("Kffffffff");
    let hint = scene.seen().hint.clone().expect("a hint");
    assert_eq!(scene.file(&hint), Look::NotYet);
    scene.play("IKfffffff");
    scene.play("Kfffffff");
    assert!(matches!(scene.file(&hint), Look::Is(_)), "it has come, whatever segment it is in");
}

#[test]
fn what_was_never_there_and_what_is_gone_is_not_found() {
    let mut scene = Scene::new(40);
    scene.play(&gops(3, 25));
    let early = scene.seen().clone();
    let parse = |name| FileName::parse(name).expect("a name");
    for name in [
        "abc-part-99.m4s",
        "abc-segment-7.m4s",
        "abc-init-1.mp4",
        "abd-part-1.m4s",
        "abc-segment-503.m4s",
    ] {
        assert_eq!(scene.broadcast.file(parse(name)), Look::Refused(Refusal::NotFound), "{name}");
    }
    scene.play(&gops(40, 25));
    let (_, uri) = early.segments[0].whole.clone().expect("a whole segment");
    assert_eq!(scene.file(&uri), Look::Refused(Refusal::NotFound), "long past");
}

#[test]
fn a_camera_that_is_away_is_told_as_such_until_there_is_something_to_play() {
    let mut scene = Scene::new(40);
    scene.play("w");
    let away = Look::Refused(Refusal::Silent(Some("offline")));
    assert_eq!(scene.broadcast.is_there(None), away);
    scene.play("I");
    assert_eq!(scene.broadcast.is_there(None), Look::NotYet);
    scene.play(&gops(3, 25));
    scene.play("w");
    assert_eq!(scene.broadcast.is_there(None), Look::Is(()), "what was there can be played");
    let newest = scene.seen().segments.last().expect("a segment").number;
    assert_eq!(scene.holds(newest + 1, Some(0)), Look::NotYet);
    assert_eq!(scene.broadcast.silence(), Refusal::Silent(Some("offline")));
}

#[test]
fn a_gop_without_end_is_played_after_some_seconds_all_the_same() {
    let mut scene = Scene::new(40);
    scene.picture(true);
    for _ in 0..180 {
        scene.picture(false);
    }
    assert_eq!(scene.broadcast.is_there(None), Look::Is(()));
    assert_eq!(scene.broadcast.target(), Duration::from_secs(7));
}

#[test]
fn nobody_asks_for_half_a_minute_and_it_is_let_go() {
    let mut scene = Scene::new(40);
    assert_eq!(scene.broadcast.deadline(), Mono::from_millis(30_000));
    scene.broadcast.asked(Mono::from_millis(7000));
    assert_eq!(scene.broadcast.deadline(), Mono::from_millis(37_000));
}

#[test]
fn other_parameters_are_another_init_and_a_discontinuity() {
    let mut scene = Scene::new(40);
    scene.play(&gops(3, 25));
    scene.play("J");
    scene.play(&gops(2, 25));
    let maps: Vec<_> =
        scene.seen().segments.iter().map(|it| (it.map.as_str(), it.is_discontinuous)).collect();
    let (old, new) = ("hls/abc-init-0.mp4?token=t.o-k", "hls/abc-init-1.mp4?token=t.o-k");
    assert_eq!(maps[..4], [(old, false), (old, false), (old, false), (new, true)]);
}

/// Pictures with sound behind each.
fn loud(count: usize) -> String {
    format!("Ka{}", "fa".repeat(24)).repeat(count)
}

#[test]
fn a_playlist_keeps_the_rules_with_sound_that_comes_and_goes() {
    let (loud, mute) = (loud(4), gops(4, 25));
    for script in [
        format!("A{loud}{loud}"),
        format!("A{mute}{loud}{mute}"),
        format!("{mute}A{loud}I{mute}"),
        format!("A{loud}w......A{loud}"),
        format!("AaaaKaaa{loud}sa{loud}G{loud}Z{loud}"),
    ] {
        let mut scene = Scene::new(40);
        scene.rhythm = Rhythm::Uneven;
        scene.play(&script);
        scene.play("K");
    }
}

#[test]
fn other_sound_is_another_init_and_sound_without_a_silence_is_none() {
    let codecs = |scene: &Scene| {
        let Look::Is(rendition) = scene.broadcast.rendition() else { panic!("no rendition") };
        rendition.rfc6381
    };
    let mut scene = Scene::new(40);
    let mut told = Vec::new();
    for run in ["I", "A", "G", "Z", "I"] {
        scene.play(&format!("{run}{}", loud(2)));
        told.push(codecs(&scene));
    }
    let mute = "avc1.64001f";
    assert_eq!(
        told,
        [mute, "avc1.64001f,mp4a.40.2", "avc1.64001f,fLaC", mute, mute].map(str::to_owned)
    );
    let maps = scene.seen().segments.iter().map(|it| (it.map.as_str(), it.is_discontinuous));
    let begins: Vec<_> = maps.filter(|(_, is_discontinuous)| *is_discontinuous).collect();
    let map = |number| format!("hls/abc-init-{number}.mp4?token=t.o-k");
    let numbers: Vec<_> = begins.iter().map(|(map, _)| (*map).to_owned()).collect();
    assert_eq!(numbers, [2, 3, 3].map(map), "sound that is not sent changes no init");
}

#[test]
fn a_stream_says_what_it_is_and_where_it_has_got_to() {
    let mut scene = Scene::new(40);
    scene.play(&gops(2, 25));
    scene.play("Kfffffff");
    assert_eq!(
        scene.broadcast.report(),
        Some(Report { stream: StreamKind::Main, segment: 502, part: 0 })
    );
    let Look::Is(rendition) = scene.broadcast.rendition() else { panic!("no rendition") };
    let text = crate::multivariant(&[rendition], "t.o-k");
    let (line, uri) = text.trim_end().rsplit_once('\n').expect("two lines");
    assert_eq!(uri, "main/index.m3u8?token=t.o-k");
    assert!(
        line.ends_with("CODECS=\"avc1.64001f\",RESOLUTION=640x360,FRAME-RATE=25.000"),
        "{line}"
    );
    let report = Report { stream: StreamKind::Sub, segment: 9, part: 2 };
    let text = scene.broadcast.playlist("t.o-k", Some(report)).expect("a playlist");
    let wanted =
        "#EXT-X-RENDITION-REPORT:URI=\"../sub/index.m3u8?token=t.o-k\",LAST-MSN=9,LAST-PART=2\n";
    assert!(text.ends_with(wanted), "{text}");
    let others = scene.broadcast.playlist("another", Some(report)).expect("a playlist");
    assert_eq!(others, text.replace("t.o-k", "another"), "the same with his own token");
    assert!(!scene.broadcast.playlist("another", None).expect("a playlist").contains("LAST-MSN"));
}
