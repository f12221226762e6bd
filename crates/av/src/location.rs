//! What libav is told to open: a URL and options. Made in memory, shown nowhere.
//!
//! What does not belong here: opening it.

use std::path::Path;
use std::time::Duration;

use tarsier_types::{CameraUrl, Credentials, Scheme, Secret, Transport};

/// Socket timeout for libav's own layers. The interrupt callback is what holds; this one makes it say "timed out".
pub(crate) const SOCKET_TIMEOUT: Duration = Duration::from_secs(5);
const SOCKET_TIMEOUT_US: &str = "5000000";
/// How long libav may look at a stream before it tells what is in it.
const ANALYSE_US: &str = "2000000";
/// Receive buffer of a UDP socket: an intra picture of 4K is about 1 MB and comes in one burst.
const UDP_BUFFER_BYTES: &str = "4000000";

/// A place with pictures.
#[derive(Debug)]
pub(crate) struct Location {
    pub(crate) url: Secret<String>,
    pub(crate) options: Vec<(&'static str, Secret<String>)>,
    pub(crate) place: Place,
    pub(crate) has_credentials: bool,
}

/// Where that is.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    /// Behind a socket.
    Network { scheme: Scheme, host: String, port: u16 },
    /// On this machine.
    File,
}

impl Location {
    /// A camera's stream.
    pub(crate) fn camera(
        url: &CameraUrl,
        transport: Transport,
        credentials: Option<&Credentials>,
    ) -> Self {
        let scheme = url.scheme();
        let mut options = options_of(scheme, transport);
        let mut text = url.as_str().to_owned();
        match credentials {
            // SRT knows no user: what is secret there is the passphrase.
            Some(credentials) if scheme == Scheme::Srt => {
                let passphrase =
                    Some(credentials.password.clone()).filter(|secret| !secret.expose().is_empty());
                options.extend(passphrase.map(|passphrase| ("passphrase", passphrase)));
            }
            Some(credentials) => text = with_userinfo(&text, credentials),
            None => {}
        }
        Self {
            url: Secret::new(text),
            options,
            place: Place::Network {
                scheme,
                host: url.host().trim_start_matches('[').trim_end_matches(']').to_owned(),
                port: url.port(),
            },
            has_credentials: credentials.is_some(),
        }
    }

    /// A file. libav would take `http:x` for a URL, so that the path is always given as one.
    pub(crate) fn file(path: &Path) -> Self {
        let options = [("protocol_whitelist", "file"), ("fpsprobesize", "0")];
        Self {
            url: Secret::new(format!("file:{}", path.display())),
            options: options.map(plain).into(),
            place: Place::File,
            has_credentials: false,
        }
    }

    /// libav takes C strings; a NUL would end one early and make another name of it.
    pub(crate) fn has_nul(&self) -> bool {
        let values = self.options.iter().map(|(_, value)| value.expose());
        values.chain([self.url.expose()]).any(|text| text.contains('\0'))
    }
}

fn plain((key, value): (&'static str, &str)) -> (&'static str, Secret<String>) {
    (key, Secret::new(value.to_owned()))
}

/// A playlist or a redirection that a camera sends must not make libav read files of this machine, so that each
/// scheme names the protocols that it may lead to.
fn options_of(scheme: Scheme, transport: Transport) -> Vec<(&'static str, Secret<String>)> {
    let mut options = vec![("analyzeduration", ANALYSE_US), ("fpsprobesize", "0")];
    match scheme {
        Scheme::Rtsp | Scheme::Rtsps => {
            let over = match transport {
                Transport::Tcp => "tcp",
                Transport::Udp => "udp",
            };
            options.extend([
                ("protocol_whitelist", "rtsp,rtsps,rtp,udp,tcp,tls"),
                ("rtsp_transport", over),
                ("timeout", SOCKET_TIMEOUT_US),
                ("allowed_media_types", "video+audio"),
                ("buffer_size", UDP_BUFFER_BYTES),
                ("user_agent", "Tarsier"),
            ]);
        }
        Scheme::Rtmp | Scheme::Rtmps => options.extend([
            ("protocol_whitelist", "rtmp,rtmps,tcp,tls"),
            ("rw_timeout", SOCKET_TIMEOUT_US),
            ("rtmp_live", "live"),
        ]),
        Scheme::Srt => {
            options.extend([("protocol_whitelist", "srt"), ("rw_timeout", SOCKET_TIMEOUT_US)]);
        }
        Scheme::Http | Scheme::Https => options.extend([
            ("protocol_whitelist", "http,https,tcp,tls,crypto"),
            ("rw_timeout", SOCKET_TIMEOUT_US),
            ("seekable", "0"),
            ("user_agent", "Tarsier"),
        ]),
    }
    options.into_iter().map(plain).collect()
}

fn with_userinfo(url: &str, credentials: &Credentials) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let username = percent_encode(&credentials.username);
    let password = percent_encode(credentials.password.expose());
    format!("{scheme}://{username}:{password}@{rest}")
}

/// Encodes what would end the user information, and nothing else: libav keeps only the first 127 bytes of it.
fn percent_encode(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '%' | '@' | ':' | '/' | '?' | '#' | '[' | ']' | '\\' | ' ')
            || c.is_ascii_control()
        {
            write!(out, "%{:02X}", u32::from(c)).expect("a String takes whatever is written to it");
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn location(text: &str) -> Location {
        let (url, credentials) = CameraUrl::parse(text).unwrap();
        Location::camera(&url, Transport::Tcp, credentials.as_ref())
    }

    #[test]
    fn a_password_with_reserved_characters_stays_in_its_place() {
        let made = location("rtsp://admin:p@ss/w#1%@192.0.2.7:554/ch1?x=1");
        assert_eq!(made.url.expose(), "rtsp://admin:p%40ss%2Fw%231%25@192.0.2.7:554/ch1?x=1");
        assert!(made.has_credentials);
    }

    #[test]
    fn nothing_of_a_location_can_be_printed() {
        let shown = format!("{:?}", location("rtmp://admin:hunter2@192.0.2.7/live"));
        assert!(!shown.contains("hunter2"), "leaked: {shown}");
        let shown = format!("{:?}", location("srt://x:hunter2@192.0.2.7:9000"));
        assert!(!shown.contains("hunter2"), "leaked: {shown}");
    }

    #[test]
    fn srt_gets_its_passphrase_as_an_option() {
        let made = location("srt://x:hunter2hunter2@192.0.2.7:9000?mode=caller");
        assert_eq!(made.url.expose(), "srt://192.0.2.7:9000?mode=caller");
        assert!(
            made.options
                .iter()
                .any(|(key, value)| *key == "passphrase" && value.expose() == "hunter2hunter2")
        );
    }

    #[test]
    fn no_camera_can_lead_libav_to_files() {
        for url in [
            "rtsp://h/",
            "rtsps://h/",
            "rtmp://h/",
            "rtmps://h/",
            "srt://h:1",
            "http://h/",
            "https://h/",
        ] {
            let made = location(url);
            let allowed =
                made.options.iter().find(|(key, _)| *key == "protocol_whitelist").unwrap();
            assert!(
                !allowed.1.expose().contains("file"),
                "{url} must not lead to a file of this machine"
            );
        }
    }

    #[test]
    fn a_nul_is_seen() {
        let (url, _) = CameraUrl::parse("srt://192.0.2.7:9000").unwrap();
        let credentials =
            Credentials { username: String::new(), password: Secret::new("a\0b".to_owned()) };
        assert!(Location::camera(&url, Transport::Tcp, Some(&credentials)).has_nul());
    }
}
