//! Brain: who asks, as a header of the envelope (OASIS WS-Security Username Token Profile 1.0, by digest).
//!
//! ```text
//! digest = base64( SHA-1( nonce + created + password ) )
//! ```
//! A camera takes it only while `created` is near its own clock, so that is the clock it is made by. What does not belong
//! here: HTTP Digest (`tarsier_rtp::digest`).

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;
use tarsier_types::{Credentials, UtcMs};

use crate::xml::escape;

const OASIS: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss";

/// The header that shows that its sender knows the password. `nonce` is made by chance, `at` is the camera's time.
pub fn header(credentials: &Credentials, nonce: [u8; 16], at: UtcMs) -> String {
    let created = created(at);
    let password = credentials.password.expose();
    let digest = password_digest(&nonce, &created, password);
    format!(
        "<wsse:Security s:mustUnderstand=\"1\" xmlns:wsse=\"{OASIS}-wssecurity-secext-1.0.xsd\" xmlns:wsu=\"{OASIS}-wssecurity-utility-1.0.xsd\">\
         <wsse:UsernameToken><wsse:Username>{}</wsse:Username>\
         <wsse:Password Type=\"{OASIS}-username-token-profile-1.0#PasswordDigest\">{digest}</wsse:Password>\
         <wsse:Nonce EncodingType=\"{OASIS}-soap-message-security-1.0#Base64Binary\">{}</wsse:Nonce>\
         <wsu:Created>{created}</wsu:Created></wsse:UsernameToken></wsse:Security>",
        escape(&credentials.username),
        BASE64_STANDARD.encode(nonce),
    )
}

fn created(at: UtcMs) -> String {
    let at = Timestamp::from_millisecond(at.0).unwrap_or(Timestamp::UNIX_EPOCH);
    at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

fn password_digest(nonce: &[u8], created: &str, password: &str) -> String {
    let all = [nonce, created.as_bytes(), password.as_bytes()].concat();
    BASE64_STANDARD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, &all))
}

#[cfg(test)]
mod tests {
    use tarsier_types::Secret;

    use super::*;

    #[test]
    fn the_example_of_the_onvif_programmers_guide_is_right() {
        let nonce = BASE64_STANDARD.decode("LKqI6G/AikKCQrN0zqZFlg==").unwrap();
        assert_eq!(
            password_digest(&nonce, "2010-09-16T07:50:45Z", "userpassword"),
            "tuOSpGlFlIXsozq4HFNeeGeFLEI="
        );
    }

    #[test]
    fn the_password_itself_is_not_said() {
        let credentials =
            Credentials { username: "a<b".into(), password: Secret::new("canary-1".into()) };
        let header = header(&credentials, [7; 16], UtcMs(1_795_205_700_042));
        assert!(!header.contains("canary") && header.contains("<wsse:Username>a&lt;b</"));
        assert!(header.contains("<wsu:Created>2026-11-20T20:15:00.042Z<"), "{header}");
    }
}
