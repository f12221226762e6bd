//! What encodes H.264 on this machine, best first, and how each is told to do it without delay.
//!
//! Whether one of these works is known only after it has encoded something: libav offers NVENC without a graphics
//! card and openh264 without its library. What does not belong here: which picture is encoded (`cadence`), which encoder is
//! used (`choice`).

use std::time::Duration;

use ffmpeg_next as ffmpeg;
use ffmpeg_next::Packet;
use ffmpeg_next::codec::encoder::video::Encoder;
use ffmpeg_next::format::Pixel;
use ffmpeg_next::frame::Video as Frame;
use ffmpeg_next::util::color;

use crate::card::Card;
use crate::choice::Chosen;
use crate::libav;
use crate::trial::{Trial, within};

/// Large enough for every hardware encoder (NVENC takes nothing narrower than 145 pixels).
const TRIAL: Shape =
    Shape { width: 320, height: 192, millifps: 25_000, space: color::Space::BT709 };
/// An encoder that has said nothing after so many pictures holds them back: of no use for live pictures.
const TRIAL_PICTURES: i64 = 8;
/// A driver that has said nothing for so long hangs (guess: waking a card takes a second or two, and everybody else goes
/// first).
const TRIAL_WITHIN: Duration = Duration::from_secs(5);
/// Bits of a pixel of a second, at most: 2.5 Mbit/s for 1280x720 (guess: what cameras take for it).
const TENTHS_OF_A_BIT: u32 = 27;
/// Small pictures want more bits for each pixel (guess: what a sub stream of 320x180 takes to be clean).
const LEAST_BITS_PER_SECOND: u32 = 400_000;
/// `cadence` asks for keyframes; this many pictures without one only if it does not.
const LONGEST_GOP_PICTURES: u32 = 600;

/// What encodes.
pub(crate) trait Encodes {
    /// A picture goes in, in the candidate's format, from memory.
    fn send(&mut self, picture: &Frame) -> Result<(), ffmpeg::Error>;
    /// What came out, if anything did.
    fn receive(&mut self) -> Result<Option<Packet>, ffmpeg::Error>;
}

/// Opens it for pictures of that shape, on so many threads at most.
pub(crate) type Open = fn(&Candidate, &Shape, usize) -> Result<Box<dyn Encodes>, ffmpeg::Error>;

/// An encoder of libav, and its own words for: no delay, a keyframe exactly when asked for.
#[derive(Debug)]
pub(crate) struct Candidate {
    /// As FFmpeg names it.
    pub(crate) name: &'static str,
    /// What it takes from memory.
    pub(crate) pixel: Pixel,
    pub(crate) runs_on: RunsOn,
    pub(crate) open: Open,
    pub(crate) options: &'static [(&'static str, &'static str)],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RunsOn {
    Hardware,
    Processor,
}

/// Which encoders may be tried. A driver that crashes takes the whole process with it, before it can say so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoders {
    /// Hardware where it works.
    Any,
    /// None that needs a driver.
    Software,
}

/// Best first: hardware, then software. Only the last two were ever run; the others were written from documentation.
pub(crate) static CANDIDATES: [Candidate; 7] = [
    Candidate {
        name: "h264_nvenc",
        pixel: Pixel::NV12,
        runs_on: RunsOn::Hardware,
        open: from_memory,
        options: &[
            ("preset", "p3"),
            ("tune", "ull"),
            ("zerolatency", "1"),
            ("delay", "0"),
            ("forced-idr", "1"),
        ],
    },
    Candidate {
        name: "h264_qsv",
        pixel: Pixel::NV12,
        runs_on: RunsOn::Hardware,
        open: from_memory,
        options: &[("preset", "veryfast"), ("async_depth", "1"), ("forced_idr", "1")],
    },
    // AMD's cards on Linux, and Intel's where Quick Sync is not installed.
    Candidate {
        name: "h264_vaapi",
        pixel: Pixel::NV12,
        runs_on: RunsOn::Hardware,
        open: from_card,
        options: &[("async_depth", "1")],
    },
    Candidate {
        name: "h264_videotoolbox",
        pixel: Pixel::NV12,
        runs_on: RunsOn::Hardware,
        open: from_memory,
        options: &[("realtime", "1"), ("prio_speed", "1"), ("allow_sw", "0")],
    },
    Candidate {
        name: "h264_mf",
        pixel: Pixel::NV12,
        runs_on: RunsOn::Hardware,
        open: from_memory,
        options: &[("hw_encoding", "1"), ("scenario", "video_conference")],
    },
    Candidate {
        name: "libx264",
        pixel: Pixel::YUV420P,
        runs_on: RunsOn::Processor,
        open: from_memory,
        options: &[("preset", "ultrafast"), ("tune", "zerolatency"), ("forced-idr", "1")],
    },
    Candidate {
        name: "libopenh264",
        pixel: Pixel::YUV420P,
        runs_on: RunsOn::Processor,
        open: from_memory,
        options: &[("allow_skip_frames", "0"), ("profile", "constrained_baseline")],
    },
];

