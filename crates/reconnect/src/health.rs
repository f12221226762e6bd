//! How a connection is: every field of SPEC section 4, and the rates of the last seconds.
//!
//! *Packets* are RTP packets where a source counts them; else each access unit stands for as many as its length needs
//! ([`packets_of`]). *Latency* is how much later pictures arrive than the best of this connection did: what waits in
//! buffers on the way. How old a picture was in the best case, nobody can tell without the camera's clock.
//!
//! What does not belong here: what is too much (`detect`).

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tarsier_types::{Mono, Pts, UtcMs};

use crate::detect::{FailureReason, Severity};

/// Payload of an RTP packet on Ethernet, about (RFC 3550 section 5.1: 1500 − 20 − 8 − 12, less for extensions).
const PACKET_BYTES: usize = 1400;
/// Rates are of this many whole seconds and the one that runs.
const SECONDS: usize = 10;
/// The clock of a camera may run faster than ours by this much: 500 ppm.
const DRIFT_DIVISOR: i64 = 2_000;

/// A connection, measured.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionHealth {
    /// Media flows.
    pub is_connected: bool,
    /// When media last came.
    pub last_seen: Option<UtcMs>,
    /// Packets that came, over all connections.
    pub packets: u64,
    /// Bytes of media that came, over all connections.
    pub bytes: u64,
    /// Units that could not be read or whose times were false, and connections that failed.
    pub errors: u64,
    /// How much later than at best pictures arrive, milliseconds, of the last seconds.
    pub latency_ms: Option<u32>,
    /// Packets that the network lost, over all connections.
    pub packets_lost: u64,
    /// Packets lost of a million sent, of the last seconds.
    pub packet_loss_ppm: u32,
    /// Errors for a million packets, of the last seconds.
    pub error_rate_ppm: u32,
    /// Packets in a minute, of the last seconds.
    pub packets_per_minute: u64,
    /// Silences that were longer than a stream of that rate should have, over all connections.
    pub stalls: u64,
    /// How long this connection has stood, milliseconds; 0 while there is none.
    pub connection_age_ms: u64,
    /// How long all connections have stood together, milliseconds.
    pub uptime_ms: u64,
    /// Connections that were made again.
    pub reconnects: u64,
    /// What is over its threshold now.
    pub degraded: Vec<Degradation>,
}

/// Something that is over its threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Degradation {
    /// What.
    pub reason: FailureReason,
    /// How bad that is.
    pub severity: Severity,
}

/// The packets that a unit of that many bytes needed at least.
pub fn packets_of(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(PACKET_BYTES).max(1)).unwrap_or(u32::MAX)
}

#[derive(Clone, Copy, Debug, Default)]
struct Second {
    number: u64,
    packets: u64,
    lost: u64,
    errors: u64,
    latency_ms: Option<u32>,
}

/// Rates of the last seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    /// Over how long.
    pub span: Duration,
    /// Packets that came.
    pub packets: u64,
    /// Packets that were lost.
    pub lost: u64,
    /// Errors.
    pub errors: u64,
    /// The least latency of the last second in which anything came: a single late picture is jitter.
    pub latency: Option<Duration>,
}

impl Rates {
    /// Lost of a million sent.
    pub fn loss_ppm(&self) -> u32 {
        ppm(self.lost, self.lost + self.packets)
    }

    /// Errors for a million packets (and each error stands for one).
    pub fn error_ppm(&self) -> u32 {
        ppm(self.errors, self.errors + self.packets)
    }

    /// Packets in a minute.
    pub fn packets_per_minute(&self) -> u64 {
        let millis = u64::try_from(self.span.as_millis()).unwrap_or(u64::MAX).max(1);
        self.packets.saturating_mul(60_000) / millis
    }
}

fn ppm(part: u64, whole: u64) -> u32 {
    let share = part.saturating_mul(1_000_000).checked_div(whole).unwrap_or_default();
    u32::try_from(share).unwrap_or(u32::MAX)
}

