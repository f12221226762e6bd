//! Sample entry boxes read back.

use bytes::Bytes;
use tarsier_types::{AudioParameters, Codec, VideoParameters};

use super::config::{OBJECT_AAC, OBJECT_JPEG};
use crate::boxes::{BoxHeader, Reader, child};
use crate::sps::{h264_rfc6381, hevc_rfc6381};

/// Bytes between the box header and the configuration box.
const VIDEO_FIELDS: usize = 78;
const AUDIO_FIELDS: usize = 28;

/// All that a video sample entry tells; none if it is no whole one of a codec that we store.
pub fn video_parameters(
    sample_entry: Bytes,
    nominal_millifps: Option<u32>,
) -> Option<VideoParameters> {
    let (kind, body) = open(&sample_entry)?;
    let mut size = Reader::new(body.get(24..VIDEO_FIELDS)?);
    let (width, height) = (size.u16()?, size.u16()?);
    let boxes = &body[VIDEO_FIELDS..];
    let (codec, rfc6381) = match &kind {
        b"avc1" | b"avc3" => {
            let mut record = Reader::new(child(boxes, *b"avcC")?);
            let [_, profile, constraints, level] = record.array()?;
            (Codec::H264, renamed(&h264_rfc6381(&[0x67, profile, constraints, level]), kind))
        }
        b"hvc1" | b"hev1" => {
            let record = child(boxes, *b"hvcC").filter(|record| record.len() >= 23)?;
            (Codec::Hevc, renamed(&hevc_rfc6381(record), kind))
        }
        b"av01" => (Codec::Av1, av1_rfc6381(child(boxes, *b"av1C")?)?),
        b"mp4v" => match esds(child(boxes, *b"esds")?)? {
            (OBJECT_JPEG, _) => (Codec::Mjpeg, "mp4v.6C".to_owned()),
            _ => return None,
        },
        _ => return None,
    };
    Some(VideoParameters { codec, rfc6381, width, height, nominal_millifps, sample_entry })
}

/// All that an audio sample entry tells; none if it is no whole one of a codec that we store.
pub fn audio_parameters(sample_entry: Bytes) -> Option<AudioParameters> {
    let (kind, body) = open(&sample_entry)?;
    let mut fields = Reader::new(body.get(16..AUDIO_FIELDS)?);
    let channels = fields.u16()?;
    fields.take(6)?;
    let told_hz = fields.u32()? >> 16;
    let boxes = &body[AUDIO_FIELDS..];
    let (codec, rfc6381, sample_rate_hz) = match &kind {
        b"mp4a" => match esds(child(boxes, *b"esds")?)? {
            (OBJECT_AAC, specific) => {
                (Codec::Aac, format!("mp4a.40.{}", aac_object_type(specific)?), told_hz)
            }
            _ => return None,
        },
        b"fLaC" => (Codec::Flac, "flac".to_owned(), flac_rate(child(boxes, *b"dfLa")?)?),
        b"Opus" => child(boxes, *b"dOps").map(|_| (Codec::Opus, "opus".to_owned(), told_hz))?,
        _ => return None,
    };
    Some(AudioParameters { codec, rfc6381, sample_rate_hz, channels, sample_entry })
}

/// The `AVCDecoderConfigurationRecord` of an `avc1` box.
pub fn avcc_of(sample_entry: &[u8]) -> Option<&[u8]> {
    let (_, body) = open(sample_entry)?;
    child(body.get(VIDEO_FIELDS..)?, *b"avcC")
}

/// The `HEVCDecoderConfigurationRecord` of an `hvc1` box.
pub fn hvcc_of(sample_entry: &[u8]) -> Option<&[u8]> {
    let (_, body) = open(sample_entry)?;
    child(body.get(VIDEO_FIELDS..)?, *b"hvcC")
}

/// The `AV1CodecConfigurationRecord` of an `av01` box.
pub fn av1c_of(sample_entry: &[u8]) -> Option<&[u8]> {
    let (_, body) = open(sample_entry)?;
    child(body.get(VIDEO_FIELDS..)?, *b"av1C")
}

/// The `AudioSpecificConfig` of an `mp4a` box that holds AAC.
pub fn aac_config_of(sample_entry: &[u8]) -> Option<&[u8]> {
    let (_, body) = open(sample_entry).filter(|(kind, _)| kind == b"mp4a")?;
    let (object, specific) = esds(child(body.get(AUDIO_FIELDS..)?, *b"esds")?)?;
    (object == OBJECT_AAC && specific.len() >= 2).then_some(specific)
}

