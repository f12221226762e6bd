//! Words: how the tracks of a stream go out, and the pieces that a unit becomes.

use tarsier_rtp::av1::{self, Av1Format};
use tarsier_rtp::nal::{self, NalCodec, NalFormat};
use tarsier_rtp::{Packets, audio};
use tarsier_segment::sample_entry::{aac_config_of, av1c_of, parameter_nals};
use tarsier_types::{AccessUnit, AudioParameters, Codec, Track, VideoParameters};

use crate::flac;

/// Dynamic ones (RFC 3551 section 6).
const VIDEO_PAYLOAD_TYPE: u8 = 96;
const AUDIO_PAYLOAD_TYPE: u8 = 97;
const VIDEO_CLOCK_HZ: u32 = 90_000;
/// Bytes of L16 in a packet: whole samples of up to 8 channels, below the most that fits.
const L16_BYTES: usize = 1280;

/// How one track goes out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// H.264 or H.265.
    Nal(NalFormat),
    /// AV1.
    Av1(Av1Format),
    /// AAC with its `AudioSpecificConfig`.
    Aac { config: Vec<u8>, rate_hz: u32, channels: u16 },
    /// 16-bit samples: what G.711 stands for.
    L16 { rate_hz: u32, channels: u16 },
}

/// A part of a unit with a time of its own.
#[derive(Debug)]
pub(crate) struct Piece {
    /// Behind the unit's beginning, in ticks of the track's clock.
    pub(crate) after: u32,
    pub(crate) packets: Packets,
}

/// What a stream is made of, as clients were told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Description {
    pub(crate) millifps: Option<u32>,
    /// Pictures first.
    pub(crate) tracks: Vec<(Track, Format)>,
}

/// The pictures are coded in a way that does not go out by RTSP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NotCarried {
    pub(crate) rfc6381: String,
}

impl Description {
    /// Of a run. Sound that cannot go out is left out.
    pub(crate) fn of(
        video: &VideoParameters,
        audio: Option<&AudioParameters>,
    ) -> Result<Self, NotCarried> {
        let pictures =
            pictures(video).ok_or_else(|| NotCarried { rfc6381: video.rfc6381.clone() })?;
        let mut tracks = vec![(Track::Video, pictures)];
        tracks.extend(audio.and_then(sound).map(|sound| (Track::Audio, sound)));
        Ok(Self { millifps: video.nominal_millifps, tracks })
    }

    /// Whether a run of the other description may go on where this one was told.
    pub(crate) fn fits(&self, other: &Self) -> bool {
        self.tracks == other.tracks
    }
}

fn pictures(video: &VideoParameters) -> Option<Format> {
    let codec = match video.codec {
        Codec::H264 => NalCodec::Avc,
        Codec::Hevc => NalCodec::Hevc,
        Codec::Av1 => {
            return av1c_of(&video.sample_entry).and_then(Av1Format::of_record).map(Format::Av1);
        }
        _ => return None,
    };
    let sets = parameter_nals(&video.sample_entry)?;
    let parameter_sets: Vec<Vec<u8>> = sets.into_iter().map(<[u8]>::to_vec).collect();
    let has_sps = parameter_sets.iter().any(|nal| nal.len() > 3 && nal::is_sps(codec, nal));
    has_sps.then_some(Format::Nal(NalFormat { codec, length_size: 4, parameter_sets }))
}

fn sound(audio: &AudioParameters) -> Option<Format> {
    let AudioParameters { sample_rate_hz: rate_hz, channels, .. } = *audio;
    match audio.codec {
        Codec::Aac => {
            let config = aac_config_of(&audio.sample_entry)?.to_vec();
            Some(Format::Aac { config, rate_hz, channels })
        }
        Codec::Flac => Some(Format::L16 { rate_hz, channels }),
        _ => None,
    }
    .filter(|_| rate_hz > 0 && (1..=8).contains(&channels))
}

impl Format {
    pub(crate) const fn payload_type(&self) -> u8 {
        match self {
            Self::Nal(_) | Self::Av1(_) => VIDEO_PAYLOAD_TYPE,
            Self::Aac { .. } | Self::L16 { .. } => AUDIO_PAYLOAD_TYPE,
        }
    }

    /// Ticks of its RTP clock in a second.
    pub(crate) const fn clock_hz(&self) -> u32 {
        match self {
            Self::Nal(_) | Self::Av1(_) => VIDEO_CLOCK_HZ,
            Self::Aac { rate_hz, .. } | Self::L16 { rate_hz, .. } => *rate_hz,
        }
    }

