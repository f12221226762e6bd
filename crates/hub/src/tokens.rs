//! Tokens: JWT (RFC 7519), HS256, under a key derived from `secret.key`.
//!
//! What does not belong here: which route asks for which right ([`crate::http`]).

use std::time::Duration;

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use tarsier_api::rights::{Claims, Role};
use tarsier_types::UtcMs;

/// A session of the UI; renewed by it at half its life.
pub(crate) const SESSION: Duration = Duration::from_secs(12 * 3600);

/// Signs and checks.
pub(crate) struct Tokens {
    signing: EncodingKey,
    checking: DecodingKey,
}

/// The token is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TokenError {
    /// It was good once.
    #[error("the token has expired")]
    Expired,
    /// It never was.
    #[error("the token was not made by this hub")]
    Forged,
}

impl Tokens {
    /// From the bytes of `secret.key`.
    pub(crate) fn new(secret_key: &[u8; 32]) -> Self {
        let key = blake3::derive_key("tarsier 2026 api tokens", secret_key);
        Self { signing: EncodingKey::from_secret(&key), checking: DecodingKey::from_secret(&key) }
    }

    /// A token with these rights from now on.
    pub(crate) fn issue(
        &self,
        subject: &str,
        role: Role,
        cameras: Option<Vec<String>>,
        now: UtcMs,
        lifetime: Duration,
    ) -> (String, Claims) {
        let iat = now.0.div_euclid(1000);
        let exp = iat.saturating_add(i64::try_from(lifetime.as_secs()).unwrap_or(i64::MAX));
        let claims = Claims { sub: subject.to_owned(), role, cameras, iat, exp };
        let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.signing)
            .expect("plain claims can be signed with a secret");
        (token, claims)
    }

    /// What the token says, if it is ours and still good.
    pub(crate) fn check(&self, token: &str, now: UtcMs) -> Result<Claims, TokenError> {
        let mut validation = Validation::new(Algorithm::HS256);
        // Time is an argument here; the library would read its own clock.
        validation.validate_exp = false;
        validation.required_spec_claims.clear();
        let claims = jsonwebtoken::decode::<Claims>(token, &self.checking, &validation)
            .map_err(|_| TokenError::Forged)?
            .claims;
        if now.0.div_euclid(1000) >= claims.exp { Err(TokenError::Expired) } else { Ok(claims) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UtcMs = UtcMs(1_795_205_700_000);

    #[test]
    fn a_token_is_good_for_its_lifetime() {
        let tokens = Tokens::new(&[1; 32]);
        let cameras = Some(vec!["garden".to_owned()]);
        let (token, claims) =
            tokens.issue("cli", Role::Viewer, cameras, NOW, Duration::from_secs(60));
        assert_eq!(tokens.check(&token, NOW), Ok(claims));
        assert!(tokens.check(&token, NOW.plus_millis(59_000)).is_ok());
        assert_eq!(tokens.check(&token, NOW.plus_millis(60_000)), Err(TokenError::Expired));
    }

    #[test]
    fn what_we_did_not_sign_is_refused() {
        let tokens = Tokens::new(&[1; 32]);
        let (token, claims) = Tokens::new(&[2; 32]).issue("cli", Role::Admin, None, NOW, SESSION);
        assert_eq!(tokens.check(&token, NOW), Err(TokenError::Forged), "signed with another key");
        assert_eq!(tokens.check("", NOW), Err(TokenError::Forged));
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
}
