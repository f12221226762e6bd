//! Sample entry boxes: how a track is coded, as `stsd` wants it.
//!
//! ```text
//! video  size | type | reserved 6 | data_reference_index u16 = 1 | reserved 16 | width u16 | height u16
//!        | resolution 2 x u32 = 72 dpi | reserved u32 | frame_count u16 = 1 | compressorname 32 | depth u16 = 24 | -1
//!        | configuration box                                    ISO/IEC 14496-12 section 12.1.3
//! audio  size | type | reserved 6 | data_reference_index u16 = 1 | reserved 8 | channels u16 | bits u16
//!        | reserved u32 | sample rate 16.16 | configuration box     ISO/IEC 14496-12 section 12.2.3
//! ```
//! A sample entry is the one truth about a track: [`video_parameters`] and [`audio_parameters`] read all else from it,
//! so a file that is found again has the very parameters that it was written with.
//!
//! What does not belong here: finding parameter sets in a stream (`ingest`).

mod config;
mod read;

use bytes::Bytes;

use crate::boxes::Writer;
use crate::sps::{self, Sps};
pub use read::{
    aac_config_of, audio_parameters, av1c_of, avcc_of, hvcc_of, parameter_nals, streaminfo_of,
    video_parameters,
};

const H265_VPS: u8 = 32;
const H265_SPS: u8 = 33;
const H265_PPS: u8 = 34;

/// `avc1` from one SPS and one PPS (NAL units with their header bytes).
pub fn avc1(sps: &[u8], pps: &[u8], width: u16, height: u16) -> Bytes {
    avc1_from_avcc(&config::avcc(sps, pps), width, height)
}

/// `avc1` from an `AVCDecoderConfigurationRecord` (the body of `avcC`; the sequence header of FLV).
pub fn avc1_from_avcc(avcc: &[u8], width: u16, height: u16) -> Bytes {
    video(*b"avc1", (width, height), |w| w.boxed(*b"avcC", |w| w.bytes(avcc)))
}

/// `hvc1` from an `HEVCDecoderConfigurationRecord` (the body of `hvcC`).
pub fn hvc1_from_hvcc(hvcc: &[u8], width: u16, height: u16) -> Bytes {
    video(*b"hvc1", (width, height), |w| w.boxed(*b"hvcC", |w| w.bytes(hvcc)))
}

/// An `HEVCDecoderConfigurationRecord` from one VPS, SPS and PPS (NAL units with their headers).
pub fn hvcc(vps: &[u8], sps: &[u8], pps: &[u8]) -> Bytes {
    config::hvcc(vps, sps, pps)
}

/// `av01` from an `AV1CodecConfigurationRecord` (the body of `av1C`).
pub fn av01_from_av1c(av1c: &[u8], width: u16, height: u16) -> Bytes {
    video(*b"av01", (width, height), |w| w.boxed(*b"av1C", |w| w.bytes(av1c)))
}

/// `mp4v` that says Motion JPEG: each access unit is one JPEG picture.
pub fn mjpeg(width: u16, height: u16) -> Bytes {
    video(*b"mp4v", (width, height), |w| {
        config::esds(w, config::OBJECT_JPEG, config::STREAM_VIDEO, None);
    })
}

/// `mp4a` from an `AudioSpecificConfig` (ISO/IEC 14496-3 section 1.6.2.1).
pub fn mp4a(asc: &[u8], rate_hz: u32, channels: u16) -> Bytes {
    audio(*b"mp4a", rate_hz, channels, 16, |w| {
        config::esds(w, config::OBJECT_AAC, config::STREAM_AUDIO, Some(asc));
    })
}

/// `fLaC` from the 34 bytes of STREAMINFO (RFC 9639 section 8.2).
pub fn flac(streaminfo: &[u8; 34], rate_hz: u32, channels: u16, bits: u16) -> Bytes {
    audio(*b"fLaC", rate_hz, channels, bits, |w| {
        w.full(*b"dfLa", 0, 0, |w| {
            w.bytes(&[0x80, 0, 0, 34]); // the last metadata block, STREAMINFO
            w.bytes(streaminfo);
        });
    })
}

