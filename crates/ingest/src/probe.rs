//! What is at the other end of a URL: codec, size, picture rate and a picture, or what is wrong.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tarsier_types::{AccessUnit, CameraUrl, Clock, Mono, ParameterSets, Scheme, Track};
use tarsier_wire::{ProbeReport, ProbeRequest, Problem};
use tokio::time::timeout;

use crate::rtsp::{RtspSource, Timeouts};
use crate::source::{Source as _, SourceError, SourceEvent};

/// How long pictures are counted if the camera does not announce their rate.
const COUNTING: Duration = Duration::from_millis(1_500);
/// Left for the farewell.
const RESERVE: Duration = Duration::from_millis(300);

/// Whether this engine speaks the protocol of a URL.
pub fn can_read(url: &CameraUrl) -> bool {
    url.scheme() == Scheme::Rtsp
}

/// Looks at a camera, within the time that the request gives.
pub async fn probe(request: &ProbeRequest, clock: impl Clock + Clone + 'static) -> ProbeReport {
    if !can_read(&request.url) {
        return ProbeReport::EngineCannotRead {
            detail: format!("{} is not read here", request.url.scheme().name()),
        };
    }
    let whole = Duration::from_millis(u64::from(request.timeout_ms));
    let deadline = clock.mono() + whole.saturating_sub(RESERVE);
    let timeouts = Timeouts {
        open: Timeouts::default().open.min(whole.saturating_sub(RESERVE)),
        connect: Timeouts::default().connect.min(whole / 3),
        ..Timeouts::default()
    };
    let credentials = request.credentials.as_ref();
    let opened =
        RtspSource::open(&request.url, credentials, request.transport, clock.clone(), timeouts)
            .await;
    match opened {
        Err(error) => failed(error),
        Ok(mut source) => {
            let report = look(&mut source, &clock, deadline).await.unwrap_or_else(failed);
            source.close().await;
            report
        }
    }
}

fn failed(error: SourceError) -> ProbeReport {
    if error.other_engine {
        ProbeReport::EngineCannotRead { detail: error.detail }
    } else {
        ProbeReport::Failed { problem: error.problem, detail: error.detail }
    }
}

async fn look(
    source: &mut RtspSource,
    clock: &impl Clock,
    deadline: Mono,
) -> Result<ProbeReport, SourceError> {
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
    let (Some(parameters), Some(keyframe)) = (&seen.parameters, &seen.keyframe) else {
        let detail = "connected, but no keyframe came in time".to_owned();
        return Err(SourceError { problem: Problem::NoPictures, other_engine: false, detail });
    };
    Ok(ProbeReport::Found {
        video: parameters.video.codec,
        rfc6381: parameters.video.rfc6381.clone(),
        width: parameters.video.width,
        height: parameters.video.height,
        millifps: parameters.video.nominal_millifps.or_else(|| seen.millifps()),
        audio: source.sound_as_sent(),
        keyframe_mp4_base64: STANDARD.encode(mp4_of(parameters, keyframe)),
    })
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

    /// By the camera's own times, which do not depend on how it sends.
    fn millifps(&self) -> Option<u32> {
        let per_second = (self.pictures - 1) * 90_000 * 1_000;
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
