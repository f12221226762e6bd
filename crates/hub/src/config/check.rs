//! Brain: whether a camera can be as a person asked for it; if not, what to do instead.

use tarsier_api::problem::{Problem, ProblemCode};
use tarsier_api::recording::RecordingMode;

use super::CameraEntry;
use crate::connections::policy;
use crate::schedule::ScheduleError;
use crate::words;

/// More is a mistake, not a week.
const MOST_SPANS: usize = 100;

impl CameraEntry {
    pub(super) fn check(&self) -> Result<(), Problem> {
        if let Some(reconnect) = &self.config.reconnect {
            policy::check(reconnect)?;
        }
        let recording = &self.config.recording;
        let wrong = |message: String, hint: &str| {
            Err(words::problem(ProblemCode::BadRequest, message, hint))
        };
        if !(60..=900).contains(&recording.segment_seconds) {
            return wrong(
                format!("A segment cannot be {} s long.", recording.segment_seconds),
                "Choose segment_seconds from 60 to 900; 180 is right for nearly everybody.",
            );
        }
        if recording.pre_roll_seconds > 60 {
            return wrong(
                format!("{} s cannot be kept in memory.", recording.pre_roll_seconds),
                "Choose pre_roll_seconds from 0 to 60; for more, record day and night.",
            );
        }
        if recording.post_roll_seconds > 600 {
            return wrong(
                format!("{} s are too long after an event.", recording.post_roll_seconds),
                "Choose post_roll_seconds from 0 to 600; an event that goes on can be told again.",
            );
        }
        if recording.schedule.len() > MOST_SPANS {
            return wrong(
                format!("A schedule of {} spans is too long.", recording.schedule.len()),
                "Use at most 100; a span may be of several days.",
            );
        }
        if recording.mode == RecordingMode::Schedule && recording.schedule.is_empty() {
            return wrong(
                "The schedule is empty, so that nothing would ever be kept.".to_owned(),
                "Add a span, such as Monday to Friday from 08:00 to 18:00, or choose another mode.",
            );
        }
        self.weekly().map(drop).or_else(|error| {
            let hint = match error {
                ScheduleError::NoDay(_) => "Name at least one day, such as monday.",
                ScheduleError::BadTime(..) => {
                    "Times have two digits, a colon and two digits: from 00:00 to 24:00."
                }
                ScheduleError::Empty(_) => "The whole day is from 00:00 to 24:00.",
            };
            wrong(format!("In the schedule, {error}."), hint)
        })
    }
}

/// As it is shown.
pub(super) fn name(text: &str) -> Result<String, Problem> {
    let text = text.trim();
    let length = text.chars().count();
    if (1..=100).contains(&length) && !text.chars().any(char::is_control) {
        return Ok(text.to_owned());
    }
    Err(words::problem(
        ProblemCode::BadRequest,
        "A camera's name has 1 to 100 visible characters.",
        "Name it after what it sees: Garden, Front door.",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::new_camera;

    #[test]
    fn what_cannot_be_recorded_is_refused_with_words() {
        let problem = new_camera(r#"{"name":"","main":{"url":"rtsp://192.0.2.7/1"}}"#).unwrap_err();
        assert_eq!(problem.code, ProblemCode::BadRequest);
        let problem = new_camera(r#"{"name":"G","main":{"url":"192.0.2.7"}}"#).unwrap_err();
        assert_eq!(problem.code, ProblemCode::BadUrl);
        let problem =
            new_camera(r#"{"name":"G","main":{"url":"rtsp://192.0.2.7/1"},"recording":{"segment_seconds":10}}"#)
                .unwrap_err();
        assert_eq!(problem.code, ProblemCode::BadRequest);
    }

    #[test]
    fn a_schedule_that_cannot_be_meant_is_refused_with_what_to_do() {
        let said = |recording: &str| {
            let json =
                format!(r#"{{"name":"G","main":{{"url":"rtsp://h/1"}},"recording":{recording}}}"#);
            new_camera(&json)
                .map_or_else(|problem| problem.message + " " + &problem.hint, |_| "ok".into())
        };
        assert!(said(r#"{"mode":"schedule"}"#).contains("empty"));
        assert!(said(r#"{"pre_roll_seconds":61}"#).contains("0 to 60"));
        assert!(said(r#"{"post_roll_seconds":601}"#).contains("0 to 600"));
        let span = |days: &str, from: &str, to: &str| {
            said(&format!(
                r#"{{"mode":"schedule","schedule":[{{"days":[{days}],"from":"{from}","to":"{to}","mode":"on_event"}}]}}"#
            ))
        };
        assert!(span("", "08:00", "09:00").contains("at least one day"));
        assert!(span(r#""monday""#, "8:00", "09:00").contains("two digits"));
        assert!(span(r#""monday""#, "08:00", "08:00").contains("00:00 to 24:00"));
        assert_eq!(span(r#""monday","sunday""#, "22:00", "06:00"), "ok");
    }
}
