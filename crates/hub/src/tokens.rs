//! Tokens: JWT (RFC 7519), HS256, under a key derived from `secret.key`; and passwords, for programs that know no tokens.
//!
//! A password is made of all that a token says, by another such key: it is stored nowhere, can be told again at any time, and
//! is another one for other rights.
//!
//! What does not belong here: which tokens are revoked and what ends with them ([`crate::sessions`]), which route asks for
//! which right ([`crate::http`]).

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use tarsier_api::camera::Stream;
use tarsier_api::rights::{Claims, Right, Role, RtspLogin};
use tarsier_types::UtcMs;

use crate::secrets::random_bytes;

/// A session of the UI; renewed by it at half its life.
pub(crate) const SESSION: Duration = Duration::from_secs(12 * 3600);
/// A token for one stream stands in an address, where others may read it; renewed by the player at half its life.
pub(crate) const FOR_A_STREAM: Duration = Duration::from_secs(5 * 60);
/// None is good for longer.
pub(crate) const LONGEST: Duration = Duration::from_secs(315_360_000);
/// Of a token's name: 128 bits in hexadecimal.
const ID_CHARS: usize = 32;
/// FFmpeg keeps 127 characters of user name and password; people may have to type them.
const USER_CHARS: usize = 12;
/// 96 bits in hexadecimal: whoever overhears an answer to a challenge guesses in vain.
const PASSWORD_CHARS: usize = 24;

/// Tokens that are remembered as read. A player sends the same one with each part of a picture, and to check its signature costs
/// more than all else of such a request.
const MOST_REMEMBERED: usize = 256;

/// Signs, and reads what was signed.
pub(crate) struct Tokens {
    signing: EncodingKey,
    checking: DecodingKey,
    passwords: [u8; 32],
    /// By the hash of the token, which is kept nowhere.
    read: Mutex<HashMap<[u8; 32], Claims>>,
}

/// What a token gives, and to whom.
#[derive(Clone, Debug)]
pub(crate) struct Grant<'a> {
    pub(crate) subject: &'a str,
    pub(crate) role: Role,
    pub(crate) cameras: Option<Vec<String>>,
    pub(crate) streams: Option<Vec<Stream>>,
    pub(crate) rights: Option<Vec<Right>>,
}

impl<'a> Grant<'a> {
    /// All that an administrator may do.
    pub(crate) const fn everything(subject: &'a str) -> Self {
        Self { subject, role: Role::Admin, cameras: None, streams: None, rights: None }
    }
}

/// The token is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TokenError {
    /// There is none.
    #[error("there is no token")]
    Missing,
    /// It was good once.
    #[error("the token has expired")]
    Expired,
    /// It never was.
    #[error("the token was not made by this hub")]
    Forged,
    /// Somebody took it back.
    #[error("the token was revoked")]
    Revoked,
    /// There is such a user, with another password.
    #[error("the password is wrong")]
    WrongPassword,
    /// No token was handed on that goes by that name.
    #[error("there is no such user")]
    NoUser,
}

impl Tokens {
    /// From the bytes of `secret.key`.
    pub(crate) fn new(secret_key: &[u8; 32]) -> Self {
        let key = blake3::derive_key("tarsier 2026 api tokens", secret_key);
        let passwords = blake3::derive_key("tarsier 2026 rtsp passwords", secret_key);
        let (signing, checking) = (EncodingKey::from_secret(&key), DecodingKey::from_secret(&key));
        Self { signing, checking, passwords, read: Mutex::default() }
    }

    /// A new token with these rights from now on.
    pub(crate) fn issue(
        &self,
        grant: Grant<'_>,
        now: UtcMs,
        lifetime: Duration,
    ) -> (String, Claims) {
        self.renew(begin(grant), now, lifetime)
    }

    /// The same, good for so long and not longer, however it is renewed.
    pub(crate) fn give(
        &self,
        grant: Grant<'_>,
        now: UtcMs,
        lifetime: Duration,
    ) -> (String, Claims) {
        let (_, claims) = self.renew(begin(grant), now, lifetime);
        self.renew(Claims { until: Some(claims.exp), ..claims }, now, lifetime)
    }

    /// The same grant, good from now on, but not beyond its end.
    pub(crate) fn renew(&self, claims: Claims, now: UtcMs, lifetime: Duration) -> (String, Claims) {
        let iat = now.0.div_euclid(1000);
        let seconds = i64::try_from(lifetime.min(LONGEST).as_secs()).unwrap_or_default();
        let exp = iat.saturating_add(seconds).min(claims.until.unwrap_or(i64::MAX));
        let claims = Claims { iat, exp, ..claims };
        (self.sign(&claims), claims)
    }

