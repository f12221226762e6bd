//! Streams over loopback: what comes out is what went in, and what goes wrong is said exactly, in time.
#![expect(clippy::unwrap_used, reason = "a test ends where something cannot be done")]

mod fakes;

use std::io::Write as _;
use std::net::TcpListener;
use std::time::Duration;

use fakes::{Server, Then, until_closed};
use tarsier_av::{LibavSource, Timeouts, probe};
use tarsier_ingest::{Source as _, SourceError, SourceEvent};
use tarsier_segment::nal;
use tarsier_types::{
    AccessUnit, CameraUrl, Clock as _, Codec, Credentials, ParameterSets, Secret, SystemClock,
    Ticks, Track, Transport,
};
use tarsier_wire::{ProbeReport, ProbeRequest, Problem};

const TS: &[u8] = include_bytes!("../../../tests/fixtures/x264_bframes_aac_av.ts");
const HEVC_TS: &[u8] = include_bytes!("../../../tests/fixtures/x265_bframes_av.ts");
const FLV: &[u8] = include_bytes!("../../../tests/fixtures/x264_aac_av.flv");
const G711: &[u8] = include_bytes!("../../../tests/fixtures/x264_pcm_alaw_av.flv");

/// Longer than anything here takes, shorter than patience.
const DEADLINE: Duration = Duration::from_secs(20);
const SHORT: Timeouts = Timeouts { open: Duration::from_secs(3), pictures: Duration::from_secs(1) };

fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        tokio::time::timeout(DEADLINE, test).await.expect("it must end by itself")
    })
}

fn url(text: &str) -> CameraUrl {
    CameraUrl::parse(text).unwrap().0
}

async fn open(text: &str, credentials: Option<&Credentials>) -> Result<LibavSource, SourceError> {
    LibavSource::open(&url(text), credentials, Transport::Tcp, SystemClock::start(), SHORT).await
}

/// All that a stream gave until it ended.
struct Seen {
    parameters: Vec<ParameterSets>,
    runs: usize,
    pictures: Vec<AccessUnit>,
    sounds: Vec<AccessUnit>,
    end: SourceError,
}

async fn drain(mut source: LibavSource) -> Seen {
    let (mut parameters, mut runs, mut pictures, mut sounds) =
        (Vec::new(), 0, Vec::new(), Vec::new());
    let end = loop {
        match source.next().await {
            Ok(SourceEvent::Parameters(sets)) => parameters.push(sets),
            Ok(SourceEvent::NewRun { .. }) => runs += 1,
            Ok(SourceEvent::Unit(unit)) if unit.track == Track::Video => pictures.push(unit),
            Ok(SourceEvent::Unit(unit)) => sounds.push(unit),
            Ok(SourceEvent::Anomaly(_)) => {}
            Err(end) => break end,
        }
    };
    Seen { parameters, runs, pictures, sounds, end }
}

fn read(kind: &'static str, body: &[u8], path: &str) -> Seen {
    let server = Server::http(kind, body.to_vec(), Then::End);
    run(async {
        drain(open(&format!("http://{}/{path}", server.address), None).await.unwrap()).await
    })
}

/// Shown times in pictures of 1/25 s, sorted.
fn shown(pictures: &[AccessUnit]) -> Vec<i64> {
    let mut shown: Vec<i64> =
        pictures.iter().map(|unit| (unit.pts.0 + 1800).div_euclid(3600)).collect();
    shown.sort_unstable();
    shown
}

#[track_caller]
fn assert_sound_in_order(seen: &Seen, length: Ticks) {
    assert!(seen.sounds.len() > 10, "{} sound frames", seen.sounds.len());
    assert!(seen.sounds.is_sorted_by(|a, b| a.dts < b.dts), "sound goes on strictly");
    let span = seen.sounds.last().unwrap().pts - seen.sounds[0].pts;
    let expected = length.0 * i64::try_from(seen.sounds.len() - 1).unwrap();
    assert!(
        (span.0 - expected).abs() < 900,
        "{} frames span {span:?}, not {expected}",
        seen.sounds.len()
    );
}

