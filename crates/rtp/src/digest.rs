//! Words: Digest (RFC 7616, and RFC 2617 and 2069 as clients of RTSP still speak it): what a client answers to a challenge,
//! to show that it knows a password without saying it.
//!
//! ```text
//! A1 = username ":" realm ":" password      A2 = method ":" uri
//! response = H( H(A1) ":" nonce ":" [ nc ":" cnonce ":" qop ":" ] H(A2) )
//! ```
//! Both sides of it: the server's, who has challenged, and the client's, who asks a camera.
//!
//! What does not belong here: which nonces are good, whose password it is.

use md5::{Digest as _, Md5};
use sha2::Sha256;

/// H.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// RFC 2617.
    Md5,
    /// RFC 7616.
    Sha256,
}

impl Algorithm {
    /// As it stands in a challenge.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha256 => "SHA-256",
        }
    }

    /// In lower-case hexadecimal.
    pub fn hash(self, text: &str) -> String {
        match self {
            Self::Md5 => hex(&Md5::digest(text.as_bytes())),
            Self::Sha256 => hex(&Sha256::digest(text.as_bytes())),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Which answer to the same nonce it is, and the client's own part of it. Clients that speak RFC 2069 have neither.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Counted {
    count: String,
    client_nonce: String,
}

/// The header `Authorization` of a client that was challenged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Who he says that he is.
    pub username: String,
    /// As it stood in the challenge.
    pub realm: String,
    /// As it stood in the challenge.
    pub nonce: String,
    /// What he asks for, as he writes it: some name the presentation where they ask for a track of it.
    pub uri: String,
    /// By which he calculated.
    pub algorithm: Algorithm,
    counted: Option<Counted>,
    response: String,
}

impl Answer {
    /// Reads the header; nothing if it is of another scheme or of an algorithm that nobody offered.
    pub fn read(header: &str) -> Option<Self> {
        let (scheme, rest) = header.trim_start().split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("Digest") {
            return None;
        }
        let fields = Fields::read(rest);
        let take = |name| fields.find(name).map(str::to_owned);
        let response = fields.find("response")?.to_ascii_lowercase();
        // Some clients calculate MD5 and do not say so.
        let by_length = match response.len() {
            32 => Algorithm::Md5,
            64 => Algorithm::Sha256,
            _ => return None,
        };
        let said = fields.find("algorithm").unwrap_or(by_length.name());
        if !said.eq_ignore_ascii_case(by_length.name()) {
            return None;
        }
        let counted = match fields.find("qop") {
            Some(qop) if qop.eq_ignore_ascii_case("auth") => {
                Some(Counted { count: take("nc")?, client_nonce: take("cnonce")? })
            }
            Some(_) => return None,
            None => None,
        };
        Some(Self {
            username: take("username")?,
            realm: take("realm")?,
            nonce: take("nonce")?,
            uri: take("uri")?,
            algorithm: by_length,
            counted,
            response,
        })
    }

    /// Which answer to the same nonce the client says that it is; nothing if it does not count.
    pub fn count(&self) -> Option<u32> {
        // What cannot be read comes before every other.
        self.counted.as_ref().map(|it| u32::from_str_radix(&it.count, 16).unwrap_or_default())
    }

    /// Whether the client knows that password.
    pub fn proves(&self, password: &str, method: &str) -> bool {
        let hash = |text: String| self.algorithm.hash(&text);
        let secret = hash(format!("{}:{}:{password}", self.username, self.realm));
        let asked = hash(format!("{method}:{}", self.uri));
        let nonce = &self.nonce;
        let expected = match &self.counted {
            Some(Counted { count, client_nonce }) => {
                hash(format!("{secret}:{nonce}:{count}:{client_nonce}:auth:{asked}"))
            }
            None => hash(format!("{secret}:{nonce}:{asked}")),
        };
        is_same(expected.as_bytes(), self.response.as_bytes())
    }
}

/// The header `WWW-Authenticate` of a server that wants Digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    realm: String,
    nonce: String,
    opaque: Option<String>,
    algorithm: Algorithm,
    /// It takes answers that are counted (`qop="auth"`).
    counts: bool,
}

