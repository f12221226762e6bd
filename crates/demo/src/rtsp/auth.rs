//! Who may look: Basic (RFC 7617) and Digest with MD5 (RFC 2617, as cameras still do it).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest as _, Md5};
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
                let fields = scheme.eq_ignore_ascii_case("Digest").then(|| Fields::read(rest));
                // Right for another nonce: the client need not ask its user again (RFC 2617 section 3.2.1).
                let stale = fields.as_ref().is_some_and(|fields| {
                    let right = fields.are_right(credentials, &request.method);
                    right && fields.find("nonce") != Some(self.nonce.as_str())
                });
                let right = fields.is_some_and(|fields| {
                    fields.find("nonce") == Some(self.nonce.as_str())
                        && fields.are_right(credentials, &request.method)
                });
                let more = if stale { ", stale=true" } else { "" };
                (!right).then(|| {
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

/// `name="value", name=value` of the header `Authorization`.
struct Fields(Vec<(String, String)>);

impl Fields {
    fn read(text: &str) -> Self {
        let mut fields = Vec::new();
        let mut rest = text.trim();
        while let Some((name, behind)) = rest.split_once('=') {
            let (value, behind) = match behind.strip_prefix('"') {
                Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
                None => behind.split_at(behind.find(',').unwrap_or(behind.len())),
            };
            fields.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
            rest = behind.trim_start().strip_prefix(',').unwrap_or("").trim_start();
        }
        Self(fields)
    }

    fn find(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The response fits its own nonce. The URI is taken as the client says it: cameras do not compare it.
    fn are_right(&self, credentials: &Credentials, method: &str) -> bool {
        let (Some(nonce), Some(uri), Some(response)) =
            (self.find("nonce"), self.find("uri"), self.find("response"))
        else {
            return false;
        };
        let user = self.find("username") == Some(credentials.username.as_str());
        let secret =
            md5_hex(&format!("{}:{REALM}:{}", credentials.username, credentials.password.expose()));
        let asked = md5_hex(&format!("{method}:{uri}"));
        let expected = match (self.find("qop"), self.find("nc"), self.find("cnonce")) {
            (Some(qop), Some(count), Some(client)) => {
                md5_hex(&format!("{secret}:{nonce}:{count}:{client}:{qop}:{asked}"))
            }
            _ => md5_hex(&format!("{secret}:{nonce}:{asked}")),
        };
        user && response.eq_ignore_ascii_case(&expected)
    }
}

fn md5_hex(text: &str) -> String {
    use std::fmt::Write as _;
    let mut hex = String::with_capacity(32);
    for byte in Md5::digest(text.as_bytes()) {
        let _ = write!(hex, "{byte:02x}");
    }
    hex
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
