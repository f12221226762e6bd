//! Live pictures of any coding become H.264 that every browser decodes: no B-frames, no larger than asked for.
//!
//! What does not belong here: where pictures come from and go to; which are encoded (`cadence`), with what (`encoder`, `choice`).

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ffmpeg_next as ffmpeg;
use ffmpeg_next::frame::Video as Frame;
use ffmpeg_next::software::scaling;
use ffmpeg_next::util::picture;
use tarsier_segment::nal;
use tarsier_types::{
    AccessUnit, Clock, Dts, ParameterSets, Pts, SystemClock, Track, UtcMs, VideoParameters,
};
use tarsier_wire::CodedPicture;

use crate::cadence::{Cadence, Decoded, Verdict};
use crate::choice::Choice;
use crate::encoder::{CANDIDATES, Candidate, Encoders, Encodes, Shape};
use crate::libav::{Demuxer, StreamMedium};
use crate::nals::{Framing, NalCoding, NalKind, Sets};
use crate::still::shown_size;
use crate::watch::Watch;

/// Pictures that a decoder or an encoder may hold; what is older was swallowed by it.
const MAX_HELD: usize = 64;
/// An encoder that has said nothing for so many pictures has failed, whatever it says.
const MAX_SWALLOWED: usize = 30;
/// libav looks into a keyframe in memory.
const OPENS_WITHIN: Duration = Duration::from_secs(10);
/// Where the camera does not say how many pictures a second it sends.
const GUESSED_MILLIFPS: u32 = 25_000;

/// What is wanted.
#[derive(Clone, Debug)]
pub struct TranscodeOptions {
    /// Pictures are scaled down to this height at most, keeping their shape.
    pub max_height: u32,
    /// For the decoder and the encoder, each.
    pub threads: usize,
    /// What it may be done with.
    pub encoders: Encoders,
    /// Hardware that failed before, as FFmpeg names it: it is left alone.
    pub without: Vec<String>,
    /// For what libav must not do for ever.
    pub clock: SystemClock,
}

/// What comes out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transcoded {
    /// A run begins.
    Parameters(VideoParameters),
    /// A picture, its NAL units after their lengths.
    Picture(CodedPicture, Bytes),
}

/// Nothing on this machine encodes H.264.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("libav has no encoder of H.264 that works on this machine")]
pub struct NoEncoder;

/// Why it does not go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TranscodeError {
    /// libav cannot decode that coding.
    #[error("{codec} cannot be decoded: {why}")]
    Decoder {
        /// As FFmpeg names it.
        codec: &'static str,
        /// libav's short text.
        why: String,
    },
    /// The encoder failed, and so did those behind it.
    #[error("encode a picture: {why}")]
    Encode {
        /// libav's short text.
        why: String,
    },
}

/// One stream, being coded anew. Lives on one thread.
pub struct Transcoder {
    options: TranscodeOptions,
    candidates: &'static [Candidate],
    choice: Choice,
    /// What encodes now.
    candidate: &'static Candidate,
    source: Option<Source>,
    out: VecDeque<Transcoded>,
}

/// A run of the source.
struct Source {
    parameters: VideoParameters,
    decoder: Option<ffmpeg::decoder::Video>,
    cadence: Cadence,
    /// What went into the decoder and has not come out.
    held: VecDeque<CodedPicture>,
    scaling: Option<Scaling>,
    encoding: Option<Encoding>,
}

struct Scaling {
    from: (ffmpeg::format::Pixel, u32, u32),
    context: scaling::Context,
}

struct Encoding {
    encoder: Box<dyn Encodes>,
    shape: Shape,
    candidate: &'static Candidate,
    sets: Sets,
    told: Option<VideoParameters>,
    held: VecDeque<CodedPicture>,
}

impl Transcoder {
    /// Finds the best encoder that works here.
    pub fn new(options: TranscodeOptions) -> Result<Self, NoEncoder> {
        Self::choosing(options, &CANDIDATES)
    }

    fn choosing(
        options: TranscodeOptions,
        candidates: &'static [Candidate],
    ) -> Result<Self, NoEncoder> {
        let mut choice = Choice::new(options.encoders, options.without.clone());
        let candidate = choice.next(candidates, Candidate::try_out).ok_or(NoEncoder)?;
        Ok(Self { options, candidates, choice, candidate, source: None, out: VecDeque::new() })
    }

