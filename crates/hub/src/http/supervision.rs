//! `/api/v1/supervision`: what recorders are judged by.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use tarsier_api::problem::Problem;
use tarsier_api::supervision::Supervision;

use crate::http::answer::{Body, Failure};
use crate::http::rights::{Admin, Caller};
use crate::hub::Hub;

/// The rules in force.
#[utoipa::path(get, path = "/api/v1/supervision", responses(
    (status = 200, body = Supervision, description = "As they are now"),
    (status = 401, body = Problem, description = "No token, or not a good one")))]
pub(crate) async fn read(
    State(hub): State<Arc<Hub>>,
    _caller: Caller,
) -> Result<Json<Supervision>, Failure> {
    Ok(Json(hub.supervision().await?))
}

/// Other rules, at once; what is not named gets its default.
#[utoipa::path(put, path = "/api/v1/supervision", request_body = Supervision, responses(
    (status = 200, body = Supervision, description = "As they are now"),
    (status = 400, body = Problem, description = "A number that would do harm"),
    (status = 401, body = Problem, description = "No token, or not a good one"),
    (status = 403, body = Problem, description = "Not an administrator")))]
pub(crate) async fn change(
    State(hub): State<Arc<Hub>>,
    _admin: Admin,
    Body(wanted): Body<Supervision>,
) -> Result<Json<Supervision>, Failure> {
    hub.set_supervision(wanted).await?;
    Ok(Json(wanted))
}
