use std::io::Write as _;
use std::process::{Command, Stdio};

use tarsier_segment::sample_entry;
use tarsier_types::Ticks;

use super::*;
use crate::encoder::RunsOn;
use crate::still::{StillFormat, StillRequest, still};

/// H.264 with B-frames: red for 10 pictures, then lime for 10, then blue; 320x180.
const THREE_COLOURS: &[u8] = include_bytes!("../../../../tests/fixtures/x264_three_colours_av.mp4");
const LIME_HEVC: &[u8] = include_bytes!("../../../../tests/fixtures/x265_lime_av.mp4");
const LIME_AV1: &[u8] = include_bytes!("../../../../tests/fixtures/aom_lime_av.mp4");

/// What a transcoder made.
struct Made {
    parameters: VideoParameters,
    pictures: Vec<(CodedPicture, Bytes)>,
}

fn transcoder(max_height: u32) -> Transcoder {
    let (encoders, clock) = (Encoders::Any, SystemClock::start());
    let options = TranscodeOptions { max_height, threads: 1, encoders, without: Vec::new(), clock };
    Transcoder::new(options).expect("an encoder is part of the build environment")
}

/// A card whose driver fails at the fifth picture, but for the trial; and one that swallows all of them. Both are x264 until
/// then.
struct Ill {
    inner: Box<dyn Encodes>,
    pictures: u32,
    ails: Ails,
}

#[derive(Clone, Copy, PartialEq)]
enum Ails {
    Breaks,
    Swallows,
}

const WELL_FOR: u32 = 5;

impl Encodes for Ill {
    fn send(&mut self, picture: &Frame) -> Result<(), ffmpeg::Error> {
        self.pictures += 1;
        match self.ails {
            Ails::Breaks if self.pictures > WELL_FOR => Err(ffmpeg::Error::External),
            Ails::Swallows if self.pictures > WELL_FOR => Ok(()),
            _ => self.inner.send(picture),
        }
    }

    fn receive(&mut self) -> Result<Option<ffmpeg::Packet>, ffmpeg::Error> {
        self.inner.receive()
    }
}

fn ill(candidate: &Candidate, shape: &Shape, threads: usize, ails: Ails) -> Opened {
    // As its own name says what it is not, x264 is asked for by its own.
    let x264 = Candidate { name: "libx264", ..*candidate };
    let inner = crate::encoder::from_memory(&x264, shape, threads)?;
    Ok(Box::new(Ill { inner, pictures: 0, ails }))
}

type Opened = Result<Box<dyn Encodes>, ffmpeg::Error>;

const X264: Candidate = Candidate {
    name: "libx264",
    pixel: ffmpeg::format::Pixel::YUV420P,
    runs_on: RunsOn::Processor,
    open: crate::encoder::from_memory,
    options: &[("preset", "ultrafast"), ("tune", "zerolatency"), ("forced-idr", "1")],
};

const fn card(name: &'static str, open: crate::encoder::Open) -> Candidate {
    Candidate { name, runs_on: RunsOn::Hardware, open, ..X264 }
}

static ILL_CARDS: [Candidate; 4] = [
    card("absent", |_, _, _| Err(ffmpeg::Error::EncoderNotFound)),
    card("breaks", |candidate, shape, threads| ill(candidate, shape, threads, Ails::Breaks)),
    card("swallows", |candidate, shape, threads| ill(candidate, shape, threads, Ails::Swallows)),
    X264,
];

