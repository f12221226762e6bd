//! A camera's RTSP session as a source, read by retina.
//!
//! What does not belong here: opening (`rtsp::open`), what a track is coded with (`rtsp::tracks`), units out of packets
//! (`rtsp::units`), times (`timeline`, `sync`), what to do when it fails.
//!
//! Known limits of retina 0.4.21, all harmless for nearly every camera: no RTCP receiver reports, out-of-order UDP
//! datagrams are lost, one SPS and one PPS at a time (a camera that alternates is handed to the other engine).

mod open;
mod tracks;
mod units;

use std::collections::VecDeque;
use std::future::Future as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use retina::client::SessionGroup;
use retina::rtcp::ReceivedCompoundPacket;
use tarsier_types::{
    AccessUnit, CameraUrl, Clock, Codec, Credentials, Dts, Mono, ParameterSets, Ticks, Track,
    Transport, VideoParameters,
};
use tarsier_wire::Problem;

use crate::problem::{self, Login, Stage};
use crate::redact::Redactor;
use crate::source::{Anomaly, Source, SourceError, SourceEvent};
use crate::sync::{LipSync, SenderClock};
use crate::timeline::Timeline;
use tracks::{AudioTrack, SoundFrames, VideoTrack};
use units::{Frame, Item, Units};

/// Errors over packets that cannot be read, one after another with nothing between them, after which the session is given up.
const MAX_BROKEN: u32 = 200;
/// How long a polite farewell may take.
const FAREWELL: Duration = Duration::from_secs(1);

/// How long each step may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Without an answer for so long, the host is asked whether it is there at all.
    pub connect: Duration,
    /// From the first packet to the answer to PLAY.
    pub open: Duration,
    /// From PLAY to the first keyframe, and from picture to picture afterwards.
    pub pictures: Duration,
}

impl Default for Timeouts {
    /// SPEC section 4: a zombie is found within 10 s.
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            open: Duration::from_secs(10),
            pictures: Duration::from_secs(10),
        }
    }
}

/// A playing session. Must be dropped within the tokio runtime that opened it (retina says TEARDOWN from a task).
pub struct RtspSource {
    session: Units,
    group: Arc<SessionGroup>,
    clock: Arc<dyn Clock>,
    redactor: Redactor,
    video: VideoTrack,
    audio: Option<AudioTrack>,
    timeline: Timeline,
    sync: LipSync,
    events: VecDeque<SourceEvent>,
    patience_for_pictures: Duration,
    last_picture: Mono,
    liveness: Pin<Box<tokio::time::Sleep>>,
    broken_in_a_row: u32,
}

impl std::fmt::Debug for RtspSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RtspSource").field("video", &self.video.codec).finish_non_exhaustive()
    }
}

impl RtspSource {
    /// Connects, DESCRIBE, SETUP of the pictures and of the sound if it can be stored, PLAY.
    pub async fn open(
        url: &CameraUrl,
        credentials: Option<&Credentials>,
        transport: Transport,
        clock: impl Clock + 'static,
        timeouts: Timeouts,
    ) -> Result<Self, SourceError> {
        open::open(url, credentials, transport, Arc::new(clock), timeouts).await
    }

