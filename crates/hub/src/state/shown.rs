//! Brain: what people are shown of a camera: what is wrong with it, and its streams in numbers.
//!
//! What does not belong here: drawing conclusions ([`super`]), the sentences themselves ([`crate::words`]).

use tarsier_api::camera::{AudioFacts, StreamStatus, VideoFacts};
use tarsier_api::problem::{Problem, ProblemCode};
use tarsier_types::{ParameterSets, StreamKind, UtcMs};
use tarsier_wire::{LinkState, Problem as Cause};

use super::CameraBrain;
use super::stream::Condition;
use crate::words::{self, Retry};

impl CameraBrain {
    /// What is wrong with the camera, if anything.
    pub(crate) fn problem(&self, now: UtcMs) -> Option<Problem> {
        self.stream_problem(StreamKind::Main, now)
    }

    /// When the next attempt comes.
    pub(crate) fn retry_at(&self) -> Option<UtcMs> {
        match self.streams.get(&StreamKind::Main)?.link {
            Some(LinkState::Waiting { retry_at, .. }) => Some(retry_at),
            _ => self.restart_at,
        }
    }

    fn stream_problem(&self, kind: StreamKind, now: UtcMs) -> Option<Problem> {
        let (stream, place) = (self.streams.get(&kind)?, self.facts.places.get(&kind)?);
        let say = |cause: Problem, since, retry| {
            words::no_picture(&self.facts.name, since, cause, &self.tz, now, retry)
        };
        if !self.facts.enabled {
            return Some(words::problem(
                ProblemCode::Offline,
                format!("{} is switched off.", self.facts.name),
                "Switch it on in its settings to connect it again.",
            ));
        }
        if self.is_dead {
            let cause = words::problem(
                ProblemCode::Internal,
                "Its recorder cannot be started.",
                "Save its settings once more; if that does not help, report what is in the log.",
            );
            return Some(say(cause, stream.no_picture_since, Retry::Never));
        }
        if let Some(until) = self.unstable_until {
            let cause = words::left_alone(until, now, &self.tz);
            return Some(say(cause, stream.no_picture_since, Retry::Never));
        }
        match stream.condition(now) {
            Condition::Fresh if stream.unwritten_since.is_some() => {
                let disk = words::cause(Cause::DiskNotWritable, place);
                Some(Problem { message: format!("{}: {}", self.facts.name, disk.message), ..disk })
            }
            Condition::Stopped { cause, since } => {
                Some(say(words::cause(cause, place), since, Retry::Never))
            }
            Condition::Waiting { cause: Some(cause), since, retry, .. } => {
                Some(say(words::cause(cause, place), since, retry))
            }
            Condition::Waiting { is_offline: true, since, .. } => {
                Some(say(words::cause(Cause::NoPictures, place), since, Retry::ByItself))
            }
            Condition::Fresh | Condition::Waiting { .. } => None,
        }
    }

    /// What a viewer is told who gets no pictures.
    pub(super) fn notice(&self, kind: StreamKind, now: UtcMs) -> Option<Problem> {
        let condition = self.streams.get(&kind)?.condition(now);
        if self.facts.enabled && matches!(condition, Condition::Fresh) {
            return None;
        }
        let connecting = || {
            words::problem(
                ProblemCode::Offline,
                format!("{} is being connected.", self.facts.name),
                "Pictures come by themselves, mostly within some seconds.",
            )
        };
        Some(self.stream_problem(kind, now).unwrap_or_else(connecting))
    }

    /// One entry for each configured stream; who watches, and how its connection is, are known to others.
    pub(crate) fn stream_statuses(&self, now: UtcMs) -> Vec<StreamStatus> {
        self.streams
            .iter()
            .map(|(kind, stream)| StreamStatus {
                stream: (*kind).into(),
                is_playing: matches!(stream.condition(now), Condition::Fresh) && self.facts.enabled,
                problem: self.stream_problem(*kind, now),
                video: stream.parameters.as_ref().map(video_facts),
                audio: stream.parameters.as_ref().and_then(audio_facts),
                bitrate_bps: stream.health.bitrate_bps,
                fps: f64::from(stream.health.millifps) / 1000.0,
                last_picture_utc_ms: stream.health.last_picture.map(|at| at.0),
                units_in: stream.health.video_units + stream.health.audio_units,
                units_on_disk: stream.health.units_on_disk,
                units_lost: stream.health.units_lost,
                packets_lost: stream.health.packets_lost,
                reconnects: stream.health.reconnects,
                viewers: 0,
                connection: None,
            })
            .collect()
    }
}

fn video_facts(parameters: &ParameterSets) -> VideoFacts {
    let video = &parameters.video;
    VideoFacts {
        codec: video.codec.name().to_owned(),
        rfc6381: video.rfc6381.clone(),
        width: video.width,
        height: video.height,
        fps: video.nominal_millifps.map(|fps| f64::from(fps) / 1000.0),
    }
}

fn audio_facts(parameters: &ParameterSets) -> Option<AudioFacts> {
    let audio = parameters.audio.as_ref()?;
    Some(AudioFacts {
        codec: audio.codec.name().to_owned(),
        sample_rate_hz: Some(audio.sample_rate_hz),
        channels: Some(audio.channels),
    })
}
