//! Hands: the tiers that are set up, as things that can be spoken to.
//!
//! How they are set up is kept in a setting as well, and with it in `cameras.json`: a lost index does not lose them.

use std::collections::BTreeSet;
use std::path::PathBuf;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};
use tarsier_index::{Index, IndexError, Tier, TierSetup};
use tarsier_tiers::bucket::{Bucket, BucketKey, BucketPlace};
use tarsier_tiers::shown::{kind_in_index, kind_in_rules};
use tarsier_tiers::{TierId, TierKind};
use tarsier_types::Secret;

use crate::secrets::SecretBox;

/// A tier in a folder.
#[derive(Clone, Debug)]
pub(crate) struct Local {
    pub(crate) id: TierId,
    pub(crate) kind: TierKind,
    pub(crate) root: PathBuf,
    pub(crate) name: String,
}

/// A tier in a bucket.
#[derive(Clone, Debug)]
pub(crate) struct Remote {
    pub(crate) id: TierId,
    pub(crate) place: BucketPlace,
    pub(crate) name: String,
    /// `None`: its settings or its key are unusable.
    pub(crate) bucket: Option<Bucket>,
}

/// All of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Registry {
    pub(crate) locals: Vec<Local>,
    pub(crate) remotes: Vec<Remote>,
}

/// What a bucket's key is kept as, sealed.
#[derive(Serialize, Deserialize)]
struct StoredKey {
    id: String,
    secret: String,
}

impl Registry {
    /// As the index has them.
    pub(crate) fn load(index: &Index, secrets: &SecretBox) -> Result<Self, IndexError> {
        let mut registry = Self::default();
        for setup in index.tier_setups()? {
            let Ok(id) = TierId::new(setup.tier.id.as_str()) else { continue };
            let kind = kind_in_rules(setup.tier.kind);
            let name = setup.name.clone();
            if kind.is_local() {
                registry.locals.push(Local { id, kind, root: setup.tier.root, name });
                continue;
            }
            let place = match serde_json::from_str::<BucketPlace>(&setup.config_json) {
                Ok(place) => place,
                Err(error) => {
                    tracing::error!(tier = %id, %error, "a bucket's settings cannot be read");
                    continue;
                }
            };
            let bucket = key_of(&setup, secrets).and_then(|key| {
                Bucket::new(&place, &key)
                    .inspect_err(|error| {
                        let error: &dyn std::error::Error = error;
                        tracing::error!(tier = %id, error, "a bucket cannot be used");
                    })
                    .ok()
            });
            registry.remotes.push(Remote { id, place, name, bucket });
        }
        Ok(registry)
    }

    pub(crate) fn local(&self, id: &TierId) -> Option<&Local> {
        self.locals.iter().find(|local| local.id == *id)
    }

    pub(crate) fn bucket(&self, id: &str) -> Option<&Bucket> {
        self.remotes.iter().find(|remote| remote.id.as_str() == id)?.bucket.as_ref()
    }

    /// All there are.
    pub(crate) fn ids(&self) -> BTreeSet<&TierId> {
        let locals = self.locals.iter().map(|local| &local.id);
        locals.chain(self.remotes.iter().map(|remote| &remote.id)).collect()
    }

    /// Folders used as buckets that were not there when they were to be opened. Nothing but time is wrong with them.
    pub(crate) fn unopened(&self) -> impl Iterator<Item = &Remote> {
        self.remotes.iter().filter(|remote| {
            remote.bucket.is_none() && matches!(remote.place, BucketPlace::Folder { .. })
        })
    }

    /// What people call it.
    pub(crate) fn name(&self, id: &TierId) -> String {
        let local = || {
            let local = self.local(id)?;
            let own = local.root.display().to_string();
            Some(if local.name.is_empty() { own } else { local.name.clone() })
        };
        let remote = || {
            let remote = self.remotes.iter().find(|remote| remote.id == *id)?;
            let own = remote.place.to_string();
            Some(if remote.name.is_empty() { own } else { remote.name.clone() })
        };
        local().or_else(remote).unwrap_or_else(|| id.to_string())
    }
}

fn key_of(setup: &TierSetup, secrets: &SecretBox) -> Option<BucketKey> {
    let Some(sealed) = &setup.secret else { return Some(BucketKey::default()) };
    let opened = secrets.open_bytes(&secret_place(&setup.tier.id), sealed).ok();
    let key = opened.and_then(|plain| serde_json::from_slice::<StoredKey>(&plain).ok());
    if key.is_none() {
        tracing::error!(
            tier = setup.tier.id,
            "the key of a bucket cannot be decrypted: type it again"
        );
    }
    let StoredKey { id, secret } = key?;
    Some(BucketKey { id, secret: Some(Secret::new(secret)) })
}

/// What is stored of a bucket's key; nothing if there is none.
pub(crate) fn seal_key(secrets: &SecretBox, tier: &str, key: &BucketKey) -> Option<Vec<u8>> {
    let secret = key.secret.as_ref()?.expose().clone();
    let stored = StoredKey { id: key.id.clone(), secret };
    let plain = serde_json::to_vec(&stored).expect("two strings are JSON");
    Some(secrets.seal_bytes(&secret_place(tier), &plain))
}

fn secret_place(tier: &str) -> String {
    format!("tiers.secret/{tier}")
}

/// Setting under which the set-ups are kept, as JSON.
pub(crate) const TIERS: &str = "storage.tiers";

/// A set-up in that setting. The secret is encrypted, as in the index.
#[derive(Serialize, Deserialize)]
struct KeptSetup {
    id: String,
    root: PathBuf,
    kind: TierKind,
    name: String,
    config_json: String,
    secret: Option<String>,
}

/// The setting follows what the index has.
pub(crate) fn keep_setups(index: &Index) -> Result<(), IndexError> {
    let kept = |setup: TierSetup| KeptSetup {
        id: setup.tier.id,
        root: setup.tier.root,
        kind: kind_in_rules(setup.tier.kind),
        name: setup.name,
        config_json: setup.config_json,
        secret: setup.secret.map(|sealed| BASE64_STANDARD.encode(sealed)),
    };
    let setups: Vec<KeptSetup> = index.tier_setups()?.into_iter().map(kept).collect();
    index.put_setting(TIERS, &serde_json::to_string(&setups).expect("plain fields are JSON"))
}

/// What the setting has and the index does not: it is a new one.
pub(crate) fn restore_setups(index: &Index) -> Result<(), IndexError> {
    let Some(json) = index.setting(TIERS)? else { return Ok(()) };
    let kept: Vec<KeptSetup> = serde_json::from_str(&json).unwrap_or_else(|error| {
        tracing::error!(%error, "how the tiers were set up cannot be read: add them again");
        Vec::new()
    });
    let known = index.tiers()?;
    for setup in kept.into_iter().filter(|kept| known.iter().all(|tier| tier.id != kept.id)) {
        tracing::warn!(tier = setup.id, "a place for footage is known again");
        index.put_tier_setup(&TierSetup {
            tier: Tier { id: setup.id, root: setup.root, kind: kind_in_index(setup.kind) },
            name: setup.name,
            config_json: setup.config_json,
            secret: setup.secret.and_then(|sealed| BASE64_STANDARD.decode(sealed).ok()),
        })?;
    }
    Ok(())
}
