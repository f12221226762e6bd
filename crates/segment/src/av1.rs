//! What AV1 tells about itself: the sequence header (AV1 Bitstream & Decoding Process Specification, section 5.5), and where
//! decoding may begin (AV1 in ISOBMFF section 2.4).
//!
//! Only as far as files, players and people need it. What does not belong here: how units are framed (`obu`), pictures beyond
//! the first bits of their headers.

use bytes::{BufMut as _, Bytes, BytesMut};

use crate::bits::Bits;
use crate::obu::{self, Obu};
use crate::sample_entry;

/// What a sequence header tells. Several operating points may be told; this is the first, which is all that there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SequenceHeader {
    /// `seq_profile`: 0 Main, 1 High, 2 Professional.
    pub profile: u8,
    /// `seq_level_idx`: 0 is 2.0, 1 is 2.1, 4 is 3.0, 31 is without bounds.
    pub level_idx: u8,
    /// `seq_tier`: 0 Main, 1 High.
    pub tier: u8,
    /// What a sample is.
    pub color: Color,
    /// The widest picture.
    pub width: u16,
    /// The highest picture.
    pub height: u16,
    /// Pictures in 1000 seconds, where it tells.
    pub nominal_millifps: Option<u32>,
    /// Each picture is a keyframe, and its header says nothing of that.
    stills_only: bool,
}

/// `seq_choose_screen_content_tools`: the picture decides.
const SELECT_SCREEN_CONTENT_TOOLS: u32 = 2;

impl SequenceHeader {
    /// Reads what is inside the unit.
    pub fn read(payload: &[u8]) -> Option<Self> {
        let mut bits = Bits::new(payload);
        let profile = bits.u(3).filter(|profile| *profile <= 2)?;
        bits.flag()?; // still_picture
        let stills_only = bits.flag()?; // reduced_still_picture_header
        let (mut level_idx, mut tier, mut nominal_millifps) = (0, 0, None);
        if stills_only {
            level_idx = bits.u(5)?;
        } else {
            let mut delay_bits = None;
            if bits.flag()? {
                let told = u32::try_from(timing_info(&mut bits)?).ok();
                nominal_millifps = told.filter(|millifps| (1..=1_000_000).contains(millifps));
                if bits.flag()? {
                    delay_bits = Some(decoder_model_info(&mut bits)?);
                }
            }
            let display_delay = bits.flag()?;
            for point in 0..=bits.u(5)? {
                bits.u(12)?; // operating_point_idc
                let level = bits.u(5)?;
                let high = if level > 7 { bits.u(1)? } else { 0 };
                if point == 0 {
                    (level_idx, tier) = (level, high);
                }
                if let Some(delay_bits) = delay_bits
                    && bits.flag()?
                {
                    bits.skip(2 * delay_bits + 1)?;
                }
                if display_delay && bits.flag()? {
                    bits.u(4)?; // initial_display_delay_minus_1
                }
            }
        }
        let (width_bits, height_bits) = (bits.u(4)? + 1, bits.u(4)? + 1);
        let (width, height) = (bits.u(width_bits)? + 1, bits.u(height_bits)? + 1);
        if !stills_only && bits.flag()? {
            bits.u(7)?; // lengths of frame ids
        }
        bits.u(3)?; // use_128x128_superblock, enable_filter_intra, enable_intra_edge_filter
        if !stills_only {
            skip_inter_tools(&mut bits)?;
        }
        bits.u(3)?; // enable_superres, enable_cdef, enable_restoration
        let color = Color::read(&mut bits, profile)?;
        Some(Self {
            profile: u8::try_from(profile).ok()?,
            level_idx: u8::try_from(level_idx).ok()?,
            tier: u8::try_from(tier).ok()?,
            color,
            width: u16::try_from(width).ok()?,
            height: u16::try_from(height).ok()?,
            nominal_millifps,
            stills_only,
        })
    }

