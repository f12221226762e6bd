//! `/api/v1/cameras/{id}/ptz`: turning a camera.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use tarsier_api::problem::{Problem, ProblemCode};
use tarsier_api::ptz::{Ptz, PtzGoto, PtzMove};
use tarsier_onvif::Velocity;

use crate::http::answer::{Body, Failure, PathOf};
use crate::http::rights::{Admin, Caller};
use crate::hub::Hub;
use crate::ptz::Aim;
use crate::words;

/// Most cameras have said by then what they can; whoever opens the others asks again.
const PATIENCE: Duration = Duration::from_secs(2);
const LONGEST_TOKEN: usize = 256;

/// What of a camera can be turned. The first time, and after a while, the camera is asked.
#[utoipa::path(get, path = "/api/v1/cameras/{id}/ptz", params(("id" = String, Path, description = "Of the camera")), responses(
    (status = 200, body = Ptz, description = "What it can, or why it cannot, or that it is being asked"),
    (status = 401, body = Problem, description = "No token, or not a good one"),
    (status = 403, body = Problem, description = "Not an administrator"),
    (status = 404, body = Problem, description = "No such camera")))]
pub(crate) async fn read(
    State(hub): State<Arc<Hub>>,
    _admin: Admin,
    caller: Caller,
    PathOf(id): PathOf<String>,
) -> Result<Json<Ptz>, Failure> {
    let camera = caller.camera(&hub, &id)?;
    Ok(Json(hub.ptz.ask(&camera, PATIENCE).await))
}

/// Turns a camera for a second; asked again before that, it turns on. The newest wins.
#[utoipa::path(post, path = "/api/v1/cameras/{id}/ptz/move", params(("id" = String, Path, description = "Of the camera")),
    request_body = PtzMove, responses(
    (status = 204, description = "It turns, or something newer was wanted"),
    (status = 400, body = Problem, description = "A speed is not between -1 and 1"),
    (status = 401, body = Problem, description = "No token, or not a good one"),
    (status = 403, body = Problem, description = "Not an administrator"),
    (status = 404, body = Problem, description = "No such camera, or it cannot be turned"),
    (status = 502, body = Problem, description = "What is wrong with the camera, and what to do")))]
pub(crate) async fn turn(
    State(hub): State<Arc<Hub>>,
    _admin: Admin,
    caller: Caller,
    PathOf(id): PathOf<String>,
    Body(PtzMove { pan, tilt, zoom }): Body<PtzMove>,
) -> Result<StatusCode, Failure> {
    let camera = caller.camera(&hub, &id)?;
    for (field, value) in [("/pan", pan), ("/tilt", tilt), ("/zoom", zoom)] {
        if !(-1.0..=1.0).contains(&value) {
            let message = format!("{value} is no speed.");
            let hint = "Choose one from -1 to 1; 0 stands still.";
            let problem = words::problem(ProblemCode::BadRequest, message, hint);
            return Err(Problem { field: Some(field.to_owned()), ..problem }.into());
        }
    }
    hub.ptz.order(&camera, Aim::Turn(Velocity { pan, tilt, zoom })).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lets a camera stand still.
#[utoipa::path(post, path = "/api/v1/cameras/{id}/ptz/stop", params(("id" = String, Path, description = "Of the camera")), responses(
    (status = 204, description = "It stands, or something newer was wanted"),
    (status = 401, body = Problem, description = "No token, or not a good one"),
    (status = 403, body = Problem, description = "Not an administrator"),
    (status = 404, body = Problem, description = "No such camera, or it cannot be turned"),
    (status = 502, body = Problem, description = "What is wrong with the camera, and what to do")))]
pub(crate) async fn stop(
    State(hub): State<Arc<Hub>>,
    _admin: Admin,
    caller: Caller,
    PathOf(id): PathOf<String>,
) -> Result<StatusCode, Failure> {
    let camera = caller.camera(&hub, &id)?;
    hub.ptz.order(&camera, Aim::Stop).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lets a camera go to a position that it remembers.
#[utoipa::path(post, path = "/api/v1/cameras/{id}/ptz/preset", params(("id" = String, Path, description = "Of the camera")),
    request_body = PtzGoto, responses(
    (status = 204, description = "It goes there, or something newer was wanted"),
    (status = 400, body = Problem, description = "That is no token of a position"),
    (status = 401, body = Problem, description = "No token, or not a good one"),
    (status = 403, body = Problem, description = "Not an administrator"),
    (status = 404, body = Problem, description = "No such camera, or it cannot be turned"),
    (status = 502, body = Problem, description = "What is wrong with the camera, and what to do")))]
pub(crate) async fn preset(
    State(hub): State<Arc<Hub>>,
    _admin: Admin,
    caller: Caller,
    PathOf(id): PathOf<String>,
    Body(PtzGoto { token }): Body<PtzGoto>,
) -> Result<StatusCode, Failure> {
    let camera = caller.camera(&hub, &id)?;
    if token.is_empty() || token.len() > LONGEST_TOKEN || token.chars().any(char::is_control) {
        return Err(Failure::bad_request(
            "That is no token of a position.",
            "Take one of those that GET …/ptz lists.",
        ));
    }
    hub.ptz.order(&camera, Aim::Goto(token)).await?;
    Ok(StatusCode::NO_CONTENT)
}
