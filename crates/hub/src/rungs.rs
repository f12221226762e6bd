//! Hands: rungs. A rung is a live stream like the camera's own, made by a transcoder while somebody watches.
//!
//! The fan-out tells when a rung begins and ceases to be wanted, as it does for the camera's own streams; here a
//! task watches the source as any viewer does (a transcoder that is slow loses whole GOPs and slows nobody), and hands
//! what comes back to the fan-out. However many watch a rung, it is coded once. The source's sound goes along as it is
//! ([`beside`]); [`opus`] codes sound anew, for WebRTC.
//!
//! What does not belong here: pictures (`crates/av`), when a rung is wanted (`crates/live`).

mod beside;
mod child;
pub(crate) mod opus;
mod tries;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::ErrorKind;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tarsier_api::problem::Problem;
use tarsier_live::viewer::Next;
use tarsier_live::{LiveInput, LiveStream, LiveUnit, Rung, Tracks, Watch};
use tarsier_types::{AccessUnit, CameraId, Clock, StreamKind, Track, UtcMs};
use tarsier_wire::{CodedPicture, FromTranscoder, ToTranscoder};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;

use self::beside::Beside;
use self::child::{End, Input, Output, Transcoder, Work};
use self::tries::Tries;
pub(crate) use self::tries::{Encoders, is_hardware};
use crate::hub::Hub;
use crate::words;

/// A machine of one core may show two large pictures.
const LEAST_CORES: usize = 2;
/// What a core has: one large picture, or four small ones (guess: encoding goes by the pixel, decoding 4K is the exception).
const WEIGHTS_A_CORE: usize = 4;
/// Hardware whose transcoder takes nothing for so long hangs (guess: a picture takes it some milliseconds, and more than two
/// seconds of pictures are read ahead).
const HANGS: Duration = Duration::from_secs(10);
/// A source that is gone while its camera is not: another one may be there.
const SOURCE_GONE: Duration = Duration::from_secs(1);

/// A rung of a camera.
pub(crate) type RungId = (CameraId, Rung);

/// What the fan-out wants.
#[derive(Debug)]
pub(crate) enum Order {
    /// Somebody watches.
    Begin(RungId),
    /// Nobody does any more.
    End(RungId),
}

/// What is being made, and how much may be.
pub(crate) struct Rungs {
    /// Counted in [`weight`]s.
    places: Semaphore,
    /// Which encoder each transcoder that is at work uses, as FFmpeg names it.
    working: Mutex<BTreeMap<RungId, String>>,
    /// Hardware that hung or failed at work: it is left alone for as long as the hub runs.
    failed: Mutex<BTreeSet<String>>,
}

