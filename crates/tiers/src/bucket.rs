//! Hands: a bucket (S3 and the like, Google, Azure) or a folder that is used as one. Objects have the same paths as files.
//!
//! A copy counts once the bucket has said that it is whole: every part is signed over its own hash (AWS Signature 4), the
//! hash of the file as it was read must be the recorded one, and the object must be there with its full length after. In a
//! folder it is synced and read back.
//! A crash in the middle leaves parts that are no object: buckets forget these by a lifecycle rule, which users are told
//! to set. What does not belong here: which file goes, when, and how fast.

use std::fmt;
use std::ops::Range;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::TryStreamExt as _;
use futures::stream::BoxStream;
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{
    ClientOptions, GetOptions, MultipartUpload, ObjectStore, ObjectStoreExt as _, PutPayload,
    RetryConfig,
};
use serde::{Deserialize, Serialize};
use tarsier_types::{Clock, Secret, SystemClock, UtcMs};
use tokio::io::AsyncReadExt as _;

use crate::copy::{self, Hands};
use crate::pace::Pace;
use crate::platform;
use crate::volume::{IDENTITY_FILE, Identity};
use crate::wait::Stop;
use crate::words::TierId;

/// One part of a large file; S3 takes nothing smaller than 5 MiB, and 10 000 of these at most.
const PART: usize = 8 << 20;
/// A bucket that does not answer for so long is not there.
const PATIENCE: Duration = Duration::from_secs(20);

/// Where a bucket is. Holds no credentials.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum BucketPlace {
    /// S3 and everything that speaks as it does.
    S3 {
        /// Name of the bucket.
        bucket: String,
        /// Region; `us-east-1` where there is none.
        #[serde(default = "us_east_1")]
        region: String,
        /// Where it answers, for other makers than Amazon: `https://nas.local:9000`.
        #[serde(default)]
        endpoint: Option<String>,
        /// Folder in the bucket; empty: its root.
        #[serde(default)]
        prefix: String,
    },
    /// Google Cloud Storage.
    Gcs {
        /// Name of the bucket.
        bucket: String,
        /// Folder in the bucket.
        #[serde(default)]
        prefix: String,
    },
    /// Azure Blob Storage.
    Azure {
        /// Storage account.
        account: String,
        /// Container.
        container: String,
        /// Folder in the container.
        #[serde(default)]
        prefix: String,
    },
    /// A folder: a mounted share that is used as a bucket.
    Folder {
        /// Which. It must exist: an unmounted share is not made anew.
        path: PathBuf,
    },
}

fn us_east_1() -> String {
    "us-east-1".to_owned()
}

impl fmt::Display for BucketPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::S3 { bucket, prefix, .. } => write!(f, "s3://{bucket}/{prefix}"),
            Self::Gcs { bucket, prefix } => write!(f, "gs://{bucket}/{prefix}"),
            Self::Azure { account, container, prefix } => {
                write!(f, "az://{account}/{container}/{prefix}")
            }
            Self::Folder { path } => write!(f, "{}", path.display()),
        }
    }
}

/// What lets us in.
#[derive(Clone, Debug, Default)]
pub struct BucketKey {
    /// S3: the access key id. Others: empty.
    pub id: String,
    /// S3: the secret access key. Azure: the access key. Google: the service account's JSON.
    pub secret: Option<Secret<String>>,
}