#[test]
fn mpeg_ts_over_http_with_b_frames_and_aac() {
    let seen = read("video/mp2t", TS, "live.ts");
    assert_eq!((seen.parameters.len(), seen.runs), (1, 1), "said once");
    let sets = &seen.parameters[0];
    assert_eq!((sets.video.codec, sets.video.width, sets.video.height), (Codec::H264, 320, 180));
    let audio = sets.audio.as_ref().expect("ADTS told the config");
    assert_eq!(
        (audio.rfc6381.as_str(), audio.sample_rate_hz, audio.channels),
        ("mp4a.40.2", 48_000, 1)
    );
    assert_eq!(seen.pictures.len(), 25, "every picture that was sent");
    assert!(
        seen.pictures[0].is_keyframe && seen.pictures[0].pts.0 == 0,
        "a keyframe begins the run at 0"
    );
    assert_eq!(
        shown(&seen.pictures),
        (0..25).collect::<Vec<_>>(),
        "B-frames are shown in their places"
    );
    assert!(seen.pictures.is_sorted_by(|a, b| a.dts < b.dts), "decoding goes on strictly");
    for unit in &seen.pictures {
        let whole: usize = nal::length_units(&unit.data).map(|nal| nal.len() + 4).sum();
        assert_eq!(whole, unit.data.len(), "lengths, not start codes");
        let mut kinds = nal::length_units(&unit.data).filter_map(nal::h264_type);
        assert!(
            kinds.all(|kind| !matches!(kind, 7..=9)),
            "no parameter sets, no delimiters within"
        );
    }
    assert!(seen.sounds.iter().all(|unit| unit.data[0] != 0xff), "no ADTS header is left");
    assert_sound_in_order(&seen, Ticks(1920));
    assert_eq!(seen.end.problem, Problem::Disconnected, "{}", seen.end);
}

#[test]
fn h265_over_http() {
    let seen = read("video/mp2t", HEVC_TS, "live.ts");
    let video = &seen.parameters[0].video;
    assert_eq!((video.codec, video.width, video.height), (Codec::Hevc, 256, 144));
    assert!(video.rfc6381.starts_with("hvc1."), "{}", video.rfc6381);
    assert_eq!(seen.pictures.len(), 25);
    assert!(seen.parameters[0].audio.is_none());
}

#[test]
fn flv_over_http() {
    let seen = read("video/x-flv", FLV, "live.flv");
    let sets = &seen.parameters[0];
    assert_eq!((sets.video.codec, sets.video.nominal_millifps), (Codec::H264, Some(25_000)));
    assert_eq!(sets.audio.as_ref().unwrap().sample_rate_hz, 44_100);
    assert_eq!(seen.pictures.len(), 25);
    assert_sound_in_order(&seen, Ticks(2090));
}

#[test]
fn g711_becomes_flac() {
    let server = Server::http("video/x-flv", G711.to_vec(), Then::End);
    let (sent, seen) = run(async {
        let source = open(&format!("http://{}/live.flv", server.address), None).await.unwrap();
        (source.sound_as_sent(), drain(source).await)
    });
    assert_eq!(sent, Some(Codec::PcmAlaw), "what the camera sends is known");
    let audio = seen.parameters[0].audio.as_ref().unwrap();
    assert_eq!((audio.codec, audio.sample_rate_hz), (Codec::Flac, 8000), "what is stored");
    assert_sound_in_order(&seen, Ticks(5760));
    assert!(seen.sounds.iter().all(|unit| unit.data[..2] == [0xff, 0xf8]), "each is a FLAC frame");
}

#[test]
fn a_file_is_read() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/fixtures/x264_three_colours_av.mp4");
    let seen = run(async {
        drain(LibavSource::open_file(&path, SystemClock::start()).await.unwrap()).await
    });
    assert_eq!(shown(&seen.pictures), (0..30).collect::<Vec<_>>());
}

#[test]
fn a_burst_is_dated_backwards() {
    let server = Server::http("video/mp2t", TS.to_vec(), Then::Hold);
    run(async {
        let clock = SystemClock::start();
        let before = clock.utc();
        let mut source = open(&format!("http://{}/live.ts", server.address), None).await.unwrap();
        let mut zero = None;
        while zero.is_none() {
            if let SourceEvent::NewRun { zero: at } = source.next().await.unwrap() {
                zero = Some(at);
            }
        }
        // A whole second of pictures came at once: the last of them is live, the first a second old.
        let age = clock.utc().millis_since(zero.unwrap());
        let passed = clock.utc().millis_since(before);
        assert!(age >= 900, "the first picture is {age} ms old");
        assert!(
            age <= passed + 1100,
            "but no older than the burst is long ({age} ms, {passed} ms passed)"
        );
        source.close().await;
    });
}

