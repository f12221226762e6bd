//! `/api/v1/cameras`: what is configured.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use tarsier_api::Page;
use tarsier_api::camera::{Camera, CameraChange, CameraTest, CameraTestResult, NewCamera};
use tarsier_api::problem::Problem;
use utoipa::IntoParams;

use crate::http::answer::{Body, Failure, Params, PathOf};
use crate::http::rights::{Admin, Caller};
use crate::hub::Hub;

const USUAL_PAGE: usize = 100;
const LONGEST_PAGE: usize = 1000;

/// Which page of a list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct PageParams {
    /// `next` of the page before.
    pub(crate) after: Option<String>,
    /// At most so many, 1 to 1000; 100 if absent.
    pub(crate) limit: Option<usize>,
}

impl PageParams {
    /// Cuts a page out of an ordered list; `key` names an item.
    pub(crate) fn cut<T>(&self, items: Vec<T>, key: impl Fn(&T) -> String) -> Page<T> {
        let limit = self.limit.unwrap_or(USUAL_PAGE).clamp(1, LONGEST_PAGE);
        let from = match &self.after {
            // An item that was deleted meanwhile ends the list rather than beginning it anew.
            Some(after) => {
                items.iter().position(|item| key(item) == *after).map_or(items.len(), |at| at + 1)
            }
            None => 0,
        };
        let more = items.len() > from + limit;
        let items: Vec<T> = items.into_iter().skip(from).take(limit).collect();
        let next = if more { items.last().map(key) } else { None };
        Page { items, next }
    }
}

/// All cameras, in the order in which they were added.
#[utoipa::path(get, path = "/api/v1/cameras", params(PageParams), responses(
    (status = 200, body = Page<Camera>, description = "A page of cameras"),
    (status = 401, body = Problem, description = "No token, or not a good one")))]
pub(crate) async fn list(
    State(hub): State<Arc<Hub>>,
    caller: Caller,
    Params(page): Params<PageParams>,
) -> Json<Page<Camera>> {
    let cameras = hub.all_cameras();
    let cameras = cameras
        .iter()
        .filter(|camera| caller.may_see(camera.id.as_str()))
        .map(|camera| camera.to_api());
    Json(page.cut(cameras.collect(), |camera: &Camera| camera.id.clone()))
}

/// Adds a camera and begins to record it.
#[utoipa::path(post, path = "/api/v1/cameras", request_body = NewCamera, responses(
    (status = 201, body = Camera, description = "The camera, at the place that Location names"),
    (status = 400, body = Problem, description = "The URL or another field is wrong"),
    (status = 401, body = Problem, description = "No token, or not a good one"),
    (status = 403, body = Problem, description = "Not an administrator"),
    (status = 409, body = Problem, description = "Another camera has this name")))]
pub(crate) async fn create(
    State(hub): State<Arc<Hub>>,
    _admin: Admin,
    Body(new): Body<NewCamera>,
) -> Result<Response, Failure> {
    let camera = hub.add_camera(new, None).await?;
    let place = format!("/api/v1/cameras/{}", camera.id);
    Ok((StatusCode::CREATED, [(header::LOCATION, place)], Json(camera.to_api())).into_response())
}

/// Looks at a camera without adding it; answers within 10 s.
#[utoipa::path(post, path = "/api/v1/cameras/test", request_body = CameraTest, responses(
    (status = 200, body = CameraTestResult, description = "What it sends, and its first picture"),
    (status = 400, body = Problem, description = "The URL cannot be understood"),
    (status = 401, body = Problem, description = "No token, or not a good one"),
    (status = 403, body = Problem, description = "Not an administrator"),
    (status = 502, body = Problem, description = "What is wrong with the camera, and what to do")))]
pub(crate) async fn test(
    State(hub): State<Arc<Hub>>,
    _admin: Admin,
    Body(test): Body<CameraTest>,
) -> Result<Json<CameraTestResult>, Failure> {
    Ok(Json(hub.test_camera(test).await?))
}

/// One camera.
#[utoipa::path(get, path = "/api/v1/cameras/{id}", params(("id" = String, Path, description = "Of the camera")), responses(
    (status = 200, body = Camera, description = "The camera"),
    (status = 401, body = Problem, description = "No token, or not a good one"),
    (status = 403, body = Problem, description = "The token is for other cameras"),
    (status = 404, body = Problem, description = "No such camera")))]
pub(crate) async fn read(
    State(hub): State<Arc<Hub>>,
    caller: Caller,
    PathOf(id): PathOf<String>,
) -> Result<Json<Camera>, Failure> {
    Ok(Json(caller.camera(&hub, &id)?.to_api()))
}

/// Changes what is present in the body.
#[utoipa::path(patch, path = "/api/v1/cameras/{id}", params(("id" = String, Path, description = "Of the camera")), request_body = CameraChange, responses(
    (status = 200, body = Camera, description = "The camera as it is now"),
    (status = 400, body = Problem, description = "The URL or another field is wrong"),
    (status = 401, body = Problem, description = "No token, or not a good one"),
    (status = 403, body = Problem, description = "Not an administrator"),
    (status = 404, body = Problem, description = "No such camera"),
    (status = 409, body = Problem, description = "Another camera has this name")))]
pub(crate) async fn change(
    State(hub): State<Arc<Hub>>,
    _admin: Admin,
    caller: Caller,
    PathOf(id): PathOf<String>,
    Body(change): Body<CameraChange>,
) -> Result<Json<Camera>, Failure> {
    let known = caller.camera(&hub, &id)?;
    Ok(Json(hub.change_camera(&known.id, change).await?.to_api()))
}

/// Deletes a camera; its footage stays until it is old enough.
#[utoipa::path(delete, path = "/api/v1/cameras/{id}", params(("id" = String, Path, description = "Of the camera")), responses(
    (status = 204, description = "It is gone"),
    (status = 401, body = Problem, description = "No token, or not a good one"),
    (status = 403, body = Problem, description = "Not an administrator"),
    (status = 404, body = Problem, description = "No such camera")))]
pub(crate) async fn delete(
    State(hub): State<Arc<Hub>>,
    _admin: Admin,
    caller: Caller,
    PathOf(id): PathOf<String>,
) -> Result<StatusCode, Failure> {
    let known = caller.camera(&hub, &id)?;
    hub.delete_camera(&known.id).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_join_without_a_hole() {
        let all: Vec<u32> = (0..25).collect();
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let page = PageParams { after, limit: Some(10) }.cut(all.clone(), u32::to_string);
            seen.extend(page.items);
            match page.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        assert_eq!(seen, all);
        let gone = PageParams { after: Some("99".into()), limit: None }.cut(all, u32::to_string);
        assert!(
            gone.items.is_empty() && gone.next.is_none(),
            "a lost place ends the list; it does not loop"
        );
    }
}
