//! Brain: why a policy cannot be saved. Each refusal says what, why, and what to do.
//!
//! A policy that was saved stays in force when a camera is deleted or a disk is away: it is checked when it is saved,
//! not when it is used.

mod error;

use std::collections::BTreeSet;

use tarsier_types::{CameraId, StreamKind};

use crate::policy::{BucketRules, Keep, Policy, TierRules};
use crate::words::{TierId, TierKind, Volume};

pub use self::error::{PolicyError, Setting};

/// Longer than anybody keeps anything: a hundred years.
const MOST_DAYS: u32 = 36_500;

/// What people call their disks, buckets and cameras.
#[expect(missing_debug_implementations, reason = "functions have nothing to show")]
#[derive(Clone, Copy)]
pub struct Names<'n> {
    /// A disk or a bucket.
    pub tier: &'n dyn Fn(&TierId) -> String,
    /// A camera.
    pub camera: &'n dyn Fn(&CameraId) -> String,
}

/// Something that is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What.
    pub error: PolicyError,
    /// The field of the policy, as a JSON pointer (RFC 6901); `None`: it is the tiers themselves.
    pub field: Option<String>,
}

/// Everything that is wrong with a policy on these tiers and cameras; nothing, if it can be saved.
pub fn refuse(
    policy: &Policy,
    volumes: &[Volume],
    cameras: &BTreeSet<CameraId>,
    names: Names<'_>,
) -> Vec<Refusal> {
    let mut wrong = Wrong { found: Vec::new(), at: String::new() };
    if !volumes.iter().any(|volume| volume.kind.is_local()) {
        wrong.found.push(Refusal { error: PolicyError::NoDisk, field: None });
    }
    same_disk(policy, volumes, names, &mut wrong);
    let mut seen = BTreeSet::new();
    for (n, rules) in policy.tiers.iter().enumerate() {
        wrong.at = format!("/tiers/{n}");
        let place = (names.tier)(&rules.tier);
        if !seen.insert(&rules.tier) {
            wrong.push("tier", PolicyError::TierTwice { place: place.clone() });
        }
        match volumes.iter().find(|volume| volume.tier == rules.tier) {
            None => wrong.push("tier", PolicyError::UnknownTier { tier: rules.tier.clone() }),
            Some(volume) => {
                tier(rules, volume, &place, &mut wrong);
                let is_bucket = volume.kind == TierKind::ObjectStore;
                let is_unlimited = rules.max_bytes.is_none() && rules.bucket().keep_days.is_none();
                if is_bucket && is_unlimited && is_kept_for_ever(policy) {
                    let field = Setting::KeepDays.field();
                    wrong.push(field, PolicyError::LastTierUnlimited { place });
                }
            }
        }
    }
    "/keep".clone_into(&mut wrong.at);
    keep(&policy.keep, "all footage", &mut wrong);
    let mut seen = BTreeSet::new();
    for (n, rules) in policy.streams.iter().enumerate() {
        wrong.at = format!("/streams/{n}");
        let of = words(rules.camera.as_ref().map(names.camera), rules.stream);
        if rules.camera.is_none() && rules.stream.is_none() {
            wrong.push("", PolicyError::NamesNothing);
        } else if !seen.insert((&rules.camera, rules.stream)) {
            wrong.push("", PolicyError::StreamTwice { of: of.clone() });
        }
        if let Some(camera) = rules.camera.as_ref().filter(|camera| !cameras.contains(camera)) {
            wrong.push("camera", PolicyError::UnknownCamera { camera: camera.clone() });
        }
        wrong.at.push_str("/keep");
        keep(&rules.keep, &of, &mut wrong);
    }
    wrong.found
}

/// What was found, and where one is looking.
struct Wrong {
    found: Vec<Refusal>,
    at: String,
}

impl Wrong {
    fn push(&mut self, field: &str, error: PolicyError) {
        let at = &self.at;
        let field = if field.is_empty() { at.clone() } else { format!("{at}/{field}") };
        self.found.push(Refusal { error, field: Some(field) });
    }

    fn zero(&mut self, setting: Setting, value: Option<u64>, of: &str) {
        if value == Some(0) {
            self.push(setting.field(), PolicyError::Zero { of: of.to_owned(), setting });
        }
    }

    fn too_many(&mut self, setting: Setting, days: Option<u32>, of: &str) {
        if let Some(days) = days.filter(|days| *days > MOST_DAYS) {
            let of = of.to_owned();
            self.push(setting.field(), PolicyError::TooManyDays { of, setting, days });
        }
    }
}

