//! Hands: the bytes of a stored segment, from whichever tier it lives in. Viewers notice no difference.

use std::io;
use std::ops::Range;
use std::path::PathBuf;

use tarsier_index::TierKind;
use tarsier_playback::read::{OnDisk, ReadGopError, Source};
use tarsier_tiers::bucket::{Bucket, BucketError};
use tokio::runtime::Handle;

use super::Registry;

/// Where a segment is.
#[derive(Clone, Debug)]
pub(crate) enum Media {
    /// A file on a disk of this machine.
    File(PathBuf),
    /// An object, or nothing if the bucket cannot be used.
    Object(Option<Bucket>, String),
}

impl Registry {
    /// The media of a segment that lives in that tier; `below` is its path there.
    pub(crate) fn media(&self, tier: &tarsier_index::Tier, below: String) -> Media {
        match tier.kind {
            TierKind::Cache | TierKind::Archive => Media::File(tier.root.join(below)),
            TierKind::ObjectStore => Media::Object(self.bucket(&tier.id).cloned(), below),
        }
    }
}

impl Media {
    /// For a thread that may block.
    pub(crate) fn open(&self) -> Result<Box<dyn Source>, ReadGopError> {
        match self {
            Self::File(path) => Ok(Box::new(OnDisk::open(path)?)),
            Self::Object(Some(bucket), key) => {
                let (bucket, key) = (bucket.clone(), key.clone());
                Ok(Box::new(InBucket { bucket, key, runtime: Handle::current() }))
            }
            Self::Object(None, _) => Err(ReadGopError::Gone(no_bucket())),
        }
    }
}

fn no_bucket() -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, "the bucket cannot be used")
}

struct InBucket {
    bucket: Bucket,
    key: String,
    runtime: Handle,
}

impl Source for InBucket {
    fn read(&mut self, range: &Range<u64>, into: &mut Vec<u8>) -> Result<(), ReadGopError> {
        let read = self.runtime.block_on(self.bucket.range(&self.key, range.clone()));
        let bytes = read.map_err(|error| match error {
            BucketError::NotFound(_) => ReadGopError::Gone(io::Error::other(error)),
            _ => ReadGopError::Read(io::Error::other(error)),
        })?;
        into.extend_from_slice(&bytes);
        if u64::try_from(bytes.len()).ok() == range.end.checked_sub(range.start) {
            Ok(())
        } else {
            Err(ReadGopError::Changed(None))
        }
    }
}
