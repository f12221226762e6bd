//! What went wrong, in sentences: what happened, since when, what it costs, what to do (STYLE 34).
//!
//! The only place where a problem of a camera becomes words. No sentence holds credentials: a URL comes in as
//! [`Place`], host and port. What does not belong here: deciding what is wrong.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tarsier_api::problem::{Problem, ProblemCode};
use tarsier_types::{CameraUrl, CameraUrlError, UtcMs};
use tarsier_wire::Problem as Cause;

/// Where a stream is, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl Place {
    pub(crate) fn of(url: &CameraUrl) -> Self {
        Self { host: url.host().to_owned(), port: url.port() }
    }
}

/// A problem in words.
pub(crate) fn problem(
    code: ProblemCode,
    message: impl Into<String>,
    hint: impl Into<String>,
) -> Problem {
    Problem { code, message: message.into(), hint: hint.into() }
}

/// What is the matter with a camera: what happened, what to do. Each cause is something else to do.
pub(crate) fn cause(cause: Cause, place: &Place) -> Problem {
    let Place { host, port } = place;
    match cause {
        Cause::HostUnknown => problem(
            ProblemCode::HostUnknown,
            format!("The name {host} is not known on this network."),
            "Check the spelling, or use the camera's address in numbers, such as 192.168.1.20.",
        ),
        Cause::HostUnreachable => problem(
            ProblemCode::HostUnreachable,
            format!("The camera does not answer at {host}."),
            "Check its power and network.",
        ),
        Cause::PortClosed => problem(
            ProblemCode::PortClosed,
            format!("{host} is there, but refuses connections on port {port}."),
            "Check the port (554 for most cameras), and that RTSP is switched on in the camera's settings.",
        ),
        Cause::WrongCredentials => problem(
            ProblemCode::WrongCredentials,
            format!("The camera at {host} refused the user name or the password."),
            "Type both again. Nothing is tried until then, because cameras lock an account after a few wrong passwords.",
        ),
        Cause::CredentialsNeeded => problem(
            ProblemCode::CredentialsNeeded,
            format!("The camera at {host} asks for a user name and a password."),
            "Type those of the camera itself, not those of its maker's web site.",
        ),
        Cause::NoSuchPath => problem(
            ProblemCode::NoSuchPath,
            format!("The camera at {host} answers, but knows no such path."),
            "Check what stands behind the address in the URL; the camera's manual or its web page names it.",
        ),
        Cause::NoVideo => problem(
            ProblemCode::NoVideo,
            format!("The stream at {host} has no video in it."),
            "Choose another path of the camera, or switch video on for this one in the camera's settings.",
        ),
        Cause::CodecNotSupported => problem(
            ProblemCode::CodecNotSupported,
            format!("The camera at {host} sends its video in a coding that cannot be recorded."),
            "Set the stream to H.264 or H.265 in the camera's settings.",
        ),
        Cause::NoPictures => problem(
            ProblemCode::NoPictures,
            format!("The camera at {host} is connected but sends no pictures."),
            "Restart the camera if this lasts; a full network or too many viewers at the camera can be the reason.",
        ),
        Cause::Disconnected => problem(
            ProblemCode::Disconnected,
            format!("The camera at {host} ended the connection."),
            "This mends itself when the camera restarts. If it comes back often, check its cable, power and firmware.",
        ),
        Cause::TooManySessions => problem(
            ProblemCode::TooManySessions,
            format!("The camera at {host} allows no further connection."),
            "Close other programs that watch it: many cameras allow only two or three.",
        ),
        Cause::ProtocolError => problem(
            ProblemCode::ProtocolError,
            format!("What answers at {host}, port {port}, does not speak as a camera does."),
            "Check the protocol and the port in the URL: web pages are on port 80, pictures mostly on 554.",
        ),
        Cause::DiskNotWritable => problem(
            ProblemCode::DiskNotWritable,
            "The recording cannot be written to the disk.",
            "Check that the disk is connected, not full and may be written to. Live pictures go on.",
        ),
    }
}

/// "Garden: no picture since 20:14. The camera does not answer at 192.0.2.7." and what to do.
pub(crate) fn no_picture(
    name: &str,
    since: UtcMs,
    cause: Problem,
    tz: &TimeZone,
    now: UtcMs,
    retry: Retry,
) -> Problem {
    let Problem { code, message, hint } = cause;
    let retry = match retry {
        Retry::Every(seconds) => format!(" We try again every {seconds} s."),
        Retry::ByItself => " We try again by ourselves.".to_owned(),
        Retry::Never => String::new(),
    };
    Problem {
        code,
        message: format!("{}. {message}", no_picture_title(name, since, now, tz)),
        hint: format!("{hint}{retry}"),
    }
}

/// "Garden: no picture since 20:14"
pub(crate) fn no_picture_title(name: &str, since: UtcMs, now: UtcMs, tz: &TimeZone) -> String {
    format!("{name}: no picture since {}", time(since, now, tz))
}

