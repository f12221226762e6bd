//! Brain: packets of both tracks become the events of a source.
//!
//! packets → `pictures`, `sound` → (gathered while the first burst lasts, `burst`) → `tarsier_ingest::timeline` and
//! `sync`, which make the times true → [`SourceEvent`]
//!
//! What does not belong here: libav, clocks, threads.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use tarsier_ingest::g711::Law;
use tarsier_ingest::sync::{LipSync, SenderClock};
use tarsier_ingest::timeline::Timeline;
use tarsier_ingest::{Anomaly, SourceEvent, flac, sound as g711};
use tarsier_segment::sample_entry;
use tarsier_types::{
    AccessUnit, AudioParameters, Codec, Dts, ParameterSets, Ticks, Track, VideoParameters,
};

use crate::burst::{Arrival, Burst, Came, Dating, Delivery};
use crate::libav::{RawPacket, StreamFacts};
use crate::pictures::{Picture, PictureEvent, Pictures};
use crate::sound::{Sound, SoundFrame};

/// A sound stream that has not told its parameters by so many pictures is left out.
const PICTURES_WITHOUT_SOUND: usize = 75;

/// Sound that comes before any picture goes nowhere: it is not gathered for ever (a minute of it).
const MOST_WITHOUT_PICTURES: usize = 3000;

/// Whether both tracks count from one zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Zero {
    /// One container, one clock: MPEG-TS, FLV, MP4.
    Common,
    /// RTP: each stream has its own until the first sender reports.
    Apart,
}

/// Everything between libav's packets and a source's events.
#[derive(Debug)]
pub(crate) struct Assembly {
    pictures: Pictures,
    sound: Option<SoundTrack>,
    zero: Zero,
    burst: Option<Burst>,
    gathered: VecDeque<Item>,
    pictures_gathered: usize,
    video: Option<VideoParameters>,
    said: Option<ParameterSets>,
    timeline: Timeline,
    sync: LipSync,
    out: VecDeque<SourceEvent>,
}

#[derive(Debug)]
enum SoundTrack {
    AsIs(Sound),
    G711 { samples: Box<g711::Sound>, parameters: AudioParameters, next_stamp: Option<i64> },
}

/// What waits for its place in time.
#[derive(Debug)]
enum Item {
    Parameters(VideoParameters),
    Picture(Picture),
    Anomaly(Anomaly),
    Sound(SoundFrame, Came),
}

impl Assembly {
    /// None: no file of ours can hold these pictures.
    pub(crate) fn new(
        video: &StreamFacts,
        audio: Option<&StreamFacts>,
        zero: Zero,
        delivery: Delivery,
    ) -> Option<Self> {
        Some(Self {
            pictures: Pictures::new(video)?,
            sound: audio.and_then(SoundTrack::new),
            zero,
            burst: Some(Burst::new(delivery)),
            gathered: VecDeque::new(),
            pictures_gathered: 0,
            video: None,
            said: None,
            timeline: Timeline::new(video.millifps),
            sync: LipSync::new(),
            out: VecDeque::new(),
        })
    }

    /// The sound is one that a file of ours can hold.
    pub(crate) fn has_sound(&self) -> bool {
        self.sound.is_some()
    }

    /// Takes a packet of the picture track.
    pub(crate) fn picture(&mut self, packet: &RawPacket, arrival: Arrival) {
        let is_over = self.note(packet.data.len(), arrival);
        self.pictures.push(packet, Came::at(arrival));
        self.gather_pictures();
        self.advance(is_over);
    }

    /// Takes a packet of the sound track.
    pub(crate) fn sound(&mut self, packet: &RawPacket, arrival: Arrival) {
        let is_over = self.note(packet.data.len(), arrival);
        let frames = self.sound.as_mut().map(|track| track.frames(packet)).unwrap_or_default();
        self.gathered.extend(frames.into_iter().map(|frame| Item::Sound(frame, Came::at(arrival))));
        self.advance(is_over);
    }

