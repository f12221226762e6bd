//! `/api/v1/storage/tiers`: the places for footage, as people set them up.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use tarsier_api::problem::{Problem, ProblemCode};
use tarsier_api::system::Tier;
use tarsier_api::tier::{BucketKey, BucketPlace, NewTier, TierChange, TierPurpose, TierRestored};
use tarsier_index::{TierKind, TierSetup};
use tarsier_tiers::bucket::{self, Bucket, BucketError};
use tarsier_tiers::manifest::{self, ManifestError};
use tarsier_tiers::volume::{self, AdoptError};
use tarsier_tiers::{TierId, VolumeState};

use crate::http::answer::{Body, Failure, PathOf};
use crate::http::rights::Admin;
use crate::http::system::one_tier;
use crate::hub::{Hub, index_failed};
use crate::secrets::random_bytes;
use crate::storage::{self, seal_key};
use crate::words;

/// A bucket that does not answer for so long is told of.
const PATIENCE: Duration = Duration::from_secs(15);
const LONGEST_NAME: usize = 200;

/// Adds a folder or a bucket. A disk or bucket with footage of Tarsier's keeps it: it is found.
#[utoipa::path(post, path = "/api/v1/storage/tiers", request_body = NewTier, responses(
    (status = 201, body = Tier, description = "The tier, at the place that Location names"),
    (status = 400, body = Problem, description = "There is no such folder, or it is in use already"),
    (status = 401, body = Problem, description = "No token, or not a good one"),
    (status = 403, body = Problem, description = "Not an administrator"),
    (status = 502, body = Problem, description = "What is wrong with the bucket, and what to do"),
    (status = 507, body = Problem, description = "The folder cannot be written to")))]
pub(crate) async fn add(
    State(hub): State<Arc<Hub>>,
    _admin: Admin,
    Body(new): Body<NewTier>,
) -> Result<Response, Failure> {
    let setup = match new {
        NewTier::Folder { path, name, purpose } => {
            folder(&hub, &path, name, purpose.unwrap_or_default()).await?
        }
        NewTier::Bucket { place, key, name } => new_bucket(&hub, place, key, name).await?,
    };
    let id = TierId::new(setup.tier.id.as_str()).map_err(|_| words::internal())?;
    store(&hub, setup).await?;
    let tier = one_tier(&hub, &id).await?.ok_or_else(words::internal)?;
    let place = format!("/api/v1/storage/tiers/{id}");
    Ok((StatusCode::CREATED, [(header::LOCATION, place)], Json(tier)).into_response())
}

/// Gives a tier another name, says where its disk is now, or gives a bucket a new key.
#[utoipa::path(patch, path = "/api/v1/storage/tiers/{id}", params(("id" = String, Path, description = "Of the tier")),
    request_body = TierChange, responses(
    (status = 200, body = Tier, description = "As it is now"),
    (status = 400, body = Problem, description = "The folder is another tier, or the change does not fit this kind"),
    (status = 401, body = Problem, description = "No token, or not a good one"),
    (status = 403, body = Problem, description = "Not an administrator"),
    (status = 404, body = Problem, description = "No such tier")))]
pub(crate) async fn change(
    State(hub): State<Arc<Hub>>,
    _admin: Admin,
    PathOf(id): PathOf<String>,
    Body(change): Body<TierChange>,
) -> Result<Json<Tier>, Failure> {
    let (id, mut setup) = known(&hub, &id).await?;
    if let Some(name) = change.name {
        setup.name = checked_name(Some(name))?;
    }
    if let Some(path) = change.path {
        if setup.tier.kind == TierKind::ObjectStore || id.as_str() == hub.data.tier_id() {
            return Err(Failure::bad_request(
                "This place has no folder that could be another one.",
                "Leave path out.",
            ));
        }
        let root = absolute(&path)?;
        let (looked, of) = (root.clone(), id.clone());
        let state = on_a_thread(move || volume::look(&looked, &of)).await;
        if !matches!(state, VolumeState::Writable | VolumeState::ReadOnly) {
            return Err(Failure::bad_request(
                format!("{path} is not this disk."),
                "Choose the folder that holds this tier's tarsier-tier.json.",
            ));
        }
        setup.tier.root = root;
    }
    if let Some(key) = change.key {
        if setup.tier.kind != TierKind::ObjectStore {
            return Err(Failure::bad_request("A folder has no key.", "Leave key out."));
        }
        setup.secret = seal_key(&hub.secrets, id.as_str(), &key_of(Some(key)));
    }
    store(&hub, setup).await?;
    one_tier(&hub, &id).await?.map(Json).ok_or_else(|| no_tier().into())
}