#[test]
fn a_camera_that_falls_silent_is_found_in_time_and_not_after_twice_the_time() {
    let server = Server::http("video/mp2t", TS.to_vec(), Then::Hold);
    run(async {
        let clock = SystemClock::start();
        let source = open(&format!("http://{}/live.ts", server.address), None).await.unwrap();
        let began = clock.mono();
        let seen = drain(source).await;
        let took = clock.mono().since(began);
        assert_eq!(seen.end.problem, Problem::NoPictures, "{}", seen.end);
        assert!(took < SHORT.pictures * 2, "{took:?} for a limit of {:?}", SHORT.pictures);
    });
}

#[test]
fn a_server_that_accepts_and_says_nothing_is_left_in_time() {
    let server = Server::start(|mut stream, _| until_closed(&mut stream));
    for scheme in ["rtsp", "http", "rtmp"] {
        let error = run(async {
            let clock = SystemClock::start();
            let began = clock.mono();
            let error = open(&format!("{scheme}://{}/x", server.address), None).await.unwrap_err();
            let took = clock.mono().since(began);
            assert!(
                took < SHORT.open + Duration::from_secs(2),
                "{scheme}: {took:?} for a limit of {:?}",
                SHORT.open
            );
            error
        });
        assert_eq!(error.problem, Problem::NoPictures, "{scheme}: {error}");
    }
}

#[test]
fn opening_can_be_given_up_at_any_time() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    run(async {
        let (sender, accepted) = tokio::sync::oneshot::channel();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = sender.send(());
            until_closed(&mut stream);
        });
        let text = format!("rtsp://{address}/x");
        tokio::select! {
            opened = open(&text, None) => panic!("nobody answers: {opened:?}"),
            _ = accepted => {}
        }
        // The future is gone; a close of a source that plays is tested with every other one.
    });
}

#[test]
fn a_wrong_address_is_said_exactly() {
    // A port that was free a moment ago.
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let check = |text: String, problem: Problem| {
        let error = run(open(&text, None)).expect_err("nothing is there");
        assert_eq!(error.problem, problem, "{text}: {error}");
        assert!(!error.other_engine);
    };
    for scheme in ["rtsp", "http", "rtmp"] {
        check(format!("{scheme}://{closed}/x"), Problem::PortClosed);
    }
    check("rtsp://no-such-host.invalid/x".to_owned(), Problem::HostUnknown);
    let not_found = Server::start(|mut stream, _| {
        let _ = stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    });
    check(format!("http://{}/x.ts", not_found.address), Problem::NoSuchPath);
    let not_found = Server::start(|mut stream, _| {
        let _ = stream.write_all(b"RTSP/1.0 404 Not Found\r\nCSeq: 1\r\n\r\n");
    });
    check(format!("rtsp://{}/x", not_found.address), Problem::NoSuchPath);
    let no_video = Server::start(|mut stream, _| {
        let page = "<html><body>Welcome to your camera</body></html>".repeat(50);
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\n\r\n",
            page.len()
        );
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(page.as_bytes()));
    });
    check(format!("http://{}/", no_video.address), Problem::ProtocolError);
}

#[test]
fn only_sound_is_no_video() {
    const SOUND: &[u8] = include_bytes!("../../../tests/fixtures/aac_only_av.ts");
    let server = Server::http("video/mp2t", SOUND.to_vec(), Then::End);
    let error = run(open(&format!("http://{}/live.ts", server.address), None)).unwrap_err();
    assert_eq!(error.problem, Problem::NoVideo, "{error}");
}

