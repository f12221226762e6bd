//! What the two tracks of a session are coded with, from retina's words into ours.

use bytes::Bytes;
use retina::client::Stream;
use retina::codec::{ParametersRef, VideoFrame};
use tarsier_segment::{nal, sample_entry};
use tarsier_types::{AudioParameters, Codec, Ticks, VideoParameters};
use tarsier_wire::Problem;

use crate::flac::BLOCK;
use crate::g711::Law;
use crate::sound::Sound;
use crate::source::SourceError;

/// A camera whose parameter sets go to and fro so often uses several at a time, which retina cannot keep apart.
const MAX_ALTERNATIONS: u32 = 4;

/// The pictures.
pub(super) struct VideoTrack {
    /// Index of the stream in the session.
    pub(super) stream: usize,
    pub(super) codec: Codec,
    pub(super) parameters: Option<VideoParameters>,
    /// The parameter sets may have changed: look at the next keyframe.
    pub(super) reread: bool,
    millifps_in_sdp: Option<u32>,
    before: Option<VideoParameters>,
    alternations: u32,
    has_begun: bool,
}

impl VideoTrack {
    /// None if it is no picture track that is read here.
    pub(super) fn of(index: usize, stream: &Stream) -> Option<Self> {
        let codec = match (stream.media(), stream.encoding_name()) {
            ("video", "h264") => Codec::H264,
            ("video", "h265") => Codec::Hevc,
            _ => return None,
        };
        Some(Self {
            stream: index,
            codec,
            parameters: None,
            reread: true,
            millifps_in_sdp: stream.framerate().and_then(millifps),
            before: None,
            alternations: 0,
            has_begun: false,
        })
    }

    /// Whether decoding can start with it; none if there is no picture in it.
    pub(super) fn is_keyframe(&self, frame: &VideoFrame) -> Option<bool> {
        let has_picture = nal::length_units(frame.data()).any(|unit| match self.codec {
            Codec::H264 => matches!(nal::h264_type(unit), Some(1..=5)),
            _ => matches!(nal::hevc_type(unit), Some(0..=31)),
        });
        has_picture.then(|| frame.is_random_access_point())
    }

    /// The parameter sets of the stream, if they are known and others than before.
    pub(super) fn read_parameters(
        &mut self,
        stream: &Stream,
    ) -> Result<Option<VideoParameters>, SourceError> {
        let Some(ParametersRef::Video(found)) = stream.parameters() else { return Ok(None) };
        self.reread = false;
        let entry =
            found.mp4_sample_entry().build().map_err(|error| cannot_read(&error.to_string()))?;
        let (width, height) = found.pixel_dimensions();
        let size = |pixels: u32| {
            u16::try_from(pixels).map_err(|_| cannot_read("a picture wider than 65535 pixels"))
        };
        let parameters = VideoParameters {
            codec: self.codec,
            rfc6381: found.rfc6381_codec().to_owned(),
            width: size(width)?,
            height: size(height)?,
            nominal_millifps: self
                .millifps_in_sdp
                .or_else(|| found.frame_rate().and_then(millifps_of_ratio)),
            sample_entry: Bytes::from(entry),
        };
        Ok((self.parameters.as_ref() != Some(&parameters)).then_some(parameters))
    }

    pub(super) fn set_parameters(
        &mut self,
        parameters: VideoParameters,
    ) -> Result<(), SourceError> {
        let returns = self.before.as_ref() == Some(&parameters);
        self.alternations = if returns { self.alternations + 1 } else { 0 };
        if self.alternations > MAX_ALTERNATIONS {
            return Err(cannot_read("the camera uses several parameter sets at a time"));
        }
        self.before = self.parameters.replace(parameters);
        Ok(())
    }

    /// This unit is the first of the run.
    pub(super) fn begins_run(&mut self, is_keyframe: bool) -> bool {
        let begins = is_keyframe && !self.has_begun;
        self.has_begun |= begins;
        begins
    }

    pub(super) const fn has_begun(&self) -> bool {
        self.has_begun
    }
}

