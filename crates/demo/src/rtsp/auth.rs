//! Who may look: Basic (RFC 7617) and Digest with MD5 (RFC 2617, as cameras still do it).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tarsier_rtp::digest::{Algorithm, Answer};
use tarsier_rtp::message::Request;
use tarsier_types::Credentials;

use crate::options::AuthScheme;

const REALM: &str = "Tarsier demo";

/// Judges one connection's requests.
pub(super) struct Gate {
    scheme: AuthScheme,
    credentials: Option<Credentials>,
    nonce: String,
}

impl Gate {
    /// Without credentials everybody may look, whatever the scheme.
    pub(super) fn new(scheme: AuthScheme, credentials: Option<Credentials>, nonce: String) -> Self {
        Self { scheme, credentials, nonce }
    }

    /// Nothing if the request may pass, else the header `WWW-Authenticate`.
    pub(super) fn challenge(&self, request: &Request) -> Option<String> {
        let credentials = self.credentials.as_ref()?;
        let header = request.header("Authorization").unwrap_or_default();
        let (scheme, rest) = header.split_once(' ').unwrap_or((header, ""));
        match self.scheme {
            AuthScheme::None => None,
            AuthScheme::Basic => {
                let right = scheme.eq_ignore_ascii_case("Basic")
                    && basic_is_right(credentials, rest.trim());
                (!right).then(|| format!("Basic realm=\"{REALM}\""))
            }
            AuthScheme::Digest => {
                let answer = Answer::read(header).filter(|answer| {
                    answer.algorithm == Algorithm::Md5
                        && answer.realm == REALM
                        && answer.username == credentials.username
                        && answer.proves(credentials.password.expose(), &request.method)
                });
                let is_fresh = answer.as_ref().is_some_and(|answer| answer.nonce == self.nonce);
                // Right for another nonce: the client need not ask its user again (RFC 2617 section 3.2.1).
                let more = if answer.is_some() { ", stale=true" } else { "" };
                (!is_fresh).then(|| {
                    format!(
                        "Digest realm=\"{REALM}\", nonce=\"{}\", algorithm=MD5{more}",
                        self.nonce
                    )
                })
            }
        }
    }
}

fn basic_is_right(credentials: &Credentials, encoded: &str) -> bool {
    let expected = format!("{}:{}", credentials.username, credentials.password.expose());
    STANDARD.decode(encoded).is_ok_and(|given| given == expected.as_bytes())
}

#[cfg(test)]
mod tests {
    use tarsier_rtp::message::{Incoming, parse};
    use tarsier_types::Secret;

    use super::*;

    fn request(authorization: &str) -> Request {
        let text = format!(
            "DESCRIBE rtsp://h/cam1/main RTSP/1.0\r\nCSeq: 1\r\nAuthorization: {authorization}\r\n\r\n"
        );
        let Ok(Incoming::Request(request, _)) = parse(text.as_bytes()) else { panic!("not read") };
        request
    }

    fn gate(scheme: AuthScheme) -> Gate {
        let credentials = Credentials {
            username: "admin".into(),
            password: Secret::new("Circle:Of,Life".to_owned()),
        };
        Gate::new(scheme, Some(credentials), "abc".into())
    }

    fn digest(nonce: &str, response: &str) -> Request {
        request(&format!(
            "Digest username=\"admin\", realm=\"Tarsier demo\", nonce=\"{nonce}\", uri=\"rtsp://h/cam1/main\", \
             response=\"{response}\", algorithm=MD5"
        ))
    }

    #[test]
    fn digest_lets_in_who_knows_the_password_and_nobody_else() {
        let gate = gate(AuthScheme::Digest);
        // Calculated apart: md5(md5("admin:Tarsier demo:Circle:Of,Life") ":abc:" md5("DESCRIBE:rtsp://h/cam1/main"))
        assert_eq!(gate.challenge(&digest("abc", RIGHT_FOR_ABC)), None);
        let wrong = gate.challenge(&digest("abc", &RIGHT_FOR_ABC.replace('0', "1"))).unwrap();
        assert!(
            wrong.starts_with("Digest ") && !wrong.contains("stale"),
            "wrong password: {wrong}"
        );
        assert!(
            gate.challenge(&request("Basic YWRtaW46eA==")).is_some(),
            "another scheme is not let in"
        );
        assert!(gate.challenge(&request("Digest")).is_some(), "an empty answer is not let in");
        let stale = gate.challenge(&digest("old", RIGHT_FOR_OLD)).unwrap();
        assert!(stale.contains("stale=true"), "the right password with an old nonce: {stale}");
    }

    const RIGHT_FOR_ABC: &str = "4731aedd5faa55bac79da45caba0462b";
    const RIGHT_FOR_OLD: &str = "f4bec3fef45a9112f4ebc61e3ce615af";

    #[test]
    fn basic_lets_in_who_knows_the_password_and_nobody_else() {
        let gate = gate(AuthScheme::Basic);
        assert_eq!(gate.challenge(&request("Basic YWRtaW46Q2lyY2xlOk9mLExpZmU=")), None);
        assert!(gate.challenge(&request("Basic YWRtaW46eA==")).is_some());
        assert!(gate.challenge(&request("")).is_some());
    }
}
