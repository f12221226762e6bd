//! Connections to cameras: when they are tried again (configured), how they are (measured).

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

/// How waiting grows from attempt to attempt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BackoffStrategy {
    /// `initial_ms`, then each time by `factor_percent` longer.
    #[default]
    Exponential,
    /// `initial_ms`, then each time `step_ms` longer.
    Linear,
    /// Always `initial_ms`.
    Fixed,
}

/// Why a connection counts as failing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FailureReason {
    /// Nothing came for too long, or no pictures.
    Timeout,
    /// The network loses too many packets.
    PacketLoss,
    /// What comes is old.
    HighLatency,
    /// Too much of what comes is broken.
    HighErrorRate,
    /// Too little comes.
    LowPacketRate,
    /// The connection broke, or could not be made.
    NetworkError,
}

/// How bad something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing.
    Low,
    /// Pictures suffer.
    Medium,
    /// Pictures are missing.
    High,
}

/// When a camera is connected again. What is absent is as it is by default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[ts(optional_fields = nullable)]
pub struct Reconnect {
    /// Off: the first failure stops it until somebody changes something.
    pub enabled: bool,
    /// How waiting grows.
    pub strategy: BackoffStrategy,
    /// The first wait, 100 to 600000 ms.
    pub initial_ms: u32,
    /// Of `exponential`: 100 to 1000; 200 doubles.
    pub factor_percent: u32,
    /// Of `linear`: what each failure adds, 0 to 600000 ms.
    pub step_ms: u32,
    /// The longest wait, from `initial_ms` to 3600000 ms. A host that was silent is looked at more often than that.
    pub cap_ms: u32,
    /// Share of each wait that chance moves, 0 to 50.
    pub jitter_percent: u32,
    /// Quick attempts before the camera counts as offline, 0 to 1000. (Patient ones go on after that.)
    pub max_retries: u32,
    /// Instead of `max_retries`: how long quick attempts go on, 1000 to 86400000 ms.
    pub window_ms: Option<u32>,
    /// What counts as failing.
    pub thresholds: FailureThresholds,
}

impl Default for Reconnect {
    /// SPEC section 4.
    fn default() -> Self {
        Self {
            enabled: true,
            strategy: BackoffStrategy::Exponential,
            initial_ms: 1_000,
            factor_percent: 200,
            step_ms: 1_000,
            cap_ms: 30_000,
            jitter_percent: 10,
            max_retries: 5,
            window_ms: None,
            thresholds: FailureThresholds::default(),
        }
    }
}

/// What counts as failing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FailureThresholds {
    /// Nothing for so long, 5000 to 3600000 ms: the connection is made again.
    pub timeout_ms: u32,
    /// Packets lost of those sent, 1 to 100.
    pub packet_loss_percent: u32,
    /// Later than at best by so much, 50 to 600000 ms.
    pub latency_ms: u32,
    /// Errors for packets, 1 to 100.
    pub error_rate_percent: u32,
    /// Packets in a minute; 0: any rate is good.
    pub min_packets_per_minute: u32,
    /// What is answered with a new connection besides `timeout` and `network_error`, once it has lasted for 30 s. By
    /// default nothing: what still brings pictures is not torn down.
    pub also_reconnect_on: Vec<FailureReason>,
}

impl Default for FailureThresholds {
    /// SPEC section 4.
    fn default() -> Self {
        Self {
            timeout_ms: 30_000,
            packet_loss_percent: 5,
            latency_ms: 1_000,
            error_rate_percent: 10,
            min_packets_per_minute: 0,
            also_reconnect_on: Vec::new(),
        }
    }
}

/// Something that is over its threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct Degradation {
    /// What.
    pub reason: FailureReason,
    /// How bad that is.
    pub severity: Severity,
}

/// How the connection of a stream is. Counters go on over restarts; rates are of the last 10 s.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct ConnectionHealth {
    /// Media flows.
    pub is_connected: bool,
    /// When media last came.
    #[ts(type = "number | null")]
    pub last_seen_utc_ms: Option<i64>,
    /// Packets that came (reckoned from the lengths of access units where the source does not count them).
    #[ts(type = "number")]
    pub packets: u64,
    /// Bytes of media that came.
    #[ts(type = "number")]
    pub bytes: u64,
    /// Units that could not be read or whose times were false, and connections that failed.
    #[ts(type = "number")]
    pub errors: u64,
    /// How much later than at best pictures arrive.
    pub latency_ms: Option<u32>,
    /// Packets that the network lost.
    #[ts(type = "number")]
    pub packets_lost: u64,
    /// Of a million sent.
    pub packet_loss_ppm: u32,
    /// Errors for a million packets.
    pub error_rate_ppm: u32,
    /// Packets in a minute.
    #[ts(type = "number")]
    pub packets_per_minute: u64,
    /// Silences that were longer than a stream of that rate should have.
    #[ts(type = "number")]
    pub stalls: u64,
    /// How long this connection has stood; 0 while there is none.
    #[ts(type = "number")]
    pub connection_age_ms: u64,
    /// How long all connections have stood together.
    #[ts(type = "number")]
    pub uptime_ms: u64,
    /// Connections that were made again.
    #[ts(type = "number")]
    pub reconnects: u64,
    /// What is over its threshold now.
    pub degraded: Vec<Degradation>,
}
