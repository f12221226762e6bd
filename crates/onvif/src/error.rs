//! Words: why a camera did not do it. Each is something else to do for a person.

/// A request to a camera failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OnvifError {
    /// No connection: nobody is there, or nobody listens at that port.
    #[error("no connection to the camera's ONVIF service")]
    NoConnection,
    /// Connected, or trying to be, and no whole answer in time.
    #[error("the camera gave no whole answer in time")]
    TookTooLong,
    /// Something answers that is no ONVIF device.
    #[error("what answers is no ONVIF device ({0})")]
    NotOnvif(&'static str),
    /// User name or password refused.
    #[error("the camera refused the user name or the password")]
    WrongCredentials,
    /// It wants to know who asks, and we have nothing to say.
    #[error("the camera asks for a user name and a password")]
    CredentialsNeeded,
    /// It has no service, or no profile, with which it could be turned.
    #[error("the camera cannot be turned over ONVIF ({0})")]
    NoPtz(&'static str),
    /// It understood, and said no.
    #[error("the camera refused it: {0}")]
    Refused(String),
}
