//! Words: what the server asks of whoever knows tokens and cameras.

use std::pin::Pin;

use tarsier_live::fanout::StreamId;
use tarsier_rtp::digest;

/// Comes when the right to watch is over: the token has expired, was revoked, or the camera is no more.
pub type Ended = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Knows who may watch what. `N` is what the fan-out says where there are no pictures.
pub trait Door<N>: Send + Sync + 'static {
    /// Whether whoever shows that may watch. `camera` and `stream` are what stands in the URL.
    fn admit(&self, shown: &Shown, camera: &str, stream: &str) -> Result<Admitted, Refused>;

    /// What people are told; nothing was heard of the camera yet if there is no reason.
    fn words(&self, why: Option<&N>) -> String;
}

/// What a client shows of its right.
#[derive(Clone, PartialEq, Eq)]
pub enum Shown {
    /// Nothing.
    Nothing,
    /// `?token=` in the URL.
    Token(String),
    /// By Basic. The password may be a token, with any user name.
    Password {
        /// Who he says that he is.
        user: String,
        /// As he typed it.
        password: String,
    },
    /// By Digest: that he knows a password.
    Answer(Answer),
}

impl Shown {
    /// Whether that is the same right. Each answer to a challenge is another, and its user remains who he is.
    pub(crate) fn is_of_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Answer(one), Self::Answer(other)) => one.user() == other.user(),
            _ => self == other,
        }
    }
}

impl std::fmt::Debug for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Nothing => "Nothing",
            Self::Token(_) => "Token",
            Self::Password { .. } => "Password",
            Self::Answer(_) => "Answer",
        })
    }
}

/// A client's answer to a challenge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub(crate) said: digest::Answer,
    pub(crate) method: String,
    pub(crate) is_fresh: bool,
}

impl Answer {
    /// Who he says that he is.
    pub fn user(&self) -> &str {
        &self.said.username
    }

    /// Held against a password that it may be about.
    pub fn verdict(&self, password: &str) -> Verdict {
        match self.said.proves(password, &self.method) {
            true if self.is_fresh => Verdict::Right,
            true => Verdict::Stale,
            false => Verdict::Wrong,
        }
    }
}

/// What an answer to a challenge is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// He knows the password.
    Right,
    /// Whoever made it knew the password; it answers a challenge that is over, and may be somebody else's.
    Stale,
    /// It is about another password.
    Wrong,
}

/// Somebody may watch.
pub struct Admitted {
    /// What he asked for.
    pub stream: StreamId,
    /// For how long.
    pub ended: Ended,
}

/// Somebody may not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// As a client must know it.
    pub why: Why,
    /// As people must.
    pub words: String,
}

/// Why somebody may not watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// There is no token or password, or not a good one: another might be.
    Unauthorized,
    /// [`Verdict::Stale`]: asked again, he may be let in.
    Stale,
    /// The hub knows nobody of that name: his password may be a token, which only Basic can show.
    Unknown,
    /// The token is for something else.
    Forbidden,
    /// There is no such camera or stream.
    NotFound,
}
