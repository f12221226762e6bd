//! `/api/v1/cameras/{id}/events`: something happened that a sensor, a program or a person saw.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use tarsier_api::event::{Event, NewCameraEvent};
use tarsier_api::problem::Problem;

use crate::http::answer::{Body, Failure, PathOf};
use crate::http::rights::{Admin, Caller};
use crate::hub::Hub;

/// Something happened: it is kept as an event and shown in the timeline, and a camera that records on events records
/// it, with what came before and after it.
#[utoipa::path(post, path = "/api/v1/cameras/{id}/events", params(("id" = String, Path, description = "Of the camera")), request_body = NewCameraEvent, responses(
    (status = 201, body = Event, description = "The event as it is kept"),
    (status = 400, body = Problem, description = "The kind or the time cannot be meant"),
    (status = 401, body = Problem, description = "No token, or not a good one"),
    (status = 403, body = Problem, description = "Not an administrator"),
    (status = 404, body = Problem, description = "No such camera"),
    (status = 507, body = Problem, description = "It is recorded, but the list of events takes no writes")))]
pub(crate) async fn create(
    State(hub): State<Arc<Hub>>,
    _admin: Admin,
    caller: Caller,
    PathOf(id): PathOf<String>,
    Body(new): Body<NewCameraEvent>,
) -> Result<(StatusCode, Json<Event>), Failure> {
    let camera = caller.camera(&hub, &id)?;
    Ok((StatusCode::CREATED, Json(hub.happens(&camera, new).await?)))
}