/// Forgets a tier in which nothing of ours is left.
#[utoipa::path(delete, path = "/api/v1/storage/tiers/{id}", params(("id" = String, Path, description = "Of the tier")), responses(
    (status = 204, description = "It is forgotten; its folder stays"),
    (status = 400, body = Problem, description = "It holds footage, or it is the hub's own folder"),
    (status = 401, body = Problem, description = "No token, or not a good one"),
    (status = 403, body = Problem, description = "Not an administrator"),
    (status = 404, body = Problem, description = "No such tier")))]
pub(crate) async fn remove(
    State(hub): State<Arc<Hub>>,
    _admin: Admin,
    PathOf(id): PathOf<String>,
) -> Result<StatusCode, Failure> {
    let (id, setup) = known(&hub, &id).await?;
    if id.as_str() == hub.data.tier_id() {
        return Err(Failure::bad_request(
            "This is the folder that Tarsier itself writes to.",
            "It stays as long as this Tarsier does.",
        ));
    }
    let is_written_to = hub.storage.seen().written_to.as_ref() == Some(&id);
    if is_written_to || hub.open().is_in(id.as_str()) {
        return Err(Failure::bad_request(
            format!("Footage is being written to {}.", setup.tier.root.display()),
            "Let recording move to another place first: list that one before it, or free it.",
        ));
    }
    let of = id.to_string();
    let is_gone = hub
        .ask_index(move |index| {
            let is_gone = index.remove_tier(&of)?;
            if is_gone {
                storage::drop_rules(index, &of)?;
            }
            Ok(is_gone)
        })
        .await;
    if !is_gone.map_err(|error| index_failed(&error))? {
        return Err(Failure::bad_request(
            format!("There is footage in {}.", setup.tier.root.display()),
            "Let the rules delete it first, or keep this place.",
        ));
    }
    hub.storage.reload(&hub.index, &hub.secrets).map_err(|error| index_failed(&error))?;
    hub.keep_cameras().await;
    Ok(StatusCode::NO_CONTENT)
}

/// Reads what a bucket says of itself into the index: what a new machine does first. Media is not read.
#[utoipa::path(post, path = "/api/v1/storage/tiers/{id}/restore", params(("id" = String, Path, description = "Of a bucket")), responses(
    (status = 200, body = TierRestored, description = "What the index learnt"),
    (status = 400, body = Problem, description = "It is a folder: its files are found without asking"),
    (status = 401, body = Problem, description = "No token, or not a good one"),
    (status = 403, body = Problem, description = "Not an administrator"),
    (status = 404, body = Problem, description = "No such tier"),
    (status = 502, body = Problem, description = "What is wrong with the bucket, and what to do")))]
pub(crate) async fn restore(
    State(hub): State<Arc<Hub>>,
    _admin: Admin,
    PathOf(id): PathOf<String>,
) -> Result<Json<TierRestored>, Failure> {
    let (id, setup) = known(&hub, &id).await?;
    if setup.tier.kind != TierKind::ObjectStore {
        return Err(Failure::bad_request(
            "This is a folder.",
            "Its files are found by themselves, at the start and once a day.",
        ));
    }
    let bucket = hub.storage.registry().bucket(id.as_str()).cloned().ok_or_else(|| {
        words::problem(
            ProblemCode::CredentialsNeeded,
            "The key of this bucket cannot be used.",
            "Type it again.",
        )
    })?;
    let restored = manifest::restore(&hub.index, &bucket, &id, hub.now()).await;
    let restored = restored.map_err(|error| match error {
        ManifestError::Bucket(error) => bucket_failed(&error),
        ManifestError::Index(error) => index_failed(&error),
        _ => words::internal(),
    })?;
    Ok(Json(TierRestored {
        segments: restored.segments,
        copies: restored.copies,
        locks: restored.locks,
        left_out: restored.left_out,
    }))
}