/// `Opus`: always timed in 48 kHz; `pre_skip` samples of it are to be thrown away at the beginning,
/// `input_rate_hz` is only told. One or two channels (mapping family 0, RFC 7845 section 5.1.1).
pub fn opus(channels: u8, pre_skip: u16, input_rate_hz: u32) -> Bytes {
    audio(*b"Opus", 48_000, u16::from(channels), 16, |w| {
        w.boxed(*b"dOps", |w| {
            w.u8(0);
            w.u8(channels);
            w.u16(pre_skip);
            w.u32(input_rate_hz);
            w.u16(0); // gain
            w.u8(0); // mapping family
        });
    })
}

/// Width and height of an H.264 SPS.
pub fn h264_dimensions(sps: &[u8]) -> Option<(u16, u16)> {
    sps::h264(sps).map(|sps| (sps.width, sps.height))
}

/// Width and height of an H.265 SPS.
pub fn hevc_dimensions(sps: &[u8]) -> Option<(u16, u16)> {
    sps::hevc(sps).map(|Sps { width, height, .. }| (width, height))
}

fn video(kind: [u8; 4], (width, height): (u16, u16), config: impl FnOnce(&mut Writer)) -> Bytes {
    let mut w = Writer::with_capacity(256);
    w.boxed(kind, |w| {
        w.zeros(6);
        w.u16(1);
        w.zeros(16);
        w.u16(width);
        w.u16(height);
        w.u32(72 << 16);
        w.u32(72 << 16);
        w.u32(0);
        w.u16(1);
        w.zeros(32);
        w.u16(24);
        w.u16(u16::MAX);
        config(w);
    });
    w.into_bytes()
}