    /// How the camera codes its sound, if it has any that is read.
    pub fn sound_as_sent(&self) -> Option<Codec> {
        self.audio.as_ref().map(AudioTrack::as_sent)
    }

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Result<SourceEvent, SourceError>> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Poll::Ready(Ok(event));
            }
            match self.session.poll_next(cx) {
                Poll::Ready(Some(Ok(item))) => self.take(item)?,
                Poll::Ready(Some(Err(error))) => self.survive(&error)?,
                Poll::Ready(None) => {
                    return Poll::Ready(Err(ended("the camera ended the session")));
                }
                Poll::Pending => return self.poll_liveness(cx).map(Err),
            }
        }
    }

    /// Pictures, not bytes, are life: a camera that sends sound and RTCP alone is a zombie.
    fn poll_liveness(&mut self, cx: &mut Context<'_>) -> Poll<SourceError> {
        while self.liveness.as_mut().poll(cx).is_ready() {
            let silent = self.clock.mono().since(self.last_picture);
            let Some(left) =
                self.patience_for_pictures.checked_sub(silent).filter(|left| !left.is_zero())
            else {
                let detail = format!("no picture for {} s", silent.as_secs());
                return Poll::Ready(SourceError {
                    problem: Problem::NoPictures,
                    other_engine: false,
                    detail,
                });
            };
            self.liveness.as_mut().reset(tokio::time::Instant::now() + left);
        }
        Poll::Pending
    }

    fn take(&mut self, item: Item) -> Result<(), SourceError> {
        match item {
            Item::Picture(frame) => self.picture(frame)?,
            Item::Sound { frame, samples } => self.sound(frame, samples),
            Item::Report(packet) => self.report(&packet),
            Item::Broken { lost } => {
                self.lost(lost);
                self.anomaly(Anomaly::BrokenUnit);
            }
        }
        Ok(())
    }

    fn picture(&mut self, frame: Frame) -> Result<(), SourceError> {
        let arrived = self.clock.mono();
        self.lost(frame.lost);
        let Some(picture) = self.video.picture(&frame.data) else {
            self.anomaly(Anomaly::BrokenUnit);
            return Ok(());
        };
        let is_keyframe = picture.is_keyframe();
        self.broken_in_a_row = 0;
        self.last_picture = arrived;
        if frame.has_new_parameters || !self.is_running() {
            self.video.reread = true;
        }
        if is_keyframe && self.video.reread {
            self.parameters(&frame.data)?;
        }
        if !self.is_running() {
            self.before_keyframe();
            return Ok(());
        }
        let utc = self.clock.utc();
        let begins = self.video.begins_run(picture);
        if begins {
            self.events.push_back(SourceEvent::NewRun { zero: utc });
        } else if !self.video.has_begun() {
            self.before_keyframe();
            return Ok(());
        } else if self.video.is_undecodable(picture) {
            return Ok(());
        }
        let raw = Ticks(frame.timestamp);
        let placed = self.timeline.place(raw, arrived, is_keyframe);
        if let Some(anomaly) = placed.anomaly {
            self.anomaly(anomaly);
        }
        self.events.push_back(SourceEvent::Unit(AccessUnit {
            track: Track::Video,
            pts: placed.pts,
            dts: placed.dts,
            duration: placed.duration,
            is_keyframe,
            arrived: utc,
            data: frame.data,
        }));
        Ok(())
    }

    /// At a keyframe: what units are decoded with from here on.
    fn parameters(&mut self, keyframe: &[u8]) -> Result<(), SourceError> {
        let stream = &self.session.streams()[self.video.stream];
        let Some(parameters) = self.video.read_parameters(stream, keyframe)? else {
            return Ok(());
        };
        let changed = self.is_running();
        self.video.set_parameters(parameters.clone())?;
        if changed {
            self.anomaly(Anomaly::ParametersChanged);
        } else {
            self.timeline = Timeline::new(parameters.nominal_millifps);
        }
        self.events.push_back(SourceEvent::Parameters(self.parameter_sets(parameters)));
        Ok(())
    }

    fn parameter_sets(&self, video: VideoParameters) -> ParameterSets {
        ParameterSets { video, audio: self.audio.as_ref().map(|audio| audio.parameters.clone()) }
    }

    fn sound(&mut self, frame: Frame, samples: u32) {
        let Some(audio) = &mut self.audio else { return };
        if !self.video.has_begun() {
            return;
        }
        let (arrived, utc) = (self.clock.mono(), self.clock.utc());
        if frame.lost > 0 {
            self.events.push_back(SourceEvent::Anomaly(Anomaly::PacketsLost(frame.lost)));
        }
        let stamp = frame.timestamp;
        let frames = match &mut audio.frames {
            SoundFrames::AsSent => vec![(stamp, frame.data)],
            SoundFrames::Companded(_, sound) => {
                let blocks = sound.push(stamp, &frame.data);
                blocks.into_iter().map(|block| (block.start, block.data.into())).collect()
            }
        };
        for (start, data) in frames {
            let length = audio.length(samples);
            let raw = audio.ticks(start);
            let Some(placed) = self.sync.place(raw, length, arrived, &self.timeline) else {
                continue;
            };
            if let Some(anomaly) = placed.anomaly {
                self.events.push_back(SourceEvent::Anomaly(anomaly));
            }
            self.events.push_back(SourceEvent::Unit(AccessUnit {
                track: Track::Audio,
                pts: placed.pts,
                dts: Dts(placed.pts.0),
                duration: length,
                is_keyframe: true,
                arrived: utc,
                data,
            }));
        }
    }

    /// An RTCP sender report puts both tracks on the sender's clock.
    fn report(&mut self, packet: &ReceivedCompoundPacket) {
        let Some(stamp) = packet.rtp_timestamp() else { return };
        let report = packet.pkts().next().and_then(|first| first.as_sender_report().ok().flatten());
        let Some(ntp) = report.map(|report| report.ntp_timestamp().0) else { return };
        // 32.32 bits since 1900; a camera without a clock sends zero.
        if ntp >> 32 == 0 {
            return;
        }
        let micros = (u128::from(ntp) * 1_000_000) >> 32;
        let ntp_us = i64::try_from(micros).unwrap_or(i64::MAX);
        if packet.stream_id() == self.video.stream {
            self.sync.video_report(SenderClock { ntp_us, raw: Ticks(stamp.elapsed()) });
        } else if let Some(audio) =
            self.audio.as_ref().filter(|audio| audio.stream == packet.stream_id())
        {
            self.sync.audio_report(SenderClock { ntp_us, raw: audio.ticks(stamp.elapsed()) });
        }
    }

    /// One packet that makes no sense costs one unit, not the session.
    fn survive(&mut self, error: &retina::Error) -> Result<(), SourceError> {
        self.broken_in_a_row += 1;
        if !problem::is_of_one_packet(error) || self.broken_in_a_row > MAX_BROKEN {
            return Err(problem::of_retina(
                error,
                Stage::Playing,
                Login::Anonymous,
                &self.redactor,
            ));
        }
        tracing::debug!(error = %self.redactor.clean(&error.to_string()), "a packet could not be read");
        self.anomaly(Anomaly::BrokenUnit);
        Ok(())
    }

    fn lost(&mut self, packets: u32) {
        if packets > 0 {
            self.anomaly(Anomaly::PacketsLost(packets));
        }
    }

    fn anomaly(&mut self, anomaly: Anomaly) {
        // Before the first parameters nobody knows the stream yet, and they are promised to come first.
        if self.is_running() {
            self.events.push_back(SourceEvent::Anomaly(anomaly));
        }
    }

    /// Nobody knows the stream yet, and it is alive.
    fn before_keyframe(&mut self) {
        self.events.push_back(SourceEvent::Anomaly(Anomaly::BeforeKeyframe));
    }

    fn is_running(&self) -> bool {
        self.video.parameters.is_some()
    }
}

impl Source for RtspSource {
    async fn next(&mut self) -> Result<SourceEvent, SourceError> {
        std::future::poll_fn(|cx| self.poll_event(cx)).await
    }

    async fn close(self) {
        let group = Arc::clone(&self.group);
        drop(self);
        // What the camera says to TEARDOWN changes nothing any more.
        let _ = tokio::time::timeout(FAREWELL, group.await_teardown()).await;
    }
}

fn ended(detail: &str) -> SourceError {
    SourceError { problem: Problem::Disconnected, other_engine: false, detail: detail.to_owned() }
}