/// What is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) millifps: u32,
    pub(crate) space: color::Space,
}

impl Chosen for Candidate {
    fn name(&self) -> &'static str {
        self.name
    }
    fn runs_on(&self) -> RunsOn {
        self.runs_on
    }
}

impl Candidate {
    /// Whether it encodes a few pictures on this machine.
    pub(crate) fn try_out(&'static self) -> Trial {
        match self.runs_on {
            RunsOn::Hardware => within(TRIAL_WITHIN, || self.works()),
            RunsOn::Processor => Trial::of(self.works()),
        }
    }

    fn works(&self) -> bool {
        let Ok(mut encoder) = (self.open)(self, &TRIAL, 1) else { return false };
        for n in 0..TRIAL_PICTURES {
            let mut picture = Frame::new(self.pixel, TRIAL.width, TRIAL.height);
            picture.set_pts(Some(n * 3600));
            if encoder.send(&picture).is_err() {
                return false;
            }
            match encoder.receive() {
                Ok(Some(packet)) => return packet.is_key() && packet.size() > 0,
                Ok(None) => {}
                Err(_) => return false,
            }
        }
        false
    }
}

/// An encoder of libav, open.
struct Opened {
    encoder: Encoder,
    /// Where it takes its pictures from, if not from memory.
    card: Option<Card>,
}

impl Encodes for Opened {
    fn send(&mut self, picture: &Frame) -> Result<(), ffmpeg::Error> {
        match &self.card {
            Some(card) => {
                let uploaded = card.upload(picture)?;
                self.encoder.send_frame(&uploaded)
            }
            None => self.encoder.send_frame(picture),
        }
    }

    fn receive(&mut self) -> Result<Option<Packet>, ffmpeg::Error> {
        let mut packet = Packet::empty();
        match self.encoder.receive_packet(&mut packet) {
            Ok(()) => Ok(Some(packet)),
            Err(ffmpeg::Error::Other { errno: ffmpeg::error::EAGAIN }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Opens an encoder that takes pictures from memory.
pub(crate) fn from_memory(
    candidate: &Candidate,
    shape: &Shape,
    threads: usize,
) -> Result<Box<dyn Encodes>, ffmpeg::Error> {
    opened(candidate, shape, threads, None)
}

/// Opens one that takes them from a card, into which they are put first.
fn from_card(
    candidate: &Candidate,
    shape: &Shape,
    threads: usize,
) -> Result<Box<dyn Encodes>, ffmpeg::Error> {
    libav::init();
    opened(candidate, shape, threads, Some(Card::open(shape.width, shape.height)?))
}

fn opened(
    candidate: &Candidate,
    shape: &Shape,
    threads: usize,
    card: Option<Card>,
) -> Result<Box<dyn Encodes>, ffmpeg::Error> {
    libav::init();
    let codec =
        ffmpeg::encoder::find_by_name(candidate.name).ok_or(ffmpeg::Error::EncoderNotFound)?;
    let mut encoder = ffmpeg::codec::Context::new_with_codec(codec).encoder().video()?;
    let bits = (shape.width * shape.height / 10 * TENTHS_OF_A_BIT).max(LEAST_BITS_PER_SECOND);
    let bits_per_second = usize::try_from(bits).unwrap_or(usize::MAX);
    encoder.set_width(shape.width);
    encoder.set_height(shape.height);
    match &card {
        Some(card) => {
            encoder.set_format(Pixel::VAAPI);
            card.give_to(&mut encoder);
        }
        None => encoder.set_format(candidate.pixel),
    }
    encoder.set_time_base(ffmpeg::Rational(1, 90_000));
    let millifps = i32::try_from(shape.millifps).unwrap_or(25_000);
    encoder.set_frame_rate(Some(ffmpeg::Rational(millifps, 1000)));
    encoder.set_bit_rate(bits_per_second);
    encoder.set_max_bit_rate(bits_per_second);
    encoder.set_max_b_frames(0);
    encoder.set_gop(LONGEST_GOP_PICTURES);
    encoder.set_colorspace(shape.space);
    encoder.set_color_range(color::Range::MPEG);
    let mut options = ffmpeg::Dictionary::new();
    options.set("threads", &threads.max(1).to_string());
    options.set("bufsize", &bits.to_string());
    for (key, value) in candidate.options {
        options.set(key, value);
    }
    let encoder = encoder.open_as_with(codec, options)?;
    Ok(Box::new(Opened { encoder, card }))
}
