//! `stsd`: how a track is coded (ISO/IEC 14496-12, 14496-14, 14496-15; AV1 in ISOBMFF; QuickTime's audio entries).

use tarsier_rtp::av1::Av1Format;
use tarsier_rtp::nal::{NalCodec, NalFormat};

use super::ReadMovieError;
use super::boxes::{Fields, NamedBox, boxes, child};

/// The two laws of G.711.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Law {
    /// A-law.
    A,
    /// mu-law.
    Mu,
}

/// How the pictures are coded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum VideoFormat {
    /// H.264 or H.265.
    Nal(NalFormat),
    /// AV1.
    Av1(Av1Format),
}

/// How the sound is coded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AudioFormat {
    /// MPEG-4 AAC with its `AudioSpecificConfig`.
    Aac { config: Vec<u8> },
    /// G.711.
    G711 { law: Law },
}

/// The sound's format, its samples per second and its channels.
pub(super) struct AudioEntry {
    pub(super) format: AudioFormat,
    pub(super) sample_rate_hz: u32,
    pub(super) channels: u8,
}

/// The format of a picture track; `None` if a camera would not send it.
pub(super) fn video(stsd: &[u8]) -> Result<Option<VideoFormat>, ReadMovieError> {
    let Some((kind, entry)) = first_entry(stsd)? else { return Ok(None) };
    // VisualSampleEntry: 78 bytes of fields before the boxes.
    let inner = entry.get(78..).unwrap_or_default();
    match &kind {
        b"avc1" | b"avc3" => {
            let format = child(inner, *b"avcC").and_then(avc_format).ok_or(damaged("avcC"))?;
            Ok(Some(VideoFormat::Nal(format)))
        }
        b"hvc1" | b"hev1" => {
            let format = child(inner, *b"hvcC").and_then(hevc_format).ok_or(damaged("hvcC"))?;
            Ok(Some(VideoFormat::Nal(format)))
        }
        b"av01" => {
            let format = child(inner, *b"av1C").and_then(Av1Format::of_record);
            format.ok_or(damaged("av1C")).map(|format| Some(VideoFormat::Av1(format)))
        }
        _ => Ok(None),
    }
}

/// The format of a sound track; `None` if a camera would not send it.
pub(super) fn audio(stsd: &[u8]) -> Result<Option<AudioEntry>, ReadMovieError> {
    let Some((kind, entry)) = first_entry(stsd)? else { return Ok(None) };
    match &kind {
        b"mp4a" => aac_entry(entry).ok_or(damaged("esds")).map(Some),
        b"alaw" | b"ulaw" => g711_entry(entry, kind).ok_or(damaged("stsd")).map(Some),
        _ => Ok(None),
    }
}

fn damaged(part: &'static str) -> ReadMovieError {
    ReadMovieError::Damaged { part }
}

fn first_entry(stsd: &[u8]) -> Result<Option<NamedBox<'_>>, ReadMovieError> {
    let entries = stsd.get(8..).ok_or(damaged("stsd"))?;
    Ok(boxes(entries).next())
}

fn avc_format(body: &[u8]) -> Option<NalFormat> {
    let mut fields = Fields(body);
    let [_version, _profile, _compatibility, _level] = fields.array()?;
    let length_size = usize::from(fields.u8()? & 3) + 1;
    let mut parameter_sets = Vec::new();
    let sps_count = fields.u8()? & 0x1f;
    for _ in 0..sps_count {
        let size = usize::from(fields.u16()?);
        parameter_sets.push(fields.take(size)?.to_vec());
    }
    let pps_count = fields.u8()?;
    for _ in 0..pps_count {
        let size = usize::from(fields.u16()?);
        parameter_sets.push(fields.take(size)?.to_vec());
    }
    Some(NalFormat { codec: NalCodec::Avc, length_size, parameter_sets })
}

fn hevc_format(body: &[u8]) -> Option<NalFormat> {
    let mut fields = Fields(body);
    fields.take(21)?;
    let length_size = usize::from(fields.u8()? & 3) + 1;
    let arrays = fields.u8()?;
    let mut found = Vec::new();
    for _ in 0..arrays {
        let kind = fields.u8()? & 0x3f;
        let count = fields.u16()?;
        for _ in 0..count {
            let size = usize::from(fields.u16()?);
            let nal = fields.take(size)?;
            // VPS 32, SPS 33, PPS 34; what else writers put here (SEI) is no parameter set.
            if (32..=34).contains(&kind) {
                found.push((kind, nal.to_vec()));
            }
        }
    }
    found.sort_by_key(|(kind, _)| *kind);
    let parameter_sets = found.into_iter().map(|(_, nal)| nal).collect();
    Some(NalFormat { codec: NalCodec::Hevc, length_size, parameter_sets })
}

