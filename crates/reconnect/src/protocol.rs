//! Words: what two sides agreed on, by protocol, so that a new connection is made like the one that broke. SPEC section 4.
//!
//! What is configured (SRT latency, passphrase, streamid; how RTP travels) is read from the URL each time, so that it
//! cannot be lost; what was negotiated (RTP addresses, SSRC, payload type) is for whoever makes the next connection:
//! a receiver of raw RTP binds the same port again, a sender goes on with the same SSRC.

use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tarsier_types::{CameraUrl, Scheme, Secret, Transport};

/// SRT's key length (`pbkeylen`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encryption {
    /// In the clear.
    #[default]
    None,
    /// AES with a key of 16 bytes: what SRT does when a passphrase is given and nothing else.
    Aes128,
    /// 24 bytes.
    Aes192,
    /// 32 bytes.
    Aes256,
}

/// Where RTP goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Addressing {
    /// Ours.
    pub local: Option<SocketAddr>,
    /// Theirs.
    pub remote: Option<SocketAddr>,
    /// Synchronization source, RFC 3550 section 5.1.
    pub ssrc: Option<u32>,
    /// RFC 3551 section 6.
    pub payload_type: Option<u8>,
}

/// The parameters of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// RTSP and RTSPS.
    Rtsp {
        /// How RTP travels.
        transport: Transport,
    },
    /// SRT.
    Srt {
        /// Receiver's buffer, milliseconds.
        latency_ms: u32,
        /// The key's length.
        encryption: Encryption,
        /// Never written: it comes from the configuration each time.
        #[serde(skip)]
        passphrase: Option<Secret<String>>,
        /// What we ask for.
        streamid: Option<String>,
    },
    /// RTP by SDP.
    Rtp(Addressing),
    /// RTMP and RTMPS.
    Rtmp,
    /// Anything that has no parameters beyond its URL.
    Other,
}

/// SRT's default latency (`SRTO_LATENCY`).
const SRT_LATENCY: Duration = Duration::from_millis(120);

impl Protocol {
    /// As a camera's URL and settings say.
    pub fn of(url: &CameraUrl, transport: Transport) -> Self {
        match url.scheme() {
            Scheme::Rtsp | Scheme::Rtsps => Self::Rtsp { transport },
            Scheme::Rtmp | Scheme::Rtmps => Self::Rtmp,
            Scheme::Srt => Self::srt(url),
            Scheme::Http | Scheme::Https => Self::Other,
        }
    }

    fn srt(url: &CameraUrl) -> Self {
        let parsed = url::Url::parse(url.as_str()).ok();
        let value = |name: &str| {
            let mut pairs = parsed.as_ref()?.query_pairs();
            pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
        };
        let passphrase = value("passphrase").filter(|phrase| !phrase.is_empty()).map(Secret::new);
        let encryption = match (&passphrase, value("pbkeylen").as_deref()) {
            (None, _) => Encryption::None,
            (Some(_), Some("24")) => Encryption::Aes192,
            (Some(_), Some("32")) => Encryption::Aes256,
            (Some(_), _) => Encryption::Aes128,
        };
        // Milliseconds on an SRT URL; libav takes microseconds in its own option, which is not an URL's.
        let latency = value("latency").and_then(|text| text.parse().ok());
        let default = u32::try_from(SRT_LATENCY.as_millis()).unwrap_or(u32::MAX);
        Self::Srt {
            latency_ms: latency.unwrap_or(default),
            encryption,
            passphrase,
            streamid: value("streamid"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(url: &str) -> Protocol {
        Protocol::of(&CameraUrl::parse(url).unwrap().0, Transport::Udp)
    }

    #[test]
    fn what_is_configured_is_read_from_the_url() {
        assert_eq!(of("rtsp://192.0.2.7/1"), Protocol::Rtsp { transport: Transport::Udp });
        assert_eq!(of("rtmp://192.0.2.7/live/1"), Protocol::Rtmp);
        let srt = of(
            "srt://192.0.2.7:9000?latency=200&passphrase=canary-of-ten&pbkeylen=32&streamid=cam/1",
        );
        assert_eq!(
            srt,
            Protocol::Srt {
                latency_ms: 200,
                encryption: Encryption::Aes256,
                passphrase: Some(Secret::new("canary-of-ten".to_owned())),
                streamid: Some("cam/1".to_owned()),
            }
        );
        let plain = of("srt://192.0.2.7:9000");
        assert!(
            matches!(plain, Protocol::Srt { latency_ms: 120, encryption: Encryption::None, .. }),
            "{plain:?}"
        );
    }

    #[test]
    fn a_passphrase_is_never_written() {
        let srt = of("srt://192.0.2.7:9000?passphrase=canary-of-ten");
        let written = format!("{srt:?}{}", serde_json::to_string(&srt).unwrap());
        assert!(!written.contains("canary"), "{written}");
        let json = serde_json::to_string(&srt).unwrap();
        assert!(
            matches!(
                serde_json::from_str(&json).unwrap(),
                Protocol::Srt { encryption: Encryption::Aes128, passphrase: None, .. }
            ),
            "what is read again says that there is one, and not which: {json}"
        );
    }

    #[test]
    fn what_rtp_negotiated_is_kept() {
        let rtp = Protocol::Rtp(Addressing {
            local: Some("127.0.0.1:5004".parse().unwrap()),
            remote: Some("127.0.0.2:6004".parse().unwrap()),
            ssrc: Some(7),
            payload_type: Some(96),
        });
        let json = serde_json::to_string(&rtp).unwrap();
        assert_eq!(serde_json::from_str::<Protocol>(&json).unwrap(), rtp);
    }
}