    /// The token that says that: the same each time.
    pub(crate) fn sign(&self, claims: &Claims) -> String {
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &self.signing)
            .expect("plain claims can be signed with a secret")
    }

    /// User name and password that stand for a token of that name.
    pub(crate) fn login(&self, claims: &Claims) -> RtspLogin {
        let said = serde_json::to_vec(claims).expect("names and numbers are JSON");
        let password = blake3::keyed_hash(&self.passwords, &said).to_hex();
        RtspLogin {
            username: claims.jti.chars().take(USER_CHARS).collect(),
            password: password.as_str()[..PASSWORD_CHARS].to_owned(),
        }
    }

    /// What the token says, if it is ours and has not expired.
    pub(crate) fn check(&self, token: &str, now: UtcMs) -> Result<Claims, TokenError> {
        if token.is_empty() {
            return Err(TokenError::Missing);
        }
        let claims = self.read(token)?;
        if expires(&claims) <= now { Err(TokenError::Expired) } else { Ok(claims) }
    }

    /// What the token says, if it is ours, however old.
    pub(crate) fn read(&self, token: &str) -> Result<Claims, TokenError> {
        let hash = *blake3::hash(token.as_bytes()).as_bytes();
        let remembered = || self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(claims) = remembered().get(&hash) {
            return Ok(claims.clone());
        }
        let claims = self.verified(token)?;
        let mut read = remembered();
        if read.len() >= MOST_REMEMBERED {
            read.clear();
        }
        read.insert(hash, claims.clone());
        Ok(claims)
    }

    fn verified(&self, token: &str) -> Result<Claims, TokenError> {
        let mut validation = Validation::new(Algorithm::HS256);
        // Time is an argument here; the library would read its own clock.
        validation.validate_exp = false;
        validation.required_spec_claims.clear();
        let mut claims = jsonwebtoken::decode::<Claims>(token, &self.checking, &validation)
            .map_err(|_| TokenError::Forged)?
            .claims;
        if claims.jti.is_empty() {
            let name = blake3::hash(token.as_bytes()).to_hex();
            name.as_str()[..ID_CHARS].clone_into(&mut claims.jti);
        }
        Ok(claims)
    }
}

/// A new grant, not good at any time yet.
fn begin(grant: Grant<'_>) -> Claims {
    let Grant { subject, role, cameras, streams, rights } = grant;
    let jti = format!("{:032x}", u128::from_be_bytes(random_bytes()));
    let sub = subject.to_owned();
    Claims { jti, sub, role, cameras, streams, rights, iat: 0, exp: 0, until: None }
}

/// When it stops being good.
pub(crate) const fn expires(claims: &Claims) -> UtcMs {
    UtcMs(claims.exp.saturating_mul(1000))
}