/// Why a bucket did not do what it should; each variant is something else to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BucketError {
    /// Wrong key, or not allowed.
    #[error("the bucket refuses us")]
    Refused(#[source] object_store::Error),
    /// There is no such bucket or object.
    #[error("there is no such bucket, or no such object in it")]
    NotFound(#[source] object_store::Error),
    /// It does not answer, or the network is down.
    #[error("the bucket does not answer")]
    Unreachable(#[source] object_store::Error),
    /// The settings make no sense to the library.
    #[error("the bucket cannot be used as it is set up")]
    Misconfigured(#[source] object_store::Error),
    /// What it says of itself cannot be read.
    #[error("{IDENTITY_FILE} of the bucket is damaged")]
    Damaged,
    /// It is another tier than expected.
    #[error("this is the tier {found}, not {wanted}")]
    Foreign {
        /// What it is.
        found: TierId,
        /// What was expected.
        wanted: TierId,
    },
    /// The file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// The file is not what was recorded: it is not sent.
    #[error("{} is not the file that was recorded", path.display())]
    SourceChanged {
        /// Which.
        path: PathBuf,
    },
    /// The object is not what was sent.
    #[error("the object {key} has {found} bytes, {sent} were sent, and they are not the same")]
    Incomplete {
        /// Its key.
        key: String,
        /// Its length.
        found: u64,
        /// What was sent.
        sent: u64,
    },
}

impl BucketError {
    fn of(error: object_store::Error) -> Self {
        use object_store::Error as E;
        match error {
            E::NotFound { .. } => Self::NotFound(error),
            E::PermissionDenied { .. } | E::Unauthenticated { .. } => Self::Refused(error),
            E::InvalidPath { .. } | E::UnknownConfigurationKey { .. } | E::NotSupported { .. } => {
                Self::Misconfigured(error)
            }
            _ => Self::Unreachable(error),
        }
    }
}

/// What an object is known by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Its path, as a file's.
    pub key: String,
    /// Its length.
    pub size_bytes: u64,
}

/// What was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Length.
    pub bytes: u64,
    /// BLAKE3 of it.
    pub hash: [u8; 32],
}

/// An open bucket. Clones share it.
#[derive(Clone)]
pub struct Bucket {
    store: Arc<dyn ObjectStore>,
    name: String,
    /// It is a folder on this machine or a share: nobody but us sees to it that what is there is on disk.
    folder: Option<PathBuf>,
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bucket").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Bucket {
    /// Makes ready to speak to it; nothing is sent yet.
    pub fn new(place: &BucketPlace, key: &BucketKey) -> Result<Self, BucketError> {
        let secret = || key.secret.as_ref().map(|secret| secret.expose().clone());
        let retry = RetryConfig {
            max_retries: 3,
            retry_timeout: Duration::from_secs(60),
            ..RetryConfig::default()
        };
        let mut options =
            ClientOptions::new().with_connect_timeout(PATIENCE).with_timeout(PATIENCE * 6);
        let wrong = BucketError::Misconfigured;
        let store: Arc<dyn ObjectStore> = match place {
            BucketPlace::S3 { bucket, region, endpoint, prefix } => {
                let mut builder = AmazonS3Builder::new()
                    .with_bucket_name(bucket)
                    .with_region(region)
                    .with_retry(retry)
                    // Boxes at home answer at one name for all buckets.
                    .with_virtual_hosted_style_request(endpoint.is_none());
                if let Some(endpoint) = endpoint {
                    options = options.with_allow_http(endpoint.starts_with("http://"));
                    builder = builder.with_endpoint(endpoint);
                }
                if let Some(secret) = secret() {
                    builder = builder.with_access_key_id(&key.id).with_secret_access_key(secret);
                }
                below(builder.with_client_options(options).build().map_err(wrong)?, prefix)
            }
            BucketPlace::Gcs { bucket, prefix } => {
                let mut builder =
                    GoogleCloudStorageBuilder::new().with_bucket_name(bucket).with_retry(retry);
                if let Some(secret) = secret() {
                    builder = builder.with_service_account_key(secret);
                }
                below(builder.with_client_options(options).build().map_err(wrong)?, prefix)
            }
            BucketPlace::Azure { account, container, prefix } => {
                let mut builder = MicrosoftAzureBuilder::new()
                    .with_account(account)
                    .with_container_name(container)
                    .with_retry(retry);
                if let Some(secret) = secret() {
                    builder = builder.with_access_key(secret);
                }
                below(builder.with_client_options(options).build().map_err(wrong)?, prefix)
            }
            BucketPlace::Folder { path } => Arc::new(
                LocalFileSystem::new_with_prefix(path).map_err(wrong)?.with_automatic_cleanup(true),
            ),
        };
        let folder = match place {
            BucketPlace::Folder { path } => Some(path.clone()),
            _ => None,
        };
        Ok(Self { store, name: place.to_string(), folder })
    }

    /// Makes it a tier, or finds that it is one (the bucket of another machine, or of this one before its disk died).
    pub async fn adopt(&self, new_id: &TierId, now: UtcMs) -> Result<Identity, BucketError> {
        match self.read(IDENTITY_FILE).await {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|_| BucketError::Damaged),
            Err(BucketError::NotFound(_)) => {
                let identity = Identity { id: new_id.clone(), created_utc_ms: now.0 };
                let bytes = serde_json::to_vec(&identity).expect("two plain fields are JSON");
                self.write(IDENTITY_FILE, bytes.into()).await?;
                Ok(identity)
            }
            Err(error) => Err(error),
        }
    }

    /// Goes on if it is that tier.
    pub async fn check(&self, wanted: &TierId) -> Result<(), BucketError> {
        let bytes = self.read(IDENTITY_FILE).await?;
        let found: Identity = serde_json::from_slice(&bytes).map_err(|_| BucketError::Damaged)?;
        if found.id == *wanted {
            return Ok(());
        }
        Err(BucketError::Foreign { found: found.id, wanted: wanted.clone() })
    }

    /// Sends a file. `recorded` is the hash that it must have, if that is known; `pace` says how fast.
    pub async fn send(
        &self,
        file: &FilePath,
        key: &str,
        recorded: Option<&[u8; 32]>,
        pace: &mut Pace,
        clock: &SystemClock,
    ) -> Result<Sent, BucketError> {
        let path = Path::from(key);
        let mut upload = self.store.put_multipart(&path).await.map_err(BucketError::of)?;
        let sent = match parts(file, &mut *upload, pace, clock).await {
            Ok(sent) if recorded.is_some_and(|recorded| *recorded != sent.hash) => {
                Err(BucketError::SourceChanged { path: file.to_owned() })
            }
            other => other,
        };
        let sent = match sent {
            Ok(sent) => sent,
            Err(error) => {
                // What it does not forget now, the bucket's lifecycle rule does.
                let _ = upload.abort().await;
                return Err(error);
            }
        };
        upload.complete().await.map_err(BucketError::of)?;
        let found = match &self.folder {
            Some(folder) => read_back(folder.clone(), key.to_owned(), *clock).await?,
            None => Sent { bytes: self.size(key).await?, ..sent },
        };
        if found == sent {
            return Ok(sent);
        }
        Err(BucketError::Incomplete { key: key.to_owned(), found: found.bytes, sent: sent.bytes })
    }

    /// Length of an object.
    pub async fn size(&self, key: &str) -> Result<u64, BucketError> {
        self.store.head(&Path::from(key)).await.map(|meta| meta.size).map_err(BucketError::of)
    }

    /// Some bytes of an object.
    pub async fn range(&self, key: &str, range: Range<u64>) -> Result<Bytes, BucketError> {
        self.store.get_range(&Path::from(key), range).await.map_err(BucketError::of)
    }

    /// An object, or some of it, as it comes.
    pub async fn stream(
        &self,
        key: &str,
        range: Option<Range<u64>>,
    ) -> Result<BoxStream<'static, Result<Bytes, BucketError>>, BucketError> {
        let options = GetOptions::new().with_range(range);
        let found =
            self.store.get_opts(&Path::from(key), options).await.map_err(BucketError::of)?;
        Ok(Box::pin(found.into_stream().map_err(BucketError::of)))
    }

    /// Length and hash of an object, read whole.
    pub async fn hash(&self, key: &str) -> Result<Sent, BucketError> {
        let mut stream = self.stream(key, None).await?;
        let (mut hasher, mut bytes) = (blake3::Hasher::new(), 0);
        while let Some(some) = stream.try_next().await? {
            hasher.update(&some);
            bytes += len64(some.len());
        }
        Ok(Sent { bytes, hash: *hasher.finalize().as_bytes() })
    }

    /// A small object, whole.
    pub async fn read(&self, key: &str) -> Result<Bytes, BucketError> {
        let found = self.store.get(&Path::from(key)).await.map_err(BucketError::of)?;
        found.bytes().await.map_err(BucketError::of)
    }

    /// A small object, written whole.
    pub async fn write(&self, key: &str, bytes: Bytes) -> Result<(), BucketError> {
        let payload = PutPayload::from_bytes(bytes);
        self.store.put(&Path::from(key), payload).await.map(drop).map_err(BucketError::of)
    }

    /// Deletes an object; it is no error if there is none.
    pub(crate) async fn delete(&self, key: &str) -> Result<(), BucketError> {
        match self.store.delete(&Path::from(key)).await.map_err(BucketError::of) {
            Err(BucketError::NotFound(_)) => Ok(()),
            other => other,
        }
    }

    /// All objects below a folder, in no order that can be relied on.
    pub fn list(&self, folder: &str) -> BoxStream<'static, Result<Object, BucketError>> {
        let prefix = (!folder.is_empty()).then(|| Path::from(folder));
        let objects = self.store.list(prefix.as_ref());
        Box::pin(
            objects
                .map_err(BucketError::of)
                .map_ok(|meta| Object { key: meta.location.to_string(), size_bytes: meta.size }),
        )
    }
}