    /// ```text
    /// marker 1 = 1, version 7 = 1 | seq_profile 3, seq_level_idx_0 5
    /// seq_tier_0 1, high_bitdepth 1, twelve_bit 1, monochrome 1, chroma_subsampling_x 1, _y 1, chroma_sample_position 2
    /// reserved 3 = 0, initial_presentation_delay_present 1 = 0, reserved 4 = 0 | configOBUs: the sequence header
    /// ```
    /// AV1 in ISOBMFF section 2.3.
    fn configuration_record(&self, unit: &Obu<'_>) -> Bytes {
        let mut record = BytesMut::with_capacity(4 + 10 + unit.payload.len());
        record.put_u8(0x81);
        record.put_u8(self.profile << 5 | self.level_idx);
        let flags = [
            self.tier == 1,
            self.color.bit_depth > 8,
            self.color.bit_depth == 12,
            self.color.monochrome,
            self.color.subsampling_x,
            self.color.subsampling_y,
        ];
        let flags = flags.into_iter().fold(0, |byte, flag| byte << 1 | u8::from(flag));
        record.put_u8(flags << 2 | self.color.sample_position);
        record.put_u8(0);
        unit.put(&mut record);
        record.freeze()
    }
}

/// Pictures in 1000 seconds if they are told to be equally far apart, else 0.
fn timing_info(bits: &mut Bits<'_>) -> Option<u64> {
    let (units_in_tick, time_scale) = (u64::from(bits.u(32)?), u64::from(bits.u(32)?));
    if !bits.flag()? {
        return Some(0);
    }
    let ticks_per_picture = u64::from(bits.ue()?) + 1;
    Some((time_scale * 1000).checked_div(units_in_tick * ticks_per_picture).unwrap_or(0))
}

/// How many bits a delay of the decoder's buffer has.
fn decoder_model_info(bits: &mut Bits<'_>) -> Option<usize> {
    let delay_bits = bits.u(5)? + 1;
    bits.u(32)?; // num_units_in_decoding_tick
    bits.u(10)?; // lengths of two other fields
    usize::try_from(delay_bits).ok()
}

/// What pictures that need others may use.
fn skip_inter_tools(bits: &mut Bits<'_>) -> Option<()> {
    bits.u(4)?; // interintra and masked compound, warped motion, dual filter
    let order_hint = bits.flag()?;
    if order_hint {
        bits.u(2)?; // enable_jnt_comp, enable_ref_frame_mvs
    }
    let screen_content = if bits.flag()? { SELECT_SCREEN_CONTENT_TOOLS } else { bits.u(1)? };
    if screen_content > 0 && !bits.flag()? {
        bits.flag()?; // seq_force_integer_mv
    }
    if order_hint {
        bits.u(3)?; // order_hint_bits_minus_1
    }
    Some(())
}

/// How the samples of a stream are coded (`color_config`, section 5.5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Color {
    /// Bits of a sample.
    pub bit_depth: u8,
    /// No chroma.
    pub monochrome: bool,
    /// Half as many chroma samples in a row.
    pub subsampling_x: bool,
    /// Half as many rows of them.
    pub subsampling_y: bool,
    /// 0 not told, 1 between two rows, 2 on the first luma sample.
    pub sample_position: u8,
}

impl Color {
    /// Section 5.5.2.
    fn read(bits: &mut Bits<'_>, profile: u32) -> Option<Self> {
        /// `CP_BT_709`, `TC_SRGB`, `MC_IDENTITY`: red, green and blue instead of luma and chroma.
        const RGB: [u32; 3] = [1, 13, 0];
        let high = bits.flag()?;
        let bit_depth = match (high, profile == 2 && high && bits.flag()?) {
            (false, _) => 8,
            (true, false) => 10,
            (true, true) => 12,
        };
        let monochrome = profile != 1 && bits.flag()?;
        let described =
            if bits.flag()? { Some([bits.u(8)?, bits.u(8)?, bits.u(8)?]) } else { None };
        let of = |subsampling_x, subsampling_y, sample_position| Self {
            bit_depth,
            monochrome,
            subsampling_x,
            subsampling_y,
            sample_position,
        };
        if monochrome {
            bits.flag()?; // color_range
            return Some(of(true, true, 0));
        }
        if described == Some(RGB) {
            return Some(of(false, false, 0));
        }
        bits.flag()?; // color_range
        let (x, y) = match (profile, bit_depth) {
            (0, _) => (true, true),
            (1, _) => (false, false),
            (_, 12) => {
                let x = bits.flag()?;
                (x, x && bits.flag()?)
            }
            _ => (true, false),
        };
        let position = if x && y { bits.u(2)? } else { 0 };
        Some(of(x, y, u8::try_from(position).ok()?))
    }
}

