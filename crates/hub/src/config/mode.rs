//! Brain: what is recorded of a camera at a time: as it is set, by its schedule, by what happens.

use jiff::tz::TimeZone;
use tarsier_api::recording::{RecordingMode, ScheduledMode};
use tarsier_types::{StreamKind, UtcMs, UtcRange};

use super::CameraEntry;
use crate::schedule::{ScheduleError, Weekly};

/// Whether everything is paused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pause {
    /// As each camera says.
    Off,
    /// Nothing is written.
    On,
}

/// What recording depends on besides the camera.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment<'a> {
    pub(crate) now: UtcMs,
    pub(crate) tz: &'a TimeZone,
    pub(crate) pause: Pause,
}

impl CameraEntry {
    /// What is kept of the main stream then.
    pub(crate) fn keeps(&self, moment: Moment<'_>) -> ScheduledMode {
        if !self.enabled || moment.pause == Pause::On {
            return ScheduledMode::Off;
        }
        match self.config.recording.mode {
            RecordingMode::Continuous => ScheduledMode::Continuous,
            RecordingMode::OnEvent => ScheduledMode::OnEvent,
            RecordingMode::Off => ScheduledMode::Off,
            // One that cannot be read (edited by hand) must not cost footage.
            RecordingMode::Schedule => self
                .weekly()
                .map_or(ScheduledMode::Continuous, |weekly| weekly.mode_at(moment.now, moment.tz)),
        }
    }

    /// When its schedule changes that next.
    pub(crate) fn keeps_until(&self, moment: Moment<'_>) -> Option<UtcMs> {
        let follows = self.enabled
            && moment.pause == Pause::Off
            && self.config.recording.mode == RecordingMode::Schedule;
        follows.then(|| self.weekly().ok()?.next_change(moment.now, moment.tz)).flatten()
    }

    pub(super) fn weekly(&self) -> Result<Weekly, ScheduleError> {
        Weekly::read(&self.config.recording.schedule)
    }

    /// How that stream is recorded then.
    pub(crate) fn mode(
        &self,
        stream: StreamKind,
        moment: Moment<'_>,
    ) -> tarsier_wire::RecordingMode {
        let recording = &self.config.recording;
        if stream == StreamKind::Sub && !(recording.record_sub && self.config.sub.is_some()) {
            return tarsier_wire::RecordingMode::Off;
        }
        match self.keeps(moment) {
            ScheduledMode::Continuous => tarsier_wire::RecordingMode::Continuous,
            ScheduledMode::Off => tarsier_wire::RecordingMode::Off,
            ScheduledMode::OnEvent => tarsier_wire::RecordingMode::OnEvent {
                pre_roll_ms: recording.pre_roll_seconds.saturating_mul(1000),
                post_roll_ms: recording.post_roll_seconds.saturating_mul(1000),
            },
        }
    }

    /// Whether pictures of the main stream should be on their way to the disk then, given what happens.
    pub(crate) fn is_recorded(&self, moment: Moment<'_>, happening: Option<UtcRange>) -> bool {
        let recording = &self.config.recording;
        match (self.keeps(moment), happening) {
            (ScheduledMode::Continuous, _) => true,
            (ScheduledMode::Off, _) | (ScheduledMode::OnEvent, None) => false,
            (ScheduledMode::OnEvent, Some(event)) => {
                let before = i64::from(recording.pre_roll_seconds) * 1000;
                let after = i64::from(recording.post_roll_seconds) * 1000;
                let (from, to) = (event.start.plus_millis(-before), event.end.plus_millis(after));
                from <= moment.now && moment.now < to
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use tarsier_wire::RecordingMode::{Continuous, Off};

    use super::*;
    use crate::config::tests::new_camera;

    #[test]
    fn paused_means_nothing_is_written() {
        let entry = new_camera(
            r#"{"name":"G","main":{"url":"rtsp://h/1"},"sub":{"url":"rtsp://h/2"},"recording":{"record_sub":true}}"#,
        )
        .unwrap();
        let modes = |pause| {
            let moment = Moment { now: UtcMs(0), tz: &TimeZone::UTC, pause };
            let config = entry.recorder_config(moment, Path::new("/f"), "t");
            (config.main.mode, config.sub.map(|sub| sub.mode))
        };
        assert_eq!(modes(Pause::Off), (Continuous, Some(Continuous)));
        assert_eq!(modes(Pause::On), (Off, Some(Off)));
    }

    #[test]
    fn a_schedule_is_followed_and_its_events_are_recorded_with_their_rolls() {
        let entry = new_camera(
            r#"{"name":"G","main":{"url":"rtsp://h/1"},"recording":{"mode":"schedule","schedule":[
                {"days":["thursday"],"from":"08:00","to":"09:00","mode":"on_event"}]}}"#,
        )
        .unwrap();
        // 1970-01-01 was a Thursday.
        let minutes = |minutes: i64| UtcMs(minutes * 60_000);
        let tz = TimeZone::UTC;
        let moment = |now| Moment { now, tz: &tz, pause: Pause::Off };
        assert_eq!(entry.mode(StreamKind::Main, moment(minutes(479))), Off);
        assert_eq!(entry.keeps_until(moment(minutes(479))), Some(minutes(480)));
        assert_eq!(
            entry.mode(StreamKind::Main, moment(minutes(480))),
            tarsier_wire::RecordingMode::OnEvent { pre_roll_ms: 5000, post_roll_ms: 10_000 }
        );
        let event = UtcRange::new(minutes(490), minutes(490));
        let is_recorded =
            |millis| entry.is_recorded(moment(minutes(490).plus_millis(millis)), Some(event));
        assert_eq!(
            [-5001, -5000, 0, 9999, 10_000].map(is_recorded),
            [false, true, true, true, false]
        );
        assert!(!entry.is_recorded(moment(minutes(490)), None));
    }
}