/// The STREAMINFO of a `fLaC` box (RFC 9639 section 8.2).
pub fn streaminfo_of(sample_entry: &[u8]) -> Option<&[u8]> {
    let (_, body) = open(sample_entry).filter(|(kind, _)| kind == b"fLaC")?;
    child(body.get(AUDIO_FIELDS..)?, *b"dfLa")?.get(8..8 + 34)
}

/// The parameter sets of an `avc1` or `hvc1` box as NAL units, in the order that a decoder wants them:
/// for transports that carry them in the stream (RTP, MPEG-TS).
pub fn parameter_nals(sample_entry: &[u8]) -> Option<Vec<&[u8]>> {
    let mut nals = Vec::new();
    if let Some(record) = avcc_of(sample_entry) {
        let mut reader = Reader::new(record);
        reader.take(5)?;
        for mask in [0x1f, 0xff] {
            for _ in 0..reader.u8()? & mask {
                nals.push(with_length(&mut reader)?);
            }
        }
    } else {
        let mut reader = Reader::new(hvcc_of(sample_entry)?);
        reader.take(22)?;
        for _ in 0..reader.u8()? {
            reader.u8()?;
            for _ in 0..reader.u16()? {
                nals.push(with_length(&mut reader)?);
            }
        }
    }
    Some(nals)
}

fn with_length<'a>(reader: &mut Reader<'a>) -> Option<&'a [u8]> {
    let length = reader.u16()?;
    reader.take(usize::from(length))
}

/// Type and body of a box that is exactly these bytes.
fn open(sample_entry: &[u8]) -> Option<([u8; 4], &[u8])> {
    let header = BoxHeader::read(sample_entry)?;
    let whole = usize::try_from(header.size).ok()? == sample_entry.len();
    whole.then(|| (header.kind, &sample_entry[header.header..]))
}

/// The text with the sample entry's own type in front (`avc3`, `hev1`: parameter sets may come in the stream).
fn renamed(rfc6381: &str, kind: [u8; 4]) -> String {
    let kind = std::str::from_utf8(&kind).unwrap_or_default();
    format!("{kind}{}", rfc6381.get(4..).unwrap_or_default())
}

/// `av01.0.08M.08`: AV1 in ISOBMFF section 5.
fn av1_rfc6381(record: &[u8]) -> Option<String> {
    let [_, profile_and_level, flags] = *record.first_chunk::<3>()?;
    let tier = if flags & 0x80 == 0 { 'M' } else { 'H' };
    let depth = match (flags & 0x40 != 0, flags & 0x20 != 0) {
        (false, _) => 8,
        (true, false) => 10,
        (true, true) => 12,
    };
    Some(format!(
        "av01.{}.{:02}{tier}.{depth:02}",
        profile_and_level >> 5,
        profile_and_level & 0x1f
    ))
}

/// Object type and decoder specific info of an `esds` box.
fn esds(body: &[u8]) -> Option<(u8, &[u8])> {
    let mut reader = Reader::new(body);
    reader.version_and_flags()?;
    let mut stream = Reader::new(descriptor(&mut reader, 3)?);
    stream.u16()?;
    let flags = stream.u8()?;
    if flags & 0xe0 != 0 {
        return None; // depends on another stream, or a URL: never ours
    }
    let mut decoder = Reader::new(descriptor(&mut stream, 4)?);
    let object = decoder.u8()?;
    decoder.take(12)?;
    let specific = if decoder.rest().is_empty() { &[] } else { descriptor(&mut decoder, 5)? };
    Some((object, specific))
}

/// The body of the next descriptor, which must have that tag.
fn descriptor<'a>(reader: &mut Reader<'a>, tag: u8) -> Option<&'a [u8]> {
    if reader.u8()? != tag {
        return None;
    }
    let mut length = 0_usize;
    for _ in 0..4 {
        let byte = reader.u8()?;
        length = (length << 7) | usize::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return reader.take(length);
        }
    }
    None
}

/// `audioObjectType` of an `AudioSpecificConfig` (ISO/IEC 14496-3 section 1.6.2.1).
fn aac_object_type(asc: &[u8]) -> Option<u8> {
    let [first, second] = *asc.first_chunk::<2>()?;
    match first >> 3 {
        0 => None,
        31 => Some(32 + (((first & 7) << 3) | (second >> 5))),
        object => Some(object),
    }
}

/// The sample rate of STREAMINFO: 20 bits behind 10 bytes.
fn flac_rate(dfla: &[u8]) -> Option<u32> {
    let [high, middle, low] = *dfla.get(8 + 10..)?.first_chunk::<3>()?;
    Some(u32::from_be_bytes([0, high, middle, low]) >> 4)
}