/// How the camera's sound frames become ours.
pub(super) enum SoundFrames {
    /// AAC, as it is.
    AsSent,
    /// G.711 into FLAC.
    Companded(Law, Box<Sound>),
}

/// The sound.
pub(super) struct AudioTrack {
    /// Index of the stream in the session.
    pub(super) stream: usize,
    pub(super) parameters: AudioParameters,
    pub(super) frames: SoundFrames,
    clock_hz: u32,
}

impl AudioTrack {
    /// None if it is no sound that can be stored.
    pub(super) fn of(index: usize, stream: &Stream) -> Option<Self> {
        // A stream without parameters here is one that retina could not make sense of, and would fail the session.
        let Some(ParametersRef::Audio(found)) = stream.parameters() else { return None };
        let clock_hz = stream.clock_rate_hz();
        let channels = found.channels().get();
        let (parameters, frames) = match stream.encoding_name() {
            "mpeg4-generic" => {
                let entry = found.mp4_sample_entry().build().ok()?;
                let rfc6381 = found.rfc6381_codec()?.to_owned();
                let parameters = AudioParameters {
                    codec: Codec::Aac,
                    rfc6381,
                    sample_rate_hz: found.clock_rate(),
                    channels,
                    sample_entry: Bytes::from(entry),
                };
                (parameters, SoundFrames::AsSent)
            }
            name @ ("pcma" | "pcmu") => {
                let law = if name == "pcma" { Law::A } else { Law::Mu };
                let sound = Sound::new(law, clock_hz, channels)?;
                let parameters = AudioParameters {
                    codec: Codec::Flac,
                    rfc6381: "flac".to_owned(),
                    sample_rate_hz: clock_hz,
                    channels,
                    sample_entry: sample_entry::flac(&sound.streaminfo(), clock_hz, channels, 16),
                };
                (parameters, SoundFrames::Companded(law, Box::new(sound)))
            }
            _ => return None,
        };
        (clock_hz > 0).then_some(Self { stream: index, parameters, frames, clock_hz })
    }

    /// How the camera codes it.
    pub(super) fn as_sent(&self) -> Codec {
        match &self.frames {
            SoundFrames::AsSent => self.parameters.codec,
            SoundFrames::Companded(law, _) => law.codec(),
        }
    }

    /// The track's own clock in ticks.
    pub(super) fn ticks(&self, samples: i64) -> Ticks {
        let ticks = i128::from(samples) * i128::from(Ticks::PER_SECOND) / i128::from(self.clock_hz);
        Ticks(i64::try_from(ticks).unwrap_or(i64::MAX))
    }

    /// Length of one of our frames, if the camera's has that many samples.
    pub(super) fn length(&self, sent: u32) -> Ticks {
        match &self.frames {
            SoundFrames::AsSent => self.ticks(i64::from(sent)),
            SoundFrames::Companded(..) => self.ticks(BLOCK as i64),
        }
    }
}

fn cannot_read(why: &str) -> SourceError {
    SourceError { problem: Problem::CodecNotSupported, other_engine: true, detail: why.to_owned() }
}

fn millifps(fps: f32) -> Option<u32> {
    let millis = (fps * 1_000.0).round();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the range is checked"
    )]
    (1.0..=1_000_000.0).contains(&millis).then_some(millis as u32)
}

/// retina gives seconds per picture as a ratio.
fn millifps_of_ratio((numerator, denominator): (u32, u32)) -> Option<u32> {
    let millis = (u64::from(denominator) * 1_000).checked_div(u64::from(numerator))?;
    u32::try_from(millis).ok().filter(|millis| (1..=1_000_000).contains(millis))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn picture_rates_are_read_in_all_their_spellings() {
        assert_eq!(millifps(29.97), Some(29_970));
        assert_eq!(millifps_of_ratio((1_001, 30_000)), Some(29_970));
        assert_eq!(millifps_of_ratio((1, 15)), Some(15_000));
        for nonsense in [f32::NAN, f32::INFINITY, -1.0, 0.0] {
            assert_eq!(millifps(nonsense), None, "{nonsense} is no rate");
        }
        assert_eq!(millifps_of_ratio((0, 25)), None);
    }
}
