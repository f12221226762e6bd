//! One picture out of fragmented MP4 in memory, as JPEG or PNG. Nothing touches a disk.
//!
//! Packets of the GOP that the picture is in are kept, those before it are not even decoded.
//!
//! What does not belong here: where the bytes come from.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ffmpeg_next as ffmpeg;
use ffmpeg_next::format::Pixel;
use ffmpeg_next::frame::Video as Frame;
use ffmpeg_next::software::scaling;
use tarsier_types::{Clock, Mono, SystemClock, Ticks};

use crate::libav::{Demuxer, RawPacket, StreamMedium};
use crate::watch::Watch;

/// No camera has more pixels in a row; a file that says so is broken.
const MAX_SIDE: u32 = 16_384;

/// How the picture is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StillFormat {
    /// JPEG, full range, 4:2:0.
    Jpeg {
        /// 1 (worst) to 100, on the scale that the Independent JPEG Group made common.
        quality: u8,
    },
    /// PNG, 24 bits a pixel.
    Png,
}

/// Which picture, and how.
#[derive(Clone, Copy, Debug)]
pub struct StillRequest {
    /// The last picture shown at or before this time of the file (its first one, if all are later); none: its last one.
    pub at: Option<Ticks>,
    /// Scaled down to this width at most, keeping its shape.
    pub max_width: Option<u32>,
    /// JPEG or PNG.
    pub format: StillFormat,
    /// How long it may take.
    pub timeout: Duration,
}

/// A picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Still {
    /// The coded file.
    pub data: Bytes,
    /// Its width in pixels.
    pub width: u32,
    /// Its height in pixels.
    pub height: u32,
    /// When the picture is shown, on the file's own timeline.
    pub at: Ticks,
}

/// Why there is no still.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StillError {
    /// The bytes are no MP4, or hold no video.
    #[error("the input holds no video: {why}")]
    NoVideo {
        /// libav's short text, or ours.
        why: String,
    },
    /// Not one picture could be decoded.
    #[error("no picture could be decoded: {why}")]
    NoPicture {
        /// libav's short text, or ours.
        why: String,
    },
    /// Scaling or encoding failed.
    #[error("the picture could not be encoded: {why}")]
    Encode {
        /// libav's short text.
        why: String,
    },
    /// It took too long.
    #[error("the picture was not ready within {} ms", timeout.as_millis())]
    TooSlow {
        /// The time that it was given.
        timeout: Duration,
    },
}

/// Decodes one picture of `file` (`ftyp moov [moof mdat]…`) and encodes it.
pub fn still(file: Bytes, request: &StillRequest, clock: SystemClock) -> Result<Still, StillError> {
    let watch = Arc::new(Watch::new(clock));
    let deadline = clock.mono() + request.timeout;
    watch.arm(deadline);
    let made = attempt(file, request, &watch, deadline);
    match made {
        Err(_) if clock.mono() >= deadline => Err(StillError::TooSlow { timeout: request.timeout }),
        made => made,
    }
}

fn attempt(
    file: Bytes,
    request: &StillRequest,
    watch: &Arc<Watch>,
    deadline: Mono,
) -> Result<Still, StillError> {
    let no_video = |why: &dyn std::fmt::Display| StillError::NoVideo { why: why.to_string() };
    let mut demuxer = Demuxer::open_bytes(file, watch).map_err(|error| no_video(&error))?;
    let index = demuxer
        .streams()
        .iter()
        .find(|stream| stream.kind == StreamMedium::Video)
        .ok_or_else(|| no_video(&"no video stream"))?
        .index;
    // One picture is wanted: more threads would only take memory.
    let decoder = demuxer.decoder(index, 1).map_err(|error| no_video(&error))?;
    let packets = gop_of(&mut demuxer, index, request.at);
    let frame = Decoding { decoder, watch, deadline }.last_until(packets, request.at)?;
    encode(&frame, request)
}

