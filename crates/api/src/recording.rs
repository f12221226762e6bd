//! When a camera is recorded: always, by the week, when something happens.

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

/// When a camera is recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecordingMode {
    /// Day and night.
    #[default]
    Continuous,
    /// Never; live only.
    Off,
    /// When something happens (`POST /api/v1/cameras/{id}/events`), with what came before and after it.
    OnEvent,
    /// By the week: see `schedule`.
    Schedule,
}

/// What a schedule, or a mode without one, comes down to at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ScheduledMode {
    /// All that comes is kept.
    Continuous,
    /// What happens is kept.
    OnEvent,
    /// Nothing is kept.
    Off,
}

/// A day of the week.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, TS, ToSchema,
)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "days are named as they are called")]
pub enum Day {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

/// A time of certain days, by the hub's wall clock: on a day on which clocks are changed it is as much longer or
/// shorter as the clock on the wall makes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ScheduleSpan {
    /// The days on which it begins.
    pub days: Vec<Day>,
    /// `HH:MM`, from `00:00` to `23:59`.
    pub from: String,
    /// `HH:MM`, up to `24:00`; not after `from`: on the next day.
    pub to: String,
    /// What is kept meanwhile.
    pub mode: ScheduledMode,
}

/// How a camera is recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Recording {
    /// When.
    pub mode: RecordingMode,
    /// Length of a segment, 60 to 900 seconds.
    pub segment_seconds: u32,
    /// Whether the sub stream is kept as well.
    pub record_sub: bool,
    /// For `mode: schedule`, at most 100 spans. Where two overlap, the later one in the list counts; where there is
    /// none, nothing is kept. It is remembered while another mode is on.
    pub schedule: Vec<ScheduleSpan>,
    /// Kept from before an event, 0 to 60 seconds; whole groups of pictures, so that it may be a little more.
    pub pre_roll_seconds: u32,
    /// Kept from after an event, 0 to 600 seconds.
    pub post_roll_seconds: u32,
}

impl Default for Recording {
    fn default() -> Self {
        Self {
            mode: RecordingMode::Continuous,
            segment_seconds: 180,
            record_sub: false,
            schedule: Vec::new(),
            pre_roll_seconds: 5,
            post_roll_seconds: 10,
        }
    }
}
