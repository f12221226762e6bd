//! A camera that plays: every unit comes out, in order, and what is wrong with it is said.

use std::time::Duration;

use crate::fake::{ALAW, Fake, Manner, PPS, SPS_96, Send, admin, h264, pictures, sdp};
use tarsier_ingest::{Anomaly, RtspSource, Source, SourceError, SourceEvent, Timeouts, probe};
use tarsier_types::{AccessUnit, Codec, Pts, SystemClock, Track, Transport};
use tarsier_wire::{ProbeReport, ProbeRequest, Problem};

const TIMEOUTS: Timeouts = Timeouts {
    connect: Duration::from_secs(5),
    open: Duration::from_secs(10),
    pictures: Duration::from_millis(500),
};

async fn camera(sections: &str, then: Vec<Send>) -> (Fake, RtspSource) {
    let fake = Fake::start(Manner::Plays { sdp: sdp(sections), basic: None, then }).await;
    let clock = SystemClock::start();
    let source =
        RtspSource::open(&fake.url(), None, Transport::Tcp, clock, TIMEOUTS).await.unwrap();
    (fake, source)
}

/// Everything until the source fails.
async fn all(source: &mut RtspSource) -> (Vec<SourceEvent>, SourceError) {
    let mut events = Vec::new();
    let whole = async {
        loop {
            match source.next().await {
                Ok(event) => events.push(event),
                Err(error) => return error,
            }
        }
    };
    let error =
        tokio::time::timeout(Duration::from_secs(20), whole).await.expect("it must end by itself");
    (events, error)
}

fn units(events: &[SourceEvent], track: Track) -> Vec<&AccessUnit> {
    let mut units = Vec::new();
    for event in events {
        if let SourceEvent::Unit(unit) = event
            && unit.track == track
        {
            units.push(unit);
        }
    }
    units
}

/// The numbers that [`pictures`] wrote into them.
fn numbers(events: &[SourceEvent]) -> Vec<u16> {
    units(events, Track::Video)
        .iter()
        .map(|u| u16::from_be_bytes([u.data[6] - 1, u.data[7]]))
        .collect()
}

#[tokio::test]
async fn every_picture_after_the_first_keyframe_comes_out() {
    let (_fake, mut source) = camera(&h264(), pictures(7..1_500, 10)).await;
    let (events, error) = all(&mut source).await;
    assert_eq!(numbers(&events), (10..1_500).collect::<Vec<u16>>(), "all of them, in order");
    assert_eq!(error.problem, Problem::Disconnected, "then the camera hangs up");
    let early = SourceEvent::Anomaly(Anomaly::BeforeKeyframe);
    assert_eq!(events[..3], [early.clone(), early.clone(), early], "the camera is alive, at least");
    let [SourceEvent::Parameters(sets), SourceEvent::NewRun { zero }, SourceEvent::Unit(first), ..] =
        &events[3..]
    else {
        panic!("parameters, a run, a picture must come then: {:?}", &events[3..6]);
    };
    assert_eq!((sets.video.codec, sets.video.width, sets.video.height), (Codec::H264, 64, 64));
    assert_eq!(sets.video.rfc6381.to_lowercase(), "avc1.42c00a");
    assert_eq!(&sets.video.sample_entry[4..8], b"avc1");
    assert_eq!(sets.audio, None);
    assert!(first.is_keyframe && first.pts == Pts(0) && first.arrived == *zero, "{first:?}");
    assert_eq!(first.data[..5], [0, 0, 0, 5, 0x65], "NAL units stand after their length");
    let last = units(&events, Track::Video).last().unwrap().pts;
    assert_eq!(last, Pts(1_489 * 3_600), "times are the camera's");
}