fn below<T: ObjectStore>(store: T, prefix: &str) -> Arc<dyn ObjectStore> {
    if prefix.is_empty() { Arc::new(store) } else { Arc::new(PrefixStore::new(store, prefix)) }
}

/// Syncs what was put into a folder, with its name, and reads it from the disk.
async fn read_back(root: PathBuf, key: String, clock: SystemClock) -> Result<Sent, BucketError> {
    let path = root.join(&key);
    let failed = |source| BucketError::Read { path: path.clone(), source };
    let reading = tokio::task::spawn_blocking({
        let path = path.clone();
        move || {
            std::fs::OpenOptions::new().write(true).open(&path)?.sync_all()?;
            for folder in path.ancestors().skip(1).take_while(|above| above.starts_with(&root)) {
                platform::sync_folder(folder)?;
            }
            let (mut pace, stop) = (Pace::new(None), Stop::default());
            copy::hash(&path, &mut Hands { pace: &mut pace, clock: &clock, stop: &stop })
                .map_err(std::io::Error::other)
        }
    });
    let found =
        reading.await.map_err(std::io::Error::other).and_then(|read| read).map_err(failed)?;
    Ok(Sent { bytes: found.bytes, hash: found.hash })
}

async fn parts(
    path: &FilePath,
    upload: &mut dyn MultipartUpload,
    pace: &mut Pace,
    clock: &SystemClock,
) -> Result<Sent, BucketError> {
    let failed = |source| BucketError::Read { path: path.to_owned(), source };
    let mut file = tokio::fs::File::open(path).await.map_err(failed)?;
    let (mut hasher, mut bytes) = (blake3::Hasher::new(), 0);
    loop {
        let mut part = Vec::with_capacity(PART);
        (&mut file).take(len64(PART)).read_to_end(&mut part).await.map_err(failed)?;
        let filled = part.len();
        if filled > 0 || bytes == 0 {
            hasher.update(&part);
            bytes += len64(filled);
            upload.put_part(PutPayload::from(part)).await.map_err(BucketError::of)?;
            // The network is no disk that others wait for: only the limit counts.
            let pause = pace.written(clock.mono(), len64(filled), Duration::ZERO);
            tokio::time::sleep(pause).await;
        }
        if filled < PART {
            return Ok(Sent { bytes, hash: *hasher.finalize().as_bytes() });
        }
    }
}

fn len64(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}