/// Counts what comes.
#[derive(Clone, Debug, Default)]
pub struct HealthMeter {
    totals: ConnectionHealth,
    connected_since: Option<Mono>,
    uptime: Duration,
    seconds: VecDeque<Second>,
    /// The best arrival minus media time of this connection, in milliseconds, and when it was last looked at.
    floor: Option<(i64, i64)>,
}

impl HealthMeter {
    /// Goes on with what an earlier process counted.
    pub fn resume(
        &mut self,
        packets: u64,
        bytes: u64,
        errors: u64,
        uptime: Duration,
        reconnects: u64,
    ) {
        self.totals = ConnectionHealth { packets, bytes, errors, reconnects, ..Default::default() };
        self.uptime = uptime;
    }

    /// Media flows from now on.
    pub fn connected(&mut self, now: Mono) {
        self.connected_since.get_or_insert(now);
    }

    /// It was connected before, and is again.
    pub const fn reconnected(&mut self) {
        self.totals.reconnects += 1;
    }

    /// No media any more.
    pub fn disconnected(&mut self, now: Mono) {
        if let Some(since) = self.connected_since.take() {
            self.uptime += now.since(since);
        }
        self.seconds.clear();
        self.floor = None;
    }

    /// Media came.
    pub fn media(&mut self, now: Mono, arrived: UtcMs, bytes: u64, packets: u32) {
        self.totals.last_seen = Some(arrived);
        self.totals.bytes += bytes;
        self.totals.packets += u64::from(packets);
        self.second(now).packets += u64::from(packets);
    }

    /// A picture that is shown then came now: how late is that?
    pub fn latency(&mut self, now: Mono, pts: Pts) {
        let arrival_ms = i64::try_from(now.since_zero().as_millis()).unwrap_or(i64::MAX);
        let late = arrival_ms - (pts - Pts(0)).to_millis();
        let floor = match self.floor {
            None => late,
            // The floor follows a camera whose clock is slower than ours.
            Some((floor, at)) => late.min(floor + (arrival_ms - at) / DRIFT_DIVISOR),
        };
        // Moved only by whole milliseconds of drift, so that none is lost to rounding.
        let looked_at = match self.floor {
            Some((before, at)) if before == floor => at,
            _ => arrival_ms,
        };
        self.floor = Some((floor, looked_at));
        let latency = u32::try_from(late - floor).unwrap_or(u32::MAX);
        let second = self.second(now);
        second.latency_ms = Some(second.latency_ms.map_or(latency, |least| least.min(latency)));
    }

    /// Packets are missing.
    pub fn lost(&mut self, now: Mono, packets: u32) {
        self.totals.packets_lost += u64::from(packets);
        self.second(now).lost += u64::from(packets);
    }

    /// Something was wrong with a unit, or with a whole connection.
    pub fn error(&mut self, now: Mono) {
        self.totals.errors += 1;
        self.second(now).errors += 1;
    }

    /// Silences of a connection that is over.
    pub const fn stalls(&mut self, stalls: u64) {
        self.totals.stalls += stalls;
    }

    /// Rates of the last seconds.
    pub fn rates(&self, now: Mono) -> Rates {
        let number = now.since_zero().as_secs();
        let oldest = number.saturating_sub(SECONDS as u64);
        let known = self.seconds.iter().filter(|second| second.number >= oldest);
        let mut rates = Rates::default();
        for second in known {
            rates.packets += second.packets;
            rates.lost += second.lost;
            rates.errors += second.errors;
            let latency = second.latency_ms.map(|millis| Duration::from_millis(u64::from(millis)));
            rates.latency = latency.or(rates.latency);
        }
        let begun = self.connected_since.map_or(Duration::ZERO, |since| now.since(since));
        let window = now.since(Mono::from_millis(oldest * 1000));
        rates.span = window.min(begun);
        rates
    }

    /// All of it.
    pub fn health(&self, now: Mono) -> ConnectionHealth {
        let rates = self.rates(now);
        let age = self.connected_since.map_or(Duration::ZERO, |since| now.since(since));
        ConnectionHealth {
            is_connected: self.connected_since.is_some(),
            latency_ms: rates.latency.map(|latency| millis(latency).try_into().unwrap_or(u32::MAX)),
            packet_loss_ppm: rates.loss_ppm(),
            error_rate_ppm: rates.error_ppm(),
            packets_per_minute: rates.packets_per_minute(),
            connection_age_ms: millis(age),
            uptime_ms: millis(self.uptime + age),
            ..self.totals.clone()
        }
    }

