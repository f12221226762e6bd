//! `/api/v1/storage/policy` and `/forecast`: how long footage is kept, and what that means before it is saved.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use tarsier_api::problem::{Problem, ProblemCode};
use tarsier_api::storage::{StorageForecast, StoragePolicy};
use tarsier_index::Index;
use tarsier_tiers::refuse::{Names, refuse};
use tarsier_tiers::shown::ShowError;
use tarsier_tiers::{Policy, Volume};
use tarsier_types::CameraId;

use crate::http::answer::{Body, Failure};
use crate::http::rights::Admin;
use crate::hub::{Hub, index_failed};
use crate::storage::{self, outlook};
use crate::words;

/// The policy that is in force.
#[utoipa::path(get, path = "/api/v1/storage/policy", responses(
    (status = 200, body = StoragePolicy, description = "The policy; what it leaves out follows the defaults"),
    (status = 401, body = Problem, description = "No token, or not a good one"),
    (status = 403, body = Problem, description = "Not an administrator")))]
pub(crate) async fn read(
    State(hub): State<Arc<Hub>>,
    _admin: Admin,
) -> Result<Json<StoragePolicy>, Failure> {
    let policy = hub.ask_index(storage::policy).await.map_err(|error| index_failed(&error))?;
    Ok(Json(to_api(&policy)?))
}

/// Puts a policy in force, whole. It is refused with everything that is wrong with it.
#[utoipa::path(put, path = "/api/v1/storage/policy", request_body = StoragePolicy, responses(
    (status = 200, body = StoragePolicy, description = "It is in force"),
    (status = 400, body = Problem, description = "What is wrong with it, and what to do"),
    (status = 401, body = Problem, description = "No token, or not a good one"),
    (status = 403, body = Problem, description = "Not an administrator")))]
pub(crate) async fn put(
    State(hub): State<Arc<Hub>>,
    _admin: Admin,
    Body(new): Body<StoragePolicy>,
) -> Result<Json<StoragePolicy>, Failure> {
    let policy = checked(&hub, &new, &volumes(&hub).await?).await?;
    let json = serde_json::to_string(&policy).map_err(|_| words::internal())?;
    hub.ask_index(move |index| index.put_setting(storage::POLICY, &json))
        .await
        .map_err(|error| index_failed(&error))?;
    hub.keep_cameras().await;
    hub.storage.changed();
    Ok(Json(to_api(&policy)?))
}

/// What a policy would mean: days kept, when tiers fill, what goes next. Nothing is changed.
#[utoipa::path(post, path = "/api/v1/storage/forecast", request_body = StoragePolicy, responses(
    (status = 200, body = StorageForecast, description = "What will be once recording and deleting balance"),
    (status = 400, body = Problem, description = "What is wrong with the policy, and what to do"),
    (status = 401, body = Problem, description = "No token, or not a good one"),
    (status = 403, body = Problem, description = "Not an administrator")))]
pub(crate) async fn forecast(
    State(hub): State<Arc<Hub>>,
    _admin: Admin,
    Body(new): Body<StoragePolicy>,
) -> Result<Json<StorageForecast>, Failure> {
    let volumes = volumes(&hub).await?;
    let policy = checked(&hub, &new, &volumes).await?;
    let now = hub.now();
    let recorded: BTreeSet<CameraId> = hub
        .all_cameras()
        .iter()
        .filter(|camera| camera.enabled)
        .map(|camera| camera.id.clone())
        .collect();
    let told = hub
        .ask_index(move |index| {
            outlook::outlook(index, &policy, &volumes, &|id| recorded.contains(id), now)
        })
        .await;
    told.map(Json).map_err(|error| match error {
        ShowError::Index(error) => index_failed(&error).into(),
        _ => words::internal().into(),
    })
}

async fn volumes(hub: &Hub) -> Result<Vec<Volume>, Failure> {
    outlook::volumes(hub).await.map_err(|error| index_failed(&error).into())
}

/// The two forms are one JSON: the API's is what programs see, the other what the brains take.
fn to_api(policy: &Policy) -> Result<StoragePolicy, Failure> {
    let value = serde_json::to_value(policy).and_then(serde_json::from_value);
    value.map_err(|_| words::internal().into())
}

async fn checked(hub: &Hub, new: &StoragePolicy, volumes: &[Volume]) -> Result<Policy, Failure> {
    let parsed = serde_json::to_value(new).and_then(serde_json::from_value::<Policy>);
    let policy = parsed.map_err(|error| {
        Failure::bad_request(sentence(&error.to_string()), "Correct that field.")
    })?;
    let cameras = known_cameras(hub).await?;
    let registry = hub.storage.registry();
    let names = Names {
        tier: &|tier| registry.name(tier),
        camera: &|id| hub.camera(id).map_or_else(|| id.to_string(), |camera| camera.name.clone()),
    };
    let wrong = refuse(&policy, volumes, &cameras, names);
    let Some(first) = wrong.first() else { return Ok(policy) };
    let told: Vec<String> = wrong.iter().map(|wrong| sentence(&wrong.error.to_string())).collect();
    let problem = words::problem(ProblemCode::BadRequest, told.join(" "), first.error.hint());
    Err(Failure::from(Problem { field: first.field.clone(), ..problem }))
}

/// Cameras with footage count, too: they may have been deleted.
async fn known_cameras(hub: &Hub) -> Result<BTreeSet<CameraId>, Failure> {
    let mut cameras: BTreeSet<CameraId> =
        hub.all_cameras().iter().map(|camera| camera.id.clone()).collect();
    let totals = hub.ask_index(Index::totals).await.map_err(|error| index_failed(&error))?;
    cameras.extend(totals.into_iter().map(|total| total.camera));
    Ok(cameras)
}

/// As people write.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string());
    format!("{}{}.", first.unwrap_or_default(), letters.as_str())
}
