//! libav itself: opening an input, what its streams are, its packets. Everything that ffmpeg-next does not wrap
//! is read here, so that all `unsafe` of the product stands in one file, but that of a card's memory (`card`).
//!
//! What does not belong here: what a packet means (`pictures`, `sound`), threads, policy.
#![expect(unsafe_code, reason = "fields of libav's structures that ffmpeg-next does not wrap")]

use std::sync::{Arc, Once};

use bytes::Bytes;
use ffmpeg_next as ffmpeg;
use ffmpeg_next::codec::Id;
use ffmpeg_next::codec::packet::side_data::Type as SideDataKind;
use ffmpeg_next::ffi;
use ffmpeg_next::format::context::{Input, StreamIo};
use ffmpeg_next::media;
use tarsier_types::{Codec, Ticks};

use crate::location::Location;
use crate::watch::Watch;

/// libav writes to standard error on its own, whole URLs with passwords among it: it is silenced before its first use.
pub(crate) fn init() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        ffmpeg::log::set_level(ffmpeg::log::Level::Quiet);
        // Only fills the table of error texts; cannot fail.
        let _ = ffmpeg::init();
    });
}

/// What a stream of an input is.
#[derive(Clone, Debug)]
pub(crate) struct StreamFacts {
    pub(crate) index: usize,
    pub(crate) kind: StreamMedium,
    /// None: nothing that a file of ours can hold.
    pub(crate) codec: Option<Codec>,
    /// As libav names the coding, for the log.
    pub(crate) codec_name: String,
    /// What the container says ahead of the first packet: `avcC`, `hvcC`, Annex B, an ASC, `OpusHead`; may be empty.
    pub(crate) extradata: Bytes,
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) sample_rate_hz: u32,
    pub(crate) channels: u16,
    pub(crate) millifps: Option<u32>,
    /// Pictures that are decoded before they are shown.
    pub(crate) reorder_depth: u32,
    timebase: Timebase,
}

/// Picture, sound, or what we have no use for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StreamMedium {
    Video,
    Audio,
    Other,
}

/// Length of a container's tick, in seconds, as a fraction.
#[derive(Clone, Copy, Debug)]
struct Timebase {
    numerator: i64,
    denominator: i64,
}

/// No time is beyond this (1500 years): a container may say what it likes, and sums of some must stay within 64 bits.
const MOST_TICKS: i64 = 1 << 52;

impl Timebase {
    /// The one conversion to our ticks, rounded to the nearest.
    fn ticks(self, value: i64) -> i64 {
        let scaled =
            i128::from(value) * i128::from(self.numerator) * i128::from(Ticks::PER_SECOND) * 2;
        let denominator = i128::from(self.denominator.max(1));
        let ticks = (scaled + denominator).div_euclid(denominator * 2);
        let most = i128::from(MOST_TICKS);
        i64::try_from(ticks.clamp(-most, most)).expect("it lies between the two")
    }
}

/// One packet, times in ticks of 1/90 000 s.
#[derive(Clone, Debug)]
pub(crate) struct RawPacket {
    pub(crate) stream: usize,
    pub(crate) pts: Option<i64>,
    pub(crate) dts: Option<i64>,
    pub(crate) duration: i64,
    pub(crate) is_keyframe: bool,
    pub(crate) is_corrupt: bool,
    pub(crate) data: Bytes,
    /// The container changed what it says ahead of the packets.
    pub(crate) new_extradata: Option<Bytes>,
}

/// An open input. Lives on one thread.
pub(crate) struct Demuxer {
    input: Input,
    streams: Vec<StreamFacts>,
}

impl Demuxer {
    /// Opens and looks into a place; ends when `watch` says so.
    pub(crate) fn open(location: &Location, watch: &Arc<Watch>) -> Result<Self, ffmpeg::Error> {
        init();
        if location.has_nul() {
            return Err(ffmpeg::Error::Other { errno: ffmpeg::error::EINVAL });
        }
        let mut options = ffmpeg::Dictionary::new();
        for (key, value) in &location.options {
            options.set(key, value.expose());
        }
        let asked = Arc::clone(watch);
        let url = location.url.expose();
        let input = ffmpeg::format::input_with_interrupt_and_dictionary(
            url,
            move || asked.must_abort(),
            options,
        )?;
        Ok(Self::of(input))
    }

    /// Opens bytes in memory.
    pub(crate) fn open_bytes(bytes: Bytes, watch: &Arc<Watch>) -> Result<Self, ffmpeg::Error> {
        init();
        let io = StreamIo::from_read_seek(std::io::Cursor::new(bytes))?;
        // Bytes that somebody else wrote must not make libav read anything else (a playlist would).
        let mut options = ffmpeg::Dictionary::new();
        options.set("protocol_whitelist", "none");
        let asked = Arc::clone(watch);
        let abort = move || asked.must_abort();
        let input =
            ffmpeg::format::input_from_stream_with_interrupt(io, None, Some(options), abort)?;
        Ok(Self::of(input))
    }

