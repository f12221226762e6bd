//! Live sound of any coding becomes Opus (RFC 6716), which every browser plays over WebRTC.
//!
//! What does not belong here: where sound comes from and goes to, how it is cut (`blocks`).

use std::collections::VecDeque;

use bytes::Bytes;
use ffmpeg_next as ffmpeg;
use ffmpeg_next::ChannelLayout;
use ffmpeg_next::codec::encoder::audio::Encoder;
use ffmpeg_next::format::Sample;
use ffmpeg_next::format::sample::Type;
use ffmpeg_next::frame::Audio as Frame;
use ffmpeg_next::software::resampling;
use tarsier_segment::sample_entry;
use tarsier_types::{AudioParameters, Codec, Ticks};
use tarsier_wire::CodedSound;

use crate::blocks::{Block, Blocks};
use crate::libav::{self, SoundFacts};
use crate::transcode::TranscodeError;

/// The only encoder of libav that is not an experiment.
const ENCODER: &str = "libopus";
/// Opus is timed in it whatever its sound is made of, and coded in it here.
const RATE_HZ: u32 = 48_000;
/// 20 ms: what players expect.
const BLOCK: usize = 960;
const BLOCK_TICKS: Ticks = Ticks(1800);
/// Of each channel (RFC 6716 section 2.1.1: wideband speech is good from 20 kbit/s on; cameras hear more than speech).
const BITS_PER_SECOND: usize = 32_000;
/// A resampler may give more than it was given, by what it held back.
const SPARE: usize = 256;
/// What is sent is packed: a sample of each channel in turn.
const PACKED: Sample = Sample::F32(Type::Packed);

/// Nothing on this machine encodes Opus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("libav has no encoder of Opus on this machine")]
pub struct NoOpus;

/// The sound of one stream, being coded anew. Lives on one thread.
pub struct SoundTranscoder {
    source: Option<Source>,
    out: VecDeque<(CodedSound, Bytes)>,
}

/// A run of the source.
struct Source {
    decoder: ffmpeg::decoder::Audio,
    resampler: Option<Resampler>,
    layout: ChannelLayout,
    blocks: Blocks,
    encoder: Encoder,
    held: VecDeque<CodedSound>,
}

struct Resampler {
    from: (Sample, u32, ChannelLayout),
    context: resampling::Context,
}

impl SoundTranscoder {
    /// Looks whether it can be done here.
    pub fn new() -> Result<Self, NoOpus> {
        encoder(ChannelLayout::MONO).map_err(|_| NoOpus)?;
        Ok(Self { source: None, out: VecDeque::new() })
    }

    /// A run begins.
    pub fn begin(&mut self, parameters: &AudioParameters) -> Result<(), TranscodeError> {
        let failed = |error: ffmpeg::Error| TranscodeError::Decoder {
            codec: parameters.codec.name(),
            why: error.to_string(),
        };
        let entry = &parameters.sample_entry;
        let extradata = match parameters.codec {
            Codec::Aac => sample_entry::aac_config_of(entry),
            _ => sample_entry::streaminfo_of(entry),
        };
        let facts = SoundFacts {
            codec: parameters.codec,
            extradata: extradata.unwrap_or_default(),
            rate_hz: parameters.sample_rate_hz,
            channels: parameters.channels,
        };
        let (layout, channels) = match parameters.channels {
            1 => (ChannelLayout::MONO, 1),
            _ => (ChannelLayout::STEREO, 2),
        };
        self.source = Some(Source {
            decoder: libav::sound_decoder(&facts).map_err(failed)?,
            resampler: None,
            layout,
            blocks: Blocks::new(RATE_HZ.into(), channels, BLOCK),
            encoder: encoder(layout).map_err(unencoded)?,
            held: VecDeque::new(),
        });
        Ok(())
    }

