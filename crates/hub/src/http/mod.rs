//! HTTP: one file for each resource, and what all of them share. Handlers translate; they decide nothing.
//!
//! Order of what a request passes: headers for browsers, [`origin`] (Host, Origin), the route, [`rights`] (the
//! token), the handler. Whatever goes wrong on the way is answered as `application/problem+json`.

mod alerts;
pub(crate) mod answer;
pub(crate) mod assets;
mod camera_events;
mod cameras;
mod demo;
mod events;
mod hls;
mod ledger;
mod live;
mod locks;
mod observe;
mod origin;
mod past;
mod policy;
mod ptz;
pub(crate) mod rights;
mod session;
mod status;
mod storage;
mod supervision;
mod system;
mod tokens;
mod whep;

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::middleware;
use axum::response::IntoResponse;
use axum::routing::{get, options};
use axum::{Json, Router};
use tarsier_api::problem::{Problem, ProblemCode};
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::answer::Failure;
use crate::hub::Hub;
use crate::words;

/// A camera with two long URLs is below 10 kB.
const MAX_BODY_BYTES: usize = 64 << 10;

#[derive(OpenApi)]
#[openapi(
    info(title = "Tarsier", description = "The hub of the network video recorder Tarsier."),
    components(schemas(Problem)),
    modifiers(&Bearer),
    security(("token" = []))
)]
struct Document;

struct Bearer;

impl utoipa::Modify for Bearer {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let token = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("JWT")
            .description(Some("Made by `tarsierd token`. Where headers cannot be set: `?token=`."))
            .build();
        openapi
            .components
            .get_or_insert_default()
            .add_security_scheme("token", SecurityScheme::Http(token));
    }
}

/// Routes that ask for a token, and what is said about them.
fn guarded() -> (Router<Arc<Hub>>, utoipa::openapi::OpenApi) {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(cameras::list, cameras::create))
        .routes(routes!(cameras::test))
        .routes(routes!(cameras::read, cameras::change, cameras::delete))
        .routes(routes!(camera_events::create))
        .routes(routes!(ptz::read))
        .routes(routes!(ptz::turn))
        .routes(routes!(ptz::stop))
        .routes(routes!(ptz::preset))
        .routes(routes!(status::of_camera))
        .routes(routes!(status::of_all))
        .routes(routes!(status::recorders))
        .routes(routes!(past::timeline))
        .routes(routes!(past::segments))
        .routes(routes!(past::file))
        .routes(routes!(past::playlist))
        .routes(routes!(past::still))
        .routes(routes!(system::storage))
        .routes(routes!(storage::add))
        .routes(routes!(storage::change, storage::remove))
        .routes(routes!(storage::restore))
        .routes(routes!(policy::read, policy::put))
        .routes(routes!(policy::forecast))
        .routes(routes!(locks::list, locks::create))
        .routes(routes!(locks::remove))
        .routes(routes!(system::system))
        .routes(routes!(system::pause))
        .routes(routes!(system::stop))
        .routes(routes!(supervision::read, supervision::change))
        .routes(routes!(demo::add))
        .routes(routes!(session::read, session::renew))
        .routes(routes!(session::for_a_stream))
        .routes(routes!(tokens::list, tokens::create))
        .routes(routes!(tokens::revoke))
        .routes(routes!(tokens::rtsp_login))
        .routes(routes!(events::stream))
        .routes(routes!(live::mse))
        .routes(routes!(hls::streams))
        .routes(routes!(hls::stream))
        .routes(routes!(hls::file))
        .routes(routes!(whep::open))
        .routes(routes!(whep::trickle, whep::end))
        .routes(routes!(whep::renew))
        .routes(routes!(observe::metrics))
        .routes(routes!(alerts::list))
        .routes(routes!(alerts::acknowledge))
        .routes(routes!(alerts::mute_read, alerts::mute))
        .routes(routes!(alerts::settings, alerts::change_settings))
        .routes(routes!(ledger::read))
        .split_for_parts()
}

/// The OpenAPI document.
#[cfg(test)]
pub(crate) fn document() -> utoipa::openapi::OpenApi {
    guarded().1
}

/// Everything that the hub answers.
pub(crate) fn router(hub: Arc<Hub>) -> Router {
    let (guarded, document) = guarded();
    let document = Arc::new(document);
    guarded
        .route_layer(middleware::from_fn_with_state(hub.clone(), rights::authorize))
        // A browser asks before it has the token.
        .route("/live/{camera}/{stream}/whep", options(whep::options))
        .route("/live/{camera}/{stream}/whep/{session}", options(whep::session_options))
        .route("/healthz", get(observe::healthy))
        .route("/readyz", get(observe::ready))
        .route("/api/v1/openapi.json", get(move || async move { Json(document.as_ref().clone()) }))
        .fallback(assets::page)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(middleware::from_fn_with_state(hub.clone(), origin::check))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn(assets::headers))
        .with_state(hub)
}

async fn method_not_allowed(State(_hub): State<Arc<Hub>>) -> Failure {
    let problem = words::problem(
        ProblemCode::BadRequest,
        "This address does not take such a request.",
        "Look into /api/v1/openapi.json for what it takes.",
    );
    Failure::new(StatusCode::METHOD_NOT_ALLOWED, problem)
}

fn panicked(_panic: Box<dyn std::any::Any + Send>) -> axum::response::Response {
    // The panic hook has written it to the log.
    Failure::from(words::internal()).into_response()
}