impl Rungs {
    /// As much at once as the machine may be burdened with; each transcoder takes only what recorders leave.
    pub(crate) fn new() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let weights = cores.max(LEAST_CORES) * WEIGHTS_A_CORE;
        let (working, failed) = (Mutex::default(), Mutex::default());
        Self { places: Semaphore::new(weights), working, failed }
    }

    fn failed(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All transcoders that are at work now.
    pub(crate) fn working(&self) -> MutexGuard<'_, BTreeMap<RungId, String>> {
        self.working.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs as long as there are viewers to come. The channel has no bound, because the fan-out must not wait: each order
/// stands for a first or a last viewer, and is taken at once.
pub(crate) async fn run(hub: Arc<Hub>, mut orders: mpsc::UnboundedReceiver<Order>) {
    let mut tasks: HashMap<RungId, JoinHandle<()>> = HashMap::new();
    while let Some(order) = orders.recv().await {
        let (id, is_wanted) = match order {
            Order::Begin(id) => (id, true),
            Order::End(id) => (id, false),
        };
        if let Some(task) = tasks.remove(&id) {
            task.abort();
            // Its transcoder is dropped with it, and so killed.
            let _ = task.await;
            hub.rungs.working().remove(&id);
        }
        if is_wanted {
            tasks.insert(id.clone(), tokio::spawn(serve(hub.clone(), id)));
        }
    }
}

/// Why there are no more pictures from this transcoder.
enum Stop {
    /// The source has ended.
    Source(Problem),
    /// The transcoder has.
    Transcoder(End),
}

async fn serve(hub: Arc<Hub>, id: RungId) {
    let mut tries = Tries::default();
    loop {
        let (places, weight) = (&hub.rungs.places, weight(id.1));
        let place = if let Ok(place) = places.try_acquire_many(weight) {
            Ok(place)
        } else {
            tracing::warn!(camera = %id.0, rung = id.1.name(), "too many transcoders; it waits");
            notice(&hub, &id, words::too_many_transcoders()).await;
            places.acquire_many(weight).await
        };
        let began = hub.clock.mono();
        let stop = transcode(&hub, &id, tries.encoders()).await;
        hub.rungs.working().remove(&id);
        drop(place);
        match stop {
            Stop::Source(why) if hub.camera(&id.0).is_none() => {
                hub.live.handle(id, LiveInput::Ended(why)).await;
                return;
            }
            Stop::Source(_) => tokio::time::sleep(SOURCE_GONE).await,
            Stop::Transcoder(End::NoEncoder) => {
                tracing::error!(camera = %id.0, rung = id.1.name(), "nothing here encodes H.264");
                hub.live.handle(id, LiveInput::Ended(words::no_transcoder())).await;
                return;
            }
            Stop::Transcoder(End::Failed(why)) => {
                let wait = tries.ended(hub.clock.mono().since(began));
                tracing::warn!(camera = %id.0, rung = id.1.name(), why, ?wait, "a transcoder ended");
                notice(&hub, &id, words::transcoder_failed(wait)).await;
                tokio::time::sleep(wait).await;
            }
        }
    }
}

/// What it costs, beside others.
const fn weight(rung: Rung) -> u32 {
    match rung {
        Rung::P720 => 4,
        Rung::P480 => 2,
        Rung::P360 => 1,
    }
}

async fn notice(hub: &Hub, id: &RungId, problem: Problem) {
    hub.live.handle(id.clone(), LiveInput::Notice(Some(problem))).await;
}

async fn transcode(hub: &Hub, id: &RungId, encoders: Encoders) -> Stop {
    let (camera, rung) = id;
    let source = source(hub, camera, *rung);
    let without = hub.rungs.failed().iter().cloned().collect();
    let work = Work::Pictures(*rung, hub.programs.encoders.and(encoders), without);
    let mut transcoder = match Transcoder::start(&hub.programs.transcoder, work) {
        Ok(transcoder) => transcoder,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Stop::Transcoder(End::NoEncoder);
        }
        Err(error) => return Stop::Transcoder(End::Failed(error.to_string())),
    };
    tracing::info!(%camera, rung = rung.name(), %source, pid = transcoder.pid(), "a transcoder starts");
    let mut watch = hub.live.watch_tracks((camera.clone(), source), Tracks::PicturesAndSound).await;
    let beside = Mutex::new(Beside::default());
    // Both at once: a transcoder that waits until its pictures are taken takes none.
    let stopped = tokio::select! {
        stopped = feed(hub, id, &beside, &mut watch, &mut transcoder.input) => stopped,
        taken = take(hub, id, &beside, &mut transcoder.output) => {
            if let Err(error) = taken {
                tracing::warn!(%camera, rung = rung.name(), %error, "a transcoder is not understood");
            }
            None
        }
    };
    match stopped {
        Some(Fed::Ended(why)) => Stop::Source(why),
        // It is killed, for nobody holds it any more.
        Some(Fed::Hangs(encoder)) => {
            Stop::Transcoder(End::Failed(format!("{encoder} takes no more pictures")))
        }
        None => Stop::Transcoder(transcoder.end().await),
    }
}

/// Why a transcoder is not fed any longer.
enum Fed {
    /// There is nothing more to feed it with.
    Ended(Problem),
    /// It takes nothing, and encodes with this hardware.
    Hangs(String),
}

fn source(hub: &Hub, camera: &CameraId, rung: Rung) -> StreamKind {
    rung.source(sub_height(hub, camera))
}

/// How high the sub stream is, if there is one and its pictures flow.
pub(crate) fn sub_height(hub: &Hub, camera: &CameraId) -> Option<u16> {
    let has_sub = hub.camera(camera).is_some_and(|camera| camera.has(StreamKind::Sub));
    let statuses = hub.brains().get(camera).map(|brain| brain.stream_statuses(hub.now()));
    let sub = statuses
        .into_iter()
        .flatten()
        .find(|status| status.is_playing && StreamKind::from(status.stream) == StreamKind::Sub);
    sub.filter(|_| has_sub).and_then(|sub| sub.video).map(|video| video.height)
}