    /// What it encodes with, as FFmpeg names it.
    pub fn encoder(&self) -> &'static str {
        self.candidate.name
    }

    /// The next encoder that should be left alone from now on: it hung, or failed at work.
    pub fn take_failed(&mut self) -> Option<&'static str> {
        self.choice.take_failed()
    }

    /// A run begins: its first picture is a keyframe.
    pub fn begin(&mut self, parameters: VideoParameters) {
        self.source = Some(Source {
            parameters,
            decoder: None,
            cadence: Cadence::default(),
            held: VecDeque::new(),
            scaling: None,
            encoding: None,
        });
    }

    /// The run's next picture; `newest_utc_us`: when the newest one at hand arrived. A picture that cannot be decoded is
    /// left out: the next keyframe mends it.
    pub fn push(
        &mut self,
        coded: CodedPicture,
        data: &Bytes,
        newest_utc_us: i64,
    ) -> Result<(), TranscodeError> {
        let Some(source) = &mut self.source else { return Ok(()) };
        if source.decoder.is_none() {
            if !coded.is_keyframe {
                return Ok(());
            }
            let opened = decoder(&source.parameters, &keyframe(coded, data), &self.options);
            source.decoder = Some(opened.map_err(|error| TranscodeError::Decoder {
                codec: source.parameters.codec.name(),
                why: error.to_string(),
            })?);
        }
        let Some(decoder) = &mut source.decoder else { return Ok(()) };
        let mut packet = ffmpeg::Packet::copy(data);
        packet.set_pts(Some(coded.pts.0));
        packet.set_dts(Some(coded.dts.0));
        hold(&mut source.held, coded);
        let _ = decoder.send_packet(&packet);
        let mut frames = Vec::new();
        loop {
            let mut frame = Frame::empty();
            if decoder.receive_frame(&mut frame).is_err() {
                break;
            }
            frames.push(frame);
        }
        for frame in frames {
            self.picture(frame, newest_utc_us)?;
        }
        Ok(())
    }

    /// The next thing that came out.
    pub fn poll(&mut self) -> Option<Transcoded> {
        self.out.pop_front()
    }

    fn picture(&mut self, frame: Frame, newest_utc_us: i64) -> Result<(), TranscodeError> {
        let Some(source) = &mut self.source else { return Ok(()) };
        let Some(coded) = frame.pts().and_then(|pts| take(&mut source.held, pts)) else {
            return Ok(());
        };
        let decoded = Decoded {
            pts: coded.pts.0,
            was_keyframe: coded.is_keyframe,
            arrived_utc_us: coded.arrived_utc_us,
        };
        let kind = match source.cadence.judge(decoded, newest_utc_us) {
            Verdict::LeaveOut => return Ok(()),
            Verdict::Keyframe => picture::Type::I,
            Verdict::Plain => picture::Type::None,
        };
        let shape = source.shape(&frame, self.options.max_height);
        if source.encoding.as_ref().is_none_or(|encoding| encoding.shape != shape) {
            // Whatever the cadence says: a new encoder begins with a keyframe.
            source.scaling = None;
            source.encoding = None;
            let encoding = self.open(shape)?;
            let Some(source) = &mut self.source else { return Ok(()) };
            source.encoding = Some(encoding);
        }
        let Some(Source { scaling, encoding: held, .. }) = &mut self.source else { return Ok(()) };
        let Some(encoding) = held else { return Ok(()) };
        let mut fitted = fit(scaling, frame, encoding)?;
        fitted.set_pts(Some(coded.pts.0));
        fitted.set_kind(kind);
        if let Err(error) = encoding.encode(&fitted, coded, &mut self.out) {
            // The next picture is the first one of the next encoder; what this one held is lost.
            *held = None;
            self.choice.failed(self.candidate);
            self.give_way(error)?;
        }
        Ok(())
    }

    /// Opens the encoder for pictures of that shape, or the next one that takes them.
    fn open(&mut self, shape: Shape) -> Result<Encoding, TranscodeError> {
        loop {
            match (self.candidate.open)(self.candidate, &shape, self.options.threads) {
                Ok(encoder) => {
                    let (sets, held) = (Sets::default(), VecDeque::new());
                    let candidate = self.candidate;
                    return Ok(Encoding { encoder, shape, candidate, sets, told: None, held });
                }
                Err(error) => self.give_way(error)?,
            }
        }
    }

    fn give_way(&mut self, why: ffmpeg::Error) -> Result<(), TranscodeError> {
        let next = self.choice.next(self.candidates, Candidate::try_out);
        let why = || TranscodeError::Encode { why: format!("{}: {why}", self.candidate.name) };
        self.candidate = next.ok_or_else(why)?;
        Ok(())
    }
}

impl Source {
    fn shape(&self, frame: &Frame, max_height: u32) -> Shape {
        let size = (frame.width(), frame.height());
        let aspect = frame.aspect_ratio();
        let aspect = (i64::from(aspect.numerator()), i64::from(aspect.denominator()));
        let (width, height) = fitting(size, aspect, max_height);
        let millifps = self.parameters.nominal_millifps.unwrap_or(GUESSED_MILLIFPS);
        Shape { width, height, millifps, space: frame.color_space() }
    }
}

/// The shown size with square pixels, even sides and at most that height; never larger than the source.
fn fitting(size: (u32, u32), aspect: (i64, i64), max_height: u32) -> (u32, u32) {
    let (width, height) = shown_size(size, aspect, None);
    let (width, height) = if height > max_height {
        let narrower = u64::from(width) * u64::from(max_height) / u64::from(height);
        (u32::try_from(narrower).unwrap_or(width), max_height)
    } else {
        (width, height)
    };
    ((width & !1).max(2), (height & !1).max(2))
}

