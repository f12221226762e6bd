//! Brain: packets of a sound stream become frames that a file can hold.
//!
//! AAC from MPEG-TS comes with an ADTS header before each frame and nothing ahead of them; files want the bare
//! frame and an `AudioSpecificConfig`, which the header tells. G.711 passes through as it is: `demux` hands it to
//! the FLAC encoder.
//!
//! What does not belong here: libav, clocks, G.711.

use bytes::Bytes;
use tarsier_segment::sample_entry;
use tarsier_types::{AudioParameters, Codec, Ticks};

use crate::libav::{RawPacket, StreamFacts};

/// Samples of an AAC frame (ISO/IEC 14496-3 section 4.5.1.1).
const AAC_SAMPLES: u32 = 1024;
/// ISO/IEC 14496-3 table 1.18.
const AAC_RATES_HZ: [u32; 13] = [
    96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000,
    7_350,
];
/// Opus counts in 48 kHz whatever its sound is made of (RFC 6716 section 2).
const OPUS_RATE_HZ: u32 = 48_000;

/// One frame of sound, times in ticks of 1/90 000 s.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SoundFrame {
    /// None: it follows the frame before it.
    pub(crate) pts: Option<i64>,
    pub(crate) duration: Ticks,
    pub(crate) data: Bytes,
}

/// The packets of one sound stream.
#[derive(Debug)]
pub(crate) enum Sound {
    /// `config` comes with the first ADTS header, if the container told none.
    Aac { config: Option<Asc> },
    /// As it is.
    Opus { channels: u8, pre_skip: u16, input_rate_hz: u32 },
    /// As it is.
    Flac { streaminfo: [u8; 34], channels: u16, bits: u16, rate_hz: u32 },
}

impl Sound {
    /// None for a coding that no file of ours can hold as it is.
    pub(crate) fn new(facts: &StreamFacts) -> Option<Self> {
        match facts.codec? {
            Codec::Aac => Some(Self::Aac { config: Asc::read(&facts.extradata) }),
            Codec::Opus => Some(match facts.extradata.strip_prefix(b"OpusHead") {
                // RFC 7845 section 5.1: version, channels, pre-skip, input rate, little-endian.
                Some(&[_, channels, p0, p1, r0, r1, r2, r3, ..]) => Self::Opus {
                    channels: Some(channels).filter(|channels| (1..=2).contains(channels))?,
                    pre_skip: u16::from_le_bytes([p0, p1]),
                    input_rate_hz: u32::from_le_bytes([r0, r1, r2, r3]),
                },
                // RTP carries two channels always and no pre-skip (RFC 7587 section 7).
                _ => Self::Opus { channels: 2, pre_skip: 0, input_rate_hz: OPUS_RATE_HZ },
            }),
            Codec::Flac => {
                let streaminfo: [u8; 34] = *facts.extradata.first_chunk()?;
                let [_, _, middle, low, ..] = *streaminfo.get(10..)? else { return None };
                // 20 bits of rate, 3 of channels - 1, 5 of bits - 1 (RFC 9639 section 8.2).
                let bits = u16::from(middle & 1) << 4 | u16::from(low >> 4);
                (facts.sample_rate_hz > 0).then_some(Self::Flac {
                    streaminfo,
                    channels: facts.channels.max(1),
                    bits: bits + 1,
                    rate_hz: facts.sample_rate_hz,
                })
            }
            _ => None,
        }
    }

    /// What a decoder must know; none while no packet has told it.
    pub(crate) fn parameters(&self) -> Option<AudioParameters> {
        let entry = match self {
            Self::Aac { config } => {
                let config = config.as_ref()?;
                sample_entry::mp4a(&config.bytes, config.rate_hz, config.channels)
            }
            Self::Opus { channels, pre_skip, input_rate_hz } => {
                sample_entry::opus(*channels, *pre_skip, *input_rate_hz)
            }
            Self::Flac { streaminfo, channels, bits, rate_hz } => {
                sample_entry::flac(streaminfo, *rate_hz, *channels, *bits)
            }
        };
        sample_entry::audio_parameters(entry)
    }

