//! What a policy will mean here: the brain's forecast on what the index and the disks say, in the API's words.

use std::collections::BTreeMap;

use tarsier_api::storage::{
    DeletedBecause, ForecastLimit, NextStep, NextWhat, StorageForecast, StorageWarning,
    StreamForecast, TierForecast,
};
use tarsier_index::{Index, IndexError};
use tarsier_tiers::forecast::{self, Basis, Forecast, Limit, Warning};
use tarsier_tiers::rate::{DAYS_BACK, Day, MS_PER_DAY, Rate};
use tarsier_tiers::shown::{self, ShowError};
use tarsier_tiers::{Policy, StreamName, Volume, Why};
use tarsier_types::{CameraId, UtcMs};

use super::volumes::Volumes;
use crate::hub::Hub;

/// The tiers as the keeper measured them last; measured here and now where it has not come to all of them yet.
pub(crate) async fn volumes(hub: &Hub) -> Result<Vec<Volume>, IndexError> {
    let registry = hub.storage.registry();
    let known = registry.ids();
    let mut seen = hub.storage.seen().volumes.clone();
    seen.retain(|volume| known.contains(&volume.tier));
    if !seen.is_empty() && seen.len() == known.len() {
        return Ok(seen);
    }
    let mut ours = BTreeMap::new();
    for of in hub.ask_index(Index::holdings).await? {
        *ours.entry(of.tier_id).or_insert(0) += of.size_bytes;
    }
    Ok(Volumes::default().measure(&registry, &ours, &hub.clock).await)
}

/// The forecast of a policy, saved or not. Rates are those of cameras that still are configured and switched on.
pub(crate) fn outlook(
    index: &Index,
    policy: &Policy,
    volumes: &[Volume],
    is_recorded: &dyn Fn(&CameraId) -> bool,
    now: UtcMs,
) -> Result<StorageForecast, ShowError> {
    let holdings = shown::holdings(index)?;
    let mut rates = rates(index, now)?;
    rates.retain(|of, _| is_recorded(&of.camera));
    let basis = Basis { now, policy, volumes, holdings: &holdings, rates: &rates };
    Ok(in_words(Forecast::of(&basis)))
}

fn rates(index: &Index, now: UtcMs) -> Result<BTreeMap<StreamName, Rate>, ShowError> {
    let mut days: BTreeMap<StreamName, Vec<Day>> = BTreeMap::new();
    let back = u32::try_from(DAYS_BACK).unwrap_or(u32::MAX);
    for written in index.days_written(now, back)? {
        let of = StreamName { camera: written.camera, stream: written.stream };
        let nothing = Day { missing_ms: MS_PER_DAY, ..Day::default() };
        let days = days.entry(of).or_insert_with(|| vec![nothing; DAYS_BACK]);
        if let Some(day) = days.get_mut(written.days_back) {
            *day = Day {
                bytes: written.size_bytes,
                event_bytes: written.event_bytes,
                missing_ms: MS_PER_DAY.saturating_sub(written.duration_ms + written.planned_ms),
            };
        }
    }
    Ok(days.into_iter().filter_map(|(of, days)| Some((of, Rate::of(&days)?))).collect())
}

fn in_words(forecast: Forecast) -> StorageForecast {
    StorageForecast {
        streams: forecast.streams.iter().map(stream).collect(),
        tiers: forecast.tiers.into_iter().map(|of| (of.tier.to_string(), tier(&of))).collect(),
        next: forecast.next.into_iter().map(next).collect(),
        warnings: forecast.warnings.into_iter().map(warning).collect(),
    }
}

/// Days to two decimal places.
fn days(days: f64) -> f64 {
    (days * 100.0).round() / 100.0
}

fn stream(of: &forecast::StreamForecast) -> StreamForecast {
    StreamForecast {
        camera_id: of.of.camera.to_string(),
        stream: of.of.stream.into(),
        bytes_per_day: of.rate.map(|rate| rate.bytes_per_day),
        is_rough: of.rate.is_some_and(|rate| rate.is_rough()),
        days: of.days.map(days),
        event_days: of.event_days.map(days),
        limit: match of.limit {
            Limit::Age => ForecastLimit::Age,
            Limit::StreamSize => ForecastLimit::StreamSize,
            Limit::Space => ForecastLimit::Space,
            Limit::Nothing => ForecastLimit::Nothing,
        },
        bucket_days: of.bucket_days.map(days),
    }
}

fn tier(of: &forecast::TierForecast) -> TierForecast {
    TierForecast {
        footage_bytes: of.footage_bytes,
        usable_bytes: of.usable_bytes,
        settles_at_bytes: of.settles_at_bytes,
        bytes_per_day: of.bytes_per_day,
        full_in_days: of.full_in_days.map(days),
    }
}

fn next(of: forecast::Next) -> NextStep {
    NextStep {
        tier: of.tier.to_string(),
        camera_id: of.of.camera.to_string(),
        stream: of.of.stream.into(),
        start_utc_ms: of.start.0,
        when_utc_ms: of.when.0,
        what: match of.what {
            forecast::NextStep::Move(to) => NextWhat::Move { to: to.to_string() },
            forecast::NextStep::Delete(why) => NextWhat::Delete {
                why: match why {
                    Why::Age => DeletedBecause::Age,
                    Why::StreamSize => DeletedBecause::StreamSize,
                    Why::TierSize => DeletedBecause::TierSize,
                    Why::TierFull => DeletedBecause::TierFull,
                    Why::Emergency => DeletedBecause::Emergency,
                },
            },
        },
    }
}

fn warning(of: Warning) -> StorageWarning {
    match of {
        Warning::MinimumNotKept { of, min_days, days: kept } => StorageWarning::MinimumNotKept {
            camera_id: of.camera.to_string(),
            stream: of.stream.into(),
            min_days,
            days: days(kept),
        },
        Warning::TierAway { tier } => StorageWarning::TierAway { tier: tier.to_string() },
        Warning::FilledByOthers { tier, foreign_bytes } => {
            StorageWarning::FilledByOthers { tier: tier.to_string(), foreign_bytes }
        }
        Warning::UploadTooSlow { tier, bytes_per_day, possible_bytes_per_day } => {
            StorageWarning::UploadTooSlow {
                tier: tier.to_string(),
                bytes_per_day,
                possible_bytes_per_day,
            }
        }
        Warning::DeletedBeforeCopied { tier, of, older_than_days, days: kept } => {
            StorageWarning::DeletedBeforeCopied {
                tier: tier.to_string(),
                camera_id: of.camera.to_string(),
                stream: of.stream.into(),
                older_than_days,
                days: days(kept),
            }
        }
    }
}
