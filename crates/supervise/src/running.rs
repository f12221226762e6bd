//! Words: what a running recorder can be told to change, and so what it need not be restarted for.
//!
//! What does not belong here: who it is told (`actor`).

use tarsier_types::StreamKind;
use tarsier_wire::{RecorderConfig, RecordingMode, StreamConfig, ToRecorder};

/// The same for all configurations among which a running recorder can be moved: what its hash is made of.
pub(crate) fn fixed_part(config: &RecorderConfig) -> RecorderConfig {
    let fixed = |stream: &StreamConfig| StreamConfig { mode: RecordingMode::Off, ..stream.clone() };
    RecorderConfig {
        main: fixed(&config.main),
        sub: config.sub.as_ref().map(fixed),
        segment_seconds: 0,
        tier_root: std::path::PathBuf::new(),
        tier_id: String::new(),
        config_hash: String::new(),
        resume: Vec::new(),
        standby: false,
        recorded_until: Vec::new(),
        ..config.clone()
    }
}

/// Everything that can be changed, as it is in `config`: for a recorder that may have been started with anything.
/// Saying again what a recorder does already changes nothing.
pub(crate) fn orders(config: &RecorderConfig) -> Vec<ToRecorder> {
    let streams = [(StreamKind::Main, Some(&config.main)), (StreamKind::Sub, config.sub.as_ref())];
    let modes = streams
        .into_iter()
        .filter_map(|(kind, stream)| stream.map(|stream| ToRecorder::Mode(kind, stream.mode)));
    // The tier first: a file that is begun by a new mode is begun there.
    let tier = ToRecorder::Tier {
        root: config.tier_root.to_string_lossy().into_owned(),
        id: config.tier_id.clone(),
    };
    [tier, ToRecorder::SegmentSeconds(config.segment_seconds)].into_iter().chain(modes).collect()
}

/// What turns a recorder of `old` into one of `new`, which has the same fixed part.
pub(crate) fn changes(old: &RecorderConfig, new: &RecorderConfig) -> Vec<ToRecorder> {
    let known = orders(old);
    orders(new).into_iter().filter(|order| !known.contains(order)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> RecorderConfig {
        let json = r#"{"camera":"garden","main":{"url":"rtsp://192.0.2.7/1","transport":"tcp","mode":"continuous"},
            "sub":{"url":"rtsp://192.0.2.7/2","transport":"tcp","mode":"off"},"credentials":null,"segment_seconds":180,
            "tier_root":"/footage","tier_id":"a","hub_socket":"","orphan_seconds":60,"config_hash":""}"#;
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn modes_lengths_and_tiers_restart_nothing_and_addresses_do() {
        let mut changed = config();
        changed.main.mode = RecordingMode::OnEvent { pre_roll_ms: 5000, post_roll_ms: 10_000 };
        changed.segment_seconds = 60;
        (changed.tier_root, changed.tier_id) = ("/other".into(), "b".to_owned());
        changed.standby = true;
        assert_eq!(fixed_part(&config()), fixed_part(&changed));
        let mut moved = config();
        moved.main.url = tarsier_types::CameraUrl::parse("rtsp://192.0.2.8/1").unwrap().0;
        assert_ne!(fixed_part(&config()), fixed_part(&moved));
    }

    #[test]
    fn only_what_changed_is_said() {
        assert_eq!(changes(&config(), &config()), []);
        let mut changed = config();
        changed.main.mode = RecordingMode::Off;
        changed.segment_seconds = 60;
        assert_eq!(
            changes(&config(), &changed),
            [
                ToRecorder::SegmentSeconds(60),
                ToRecorder::Mode(StreamKind::Main, RecordingMode::Off)
            ]
        );
    }
}