    /// The frames of a packet, in order.
    pub(crate) fn frames(&mut self, packet: &RawPacket) -> Vec<SoundFrame> {
        let whole = |duration| {
            vec![SoundFrame { pts: packet.pts.or(packet.dts), duration, data: packet.data.clone() }]
        };
        match self {
            Self::Aac { config } => {
                let mut frames = Vec::new();
                let mut rest = packet.data.clone();
                while let Some(header) = Adts::read(&rest) {
                    if header.frame_bytes > rest.len() {
                        break;
                    }
                    let frame = rest.split_to(header.frame_bytes).slice(header.header_bytes..);
                    let config = config.get_or_insert(header.config);
                    let pts = if frames.is_empty() { packet.pts.or(packet.dts) } else { None };
                    frames.push(SoundFrame { pts, duration: config.frame_duration(), data: frame });
                }
                match config {
                    Some(config) if frames.is_empty() && !packet.data.is_empty() => {
                        whole(config.frame_duration())
                    }
                    _ => frames,
                }
            }
            Self::Opus { .. } => whole(samples(opus_samples(&packet.data), OPUS_RATE_HZ)),
            Self::Flac { .. } => whole(Ticks(packet.duration)),
        }
    }
}

fn samples(count: u32, rate_hz: u32) -> Ticks {
    let rate = i64::from(rate_hz.max(1));
    Ticks((i64::from(count) * Ticks::PER_SECOND + rate / 2) / rate)
}

/// An `AudioSpecificConfig`, as far as we look into it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asc {
    bytes: Bytes,
    rate_hz: u32,
    channels: u16,
    samples: u32,
}

impl Asc {
    /// `object 5 bits | rate index 4 (15: 24 bits of Hz) | channels 4 | frame length flag 1` (section 1.6.2.1).
    /// The rate is that of the core: with spectral band replication a decoder doubles it.
    fn read(bytes: &Bytes) -> Option<Self> {
        let mut bits = Bits { bytes, at: 0 };
        let object = bits.take(5)?;
        if object == 31 {
            bits.take(6)?;
        }
        let rate_hz = match bits.take(4)? {
            15 => bits.take(24)?,
            index => *AAC_RATES_HZ.get(usize::try_from(index).ok()?)?,
        };
        let channels = channels_of(bits.take(4)?);
        let is_plain = !matches!(object, 5 | 29);
        let is_short = is_plain && bits.take(1) == Some(1);
        let samples = if is_short { 960 } else { AAC_SAMPLES };
        (rate_hz > 0).then(|| Self { bytes: bytes.clone(), rate_hz, channels, samples })
    }

    fn frame_duration(&self) -> Ticks {
        samples(self.samples, self.rate_hz)
    }
}

/// Table 1.19; 0 says that the stream itself tells, which two channels do for the player.
fn channels_of(configuration: u32) -> u16 {
    match configuration {
        0 => 2,
        7 => 8,
        count => u16::try_from(count).unwrap_or(2),
    }
}

/// An ADTS header (ISO/IEC 14496-3 section 1.A.2.2).
///
/// ```text
/// syncword 12 | ID 1 | layer 2 | protection_absent 1 | profile 2 | rate index 4 | private 1 | channels 3 | 4 bits
/// frame length 13 | fullness 11 | blocks - 1 2 | [CRC 16]
/// ```
struct Adts {
    header_bytes: usize,
    frame_bytes: usize,
    config: Asc,
}

impl Adts {
    fn read(data: &[u8]) -> Option<Self> {
        let header = data.first_chunk::<7>()?;
        if header[0] != 0xff || header[1] & 0xf6 != 0xf0 {
            return None;
        }
        let header_bytes = if header[1] & 1 == 1 { 7 } else { 9 };
        let frame_bytes = usize::from(header[3] & 3) << 11
            | usize::from(header[4]) << 3
            | usize::from(header[5] >> 5);
        let object = (header[2] >> 6) + 1;
        let index = (header[2] >> 2) & 0x0f;
        let channels = (header[2] & 1) << 2 | header[3] >> 6;
        let bytes =
            Bytes::copy_from_slice(&[object << 3 | index >> 1, (index & 1) << 7 | channels << 3]);
        let config = Asc::read(&bytes)?;
        (frame_bytes > header_bytes).then_some(Self { header_bytes, frame_bytes, config })
    }
}

