//! What a sequence parameter set tells about the picture: ITU-T H.264 section 7.3.2.1.1, H.265 section 7.3.2.2.
//!
//! Only as far as files, players and people need it. What does not belong here: slices, and everything after the
//! size of the picture that no one asks for.

use std::fmt::Write as _;

use crate::bits::Bits;
use crate::nal::unescape;

/// What a sequence parameter set tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sps {
    /// Width of the shown picture (after cropping).
    pub width: u16,
    /// Height of the shown picture (after cropping).
    pub height: u16,
    /// Pictures in 1000 seconds, where it tells (H.264 only).
    pub nominal_millifps: Option<u32>,
    /// 0 monochrome, 1 4:2:0, 2 4:2:2, 3 4:4:4.
    pub chroma_format_idc: u8,
    /// Bits of a luma sample.
    pub bit_depth_luma: u8,
    /// Bits of a chroma sample.
    pub bit_depth_chroma: u8,
}

/// Reads an H.264 SPS, a NAL unit with its header byte.
pub fn h264(nal: &[u8]) -> Option<Sps> {
    let rbsp = unescape(nal);
    let mut bits = Bits::new(rbsp.get(1..)?);
    let profile = bits.u(8)?;
    bits.u(16)?; // constraints, level
    bits.ue()?; // seq_parameter_set_id
    let (mut chroma_format_idc, mut luma, mut chroma, mut separate_planes) = (1, 8, 8, false);
    if matches!(profile, 100 | 110 | 122 | 244 | 44 | 83 | 86 | 118 | 128 | 138 | 139 | 134 | 135) {
        chroma_format_idc = bits.ue().filter(|idc| *idc <= 3)?;
        separate_planes = chroma_format_idc == 3 && bits.flag()?;
        luma = bits.ue().filter(|depth| *depth <= 6)? + 8;
        chroma = bits.ue().filter(|depth| *depth <= 6)? + 8;
        bits.flag()?; // qpprime_y_zero_transform_bypass_flag
        if bits.flag()? {
            for list in 0..if chroma_format_idc == 3 { 12 } else { 8 } {
                if bits.flag()? {
                    skip_scaling_list(&mut bits, if list < 6 { 16 } else { 64 })?;
                }
            }
        }
    }
    bits.ue()?; // log2_max_frame_num_minus4
    match bits.ue()? {
        0 => {
            bits.ue()?; // log2_max_pic_order_cnt_lsb_minus4
        }
        1 => {
            bits.flag()?;
            bits.ue()?; // offset_for_non_ref_pic, as long as a ue
            bits.ue()?; // offset_for_top_to_bottom_field
            for _ in 0..bits.ue().filter(|count| *count < 256)? {
                bits.ue()?;
            }
        }
        2 => {}
        _ => return None,
    }
    bits.ue()?; // max_num_ref_frames
    bits.flag()?; // gaps_in_frame_num_value_allowed_flag
    let width_in_mbs = bits.ue()?.checked_add(1)?;
    let height_in_units = bits.ue()?.checked_add(1)?;
    let frame_mbs_only = bits.flag()?;
    if !frame_mbs_only {
        bits.flag()?; // mb_adaptive_frame_field_flag
    }
    bits.flag()?; // direct_8x8_inference_flag
    let crop = Crop::read(&mut bits)?;
    let fields = if frame_mbs_only { 1 } else { 2 };
    let (unit_x, unit_y) = chroma_units(if separate_planes { 0 } else { chroma_format_idc });
    let width = width_in_mbs.checked_mul(16)?.checked_sub(crop.width(unit_x)?)?;
    let height = height_in_units
        .checked_mul(16)?
        .checked_mul(fields)?
        .checked_sub(crop.height(unit_y.checked_mul(fields)?)?)?;
    // The rest is a courtesy of the camera, and often wrong or cut short: without it the size still stands.
    let nominal_millifps =
        if bits.flag() == Some(true) { h264_vui_millifps(&mut bits) } else { None };
    Some(Sps {
        width: u16::try_from(width).ok().filter(|width| *width > 0)?,
        height: u16::try_from(height).ok().filter(|height| *height > 0)?,
        nominal_millifps,
        chroma_format_idc: u8::try_from(chroma_format_idc).ok()?,
        bit_depth_luma: u8::try_from(luma).ok()?,
        bit_depth_chroma: u8::try_from(chroma).ok()?,
    })
}