impl Challenge {
    /// Reads the header; nothing if it is of another scheme, or wants what nobody here can calculate.
    pub fn read(header: &str) -> Option<Self> {
        let (scheme, rest) = header.trim_start().split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("Digest") {
            return None;
        }
        let fields = Fields::read(rest);
        let algorithm = match fields.find("algorithm") {
            None => Algorithm::Md5,
            Some(name) => [Algorithm::Md5, Algorithm::Sha256]
                .into_iter()
                .find(|known| name.eq_ignore_ascii_case(known.name()))?,
        };
        let counts = match fields.find("qop") {
            None => false,
            Some(all) if all.split(',').any(|qop| qop.trim().eq_ignore_ascii_case("auth")) => true,
            Some(_) => return None,
        };
        let take = |name| fields.find(name).map(str::to_owned);
        Some(Self {
            realm: take("realm").unwrap_or_default(),
            nonce: take("nonce")?,
            opaque: take("opaque"),
            algorithm,
            counts,
        })
    }

    /// The header `Authorization` that shows that its sender knows the password. `client_nonce` is made by chance, `count`
    /// is how often this challenge has been answered, from 1.
    pub fn answer(
        &self,
        (username, password): (&str, &str),
        (method, uri): (&str, &str),
        client_nonce: &str,
        count: u32,
    ) -> String {
        let Self { realm, nonce, algorithm, .. } = self;
        let hash = |text: String| algorithm.hash(&text);
        let secret = hash(format!("{username}:{realm}:{password}"));
        let asked = hash(format!("{method}:{uri}"));
        let (counted, response) = if self.counts {
            let response =
                hash(format!("{secret}:{nonce}:{count:08x}:{client_nonce}:auth:{asked}"));
            (format!(", qop=auth, nc={count:08x}, cnonce={}", quote(client_nonce)), response)
        } else {
            (String::new(), hash(format!("{secret}:{nonce}:{asked}")))
        };
        let opaque = self
            .opaque
            .as_ref()
            .map(|text| format!(", opaque={}", quote(text)))
            .unwrap_or_default();
        format!(
            "Digest username={}, realm={}, nonce={}, uri={}, algorithm={}{counted}{opaque}, response=\"{response}\"",
            quote(username),
            quote(realm),
            quote(nonce),
            quote(uri),
            algorithm.name(),
        )
    }
}

