//! Pure translation: a camera's reconnection from the words of the API into those of the brain and back, and what in
//! it makes no sense.

use std::ops::RangeInclusive;
use std::time::Duration;

use tarsier_api::connection::{
    self as api, BackoffStrategy, FailureThresholds, Reconnect as Settings,
};
use tarsier_api::problem::{Problem, ProblemCode};
use tarsier_reconnect::{
    ConnectionHealth, Degradation, FailureReason, Policy, Quick, Reconnect, Severity, Strategy,
    Thresholds,
};
use tarsier_types::Scheme;

use crate::words;

/// What a recorder goes by.
pub(crate) fn policy(settings: Option<&Settings>, scheme: Scheme) -> Policy {
    let Some(settings) = settings else {
        return match scheme {
            Scheme::Rtmp | Scheme::Rtmps => Policy::rtmp(),
            _ => Policy::default(),
        };
    };
    let millis = |millis: u32| Duration::from_millis(u64::from(millis));
    let (initial, cap) = (millis(settings.initial_ms), millis(settings.cap_ms));
    Policy {
        reconnect: if settings.enabled { Reconnect::On } else { Reconnect::Off },
        strategy: match settings.strategy {
            BackoffStrategy::Exponential => {
                Strategy::Exponential { initial, factor_percent: settings.factor_percent, cap }
            }
            BackoffStrategy::Linear => {
                Strategy::Linear { initial, step: millis(settings.step_ms), cap }
            }
            BackoffStrategy::Fixed => Strategy::Fixed { delay: initial },
        },
        jitter_percent: u8::try_from(settings.jitter_percent).unwrap_or(50),
        quick: match settings.window_ms {
            Some(window) => Quick::Window(millis(window)),
            None => Quick::Retries(settings.max_retries),
        },
        thresholds: thresholds(&settings.thresholds),
        ..Policy::default()
    }
}

fn thresholds(settings: &FailureThresholds) -> Thresholds {
    let millis = |millis: u32| Duration::from_millis(u64::from(millis));
    Thresholds {
        timeout: millis(settings.timeout_ms),
        packet_loss_ppm: settings.packet_loss_percent * 10_000,
        latency: millis(settings.latency_ms),
        error_rate_ppm: settings.error_rate_percent * 10_000,
        min_packets_per_minute: u64::from(settings.min_packets_per_minute),
        also_reconnect_on: settings
            .also_reconnect_on
            .iter()
            .map(|reason| inward(*reason))
            .collect(),
        ..Thresholds::default()
    }
}

/// Refuses what makes no sense, and says what would.
pub(crate) fn check(settings: &Settings) -> Result<(), Problem> {
    let thresholds = &settings.thresholds;
    let cap = settings.initial_ms..=3_600_000;
    let checks: [(&str, u32, RangeInclusive<u32>); 11] = [
        ("initial_ms", settings.initial_ms, 100..=600_000),
        ("factor_percent", settings.factor_percent, 100..=1_000),
        ("step_ms", settings.step_ms, 0..=600_000),
        ("cap_ms", settings.cap_ms, cap),
        ("jitter_percent", settings.jitter_percent, 0..=50),
        ("max_retries", settings.max_retries, 0..=1_000),
        ("window_ms", settings.window_ms.unwrap_or(60_000), 1_000..=86_400_000),
        ("thresholds.timeout_ms", thresholds.timeout_ms, 5_000..=3_600_000),
        ("thresholds.packet_loss_percent", thresholds.packet_loss_percent, 1..=100),
        ("thresholds.latency_ms", thresholds.latency_ms, 50..=600_000),
        ("thresholds.error_rate_percent", thresholds.error_rate_percent, 1..=100),
    ];
    let bad = checks.into_iter().find(|(_, value, range)| !range.contains(value));
    let Some((name, value, range)) = bad else { return Ok(()) };
    let default = match name {
        "cap_ms" => " It cannot be less than initial_ms; 30000 is right for nearly everybody.",
        _ => " Leave it out for what is right for nearly everybody.",
    };
    Err(words::problem(
        ProblemCode::BadRequest,
        format!("reconnect.{name} cannot be {value}."),
        format!("Choose {} to {}.{default}", range.start(), range.end()),
    ))
}