async fn folder(
    hub: &Hub,
    path: &str,
    name: Option<String>,
    purpose: TierPurpose,
) -> Result<TierSetup, Failure> {
    let name = checked_name(name)?;
    let root = absolute(path)?;
    let known = hub.storage.registry();
    let (asked, new, now) = (root.clone(), new_id(), hub.now());
    let canonical = on_a_thread(move || {
        let root = std::fs::canonicalize(&asked)
            .map_err(|_| AdoptError::NoFolder { path: asked.clone() })?;
        volume::adopt(&root, &new, now).map(|identity| (root, identity.id))
    });
    let (root, id) = canonical.await.map_err(|error| not_adopted(&error, path))?;
    if let Some(same) = known.locals.iter().find(|local| local.id == id) {
        return Err(Failure::bad_request(
            format!("This place is in use already, as {}.", known.name(&same.id)),
            "If its disk is mounted elsewhere now, change the path of that one.",
        ));
    }
    let kind = match purpose {
        TierPurpose::Cache => TierKind::Cache,
        TierPurpose::Archive => TierKind::Archive,
    };
    let tier = tarsier_index::Tier { id: id.to_string(), root, kind };
    Ok(TierSetup { tier, name, config_json: "{}".to_owned(), secret: None })
}

async fn new_bucket(
    hub: &Hub,
    place: BucketPlace,
    key: Option<BucketKey>,
    name: Option<String>,
) -> Result<TierSetup, Failure> {
    let name = checked_name(name)?;
    let place = place_of(place)?;
    let key = key_of(key);
    let bucket = Bucket::new(&place, &key).map_err(|error| bucket_failed(&error))?;
    let adopted = tokio::time::timeout(PATIENCE, bucket.adopt(&new_id(), hub.now())).await;
    let identity =
        adopted.map_err(|_| unreachable_bucket())?.map_err(|error| bucket_failed(&error))?;
    let known = hub.storage.registry();
    if known.remotes.iter().any(|remote| remote.id == identity.id) {
        return Err(Failure::bad_request(
            format!("This bucket is in use already, as {}.", known.name(&identity.id)),
            "Change that one instead.",
        ));
    }
    let id = identity.id.to_string();
    let secret = seal_key(&hub.secrets, &id, &key);
    let config_json = serde_json::to_string(&place).expect("a bucket's place is plain JSON");
    let root = PathBuf::from(place.to_string());
    let tier = tarsier_index::Tier { id, root, kind: TierKind::ObjectStore };
    Ok(TierSetup { tier, name, config_json, secret })
}

async fn store(hub: &Hub, setup: TierSetup) -> Result<(), Failure> {
    hub.ask_index(move |index| index.put_tier_setup(&setup))
        .await
        .map_err(|error| index_failed(&error))?;
    hub.storage.reload(&hub.index, &hub.secrets).map_err(|error| index_failed(&error))?;
    hub.keep_cameras().await;
    Ok(())
}

async fn known(hub: &Hub, id: &str) -> Result<(TierId, TierSetup), Failure> {
    let asked = TierId::new(id).map_err(|_| no_tier())?;
    let setups = hub.ask_index(tarsier_index::Index::tier_setups).await;
    let setups = setups.map_err(|error| index_failed(&error))?;
    let setup = setups.into_iter().find(|setup| setup.tier.id == id).ok_or_else(no_tier)?;
    Ok((asked, setup))
}

fn no_tier() -> Problem {
    words::problem(
        ProblemCode::NotFound,
        "There is no such place for footage.",
        "Load the Storage page again.",
    )
}

fn new_id() -> TierId {
    let random = blake3::Hash::from_bytes(random_bytes::<32>()).to_hex();
    TierId::new(format!("tier-{}", &random.as_str()[..16])).expect("hexadecimal digits are visible")
}

