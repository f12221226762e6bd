//! Why a viewer gets no pictures over WebRTC, and which setting of the camera changes that.

use tarsier_api::problem::{Problem, ProblemCode};
use tarsier_whep::Refusal;

use super::problem;

/// The stream does not go over WebRTC to this viewer.
pub(crate) fn no_webrtc(refusal: &Refusal) -> Problem {
    let (message, hint) = match refusal {
        Refusal::Codec { rfc6381 } => (
            format!("The camera sends {rfc6381}, which this viewer does not take over WebRTC."),
            "Set the stream to H.264 in the camera's settings, or watch it over Media Source Extensions.",
        ),
        Refusal::NoH264InOffer => (
            "This viewer takes no H.264 over WebRTC.".to_owned(),
            "Offer H.264 with packetization-mode=1, or watch over Media Source Extensions.",
        ),
        Refusal::Reordered => (
            "The camera sends pictures in another order than they are shown (B-frames); WebRTC cannot carry that."
                .to_owned(),
            "Switch B-frames off in the camera's settings (a profile of Baseline does it, too), or watch over Media Source Extensions.",
        ),
        Refusal::ParameterSets => (
            "The camera's stream has more parameter sets than one of each kind; WebRTC cannot carry that here.".to_owned(),
            "Set the stream to one resolution and one profile in the camera's settings, or watch over Media Source Extensions.",
        ),
    };
    problem(ProblemCode::NotPlayable, message, hint)
}

/// All places are taken.
pub(crate) fn too_many_viewers() -> Problem {
    problem(
        ProblemCode::TooManySessions,
        format!(
            "{} viewers watch over WebRTC already; there is no room for more.",
            tarsier_whep::table::MAX_SESSIONS
        ),
        "Close some of them, or watch over Media Source Extensions.",
    )
}

/// The camera is connected, or about to be, and nothing came yet.
pub(crate) fn no_pictures_yet() -> Problem {
    problem(
        ProblemCode::NoPictures,
        "There are no pictures of this stream yet.",
        "Try again in a few seconds; the camera's status says what is the matter.",
    )
}