/// Samples of an Opus packet in 48 kHz (RFC 6716 section 3.1); 20 ms if it cannot be read.
fn opus_samples(packet: &[u8]) -> u32 {
    let Some(toc) = packet.first() else { return 960 };
    let frame = match toc >> 3 {
        config @ 0..=11 => [480, 960, 1920, 2880][usize::from(config & 3)],
        config @ 12..=15 => [480, 960][usize::from(config & 1)],
        config => [120, 240, 480, 960][usize::from(config & 3)],
    };
    let frames = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => u32::from(packet.get(1).map_or(1, |count| count & 0x3f)).max(1),
    };
    frame * frames
}

/// Bits from the most significant on.
struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    fn take(&mut self, count: u32) -> Option<u32> {
        let mut value = 0;
        for _ in 0..count {
            let byte = self.bytes.get(self.at / 8)?;
            value = value << 1 | u32::from(byte >> (7 - self.at % 8) & 1);
            self.at += 1;
        }
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(data: &[u8]) -> RawPacket {
        RawPacket {
            stream: 1,
            pts: Some(9000),
            dts: None,
            duration: 0,
            is_keyframe: true,
            is_corrupt: false,
            data: Bytes::copy_from_slice(data),
            new_extradata: None,
        }
    }

    /// AAC LC, 48 kHz, stereo, no CRC.
    fn adts(payload: &[u8]) -> Vec<u8> {
        let length = u8::try_from(payload.len() + 7).unwrap();
        let mut frame = vec![0xff, 0xf1, 0x4c, 0x80, length >> 3, length << 5 | 0x1f, 0xfc];
        frame.extend_from_slice(payload);
        frame
    }

    #[test]
    fn adts_headers_leave_and_tell_the_config() {
        let mut sound = Sound::Aac { config: None };
        assert!(sound.parameters().is_none(), "nothing has told yet");
        let frames = sound.frames(&packet(&[adts(b"one"), adts(b"three")].concat()));
        assert_eq!(
            frames.iter().map(|frame| &frame.data[..]).collect::<Vec<_>>(),
            [&b"one"[..], b"three"]
        );
        assert_eq!(
            (frames[0].pts, frames[1].pts),
            (Some(9000), None),
            "the second follows the first"
        );
        assert_eq!(frames[0].duration, Ticks(1920), "1024 samples of 48 kHz");
        let parameters = sound.parameters().unwrap();
        assert_eq!((parameters.sample_rate_hz, parameters.channels), (48_000, 2));
        assert_eq!(parameters.rfc6381, "mp4a.40.2");
    }

    #[test]
    fn an_adts_frame_that_is_cut_short_is_left_out() {
        let mut sound = Sound::Aac { config: None };
        let mut cut = adts(b"whole");
        cut.truncate(9);
        assert!(sound.frames(&packet(&cut)).is_empty());
    }

    #[test]
    fn bare_aac_passes_with_the_containers_config() {
        // AAC LC, 44.1 kHz, mono.
        let mut sound = Sound::Aac { config: Asc::read(&Bytes::from_static(&[0x12, 0x08])) };
        let frames = sound.frames(&packet(b"\x21\x10frame"));
        assert_eq!((&frames[0].data[..], frames[0].duration), (&b"\x21\x10frame"[..], Ticks(2090)));
        assert_eq!(sound.parameters().unwrap().channels, 1);
    }

    #[test]
    fn opus_packets_tell_their_length() {
        assert_eq!(opus_samples(&[0x78]), 960, "CELT, 20 ms, one frame");
        assert_eq!(opus_samples(&[0x78 | 1]), 1920, "two of them");
        assert_eq!(opus_samples(&[0x08]), 960, "SILK, 20 ms");
        assert_eq!(opus_samples(&[0x83, 3]), 360, "three frames of 2.5 ms");
        assert_eq!(opus_samples(&[]), 960);
    }
}
