//! Requests and responses as text, and the interleaved packets between them (RFC 2326 sections 4 to 7, 10.12).

use std::fmt::Write as _;

/// A client that sends a longer head does not want to watch.
pub const MAX_HEAD: usize = 16 * 1024;
const MAX_BODY: usize = 64 * 1024;

/// A request. Its body, if any, is passed over: no method that we answer needs one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// `DESCRIBE`
    pub method: String,
    /// As the client wrote it.
    pub uri: String,
    headers: Vec<(String, String)>,
}

impl Request {
    /// The first header of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The last of that name: some clients leave there what they said before.
    pub fn last_header(&self, name: &str) -> Option<&str> {
        let mut named = self.headers.iter().rev();
        named.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// What stands at the front of the received bytes.
#[derive(Debug, PartialEq, Eq)]
pub enum Incoming {
    /// Not yet all of it.
    Incomplete,
    /// A request, and how many bytes it took.
    Request(Request, usize),
    /// A packet from the client (RTCP), or white space; and how many bytes it took.
    Skip(usize),
}

/// The bytes are no RTSP.
#[derive(Debug, PartialEq, Eq)]
pub struct BadMessage {
    /// To be answered with, if the request had one.
    pub cseq: Option<String>,
}

/// Reads what stands at the front.
pub fn parse(bytes: &[u8]) -> Result<Incoming, BadMessage> {
    match bytes {
        [b'$', _, high, low, ..] => {
            let size = 4 + usize::from(u16::from_be_bytes([*high, *low]));
            return Ok(if bytes.len() < size {
                Incoming::Incomplete
            } else {
                Incoming::Skip(size)
            });
        }
        [] | [b'$', ..] => return Ok(Incoming::Incomplete),
        [b'\r' | b'\n', ..] => return Ok(Incoming::Skip(1)),
        _ => {}
    }
    let window = &bytes[..bytes.len().min(MAX_HEAD)];
    let Some(head_end) = window.windows(4).position(|four| four == b"\r\n\r\n") else {
        return if bytes.len() >= MAX_HEAD {
            Err(BadMessage { cseq: None })
        } else {
            Ok(Incoming::Incomplete)
        };
    };
    let head = std::str::from_utf8(&window[..head_end]).map_err(|_| BadMessage { cseq: None })?;
    let (request_line, rest) = head.split_once("\r\n").unwrap_or((head, ""));
    let headers: Vec<(String, String)> = rest
        .split("\r\n")
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
        .collect();
    let find = |name: &str| {
        headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, v)| v.clone())
    };
    let bad = || BadMessage { cseq: find("CSeq") };
    let mut words = request_line.split(' ').filter(|word| !word.is_empty());
    let (Some(method), Some(uri), Some(version), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(bad());
    };
    // What a client writes there is told back to it: it must not become a line of its own.
    if request_line.contains(char::is_control) {
        return Err(bad());
    }
    if !version.starts_with("RTSP/") || find("CSeq").is_none_or(|cseq| cseq.parse::<u64>().is_err())
    {
        return Err(bad());
    }
    let body = match find("Content-Length") {
        None => 0,
        Some(text) => text.parse().ok().filter(|length| *length <= MAX_BODY).ok_or_else(bad)?,
    };
    let total = head_end + 4 + body;
    if bytes.len() < total {
        return Ok(Incoming::Incomplete);
    }
    Ok(Incoming::Request(
        Request { method: method.to_owned(), uri: uri.to_owned(), headers },
        total,
    ))
}

/// The status codes that our servers give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// 200.
    Ok,
    /// 400.
    BadRequest,
    /// 401.
    Unauthorized,
    /// 403.
    Forbidden,
    /// 404.
    NotFound,
    /// 406.
    NotAcceptable,
    /// 415.
    UnsupportedMediaType,
    /// 453.
    NotEnoughBandwidth,
    /// 454.
    SessionNotFound,
    /// 455.
    MethodNotValidInThisState,
    /// 461.
    UnsupportedTransport,
    /// 501.
    NotImplemented,
    /// 503.
    ServiceUnavailable,
}

