//! `/api/v1/cameras/{id}/ledger`: what became of each second.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use tarsier_api::camera::Stream;
use tarsier_api::ledger::Ledger;
use tarsier_api::problem::Problem;
use tarsier_types::{StreamKind, UtcMs, UtcRange};
use utoipa::IntoParams;

use crate::http::answer::{Failure, Params, PathOf};
use crate::http::rights::Caller;
use crate::hub::{Hub, index_failed};
use crate::ledger::{DAY_MS, to_api};

/// A ledger reads a row for each file: a year of one stream takes about a second.
const LONGEST_MS: i64 = 366 * DAY_MS;

/// `[from, to)` on the wall clock.
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct LedgerParams {
    /// First millisecond, UTC; a day before the end if absent.
    from_utc_ms: Option<i64>,
    /// First millisecond after it, UTC; now if absent.
    to_utc_ms: Option<i64>,
    /// `main` if absent.
    #[param(inline)]
    stream: Option<Stream>,
}

/// How much is recorded, and why not all of it: every millisecond is either footage or has a reason.
#[utoipa::path(get, path = "/api/v1/cameras/{id}/ledger", params(("id" = String, Path, description = "Of the camera"), LedgerParams), responses(
    (status = 200, body = Ledger, description = "What became of each second"),
    (status = 400, body = Problem, description = "The range is empty or longer than a year"),
    (status = 401, body = Problem, description = "No token, or not a good one"),
    (status = 403, body = Problem, description = "The token is for other cameras"),
    (status = 404, body = Problem, description = "No such camera")))]
pub(crate) async fn read(
    State(hub): State<Arc<Hub>>,
    caller: Caller,
    PathOf(id): PathOf<String>,
    Params(params): Params<LedgerParams>,
) -> Result<Json<Ledger>, Failure> {
    let camera = caller.camera(&hub, &id)?;
    let now = hub.now();
    let to = params.to_utc_ms.unwrap_or(now.0);
    let from = params.from_utc_ms.unwrap_or_else(|| to.saturating_sub(DAY_MS));
    if from < 0 || from >= to || to - from > LONGEST_MS {
        return Err(Failure::bad_request(
            "The range is empty, before 1970, or longer than 366 days.",
            "from_utc_ms must be before to_utc_ms; both are milliseconds since 1970.",
        ));
    }
    let stream = params.stream.map_or(StreamKind::Main, StreamKind::from);
    let range = UtcRange::new(UtcMs(from), UtcMs(to));
    let ledger = hub.ledger(&camera, stream, range).await.map_err(|error| index_failed(&error))?;
    Ok(Json(to_api(&camera, stream, &ledger, now)))
}
