//! A camera's configuration: as it comes in, as it is stored, as a recorder gets it, as it is shown.
//!
//! Pure translation between the words of the API, the index and the wire. Credentials leave a URL on the way in
//! and travel apart from then on.

use std::path::Path;

use serde::{Deserialize, Serialize};
use tarsier_api::camera::{
    Camera, CameraChange, EngineChoice, NewCamera, Recording, RecordingMode, RtpTransport,
    StreamAddress,
};
use tarsier_api::problem::{Problem, ProblemCode};
use tarsier_supervise::EngineWish;
use tarsier_types::{CameraId, CameraUrl, Credentials, Secret, StreamKind, UtcMs};
use tarsier_wire::{Engine, RecorderConfig, StreamConfig};

use crate::state::Facts;
use crate::words::{self, Place};

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
            recording: self.config.recording,
            engine: self.config.engine,
            enabled: self.enabled,
            created_utc_ms: self.created.0,
        }
    }

    /// Whether that stream is written to disk.
    pub(crate) fn is_recorded(&self, stream: StreamKind, pause: Pause) -> bool {
        let recording = &self.config.recording;
        self.enabled
            && pause == Pause::Off
            && recording.mode == RecordingMode::Continuous
            && (stream == StreamKind::Main || (recording.record_sub && self.config.sub.is_some()))
    }

    /// Whether the camera has that stream.
    pub(crate) const fn has(&self, stream: StreamKind) -> bool {
        matches!(stream, StreamKind::Main) || self.config.sub.is_some()
    }

    /// For its recorder; the supervisor fills in what it knows better.
    pub(crate) fn recorder_config(
        &self,
        pause: Pause,
        tier_root: &Path,
        tier_id: &str,
    ) -> RecorderConfig {
        let stream = |address: &Address, kind| StreamConfig {
            url: address.url.clone(),
            transport: address.transport.into(),
            mode: if self.is_recorded(kind, pause) {
                tarsier_wire::RecordingMode::Continuous
            } else {
                tarsier_wire::RecordingMode::Off
            },
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
    pub(crate) fn facts(&self, pause: Pause) -> Facts {
        let main = Some((StreamKind::Main, Place::of(&self.config.main.url)));
        let sub = self.config.sub.as_ref().map(|sub| (StreamKind::Sub, Place::of(&sub.url)));
        Facts {
            name: self.name.clone(),
            enabled: self.enabled,
            is_recorded: self.is_recorded(StreamKind::Main, pause),
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
        for (place, address) in [(StreamKind::Main, &change.main), (StreamKind::Sub, &change.sub)] {
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
        if change.main.is_some() {
            entry.config.demo = None;
        }
        entry.check()?;
        Ok(entry)
    }

    fn check(&self) -> Result<(), Problem> {
        if (60..=900).contains(&self.config.recording.segment_seconds) {
            return Ok(());
        }
        Err(words::problem(
            ProblemCode::BadRequest,
            format!("A segment cannot be {} s long.", self.config.recording.segment_seconds),
            "Choose segment_seconds from 60 to 900; 180 is right for nearly everybody.",
        ))
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
            let config = entry.recorder_config(pause, Path::new("/f"), "t");
            (config.main.mode, config.sub.map(|sub| sub.mode))
        };
        assert_eq!(modes(Pause::Off), (Continuous, Some(Continuous)));
        assert_eq!(modes(Pause::On), (Off, Some(Off)));
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
