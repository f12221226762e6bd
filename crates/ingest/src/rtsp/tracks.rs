//! What the two tracks of a session are coded with, from retina's words into ours; AV1 tells it in the stream alone.

use bytes::Bytes;
use retina::client::Stream;
use retina::codec::ParametersRef;
use tarsier_segment::{av1, nal, sample_entry};
use tarsier_types::{AudioParameters, Codec, Ticks, VideoParameters};
use tarsier_wire::Problem;

use crate::flac::BLOCK_SAMPLES;
use crate::g711::Law;
use crate::sound::Sound;
use crate::source::SourceError;

/// A camera whose parameter sets go to and fro so often uses several at a time, which retina cannot keep apart.
const MAX_ALTERNATIONS: u32 = 4;

/// Kinds of pictures. retina 0.4.21 calls a picture of H.265 a random access point only if it is an IDR, but encoders
/// with open GOPs (x265 by default) send one IDR and from then on CRAs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Picture {
    /// Decoding starts here, and nothing after it needs anything before it.
    Key,
    /// Decoding starts here; leading pictures after it need what was before (CRA, BLA).
    OpenKey,
    /// Shown before the open keyframe that it follows, and decoded with what was before that.
    Leading,
    /// Any other.
    Other,
}

impl Picture {
    pub(super) const fn is_keyframe(self) -> bool {
        matches!(self, Self::Key | Self::OpenKey)
    }
}

/// By the types of its NAL units: ITU-T H.264 table 7-1, H.265 table 7-1. AV1 has its own rule.
fn picture(codec: Codec, data: &[u8]) -> Option<Picture> {
    if codec == Codec::Av1 {
        let kind = if av1::is_random_access_point(data) { Picture::Key } else { Picture::Other };
        return av1::has_picture(data).then_some(kind);
    }
    let kind = |unit| match codec {
        Codec::H264 => match nal::h264_type(unit)? {
            5 => Some(Picture::Key),
            1..=4 => Some(Picture::Other),
            _ => None,
        },
        _ => match nal::hevc_type(unit)? {
            19..=20 => Some(Picture::Key),
            16..=18 | 21..=23 => Some(Picture::OpenKey),
            8..=9 => Some(Picture::Leading),
            0..=31 => Some(Picture::Other),
            _ => None,
        },
    };
    // One slice of another kind, and it is no keyframe.
    let join = |all, one| if all == one { all } else { Picture::Other };
    nal::length_units(data).filter_map(kind).reduce(join)
}

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
    lacks_reference: bool,
}

impl VideoTrack {
    /// None if it is no picture track that is read here.
    pub(super) fn of(index: usize, stream: &Stream) -> Option<Self> {
        let codec = match (stream.media(), stream.encoding_name()) {
            ("video", "h264") => Codec::H264,
            ("video", "h265") => Codec::Hevc,
            ("video", "av1") => Codec::Av1,
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
            lacks_reference: false,
        })
    }

    /// What kind of picture a unit is; none if there is no picture in it.
    pub(super) fn picture(&self, data: &[u8]) -> Option<Picture> {
        picture(self.codec, data)
    }

    /// The parameter sets of the stream, as they are at a keyframe, if they are known and others than before.
    pub(super) fn read_parameters(
        &mut self,
        stream: &Stream,
        keyframe: &[u8],
    ) -> Result<Option<VideoParameters>, SourceError> {
        let parameters = match self.codec {
            Codec::Av1 => self.of_sequence_header(keyframe),
            _ => self.of_retina(stream)?,
        };
        self.reread &= parameters.is_none();
        Ok(parameters.filter(|parameters| self.parameters.as_ref() != Some(parameters)))
    }

    fn of_sequence_header(&self, keyframe: &[u8]) -> Option<VideoParameters> {
        let (entry, header) = av1::sample_entry(keyframe)?;
        let millifps = self.millifps_in_sdp.or(header.nominal_millifps);
        sample_entry::video_parameters(entry, millifps)
    }

    fn of_retina(&self, stream: &Stream) -> Result<Option<VideoParameters>, SourceError> {
        let Some(ParametersRef::Video(found)) = stream.parameters() else { return Ok(None) };
        let entry =
            found.mp4_sample_entry().build().map_err(|error| cannot_read(&error.to_string()))?;
        let (width, height) = found.pixel_dimensions();
        let size = |pixels: u32| {
            u16::try_from(pixels).map_err(|_| cannot_read("a picture wider than 65535 pixels"))
        };
        Ok(Some(VideoParameters {
            codec: self.codec,
            rfc6381: found.rfc6381_codec().to_owned(),
            width: size(width)?,
            height: size(height)?,
            nominal_millifps: self
                .millifps_in_sdp
                .or_else(|| found.frame_rate().and_then(millifps_of_ratio)),
            sample_entry: Bytes::from(entry),
        }))
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
    pub(super) fn begins_run(&mut self, picture: Picture) -> bool {
        let begins = picture.is_keyframe() && !self.has_begun;
        self.has_begun |= begins;
        if picture.is_keyframe() {
            self.lacks_reference = begins && picture == Picture::OpenKey;
        }
        begins
    }

    /// It is shown before the keyframe that the run begins with and needs pictures from before it: nobody can decode
    /// it, and no decoder shows it (ITU-T H.265 section 8.1.3, `NoRaslOutputFlag`).
    pub(super) fn is_undecodable(&self, picture: Picture) -> bool {
        self.lacks_reference && picture == Picture::Leading
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
            SoundFrames::Companded(..) => self.ticks(BLOCK_SAMPLES),
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

    fn unit(first_bytes: &[u8]) -> Vec<u8> {
        first_bytes.iter().flat_map(|first| [0, 0, 0, 3, *first, 1, 0x80]).collect()
    }

    #[test]
    fn keyframes_of_open_gops_are_keyframes() {
        let hevc = |kind: u8| picture(Codec::Hevc, &unit(&[kind << 1]));
        assert_eq!(hevc(20), Some(Picture::Key), "IDR");
        assert_eq!(
            hevc(21),
            Some(Picture::OpenKey),
            "CRA: all that x265 sends after the first IDR"
        );
        assert_eq!(hevc(9), Some(Picture::Leading), "RASL");
        assert_eq!(hevc(1), Some(Picture::Other));
        assert_eq!(hevc(39), None, "SEI alone is no picture");
        let h264 = |kinds: &[u8]| picture(Codec::H264, &unit(kinds));
        assert_eq!(h264(&[0x09, 0x06, 0x65, 0x65]), Some(Picture::Key), "several slices");
        assert_eq!(h264(&[0x65, 0x41]), Some(Picture::Other), "one slice needs another picture");
        assert_eq!(h264(&[0x09]), None);
        let av1 = |obus: &[u8]| picture(Codec::Av1, obus);
        let header = [0x0a, 10, 0, 0, 0, 3, 0x2d, 0xff, 0xcd, 0xaf, 0x90, 4];
        let frame = |first| [0x32, 2, first, 0];
        assert_eq!(av1(&[&header[..], &frame(0x10)].concat()), Some(Picture::Key));
        assert_eq!(av1(&frame(0x10)), Some(Picture::Other), "nothing tells of the sequence");
        assert_eq!(av1(&[&header[..], &frame(0x30)].concat()), Some(Picture::Other));
        assert_eq!(av1(&header), None);
    }

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
