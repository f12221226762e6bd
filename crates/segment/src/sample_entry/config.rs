//! Configuration records: `avcC` and `hvcC` (ISO/IEC 14496-15 sections 5.3.3 and 8.3.3), `esds` (ISO/IEC 14496-1
//! section 7.2.6, 14496-14 section 6.7).

use bytes::Bytes;

use super::{H265_PPS, H265_SPS, H265_VPS};
use crate::boxes::Writer;
use crate::nal::unescape;
use crate::sps;

pub(super) const OBJECT_AAC: u8 = 0x40;
pub(super) const OBJECT_JPEG: u8 = 0x6c;
/// `streamType` 5 and 4, `upStream` 0, reserved 1.
pub(super) const STREAM_AUDIO: u8 = 0x15;
pub(super) const STREAM_VIDEO: u8 = 0x11;

/// ```text
/// version u8 = 1 | profile u8 | constraints u8 | level u8 | 111111 lengthSizeMinusOne = 3
/// 111 count = 1 | length u16, SPS | count u8 = 1 | length u16, PPS
/// profiles 100, 110, 122, 144: 111111 chroma_format | 11111 luma - 8 | 11111 chroma - 8 | extensions u8 = 0
/// ```
pub(super) fn avcc(sps: &[u8], pps: &[u8]) -> Bytes {
    let mut w = Writer::with_capacity(32 + sps.len() + pps.len());
    let byte = |at: usize| sps.get(at).copied().unwrap_or(0);
    w.bytes(&[1, byte(1), byte(2), byte(3), 0xff, 0xe1]);
    with_length(&mut w, sps);
    w.u8(1);
    with_length(&mut w, pps);
    if matches!(byte(1), 100 | 110 | 122 | 144) {
        let (format, luma, chroma) = sps::h264(sps).map_or((1, 8, 8), |sps| {
            (sps.chroma_format_idc, sps.bit_depth_luma, sps.bit_depth_chroma)
        });
        w.bytes(&[0xfc | format, 0xf8 | (luma - 8), 0xf8 | (chroma - 8), 0]);
    }
    w.into_bytes()
}

/// ```text
/// version u8 = 1 | general_profile_space .. general_level_idc 12 bytes, as in the SPS
/// 1111 min_spatial_segmentation 12 bits = 0 | 111111 parallelismType = 0 | 111111 chroma_format
/// 11111 luma - 8 | 11111 chroma - 8 | avgFrameRate u16 = 0
/// constantFrameRate 2 = 0, numTemporalLayers 3, temporalIdNested 1, lengthSizeMinusOne 2 = 3
/// numOfArrays u8 = 3, each: array_completeness 1 = 1, 0, type 6 | count u16 = 1 | length u16, NAL unit
/// ```
pub(super) fn hvcc(vps: &[u8], sps: &[u8], pps: &[u8]) -> Bytes {
    let rbsp = unescape(sps);
    let mut w = Writer::with_capacity(64 + vps.len() + sps.len() + pps.len());
    w.u8(1);
    let mut general = [0; 12];
    if let Some(told) = rbsp.get(3..15) {
        general.copy_from_slice(told);
    }
    w.bytes(&general);
    let (format, luma, chroma) = sps::hevc(sps)
        .map_or((1, 8, 8), |sps| (sps.chroma_format_idc, sps.bit_depth_luma, sps.bit_depth_chroma));
    w.bytes(&[0xf0, 0, 0xfc, 0xfc | format, 0xf8 | (luma - 8), 0xf8 | (chroma - 8), 0, 0]);
    let layers = rbsp.get(2).copied().unwrap_or(0);
    let (sub_layers, nested) = (((layers >> 1) & 7) + 1, layers & 1);
    w.u8(((sub_layers & 7) << 3) | (nested << 2) | 3);
    w.u8(3);
    for (kind, nal) in [(H265_VPS, vps), (H265_SPS, sps), (H265_PPS, pps)] {
        w.u8(0x80 | kind);
        w.u16(1);
        with_length(&mut w, nal);
    }
    w.into_bytes()
}

/// A parameter set has at most 65 535 bytes (real ones: some dozens); a longer one is cut and will not decode.
fn with_length(w: &mut Writer, nal: &[u8]) {
    let nal = &nal[..nal.len().min(usize::from(u16::MAX))];
    w.u16(u16::try_from(nal.len()).unwrap_or(u16::MAX));
    w.bytes(nal);
}

/// ```text
/// esds full box
///   ES_Descriptor 03 | length | ES_ID u16 = 0 | flags u8 = 0
///     DecoderConfigDescriptor 04 | length | object u8 | stream u8 | buffer u24 | max, average bit rate u32
///       DecoderSpecificInfo 05 | length | bytes
///     SLConfigDescriptor 06 | 1 | 2 (MP4 files)
/// ```
pub(super) fn esds(w: &mut Writer, object: u8, stream: u8, specific: Option<&[u8]>) {
    let mut decoder = Writer::default();
    decoder.bytes(&[object, stream]);
    decoder.zeros(11);
    if let Some(specific) = specific {
        descriptor(&mut decoder, 5, specific);
    }
    let mut body = Writer::default();
    body.zeros(3);
    descriptor(&mut body, 4, &decoder.into_bytes());
    descriptor(&mut body, 6, &[2]);
    w.full(*b"esds", 0, 0, |w| descriptor(w, 3, &body.into_bytes()));
}

/// The length in four times seven bits, the first three with their upper bit set.
fn descriptor(w: &mut Writer, tag: u8, body: &[u8]) {
    w.u8(tag);
    let seven = |shift: usize| u8::try_from((body.len() >> shift) & 0x7f).unwrap_or(0);
    w.bytes(&[0x80 | seven(21), 0x80 | seven(14), 0x80 | seven(7), seven(0)]);
    w.bytes(body);
}
