//! What went wrong, in the words that a person can act on.
//!
//! retina hides what its errors are: a status code, if there is one, and a text. The texts that matter are told apart
//! here and nowhere else, and `tests/it/problems.rs` holds each of them to a real connection.
//!
//! What does not belong here: finding out more about a host (`rtsp::reach`), what to do next (`reconnect`).

use std::io;

use tarsier_wire::Problem;

use crate::redact::Redactor;
use crate::source::SourceError;

/// How far a connection had come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Connecting and DESCRIBE.
    Describe,
    /// SETUP and PLAY: the credentials were good, if any were wanted.
    Setup,
    /// Pictures flow, or should.
    Playing,
}

/// Whether the user gave a name and a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Login {
    /// Nothing was given.
    Anonymous,
    /// Name and password.
    Named,
}

/// What a refusal by status means (RFC 2326 section 7.1.1).
pub fn of_status(status: u16, stage: Stage, login: Login) -> Problem {
    match (status, stage) {
        (401 | 403, Stage::Describe) => match login {
            Login::Anonymous => Problem::CredentialsNeeded,
            Login::Named => Problem::WrongCredentials,
        },
        (400 | 404 | 405 | 406 | 410 | 415 | 451, Stage::Describe) | (404, Stage::Setup) => {
            Problem::NoSuchPath
        }
        (453 | 486 | 503, _) => Problem::TooManySessions,
        (300..=399, _) => Problem::NoSuchPath,
        _ => Problem::ProtocolError,
    }
}

/// What the operating system's answer to a connection means.
pub fn of_connect(error: &io::Error) -> Problem {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => Problem::PortClosed,
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::UnexpectedEof => Problem::Disconnected,
        _ => Problem::HostUnreachable,
    }
}

/// retina could not even connect: ask the operating system why (`rtsp::reach`).
pub(crate) fn is_connect_failure(error: &retina::Error) -> bool {
    error.status_code().is_none() && error.to_string().starts_with("Unable to connect")
}

/// One packet could not be read; the connection is still good.
pub(crate) fn is_of_one_packet(error: &retina::Error) -> bool {
    let text = error.to_string();
    text.contains("\npkt: ")
        && !text.starts_with("wrong ssrc")
        && !text.starts_with("Out-of-order packet")
}

/// What an error of retina means.
pub(crate) fn of_retina(
    error: &retina::Error,
    stage: Stage,
    login: Login,
    redactor: &Redactor,
) -> SourceError {
    let text = error.to_string();
    let detail = redactor.clean(&text);
    let (problem, other_engine) = match error.status_code() {
        Some(status @ 200..=299) => of_answer(status, &text),
        Some(status) => {
            // Nonces run out in the middle of a session, and retina gives up where another client would answer anew.
            (
                of_status(status, stage, login),
                matches!((status, stage), (401, Stage::Setup) | (461, _)),
            )
        }
        None if text.starts_with("RTSP framing error") => {
            (Problem::ProtocolError, stage == Stage::Playing)
        }
        None if text.starts_with("Unsupported") || text.starts_with("Invalid argument") => {
            (Problem::ProtocolError, true)
        }
        None => (Problem::Disconnected, false),
    };
    SourceError { problem, other_engine, detail }
}

/// A good status with a body or headers that cannot be used.
fn of_answer(_status: u16, text: &str) -> (Problem, bool) {
    if text.contains("No parseable streams (and 0 unparseable") {
        (Problem::NoVideo, false)
    } else if text.contains("No parseable streams") || text.contains("no depacketizer") {
        (Problem::CodecNotSupported, true)
    } else {
        (Problem::ProtocolError, true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_401_depends_on_what_was_given_and_when() {
        assert_eq!(of_status(401, Stage::Describe, Login::Anonymous), Problem::CredentialsNeeded);
        assert_eq!(of_status(401, Stage::Describe, Login::Named), Problem::WrongCredentials);
        let late = of_status(401, Stage::Setup, Login::Named);
        assert!(
            !late.is_final(),
            "credentials that were good for DESCRIBE must not stop the retries: {late:?}"
        );
    }

    #[test]
    fn other_refusals_are_told_apart() {
        assert_eq!(of_status(404, Stage::Describe, Login::Anonymous), Problem::NoSuchPath);
        assert_eq!(of_status(400, Stage::Describe, Login::Named), Problem::NoSuchPath);
        assert_eq!(of_status(453, Stage::Setup, Login::Named), Problem::TooManySessions);
        assert_eq!(of_status(503, Stage::Describe, Login::Named), Problem::TooManySessions);
        assert_eq!(of_status(500, Stage::Describe, Login::Named), Problem::ProtocolError);
    }

    #[test]
    fn a_refused_connection_is_not_an_absent_host() {
        let of = |kind: io::ErrorKind| of_connect(&kind.into());
        assert_eq!(of(io::ErrorKind::ConnectionRefused), Problem::PortClosed);
        assert_eq!(of(io::ErrorKind::HostUnreachable), Problem::HostUnreachable);
        assert_eq!(of(io::ErrorKind::NetworkUnreachable), Problem::HostUnreachable);
        assert_eq!(of(io::ErrorKind::TimedOut), Problem::HostUnreachable);
    }
}
