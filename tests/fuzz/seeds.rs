//! What is right, to begin with.

use bytes::Bytes;
use serde::Serialize;
use tarsier_segment::{
    FragmentBuilder, SegmentMeta, init_segment, nal, origin_of, sample_entry, unit_fragment,
};
use tarsier_types::{
    AccessUnit, CameraId, Dts, ParameterSets, Pts, StreamKind, Ticks, Track, UtcMs, UtcRange,
};
use tarsier_wire::framing::encode;
use tarsier_wire::{Engine, LinkState, Problem, RecordingMode, ToHub, ToRecorder};

const AVC: &[u8] = include_bytes!("../fixtures/x264_bframes_64x64.h264");
const HEVC: &[u8] = include_bytes!("../fixtures/x265_main_64x64.hevc");
const NOW: UtcMs = UtcMs(1_795_205_700_000);

fn of_texts(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

fn camera() -> CameraId {
    CameraId::new("garden").expect("an id")
}

fn parameters() -> ParameterSets {
    let unit = |kind| nal::annex_b_units(AVC).find(|nal| nal::h264_type(nal) == Some(kind));
    let (sps, pps) = (unit(7).expect("a fixture has it"), unit(8).expect("and that"));
    let video = sample_entry::avc1(sps, pps, 64, 64);
    ParameterSets {
        video: sample_entry::video_parameters(video, Some(10_000)).expect("our own"),
        audio: sample_entry::audio_parameters(sample_entry::mp4a(&[0x14, 0x08], 16_000, 1)),
    }
}

fn picture(at: i64) -> AccessUnit {
    AccessUnit {
        track: Track::Video,
        pts: Pts(at * 3600),
        dts: Dts(at * 3600),
        duration: Ticks(3600),
        is_keyframe: at % 25 == 0,
        arrived: NOW,
        data: Bytes::from_static(&[0, 0, 0, 2, 0x65, 7]),
    }
}

fn frames<M: Serialize>(messages: &[M], payload: &[u8]) -> Vec<Vec<u8>> {
    let frame = |message| {
        let head = encode(message, payload.len()).expect("a message");
        [&head[..], payload].concat()
    };
    let mut frames: Vec<Vec<u8>> = messages.iter().map(frame).collect();
    frames.push(frames.concat());
    frames
}

pub(crate) fn to_hub() -> Vec<Vec<u8>> {
    let stream = StreamKind::Main;
    let hello = ToHub::Hello {
        protocol: tarsier_wire::PROTOCOL,
        camera: camera(),
        pid: 4711,
        engine: Engine::Rust,
        config_hash: "9c1f".into(),
        started: NOW,
    };
    let opened = ToHub::SegmentOpened {
        stream,
        start: NOW,
        parameters: parameters(),
        init_bytes: 900,
        tier_id: "t".into(),
    };
    let unit = picture(0);
    let live = ToHub::LiveUnit {
        stream,
        track: unit.track,
        pts: unit.pts,
        dts: unit.dts,
        duration: unit.duration,
        is_keyframe: true,
        arrived_utc_us: NOW.0 * 1000,
    };
    let waiting = LinkState::Waiting {
        problem: Problem::Disconnected,
        retry_at: NOW,
        attempts: 3,
        since: NOW,
        offline: true,
    };
    let health =
        ToHub::Heartbeat { streams: vec![(stream, tarsier_wire::StreamHealth::default())] };
    let link = ToHub::Link { stream, state: waiting };
    frames(&[hello, health, link, opened, live], &unit.data)
}

pub(crate) fn to_recorder() -> Vec<Vec<u8>> {
    let mode = RecordingMode::OnEvent { pre_roll_ms: 5000, post_roll_ms: 9000 };
    let messages = [
        ToRecorder::Welcome,
        ToRecorder::Subscribe(StreamKind::Sub),
        ToRecorder::Mode(StreamKind::Main, mode),
        ToRecorder::Event { from: NOW, until: UtcMs(NOW.0 + 1) },
        ToRecorder::Tier { root: "/footage".into(), id: "t".into() },
    ];
    frames(&messages, &[])
}

pub(crate) fn wire_json() -> Vec<Vec<u8>> {
    let probe = tarsier_wire::ProbeRequest {
        url: url("rtsp://192.0.2.7/main"),
        transport: tarsier_types::Transport::default(),
        credentials: None,
        timeout_ms: 5000,
    };
    let failed = tarsier_wire::ProbeReport::Failed {
        problem: Problem::NoPictures,
        detail: "nothing came".into(),
    };
    [serde_json::to_vec(&probe), serde_json::to_vec(&failed)].map(|json| json.expect("JSON")).into()
}

fn url(text: &str) -> tarsier_types::CameraUrl {
    tarsier_types::CameraUrl::parse(text).expect("a URL").0
}

pub(crate) fn footage() -> Vec<Vec<u8>> {
    let meta = SegmentMeta {
        camera: camera(),
        stream: StreamKind::Main,
        start: NOW,
        software: "Tarsier".into(),
    };
    let init = init_segment(&parameters(), Some(&meta)).to_vec();
    let mut file = init.clone();
    let first = picture(0);
    let mut builder = FragmentBuilder::new(origin_of(&first), 16_000);
    for second in 0..3 {
        for at in 0..25 {
            builder.push(picture(second * 25 + at));
        }
        let fragment = builder.take(None).expect("it has pictures");
        file.extend_from_slice(&fragment.head);
        file.extend(fragment.payload.concat());
    }
    let one = unit_fragment(1, &first, origin_of(&first), None, 0);
    vec![[&init[..], &one].concat(), init, file]
}

pub(crate) fn paths() -> Vec<Vec<u8>> {
    of_texts(&[&tarsier_segment::name::path(&camera(), StreamKind::Main, NOW), "a/../b/sub"])
}

pub(crate) fn locks() -> Vec<Vec<u8>> {
    let lock = tarsier_index::Lock {
        id: "l1".into(),
        camera: camera(),
        range: UtcRange::new(NOW, UtcMs(NOW.0 + 60_000)),
        note: "the parcel".into(),
        created: NOW,
    };
    vec![tarsier_tiers::sidecar::to_bytes(&[lock.clone(), lock])]
}

pub(crate) fn identities() -> Vec<Vec<u8>> {
    of_texts(&[r#"{"id":"tier-0123456789abcdef","created_utc_ms":1795132800000}"#])
}

/// Rate, channels, then packets: a time of eight bytes, samples for each channel.
pub(crate) fn companded_sound() -> Vec<Vec<u8>> {
    let packet = |stamp: i64| [&stamp.to_be_bytes()[..], &[0xd5; 160]].concat();
    let begin = |channels| vec![0, 80, channels];
    vec![
        [begin(1), packet(0), packet(160), packet(320)].concat(),
        [begin(2), packet(7_000), packet(0), packet(i64::MAX)].concat(),
    ]
}

pub(crate) fn sample_entries() -> Vec<Vec<u8>> {
    let units: Vec<&[u8]> = nal::annex_b_units(HEVC).take(3).collect();
    let hevc = match units[..] {
        [vps, sps, pps] => {
            let record = sample_entry::hvcc(vps, sps, pps);
            sample_entry::hvc1_from_hvcc(&record, 64, 64).to_vec()
        }
        _ => Vec::new(),
    };
    let ours = parameters();
    vec![
        ours.video.sample_entry.to_vec(),
        ours.audio.map(|audio| audio.sample_entry.to_vec()).unwrap_or_default(),
        hevc,
        sample_entry::mjpeg(64, 64).to_vec(),
        sample_entry::opus(2, 312, 48_000).to_vec(),
        sample_entry::flac(&[7; 34], 8000, 1, 16).to_vec(),
        sample_entry::av01_from_av1c(&[0x81, 4, 0x0c, 0], 64, 64).to_vec(),
    ]
}

pub(crate) fn pictures() -> Vec<Vec<u8>> {
    let units = nal::annex_b_units(AVC).chain(nal::annex_b_units(HEVC));
    let mut seeds: Vec<Vec<u8>> = units.take(12).map(<[u8]>::to_vec).collect();
    seeds.push(AVC[..AVC.len().min(2000)].to_vec());
    seeds.push(nal::annex_b_to_lengths(&HEVC[..HEVC.len().min(2000)]).to_vec());
    seeds
}

pub(crate) fn urls() -> Vec<Vec<u8>> {
    of_texts(&[
        "rtsp://admin:p%40ss@192.0.2.7:8554/Streaming/Channels/101?transport=tcp&a=b#c",
        "rtsps://[2001:db8::7]/",
        "http://camera.example/video.mjpg",
    ])
}

pub(crate) fn onvif() -> Vec<Vec<u8>> {
    macro_rules! answers {
        ($($name:literal)*) => {
            vec![$(include_bytes!(concat!("../fixtures/onvif/", $name, ".xml")).to_vec()),*]
        };
    }
    answers!["GetSystemDateAndTime" "GetCapabilities" "GetServices" "GetProfiles" "GetNodes" "GetPresets" "Fault"]
}

pub(crate) fn offers() -> Vec<Vec<u8>> {
    of_texts(&[
        "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n\
         m=video 9 UDP/TLS/RTP/SAVPF 103 104\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=recvonly\r\na=rtcp-mux\r\n\
         a=rtpmap:103 H264/90000\r\n\
         a=fmtp:103 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f\r\n\
         a=rtpmap:104 rtx/90000\r\na=fmtp:104 apt=103\r\n\
         a=rtpmap:45 AV1/90000\r\na=fmtp:45 level-idx=5;profile=0;tier=0\r\n\
         a=rtpmap:46 rtx/90000\r\na=fmtp:46 apt=45\r\n",
        "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=sendonly\r\n",
    ])
}

pub(crate) fn fragments() -> Vec<Vec<u8>> {
    of_texts(&[
        "a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\nm=video 9 RTP/AVP 0\r\na=mid:0\r\n\
        a=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host\r\na=end-of-candidates\r\n",
    ])
}

pub(crate) fn hls_files() -> Vec<Vec<u8>> {
    of_texts(&[
        "19aff00-init-0.mp4",
        "19aff00-part-7.m4s",
        "19aff00-segment-18446744073709551615.m4s",
    ])
}

pub(crate) fn bodies() -> Vec<Vec<u8>> {
    of_texts(&[
        r#"{"codecs":["avc1.640028","mp4a.40.2"],"sound":true}"#,
        r#"{"token":"eyJhbGciOiJIUzI1NiJ9.e30.c2ln"}"#,
        r#"{"camera_id":"garden","stream":"sub","right":"live"}"#,
        r#"{"subject":"The neighbour","role":"viewer","cameras":["garden"],"streams":["sub"],"rights":["live"],"ttl_seconds":60}"#,
        r#"{"codecs":["avc1.640028","hvc1.1.6.L93.B0"]}"#,
        r#"{"sub":"a","role":"viewer","cameras":["garden"],"iat":1,"exp":1795205700}"#,
        r#"{"name":"Garden","main":{"url":"rtsp://192.0.2.7/main"},"sub":{"url":"rtsp://192.0.2.7/sub"},
           "recording":{"mode":"continuous","segment_seconds":60,"record_sub":false}}"#,
        r#"{"name":"Garden","recording":{"mode":"on_event","segment_seconds":60,"record_sub":true,
           "schedule":[{"days":["monday"],"from":"08:00","to":"24:00","mode":"off"}]}}"#,
    ])
}