#[test]
fn a_password_is_asked_for_or_refused() {
    let answer = |stream: std::net::TcpStream, head: String| {
        let protocol = if head.contains("RTSP/1.0") { "RTSP/1.0" } else { "HTTP/1.1" };
        let mut stream = stream;
        let mut head = head;
        loop {
            let cseq =
                head.lines().find(|line| line.starts_with("CSeq")).unwrap_or("CSeq: 1").to_owned();
            let answer = format!(
                "{protocol} 401 Unauthorized\r\n{cseq}\r\nWWW-Authenticate: Digest realm=\"cam\", nonce=\"1\"\r\n\
                 Content-Length: 0\r\n\r\n"
            );
            if stream.write_all(answer.as_bytes()).is_err() {
                return;
            }
            let Some(next) = fakes::head_of(&stream) else { return };
            head = next;
        }
    };
    let server = Server::start(answer);
    let wrong =
        Credentials { username: "admin".to_owned(), password: Secret::new("hunter2@/".to_owned()) };
    for scheme in ["rtsp", "http"] {
        let text = format!("{scheme}://{}/x", server.address);
        assert_eq!(
            run(open(&text, None)).unwrap_err().problem,
            Problem::CredentialsNeeded,
            "{scheme}: none given"
        );
        let error = run(open(&text, Some(&wrong))).unwrap_err();
        assert_eq!(error.problem, Problem::WrongCredentials, "{scheme}: {error}");
        assert!(!error.to_string().contains("hunter2"), "leaked: {error}");
    }
    for request in server.requests() {
        assert!(!request.contains("hunter2"), "Digest never sends it: {request}");
    }
}

#[test]
fn a_playlist_cannot_make_us_read_files_of_this_machine() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/fixtures/x264_bframes_aac_av.ts");
    let path = path.canonicalize().unwrap();
    let playlist = format!(
        "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nfile://{}\n#EXT-X-ENDLIST\n",
        path.display()
    );
    let server = Server::http("application/vnd.apple.mpegurl", playlist.into_bytes(), Then::End);
    let opened = run(open(&format!("http://{}/live.m3u8", server.address), None));
    assert!(opened.is_err(), "a camera must not be able to show our files as its pictures");
}

#[test]
fn hls_is_read() {
    let playlist = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:1,\n0.ts\n\
                    #EXT-X-ENDLIST\n";
    let server = Server::start(move |mut stream, head| {
        let (kind, body) = if head.contains(".m3u8") {
            ("application/vnd.apple.mpegurl", playlist.as_bytes())
        } else {
            ("video/mp2t", TS)
        };
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
    });
    let text = format!("http://{}/live.m3u8", server.address);
    let seen = run(async { drain(open(&text, None).await.unwrap()).await });
    assert!(
        seen.pictures.len() == 25 && !seen.sounds.is_empty(),
        "{} pictures",
        seen.pictures.len()
    );
}

#[test]
fn a_probe_shows_a_picture() {
    use base64::Engine as _;
    let server = Server::http("video/mp2t", TS.to_vec(), Then::Hold);
    let request = ProbeRequest {
        url: url(&format!("http://{}/live.ts", server.address)),
        transport: Transport::Tcp,
        credentials: None,
        timeout_ms: 8000,
    };
    let report = run(probe(&request, SystemClock::start()));
    let ProbeReport::Found { video, width, height, millifps, audio, keyframe_mp4_base64, .. } =
        report
    else {
        panic!("{report:?}");
    };
    assert_eq!((video, width, height, audio), (Codec::H264, 320, 180, Some(Codec::Aac)));
    assert!(millifps.is_some_and(|millifps| (24_000..=26_000).contains(&millifps)), "{millifps:?}");
    let mp4 = base64::engine::general_purpose::STANDARD.decode(keyframe_mp4_base64).unwrap();
    let request = tarsier_av::StillRequest {
        at: None,
        max_width: None,
        format: tarsier_av::StillFormat::Jpeg { quality: 80 },
        timeout: DEADLINE,
    };
    let still = tarsier_av::still(mp4.into(), &request, SystemClock::start()).unwrap();
    assert_eq!((still.width, still.height), (320, 180), "the picture of the probe can be decoded");
}

#[test]
fn a_probe_of_nothing_says_what_is_wrong() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let request = ProbeRequest {
        url: url(&format!("rtsp://{closed}/x")),
        transport: Transport::Tcp,
        credentials: None,
        timeout_ms: 5000,
    };
    let report = run(probe(&request, SystemClock::start()));
    assert!(
        matches!(report, ProbeReport::Failed { problem: Problem::PortClosed, .. }),
        "{report:?}"
    );
}
