//! A camera's configuration: as it comes in, as it is stored, as a recorder gets it, as it is shown.
//!
//! Pure translation between the words of the API, the index and the wire. Credentials leave a URL on the way in
//! and travel apart from then on. What can be asked for is decided in `check`, what is recorded when in `mode`.

mod check;
mod id;
mod mode;

use std::path::Path;

use serde::{Deserialize, Serialize};
use tarsier_api::camera::{
    Camera, CameraChange, EngineChoice, NewCamera, RtpTransport, StreamAddress,
};
use tarsier_api::connection::Reconnect;
use tarsier_api::problem::Problem;
use tarsier_api::recording::Recording;
use tarsier_supervise::EngineWish;
use tarsier_types::{CameraId, CameraUrl, Credentials, Secret, StreamKind, UtcMs, UtcRange};
use tarsier_wire::{Engine, RecorderConfig, StreamConfig};

pub(crate) use self::id::id_for;
pub(crate) use self::mode::{Moment, Pause};
use crate::connections::policy;
use crate::secrets::Known;
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
    /// When it is connected again; absent: as is right for its protocol.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reconnect: Option<Reconnect>,
    /// Where it is turned over ONVIF; absent: looked for at the host of its pictures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) onvif: Option<CameraUrl>,
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
    /// For ONVIF, where it wants others than for its pictures.
    pub(crate) onvif_credentials: Option<Credentials>,
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
            onvif_url: self.config.onvif.as_ref().map(|url| url.as_str().to_owned()),
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
        let (onvif, onvif_credentials) = match &new.onvif_url {
            Some(url) => check::onvif(url).map(|(url, known)| (Some(url), known))?,
            None => (None, None),
        };
        let entry = Self {
            id,
            name: check::name(&new.name)?,
            created: now,
            enabled: true,
            config: CameraConfig {
                main,
                sub,
                recording: new.recording,
                engine: new.engine,
                demo: None,
                reconnect: new.reconnect,
                onvif,
                epoch: now.0,
            },
            credentials: merge(from_main.or(from_sub), new.username, new.password),
            onvif_credentials,
        };
        entry.check()?;
        Ok(entry)
    }

    /// The same camera with what is present in `change`.
    pub(crate) fn change(&self, change: CameraChange) -> Result<Self, Problem> {
        let mut entry = self.clone();
        if let Some(new_name) = &change.name {
            entry.name = check::name(new_name)?;
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
        match change.onvif_url {
            None => {}
            Some(None) => (entry.config.onvif, entry.onvif_credentials) = (None, None),
            Some(Some(url)) => {
                let (url, known) = check::onvif(&url)?;
                entry.config.onvif = Some(url);
                entry.onvif_credentials = known.or(entry.onvif_credentials);
            }
        }
        entry.check()?;
        Ok(entry)
    }

    /// Who is asked for there.
    pub(crate) fn known(&self) -> Known {
        Known { pictures: self.credentials.clone(), onvif: self.onvif_credentials.clone() }
    }

    /// Another address, another password, or switched on again: what was learnt of its connection is void.
    pub(crate) fn connects_as(&self, other: &Self) -> bool {
        let (new, old) = (&self.config, &other.config);
        (&new.main, &new.sub, &new.engine, &new.reconnect, &self.credentials, self.enabled)
            == (&old.main, &old.sub, &old.engine, &old.reconnect, &other.credentials, other.enabled)
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

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn new_camera(json: &str) -> Result<CameraEntry, Problem> {
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
}