#[test]
fn an_encoder_that_fails_at_work_gives_way_to_the_next_and_pictures_go_on() {
    let (encoders, clock) = (Encoders::Any, SystemClock::start());
    let options =
        TranscodeOptions { max_height: 720, threads: 1, encoders, without: Vec::new(), clock };
    let mut transcoder = Transcoder::choosing(options, &ILL_CARDS).unwrap();
    assert_eq!(transcoder.encoder(), "breaks");
    let (parameters, pictures) = film(THREE_COLOURS);
    transcoder.begin(parameters);
    let (mut runs, mut keyframes, mut last) = (0, Vec::new(), 0);
    // The film three times over, its times going on.
    for round in 0..3 {
        for (coded, data) in &pictures {
            let later = Ticks(round * 40 * 3600);
            let coded = CodedPicture { pts: coded.pts + later, dts: coded.dts + later, ..*coded };
            transcoder.push(coded, data, coded.arrived_utc_us).unwrap();
            while let Some(made) = transcoder.poll() {
                match made {
                    Transcoded::Parameters(_) => runs += 1,
                    Transcoded::Picture(coded, _) => {
                        assert!(coded.pts.0 > last || last == 0, "never back in time");
                        last = coded.pts.0;
                        if coded.is_keyframe {
                            keyframes.push((runs, transcoder.encoder()));
                        }
                    }
                }
            }
        }
    }
    assert_eq!(transcoder.encoder(), "libx264", "software at last");
    let failed: Vec<&str> = std::iter::from_fn(|| transcoder.take_failed()).collect();
    assert_eq!(failed, ["breaks", "swallows"], "who is not there has not failed");
    for (run, encoder) in [(1, "breaks"), (2, "swallows"), (3, "libx264")] {
        assert!(keyframes.contains(&(run, encoder)), "each begins with a keyframe: {keyframes:?}");
    }
}

#[test]
fn hardware_that_is_to_be_left_alone_is() {
    let clock = SystemClock::start();
    let with = |encoders, without: &[&str]| {
        let without = without.iter().map(ToString::to_string).collect();
        let options = TranscodeOptions { max_height: 720, threads: 1, encoders, without, clock };
        Transcoder::choosing(options, &ILL_CARDS).unwrap().encoder()
    };
    assert_eq!(with(Encoders::Any, &["breaks"]), "swallows");
    assert_eq!(with(Encoders::Any, &["breaks", "swallows", "libx264"]), "libx264");
    assert_eq!(with(Encoders::Software, &[]), "libx264");
}

/// The pictures of a file, as a camera would send them.
fn film(file: &'static [u8]) -> (VideoParameters, Vec<(CodedPicture, Bytes)>) {
    let watch = Arc::new(Watch::new(SystemClock::start()));
    let mut demuxer = Demuxer::open_bytes(Bytes::from_static(file), &watch).unwrap();
    let video =
        demuxer.streams().iter().find(|stream| stream.kind == StreamMedium::Video).unwrap().clone();
    let (width, height) = (video.width.try_into().unwrap(), video.height.try_into().unwrap());
    let entry = match video.codec.unwrap() {
        tarsier_types::Codec::H264 => sample_entry::avc1_from_avcc(&video.extradata, width, height),
        tarsier_types::Codec::Av1 => sample_entry::av01_from_av1c(&video.extradata, width, height),
        _ => sample_entry::hvc1_from_hvcc(&video.extradata, width, height),
    };
    let parameters = sample_entry::video_parameters(entry, Some(25_000)).unwrap();
    let mut pictures = Vec::new();
    while let Ok(packet) = demuxer.read() {
        if packet.stream != video.index {
            continue;
        }
        let pts = packet.pts.unwrap();
        let coded = CodedPicture {
            pts: Pts(pts),
            dts: Dts(packet.dts.unwrap()),
            duration: Ticks(3600),
            is_keyframe: packet.is_keyframe,
            arrived_utc_us: arrival(pts),
        };
        pictures.push((coded, packet.data));
    }
    (parameters, pictures)
}

fn arrival(pts: i64) -> i64 {
    1_795_205_700_000_000 + pts * 100 / 9
}

