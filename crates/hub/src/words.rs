//! What went wrong, in sentences: what happened, since when, what it costs, what to do (STYLE 34).
//!
//! The only place where a problem of a camera becomes words. No sentence holds credentials: a URL comes in as
//! [`Place`], host and port. What does not belong here: deciding what is wrong.

mod ptz;
mod rights;
mod rungs;
mod webrtc;

use std::net::SocketAddr;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tarsier_api::problem::{Problem, ProblemCode};
use tarsier_supervise::{Breach, Manner};
use tarsier_types::{CameraUrl, CameraUrlError, UtcMs};
use tarsier_wire::Problem as Cause;

pub(crate) use self::ptz::{ptz, ptz_busy, ptz_disabled};
pub(crate) use self::rights::{must_end, refused, stale_answer};
pub(crate) use self::rungs::{no_opus, no_transcoder, too_many_transcoders, transcoder_failed};
pub(crate) use self::webrtc::{no_pictures_yet, no_webrtc, too_many_viewers};

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
    Problem { code, message: message.into(), hint: hint.into(), field: None }
}

/// Everybody who is connected watches, and there is no place left.
pub(crate) fn too_many_connections() -> Problem {
    problem(
        ProblemCode::TooManySessions,
        "Too many are connected to Tarsier; there is no room for more.",
        "Close some windows or players, and try again.",
    )
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
    let Problem { code, message, hint, field } = cause;
    let retry = match retry {
        Retry::Every(seconds) => format!(" We try again every {seconds} s."),
        Retry::ByItself => " We try again by ourselves.".to_owned(),
        Retry::Never => String::new(),
    };
    Problem {
        code,
        message: format!("{}. {message}", no_picture_title(name, since, now, tz)),
        hint: format!("{hint}{retry}"),
        field,
    }
}

/// "Garden: no picture since 20:14"
pub(crate) fn no_picture_title(name: &str, since: UtcMs, now: UtcMs, tz: &TimeZone) -> String {
    format!("{name}: no picture since {}", time(since, now, tz))
}

/// A recorder that broke a rule was replaced: title and body.
pub(crate) fn replaced(name: &str, breach: Breach, manner: Manner) -> (String, String) {
    let what = match breach {
        Breach::Memory { rss_bytes, limit_bytes } => format!(
            "It used {} MB of memory; {} MB are allowed.",
            rss_bytes / 1_000_000,
            limit_bytes / 1_000_000
        ),
        Breach::Cpu { limit_percent, seconds, .. } => {
            format!("It used more than {limit_percent} % of a processor core for {seconds} s.")
        }
        Breach::Silence { seconds } => format!("It gave no sign of life for {seconds} s."),
        Breach::Media { written_ms, expected_ms, .. } => format!(
            "Of {} of pictures it had written {} only.",
            span(i64::try_from(expected_ms).unwrap_or(i64::MAX)),
            span(i64::try_from(written_ms).unwrap_or(i64::MAX))
        ),
    };
    let cost = match manner {
        Manner::Handover => "Another one took over at once; no picture is lost.",
        Manner::StopAndStart => {
            "Another one was started in its place; the timeline shows how much footage is missing."
        }
    };
    let todo = "Nothing needs to be done. If this comes back, report it with the log.";
    (format!("{name}: the recorder was replaced"), format!("{what} {cost} {todo}"))
}

/// A recorder that is left alone for a while.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unstable {
    pub(crate) until: UtcMs,
    pub(crate) restarts: u32,
    pub(crate) is_alive: bool,
}

/// Its title and body.
pub(crate) fn unstable(
    name: &str,
    unstable: Unstable,
    now: UtcMs,
    tz: &TimeZone,
) -> (String, String) {
    let Unstable { until, restarts, is_alive } = unstable;
    let until = time(until, now, tz);
    let cost = if is_alive {
        format!("The one that is there goes on recording; it is judged again at {until}.")
    } else {
        format!("Nothing of this camera is recorded until {until}, when it is tried again.")
    };
    let body = format!(
        "It was restarted {restarts} times within a short time. {cost} Switch the camera off and on to try it now; what is wrong is in the log."
    );
    (format!("{name}: the recorder is unstable"), body)
}

