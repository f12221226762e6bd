//! Hands: `DATA/revoked.json`, the tokens that are good for nothing any more. Beside `secret.key` and not in the index: a
//! lost index must not bring them back.

use std::fs;
use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use tarsier_api::rights::Claims;
use tarsier_types::UtcMs;

use crate::data_dir::replace;
use crate::tokens::LONGEST;

/// What is in the file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Revoked {
    /// Whatever was issued earlier is revoked, by whatever name; seconds since 1970. Set when the file could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    all_before_utc_s: Option<i64>,
    tokens: Vec<RevokedToken>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct RevokedToken {
    id: String,
    revoked_utc_ms: i64,
}

impl Revoked {
    /// Revokes one. Those that have expired by now, whatever they were, are left out.
    pub(crate) fn add(&mut self, id: &str, now: UtcMs) {
        let longest_ms = i64::try_from(LONGEST.as_millis()).unwrap_or(i64::MAX);
        self.tokens.retain(|token| token.revoked_utc_ms.saturating_add(longest_ms) > now.0);
        if !self.tokens.iter().any(|token| token.id == id) {
            self.tokens.push(RevokedToken { id: id.to_owned(), revoked_utc_ms: now.0 });
        }
    }

    /// Whether a token is among them.
    pub(crate) fn holds(&self, claims: &Claims) -> bool {
        self.all_before_utc_s.is_some_and(|before| claims.iat < before)
            || self.tokens.iter().any(|token| token.id == claims.jti)
    }
}

/// The file.
#[derive(Clone, Debug)]
pub(crate) struct RevokedFile {
    path: PathBuf,
}

impl RevokedFile {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// What is revoked. When the file is damaged, every token that there is: better a new one for everybody than an old one
    /// for somebody.
    pub(crate) fn read(&self, now: UtcMs) -> io::Result<Revoked> {
        let bytes = match fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Revoked::default()),
            Err(error) => return Err(error),
        };
        if let Ok(revoked) = serde_json::from_slice(&bytes) {
            return Ok(revoked);
        }
        tracing::error!(path = %self.path.display(), "the list of revoked tokens is damaged: no token that was made until now is taken any more");
        let all = Revoked { all_before_utc_s: Some(now.0.div_euclid(1000)), ..Revoked::default() };
        self.write(&all)?;
        Ok(all)
    }

    /// Writes it as a whole.
    pub(crate) fn write(&self, revoked: &Revoked) -> io::Result<()> {
        let text = serde_json::to_string(revoked).expect("names and numbers are JSON");
        replace(&self.path, text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokens::{Grant, SESSION, Tokens};

    const NOW: UtcMs = UtcMs(1_795_205_700_000);

    fn token(at: UtcMs) -> Claims {
        Tokens::new(&[1; 32]).issue(Grant::everything("test"), at, SESSION).1
    }

    #[test]
    fn what_is_revoked_stays_so_until_it_must_have_expired() {
        let (one, other) = (token(NOW), token(NOW));
        let mut revoked = Revoked::default();
        revoked.add(&one.jti, NOW);
        revoked.add(&one.jti, NOW.plus_millis(5));
        assert!(revoked.holds(&one) && !revoked.holds(&other));
        assert_eq!(revoked.tokens.len(), 1);
        let folder = tempfile::tempdir().unwrap();
        let file = RevokedFile::new(folder.path().join("revoked.json"));
        assert_eq!(file.read(NOW).unwrap(), Revoked::default(), "there is no file yet");
        file.write(&revoked).unwrap();
        assert_eq!(file.read(NOW).unwrap(), revoked);
        let ten_years = i64::try_from(LONGEST.as_millis()).unwrap();
        revoked.add(&other.jti, NOW.plus_millis(ten_years - 1));
        assert!(revoked.holds(&one), "a token of ten years");
        revoked.add(&other.jti, NOW.plus_millis(ten_years));
        assert!(!revoked.holds(&one) && revoked.holds(&other));
    }

    #[test]
    fn a_damaged_list_lets_nobody_back_in() {
        let folder = tempfile::tempdir().unwrap();
        let file = RevokedFile::new(folder.path().join("revoked.json"));
        fs::write(&file.path, "{\"tokens\":[").unwrap();
        for _ in 0..2 {
            let revoked = file.read(NOW).unwrap();
            assert!(revoked.holds(&token(NOW.plus_millis(-1000))), "made before");
            assert!(!revoked.holds(&token(NOW)), "made since");
        }
    }
}
