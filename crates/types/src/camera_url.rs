//! The address of a camera's stream, apart from the credentials.
//!
//! People paste `rtsp://admin:p@ss/word#1@192.0.2.7/stream`, where the password holds the very characters
//! that end one in RFC 3986. The last `@` before the path that still leaves a plausible host ends the
//! credentials, so such a URL is understood instead of refused. What is kept never holds a password.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::secret::Secret;

/// User name and password of a camera.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credentials {
    /// User name, in the clear.
    pub username: String,
    /// Password; shown nowhere.
    #[serde(with = "one_exposed")]
    pub password: Secret<String>,
}

mod one_exposed {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::secret::Secret;

    pub(super) fn serialize<S: Serializer>(
        secret: &Secret<String>,
        s: S,
    ) -> Result<S::Ok, S::Error> {
        secret.expose().serialize(s)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Secret<String>, D::Error> {
        String::deserialize(d).map(Secret::new)
    }
}

/// The protocols that a camera URL can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scheme {
    /// RTSP, RFC 2326.
    Rtsp,
    /// RTSP over TLS.
    Rtsps,
    /// RTMP.
    Rtmp,
    /// RTMP over TLS.
    Rtmps,
    /// SRT.
    Srt,
    /// HTTP: MPEG-TS, FLV, MJPEG, HLS.
    Http,
    /// HTTP over TLS.
    Https,
}

impl Scheme {
    const ALL: [(Self, &'static str); 7] = [
        (Self::Rtsp, "rtsp"),
        (Self::Rtsps, "rtsps"),
        (Self::Rtmp, "rtmp"),
        (Self::Rtmps, "rtmps"),
        (Self::Srt, "srt"),
        (Self::Http, "http"),
        (Self::Https, "https"),
    ];

    /// The name before `://`.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(scheme, _)| *scheme == self).map_or("rtsp", |(_, name)| name)
    }

    /// The port that is meant when none is given.
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Rtsp => 554,
            Self::Rtsps => 322,
            Self::Rtmp => 1935,
            Self::Rtmps | Self::Https => 443,
            Self::Srt => 9000,
            Self::Http => 80,
        }
    }
}

/// A camera URL without credentials.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CameraUrl {
    scheme: Scheme,
    url: url::Url,
}

/// Why a text is no camera URL; each variant is something else to do for the person who typed it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CameraUrlError {
    /// Nothing was typed.
    #[error("the URL is empty")]
    Empty,
    /// There is white space or a control character inside.
    #[error("the URL has a space or an invisible character at position {position}")]
    Space {
        /// Counted in characters, from 1.
        position: usize,
    },
    /// No `scheme://`.
    #[error("the URL does not begin with a protocol such as rtsp://")]
    NoScheme,
    /// A scheme that we do not speak.
    #[error("the protocol {scheme:?} is not supported")]
    UnknownScheme {
        /// What stands before `://`.
        scheme: String,
    },
    /// No host.
    #[error("the URL names no host")]
    NoHost,
    /// The rest cannot be read.
    #[error("the URL cannot be read: {why}")]
    Malformed {
        /// The parser's reason; never holds the URL itself.
        why: String,
    },
}

impl CameraUrl {
    /// Reads what a person pasted: the address, and the credentials if the URL held any.
    pub fn parse(text: &str) -> Result<(Self, Option<Credentials>), CameraUrlError> {
        let (url, userinfo) = Self::read(text, split_userinfo)?;
        Ok((url, userinfo.map(credentials)))
    }

