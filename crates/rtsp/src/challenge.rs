//! Brain: what a client that has shown nothing good is asked for, and which answers are fresh.
//!
//! SHA-256 is offered first, as the strongest, then MD5, then Basic: FFmpeg, GStreamer and VLC (live555) take the last Digest
//! that they are offered, whatever it says, and know MD5 alone; others take the first that they know. go2rtc takes the first
//! of all and calculates MD5: both Digests have the same nonce. live555 wants realm, nonce and stale in that order.
//!
//! Each challenge has a nonce of its own, good on this connection and until the next: what somebody overheard is worth
//! nothing anywhere else. What does not belong here: whose password it is (behind the `door`).

use tarsier_rtp::digest::{self, Algorithm};
use tarsier_rtp::message::Request;

use crate::door::{Answer, Shown};
use crate::target::{Target, locate};

const REALM: &str = "Tarsier";
/// Another realm: a client that was refused in one does not ask in it again.
const REALM_OF_TOKENS: &str = "Tarsier token";

/// What a client that was refused may do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Offer {
    /// Show that it knows a password.
    Anything,
    /// The same; it does know one, and answered to a challenge that is over.
    Again,
    /// Show a token itself: by Digest nobody was found who knows one, as the hub does not know each that is good (one that was
    /// renewed, say).
    Token,
}

/// The challenges of one connection.
#[derive(Debug)]
pub(crate) struct Challenges {
    seed: u128,
    number: u64,
    counted: u32,
}

impl Challenges {
    /// Of a connection that was just opened. `seed` is chance.
    pub(crate) const fn new(seed: u128) -> Self {
        Self { seed, number: 0, counted: 0 }
    }

    fn nonce(&self) -> String {
        Algorithm::Md5.hash(&format!("{:032x}:{}", self.seed, self.number))
    }

    /// The headers `WWW-Authenticate`. Answers to earlier ones are stale.
    pub(crate) fn next(&mut self, offer: Offer) -> Vec<String> {
        if offer == Offer::Token {
            return vec![format!("Basic realm=\"{REALM_OF_TOKENS}\", charset=\"UTF-8\"")];
        }
        self.number += 1;
        self.counted = 0;
        let nonce = self.nonce();
        let stale = if offer == Offer::Again { ", stale=true" } else { "" };
        let digest = |algorithm: Algorithm| {
            let name = algorithm.name();
            format!(
                "Digest realm=\"{REALM}\", nonce=\"{nonce}\"{stale}, algorithm={name}, qop=\"auth\""
            )
        };
        let basic = format!("Basic realm=\"{REALM}\", charset=\"UTF-8\"");
        vec![digest(Algorithm::Sha256), digest(Algorithm::Md5), basic]
    }

    /// What the client shows of a password, if it shows anything.
    pub(crate) fn shown(&mut self, request: &Request, target: Target<'_>) -> Option<Shown> {
        // GStreamer asks once more with what was refused, and behind it what it shows now.
        let header = request.last_header("Authorization")?;
        let Some(answer) = digest::Answer::read(header) else { return basic(header) };
        let of_this_stream = locate(&answer.uri).is_some_and(|it| it.is_of(target));
        if answer.realm != REALM || !of_this_stream {
            return None;
        }
        let is_next = answer.count().is_none_or(|count| count > self.counted);
        let is_fresh = self.number > 0 && answer.nonce == self.nonce() && is_next;
        if is_fresh {
            self.counted = answer.count().unwrap_or(self.counted);
        }
        Some(Shown::Answer(Answer { said: answer, method: request.method.clone(), is_fresh }))
    }
}

/// RFC 7617.
fn basic(header: &str) -> Option<Shown> {
    use base64::Engine as _;
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("Basic") {
        return None;
    }
    let decoded = base64::engine::general_purpose::STANDARD.decode(encoded.trim()).ok()?;
    let (user, password) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
    Some(Shown::Password { user: user.to_owned(), password: password.to_owned() })
}

#[cfg(test)]
mod tests {
    use tarsier_rtp::message::{Incoming, parse};

    use super::*;
    use crate::door::Verdict;

    const URI: &str = "rtsp://h/garden/main";

    fn request(authorization: &str) -> Request {
        let text =
            format!("DESCRIBE {URI} RTSP/1.0\r\nCSeq: 1\r\nAuthorization: {authorization}\r\n\r\n");
        let Ok(Incoming::Request(request, _)) = parse(text.as_bytes()) else { panic!("not read") };
        request
    }

    fn shown(challenges: &mut Challenges, authorization: &str) -> Option<Shown> {
        let request = request(authorization);
        challenges.shown(&request, locate(&request.uri).unwrap())
    }

