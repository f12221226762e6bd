//! What recorders are judged by: kept as a setting, and handed to the supervisor.
//!
//! The words of the API and of `supervise` are the same by name; a test holds their defaults together.

use tarsier_api::problem::{Problem, ProblemCode};
use tarsier_api::supervision::Supervision;
use tarsier_index::{Index, IndexError};
use tarsier_supervise::{BadRule, Rules};

use crate::hub::{Hub, index_failed};
use crate::words;

/// The setting: JSON as in the API.
pub(crate) const RULES: &str = "supervision";

/// The rules as they were stored last; the usual ones if they cannot be read.
pub(crate) fn load(index: &Index) -> Result<Rules, IndexError> {
    let Some(json) = index.setting(RULES)? else { return Ok(Rules::default()) };
    let read = serde_json::from_str::<Rules>(&json)
        .map_err(|error| error.to_string())
        .and_then(|rules| rules.check().map(|()| rules).map_err(|bad| bad.to_string()));
    Ok(read.unwrap_or_else(|error| {
        tracing::error!(
            error,
            "the stored rules of supervision are not understood; the usual ones hold"
        );
        Rules::default()
    }))
}

impl Hub {
    /// The rules in force.
    pub(crate) async fn supervision(&self) -> Result<Supervision, Problem> {
        let rules = self.ask_index(load).await.map_err(|error| index_failed(&error))?;
        Ok(to_api(&rules))
    }

    /// Stores other rules, which hold from now on.
    pub(crate) async fn set_supervision(&self, wanted: Supervision) -> Result<(), Problem> {
        let rules = from_api(&wanted);
        rules.check().map_err(refused)?;
        let _one_at_a_time = self.changing.lock().await;
        let json = serde_json::to_string(&rules).expect("numbers are JSON");
        self.ask_index(move |index| index.put_setting(RULES, &json))
            .await
            .map_err(|error| index_failed(&error))?;
        self.supervisor.set_rules(rules);
        self.keep_cameras().await;
        Ok(())
    }
}

fn refused(bad: BadRule) -> Problem {
    let BadRule { name, value, least, most, .. } = bad;
    words::problem(
        ProblemCode::BadRequest,
        format!("{name} cannot be {value}."),
        format!("Choose {least} to {most}, or leave it out for the usual value."),
    )
}

fn to_api(rules: &Rules) -> Supervision {
    Supervision {
        max_rss_mb: rules.max_rss_mb,
        max_cpu_percent: rules.max_cpu_percent,
        cpu_seconds: rules.cpu_seconds,
        heartbeat_seconds: rules.heartbeat_seconds,
        start_seconds: rules.start_seconds,
        media_window_seconds: rules.media_window_seconds,
        min_media_percent: rules.min_media_percent,
        first_wait_ms: rules.first_wait_ms,
        wait_seconds: rules.wait_seconds,
        longest_wait_seconds: rules.longest_wait_seconds,
        max_restarts: rules.max_restarts,
        restarts_within_seconds: rules.restarts_within_seconds,
        pause_seconds: rules.pause_seconds,
        disk_retry_seconds: rules.disk_retry_seconds,
        restarts_at_once: rules.restarts_at_once,
        handover_seconds: rules.handover_seconds,
        orphan_seconds: rules.orphan_seconds,
    }
}

fn from_api(wanted: &Supervision) -> Rules {
    Rules {
        max_rss_mb: wanted.max_rss_mb,
        max_cpu_percent: wanted.max_cpu_percent,
        cpu_seconds: wanted.cpu_seconds,
        heartbeat_seconds: wanted.heartbeat_seconds,
        start_seconds: wanted.start_seconds,
        media_window_seconds: wanted.media_window_seconds,
        min_media_percent: wanted.min_media_percent,
        first_wait_ms: wanted.first_wait_ms,
        wait_seconds: wanted.wait_seconds,
        longest_wait_seconds: wanted.longest_wait_seconds,
        max_restarts: wanted.max_restarts,
        restarts_within_seconds: wanted.restarts_within_seconds,
        pause_seconds: wanted.pause_seconds,
        disk_retry_seconds: wanted.disk_retry_seconds,
        restarts_at_once: wanted.restarts_at_once,
        handover_seconds: wanted.handover_seconds,
        orphan_seconds: wanted.orphan_seconds,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_the_api_are_those_of_the_rules() {
        let names = |value: serde_json::Value| {
            value.as_object().unwrap().keys().cloned().collect::<Vec<_>>()
        };
        let (api, rules) = (Supervision::default(), Rules::default());
        assert_eq!(to_api(&rules), api, "one set of defaults");
        assert_eq!(from_api(&api), rules);
        assert_eq!(
            names(serde_json::to_value(api).unwrap()),
            names(serde_json::to_value(rules).unwrap()),
            "the setting reads as the API does"
        );
    }
}
