//! Brain: whether a request comes from where it may (SPEC section 12).
//!
//! *DNS rebinding*: a foreign page makes its own name resolve to 127.0.0.1; its requests then carry that name as
//! `Host`. *CSRF*: a foreign page sends requests to our address; browsers add `Origin` or `Sec-Fetch-Site`.
//! What does not belong here: tokens, HTTP types.

use std::net::{IpAddr, SocketAddr};

/// The names that the hub may be called by.
#[derive(Clone, Debug)]
pub(crate) struct Guard {
    listen: IpAddr,
}

/// What of a request is looked at.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Provenance<'a> {
    pub(crate) host: Option<&'a str>,
    pub(crate) origin: Option<&'a str>,
    pub(crate) fetch_site: Option<&'a str>,
    pub(crate) fetch_mode: Option<&'a str>,
}

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It was sent to a name that is not ours.
    ForeignHost,
    /// It was sent by a page that is not ours.
    ForeignOrigin,
}

impl Guard {
    pub(crate) const fn new(listen: SocketAddr) -> Self {
        Self { listen: listen.ip() }
    }

    /// The address of this machine by which the hub is reached.
    pub(crate) const fn listen(&self) -> IpAddr {
        self.listen
    }

    /// Whether the request may be answered.
    pub(crate) fn check(&self, request: Provenance<'_>) -> Result<(), Refusal> {
        let host = request.host.ok_or(Refusal::ForeignHost)?;
        if !self.is_ours(host) {
            return Err(Refusal::ForeignHost);
        }
        if let Some(origin) = request.origin {
            // Our own pages are at the very address that they ask; another port is another program.
            let same = origin
                .strip_prefix("http://")
                .is_some_and(|authority| authority.eq_ignore_ascii_case(host));
            return if same { Ok(()) } else { Err(Refusal::ForeignOrigin) };
        }
        // Images and the like carry no Origin. A link that a person clicked is fine.
        match (request.fetch_site, request.fetch_mode) {
            (Some("cross-site" | "same-site"), mode) if mode != Some("navigate") => {
                Err(Refusal::ForeignOrigin)
            }
            _ => Ok(()),
        }
    }

    fn is_ours(&self, host: &str) -> bool {
        let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((v6, port)) if is_port(port) => v6,
            Some(_) => return false,
            None => match host.split_once(':') {
                Some((name, port)) if is_port(&host[name.len()..]) && !port.is_empty() => name,
                Some(_) => return false,
                None => host,
            },
        };
        name.eq_ignore_ascii_case("localhost")
            || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback() || ip == self.listen)
    }
}

/// Nothing, or `:8787`.
fn is_port(text: &str) -> bool {
    text.is_empty() || text.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(request: Provenance<'_>) -> Result<(), Refusal> {
        Guard::new("127.0.0.1:8787".parse().unwrap()).check(request)
    }

    fn host(host: &str) -> Result<(), Refusal> {
        check(Provenance { host: Some(host), ..Provenance::default() })
    }

    #[test]
    fn only_loopback_names_are_ours() {
        for ours in
            ["127.0.0.1:8787", "localhost:8787", "LOCALHOST", "[::1]:8787", "[::1]", "127.0.0.1"]
        {
            assert_eq!(host(ours), Ok(()), "{ours}");
        }
        for foreign in [
            "evil.example:8787",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "192.0.2.7:8787",
            "",
            ":8787",
            "localhost:",
            "localhost:x",
            "127.0.0.1:8787@evil.example",
            "[::1]evil",
        ] {
            assert_eq!(host(foreign), Err(Refusal::ForeignHost), "{foreign}: DNS rebinding");
        }
        assert_eq!(check(Provenance::default()), Err(Refusal::ForeignHost), "no Host at all");
    }

    #[test]
    fn only_our_own_pages_may_ask() {
        let origin = |origin: &str| {
            check(Provenance {
                host: Some("127.0.0.1:8787"),
                origin: Some(origin),
                ..Provenance::default()
            })
        };
        assert_eq!(origin("http://127.0.0.1:8787"), Ok(()));
        for foreign in [
            "https://evil.example",
            "null",
            "http://127.0.0.1:3000",
            "https://127.0.0.1:8787",
            "http://127.0.0.1:8787.evil.example",
            "",
        ] {
            assert_eq!(origin(foreign), Err(Refusal::ForeignOrigin), "{foreign}: CSRF");
        }
    }

    #[test]
    fn a_foreign_page_may_link_to_us_and_no_more() {
        let fetch = |site, mode| {
            check(Provenance {
                host: Some("127.0.0.1:8787"),
                origin: None,
                fetch_site: Some(site),
                fetch_mode: Some(mode),
            })
        };
        assert_eq!(fetch("cross-site", "navigate"), Ok(()));
        assert_eq!(
            fetch("cross-site", "no-cors"),
            Err(Refusal::ForeignOrigin),
            "<img src> on a foreign page"
        );
        assert_eq!(fetch("same-origin", "cors"), Ok(()));
        assert_eq!(fetch("none", "navigate"), Ok(()), "typed into the address bar");
    }
}
