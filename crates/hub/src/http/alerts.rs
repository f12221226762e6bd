//! `/api/v1/alerts`: what a person should know of.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use tarsier_api::Page;
use tarsier_api::alert::{Alert, AlertMute, AlertSettings, AlertSettingsChange};
use tarsier_api::problem::{Problem, ProblemCode};
use tarsier_types::UtcMs;

use crate::alerts::{self, AcknowledgeError};
use crate::http::answer::{Body, Failure, Params, PathOf};
use crate::http::cameras::PageParams;
use crate::http::rights::{Admin, Caller};
use crate::hub::{Hub, index_failed};
use crate::words;

const USUAL_PAGE: usize = 100;
const LONGEST_PAGE: usize = 1000;
const PAST_AT_ONCE: u32 = 200;
/// Quiet for longer is a thing that one forgets.
const LONGEST_MUTE_MS: i64 = 7 * 86_400_000;

/// Alerts: those that go on first, newest first in each part.
#[utoipa::path(get, path = "/api/v1/alerts", params(PageParams), responses(
    (status = 200, body = Page<Alert>, description = "A page of alerts"),
    (status = 400, body = Problem, description = "`after` is not what a page before has named"),
    (status = 401, body = Problem, description = "No token, or not a good one")))]
pub(crate) async fn list(
    State(hub): State<Arc<Hub>>,
    caller: Caller,
    Params(page): Params<PageParams>,
) -> Result<Json<Page<Alert>>, Failure> {
    let limit = page.limit.unwrap_or(USUAL_PAGE).clamp(1, LONGEST_PAGE);
    let after = page.after.as_deref().map(Place::read).transpose()?;
    let now = hub.now();
    let show = |alert: &alerts::Alert| alert.to_api(|camera| caller.may_see(camera), now, &hub.tz);
    let mut items: Vec<Alert> = Vec::new();
    if !matches!(after, Some(Place::Past(_))) {
        let below = match after {
            Some(Place::Open(id)) => id,
            _ => i64::MAX,
        };
        let open = hub.alerts.open();
        items.extend(open.iter().filter(|alert| alert.id < below).filter_map(show));
    }
    let mut before = match after {
        Some(Place::Past(id)) => id,
        _ => i64::MAX,
    };
    while items.len() <= limit {
        let rows = hub.ask_index(move |index| index.past_alerts(before, PAST_AT_ONCE)).await;
        let rows = rows.map_err(|error| index_failed(&error))?;
        let Some(last) = rows.last() else { break };
        before = last.id;
        let alerts = rows.into_iter().filter_map(alerts::Alert::from_row);
        items.extend(alerts.filter_map(|alert| show(&alert)));
    }
    let has_more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| has_more).map(|last| Place::of(last).to_string());
    Ok(Json(Page { items, next }))
}

/// Where a page ends.
#[derive(Clone, Copy)]
enum Place {
    Open(i64),
    Past(i64),
}

impl Place {
    fn of(alert: &Alert) -> Self {
        if alert.resolved_utc_ms.is_some() { Self::Past(alert.id) } else { Self::Open(alert.id) }
    }

    fn read(text: &str) -> Result<Self, Failure> {
        let place = match text.split_once('-') {
            Some(("open", id)) => id.parse().ok().map(Self::Open),
            Some(("past", id)) => id.parse().ok().map(Self::Past),
            _ => None,
        };
        place.ok_or_else(|| {
            Failure::bad_request(
                "There is no such page of alerts.",
                "Pass as after what the page before has named as next.",
            )
        })
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Open(id) => write!(f, "open-{id}"),
            Self::Past(id) => write!(f, "past-{id}"),
        }
    }
}

/// Takes note of an alert: it is not told again within the same incident.
#[utoipa::path(post, path = "/api/v1/alerts/{id}/acknowledge", params(("id" = String, Path, description = "Of the alert")), responses(
    (status = 200, body = Alert, description = "As it is now"),
    (status = 401, body = Problem, description = "No token, or not a good one"),
    (status = 403, body = Problem, description = "Not an administrator"),
    (status = 404, body = Problem, description = "No such alert")))]
