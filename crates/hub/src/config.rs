//! A camera's configuration: as it comes in, as it is stored, as a recorder gets it, as it is shown.
//!
//! Pure translation between the words of the API, the index and the wire. Credentials leave a URL on the way in
//! and travel apart from then on.

use std::path::Path;

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use tarsier_api::camera::{
    Camera, CameraChange, EngineChoice, NewCamera, RtpTransport, StreamAddress,
};
use tarsier_api::connection::Reconnect;
use tarsier_api::problem::{Problem, ProblemCode};
use tarsier_api::recording::{Recording, RecordingMode, ScheduledMode};
use tarsier_supervise::EngineWish;
use tarsier_types::{CameraId, CameraUrl, Credentials, Secret, StreamKind, UtcMs, UtcRange};
use tarsier_wire::{Engine, RecorderConfig, StreamConfig};

use crate::connections::policy;
use crate::schedule::{ScheduleError, Weekly};
use crate::state::Facts;
use crate::words::{self, Place};

/// More is a mistake, not a week.
const MOST_SPANS: usize = 100;

/// The JSON in the index. Holds no credentials.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CameraConfig {
    pub(crate) main: Address,
    #[serde(default)]
    pub(crate) sub: Option<Address>,
    #[serde(default)]
    pub(crate) recording: Recording,
    #[serde(default)]
    pub(crate) engine: EngineChoice,
    /// Counted from 1: this is the hub's own demo camera of that number, wherever it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) demo: Option<u16>,
    /// When it is connected again; absent: as is right for its protocol.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reconnect: Option<Reconnect>,
    /// Since when (UTC, milliseconds) it is connected as it is: what was kept of connections before is of no use.
    #[serde(default)]
    pub(crate) epoch: i64,
}

/// Where a stream is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Address {
    pub(crate) url: CameraUrl,
    #[serde(default)]
    pub(crate) transport: RtpTransport,
}