    /// The stream has ended: what is still held goes out.
    pub(crate) fn finish(&mut self) {
        self.pictures.finish();
        self.gather_pictures();
        if self.sound.as_ref().is_some_and(|track| track.parameters().is_none()) {
            self.sound = None;
        }
        self.advance(true);
    }

    /// Something was wrong with a packet.
    pub(crate) fn anomaly(&mut self, anomaly: Anomaly) {
        // Parameters come first, always.
        if self.said.is_some() {
            self.out.push_back(SourceEvent::Anomaly(anomaly));
        }
    }

    /// What is ready, in order.
    pub(crate) fn poll(&mut self) -> Option<SourceEvent> {
        self.out.pop_front()
    }

    fn gather_pictures(&mut self) {
        while let Some(event) = self.pictures.poll() {
            let item = match event {
                PictureEvent::Parameters(parameters) => Item::Parameters(parameters),
                PictureEvent::Anomaly(anomaly) => Item::Anomaly(anomaly),
                PictureEvent::Picture(picture) => {
                    if let Some(burst) = &mut self.burst {
                        self.pictures_gathered += 1;
                        burst.picture(picture.stamp.pts, picture.came);
                    }
                    Item::Picture(picture)
                }
            };
            self.gathered.push_back(item);
        }
    }

    fn note(&mut self, bytes: usize, arrival: Arrival) -> bool {
        self.burst.as_mut().is_some_and(|burst| burst.is_over(bytes, arrival))
    }

    fn advance(&mut self, is_over: bool) {
        if let Some(burst) = &self.burst {
            if burst.dating().is_none() && self.gathered.len() >= MOST_WITHOUT_PICTURES {
                self.gathered.clear();
            }
            let Some(dating) = burst.dating().filter(|_| is_over) else { return };
            let sound_tells = self.sound.as_ref().is_none_or(|track| track.parameters().is_some());
            if !sound_tells && self.pictures_gathered < PICTURES_WITHOUT_SOUND {
                return;
            }
            if !sound_tells {
                self.sound = None;
            }
            self.burst = None;
            self.date_back(dating);
        }
        while let Some(item) = self.gathered.pop_front() {
            match item {
                Item::Parameters(parameters) => self.video = Some(parameters),
                Item::Anomaly(anomaly) => self.anomaly(anomaly),
                Item::Picture(picture) => self.place_picture(picture),
                Item::Sound(frame, came) => self.place_sound(frame, came),
            }
        }
    }

    /// What was gathered became available earlier than libav handed it out. Sound goes with the picture before it.
    fn date_back(&mut self, dating: Dating) {
        let mut late = Duration::ZERO;
        for item in &mut self.gathered {
            match item {
                Item::Picture(picture) => {
                    late = dating.lateness(picture.stamp.pts, picture.came);
                    picture.came = picture.came.earlier(late);
                }
                Item::Sound(_, came) => *came = came.earlier(late),
                Item::Parameters(_) | Item::Anomaly(_) => {}
            }
        }
    }

    fn place_picture(&mut self, picture: Picture) {
        let Picture { stamp, is_keyframe, came, data } = picture;
        if is_keyframe {
            self.say_parameters(came);
        }
        if self.said.is_none() {
            self.out.push_back(SourceEvent::Anomaly(Anomaly::BeforeKeyframe));
            return;
        }
        let placed = self.timeline.place(Ticks(stamp.pts), came.mono, is_keyframe);
        self.out.extend(placed.anomaly.map(SourceEvent::Anomaly));
        if self.zero == Zero::Common {
            self.sync.video_report(common_clock(stamp.pts));
        }
        self.out.push_back(SourceEvent::Unit(AccessUnit {
            track: Track::Video,
            pts: placed.pts,
            dts: placed.dts,
            duration: placed.duration,
            is_keyframe,
            arrived: came.utc,
            data,
        }));
    }