/// "40 s", "6 min", "2 h 5 min", "3 days"
pub(crate) fn span(millis: i64) -> String {
    let seconds = millis.max(0) / 1000;
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// What is said about further attempts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Retry {
    /// At this pace.
    Every(i64),
    /// At a pace that is not settled.
    ByItself,
    /// Not until somebody changes something; the hint says so.
    Never,
}

/// `20:14` today, else with its day: `20 Nov 20:14`.
pub(crate) fn time(at: UtcMs, now: UtcMs, tz: &TimeZone) -> String {
    let zoned =
        |at: UtcMs| Timestamp::from_millisecond(at.0).unwrap_or_default().to_zoned(tz.clone());
    let (at, now) = (zoned(at), zoned(now));
    let format = if at.date() == now.date() { "%H:%M" } else { "%-d %b %H:%M" };
    at.strftime(format).to_string()
}

/// Why a text is no camera URL, and where.
pub(crate) fn bad_url(error: &CameraUrlError) -> Problem {
    let (message, hint) = match error {
        CameraUrlError::Empty => {
            ("The URL is empty.".to_owned(), "Paste it from the camera's web page or manual.")
        }
        CameraUrlError::Space { position } => (
            format!("The URL has a space or an invisible character at position {position}."),
            "Remove it; inside a password write %20 for a space.",
        ),
        CameraUrlError::NoScheme => (
            "The URL does not begin with a protocol.".to_owned(),
            "Most cameras want rtsp:// in front of the address.",
        ),
        CameraUrlError::UnknownScheme { scheme } => (
            format!("Tarsier does not speak {scheme:?}."),
            "It reads rtsp, rtsps, rtmp, rtmps, srt, http and https.",
        ),
        CameraUrlError::NoHost => (
            "The URL names no camera.".to_owned(),
            "Write its address behind the protocol: rtsp://192.168.1.20/…",
        ),
        _ => (
            "The URL cannot be read.".to_owned(),
            "Check the port (a number up to 65535) and the address; a password with @ : / ? # can go into its own field.",
        ),
    };
    problem(ProblemCode::BadUrl, message, hint)
}

/// Details are in the log.
pub(crate) fn internal() -> Problem {
    problem(
        ProblemCode::Internal,
        "Something went wrong inside Tarsier.",
        "Try again. If it stays, look into the log and report it.",
    )
}

/// There is no such camera.
pub(crate) fn no_camera(id: &str) -> Problem {
    problem(
        ProblemCode::NotFound,
        format!("There is no camera {:?}.", id.chars().take(40).collect::<String>()),
        "It may have been deleted; load the list of cameras again.",
    )
}

/// The hub is going down.
pub(crate) fn stopping() -> Problem {
    problem(ProblemCode::Stopping, "Tarsier is stopping.", "Start it again to go on.")
}

/// A viewer's camera was deleted.
pub(crate) fn camera_deleted(name: &str) -> Problem {
    problem(
        ProblemCode::NotFound,
        format!("{name} was deleted."),
        "Its recordings stay until they are old enough.",
    )
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    const CAUSES: [Cause; 13] = [
        Cause::HostUnknown,
        Cause::HostUnreachable,
        Cause::PortClosed,
        Cause::WrongCredentials,
        Cause::CredentialsNeeded,
        Cause::NoSuchPath,
        Cause::NoVideo,
        Cause::CodecNotSupported,
        Cause::NoPictures,
        Cause::Disconnected,
        Cause::TooManySessions,
        Cause::ProtocolError,
        Cause::DiskNotWritable,
    ];

    #[test]
    fn each_cause_is_told_in_its_own_words() {
        let place = Place { host: "192.0.2.7".into(), port: 554 };
        let said: Vec<Problem> = CAUSES.iter().map(|c| cause(*c, &place)).collect();
        for of in [
            |p: &Problem| format!("{:?}", p.code),
            |p: &Problem| p.message.clone(),
            |p: &Problem| p.hint.clone(),
        ] {
            let different: HashSet<String> = said.iter().map(of).collect();
            assert_eq!(different.len(), CAUSES.len(), "no two causes may read the same");
        }
        for problem in &said {
            for sentence in [&problem.message, &problem.hint] {
                assert!(
                    sentence.ends_with('.')
                        && sentence
                            .chars()
                            .next()
                            .is_some_and(|c| !c.is_lowercase() || c.is_numeric()),
                    "{sentence:?} is no sentence"
                );
            }
        }
    }

    #[test]
    fn the_sentence_of_a_camera_that_is_gone() {
        let place = Place { host: "192.0.2.7".into(), port: 554 };
        let now = UtcMs(1_795_205_700_000); // 2026-11-20T20:15:00Z
        let since = now.plus_millis(-60_000);
        let said = no_picture(
            "Garden",
            since,
            cause(Cause::HostUnreachable, &place),
            &TimeZone::UTC,
            now,
            Retry::Every(30),
        );
        assert_eq!(
            said.message,
            "Garden: no picture since 20:14. The camera does not answer at 192.0.2.7."
        );
        assert_eq!(said.hint, "Check its power and network. We try again every 30 s.");
        let tomorrow = now.plus_millis(86_400_000);
        assert_eq!(time(since, tomorrow, &TimeZone::UTC), "20 Nov 20:14", "another day is named");
    }
}