fn quote(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Takes as long for every text of the same length.
fn is_same(one: &[u8], other: &[u8]) -> bool {
    let differences = one.iter().zip(other).fold(0, |all, (a, b)| all | (a ^ b));
    one.len() == other.len() && differences == 0
}

/// `name="value", name=value`; in quotes, a backslash leads what is meant literally.
struct Fields(Vec<(String, String)>);

impl Fields {
    fn read(text: &str) -> Self {
        let mut fields = Vec::new();
        let mut rest = text.trim_start();
        while let Some((name, behind)) = rest.split_once('=') {
            let behind = behind.trim_start();
            let (value, behind) = if let Some(quoted) = behind.strip_prefix('"') {
                unquote(quoted)
            } else {
                let (value, behind) = behind.split_at(behind.find(',').unwrap_or(behind.len()));
                (value.trim_end().to_owned(), behind)
            };
            fields.push((name.trim().to_ascii_lowercase(), value));
            rest = behind.trim_start().strip_prefix(',').unwrap_or("").trim_start();
        }
        Self(fields)
    }

    /// The first of that name: a second one does not change what was said.
    fn find(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// What stands before the closing quote, and what follows it.
fn unquote(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return (value, &text[at + 1..]),
            '\\' => value.extend(letters.next().map(|(_, letter)| letter)),
            _ => value.push(letter),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7616 section 3.9.1, and RFC 2617 section 3.5.
    const OF_RFC_7616: &str = r#"username="Mufasa", realm="http-auth@example.org", uri="/dir/index.html",
        nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", nc=00000001, qop=auth,
        cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
        opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS""#;

    fn proves(header: &str, password: &str) -> bool {
        Answer::read(header).unwrap().proves(password, "GET")
    }

    #[test]
    fn the_examples_of_the_rfcs_are_right() {
        let md5 = format!(
            "Digest {OF_RFC_7616}, algorithm=MD5, response=\"8ca523f5e9506fed4657c9700eebdbec\""
        );
        let sha = "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1";
        let sha = format!("Digest {OF_RFC_7616}, algorithm=SHA-256, response=\"{sha}\"");
        let old = r#"digest username="Mufasa", realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093",
            uri="/dir/index.html", qop="auth", nc=00000001, cnonce="0a4f113b",
            response="6629fae49393a05397450978507c4ef1", opaque="5ccc069c403ebaf9f0171e9517f40e41""#;
        for (header, password) in
            [(&md5[..], "Circle of Life"), (&sha, "Circle of Life"), (old, "Circle Of Life")]
        {
            assert!(proves(header, password), "{header}");
            assert!(!proves(header, "circle of life"), "another password: {header}");
            assert!(!proves(&header.replace("00000001", "00000002"), password), "{header}");
        }
        assert_eq!(Answer::read(&sha).unwrap().count(), Some(1));
    }

    #[test]
    fn a_client_that_does_not_count_is_understood() {
        // RFC 2069 section 2.4, as its errata have it.
        let header = r#"Digest username="Mufasa",realm="testrealm@host.com",
            nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093",uri="/dir/index.html",
            response="1949323746fe6a43ef61f9606e7febea",opaque="5ccc069c403ebaf9f0171e9517f40e41""#;
        assert!(proves(header, "CircleOfLife"));
        assert_eq!(Answer::read(header).unwrap().count(), None);
    }

    #[test]
    fn what_nobody_offered_is_no_answer() {
        let of = |more: &str| format!("Digest {OF_RFC_7616}, {more}");
        let (short, long) = ("0".repeat(32), "0".repeat(64));
        assert!(Answer::read(&of(&format!("response=\"{short}\""))).is_some());
        for header in [
            "Basic YTpi".to_owned(),
            "Digest".to_owned(),
            of("algorithm=MD5"),
            of(&format!("algorithm=MD5-sess, response=\"{short}\"")),
            of(&format!("algorithm=SHA-256, response=\"{short}\"")),
            of(&format!("algorithm=MD5, response=\"{long}\"")),
            of("response=\"00\""),
            of(&format!("response=\"{short}\"")).replace("qop=auth", "qop=auth-int"),
            of(&format!("response=\"{short}\"")).replace("cnonce", "x"),
        ] {
            assert_eq!(Answer::read(&header), None, "{header}");
        }
    }

    #[test]
    fn quotes_and_commas_belong_to_a_quoted_value() {
        let fields = Fields::read(r#" a = "x, \"y\" \\" ,b=z , a=second, c"#);
        assert_eq!(fields.find("a"), Some(r#"x, "y" \"#));
        assert_eq!((fields.find("b"), fields.find("c")), (Some("z"), None));
        assert_eq!(Fields::read("a=\"open").find("a"), Some("open"));
    }

    #[test]
    fn what_a_client_answers_proves_to_a_server_that_it_knows_the_password() {
        for challenge in [
            r#"Digest realm="a \"b\" c", nonce="n1", opaque="o", qop="auth-int, auth""#,
            r#"Digest realm="IP Camera(F1234)", nonce="4e6b", stale="FALSE""#,
            r#"Digest qop="auth", realm="x", nonce="n", algorithm=SHA-256"#,
        ] {
            let read = Challenge::read(challenge).unwrap();
            let said = read.answer(("ad\"min", "pass:w\"ord"), ("POST", "/onvif/x"), "c0ffee", 2);
            let answer = Answer::read(&said).unwrap_or_else(|| panic!("{said}"));
            assert!(answer.proves("pass:w\"ord", "POST"), "{said}");
            assert!(!answer.proves("another", "POST") && !answer.proves("pass:w\"ord", "GET"));
            assert_eq!(answer.count(), challenge.contains("qop").then_some(2));
            assert_eq!((answer.username.as_str(), answer.uri.as_str()), ("ad\"min", "/onvif/x"));
            assert!(!said.contains("pass:"), "{said}");
        }
        for other in [
            "Basic realm=\"x\"",
            "Digest realm=\"x\"",
            r#"Digest realm="x", nonce="n", algorithm=MD5-sess"#,
            r#"Digest realm="x", nonce="n", qop="auth-int""#,
        ] {
            assert_eq!(Challenge::read(other), None, "{other}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_challenge_makes_it_panic(header in "(Digest )?[ -~äß\"\\\\=,]{0,80}") {
            if let Some(challenge) = Challenge::read(&header) {
                challenge.answer(("a", "b"), ("POST", "/"), "c", 1);
            }
        }

        #[test]
        fn no_header_makes_it_panic(header in "(Digest )?[ -~äß\"\\\\=,]{0,80}") {
            if let Some(answer) = Answer::read(&header) {
                answer.proves("", "DESCRIBE");
            }
        }
    }
}
