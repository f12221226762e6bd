//! What is counted of one stream. Written by its task and the disk thread, read once a second.

use std::sync::Mutex;
use std::time::Duration;

use tarsier_types::{AccessUnit, Mono, Ticks, Track, UtcMs};
use tarsier_wire::StreamHealth;

/// Over how long pictures and bits are averaged.
const WINDOW: Duration = Duration::from_secs(4);

#[derive(Debug, Default)]
struct Counted {
    health: StreamHealth,
    window_start: Option<Mono>,
    window_bits: u64,
    window_pictures: u32,
    written: Ticks,
}

/// Counters of one stream.
#[derive(Debug, Default)]
pub(crate) struct Counters(Mutex<Counted>);

impl Counters {
    fn with<R>(&self, change: impl FnOnce(&mut Counted) -> R) -> R {
        // A panic elsewhere cannot leave a number half written.
        change(&mut self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    pub(crate) fn unit(&self, unit: &AccessUnit, now: Mono) {
        self.with(|c| {
            let bytes = u64::try_from(unit.data.len()).unwrap_or(u64::MAX);
            c.health.bytes += bytes;
            match unit.track {
                Track::Video => {
                    c.health.video_units += 1;
                    c.health.last_picture = Some(unit.arrived);
                    c.window_pictures += 1;
                }
                Track::Audio => c.health.audio_units += 1,
            }
            c.window_bits += bytes * 8;
            c.window_start.get_or_insert(now);
        });
    }

    pub(crate) fn packets_lost(&self, packets: u32) {
        self.with(|c| c.health.packets_lost += u64::from(packets));
    }

    pub(crate) fn reconnected(&self) {
        self.with(|c| c.health.reconnects += 1);
    }

    pub(crate) fn queued(&self, units: u32) {
        self.with(|c| c.health.units_queued += u64::from(units));
    }

    pub(crate) fn written(&self, units: u32, span: Ticks, took: Duration) {
        self.with(|c| {
            c.health.units_queued = c.health.units_queued.saturating_sub(u64::from(units));
            c.health.units_on_disk += u64::from(units);
            c.written += span;
            c.health.written_ms = u64::try_from(c.written.to_millis()).unwrap_or_default();
            let took = u32::try_from(took.as_micros()).unwrap_or(u32::MAX);
            c.health.slowest_write_us = c.health.slowest_write_us.max(took);
        });
    }

    /// Units that were handed to the disk thread and could not be written.
    pub(crate) fn lost_queued(&self, units: u32) {
        self.with(|c| {
            c.health.units_queued = c.health.units_queued.saturating_sub(u64::from(units));
            c.health.units_lost += u64::from(units);
        });
    }

    /// Units that were handed to the disk thread, and that whoever did it has kept.
    pub(crate) fn given_back(&self, units: u32) {
        self.with(|c| {
            c.health.units_queued = c.health.units_queued.saturating_sub(u64::from(units));
        });
    }

    /// Units that never reached the disk thread.
    pub(crate) fn lost(&self, units: u32) {
        self.with(|c| c.health.units_lost += u64::from(units));
    }

    /// How far back footage in memory reaches, in milliseconds.
    pub(crate) fn in_memory(&self, memory_ms: u32) {
        self.with(|c| c.health.memory_ms = memory_ms);
    }

    /// The counters for a heartbeat; rates are of the last window, zero when nothing came in it.
    pub(crate) fn heartbeat(&self, now: Mono, utc: UtcMs) -> StreamHealth {
        self.with(|c| {
            if let Some(start) = c.window_start {
                let span = now.since(start);
                if span >= WINDOW {
                    let millis = u64::try_from(span.as_millis()).unwrap_or(u64::MAX).max(1);
                    c.health.bitrate_bps = c.window_bits * 1000 / millis;
                    let millifps = u64::from(c.window_pictures) * 1_000_000 / millis;
                    c.health.millifps = u32::try_from(millifps).unwrap_or(u32::MAX);
                    (c.window_start, c.window_bits, c.window_pictures) = (Some(now), 0, 0);
                }
            }
            if c.health.last_picture.is_some_and(|last| utc.millis_since(last) > 10_000) {
                (c.health.bitrate_bps, c.health.millifps) = (0, 0);
            }
            let said = c.health;
            c.health.slowest_write_us = 0;
            said
        })
    }
}
