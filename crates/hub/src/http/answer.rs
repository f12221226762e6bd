//! Problems as answers, and extractors whose refusals are problems too.

use std::time::Duration;

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::de::DeserializeOwned;
use tarsier_api::problem::{Problem, ProblemCode};

use crate::words;

/// For a body of some kilobytes, however slowly it comes.
const BODY_WITHIN: Duration = Duration::from_secs(15);
/// RFC 9457.
const PROBLEM_JSON: &str = "application/problem+json";

/// A request that was not done.
#[derive(Debug)]
pub(crate) struct Failure {
    status: StatusCode,
    problem: Box<Problem>,
}

impl Failure {
    pub(crate) fn new(status: StatusCode, problem: Problem) -> Self {
        Self { status, problem: Box::new(problem) }
    }

    /// Why, for whoever does not answer over HTTP.
    pub(crate) fn into_problem(self) -> Problem {
        *self.problem
    }

    /// The request cannot be understood.
    pub(crate) fn bad_request(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::from(words::problem(ProblemCode::BadRequest, message, hint))
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::new(status(problem.code), problem)
    }
}

fn status(code: ProblemCode) -> StatusCode {
    match code {
        ProblemCode::BadRequest | ProblemCode::BadUrl => StatusCode::BAD_REQUEST,
        ProblemCode::NameTaken => StatusCode::CONFLICT,
        ProblemCode::NotFound | ProblemCode::NoFootage => StatusCode::NOT_FOUND,
        ProblemCode::Unauthorized => StatusCode::UNAUTHORIZED,
        ProblemCode::Forbidden | ProblemCode::ForeignOrigin => StatusCode::FORBIDDEN,
        ProblemCode::DiskNotWritable => StatusCode::INSUFFICIENT_STORAGE,
        ProblemCode::NotPlayable => StatusCode::NOT_ACCEPTABLE,
        ProblemCode::Offline | ProblemCode::Stopping => StatusCode::SERVICE_UNAVAILABLE,
        ProblemCode::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        // The request was fine; the camera behind us is not.
        ProblemCode::HostUnknown
        | ProblemCode::HostUnreachable
        | ProblemCode::PortClosed
        | ProblemCode::WrongCredentials
        | ProblemCode::CredentialsNeeded
        | ProblemCode::NoSuchPath
        | ProblemCode::NoVideo
        | ProblemCode::CodecNotSupported
        | ProblemCode::NoPictures
        | ProblemCode::Disconnected
        | ProblemCode::TooManySessions
        | ProblemCode::ProtocolError => StatusCode::BAD_GATEWAY,
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self.problem).expect("a problem is plain JSON");
        let mut response =
            (self.status, [(header::CONTENT_TYPE, PROBLEM_JSON)], body).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// A body that comes whole within its time.
pub(crate) async fn in_time<T>(body: impl Future<Output = T>) -> Result<T, Failure> {
    tokio::time::timeout(BODY_WITHIN, body).await.map_err(|_| {
        let problem = words::problem(
            ProblemCode::BadRequest,
            format!("The body did not come within {} s.", BODY_WITHIN.as_secs()),
            "Send it at once.",
        );
        Failure::new(StatusCode::REQUEST_TIMEOUT, problem)
    })
}

/// The body, as JSON.
pub(crate) struct Body<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        // A foreign page can send a form without asking first, but no JSON.
        let is_json = request
            .headers()
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| {
                value.split(';').next().is_some_and(|kind| kind.trim() == "application/json")
            });
        if !is_json {
            return Err(Failure::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                words::problem(
                    ProblemCode::BadRequest,
                    "The body is not announced as JSON.",
                    "Send it with content-type: application/json.",
                ),
            ));
        }
        let body = in_time(Bytes::from_request(request, state)).await?.map_err(|refused| {
            let problem = words::problem(
                ProblemCode::BadRequest,
                "The body is too long, or did not come whole.",
                "Send less.",
            );
            Failure::new(refused.into_response().status(), problem)
        })?;
        serde_json::from_slice(&body).map(Self).map_err(|error| bad_json(&error))
    }
}

/// Where it is wrong. The parser's own words may repeat a value, which may be a password typed into the wrong field.
fn bad_json(error: &serde_json::Error) -> Failure {
    let text = error.to_string();
    let what = ["unknown field", "missing field"]
        .iter()
        .find(|what| text.starts_with(**what))
        .and_then(|what| Some(format!(": {what} {}", text.split('`').nth(1)?)))
        .unwrap_or_default();
    Failure::bad_request(
        format!(
            "The body cannot be understood, line {} column {}{what}.",
            error.line(),
            error.column()
        ),
        "Look into /api/v1/openapi.json for what is taken here.",
    )
}

/// The part of the URL behind the question mark.
pub(crate) struct Params<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let query: Result<Query<T>, QueryRejection> = Query::from_request_parts(parts, state).await;
        query.map(|Query(params)| Self(params)).map_err(|_| {
            Failure::bad_request(
                "The parameters behind the question mark cannot be understood.",
                "Times are whole milliseconds since 1970, such as from_utc_ms=1795205700000.",
            )
        })
    }
}

/// The variable parts of the path.
pub(crate) struct PathOf<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for PathOf<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let path: Result<Path<T>, PathRejection> = Path::from_request_parts(parts, state).await;
        path.map(|Path(parts)| Self(parts)).map_err(|_| not_found())
    }
}

/// There is nothing there.
pub(crate) fn not_found() -> Failure {
    Failure::from(words::problem(
        ProblemCode::NotFound,
        "There is nothing at this address.",
        "Look into /api/v1/openapi.json for what there is.",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_in_the_wrong_place_is_not_repeated() {
        let parse = |text: &str| {
            let error = serde_json::from_str::<tarsier_api::camera::NewCamera>(text).unwrap_err();
            bad_json(&error).problem.message
        };
        for text in [
            r#"{"name":"G","main":"canary"}"#,
            r#"{"name":"G","main":{"url":"u"},"engine":"canary"}"#,
            "canary",
        ] {
            assert!(!parse(text).contains("canary"), "{}", parse(text));
        }
        let unknown = parse(r#"{"name":"G","main":{"url":"u"},"pasword":"canary"}"#);
        assert!(
            unknown.contains("unknown field pasword") && !unknown.contains("canary"),
            "{unknown}"
        );
        assert!(parse(r#"{"name":"G"}"#).contains("missing field main"));
    }
}
