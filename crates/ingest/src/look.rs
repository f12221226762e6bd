//! What an open source shows of a camera: codec, size, picture rate and a picture, or what is wrong.
//!
//! What does not belong here: opening it, and how long that may take (`probe` of each engine).

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tarsier_types::{AccessUnit, Clock, Codec, Mono, ParameterSets, Ticks, Track};
use tarsier_wire::{ProbeReport, Problem};
use tokio::time::timeout;

use crate::source::{Source, SourceError, SourceEvent};

/// How long pictures are counted if the camera does not announce their rate.
const COUNTING: Duration = Duration::from_millis(1_500);

/// Looks at what comes until there is a picture and its rate, but not beyond `deadline`; then closes the source.
/// `sound` is how the camera codes its sound, which may be stored as something else.
pub async fn look(
    mut source: impl Source,
    sound: Option<Codec>,
    clock: &impl Clock,
    deadline: Mono,
) -> ProbeReport {
    let seen = watch(&mut source, clock, deadline).await;
    source.close().await;
    seen.and_then(|seen| seen.report(sound)).unwrap_or_else(ProbeReport::from)
}

impl From<SourceError> for ProbeReport {
    fn from(error: SourceError) -> Self {
        if error.other_engine {
            Self::EngineCannotRead { detail: error.detail }
        } else {
            Self::Failed { problem: error.problem, detail: error.detail }
        }
    }
}

async fn watch(
    source: &mut impl Source,
    clock: &impl Clock,
    deadline: Mono,
) -> Result<Seen, SourceError> {
    let mut seen = Seen::default();
    let mut until = deadline;
    while clock.mono() < until {
        let left = until.since(clock.mono());
        let Ok(event) = timeout(left, source.next()).await else { break };
        match event {
            Ok(event) => seen.take(event),
            // The picture is there; that the rest broke off is no reason not to show it.
            Err(_) if seen.keyframe.is_some() => break,
            Err(error) => return Err(error),
        }
        if seen.keyframe.is_some() && until == deadline {
            if seen.parameters.as_ref().is_some_and(|sets| sets.video.nominal_millifps.is_some()) {
                break;
            }
            until = deadline.min(clock.mono() + COUNTING);
        }
    }
    Ok(seen)
}

#[derive(Default)]
struct Seen {
    parameters: Option<ParameterSets>,
    keyframe: Option<AccessUnit>,
    pictures: i64,
    /// The latest time shown.
    last_pts: i64,
}

impl Seen {
    fn take(&mut self, event: SourceEvent) {
        match event {
            SourceEvent::Parameters(parameters) if self.parameters.is_none() => {
                self.parameters = Some(parameters);
            }
            SourceEvent::Unit(unit) if unit.track == Track::Video => {
                self.pictures += 1;
                self.last_pts = self.last_pts.max(unit.pts.0);
                self.keyframe.get_or_insert(unit);
            }
            _ => {}
        }
    }

    fn report(&self, sound: Option<Codec>) -> Result<ProbeReport, SourceError> {
        let (Some(parameters), Some(keyframe)) = (&self.parameters, &self.keyframe) else {
            let detail = "connected, but no keyframe came in time".to_owned();
            return Err(SourceError { problem: Problem::NoPictures, other_engine: false, detail });
        };
        let video = &parameters.video;
        Ok(ProbeReport::Found {
            video: video.codec,
            rfc6381: video.rfc6381.clone(),
            width: video.width,
            height: video.height,
            millifps: video.nominal_millifps.or_else(|| self.millifps()),
            audio: sound,
            keyframe_mp4_base64: STANDARD.encode(mp4_of(parameters, keyframe)),
        })
    }

    /// By the camera's own times, which do not depend on how it sends.
    fn millifps(&self) -> Option<u32> {
        let per_second = (self.pictures - 1) * Ticks::PER_SECOND * 1_000;
        u32::try_from(per_second.checked_div(self.last_pts)?).ok().filter(|millifps| *millifps > 0)
    }
}

/// `ftyp moov moof mdat` with one picture and no sound.
fn mp4_of(parameters: &ParameterSets, keyframe: &AccessUnit) -> Vec<u8> {
    let pictures = ParameterSets { video: parameters.video.clone(), audio: None };
    let mut mp4 = tarsier_segment::init_segment(&pictures, None).to_vec();
    let origin = tarsier_segment::origin_of(keyframe);
    mp4.extend_from_slice(&tarsier_segment::unit_fragment(1, keyframe, origin, None, 0));
    mp4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_counted_by_the_cameras_times() {
        let rate = |pictures, last_pts| Seen { pictures, last_pts, ..Seen::default() }.millifps();
        assert_eq!(rate(26, 90_000), Some(25_000), "26 pictures are 25 spans");
        assert_eq!(rate(1, 0), None, "one picture has no rate");
        assert_eq!(rate(2, 0), None, "nor have two that are shown at once");
        assert_eq!(rate(1, 90_000), None, "and zero is no rate");
    }
}
