//! Brain: whether a camera can be as a person asked for it; if not, what to do instead.

use tarsier_api::problem::{Problem, ProblemCode};
use tarsier_api::recording::RecordingMode;

use tarsier_types::{CameraUrl, Credentials, Scheme};

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

/// Where a camera is turned, and what stood in it of who asks.
pub(super) fn onvif(text: &str) -> Result<(CameraUrl, Option<Credentials>), Problem> {
    let field = |problem| Problem { field: Some("/onvif_url".to_owned()), ..problem };
    let hint = "Write it as in the camera's manual, such as http://192.168.1.20/onvif/device_service, or leave it empty.";
    let (url, known) = CameraUrl::parse(text)
        .map_err(|error| field(Problem { hint: hint.to_owned(), ..words::bad_url(&error) }))?;
    if !matches!(url.scheme(), Scheme::Http | Scheme::Https) {
        let message = "An ONVIF address begins with http:// or https://.";
        return Err(field(words::problem(ProblemCode::BadUrl, message, hint)));
    }
    Ok((url, known.filter(|known| !known.username.is_empty())))
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
    fn an_onvif_address_is_one_of_http_and_its_password_is_kept_apart() {
        let with = |url: &str| {
            new_camera(&format!(
                r#"{{"name":"G","main":{{"url":"rtsp://a:b@192.0.2.7/1"}},"onvif_url":"{url}"}}"#
            ))
        };
        for bad in ["", "192.0.2.7", "rtsp://192.0.2.7/", "http://"] {
            let problem = with(bad).unwrap_err();
            assert_eq!(problem.code, ProblemCode::BadUrl, "{bad:?}");
            assert!(problem.hint.contains("/onvif/device_service"), "{problem:?}");
            assert_eq!(problem.field.as_deref(), Some("/onvif_url"));
        }
        let entry = with("http://c:canary@192.0.2.7:8000").unwrap();
        assert_eq!(entry.to_api().onvif_url.as_deref(), Some("http://192.0.2.7:8000/"));
        assert_eq!(entry.onvif_credentials.clone().unwrap().username, "c");
        assert_eq!(entry.credentials.clone().unwrap().username, "a", "that of the pictures stays");
        let change = |json: &str| entry.change(serde_json::from_str(json).unwrap()).unwrap();
        let moved = change(r#"{"onvif_url":"http://192.0.2.8"}"#);
        assert_eq!(
            moved.onvif_credentials, entry.onvif_credentials,
            "a new address, the same password"
        );
        let gone = change(r#"{"onvif_url":null}"#);
        assert_eq!((gone.config.onvif, gone.onvif_credentials), (None, None));
        assert_eq!(change("{}"), entry);
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
