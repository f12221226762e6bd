//! Figures for Prometheus (SPEC section 13), made anew for each look: nothing is counted twice.
//!
//! Labels are camera ids, which are few and stable, never names or addresses.

use std::fmt;
use std::sync::Arc;

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};
use tarsier_api::alert::AlertKind;
use tarsier_api::camera::CameraState;
use tarsier_types::{Clock, GapReason, StreamKind, UtcRange};

use crate::hub::{Hub, index_failed};
use crate::ledger;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfCamera {
    camera: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfStream {
    camera: String,
    stream: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfRung {
    camera: String,
    stream: &'static str,
    encoder: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfState {
    camera: String,
    state: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfKind {
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfReason {
    camera: String,
    stream: &'static str,
    reason: &'static str,
}

type Float = Gauge<f64, std::sync::atomic::AtomicU64>;

/// All figures, in the `OpenMetrics` format.
pub(crate) async fn text(hub: &Arc<Hub>) -> Result<String, fmt::Error> {
    let mut registry = Registry::with_prefix("tarsier");
    registry.register(
        "build",
        "Which program this is",
        Info::new([("version", env!("CARGO_PKG_VERSION"))]),
    );
    let started: Gauge = Gauge::default();
    started.set(hub.started.0 / 1000);
    registry.register_with_unit(
        "start_time",
        "When the hub started, since 1970",
        Unit::Seconds,
        started,
    );
    streams(hub, &mut registry);
    hub.connections.register(&mut registry);
    recorders(hub, &mut registry).await;
    transcoders(hub, &mut registry);
    alerts(hub, &mut registry);
    ledgers(hub, &mut registry).await;
    let mut encoded = String::new();
    text::encode(&mut encoded, &registry)?;
    Ok(encoded)
}

fn streams(hub: &Hub, registry: &mut Registry) {
    let state: Family<OfState, Gauge> = Family::default();
    let playing: Family<OfStream, Gauge> = Family::default();
    let viewers: Family<OfStream, Gauge> = Family::default();
    let fps: Family<OfStream, Float> = Family::default();
    let bitrate: Family<OfStream, Gauge> = Family::default();
    let units: [(&str, &str, Family<OfStream, Gauge>); 5] = [
        (
            "recorder_units_in",
            "Access units that came since the recorder started",
            Family::default(),
        ),
        (
            "recorder_units_on_disk",
            "Access units on disk since the recorder started",
            Family::default(),
        ),
        ("recorder_units_lost", "Access units that could not be written", Family::default()),
        ("recorder_packets_lost", "RTP packets that the network lost", Family::default()),
        ("recorder_reconnects", "Sessions with the camera that ended", Family::default()),
    ];
    let now = hub.now();
    for (id, brain) in hub.brains().iter() {
        let camera = id.to_string();
        state
            .get_or_create(&OfState { camera: camera.clone(), state: state_name(brain.state()) })
            .set(1);
        for status in brain.stream_statuses(now) {
            let kind = StreamKind::from(status.stream);
            let of = OfStream { camera: camera.clone(), stream: kind.name() };
            playing.get_or_create(&of).set(i64::from(status.is_playing));
            viewers.get_or_create(&of).set(i64::from(hub.live.viewers(&(id.clone(), kind))));
            fps.get_or_create(&of).set(status.fps);
            bitrate.get_or_create(&of).set(signed(status.bitrate_bps));
            let counts = [
                status.units_in,
                status.units_on_disk,
                status.units_lost,
                status.packets_lost,
                u64::from(status.reconnects),
            ];
            for ((_, _, family), count) in units.iter().zip(counts) {
                family.get_or_create(&of).set(signed(count));
            }
        }
    }
    registry.register("camera_state", "1 for the state that the camera is in", state);
    registry.register("stream_playing", "Pictures flow", playing);
    registry.register("stream_viewers", "Who watches it live", viewers);
    registry.register("stream_fps", "Pictures in a second, measured", fps);
    registry.register("stream_bitrate_bps", "Bits in a second, measured", bitrate);
    for (name, help, family) in units {
        registry.register(name, help, family);
    }
    let events = u64::try_from(*hub.journal.newest_event().borrow()).unwrap_or(0);
    registry.register("events", "Events that were ever kept", ConstCounter::new(events));
}

async fn recorders(hub: &Hub, registry: &mut Registry) {
    let cpu: Family<OfCamera, Float> = Family::default();
    let rss: Family<OfCamera, Gauge> = Family::default();
    let restarts: Family<OfCamera, Gauge> = Family::default();
    for snapshot in hub.supervisor.snapshot().await {
        let of = OfCamera { camera: snapshot.camera.to_string() };
        cpu.get_or_create(&of).set(snapshot.cpu_percent / 100.0);
        rss.get_or_create(&of).set(signed(snapshot.rss_bytes));
        restarts.get_or_create(&of).set(i64::from(snapshot.restarts));
    }
    registry.register("recorder_cpu_ratio", "Of one core", cpu);
    registry.register_with_unit("recorder_resident_memory", "Of its process", Unit::Bytes, rss);
    registry.register("recorder_restarts", "How often it was started again by this hub", restarts);
}

fn transcoders(hub: &Hub, registry: &mut Registry) {
    let viewers: Family<OfRung, Gauge> = Family::default();
    for ((camera, rung), encoder) in hub.rungs.working().iter() {
        let (stream, encoder) = (rung.name(), encoder.clone());
        let of = OfRung { camera: camera.to_string(), stream, encoder };
        viewers.get_or_create(&of).set(i64::from(hub.live.viewers(&(camera.clone(), *rung))));
    }
    registry.register("transcoder_viewers", "Who watches what a transcoder makes", viewers);
}

fn alerts(hub: &Hub, registry: &mut Registry) {
    let open: Family<OfKind, Gauge> = Family::default();
    for kind in AlertKind::ALL {
        open.get_or_create(&OfKind { kind: kind.name() }).set(0);
    }
    for alert in hub.alerts.open().iter() {
        open.get_or_create(&OfKind { kind: alert.kind.name() }).inc();
    }
    registry.register("alerts_open", "Alerts whose cause goes on", open);
    let silent: Family<OfStream, Float> = Family::default();
    let overdue: Family<OfStream, Gauge> = Family::default();
    let now = hub.clock.mono();
    for camera in hub.all_cameras() {
        let durable = hub.alerts.durable();
        for stream in StreamKind::ALL.into_iter().filter(|stream| camera.has(*stream)) {
            let of = OfStream { camera: camera.id.to_string(), stream: stream.name() };
            if let Some(ms) = durable.since_last_ms(&camera.id, stream, now) {
                silent.get_or_create(&of).set(seconds(signed(ms)));
            }
            let is_overdue = durable.overdue_ms(&camera.id, stream, now).is_some();
            overdue.get_or_create(&of).set(i64::from(is_overdue));
        }
    }
    registry.register_with_unit(
        "stream_since_durable",
        "Since the last byte that is durable on disk, as this hub knows",
        Unit::Seconds,
        silent,
    );
    registry.register(
        "stream_durable_overdue",
        "1 if it should be written, pictures come, and nothing reached the disk for 15 s",
        overdue,
    );
}

/// Of the last 24 hours, so that a restart of the hub changes nothing.
async fn ledgers(hub: &Hub, registry: &mut Registry) {
    let recorded: Family<OfStream, Float> = Family::default();
    let wanted: Family<OfStream, Float> = Family::default();
    let gaps: Family<OfReason, Float> = Family::default();
    let now = hub.now();
    let day = UtcRange::new(now.plus_millis(-ledger::DAY_MS), now);
    for camera in hub.all_cameras() {
        for stream in StreamKind::ALL {
            let is_kept = stream == StreamKind::Main || hub.is_wanted(&camera, stream);
            if !is_kept {
                continue;
            }
            let ledger = match hub.ledger(&camera, stream, day).await {
                Ok(ledger) => ledger,
                Err(error) => {
                    index_failed(&error);
                    continue;
                }
            };
            let of = OfStream { camera: camera.id.to_string(), stream: stream.name() };
            recorded.get_or_create(&of).set(seconds(ledger.recorded_ms));
            wanted.get_or_create(&of).set(seconds(ledger.wanted_ms()));
            for reason in GapReason::ALL {
                let of = OfReason {
                    camera: camera.id.to_string(),
                    stream: stream.name(),
                    reason: reason.name(),
                };
                gaps.get_or_create(&of).set(seconds(ledger.missing_ms(reason)));
            }
        }
    }
    registry.register_with_unit(
        "ledger_recorded",
        "With footage, of the last 24 hours",
        Unit::Seconds,
        recorded,
    );
    registry.register_with_unit(
        "ledger_wanted",
        "That were to be recorded, of the last 24 hours",
        Unit::Seconds,
        wanted,
    );
    registry.register_with_unit(
        "ledger_gap",
        "Without footage, of the last 24 hours",
        Unit::Seconds,
        gaps,
    );
}

#[expect(clippy::cast_precision_loss, reason = "a day of milliseconds is far below 2^52")]
fn seconds(millis: i64) -> f64 {
    millis as f64 / 1000.0
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

const fn state_name(state: CameraState) -> &'static str {
    match state {
        CameraState::Recording => "recording",
        CameraState::Live => "live",
        CameraState::Connecting => "connecting",
        CameraState::Offline => "offline",
        CameraState::Stopped => "stopped",
        CameraState::Disabled => "disabled",
    }
}