#[tokio::test]
async fn cancelling_loses_nothing() {
    let mut script = Vec::new();
    for packet in pictures(0..200, 50) {
        script.extend([packet, Send::Pause(2)]);
    }
    let (_fake, mut source) = camera(&h264(), script).await;
    let mut events = Vec::new();
    let mut cancelled = 0;
    let error = loop {
        // Everything is waited for twice, and the first wait is broken off.
        let waited = tokio::select! {
            biased;
            next = source.next() => Some(next),
            () = tokio::task::yield_now() => None,
        };
        let next = if let Some(next) = waited {
            next
        } else {
            cancelled += 1;
            source.next().await
        };
        match next {
            Ok(event) => events.push(event),
            Err(error) => break error,
        }
    };
    assert_eq!(error.problem, Problem::Disconnected);
    assert_eq!(numbers(&events), (0..200).collect::<Vec<u16>>(), "all of them, in order");
    assert!(cancelled > 10, "waiting must have been broken off, not {cancelled} times");
}

#[tokio::test]
async fn a_zombie_is_found() {
    let mut script = pictures(0..5, 5);
    for n in 0..400 {
        script
            .extend([Send::Rtp(2, n, u32::from(n) * 160, false, vec![0xd5; 160]), Send::Pause(5)]);
    }
    let (_fake, mut source) = camera(&format!("{}\n{ALAW}", h264()), script).await;
    let (events, error) = all(&mut source).await;
    assert_eq!(error.problem, Problem::NoPictures, "sound is no picture: {error}");
    assert_eq!(numbers(&events).len(), 5);
}

#[tokio::test]
async fn a_camera_that_sends_nothing_is_found() {
    let (_fake, mut source) = camera(&h264(), vec![Send::Silence]).await;
    assert_eq!(all(&mut source).await.1.problem, Problem::NoPictures);
}

#[tokio::test]
async fn g711_comes_out_as_flac_beside_the_pictures() {
    let mut script = Vec::new();
    for (n, picture) in pictures(0..100, 25).into_iter().enumerate() {
        let n = u16::try_from(n).unwrap();
        let sound: Vec<u8> = (0..=255).cycle().skip(usize::from(n)).step_by(7).take(320).collect();
        script.extend([picture, Send::Rtp(2, n, 5_000 + u32::from(n) * 320, true, sound)]);
    }
    let (_fake, mut source) = camera(&format!("{}\n{ALAW}", h264()), script).await;
    assert_eq!(source.sound_as_sent(), Some(Codec::PcmAlaw));
    let (events, _) = all(&mut source).await;
    let SourceEvent::Parameters(sets) = &events[0] else { panic!("{:?}", events[0]) };
    let audio = sets.audio.as_ref().expect("there is sound");
    assert_eq!((audio.codec, audio.sample_rate_hz, audio.channels), (Codec::Flac, 8_000, 1));
    assert_eq!(sets.mime().to_lowercase(), "video/mp4; codecs=\"avc1.42c00a,flac\"");
    let sound = units(&events, Track::Audio);
    assert_eq!(sound.len(), 100 * 320 / 512, "whole blocks of 512 samples");
    assert!(
        sound.windows(2).all(|two| (two[1].pts - two[0].pts).0 == 5_760),
        "64 ms from one to the next"
    );
}

/// What FFmpeg made of 25 pictures of AV1, three of them keyframes (`tests/fixtures/README.md`).
fn av1_of_ffmpeg() -> Vec<Send> {
    let mut rest = &include_bytes!("../../../../tests/fixtures/ffmpeg_hidden_96x64.rtp")[..];
    let mut script = Vec::new();
    while let Some(([b'$', 0, high, low], behind)) = rest.split_first_chunk() {
        let (packet, behind) = behind.split_at(usize::from(u16::from_be_bytes([*high, *low])));
        let sequence = u16::from_be_bytes([packet[2], packet[3]]);
        let timestamp = u32::from_be_bytes(packet[4..8].try_into().unwrap());
        let marker = packet[1] & 0x80 != 0;
        script.push(Send::Rtp(0, sequence, timestamp, marker, packet[12..].to_vec()));
        rest = behind;
    }
    script
}

