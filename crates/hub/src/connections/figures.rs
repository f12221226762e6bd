//! Figures of reconnection for Prometheus (SPEC section 13): attempts, successes, durations, uptime, failures by reason.
//!
//! Unlike the other figures these are counted here, from events; they begin at zero with the hub.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use tarsier_reconnect::{ConnectionHealth, EventKind, FailureReason, ReconnectionEvent};
use tarsier_types::{CameraId, StreamKind};

/// From a camera that hung up to one that was away for a day, seconds.
const BUCKETS: [f64; 12] =
    [1.0, 2.0, 3.0, 5.0, 10.0, 30.0, 60.0, 300.0, 1_800.0, 7_200.0, 21_600.0, 86_400.0];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfStream {
    camera: String,
    stream: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfReason {
    camera: String,
    stream: &'static str,
    reason: &'static str,
}

type Float = Gauge<f64, AtomicU64>;

/// Counted since the hub started.
pub(crate) struct Figures {
    attempts: Family<OfReason, Counter>,
    successes: Family<OfStream, Counter>,
    failures: Family<OfReason, Counter>,
    durations: Family<OfStream, Histogram, fn() -> Histogram>,
}

impl Default for Figures {
    fn default() -> Self {
        let new: fn() -> Histogram = || Histogram::new(BUCKETS);
        Self {
            attempts: Family::default(),
            successes: Family::default(),
            failures: Family::default(),
            durations: Family::new_with_constructor(new),
        }
    }
}

impl Figures {
    /// Counts an event.
    pub(crate) fn count(&self, camera: &CameraId, stream: StreamKind, event: &ReconnectionEvent) {
        let of = OfStream { camera: camera.to_string(), stream: stream.name() };
        match event.kind {
            EventKind::Started => self.failed(camera, stream, event.reason),
            EventKind::Attempt => {
                self.attempts.get_or_create(&of_reason(camera, stream, event.reason)).inc();
            }
            EventKind::Succeeded => {
                self.successes.get_or_create(&of).inc();
                let lasted = std::time::Duration::from_millis(event.duration_ms);
                self.durations.get_or_create(&of).observe(lasted.as_secs_f64());
            }
            EventKind::Failed | EventKind::Aborted => {}
        }
    }

    /// Counts a failure that was detected, whether or not it cost the connection.
    pub(crate) fn failed(&self, camera: &CameraId, stream: StreamKind, reason: FailureReason) {
        self.failures.get_or_create(&of_reason(camera, stream, reason)).inc();
    }

    /// The stream is gone, and its figures with it.
    pub(crate) fn forget(&self, camera: &CameraId, stream: StreamKind) {
        let of = OfStream { camera: camera.to_string(), stream: stream.name() };
        self.successes.remove(&of);
        self.durations.remove(&of);
        for reason in FailureReason::ALL {
            let of = of_reason(camera, stream, reason);
            self.attempts.remove(&of);
            self.failures.remove(&of);
        }
    }

    /// Puts them where they are read; `healths` are the connections as they are now.
    pub(crate) fn register<'a>(
        &self,
        registry: &mut Registry,
        healths: impl Iterator<Item = (&'a (CameraId, StreamKind), &'a ConnectionHealth)>,
    ) {
        let uptime: Family<OfStream, Float> = Family::default();
        let latency: Family<OfStream, Float> = Family::default();
        let loss: Family<OfStream, Float> = Family::default();
        for ((camera, stream), health) in healths {
            let of = OfStream { camera: camera.to_string(), stream: stream.name() };
            uptime.get_or_create(&of).set(seconds(health.connection_age_ms));
            loss.get_or_create(&of).set(f64::from(health.packet_loss_ppm) / 1e6);
            if let Some(millis) = health.latency_ms {
                latency.get_or_create(&of).set(seconds(u64::from(millis)));
            }
        }
        registry.register(
            "reconnection_attempts",
            "Attempts to connect again",
            self.attempts.clone(),
        );
        registry.register(
            "reconnection_successes",
            "Connections that were made again and carry pictures",
            self.successes.clone(),
        );
        registry.register_with_unit(
            "reconnection_duration",
            "From the last picture to the first proven one",
            Unit::Seconds,
            self.durations.clone(),
        );
        registry.register("connection_failures", "Failures by reason", self.failures.clone());
        registry.register_with_unit(
            "connection_uptime",
            "How long the connection has stood; 0 while there is none",
            Unit::Seconds,
            uptime,
        );
        registry.register_with_unit(
            "connection_latency",
            "How much later than at best pictures arrive",
            Unit::Seconds,
            latency,
        );
        registry.register("connection_packet_loss_ratio", "Of the last 10 s", loss);
    }
}

fn of_reason(camera: &CameraId, stream: StreamKind, reason: FailureReason) -> OfReason {
    OfReason { camera: camera.to_string(), stream: stream.name(), reason: reason.name() }
}

fn seconds(millis: u64) -> f64 {
    std::time::Duration::from_millis(millis).as_secs_f64()
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text;
    use tarsier_types::UtcMs;

    use super::*;

    #[test]
    fn an_outage_is_counted_once_in_each_figure_and_each_attempt_in_one() {
        let figures = Figures::default();
        let camera = CameraId::new("garden").unwrap();
        let kinds =
            [EventKind::Started, EventKind::Attempt, EventKind::Attempt, EventKind::Succeeded];
        for kind in kinds {
            let event = ReconnectionEvent {
                kind,
                at: UtcMs(0),
                attempt: 1,
                reason: FailureReason::Timeout,
                error: None,
                duration_ms: 4_000,
            };
            figures.count(&camera, StreamKind::Main, &event);
        }
        let health = ConnectionHealth { connection_age_ms: 1_500, ..ConnectionHealth::default() };
        let key = (camera, StreamKind::Main);
        let mut registry = Registry::default();
        figures.register(&mut registry, std::iter::once((&key, &health)));
        let mut said = String::new();
        text::encode(&mut said, &registry).unwrap();
        let of = "camera=\"garden\",stream=\"main\"";
        for line in [
            format!("reconnection_attempts_total{{{of},reason=\"timeout\"}} 2"),
            format!("reconnection_successes_total{{{of}}} 1"),
            format!("connection_failures_total{{{of},reason=\"timeout\"}} 1"),
            format!("reconnection_duration_seconds_sum{{{of}}} 4.0"),
            format!("reconnection_duration_seconds_bucket{{le=\"3.0\",{of}}} 0"),
            format!("reconnection_duration_seconds_bucket{{le=\"5.0\",{of}}} 1"),
            format!("connection_uptime_seconds{{{of}}} 1.5"),
        ] {
            assert!(said.contains(&line), "{line} is missing:\n{said}");
        }
    }
}
