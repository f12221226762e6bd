//! A session's packets as units, whoever puts them together: retina where it knows how the pictures are coded, and we for
//! AV1, which retina 0.4.21 does not know. retina's own ways for the sound cannot be fed from outside, so then the sound is
//! put together here, too.
//!
//! Connection, order of packets, timestamps and reports are retina's in both cases. What does not belong here: what units mean.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures::Stream as _;
use retina::client::{Demuxed, PacketItem, Playing, Session, Stream};
use retina::codec::{CodecItem, ParametersRef};
use retina::rtcp::ReceivedCompoundPacket;
use retina::rtp::ReceivedPacket;
use tarsier_rtp::Received;
use tarsier_rtp::audio::AacFrames;
use tarsier_rtp::av1::{Assembled, Assembly};
use tarsier_types::Codec;

use super::tracks::{AudioTrack, SoundFrames, VideoTrack};

/// What comes out of a session.
pub(super) enum Item {
    Picture(Frame),
    Sound {
        frame: Frame,
        /// How many samples of each channel the camera put into it.
        samples: u32,
    },
    Report(ReceivedCompoundPacket),
    /// A unit could not be read, and was left out.
    Broken {
        lost: u32,
    },
}

/// A picture, or a piece of sound.
pub(super) struct Frame {
    /// In ticks of the track's clock, unwrapped.
    pub(super) timestamp: i64,
    /// Packets that were missing since the frame before.
    pub(super) lost: u32,
    /// The parameter sets may have changed with it.
    pub(super) has_new_parameters: bool,
    pub(super) data: Bytes,
}

/// A playing session.
pub(super) enum Units {
    Retinas(Demuxed),
    Ours(Box<Ours>),
}

impl Units {
    pub(super) fn new(
        session: Session<Playing>,
        video: &VideoTrack,
        audio: Option<&AudioTrack>,
    ) -> Result<Self, retina::Error> {
        if video.codec != Codec::Av1 {
            return session.demuxed().map(Self::Retinas);
        }
        let sound = audio.map(|audio| (audio.stream, SoundPackets::of(audio, session.streams())));
        let (video, pictures, done) = (video.stream, Assembly::default(), VecDeque::new());
        Ok(Self::Ours(Box::new(Ours { session, video, pictures, sound, done })))
    }

    /// As the camera describes them.
    pub(super) fn streams(&self) -> &[Stream] {
        match self {
            Self::Retinas(session) => session.streams(),
            Self::Ours(ours) => ours.session.streams(),
        }
    }

    /// What comes next; nothing once the camera has ended the session.
    pub(super) fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Item, retina::Error>>> {
        match self {
            Self::Retinas(session) => loop {
                let item = match ready!(Pin::new(&mut *session).poll_next(cx)) {
                    Some(Ok(item)) => of_retina(item),
                    Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                    None => return Poll::Ready(None),
                };
                if let Some(item) = item {
                    return Poll::Ready(Some(Ok(item)));
                }
            },
            Self::Ours(ours) => ours.poll_next(cx),
        }
    }
}

/// Nothing for what nobody asked for.
fn of_retina(item: CodecItem) -> Option<Item> {
    match item {
        CodecItem::VideoFrame(frame) => Some(Item::Picture(Frame {
            timestamp: frame.timestamp().elapsed(),
            lost: frame.loss().into(),
            has_new_parameters: frame.has_new_parameters(),
            data: frame.into_data().into(),
        })),
        CodecItem::AudioFrame(frame) => Some(Item::Sound {
            samples: frame.frame_length().get(),
            frame: Frame {
                timestamp: frame.timestamp().elapsed(),
                lost: frame.loss().into(),
                has_new_parameters: false,
                data: Bytes::copy_from_slice(frame.data()),
            },
        }),
        CodecItem::Rtcp(packet) => Some(Item::Report(packet)),
        _ => None,
    }
}

/// Packets that are put together here.
pub(super) struct Ours {
    session: Session<Playing>,
    /// Index of the stream.
    video: usize,
    pictures: Assembly,
    sound: Option<(usize, SoundPackets)>,
    done: VecDeque<Item>,
}

/// How packets of sound become frames.
enum SoundPackets {
    Aac {
        frames: AacFrames,
        /// In each frame.
        samples: u32,
    },
    /// A byte is a sample.
    Companded { channels: u16 },
}

impl SoundPackets {
    fn of(audio: &AudioTrack, streams: &[Stream]) -> Self {
        match &audio.frames {
            SoundFrames::Companded(..) => Self::Companded { channels: audio.parameters.channels },
            SoundFrames::AsSent => {
                let told = match streams[audio.stream].parameters() {
                    Some(ParametersRef::Audio(told)) => told.frame_length(),
                    _ => None,
                };
                // ISO/IEC 14496-3: 1024 if the configuration does not say 960.
                let samples = told.map_or(1024, std::num::NonZeroU32::get);
                Self::Aac { frames: AacFrames::default(), samples }
            }
        }
    }

    /// Nothing if it makes no sense.
    fn take(&mut self, packet: &Received<'_>) -> Option<Vec<Item>> {
        let frame = |index: usize, samples: u32, data: Bytes| {
            let behind = i64::from(samples) * i64::try_from(index).unwrap_or(0);
            let timestamp = packet.timestamp.saturating_add(behind);
            let lost = if index == 0 { packet.lost } else { 0 };
            Item::Sound {
                samples,
                frame: Frame { timestamp, lost, has_new_parameters: false, data },
            }
        };
        match self {
            Self::Aac { frames, samples } => {
                let frames = frames.push(packet)?.into_iter().enumerate();
                Some(frames.map(|(index, data)| frame(index, *samples, data.into())).collect())
            }
            Self::Companded { channels } => {
                let samples = packet.payload.len() / usize::from((*channels).max(1));
                let samples = u32::try_from(samples).ok().filter(|samples| *samples > 0)?;
                Some(vec![frame(0, samples, Bytes::copy_from_slice(packet.payload))])
            }
        }
    }
}

impl Ours {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Item, retina::Error>>> {
        loop {
            if let Some(item) = self.done.pop_front() {
                return Poll::Ready(Some(Ok(item)));
            }
            match ready!(Pin::new(&mut self.session).poll_next(cx)) {
                Some(Ok(PacketItem::Rtp(packet))) => self.take(&packet),
                Some(Ok(PacketItem::Rtcp(packet))) => self.done.push_back(Item::Report(packet)),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
    }

    fn take(&mut self, packet: &ReceivedPacket) {
        let received = Received {
            timestamp: packet.timestamp().elapsed(),
            marker: packet.mark(),
            lost: packet.loss().into(),
            payload: packet.payload(),
        };
        if packet.stream_id() == self.video {
            self.pictures.handle(&received);
            while let Some(assembled) = self.pictures.poll() {
                self.done.push_back(match assembled {
                    // The sequence header is in the stream alone: each keyframe may have another one.
                    Assembled::Unit { timestamp, lost, data } => {
                        Item::Picture(Frame { timestamp, lost, has_new_parameters: true, data })
                    }
                    Assembled::GivenUp { lost } => Item::Broken { lost },
                });
            }
        } else if let Some((stream, sound)) = &mut self.sound
            && packet.stream_id() == *stream
        {
            match sound.take(&received) {
                Some(frames) => self.done.extend(frames),
                None => self.done.push_back(Item::Broken { lost: received.lost }),
            }
        }
    }
}
