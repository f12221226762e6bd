//! Words for rungs: pictures that are coded anew for viewers.

use std::time::Duration;

use tarsier_api::problem::{Problem, ProblemCode};

use super::problem;

/// As many as this machine may be burdened with are at work.
pub(crate) fn too_many_transcoders() -> Problem {
    problem(
        ProblemCode::NoPictures,
        "This computer converts as many streams for viewers as it can without slowing down the recording.",
        "This one begins by itself when another viewer leaves. Cameras that send H.264 need no conversion.",
    )
}

/// It ended by itself.
pub(crate) fn transcoder_failed(wait: Duration) -> Problem {
    let wait = match wait.as_secs() {
        0 | 1 => "in a second".to_owned(),
        seconds => format!("in {seconds} s"),
    };
    problem(
        ProblemCode::NoPictures,
        format!(
            "The conversion of this camera's pictures ended unexpectedly. It begins again {wait}."
        ),
        "Recording goes on. If this comes back often, the log says why.",
    )
}

/// There is nothing to convert with.
pub(crate) fn no_transcoder() -> Problem {
    problem(
        ProblemCode::NotPlayable,
        "This computer cannot convert the camera's pictures to H.264.",
        "Set the stream to H.264 in the camera's settings, or install FFmpeg with libx264 or OpenH264 on the computer that records.",
    )
}

/// Nor sound.
pub(crate) fn no_opus() -> Problem {
    problem(
        ProblemCode::NotPlayable,
        "This computer cannot convert the camera's sound to Opus.",
        "Install FFmpeg with libopus on the computer that records, or set the camera's sound to G.711.",
    )
}