    fn of(input: Input) -> Self {
        let streams = input.streams().map(|stream| facts(&stream)).collect();
        Self { input, streams }
    }

    pub(crate) fn streams(&self) -> &[StreamFacts] {
        &self.streams
    }

    /// libav's name of the container, such as `rtsp`, `hls`, `mpegts`.
    pub(crate) fn format_name(&self) -> String {
        self.input.format().name().to_owned()
    }

    /// What a decoder of that stream starts with. Its threads share a picture and hold none back.
    pub(crate) fn decoder(
        &self,
        stream: usize,
        threads: usize,
    ) -> Result<ffmpeg::decoder::Video, ffmpeg::Error> {
        let parameters =
            self.input.stream(stream).ok_or(ffmpeg::Error::StreamNotFound)?.parameters();
        let mut context = ffmpeg::codec::Context::from_parameters(parameters)?;
        context.set_threading(ffmpeg::threading::Config {
            count: threads.max(1),
            ..ffmpeg::threading::Config::kind(ffmpeg::threading::Type::Slice)
        });
        if context.id() == Id::AV1 {
            // dav1d knows no such threads, and holds pictures back unless it is told so.
            context.set_flags(ffmpeg::codec::Flags::LOW_DELAY);
        }
        context.decoder().video()
    }

    /// Waits for the next packet.
    pub(crate) fn read(&mut self) -> Result<RawPacket, ffmpeg::Error> {
        // A packet that is used twice leaks its first payload (`Packet::read` takes no reference away).
        let mut packet = ffmpeg::Packet::empty();
        packet.read(&mut self.input)?;
        let stream = packet.stream();
        // A stream can appear late (AVFMTCTX_NOHEADER); it is no stream that we asked for.
        let timebase = self
            .streams
            .get(stream)
            .map_or(Timebase { numerator: 1, denominator: 90_000 }, |facts| facts.timebase);
        let new_extradata = packet
            .side_data()
            .find(|side| side.kind() == SideDataKind::NewExtraData)
            .map(|side| Bytes::copy_from_slice(side.data()));
        Ok(RawPacket {
            stream,
            pts: packet.pts().map(|pts| timebase.ticks(pts)),
            dts: packet.dts().map(|dts| timebase.ticks(dts)),
            duration: timebase.ticks(packet.duration()),
            is_keyframe: packet.is_key(),
            is_corrupt: packet.is_corrupt(),
            data: Bytes::copy_from_slice(packet.data().unwrap_or_default()),
            new_extradata,
        })
    }
}

/// What a decoder of sound must know, where no container tells it.
pub(crate) struct SoundFacts<'a> {
    pub(crate) codec: Codec,
    /// An `AudioSpecificConfig`, a STREAMINFO.
    pub(crate) extradata: &'a [u8],
    pub(crate) rate_hz: u32,
    pub(crate) channels: u16,
}

/// Opens a decoder of sound.
pub(crate) fn sound_decoder(
    facts: &SoundFacts<'_>,
) -> Result<ffmpeg::decoder::Audio, ffmpeg::Error> {
    init();
    let id = match facts.codec {
        Codec::Aac => Id::AAC,
        Codec::Flac => Id::FLAC,
        _ => return Err(ffmpeg::Error::DecoderNotFound),
    };
    let codec = ffmpeg::decoder::find(id).ok_or(ffmpeg::Error::DecoderNotFound)?;
    let mut context = ffmpeg::codec::Context::new_with_codec(codec);
    let length = i32::try_from(facts.extradata.len()).map_err(|_| ffmpeg::Error::InvalidData)?;
    let rate = i32::try_from(facts.rate_hz).map_err(|_| ffmpeg::Error::InvalidData)?;
    let padding = usize::try_from(ffi::AV_INPUT_BUFFER_PADDING_SIZE).unwrap_or(64);
    // SAFETY: the context is ours alone and not yet open. The memory is libav's own, as it wants to free it, holds the
    // bytes that are copied into it, and zeros behind them, which decoders may read.
    unsafe {
        let raw = &mut *context.as_mut_ptr();
        let memory = ffi::av_mallocz(facts.extradata.len() + padding).cast::<u8>();
        if memory.is_null() {
            return Err(ffmpeg::Error::Other { errno: ffmpeg::error::ENOMEM });
        }
        memory.copy_from_nonoverlapping(facts.extradata.as_ptr(), facts.extradata.len());
        (raw.extradata, raw.extradata_size) = (memory, length);
        raw.sample_rate = rate;
        ffi::av_channel_layout_default(&raw mut raw.ch_layout, i32::from(facts.channels));
    }
    context.decoder().audio()
}

