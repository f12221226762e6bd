//! What happens to connections, in sentences: what happened, since when, what it costs, what to do (STYLE 34).

use jiff::tz::TimeZone;
use tarsier_api::event::EventKind;
use tarsier_reconnect::FailureReason;
use tarsier_types::{StreamKind, UtcMs};

use super::incidents::Told;
use crate::words;

/// Kind, title and body of an event.
pub(crate) fn event(
    told: &Told,
    camera: &str,
    stream: StreamKind,
    now: UtcMs,
    tz: &TimeZone,
) -> (EventKind, String, String) {
    let name = match stream {
        StreamKind::Main => camera.to_owned(),
        StreamKind::Sub => format!("{camera} (sub stream)"),
    };
    let seen = |error: &Option<String>| match error {
        Some(error) => format!(" What was seen: {error}."),
        None => String::new(),
    };
    match told {
        Told::Started { at, error } => (
            EventKind::ReconnectionStarted,
            format!("{name}: the connection broke at {}", words::time(*at, now, tz)),
            format!("It is made again by itself; until then no pictures are kept.{}", seen(error)),
        ),
        Told::Succeeded { lasted_ms, attempts } => (
            EventKind::ReconnectionSucceeded,
            format!("{name}: connected again after {}", span(*lasted_ms)),
            format!(
                "Pictures flow again since attempt {attempts}. The time between is a gap in the timeline."
            ),
        ),
        Told::Failed { lasted_ms, attempts, error } => (
            EventKind::ReconnectionFailed,
            format!("{name}: not back after {attempts} attempts in {}", span(*lasted_ms)),
            format!(
                "It counts as offline or was stopped; its page says which, and what to do.{}",
                seen(error)
            ),
        ),
        Told::Aborted { lasted_ms } => (
            EventKind::ReconnectionAborted,
            format!("{name}: reconnecting ended without success after {}", span(*lasted_ms)),
            "Its settings changed, or its recorder was stopped.".to_owned(),
        ),
        Told::Often { in_an_hour } => (
            EventKind::ConnectionDegraded,
            format!("{name}: the connection breaks often"),
            format!(
                "{in_an_hour} entries in the last hour; further short ones are counted and not listed, until it is calmer. \
                 Check its cable, its power and its wireless signal."
            ),
        ),
        Told::Degraded { reason } => {
            let (what, todo) = degraded(*reason);
            (
                EventKind::ConnectionDegraded,
                format!("{name}: {what} since {}", words::time(now, now, tz)),
                format!("Recording goes on, and pictures may be damaged or missing. {todo}"),
            )
        }
        Told::Recovered { reason } => {
            let (what, _) = degraded(*reason);
            (
                EventKind::ConnectionRecovered,
                format!("{name}: the connection is good again"),
                format!("It was so that {what}; for a minute it has not been."),
            )
        }
    }
}

fn degraded(reason: FailureReason) -> (&'static str, &'static str) {
    match reason {
        FailureReason::PacketLoss => (
            "the network loses packets",
            "Choose TCP as its transport, or check its cable and its wireless signal.",
        ),
        FailureReason::HighLatency => (
            "pictures arrive late",
            "Something on the way is overloaded: the camera's bit rate may be more than its network carries.",
        ),
        FailureReason::HighErrorRate => (
            "much of what arrives is broken",
            "Check its cable; if that does not help, restart the camera or update its firmware.",
        ),
        FailureReason::LowPacketRate => (
            "less arrives than was set as the least",
            "Check the camera's picture rate, or lower the threshold in its settings.",
        ),
        FailureReason::Timeout | FailureReason::NetworkError => {
            ("the connection fails", "Check its cable and its power.")
        }
    }
}

/// "0.4 s", "12 s", "6 min"
fn span(millis: u64) -> String {
    if millis < 10_000 {
        format!("{}.{} s", millis / 1_000, millis % 1_000 / 100)
    } else {
        words::span(i64::try_from(millis).unwrap_or(i64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sentence_names_the_camera_and_is_whole() {
        let error = Some("192.0.2.7 port 554: connection refused".to_owned());
        let all = [
            Told::Started { at: UtcMs(0), error: error.clone() },
            Told::Succeeded { lasted_ms: 2_130, attempts: 1 },
            Told::Failed { lasted_ms: 31_000, attempts: 6, error },
            Told::Aborted { lasted_ms: 400_000 },
            Told::Often { in_an_hour: 12 },
            Told::Degraded { reason: FailureReason::PacketLoss },
            Told::Recovered { reason: FailureReason::HighLatency },
        ];
        let said: Vec<String> = all
            .iter()
            .map(|told| {
                let (kind, title, body) =
                    event(told, "Garden", StreamKind::Sub, UtcMs(0), &TimeZone::UTC);
                assert!(title.starts_with("Garden (sub stream): "), "{title}");
                assert!(body.ends_with('.'), "{body}");
                format!("{} {title}", kind.name())
            })
            .collect();
        assert_eq!(
            said[1..3],
            [
                "reconnection_succeeded Garden (sub stream): connected again after 2.1 s",
                "reconnection_failed Garden (sub stream): not back after 6 attempts in 31 s",
            ]
        );
    }
}