/// The packets from the last keyframe at or before `at` on, with as many after `at` as reordering may want.
fn gop_of(demuxer: &mut Demuxer, stream: usize, at: Option<Ticks>) -> Vec<RawPacket> {
    let at = at.map_or(i64::MAX, |at| at.0);
    let mut packets: Vec<RawPacket> = Vec::new();
    // Any error ends the file: what stands before it can still be shown.
    while let Ok(packet) = demuxer.read() {
        if packet.stream != stream {
            continue;
        }
        let shown = packet.pts.or(packet.dts).unwrap_or(0);
        if packet.is_keyframe && shown <= at {
            packets.clear();
        } else if packet.dts.is_some_and(|dts| dts > at) && !packets.is_empty() {
            // Decoded later than wanted, so shown later too (composition offsets that are negative only ever
            // concern pictures behind this one).
            if packet.pts.is_none_or(|pts| pts > at) {
                break;
            }
        }
        packets.push(packet);
    }
    packets
}

struct Decoding<'a> {
    decoder: ffmpeg::decoder::Video,
    watch: &'a Watch,
    deadline: Mono,
}

impl Decoding<'_> {
    /// The last picture shown at or before `at`, else the first one.
    fn last_until(
        mut self,
        packets: Vec<RawPacket>,
        at: Option<Ticks>,
    ) -> Result<Frame, StillError> {
        let mut best = Best { at: at.map_or(i64::MAX, |at| at.0), frame: None };
        let mut failure = "no keyframe".to_owned();
        for packet in packets {
            if self.watch.clock().mono() >= self.deadline {
                break;
            }
            let mut sent = ffmpeg::Packet::copy(&packet.data);
            sent.set_pts(packet.pts);
            sent.set_dts(packet.dts);
            if let Err(error) = self.decoder.send_packet(&sent) {
                failure = error.to_string();
            }
            self.receive(&mut best);
        }
        // Decoders hold pictures back until they know the order.
        if self.decoder.send_eof().is_ok() {
            self.receive(&mut best);
        }
        best.frame.ok_or(StillError::NoPicture { why: failure })
    }

    fn receive(&mut self, best: &mut Best) {
        loop {
            let mut frame = Frame::empty();
            if self.decoder.receive_frame(&mut frame).is_err() {
                return;
            }
            best.offer(frame);
        }
    }
}

/// Frames come in showing order.
struct Best {
    at: i64,
    frame: Option<Frame>,
}

impl Best {
    fn offer(&mut self, frame: Frame) {
        let in_time = frame.timestamp().is_none_or(|shown| shown <= self.at);
        if in_time || self.frame.is_none() {
            self.frame = Some(frame);
        }
    }
}

fn encode(frame: &Frame, request: &StillRequest) -> Result<Still, StillError> {
    let failed = |error: ffmpeg::Error| StillError::Encode { why: error.to_string() };
    let (width, height) = size_of(frame, request.max_width)?;
    let (pixel, id) = match request.format {
        StillFormat::Jpeg { .. } => (Pixel::YUVJ420P, ffmpeg::codec::Id::MJPEG),
        StillFormat::Png => (Pixel::RGB24, ffmpeg::codec::Id::PNG),
    };
    let flags = scaling::Flags::BICUBIC | scaling::Flags::ACCURATE_RND;
    let mut scaler = scaling::Context::get(
        frame.format(),
        frame.width(),
        frame.height(),
        pixel,
        width,
        height,
        flags,
    )
    .map_err(failed)?;
    let mut picture = Frame::empty();
    scaler.run(frame, &mut picture).map_err(failed)?;
    picture.set_pts(Some(0));

    let codec = ffmpeg::encoder::find(id).ok_or(ffmpeg::Error::EncoderNotFound).map_err(failed)?;
    let mut encoder =
        ffmpeg::codec::Context::new_with_codec(codec).encoder().video().map_err(failed)?;
    encoder.set_width(width);
    encoder.set_height(height);
    encoder.set_format(pixel);
    encoder.set_time_base(ffmpeg::Rational(1, 90_000));
    let mut options = ffmpeg::Dictionary::new();
    options.set("threads", "1");
    if let StillFormat::Jpeg { quality } = request.format {
        let scale = quantiser(quality).to_string();
        options.set("qmin", &scale);
        options.set("qmax", &scale);
    }
    let mut encoder = encoder.open_as_with(codec, options).map_err(failed)?;
    encoder.send_frame(&picture).map_err(failed)?;
    encoder.send_eof().map_err(failed)?;
    let mut packet = ffmpeg::Packet::empty();
    encoder.receive_packet(&mut packet).map_err(failed)?;
    let data = Bytes::copy_from_slice(packet.data().unwrap_or_default());
    Ok(Still { data, width, height, at: Ticks(frame.timestamp().unwrap_or(0)) })
}