fn checked_name(name: Option<String>) -> Result<String, Failure> {
    let name = name.unwrap_or_default().trim().to_owned();
    if name.chars().count() > LONGEST_NAME || name.chars().any(char::is_control) {
        return Err(Failure::bad_request(
            "The name is too long, or has invisible characters.",
            "Choose a short one, such as \"The disk in the cellar\".",
        ));
    }
    Ok(name)
}

fn absolute(path: &str) -> Result<PathBuf, Failure> {
    let path = Path::new(path);
    if path.is_absolute() {
        return Ok(path.to_owned());
    }
    Err(Failure::bad_request(
        "The path does not begin at the root of the file system.",
        "Write it out, such as /mnt/footage or D:\\Footage.",
    ))
}

fn place_of(place: BucketPlace) -> Result<bucket::BucketPlace, Failure> {
    Ok(match place {
        BucketPlace::S3 { bucket, region, endpoint, prefix } => bucket::BucketPlace::S3 {
            bucket,
            region: region.unwrap_or_else(|| "us-east-1".to_owned()),
            endpoint,
            prefix: prefix.unwrap_or_default(),
        },
        BucketPlace::Gcs { bucket, prefix } => {
            bucket::BucketPlace::Gcs { bucket, prefix: prefix.unwrap_or_default() }
        }
        BucketPlace::Azure { account, container, prefix } => {
            let prefix = prefix.unwrap_or_default();
            bucket::BucketPlace::Azure { account, container, prefix }
        }
        BucketPlace::Folder { path } => bucket::BucketPlace::Folder { path: absolute(&path)? },
    })
}

fn key_of(key: Option<BucketKey>) -> bucket::BucketKey {
    key.map_or_else(bucket::BucketKey::default, |key| bucket::BucketKey {
        id: key.id.unwrap_or_default(),
        secret: Some(key.secret),
    })
}

fn not_adopted(error: &AdoptError, path: &str) -> Problem {
    match error {
        AdoptError::NoFolder { .. } => words::problem(
            ProblemCode::BadRequest,
            format!("There is no folder {path}."),
            "Check that the disk is mounted, and make the folder first.",
        ),
        AdoptError::Damaged { .. } => words::problem(
            ProblemCode::BadRequest,
            format!("The file tarsier-tier.json in {path} is damaged."),
            "If this is the right folder, delete that file; it is then made anew.",
        ),
        _ => words::problem(
            ProblemCode::DiskNotWritable,
            format!("Tarsier may not write to {path}."),
            "Give the user that Tarsier runs as the right to, or choose another folder.",
        ),
    }
}

fn unreachable_bucket() -> Problem {
    words::problem(
        ProblemCode::HostUnreachable,
        "The bucket does not answer.",
        "Check the endpoint and the network.",
    )
}

fn bucket_failed(error: &BucketError) -> Problem {
    tracing::warn!(error = error as &dyn std::error::Error, "the bucket");
    match error {
        BucketError::Refused(_) => words::problem(
            ProblemCode::WrongCredentials,
            "The bucket refuses this key.",
            "Check the key, and that it may read, write, list and delete in this bucket.",
        ),
        BucketError::NotFound(_) => words::problem(
            ProblemCode::NoSuchPath,
            "There is no such bucket.",
            "Check its name and region, and make it first.",
        ),
        BucketError::Unreachable(_) => unreachable_bucket(),
        BucketError::Misconfigured(_) => words::problem(
            ProblemCode::BadRequest,
            "The bucket cannot be used as it is set up.",
            "Check the name, the endpoint and the key; a folder must exist.",
        ),
        BucketError::Damaged => words::problem(
            ProblemCode::BadRequest,
            "The file tarsier-tier.json in the bucket is damaged.",
            "If this is the right bucket, delete that object; it is then made anew.",
        ),
        BucketError::Foreign { .. } => words::problem(
            ProblemCode::BadRequest,
            "This bucket is another one than the one that was set up.",
            "Add it as a new place.",
        ),
        _ => words::internal(),
    }
}

async fn on_a_thread<T: Send + 'static>(job: impl FnOnce() -> T + Send + 'static) -> T {
    let done = tokio::task::spawn_blocking(job).await;
    done.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
}
