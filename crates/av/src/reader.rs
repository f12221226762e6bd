//! Hands: the thread that sits in libav. Opens, reads, hands packets to the brain and its events to the source.
//!
//! What does not belong here: what packets mean (`assembly`), what errors mean (`fail`).

use std::sync::Arc;
use std::time::Duration;

use ffmpeg_next::Error;
use ffmpeg_next::error::EAGAIN;
use tarsier_ingest::{Anomaly, SourceError};
use tarsier_types::{Clock, Mono};
use tarsier_wire::Problem;
use tokio::sync::mpsc;

use crate::assembly::{Assembly, Zero};
use crate::burst::{Arrival, Delivery};
use crate::fail::{Ending, Stage, source_error};
use crate::libav::{Demuxer, StreamFacts, StreamMedium};
use crate::location::{Location, SOCKET_TIMEOUT};
use crate::source::{Message, Timeouts};
use crate::watch::Watch;

/// HLS comes segment by segment, of 10 s at most by common practice, and the playlist must be asked for in between.
const SEGMENTS_PICTURES: Duration = Duration::from_secs(30);
/// So many unreadable packets in a row are no hiccup any more (guess).
const MAX_GARBLED: u32 = 100;
/// TEARDOWN: written, not waited for.
const FAREWELL: Duration = Duration::from_millis(500);

/// Lives on a thread of its own.
pub(crate) struct Reader {
    location: Location,
    timeouts: Timeouts,
    watch: Arc<Watch>,
    sender: mpsc::Sender<Message>,
}

/// Nobody listens any more.
struct Gone;

impl Reader {
    pub(crate) fn new(
        location: Location,
        timeouts: Timeouts,
        watch: Arc<Watch>,
        sender: mpsc::Sender<Message>,
    ) -> Self {
        Self { location, timeouts, watch, sender }
    }

    /// Until it fails or is told to stop.
    pub(crate) fn run(self) {
        if let Err(error) = self.play() {
            // If nobody listens, nobody wants to know.
            let _ = self.sender.blocking_send(Message::Failed(error));
        }
    }

    fn play(&self) -> Result<(), SourceError> {
        let watch = &self.watch;
        let began = watch.clock().mono();
        watch.arm(began + self.timeouts.open);
        let mut demuxer = Demuxer::open(&self.location, watch).map_err(|error| {
            // libav's RTSP reader calls it invalid data when its socket has waited in vain.
            let waited = watch.clock().mono().since(began);
            let ending = if waited >= SOCKET_TIMEOUT { Ending::Expired } else { self.ending() };
            source_error(error, Stage::Opening, ending, &self.location)
        })?;
        let played = self.read(&mut demuxer);
        watch.grant(FAREWELL);
        drop(demuxer);
        played
    }

    fn read(&self, demuxer: &mut Demuxer) -> Result<(), SourceError> {
        let format = demuxer.format_name();
        let Streams { video, audio } = streams(demuxer.streams())?;
        let is_segments = format == "hls";
        let delivery = if is_segments { Delivery::SEGMENTS } else { Delivery::LIVE };
        let zero = if format == "rtsp" { Zero::Apart } else { Zero::Common };
        let mut assembly =
            Assembly::new(&video, audio.as_ref(), zero, delivery).ok_or_else(|| SourceError {
                problem: Problem::CodecNotSupported,
                other_engine: false,
                detail: format!("libav: {} cannot be recorded", video.codec_name),
            })?;
        if let Some(audio) = audio.as_ref().filter(|_| !assembly.has_sound()) {
            tracing::warn!(
                codec = audio.codec_name,
                "sound in a coding that is not recorded is left out"
            );
        }
        let sound = audio.as_ref().filter(|_| assembly.has_sound()).and_then(|audio| audio.codec);
        if self.say(Message::Opened { sound }).is_err() {
            return Ok(());
        }
        let (video, audio) = (video.index, audio.map(|audio| audio.index));
        let watch = &self.watch;
        let clock = watch.clock();
        let stall = if is_segments {
            self.timeouts.pictures.max(SEGMENTS_PICTURES)
        } else {
            self.timeouts.pictures
        };
        let mut last_picture = clock.mono();
        let mut garbled = 0;
        let end = loop {
            if watch.is_stopped() {
                return Ok(());
            }
            watch.arm(last_picture + stall);
            let asked = clock.mono();
            match demuxer.read() {
                Ok(packet) => {
                    garbled = 0;
                    let now = clock.mono();
                    let arrival = Arrival { mono: now, utc: clock.utc(), waited: now.since(asked) };
                    if packet.stream == video {
                        last_picture = now;
                        assembly.picture(&packet, arrival);
                    } else if Some(packet.stream) == audio {
                        assembly.sound(&packet, arrival);
                    }
                }
                Err(Error::Other { errno: EAGAIN }) if !watch.has_expired() => {}
                Err(Error::InvalidData) if !watch.has_expired() && garbled < MAX_GARBLED => {
                    garbled += 1;
                    assembly.anomaly(Anomaly::BrokenUnit);
                }
                Err(error) => break error,
            }
            if self.hand_out(&mut assembly, &mut last_picture).is_err() {
                return Ok(());
            }
            // On its first timeout the RTSP reader flushes its parser and reports success: what it gave is good, but
            // the stall is real.
            if watch.has_expired() {
                break Error::Exit;
            }
        };
        if watch.is_stopped() {
            return Ok(());
        }
        assembly.finish();
        match self.hand_out(&mut assembly, &mut last_picture) {
            Ok(()) => Err(source_error(end, Stage::Playing, self.ending(), &self.location)),
            Err(Gone) => Ok(()),
        }
    }

    fn hand_out(&self, assembly: &mut Assembly, last_picture: &mut Mono) -> Result<(), Gone> {
        while let Some(event) = assembly.poll() {
            self.say(Message::Event(event))?;
            // Time that was spent waiting for whoever listens is not the camera's.
            let now = self.watch.clock().mono();
            *last_picture = (*last_picture).max(now);
        }
        Ok(())
    }

    fn say(&self, message: Message) -> Result<(), Gone> {
        self.sender.blocking_send(message).map_err(|_| Gone)
    }

    fn ending(&self) -> Ending {
        if self.watch.has_expired() { Ending::Expired } else { Ending::ByItself }
    }
}

struct Streams {
    video: StreamFacts,
    audio: Option<StreamFacts>,
}

/// The first pictures that can be recorded (else the first at all, to say what they are), and the first sound that
/// can.
fn streams(all: &[StreamFacts]) -> Result<Streams, SourceError> {
    let of = |kind: StreamMedium| all.iter().filter(move |stream| stream.kind == kind);
    let best = |kind: StreamMedium| {
        of(kind).find(|stream| stream.codec.is_some()).or_else(|| of(kind).next())
    };
    let video = best(StreamMedium::Video).cloned().ok_or_else(|| SourceError {
        problem: Problem::NoVideo,
        other_engine: false,
        detail: format!("libav found {} streams, and no pictures among them", all.len()),
    })?;
    Ok(Streams { video, audio: best(StreamMedium::Audio).cloned() })
}
