//! Words for turning cameras.

use tarsier_api::problem::{Problem, ProblemCode};
use tarsier_onvif::OnvifError;

use super::problem;

/// Why a camera was not turned. `place` is where it was asked.
pub(crate) fn ptz(why: &OnvifError, place: &str) -> Problem {
    match why {
        OnvifError::NoConnection => problem(
            ProblemCode::HostUnreachable,
            format!("The camera takes no connection for ONVIF at {place}."),
            "Check the ONVIF address in the camera's settings here, and that ONVIF is switched on in the camera's own.",
        ),
        OnvifError::TookTooLong => problem(
            ProblemCode::HostUnreachable,
            format!("The camera at {place} does not answer over ONVIF."),
            "Its pictures are not affected. Try again in a moment; if it stays, restart the camera.",
        ),
        OnvifError::WrongCredentials => problem(
            ProblemCode::WrongCredentials,
            format!("The camera at {place} refused the user name or the password for ONVIF."),
            "Many cameras keep users of their own for ONVIF: make one there, and write it into the ONVIF address in the camera's settings here: http://name:password@192.168.1.20/onvif/device_service",
        ),
        OnvifError::CredentialsNeeded => problem(
            ProblemCode::CredentialsNeeded,
            format!("The camera at {place} asks for a user name and a password for ONVIF."),
            "Type those of the camera in its settings here.",
        ),
        OnvifError::NoPtz(_) => problem(
            ProblemCode::NotFound,
            "This camera cannot be turned from here: nothing of it says over ONVIF that it turns.",
            "If it does turn, switch ONVIF on in the camera's own settings, and write its ONVIF address into its settings here.",
        ),
        OnvifError::Refused(reason) if !reason.is_empty() => problem(
            ProblemCode::ProtocolError,
            format!("The camera refused it, with these words: {reason}"),
            "Try something else; a preset may have been removed, or somebody else may be turning it.",
        ),
        _ => problem(
            ProblemCode::ProtocolError,
            format!("What answers at {place} does not speak ONVIF as a camera does."),
            "Check the ONVIF address in the camera's settings here; most cameras have it at /onvif/device_service.",
        ),
    }
}

/// Too much at once is wanted of it.
pub(crate) fn ptz_busy(name: &str) -> Problem {
    problem(
        ProblemCode::TooManySessions,
        format!("More is wanted of {name} than it can follow."),
        "Wait for the answer before asking for more.",
    )
}

/// It is switched off.
pub(crate) fn ptz_disabled(name: &str) -> Problem {
    problem(
        ProblemCode::Offline,
        format!("{name} is switched off, so nobody speaks to it."),
        "Switch it on in its settings.",
    )
}