    /// Cuts a unit into packets; a damaged one into none.
    pub(crate) fn cut(&self, unit: &AccessUnit) -> Vec<Piece> {
        let payload_type = self.payload_type();
        match self {
            Self::Nal(format) => {
                let packets = nal::packetise(format, payload_type, &unit.data, unit.is_keyframe);
                vec![Piece { after: 0, packets }]
            }
            Self::Av1(_) => {
                let packets = av1::packetise(payload_type, &unit.data, unit.is_keyframe);
                vec![Piece { after: 0, packets }]
            }
            Self::Aac { .. } => {
                vec![Piece { after: 0, packets: audio::aac(payload_type, &unit.data) }]
            }
            Self::L16 { channels, .. } => {
                let samples = flac::samples(&unit.data, *channels).unwrap_or_default();
                let width = 2 * usize::from(*channels);
                let step = L16_BYTES / width * width;
                let pieces = samples.chunks(step).zip((0_u32..).map(|index| {
                    u32::try_from(step / width).unwrap_or_default().wrapping_mul(index)
                }));
                pieces
                    .map(|(part, after)| Piece { after, packets: audio::pcm(payload_type, part) })
                    .collect()
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod fixtures {
    use bytes::Bytes;
    use tarsier_segment::sample_entry::{av01_from_av1c, avc1, flac, mp4a};
    use tarsier_types::{AudioParameters, Codec, VideoParameters};

    use super::Description;

    pub(crate) fn video(profile: u8) -> VideoParameters {
        VideoParameters {
            codec: Codec::H264,
            rfc6381: format!("avc1.{profile:02x}001f"),
            width: 640,
            height: 360,
            nominal_millifps: Some(25_000),
            sample_entry: avc1(&[0x67, profile, 0, 31, 0xac], &[0x68, 0xee, 1], 640, 360),
        }
    }

    /// AV1 of 640x360 pixels, Main profile, High tier.
    pub(crate) fn av1() -> VideoParameters {
        VideoParameters {
            codec: Codec::Av1,
            rfc6381: "av01.0.08H.08".to_owned(),
            sample_entry: av01_from_av1c(&[0x81, 8, 0x8c, 0], 640, 360),
            ..video(77)
        }
    }

    /// Pictures, and that sound.
    pub(crate) fn description(audio: &AudioParameters) -> Description {
        Description::of(&video(77), Some(audio)).unwrap()
    }

    fn audio(codec: Codec, rate_hz: u32, sample_entry: Bytes) -> AudioParameters {
        let rfc6381 = codec.name().to_owned();
        AudioParameters { codec, rfc6381, sample_rate_hz: rate_hz, channels: 1, sample_entry }
    }

    pub(crate) fn aac() -> AudioParameters {
        audio(Codec::Aac, 16_000, mp4a(&[0x14, 0x08], 16_000, 1))
    }

    pub(crate) fn g711() -> AudioParameters {
        audio(Codec::Flac, 8000, flac(&[0; 34], 8000, 1, 16))
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use tarsier_rtp::Patch;
    use tarsier_rtp::packets::interleaved;
    use tarsier_types::{Dts, Pts, Ticks, UtcMs};

    use super::*;
    use crate::flac::fixtures::frame;

    #[test]
    fn a_run_goes_on_where_nothing_that_was_told_has_changed() {
        let of = |profile, millifps, audio: Option<AudioParameters>| {
            let video = VideoParameters { nominal_millifps: millifps, ..fixtures::video(profile) };
            Description::of(&video, audio.as_ref()).unwrap()
        };
        let told = of(77, Some(25_000), Some(fixtures::aac()));
        assert!(told.fits(&of(77, None, Some(fixtures::aac()))), "the rate was a hint");
        assert!(!told.fits(&of(100, None, Some(fixtures::aac()))), "other sets");
        assert!(!told.fits(&of(77, None, None)), "the sound is gone");
    }

    #[test]
    fn what_rtp_does_not_carry_is_named_or_left_out() {
        let opus = AudioParameters { codec: Codec::Opus, ..fixtures::aac() };
        let description = Description::of(&fixtures::video(77), Some(&opus)).unwrap();
        assert_eq!(description.tracks.len(), 1, "pictures alone");
        let jpeg = VideoParameters { codec: Codec::Mjpeg, ..fixtures::video(77) };
        let rfc6381 = jpeg.rfc6381.clone();
        assert_eq!(Description::of(&jpeg, None), Err(NotCarried { rfc6381 }));
    }

    #[test]
    fn av1_goes_out_as_a_sequence_that_begins_at_its_keyframe() {
        let description = Description::of(&fixtures::av1(), None).unwrap();
        let mut unit = AccessUnit {
            track: Track::Video,
            pts: Pts(0),
            dts: Dts(0),
            duration: Ticks(3600),
            is_keyframe: true,
            arrived: UtcMs(0),
            data: Bytes::from_static(&[0x0a, 2, 7, 8, 0x32, 2, 0x10, 9]),
        };
        let cut = |unit: &AccessUnit| {
            let pieces = description.tracks[0].1.cut(unit);
            let mut out = Vec::new();
            let patch = Patch { channel: 0, sequence: 0, timestamp: 0, ssrc: 0 };
            pieces[0].packets.write(patch, &mut out);
            interleaved(&out).map(|(_, packet)| packet[12..].to_vec()).collect::<Vec<_>>()
        };
        assert_eq!(cut(&unit), [[0x28, 3, 8, 7, 8, 0x30, 0x10, 9]], "without sizes, two OBUs");
        unit.is_keyframe = false;
        assert_eq!(cut(&unit)[0][0], 0x20);
    }

    #[test]
    fn g711_goes_out_as_the_samples_that_it_stands_for() {
        let mut description = fixtures::description(&fixtures::g711());
        let (_, format) = description.tracks.pop().unwrap();
        let unit = AccessUnit {
            track: Track::Audio,
            pts: Pts(0),
            dts: Dts(0),
            duration: Ticks(180),
            is_keyframe: true,
            arrived: UtcMs(0),
            data: Bytes::from(frame(&[-8; 16])),
        };
        let pieces = format.cut(&unit);
        assert_eq!(pieces.len(), 1);
        let mut out = Vec::new();
        pieces[0].packets.write(Patch { channel: 2, sequence: 0, timestamp: 0, ssrc: 0 }, &mut out);
        let (_, packet) = interleaved(&out).next().unwrap();
        assert_eq!(packet[12..], [0xff, 0xf8].repeat(16), "big-endian");
        assert!(format.cut(&AccessUnit { data: Bytes::new(), ..unit }).is_empty(), "a torn one");
    }

    /// Tracks of a camera as it tells them, and a unit of it: each piece after its length.
    fn pieces(bytes: &[u8]) -> [Bytes; 3] {
        let mut rest = bytes;
        [0, 1, 2].map(|_| {
            let Some((length, behind)) = rest.split_first_chunk() else { return Bytes::new() };
            let length = usize::from(u16::from_be_bytes(*length)).min(behind.len());
            let (piece, behind) = behind.split_at(length);
            rest = behind;
            Bytes::copy_from_slice(piece)
        })
    }

    #[test]
    fn whatever_a_camera_codes_its_description_is_whole_and_its_units_are_cut() {
        let seed = |video: VideoParameters, audio: AudioParameters, unit: &[u8]| {
            let pieces = [&video.sample_entry[..], &audio.sample_entry, unit];
            let length = |piece: &[u8]| u16::try_from(piece.len()).unwrap().to_be_bytes();
            pieces.iter().flat_map(|piece| [&length(piece), *piece].concat()).collect::<Vec<u8>>()
        };
        let seeds = [
            seed(fixtures::video(77), fixtures::aac(), &[0, 0, 0, 3, 0x65, 1, 2]),
            seed(fixtures::video(77), fixtures::g711(), &frame(&[-8; 16])),
            seed(fixtures::av1(), fixtures::aac(), &[0x0a, 2, 7, 8, 0x32, 2, 0x10, 9]),
        ];
        let check = |bytes: &[u8]| {
            let [video, audio, data] = pieces(bytes);
            let codings =
                [(Codec::H264, Codec::Aac), (Codec::Hevc, Codec::Flac), (Codec::Av1, Codec::Aac)];
            for (codec, sound) in codings {
                let (sample_entry, channels) = (video.clone(), 1 + u16::from(data.len() % 2 == 0));
                let video = VideoParameters { codec, sample_entry, ..fixtures::video(77) };
                let sample_entry = audio.clone();
                let audio =
                    AudioParameters { codec: sound, channels, sample_entry, ..fixtures::aac() };
                let Ok(description) = Description::of(&video, Some(&audio)) else { continue };
                let text = crate::sdp::describe(&description, [127, 0, 0, 1].into());
                assert!(text.lines().all(|line| line.as_bytes().get(1) == Some(&b'=')), "{text}");
                for (track, format) in &description.tracks {
                    let unit = AccessUnit {
                        track: *track,
                        pts: Pts(0),
                        dts: Dts(0),
                        duration: Ticks(3600),
                        is_keyframe: true,
                        arrived: UtcMs(0),
                        data: data.clone(),
                    };
                    for piece in format.cut(&unit) {
                        let mut out = Vec::new();
                        let patch = Patch { channel: 0, sequence: 0, timestamp: 0, ssrc: 0 };
                        piece.packets.write(patch, &mut out);
                        assert_eq!(interleaved(&out).count(), piece.packets.count());
                    }
                }
            }
        };
        tarsier_fuzz::fuzz(check, &seeds);
    }
}
