//! Hands: `DATA/given.json`, what the tokens say that were handed on (`POST /api/v1/tokens`): without it, nobody would find
//! one again that was not used yet, to take it back.
//!
//! No token and no password is in it, only what they are made of, with the key. Whoever changes it makes other passwords of
//! them, which nobody knows. If it is lost, tokens are listed once they are used, and user names and passwords for RTSP, which
//! are looked up in it, are good for nothing.

use std::fs;
use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use tarsier_api::rights::Claims;
use tarsier_types::UtcMs;

use crate::data_dir::replace;
use crate::tokens::expires;

/// Beyond that, the one that ends first by itself is forgotten.
const MOST_GIVEN: usize = 1000;

/// What is in the file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Given {
    tokens: Vec<Claims>,
}

impl Given {
    /// One more. Those that have expired are left out.
    pub(crate) fn add(&mut self, claims: Claims, now: UtcMs) {
        self.tokens.push(claims);
        self.tokens.retain(|claims| expires(claims) > now);
        if self.tokens.len() > MOST_GIVEN
            && let Some(first) = (0..self.tokens.len()).min_by_key(|at| self.tokens[*at].exp)
        {
            self.tokens.remove(first);
        }
    }

    /// Without those.
    pub(crate) fn forget(&mut self, is_gone: impl Fn(&Claims) -> bool) {
        self.tokens.retain(|claims| !is_gone(claims));
    }

    /// Those that are good still.
    pub(crate) fn good(&self, now: UtcMs) -> impl Iterator<Item = &Claims> {
        self.tokens.iter().filter(move |claims| expires(claims) > now)
    }
}

/// The file.
#[derive(Clone, Debug)]
pub(crate) struct GivenFile {
    path: PathBuf,
}

impl GivenFile {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// What was given. A damaged list is begun anew.
    pub(crate) fn read(&self) -> io::Result<Given> {
        let bytes = match fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Given::default()),
            Err(error) => return Err(error),
        };
        Ok(serde_json::from_slice(&bytes).unwrap_or_else(|error| {
            tracing::error!(path = %self.path.display(), %error, "the list of tokens that were handed on is damaged: they are listed again when they are used");
            Given::default()
        }))
    }

    /// Writes it as a whole.
    pub(crate) fn write(&self, given: &Given) -> io::Result<()> {
        let text = serde_json::to_string(given).expect("names and numbers are JSON");
        replace(&self.path, text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::tokens::{Grant, Tokens};

    const NOW: UtcMs = UtcMs(1_795_205_700_000);

    fn token(seconds: u64) -> Claims {
        let lifetime = Duration::from_secs(seconds);
        Tokens::new(&[1; 32]).issue(Grant::everything("test"), NOW, lifetime).1
    }

    #[test]
    fn what_was_given_is_kept_until_it_expires() {
        let folder = tempfile::tempdir().unwrap();
        let file = GivenFile::new(folder.path().join("given.json"));
        let (short, long) = (token(60), token(600));
        let mut given = file.read().unwrap();
        given.add(short.clone(), NOW);
        given.add(long.clone(), NOW);
        file.write(&given).unwrap();
        let mut given = file.read().unwrap();
        assert_eq!(given.good(NOW).collect::<Vec<_>>(), [&short, &long]);
        let later = NOW.plus_millis(60_000);
        assert_eq!(given.good(later).collect::<Vec<_>>(), [&long]);
        given.add(token(60), later);
        assert_eq!(given.tokens, [long], "what has expired is not kept, not even what is new");
    }

    #[test]
    fn when_there_are_too_many_the_one_that_ends_first_is_forgotten() {
        let mut given = Given::default();
        let first = token(30);
        for n in 0..MOST_GIVEN {
            given.add(if n == 7 { first.clone() } else { token(60) }, NOW);
        }
        assert!(given.tokens.contains(&first));
        given.add(token(60), NOW);
        assert_eq!(given.tokens.len(), MOST_GIVEN);
        assert!(!given.tokens.contains(&first));
    }

    #[test]
    fn a_damaged_list_is_begun_anew() {
        let folder = tempfile::tempdir().unwrap();
        let file = GivenFile::new(folder.path().join("given.json"));
        fs::write(&file.path, "{\"tokens\":[").unwrap();
        assert_eq!(file.read().unwrap(), Given::default());
    }
}