fn audio(
    kind: [u8; 4],
    rate_hz: u32,
    channels: u16,
    bits: u16,
    config: impl FnOnce(&mut Writer),
) -> Bytes {
    let mut w = Writer::with_capacity(128);
    w.boxed(kind, |w| {
        w.zeros(6);
        w.u16(1);
        w.zeros(8);
        w.u16(channels);
        w.u16(bits);
        w.u32(0);
        // A rate above 65 535 Hz does not fit: the configuration box tells it.
        w.u32(u32::from(u16::try_from(rate_hz).unwrap_or(0)) << 16);
        config(w);
    });
    w.into_bytes()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tarsier_types::Codec;

    use super::*;
    use crate::nal::{annex_b_units, h264_type, hevc_type};

    const H264: &[u8] = include_bytes!("../../../../tests/fixtures/x264_bframes_64x64.h264");
    const H265: &[u8] = include_bytes!("../../../../tests/fixtures/x265_main_64x64.hevc");

    fn nals(
        stream: &'static [u8],
        kind: fn(&[u8]) -> Option<u8>,
        wanted: &[u8],
    ) -> Vec<&'static [u8]> {
        wanted
            .iter()
            .filter_map(|wanted| annex_b_units(stream).find(|nal| kind(nal) == Some(*wanted)))
            .collect()
    }

    #[test]
    fn h264_is_told_in_full_and_read_back() {
        let sets = nals(H264, h264_type, &[7, 8]);
        assert_eq!(h264_dimensions(sets[0]), Some((64, 64)));
        let entry = avc1(sets[0], sets[1], 64, 64);
        let told = video_parameters(entry.clone(), Some(10_000)).unwrap();
        assert_eq!(
            (told.codec, told.rfc6381.as_str(), told.width, told.height),
            (Codec::H264, "avc1.64000a", 64, 64)
        );
        assert_eq!(
            parameter_nals(&entry).unwrap(),
            sets,
            "the parameter sets come out as they went in"
        );
        let record = avcc_of(&entry).unwrap();
        assert_eq!(avc1_from_avcc(record, 64, 64), entry, "both ways to make it agree");
        assert_eq!(
            record[record.len() - 4..],
            [0xfd, 0xf8, 0xf8, 0],
            "High has 4:2:0 and 8 bits behind the sets"
        );
    }

    #[test]
    fn h265_is_told_in_full_and_read_back() {
        let sets = nals(H265, hevc_type, &[32, 33, 34]);
        assert_eq!(hevc_dimensions(sets[1]), Some((64, 64)));
        let record = hvcc(sets[0], sets[1], sets[2]);
        let entry = hvc1_from_hvcc(&record, 64, 64);
        let told = video_parameters(entry.clone(), None).unwrap();
        assert_eq!((told.codec, told.rfc6381.as_str()), (Codec::Hevc, "hvc1.1.6.L30.90"));
        assert_eq!(
            parameter_nals(&entry).unwrap(),
            sets,
            "the parameter sets come out as they went in"
        );
        assert_eq!(hvcc_of(&entry), Some(&record[..]));
    }

    #[test]
    fn sound_is_told_in_full_and_read_back() {
        let told = |entry: Bytes| {
            let told = audio_parameters(entry).unwrap();
            (told.codec, told.rfc6381, told.sample_rate_hz, told.channels)
        };
        assert_eq!(
            told(mp4a(&[0x14, 0x08], 16_000, 1)),
            (Codec::Aac, "mp4a.40.2".to_owned(), 16_000, 1)
        );
        assert_eq!(
            told(mp4a(&[0xf8, 0xe6], 8000, 1)).1,
            "mp4a.40.39",
            "an object type over 31 is escaped"
        );
        assert_eq!(aac_config_of(&mp4a(&[0x14, 0x08], 16_000, 1)), Some(&[0x14, 0x08][..]));
        assert_eq!(aac_config_of(&opus(2, 312, 44_100)), None, "that is no AAC");
        assert_eq!(told(opus(2, 312, 44_100)), (Codec::Opus, "opus".to_owned(), 48_000, 2));
        let mut streaminfo = [0; 34];
        streaminfo[10..13].copy_from_slice(&[0x17, 0x70, 0x00]);
        assert_eq!(
            told(flac(&streaminfo, 96_000, 1, 16)),
            (Codec::Flac, "flac".to_owned(), 96_000, 1)
        );
        assert_eq!(streaminfo_of(&flac(&streaminfo, 96_000, 1, 16)), Some(&streaminfo[..]));
        assert_eq!(streaminfo_of(&opus(2, 312, 44_100)), None, "that is no FLAC");
    }

    #[test]
    fn motion_jpeg_and_av1_have_entries_too() {
        let jpeg = video_parameters(mjpeg(640, 480), None).unwrap();
        assert_eq!((jpeg.codec, jpeg.width, jpeg.height), (Codec::Mjpeg, 640, 480));
        let av1 =
            video_parameters(av01_from_av1c(&[0x81, 0x08, 0x0c, 0], 1920, 1080), None).unwrap();
        assert_eq!((av1.codec, av1.rfc6381.as_str()), (Codec::Av1, "av01.0.08M.08"));
    }

    proptest! {
        #[test]
        fn no_damage_makes_it_panic(at in 0_usize..400, value: u8, length in 0_usize..400) {
            let sets = nals(H265, hevc_type, &[32, 33, 34]);
            for entry in [
                avc1(sets[1], sets[2], 1, 1),
                hvc1_from_hvcc(&hvcc(sets[0], sets[1], sets[2]), 1, 1),
                mp4a(&[0x14, 0x08], 16_000, 1),
                flac(&[0; 34], 8000, 1, 16),
            ] {
                let mut bytes = entry.to_vec();
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = value;
                }
                bytes.truncate(length);
                let _ = parameter_nals(&bytes);
                let bytes = Bytes::from(bytes);
                if let Some(told) = video_parameters(bytes.clone(), None) {
                    prop_assert_eq!(told.sample_entry, bytes.clone());
                }
                let _ = audio_parameters(bytes);
            }
        }
    }
}
