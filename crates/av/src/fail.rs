//! What an error of libav means to a person. Details never hold a URL: only libav's own short text is used.
//!
//! What does not belong here: trying again.

use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use ffmpeg_next::Error;
use ffmpeg_next::error::{
    ECONNABORTED, ECONNREFUSED, ECONNRESET, EHOSTUNREACH, EIO, ENETDOWN, ENETUNREACH, ENOENT,
    EPIPE, ETIMEDOUT,
};
use tarsier_ingest::SourceError;
use tarsier_types::Scheme;
use tarsier_wire::Problem;

use crate::location::{Location, Place};

/// How long the look at a port may take that is made after an unclear failure.
const LOOK: Duration = Duration::from_secs(2);

/// How far it had come when it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Connecting, and looking into the stream.
    Opening,
    /// Pictures were flowing.
    Playing,
}

/// How a call into libav ended, beside its error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// libav said so itself.
    ByItself,
    /// The deadline was over, or libav's own for its sockets.
    Expired,
}

/// The error of a source that failed at `stage`.
pub(crate) fn source_error(
    error: Error,
    stage: Stage,
    ending: Ending,
    location: &Location,
) -> SourceError {
    let problem = match judge(error, stage, ending, location.has_credentials) {
        Verdict::Clear(problem) => problem,
        Verdict::NoAnswer => look(location).unwrap_or(Problem::NoPictures),
        Verdict::Garbled => look(location).unwrap_or(Problem::ProtocolError),
        Verdict::Broken => look(location).unwrap_or(Problem::Disconnected),
    };
    let when = match stage {
        Stage::Opening => "opening",
        Stage::Playing => "playing",
    };
    let late = if ending == Ending::Expired { ", nothing came in time" } else { "" };
    SourceError { problem, other_engine: false, detail: format!("libav, {when}: {error}{late}") }
}

/// What an error says by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Clear(Problem),
    /// Nothing came; the host may not even be there.
    NoAnswer,
    /// What came could not be understood; or nothing came, which libav's RTSP reader reports in the same way.
    Garbled,
    /// An I/O error; several protocols report a refused connection so.
    Broken,
}

fn judge(error: Error, stage: Stage, ending: Ending, has_credentials: bool) -> Verdict {
    let playing = stage == Stage::Playing;
    let refused =
        if has_credentials { Problem::WrongCredentials } else { Problem::CredentialsNeeded };
    match error {
        Error::HttpUnauthorized | Error::HttpForbidden => Verdict::Clear(refused),
        Error::HttpNotFound | Error::Other { errno: ENOENT } => Verdict::Clear(Problem::NoSuchPath),
        Error::HttpServerError => Verdict::Clear(Problem::TooManySessions),
        Error::HttpBadRequest | Error::HttpOther4xx => Verdict::Clear(Problem::ProtocolError),
        Error::Other { errno: ECONNREFUSED } => Verdict::Clear(Problem::PortClosed),
        Error::Other { errno: EHOSTUNREACH | ENETUNREACH | ENETDOWN } => {
            Verdict::Clear(Problem::HostUnreachable)
        }
        Error::Other { errno: ETIMEDOUT } if playing => Verdict::Clear(Problem::NoPictures),
        _ if playing && ending == Ending::Expired => Verdict::Clear(Problem::NoPictures),
        _ if playing => Verdict::Clear(Problem::Disconnected),
        _ if ending == Ending::Expired => Verdict::NoAnswer,
        Error::Exit | Error::Other { errno: ETIMEDOUT } => Verdict::NoAnswer,
        Error::Eof | Error::Other { errno: ECONNRESET | ECONNABORTED | EPIPE } => {
            Verdict::Clear(Problem::Disconnected)
        }
        Error::Other { errno: EIO } => Verdict::Broken,
        _ => Verdict::Garbled,
    }
}

/// Where libav's error leaves open whether anybody is there, the port is asked once. Not before: a camera may
/// allow no more sessions than it has.
fn look(location: &Location) -> Option<Problem> {
    let Place::Network { scheme, host, port } = &location.place else { return None };
    if *scheme == Scheme::Srt {
        // A UDP port does not answer; SRT itself said that nobody did.
        return Some(Problem::HostUnreachable);
    }
    let addresses = (host.as_str(), *port).to_socket_addrs().ok()?;
    let mut problem = Problem::HostUnreachable;
    for address in addresses {
        match TcpStream::connect_timeout(&address, LOOK) {
            Ok(_) => return None,
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
                problem = Problem::PortClosed;
            }
            Err(_) => {}
        }
    }
    Some(problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_error_tells_what_to_do() {
        let check = |error: Error, expected: Verdict| {
            assert_eq!(judge(error, Stage::Opening, Ending::ByItself, true), expected, "{error:?}");
        };
        check(Error::HttpUnauthorized, Verdict::Clear(Problem::WrongCredentials));
        check(Error::HttpNotFound, Verdict::Clear(Problem::NoSuchPath));
        check(Error::Other { errno: ECONNREFUSED }, Verdict::Clear(Problem::PortClosed));
        check(Error::Other { errno: EHOSTUNREACH }, Verdict::Clear(Problem::HostUnreachable));
        check(Error::Other { errno: ETIMEDOUT }, Verdict::NoAnswer);
        check(Error::Eof, Verdict::Clear(Problem::Disconnected));
        check(Error::InvalidData, Verdict::Garbled);
        let without = judge(Error::HttpUnauthorized, Stage::Opening, Ending::ByItself, false);
        assert_eq!(without, Verdict::Clear(Problem::CredentialsNeeded), "none were given");
    }

    #[test]
    fn a_stall_is_told_from_a_break() {
        let playing = |error, ending| judge(error, Stage::Playing, ending, false);
        assert_eq!(playing(Error::Eof, Ending::ByItself), Verdict::Clear(Problem::Disconnected));
        assert_eq!(playing(Error::Exit, Ending::Expired), Verdict::Clear(Problem::NoPictures));
        let timed_out = Error::Other { errno: ETIMEDOUT };
        assert_eq!(
            playing(timed_out, Ending::ByItself),
            Verdict::Clear(Problem::NoPictures),
            "libav's own timeout"
        );
        assert_eq!(
            judge(Error::InvalidData, Stage::Opening, Ending::Expired, false),
            Verdict::NoAnswer,
            "libav's RTSP reader calls a silent server invalid data"
        );
    }
}