/// The fields that every version of an audio entry begins with; leaves the boxes behind them.
fn audio_fields(entry: &[u8]) -> Option<(u8, u32, &[u8])> {
    let mut fields = Fields(entry);
    fields.take(8)?;
    let version = fields.u16()?;
    fields.take(6)?;
    let channels = fields.u16()?;
    fields.take(6)?;
    let sample_rate_hz = fields.u32()? >> 16;
    // QuickTime's version 1 has four more fields. Version 2 has another layout; no camera's codec needs it.
    match version {
        0 => {}
        1 => {
            fields.take(16)?;
        }
        _ => return None,
    }
    Some((u8::try_from(channels).ok()?, sample_rate_hz, fields.0))
}

fn g711_entry(entry: &[u8], kind: [u8; 4]) -> Option<AudioEntry> {
    let (channels, sample_rate_hz, _) = audio_fields(entry)?;
    let law = if kind == *b"alaw" { Law::A } else { Law::Mu };
    (channels > 0 && sample_rate_hz > 0).then_some(AudioEntry {
        format: AudioFormat::G711 { law },
        sample_rate_hz,
        channels,
    })
}

/// The entry's own channel count is of no use: MP4 writers put 2 there whatever the sound is. The codec's
/// configuration counts.
fn aac_entry(entry: &[u8]) -> Option<AudioEntry> {
    let (_, _, inner) = audio_fields(entry)?;
    let esds = child(inner, *b"esds").or_else(|| child(child(inner, *b"wave")?, *b"esds"))?;
    let config = audio_specific_config(esds.get(4..)?)?.to_vec();
    let (sample_rate_hz, channels) = rate_and_channels(&config)?;
    Some(AudioEntry { format: AudioFormat::Aac { config }, sample_rate_hz, channels })
}

/// ISO/IEC 14496-3 section 1.6.2.1: object type (5 bits), frequency index (4, or 15 and 24 bits), channels (4).
fn rate_and_channels(config: &[u8]) -> Option<(u32, u8)> {
    const RATES: [u32; 13] = [
        96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025,
        8000, 7350,
    ];
    let bits = config.iter().take(8).fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
    let bits = bits << (8 * (8 - config.len().min(8)));
    let field = |from: u32, width: u32| bits << from >> (64 - width);
    let index = field(5, 4);
    let (sample_rate_hz, behind) = if index == 15 {
        (u32::try_from(field(9, 24)).ok()?, 33)
    } else {
        (*RATES.get(usize::try_from(index).ok()?)?, 9)
    };
    // Configurations 1 to 6 are as many channels; 7 is eight of them.
    let channels = match field(behind, 4) {
        count @ 1..=6 => u8::try_from(count).ok()?,
        7 => 8,
        _ => return None,
    };
    (sample_rate_hz > 0).then_some((sample_rate_hz, channels))
}

/// Walks the descriptors of ISO/IEC 14496-1 section 7.2.6: ES (3) holds `DecoderConfig` (4) holds `DecoderSpecificInfo` (5).
fn audio_specific_config(descriptors: &[u8]) -> Option<&[u8]> {
    let mut fields = Fields(descriptors);
    loop {
        let tag = fields.u8()?;
        let mut size = 0_usize;
        for _ in 0..4 {
            let byte = fields.u8()?;
            size = size << 7 | usize::from(byte & 0x7f);
            if byte & 0x80 == 0 {
                break;
            }
        }
        match tag {
            3 => {
                fields.u16()?;
                let flags = fields.u8()?;
                if flags & 0x80 != 0 {
                    fields.u16()?;
                }
                if flags & 0x40 != 0 {
                    let length = fields.u8()?;
                    fields.take(usize::from(length))?;
                }
                if flags & 0x20 != 0 {
                    fields.u16()?;
                }
            }
            4 => {
                // 0x40 is MPEG-4 audio; MP3 and others can hide in mp4a too.
                if fields.u8()? != 0x40 {
                    return None;
                }
                fields.take(12)?;
            }
            5 => return fields.take(size).filter(|config| config.len() >= 2),
            _ => {
                fields.take(size)?;
            }
        }
    }
}
