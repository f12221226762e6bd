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
    /// Footage of at least one camera is being lost.
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

/// Everything that changes in the tray.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TrayView {
    /// The picture.
    pub(crate) light: Light,
    /// The first, greyed line of the menu, and the tooltip.
    pub(crate) line: String,
    /// What the pause item offers.
    pub(crate) pause: PauseOffer,
    /// Alerts are muted.
    pub(crate) is_muted: bool,
}

/// What to show.
pub(crate) fn view(known: &Known, is_muted: bool, words: &Words) -> TrayView {
    let (light, line, pause) = match known {
        Known::Starting => (Light::Stopped, words.starting.to_owned(), PauseOffer::Neither),
        Known::Nothing => (Light::Stopped, words.not_running.to_owned(), PauseOffer::Neither),
        Known::System(system) => {
            let pause = if system.is_paused { PauseOffer::Resume } else { PauseOffer::Pause };
            (light(system), line(system, words), pause)
        }
    };
    TrayView { light, line, pause, is_muted }
}

fn light(system: &System) -> Light {
    if system.is_paused || system.cameras == 0 {
        Light::Stopped
    } else if system.offline_cameras > 0 {
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
    fill(text, &numbers)
}

#[cfg(test)]
mod tests {
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
        }
    }

    fn shown(system: System) -> (Light, String) {
        let view = view(&Known::System(Box::new(system)), false, for_locale("en"));
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
    fn a_pause_is_shown_even_while_a_camera_is_offline() {
        let paused = System { is_paused: true, ..system(2, 0, 1) };
        let view = view(&Known::System(Box::new(paused)), false, for_locale("en"));
        assert_eq!(view.light, Light::Stopped, "the user paused: that is no warning");
        assert_eq!(view.line, "Recording is paused");
        assert_eq!(view.pause, PauseOffer::Resume, "what is paused can be resumed");
    }

    #[test]
    fn without_a_hub_nothing_is_claimed() {
        let view = view(&Known::Nothing, false, for_locale("en"));
        assert_eq!(view.light, Light::Stopped, "a dead hub must never look like recording");
        assert_eq!(view.pause, PauseOffer::Neither, "nobody would hear a pause");
    }
}