/// Reads what libav found out about a stream.
fn facts(stream: &ffmpeg::format::stream::Stream<'_>) -> StreamFacts {
    let parameters = stream.parameters();
    let id = parameters.id();
    let timebase = stream.time_base();
    // SAFETY: `parameters` keeps the format context alive, which owns the AVCodecParameters that the pointer leads
    // to; libav changes them only within calls on that context, and no call is made while we read. `extradata` is
    // null or an allocation of at least `extradata_size` bytes.
    let (extradata, width, height, sample_rate, channels, delay) = unsafe {
        let raw = &*parameters.as_ptr();
        let length = usize::try_from(raw.extradata_size).unwrap_or(0);
        let extradata = if raw.extradata.is_null() || length == 0 {
            Bytes::new()
        } else {
            Bytes::copy_from_slice(std::slice::from_raw_parts(raw.extradata, length))
        };
        (
            extradata,
            raw.width,
            raw.height,
            raw.sample_rate,
            raw.ch_layout.nb_channels,
            raw.video_delay,
        )
    };
    StreamFacts {
        index: stream.index(),
        kind: match parameters.medium() {
            media::Type::Video => StreamMedium::Video,
            media::Type::Audio => StreamMedium::Audio,
            _ => StreamMedium::Other,
        },
        codec: codec_of(id),
        codec_name: id.name().to_owned(),
        extradata,
        width: u32::try_from(width).unwrap_or(0),
        height: u32::try_from(height).unwrap_or(0),
        sample_rate_hz: u32::try_from(sample_rate).unwrap_or(0),
        channels: u16::try_from(channels).unwrap_or(0),
        millifps: millifps(stream.avg_frame_rate()),
        reorder_depth: u32::try_from(delay).unwrap_or(0),
        timebase: Timebase {
            numerator: i64::from(timebase.numerator()),
            denominator: i64::from(timebase.denominator()),
        },
    }
}

/// Pictures in 1000 seconds, if the rate is one that a camera can have.
fn millifps(rate: ffmpeg::Rational) -> Option<u32> {
    let (numerator, denominator) = (i64::from(rate.numerator()), i64::from(rate.denominator()));
    let millis = (numerator * 1000).checked_div(denominator)?;
    u32::try_from(millis).ok().filter(|millis| (1..=240_000).contains(millis))
}

fn codec_of(id: Id) -> Option<Codec> {
    match id {
        Id::H264 => Some(Codec::H264),
        Id::HEVC => Some(Codec::Hevc),
        Id::AV1 => Some(Codec::Av1),
        Id::MJPEG => Some(Codec::Mjpeg),
        Id::AAC => Some(Codec::Aac),
        Id::OPUS => Some(Codec::Opus),
        Id::FLAC => Some(Codec::Flac),
        Id::PCM_ALAW => Some(Codec::PcmAlaw),
        Id::PCM_MULAW => Some(Codec::PcmMulaw),
        _ => None,
    }
}

#[cfg(test)]
impl RawPacket {
    /// As libav hands it on, in ticks of the container.
    pub(crate) fn with_stamps(self, pts: Option<i64>, dts: Option<i64>) -> Self {
        let timebase = Timebase { numerator: 1, denominator: 90_000 };
        let ticks = |stamp: Option<i64>| stamp.map(|stamp| timebase.ticks(stamp));
        Self { pts: ticks(pts), dts: ticks(dts), ..self }
    }
}

#[cfg(test)]
impl StreamFacts {
    /// A stream of which only that is known.
    pub(crate) fn of_kind(
        kind: StreamMedium,
        codec: Codec,
        extradata: Bytes,
        millifps: Option<u32>,
    ) -> Self {
        Self {
            index: 0,
            kind,
            codec: Some(codec),
            codec_name: codec.name().to_owned(),
            extradata,
            width: 64,
            height: 64,
            sample_rate_hz: 0,
            channels: 0,
            millifps,
            reorder_depth: 0,
            timebase: Timebase { numerator: 1, denominator: 90_000 },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_containers_ticks_become_ours() {
        let millis = Timebase { numerator: 1, denominator: 1000 };
        assert_eq!(millis.ticks(40), 3600);
        assert_eq!(millis.ticks(-40), -3600);
        let sound = Timebase { numerator: 1, denominator: 48_000 };
        assert_eq!(sound.ticks(1024), 1920);
        assert_eq!(
            Timebase { numerator: 1, denominator: 44_100 }.ticks(1024),
            2090,
            "2089.8 rounds up"
        );
        let seconds = Timebase { numerator: 1, denominator: 1 };
        for (value, most) in [(i64::MAX, MOST_TICKS), (i64::MIN, -MOST_TICKS)] {
            assert_eq!(seconds.ticks(value), most, "sums of it overflow nothing");
        }
    }

    #[test]
    fn a_rate_that_no_camera_has_is_none() {
        assert_eq!(millifps(ffmpeg::Rational(25, 1)), Some(25_000));
        assert_eq!(millifps(ffmpeg::Rational(30_000, 1001)), Some(29_970));
        assert_eq!(millifps(ffmpeg::Rational(0, 0)), None);
        assert_eq!(
            millifps(ffmpeg::Rational(90_000, 1)),
            None,
            "a timebase that was taken for a rate"
        );
    }

    #[test]
    fn libav_is_silent() {
        init();
        assert!(matches!(ffmpeg::log::get_level(), Ok(ffmpeg::log::Level::Quiet)));
    }
}