const AV1: &str = "m=video 0 RTP/AVP 96\na=rtpmap:96 AV1/90000\n\
                   a=fmtp:96 profile=0;level-idx=0;tier=0\na=control:video";

#[tokio::test]
async fn av1_that_ffmpeg_sends_comes_out_picture_by_picture() {
    let (_fake, mut source) = camera(AV1, av1_of_ffmpeg()).await;
    let (events, error) = all(&mut source).await;
    assert_eq!(error.problem, Problem::Disconnected);
    let [SourceEvent::Parameters(sets), SourceEvent::NewRun { .. }, SourceEvent::Unit(_), ..] =
        &events[..]
    else {
        panic!("{:?}", &events[..3]);
    };
    assert_eq!((sets.video.codec, sets.video.width, sets.video.height), (Codec::Av1, 96, 64));
    assert_eq!(sets.video.rfc6381, "av01.0.00M.08");
    assert_eq!(events.len(), 2 + 25, "no anomaly, and the parameters once: {events:?}");
    for (unit, number) in units(&events, Track::Video).iter().zip(0_i64..) {
        assert_eq!((unit.pts, unit.dts.0), (Pts(number * 9_000), number * 9_000));
        assert_eq!(unit.is_keyframe, number % 10 == 0, "picture {number}");
    }
}

#[tokio::test]
async fn a_lost_packet_of_av1_costs_its_picture_and_is_counted() {
    let mut script = av1_of_ffmpeg();
    // The second packet of the first keyframe that is not the stream's first.
    let later =
        |packet: &Send| matches!(packet, Send::Rtp(_, _, _, _, payload) if payload[0] & 0x08 != 0);
    let keyframe = script.iter().skip(1).position(later).unwrap() + 1;
    script.remove(keyframe + 1);
    let (_fake, mut source) = camera(AV1, script).await;
    let (events, _) = all(&mut source).await;
    let lost = events.iter().position(|it| *it == SourceEvent::Anomaly(Anomaly::PacketsLost(1)));
    assert_eq!(events[lost.unwrap() + 1], SourceEvent::Anomaly(Anomaly::BrokenUnit));
    let shown: Vec<i64> =
        units(&events, Track::Video).iter().map(|unit| unit.pts.0 / 9_000).collect();
    assert_eq!(shown, (0..25).filter(|number| *number != 10).collect::<Vec<_>>());
}

#[tokio::test]
async fn g711_comes_out_beside_av1_as_beside_other_pictures() {
    let (mut script, mut n) = (Vec::new(), 0_u16);
    for packet in av1_of_ffmpeg() {
        let ends_picture = matches!(packet, Send::Rtp(_, _, _, true, _));
        script.push(packet);
        if ends_picture {
            let bytes = (0..=255).cycle().skip(usize::from(n)).step_by(7).take(800).collect();
            script.push(Send::Rtp(2, n, 5_000 + u32::from(n) * 800, true, bytes));
            n += 1;
        }
    }
    let (_fake, mut source) = camera(&format!("{AV1}\n{ALAW}"), script).await;
    assert_eq!(source.sound_as_sent(), Some(Codec::PcmAlaw));
    let (events, _) = all(&mut source).await;
    assert_eq!(units(&events, Track::Video).len(), 25);
    let sound = units(&events, Track::Audio);
    assert_eq!(sound.len(), 25 * 800 / 512, "whole blocks of 512 samples");
    assert!(
        sound.windows(2).all(|two| (two[1].pts - two[0].pts).0 == 5_760),
        "64 ms from one to the next"
    );
}

