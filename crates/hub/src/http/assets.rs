//! The pages, and the headers that browsers hold every answer to.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::http::answer::not_found;
use crate::hub::Hub;

const NO_UI: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Tarsier</title>\
<h1>Tarsier is running, but its pages are missing</h1>\
<p>Recording and the API are not affected. Build the pages by <code>npm run build</code> in the folder <code>ui</code>, \
or name the folder of the built pages: <code>tarsierd serve --ui DIR</code>.</p></html>";

/// A file of the UI, or its page: which view is shown, the page itself decides. The API's unknown paths are errors.
pub(crate) async fn page(State(hub): State<Arc<Hub>>, request: Request) -> Response {
    let path = request.uri().path().trim_start_matches('/');
    let is_api = ["api", "live", "publish", "metrics"].iter().any(|first| {
        path.strip_prefix(first).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    });
    if is_api || !matches!(*request.method(), Method::GET | Method::HEAD) {
        return not_found().into_response();
    }
    if let Some(bytes) = hub.ui.file(path).await {
        // Built files carry a hash of what is in them in their names.
        let cache = if path.starts_with("assets/") {
            "public, max-age=31536000, immutable"
        } else {
            "no-cache"
        };
        return answer(StatusCode::OK, mime(path), cache, bytes.into_owned());
    }
    let has_ending = path.rsplit('/').next().is_some_and(|name| name.contains('.'));
    if has_ending {
        return not_found().into_response();
    }
    match hub.ui.file("index.html").await {
        Some(bytes) => answer(StatusCode::OK, mime("index.html"), "no-cache", bytes.into_owned()),
        None => {
            answer(StatusCode::SERVICE_UNAVAILABLE, mime("index.html"), "no-store", NO_UI.into())
        }
    }
}

fn answer(status: StatusCode, mime: &'static str, cache: &'static str, bytes: Vec<u8>) -> Response {
    (status, [(header::CONTENT_TYPE, mime), (header::CACHE_CONTROL, cache)], bytes).into_response()
}

fn mime(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "wasm" => "application/wasm",
        "mp4" => "video/mp4",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

/// What a browser may do with our answers: nothing that is not our own.
pub(crate) async fn headers(request: Request, next: Next) -> Response {
    let host =
        request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).map(str::to_owned);
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    // A Host that the guard refuses is not repeated: only letters that an address is made of.
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | ':' | '-' | '[' | ']');
    let ws = host
        .filter(|host| host.chars().all(plain))
        .map_or_else(String::new, |host| format!(" ws://{host}"));
    let policy = format!(
        "default-src 'self'; media-src 'self' blob:; img-src 'self' data: blob:; connect-src 'self'{ws}; \
         style-src 'self'; style-src-attr 'unsafe-inline'; object-src 'none'; base-uri 'none'; \
         form-action 'self'; frame-ancestors 'none'"
    );
    set(headers, "content-security-policy", &policy);
    set(headers, "x-content-type-options", "nosniff");
    set(headers, "x-frame-options", "DENY");
    set(headers, "referrer-policy", "no-referrer");
    set(headers, "cross-origin-resource-policy", "same-origin");
    set(headers, "cross-origin-opener-policy", "same-origin");
    if !headers.contains_key(header::CACHE_CONTROL) {
        set(headers, "cache-control", "no-store");
    }
    response
}

fn set(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
