//! Camera passwords at rest: XChaCha20-Poly1305 under a key that is derived from `secret.key`.
//!
//! ```text
//! | version 1 (1 byte) | nonce (24 bytes) | ciphertext and tag |
//! ```
//! The camera's id and the column are authenticated with it, so that a row moved to another camera does not
//! decrypt. What does not belong here: where the bytes are kept.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use rand::TryRngCore;
use serde::{Deserialize, Serialize};
use tarsier_types::{CameraId, Credentials, Secret};

const VERSION: u8 = 1;
const NONCE_BYTES: usize = 24;

/// Encrypts and decrypts.
pub(crate) struct SecretBox {
    cipher: XChaCha20Poly1305,
}

/// Who is asked for at a camera: for its pictures, and for turning it, where that is another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) pictures: Option<Credentials>,
    pub(crate) onvif: Option<Credentials>,
}

/// As it is sealed. Those of the pictures stand outside: so they stood alone once.
#[derive(Serialize, Deserialize)]
struct Stored {
    #[serde(flatten)]
    pictures: Credentials,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    onvif: Option<Credentials>,
}

/// The bytes were not made by this key for this camera.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the stored password cannot be decrypted: secret.key is not the one it was stored with")]
pub(crate) struct CannotDecrypt;

impl SecretBox {
    /// From the bytes of `secret.key`.
    pub(crate) fn new(secret_key: &[u8; 32]) -> Self {
        let key = blake3::derive_key("tarsier 2026 camera credentials at rest", secret_key);
        Self { cipher: XChaCha20Poly1305::new(&key.into()) }
    }

    /// What is stored; nothing if nothing is known.
    pub(crate) fn seal(&self, camera: &CameraId, known: &Known) -> Option<Vec<u8>> {
        if known == &Known::default() {
            return None;
        }
        let nobody =
            || Credentials { username: String::new(), password: Secret::new(String::new()) };
        let pictures = known.pictures.clone().unwrap_or_else(nobody);
        let stored = Stored { pictures, onvif: known.onvif.clone() };
        let plain = serde_json::to_vec(&stored).expect("strings are JSON");
        Some(self.seal_bytes(&aad(camera), &plain))
    }

    /// The same for a text of a setting.
    pub(crate) fn seal_text(&self, setting: &str, text: &str) -> Vec<u8> {
        self.seal_bytes(&aad_of_setting(setting), text.as_bytes())
    }

    /// What was stored.
    pub(crate) fn open(&self, camera: &CameraId, stored: &[u8]) -> Result<Known, CannotDecrypt> {
        let plain = self.open_bytes(&aad(camera), stored)?;
        let Stored { pictures, onvif } =
            serde_json::from_slice(&plain).map_err(|_| CannotDecrypt)?;
        let is_nobody = pictures.username.is_empty() && pictures.password.expose().is_empty();
        Ok(Known { pictures: (!is_nobody).then_some(pictures), onvif })
    }

    /// The same for a text of a setting.
    pub(crate) fn open_text(
        &self,
        setting: &str,
        stored: &[u8],
    ) -> Result<Secret<String>, CannotDecrypt> {
        let plain = self.open_bytes(&aad_of_setting(setting), stored)?;
        String::from_utf8(plain).map(Secret::new).map_err(|_| CannotDecrypt)
    }

    /// What is stored of any secret. `place` says where it belongs: it opens nowhere else.
    pub(crate) fn seal_bytes(&self, place: &str, plain: &[u8]) -> Vec<u8> {
        let nonce = random_bytes::<NONCE_BYTES>();
        let sealed = self
            .cipher
            .encrypt(&XNonce::from(nonce), Payload { msg: plain, aad: place.as_bytes() })
            .expect("secrets are far below the cipher's limit of 256 GiB");
        [&[VERSION][..], &nonce, &sealed].concat()
    }

    /// What was sealed for that place.
    pub(crate) fn open_bytes(&self, place: &str, stored: &[u8]) -> Result<Vec<u8>, CannotDecrypt> {
        let (version, rest) = stored.split_first().ok_or(CannotDecrypt)?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE_BYTES>().ok_or(CannotDecrypt)?;
        if *version != VERSION {
            return Err(CannotDecrypt);
        }
        self.cipher
            .decrypt(&XNonce::from(*nonce), Payload { msg: sealed, aad: place.as_bytes() })
            .map_err(|_| CannotDecrypt)
    }
}

fn aad(camera: &CameraId) -> String {
    format!("cameras.secret/{camera}")
}

fn aad_of_setting(setting: &str) -> String {
    format!("settings.value/{setting}")
}

/// From the operating system.
pub(crate) fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::rngs::OsRng
        .try_fill_bytes(&mut bytes)
        .expect("the operating system has randomness for keys");
    bytes
}

#[cfg(test)]
mod tests {
    use tarsier_types::Secret;

    use super::*;

    fn credentials(username: &str) -> Credentials {
        Credentials { username: username.into(), password: Secret::new("canary-7f3a".into()) }
    }

    fn known() -> Known {
        Known { pictures: Some(credentials("admin")), onvif: None }
    }

    #[test]
    fn a_password_comes_back_for_its_own_camera_alone() {
        let (garden, gate) = (CameraId::new("garden").unwrap(), CameraId::new("gate").unwrap());
        let secrets = SecretBox::new(&[7; 32]);
        let stored = secrets.seal(&garden, &known()).unwrap();
        assert_eq!(secrets.open(&garden, &stored), Ok(known()));
        assert_eq!(
            secrets.open(&gate, &stored),
            Err(CannotDecrypt),
            "a row moved to another camera is refused"
        );
        assert_eq!(SecretBox::new(&[8; 32]).open(&garden, &stored), Err(CannotDecrypt));
        assert!(
            !stored.windows(6).any(|window| window == b"canary"),
            "nothing is readable at rest"
        );
        assert_ne!(Some(stored), secrets.seal(&garden, &known()), "each time another nonce");
    }

    #[test]
    fn who_turns_a_camera_is_kept_beside_who_watches_it() {
        let garden = CameraId::new("garden").unwrap();
        let secrets = SecretBox::new(&[7; 32]);
        for pictures in [None, Some(credentials("admin"))] {
            for onvif in [None, Some(credentials("onvif"))] {
                let known = Known { pictures: pictures.clone(), onvif };
                let stored = secrets.seal(&garden, &known);
                assert_eq!(stored.is_none(), known == Known::default());
                let opened = stored.map(|stored| secrets.open(&garden, &stored).unwrap());
                assert_eq!(opened.unwrap_or_default(), known);
            }
        }
        // As it was sealed when there were only pictures.
        let plain = br#"{"username":"admin","password":"canary-7f3a"}"#;
        let old = secrets.seal_bytes(&aad(&garden), plain);
        assert_eq!(secrets.open(&garden, &old), Ok(known()));
    }

    #[test]
    fn damaged_bytes_are_refused() {
        let garden = CameraId::new("garden").unwrap();
        let secrets = SecretBox::new(&[7; 32]);
        let stored = secrets.seal(&garden, &known()).unwrap();
        for cut in 0..stored.len() {
            assert_eq!(secrets.open(&garden, &stored[..cut]), Err(CannotDecrypt), "cut at {cut}");
        }
    }
}