/// A camera as the hub knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CameraEntry {
    pub(crate) id: CameraId,
    pub(crate) name: String,
    pub(crate) created: UtcMs,
    pub(crate) enabled: bool,
    pub(crate) config: CameraConfig,
    pub(crate) credentials: Option<Credentials>,
}

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
    /// As shown to people: never with a password.
    pub(crate) fn to_api(&self) -> Camera {
        let credentials = self.credentials.as_ref();
        Camera {
            id: self.id.to_string(),
            name: self.name.clone(),
            main: self.config.main.to_api(),
            sub: self.config.sub.as_ref().map(Address::to_api),
            username: credentials.map(|credentials| credentials.username.clone()),
            has_password: credentials
                .is_some_and(|credentials| !credentials.password.expose().is_empty()),
            recording: self.config.recording.clone(),
            engine: self.config.engine,
            enabled: self.enabled,
            created_utc_ms: self.created.0,
            reconnect: self.config.reconnect.clone(),
        }
    }

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

    fn weekly(&self) -> Result<Weekly, ScheduleError> {
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

    /// Whether the camera has that stream.
    pub(crate) const fn has(&self, stream: StreamKind) -> bool {
        matches!(stream, StreamKind::Main) || self.config.sub.is_some()
    }

    /// For its recorder; the supervisor fills in what it knows better.
    pub(crate) fn recorder_config(
        &self,
        moment: Moment<'_>,
        tier_root: &Path,
        tier_id: &str,
    ) -> RecorderConfig {
        let stream = |address: &Address, kind| StreamConfig {
            url: address.url.clone(),
            transport: address.transport.into(),
            mode: self.mode(kind, moment),
        };
        RecorderConfig {
            camera: self.id.clone(),
            main: stream(&self.config.main, StreamKind::Main),
            sub: self.config.sub.as_ref().map(|sub| stream(sub, StreamKind::Sub)),
            credentials: self.credentials.clone(),
            segment_seconds: self.config.recording.segment_seconds,
            tier_root: tier_root.to_owned(),
            tier_id: tier_id.to_owned(),
            hub_socket: String::new(),
            orphan_seconds: 0,
            config_hash: String::new(),
            reconnect: policy::policy(
                self.config.reconnect.as_ref(),
                self.config.main.url.scheme(),
            ),
            epoch: self.config.epoch,
            resume: Vec::new(),
            standby: false,
            recorded_until: Vec::new(),
        }
    }

    pub(crate) const fn engine(&self) -> EngineWish {
        match self.config.engine {
            EngineChoice::Auto => EngineWish::Auto,
            EngineChoice::Rust => EngineWish::Only(Engine::Rust),
            EngineChoice::Libav => EngineWish::Only(Engine::Libav),
        }
    }

    /// For the brain that watches it.
    pub(crate) fn facts(&self, moment: Moment<'_>, happening: Option<UtcRange>) -> Facts {
        let main = Some((StreamKind::Main, Place::of(&self.config.main.url)));
        let sub = self.config.sub.as_ref().map(|sub| (StreamKind::Sub, Place::of(&sub.url)));
        Facts {
            name: self.name.clone(),
            enabled: self.enabled,
            is_recorded: self.is_recorded(moment, happening),
            places: main.into_iter().chain(sub).collect(),
        }
    }

    /// A camera as it was asked for.
    pub(crate) fn create(new: NewCamera, id: CameraId, now: UtcMs) -> Result<Self, Problem> {
        let (main, from_main) = Address::read(&new.main)?;
        let (sub, from_sub) = match &new.sub {
            Some(sub) => {
                Address::read(sub).map(|(address, credentials)| (Some(address), credentials))?
            }
            None => (None, None),
        };
        let entry = Self {
            id,
            name: name(&new.name)?,
            created: now,
            enabled: true,
            config: CameraConfig {
                main,
                sub,
                recording: new.recording,
                engine: new.engine,
                demo: None,
                reconnect: new.reconnect,
                epoch: now.0,
            },
            credentials: merge(from_main.or(from_sub), new.username, new.password),
        };
        entry.check()?;
        Ok(entry)
    }

    /// The same camera with what is present in `change`.
    pub(crate) fn change(&self, change: CameraChange) -> Result<Self, Problem> {
        let mut entry = self.clone();
        if let Some(new_name) = &change.name {
            entry.name = name(new_name)?;
        }
        let mut from_url = None;
        if change.sub == Some(None) {
            entry.config.sub = None;
        }
        let sub = change.sub.as_ref().and_then(Option::as_ref);
        for (place, address) in [(StreamKind::Main, change.main.as_ref()), (StreamKind::Sub, sub)] {
            let Some(address) = address else { continue };
            let (address, credentials) = Address::read(address)?;
            from_url = from_url.or(credentials);
            match place {
                StreamKind::Main => entry.config.main = address,
                StreamKind::Sub => entry.config.sub = Some(address),
            }
        }
        entry.credentials = merge(from_url.or(entry.credentials), change.username, change.password);
        entry.config.recording = change.recording.unwrap_or(entry.config.recording);
        entry.config.engine = change.engine.unwrap_or(entry.config.engine);
        entry.enabled = change.enabled.unwrap_or(entry.enabled);
        entry.config.reconnect = change.reconnect.or(entry.config.reconnect);
        if change.main.is_some() {
            entry.config.demo = None;
        }
        entry.check()?;
        Ok(entry)
    }

    /// Another address, another password, or switched on again: what was learnt of its connection is void.
    pub(crate) fn connects_as(&self, other: &Self) -> bool {
        let (new, old) = (&self.config, &other.config);
        (&new.main, &new.sub, &new.engine, &new.reconnect, &self.credentials, self.enabled)
            == (&old.main, &old.sub, &old.engine, &old.reconnect, &other.credentials, other.enabled)
    }

    fn check(&self) -> Result<(), Problem> {
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

impl Address {
    /// Reads what a person pasted.
    pub(crate) fn read(address: &StreamAddress) -> Result<(Self, Option<Credentials>), Problem> {
        let (url, credentials) =
            CameraUrl::parse(&address.url).map_err(|error| words::bad_url(&error))?;
        Ok((Self { url, transport: address.transport }, credentials))
    }

    fn to_api(&self) -> StreamAddress {
        StreamAddress { url: self.url.as_str().to_owned(), transport: self.transport }
    }
}

/// Fields of their own win over what stood in the URL.
pub(crate) fn merge(
    from_url: Option<Credentials>,
    username: Option<String>,
    password: Option<Secret<String>>,
) -> Option<Credentials> {
    let (url_name, url_password) = match from_url {
        Some(Credentials { username, password }) => (Some(username), Some(password)),
        None => (None, None),
    };
    let username = username.or(url_name).unwrap_or_default();
    let password = password.or(url_password).unwrap_or_else(|| Secret::new(String::new()));
    let is_nothing = username.is_empty() && password.expose().is_empty();
    (!is_nothing).then_some(Credentials { username, password })
}

fn name(text: &str) -> Result<String, Problem> {
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

/// An id made of the name, for people who look into folders: `front-door`, and with a number if that is taken.
pub(crate) fn id_for(name: &str, is_taken: impl Fn(&CameraId) -> bool) -> CameraId {
    let mut slug = String::new();
    for c in name.chars().flat_map(char::to_lowercase) {
        match c {
            'a'..='z' | '0'..='9' => slug.push(c),
            'ä' => slug.push_str("ae"),
            'ö' => slug.push_str("oe"),
            'ü' => slug.push_str("ue"),
            'ß' => slug.push_str("ss"),
            _ if !slug.is_empty() && !slug.ends_with('-') => slug.push('-'),
            _ => {}
        }
    }
    slug.truncate(26);
    let slug = slug.trim_matches('-');
    let slug = if slug.is_empty() { "camera" } else { slug };
    (1..=u32::MAX)
        .map(|n| if n == 1 { slug.to_owned() } else { format!("{slug}-{n}") })
        .filter_map(|text| CameraId::new(text).ok())
        .find(|id| !is_taken(id))
        .expect("there are more numbers than cameras")
}

#[cfg(test)]
mod tests {
    use tarsier_wire::RecordingMode::{Continuous, Off};

    use super::*;

    fn new_camera(json: &str) -> Result<CameraEntry, Problem> {
        let new: NewCamera = serde_json::from_str(json).unwrap();
        CameraEntry::create(new, CameraId::new("garden").unwrap(), UtcMs(5))
    }

    #[test]
    fn credentials_leave_the_url_and_are_shown_nowhere() {
        let entry =
            new_camera(r#"{"name":" Garden ","main":{"url":"rtsp://admin:canary@192.0.2.7/1"}}"#)
                .unwrap();
        let shown = serde_json::to_string(&entry.to_api()).unwrap()
            + &serde_json::to_string(&entry.config).unwrap();
        assert!(!shown.contains("canary"), "{shown}");
        assert!(!format!("{entry:?}").contains("canary"), "a debug print is no leak");
        assert!(entry.to_api().has_password);
        assert_eq!(entry.to_api().username.as_deref(), Some("admin"));
        assert_eq!(entry.name, "Garden");
    }

    #[test]
    fn fields_win_over_the_url_and_a_change_keeps_what_it_does_not_name() {
        let entry = new_camera(
            r#"{"name":"Garden","main":{"url":"rtsp://a:b@192.0.2.7/1"},"username":"c","password":"d"}"#,
        )
        .unwrap();
        let known = entry.credentials.clone().unwrap();
        assert_eq!((known.username.as_str(), known.password.expose().as_str()), ("c", "d"));
        let change: CameraChange = serde_json::from_str(r#"{"password":"e"}"#).unwrap();
        let changed = entry.change(change).unwrap();
        let known = changed.credentials.clone().unwrap();
        assert_eq!((known.username.as_str(), known.password.expose().as_str()), ("c", "e"));
        let moved: CameraChange =
            serde_json::from_str(r#"{"main":{"url":"rtsp://192.0.2.8/1"}}"#).unwrap();
        assert_eq!(
            changed.change(moved).unwrap().credentials,
            changed.credentials,
            "a new address, the same password"
        );
    }

    #[test]
    fn a_small_stream_is_removed_by_null_and_stays_when_it_is_not_named() {
        let entry =
            new_camera(r#"{"name":"G","main":{"url":"rtsp://h/1"},"sub":{"url":"rtsp://h/2"}}"#)
                .unwrap();
        let changed = |json: &str| entry.change(serde_json::from_str(json).unwrap()).unwrap();
        assert!(changed("{}").config.sub.is_some(), "absent: it stays");
        assert!(changed(r#"{"sub":null}"#).config.sub.is_none(), "null: it goes");
    }

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

    #[test]
    fn an_id_says_whose_folder_it_is() {
        let none = |_: &CameraId| false;
        for (name, id) in [
            ("Front door", "front-door"),
            ("  Größe 2!", "groesse-2"),
            ("정원", "camera"),
            ("-", "camera"),
            (
                "a very long name of a camera that nobody wants to type",
                "a-very-long-name-of-a-came",
            ),
        ] {
            assert_eq!(id_for(name, none).as_str(), id, "{name}");
        }
        let taken = |id: &CameraId| matches!(id.as_str(), "garden" | "garden-2");
        assert_eq!(id_for("Garden", taken).as_str(), "garden-3");
    }
}