/// Why there are no pictures of a camera whose recorder is left alone.
pub(crate) fn left_alone(until: UtcMs, now: UtcMs, tz: &TimeZone) -> Problem {
    problem(
        ProblemCode::Internal,
        format!("Its recorder ended too often and is left alone until {}.", time(until, now, tz)),
        "It is tried again then. Switch the camera off and on to try it now; what is wrong is in the log.",
    )
}

/// The disk with the index took no writes for so long that memory did not hold all that came: title and body.
pub(crate) fn left_out(events: u32, reasons: u32) -> (String, String) {
    let body = format!(
        "The disk with Tarsier's data took no writes for a long time: {events} events and the reasons of {reasons} gaps were \
         left out. No footage is lost by that. Check the disk; it should not be the one that fills with footage."
    );
    ("Some of what happened could not be kept".to_owned(), body)
}

/// A recorder that does not understand what it is told: title and body.
pub(crate) fn fatal(name: &str, is_alive: bool) -> (String, String) {
    let cost = if is_alive {
        "The recorder with the settings before goes on."
    } else {
        "Nothing of this camera is recorded until they change."
    };
    let body = format!(
        "It does not understand the camera's settings. {cost} Save them once more; if that does not help, report what is in the log."
    );
    (format!("{name}: the recorder cannot work"), body)
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

/// The clock of the machine was put ahead by so many milliseconds, or back.
pub(crate) fn clock_changed(by_ms: i64) -> (String, String) {
    // To the nearest second: between two looks at two clocks lie some milliseconds.
    let by = span(by_ms.saturating_abs().saturating_add(500));
    if by_ms > 0 {
        let title = format!("The clock of this machine went ahead by {by}");
        let body = "It was set, or the machine slept. Recording goes on; of the time that was left out there is no footage. Check that the machine gets its time from the network (NTP) and does not go to sleep.";
        return (title, body.to_owned());
    }
    let title = format!("The clock of this machine was put back by {by}");
    let body = format!(
        "Recording goes on and no picture is lost. Because the time that comes has footage already, new footage is filed behind it: its times are up to {by} ahead of the clock, less by each pause and each outage. To set it right at once, pause recording for {by}. Check that the machine gets its time from the network (NTP)."
    );
    (title, body)
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

/// The RTSP server could not be started.
pub(crate) fn no_rtsp(listen: SocketAddr) -> String {
    format!(
        "Other programs get no pictures by RTSP: the address {listen} cannot be used, another program may have it. End \
         that, or start Tarsier with --rtsp-listen and another port."
    )
}

/// The RTSPS server does not run.
pub(crate) fn no_rtsps(listen: SocketAddr) -> String {
    format!(
        "Other programs get no pictures by RTSPS: the address {listen} cannot be used, another program may have it. End \
         that, or start Tarsier with --rtsps-listen and another port."
    )
}

/// It has nothing to show who it is.
pub(crate) fn no_certificate(why: &dyn std::error::Error) -> String {
    let source = why.source().map(|source| format!(": {source}")).unwrap_or_default();
    format!(
        "Other programs get no pictures by RTSPS, for want of a certificate: {why}{source}. Start Tarsier with other files, \
         or with none: then it makes one for itself."
    )
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
    fn a_clock_that_was_set_is_told_by_how_much_and_what_to_do() {
        let (title, body) = clock_changed(3_599_998);
        assert_eq!(title, "The clock of this machine went ahead by 60 min");
        assert!(body.contains("there is no footage"), "{body}");
        let (title, body) = clock_changed(-9_999);
        assert_eq!(title, "The clock of this machine was put back by 10 s");
        assert!(body.contains("pause recording for 10 s"), "{body}");
    }

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