    fn read(
        text: &str,
        split: impl Fn(&str) -> (Option<&str>, &str),
    ) -> Result<(Self, Option<&str>), CameraUrlError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(CameraUrlError::Empty);
        }
        if let Some(position) = text.chars().position(|c| c.is_whitespace() || c.is_control()) {
            return Err(CameraUrlError::Space { position: position + 1 });
        }
        let (scheme_text, rest) = text.split_once("://").ok_or(CameraUrlError::NoScheme)?;
        let scheme = Scheme::ALL
            .iter()
            .find(|(_, name)| scheme_text.eq_ignore_ascii_case(name))
            .map(|(scheme, _)| *scheme)
            .ok_or_else(|| CameraUrlError::UnknownScheme {
                scheme: scheme_text.chars().take(16).collect(),
            })?;
        let (userinfo, address) = split(rest);
        if address.is_empty() || address.starts_with(['/', '?', '#', ':']) {
            return Err(CameraUrlError::NoHost);
        }
        // Schemes that url does not know as "special" get no host normalisation; http has the same authority syntax.
        let url = url::Url::parse(&format!("{}://{address}", scheme.name()))
            .map_err(|error| CameraUrlError::Malformed { why: error.to_string() })?;
        if url.host_str().is_none_or(str::is_empty) {
            return Err(CameraUrlError::NoHost);
        }
        Ok((Self { scheme, url }, userinfo))
    }

    /// The protocol.
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Host name or address, IPv6 in brackets.
    pub fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// The port, the scheme's own if none was given.
    pub fn port(&self) -> u16 {
        self.url.port().unwrap_or(self.scheme.default_port())
    }

    /// The whole URL; holds no credentials.
    pub fn as_str(&self) -> &str {
        self.url.as_str()
    }
}

/// Splits `user:password@address`, by RFC 3986 where that leaves a host, else at the last `@` that does.
fn split_userinfo(rest: &str) -> (Option<&str>, &str) {
    let split = |at: usize| (Some(&rest[..at]), &rest[at + 1..]);
    let authority = authority_of(rest);
    let strict = authority.rfind('@');
    let last = rest.rfind('@');
    match (strict, last) {
        // `user:p@ss/word@192.0.2.7/`: "ss" could be a host, but the address behind the last '@' surely is one.
        (Some(at), Some(last)) if last > at && !names_its_domain(&authority[at + 1..]) => {
            split(if is_surely_host(authority_of(&rest[last + 1..])) { last } else { at })
        }
        (Some(at), _) => split(at),
        // `user:pass/word@192.0.2.7/`: "user:pass" is no host and port. `192.0.2.7/a@b` has no credentials.
        // `admin:123/x@192.0.2.7/` could be read both ways; a password must not end up in an address.
        (None, Some(last)) if authority.contains(':') && !names_its_domain(authority) => {
            let behind = authority_of(&rest[last + 1..]);
            let host_and_port = is_surely_host(authority);
            if host_and_port && !is_surely_host(behind) { (None, rest) } else { split(last) }
        }
        (None, _) => (None, rest),
    }
}

/// The same by RFC 3986 alone.
fn split_authority(rest: &str) -> (Option<&str>, &str) {
    match authority_of(rest).rfind('@') {
        Some(at) => (Some(&rest[..at]), &rest[at + 1..]),
        None => (None, rest),
    }
}

fn authority_of(rest: &str) -> &str {
    rest.split(['/', '?', '#']).next().unwrap_or_default()
}

/// An address, a name with a dot, or `localhost`: no part of a password looks like that by chance.
fn names_its_domain(authority: &str) -> bool {
    let name = authority.split(':').next().unwrap_or_default();
    is_surely_host(authority)
        && (name.starts_with('[') || name.contains('.') || name.eq_ignore_ascii_case("localhost"))
}

/// An address, a name with a dot, `localhost`, or anything with a port.
fn is_surely_host(authority: &str) -> bool {
    if let Some(bracketed) = authority.strip_prefix('[') {
        return bracketed.contains(']');
    }
    let (name, port) =
        authority.split_once(':').map_or((authority, None), |(name, port)| (name, Some(port)));
    let has_port =
        port.is_some_and(|port| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()));
    !name.is_empty()
        && (port.is_none() || has_port)
        && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_'))
        && (has_port || name.contains('.') || name.eq_ignore_ascii_case("localhost"))
}