fn skip_scaling_list(bits: &mut Bits<'_>, size: u32) -> Option<()> {
    let (mut last, mut next) = (8_i64, 8_i64);
    for _ in 0..size {
        if next != 0 {
            next = (last + bits.se()? + 256).rem_euclid(256);
        }
        last = if next == 0 { last } else { next };
    }
    Some(())
}

/// ITU-T H.264 annex E, up to the timing.
fn h264_vui_millifps(bits: &mut Bits<'_>) -> Option<u32> {
    const EXTENDED_SAR: u32 = 255;
    if bits.flag()? && bits.u(8)? == EXTENDED_SAR {
        bits.u(32)?;
    }
    if bits.flag()? {
        bits.flag()?; // overscan_appropriate_flag
    }
    if bits.flag()? {
        bits.u(4)?; // video_format, video_full_range_flag
        if bits.flag()? {
            bits.u(24)?; // colour description
        }
    }
    if bits.flag()? {
        bits.ue()?; // chroma_sample_loc_type of both fields
        bits.ue()?;
    }
    if !bits.flag()? {
        return None;
    }
    let (units_in_tick, time_scale) = (u64::from(bits.u(32)?), u64::from(bits.u(32)?));
    // A tick is a field: two make a picture.
    let millifps = (time_scale * 500).checked_div(units_in_tick)?;
    u32::try_from(millifps).ok().filter(|millifps| (1..=1_000_000).contains(millifps))
}

/// Reads an H.265 SPS, a NAL unit with its header of two bytes.
pub fn hevc(nal: &[u8]) -> Option<Sps> {
    let rbsp = unescape(nal);
    let mut bits = Bits::new(rbsp.get(2..)?);
    bits.u(4)?; // sps_video_parameter_set_id
    let max_sub_layers_minus1 = bits.u(3)?;
    bits.u(1)?; // sps_temporal_id_nesting_flag
    skip_profile_tier_level(&mut bits, max_sub_layers_minus1)?;
    bits.ue()?; // sps_seq_parameter_set_id
    let chroma_format_idc = bits.ue().filter(|idc| *idc <= 3)?;
    let separate_planes = chroma_format_idc == 3 && bits.flag()?;
    let (width, height) = (bits.ue()?, bits.ue()?);
    let crop = Crop::read(&mut bits)?;
    let (unit_x, unit_y) = chroma_units(if separate_planes { 0 } else { chroma_format_idc });
    let width = width.checked_sub(crop.width(unit_x)?)?;
    let height = height.checked_sub(crop.height(unit_y)?)?;
    let luma = bits.ue().filter(|depth| *depth <= 8)? + 8;
    let chroma = bits.ue().filter(|depth| *depth <= 8)? + 8;
    Some(Sps {
        width: u16::try_from(width).ok().filter(|width| *width > 0)?,
        height: u16::try_from(height).ok().filter(|height| *height > 0)?,
        nominal_millifps: None,
        chroma_format_idc: u8::try_from(chroma_format_idc).ok()?,
        bit_depth_luma: u8::try_from(luma).ok()?,
        bit_depth_chroma: u8::try_from(chroma).ok()?,
    })
}

