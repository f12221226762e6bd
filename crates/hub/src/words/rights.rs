//! Why somebody is not let in, or not any longer.

use tarsier_api::problem::{Problem, ProblemCode};

use super::problem;
use crate::sessions::{Ending, OutOfScope, Refused};
use crate::tokens::TokenError;

const NEW: &str = "Get a new one by: tarsierd token";

/// Somebody is not let in.
pub(crate) fn refused(why: Refused) -> Problem {
    let unauthorized = |message, hint| problem(ProblemCode::Unauthorized, message, hint);
    let forbidden =
        |message| problem(ProblemCode::Forbidden, message, "Ask for a token with this right.");
    match why {
        Refused::Token(TokenError::Missing) => unauthorized(
            "A token is needed.",
            "Get one by: tarsierd token --data-dir DIR --role admin",
        ),
        Refused::Token(TokenError::Expired) => unauthorized("The token has expired.", NEW),
        Refused::Token(TokenError::Revoked) => unauthorized("The token was revoked.", NEW),
        Refused::Token(TokenError::Forged) => unauthorized(
            "The token is not of this Tarsier.",
            "Get one by tarsierd token with the same --data-dir.",
        ),
        // Which of the two is wrong is nobody's business.
        Refused::Token(TokenError::WrongPassword | TokenError::NoUser) => unauthorized(
            "The user name or the password is wrong.",
            "They may have ended or been taken back; look at Who may watch.",
        ),
        Refused::Scope(OutOfScope::Camera) => forbidden("The token is for other cameras."),
        Refused::Scope(OutOfScope::Stream) => {
            forbidden("The token is for another stream of the camera.")
        }
        Refused::Scope(OutOfScope::Right) => forbidden("The token is for something else."),
        Refused::NoSession => problem(
            ProblemCode::NotFound,
            "There is no such session.",
            "It may have ended by itself; begin a new one.",
        ),
    }
}

/// An answer to a challenge that is over: asked again, he may be let in.
pub(crate) fn stale_answer() -> Problem {
    problem(
        ProblemCode::Unauthorized,
        "That answers another question.",
        "A program that knows the password asks again by itself.",
    )
}

/// What went on must end. `camera` is its name.
pub(crate) fn must_end(why: Ending, camera: &str) -> Problem {
    match why {
        Ending::Expired => refused(TokenError::Expired.into()),
        Ending::Revoked => refused(TokenError::Revoked.into()),
        Ending::StreamGone => super::camera_deleted(camera),
    }
}
