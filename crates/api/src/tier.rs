//! Places for footage, as they are set up by people.

use serde::{Deserialize, Serialize};
use tarsier_types::Secret;
use ts_rs::TS;
use utoipa::ToSchema;

/// `POST /api/v1/storage/tiers`
#[derive(Clone, Debug, Deserialize, TS, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum NewTier {
    /// A folder on a disk or a mounted share of this machine. It must exist; if it is a tier of another machine already,
    /// its footage is found.
    Folder {
        /// From the root of the file system.
        path: String,
        /// Name on the screen.
        #[serde(default)]
        name: Option<String>,
        /// Written live, or for the long term. `archive` if absent.
        #[serde(default)]
        purpose: Option<TierPurpose>,
    },
    /// A bucket. If it is a tier already, its footage is found.
    Bucket {
        /// Where.
        place: BucketPlace,
        /// What lets us in.
        #[serde(default)]
        key: Option<BucketKey>,
        /// Name on the screen.
        #[serde(default)]
        name: Option<String>,
    },
}

/// What a folder is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TierPurpose {
    /// Written live: a fast disk.
    Cache,
    /// Long term: a large one.
    #[default]
    Archive,
}

/// Where a bucket is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum BucketPlace {
    /// Amazon S3, and every box and service that speaks as it does.
    S3 {
        /// Name of the bucket.
        bucket: String,
        /// Region; `us-east-1` if absent.
        #[serde(default)]
        region: Option<String>,
        /// Where it answers, for others than Amazon: `https://nas.local:9000`.
        #[serde(default)]
        endpoint: Option<String>,
        /// Folder in the bucket.
        #[serde(default)]
        prefix: Option<String>,
    },
    /// Google Cloud Storage.
    Gcs {
        /// Name of the bucket.
        bucket: String,
        /// Folder in the bucket.
        #[serde(default)]
        prefix: Option<String>,
    },
    /// Azure Blob Storage.
    Azure {
        /// Storage account.
        account: String,
        /// Container.
        container: String,
        /// Folder in the container.
        #[serde(default)]
        prefix: Option<String>,
    },
    /// A mounted share that is used as a bucket: copies, not moves.
    Folder {
        /// From the root of the file system.
        path: String,
    },
}

/// What lets us into a bucket. Kept encrypted; never in an answer.
#[derive(Clone, Debug, Deserialize, TS, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BucketKey {
    /// S3: the access key id. Others: leave it out.
    #[serde(default)]
    pub id: Option<String>,
    /// S3: the secret access key. Azure: the access key. Google: the service account's JSON.
    #[ts(type = "string")]
    #[schema(value_type = String, write_only)]
    pub secret: Secret<String>,
}

/// `PATCH /api/v1/storage/tiers/{id}`: what is absent stays.
#[derive(Clone, Debug, Default, Deserialize, TS, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TierChange {
    /// Name on the screen.
    #[serde(default)]
    pub name: Option<String>,
    /// Folders: where the same disk is now.
    #[serde(default)]
    pub path: Option<String>,
    /// Buckets: a new key.
    #[serde(default)]
    pub key: Option<BucketKey>,
}

/// `POST /api/v1/storage/tiers/{id}/restore`: what the index learnt from a bucket.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, TS, ToSchema)]
pub struct TierRestored {
    /// Files that it did not know.
    #[ts(type = "number")]
    pub segments: u64,
    /// Files that it knew on a disk and that have a copy, too.
    #[ts(type = "number")]
    pub copies: u64,
    /// Locks that it did not know.
    #[ts(type = "number")]
    pub locks: u64,
    /// Objects that are no footage, or damaged; at most 100 are named.
    pub left_out: Vec<String>,
}