/// ITU-T H.265 section 7.3.3.
fn skip_profile_tier_level(bits: &mut Bits<'_>, max_sub_layers_minus1: u32) -> Option<()> {
    bits.skip(96)?; // the general part: 88 bits of profile, 8 of level
    let mut present = [(false, false); 8];
    if max_sub_layers_minus1 > 0 {
        for (layer, flags) in (0_u32..).zip(&mut present) {
            let (profile, level) = (bits.flag()?, bits.flag()?);
            if layer < max_sub_layers_minus1 {
                *flags = (profile, level);
            }
        }
    }
    for (profile, level) in present {
        bits.skip(if profile { 88 } else { 0 } + if level { 8 } else { 0 })?;
    }
    Some(())
}

/// `avc1.640028`: profile, constraints and level as they stand in the SPS (RFC 6381 section 3.3).
pub fn h264_rfc6381(sps: &[u8]) -> String {
    match sps {
        [_, profile, constraints, level, ..] => {
            format!("avc1.{profile:02x}{constraints:02x}{level:02x}")
        }
        _ => "avc1".to_owned(),
    }
}

/// `hvc1.1.6.L93.B0` from the body of an `hvcC` box (ISO/IEC 14496-15 annex E.3).
pub fn hevc_rfc6381(hvcc: &[u8]) -> String {
    let Some(&[_, profile, c0, c1, c2, c3, ref constraints @ .., level]) = hvcc.first_chunk::<13>()
    else {
        return "hvc1".to_owned();
    };
    let space = ["", "A", "B", "C"][usize::from(profile >> 6)];
    let tier = if profile & 0x20 == 0 { 'L' } else { 'H' };
    let compatibility = u32::from_be_bytes([c0, c1, c2, c3]).reverse_bits();
    let used = constraints.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let mut text = format!("hvc1.{space}{}.{compatibility:X}.{tier}{level}", profile & 0x1f);
    for byte in &constraints[..used] {
        let _ = write!(text, ".{byte:X}"); // a String takes everything
    }
    text
}

/// How many luma samples one unit of cropping is (`SubWidthC` and `SubHeightC`, table 6-1 of either).
const fn chroma_units(chroma_format_idc: u32) -> (u32, u32) {
    match chroma_format_idc {
        1 => (2, 2),
        2 => (2, 1),
        _ => (1, 1),
    }
}

#[derive(Default)]
struct Crop {
    left: u32,
    right: u32,
    top: u32,
    bottom: u32,
}

impl Crop {
    fn read(bits: &mut Bits<'_>) -> Option<Self> {
        if bits.flag()? {
            Some(Self { left: bits.ue()?, right: bits.ue()?, top: bits.ue()?, bottom: bits.ue()? })
        } else {
            Some(Self::default())
        }
    }

    fn width(&self, unit: u32) -> Option<u32> {
        self.left.checked_add(self.right)?.checked_mul(unit)
    }

