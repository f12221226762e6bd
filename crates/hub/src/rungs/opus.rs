//! Hands: a camera's own stream with its sound as Opus, made by a transcoder while somebody listens.
//!
//! Pictures pass as they are: a listener takes his time from them. However many listen, sound is coded once. A transcoder
//! that fails leaves silence, and is started again. What does not belong here: coding (`crates/av`), who listens
//! (`crates/whep`).

use std::collections::HashMap;
use std::io::ErrorKind;
use std::sync::Arc;

use tarsier_api::problem::Problem;
use tarsier_live::viewer::Next;
use tarsier_live::{LiveInput, LiveUnit, Watch};
use tarsier_segment::sample_entry;
use tarsier_types::{
    AccessUnit, AudioParameters, CameraId, Clock, Dts, ParameterSets, StreamKind, Track, UtcMs,
};
use tarsier_wire::{CodedSound, FromTranscoder, ToTranscoder};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::child::{End, Input, Output, Transcoder, Work};
use super::tries::Tries;
use super::{SOURCE_GONE, Stop};
use crate::hub::Hub;
use crate::words;

/// A camera's own stream.
pub(crate) type SoundId = (CameraId, StreamKind);

/// What the fan-out wants.
#[derive(Debug)]
pub(crate) enum Order {
    /// Somebody listens.
    Begin(SoundId),
    /// Nobody does any more.
    End(SoundId),
}

/// Runs as long as there are listeners to come. The channel has no bound, as that of rungs.
pub(crate) async fn run(hub: Arc<Hub>, mut orders: mpsc::UnboundedReceiver<Order>) {
    let mut tasks: HashMap<SoundId, JoinHandle<()>> = HashMap::new();
    while let Some(order) = orders.recv().await {
        let (id, is_wanted) = match order {
            Order::Begin(id) => (id, true),
            Order::End(id) => (id, false),
        };
        if let Some(task) = tasks.remove(&id) {
            task.abort();
            // Its transcoder is dropped with it, and so killed.
            let _ = task.await;
        }
        if is_wanted {
            tasks.insert(id.clone(), tokio::spawn(serve(hub.clone(), id)));
        }
    }
}

async fn serve(hub: Arc<Hub>, id: SoundId) {
    let mut tries = Tries::default();
    loop {
        let began = hub.clock.mono();
        match convert(&hub, &id).await {
            Stop::Source(why) if hub.camera(&id.0).is_none() => {
                hub.opus.handle(id, LiveInput::Ended(why)).await;
                return;
            }
            Stop::Source(_) => tokio::time::sleep(SOURCE_GONE).await,
            Stop::Transcoder(End::NoEncoder) => {
                tracing::error!(camera = %id.0, "nothing here encodes Opus: no sound over WebRTC");
                hub.opus.handle(id, LiveInput::Ended(words::no_opus())).await;
                return;
            }
            Stop::Transcoder(End::Failed(why)) => {
                let wait = tries.ended(hub.clock.mono().since(began));
                tracing::warn!(camera = %id.0, why, ?wait, "a transcoder of sound ended");
                tokio::time::sleep(wait).await;
            }
        }
    }
}

async fn convert(hub: &Hub, id: &SoundId) -> Stop {
    let mut transcoder = match Transcoder::start(&hub.programs.transcoder, Work::Sound) {
        Ok(transcoder) => transcoder,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Stop::Transcoder(End::NoEncoder);
        }
        Err(error) => return Stop::Transcoder(End::Failed(error.to_string())),
    };
    let (camera, stream) = id;
    tracing::info!(%camera, %stream, pid = transcoder.pid(), "a transcoder of sound starts");
    let mut watch = hub.live.listen(id.clone()).await;
    // Both at once: a transcoder that waits until its sound is taken takes none.
    let stopped = tokio::select! {
        stopped = feed(hub, id, &mut watch, &mut transcoder.input) => stopped,
        taken = take(hub, id, &mut transcoder.output) => {
            if let Err(error) = taken {
                tracing::warn!(%camera, %error, "a transcoder of sound is not understood");
            }
            None
        }
    };
    match stopped {
        Some(why) => Stop::Source(why),
        None => Stop::Transcoder(transcoder.end().await),
    }
}

/// Until the source ends (why), or the transcoder takes nothing any more.
async fn feed(
    hub: &Hub,
    id: &SoundId,
    watch: &mut Watch<Problem>,
    input: &mut Input,
) -> Option<Problem> {
    loop {
        let sent = match watch.next().await {
            Next::Init(parameters) => {
                let audio = parameters.audio.as_ref();
                let told = ParameterSets {
                    video: parameters.video.clone(),
                    audio: audio.and_then(opus_of),
                };
                hub.opus.handle(id.clone(), LiveInput::Parameters(told)).await;
                match audio {
                    Some(audio) => {
                        input.send(&ToTranscoder::SoundParameters(audio.clone()), &[]).await
                    }
                    None => Ok(()),
                }
            }
            Next::Unit { unit, .. } if unit.is_picture() => {
                let unit = LiveInput::Unit(LiveUnit::clone(&unit));
                hub.opus.handle(id.clone(), unit).await;
                Ok(())
            }
            Next::Unit { unit, .. } => {
                input.send(&ToTranscoder::Sound(coded(&unit)), &unit.unit.data).await
            }
            // What was left out ends at a keyframe.
            Next::Skipped(units) => {
                hub.opus.handle(id.clone(), LiveInput::Skipped(units)).await;
                Ok(())
            }
            Next::Waiting(_) => Ok(()),
            Next::Ended(why) => return Some(why),
        };
        if sent.is_err() {
            return None;
        }
    }
}

/// What is told of the Opus that comes of sound like that.
fn opus_of(audio: &AudioParameters) -> Option<AudioParameters> {
    let channels = if audio.channels == 1 { 1 } else { 2 };
    sample_entry::audio_parameters(sample_entry::opus(channels, 0, audio.sample_rate_hz))
}

fn coded(unit: &LiveUnit) -> CodedSound {
    CodedSound {
        pts: unit.unit.pts,
        duration: unit.unit.duration,
        arrived_utc_us: unit.arrived_utc_us,
    }
}

/// Until the transcoder ends.
async fn take(hub: &Hub, id: &SoundId, output: &mut Output) -> anyhow::Result<()> {
    while let Some((message, data)) = output.next().await? {
        let FromTranscoder::Sound(coded) = message else { continue };
        let unit = AccessUnit {
            track: Track::Audio,
            pts: coded.pts,
            dts: Dts(coded.pts.0),
            duration: coded.duration,
            is_keyframe: true,
            arrived: UtcMs(coded.arrived_utc_us.div_euclid(1000)),
            data,
        };
        let unit = LiveUnit { unit, arrived_utc_us: coded.arrived_utc_us };
        hub.opus.handle(id.clone(), LiveInput::Unit(unit)).await;
    }
    Ok(())
}