#[tokio::test]
async fn a_change_of_size_is_said_before_its_keyframe() {
    let mut script = pictures(0..10, 10);
    let timestamp = 9_000 + 10 * 3_600;
    script.push(Send::Rtp(0, 10, timestamp, false, SPS_96.to_vec()));
    script.push(Send::Rtp(0, 11, timestamp, false, PPS.to_vec()));
    script.push(Send::Rtp(0, 12, timestamp, true, vec![0x65, 0x88, 1, 10, 0x80]));
    let (_fake, mut source) = camera(&h264(), script).await;
    let (events, _) = all(&mut source).await;
    let [
        ..,
        SourceEvent::Anomaly(Anomaly::ParametersChanged),
        SourceEvent::Parameters(sets),
        SourceEvent::Unit(unit),
    ] = &events[..]
    else {
        panic!("{:?}", events.last());
    };
    assert_eq!((sets.video.width, sets.video.height), (96, 64));
    assert!(
        unit.is_keyframe && unit.data[..5] == [0, 0, 0, 5, 0x65],
        "parameter sets are not in the unit"
    );
}

#[tokio::test]
async fn a_packet_that_makes_no_sense_costs_one_unit() {
    let mut script = pictures(0..3, 10);
    script.push(Send::Rtp(0, 3, 9_000 + 3 * 3_600, true, vec![0xff, 0, 0]));
    script.extend(pictures(4..8, 10));
    let (_fake, mut source) = camera(&h264(), script).await;
    let (events, error) = all(&mut source).await;
    assert_eq!(error.problem, Problem::Disconnected, "the session goes on to its end: {error}");
    assert!(events.contains(&SourceEvent::Anomaly(Anomaly::BrokenUnit)), "and it is counted");
    assert_eq!(numbers(&events), [0, 1, 2, 4, 5, 6, 7]);
}

#[tokio::test]
async fn lost_packets_are_counted() {
    let mut script = pictures(0..3, 10);
    script.extend(pictures(6..8, 10));
    let (_fake, mut source) = camera(&h264(), script).await;
    let (events, _) = all(&mut source).await;
    assert!(events.contains(&SourceEvent::Anomaly(Anomaly::PacketsLost(3))), "{events:?}");
}

#[tokio::test]
async fn it_says_goodbye() {
    let mut script = pictures(0..3, 10);
    script.push(Send::Silence);
    let (fake, mut source) = camera(&h264(), script).await;
    while !matches!(source.next().await.unwrap(), SourceEvent::Unit(_)) {}
    source.close().await;
    assert!(
        fake.seen().iter().any(|request| request.starts_with("TEARDOWN")),
        "some cameras allow two sessions"
    );
}

#[tokio::test]
async fn a_probe_finds_size_rate_and_a_picture() {
    let mut script = Vec::new();
    for packet in pictures(0..60, 25) {
        script.extend([packet, Send::Pause(2)]);
    }
    script.push(Send::Silence);
    let basic = "YWRtaW46aHVudGVyMi1wYXNz".to_owned();
    let fake =
        Fake::start(Manner::Plays { sdp: sdp(&h264()), basic: Some(basic), then: script }).await;
    let request = ProbeRequest {
        url: fake.url(),
        transport: Transport::Tcp,
        credentials: Some(admin("hunter2-pass")),
        timeout_ms: 5_000,
    };
    let report = probe(&request, SystemClock::start()).await;
    let ProbeReport::Found { video, width, height, millifps, audio, keyframe_mp4_base64, .. } =
        report
    else {
        panic!("{report:?}");
    };
    assert_eq!((video, width, height, audio), (Codec::H264, 64, 64, None));
    assert_eq!(millifps, Some(25_000), "announced by the SPS");
    assert!(keyframe_mp4_base64.len() > 500, "a whole MP4 with one picture");
}

#[tokio::test]
async fn a_probe_says_what_is_wrong() {
    let fake = Fake::start(Manner::Refuses("404 Not Found")).await;
    let url = fake.url();
    let request =
        ProbeRequest { url, transport: Transport::Tcp, credentials: None, timeout_ms: 5_000 };
    let report = probe(&request, SystemClock::start()).await;
    assert!(
        matches!(report, ProbeReport::Failed { problem: Problem::NoSuchPath, .. }),
        "{report:?}"
    );
}
