//! `/metrics` (`OpenMetrics`), `/healthz`, `/readyz`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use tarsier_api::problem::Problem;

use crate::http::answer::Failure;
use crate::http::rights::Admin;
use crate::hub::Hub;
use crate::{metrics, words};

/// Figures for Prometheus, in the `OpenMetrics` format.
#[utoipa::path(get, path = "/metrics", responses(
    (status = 200, content_type = "application/openmetrics-text", body = String, description = "Measured now"),
    (status = 401, body = Problem, description = "No token, or not a good one"),
    (status = 403, body = Problem, description = "Not an administrator")))]
pub(crate) async fn metrics(
    State(hub): State<Arc<Hub>>,
    _admin: Admin,
) -> Result<Response, Failure> {
    let text = metrics::text(&hub).await.map_err(|_| words::internal())?;
    let kind = (header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8");
    Ok(([kind], text).into_response())
}

/// The process answers.
pub(crate) async fn healthy() -> &'static str {
    "ok\n"
}

/// It takes requests: it is not on its way down.
pub(crate) async fn ready(State(hub): State<Arc<Hub>>) -> Result<&'static str, Failure> {
    if *hub.stopping.borrow() {
        return Err(Failure::new(StatusCode::SERVICE_UNAVAILABLE, words::stopping()));
    }
    Ok("ready\n")
}