fn make(
    transcoder: &mut Transcoder,
    (parameters, pictures): (VideoParameters, Vec<(CodedPicture, Bytes)>),
) -> Made {
    transcoder.begin(parameters);
    let (mut told, mut made) = (Vec::new(), Vec::new());
    for (coded, data) in pictures {
        transcoder.push(coded, &data, coded.arrived_utc_us).unwrap();
        while let Some(transcoded) = transcoder.poll() {
            match transcoded {
                Transcoded::Parameters(parameters) => told.push(parameters),
                Transcoded::Picture(coded, data) => made.push((coded, data)),
            }
        }
    }
    let [parameters] = <[_; 1]>::try_from(told).expect("one run");
    Made { parameters, pictures: made }
}

/// The mean colour of each picture, as the ffmpeg program decodes what a viewer would get.
fn colours(made: &Made) -> Vec<[u8; 3]> {
    let sets = ParameterSets { video: made.parameters.clone(), audio: None };
    let mut file = tarsier_segment::init_segment(&sets, None).to_vec();
    for ((coded, data), sequence) in made.pictures.iter().zip(1..) {
        let unit = AccessUnit {
            track: Track::Video,
            pts: coded.pts,
            dts: coded.dts,
            duration: coded.duration,
            is_keyframe: coded.is_keyframe,
            arrived: UtcMs(0),
            data: data.clone(),
        };
        let origin = made.pictures[0].0.dts;
        file.extend(tarsier_segment::unit_fragment(sequence, &unit, origin, None, 0));
    }
    let mut child = Command::new("ffmpeg")
        .args(["-v", "error", "-i", "-", "-vf", "scale=1:1", "-fps_mode", "passthrough"])
        .args(["-pix_fmt", "rgb24", "-f", "rawvideo", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the ffmpeg program is part of the build environment");
    child.stdin.take().unwrap().write_all(&file).unwrap();
    let pixels = child.wait_with_output().unwrap().stdout;
    pixels.chunks_exact(3).map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect()
}

#[track_caller]
fn assert_near(seen: [u8; 3], expected: [u8; 3], sentence: &str) {
    let is_near = seen.iter().zip(expected).all(|(a, b)| a.abs_diff(b) <= 16);
    assert!(is_near, "{sentence}: {seen:?} is not {expected:?}");
}

#[test]
fn h264_with_b_frames_comes_out_in_the_order_in_which_it_is_shown() {
    let (parameters, pictures) = film(THREE_COLOURS);
    assert!(
        pictures.iter().any(|(coded, _)| coded.pts.0 != coded.dts.0),
        "the film is one that WebRTC refuses"
    );
    let mut shown: Vec<i64> = pictures.iter().map(|(coded, _)| coded.pts.0).collect();
    shown.sort_unstable();
    let made = make(&mut transcoder(720), (parameters, pictures));
    let (width, height) = (made.parameters.width, made.parameters.height);
    assert_eq!((width, height), (320, 180), "never scaled up");
    let coded: Vec<CodedPicture> = made.pictures.iter().map(|(coded, _)| *coded).collect();
    // The last ones wait in the decoder for pictures behind them.
    assert!(coded.len() + 3 >= shown.len(), "{} of {}", coded.len(), shown.len());
    assert!(coded[0].is_keyframe, "a viewer can begin");
    for (coded, shown) in coded.iter().zip(&shown) {
        assert_eq!((coded.pts.0, coded.dts.0), (*shown, *shown), "no picture waits for another");
        assert_eq!(
            coded.arrived_utc_us,
            arrival(*shown),
            "the delay that is shown is the whole one"
        );
    }
    let colours = colours(&made);
    assert_eq!(colours.len(), coded.len(), "every picture is decoded");
    for (n, colour) in colours.into_iter().enumerate() {
        let expected = match n {
            0..10 => [255, 0, 0],
            10..20 => [0, 255, 0],
            _ => [0, 0, 255],
        };
        assert_near(colour, expected, &format!("picture {n}"));
    }
}

#[test]
fn h265_becomes_h264_of_the_size_that_was_asked_for() {
    let (parameters, pictures) = film(LIME_HEVC);
    let source = (parameters.width, parameters.height);
    let keyframes = pictures.iter().filter(|(coded, _)| coded.is_keyframe).count();
    let made = make(&mut transcoder(u32::from(source.1 / 2)), (parameters, pictures));
    assert!(made.parameters.rfc6381.starts_with("avc1."), "{}", made.parameters.rfc6381);
    assert_eq!(made.parameters.height, (source.1 / 2) & !1);
    assert_eq!(made.parameters.width, (source.0 / 2) & !1, "its shape is kept");
    let seen = made.pictures.iter().filter(|(coded, _)| coded.is_keyframe).count();
    assert_eq!(seen, keyframes, "as many places to begin at as the source has");
    for colour in colours(&made) {
        assert_near(colour, [0, 255, 0], "lime");
    }
}

#[test]
fn av1_becomes_h264_and_no_picture_waits_for_another() {
    let (parameters, pictures) = film(LIME_AV1);
    let count = pictures.len();
    let (encoders, clock) = (Encoders::Software, SystemClock::start());
    let options =
        TranscodeOptions { max_height: 720, threads: 4, encoders, without: Vec::new(), clock };
    let made = make(&mut Transcoder::new(options).unwrap(), (parameters, pictures));
    assert_eq!(made.pictures.len(), count, "each comes out when it went in");
    for colour in colours(&made) {
        assert_near(colour, [0, 255, 0], "lime");
    }
}

#[test]
fn motion_jpeg_becomes_h264() {
    let request = StillRequest {
        at: None,
        max_width: None,
        format: StillFormat::Jpeg { quality: 90 },
        timeout: Duration::from_secs(60),
    };
    let jpeg = still(Bytes::from_static(THREE_COLOURS), &request, SystemClock::start()).unwrap();
    let parameters = sample_entry::video_parameters(sample_entry::mjpeg(320, 180), None).unwrap();
    let pictures = (0..5).map(|n| {
        let coded = CodedPicture {
            pts: Pts(n * 3600),
            dts: Dts(n * 3600),
            duration: Ticks(3600),
            is_keyframe: true,
            arrived_utc_us: arrival(n * 3600),
        };
        (coded, jpeg.data.clone())
    });
    let made = make(&mut transcoder(360), (parameters, pictures.collect()));
    assert_eq!(made.pictures.len(), 5);
    for colour in colours(&made) {
        assert_near(colour, [0, 0, 255], "blue, and not paler for its full range");
    }
}

#[test]
fn what_cannot_be_decoded_ends_nothing() {
    let (parameters, mut pictures) = film(THREE_COLOURS);
    for (_, data) in &mut pictures[5..15] {
        *data = Bytes::from_static(b"\0\0\0\x04nope");
    }
    let made = make(&mut transcoder(720), (parameters, pictures));
    assert!(made.pictures.len() >= 10, "{}", made.pictures.len());
}

#[test]
fn a_run_that_begins_anew_is_told_again() {
    let mut transcoder = transcoder(720);
    let first = make(&mut transcoder, film(THREE_COLOURS));
    let second = make(&mut transcoder, film(LIME_HEVC));
    assert_ne!(first.parameters, second.parameters);
    assert!(second.pictures[0].0.is_keyframe);
}

#[test]
fn a_rung_is_never_larger_than_its_source_and_has_even_sides() {
    assert_eq!(fitting((3840, 2160), (1, 1), 720), (1280, 720));
    assert_eq!(fitting((640, 360), (1, 1), 720), (640, 360), "never scaled up");
    assert_eq!(fitting((1081, 721), (1, 1), 720), (1078, 720));
    assert_eq!(fitting((704, 576), (12, 11), 480), (640, 480), "square pixels");
    assert_eq!(fitting((1080, 1920), (1, 1), 720), (404, 720), "a corridor camera");
}