    /// The run's next frame. One that cannot be decoded is left out.
    pub fn push(&mut self, coded: CodedSound, data: &Bytes) -> Result<(), TranscodeError> {
        let Some(source) = &mut self.source else { return Ok(()) };
        let mut packet = ffmpeg::Packet::copy(data);
        packet.set_pts(Some(coded.pts.0));
        let _ = source.decoder.send_packet(&packet);
        let mut pts = coded.pts;
        loop {
            let mut frame = Frame::empty();
            if source.decoder.receive_frame(&mut frame).is_err() {
                return Ok(());
            }
            let samples = source.resampled(&frame).map_err(unencoded)?;
            for block in source.blocks.push(pts, &samples) {
                source.encode(&block, coded.arrived_utc_us, &mut self.out).map_err(unencoded)?;
            }
            pts = pts + length(&frame);
        }
    }

    /// The next packet that came out.
    pub fn poll(&mut self) -> Option<(CodedSound, Bytes)> {
        self.out.pop_front()
    }
}

fn unencoded(error: ffmpeg::Error) -> TranscodeError {
    TranscodeError::Encode { why: error.to_string() }
}

fn length(frame: &Frame) -> Ticks {
    let samples = i64::try_from(frame.samples()).unwrap_or(0);
    Ticks(samples * Ticks::PER_SECOND / i64::from(frame.rate().max(1)))
}

fn encoder(layout: ChannelLayout) -> Result<Encoder, ffmpeg::Error> {
    libav::init();
    let codec = ffmpeg::encoder::find_by_name(ENCODER).ok_or(ffmpeg::Error::EncoderNotFound)?;
    let mut encoder = ffmpeg::codec::Context::new_with_codec(codec).encoder().audio()?;
    encoder.set_rate(i32::try_from(RATE_HZ).unwrap_or(i32::MAX));
    encoder.set_channel_layout(layout);
    encoder.set_format(PACKED);
    encoder.set_time_base(ffmpeg::Rational(1, 48_000));
    let channels = usize::try_from(layout.channels()).unwrap_or(1);
    encoder.set_bit_rate(BITS_PER_SECOND * channels);
    let mut options = ffmpeg::Dictionary::new();
    options.set("frame_duration", "20");
    // Of ten; the ear hears no more of what a camera's microphone gives (guess).
    options.set("compression_level", "5");
    encoder.open_as_with(codec, options)
}

impl Source {
    /// What was decoded, at the rate and in the channels of Opus, interleaved.
    fn resampled(&mut self, frame: &Frame) -> Result<Vec<f32>, ffmpeg::Error> {
        let from = (frame.format(), frame.rate(), frame.channel_layout());
        if self.resampler.as_ref().is_none_or(|resampler| resampler.from != from) {
            let context =
                resampling::Context::get(from.0, from.2, from.1, PACKED, self.layout, RATE_HZ)?;
            self.resampler = Some(Resampler { from, context });
        }
        let Some(resampler) = &mut self.resampler else { return Ok(Vec::new()) };
        let most = u64::from(RATE_HZ) * u64::try_from(frame.samples()).unwrap_or(0)
            / u64::from(from.1.max(1));
        let room = usize::try_from(most).unwrap_or(0) + SPARE;
        let mut out = Frame::new(PACKED, room, self.layout);
        resampler.context.run(frame, &mut out)?;
        let channels = usize::from(out.channels());
        let bytes = out.data(0).chunks_exact(size_of::<f32>()).take(out.samples() * channels);
        let number = |bytes: &[u8]| bytes.try_into().map_or(0.0, f32::from_ne_bytes);
        Ok(bytes.map(number).collect())
    }

