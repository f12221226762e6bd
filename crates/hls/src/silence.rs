//! Brain: a frame of silence, as each coding writes it.
//!
//! A player shows no picture whose sound is missing. So what has not come in time is silence, and only such sound is sent
//! for which there is one.
//!
//! ```text
//! AAC   a frame of AAC-LC with nothing in it but its end, one channel or two (tried with FFmpeg at 8 to 48 kHz)
//! FLAC  sync fff8 | 7 block size in 16 bits, 0 rate as STREAMINFO | channels - 1, 4 16 bits and a zero | number 0 |
//!       size - 1 | CRC-8 | for each channel: 00 constant, 0000 | CRC-16                            (RFC 9639 section 9)
//! Opus  20 ms of CELT, silent, as RFC 6716 section 3.1 writes its first byte
//! ```
//! What does not belong here: when there is silence ([`crate::cut`]).

use bytes::Bytes;
use tarsier_segment::sample_entry;
use tarsier_types::{AudioParameters, Codec, Ticks};

/// A frame of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Silence {
    pub(crate) data: Bytes,
    pub(crate) span: Ticks,
}

impl Silence {
    /// For sound like that.
    pub(crate) fn of(audio: &AudioParameters) -> Option<Self> {
        let (data, samples) = match audio.codec {
            Codec::Aac => (aac(audio)?, 1024),
            Codec::Flac => flac(sample_entry::streaminfo_of(&audio.sample_entry)?)?,
            Codec::Opus => (Bytes::from_static(&[0xf8, 0xff, 0xfe]), 960),
            _ => return None,
        };
        let rate_hz = i64::from(audio.sample_rate_hz);
        let span = Ticks((samples * Ticks::PER_SECOND).checked_div(rate_hz)?);
        (span.0 > 0).then_some(Self { data, span })
    }
}

fn aac(audio: &AudioParameters) -> Option<Bytes> {
    const ONE: &[u8] = &[0x00, 0xc8, 0x00, 0x80, 0x23, 0x80];
    const TWO: &[u8] = &[0x21, 0x00, 0x49, 0x90, 0x02, 0x19, 0x00, 0x23, 0x80];
    match (audio.rfc6381.as_str(), audio.channels) {
        ("mp4a.40.2", 1) => Some(Bytes::from_static(ONE)),
        ("mp4a.40.2", 2) => Some(Bytes::from_static(TWO)),
        _ => None,
    }
}

/// A frame as long as all others of the stream, and how many samples that is.
fn flac(streaminfo: &[u8]) -> Option<(Bytes, i64)> {
    let [least, most] = [0, 2].map(|at| streaminfo.get(at..at + 2));
    let block = u16::from_be_bytes(*least?.first_chunk()?);
    let bits = u16::from_be_bytes(*streaminfo.get(12..14)?.first_chunk()?);
    let (channels, is_16_bits) = ((bits >> 9) & 7, (bits >> 4) & 0x1f == 15);
    if least != most || block < 16 || !is_16_bits {
        return None;
    }
    let assignment = u8::try_from(channels << 4).ok()? | 0x08;
    let mut frame = vec![0xff, 0xf8, 0x70, assignment, 0];
    frame.extend_from_slice(&(block - 1).to_be_bytes());
    let crc8 = u8::try_from(crc(&frame, 8, 0x07)).ok()?;
    frame.push(crc8);
    frame.resize(frame.len() + 3 * (usize::from(channels) + 1), 0);
    let crc16 = crc(&frame, 16, 0x8005);
    frame.extend_from_slice(&crc16.to_be_bytes());
    Some((Bytes::from(frame), i64::from(block)))
}

/// A checksum of that many bits (RFC 9639 sections 9.1.8 and 9.3).
fn crc(bytes: &[u8], width: u32, polynomial: u16) -> u16 {
    let (top, mask) = (1 << (width - 1), u16::MAX >> (16 - width));
    bytes.iter().fold(0, |crc: u16, byte| {
        (0..8).fold(crc ^ (u16::from(*byte) << (width - 8)), |crc, _| {
            let shifted = (crc << 1) & mask;
            if crc & top == 0 { shifted } else { shifted ^ polynomial }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn audio(sample_entry: Bytes) -> AudioParameters {
        sample_entry::audio_parameters(sample_entry).expect("a sample entry")
    }

    fn streaminfo(channels: u8, bits: u8) -> [u8; 34] {
        let mut info = [0; 34];
        info[..4].copy_from_slice(&[2, 0, 2, 0]); // blocks of 512
        let rate_and_more =
            (8000_u64 << 44) | (u64::from(channels - 1) << 41) | (u64::from(bits - 1) << 36);
        info[10..18].copy_from_slice(&rate_and_more.to_be_bytes());
        info
    }

    #[test]
    fn a_decoder_reads_silence_from_flac() {
        for channels in [1, 2] {
            let info = streaminfo(channels, 16);
            let silence =
                Silence::of(&audio(sample_entry::flac(&info, 8000, channels.into(), 16))).unwrap();
            assert_eq!(silence.span, Ticks::from_millis(64));
            let mut file = b"fLaC\x80\0\0\x22".to_vec();
            file.extend_from_slice(&info);
            for _ in 0..3 {
                file.extend_from_slice(&silence.data);
            }
            let mut reader = claxon::FlacReader::new(&file[..]).unwrap();
            let samples: Vec<i32> = reader.samples().map(|sample| sample.unwrap()).collect();
            assert_eq!(samples, vec![0; 3 * 512 * usize::from(channels)]);
        }
    }

    #[test]
    fn there_is_silence_for_what_cameras_send_and_none_for_the_rest() {
        let span_ms = |entry| Some(Silence::of(&audio(entry))?.span.to_millis());
        assert_eq!(span_ms(sample_entry::mp4a(&[0x14, 0x08], 16_000, 1)), Some(64));
        assert_eq!(span_ms(sample_entry::mp4a(&[0x12, 0x10], 44_100, 2)), Some(23));
        assert_eq!(span_ms(sample_entry::mp4a(&[0x12, 0x30], 44_100, 6)), None, "5.1 channels");
        assert_eq!(span_ms(sample_entry::mp4a(&[0x2b, 0x08], 24_000, 1)), None, "HE-AAC");
        assert_eq!(span_ms(sample_entry::opus(1, 312, 48_000)), Some(20));
        let wide = sample_entry::flac(&streaminfo(1, 24), 8000, 1, 24);
        assert_eq!(span_ms(wide), None, "24 bits");
    }
}