/// Until the source ends or the transcoder hangs, or none if it has ended.
async fn feed(
    hub: &Hub,
    id: &RungId,
    beside: &Mutex<Beside>,
    watch: &mut Watch<Problem>,
    input: &mut Input,
) -> Option<Fed> {
    loop {
        let sent = match watch.next().await {
            Next::Init(parameters) => {
                let others = locked(beside).begin(parameters.audio.clone());
                if let Some(others) = others {
                    give(hub, id, LiveInput::Parameters(others)).await;
                }
                input.send(&ToTranscoder::Parameters(parameters.video.clone()), &[]).await
            }
            Next::Unit { unit, .. } if unit.unit.track == Track::Video => {
                let picture = ToTranscoder::Picture(coded(&unit));
                let sending = input.send(&picture, &unit.unit.data);
                tokio::pin!(sending);
                loop {
                    if let Ok(sent) = tokio::time::timeout(HANGS, &mut sending).await {
                        break sent;
                    }
                    // Who encodes on a busy processor is waited for.
                    let encoder = hub.rungs.working().get(id).cloned();
                    if let Some(encoder) = encoder.filter(|encoder| is_hardware(encoder)) {
                        hub.rungs.failed().insert(encoder.clone());
                        return Some(Fed::Hangs(encoder));
                    }
                }
            }
            Next::Unit { unit, .. } => {
                let sound = locked(beside).sound(LiveUnit::clone(&unit));
                if let Some(sound) = sound {
                    give(hub, id, LiveInput::Unit(sound)).await;
                }
                Ok(())
            }
            // What was left out ends at a keyframe.
            Next::Skipped(_) => Ok(()),
            Next::Waiting(why) => {
                notice(hub, id, why).await;
                Ok(())
            }
            Next::Ended(why) => return Some(Fed::Ended(why)),
        };
        if sent.is_err() {
            return None;
        }
    }
}

fn coded(unit: &LiveUnit) -> CodedPicture {
    CodedPicture {
        pts: unit.unit.pts,
        dts: unit.unit.dts,
        duration: unit.unit.duration,
        is_keyframe: unit.unit.is_keyframe,
        arrived_utc_us: unit.arrived_utc_us,
    }
}

/// Until the transcoder ends.
async fn take(
    hub: &Hub,
    id: &RungId,
    beside: &Mutex<Beside>,
    output: &mut Output,
) -> anyhow::Result<()> {
    while let Some((message, payload)) = output.next().await? {
        match message {
            FromTranscoder::Encoder(encoder) => {
                tracing::info!(camera = %id.0, rung = id.1.name(), encoder, "a transcoder is at work");
                hub.rungs.working().insert(id.clone(), encoder);
            }
            FromTranscoder::Parameters(video) => {
                let parameters = locked(beside).made_as(video);
                give(hub, id, LiveInput::Parameters(parameters)).await;
            }
            FromTranscoder::Picture(coded) => {
                let sounds: Vec<_> = locked(beside).picture(coded.dts).collect();
                give(hub, id, LiveInput::Unit(live_unit(coded, payload))).await;
                for sound in sounds {
                    give(hub, id, LiveInput::Unit(sound)).await;
                }
            }
            FromTranscoder::EncoderFailed(encoder) => {
                tracing::warn!(camera = %id.0, encoder, "an encoder hung or failed and is left alone");
                hub.rungs.failed().insert(encoder);
            }
            FromTranscoder::Sound(_) => {}
        }
    }
    Ok(())
}

/// Never across an await.
fn locked(beside: &Mutex<Beside>) -> MutexGuard<'_, Beside> {
    beside.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn give(hub: &Hub, id: &RungId, input: LiveInput<Problem>) {
    hub.live.handle((id.0.clone(), LiveStream::Rung(id.1)), input).await;
}

fn live_unit(coded: CodedPicture, data: Bytes) -> LiveUnit {
    let unit = AccessUnit {
        track: Track::Video,
        pts: coded.pts,
        dts: coded.dts,
        duration: coded.duration,
        is_keyframe: coded.is_keyframe,
        arrived: UtcMs(coded.arrived_utc_us.div_euclid(1000)),
        data,
    };
    LiveUnit { unit, arrived_utc_us: coded.arrived_utc_us }
}