    fn nonce(offers: &[String]) -> String {
        offers[0].split("nonce=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
    }

    /// An answer of "me" with the password "open", counted if there is a count.
    fn answer(algorithm: Algorithm, nonce: &str, count: Option<u32>) -> String {
        let secret = algorithm.hash("me:Tarsier:open");
        let asked = algorithm.hash(&format!("DESCRIBE:{URI}"));
        let begin = format!(
            "Digest username=\"me\", realm=\"Tarsier\", nonce=\"{nonce}\", uri=\"{URI}\", algorithm={}",
            algorithm.name()
        );
        let (counted, text) = match count {
            Some(count) => (
                format!(", qop=auth, nc={count:08x}, cnonce=\"c\""),
                format!("{secret}:{nonce}:{count:08x}:c:auth:{asked}"),
            ),
            None => (String::new(), format!("{secret}:{nonce}:{asked}")),
        };
        format!("{begin}{counted}, response=\"{}\"", algorithm.hash(&text))
    }

    fn verdict(challenges: &mut Challenges, authorization: &str) -> Verdict {
        match shown(challenges, authorization) {
            Some(Shown::Answer(answer)) => answer.verdict("open"),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_strongest_stands_first_and_what_everybody_knows_of_digest_last() {
        let mut challenges = Challenges::new(1);
        let offers = challenges.next(Offer::Anything);
        let begins = |at: usize, text: &str| assert!(offers[at].starts_with(text), "{offers:?}");
        begins(0, "Digest realm=\"Tarsier\", nonce=\"");
        begins(1, "Digest realm=\"Tarsier\", nonce=\"");
        begins(2, "Basic realm=\"Tarsier\"");
        assert!(offers[0].contains("SHA-256") && offers[1].contains("=MD5"), "{offers:?}");
        assert!(offers[1].contains(&nonce(&offers)), "the same nonce: {offers:?}");
        let again = challenges.next(Offer::Again);
        assert!(again[1].contains("\", stale=true, "), "as live555 reads it: {again:?}");
        assert_ne!(nonce(&again), nonce(&offers));
        assert_eq!(challenges.next(Offer::Token).len(), 1);
        assert_ne!(nonce(&Challenges::new(2).next(Offer::Anything)), nonce(&offers));
    }

    #[test]
    fn an_answer_is_good_once() {
        for algorithm in [Algorithm::Sha256, Algorithm::Md5] {
            let mut challenges = Challenges::new(1);
            let first = nonce(&challenges.next(Offer::Anything));
            let mut verdict = |nonce: &str, count| {
                verdict(&mut challenges, &answer(algorithm, nonce, Some(count)))
            };
            assert_eq!(verdict(&first, 1), Verdict::Right);
            assert_eq!(verdict(&first, 1), Verdict::Stale, "replayed");
            assert_eq!(verdict(&first, 3), Verdict::Right, "one was lost");
            assert_eq!(verdict(&first, 2), Verdict::Stale, "late");
            let second = nonce(&challenges.next(Offer::Again));
            let late = answer(algorithm, &first, Some(4));
            assert_eq!(super::tests::verdict(&mut challenges, &late), Verdict::Stale, "over");
            let fresh = answer(algorithm, &second, Some(1));
            assert_eq!(super::tests::verdict(&mut challenges, &fresh), Verdict::Right);
        }
    }

    #[test]
    fn an_answer_to_another_connection_is_stale_and_a_wrong_one_is_wrong() {
        let elsewhere = nonce(&Challenges::new(2).next(Offer::Anything));
        let mut challenges = Challenges::new(1);
        let replayed = answer(Algorithm::Md5, &elsewhere, None);
        assert_eq!(verdict(&mut challenges, &replayed), Verdict::Stale, "before any challenge");
        let nonce = nonce(&challenges.next(Offer::Anything));
        assert_eq!(verdict(&mut challenges, &replayed), Verdict::Stale);
        let right = answer(Algorithm::Md5, &nonce, None);
        assert_eq!(verdict(&mut challenges, &right), Verdict::Right, "as GStreamer and VLC do");
        let wrong = right.replace("username=\"me\"", "username=\"you\"");
        assert_eq!(verdict(&mut challenges, &wrong), Verdict::Wrong);
        for foreign in [
            right.replace("garden/main", "garden/sub"),
            right.replace("realm=\"Tarsier\"", "realm=\"x\""),
            right.replace(", response", ", resp"),
        ] {
            assert_eq!(shown(&mut challenges, &foreign), None, "{foreign}");
        }
        let of_a_track = right.replace(URI, &format!("{URI}/track1"));
        assert!(shown(&mut challenges, &of_a_track).is_some(), "the same stream");
    }

    #[test]
    fn what_a_client_shows_last_is_what_it_shows() {
        let mut challenges = Challenges::new(1);
        let first = nonce(&challenges.next(Offer::Anything));
        let second = nonce(&challenges.next(Offer::Again));
        let both = [&first, &second].map(|nonce| answer(Algorithm::Md5, nonce, None));
        let both = both.join("\r\nAuthorization: ");
        assert_eq!(verdict(&mut challenges, &both), Verdict::Right, "as GStreamer has it");
    }

    #[test]
    fn basic_shows_a_user_and_a_password() {
        let mut challenges = Challenges::new(1);
        // any:a.b:c
        let password = Shown::Password { user: "any".to_owned(), password: "a.b:c".to_owned() };
        assert_eq!(shown(&mut challenges, "Basic YW55OmEuYjpj"), Some(password));
        for bad in ["Basic", "Basic ???", "Basic YQ==", "Bearer YW55OmE="] {
            assert_eq!(shown(&mut challenges, bad), None, "{bad}");
        }
    }
}