pub(crate) async fn acknowledge(
    State(hub): State<Arc<Hub>>,
    _admin: Admin,
    caller: Caller,
    PathOf(id): PathOf<String>,
) -> Result<Json<Alert>, Failure> {
    let id: i64 = id.parse().map_err(|_| no_alert(&id))?;
    let alert =
        hub.acknowledge_alert(id, caller.claims.sub.clone()).await.map_err(
            |error| match error {
                AcknowledgeError::NotFound => no_alert(&id.to_string()),
                AcknowledgeError::Index(error) => index_failed(&error),
            },
        )?;
    let shown = alert.to_api(|camera| caller.may_see(camera), hub.now(), &hub.tz);
    shown.map(Json).ok_or_else(|| no_alert(&id.to_string()).into())
}

fn no_alert(id: &str) -> Problem {
    words::problem(
        ProblemCode::NotFound,
        format!("There is no alert {:?}.", id.chars().take(20).collect::<String>()),
        "Load the list of alerts again.",
    )
}

/// Until when it is quiet.
#[utoipa::path(get, path = "/api/v1/alerts/mute", responses(
    (status = 200, body = AlertMute, description = "As it is now"),
    (status = 401, body = Problem, description = "No token, or not a good one")))]
pub(crate) async fn mute_read(State(hub): State<Arc<Hub>>, _caller: Caller) -> Json<AlertMute> {
    let until = hub.alerts.muted_until(hub.now());
    Json(AlertMute { until_utc_ms: until.map(|until| until.0) })
}

/// Tells nobody of alerts for a time, or tells people again.
#[utoipa::path(put, path = "/api/v1/alerts/mute", request_body = AlertMute, responses(
    (status = 200, body = AlertMute, description = "As it is now"),
    (status = 400, body = Problem, description = "Longer than a week, or the body cannot be understood"),
    (status = 401, body = Problem, description = "No token, or not a good one"),
    (status = 403, body = Problem, description = "Not an administrator")))]
pub(crate) async fn mute(
    State(hub): State<Arc<Hub>>,
    _admin: Admin,
    Body(mute): Body<AlertMute>,
) -> Result<Json<AlertMute>, Failure> {
    let now = hub.now();
    let until = mute.until_utc_ms.map(UtcMs).filter(|until| *until > now);
    if until.is_some_and(|until| until.0.saturating_sub(now.0) > LONGEST_MUTE_MS) {
        return Err(Failure::bad_request(
            "Alerts cannot be muted for longer than a week.",
            "Choose until_utc_ms within the next 7 days; what is still wrong then is told again.",
        ));
    }
    let _one_at_a_time = hub.changing.lock().await;
    let mut settings = hub.alerts.settings();
    settings.muted_until = until;
    hub.set_alerts(settings).await.map_err(|error| index_failed(&error))?;
    Ok(Json(AlertMute { until_utc_ms: until.map(|until| until.0) }))
}

/// Hold-off and webhook. For administrators: an address may be a secret.
#[utoipa::path(get, path = "/api/v1/alerts/settings", responses(
    (status = 200, body = AlertSettings, description = "As they are"),
    (status = 401, body = Problem, description = "No token, or not a good one"),
    (status = 403, body = Problem, description = "Not an administrator")))]
pub(crate) async fn settings(State(hub): State<Arc<Hub>>, _admin: Admin) -> Json<AlertSettings> {
    Json(hub.alerts.settings().to_api(hub.alerts.webhook_result()))
}

/// Changes them; what is absent stays.
#[utoipa::path(put, path = "/api/v1/alerts/settings", request_body = AlertSettingsChange, responses(
    (status = 200, body = AlertSettings, description = "As they are now"),
    (status = 400, body = Problem, description = "The address or a number is wrong"),
    (status = 401, body = Problem, description = "No token, or not a good one"),
    (status = 403, body = Problem, description = "Not an administrator")))]
pub(crate) async fn change_settings(
    State(hub): State<Arc<Hub>>,
    _admin: Admin,
    Body(change): Body<AlertSettingsChange>,
) -> Result<Json<AlertSettings>, Failure> {
    let _one_at_a_time = hub.changing.lock().await;
    let new = alerts::change(&hub.alerts.settings(), change)?;
    hub.set_alerts(new.clone()).await.map_err(|error| index_failed(&error))?;
    Ok(Json(new.to_api(hub.alerts.webhook_result())))
}
