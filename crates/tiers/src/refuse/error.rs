//! Words: what is wrong with a policy, as people named their disks and as the page calls its settings.

use std::fmt;

use tarsier_types::CameraId;

use crate::words::TierId;

/// A setting of a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// The longest that footage is kept.
    MaxAge,
    /// The shortest.
    MinDays,
    /// How long events are kept.
    Events,
    /// The most that one stream may take.
    StreamBytes,
    /// What must stay free on a disk.
    MinFree,
    /// The most footage that a disk or a bucket may hold.
    TierBytes,
    /// How full a disk may be before footage moves on.
    MoveAbove,
    /// How old footage must be to be copied.
    OlderThan,
    /// How long a bucket keeps its copies.
    KeepDays,
    /// How fast copies are sent.
    Rate,
}

impl Setting {
    /// Its field, as programs write it.
    pub const fn field(self) -> &'static str {
        match self {
            Self::MaxAge => "max_age_days",
            Self::MinDays => "min_days",
            Self::Events => "events_days",
            Self::StreamBytes | Self::TierBytes => "max_bytes",
            Self::MinFree => "min_free_bytes",
            Self::MoveAbove => "move_above_percent",
            Self::OlderThan => "bucket/older_than_days",
            Self::KeepDays => "bucket/keep_days",
            Self::Rate => "bucket/max_bits_per_second",
        }
    }

    const fn at_zero(self) -> &'static str {
        match self {
            Self::MinFree => "the disk would fill up",
            Self::Rate => "nothing would be sent",
            _ => "nothing could be kept",
        }
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::MaxAge => "\"Delete after\"",
            Self::MinDays => "\"Keep at least\"",
            Self::Events => "\"Keep events for\"",
            Self::StreamBytes => "\"At most per stream\"",
            Self::MinFree => "\"Keep free\"",
            Self::TierBytes => "\"Footage at most\"",
            Self::MoveAbove => "\"Move on sooner above\"",
            Self::OlderThan => "\"Only older than\"",
            Self::KeepDays => "\"Delete copies after\"",
            Self::Rate => "\"Send at most\"",
        })
    }
}