fn keyframe(coded: CodedPicture, data: &Bytes) -> AccessUnit {
    AccessUnit {
        track: Track::Video,
        pts: coded.pts,
        dts: coded.dts,
        duration: coded.duration,
        is_keyframe: true,
        arrived: UtcMs(coded.arrived_utc_us.div_euclid(1000)),
        data: data.clone(),
    }
}

/// A decoder is opened as libav opens a file with that keyframe: its parameters take the same way as everywhere.
fn decoder(
    parameters: &VideoParameters,
    keyframe: &AccessUnit,
    options: &TranscodeOptions,
) -> Result<ffmpeg::decoder::Video, ffmpeg::Error> {
    let sets = ParameterSets { video: parameters.clone(), audio: None };
    let init = tarsier_segment::init_segment(&sets, None);
    let origin = tarsier_segment::origin_of(keyframe);
    let fragment = tarsier_segment::unit_fragment(1, keyframe, origin, None, 0);
    let watch = Arc::new(Watch::new(options.clock));
    watch.arm(options.clock.mono() + OPENS_WITHIN);
    let demuxer = Demuxer::open_bytes(Bytes::from([init, fragment].concat()), &watch)?;
    let video = demuxer.streams().iter().find(|stream| stream.kind == StreamMedium::Video);
    demuxer.decoder(video.ok_or(ffmpeg::Error::StreamNotFound)?.index, options.threads)
}

/// The picture in the size and the format that the encoder takes.
fn fit(
    scaling: &mut Option<Scaling>,
    frame: Frame,
    encoding: &Encoding,
) -> Result<Frame, TranscodeError> {
    let failed = |error: ffmpeg::Error| TranscodeError::Encode { why: error.to_string() };
    let (shape, pixel) = (&encoding.shape, encoding.candidate.pixel);
    let from = (frame.format(), frame.width(), frame.height());
    if from == (pixel, shape.width, shape.height) {
        return Ok(frame);
    }
    if scaling.as_ref().is_none_or(|scaling| scaling.from != from) {
        let flags = scaling::Flags::BILINEAR;
        let to = (pixel, shape.width, shape.height);
        let context = scaling::Context::get(from.0, from.1, from.2, to.0, to.1, to.2, flags);
        *scaling = Some(Scaling { from, context: context.map_err(failed)? });
    }
    let mut fitted = Frame::empty();
    if let Some(scaling) = scaling {
        scaling.context.run(&frame, &mut fitted).map_err(failed)?;
    }
    Ok(fitted)
}

impl Encoding {
    fn encode(
        &mut self,
        frame: &Frame,
        coded: CodedPicture,
        out: &mut VecDeque<Transcoded>,
    ) -> Result<(), ffmpeg::Error> {
        hold(&mut self.held, coded);
        self.encoder.send(frame)?;
        while let Some(packet) = self.encoder.receive()? {
            let coded = packet.pts().and_then(|pts| take(&mut self.held, pts));
            if let (Some(coded), Some(data)) = (coded, packet.data()) {
                // Without B-frames a picture is decoded when it is shown.
                let coded =
                    CodedPicture { is_keyframe: packet.is_key(), dts: Dts(coded.pts.0), ..coded };
                self.packet(coded, &Bytes::copy_from_slice(data), out);
            }
        }
        if self.held.len() > MAX_SWALLOWED { Err(ffmpeg::Error::Unknown) } else { Ok(()) }
    }

    /// Parameter sets leave the picture; others than before begin a run.
    fn packet(&mut self, coded: CodedPicture, data: &Bytes, out: &mut VecDeque<Transcoded>) {
        let mut units = Framing::AnnexB.units(data);
        let mut brought = Sets::default();
        units.retain(|unit| match NalCoding::H264.kind(unit) {
            kind @ (NalKind::Vps | NalKind::Sps | NalKind::Pps) => {
                brought.add(kind, unit.clone());
                false
            }
            NalKind::Padding => false,
            NalKind::Slice { .. } | NalKind::Other => true,
        });
        self.sets = brought.or(&self.sets);
        let parameters = self.sets.parameters(NalCoding::H264, Some(self.shape.millifps));
        let Some(parameters) = parameters else { return };
        if coded.is_keyframe && self.told.as_ref() != Some(&parameters) {
            out.push_back(Transcoded::Parameters(parameters.clone()));
            self.told = Some(parameters);
        }
        let data = nal::units_to_lengths(units.iter().map(AsRef::as_ref));
        out.push_back(Transcoded::Picture(coded, data));
    }
}

fn hold(held: &mut VecDeque<CodedPicture>, coded: CodedPicture) {
    held.push_back(coded);
    while held.len() > MAX_HELD {
        held.pop_front();
    }
}

fn take(held: &mut VecDeque<CodedPicture>, pts: i64) -> Option<CodedPicture> {
    let at = held.iter().position(|coded| coded.pts == Pts(pts))?;
    held.remove(at)
}

#[cfg(test)]
mod tests;