/// The shown size: with square pixels, even sides, and at most the width that was asked for.
fn size_of(frame: &Frame, max_width: Option<u32>) -> Result<(u32, u32), StillError> {
    let (width, height) = (frame.width(), frame.height());
    if !(1..=MAX_SIDE).contains(&width) || !(1..=MAX_SIDE).contains(&height) {
        return Err(StillError::NoPicture {
            why: format!("{width}x{height} is no size of a picture"),
        });
    }
    let aspect = frame.aspect_ratio();
    let aspect = (i64::from(aspect.numerator()), i64::from(aspect.denominator()));
    Ok(shown_size((width, height), aspect, max_width))
}

pub(crate) fn shown_size(
    (width, height): (u32, u32),
    (across, down): (i64, i64),
    max_width: Option<u32>,
) -> (u32, u32) {
    // Sample aspect ratios beyond 4:1 stand in no table of H.264 or H.265; such a one is an error.
    let is_sane = across > 0 && down > 0 && across <= 4 * down && down <= 4 * across;
    let (across, down) = if is_sane { (across, down) } else { (1, 1) };
    let even = |value: i64| u32::try_from(value.max(2) & !1).unwrap_or(MAX_SIDE);
    let shown = i64::from(width) * across / down;
    let limited = max_width.map_or(shown, |most| shown.min(i64::from(most.max(16))));
    if limited == i64::from(width) && shown == limited {
        return (width, height);
    }
    (even(limited), even((i64::from(height) * limited + shown / 2) / shown.max(1)))
}

/// The IJG scale in libav's terms. IJG scales its tables by `(200 - 2 * quality) %`, below 50 by
/// `5000 / quality %`; libav scales much the same tables by `q / 8`.
fn quantiser(quality: u8) -> u8 {
    let quality = u32::from(quality.clamp(1, 100));
    let eighths = if quality >= 50 { (200 - 2 * quality) * 8 / 100 } else { 400 / quality };
    u8::try_from(eighths.clamp(1, 31)).unwrap_or(31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_still_is_never_larger_than_asked_and_keeps_its_shape() {
        assert_eq!(shown_size((1920, 1080), (1, 1), None), (1920, 1080));
        assert_eq!(shown_size((1920, 1080), (0, 1), Some(640)), (640, 360));
        assert_eq!(shown_size((640, 360), (1, 1), Some(1920)), (640, 360), "never scaled up");
        assert_eq!(
            shown_size((704, 576), (12, 11), None),
            (768, 576),
            "a substream with pixels that are not square"
        );
        assert_eq!(shown_size((640, 480), (1, 1000), None), (640, 480), "nonsense is not believed");
        assert_eq!(
            shown_size((1921, 1081), (1, 1), None),
            (1921, 1081),
            "odd sides are kept where nothing is scaled"
        );
    }

    #[test]
    fn better_quality_is_a_finer_quantiser() {
        assert_eq!([100, 90, 80, 50, 13, 1].map(quantiser), [1, 1, 3, 8, 30, 31]);
        assert!((1..100).all(|quality| quantiser(quality) >= quantiser(quality + 1)));
    }
}