    fn second(&mut self, now: Mono) -> &mut Second {
        let number = now.since_zero().as_secs();
        if self.seconds.back().is_none_or(|last| last.number != number) {
            if self.seconds.len() > SECONDS {
                self.seconds.pop_front();
            }
            self.seconds.push_back(Second { number, ..Second::default() });
        }
        self.seconds.back_mut().expect("one was just put there")
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: fn(u64) -> Mono = |seconds| Mono::from_millis(seconds * 1000);

    #[test]
    fn every_field_is_told() {
        let mut meter = HealthMeter::default();
        assert_eq!(meter.health(S(1)), ConnectionHealth::default(), "nothing yet");
        meter.connected(S(10));
        for second in 10_u32..20 {
            let arrived = UtcMs(7_000 + i64::from(second));
            meter.media(S(u64::from(second)), arrived, 14_000, 9);
        }
        meter.lost(S(19), 10);
        meter.error(S(19));
        let health = meter.health(S(20));
        assert!(health.is_connected);
        assert_eq!(health.last_seen, Some(UtcMs(7_019)));
        assert_eq!((health.packets, health.bytes), (90, 140_000));
        assert_eq!((health.packets_lost, health.packet_loss_ppm), (10, 100_000), "10 of 100");
        assert_eq!((health.errors, health.error_rate_ppm), (1, 10_989), "1 of 91");
        assert_eq!(health.packets_per_minute, 540);
        assert_eq!((health.connection_age_ms, health.uptime_ms), (10_000, 10_000));
        meter.disconnected(S(20));
        meter.connected(S(50));
        let health = meter.health(S(55));
        assert_eq!((health.connection_age_ms, health.uptime_ms), (5_000, 15_000), "both together");
        assert_eq!(health.packet_loss_ppm, 0, "what an earlier connection lost is no rate of this");
        assert_eq!(health.packets_lost, 10, "and stays in the count");
    }

    #[test]
    fn latency_is_what_waits_on_the_way_and_not_a_late_picture_or_a_slow_clock() {
        let mut meter = HealthMeter::default();
        meter.connected(S(0));
        let mut at = |picture: i64, late_ms: i64, drift_ppm: i64| {
            let media_ms = picture * 40;
            let arrives = media_ms + media_ms * drift_ppm / 1_000_000 + 5_000 + late_ms;
            let now = Mono::from_millis(u64::try_from(arrives).expect("after the beginning"));
            meter.latency(now, Pts(media_ms * 90));
            meter.health(now).latency_ms.expect("a picture came")
        };
        for picture in 0..1_000 {
            let late = if picture % 50 == 20 { 300 } else { picture % 7 };
            at(picture, late, 0);
        }
        assert_eq!(at(1_001, 0, 0), 0, "a picture that is late now and then is jitter");
        for picture in 1_002..1_100 {
            at(picture, 1_500, 0);
        }
        let waiting = at(1_100, 1_500, 0);
        assert!((1_490..=1_500).contains(&waiting), "a second and a half of buffers: {waiting} ms");
        let mut drifting = HealthMeter::default();
        drifting.connected(S(0));
        for picture in 0..90_000_i64 {
            let media_ms = picture * 40;
            let arrives = media_ms + media_ms * 300 / 1_000_000 + 5_000;
            let now = Mono::from_millis(u64::try_from(arrives).expect("after the beginning"));
            drifting.latency(now, Pts(media_ms * 90));
            let latency = drifting.health(now).latency_ms.expect("a picture came");
            assert!(
                latency < 5,
                "an hour of 300 ppm drift is no latency: {latency} ms at {picture}"
            );
        }
    }

    #[test]
    fn a_unit_stands_for_the_packets_that_it_needs() {
        assert_eq!([packets_of(0), packets_of(1_400), packets_of(1_401)], [1, 1, 2]);
    }
}
