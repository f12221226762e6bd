//! Words: what a recorder was started for, as it tells a hub that did not start it.
//!
//! ```text
//! streams "." whole ["+standby"]      each 16 hexadecimal digits
//! ```
//! `streams` stands for what is read from where, `whole` for the whole configuration. A recorder repeats the text in
//! its hello without reading it. What does not belong here: what follows from a difference (`duty`).

use tarsier_wire::RecorderConfig;

use crate::judge::EngineWish;
use crate::running;

const STANDBY: &str = "+standby";

/// What a process is started as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// It records.
    OnDuty,
    /// It waits for its turn.
    Standby,
}

/// Two configurations of the same identity are the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    streams: String,
    whole: String,
}

/// How a running recorder stands to what is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kin {
    /// It is what is wanted.
    Same,
    /// It reads the same streams, with something else about them changed.
    SameStreams,
    /// It reads something else.
    Other,
}

impl Identity {
    pub(crate) fn of(config: &RecorderConfig, wish: EngineWish) -> Self {
        let mut config = running::fixed_part(config);
        // Not worth a restart: it holds from the next start on.
        config.orphan_seconds = 0;
        let places = [Some(&config.main), config.sub.as_ref()].map(|stream| {
            stream.map(|stream| format!("{} {:?}", stream.url.as_str(), stream.transport))
        });
        let json = serde_json::to_string(&config).unwrap_or_default();
        let whole = short(&format!("{json} {wish:?} {}", env!("CARGO_PKG_VERSION")));
        Self { streams: short(&format!("{places:?}")), whole }
    }

    /// What a recorder says, and what it was started as.
    pub(crate) fn read(text: &str) -> (Option<Self>, Role) {
        let (text, role) = match text.strip_suffix(STANDBY) {
            Some(text) => (text, Role::Standby),
            None => (text, Role::OnDuty),
        };
        let identity = text
            .split_once('.')
            .map(|(streams, whole)| Self { streams: streams.to_owned(), whole: whole.to_owned() });
        (identity, role)
    }

    pub(crate) fn text(&self, role: Role) -> String {
        let role = if role == Role::Standby { STANDBY } else { "" };
        format!("{}.{}{role}", self.streams, self.whole)
    }

    pub(crate) fn kin(&self, running: Option<&Self>) -> Kin {
        match running {
            Some(running) if running == self => Kin::Same,
            Some(running) if running.streams == self.streams => Kin::SameStreams,
            _ => Kin::Other,
        }
    }
}

fn short(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_hex()[..16].to_owned()
}

#[cfg(test)]
mod tests {
    use tarsier_types::{CameraId, CameraUrl, Transport};
    use tarsier_wire::{RecordingMode, StreamConfig};

    use super::*;

    fn config(url: &str) -> RecorderConfig {
        let main = StreamConfig {
            url: CameraUrl::parse(url).unwrap().0,
            transport: Transport::Tcp,
            mode: RecordingMode::Continuous,
        };
        RecorderConfig {
            camera: CameraId::new("garden").unwrap(),
            main,
            sub: None,
            credentials: None,
            segment_seconds: 180,
            tier_root: "/footage".into(),
            tier_id: "t".into(),
            hub_socket: "s".into(),
            orphan_seconds: 60,
            config_hash: String::new(),
            reconnect: tarsier_reconnect::Policy::default(),
            epoch: 0,
            resume: Vec::new(),
            standby: false,
            recorded_until: Vec::new(),
        }
    }

    #[test]
    fn a_hub_tells_its_own_recorders_from_changed_and_foreign_ones() {
        let wish = EngineWish::Auto;
        let wanted = Identity::of(&config("rtsp://192.0.2.7/1"), wish);
        let kin = |config: &RecorderConfig, wish| {
            let (said, _) = Identity::read(&Identity::of(config, wish).text(Role::OnDuty));
            wanted.kin(said.as_ref())
        };
        let same = config("rtsp://192.0.2.7/1");
        assert_eq!(kin(&same, wish), Kin::Same);
        let started_otherwise = RecorderConfig { standby: true, orphan_seconds: 5, ..same.clone() };
        assert_eq!(kin(&started_otherwise, wish), Kin::Same, "how it began does not matter");
        let longer = RecorderConfig { segment_seconds: 300, ..same.clone() };
        assert_eq!(kin(&longer, wish), Kin::Same, "a running recorder can be told");
        let elsewhere = RecorderConfig { hub_socket: "t".into(), ..same.clone() };
        assert_eq!(kin(&elsewhere, wish), Kin::SameStreams);
        assert_eq!(kin(&same, EngineWish::Only(tarsier_wire::Engine::Libav)), Kin::SameStreams);
        assert_eq!(kin(&config("rtsp://192.0.2.8/1"), wish), Kin::Other);
        assert_eq!(
            wanted.kin(Identity::read("0123456789abcdef").0.as_ref()),
            Kin::Other,
            "an older hub's"
        );
    }

    #[test]
    fn one_that_was_started_to_stand_by_says_so_to_a_later_hub() {
        let identity = Identity::of(&config("rtsp://192.0.2.7/1"), EngineWish::Auto);
        assert_eq!(
            Identity::read(&identity.text(Role::Standby)),
            (Some(identity.clone()), Role::Standby)
        );
        assert_eq!(Identity::read(&identity.text(Role::OnDuty)), (Some(identity), Role::OnDuty));
    }
}