impl Status {
    const fn line(self) -> &'static str {
        match self {
            Self::Ok => "200 OK",
            Self::BadRequest => "400 Bad Request",
            Self::Unauthorized => "401 Unauthorized",
            Self::Forbidden => "403 Forbidden",
            Self::NotFound => "404 Not Found",
            Self::NotAcceptable => "406 Not Acceptable",
            Self::UnsupportedMediaType => "415 Unsupported Media Type",
            Self::NotEnoughBandwidth => "453 Not Enough Bandwidth",
            Self::SessionNotFound => "454 Session Not Found",
            Self::MethodNotValidInThisState => "455 Method Not Valid in This State",
            Self::UnsupportedTransport => "461 Unsupported Transport",
            Self::NotImplemented => "501 Not Implemented",
            Self::ServiceUnavailable => "503 Service Unavailable",
        }
    }
}

/// A response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// How it went.
    pub status: Status,
    /// `CSeq`, `Server` and `Content-Length` come by themselves.
    pub headers: Vec<(&'static str, String)>,
    /// Empty where there is none.
    pub body: String,
}

impl Response {
    /// A response without more to say.
    pub fn new(status: Status) -> Self {
        Self { status, headers: Vec::new(), body: String::new() }
    }

    /// The same with a header.
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Appends the text to `out`.
    pub fn write(&self, cseq: Option<&str>, out: &mut Vec<u8>) {
        let mut text = format!("RTSP/1.0 {}\r\n", self.status.line());
        if let Some(cseq) = cseq {
            let _ = write!(text, "CSeq: {cseq}\r\n");
        }
        text.push_str("Server: Tarsier\r\n");
        for (name, value) in &self.headers {
            let _ = write!(text, "{name}: {value}\r\n");
        }
        if !self.body.is_empty() {
            let _ = write!(text, "Content-Length: {}\r\n", self.body.len());
        }
        text.push_str("\r\n");
        text.push_str(&self.body);
        out.extend_from_slice(text.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_when_all_of_it_is_there() {
        let text = b"SETUP rtsp://h/cam1/main/track1 RTSP/1.0\r\nCSeq: 3\r\nTRANSPORT:  RTP/AVP \r\nContent-Length: 2\r\n\r\nab$";
        for end in 0..text.len() - 1 {
            assert_eq!(parse(&text[..end]), Ok(Incoming::Incomplete), "after {end} bytes");
        }
        let Ok(Incoming::Request(request, used)) = parse(text) else { panic!("not read") };
        assert_eq!(used, text.len() - 1, "the body belongs to it, the next packet does not");
        assert_eq!(
            (request.method.as_str(), request.header("Transport")),
            ("SETUP", Some("RTP/AVP"))
        );
    }

    #[test]
    fn what_lies_between_requests_is_passed_over() {
        assert_eq!(parse(b"$\x01\x00\x02ab"), Ok(Incoming::Skip(6)), "a receiver report");
        assert_eq!(parse(b"$\x01\x00\x02a"), Ok(Incoming::Incomplete));
        assert_eq!(parse(b"\r\n"), Ok(Incoming::Skip(1)));
    }

    #[test]
    fn what_is_no_rtsp_is_refused() {
        let cseq = |text: &str| parse(text.as_bytes()).map_err(|bad| bad.cseq);
        assert_eq!(cseq("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), Err(None));
        assert_eq!(cseq("OPTIONS *\r\nCSeq: 7\r\n\r\n"), Err(Some("7".into())), "no version");
        assert_eq!(cseq("OPTIONS * RTSP/1.0\r\n\r\n"), Err(None), "no CSeq");
        let smuggled = "PLAY rtsp://h/a\nX:b RTSP/1.0\r\nCSeq: 7\r\n\r\n";
        assert_eq!(cseq(smuggled), Err(Some("7".into())), "a line in the address");
        assert_eq!(
            cseq("OPTIONS * RTSP/1.0\r\nCSeq: 1\r\nContent-Length: 9999999\r\n\r\n"),
            Err(Some("1".into()))
        );
        assert_eq!(cseq(&"x".repeat(MAX_HEAD)), Err(None), "a head without an end");
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_the_parser_panic(bytes: Vec<u8>) {
            if let Ok(Incoming::Skip(used) | Incoming::Request(_, used)) = parse(&bytes) {
                proptest::prop_assert!(used > 0 && used <= bytes.len(), "it used {used} of {}", bytes.len());
            }
        }
    }
}
