//! What is at the other end of a URL, as libav sees it: codec, size, picture rate and a picture, or what is wrong.
//!
//! What does not belong here: making a still of the picture (`still`).

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tarsier_ingest::{Source as _, SourceError, SourceEvent};
use tarsier_types::{AccessUnit, Clock, Mono, ParameterSets, SystemClock, Ticks, Track};
use tarsier_wire::{ProbeReport, ProbeRequest, Problem};
use tokio::time::timeout;

use crate::source::{LibavSource, Timeouts};

/// How long pictures are counted if the stream does not announce their rate.
const COUNTING: Duration = Duration::from_millis(1500);
/// Left for the farewell.
const RESERVE: Duration = Duration::from_millis(500);

/// Looks at a camera, within the time that the request gives.
pub async fn probe(request: &ProbeRequest, clock: SystemClock) -> ProbeReport {
    let whole = Duration::from_millis(u64::from(request.timeout_ms)).saturating_sub(RESERVE);
    let deadline = clock.mono() + whole;
    let timeouts = Timeouts { open: Timeouts::default().open.min(whole), ..Timeouts::default() };
    let opening = LibavSource::open(
        &request.url,
        request.credentials.as_ref(),
        request.transport,
        clock,
        timeouts,
    );
    // libav ends by itself when its time is over; looking at the port afterwards takes a little longer.
    let opened = timeout(whole + RESERVE, opening).await.unwrap_or_else(|_| Err(nothing()));
    match opened {
        Err(error) => failed(error),
        Ok(mut source) => {
            let report = look(&mut source, clock, deadline).await.unwrap_or_else(failed);
            source.close().await;
            report
        }
    }
}

fn failed(error: SourceError) -> ProbeReport {
    ProbeReport::Failed { problem: error.problem, detail: error.detail }
}

fn nothing() -> SourceError {
    let detail = "no keyframe came in time".to_owned();
    SourceError { problem: Problem::NoPictures, other_engine: false, detail }
}

async fn look(
    source: &mut LibavSource,
    clock: SystemClock,
    deadline: Mono,
) -> Result<ProbeReport, SourceError> {
    let mut seen = Seen::default();
    let mut until = deadline;
    while let Ok(event) = timeout(until.since(clock.mono()), source.next()).await {
        match event {
            Ok(SourceEvent::Parameters(parameters)) => {
                seen.parameters.get_or_insert(parameters);
            }
            Ok(SourceEvent::Unit(unit)) if unit.track == Track::Video => seen.picture(unit),
            Ok(_) => {}
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
    let (Some(parameters), Some(keyframe)) = (&seen.parameters, &seen.keyframe) else {
        return Err(nothing());
    };
    let video = &parameters.video;
    Ok(ProbeReport::Found {
        video: video.codec,
        rfc6381: video.rfc6381.clone(),
        width: video.width,
        height: video.height,
        millifps: video.nominal_millifps.or_else(|| seen.millifps()),
        audio: source.sound_as_sent(),
        keyframe_mp4_base64: STANDARD.encode(mp4_of(parameters, keyframe)),
    })
}

#[derive(Default)]
struct Seen {
    parameters: Option<ParameterSets>,
    keyframe: Option<AccessUnit>,
    pictures: i64,
    last: Ticks,
}

impl Seen {
    fn picture(&mut self, unit: AccessUnit) {
        self.pictures += 1;
        self.last = self.last.max(Ticks(unit.pts.0));
        self.keyframe.get_or_insert(unit);
    }

    /// By the stream's own times, which do not depend on how it is sent.
    fn millifps(&self) -> Option<u32> {
        let spans = (self.pictures - 1) * Ticks::PER_SECOND * 1000;
        u32::try_from(spans.checked_div(self.last.0)?).ok().filter(|millifps| *millifps > 0)
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
