//! Which film each camera's stream shows, and how far it is behind camera 1.

use std::sync::Arc;

use tarsier_types::StreamKind;

use crate::PHASE_STEP;
use crate::film::Film;
use crate::schedule::FilmTime;

/// What one stream shows.
#[derive(Clone, Debug)]
pub(crate) struct Channel {
    pub(crate) film: Arc<Film>,
    /// Nanoseconds behind the wall clock.
    pub(crate) phase: u64,
}

impl Channel {
    /// The film's time at a moment of the wall clock (nanoseconds since 1970).
    pub(crate) fn film_time(&self, utc: u64) -> FilmTime {
        FilmTime(utc.saturating_sub(self.phase))
    }
}

/// All cameras. Scenes take turns: with two of them, cameras 1, 3, 5 … show the first.
#[derive(Debug)]
pub(crate) struct Catalogue {
    cameras: u16,
    scenes: Vec<Scene>,
}

/// The films of one camera.
#[derive(Debug)]
pub(crate) struct Scene {
    pub(crate) main: Arc<Film>,
    pub(crate) sub: Arc<Film>,
}

impl Catalogue {
    /// So many cameras that show those scenes in turn.
    pub(crate) fn new(cameras: u16, scenes: Vec<Scene>) -> Self {
        Self { cameras, scenes }
    }

    /// What a camera's stream shows; cameras are counted from 1.
    pub(crate) fn channel(&self, camera: u16, stream: StreamKind) -> Option<Channel> {
        let index = camera.checked_sub(1).filter(|index| *index < self.cameras)?;
        let scene = &self.scenes[usize::from(index) % self.scenes.len()];
        let film = match stream {
            StreamKind::Main => &scene.main,
            StreamKind::Sub => &scene.sub,
        };
        let step = u64::try_from(PHASE_STEP.as_nanos()).unwrap_or(0);
        Some(Channel { film: Arc::clone(film), phase: step * u64::from(index) })
    }
}