    fn height(&self, unit: u32) -> Option<u32> {
        self.top.checked_add(self.bottom)?.checked_mul(unit)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Hexadecimal digits to bytes.
    fn hex(text: &str) -> Vec<u8> {
        text.as_bytes()
            .chunks(2)
            .map(|two| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap())
            .collect()
    }

    fn show(sps: Option<Sps>) -> String {
        sps.map_or("unreadable".to_owned(), |sps| {
            let Sps { width, height, nominal_millifps, chroma_format_idc, bit_depth_luma, bit_depth_chroma } = sps;
            let fps = nominal_millifps.map_or(String::new(), |millifps| format!(" {millifps} mfps"));
            format!("{width}x{height}{fps} chroma {chroma_format_idc} bits {bit_depth_luma}/{bit_depth_chroma}")
        })
    }

    fn h264_text(text: &str) -> String {
        let nal = hex(text);
        format!("{} {}", h264_rfc6381(&nal), show(h264(&nal)))
    }

    #[test]
    fn parameter_sets_of_real_cameras_are_read() {
        // Dahua, from its SDP.
        insta::assert_snapshot!(h264_text("6764001eac2c6a82c0f69b828082a0000003002000000303d08000"), @"avc1.64001e 704x480 15000 mfps chroma 1 bits 8/8");
        // Foscam, from its SDP.
        insta::assert_snapshot!(h264_text("674d001f95a814016e40"), @"avc1.4d001f 1280x720 chroma 1 bits 8/8");
        // GeoVision, from its SDP.
        insta::assert_snapshot!(h264_text("674d403295a00a80307e266e020202800001f40000753042"), @"avc1.4d4032 2688x1520 30000 mfps chroma 1 bits 8/8");
        // GW Security, from its SDP.
        insta::assert_snapshot!(h264_text("674d002a95a81e0089f966e02020204000000001"), @"avc1.4d002a 1920x1080 chroma 1 bits 8/8");
        // Anpviz, from its SDP.
        insta::assert_snapshot!(h264_text("674d401f95a02c049a6c04"), @"avc1.4d401f 704x576 chroma 1 bits 8/8");
        // Hikvision, from its SDP.
        insta::assert_snapshot!(h264_text("674d00299a6403c0113f2cd404040500000303e80000ea6004"), @"avc1.4d0029 1920x1080 30000 mfps chroma 1 bits 8/8");
        // Macro-Video, from its SDP.
        insta::assert_snapshot!(h264_text("274de0288d6805005ba1000003000100000300280f1422a0"), @"avc1.4de028 1280x720 20000 mfps chroma 1 bits 8/8");
        // Reolink, from its SDP.
        insta::assert_snapshot!(h264_text("67640033ace802800b59"), @"avc1.640033 2560x1440 chroma 1 bits 8/8");
        // Ubiquiti, from its SDP.
        insta::assert_snapshot!(h264_text("674d402a8d8d403c0113f2e02dc040405000003e800015f909da08846a"), @"avc1.4d402a 1920x1080 45000 mfps chroma 1 bits 8/8");
        // VStarcam, from its SDP.
        insta::assert_snapshot!(h264_text("674d002a9da81e0089f966e02020280000030008000003007c20"), @"avc1.4d002a 1920x1080 7500 mfps chroma 1 bits 8/8");
        // H264DVR, from its SDP.
        insta::assert_snapshot!(h264_text("67420029963540f0044fcb37010101400000030040000007a1"), @"avc1.420029 1920x1080 15000 mfps chroma 1 bits 8/8");
    }

    #[test]
    fn h265_parameter_sets_of_real_cameras_are_read() {
        // Dahua, from its SDP.
        insta::assert_snapshot!(show(hevc(&hex("420101016000000300b0000003000003005aa0058201e1636b92452fcdc14181410000030001000003000ca1"))), @"704x480 chroma 1 bits 8/8");
        // TP-Link, from its SDP.
        insta::assert_snapshot!(show(hevc(&hex("42010101600000030000030000030000030096a001402005a1fe2ab4ee892ee680800dbba000cdfe6004"))), @"2560x1440 chroma 1 bits 8/8");
        // Anjvision, from its SDP.
        insta::assert_snapshot!(show(hevc(&hex("42010101400000030000030000030000030099a00280802c1fe5aee46c1ae551350506050080"))), @"1280x704 chroma 1 bits 8/8");
    }

    #[test]
    fn a_cut_parameter_set_is_unreadable_and_not_wrong() {
        let nal = hex("67640033ace802800b59");
        assert_eq!(h264(&nal[..6]), None, "the size is not there yet");
        assert_eq!(h264(&[]), None);
        assert_eq!(hevc(&[0x42]), None);
        assert_eq!(h264_rfc6381(&nal[..2]), "avc1", "what is not known is not told");
        assert_eq!(hevc_rfc6381(&[1, 1]), "hvc1", "what is not known is not told");
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..120), profile in 0_usize..4) {
            let mut nal = bytes.clone();
            let _ = (hevc(&nal), hevc_rfc6381(&nal), h264_rfc6381(&nal));
            if let Some(second) = nal.get_mut(1) {
                *second = [66, 100, 244, 118][profile];
            }
            let _ = h264(&nal);
            prop_assert_eq!(h264(&nal), h264(&nal));
        }
    }
}
