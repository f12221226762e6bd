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
use tarsier_types::{CameraId, Credentials, Secret};

const VERSION: u8 = 1;
const NONCE_BYTES: usize = 24;

/// Encrypts and decrypts.
pub(crate) struct SecretBox {
    cipher: XChaCha20Poly1305,
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

    /// What is stored.
    pub(crate) fn seal(&self, camera: &CameraId, credentials: &Credentials) -> Vec<u8> {
        let plain = serde_json::to_vec(credentials).expect("two strings are JSON");
        self.seal_bytes(&aad(camera), &plain)
    }

    /// The same for a text of a setting.
    pub(crate) fn seal_text(&self, setting: &str, text: &str) -> Vec<u8> {
        self.seal_bytes(&aad_of_setting(setting), text.as_bytes())
    }

    /// What was stored.
    pub(crate) fn open(
        &self,
        camera: &CameraId,
        stored: &[u8],
    ) -> Result<Credentials, CannotDecrypt> {
        let plain = self.open_bytes(&aad(camera), stored)?;
        serde_json::from_slice(&plain).map_err(|_| CannotDecrypt)
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

    fn credentials() -> Credentials {
        Credentials { username: "admin".into(), password: Secret::new("canary-7f3a".into()) }
    }

    #[test]
    fn a_password_comes_back_for_its_own_camera_alone() {
        let (garden, gate) = (CameraId::new("garden").unwrap(), CameraId::new("gate").unwrap());
        let secrets = SecretBox::new(&[7; 32]);
        let stored = secrets.seal(&garden, &credentials());
        assert_eq!(secrets.open(&garden, &stored), Ok(credentials()));
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
        assert_ne!(stored, secrets.seal(&garden, &credentials()), "each time another nonce");
    }

    #[test]
    fn damaged_bytes_are_refused() {
        let garden = CameraId::new("garden").unwrap();
        let secrets = SecretBox::new(&[7; 32]);
        let stored = secrets.seal(&garden, &credentials());
        for cut in 0..stored.len() {
            assert_eq!(secrets.open(&garden, &stored[..cut]), Err(CannotDecrypt), "cut at {cut}");
        }
    }
}
