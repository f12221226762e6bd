//! Brain: what the tray shows for what is known about the hub. SPEC section 11: state at a glance.
//!
//! What does not belong here: asking the hub, drawing the tray.

use tarsier_api::system::System;

use crate::words::{Words, fill};

/// What is known about the hub.
#[derive(Clone, Debug)]
pub(crate) enum Known {
    /// It is being found or started.
    Starting,
    /// It cannot be reached.
    Nothing,
    /// Its own words.
    System(Box<System>),
}

/// The three pictures of the tray.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Light {
    /// Everything that should be recorded is.
    Recording,
    /// Footage of at least one camera is being lost, or may get lost: an alert goes on.
    Warning,
    /// Nothing is recorded.
    Stopped,
}

/// What the pause item offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PauseOffer {
    /// To pause.
    Pause,
    /// To resume.
    Resume,
    /// Neither: nobody would hear it.
    Neither,
}

/// What the mute item offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MuteOffer {
    /// To mute alerts.
    Mute,
    /// To let people be told again.
    Unmute,
    /// Neither: nobody would hear it.
    Neither,
}

/// Everything that changes in the tray.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TrayView {
    /// The picture.
    pub(crate) light: Light,
    /// The first, greyed line of the menu, and the tooltip.
    pub(crate) line: String,
    /// What the pause item offers.
    pub(crate) pause: PauseOffer,
    /// What the mute item offers.
    pub(crate) mute: MuteOffer,
}

/// What to show.
pub(crate) fn view(known: &Known, words: &Words) -> TrayView {
    let without_hub = |line: &str| TrayView {
        light: Light::Stopped,
        line: line.to_owned(),
        pause: PauseOffer::Neither,
        mute: MuteOffer::Neither,
    };
    match known {
        Known::Starting => without_hub(words.starting),
        Known::Nothing => without_hub(words.not_running),
        Known::System(system) => TrayView {
            light: light(system),
            line: line(system, words),
            pause: if system.is_paused { PauseOffer::Resume } else { PauseOffer::Pause },
            mute: match system.alerts_muted_until_utc_ms {
                Some(_) => MuteOffer::Unmute,
                None => MuteOffer::Mute,
            },
        },
    }
}

fn light(system: &System) -> Light {
    if system.is_paused || system.cameras == 0 {
        Light::Stopped
    } else if system.offline_cameras > 0 || system.open_alerts > 0 {
        Light::Warning
    } else if system.recording_cameras == 0 {
        Light::Stopped
    } else {
        Light::Recording
    }
}

fn line(system: &System, words: &Words) -> String {
    let numbers = [
        ("n", system.recording_cameras.to_string()),
        ("total", system.cameras.to_string()),
        ("offline", system.offline_cameras.to_string()),
    ];
    let text = if system.cameras == 0 {
        words.no_cameras
    } else if system.is_paused {
        words.paused
    } else if system.offline_cameras > 0 {
        words.recording_some
    } else {
        match system.recording_cameras {
            0 => words.recording_none,
            1 => words.recording_one,
            _ => words.recording_many,
        }
    };
    let line = fill(text, &numbers);
    // What is said already needs no second word: a camera that is offline is an alert, too.
    let with_alerts = match system.open_alerts {
        _ if light(system) != Light::Warning || system.offline_cameras > 0 => return line,
        1 => words.with_alert,
        _ => words.with_alerts,
    };
    fill(with_alerts, &[("line", line), ("n", system.open_alerts.to_string())])
}

#[cfg(test)]
mod tests {
    use tarsier_api::system::RtspServer;

    use super::*;
    use crate::words::for_locale;

    fn system(cameras: u32, recording: u32, offline: u32) -> System {
        System {
            version: String::new(),
            started_utc_ms: 0,
            now_utc_ms: 0,
            time_zone: "UTC".to_owned(),
            machine_cpu_percent: 0.0,
            cores: 1,
            memory_total_bytes: 0,
            memory_used_bytes: 0,
            hub_cpu_percent: 0.0,
            hub_rss_bytes: 0,
            recording_cameras: recording,
            offline_cameras: offline,
            cameras,
            is_paused: false,
            demo_cameras: 0,
            open_alerts: 0,
            alerts_muted_until_utc_ms: None,
            rtsp: RtspServer::default(),
        }
    }

    fn shown(system: System) -> (Light, String) {
        let view = view(&Known::System(Box::new(system)), for_locale("en"));
        (view.light, view.line)
    }

    #[test]
    fn the_line_and_the_picture_agree() {
        for ((cameras, recording, offline), light, line) in [
            ((0, 0, 0), Light::Stopped, "No cameras yet"),
            ((1, 1, 0), Light::Recording, "Recording 1 camera"),
            ((2, 2, 0), Light::Recording, "Recording 2 cameras"),
            ((3, 2, 1), Light::Warning, "Recording 2 of 3 cameras, 1 offline"),
            ((3, 2, 0), Light::Recording, "Recording 2 cameras"),
            ((2, 0, 2), Light::Warning, "Recording 0 of 2 cameras, 2 offline"),
            ((2, 0, 0), Light::Stopped, "Nothing is being recorded"),
        ] {
            assert_eq!(
                shown(system(cameras, recording, offline)),
                (light, line.to_owned()),
                "{cameras} cameras, {recording} recording, {offline} offline"
            );
        }
    }

    #[test]
    fn an_alert_that_goes_on_warns_and_is_named_unless_the_line_says_it_already() {
        for ((cameras, recording, offline, alerts), light, line) in [
            ((3, 3, 0, 1), Light::Warning, "Recording 3 cameras, 1 alert"),
            ((3, 3, 0, 2), Light::Warning, "Recording 3 cameras, 2 alerts"),
            ((3, 2, 1, 1), Light::Warning, "Recording 2 of 3 cameras, 1 offline"),
            ((2, 0, 0, 1), Light::Warning, "Nothing is being recorded, 1 alert"),
            ((0, 0, 0, 1), Light::Stopped, "No cameras yet"),
        ] {
            let system = System { open_alerts: alerts, ..system(cameras, recording, offline) };
            assert_eq!(shown(system), (light, line.to_owned()), "{alerts} alerts");
        }
    }

    #[test]
    fn what_the_mute_item_offers_is_what_the_hub_says() {
        let offer = |until| {
            let system = System { alerts_muted_until_utc_ms: until, ..system(1, 1, 0) };
            view(&Known::System(Box::new(system)), for_locale("en")).mute
        };
        assert_eq!(offer(None), MuteOffer::Mute);
        assert_eq!(offer(Some(3_600_000)), MuteOffer::Unmute, "whoever muted them");
    }

    #[test]
    fn a_pause_is_shown_even_while_a_camera_is_offline() {
        let paused = System { is_paused: true, open_alerts: 1, ..system(2, 0, 1) };
        let view = view(&Known::System(Box::new(paused)), for_locale("en"));
        assert_eq!(view.light, Light::Stopped, "the user paused: that is no warning");
        assert_eq!(view.line, "Recording is paused");
        assert_eq!(view.pause, PauseOffer::Resume, "what is paused can be resumed");
    }

    #[test]
    fn without_a_hub_nothing_is_claimed() {
        let view = view(&Known::Nothing, for_locale("en"));
        assert_eq!(view.light, Light::Stopped, "a dead hub must never look like recording");
        assert_eq!(view.pause, PauseOffer::Neither, "nobody would hear a pause");
        assert_eq!(view.mute, MuteOffer::Neither, "nor that alerts are to be muted");
    }
}