/// Whether a text can be the name of a token.
pub(crate) fn is_id(text: &str) -> bool {
    text.len() == ID_CHARS && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UtcMs = UtcMs(1_795_205_700_000);

    #[test]
    fn a_token_is_good_for_its_lifetime() {
        let tokens = Tokens::new(&[1; 32]);
        let cameras = Some(vec!["garden".to_owned()]);
        let grant = Grant { role: Role::Viewer, cameras, ..Grant::everything("cli") };
        let (token, claims) = tokens.issue(grant, NOW, Duration::from_secs(60));
        assert_eq!(tokens.check(&token, NOW), Ok(claims));
        assert!(tokens.check(&token, NOW.plus_millis(59_000)).is_ok());
        assert_eq!(tokens.check(&token, NOW.plus_millis(60_000)), Err(TokenError::Expired));
    }

    #[test]
    fn what_we_did_not_sign_is_refused() {
        let tokens = Tokens::new(&[1; 32]);
        let (token, claims) = Tokens::new(&[2; 32]).issue(Grant::everything("cli"), NOW, SESSION);
        assert_eq!(tokens.check(&token, NOW), Err(TokenError::Forged), "signed with another key");
        assert_eq!(tokens.check("", NOW), Err(TokenError::Missing));
        // {"alg":"none","typ":"JWT"}
        let body = token.split('.').nth(1).unwrap();
        let unsigned = format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{body}.");
        assert_eq!(tokens.check(&unsigned, NOW), Err(TokenError::Forged), "alg none");
        let hs512 = jsonwebtoken::encode(
            &Header::new(Algorithm::HS512),
            &claims,
            &EncodingKey::from_secret(&blake3::derive_key("tarsier 2026 api tokens", &[1; 32])),
        )
        .unwrap();
        assert_eq!(tokens.check(&hs512, NOW), Err(TokenError::Forged), "another algorithm");
    }

    #[test]
    fn however_many_tokens_are_shown_few_are_remembered_and_forged_ones_never() {
        let tokens = Tokens::new(&[1; 32]);
        for _ in 0..2 * MOST_REMEMBERED {
            let (token, claims) = tokens.issue(Grant::everything("cli"), NOW, SESSION);
            for _ in 0..2 {
                assert_eq!(tokens.check(&token, NOW), Ok(claims.clone()));
            }
            for _ in 0..2 {
                assert_eq!(tokens.check(&format!("{token}x"), NOW), Err(TokenError::Forged));
            }
        }
        assert!(tokens.read.lock().unwrap().len() <= MOST_REMEMBERED);
    }

    #[test]
    fn a_renewed_token_is_the_same_grant() {
        let tokens = Tokens::new(&[1; 32]);
        let (_, claims) = tokens.issue(Grant::everything("cli"), NOW, Duration::from_secs(60));
        let (_, other) = tokens.issue(Grant::everything("cli"), NOW, Duration::from_secs(60));
        assert!(is_id(&claims.jti) && claims.jti != other.jti, "{} {}", claims.jti, other.jti);
        let later = NOW.plus_millis(30_000);
        let (token, renewed) = tokens.renew(claims.clone(), later, Duration::from_secs(60));
        assert_eq!((&renewed.jti, renewed.exp), (&claims.jti, claims.exp + 30));
        assert_eq!(tokens.check(&token, later), Ok(renewed));
    }

    #[test]
    fn a_token_that_is_handed_on_ends_however_it_is_renewed() {
        let tokens = Tokens::new(&[1; 32]);
        let grant = Grant { role: Role::Viewer, ..Grant::everything("The neighbour") };
        let (token, claims) = tokens.give(grant, NOW, Duration::from_secs(60));
        assert_eq!(tokens.check(&token, NOW), Ok(claims.clone()));
        let later = NOW.plus_millis(59_000);
        let (token, renewed) = tokens.renew(claims.clone(), later, SESSION);
        assert_eq!((renewed.exp, &renewed.jti), (claims.exp, &claims.jti));
        assert!(tokens.check(&token, later).is_ok());
        assert_eq!(tokens.check(&token, NOW.plus_millis(60_000)), Err(TokenError::Expired));
    }

    #[test]
    fn a_password_is_the_same_each_time_and_another_for_other_rights() {
        let tokens = Tokens::new(&[1; 32]);
        let (token, claims) = tokens.give(Grant::everything("ha"), NOW, Duration::from_secs(60));
        let login = tokens.login(&claims);
        let kept: Claims = serde_json::from_str(&serde_json::to_string(&claims).unwrap()).unwrap();
        assert_eq!(tokens.login(&kept), login, "it can be told again");
        assert_eq!(tokens.sign(&kept), token, "and so can the token");
        assert_eq!((login.username.len(), login.password.len()), (USER_CHARS, PASSWORD_CHARS));
        assert!(claims.jti.starts_with(&login.username));
        let wider = Claims { exp: claims.exp + 1, ..claims.clone() };
        assert_ne!(tokens.login(&wider).password, login.password, "for longer");
        let other = Tokens::new(&[2; 32]);
        assert_ne!(other.login(&claims).password, login.password, "of another hub");
    }

    #[test]
    fn a_token_of_the_first_versions_can_be_named_too() {
        let tokens = Tokens::new(&[1; 32]);
        let (_, claims) = tokens.issue(Grant::everything("cli"), NOW, SESSION);
        let mut old = serde_json::to_value(&claims).unwrap();
        old.as_object_mut().unwrap().remove("jti");
        let token =
            jsonwebtoken::encode(&Header::new(Algorithm::HS256), &old, &tokens.signing).unwrap();
        let read = tokens.check(&token, NOW).unwrap();
        assert!(is_id(&read.jti), "{}", read.jti);
        assert_eq!(tokens.read(&token), Ok(read), "always by the same name");
    }
}
