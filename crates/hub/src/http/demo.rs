//! `/api/v1/demo`: cameras for who has none at hand.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use tarsier_api::Page;
use tarsier_api::camera::Camera;
use tarsier_api::problem::Problem;
use tarsier_api::system::NewDemo;

use crate::demo::MOST;
use crate::http::answer::{Body, Failure};
use crate::http::rights::Admin;
use crate::hub::Hub;

/// Starts demo cameras inside the hub and adds those that are not there yet.
#[utoipa::path(post, path = "/api/v1/demo", request_body = NewDemo, responses(
    (status = 201, body = Page<Camera>, description = "The demo cameras"),
    (status = 400, body = Problem, description = "Too few or too many"),
    (status = 401, body = Problem, description = "No token, or not a good one"),
    (status = 403, body = Problem, description = "Not an administrator")))]
pub(crate) async fn add(
    State(hub): State<Arc<Hub>>,
    _admin: Admin,
    Body(new): Body<NewDemo>,
) -> Result<(StatusCode, Json<Page<Camera>>), Failure> {
    if !(1..=MOST).contains(&new.cameras) {
        return Err(Failure::bad_request(
            format!("There cannot be {} demo cameras.", new.cameras),
            format!("Ask for 1 to {MOST}."),
        ));
    }
    let cameras = hub.add_demo(new.cameras).await?;
    let items = cameras.iter().map(|camera| camera.to_api()).collect();
    Ok((StatusCode::CREATED, Json(Page { items, next: None })))
}