/// Why a policy was refused. The text says what and why, [`PolicyError::hint`] what to do. `of` and `place` are names that
/// people gave.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// No disk is known.
    #[error("there is no disk to record to: a bucket alone takes copies only")]
    NoDisk,
    /// A tier that nobody knows.
    #[error("there is no disk and no bucket with the id {tier}")]
    UnknownTier {
        /// Its id.
        tier: TierId,
    },
    /// Two sets of rules for one tier.
    #[error("{place} has two sets of rules: it would depend on their order which one holds")]
    TierTwice {
        /// The disk or bucket.
        place: String,
    },
    /// Two tiers on one disk.
    #[error(
        "{first} and {second} are on the same disk: moving between them copies everything and frees nothing"
    )]
    SameDisk {
        /// The one written first.
        first: String,
        /// The other.
        second: String,
    },
    /// Rules for disks on a bucket.
    #[error("{setting} is a rule for disks, and {place} is a bucket")]
    DiskRuleOnBucket {
        /// The bucket.
        place: String,
        /// The rule.
        setting: Setting,
    },
    /// Rules for buckets on a disk.
    #[error("there are rules for copies to {place}, and that is a disk, not a bucket")]
    BucketRuleOnDisk {
        /// The disk.
        place: String,
    },
    /// The bucket is the last tier, and nothing ends its growth.
    #[error(
        "nothing is ever deleted from the bucket {place}: it would grow, and cost, without end"
    )]
    LastTierUnlimited {
        /// The bucket.
        place: String,
    },
    /// A size, a rate or a number of days of zero.
    #[error("{setting} is 0 for {of}: {}", setting.at_zero())]
    Zero {
        /// The tier or the streams.
        of: String,
        /// The setting.
        setting: Setting,
    },
    /// Cleaning up could never end.
    #[error(
        "{} are to be kept free on {place}, more than half of its disk of {}: cleaning up ends when twice as much is free",
        gigabytes(*min_free_bytes), gigabytes(*total_bytes)
    )]
    MinimumTooLarge {
        /// The disk.
        place: String,
        /// What must stay free.
        min_free_bytes: u64,
        /// The disk's size.
        total_bytes: u64,
    },
    /// No share between 10 and 95.
    #[error("{} is {percent} percent for {place}, not 10 to 95", Setting::MoveAbove)]
    Percent {
        /// The disk.
        place: String,
        /// What was given.
        percent: u8,
    },
    /// More than a hundred years.
    #[error("{setting} is {days} days for {of}, more than a hundred years")]
    TooManyDays {
        /// The tier or the streams.
        of: String,
        /// The setting.
        setting: Setting,
        /// What was given.
        days: u32,
    },
    /// The shortest time is longer than the longest.
    #[error("{of} must be kept {min_days} days and is deleted after {max_age_days}")]
    MinimumOverMaximum {
        /// The streams.
        of: String,
        /// At least.
        min_days: u32,
        /// At most.
        max_age_days: u32,
    },
    /// Events would be kept shorter than the rest.
    #[error(
        "events of {of} are kept {events_days} days, the rest {other_days}: events are part of the rest and are never kept shorter"
    )]
    EventsShorter {
        /// The streams.
        of: String,
        /// Events.
        events_days: u32,
        /// The rest.
        other_days: u32,
    },
    /// Rules for nobody in particular.
    #[error("a rule for some streams names neither camera nor stream")]
    NamesNothing,
    /// Two rules for the same streams.
    #[error("{of} has two rules: it would depend on their order which one holds")]
    StreamTwice {
        /// The streams.
        of: String,
    },
    /// A camera that nobody knows.
    #[error("there is no camera with the id {camera}")]
    UnknownCamera {
        /// Its id.
        camera: CameraId,
    },
    /// From 22:00 to 22:00.
    #[error(
        "copies to {place} begin at the time of day at which they end: that could mean always or never"
    )]
    EmptyWindow {
        /// The bucket.
        place: String,
    },
}

impl PolicyError {
    /// What to do about it.
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::NoDisk => "Add a folder on a disk.",
            Self::UnknownTier { .. } => "Add it first, or take its rules out.",
            Self::TierTwice { .. } | Self::StreamTwice { .. } => "Leave one of them.",
            Self::SameDisk { .. } => {
                "Put the archive on another disk, or use one place only: on one disk, the cache is the archive too."
            }
            Self::DiskRuleOnBucket { .. } | Self::BucketRuleOnDisk { .. } => "Take that rule out.",
            Self::LastTierUnlimited { .. } => {
                "Set the days that the bucket keeps, the most bytes it may hold, or a greatest age for every stream."
            }
            Self::Zero { setting: Setting::MinFree, .. } => {
                "Leave it empty for 100 GB or 5 % of a smaller disk, or give a number above 0."
            }
            Self::Zero { .. } => "Leave it empty for no limit, or give a number above 0.",
            Self::MinimumTooLarge { .. } => {
                "Choose a smaller minimum. Without one, it is 100 GB or 5 % of a smaller disk."
            }
            Self::Percent { .. } => "80 is right for most disks.",
            Self::TooManyDays { .. } => "Leave it empty for no limit.",
            Self::MinimumOverMaximum { .. } => "Raise the greatest age, or lower the minimum.",
            Self::EventsShorter { .. } => "Give events at least as many days as the rest.",
            Self::NamesNothing => {
                "Name a camera or a stream; the rule for all footage holds for all others."
            }
            Self::UnknownCamera { .. } => "Check the camera's id, or take its rule out.",
            Self::EmptyWindow { .. } => "Leave both times empty to copy at any time.",
        }
    }
}

/// As disks are sold.
fn gigabytes(bytes: u64) -> String {
    format!("{}.{} GB", bytes / 1_000_000_000, bytes % 1_000_000_000 / 100_000_000)
}