/// A connection's health in the words of the API.
pub(crate) fn health(health: &ConnectionHealth) -> api::ConnectionHealth {
    api::ConnectionHealth {
        is_connected: health.is_connected,
        last_seen_utc_ms: health.last_seen.map(|at| at.0),
        packets: health.packets,
        bytes: health.bytes,
        errors: health.errors,
        latency_ms: health.latency_ms,
        packets_lost: health.packets_lost,
        packet_loss_ppm: health.packet_loss_ppm,
        error_rate_ppm: health.error_rate_ppm,
        packets_per_minute: health.packets_per_minute,
        stalls: health.stalls,
        connection_age_ms: health.connection_age_ms,
        uptime_ms: health.uptime_ms,
        reconnects: health.reconnects,
        degraded: health.degraded.iter().copied().map(degradation).collect(),
    }
}

fn degradation(degraded: Degradation) -> api::Degradation {
    api::Degradation {
        reason: outward(degraded.reason),
        severity: match degraded.severity {
            Severity::Low => api::Severity::Low,
            Severity::Medium => api::Severity::Medium,
            Severity::High => api::Severity::High,
        },
    }
}

const REASONS: [(api::FailureReason, FailureReason); 6] = [
    (api::FailureReason::Timeout, FailureReason::Timeout),
    (api::FailureReason::PacketLoss, FailureReason::PacketLoss),
    (api::FailureReason::HighLatency, FailureReason::HighLatency),
    (api::FailureReason::HighErrorRate, FailureReason::HighErrorRate),
    (api::FailureReason::LowPacketRate, FailureReason::LowPacketRate),
    (api::FailureReason::NetworkError, FailureReason::NetworkError),
];

fn inward(reason: api::FailureReason) -> FailureReason {
    REASONS.iter().find(|(word, _)| *word == reason).expect("all six are there").1
}

fn outward(reason: FailureReason) -> api::FailureReason {
    REASONS.iter().find(|(_, word)| *word == reason).expect("all six are there").0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_said_and_an_empty_object_mean_the_defaults() {
        let empty: Settings = serde_json::from_str("{}").unwrap();
        assert_eq!(policy(Some(&empty), Scheme::Rtsp), Policy::default());
        assert_eq!(policy(None, Scheme::Rtsp), Policy::default());
        assert_eq!(policy(None, Scheme::Rtmp), Policy::rtmp(), "RTMP has steps of its own");
        assert!(check(&empty).is_ok());
    }

    #[test]
    fn each_strategy_is_understood() {
        let of = |json: &str| policy(Some(&serde_json::from_str(json).unwrap()), Scheme::Rtsp);
        let seconds = Duration::from_secs;
        let linear = of(r#"{"strategy":"linear","initial_ms":2000,"step_ms":3000,"cap_ms":9000}"#);
        let expected = Strategy::Linear { initial: seconds(2), step: seconds(3), cap: seconds(9) };
        assert_eq!(linear.strategy, expected);
        let fixed = of(r#"{"strategy":"fixed","initial_ms":4000,"window_ms":60000}"#);
        assert_eq!(fixed.strategy, Strategy::Fixed { delay: seconds(4) });
        assert_eq!(fixed.quick, Quick::Window(seconds(60)));
        let off = of(
            r#"{"enabled":false,"thresholds":{"also_reconnect_on":["packet_loss"],"packet_loss_percent":7}}"#,
        );
        assert_eq!(off.reconnect, Reconnect::Off);
        assert_eq!(off.thresholds.packet_loss_ppm, 70_000);
        assert_eq!(off.thresholds.also_reconnect_on, [FailureReason::PacketLoss]);
    }

    #[test]
    fn nonsense_is_refused_with_the_name_of_what_is_wrong() {
        for (json, name) in [
            (r#"{"initial_ms":50}"#, "reconnect.initial_ms cannot be 50."),
            (r#"{"initial_ms":40000}"#, "reconnect.cap_ms cannot be 30000."),
            (r#"{"factor_percent":50}"#, "reconnect.factor_percent cannot be 50."),
            (r#"{"jitter_percent":80}"#, "reconnect.jitter_percent cannot be 80."),
            (r#"{"window_ms":10}"#, "reconnect.window_ms cannot be 10."),
            (
                r#"{"thresholds":{"packet_loss_percent":0}}"#,
                "reconnect.thresholds.packet_loss_percent cannot be 0.",
            ),
        ] {
            let problem = check(&serde_json::from_str(json).unwrap()).unwrap_err();
            assert_eq!(problem.message, name);
            assert!(problem.hint.starts_with("Choose "), "{}", problem.hint);
        }
        assert!(serde_json::from_str::<Settings>(r#"{"retries":3}"#).is_err(), "no such setting");
    }
}