fn credentials(userinfo: &str) -> Credentials {
    let (username, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
    Credentials {
        username: percent_decode(username),
        password: Secret::new(percent_decode(password)),
    }
}

/// `%40` -> `@`; a `%` that starts no escape stands for itself.
fn percent_decode(text: &str) -> String {
    let hex = |byte: Option<&u8>| {
        byte.and_then(|b| char::from(*b).to_digit(16)).and_then(|d| u8::try_from(d).ok())
    };
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        match (bytes[at], hex(bytes.get(at + 1)), hex(bytes.get(at + 2))) {
            (b'%', Some(high), Some(low)) => {
                out.push(high * 16 + low);
                at += 3;
            }
            (byte, _, _) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8(out).unwrap_or_else(|_| text.to_owned())
}

impl fmt::Display for CameraUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for CameraUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl TryFrom<String> for CameraUrl {
    type Error = CameraUrlError;
    /// What was kept holds no credentials: an `@` behind its host is no password, however much it looks like one.
    fn try_from(text: String) -> Result<Self, CameraUrlError> {
        Self::read(&text, split_authority).map(|(url, _)| url)
    }
}

impl From<CameraUrl> for String {
    fn from(url: CameraUrl) -> Self {
        url.url.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, url: &str, credentials: Option<(&str, &str)>) {
        let (parsed, found) = CameraUrl::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
        assert_eq!(parsed.as_str(), url, "{text}");
        let found = found.map(|c| (c.username, c.password.expose().clone()));
        assert_eq!(found, credentials.map(|(u, p)| (u.to_owned(), p.to_owned())), "{text}");
    }

    #[test]
    fn credentials_leave_the_url() {
        check("rtsp://192.0.2.7/ch1", "rtsp://192.0.2.7/ch1", None);
        check(
            "RTSP://a:b@192.0.2.7:8554/ch1?x=1",
            "rtsp://192.0.2.7:8554/ch1?x=1",
            Some(("a", "b")),
        );
        check("rtsp://admin@cam.local/", "rtsp://cam.local/", Some(("admin", "")));
        check("rtsp://[2001:db8::7]:554/x", "rtsp://[2001:db8::7]:554/x", None);
    }

    #[test]
    fn a_password_with_reserved_characters_is_understood() {
        for password in
            ["p@ss", "p@ss/word", "a:b", "what?", "hash#1", "100%", "@:/?#%", "p%zz", "a/b"]
        {
            check(
                &format!("rtsp://admin:{password}@192.0.2.7:554/ch1"),
                "rtsp://192.0.2.7:554/ch1",
                Some(("admin", password)),
            );
        }
        check("rtsp://admin:p%40ss@192.0.2.7/ch1", "rtsp://192.0.2.7/ch1", Some(("admin", "p@ss")));
    }

    #[test]
    fn an_at_sign_in_the_path_is_no_password() {
        check("rtsp://192.0.2.7:554/a@b", "rtsp://192.0.2.7:554/a@b", None);
        check("rtsp://u:p@192.0.2.7/a@b", "rtsp://192.0.2.7/a@b", Some(("u", "p")));
    }

    #[test]
    fn a_kept_url_does_not_change_its_host_when_it_is_read_again() {
        for text in
            ["rtsp://u:p@cam.local/a@b", "rtsp://u:p@cam:8554/a?b=c@192.0.2.9", "rtsp://cam/@"]
        {
            let (url, _) = CameraUrl::parse(text).unwrap();
            assert_eq!(CameraUrl::try_from(String::from(url.clone())), Ok(url), "{text}");
        }
        let by_hand = CameraUrl::try_from("rtsp://u:p@192.0.2.7/ch1".to_owned()).unwrap();
        assert_eq!(by_hand.as_str(), "rtsp://192.0.2.7/ch1", "no password stays in it");
    }

    #[test]
    fn what_is_wrong_is_said_exactly() {
        let check = |text: &str, error: CameraUrlError| {
            assert_eq!(CameraUrl::parse(text).map(|_| ()), Err(error), "{text}");
        };
        check("", CameraUrlError::Empty);
        check("rtsp://192.0.2.7/a b", CameraUrlError::Space { position: 19 });
        check("192.0.2.7", CameraUrlError::NoScheme);
        check("gopher://192.0.2.7", CameraUrlError::UnknownScheme { scheme: "gopher".into() });
        check("rtsp://", CameraUrlError::NoHost);
        check("rtsp:///path", CameraUrlError::NoHost);
        assert!(matches!(
            CameraUrl::parse("rtsp://h:99999/"),
            Err(CameraUrlError::Malformed { .. })
        ));
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics_and_no_password_stays(user in "[a-z]{1,8}", password in "[!-~]{1,16}") {
            let text = format!("rtsp://{user}:{password}@192.0.2.7:554/ch1");
            if let Ok((url, _)) = CameraUrl::parse(&text) && password.len() > 6 {
                proptest::prop_assert!(!url.as_str().contains(&password), "{} kept {}", url, password);
            }
        }
    }
}