/// The sequence header of a temporal unit, if one stands before its first picture.
fn sequence_header(unit: &[u8]) -> Option<Obu<'_>> {
    obu::units(unit)
        .take_while(|unit| !is_picture(unit))
        .find(|unit| unit.kind() == obu::SEQUENCE_HEADER)
}

fn is_picture(unit: &Obu<'_>) -> bool {
    matches!(unit.kind(), obu::FRAME | obu::FRAME_HEADER)
}

/// Whether there is a picture in a temporal unit.
pub fn has_picture(unit: &[u8]) -> bool {
    obu::units(unit).any(|unit| is_picture(&unit))
}

/// Whether decoding may begin with this temporal unit: a sequence header, and then a keyframe that is shown at once.
/// Keyframes that are shown later (`show_frame` 0) are none here; cameras have no use for them.
pub fn is_random_access_point(unit: &[u8]) -> bool {
    let Some(header) = sequence_header(unit) else { return false };
    let Some(header) = SequenceHeader::read(header.payload) else { return false };
    let Some(picture) = obu::units(unit).find(is_picture) else { return false };
    // show_existing_frame 1 = 0, frame_type 2 = KEY_FRAME, show_frame 1 = 1 (section 5.9.2)
    header.stills_only || picture.payload.first().is_some_and(|first| first >> 4 == 0b0001)
}

