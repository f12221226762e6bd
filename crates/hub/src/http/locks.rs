//! `/api/v1/cameras/{id}/locks`: footage that no rule deletes.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use tarsier_api::problem::{Problem, ProblemCode};
use tarsier_api::storage::{FootageLock, NewFootageLock};
use tarsier_index::{Index, Lock};
use tarsier_types::{UtcMs, UtcRange};

use crate::http::answer::{Body, Failure, PathOf};
use crate::http::rights::{Admin, Caller};
use crate::hub::{Hub, index_failed};
use crate::secrets::random_bytes;
use crate::words;

const LONGEST_NOTE: usize = 500;
/// The end of the year 9999.
const LAST_UTC_MS: i64 = 253_402_300_799_999;

/// The locked spans of a camera, in order.
#[utoipa::path(get, path = "/api/v1/cameras/{id}/locks", params(("id" = String, Path, description = "Of the camera")), responses(
    (status = 200, body = Vec<FootageLock>, description = "All of them"),
    (status = 401, body = Problem, description = "No token, or not a good one"),
    (status = 403, body = Problem, description = "The token is for other cameras"),
    (status = 404, body = Problem, description = "No such camera")))]
pub(crate) async fn list(
    State(hub): State<Arc<Hub>>,
    caller: Caller,
    PathOf(id): PathOf<String>,
) -> Result<Json<Vec<FootageLock>>, Failure> {
    let camera = caller.camera(&hub, &id)?;
    let locks = hub.ask_index(Index::locks).await.map_err(|error| index_failed(&error))?;
    let of_it = locks.into_iter().filter(|lock| lock.camera == camera.id);
    Ok(Json(of_it.map(shown).collect()))
}

/// Locks a span: no rule deletes it, on no disk, until the lock is lifted.
#[utoipa::path(post, path = "/api/v1/cameras/{id}/locks", params(("id" = String, Path, description = "Of the camera")),
    request_body = NewFootageLock, responses(
    (status = 201, body = FootageLock, description = "The lock"),
    (status = 400, body = Problem, description = "The span is empty, or the note too long"),
    (status = 401, body = Problem, description = "No token, or not a good one"),
    (status = 403, body = Problem, description = "Not an administrator"),
    (status = 404, body = Problem, description = "No such camera")))]
pub(crate) async fn create(
    State(hub): State<Arc<Hub>>,
    _admin: Admin,
    caller: Caller,
    PathOf(id): PathOf<String>,
    Body(new): Body<NewFootageLock>,
) -> Result<Response, Failure> {
    let camera = caller.camera(&hub, &id)?;
    let is_sane = |at: i64| (0..=LAST_UTC_MS).contains(&at);
    if new.from_utc_ms >= new.to_utc_ms || !is_sane(new.from_utc_ms) || !is_sane(new.to_utc_ms) {
        return Err(Failure::bad_request(
            "The span is empty, or not between the years 1970 and 9999.",
            "from_utc_ms must be before to_utc_ms; both are milliseconds since 1970.",
        ));
    }
    let note = new.note.unwrap_or_default();
    if note.chars().count() > LONGEST_NOTE {
        return Err(Failure::bad_request("The note is too long.", "Use at most 500 characters."));
    }
    let random = blake3::Hash::from_bytes(random_bytes::<32>()).to_hex();
    let lock = Lock {
        id: random.as_str()[..24].to_owned(),
        camera: camera.id.clone(),
        range: UtcRange::new(UtcMs(new.from_utc_ms), UtcMs(new.to_utc_ms)),
        note,
        created: hub.now(),
    };
    let stored = lock.clone();
    hub.ask_index(move |index| index.put_locks(&[stored]))
        .await
        .map_err(|error| index_failed(&error))?;
    hub.storage.changed();
    let place = format!("/api/v1/cameras/{}/locks/{}", lock.camera, lock.id);
    Ok((StatusCode::CREATED, [(header::LOCATION, place)], Json(shown(lock))).into_response())
}

/// Lifts a lock: the rules hold for its span again.
#[utoipa::path(delete, path = "/api/v1/cameras/{id}/locks/{lock}", params(
    ("id" = String, Path, description = "Of the camera"), ("lock" = String, Path, description = "Of the lock")), responses(
    (status = 204, description = "It is lifted"),
    (status = 401, body = Problem, description = "No token, or not a good one"),
    (status = 403, body = Problem, description = "Not an administrator"),
    (status = 404, body = Problem, description = "No such camera or lock")))]
pub(crate) async fn remove(
    State(hub): State<Arc<Hub>>,
    _admin: Admin,
    caller: Caller,
    PathOf((id, lock)): PathOf<(String, String)>,
) -> Result<StatusCode, Failure> {
    let camera = caller.camera(&hub, &id)?;
    let is_lifted = hub.ask_index(move |index| {
        let is_its = index.locks()?.iter().any(|l| l.id == lock && l.camera == camera.id);
        Ok(is_its && index.remove_lock(&lock)?)
    });
    if !is_lifted.await.map_err(|error| index_failed(&error))? {
        return Err(words::problem(
            ProblemCode::NotFound,
            "There is no such lock.",
            "Somebody may have lifted it; load the list again.",
        )
        .into());
    }
    hub.storage.changed();
    Ok(StatusCode::NO_CONTENT)
}

fn shown(lock: Lock) -> FootageLock {
    FootageLock {
        id: lock.id,
        from_utc_ms: lock.range.start.0,
        to_utc_ms: lock.range.end.0,
        note: lock.note,
        created_utc_ms: lock.created.0,
    }
}