/// "the small stream of Door"
fn words(camera: Option<String>, stream: Option<StreamKind>) -> String {
    let stream = stream.map(|stream| match stream {
        StreamKind::Main => "main",
        StreamKind::Sub => "small",
    });
    match (camera, stream) {
        (Some(camera), Some(stream)) => format!("the {stream} stream of {camera}"),
        (Some(camera), None) => camera,
        (None, Some(stream)) => format!("every {stream} stream"),
        (None, None) => "all footage".to_owned(),
    }
}

/// Some stream has no greatest age.
fn is_kept_for_ever(policy: &Policy) -> bool {
    let all = [&policy.keep].into_iter().chain(policy.streams.iter().map(|rules| &rules.keep));
    all.into_iter().any(|keep| keep.max_age_days.is_none())
}

fn same_disk(policy: &Policy, volumes: &[Volume], names: Names<'_>, wrong: &mut Wrong) {
    let disks = policy.disks(volumes);
    for (n, second) in disks.iter().enumerate() {
        let known = second.total_bytes > 0;
        if let Some(first) = disks[..n].iter().find(|first| known && first.disk == second.disk) {
            let (first, second) = ((names.tier)(&first.tier), (names.tier)(&second.tier));
            wrong
                .found
                .push(Refusal { error: PolicyError::SameDisk { first, second }, field: None });
        }
    }
}

fn tier(rules: &TierRules, volume: &Volume, place: &str, wrong: &mut Wrong) {
    wrong.zero(Setting::TierBytes, rules.max_bytes, place);
    let place = place.to_owned();
    if !volume.kind.is_local() {
        if rules.min_free_bytes.is_some() {
            let setting = Setting::MinFree;
            wrong.push(
                setting.field(),
                PolicyError::DiskRuleOnBucket { place: place.clone(), setting },
            );
        }
        return bucket(&rules.bucket(), &place, wrong);
    }
    wrong.zero(Setting::MinFree, rules.min_free_bytes, &place);
    if rules.bucket.is_some() {
        wrong.push("bucket", PolicyError::BucketRuleOnDisk { place: place.clone() });
    }
    let min_free_bytes = rules.min_free_bytes.unwrap_or(0);
    if volume.total_bytes > 0 && min_free_bytes > volume.total_bytes / 2 {
        let (place, total_bytes) = (place.clone(), volume.total_bytes);
        wrong.push(
            Setting::MinFree.field(),
            PolicyError::MinimumTooLarge { place, min_free_bytes, total_bytes },
        );
    }
    let percent = rules.move_above_percent;
    if !(10..=95).contains(&percent) {
        wrong.push(Setting::MoveAbove.field(), PolicyError::Percent { place, percent });
    }
}

fn bucket(rules: &BucketRules, place: &str, wrong: &mut Wrong) {
    wrong.zero(Setting::KeepDays, rules.keep_days.map(u64::from), place);
    wrong.zero(Setting::Rate, rules.max_bits_per_second, place);
    wrong.too_many(Setting::KeepDays, rules.keep_days, place);
    wrong.too_many(Setting::OlderThan, Some(rules.older_than_days), place);
    if rules.window.as_ref().is_some_and(crate::window::Window::is_empty) {
        wrong.push("bucket/window", PolicyError::EmptyWindow { place: place.to_owned() });
    }
}

fn keep(keep: &Keep, of: &str, wrong: &mut Wrong) {
    wrong.zero(Setting::MaxAge, keep.max_age_days.map(u64::from), of);
    wrong.zero(Setting::StreamBytes, keep.max_bytes, of);
    wrong.too_many(Setting::MaxAge, keep.max_age_days, of);
    wrong.too_many(Setting::Events, keep.events_days, of);
    wrong.too_many(Setting::MinDays, Some(keep.min_days), of);
    let of = of.to_owned();
    if let Some(max_age_days) = keep.max_age_days.filter(|max| *max > 0 && keep.min_days > *max) {
        let (of, min_days) = (of.clone(), keep.min_days);
        wrong.push(
            Setting::MinDays.field(),
            PolicyError::MinimumOverMaximum { of, min_days, max_age_days },
        );
    }
    let other_days = keep.max_age_days.unwrap_or(0).max(keep.min_days);
    if let Some(events_days) = keep.events_days.filter(|events| *events < other_days) {
        wrong.push(
            Setting::Events.field(),
            PolicyError::EventsShorter { of, events_days, other_days },
        );
    }
}

#[cfg(test)]
mod tests;