    fn encode(
        &mut self,
        block: &Block,
        arrived_utc_us: i64,
        out: &mut VecDeque<(CodedSound, Bytes)>,
    ) -> Result<(), ffmpeg::Error> {
        let mut frame = Frame::new(PACKED, BLOCK, self.layout);
        frame.set_rate(RATE_HZ);
        let places = frame.data_mut(0).chunks_exact_mut(size_of::<f32>());
        for (place, sample) in places.zip(&block.samples) {
            place.copy_from_slice(&sample.to_ne_bytes());
        }
        self.held.push_back(CodedSound { pts: block.pts, duration: BLOCK_TICKS, arrived_utc_us });
        self.encoder.send_frame(&frame)?;
        let mut packet = ffmpeg::Packet::empty();
        // Each block becomes one packet, in turn.
        while self.encoder.receive_packet(&mut packet).is_ok() {
            if let (Some(coded), Some(data)) = (self.held.pop_front(), packet.data()) {
                out.push_back((coded, Bytes::copy_from_slice(data)));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tarsier_types::{Pts, SystemClock};

    use super::*;
    use crate::libav::{Demuxer, StreamMedium};
    use crate::watch::Watch;

    const AAC: &[u8] = include_bytes!("../../demo/samples/driveway-sub.mp4");

    /// The sound of a file, as a camera would send it.
    fn sound(file: &'static [u8]) -> (AudioParameters, Vec<(CodedSound, Bytes)>) {
        let watch = Arc::new(Watch::new(SystemClock::start()));
        let mut demuxer = Demuxer::open_bytes(Bytes::from_static(file), &watch).unwrap();
        let is_sound = |kind| kind == StreamMedium::Audio;
        let audio = demuxer.streams().iter().find(|stream| is_sound(stream.kind)).unwrap().clone();
        let entry = sample_entry::mp4a(&audio.extradata, audio.sample_rate_hz, audio.channels);
        let parameters = sample_entry::audio_parameters(entry).unwrap();
        let mut frames = Vec::new();
        while let Ok(packet) = demuxer.read() {
            if packet.stream == audio.index {
                let pts = Pts(packet.pts.unwrap());
                let duration = Ticks(packet.duration);
                frames.push((CodedSound { pts, duration, arrived_utc_us: pts.0 }, packet.data));
            }
        }
        (parameters, frames)
    }

    #[test]
    fn aac_becomes_opus_of_the_same_time() {
        let (parameters, frames) = sound(AAC);
        let mut transcoder =
            SoundTranscoder::new().expect("libopus is part of the build environment");
        transcoder.begin(&parameters).unwrap();
        let mut made = Vec::new();
        for (coded, data) in &frames {
            transcoder.push(*coded, data).unwrap();
            made.extend(std::iter::from_fn(|| transcoder.poll()));
        }
        let (first, last) = (frames[0].0.pts.0, frames.last().unwrap().0.pts.0);
        let wanted = (last - first) / BLOCK_TICKS.0;
        let count = i64::try_from(made.len()).unwrap();
        assert!((wanted - 3..=wanted + 3).contains(&count), "{count} blocks of {wanted}");
        let starts: Vec<i64> = made.iter().map(|(coded, _)| coded.pts.0).collect();
        assert!((starts[0] - first).abs() < 9000, "{} is not {first}", starts[0]);
        assert!(starts.windows(2).all(|two| (two[1] - two[0] - 1800).abs() < 100), "{starts:?}");
        assert!(made.iter().all(|(_, data)| !data.is_empty() && data.len() < 1200));
    }

    #[test]
    fn nonsense_is_left_out_and_what_follows_is_heard() {
        let (parameters, frames) = sound(AAC);
        let mut transcoder = SoundTranscoder::new().unwrap();
        transcoder.push(frames[0].0, &frames[0].1).unwrap();
        assert_eq!(transcoder.poll(), None, "no run has begun");
        transcoder.begin(&parameters).unwrap();
        transcoder.push(frames[0].0, &Bytes::from_static(b"nonsense")).unwrap();
        transcoder.push(frames[0].0, &Bytes::new()).unwrap();
        for (coded, data) in &frames {
            transcoder.push(*coded, data).unwrap();
        }
        assert!(transcoder.poll().is_some());
    }
}
