//! Asks [`crate::guard`] whether a request comes from where it may.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tarsier_api::problem::ProblemCode;

use crate::guard::{Provenance, Refusal};
use crate::http::answer::Failure;
use crate::hub::Hub;
use crate::words;

pub(crate) async fn check(State(hub): State<Arc<Hub>>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    let provenance = Provenance {
        host: text(headers, header::HOST.as_str())
            .or_else(|| request.uri().authority().map(axum::http::uri::Authority::as_str)),
        // A header that is no text is no origin of ours.
        origin: headers.get(header::ORIGIN).map(|value| value.to_str().unwrap_or_default()),
        fetch_site: text(headers, "sec-fetch-site"),
        fetch_mode: text(headers, "sec-fetch-mode"),
    };
    let problem = match hub.guard.check(provenance) {
        Ok(()) => return next.run(request).await,
        Err(Refusal::ForeignHost) => words::problem(
            ProblemCode::ForeignOrigin,
            "Tarsier is not called by this name.",
            "Open it by the address that it printed at its start, such as http://127.0.0.1:8787.",
        ),
        Err(Refusal::ForeignOrigin) => words::problem(
            ProblemCode::ForeignOrigin,
            "This request was sent by another web site.",
            "If you did not expect that, close that site.",
        ),
    };
    Failure::from(problem).into_response()
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
