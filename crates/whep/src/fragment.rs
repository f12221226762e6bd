//! Words: `application/trickle-ice-sdpfrag` (RFC 8840): candidates that a viewer found after his offer.
//!
//! A viewer that is behind the same address as ever needs none of it: he writes to us, and we answer to where it came
//! from. What does not belong here: the library's own reading of a candidate.

/// A browser has a handful; so many may come in one fragment, and in all of a session.
pub(crate) const MAX_CANDIDATES: usize = 64;

/// What a fragment says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fragment<'a> {
    /// The viewer's name in STUN, where it is said.
    pub ufrag: Option<&'a str>,
    /// `candidate:1 1 udp 2122260223 192.0.2.1 54400 typ host`
    pub candidates: Vec<&'a str>,
}

/// The fragment; nothing if it is none.
pub fn parse(text: &str) -> Option<Fragment<'_>> {
    let mut fragment = Fragment { ufrag: None, candidates: Vec::new() };
    for line in text.lines().map(str::trim_end).filter(|line| !line.is_empty()) {
        let (kind, value) = line.split_once('=')?;
        if kind.len() != 1 {
            return None;
        }
        match (kind, value.split_once(':')) {
            ("a", Some(("ice-ufrag", ufrag))) => fragment.ufrag = Some(ufrag),
            ("a", Some(("candidate", _))) => fragment.candidates.push(value),
            _ => {}
        }
    }
    (fragment.candidates.len() <= MAX_CANDIDATES).then_some(fragment)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidates_and_the_name_are_read() {
        let text = "a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\nm=video 9 RTP/AVP 0\r\na=mid:0\r\n\
            a=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host\r\na=end-of-candidates\r\n";
        assert_eq!(
            parse(text),
            Some(Fragment {
                ufrag: Some("EsAw"),
                candidates: vec!["candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host"],
            })
        );
        assert_eq!(parse(""), Some(Fragment { ufrag: None, candidates: vec![] }));
    }

    #[test]
    fn what_is_no_fragment_is_refused() {
        assert_eq!(parse("{\"candidate\":\"x\"}"), None);
        assert_eq!(parse("hello"), None);
        assert_eq!(parse(&"a=candidate:1 1 udp 1 192.0.2.1 1 typ host\n".repeat(65)), None);
    }
}
