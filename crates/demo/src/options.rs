//! What a demo server is told, and why it may not start.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use tarsier_types::Credentials;

use crate::film::MakeFilmError;
use crate::quirks::Quirks;

/// How clients prove who they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AuthScheme {
    /// Not at all, even when there are credentials.
    None,
    /// RFC 7617: the password in the clear.
    Basic,
    /// RFC 2617 with MD5, as most cameras.
    #[default]
    Digest,
}

/// Where in the film a new viewer begins. Timestamps are those of the camera's clock in every case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Join {
    /// At the next keyframe, and with the sound of the same moment: nothing undecodable is sent, and arrival time
    /// stays equal to the time of the picture. Costs up to one GOP of waiting.
    #[default]
    NextKeyframe,
    /// At once with the latest keyframe: what has passed since then comes in one burst, as from a server that keeps
    /// the last GOP. The first pictures arrive later than they were taken.
    LatestKeyframe,
    /// At once in the middle of a GOP, as cameras do that make no keyframe for a new viewer.
    NextPicture,
}

/// What a demo server shows.
#[derive(Clone, Debug)]
pub struct DemoOptions {
    /// Where to listen; port 0 picks a free one.
    pub listen: SocketAddr,
    /// How many cameras, named `cam1`, `cam2` and so on.
    pub cameras: u16,
    /// An MP4 or MOV file (H.264 or H.265, AAC or G.711 or no sound) for every main stream, instead of the own films.
    pub main: Option<PathBuf>,
    /// The same for every sub stream; without it, the sub stream shows `main` too if that is given.
    pub sub: Option<PathBuf>,
    /// Who may look; `None` lets everybody.
    pub credentials: Option<Credentials>,
    /// How they are proved.
    pub auth: AuthScheme,
    /// Where a viewer begins.
    pub join: Join,
    /// What every camera does wrong.
    pub quirks: Quirks,
}

impl Default for DemoOptions {
    /// Two cameras (one of each own film) on a free port of loopback, for everybody.
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            cameras: 2,
            main: None,
            sub: None,
            credentials: None,
            auth: AuthScheme::default(),
            join: Join::default(),
            quirks: Quirks::default(),
        }
    }
}

/// Why a demo server did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartDemoError {
    /// The port cannot be had.
    #[error("listen on {addr}")]
    Listen {
        /// The address that was asked for.
        addr: SocketAddr,
        /// The system's reason.
        #[source]
        source: std::io::Error,
    },
    /// A film's file cannot be read.
    #[error("read the film {}", path.display())]
    ReadFile {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: std::io::Error,
    },
    /// A file cannot be a camera's film.
    #[error("use {} as a film", path.display())]
    Film {
        /// The file; an own film's name if it is one of those.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: MakeFilmError,
    },
}