/// The sample entry of a track that begins with this temporal unit, and what its sequence header tells.
pub fn sample_entry(unit: &[u8]) -> Option<(Bytes, SequenceHeader)> {
    let unit = sequence_header(unit)?;
    let header = SequenceHeader::read(unit.payload)?;
    let record = header.configuration_record(&unit);
    Some((sample_entry::av01_from_av1c(&record, header.width, header.height), header))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tarsier_types::Codec;

    use super::*;

    /// 25 pictures of libaom at 10 fps, a keyframe each second; some temporal units hold pictures that are shown later.
    const STREAM: &[u8] = include_bytes!("../../../tests/fixtures/libaom_hidden_96x64.obu");

    fn hex(text: &str) -> Vec<u8> {
        let digits = text.as_bytes().chunks(2);
        digits
            .map(|two| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap())
            .collect()
    }

    /// The temporal units of a stream in which each begins with its delimiter.
    fn temporal_units(stream: &[u8]) -> Vec<Vec<u8>> {
        let mut found: Vec<BytesMut> = Vec::new();
        for unit in obu::units(stream) {
            match found.last_mut() {
                Some(last) if unit.kind() != obu::TEMPORAL_DELIMITER => unit.put(last),
                _ => found.push(BytesMut::new()),
            }
        }
        found.into_iter().map(Vec::from).collect()
    }

    /// The records are those that FFmpeg 5.1 wrote of them.
    #[test]
    fn sequence_headers_of_real_encoders_become_the_records_that_ffmpeg_writes() {
        let told = |unit: &str| {
            let unit = hex(unit);
            let (entry, header) = super::sample_entry(&unit)?;
            let record = sample_entry::av1c_of(&entry).unwrap();
            assert_eq!(record[4..], unit, "the sequence header follows the record");
            let head = u32::from_be_bytes(*record.first_chunk().unwrap());
            let text = sample_entry::video_parameters(entry, None).unwrap().rfc6381;
            let SequenceHeader { width, height, color, nominal_millifps, .. } = header;
            let fps = nominal_millifps.map_or(String::new(), |fps| format!(" {fps} mfps"));
            let depth = color.bit_depth;
            Some(format!("{head:08x} {text} {width}x{height} bits {depth}{fps}"))
        };
        let told = |unit| told(unit).unwrap_or_else(|| "unreadable".to_owned());
        // libaom.
        insta::assert_snapshot!(told("0a0a000000032dffcdaf9004"), @"81000c00 av01.0.00M.08 96x64 bits 8");
        // SVT-AV1.
        insta::assert_snapshot!(told("0a0a000000032dffc02f8004"), @"81000c00 av01.0.00M.08 96x64 bits 8");
        // SVT-AV1, 10 bits.
        insta::assert_snapshot!(told("0a0a0000000337f8e017c202"), @"81004c00 av01.0.00M.10 128x72 bits 10");
        // SVT-AV1, large, with its colours.
        insta::assert_snapshot!(told("0a0c00000062efbfe1bc02f80040"), @"810c0c00 av01.0.12M.08 3840x2160 bits 8");
        // rav1e, 4:4:4.
        insta::assert_snapshot!(told("0a0d200000f9960c2210a902020250"), @"813f0000 av01.1.31M.08 66x34 bits 8");
        // libaom, 12 bits.
        insta::assert_snapshot!(told("0a0b400000032c184daf963080"), @"81406c00 av01.2.00M.12 66x34 bits 12");
        // libaom, 4:2:2, 10 bits.
        insta::assert_snapshot!(told("0a0a400000032c184daf9408"), @"81404800 av01.2.00M.10 66x34 bits 10");
        // libaom, red, green and blue.
        insta::assert_snapshot!(told("0a0d200000032c184daf92021a0040"), @"81200000 av01.1.00M.08 66x34 bits 8");
        // libaom, no colour.
        insta::assert_snapshot!(told("0a0a000000032c184daf92a0"), @"81001c00 av01.0.00M.08 66x34 bits 8");
        // libaom, a still.
        insta::assert_snapshot!(told("0a07186627fb3b4010"), @"81010c00 av01.0.01M.08 640x360 bits 8");
        // libaom, and FFmpeg wrote the rate of pictures into it.
        insta::assert_snapshot!(told("0a13040000000400000066800000196ffe6d7c8020"), @"81000c00 av01.0.00M.08 96x64 bits 8 12500 mfps");
    }

    #[test]
    fn decoding_begins_at_keyframes_that_are_shown() {
        let units = temporal_units(STREAM);
        let keyframes: Vec<usize> =
            (0..units.len()).filter(|at| is_random_access_point(&units[*at])).collect();
        assert_eq!((units.len(), keyframes), (25, vec![0, 10, 20]));
        assert!(units.iter().all(|unit| has_picture(unit)));
        let (entry, _) = super::sample_entry(&units[10]).unwrap();
        let told = sample_entry::video_parameters(entry, None).unwrap();
        assert_eq!((told.codec, told.width, told.height), (Codec::Av1, 96, 64));
        assert_eq!(super::sample_entry(&units[9]), None, "no sequence header");

        let [header, picture] = [hex("0a0a000000032dffcdaf9004"), vec![0x32, 2, 0x10, 0]];
        assert!(is_random_access_point(&[&header[..], &picture].concat()));
        assert!(!is_random_access_point(&picture), "nobody knows the sequence");
        assert!(!is_random_access_point(&[&picture[..], &header].concat()), "too late");
        for other in [0x00, 0x30, 0x50, 0x90] {
            let unit = [&header[..], &[0x32, 2, other, 0]].concat();
            assert!(!is_random_access_point(&unit), "{other:#x}");
        }
        assert!(!has_picture(&header));
    }

    #[test]
    fn a_cut_sequence_header_is_unreadable_and_not_wrong() {
        let whole = hex("000000032dffcdaf9004");
        assert!(SequenceHeader::read(&whole).is_some());
        for length in 0..whole.len() - 1 {
            assert_eq!(SequenceHeader::read(&whole[..length]), None, "{length} bytes");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(data in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = SequenceHeader::read(&data);
            let _ = (is_random_access_point(&data), has_picture(&data));
            if let Some((entry, header)) = super::sample_entry(&data) {
                let told = sample_entry::video_parameters(entry, None).unwrap();
                prop_assert_eq!((told.width, told.height), (header.width, header.height));
            }
        }
    }
}