    /// Before a keyframe, if they are not what was said last.
    fn say_parameters(&mut self, came: Came) {
        let Some(video) = self.video.clone() else { return };
        let audio = self.sound.as_ref().and_then(SoundTrack::parameters);
        let sets = ParameterSets { video, audio };
        if self.said.as_ref() == Some(&sets) {
            return;
        }
        self.out.push_back(SourceEvent::Parameters(sets.clone()));
        if self.said.replace(sets).is_none() {
            self.out.push_back(SourceEvent::NewRun { zero: came.utc });
        }
    }

    fn place_sound(&mut self, frame: SoundFrame, came: Came) {
        let Some(raw) = frame.pts else { return };
        if self.zero == Zero::Common {
            self.sync.audio_report(common_clock(raw));
        }
        let Some(placed) = self.sync.place(Ticks(raw), frame.duration, came.mono, &self.timeline)
        else {
            return; // before the first picture
        };
        self.out.extend(placed.anomaly.map(SourceEvent::Anomaly));
        self.out.push_back(SourceEvent::Unit(AccessUnit {
            track: Track::Audio,
            pts: placed.pts,
            dts: Dts(placed.pts.0),
            duration: frame.duration,
            is_keyframe: true,
            arrived: came.utc,
            data: frame.data,
        }));
    }
}

/// Both tracks count from one zero: as good as a sender report for each.
fn common_clock(raw: i64) -> SenderClock {
    SenderClock { ntp_us: Ticks(raw).to_micros(), raw: Ticks(raw) }
}

impl SoundTrack {
    fn new(facts: &StreamFacts) -> Option<Self> {
        let law = match facts.codec? {
            Codec::PcmAlaw => Law::A,
            Codec::PcmMulaw => Law::Mu,
            _ => return Sound::new(facts).map(Self::AsIs),
        };
        let (rate_hz, channels) = (facts.sample_rate_hz, facts.channels);
        let samples = Box::new(g711::Sound::new(law, rate_hz, channels)?);
        let entry = sample_entry::flac(&samples.streaminfo(), rate_hz, channels, 16);
        let parameters = sample_entry::audio_parameters(entry)?;
        Some(Self::G711 { samples, parameters, next_stamp: None })
    }

    fn parameters(&self) -> Option<AudioParameters> {
        match self {
            Self::AsIs(sound) => sound.parameters(),
            Self::G711 { parameters, .. } => Some(parameters.clone()),
        }
    }

    /// The frames of a packet; those without a time of their own follow the one before.
    fn frames(&mut self, packet: &RawPacket) -> Vec<SoundFrame> {
        match self {
            Self::AsIs(sound) => {
                let mut next = None;
                let mut frames = sound.frames(packet);
                for frame in &mut frames {
                    frame.pts = frame.pts.or(next);
                    next = frame.pts.map(|pts| pts + frame.duration.0);
                }
                frames
            }
            Self::G711 { samples, parameters, next_stamp } => {
                let rate = i64::from(parameters.sample_rate_hz.max(1));
                let told =
                    packet.pts.or(packet.dts).map(|pts| rescale(pts, rate, Ticks::PER_SECOND));
                let Some(stamp) = told.or(*next_stamp) else { return Vec::new() };
                let count = packet.data.len() / usize::from(parameters.channels.max(1));
                *next_stamp = Some(stamp.saturating_add(i64::try_from(count).unwrap_or(0)));
                let blocks = samples.push(stamp, &packet.data);
                let block_samples = i64::try_from(flac::BLOCK).unwrap_or(i64::MAX);
                let frame = |block: g711::Block| SoundFrame {
                    pts: Some(rescale(block.start, Ticks::PER_SECOND, rate)),
                    duration: Ticks(rescale(block_samples, Ticks::PER_SECOND, rate)),
                    data: Bytes::from(block.data),
                };
                blocks.into_iter().map(frame).collect()
            }
        }
    }
}

/// `value * to / from`, rounded to the nearest.
fn rescale(value: i64, to: i64, from: i64) -> i64 {
    let (value, to, from) = (i128::from(value), i128::from(to), i128::from(from.max(1)));
    i64::try_from((value * to * 2 + from).div_euclid(from * 2)).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
